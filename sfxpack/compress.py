"""Neutral contents -> blocks: zstd frames made in parallel, written in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Final

import zstandard

from sfxpack.format.digest import digest
from sfxpack.format.tables import IndexBlock

BLOCK: Final = 16 * 1024 * 1024
"""Bytes a block holds before compression; twice as much gains 1 % and costs the installer memory, half loses 1 %."""
LARGE_BLOCK: Final = 2 * BLOCK
LARGE_FROM: Final = 15
"""Level from which size is worth that memory."""
_FAST_TABLES: Final = {3: 19, 4: 19}
"""Levels whose tables zstd makes for inputs smaller than a block: logarithm of their entries. Gains 1 %."""


def block_size(level: int) -> int:
    """Decompressed bytes of a block at a compression level."""
    return LARGE_BLOCK if level >= LARGE_FROM else BLOCK


def parameters(level: int) -> zstandard.ZstdCompressionParameters:
    """How blocks are compressed: matches reach over the whole block; content size, no checksum (the digest is ours)."""
    size = block_size(level)
    tables = _FAST_TABLES.get(level, 0)
    return zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=size,
        window_log=size.bit_length() - 1,
        write_content_size=True,
        write_checksum=False,
        **({"hash_log": tables, "chain_log": tables} if tables else {}),
    )


class BlockWriter:
    """Fills blocks with contents in the order they come; whole files unless one is larger than a block.

    Memory is bounded by `jobs` + 2 blocks. Frames depend on content and level alone, whatever the number of threads.
    """

    def __init__(self, executor: Executor, jobs: int, level: int, write: Callable[[bytes], object]) -> None:
        self.blocks: list[IndexBlock] = []
        self._executor = executor
        self._window = jobs + 2
        self._level = level
        self._write = write
        self.limit = block_size(level)
        """Decompressed bytes of a block."""
        self._parts: list[bytes | memoryview] = []
        self._size = 0
        self._rank = 0
        self._pending: deque[tuple[int, int, Future[tuple[bytes, bytes]]]] = deque()

    def add(self, content: bytes, rank: int, cuts: Callable[[int], int] = lambda at: at) -> None:
        """Append a whole content.

        Args:
            content: neutral bytes.
            rank: level in the sense of the format; contents come in ascending order of it.
            cuts: moves a wanted cut, an offset into the content, back to one that divides no site.
        """
        if rank != self._rank or (self._size and self._size + len(content) > self.limit):
            self._flush()
            self._rank = rank
        view = memoryview(content)
        at = 0
        while len(content) - at > self.limit:
            end = cuts(at + self.limit)
            self._append(view[at:end])
            self._flush()
            at = end
        self._append(view[at:])

    def add_piece(self, piece: bytes) -> None:
        """Append one piece of a content of level 0 too large to hold; pieces are at most a block and fill one each."""
        self._flush()
        self._append(piece)
        self._flush()

    def finish(self) -> tuple[IndexBlock, ...]:
        """Write what is left; the blocks as the index lists them."""
        self._flush()
        while self._pending:
            self._store()
        return tuple(self.blocks)

    def _append(self, part: bytes | memoryview) -> None:
        self._parts.append(part)
        self._size += len(part)

    def _flush(self) -> None:
        if not self._size:
            return
        future = self._executor.submit(_compress, self._parts, self._level)
        self._pending.append((self._size, self._rank, future))
        self._parts, self._size = [], 0
        while len(self._pending) > self._window:
            self._store()

    def _store(self) -> None:
        raw_size, rank, future = self._pending.popleft()
        data, name = future.result()
        self.blocks.append(IndexBlock(len(data), raw_size, rank, name))
        self._write(data)


def _compress(parts: list[bytes | memoryview], level: int) -> tuple[bytes, bytes]:
    data = zstandard.ZstdCompressor(compression_params=parameters(level)).compress(b"".join(parts))
    return data, digest(data)
