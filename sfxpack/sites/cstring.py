"""C strings in which conda replaced its placeholder: where they are, and the room the placeholder left them.

What conda does (conda/core/portability.py, `binary_replace`; conda/ceps#180): in every string that holds the
placeholder all of it is replaced, and NULs follow the string for what it became shorter. A wide string ends at the
first NUL code unit, at whatever byte that starts; the string before it is whole code units all the same, as what lies
between is zeros.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sfxpack.format.layout import Encoding
from sfxpack.sites.spelling import UNIT

Content = bytes | mmap.mmap


@dataclass(frozen=True, slots=True)
class Replacement:
    """What conda replaced, in one encoding."""

    placeholder: bytes
    old: bytes
    encoding: Encoding

    @property
    def unit(self) -> int:
        """Bytes of a code unit."""
        return UNIT.get(self.encoding, 1)

    @property
    def room(self) -> int:
        """Bytes that each replacement left; negative if the placeholder was the shorter one."""
        return len(self.placeholder) - len(self.old)


@dataclass(frozen=True, slots=True)
class CString:
    """A C string in which conda replaced the placeholder, from the first hit on."""

    start: int
    end: int
    """After the text, before the first NUL."""
    hits: tuple[int, ...]
    """Offsets in the file."""
    done: Replacement

    @property
    def padding(self) -> int:
        """Bytes of NULs that conda put after the text."""
        return len(self.hits) * self.done.room

    @property
    def stop(self) -> int:
        """After these NULs: where the text ended in the package."""
        return self.end + self.padding


def search(content: Content, done: Iterable[Replacement]) -> list[CString] | None:
    """The C strings in which something was replaced; None if one lacks the NULs that its capacity needs."""
    strings: list[CString] = []
    for step in done:
        at = content.find(step.old)
        while at >= 0:
            string = _read(content, at, step)
            if string.padding < 0 or content[string.end : string.stop] != bytes(string.padding):
                return None
            strings.append(string)
            at = content.find(step.old, string.stop)
    return apart(strings)


def apart(strings: Iterable[CString]) -> list[CString]:
    """Without overlaps: ASCII reads the same in both byte orders, the aligned one is taken, else that of conda."""

    def doubt(string: CString) -> tuple[bool, int]:
        return string.start % string.done.unit != 0, string.done.encoding

    chosen: list[CString] = []
    for string in sorted(strings, key=doubt):
        at = bisect_left(chosen, string.start, key=lambda other: other.start)
        before = at == 0 or chosen[at - 1].stop <= string.start
        after = at == len(chosen) or string.stop <= chosen[at].start
        if before and after:
            chosen.insert(at, string)
    return chosen


def places(content: Content, steps: Iterable[Replacement]) -> list[CString]:
    """Each occurrence of the old prefix by itself, without overlaps: what there is to replace in a text."""
    found = (
        CString(at, at + len(step.old), (at,), replace(step, placeholder=step.old))
        for step in steps
        for at in occurrences(content, step.old)
    )
    return apart(found)


def occurrences(content: Content, old: bytes) -> tuple[int, ...]:
    """As `bytes.replace` sees them: from the left, without overlaps."""
    found = []
    at = content.find(old)
    while at >= 0:
        found.append(at)
        at = content.find(old, at + len(old))
    return tuple(found)


def _read(content: Content, start: int, done: Replacement) -> CString:
    """The string whose first hit is at `start`."""
    hits = [start]
    while True:
        at = hits[-1] + len(done.old)
        zeros = content.find(bytes(done.unit), at)
        end = len(content) if zeros < 0 else zeros
        hit = content.find(done.old, at, end + len(done.old) - 1)
        if hit < 0:
            break
        hits.append(hit)
    units = (end - start + (done.unit - 1 if zeros >= 0 else 0)) // done.unit
    return CString(start, start + units * done.unit, tuple(hits), done)
