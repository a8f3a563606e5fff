"""`--slim-base`: what of a base Python stays behind, and what does not because something needs it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sfxpack.environments import discover
from sfxpack.format.layout import EntryKind
from sfxpack.model import Environment, Request
from tests import bases
from tests.prefixes import write

STDLIB = "lib/python3.11"
PARTS = {
    "tests": (
        f"{STDLIB}/test/support/__init__.py",
        f"{STDLIB}/sqlite3/test/dbapi.py",
        f"{STDLIB}/distutils/tests/test_core.py",
        f"{STDLIB}/lib-dynload/_testcapi.cpython-311-x86_64-linux-gnu.so",
    ),
    "IDLE": (f"{STDLIB}/idlelib/run.py", f"{STDLIB}/turtledemo/clock.py"),
    "lib2to3": (f"{STDLIB}/lib2to3/pygram.py",),
    "Tk": (
        f"{STDLIB}/tkinter/__init__.py",
        f"{STDLIB}/turtle.py",
        f"{STDLIB}/__pycache__/turtle.cpython-311.pyc",
        f"{STDLIB}/lib-dynload/_tkinter.so",
        "lib/tcl8.6/init.tcl",
    ),
    "headers and static library": (
        "include/python3.11/Python.h",
        "include/python3.11/x86_64-linux-gnu/python3.11/pyconfig.h",
        f"{STDLIB}/config-3.11-x86_64-linux-gnu/Makefile",
    ),
    "optimised bytecode": (f"{STDLIB}/__pycache__/os.cpython-311.opt-2.pyc",),
}
KEPT = (f"{STDLIB}/unittest/__init__.py", f"{STDLIB}/__pycache__/os.cpython-311.pyc", f"{STDLIB}/ensurepip/pip.whl")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], str]) -> Path:
    root = bases.make_base(tmp_path_factory.mktemp("made") / "base", require("gcc"))
    for path in (*(path for paths in PARTS.values() for path in paths), *KEPT):
        if not path.startswith("include/") and not path.endswith("_tkinter.so"):
            write(root / path, "x")
    (root / STDLIB / "lib-dynload/_m.so").rename(root / STDLIB / "lib-dynload/_tkinter.so")
    return root


@pytest.fixture
def venv(base: Path, tmp_path: Path) -> Path:
    return bases.make_venv_by_hand(tmp_path / "v", base)


def found(root: Path) -> Environment:
    return discover(Request(str(root), by_path=True, slim_base=True))


def come_along(environment: Environment) -> set[str]:
    entries = (entry for entry in environment.additions if entry.kind is EntryKind.FILE)
    return {os.fsdecode(entry.path).removeprefix("base-python/") for entry in entries}


def rules(environment: Environment) -> list[str]:
    return [saving.rule.removeprefix("--slim-base: ") for saving in environment.savings]


def test_what_nothing_needs_stays_behind(venv: Path) -> None:
    environment = found(venv)
    assert {(saving.rule, saving.files) for saving in environment.savings} == {
        *((f"--slim-base: {name}", len(paths)) for name, paths in PARTS.items()),
        ("--slim-base: libraries of these", 1),
    }
    left = come_along(environment)
    assert left.isdisjoint(path for paths in PARTS.values() for path in paths)
    assert left.issuperset((*KEPT, "bin/python3.11", f"{STDLIB}/os.py", f"{STDLIB}/json/__init__.py"))
    assert {path for path in left if path.startswith("lib/lib")} == {"lib/libdirect.so.1", "lib/libindirect.so.1"}
    assert environment.warnings == ()


@pytest.mark.parametrize(
    ("path", "content", "kept"),
    [
        ("site-packages/a.py", "import os, tkinter as tk\n", {"Tk", "libraries of these"}),
        ("site-packages/a.py", "    from turtle import *\n", {"Tk", "libraries of these"}),
        ("site-packages/a.cpython-311-x86_64-linux-gnu.so", "\0_tkinter\0", {"Tk", "libraries of these"}),
        ("../../bin/tool", "#!/bin/python\nimport tkinter\n", {"Tk", "libraries of these"}),
        ("site-packages/a.pyc", "\0tkinter\0", {"Tk", "libraries of these"}),
        ("site-packages/a.py", "import idlelib.run\n", {"IDLE", "Tk", "libraries of these"}),
        ("site-packages/a.py", "from lib2to3 import pygram\n", {"lib2to3"}),
        ("site-packages/a.py", "from test import support\n", {"tests"}),
        ("site-packages/a.py", "import test.support.script_helper\n", {"tests"}),
        ("site-packages/a.py", 'sysconfig.get_paths()["include"]\n', {"headers and static library"}),
        ("site-packages/a.py", "get_path('include', scheme)\n", {"headers and static library"}),
        ("site-packages/a.py", 'code = "#include <Python.h>"\n', {"headers and static library"}),
        ("site-packages/a.py", "import testing, latest\nturtle = 'TTL', \"include\"\n", set()),
        ("site-packages/a/tests/test_a.py", "import tkinter\n", set()),
        ("site-packages/setuptools/dist.py", "import lib2to3\n", set()),
        ("../../bin/other", "\x7fELF tkinter lib2to3", set()),
    ],
)
def test_what_a_module_mentions_comes_along(venv: Path, path: str, content: str, kept: set[str]) -> None:
    write(venv / STDLIB / path, content)
    environment = found(venv)
    assert set(rules(environment)) == {*PARTS, "libraries of these"} - kept
    assert come_along(environment).issuperset(path for name in kept & PARTS.keys() for path in PARTS[name])


def test_a_library_that_the_environment_finds_beside_the_base_comes_along(venv: Path, base: Path) -> None:
    shutil.copy(base / STDLIB / "lib-dynload/_tkinter.so", venv / STDLIB / "site-packages/extension.so")
    environment = found(venv)
    assert "lib/libother.so.2" in come_along(environment)
    assert "libraries of these" not in rules(environment)


def test_where_there_is_no_base_it_is_said_that_nothing_changes(tmp_path: Path) -> None:
    write(tmp_path / "tree/bin/x", "")
    environment = found(tmp_path / "tree")
    assert environment.savings == ()
    assert environment.warnings == (
        "--slim-base: changes nothing; no base Python comes along, or the environment needs all of it",
    )
