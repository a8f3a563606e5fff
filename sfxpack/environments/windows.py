r"""Where a tree for Windows lay: a path of that system, whatever system it is packed on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from sfxpack.environments.spelling import is_windows
from sfxpack.model import Environment, Origin, Rename, longest_first

_PLACE: Final = (
    rb"(?P<place>(?:[A-Za-z]:|[\\/]{2}[^\\/\"\r\n\0]+[\\/][^\\/\"\r\n\0]+)(?:[\\/]+[^\\/\"\r\n\0:*?<>|]+)*?)"
)
_PROGRAM: Final = re.compile(rb"#!\"?" + _PLACE + rb"[\\/]+(?:Scripts[\\/]+)?pythonw?\.exe", re.IGNORECASE)
"""First lines of scripts, and what launchers (distlib, setuptools) have before their zip file."""
_NAMED: Final = {
    "Scripts/activate.bat": re.compile(rb"^@?set \"?VIRTUAL_ENV=" + _PLACE + rb"\"?\r?$", re.IGNORECASE | re.MULTILINE),
    "pyvenv.cfg": re.compile(rb"^command = .*? -m venv (?:--\S+ )*" + _PLACE + rb"\r?$", re.MULTILINE),
    "conda-meta/history": re.compile(rb"^# cmd: .*? (?:-p|--prefix)[ =]\"?" + _PLACE + rb"\"?(?: |\r?$)", re.MULTILINE),
}
_TAIL: Final = 1 << 20
"""Bytes at the end of a launcher in which its line stands."""
_UNKNOWN: Final = (
    "no file says where it lay on Windows, so nothing in it is moved; name that folder with --old-prefix 'C:\\...'"
)


def settle(environment: Environment) -> Environment:
    """Take the places of Windows for those of the tree: the given ones, else the one that most of its files name."""
    given = [rename for rename in environment.renames if is_windows(rename.old)]
    if given:
        renames = longest_first(Rename(native(rename.old), rename.new) for rename in given)
        first = next(native(rename.old) for rename in given)
        return replace(environment, prefix=first, renames=renames)
    places = Counter(_named(environment.root))
    if not places:
        return replace(environment, renames=(), warnings=(*environment.warnings, _UNKNOWN))
    folded, count = places.most_common(1)[0]
    place = next(found for found in _named(environment.root, fold=False) if found.lower() == folded)
    origin = Origin(place, count)
    return replace(environment, prefix=place, renames=(Rename(place, b""),), origin=origin)


def native(path: bytes) -> bytes:
    r"""With `\`, each once but at the start of `\\server\share`, and none at the end."""
    text = re.sub(rb"(?<!^)[\\/]+", rb"\\", path.replace(b"/", b"\\"))
    return text.rstrip(b"\\")


def _named(root: Path, *, fold: bool = True) -> Iterator[bytes]:
    for path in sorted({*root.glob("Scripts/*"), *(root / name for name in _NAMED)}):
        try:
            if not path.is_file() or path.is_symlink():
                continue
            with path.open("rb") as file:
                file.seek(max(path.stat().st_size - _TAIL, 0))
                content = file.read()
        except OSError:
            continue
        patterns = [_NAMED[name] for name in _NAMED if path == root / name] or [_PROGRAM]
        for match in (found for pattern in patterns if (found := pattern.search(content))):
            place = native(match["place"])
            if is_windows(place):
                yield place.lower() if fold else place
