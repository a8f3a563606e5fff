"""Archives of conda-pack, unpacked: what is installed is, file by file, what the environment itself would give."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from tests import environments
from tests.e2e.test_conda import LIBRARY, PACKAGES, mismatches, pip_install, record_row
from tests.environments import PLACEHOLDER
from tests.running import build, run
from tests.search import remaining
from tests.shapes import PLACEHOLDER_CODE

ADDED = {"bin/activate.fish"}
"""What conda-pack adds and what may stay: it works wherever it lies."""
LEFT = "lib/plain-and-wide.bin"
"""conda-unpack knows no UTF-16 and UTF-32, and what an installer left stays."""
SCRIPT = "#!{}/bin/python3.11\nprint('from a script of pip')\n"


def pip_install_script(root: Path) -> None:
    """A script whose first line alone names the environment, in a RECORD: conda-pack rewrites such lines."""
    script = root / "bin/one-line"
    script.write_text(SCRIPT.format(root))
    script.chmod(0o755)
    info = root / LIBRARY / "scripted-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text(f"../../../bin/one-line,{record_row(script)}\n{info.name}/RECORD,,\n")


def pack(root: Path, archive: Path) -> Path:
    """An archive by conda-pack."""
    import_module("conda_pack").pack(prefix=str(root), output=str(archive), ignore_editable_packages=True)
    return archive


def unpack(archive: Path, folder: Path, *, finish: bool = False) -> Path:
    """What a user makes of it, with `conda-unpack` or without."""
    folder.mkdir(parents=True)
    run("tar", "-xf", archive, "-C", folder)
    if finish:
        run(sys.executable, folder / "bin/conda-unpack")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, require_module: Callable[[str, str], None]) -> Path:
    """With an environment, archives of it with and without the package cache, and what sfxpack makes of itself."""
    require_module("rattler", "py-rattler")
    require_module("conda_pack", "conda-pack")
    folder = tmp_path_factory.mktemp("conda-pack")
    root = environments.make_conda(folder / "envs/demo", PACKAGES, folder / "made-from")
    pip_install(root)
    pip_install_script(root)
    pack(root, folder / "demo.tar")
    build(root, folder / "itself.sh")
    shutil.rmtree(folder / "made-from/cache")
    with pytest.warns(UserWarning, match="package cache"):
        pack(root, folder / "no-cache.tar")
    root.rename(folder / "hidden")
    return folder


@pytest.fixture(scope="module")
def expected(folder: Path) -> Path:
    """The environment as sfxpack installs it at `folder / "target"`, moved aside."""
    run(folder / "itself.sh", "--prefix", folder / "target")
    return (folder / "target").rename(folder / "expected")


def make(how: str, folder: Path, place: Path) -> Path:
    """A tree in one of the states that archives are found in."""
    archive = folder / ("no-cache.tar" if how == "no-cache" else "demo.tar")
    if how == "moved":
        return unpack(archive, place / "first/place", finish=True).rename(place / "second")
    tree = unpack(archive, place, finish=how in ("run", "half-run"))
    if how == "half-run":
        run("tar", "-xf", archive, "-C", tree, "bin/script", "lib/shapes.bin", "share/long.txt", LEFT)
    if how == "without-script":
        (tree / "bin/conda-unpack").unlink()
    return tree


def contents(root: Path) -> dict[str, object]:
    """Content by path; of conda's records, which conda-pack writes anew, what they say of files."""
    found: dict[str, object] = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_file() and not name.startswith(".sfxpack/"):
            found[name] = path.read_bytes()
            if path.parent.name == "conda-meta" and path.suffix == ".json":
                found[name] = json.loads(path.read_bytes())["paths_data"]
    return found


@pytest.mark.parametrize("how", ["never-run", "half-run", "run", "moved", "no-cache", "without-script"])
def test_it_is_installed_as_the_environment_itself(how: str, folder: Path, expected: Path, tmp_path: Path) -> None:
    tree = make(how, folder, tmp_path / "unpacked")
    result = build(tree, tmp_path / "x.sh", "--level", "1")
    shutil.rmtree(tmp_path / "unpacked")
    assert {finding["category"] for finding in result["findings"]} == {"mismatch", "unsafe", "external"}
    assert [f["path"] for f in result["findings"] if f["category"] == "mismatch"] == [f"{LIBRARY}/README.txt"]
    prefix = folder / "target"
    run(tmp_path / "x.sh", "--prefix", prefix)
    assert mismatches(prefix) == {"README.txt"}
    ours = prefix.rename(tmp_path / "ours")
    theirs, found = contents(expected), contents(ours)
    assert found.keys() - theirs.keys() == ADDED
    other = {path for path in theirs if theirs[path] != found.get(path)}
    assert other == ({LEFT, "conda-meta/shapes-1.0-0.json"} if how in ("run", "moved") else set())


@pytest.mark.parametrize("finish", [False, True])
def test_records_of_a_place_that_nothing_tells(folder: Path, tmp_path: Path, finish: bool) -> None:  # noqa: FBT001 a row
    """As of packages alone, by conda: only what no package has a digest of cannot be proved."""
    tree = unpack(folder / "demo.tar", tmp_path / "unpacked", finish=finish)
    for path in (*tree.glob("bin/piped"), tree / "bin/one-line", *tree.glob(f"{LIBRARY}/**/piped*")):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(tree / LIBRARY / "scripted-1.0.dist-info")
    listing = (tree / "bin/conda-unpack").read_text().splitlines(keepends=True)
    rows = [line for line in listing if str(folder / "envs") not in line]
    (tree / "bin/conda-unpack").write_text("".join(rows))
    result = build(tree, tmp_path / "x.sh", "--level", "1")
    wrong = {finding["path"] for finding in result["findings"] if finding["category"] == "mismatch"}
    assert (result["origin"], wrong) == (None, {"bin/pure-hello"})
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    assert run(tmp_path / "e/bin/pure-hello").stdout == "pure\n"
    assert mismatches(tmp_path / "e") == set()


def test_it_runs_and_names_no_other_place(folder: Path, tmp_path: Path) -> None:
    tree = make("never-run", folder, tmp_path / "unpacked")
    result = build(tree, tmp_path / "x.sh")
    shutil.rmtree(tree)
    assert result["origin"] == {"path": f"{folder}/envs/demo", "count": 1}
    assert any("bin/conda-unpack" in warning for warning in result["warnings"])
    prefix = tmp_path / "e"
    run(tmp_path / "x.sh", "--prefix", prefix)
    for name in ("python", "python3", "python3.11"):
        (tmp_path / name).write_text("#!/bin/sh\necho the wrong one\n")
        (tmp_path / name).chmod(0o755)
    wrong = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": "/"}
    assert run(prefix / "bin/one-line", env=wrong).stdout == "from a script of pip\n"
    assert run(prefix / "bin/piped", env=wrong).stdout == f"{prefix}\n"
    assert run(prefix / "bin/pure-hello", env=wrong).stdout == "pure\n"
    assert run(prefix / "bin/tool", env=wrong).stdout == f"['{prefix}/bin/tool']\n"
    script = 'PS1=mine; . "$1/bin/activate"; echo "$TOOL_HOME"; deactivate; command -v pure-hello || echo "$PS1"'
    said = run("bash", "-c", script, "bash", prefix, env=wrong).stdout
    assert said == f"{prefix}\nmine\n"
    assert remaining(prefix, str(folder)) == {}
    assert remaining(prefix, str(tree)) == {}
    left = {
        path for path in remaining(prefix, PLACEHOLDER.decode()) if not path.startswith((".sfxpack/", "conda-meta/"))
    }
    assert left == {PLACEHOLDER_CODE, "share/absolute"}
