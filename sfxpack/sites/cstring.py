"""C strings in which conda replaced its placeholder: where they are, and the room the placeholder left them.

What conda does (conda/core/portability.py, `binary_replace`; rattler's `prefix_replacement`; conda/ceps#180): in every
string that holds the placeholder all of it is replaced, and NULs follow the string for what it became shorter.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Iterable, Iterator
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

    def hits(self, content: Content, start: int = 0, end: int | None = None) -> Iterator[int]:
        """Where the old prefix stands, from the left and without overlaps; not as the start of a placeholder.

        A placeholder starts with it if the package was built below a base environment, and may be left in some strings.
        """
        stop = len(content) if end is None else end
        kept = self.room > 0 and self.placeholder.startswith(self.old)
        at = content.find(self.old, start, stop)
        while at >= 0:
            if kept and content[at : at + len(self.placeholder)] == self.placeholder:
                at += len(self.placeholder)
            else:
                yield at
                at += len(self.old)
            at = content.find(self.old, at, stop)


@dataclass(frozen=True, slots=True)
class CString:
    """A C string in which conda replaced the placeholder, from the first hit on."""

    start: int
    end: int
    """After the text, before the first NUL."""
    hits: tuple[int, ...]
    """Offsets in the file."""
    done: Replacement
    terminated: bool = True
    """By a NUL, its own or the padding; else the file ends."""

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
    found: list[CString] = []
    for step in done:
        covered = [0] * step.unit
        for at in step.hits(content):
            if at >= covered[at % step.unit]:
                found.append(_read(content, at, step))
                covered[at % step.unit] = found[-1].stop
    strings = _apart(sorted(found, key=_doubt))
    for string in strings:
        if string.padding < 0 or content[string.end : string.stop] != bytes(string.padding):
            return None
    return strings


def places(content: Content, steps: Iterable[Replacement]) -> list[tuple[int, Replacement]]:
    """Each occurrence of the old prefix by itself, without overlaps: what there is to replace in a text.

    Of the two byte orders that ASCII may be read in, the one goes first that is there more often, as the wrong one
    needs a zero beside the prefix.
    """
    known = {step.encoding: step for step in steps}
    hits = {step: list(step.hits(content)) for step in known.values()}
    found = [step for step in hits if hits[step]]
    found.sort(key=lambda step: (-len(hits[step]), hits[step][0] % step.unit != 0, step.encoding))
    bare = {step: replace(step, placeholder=step.old) for step in found}
    chosen = _apart(CString(at, at + len(step.old), (at,), bare[step]) for step in found for at in hits[step])
    return [(string.start, known[string.done.encoding]) for string in chosen]


def _doubt(string: CString) -> tuple[bool, bool, int]:
    """As rattler chooses: ASCII reads the same in both byte orders, the aligned one is taken."""
    return string.start % string.done.unit != 0, not string.terminated, string.start


def _apart(strings: Iterable[CString]) -> list[CString]:
    """Without overlaps, the first ones kept; in their order in the file."""
    chosen: list[CString] = []
    for string in strings:
        at = bisect_left(chosen, string.start, key=lambda other: other.start)
        before = at == 0 or chosen[at - 1].stop <= string.start
        after = at == len(chosen) or string.stop <= chosen[at].start
        if before and after:
            chosen.insert(at, string)
    return chosen


def undo(content: Content, start: int, end: int, hits: Iterable[tuple[int, Replacement]]) -> bytes:
    """What the package has from `start` to `end`, without padding."""
    parts = []
    for hit, done in hits:
        parts += [content[start:hit], done.placeholder]
        start = hit + len(done.old)
    return b"".join([*parts, content[start:end]])


def _read(content: Content, start: int, done: Replacement) -> CString:
    """The string whose first hit is at `start`."""
    nul = bytes(done.unit)
    end = content.find(nul, start)
    while end >= 0 and (end - start) % done.unit:
        end = content.find(nul, end + 1)
    terminated = end >= 0
    if not terminated:
        end = len(content) - (len(content) - start) % done.unit
    return CString(start, end, tuple(done.hits(content, start, end)), done, terminated)
