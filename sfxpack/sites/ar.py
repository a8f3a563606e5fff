"""Static libraries and other ar archives: where their members begin and end.

ar(5) of System V and BSD, and GNU's thin archives, which hold headers and names but not the members.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from sfxpack.classify import HEAD, classify
from sfxpack.model import Kind

MAGIC: Final = b"!<arch>\n"
THIN: Final = b"!<thin>\n"
_HEADER: Final = 60
_TABLES: Final = frozenset((b"/", b"//", b"/SYM64/"))
"""Members of a thin archive whose content is there: symbols and long names."""
_BSD: Final = b"#1/"
"""Before the size of a name that stands where the content begins."""


@dataclass(frozen=True, slots=True)
class Part:
    """A header, a name or the content of a member."""

    start: int
    end: int
    sealed: bool
    """Compressed, or with checksums: nothing in it can be changed."""


def parts(content: bytes | mmap.mmap) -> tuple[Part, ...]:
    """All of the file, in order; empty if this is no ar archive, or a damaged one."""
    thin = content[: len(THIN)] == THIN
    if not thin and content[: len(MAGIC)] != MAGIC:
        return ()
    edges = [0]
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
        edges += [at, start, middle, end]
        at = end + end % 2
    return tuple(_part(content, start, end) for start, end in pairwise((*edges, len(content))) if start < end)


def _part(content: bytes | mmap.mmap, start: int, end: int) -> Part:
    head = content[start : min(end, start + HEAD)]
    return Part(start, end, classify(b"", head, None) is Kind.ARCHIVE)
