"""Header, stub, locator, blocks and index -> one file, read again and compared before it gets its name."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from sfxpack.errors import ArtifactError, OutputError, ProofError
from sfxpack.format import artifact, encode, schema
from sfxpack.format.digest import digest
from sfxpack.format.layout import ALIGNMENT, Platform
from sfxpack.format.tables import Index, Locator

_INDEX_LEVEL: Final = 6


@dataclass(frozen=True, slots=True)
class Front:
    """What stands before the locator."""

    header: bytes
    """Padded to `ALIGNMENT`; empty for a .exe."""
    stub: bytes
    platform: Platform

    @property
    def locator_offset(self) -> int:
        """Bytes."""
        return aligned(len(self.header) + len(self.stub))

    def image(self) -> bytes:
        """All bytes before the locator."""
        return (self.header + self.stub).ljust(self.locator_offset, b"\0")


def aligned(size: int) -> int:
    """`size` rounded up to `ALIGNMENT`."""
    return -(-size // ALIGNMENT) * ALIGNMENT


class Assembly:
    """An artifact being written: `write` takes the blocks, `publish` the index."""

    def __init__(self, file: BinaryIO, path: Path, front: Front) -> None:
        self._file = file
        self._path = path
        self._front = front
        self._image = front.image()
        file.write(self._image)
        file.write(bytes(schema.LOCATOR.size))

    def write(self, data: bytes) -> None:
        """Append a block."""
        self._file.write(data)

    def complete(self, index: Index) -> Locator:
        """Append the index, write the locator, and read everything but the blocks' insides again.

        Raises:
            ProofError: what was written is not what was meant.
        """
        raw = encode.index(index)
        data = zstandard.ZstdCompressor(level=_INDEX_LEVEL, write_checksum=False).compress(raw)
        offset = self._file.tell()
        self._file.write(data)
        locator = Locator(
            platform=self._front.platform,
            stub_offset=len(self._front.header),
            stub_size=len(self._front.stub),
            locator_offset=self._front.locator_offset,
            index_offset=offset,
            index_size=len(data),
            index_raw_size=len(raw),
            total_size=offset + len(data),
            front_digest=digest(self._image),
            index_digest=digest(data),
        )
        self._file.seek(locator.locator_offset)
        self._file.write(encode.locator(locator))
        self._file.flush()
        self._check(locator, index)
        return locator

    def _check(self, locator: Locator, index: Index) -> None:
        try:
            with artifact.read(self._path, locator.locator_offset) as again:
                same = again.locator == locator and again.index == index
        except ArtifactError as error:
            raise ProofError(f"{self._path}: written file is not sound: {error}") from error
        if not same:
            raise ProofError(f"{self._path}: what was read back differs from what was written")


@contextlib.contextmanager
def assembly(output: Path, front: Front, *, force: bool) -> Iterator[Assembly]:
    """Write beside `output` under a temporary name; rename when the block ends well, remove when it does not.

    Raises:
        OutputError: the directory is missing or not writable, or `output` exists and `force` is not given.
    """
    _check_output(output, force=force)
    name = str(output.parent / f".{output.name}.{secrets.token_hex(4)}.part")  # known before: a signal may come at once
    try:
        with open(_create(name, output), "w+b", buffering=1 << 20) as file:
            yield Assembly(file, Path(name), front)
        os.chmod(name, 0o755 & ~_umask())
        _check_output(output, force=force)
        os.replace(name, output)
    except OSError as error:
        if error.filename not in (None, name) or error.errno is None:
            raise
        raise OutputError(f"{output}: {error.strerror}; the unfinished file was removed") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _create(name: str, output: Path) -> int:
    try:
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise OutputError(
            f"{output.parent}: cannot write here: {error.strerror}; choose another place with -o"
        ) from error


def _check_output(output: Path, *, force: bool) -> None:
    if output.is_dir():
        raise OutputError(f"{output}: is a directory; name a file with -o")
    if os.path.lexists(output) and not force:
        raise OutputError(f"{output}: exists already; --force replaces it, -o names another file")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
