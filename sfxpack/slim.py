"""What a venv's base Python can do without: parts that nothing in the tree uses (`--slim-base`)."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sfxpack import elf
from sfxpack.entries import read
from sfxpack.environments import libraries
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Environment

NOTHING: Final = "--slim-base: changes nothing; no base Python comes along, or the environment needs all of it"
LIBRARIES: Final = "--slim-base (libraries of these)"
_BASE: Final = re.compile(rb"(base-python(?:-\d+)?)/.*")
_LIBRARY: Final = re.compile(_BASE.pattern[:-2] + rb"lib/([^/]+\.so[^/]*)")


@dataclass(frozen=True, slots=True)
class _Part:
    """Files that only some environments need."""

    name: str
    lines: tuple[str, ...]
    """As of a `.gitignore` in the base's folder."""
    mentions: tuple[bytes, ...] = ()
    """A module that holds one of these needs them: rather too much comes along than too little."""


_IDLE: Final = (b"import idlelib", b"from idlelib", b"import turtledemo", b"from turtledemo")
_TK: Final = "Tk"
_PARTS: Final = (
    _Part("optimised bytecode", ("/**/*.opt-[12].pyc",)),
    _Part(
        "tests",
        (
            *("/lib*/py*/test/", "/lib*/py*/*/test/", "/lib*/py*/*/tests/", "/lib*/py*/idlelib/idle_test/"),
            *(f"/lib*/py*/lib-dynload/{name}" for name in ("_test*", "_ctypes_test.*", "_xxtest*", "xxlimited*")),
        ),
        (b"test.support", b"test.regrtest", b"from test import", b"_testcapi", b"_testinternalcapi"),
    ),
    _Part("IDLE", ("/lib*/py*/idlelib/", "/lib*/py*/turtledemo/"), _IDLE),
    _Part("lib2to3", ("/lib*/py*/lib2to3/",), (b"lib2to3",)),
    _Part(
        _TK,
        (
            *("/lib*/py*/tkinter/", "/lib*/py*/_tkinter/", "/lib*/py*/lib-dynload/_tkinter.*"),
            *("/lib*/py*/turtle.py", "/lib*/py*/__pycache__/turtle.*"),
            *("/lib/tcl[0-9]*/", "/lib/tk[0-9]*/", "/lib/itcl*/", "/lib/thread*/"),
        ),
        (b"tkinter", b"import turtle", b"from turtle", b", turtle", *_IDLE),
    ),
    _Part(
        "headers and static library",
        ("/include/", "/lib*/py*/config-*/", "/**/*.a"),
        (
            *(b"Python.h", b"get_python_inc", b"INCLUDEPY"),
            *(b'["include"]', b"['include']", b'path("include"', b"path('include'"),
        ),
    ),
)
_NOT_SEARCHED: Final = frozenset(
    {b"setuptools", b"pkg_resources", b"_distutils_hack", b"pip", b"wheel", b"test", b"tests", b"__pycache__"}
)
"""Folders: what these mention is for what is not in the environment, or was compiled from what is searched."""
_MODULE: Final = re.compile(rb"bin/[^/]+|.*\.(?:py|pyc|(?:cpython|pypy|abi3)[^/]*\.so)")


def rules(environment: Environment, entries: Collection[Entry]) -> tuple[tuple[str, str], ...]:
    """What leaves out the parts that nothing mentions: by label, as lines of gitignore. None without a base Python."""
    bases = {match[1] for entry in entries if (match := _BASE.fullmatch(entry.path))}
    if environment.kind != "venv" or not bases:
        return ()
    parts = list(_PARTS)
    for content in _modules(entries):
        parts = [part for part in parts if not any(word in content for word in part.mentions)]
    lines = [(part.name, f"/{base.decode()}{line}") for base in sorted(bases) for part in parts for line in part.lines]
    if any(part.name == _TK for part in parts):
        brought = (re.match(rb"lib/(?:tcl|tk)[^/]*", entry.path) for entry in environment.additions)
        lines += [(_TK, f"/{folder}") for folder in sorted({match[0].decode() for match in brought if match})]
    return tuple((f"--slim-base ({name})", line) for name, line in lines)


def unneeded(entries: Mapping[bytes, Entry], gone: Collection[bytes]) -> frozenset[bytes]:
    """The base's shared libraries that only files which are left out need."""
    names = {match[2]: path for path in entries if (match := _LIBRARY.fullmatch(path))}
    base = frozenset(names.values())

    def reached(paths: Iterable[bytes]) -> frozenset[bytes]:
        """The libraries that these load, and that those load."""
        found: set[bytes] = set()
        waiting = list(paths)
        while waiting:
            new = {names[name] for name in _needed(entries[waiting.pop()]) if name in names} - found
            found |= new
            waiting += new
        return frozenset(found)

    return reached(gone) - reached(path for path in entries if path not in gone and path not in base)


def _needed(entry: Entry) -> tuple[bytes, ...]:
    folder, _, name = entry.path.rpartition(b"/")
    loaded = entry.kind is EntryKind.FILE and entry.source and (b".so" in name or folder.endswith(b"bin"))
    library = libraries.read(os.fsdecode(entry.source)) if loaded else None
    return library.needed if library else ()


def _modules(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Contents of the Python files outside of the base, of compiled ones and of scripts."""
    for entry in entries:
        if entry.kind is not EntryKind.FILE or not _MODULE.fullmatch(entry.path) or _BASE.fullmatch(entry.path):
            continue
        if _NOT_SEARCHED.isdisjoint(entry.path.split(b"/")[:-1]):
            content = read(entry)
            # An interpreter names every module of the standard library.
            if not (entry.path.startswith(b"bin/") and content.startswith(elf.MAGIC)):
                yield content
