"""Trees that do not lie where they were made: what is installed names neither place, and runs."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import environments, prefixes
from tests.environments import PLACEHOLDER
from tests.running import SFXPACK, build, run
from tests.search import remaining

BASE_PYTHON = Path(os.path.realpath(sys.executable))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """From a venv with a package by pip, copied, the original gone."""
    folder = tmp_path_factory.mktemp("venv")
    original = environments.make_venv(folder / "made/here/.venv", BASE_PYTHON, "--without-pip")
    wheel = environments.make_wheel(folder / "pure-1.0-py3-none-any.whl")
    pip = (sys.executable, "-m", "pip", "--python", original / "bin/python", "install", "--no-index", "--no-deps")
    run(*pip, wheel, env=environments.clean_variables())
    copy = folder / "copy"
    run("cp", "-a", original, copy)
    shutil.rmtree(folder / "made")
    result = build(copy, folder / "x.sh", "--level", "1")
    named = 5 + (sys.version_info >= (3, 11))  # from then on pyvenv.cfg keeps the command, too
    assert result["origin"] == {"path": str(original), "count": named}
    copy.rename(folder / "away")
    prefix = folder / "installed"
    run(folder / "x.sh", "--prefix", prefix)
    assert remaining(prefix, str(original)) == {}
    assert remaining(prefix, str(copy)) == {}
    return prefix


def test_a_copied_venv(installed: Path) -> None:
    assert run(installed / "bin/pure-hello").stdout == "pure\n"
    assert run(installed / "bin/python", "-c", "import sys; print(sys.prefix)").stdout == f"{installed}\n"


def test_an_installation_moved_and_packed_again(installed: Path, tmp_path: Path) -> None:
    moved = installed.rename(tmp_path / "moved")
    result = build(moved, tmp_path / "x.sh", "--level", "1")
    moved.rename(installed)
    assert result["origin"]["path"] == str(installed)
    prefix = tmp_path / "e"
    run(tmp_path / "x.sh", "--prefix", prefix)
    assert run(prefix / "bin/pure-hello").stdout == "pure\n"
    code = "import os, sys; print(os.path.normpath(sys.base_prefix))"  # Python 3.10 says bin/../base-python
    assert run(prefix / "bin/python", "-c", code).stdout == f"{prefix}/base-python\n"
    assert remaining(prefix, str(installed)) == {}
    assert remaining(prefix, str(moved)) == {}


def test_every_strategy_gives_the_same_artifact_from_another_place(tmp_path: Path) -> None:
    """Shebangs, text, links, `.pyc`, loader paths, padding in binaries, and the limit they set."""
    root = prefixes.make_prefix(tmp_path / ("original-" + "x" * 40))
    prefixes.add_program(root)
    first = build(root, tmp_path / "first.sh", "--name", "x")
    for name in ("m", "moved-" + "y" * 120):
        root = root.rename(tmp_path / name)
        again = build(root, tmp_path / "again.sh", "--name", "x", "--force")
        assert again["origin"]["path"].startswith(f"{tmp_path}/original-")
        assert again["prefix_limit"] == first["prefix_limit"]
        assert (tmp_path / "again.sh").read_bytes() == (tmp_path / "first.sh").read_bytes()


@pytest.fixture(scope="module")
def conda(tmp_path_factory: pytest.TempPathFactory, require_module: Callable[[str, str], None]) -> Path:
    require_module("rattler", "py-rattler")
    folder = tmp_path_factory.mktemp("conda")
    return environments.make_conda(folder / "envs/demo", work=folder / "made-from")


@pytest.mark.parametrize("padding", ["conda", "slash"])
def test_a_moved_conda_environment(conda: Path, tmp_path: Path, padding: str) -> None:
    options = ("--name", "x", "--binary-padding", padding)
    first = build(conda, tmp_path / "first.sh", *options)
    moved = conda.rename(tmp_path / "moved")
    try:
        again = build(moved, tmp_path / "again.sh", *options)
    finally:
        moved.rename(conda)
    assert again["origin"]["path"] == str(conda)
    assert again["prefix_limit"] == first["prefix_limit"]
    assert (tmp_path / "again.sh").read_bytes() == (tmp_path / "first.sh").read_bytes()


def test_what_is_stale_is_reported_then_repaired(conda: Path, tmp_path: Path) -> None:
    assert conda.is_dir()
    root = environments.make_conda(tmp_path / "unpacked")
    site_packages = "lib/python3.11/site-packages"
    prefixes.write(root / "bin/old-tool", "#!/first/place/bin/python\nprint('old')\n", 0o755)
    prefixes.write(root / site_packages / "old.pth", f"/first/place/{site_packages}/pure\n")
    kernel = prefixes.write(
        root / "share/jupyter/kernels/old/kernel.json",
        json.dumps({"argv": [os.fsdecode(PLACEHOLDER) + "/bin/python"]}),
    )
    output = tmp_path / "x.sh"
    said = run(*SFXPACK, "build", root, "-o", output).stdout
    assert "stale: 3 files" in said
    assert "  --fix-stale /first/place  for 2 files\n" in said
    assert f"  --fix-stale {PLACEHOLDER.decode()}  for 1 file\n" in said
    stale = ("--fix-stale", "/first/place", "--fix-stale", os.fsdecode(PLACEHOLDER))
    result = build(root, output, "--force", *stale)
    assert "stale" not in {finding["category"] for finding in result["findings"]}
    prefix = tmp_path / "e"
    run(output, "--prefix", prefix)
    assert run(prefix / "bin/old-tool").stdout == "old\n"
    assert json.loads((prefix / kernel.relative_to(root)).read_text()) == {"argv": [f"{prefix}/bin/python"]}
    assert remaining(prefix, "/first/place") == {}
    assert all(path.startswith("conda-meta/") for path in remaining(prefix, PLACEHOLDER.decode()))


def test_places_that_compete_are_listed(tmp_path: Path) -> None:
    root = prefixes.make_prefix(tmp_path / "original").rename(tmp_path / "moved")
    prefixes.write(root / "bin/other", "#!/other/place/bin/python3\n", 0o755)
    output = tmp_path / "x.sh"
    said = run(*SFXPACK, "build", root, "-o", output, status=2).stderr
    assert f"\n  {tmp_path}/original: 2 files, bin/tool for one\n" in said
    assert "\n  /other/place: 1 file, bin/other for one\n" in said
    build(root, output, "--old-prefix", tmp_path / "original", "--old-prefix", "/other/place")
    run(output, "--prefix", tmp_path / "e")
    assert remaining(tmp_path / "e", str(tmp_path / "original")) == {}
    assert remaining(tmp_path / "e", "/other/place") == {}
