"""Index and locator -> bytes. Writes what it is given; `decode` is what checks."""

from __future__ import annotations

import struct

from sfxpack.format import layout, schema
from sfxpack.format.digest import digest
from sfxpack.format.layout import VERSION, Platform, Strategy
from sfxpack.format.tables import Index, Locator, Product


class _Strings:
    """The string table; equal strings are stored once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._known: dict[bytes, tuple[int, int]] = {b"": (0, 0)}
        self.size = 0

    def add(self, value: bytes) -> tuple[int, int]:
        """(offset, size) of a string."""
        place = self._known.get(value)
        if place is None:
            place = self._known[value] = (self.size, len(value))
            self._parts.append(value)
            self.size += len(value)
        return place

    def joined(self) -> bytes:
        return b"".join(self._parts)


def index(value: Index) -> bytes:
    """The decompressed index."""
    strings = _Strings()
    product = _product(value.product, strings)
    blocks = [schema.BLOCK.pack(size=b.size, raw_size=b.raw_size, level=b.level, digest=b.digest) for b in value.blocks]
    contents = [schema.CONTENT.pack(size=c.size, digest=c.digest) for c in value.contents]
    entries: list[bytes] = []
    sites: list[bytes] = []
    hits: list[int] = []
    for entry in value.entries:
        entries.append(
            schema.ENTRY.pack(
                kind=entry.kind,
                flags=entry.flags,
                mode=entry.mode,
                target=entry.target,
                mtime=entry.mtime,
                path=strings.add(entry.path),
                link=strings.add(entry.link),
                site_count=len(entry.sites),
            )
        )
        for site in entry.sites:
            sites.append(
                schema.SITE.pack(
                    offset=site.offset,
                    span=site.span,
                    hit_count=len(site.hits),
                    strategy=site.strategy,
                    encoding=site.encoding,
                    flags=site.flags,
                    detail=site.detail,
                    target=strings.add(site.line)[0] if site.strategy is Strategy.SHEBANG else site.target,
                )
            )
            hits.extend(site.hits)
    requirements = [
        schema.REQUIREMENT.pack(kind=r.kind, flags=r.flags, value=r.value, path=strings.add(r.path))
        for r in value.requirements
    ]
    hooks = [schema.HOOK.pack(kind=hook.kind, text=strings.add(hook.text)) for hook in value.hooks]
    header = schema.INDEX_HEADER.pack(
        magic=layout.INDEX_MAGIC,
        block_count=len(blocks),
        content_count=len(contents),
        entry_count=len(entries),
        site_count=len(sites),
        hit_count=len(hits),
        requirement_count=len(requirements),
        tree_count=len(value.trees),
        hook_count=len(hooks),
        strings_size=strings.size,
    )
    packed_hits = struct.pack(f"<{len(hits)}I", *hits)
    return b"".join(
        [header, product, *blocks, *contents, *entries, *sites, packed_hits, *requirements, *hooks, strings.joined()]
    )


def _product(product: Product, strings: _Strings) -> bytes:
    return schema.PRODUCT.pack(
        name=strings.add(product.name),
        release=strings.add(product.release),
        default_prefix=strings.add(product.default_prefix),
        creator=strings.add(product.creator),
        report=strings.add(product.report),
        notices=strings.add(product.notices),
        activation=strings.add(product.activation),
        compile=strings.add(product.compile),
        tree_size=product.tree_size,
        prefix_limit=product.prefix_limit,
        prefix_limit_entry=product.prefix_limit_entry,
    )


def locator(value: Locator) -> bytes:
    """The locator with its own digest."""
    body = schema.LOCATOR.pack(
        magic=layout.MAGIC,
        version=VERSION,
        platform=value.platform,
        must_understand=0,
        may_ignore=0,
        part_count=value.part_count,
        stub_offset=value.stub_offset,
        stub_size=value.stub_size,
        locator_offset=value.locator_offset,
        index_offset=value.index_offset,
        index_size=value.index_size,
        index_raw_size=value.index_raw_size,
        total_size=value.total_size,
        front_digest=value.front_digest,
        index_digest=value.index_digest,
        first_size=value.first_size,
        part_size=value.part_size,
        digest=bytes(layout.DIGEST_SIZE),
    )
    return seal(body)


def part(value: Locator, number: int, size: int) -> bytes:
    """The record that part `number` begins with, before `size` bytes of the stream."""
    record = schema.PART.pack(
        magic=layout.PART_MAGIC,
        version=VERSION,
        number=number,
        count=value.part_count,
        size=size,
        index_digest=value.index_digest,
        digest=bytes(layout.DIGEST_SIZE),
    )
    return seal(record)


def seal(record: bytes) -> bytes:
    """A record whose last field is the digest of all bytes before it."""
    body = record[: -layout.DIGEST_SIZE]
    return body + digest(body)


def manifest(platform: Platform, index_frame: bytes, index_raw_size: int) -> bytes:
    """The whole manifest of an installation."""
    record = schema.MANIFEST.pack(
        magic=layout.MANIFEST_MAGIC,
        version=VERSION,
        platform=platform,
        index_size=len(index_frame),
        index_raw_size=index_raw_size,
        index_digest=digest(index_frame),
        digest=bytes(layout.DIGEST_SIZE),
    )
    return seal(record) + index_frame
