"""What users of conda-pack rely on, by the names of docs/conda-pack.md; what other tests show is named there."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import environments, prefixes
from tests.e2e.test_conda import LIBRARY, PACKAGES, mismatches, pip_install
from tests.environments import PLACEHOLDER, Package
from tests.installers import snapshot
from tests.running import SFXPACK, build, run


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, require_module: Callable[[str, str], None]) -> Path:
    """For channel and cache."""
    require_module("rattler", "py-rattler")
    return tmp_path_factory.mktemp("made-from")


@pytest.fixture(scope="module")
def demo(work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with packages of both tools, of all that is tested by itself below."""
    root = environments.make_conda(tmp_path_factory.mktemp("home") / "envs/demo", PACKAGES, work)
    pip_install(root)
    return root


def variables(root: Path, *paths: Path) -> dict[str, str]:
    """Of a shell in which conda finds its environments beside ROOT."""
    path = os.pathsep.join([*map(str, paths), os.environ["PATH"]])
    return {**environments.clean_variables(), "CONDA_ENVS_PATH": str(root.parent), "HOME": "/", "PATH": path}


def test_by_name_without_a_conda_that_works(demo: Path, tmp_path: Path) -> None:
    conda = prefixes.write(tmp_path / "bin/conda", "#!/bin/sh\necho 'conda was called' >&2\nexit 1\n", 0o755)
    shell = variables(demo, conda.parent)
    run(*SFXPACK, "build", "-n", "demo", "-o", tmp_path / "x.sh", env=shell, cwd=tmp_path)
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    assert run(tmp_path / "e/bin/pure-hello").stdout == "pure\n"
    said = run(*SFXPACK, "build", "-n", "no-such-environment", env=shell, cwd=tmp_path, status=2).stderr
    assert "no-such-environment" in said
    assert re.search(r"known names:\s+demo", said)


def test_by_a_relative_path_and_the_default_name(demo: Path, tmp_path: Path) -> None:
    run(*SFXPACK, "build", os.path.relpath(demo, tmp_path), cwd=tmp_path)
    (artifact,) = tmp_path.iterdir()
    assert re.fullmatch(r"demo-linux-\w+\.sh", artifact.name)
    run("sh", artifact.name, "--prefix", "e", cwd=tmp_path)
    assert run(tmp_path / "e/bin/piped").stdout == f"{tmp_path}/e\n"


def test_a_folder_without_records_is_a_prefix(tmp_path: Path) -> None:
    root = prefixes.make_prefix(tmp_path / "original")
    build(root, tmp_path / "x.sh")
    assert "prefix" in run(*SFXPACK, "scan", root).stdout


def test_what_is_installed_is_what_was_there(demo: Path, tmp_path: Path) -> None:
    build(demo, tmp_path / "x.sh")
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    before, after = snapshot(demo), snapshot(tmp_path / "e")
    assert after.keys() - before.keys() == {"bin/activate"}
    assert before.keys() - after.keys() == set()
    assert {path for path in before if before[path][0] != after[path][0]} == set()


def test_files_that_pip_replaced_or_removed(work: Path, tmp_path: Path) -> None:
    """The environment is packed as it works now; what is not as conda installed it is named."""
    root = environments.make_conda(tmp_path / "original", PACKAGES, work)
    (root / LIBRARY / "pure/__init__.py").write_text("def main():\n    print('by pip')\n")
    (root / "share/tool/plain.txt").unlink()
    found = {
        (f["path"], f["detail"]) for f in build(root, tmp_path / "x.sh")["findings"] if f["category"] == "mismatch"
    }
    assert found >= {(f"{LIBRARY}/pure/__init__.py", "altered"), ("share/tool/plain.txt", "missing")}
    shutil.rmtree(root)
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    assert run(tmp_path / "e/bin/pure-hello").stdout == "by pip\n"


def test_an_environment_without_python(work: Path, tmp_path: Path) -> None:
    script = b"#!/bin/sh\ncat '" + PLACEHOLDER + b"/share/greeting'\n"
    files = {"bin/greet": script, "share/greeting": b"hello\n"}
    greet = Package("greet", files, programs=("bin/greet",), links={"bin/hi": "greet"})
    root = environments.make_conda(tmp_path / "original", (greet,), work / "greet")
    build(root, tmp_path / "x.sh")
    shutil.rmtree(root)
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    assert run(tmp_path / "e/bin/hi").stdout == "hello\n"


def test_links_of_an_old_conda_are_replaced(work: Path, tmp_path: Path) -> None:
    root = environments.make_conda(tmp_path / "original", PACKAGES, work)
    for name in ("activate", "conda", "deactivate"):
        (root / "bin" / name).symlink_to(tmp_path / "base/bin" / name)
    build(root, tmp_path / "x.sh")
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    assert {path.name for path in (tmp_path / "e/bin").iterdir()} & {"activate", "conda", "deactivate"} == {"activate"}
    said = run("sh", "-c", f"cd {tmp_path}/e/bin && . ./activate && command -v tool").stdout
    assert said == f"{tmp_path}/e/bin/tool\n"


def test_empty_folders_links_and_nested_names(tmp_path: Path) -> None:
    root = tmp_path / "original"
    prefixes.write(root / "dir/one", "1")
    prefixes.write(root / "some dir/nested dir/file", "2")
    (root / "empty").mkdir()
    links = {"to-empty": "empty", "to-dir": "dir", "to-file": "dir/one", "dangling": "gone", "dir/up": "../some dir"}
    for name, text in links.items():
        (root / name).symlink_to(text)
    (root / "absolute").symlink_to(root / "some dir/nested dir")
    build(root, tmp_path / "x.sh")
    prefix = tmp_path / "installed here"
    run(tmp_path / "x.sh", "--prefix", prefix)
    before, after = snapshot(root), snapshot(prefix)
    root.rename(tmp_path / "gone")
    assert (prefix / "absolute/file").read_text() == "2"
    assert after.pop("absolute") != before.pop("absolute")
    assert after == before


def test_the_same_bytes_from_any_number_of_threads(demo: Path, tmp_path: Path) -> None:
    for jobs in (1, 2):
        build(demo, tmp_path / f"{jobs}.sh", "--jobs", jobs)
    assert (tmp_path / "1.sh").read_bytes() == (tmp_path / "2.sh").read_bytes()
    for jobs in (0, -10):
        said = run(*SFXPACK, "build", demo, "-o", tmp_path / "x.sh", "--jobs", jobs, status=2).stderr
        assert "--jobs" in said


def test_a_tree_for_a_prefix_that_is_elsewhere(demo: Path, tmp_path: Path) -> None:
    """As `--dest-prefix` gives it: first lines, text, binaries and records name a folder that is not there."""
    build(demo, tmp_path / "x.sh")
    tree = tmp_path / "tree"
    run(*SFXPACK, "extract", tmp_path / "x.sh", tree, "--as", "/foo/bar/baz/biz")
    for path in ("bin/pure-hello", "bin/piped", "bin/tool", "lib/tool.bin", "lib/pkgconfig/tool.pc"):
        content = (tree / path).read_bytes()
        assert b"/foo/bar/baz/biz" in content, path
        assert bytes(demo) not in content, path
    assert mismatches(tree) == mismatches(demo)
