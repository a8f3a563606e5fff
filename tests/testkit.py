"""Small artifacts for tests, sound ones and ones that are wrong on purpose.

`Sample` holds an index as values and the neutral contents; `artifact` joins them with a header of zeros and a stub of
any bytes, and every part can be replaced on the way, so that exactly one thing is wrong. Digests are recomputed after
the change unless the change is what they guard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import zstandard

from sfxpack.errors import ArtifactError
from sfxpack.format import encode, layout, pe, schema
from sfxpack.format.digest import digest
from sfxpack.format.layout import EntryKind, Platform, Strategy
from sfxpack.format.parts import SIDECAR, part_path
from sfxpack.format.tables import Index, IndexBlock, IndexContent, IndexEntry, IndexSite, Locator, Product

STUB = b"stub"
HEADER_SIZE = layout.ALIGNMENT
AT = HEADER_SIZE + layout.ALIGNMENT
"""Offset of the locator in every sample."""

Bytes = Callable[[bytes], bytes]
Files = tuple[bytes | None, ...]
"""The first file and the parts; None is a missing one."""


def same(data: bytes) -> bytes:
    """Change nothing."""
    return data


def frame(raw: bytes) -> bytes:
    """A zstd frame as the builder writes it."""
    return zstandard.ZstdCompressor(level=3, write_content_size=True, write_checksum=False).compress(raw)


def stored(raw: bytes, dictionary: int | None = None) -> bytes:
    """A frame of one stored block (RFC 8878, 3.1.1), with the id of a dictionary; for few bytes."""
    named = dictionary is not None
    head = bytes([0x20 | named, *([dictionary] if dictionary is not None else []), len(raw)])
    return b"\x28\xb5\x2f\xfd" + head + (len(raw) << 3 | 1).to_bytes(3, "little") + raw


def same_files(files: Files) -> Files:
    """Change nothing."""
    return files


def cut(stream: bytes, locator: Locator, change_part: Bytes = same) -> tuple[bytes, ...]:
    """The files of a stream that goes on in parts."""
    files = [stream[: locator.first_size]]
    for number in range(1, locator.part_count + 1):
        at = locator.first_size + (number - 1) * locator.part_size
        piece = stream[at : at + locator.part_size]
        record = encode.part(locator, number, len(piece))
        files.append((encode.seal(change_part(record)) if number == 1 else record) + piece)
    return tuple(files)


def parts_key(files: Files) -> bytes:
    """The line of a vector that says how its payload is cut; none for one file."""
    sizes = " ".join("-" if data is None else str(len(data)) for data in files)
    return b"parts: %s\n" % sizes.encode() if len(files) > 1 else b""


def joined(files: Files) -> bytes:
    """The payload of a vector."""
    return b"".join(data for data in files if data is not None)


def uncut(payload: bytes, sizes: str) -> Files:
    """The files of a vector; `sizes` is what its key `parts` says, or empty."""
    files: list[bytes | None] = []
    for size in sizes.split() or [str(len(payload))]:
        files.append(None if size == "-" else payload[: int(size)])
        payload = payload if size == "-" else payload[int(size) :]
    return tuple(files)


def write_files(path: Path, files: Files) -> None:
    """Write the first file and its parts, and remove other parts."""
    for old in (*path.parent.glob(f"{path.name}.part*"), *path.parent.glob(f"*{SIDECAR}")):
        old.unlink()
    windows = (files[0] or b"").startswith(pe.MAGIC)
    for number, data in enumerate(files):
        if data is not None:
            part_path(path, number, len(files) - 1, windows=windows).write_bytes(data)


@dataclass(frozen=True)
class Sample:
    """What an artifact is made from; every change is a function from bytes to bytes."""

    index: Index
    frames: tuple[bytes, ...]
    """Compressed blocks."""
    header: bytes = bytes(HEADER_SIZE)
    stub: bytes = STUB
    platform: Platform = Platform.LINUX_X86_64
    change_index: Bytes = same
    """On the decompressed index."""
    change_frame: Bytes = same
    """On the compressed index."""
    change_locator: Bytes = same
    """On the locator before it is sealed."""
    change_sealed: Bytes = same
    """On the locator after it is sealed."""
    change_file: Bytes = same
    """On the whole stream, last."""
    split: tuple[int, int] = (0, 0)
    """Bytes of the first file after the locator, and of the stream in each part but the last, 0: there are no parts."""
    change_part: Bytes = same
    """On the record of part 1 before it is sealed."""
    change_files: Callable[[Files], Files] = same_files
    """On the files, last of all."""
    locator_values: dict[str, int | bytes] = field(default_factory=dict)
    """Fields of the locator that are not what they should be."""

    def _unsigned(self, front: bytes) -> bytes:
        """What is digested; of a stub that is wrong on purpose, all of it."""
        try:
            return pe.unsigned(front[: pe.HEAD]) + front[pe.HEAD :] if self.platform.system == "windows" else front
        except ArtifactError:
            return front

    def artifact(self) -> bytes:
        """The bytes of the one file."""
        (data,) = self.files()
        assert data is not None
        return data

    def files(self) -> Files:
        """The bytes of each file."""
        raw = self.change_index(encode.index(self.index))
        data = self.change_frame(frame(raw))
        front = (self.header + self.stub).ljust(AT, b"\0")
        offset = AT + schema.LOCATOR.size + sum(map(len, self.frames))
        values = {
            "platform": self.platform,
            "stub_offset": len(self.header),
            "stub_size": len(self.stub),
            "locator_offset": AT,
            "index_offset": offset,
            "index_size": len(data),
            "index_raw_size": len(raw),
            "total_size": offset + len(data),
            "front_digest": digest(self._unsigned(front)),
            "index_digest": digest(data),
        }
        after, size = self.split
        first = AT + schema.LOCATOR.size + after
        if size:
            count = -(-(offset + len(data) - first) // size)
            values |= {"part_count": count, "first_size": first, "part_size": size}
        locator = Locator(**values)  # type: ignore[arg-type] # of the right types
        record = encode.locator(replace(locator, **self.locator_values))  # type: ignore[arg-type] # wrong on purpose
        record = self.change_sealed(encode.seal(self.change_locator(record)))
        stream = self.change_file(b"".join([front, record, *self.frames, data]))
        return self.change_files(cut(stream, locator, self.change_part) if size else (stream,))


def sample(
    entries: tuple[IndexEntry, ...],
    contents: tuple[bytes, ...] = (),
    *,
    levels: tuple[int, ...] | None = None,
    blocks: tuple[bytes, ...] | None = None,
) -> Sample:
    """A sound sample: one block a content, unless `blocks` cuts the joined contents otherwise."""
    raws = blocks if blocks is not None else tuple(content for content in contents if content)
    ranks = levels or (0,) * len(raws)
    frames = tuple(frame(raw) for raw in raws)
    listed = tuple(
        IndexBlock(len(data), len(raw), rank, digest(data)) for data, raw, rank in zip(frames, raws, ranks, strict=True)
    )
    size = sum(len(contents[entry.target]) for entry in entries if entry.kind is EntryKind.FILE)
    product = Product(b"sample", b"1", b"", b"testkit", tree_size=size)
    return Sample(Index(product, listed, tuple(IndexContent(len(c), digest(c)) for c in contents), entries), frames)


def file(path: bytes, content: int, *sites: IndexSite, mode: int = 0o644) -> IndexEntry:
    """A FILE entry."""
    return IndexEntry(EntryKind.FILE, path, mode, content, 1_600_000_000, b"", sites)


def directory(path: bytes) -> IndexEntry:
    """A DIRECTORY entry."""
    return IndexEntry(EntryKind.DIRECTORY, path, 0o755, 0, 1_600_000_000)


def link(path: bytes, text: bytes, *sites: IndexSite) -> IndexEntry:
    """A LINK entry."""
    return IndexEntry(EntryKind.LINK, path, link=text, sites=sites)


def shebang(line: bytes, *hits: int, form: int = 1) -> IndexSite:
    """A SHEBANG site of the whole line."""
    return IndexSite(0, len(line), Strategy.SHEBANG, hits=hits, detail=form, line=line)


def with_frames(base: Sample, *frames: bytes) -> Sample:
    """The sample with other compressed blocks, whose sizes and digests are right."""
    listed = (replace(b, size=len(f), digest=digest(f)) for b, f in zip(base.index.blocks, frames, strict=True))
    return replace(with_index(base, blocks=tuple(listed)), frames=frames)


def poke(offset: int, data: bytes) -> Bytes:
    """Overwrite bytes at an offset (from the end if negative)."""

    def change(old: bytes) -> bytes:
        at = offset if offset >= 0 else len(old) + offset
        return old[:at] + data + old[at + len(data) :]

    return change


def with_index(base: Sample, **changes: object) -> Sample:
    """The sample with other tables."""
    return replace(base, index=replace(base.index, **changes))  # type: ignore[arg-type] # names of Index's fields
