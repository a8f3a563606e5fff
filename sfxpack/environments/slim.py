"""What a base Python can do without: parts that nothing in the environment uses (`--slim-base`)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sfxpack import elf, gitignore
from sfxpack.environments import libraries
from sfxpack.environments.files import Collector
from sfxpack.environments.libraries import Closure
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Saving


@dataclass(frozen=True, slots=True)
class _Part:
    """Files that only some environments need."""

    name: str
    lines: tuple[bytes, ...]
    """As of a `.gitignore` in the base's folder."""
    mentions: tuple[bytes, ...] = ()
    """A module that holds one of these needs them: rather too much comes along than too little."""


_IDLE: Final = (b"import idlelib", b"from idlelib", b"import turtledemo", b"from turtledemo")
_PARTS: Final = (
    _Part(
        "tests",
        (
            *(b"/lib*/py*/test/", b"/lib*/py*/*/test/", b"/lib*/py*/*/tests/", b"/lib*/py*/idlelib/idle_test/"),
            *(b"/lib*/py*/lib-dynload/" + name for name in (b"_test*", b"_ctypes_test.*", b"_xxtest*", b"xxlimited*")),
        ),
        (b"test.support", b"test.regrtest", b"from test import", b"_testcapi", b"_testinternalcapi"),
    ),
    _Part("IDLE", (b"/lib*/py*/idlelib/", b"/lib*/py*/turtledemo/"), _IDLE),
    _Part("lib2to3", (b"/lib*/py*/lib2to3/",), (b"lib2to3",)),
    _Part(
        "Tk",
        (
            *(b"/lib*/py*/tkinter/", b"/lib*/py*/_tkinter/", b"/lib*/py*/turtle.py", b"/lib*/py*/__pycache__/turtle.*"),
            *(b"_tkinter.*", b"/lib/tcl[0-9]*/", b"/lib/tk[0-9]*/", b"/lib/itcl*/", b"/lib/thread*/"),
        ),
        (b"tkinter", b"import turtle", b"from turtle", b", turtle", *_IDLE),
    ),
    _Part(
        "headers and static library",
        (b"/include/", b"/lib*/py*/config-*/", b"*.a"),
        (
            *(b"Python.h", b"get_python_inc", b"INCLUDEPY"),
            *(b'["include"]', b"['include']", b'path("include"', b"path('include'"),
        ),
    ),
    _Part("optimised bytecode", (b"*.opt-[12].pyc",)),
)
_NOT_SEARCHED: Final = frozenset(
    {"setuptools", "pkg_resources", "_distutils_hack", "pip", "wheel", "test", "tests", "__pycache__"}
)
"""Folders: what these mention is for what is not in the environment, or was compiled from what is searched."""
_MODULE: Final = re.compile(r"(?:\.py|\.pyc|\.(?:cpython|pypy|abi3)[^/]*\.so)$")


Complete = Callable[[Collector], tuple[Closure, tuple[str, ...]]]
"""Adds libraries, and Tcl's scripts, to what comes along; returns what was found, and warnings."""


def complete(
    collector: Collector, root: Path, base: bytes, add_libraries: Complete
) -> tuple[tuple[str, ...], tuple[Saving, ...]]:
    """Remove the parts that nothing in the environment uses, then add the libraries of the rest.

    Libraries that files of the environment itself find beside the base's stay among them.

    Args:
        collector: what comes along, but for libraries.
        root: the environment.
        base: the base's folder.
        add_libraries: what adds them.

    Returns:
        Warnings, and what was left out.
    """
    parts, whole = set(collector.entries), Collector(dict(collector.entries))
    closure, _ = add_libraries(whole)
    savings = list(_remove(collector, root, base))
    for name in _asked_for(root, closure):
        path = base + b"/lib/" + name
        collector.entries.setdefault(path, whole.entries[path])
    _, warnings = add_libraries(collector)
    gone = [whole.entries[path] for path in whole.entries.keys() - parts - collector.entries.keys()]
    savings += _saving("libraries of these", gone)
    return warnings, tuple(savings)


def _remove(collector: Collector, root: Path, base: bytes) -> Iterator[Saving]:
    parts = list(_PARTS)
    for content in _modules(root):
        parts = [part for part in parts if not any(word in content for word in part.mentions)]
    for part in parts:
        rules = [rule for line in part.lines if (rule := gitignore.parse(line))]
        gone = [path for path in collector.entries if gitignore.excluded(rules, path[len(base) + 1 :])]
        yield from _saving(part.name, [collector.entries.pop(path) for path in gone])


def _saving(name: str, entries: Iterable[Entry]) -> Iterator[Saving]:
    files = [entry for entry in entries if entry.kind is not EntryKind.DIRECTORY]
    if files:
        yield Saving(f"--slim-base: {name}", len(files), sum(entry.size for entry in files))


def _asked_for(root: Path, closure: Closure) -> frozenset[bytes]:
    """Names of the base's libraries that files of the environment itself ask for, and of what these need."""
    found: set[bytes] = set()
    read = (libraries.read(path) for path in _files(root) if ".so" in path)
    waiting = [name for library in read if library for name in library.needed]
    while waiting:
        name = waiting.pop()
        if name in closure.found and name not in found:
            found.add(name)
            waiting += closure.found[name].needed
    return frozenset(found)


def _modules(root: Path) -> Iterator[bytes]:
    """Contents of the environment's Python files, of compiled ones and of its scripts."""
    for path in _files(root):
        program = os.path.dirname(path) == f"{root}/bin"
        if (program or _MODULE.search(path)) and os.path.isfile(path) and os.access(path, os.R_OK):
            content = Path(path).read_bytes()
            # The interpreter itself names every module of the standard library.
            if not (program and content.startswith(elf.MAGIC)):
                yield content


def _files(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _NOT_SEARCHED]
        yield from (os.path.join(folder, name) for name in names)
