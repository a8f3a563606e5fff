"""Bytes -> locator and index, with every check of SPEC in SPEC's order; raises `ArtifactError` with the verdict.

The stub has a second reader of the same format (stubs/src/index.c); both give the same verdict on every vector.
"""

from __future__ import annotations

import itertools
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NoReturn

import zstandard

from sfxpack.errors import ArtifactError
from sfxpack.format import layout
from sfxpack.format.digest import digest
from sfxpack.format.layout import (
    Derived,
    Encoding,
    EntryKind,
    Platform,
    PycDetail,
    RequirementFlag,
    RequirementKind,
    ShebangForm,
    SiteFlag,
    Strategy,
    Verdict,
)
from sfxpack.format.tables import (
    Index,
    IndexBlock,
    IndexContent,
    IndexEntry,
    IndexRequirement,
    IndexSite,
    Locator,
    Product,
)

Values = dict[str, Any]
"""Fields of a record by name: integers, raw bytes, and (offset, size) of strings."""

UNITS: Final = {Encoding.UTF16LE: 2, Encoding.UTF16BE: 2, Encoding.UTF32LE: 4, Encoding.UTF32BE: 4}
"""Bytes of a code unit; 1 for the other encodings."""
_FRAME_MAGIC: Final = b"\x28\xb5\x2f\xfd"
"""RFC 8878, 3.1.1."""
_HASHES: Final = (Derived.SIPHASH13, Derived.SIPHASH24)
_KEY_SIZE: Final = 4
"""Bytes a content starts with that key its hashes, so these stand behind them."""
_MAX_HIT_SPAN: Final = 1 << 24
_MIN_SHEBANG_SPAN: Final = 2
_MAX_SHEBANG_SPAN: Final = 4096
_MAX_MTIME: Final = 1 << 40
_RESERVED: Final = (layout.STATE_DIRECTORY.encode(), layout.STAGING_INSIDE.encode())


def fail(verdict: Verdict, detail: str = "") -> NoReturn:
    """Raise the error of a verdict."""
    text = layout.VERDICT_TEXT[verdict]
    raise ArtifactError(verdict.name.lower(), f"{text}: {detail}" if detail else text)


def require(condition: bool, verdict: Verdict, detail: str = "") -> None:  # noqa: FBT001 - what it is about
    """Raise the error of `verdict` unless `condition` holds."""
    if not condition:
        fail(verdict, detail)


def locator(record: bytes, at: int, file_size: int) -> Locator:
    """The locator from its bytes, found at offset `at` of a file of `file_size` bytes.

    Raises:
        ArtifactError: with the verdict of the first check that fails.
    """
    require(len(record) == layout.LOCATOR.size, Verdict.TRUNCATED)
    values = dict(zip([f.name for f in layout.LOCATOR.fields], layout.LOCATOR.codec.unpack(record), strict=True))
    require(values["magic"] == layout.MAGIC, Verdict.BAD_MAGIC)
    require(values["version"] == layout.VERSION, Verdict.BAD_VERSION, f"version {values['version']}")
    require(values["digest"] == digest(record[: -layout.DIGEST_SIZE]), Verdict.BAD_LOCATOR_DIGEST)
    require(values["platform"] in Platform._value2member_map_, Verdict.BAD_PLATFORM)
    reserved = [values[f.name] for f in layout.LOCATOR.fields if f.type[0] == "z"]
    require(values["must_understand"] == 0 and not any(map(any, reserved)), Verdict.UNKNOWN_FEATURE)
    found = Locator(
        platform=Platform(values["platform"]),
        **{
            name: values[name]
            for name in (
                "stub_offset",
                "stub_size",
                "locator_offset",
                "index_offset",
                "index_size",
                "index_raw_size",
                "total_size",
                "front_digest",
                "index_digest",
            )
        },
    )
    _check_extents(found, at)
    require(found.total_size <= file_size, Verdict.TRUNCATED, f"{file_size} of {found.total_size} bytes")
    require(found.total_size == file_size, Verdict.TRAILING_BYTES, f"{file_size - found.total_size} bytes too many")
    return found


def _check_extents(found: Locator, at: int) -> None:
    stub_end = found.stub_offset + found.stub_size
    sound = (
        found.stub_offset % layout.ALIGNMENT == 0
        and found.stub_offset <= layout.MAX_HEADER
        and 1 <= found.stub_size <= layout.MAX_STUB
        and found.locator_offset == at == -(-stub_end // layout.ALIGNMENT) * layout.ALIGNMENT
        and found.index_offset >= at + layout.LOCATOR.size
        and 1 <= found.index_size <= layout.MAX_INDEX_SIZE
        and 1 <= found.index_raw_size <= layout.MAX_INDEX_RAW
        and found.total_size == found.index_offset + found.index_size
        and found.total_size < 1 << 63
    )
    require(sound, Verdict.BAD_EXTENT)


def frame(data: bytes, raw_size: int, verdict: Verdict) -> bytes:
    """Decompress one zstd frame that fills `data`, and states and gives `raw_size` bytes; at least one.

    In one go, which zstd bounds by the stated size: a stream would have a limit for its window and none for its output.

    Raises:
        ArtifactError: with `verdict`.
    """
    require(data[:4] == _FRAME_MAGIC, verdict)
    try:
        parameters = zstandard.get_frame_parameters(data)
        require(parameters.dict_id == 0 and parameters.content_size == raw_size, verdict)
        return zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
    except zstandard.ZstdError:
        fail(verdict)


class _Reader:
    """Walks the tables of a decompressed index in order."""

    def __init__(self, raw: bytes) -> None:
        require(len(raw) >= layout.INDEX_HEADER.size + layout.PRODUCT.size, Verdict.BAD_TABLE)
        self.raw = raw
        self.at = 0
        header = self.record(layout.INDEX_HEADER)
        require(header["magic"] == layout.INDEX_MAGIC, Verdict.BAD_TABLE)
        self.count = {name: value for name, value in header.items() if isinstance(value, int)}
        sized = {
            "block_count": layout.BLOCK.size,
            "content_count": layout.CONTENT.size,
            "entry_count": layout.ENTRY.size,
            "site_count": layout.SITE.size,
            "hit_count": 4,
            "requirement_count": layout.REQUIREMENT.size,
            "strings_size": 1,
        }
        tables = sum(self.count[name] * size for name, size in sized.items())
        require(self.at + layout.PRODUCT.size + tables == len(raw), Verdict.BAD_TABLE)
        self.strings = memoryview(raw)[len(raw) - self.count["strings_size"] :]

    def record(self, record: layout.Record) -> Values:
        """The next record; its reserved fields are checked and left out."""
        flat = iter(record.codec.unpack_from(self.raw, self.at))
        self.at += record.size
        return _fields(record, flat)

    def records(self, record: layout.Record, count: int) -> Iterator[Values]:
        """The next `count` records."""
        for _ in range(count):
            yield self.record(record)

    def string(self, place: tuple[int, int]) -> bytes:
        """The string a field names."""
        offset, size = place
        require(offset + size <= len(self.strings), Verdict.BAD_STRING)
        value = bytes(self.strings[offset : offset + size])
        require(b"\0" not in value, Verdict.BAD_STRING)
        return value


def _fields(record: layout.Record, flat: Iterator[Any]) -> Values:
    values: Values = {}
    for field in record.fields:
        value = next(flat)
        if field.type == "str":
            size = next(flat)
            values[field.name] = (value, size)
        elif field.type[0] == "z":
            require(not any(value), Verdict.UNKNOWN_FEATURE)
        else:
            values[field.name] = value
    return values


def index(raw: bytes, blocks_size: int | None) -> Index:
    """The index from its decompressed bytes.

    Args:
        raw: what the frame holds.
        blocks_size: compressed bytes between locator and index; None for a manifest, which has no blocks beside it.

    Raises:
        ArtifactError: with the verdict of the first check that fails.
    """
    reader = _Reader(raw)
    product = _product(reader)
    blocks = _blocks(reader, blocks_size)
    contents, levels, spans = _contents(reader, blocks)
    bare, site_counts = _entries(reader)
    files = (entry for entry in bare if entry.kind is EntryKind.FILE)
    require(sum(contents[entry.target].size for entry in files) == product.tree_size, Verdict.BAD_ENTRY)
    require(sum(site_counts) == reader.count["site_count"], Verdict.BAD_SITE)
    entries = _sites(reader, bare, site_counts, contents, levels, spans)
    requirements = _requirements(reader)
    return Index(product, blocks, contents, entries, requirements)


def _product(reader: _Reader) -> Product:
    values = reader.record(layout.PRODUCT)
    names = [f.name for f in layout.PRODUCT.fields if f.type == "str"]
    strings: dict[str, bytes] = {}
    for name in names:
        strings[name] = reader.string(values[name])
        if name == "name":
            require(strings[name] not in (b"", b".", b"..") and b"/" not in strings[name], Verdict.BAD_STRING)
    limit_entry = values["prefix_limit_entry"]
    sound = limit_entry == layout.NO_ENTRY or limit_entry < reader.count["entry_count"]
    require(sound, Verdict.BAD_ENTRY)
    return Product(
        **strings,
        tree_size=values["tree_size"],
        prefix_limit=values["prefix_limit"],
        prefix_limit_entry=limit_entry,
    )


def _blocks(reader: _Reader, blocks_size: int | None) -> tuple[IndexBlock, ...]:
    blocks = []
    level = 0
    for values in reader.records(layout.BLOCK, reader.count["block_count"]):
        block = IndexBlock(**values)
        sound = (
            1 <= block.size <= layout.MAX_BLOCK_SIZE
            and 1 <= block.raw_size <= layout.MAX_BLOCK_RAW
            and level <= block.level <= layout.MAX_LEVEL
        )
        require(sound, Verdict.BAD_BLOCK)
        level = block.level
        blocks.append(block)
    require(blocks_size is None or sum(b.size for b in blocks) == blocks_size, Verdict.BAD_BLOCK)
    return tuple(blocks)


def _contents(
    reader: _Reader, blocks: tuple[IndexBlock, ...]
) -> tuple[tuple[IndexContent, ...], list[int], dict[int, tuple[int, ...]]]:
    """The contents, the level of each, and for those of several blocks the cuts, as offsets into the content."""
    contents = tuple(IndexContent(**values) for values in reader.records(layout.CONTENT, reader.count["content_count"]))
    ends = list(itertools.accumulate(block.raw_size for block in blocks))
    require(sum(c.size for c in contents) == (ends[-1] if ends else 0), Verdict.BAD_CONTENT)
    levels: list[int] = []
    spans: dict[int, tuple[int, ...]] = {}
    start = block = 0
    for position, content in enumerate(contents):
        end = start + content.size
        if content.size == 0:
            levels.append(0)
            continue
        while ends[block] <= start:
            block += 1
        level = blocks[block].level
        cuts = []
        while ends[block] < end:
            cuts.append(ends[block] - start)
            block += 1
            require(blocks[block].level == level, Verdict.BAD_CONTENT)
        if cuts:
            spans[position] = tuple(cuts)
        levels.append(level)
        start = end
    return contents, levels, spans


def _entries(reader: _Reader) -> tuple[list[IndexEntry], list[int]]:
    entries: list[IndexEntry] = []
    site_counts: list[int] = []
    directories: set[bytes] = set()
    before: list[bytes] = []
    for values in reader.records(layout.ENTRY, reader.count["entry_count"]):
        entry = _entry(reader, values, entries)
        parts = entry.path.split(b"/")
        _check_path(entry.path, parts)
        parent = entry.path.rpartition(b"/")[0]
        require(parts > before and (not parent or parent in directories), Verdict.BAD_ORDER, repr(entry.path))
        before = parts
        if entry.kind is EntryKind.DIRECTORY:
            directories.add(entry.path)
        link = reader.string(values["link"])
        count = values["site_count"]
        if entry.kind is EntryKind.LINK:
            require(len(link) <= layout.MAX_PATH and (link != b"" or count > 0), Verdict.BAD_LINK)
        else:
            require(link == b"", Verdict.BAD_LINK)
        require(count == 0 or entry.kind in (EntryKind.FILE, EntryKind.LINK), Verdict.BAD_SITE)
        site_counts.append(count)
        entries.append(IndexEntry(entry.kind, entry.path, entry.mode, entry.target, entry.mtime, link))
    return entries, site_counts


def _entry(reader: _Reader, values: Values, before: list[IndexEntry]) -> IndexEntry:
    kind, mode, target, mtime = (values[name] for name in ("kind", "mode", "target", "mtime"))
    require(kind in EntryKind._value2member_map_, Verdict.BAD_ENTRY)
    link = kind == EntryKind.LINK
    require(mode & ~0o775 == 0 and not (link and mode), Verdict.BAD_ENTRY)
    if kind == EntryKind.FILE:
        require(target < reader.count["content_count"], Verdict.BAD_ENTRY)
    elif kind == EntryKind.HARD_LINK:
        require(target < len(before) and before[target].kind is EntryKind.FILE, Verdict.BAD_LINK)
    else:
        require(target == 0, Verdict.BAD_ENTRY)
    require(mtime < _MAX_MTIME and not (link and mtime), Verdict.BAD_ENTRY)
    return IndexEntry(EntryKind(kind), reader.string(values["path"]), mode, target, mtime)


def _check_path(path: bytes, parts: list[bytes]) -> None:
    sound = (
        len(path) <= layout.MAX_PATH
        and all(part not in (b"", b".", b"..") and len(part) <= layout.MAX_NAME for part in parts)
        and parts[0] not in _RESERVED
    )
    require(sound, Verdict.BAD_PATH, repr(path))


def _sites(
    reader: _Reader,
    bare: list[IndexEntry],
    site_counts: list[int],
    contents: tuple[IndexContent, ...],
    levels: list[int],
    spans: dict[int, tuple[int, ...]],
) -> tuple[IndexEntry, ...]:
    site_total, hit_total = reader.count["site_count"], reader.count["hit_count"]
    hits = struct.unpack_from(f"<{hit_total}I", reader.raw, reader.at + site_total * layout.SITE.size)
    first_hit = 0
    entries = []
    for entry, count in zip(bare, site_counts, strict=True):
        is_link = entry.kind is EntryKind.LINK
        size = len(entry.link) if is_link else contents[entry.target].size if count else 0
        end = 0
        sites = []
        for position, values in enumerate(reader.records(layout.SITE, count)):
            wanted = values["hit_count"]
            require(first_hit + wanted <= hit_total, Verdict.BAD_SITE)
            site = _site(reader, values, hits[first_hit : first_hit + wanted])
            first_hit += wanted
            sound = site.offset >= end and site.offset + site.span <= size
            sound = sound and (not is_link or (site.strategy is Strategy.TEXT and site.encoding == Encoding.PLAIN))
            sound = sound and (site.strategy is not Strategy.SHEBANG or position == 0 == site.offset)
            require(sound, Verdict.BAD_SITE, repr(entry.path))
            if site.strategy is Strategy.DERIVED:
                _check_target(site, bare, levels, entry)
            end = site.offset + site.span
            sites.append(site)
        cuts = () if is_link else spans.get(entry.target, ()) if count else ()
        require(not _cut(tuple(sites), cuts), Verdict.BAD_SITE, repr(entry.path))
        if count:
            entry = IndexEntry(  # noqa: PLW2901 the same entry, completed
                entry.kind, entry.path, entry.mode, entry.target, entry.mtime, entry.link, tuple(sites)
            )
        entries.append(entry)
    require(first_hit == hit_total, Verdict.BAD_SITE)
    reader.at += 4 * hit_total
    return tuple(entries)


def _site(reader: _Reader, values: Values, hits: tuple[int, ...]) -> IndexSite:
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
    ascending = all(a < b for a, b in itertools.pairwise(hits)) and (not hits or hits[-1] <= site.span)
    require(ascending and _kind_rules(site), Verdict.BAD_SITE)
    return _with_line(reader, site) if site.strategy is Strategy.SHEBANG else site


def _with_line(reader: _Reader, site: IndexSite) -> IndexSite:
    """A SHEBANG site as a value: its line instead of where that stands."""
    line = bytes(reader.strings[site.target : site.target + site.span])
    sound = len(line) == site.span and line.startswith(b"#!") and b"\0" not in line and b"\n" not in line
    require(sound and site.hits[0] >= len(b"#!"), Verdict.BAD_SITE)
    return replace(site, target=0, line=line)


def _kind_rules(site: IndexSite) -> bool:
    """What SPEC asks of each strategy's span, hits, encoding, flags, detail and target."""
    soft, unquoted = int(SiteFlag.SOFT), int(SiteFlag.UNQUOTED)
    known_flags = unquoted | (soft if site.strategy is Strategy.SLASH else 0)
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
        sound = hits and plain and no_detail and 1 <= site.span < _MAX_HIT_SPAN
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
    require(sound, Verdict.BAD_DERIVED, repr(owner.path))


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


def _requirements(reader: _Reader) -> tuple[IndexRequirement, ...]:
    found = []
    for values in reader.records(layout.REQUIREMENT, reader.count["requirement_count"]):
        kind, flags, value = values["kind"], values["flags"], values["value"]
        require(kind in RequirementKind._value2member_map_, Verdict.BAD_REQUIREMENT)
        require(flags & ~sum(RequirementFlag) == 0, Verdict.BAD_REQUIREMENT)
        path = reader.string(values["path"])
        require(len(path) <= layout.MAX_PATH, Verdict.BAD_REQUIREMENT)
        found.append(IndexRequirement(RequirementKind(kind), flags, value, path))
    return tuple(found)
