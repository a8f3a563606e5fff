"""Archives and compressed files: what they hold is looked at and reported, never touched."""

from __future__ import annotations

import bz2
import gzip
import lzma
import mmap
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from typing import IO, Final, Protocol, cast

import zstandard

from sfxpack.model import Finding, Found, Site
from sfxpack.sites import ar, slash
from sfxpack.sites.hits import leftovers, search
from sfxpack.sites.spelling import Needles

LIMIT: Final = 256 * 1024 * 1024
"""Bytes of one file that are decompressed to look at; what comes after is not seen."""
_WINDOW: Final = 4 * 1024 * 1024
_OVERLAP: Final = 65536
_DAMAGED: Final = (
    *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError, UnicodeError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, zstandard.ZstdError),
)
"""What the readers raise for files that are damaged, encrypted, or of a method they do not know."""


class Mapped(mmap.mmap):
    """A file mapped into memory that can be read like one: zipfile needs what mmap has from Python 3.13 on."""

    def seekable(self) -> bool:
        """Say that it is."""
        return True


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


def find(path: bytes, content: bytes, needles: Needles, inner: range | None = None) -> Found:
    """Old paths in the bytes of the file itself: names, comments, stored members."""
    spellings = (*needles.plain, *needles.escaped, *needles.wide)
    hits = search(content, spellings, needles, binary=True, inner=inner)
    count = len(hits.ours)
    findings = (Finding("unreachable", path, "in an archive", count),) if count else ()
    return Found((), (), findings + leftovers(path, content, hits, needles, inner))


def find_members(
    path: bytes,
    content: bytes,
    parts: Sequence[ar.Part],
    needles: Needles,
    loaded: slash.Loaded,
    inner: range | None = None,
) -> Found:
    """SLASH sites of an ar archive, each of its parts looked at alone; `inner` as in `slash.find`."""
    sites: list[Site] = []
    counts: Counter[tuple[str, str]] = Counter()
    for part in parts:
        text = content[part.start : part.end]
        if not needles.contains(text):
            continue
        own = None if inner is None else range(inner.start - part.start, inner.stop - part.start)
        found = find(path, text, needles, own) if part.sealed else slash.find(path, text, needles, loaded, own)
        sites += [replace(site, start=site.start + part.start, end=site.end + part.start) for site in found.sites]
        counts.update({(finding.category, finding.detail): finding.count for finding in found.findings})
    findings = tuple(Finding(category, path, detail, count) for (category, detail), count in counts.items())
    return Found(tuple(sites), (), findings)


def look_inside(path: bytes, content: bytes | Mapped, needles: Needles) -> tuple[Finding, ...]:
    """Old paths in compressed members, which the prefilter does not see; a file that cannot be read has none."""
    spellings = (*needles.plain, *needles.escaped, *needles.wide)
    count = 0
    left = LIMIT
    try:
        for reader in _readers(content):
            for window, inner in _windows(reader, left):
                left -= len(inner)
                if needles.contains(window):
                    count += len(search(window, spellings, needles, binary=True, inner=inner).ours)
    except _DAMAGED:
        pass
    return (Finding("unreachable", path, "in a compressed file", count),) if count else ()


def _windows(reader: _Reader, limit: int) -> Iterator[tuple[bytes, range]]:
    """Windows that overlap, and in each the part that is its own."""
    tail = b""
    start = 0
    while (data := reader.read(_WINDOW)) and limit > 0:
        limit -= len(data)
        window = tail + data
        stop = max(len(window) - _OVERLAP, start)
        yield window, range(start, stop)
        tail = window[max(stop - _OVERLAP, 0) :]
        start = stop - max(stop - _OVERLAP, 0)
    yield tail, range(start, len(tail))


def _readers(content: bytes | Mapped) -> Iterator[_Reader]:
    if content[: len(ar.MAGIC)] == ar.MAGIC:
        for part in ar.parts(content):
            if part.sealed:
                yield from _unpacked(content[part.start : part.end])
    else:
        yield from _unpacked(content)


def _unpacked(content: bytes | Mapped) -> Iterator[_Reader]:
    file = BytesIO(content) if isinstance(content, bytes) else cast("IO[bytes]", content)
    head = content[:8]
    if head.startswith(b"PK"):
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if member.compress_type != zipfile.ZIP_STORED and not member.is_dir():
                    with archive.open(member) as reader:
                        yield reader
    elif head.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=file) as unzipped:
            yield unzipped
    elif head.startswith(b"BZh"):
        with bz2.BZ2File(file) as unzipped:
            yield unzipped
    elif head.startswith(b"\xfd7zXZ"):
        with lzma.LZMAFile(file) as unzipped:
            yield unzipped
    elif head.startswith(b"\x28\xb5\x2f\xfd"):
        yield zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
