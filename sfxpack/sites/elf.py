"""ELF files: what is loaded, and loader paths that become relative.

Primary sources: System V gABI, chapters 4 and 5 (program headers, dynamic section); ld.so(8) for `$ORIGIN`.
"""

from __future__ import annotations

import mmap
import struct
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from elftools.common.exceptions import ELFError

from sfxpack import elf, elfedit
from sfxpack.model import Edit, Finding, Found, Rename, Site
from sfxpack.sites import pointers
from sfxpack.sites.spelling import Needles

ORIGIN: Final = b"$ORIGIN"


@dataclass(frozen=True, slots=True)
class LoaderPath:
    """The string of DT_RPATH or DT_RUNPATH."""

    offset: int
    """In the file."""
    text: bytes


@dataclass(frozen=True, slots=True)
class ElfMap:
    """The parts of an ELF file that matter for moving it."""

    loaded: tuple[tuple[int, int], ...] = ()
    """File ranges of the PT_LOAD segments."""
    loader_paths: tuple[LoaderPath, ...] = ()
    parsed: elf.Elf | None = None


def read(content: bytes | mmap.mmap) -> ElfMap:
    """The map of a file; of a damaged one as much as can be read."""
    parsed = elf.parse(content)
    if parsed is None:
        return ElfMap()
    loaded = tuple(
        (segment.offset, segment.offset + segment.file_size)
        for segment in parsed.segments
        if segment.type == elf.PT_LOAD and segment.file_size
    )
    paths: dict[int, LoaderPath] = {}
    try:
        for tag, value in parsed.dynamic:
            if tag in (elf.DT_RPATH, elf.DT_RUNPATH):
                table = parsed.value(elf.DT_STRTAB)
                offset = parsed.offset(table or 0) + value
                paths[offset] = LoaderPath(offset, parsed.string(value))
    except (ValueError, struct.error):
        pass
    return ElfMap(loaded, tuple(paths[offset] for offset in sorted(paths)), parsed)


def unshared(path: bytes, found: Found, mapped: ElfMap) -> Found:
    """Without the sites that something points into: a linker let another string end in the path, which stays then.

    `/opt/tool/3.11.7` and `3.11.7` are one string where the linker merges tails (GNU ld, always). Padding goes before
    the path, so what follows it in the same string keeps its place, and only a path that ends its string is shared.
    """
    if mapped.parsed is None or not found.sites:
        return found
    ranges = [(site.start, site.end) for site in found.sites]
    into = pointers.into(mapped.parsed, ranges).values()
    places = sorted({*(place for those in into for place in those), *_begins(mapped.parsed)})
    kept = tuple(site for site in found.sites if not _points(places, site))
    if len(kept) == len(found.sites):
        return found
    finding = Finding("shared", path, "another string ends in it", len(found.sites) - len(kept))
    return Found(kept, found.edits, (*found.findings, finding))


def _points(places: Sequence[int], site: Site) -> bool:
    at = bisect_right(places, site.start)
    return at < len(places) and places[at] < site.end


def relative(path: bytes, found: ElfMap, needles: Needles, depths: Sequence[int]) -> tuple[Edit, ...]:
    """Edits that make the loader paths of the file at `path` relative, where they can be.

    `depths`: of the directories of all names that lead to the file. ld.so takes `$ORIGIN` from the name it opened a
    library by, without resolving links, so names at several depths rule a relative path out.
    """
    edits: list[Edit] = []
    for loader_path in found.loader_paths:
        entries = loader_path.text.split(b":")
        places = [_place(entry, needles) for entry in entries]
        if not any(places) or len(set(depths)) > 1:
            continue
        new = _fit(path, entries, places)
        if new is not None and _breaks(found, loader_path, new):
            last = loader_path.text.rpartition(b"/")[2]
            new = _fit(path, entries, places, b":/" + last)
        if new is not None:
            edits.append(Edit(loader_path.offset, loader_path.offset + len(new), new))
    return tuple(edits)


def _breaks(found: ElfMap, loader_path: LoaderPath, new: bytes) -> bool:
    """Whether another string ends like the loader path, and would end otherwise."""
    start, text = loader_path.offset, loader_path.text
    if found.parsed is None or new.rpartition(b"/")[2] == text.rpartition(b"/")[2]:
        return False
    inside = (at - start for at in _begins(found.parsed) if start < at < start + len(text))
    return any(new[at:] != text[at:] for at in inside)


def _begins(parsed: elf.Elf) -> tuple[int, ...]:
    """Where in the file the strings begin that are no loader paths; none of a damaged file."""
    try:
        start = parsed.offset(parsed.value(elf.DT_STRTAB) or 0)
        return tuple(start + name for name in elfedit.names(parsed))
    except (ELFError, ValueError, struct.error):
        return ()


def _place(entry: bytes, needles: Needles) -> tuple[Rename, bytes] | None:
    """Which old path a loader path entry lies in, and the rest of it."""
    bare = b"/" + entry.lstrip(b"/") if entry.startswith(b"/") else entry
    for spelling in needles.plain:
        if bare == spelling.pattern or bare.startswith(spelling.pattern + b"/"):
            return spelling.rename, bare[len(spelling.pattern) :]
    return None


def _fit(
    path: bytes, entries: list[bytes], places: list[tuple[Rename, bytes] | None], end: bytes = b""
) -> bytes | None:
    """The loader path with relative entries, and `end` after them, at the same total length, or None."""
    news = [
        entry if place is None else ORIGIN + _from_here(path, place[0].new + place[1])
        for entry, place in zip(entries, places, strict=True)
    ]
    news[-1] += end
    slack = [len(entry) - len(new) for entry, new in zip(entries, news, strict=True)]
    if sum(slack) < 0:
        return None
    if min(slack) < 0:  # entries borrow from each other: all that is over goes to the first
        first = next(index for index, place in enumerate(places) if place)
        slack = [sum(slack) if index == first else 0 for index in range(len(slack))]
    return b":".join(
        new if place is None else ORIGIN + b"/" * pad + new[len(ORIGIN) :]
        for new, place, pad in zip(news, places, slack, strict=True)
    )


def _from_here(path: bytes, target: bytes) -> bytes:
    """`/../lib` from the directory of `path` to `target`, with at least the last component of `target` as it is.

    Linkers let symbol names end in the last component (`lib` in `PREFIX/lib`), so its bytes must stay where they are.
    """
    here = [part for part in path.split(b"/")[:-1] if part]
    bare = target.rstrip(b"/")
    there = [part for part in bare.split(b"/") if part and part != b"."]
    if b".." not in there:
        shared = 0
        while shared < min(len(here), len(there) - 1) and here[shared] == there[shared]:
            shared += 1
        here, there = here[shared:], there[shared:]
    return b"".join(b"/" + part for part in [b".."] * len(here) + there) + target[len(bare) :]
