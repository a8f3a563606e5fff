"""Bytes -> locator and index, with every check of SPEC in SPEC's order; raises `ArtifactError` with the verdict.

The stub has a second reader of the same format (stubs/src/index.c); both give the same verdict on every vector.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Final

from sfxpack.format import layout, schema
from sfxpack.format.digest import digest
from sfxpack.format.layout import EntryFlag, EntryKind, HookKind, Platform, RequirementFlag, RequirementKind, Verdict
from sfxpack.format.reading import Reader, Values, require
from sfxpack.format.sites import sites
from sfxpack.format.tables import (
    Index,
    IndexBlock,
    IndexContent,
    IndexEntry,
    IndexHook,
    IndexRequirement,
    Locator,
    Product,
)

_KINDS: Final = {int(kind): kind for kind in EntryKind}
_MAX_MTIME: Final = 1 << 40
_RESERVED: Final = (layout.STATE_DIRECTORY.encode(), layout.STAGING_INSIDE.encode())


def locator(record: bytes, at: int) -> Locator:
    """The locator from its bytes, found at offset `at`; what it says of the file is not compared with it.

    Raises:
        ArtifactError: with the verdict of the first check that fails.
    """
    require(len(record) == schema.LOCATOR.size, Verdict.TRUNCATED)
    values = dict(zip(schema.LOCATOR.keys, schema.LOCATOR.codec.unpack(record), strict=True))
    require(values["magic"] == layout.MAGIC, Verdict.BAD_MAGIC)
    require(values["version"] == layout.VERSION, Verdict.BAD_VERSION, f"version {values['version']}")
    require(values["digest"] == digest(record[: -layout.DIGEST_SIZE]), Verdict.BAD_LOCATOR_DIGEST)
    require(values["platform"] in Platform._value2member_map_, Verdict.BAD_PLATFORM)
    reserved = [values[name] for name in schema.LOCATOR.reserved]
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
                "part_count",
                "first_size",
                "part_size",
            )
        },
    )
    _check_extents(found, at)
    require(_are_parts_sound(found), Verdict.BAD_EXTENT)
    return found


def _check_extents(found: Locator, at: int) -> None:
    stub_end = found.stub_offset + found.stub_size
    sound = (
        found.stub_offset % layout.ALIGNMENT == 0
        and found.stub_offset <= (0 if found.platform.system == "windows" else layout.MAX_HEADER)
        and 1 <= found.stub_size <= layout.MAX_STUB
        and found.locator_offset == at == -(-stub_end // layout.ALIGNMENT) * layout.ALIGNMENT
        and found.index_offset >= at + schema.LOCATOR.size
        and 1 <= found.index_size <= layout.MAX_INDEX_SIZE
        and 1 <= found.index_raw_size <= layout.MAX_INDEX_RAW
        and found.total_size == found.index_offset + found.index_size
        and found.total_size < 1 << 63
    )
    require(sound, Verdict.BAD_EXTENT)


def _are_parts_sound(found: Locator) -> bool:
    if not found.part_count:
        return found.first_size == found.part_size == 0
    return (
        found.part_count <= layout.MAX_PARTS
        and found.locator_offset + schema.LOCATOR.size <= found.first_size < found.total_size
        and found.part_size > 0
        and -(-(found.total_size - found.first_size) // found.part_size) == found.part_count
    )


def index(raw: bytes, blocks_size: int | None) -> Index:
    """The index from its decompressed bytes.

    Args:
        raw: what the frame holds.
        blocks_size: compressed bytes between locator and index; None for a manifest, which has no blocks beside it.

    Raises:
        ArtifactError: with the verdict of the first check that fails.
    """
    reader = Reader(raw)
    product = _product(reader)
    blocks = _blocks(reader, blocks_size)
    contents, levels, spans = _contents(reader, blocks)
    bare, site_counts = _entries(reader)
    files = (entry for entry in bare if entry.kind is EntryKind.FILE)
    require(sum(contents[entry.target].size for entry in files) == product.tree_size, Verdict.BAD_ENTRY)
    require(sum(bool(entry.flags) for entry in bare) == reader.count["tree_count"], Verdict.BAD_ENTRY)
    require(sum(site_counts) == reader.count["site_count"], Verdict.BAD_SITE)
    _check_compile(product, bare)
    entries = sites(reader, bare, site_counts, contents, levels, spans)
    requirements = _requirements(reader)
    return Index(product, blocks, contents, entries, requirements, _hooks(reader))


def _product(reader: Reader) -> Product:
    values = reader.record(schema.PRODUCT)
    names = [f.name for f in schema.PRODUCT.fields if f.type == "str"]
    strings: dict[str, bytes] = {}
    for name in names:
        strings[name] = reader.string(values, name)
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


def _blocks(reader: Reader, blocks_size: int | None) -> tuple[IndexBlock, ...]:
    blocks = []
    level = 0
    for values in reader.records(schema.BLOCK, reader.count["block_count"]):
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
    reader: Reader, blocks: tuple[IndexBlock, ...]
) -> tuple[tuple[IndexContent, ...], list[int], dict[int, tuple[int, ...]]]:
    """The contents, the level of each, and for those of several blocks the cuts, as offsets into the content."""
    contents = tuple(IndexContent(**values) for values in reader.records(schema.CONTENT, reader.count["content_count"]))
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


def _entries(reader: Reader) -> tuple[list[IndexEntry], list[int]]:
    entries: list[IndexEntry] = []
    site_counts: list[int] = []
    directories: set[bytes] = set()
    before: list[bytes] = []
    for values in reader.records(schema.ENTRY, reader.count["entry_count"]):
        entry = _entry(reader, values, entries)
        parts = entry.path.split(b"/")
        _check_path(entry.path, parts)
        require(not entry.flags or len(parts) == 1, Verdict.BAD_ENTRY, entry.path)
        parent = entry.path.rpartition(b"/")[0]
        require(parts > before and (not parent or parent in directories), Verdict.BAD_ORDER, entry.path)
        before = parts
        if entry.kind is EntryKind.DIRECTORY:
            directories.add(entry.path)
        link = reader.string(values, "link")
        count = values["site_count"]
        if entry.kind is EntryKind.LINK:
            require(len(link) <= layout.MAX_PATH and (link != b"" or count > 0), Verdict.BAD_LINK)
        else:
            require(link == b"", Verdict.BAD_LINK)
        require(count == 0 or entry.kind in (EntryKind.FILE, EntryKind.LINK), Verdict.BAD_SITE)
        site_counts.append(count)
        entries.append(replace(entry, link=link))
    return entries, site_counts


def _check_compile(product: Product, entries: list[IndexEntry]) -> None:
    if product.compile:
        kinds = {entry.path: entry.kind for entry in entries}
        trees = [entry.path + b"/" for entry in entries if entry.flags] or [b""]
        found = [kinds.get(tree + product.compile, EntryKind.DIRECTORY) for tree in trees]
        require(EntryKind.DIRECTORY not in found, Verdict.BAD_ENTRY, product.compile)


def _entry(reader: Reader, values: Values, before: list[IndexEntry]) -> IndexEntry:
    kind, flags, mode, target, mtime = (values[name] for name in ("kind", "flags", "mode", "target", "mtime"))
    require(kind in _KINDS, Verdict.BAD_ENTRY)
    require(flags in (0, EntryFlag.TREE) and (not flags or kind == EntryKind.DIRECTORY), Verdict.BAD_ENTRY)
    link = kind == EntryKind.LINK
    require(mode & ~0o775 == 0 and not (link and mode), Verdict.BAD_ENTRY)
    if kind == EntryKind.FILE:
        require(target < reader.count["content_count"], Verdict.BAD_ENTRY)
    elif kind == EntryKind.HARD_LINK:
        require(target < len(before) and before[target].kind is EntryKind.FILE, Verdict.BAD_LINK)
    else:
        require(target == 0, Verdict.BAD_ENTRY)
    require(mtime < _MAX_MTIME and not (link and mtime), Verdict.BAD_ENTRY)
    return IndexEntry(_KINDS[kind], reader.string(values, "path"), mode, target, mtime, flags=flags)


def _check_path(path: bytes, parts: list[bytes]) -> None:
    sound = (
        not (b"" in parts or b"." in parts or b".." in parts)
        and (len(path) <= layout.MAX_NAME or max(map(len, parts)) <= layout.MAX_NAME)
        and len(path) <= layout.MAX_PATH
        and parts[0] not in _RESERVED
    )
    require(sound, Verdict.BAD_PATH, path)


def _requirements(reader: Reader) -> tuple[IndexRequirement, ...]:
    found = []
    for values in reader.records(schema.REQUIREMENT, reader.count["requirement_count"]):
        kind, flags, value = values["kind"], values["flags"], values["value"]
        require(kind in RequirementKind._value2member_map_, Verdict.BAD_REQUIREMENT)
        require(flags & ~sum(RequirementFlag) == 0, Verdict.BAD_REQUIREMENT)
        path = reader.string(values, "path")
        require(len(path) <= layout.MAX_PATH, Verdict.BAD_REQUIREMENT)
        found.append(IndexRequirement(RequirementKind(kind), flags, value, path))
    return tuple(found)


def _hooks(reader: Reader) -> tuple[IndexHook, ...]:
    found: list[IndexHook] = []
    for values in reader.records(schema.HOOK, reader.count["hook_count"]):
        require(values["kind"] in HookKind._value2member_map_, Verdict.BAD_HOOK)
        kind = HookKind(values["kind"])
        require(not found or kind > found[-1].kind, Verdict.BAD_HOOK)
        text = reader.string(values, "text")
        sound = 1 <= len(text) <= layout.MAX_HOOK and (not kind.is_script or text.startswith(b"#!"))
        require(sound, Verdict.BAD_HOOK)
        found.append(IndexHook(kind, text))
    return tuple(found)
