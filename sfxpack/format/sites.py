"""The site and hit tables of an index: every rule of SPEC's "Sites"."""

from __future__ import annotations

import itertools
import struct
from bisect import bisect_right
from dataclasses import replace
from typing import Final

from sfxpack.format import layout, schema
from sfxpack.format.layout import (
    Derived,
    Encoding,
    EntryKind,
    PycDetail,
    ShebangForm,
    SiteFlag,
    Strategy,
    Verdict,
)
from sfxpack.format.reading import Reader, Values, require
from sfxpack.format.tables import IndexContent, IndexEntry, IndexSite

UNITS: Final = {Encoding.UTF16LE: 2, Encoding.UTF16BE: 2, Encoding.UTF32LE: 4, Encoding.UTF32BE: 4}
"""Bytes of a code unit; 1 for the other encodings."""
_HASHES: Final = (Derived.SIPHASH13, Derived.SIPHASH24)
_KEY_SIZE: Final = 4
"""Bytes a content starts with that key its hashes, so these stand behind them."""
_WITH_FORM: Final = (Strategy.TEXT, Strategy.SLASH, Strategy.PYC)
"""They may hold the prefix in another form than its own."""
_MAX_HIT_SPAN: Final = 1 << 24
_MIN_SHEBANG_SPAN: Final = 2
_MAX_SHEBANG_SPAN: Final = 4096


def sites(
    reader: Reader,
    bare: list[IndexEntry],
    site_counts: list[int],
    contents: tuple[IndexContent, ...],
    levels: list[int],
    spans: dict[int, tuple[int, ...]],
) -> tuple[IndexEntry, ...]:
    """The entries with their sites.

    Args:
        reader: at the site table.
        bare: the entries without sites.
        site_counts: how many sites each has.
        contents: what files refer to.
        levels: of each content.
        spans: of contents of several blocks, where they are cut.

    Raises:
        ArtifactError: with the verdict of the first check that fails.
    """
    site_total, hit_total = reader.count["site_count"], reader.count["hit_count"]
    hits = struct.unpack_from(f"<{hit_total}I", reader.raw, reader.at + site_total * schema.SITE.size)
    first_hit = 0
    entries = []
    for entry, count in zip(bare, site_counts, strict=True):
        is_link = entry.kind is EntryKind.LINK
        size = len(entry.link) if is_link else contents[entry.target].size if count else 0
        end = 0
        found = []
        for position, values in enumerate(reader.records(schema.SITE, count)):
            wanted = values["hit_count"]
            require(first_hit + wanted <= hit_total, Verdict.BAD_SITE)
            site = _site(reader, values, hits[first_hit : first_hit + wanted])
            first_hit += wanted
            sound = site.offset >= end and site.offset + site.span <= size
            sound = sound and (not is_link or (site.strategy is Strategy.TEXT and site.encoding == Encoding.PLAIN))
            sound = sound and (site.strategy is not Strategy.SHEBANG or position == 0 == site.offset)
            require(sound, Verdict.BAD_SITE, entry.path)
            if site.strategy is Strategy.DERIVED:
                _check_target(site, bare, levels, entry)
            end = site.offset + site.span
            found.append(site)
        cuts = () if is_link else spans.get(entry.target, ()) if count else ()
        require(not _cut(tuple(found), cuts), Verdict.BAD_SITE, entry.path)
        if count:
            entry = IndexEntry(  # noqa: PLW2901 the same entry, completed
                entry.kind, entry.path, entry.mode, entry.target, entry.mtime, entry.link, tuple(found)
            )
        entries.append(entry)
    require(first_hit == hit_total, Verdict.BAD_SITE)
    reader.at += 4 * hit_total
    return tuple(entries)


def _site(reader: Reader, values: Values, hits: tuple[int, ...]) -> IndexSite:
    strategy, encoding, flags, detail = (values[name] for name in ("strategy", "encoding", "flags", "detail"))
    require(strategy in Strategy._value2member_map_, Verdict.BAD_SITE)
    site = IndexSite(
        offset=values["offset"],
        span=values["span"],
        strategy=Strategy(strategy),
        encoding=encoding,
        hits=hits,
        flags=flags,
        detail=detail,
        target=values["target"],
    )
    require(_hit_rules(site) and _kind_rules(site), Verdict.BAD_SITE)
    return _with_line(reader, site) if site.strategy is Strategy.SHEBANG else site


def _with_line(reader: Reader, site: IndexSite) -> IndexSite:
    """A SHEBANG site as a value: its line instead of where that stands."""
    start = reader.strings_at + site.target
    line = reader.raw[start : start + site.span]
    sound = len(line) == site.span and line.startswith(b"#!") and b"\0" not in line and b"\n" not in line
    require(sound and site.hits[0] >= len(b"#!"), Verdict.BAD_SITE)
    return replace(site, target=0, line=line)


def _hit_rules(site: IndexSite) -> bool:
    """Ascending, inside the span; two prefixes of a C string may stand side by side."""
    ascending = all(a < b for a, b in itertools.pairwise(site.hits))
    if site.strategy is Strategy.CSTRING:
        ascending = all(a <= b for a, b in itertools.pairwise(site.hits))
    return ascending and (not site.hits or site.hits[-1] <= site.span)


def _kind_rules(site: IndexSite) -> bool:
    """What SPEC asks of each strategy's span, hits, encoding, flags, detail and target."""
    soft, unquoted = int(SiteFlag.SOFT), int(SiteFlag.UNQUOTED)
    known_flags = unquoted | (soft if site.strategy is Strategy.SLASH else 0)
    if site.strategy in _WITH_FORM:
        known_flags |= SiteFlag.FORWARD | SiteFlag.VERBATIM
    if site.flags & ~known_flags or (site.target and site.strategy not in (Strategy.DERIVED, Strategy.SHEBANG)):
        return False
    hits, plain = len(site.hits) > 0, site.encoding == Encoding.PLAIN
    known = site.encoding in Encoding._value2member_map_
    no_detail = site.detail == 0
    if site.strategy is Strategy.TEXT:
        sound = hits and known and no_detail
    elif site.strategy is Strategy.SHEBANG:
        fits = _MIN_SHEBANG_SPAN <= site.span <= _MAX_SHEBANG_SPAN
        sound = hits and plain and fits and site.detail in ShebangForm._value2member_map_
    elif site.strategy is Strategy.CSTRING:
        unit = UNITS.get(Encoding(site.encoding), 1) if known else 1
        whole = site.span % unit == 0 and not any(hit % unit for hit in site.hits)
        sound = hits and (plain or unit > 1) and no_detail and 1 <= site.span < _MAX_HIT_SPAN and whole
    elif site.strategy is Strategy.PYC:
        sound = hits and plain and site.span < _MAX_HIT_SPAN and site.detail & ~sum(PycDetail) == 0
    elif site.strategy is Strategy.SLASH:
        unit = UNITS.get(Encoding(site.encoding), 1) if known else 1
        fits = 1 <= site.span <= layout.MAX_PATH * unit and site.span % unit == 0
        sound = not hits and known and site.encoding != Encoding.JSON_SLASH and no_detail and fits
    else:
        placed = site.offset >= _KEY_SIZE or site.encoding not in _HASHES
        derived = site.encoding in Derived._value2member_map_
        sound = not hits and derived and no_detail and site.span == 0 and placed
    return sound


def _check_target(site: IndexSite, entries: list[IndexEntry], levels: list[int], owner: IndexEntry) -> None:
    sound = site.target < len(entries) and entries[site.target].kind is EntryKind.FILE
    sound = sound and levels[entries[site.target].target] < levels[owner.target]
    require(sound, Verdict.BAD_DERIVED, owner.path)


def _cut(sites: tuple[IndexSite, ...], cuts: tuple[int, ...]) -> bool:
    """Whether a content of several blocks has a site that a cut divides, or one that needs all of it.

    Looks the cut after each site up: any number of entries may share a content of many cuts.
    """
    if not cuts:
        return False
    if any(site.strategy in (Strategy.SHEBANG, Strategy.DERIVED) for site in sites):
        return True
    nexts = (bisect_right(cuts, site.offset) for site in sites)
    return any(at < len(cuts) and cuts[at] < site.offset + site.span for site, at in zip(sites, nexts, strict=True))
