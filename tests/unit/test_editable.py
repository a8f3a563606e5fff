"""What points to projects outside of an environment, and what of it comes along."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sfxpack import editable
from sfxpack.errors import DiscoveryError
from sfxpack.format.layout import EntryKind
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
        ("__editable___mod_2_finder.py", "MAPPING = {{'mod': '{root}/src/mod/__init__'}}"),
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
    write(folder / SITE / "mod.pth", f"{folder}/project/src/\n")
    (folder / SITE / "linked").symlink_to(folder / "project/src/mod")
    assert brought(folder) == {"editable/src/mod", "editable/src/mod/__init__.py"}


def test_a_declared_link_brings_its_project(folder: Path) -> None:
    declare(folder, folder / "project")
    (folder / SITE / "mod").symlink_to(folder / "project/src/mod")
    assert brought(folder) == WHOLE


def test_a_project_in_a_folder_with_a_quote(folder: Path) -> None:
    root = (folder / "project").rename(folder / "o'brien")
    declare(folder, root)
    write(folder / SITE / "mod.pth", "import __editable___mod_finder")
    write(folder / SITE / "__editable___mod_finder.py", f"MAPPING = {{'mod': {str(root / 'src/mod')!r}}}")
    assert brought(folder) == {path.replace("project", "o-brien") for path in WHOLE}


def test_a_project_under_another_name(folder: Path) -> None:
    """What declares it and what points to it go different ways."""
    for name in ("linked", "other"):
        (folder / name).symlink_to(folder / "project")
    declare(folder, folder / "linked")
    write(folder / SITE / "mod.pth", f"{folder}/project/src\n{folder}/other/src\n")
    assert brought(folder) == WHOLE
    environment, _ = treat(folder)
    assert {rename.old for rename in environment.guests} == {
        os.fsencode(folder / name) for name in ("project", "linked", "other")
    }


def test_a_module_in_the_home_folder_does_not_bring_that(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    declare(folder, folder)
    write(folder / "mod.py", "")
    write(folder / SITE / "mod.pth", "import __editable___mod_finder")
    write(folder / SITE / "__editable___mod_finder.py", f"MAPPING = {{'mod': '{folder}/mod.py'}}")
    assert not brought(folder)


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


def monorepo(folder: Path) -> None:
    """A project that holds two others, one of which meson-python would build."""
    root = folder / "project"
    write(root / "meson/core.py", "")
    plan = {"python": {str(root / "meson/core.py"): {"destination": "{py_purelib}/core.py"}}}
    write(root / "meson/build/meson-info/intro-install_plan.json", json.dumps(plan))
    write(folder / SITE / "mod.pth", f"{root}/src\n")
    write(folder / SITE / "inner.pth", f"{root}/inner\n")
    write(root / "inner/inner.py", "")
    write(folder / SITE / "core-editable.pth", "import _core_editable_loader")
    write(folder / SITE / "_core_editable_loader.py", f"install('core', {{}}, '{root}/meson/build')")
    for name, place in (("mod", root), ("inner", root / "inner"), ("core", root / "meson")):
        declare(folder, place, name)
    with (folder / SITE / "core-1.dist-info/RECORD").open("a") as file:
        file.write("core-editable.pth,,\n_core_editable_loader.py,,\n")


def test_a_monorepo(folder: Path) -> None:
    monorepo(folder)
    environment, tree = treat(folder)
    paths = {os.fsdecode(entry.path) for entry in tree.entries}
    site = SITE.removeprefix("env/")
    assert paths >= {*WHOLE, "editable/project/inner/inner.py", f"{site}/core.py", f"{site}/mod.pth"}
    assert not paths & {f"{site}/core-editable.pth", f"{site}/_core_editable_loader.py"}
    assert environment.hosts >= {os.fsencode(f"{site}/{name}-1.dist-info/direct_url.json") for name in ("mod", "inner")}
    root = os.fsencode(folder / "project")
    assert set(environment.guests) == {
        Rename(root, b"/editable/project"),
        Rename(root + b"/meson", b"/" + os.fsencode(site)),
    }


def test_a_monorepo_dropped(folder: Path) -> None:
    monorepo(folder)
    _, tree = treat(folder, Policy.DROP)
    files = [os.fsdecode(entry.path) for entry in tree.entries if entry.kind is EntryKind.FILE]
    assert files == [f"{SITE}/other.py".removeprefix("env/")]
    assert [finding.detail for finding in tree.findings] == [
        f"{folder}/project is left out",
        f"{folder}/project/meson is left out",
    ]


def test_a_finder_that_builds_is_told_not_to(folder: Path) -> None:
    declare(folder, folder / "project")
    finder = "_editable_skbc_mod.py"
    text = (
        "class ScikitBuildRedirectingFinder: ...\n\n\ninstall({{'mod': '{0}/src/mod/__init__.py'}}, '{0}', {1}, True)\n"
    )
    write(folder / SITE / "mod.pth", f"import {finder.removesuffix('.py')}")
    write(folder / SITE / finder, text.format(folder / "project", "True"))
    write(folder / SITE / "__pycache__/_editable_skbc_mod.cpython-311.pyc", "")
    with (folder / SITE / "mod-1.dist-info/RECORD").open("a") as file:
        file.write(f"{finder},sha256=old,3\n__pycache__/_editable_skbc_mod.cpython-311.pyc,,\n")
    _, tree = treat(folder)
    found = {entry.path.rpartition(b"/")[2].decode(): entry for entry in tree.entries}
    assert found[finder].data == text.format(folder / "project", "False").encode()
    assert found["RECORD"].data == f"mod.pth,,\nmod-1.dist-info/RECORD,,\n{finder},,\n".encode()
    assert not any(name.endswith(".pyc") for name in found)


def test_dropped_scripts_are_also_those_with_a_whole_path(folder: Path) -> None:
    """By flit, which writes such a RECORD for `--symlink`."""
    declare(folder, folder / "project")
    (folder / SITE / "mod").symlink_to(folder / "project/src/mod")
    write(folder / "env/bin/mod", "#!/bin/sh\n")
    write(folder / SITE / "mod-1.dist-info/RECORD", f"{folder}/env/bin/mod,,\n")
    _, tree = treat(folder, Policy.DROP)
    assert not [entry.path for entry in tree.entries if entry.path.endswith(b"/mod")]


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
