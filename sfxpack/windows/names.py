"""Which paths of a tree Windows allows: its rules hold on every host, since the tree goes there.

"Naming Files, Paths, and Namespaces" (Microsoft). A component has at most 255 units of UTF-16 there, and the format's
255 bytes are never more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry

MOST: Final = 259
"""Characters of a path where long ones are not enabled; MAX_PATH counts the NUL."""
_USUAL: Final = "C:\\Users\\firstname.lastname\\AppData\\Local\\Programs\\{}\\"
"""Where the installer proposes to install."""
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[1-9¹²³]) *(?:\..*)?", re.IGNORECASE)
_REFUSED: Final = re.compile(r'[<>:"|?*\\\x00-\x1f]')
REFUSAL: Final = "Windows does not allow these names; rename them, or leave them out with --exclude"


@dataclass(frozen=True, slots=True)
class Longest:
    """The path that leaves the least room for the prefix."""

    path: bytes
    size: int
    """Characters, as Windows counts them."""

    def warning(self, name: str) -> str:
        """What is said of it, if a usual place for a product of this name leaves too little room; else nothing."""
        room = MOST - self.size
        if len(_USUAL.format(name)) <= room:
            return ""
        where = f"where Windows does not take paths of more than {MOST}"
        return f"{os.fsdecode(self.path)}: has {self.size} characters; {where}, the prefix may have {max(0, room - 1)}"


def refused(entries: Iterable[Entry]) -> Iterator[str]:
    """The paths that Windows does not allow, each with the reason."""
    spelled: dict[str, str] = {}
    for entry in entries:
        path = entry.path.decode(errors="surrogateescape")
        shown = entry.path.decode(errors="backslashreplace")
        if reason := reason_against(path.rpartition("/")[2]):
            yield f"{shown}  {reason}"
        other = spelled.setdefault(_upper(path), shown)
        if other is not shown:
            yield f"{shown}  is {other} there, which does not tell letters by their case"


def warnings(entries: Iterable[Entry], name: str) -> Iterator[str]:
    """What may not work on some machines: paths that are long, symbolic links."""
    known = tuple(entries)
    if (found := longest(known)) and (text := found.warning(name)):
        yield text
    if count := sum(entry.kind is EntryKind.LINK for entry in known):
        counted = "1 symbolic link" if count == 1 else f"{count} symbolic links"
        text = (
            "only administrators and users in developer mode may make them on Windows; for others they become junctions"
        )
        yield f"{counted}: {text}, further names or copies"


def longest(entries: Iterable[Entry]) -> Longest | None:
    """The longest path below the prefix; None without any."""
    found = ((_units(entry.path), entry.path) for entry in entries)
    size, path = max(found, key=lambda item: (item[0], item[1]), default=(0, b""))
    return Longest(path, size) if size else None


def _units(path: bytes) -> int:
    return len(path.decode(errors="replace").encode("utf-16-le")) // 2


@cache
def reason_against(name: str) -> str:
    """Why a component of a path is not allowed; empty if it is."""
    if any("\ud800" <= character <= "\udfff" for character in name):
        return "is not UTF-8"
    if match := _REFUSED.search(name):
        return f"holds {match[0]!r}" if match[0].isprintable() else "holds a control character"
    if name[-1:] in ("", ".", " "):
        return "ends with a dot or a blank, which Windows drops"
    if _RESERVED.fullmatch(name):
        return "is the name of a device there"
    return ""


def _upper(path: str) -> str:
    """As NTFS compares: each character of the first plane by its one upper-case letter."""
    return path.upper() if path.isascii() else "".join(map(_upper_letter, path))


@cache
def _upper_letter(character: str) -> str:
    upper = character.upper()
    return upper if len(upper) == 1 and upper <= "\uffff" and character <= "\uffff" else character
