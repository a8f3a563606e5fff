"""Entries and what was found in them -> the order of contents, levels, mtimes and the index; deterministic, no I/O."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sfxpack.errors import DiscoveryError
from sfxpack.format import layout
from sfxpack.format.layout import (
    NO_ENTRY,
    NO_LIMIT,
    EntryFlag,
    EntryKind,
    RequirementFlag,
    RequirementKind,
    SiteFlag,
    Strategy,
)
from sfxpack.format.sites import UNITS
from sfxpack.format.tables import IndexEntry, IndexRequirement, IndexSite
from sfxpack.model import ONE_NAME, Entry, Requirement, Site
from sfxpack.records import pyc_source

_SHORTEST: Final = 2
"""Bytes of `/x`."""
PLAIN: Final = 0
COMPILED: Final = 1
"""`.pyc` files come after all sources: whether they are derived shows when their source was read."""
RECORD: Final = 2
"""A wheel's RECORD holds digests of both."""
CONDA: Final = 3
"""conda-meta holds digests of everything else."""


def stage(path: bytes) -> int:
    """When a file is read: PLAIN, COMPILED, RECORD or CONDA."""
    if path.endswith((b".pyc", b".pyo")):
        return COMPILED
    parent, _, name = path.rpartition(b"/")
    if parent == b"conda-meta" and name.endswith(b".json"):
        return CONDA
    if name == b"RECORD" and parent.endswith(b".dist-info"):
        return RECORD
    return PLAIN


def turn(path: bytes) -> tuple[int, int]:
    """Stage, and within it which files come before others: a RECORD that lies deeper may be listed by another."""
    where = stage(path)
    return where, -path.count(b"/") if where == RECORD else 0


def reading_order(entries: Iterable[Entry]) -> tuple[tuple[Entry, ...], dict[bytes, bytes]]:
    """Files in the order they are read and packed, and the hard links: path -> path of the file that stands for it."""
    files: list[Entry] = []
    links: dict[bytes, bytes] = {}
    first: dict[tuple[int, int], bytes] = {}
    for entry in entries:
        if entry.kind is not EntryKind.FILE:
            continue
        if entry.inode != ONE_NAME:
            known = first.setdefault(entry.inode, entry.path)
            if known != entry.path:
                links[entry.path] = known
                continue
        files.append(entry)
    files.sort(key=lambda entry: turn(entry.path))
    return tuple(files), links


@dataclass(frozen=True, slots=True)
class Packed:
    """What became of one file."""

    content: int
    """Position in the content table."""
    size: int
    """Neutral bytes."""
    sites: tuple[tuple[int, Site], ...] = ()
    """(offset in the neutral content, site)."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The longest prefix that every hard site allows."""

    size: int = NO_LIMIT
    entry: int = NO_ENTRY


def index_entries(
    entries: tuple[Entry, ...],
    packed: Mapping[bytes, Packed],
    hard_links: Mapping[bytes, bytes],
    link_texts: Mapping[bytes, tuple[bytes, tuple[Site, ...]]],
    mtimes: Mapping[bytes, int],
    default_mtime: int,
    trees: Collection[bytes] = (),
) -> tuple[IndexEntry, ...]:
    """The entry table.

    Args:
        entries: all entries in the format's order.
        packed: by path, for every file that is not a hard link.
        hard_links: path -> path of its file.
        link_texts: path -> (neutral text, sites) of symbolic links.
        mtimes: seconds, for files that need a certain one.
        default_mtime: seconds, for all others.
        trees: directories at the top that are environments of their own.
    """
    positions = {entry.path: position for position, entry in enumerate(entries)}
    table = []
    for entry in entries:
        mtime = mtimes.get(entry.path, default_mtime)
        if entry.kind is EntryKind.LINK:
            text, found = link_texts[entry.path]
            sites = tuple(_site(site.start, site, positions, hard_links) for site in found)
            table.append(IndexEntry(EntryKind.LINK, entry.path, link=text, sites=sites))
        elif entry.path in hard_links:
            target = positions[hard_links[entry.path]]
            table.append(IndexEntry(EntryKind.HARD_LINK, entry.path, entry.mode, target, mtime))
        elif entry.kind is EntryKind.FILE:
            file = packed[entry.path]
            sites = tuple(_site(offset, site, positions, hard_links) for offset, site in file.sites)
            table.append(IndexEntry(EntryKind.FILE, entry.path, entry.mode, file.content, mtime, b"", sites))
        else:
            flags = int(EntryFlag.TREE) if entry.path in trees else 0
            table.append(IndexEntry(EntryKind.DIRECTORY, entry.path, entry.mode, 0, mtime, flags=flags))
    return tuple(table)


def _site(offset: int, site: Site, positions: Mapping[bytes, int], hard_links: Mapping[bytes, bytes]) -> IndexSite:
    return IndexSite(
        offset=offset,
        span=len(site.neutral),
        strategy=site.strategy,
        encoding=site.encoding if site.derived is None else site.derived,
        hits=site.hits,
        flags=site.flags,
        detail=site.detail,
        target=positions[hard_links.get(site.target, site.target)] if site.derived is not None else 0,
        line=site.neutral if site.strategy is Strategy.SHEBANG else b"",
    )


def levels(wanted: Mapping[bytes, frozenset[bytes]]) -> dict[bytes, int]:
    """Level of each file that has derived values: one above the highest of its targets.

    Args:
        wanted: path -> targets of its derived sites.

    Raises:
        DiscoveryError: files derive from each other in a circle, or deeper than the format allows.
    """
    known: dict[bytes, int] = {}
    waiting = dict(wanted)
    while waiting:
        ready = [path for path, targets in waiting.items() if not targets & waiting.keys()]
        if not ready:
            raise DiscoveryError(f"{min(waiting)!r}: its records refer to each other in a circle")
        for path in ready:
            known[path] = 1 + max((known.get(target, 0) for target in waiting.pop(path)), default=0)
            if known[path] > layout.MAX_LEVEL:
                raise DiscoveryError(f"{path!r}: records refer to records more than {layout.MAX_LEVEL} deep")
    return known


def limit(entries: tuple[Entry, ...], packed: Mapping[bytes, Packed], trees: Collection[bytes] = ()) -> Limit:
    """The smallest limit of all hard sites, and which entry imposes it.

    Raises:
        DiscoveryError: not even the shortest prefix leaves room for the name of a tree.
    """
    best = Limit()
    for position, entry in enumerate(entries):
        file = packed.get(entry.path)
        top = entry.path.partition(b"/")[0]
        below = len(top) + 1 if top in trees else 0
        for _, site in file.sites if file else ():
            size = site_limit(site)
            if size - below < best.size and size != NO_LIMIT:
                best = Limit(size - below, position)
    if best.size < _SHORTEST:
        path = os.fsdecode(entries[best.entry].path)
        raise DiscoveryError(f"{path}: has no room for a path as long as its environment's name; pack that one alone")
    return best


def site_limit(site: Site) -> int:
    """Bytes of the longest prefix a site allows; a prefix has no more code units than bytes."""
    if site.strategy is Strategy.SLASH and not site.flags & SiteFlag.SOFT:
        return len(site.neutral) // UNITS.get(site.encoding, 1)
    if site.strategy is Strategy.CSTRING:
        unit = UNITS.get(site.encoding, 1)
        used = max(-(-len(site.neutral.rstrip(b"\0")) // unit), site.hits[-1] // unit)
        return (len(site.neutral) // unit - used) // len(site.hits)
    return NO_LIMIT


def source_of(path: bytes, known: Mapping[bytes, object]) -> bytes | None:
    """Path of the source a `.pyc` was compiled from, if the tree has it."""
    source = pyc_source(path)
    return source if source in known else None


def requirements(found: Iterable[Requirement]) -> tuple[IndexRequirement, ...]:
    """The strongest requirement of each kind, hard and soft; a soft one no stronger than the hard one is left out."""
    best: dict[tuple[int, bool], Requirement] = {}
    for item in found:
        key = (item.kind, item.hard)
        if key not in best or (item.value, best[key].path) > (best[key].value, item.path):
            best[key] = item
    return tuple(
        IndexRequirement(
            RequirementKind(item.kind), int(RequirementFlag.HARD) if item.hard else 0, item.value, item.path
        )
        for (kind, hard), item in sorted(best.items())
        if hard or (kind, True) not in best or best[kind, True].value < item.value
    )
