"""Static libraries and other ar archives: a path never reaches from one member into the next.

ar(5) of System V and BSD, and GNU's thin archives, which hold headers and names but not the members.
"""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from sfxpack.model import Finding, Found, Site
from sfxpack.sites import slash
from sfxpack.sites.spelling import Needles

MAGIC: Final = b"!<arch>\n"
THIN: Final = b"!<thin>\n"
_HEADER: Final = 60
_TABLES: Final = frozenset((b"/", b"//", b"/SYM64/"))
"""Members of a thin archive whose content is there: symbols and long names."""
_BSD: Final = b"#1/"
"""Before the size of a name that stands where the content begins."""


def edges(content: bytes | mmap.mmap) -> tuple[int, ...]:
    """Where headers, names and contents begin and end, ascending, 0 and the size of the file included.

    Empty if this is no ar archive, or a damaged one.
    """
    thin = content[: len(THIN)] == THIN
    if not thin and content[: len(MAGIC)] != MAGIC:
        return ()
    found = [0]
    at = len(MAGIC)
    while at < len(content):
        header = content[at : at + _HEADER]
        name, size = header[:16].rstrip(), header[48:58].rstrip()
        if header[58:] != b"`\n" or not size.isdigit():
            return ()
        start = at + _HEADER
        end = start if thin and name not in _TABLES else start + int(size)
        if end > len(content):
            return ()
        inside = name[len(_BSD) :] if name.startswith(_BSD) else b""
        middle = min(start + int(inside), end) if inside.isdigit() else start
        found += [at, start, middle, end]
        at = end + end % 2
    return (*found, len(content))


def find(
    path: bytes,
    content: bytes,
    edges: Sequence[int],
    needles: Needles,
    loaded: slash.Loaded,
    inner: range | None = None,
) -> Found:
    """SLASH sites, each part between two edges looked at alone; `inner` as in `slash.find`."""
    sites: list[Site] = []
    counts: Counter[tuple[str, str]] = Counter()
    for start, end in pairwise(edges):
        part = content[start:end]
        if not needles.contains(part):
            continue
        own = None if inner is None else range(inner.start - start, inner.stop - start)
        found = slash.find(path, part, needles, loaded, own)
        sites += [replace(site, start=site.start + start, end=site.end + start) for site in found.sites]
        counts.update({(finding.category, finding.detail): finding.count for finding in found.findings})
    findings = tuple(Finding(category, path, detail, count) for (category, detail), count in counts.items())
    return Found(tuple(sites), (), findings)
