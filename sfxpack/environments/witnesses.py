"""Small, well-known files that name the place a tree was made at: which they are, and what they say.

But for `gather`, nothing here looks at the tree or the machine: contents in, claims out.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

Holds = Callable[[bytes], bool]
"""Whether the tree has something at a path below its root."""

STATE: Final = b".sfxpack/state"
"""Where an installation made by sfxpack says which prefix its files hold (SPEC, "The installed prefix")."""
PATTERNS: Final = (
    "bin/*",
    "pyvenv.cfg",
    "lib*/p*/_sysconfigdata*.py",
    "lib*/p*/site-packages/*.pth",
    "lib*/p*/site-packages/*.egg-link",
    "lib*/p*/site-packages/*.dist-info/direct_url.json",
    "lib*/p*/site-packages/__pycache__/*.pyc",
    "lib*/p*/site-packages/*/__pycache__/__init__.*.pyc",
    "lib*/pkgconfig/*.pc",
    "share/pkgconfig/*.pc",
    "lib*/*.la",
    "share/jupyter/kernels/*/kernel.json",
    "conda-meta/history",
    ".spack-db/index.json",
    os.fsdecode(STATE),
)
"""Of a tree for POSIX systems."""
_HEAD: Final = 8192
"""Bytes read of what lies in `bin`: enough for first lines, `activate` and the beginning of `*-config`."""
_MOST: Final = 1 << 20
"""Bytes of any other file; a longer one is none of these."""
_LONGEST: Final = 4096
"""Bytes of a path: PATH_MAX of Linux."""
_BIN: Final = b"/bin/"
_SLASH: Final = re.compile(b"/")
_INSTALLED: Final = re.compile(rb'"path":\s*"(/[^"\\]+)"')
"""A package, in the database of a store of Spack's; not read as JSON, since it can be longer than what is read."""
_COMPILED: Final = re.compile(rb'"([^"\\\n]+\.pyc)"')
_REEXEC: Final = re.compile(rb"\A#![^\n]*/sh[^\n]*\n'''exec' (['\"]?)(/[^'\"\n]*?/bin/[^'\"/\n ]+)\1 ")
_LIBDIR: Final = re.compile(rb"^libdir='(/[^'\n]*)'", re.MULTILINE)
_HOME: Final = re.compile(rb"^home[ \t]*=[ \t]*((/[^\n]*)/base-python[^/\n]*/bin)/?[ \t]*$", re.MULTILINE)
"""As sfxpack writes it: the base Python of a venv comes along in a folder of its own."""
_ACTIVATE: Final = (
    rb"^[ \t]*(?:(?:export )?VIRTUAL_ENV=|setenv VIRTUAL_ENV |set -gx VIRTUAL_ENV )"
    rb"(['\"]?)(?P<place>/[^'\"\n]*)\1[ \t]*$"
)
"""By venv, virtualenv and uv, for sh, csh and fish."""
_PREFIX: Final = rb"^[ \t]*prefix[ \t]*=[ \t]*(['\"]?)(?P<place>/[^'\"$\n]*?)\1[ \t]*$"
_PLACES: Final = tuple(
    (re.compile(names), re.compile(place, re.MULTILINE))
    for names, place in (
        (rb"bin/activate[^/]*", _ACTIVATE),
        (rb"bin/[^/]*-config", _PREFIX),
        (rb"bin/R", rb"^R_HOME_DIR=(['\"]?)(?P<place>/[^'\"\n]*)/lib(?:64)?/R\1[ \t]*$"),
        (rb".*\.pc|" + re.escape(STATE), _PREFIX),
        (rb"pyvenv\.cfg", rb"^command[ \t]*=[^\n]*? -m venv(?:[ \t]+--?\S+)*[ \t]+(?P<place>/[^\n]*?)[ \t]*$"),
        (rb".*/_sysconfigdata[^/]*\.py", rb"'prefix':\s*'(?P<place>/[^']*)'"),
        (rb"conda-meta/history", rb"^# cmd: [^\n]*?[ \t](?:-p|--prefix)[ \t=](?P<place>/\S+)"),
    )
)
"""Files that name the place itself, and how."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One file says that the tree lies, or lay, at a place."""

    path: bytes
    """Of the file, below the root."""
    old: bytes
    """The place; absolute, without trailing slash."""
    named: bytes
    """What the file names there: the place itself or something in it."""


def gather(root: Path) -> dict[bytes, bytes]:
    """The beginnings of these files, by path below `root`; one that cannot be read says nothing."""
    found: dict[bytes, bytes] = {}
    packaged = _packaged(root)
    for pattern in PATTERNS:
        for path in sorted(root.glob(pattern)):
            below = os.fsencode(path.relative_to(root))
            if below.startswith(b"lib") and os.path.islink(root / os.fsdecode(below.partition(b"/")[0])):
                continue  # lib64 -> lib: the same files again
            if below in packaged:
                continue
            try:
                if path.is_file() and not path.is_symlink():
                    with path.open("rb") as file:
                        found[below] = file.read(_HEAD if below.startswith(b"bin/") else _MOST)
            except OSError:
                continue
    return found


def _packaged(root: Path) -> frozenset[bytes]:
    """The `.pyc` files that came with conda's packages: they name the place where each was built."""
    found: set[bytes] = set()
    for path in root.glob("conda-meta/*.json"):
        with suppress(OSError):
            found.update(_COMPILED.findall(path.read_bytes()))
    return frozenset(found)


def claims(files: Mapping[bytes, bytes], holds: Holds) -> tuple[Claim, ...]:
    """What the files say, each place once a file.

    A path in a file counts only if the tree has the same thing: `/old/bin/python` if it has a `bin/python`.
    """
    found: dict[tuple[bytes, bytes], Claim] = {}
    for path, content in sorted(files.items()):
        for old, named in _read(path, content, holds):
            place = old.rstrip(b"/")
            if place and b"\0" not in named:
                found.setdefault((path, place), Claim(path, place, named.rstrip(b"/")))
    return tuple(found.values())


def _read(path: bytes, content: bytes, holds: Holds) -> Iterator[tuple[bytes, bytes]]:
    """(place, what is named there) for everything one file says."""
    for names, place in _PLACES:
        if names.fullmatch(path):
            for match in place.finditer(content):
                yield match["place"], match["place"]
    folder, _, name = path.rpartition(b"/")
    if folder == b"bin" and content.startswith(b"#!"):
        yield from _interpreter(content[2:].partition(b"\n")[0].strip(), holds)
        if reexec := _REEXEC.match(content):
            yield from _interpreter(reexec[2], holds)
    elif name == b"pyvenv.cfg":
        yield from ((home[2], home[1]) for home in _HOME.finditer(content) if holds(home[1][len(home[2]) + 1 :]))
    elif name.endswith(b".la"):
        here = b"/" + folder
        named = [match[1].rstrip(b"/") for match in _LIBDIR.finditer(content)]
        yield from ((text.removesuffix(here), text) for text in named if text.endswith(here))
    elif name.endswith(b".pyc"):
        yield from _source(path, content, holds)
    else:
        yield from _metadata(name, content, holds)


def _interpreter(command: bytes, holds: Holds) -> Iterator[tuple[bytes, bytes]]:
    """The place of `/old/bin/python -E`; blanks in the place are allowed."""
    at = command.find(_BIN, 1)
    while at > 0:
        program = command[at + len(_BIN) :].partition(b" ")[0].partition(b"\t")[0]
        if program and command.startswith(b"/") and holds(b"bin/" + program):
            yield command[:at], command[:at] + _BIN + program
            return
        at = command.find(_BIN, at + 1)


def _below(path: bytes, holds: Holds) -> Iterator[tuple[bytes, bytes]]:
    """The place of a path whose end, of two components at least, is in the tree."""
    if not path.startswith(b"/") or b".." in path.split(b"/"):
        return
    named = path.rstrip(b"/")
    at = named.find(b"/", 1)
    while at > 0 and b"/" in named[at + 1 :]:
        if holds(named[at + 1 :]):
            yield named[:at], named
            return
        at = named.find(b"/", at + 1)


def _source(path: bytes, content: bytes, holds: Holds) -> Iterator[tuple[bytes, bytes]]:
    """The place of the source that a `.pyc` names, which marshal writes behind its length."""
    folder, _, name = path.rpartition(b"/")
    source = folder.removesuffix(b"__pycache__") + name.partition(b".")[0] + b".py"
    end = content.find(b"/" + source) + 1 + len(source)
    for slash in _SLASH.finditer(content, max(end - _LONGEST, 0), end - len(source)) if holds(source) else ():
        start = slash.start()
        size = end - start
        if content[start - 1] == size or content[start - 4 : start] == size.to_bytes(4, "little"):
            yield content[start : end - len(source) - 1], content[start:end]
            return


def _metadata(name: bytes, content: bytes, holds: Holds) -> Iterator[tuple[bytes, bytes]]:
    """Folders that a `.pth` adds; Spack's packages; a Jupyter kernel's interpreter; a package's origin (PEP 610)."""
    if name.endswith((b".pth", b".egg-link")):
        for line in content.splitlines():
            yield from _below(line.strip(), holds)
    elif name == b"index.json":
        for package in _INSTALLED.finditer(content):
            yield from _below(package[1], holds)
    elif name.endswith(b".json"):
        record = _object(content)
        words = record.get("argv")
        if isinstance(words, list) and words:
            yield from _interpreter(_text(words[0]), holds)
        scheme, _, url = _text(record.get("url")).partition(b"://")
        if scheme == b"file":
            yield from _below(unquote_to_bytes(url), holds)


def _object(content: bytes) -> dict[str, object]:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: object) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else b""
