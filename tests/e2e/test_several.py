"""Several environments in one installer: each below its own name, what they share stored once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import environments
from tests.environments import PLACEHOLDER
from tests.installers import tool
from tests.running import SFXPACK, build, run
from tests.search import remaining
from tests.shapes import shapes

PACKAGES = (*environments.sample_packages(), shapes())
LARGE = 40 << 20
WRITES_NOTHING = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
"""Bytecode that Python writes at one place names it at the next."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, require_module: Callable[[str, str], None]) -> tuple[Path, Path]:
    """A conda environment, and one with the same packages and a large file more that both have."""
    require_module("rattler", "py-rattler")
    folder = tmp_path_factory.mktemp("pair")
    roots = tuple(folder / "envs" / name for name in ("train", "serve-models"))
    payload = os.urandom(LARGE)
    for root in roots:
        environments.make_conda(root, PACKAGES, folder / "made-from")
        (root / "weights.bin").write_bytes(payload)
    return roots[0], roots[1]


@pytest.fixture(scope="module")
def installed(pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    train, serve = pair
    result = build(train, folder / "both.sh", serve)
    alone = build(train, folder / "one.sh")
    assert [item["name"] for item in result["environments"]] == ["train", "serve-models"]
    assert result["name"] == "train-serve-models"
    assert result["prefix_limit"] == len(PLACEHOLDER) - len("/serve-models")
    assert result["size"] - alone["size"] < 64 << 10  # the second costs an index and next to nothing else
    done = run(folder / "both.sh", "--prefix", folder / "models")
    assert f"activate:  . {folder}/models/serve-models/bin/activate" in done.stderr + done.stdout
    return folder / "models"


def test_uninstalling(installed: Path, tmp_path: Path) -> None:
    """All of them go; which one new shells should activate is not guessed."""
    artifact, prefix = installed.parent / "both.sh", tmp_path / "models"
    assert "activates one environment" in run(artifact, "--prefix", prefix, "--modify-rc", status=2).stderr
    assert not prefix.exists()
    run(artifact, "--prefix", prefix, "--no-sync")
    run(prefix / "serve-models/bin/python", "-c", "import json", env=WRITES_NOTHING)
    tool(prefix, "uninstall", "--yes")
    assert not prefix.exists()


def test_each_is_what_it_is_alone(pair: tuple[Path, Path], installed: Path, tmp_path: Path) -> None:
    """Byte for byte, with the prefix PREFIX/NAME: text, shebangs, C strings, links, records."""
    for root in pair:
        place = installed / root.name
        build(root, tmp_path / "alone.sh", "--force")
        kept = place.rename(tmp_path / root.name)
        run(tmp_path / "alone.sh", "--prefix", place)
        shutil.rmtree(place / ".sfxpack")
        run("diff", "-r", "--no-dereference", kept, place)
        shutil.rmtree(place)
        kept.rename(place)
        assert run(place / "bin/pure-hello", env=WRITES_NOTHING).stdout == "pure\n"


def test_verify_relocate_and_copy(installed: Path, pair: tuple[Path, Path], tmp_path: Path) -> None:
    tool(installed, "verify")
    moved = installed.rename(tmp_path / "elsewhere")
    tool(moved, "relocate")
    tool(moved, "verify")
    assert run(moved / "serve-models/bin/pure-hello", env=WRITES_NOTHING).stdout == "pure\n"
    assert not any(remaining(moved / root.name, str(old)) for root in pair for old in (installed, *pair))
    tool(moved, "relocate", tmp_path / "copy")
    tool(tmp_path / "copy", "verify")
    assert not any(remaining(tmp_path / "copy" / root.name, str(moved)) for root in pair)
    moved.rename(installed)
    tool(installed, "relocate")


def test_a_venv_beside_a_conda_environment_under_given_names(pair: tuple[Path, Path], tmp_path: Path) -> None:
    venv = environments.make_venv(tmp_path / "project" / ".venv", Path(sys.executable), "--without-pip")
    output = tmp_path / "x.sh"
    run(*SFXPACK, "build", pair[0], f"web={venv}", "-o", output, "--name", "product", "-q")
    facts = json.loads(run(*SFXPACK, "inspect", output, "--json").stdout)
    assert (facts["name"], facts["environments"]) == ("product", ["train", "web"])
    shutil.rmtree(venv)
    run(output, "--prefix", tmp_path / "new")
    prefix = tmp_path / "new/web"
    code = "import sys, json; print(json.dumps([sys.prefix, sys.base_prefix]))"
    found = json.loads(run(prefix / "bin/python", "-c", code).stdout)
    assert found == [str(prefix), str(prefix / "base-python")]
    script = f'. {prefix}/bin/activate && echo "$VIRTUAL_ENV"'
    assert subprocess.check_output(["sh", "-c", script], text=True).strip() == str(prefix)


def test_names_that_collide_and_other_mistakes(tmp_path: Path) -> None:
    for folder in ("a/tree", "b/Tree"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").write_text(str(tmp_path / folder))
    output = tmp_path / "x.sh"
    refused = run(*SFXPACK, "build", tmp_path / "a/tree", tmp_path / "b/Tree", "-o", output, status=2).stderr
    assert f"{tmp_path}/a/tree: another environment would lie below 'tree' too; write NAME=PATH" in refused
    run(*SFXPACK, "build", tmp_path / "a/tree", f"other={tmp_path / 'b/Tree'}", "-o", output, "-q")
    run(output, "--prefix", tmp_path / "new")
    assert (tmp_path / "new/other/file").read_text() == f"{tmp_path}/new/other"
    assert "name environments in one way" in run(*SFXPACK, "build", "a", "-p", "b", status=2).stderr
    assert "nowhere" in run(*SFXPACK, "build", tmp_path / "a/tree", "./nowhere", "-o", output, status=2).stderr


def test_a_file_without_room_for_the_name(tmp_path: Path, require: Callable[[str], str]) -> None:
    root = Path(tempfile.mkdtemp(prefix="", dir="/tmp"))
    try:
        (tmp_path / "x.c").write_text(f'const char *where = "{root}/share"; int main(void) {{ return !where; }}\n')
        run(require("gcc"), "-o", root / "tool", tmp_path / "x.c")
        other = tmp_path / "other"
        other.mkdir()
        refused = run(*SFXPACK, "build", f"a-longer-name={root}", other, "-o", tmp_path / "x.sh", status=2).stderr
        assert "a-longer-name/tool: has no room for a path as long as its environment's name" in refused
    finally:
        shutil.rmtree(root)


def test_scan_looks_at_each(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    values = json.loads(run(*SFXPACK, "scan", "-p", tmp_path / "one", "-p", tmp_path / "two", "--json").stdout)
    assert [value["name"] for value in values] == ["one", "two"]
    assert run(*SFXPACK, "scan", "-p", tmp_path / "one", "-p", tmp_path / "two").stdout.count("environment  ") == 2
