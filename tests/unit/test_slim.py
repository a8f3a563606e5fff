"""`--slim-base`: what of a base Python stays behind, and what does not because something needs it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sfxpack import slim
from sfxpack.format.layout import EntryKind
from sfxpack.request import Request
from sfxpack.subject import Subject, subjects
from sfxpack.whole import warnings
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


def packed(root: Path, *rules: str) -> Subject:
    (subject,) = subjects(Request(str(root), by_path=True, slim_base=True, rules=rules))
    return subject


def files(subject: Subject) -> set[str]:
    entries = (entry for entry in subject.tree.entries if entry.kind is EntryKind.FILE)
    return {os.fsdecode(entry.path).removeprefix("base-python/") for entry in entries}


def left_out(subject: Subject) -> dict[str, int]:
    return {saving.rule.removeprefix("--slim-base (").rstrip(")"): saving.files for saving in subject.selection.savings}


def test_what_nothing_needs_stays_behind(venv: Path) -> None:
    subject = packed(venv)
    assert left_out(subject) == {**{name: len(paths) for name, paths in PARTS.items()}, "libraries of these": 1}
    left = files(subject)
    assert left.isdisjoint(path for paths in PARTS.values() for path in paths)
    assert left.issuperset((*KEPT, "bin/python3.11", f"{STDLIB}/os.py", f"{STDLIB}/json/__init__.py"))
    assert {path for path in left if path.startswith("lib/lib")} == {"lib/libdirect.so.1", "lib/libindirect.so.1"}
    assert warnings((subject,)) == ()


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
    subject = packed(venv)
    assert left_out(subject).keys() == {*PARTS, "libraries of these"} - kept
    assert files(subject).issuperset(path for name in kept & PARTS.keys() for path in PARTS[name])


def test_a_module_of_an_editable_project_counts(venv: Path, tmp_path: Path) -> None:
    write(tmp_path / "project/pyproject.toml", "[project]\nname = 'project'\n")
    write(tmp_path / "project/window.py", "import tkinter\n")
    write(venv / STDLIB / "site-packages/project.pth", f"{tmp_path}/project\n")
    assert left_out(packed(venv)).keys() == {*PARTS} - {"Tk"}


def test_a_library_that_the_environment_finds_beside_the_base_comes_along(venv: Path, base: Path) -> None:
    shutil.copy(base / STDLIB / "lib-dynload/_tkinter.so", venv / STDLIB / "site-packages/extension.so")
    subject = packed(venv)
    assert "lib/libother.so.2" in files(subject)
    assert left_out(subject).keys() == {*PARTS}


def test_the_users_rules_win_back(venv: Path) -> None:
    subject = packed(venv, "!/base-python/lib/python3.11/lib-dynload/_tkinter.so", "!tkinter/")
    assert files(subject) >= {f"{STDLIB}/lib-dynload/_tkinter.so", f"{STDLIB}/tkinter/__init__.py", "lib/libother.so.2"}
    assert left_out(subject)["Tk"] == len(PARTS["Tk"]) - 2


def test_where_there_is_no_base_it_is_said_that_nothing_changes(tmp_path: Path) -> None:
    write(tmp_path / "tree/bin/x", "")
    subject = packed(tmp_path / "tree")
    assert subject.selection.savings == ()
    assert warnings((subject,)) == (slim.NOTHING,)
