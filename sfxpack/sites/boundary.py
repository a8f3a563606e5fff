"""What counts as the prefix: the bytes around a hit decide (design section 5)."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from sfxpack.format.layout import Encoding
from sfxpack.sites.spelling import UNIT

NAME: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+@%~-"
"""Bytes that names of files are made of; `R` is the run of them right before a hit."""
_NAME: Final = frozenset(NAME)
_PUNCTUATION: Final = frozenset(b".-")
_STOPS: Final = frozenset(b" \t\n\v\f\r\"'`\0")
"""After `.` or `-` they show that it was punctuation."""
_SOURCES: Final = (b".rs", b".go")
"""Ends of names that stand right before another string in programs: theirs have no terminator."""
_SCHEME: Final = re.compile(rb"(?:\A|[^A-Za-z0-9+.\-/_%@~])[A-Za-z][A-Za-z0-9+.\-]*:\Z")
REACH: Final = 64
"""Bytes looked at before a hit; where a run fills them, `FAR`."""
FAR: Final = 4096
_TAIL: Final = 4


class Owner(Enum):
    """Whose path a hit is."""

    OURS = 1
    AMBIGUOUS = 2
    OTHER = 3


def judge(
    content: bytes, start: int, end: int, *, binary: bool, encoding: Encoding = Encoding.PLAIN
) -> tuple[Owner, int]:
    """Whose path `content[start:end]` is, and how many slashes before it belong to it (in code units)."""
    unit = UNIT.get(encoding, 1)
    if not ends(_narrow(content[end : end + _TAIL * unit], encoding)):
        size = end - start
        if not binary or content[start - 4 : start] not in (size.to_bytes(4, "little"), size.to_bytes(4, "big")):
            return Owner.OTHER, 0  # in a binary a length right before the path may say that it ends here all the same
    head = _narrow(content[max(start - REACH * unit, start % unit) : start], encoding)
    if len(head) >= REACH and not head.strip(NAME + b"/"):
        head = _narrow(content[max(start - FAR * unit, start % unit) : start], encoding)
    return begins(head, binary=binary)


def begins(head: bytes, *, binary: bool) -> tuple[Owner, int]:
    """As `judge`, from the bytes before the hit alone."""
    if binary and (before := head.rstrip(b"/")).endswith(_SOURCES):
        extra = len(head) - len(before)
        return Owner.OURS, extra if extra > 1 else 0
    bare = head.rstrip(NAME)
    last = bare[-1:]
    if len(bare) == len(head):
        if last == b"/":
            return _slashes(bare, binary=binary)
        owner = Owner.AMBIGUOUS if last and last in b"})" else Owner.OURS
    elif last == b"/":
        owner = Owner.OTHER
    else:
        owner = Owner.OURS if head[len(bare)] == ord("-") else Owner.AMBIGUOUS
    if owner is Owner.AMBIGUOUS and binary:
        owner = Owner.OURS
    return owner, 0


def ends(tail: bytes) -> bool:
    """Whether the path ends where the hit does, from the bytes after it."""
    if not tail:
        return True
    byte = tail[0]
    if byte >= 0x80:  # noqa: PLR2004 - not ASCII
        return not _starts_character(tail)
    if byte in _PUNCTUATION:
        return len(tail) == 1 or tail[1] in _STOPS
    return byte not in _NAME


def _slashes(head: bytes, *, binary: bool) -> tuple[Owner, int]:
    """The hit follows a slash: padding of ours, `scheme://`, or the end of another path."""
    bare = head.rstrip(b"/")
    extra = len(head) - len(bare)
    if _SCHEME.search(bare[-REACH:]):
        if extra == 1:
            return Owner.OTHER, 0  # scheme://HOST
        extra -= 2
    else:
        token = bare.rstrip(NAME)
        if len(token) == len(bare):
            starts = not token or token[-1:] not in b"})"
        else:
            starts = bare[len(token)] == ord("-") and token[-1:] != b"/"
        padded = binary and extra > 1 and (len(token) == len(bare) or token[-1:] != b"/")
        if not starts and not padded:
            return Owner.OTHER, 0
    return Owner.OURS, extra if extra > 1 else 0


def _starts_character(tail: bytes) -> bool:
    """Whether a UTF-8 character starts here; in binaries other bytes above 0x7F are what follows a path."""
    lead = tail[0]
    return 0xC2 <= lead <= 0xF4 and len(tail) > 1 and 0x80 <= tail[1] <= 0xBF  # noqa: PLR2004 - Unicode table 3-7


def _narrow(window: bytes, encoding: Encoding) -> bytes:
    """Code units as bytes, those beyond ASCII as one UTF-8 character."""
    unit = UNIT.get(encoding, 1)
    if unit == 1:
        return window
    if encoding in (Encoding.UTF16LE, Encoding.UTF32LE):
        window = window[: len(window) // unit * unit][::-1]
    units = [int.from_bytes(window[at : at + unit], "big") for at in range(0, len(window) - unit + 1, unit)]
    if encoding in (Encoding.UTF16LE, Encoding.UTF32LE):
        units.reverse()
    return b"".join(bytes([value]) if value < 0x80 else b"\xc3\xa9" for value in units)  # noqa: PLR2004 - ASCII
