"""Every place in a content that holds an old path, judged."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sfxpack.model import Finding
from sfxpack.sites.boundary import Owner, judge
from sfxpack.sites.spelling import UNIT, Needles, Spelling

_OPAQUE_END: Final = re.compile(rb"%|[^A-Za-z0-9_.~-]|\Z")


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
    doubtful = _uncovered(_apart(ambiguous), mine)
    foreign = set(others)
    if foreign and (mine or doubtful):
        covered = _Covered([*mine, *doubtful])
        foreign = {start for start in foreign if start not in covered}
    if inner is not None:
        mine = [hit for hit in mine if hit.start in inner]
        doubtful = [hit for hit in doubtful if hit.start in inner]
        foreign = {start for start in foreign if start in inner}
    return Hits(tuple(mine), tuple(doubtful), len(foreign))


def occurrences(content: bytes, pattern: bytes) -> Iterator[int]:
    """Where `pattern` stands, overlapping ones too."""
    at = content.find(pattern)
    while at >= 0:
        yield at
        at = content.find(pattern, at + 1)


def leftovers(
    path: bytes, content: bytes, hits: Hits, needles: Needles, inner: range | None = None
) -> tuple[Finding, ...]:
    """Findings for what stays: parts of other paths, and spellings no site can hold."""
    findings: list[Finding] = []
    opaque = [
        start
        for pattern in needles.opaque
        for start in occurrences(content, pattern)
        if (inner is None or start in inner) and _OPAQUE_END.match(content, start + len(pattern))
    ]
    if opaque:
        findings.append(Finding("unreachable", path, "percent-encoded with its slashes", len(opaque)))
    if hits.others:
        findings.append(Finding("other", path, "part of another path", hits.others))
    return tuple(findings)


class _Covered:
    """The offsets that hits take, their padding included."""

    def __init__(self, hits: Iterable[Hit]) -> None:
        ranges = sorted((hit.start - hit.slashes, hit.end) for hit in hits)
        self._starts = [start for start, _ in ranges]
        self._ends = [end for _, end in ranges]

    def __contains__(self, at: int) -> bool:
        index = bisect_right(self._starts, at) - 1
        return index >= 0 and at < self._ends[index]


def _uncovered(hits: Sequence[Hit], others: Sequence[Hit]) -> list[Hit]:
    covered = _Covered(others)
    return [hit for hit in hits if hit.start not in covered and hit.end - 1 not in covered]


def _apart(hits: Iterable[Hit]) -> list[Hit]:
    """Without overlaps: the first wins, at one place the longest, of the two byte orders of wide text the aligned one.

    ASCII in UTF-16 and UTF-32 reads the same in both byte orders, one byte (or three) apart.
    """
    chosen: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if chosen and hit.start - hit.slashes < chosen[-1].end:
            unit = UNIT.get(hit.spelling.encoding, 1)
            aligned = unit > 1 and chosen[-1].start % unit and not hit.start % unit
            if aligned and (len(chosen) == 1 or hit.start - hit.slashes >= chosen[-2].end):
                chosen[-1] = hit
            continue
        chosen.append(hit)
    return chosen
