"""What points to projects outside of an environment, and what of it comes along."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sfxpack import editable
from sfxpack.errors import DiscoveryError
from sfxpack.model import Environment, Policy, Rename
from sfxpack.tree import Tree, list_tree
from tests.prefixes import write

SITE = "env/lib/python3.11/site-packages"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project beside an environment."""
    write(tmp_path / "project/src/mod/__init__.py", "")
    write(tmp_path / "project/.git/config", "")
    write(tmp_path / "project/.venv/pyvenv.cfg", "")
    write(tmp_path / SITE / "other.py", "")
    return tmp_path


def declare(folder: Path, root: Path, name: str = "mod") -> None:
    """As pip notes down an editable installation."""
    record = {"url": root.as_uri(), "dir_info": {"editable": True}}
    write(folder / SITE / f"{name}-1.dist-info/direct_url.json", json.dumps(record))
    write(folder / SITE / f"{name}-1.dist-info/RECORD", f"{name}.pth,,\n{name}-1.dist-info/RECORD,,\n")


def treat(folder: Path, policy: Policy = Policy.KEEP) -> tuple[Environment, Tree]:
    root = folder / "env"
    environment = Environment("prefix", root, "env", (Rename(os.fsencode(root), b""),))
    return editable.treat(environment, list_tree(environment), policy, ())


def brought(folder: Path) -> set[str]:
    """Files below `editable`."""
    _, tree = treat(folder)
    return {os.fsdecode(entry.path) for entry in tree.entries if entry.path.startswith(b"editable/") and entry.source}


WHOLE = {f"editable/project/{name}" for name in ("src", "src/mod", "src/mod/__init__.py")}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mod.pth", "{root}/src\n"),
        ("easy-install.pth", "# comment\n{root}\n"),
        ("mod.egg-link", "{root}\n."),
        ("_editable_impl_mod.py", "F.map_module('mod', '{root}/src/mod/__init__.py')"),
        ("__editable___mod_1_finder.py", "MAPPING = {{'mod': '{root}/src/mod'}}"),
        ("_editable_skbc_mod.py", 'install({{"mod": "{root}/src/mod/__init__.py"}}, {{}})'),
    ],
)
def test_what_points_to_a_project(folder: Path, name: str, text: str) -> None:
    declare(folder, folder / "project")
    write(folder / SITE / name, text.format(root=folder / "project"))
    if name.endswith(".py"):
        write(folder / SITE / "mod.pth", f"import {name.removesuffix('.py')}; x()")
    assert brought(folder) == WHOLE
    environment, tree = treat(folder)
    assert Rename(os.fsencode(folder / "project"), b"/editable/project") in environment.guests
    assert environment.hosts >= {
        os.fsencode(f"{SITE}/{name}".removeprefix("env/")),
        b"editable/project/src/mod/__init__.py",
    }
    assert [finding.category for finding in tree.findings] == ["editable"]


def test_without_a_declaration_a_pth_brings_its_folder_and_a_link_nothing(folder: Path) -> None:
    write(folder / SITE / "mod.pth", f"{folder}/project/src\n")
    (folder / SITE / "linked").symlink_to(folder / "project/src/mod")
    assert brought(folder) == {"editable/src/mod", "editable/src/mod/__init__.py"}


def test_a_declared_link_brings_its_project(folder: Path) -> None:
    declare(folder, folder / "project")
    (folder / SITE / "mod").symlink_to(folder / "project/src/mod")
    assert brought(folder) == WHOLE


@pytest.mark.parametrize(
    "line", ["/usr/lib", "/opt", "/", "{home}", "{folder}/nowhere", "{folder}/env/lib", "relative"]
)
def test_what_is_left_where_it_is(folder: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "home").mkdir()
    monkeypatch.setenv("HOME", str(folder / "home"))
    write(folder / SITE / "x.pth", line.format(home=folder / "home", folder=folder) + "\n")
    environment, tree = treat(folder)
    assert (environment.guests, tree.findings) == ((), ())
    treat(folder, Policy.FAIL)


def test_one_project_in_another_and_two_of_one_name(folder: Path) -> None:
    declare(folder, folder / "project")
    declare(folder, folder / "project/src", "inner")
    write(folder / "elsewhere/project/x.py", "")
    write(folder / SITE / "mod.pth", f"{folder}/project\n")
    write(folder / SITE / "inner.pth", f"{folder}/project/src\n{folder}/elsewhere/project\n")
    moved = {path.replace("project/", "project-2/") for path in WHOLE}
    assert brought(folder) == {*moved, "editable/project/x.py"}


def test_dropped_and_refused(folder: Path) -> None:
    declare(folder, folder / "project")
    write(folder / SITE / "mod.pth", f"{folder}/project\n")
    write(folder / SITE / "easy-install.pth", f"{folder}/project\n{folder}/kept\n")
    with pytest.raises(DiscoveryError, match=f"{folder}/project, by lib/python3.11/site-packages/easy-install.pth"):
        treat(folder, Policy.FAIL)
    _, tree = treat(folder, Policy.DROP)
    left = {entry.path.rpartition(b"/")[2]: entry.data for entry in tree.entries if entry.source}
    assert left[b"easy-install.pth"] == os.fsencode(f"{folder}/kept\n")
    assert b"mod.pth" not in left
    assert b"direct_url.json" not in left
    assert b"other.py" in left
