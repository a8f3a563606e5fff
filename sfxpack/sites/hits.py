"""Every place in a content that holds an old path, judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sfxpack.sites.boundary import Owner, judge
from sfxpack.sites.spelling import UNIT, Needles, Spelling


@dataclass(frozen=True, slots=True)
class Hit:
    """One occurrence of an old path."""

    start: int
    """Of the old path, without the slashes before it."""
    end: int
    spelling: Spelling
    slashes: int = 0
    """Bytes of padding right before it that belong to it."""


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search found, in order, not overlapping."""

    ours: tuple[Hit, ...]
    ambiguous: tuple[Hit, ...]
    others: int
    """Occurrences that are part of another path."""


def search(
    content: bytes, spellings: Iterable[Spelling], needles: Needles, *, binary: bool, inner: range | None = None
) -> Hits:
    """Judge every occurrence of `spellings`; where several start at one place the longest that is ours wins.

    Only hits that start in `inner`, if given, are returned; the rest of `content` is their surroundings.
    """
    ours: list[Hit] = []
    ambiguous: list[Hit] = []
    others: list[int] = []
    for spelling in spellings:
        unit = UNIT.get(spelling.encoding, 1)
        for start in occurrences(content, spelling.pattern):
            if needles.shadows and content.startswith(needles.shadows, start):
                continue
            end = start + len(spelling.pattern)
            owner, slashes = judge(content, start, end, binary=binary, encoding=spelling.encoding)
            if owner is Owner.OURS:
                ours.append(Hit(start, end, spelling, slashes * unit))
            elif owner is Owner.AMBIGUOUS:
                ambiguous.append(Hit(start, end, spelling))
            else:
                others.append(start)
    mine = _apart(ours)
    covered = sorted((hit.start, hit.end) for hit in mine)
    doubtful = [hit for hit in _apart(ambiguous) if not _inside(hit.start, covered)]
    foreign = [start for start in set(others) if not _inside(start, covered)]
    if inner is not None:
        mine = tuple(hit for hit in mine if hit.start in inner)
        doubtful = [hit for hit in doubtful if hit.start in inner]
        foreign = [start for start in foreign if start in inner]
    return Hits(mine, tuple(doubtful), len(foreign))


def occurrences(content: bytes, pattern: bytes, start: int = 0, end: int | None = None) -> Iterator[int]:
    """Where `pattern` stands, overlapping ones too."""
    limit = len(content) if end is None else end
    at = content.find(pattern, start, limit)
    while at >= 0:
        yield at
        at = content.find(pattern, at + 1, limit)


def _apart(hits: list[Hit]) -> tuple[Hit, ...]:
    """Without overlaps: the first wins, at one place the longest; of wide ones that differ by byte order the aligned one."""
    chosen: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, hit.start - hit.end)):
        if chosen and hit.start < chosen[-1].end:
            unit = UNIT.get(hit.spelling.encoding, 1)
            if unit > 1 and chosen[-1].start % unit and not hit.start % unit:
                chosen[-1] = hit
            continue
        chosen.append(hit)
    return tuple(chosen)


def _inside(at: int, covered: list[tuple[int, int]]) -> bool:
    low, high = 0, len(covered)
    while low < high:
        middle = (low + high) // 2
        if covered[middle][1] <= at:
            low = middle + 1
        else:
            high = middle
    return low < len(covered) and covered[low][0] <= at
