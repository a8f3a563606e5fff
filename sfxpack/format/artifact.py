"""An artifact on disk, opened and checked; blocks are read, checked and decompressed on demand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from types import TracebackType

from sfxpack.errors import ArtifactError
from sfxpack.format import decode, pe, schema
from sfxpack.format.digest import digest, hasher
from sfxpack.format.layout import Verdict
from sfxpack.format.parts import Stream
from sfxpack.format.reading import decompress, fail, require
from sfxpack.format.tables import Index, Locator

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Artifact:
    """Locator and index are checked; the front and the blocks are when they are asked for."""

    file: Stream
    locator: Locator
    index: Index
    index_frame: bytes
    signed: bool = False
    """A certificate table follows; whose and whether it holds, the system says."""

    def __enter__(self) -> Artifact:  # noqa: PYI034 Self is not in Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    def blocks(self) -> Iterator[bytes]:
        """Decompressed blocks in order.

        Raises:
            ArtifactError: bad_block_digest, bad_block_frame.
        """
        at = self.locator.locator_offset + schema.LOCATOR.size
        self.file.seek(at)
        for number, block in enumerate(self.index.blocks):
            data = self.file.read(block.size)
            if digest(data) != block.digest:
                fail(Verdict.BAD_BLOCK_DIGEST, f"block {number} {self.file.place(at, block.size)}".rstrip())
            yield decompress(data, block.raw_size, Verdict.BAD_BLOCK_FRAME)
            at += block.size

    def contents(self) -> Iterator[bytes]:
        """Neutral contents in order; memory is one block and one content.

        Raises:
            ArtifactError: as `pieces`.
        """
        for _, pieces in itertools.groupby(self.pieces(), key=itemgetter(0)):
            yield b"".join(piece for _, piece in pieces)

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Contents in order, cut where blocks end, each piece with its content's number; memory is one block.

        Raises:
            ArtifactError: as `blocks`, and bad_content_digest after the last piece.
        """
        blocks = self.blocks()
        held = b""
        at = 0
        for number, content in enumerate(self.index.contents):
            state = hasher()
            missing = content.size
            while True:
                if missing and at == len(held):
                    held, at = next(blocks), 0
                piece = held[at : at + missing]
                at += len(piece)
                missing -= len(piece)
                state.update(piece)
                yield number, piece
                if not missing:
                    break
            require(state.digest() == content.digest, Verdict.BAD_CONTENT_DIGEST, f"content {number}")


def read(path: Path, at: int, *, front: bool = True) -> Artifact:
    """Open the artifact whose locator stands at offset `at`.

    Args:
        path: the file; the first one, if there are parts.
        at: what line 2 of its header says.
        front: also digest header and stub.

    Raises:
        ArtifactError: with the verdict of the first check that fails.
        OSError: the file cannot be read.
    """
    file = Stream(path)
    try:
        file.seek(at)
        locator = decode.locator(file.read(schema.LOCATOR.size), at)
        signed = _check_size(file, locator)
        file.join(locator)
        if front:
            require(_front(file, locator) == locator.front_digest, Verdict.BAD_FRONT_DIGEST)
        file.seek(locator.index_offset)
        frame = file.read(locator.index_size)
        place = file.place(locator.index_offset, locator.index_size)
        require(digest(frame) == locator.index_digest, Verdict.BAD_INDEX_DIGEST, place)
        raw = decompress(frame, locator.index_raw_size, Verdict.BAD_INDEX_FRAME)
        blocks_size = locator.index_offset - locator.locator_offset - schema.LOCATOR.size
        return Artifact(file, locator, decode.index(raw, blocks_size), frame, signed)
    except (ArtifactError, OSError):
        file.close()
        raise


def _check_size(file: Stream, locator: Locator) -> bool:
    """Compare the size of the first file with the locator; whether it is a `.exe` that a certificate table follows."""
    size = end = locator.first_size if locator.part_count else locator.total_size
    signed = False
    if locator.platform.system == "windows":
        file.seek(0)
        offset, table = pe.read(file.read(min(pe.HEAD, locator.stub_size))).certificate
        if offset or table:
            require(offset == pe.padded(end) and table > 0, Verdict.BAD_EXTENT, f"certificate table at {offset}")
            size = offset + table
            signed = True
        elif file.first_size == pe.padded(end):
            size = file.first_size
    require(size <= file.first_size, Verdict.TRUNCATED, f"{file.first_size} of {size} bytes")
    require(size == file.first_size, Verdict.TRAILING_BYTES, f"{file.first_size - size} bytes too many")
    if size != end:
        file.seek(end)
        padding = file.read(pe.padded(end) - end)
        require(not any(padding), Verdict.TRAILING_BYTES, "padding at the end")
    return signed


def _front(file: Stream, locator: Locator) -> bytes:
    """The digest of header and stub."""
    state = hasher()
    size = locator.locator_offset
    file.seek(0)
    if locator.platform.system == "windows":
        head = pe.unsigned(file.read(min(pe.HEAD, locator.stub_size)))
        state.update(head)
        size -= len(head)
    while size:
        data = file.read(min(size, _CHUNK))
        if not data:
            break
        state.update(data)
        size -= len(data)
    return state.digest()
