"""Header, stub, locator, blocks and index -> one file or several, read again and compared before they are named."""

from __future__ import annotations

import contextlib
import errno
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import zstandard

from sfxpack.errors import ArtifactError, OutputError, ProofError, SigningError
from sfxpack.format import artifact, encode, pe, schema
from sfxpack.format.digest import digest
from sfxpack.format.layout import ALIGNMENT, Platform
from sfxpack.format.tables import Index, Locator
from sfxpack.outfiles import OutFiles, Written, check_output, cut_of
from sfxpack.windows import signing

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

    def unsigned(self, image: bytes) -> bytes:
        """`image` as it is digested: a signature may come later."""
        if self.platform.system != "windows":
            return image
        head = min(pe.HEAD, len(self.stub))
        return pe.unsigned(image[:head]) + image[head:]


def aligned(size: int) -> int:
    """`size` rounded up to `ALIGNMENT`."""
    return -(-size // ALIGNMENT) * ALIGNMENT


class Assembly:
    """An artifact being written: `write` takes the blocks, `complete` the index."""

    def __init__(self, files: OutFiles, front: Front) -> None:
        self._files = files
        self._front = front
        self._image = front.image()
        self.written: tuple[Written, ...] = ()
        """The files, once they are published."""
        files.write(self._image)
        files.write(bytes(schema.LOCATOR.size))

    def write(self, data: bytes) -> None:
        """Append a block."""
        self._files.write(data)

    def complete(self, index: Index) -> Locator:
        """Append the index, write the locator, and read everything but the blocks' insides again.

        Raises:
            ProofError: what was written is not what was meant.
        """
        raw = encode.index(index)
        data = zstandard.ZstdCompressor(level=_INDEX_LEVEL, write_checksum=False).compress(raw)
        offset = self._files.size
        self._files.write(data)
        locator = Locator(
            platform=self._front.platform,
            stub_offset=len(self._front.header),
            stub_size=len(self._front.stub),
            locator_offset=self._front.locator_offset,
            index_offset=offset,
            index_size=len(data),
            index_raw_size=len(raw),
            total_size=offset + len(data),
            front_digest=digest(self._front.unsigned(self._image)),
            index_digest=digest(data),
            part_count=len(self._files.names) - 1,
            first_size=self._files.first_size,
            part_size=self._files.part_size,
        )
        self._files.complete(locator)
        self._check(locator, index)
        return locator

    def _check(self, locator: Locator, index: Index) -> None:
        try:
            with artifact.read(self._files.first, locator.locator_offset) as again:
                same = again.locator == locator and again.index == index
        except ArtifactError as error:
            raise ProofError(f"{self._files.first}: written file is not sound: {error}") from error
        if not same:
            raise ProofError(f"{self._files.first}: what was read back differs from what was written")

    def sign(self, command: Sequence[str]) -> None:
        """Have the complete file signed, and read all of it again.

        Raises:
            SigningError: that failed, or what was left is not the same file with a signature.
        """
        path, at = self._files.first, self._front.locator_offset
        signing.sign(command, path)
        try:
            with artifact.read(path, at) as again:
                deque(again.pieces(), maxlen=0)
                signed = again.signed
        except ArtifactError as error:
            raise SigningError(f"--sign-command: {command[0]} left a file that is not sound: {error}") from error
        if not signed:
            raise SigningError(f"--sign-command: {command[0]} did not fail, but the file has no signature")


@contextlib.contextmanager
def assembly(
    output: Path, front: Front, *, force: bool, split: int = 0, sign: Sequence[str] = ()
) -> Iterator[Assembly]:
    """Write beside `output` under temporary names; rename when the block ends well, remove when it does not.

    Args:
        output: the file, or the first one.
        front: what it begins with.
        force: replace what is there.
        split: as `outfiles.cut_of` has it.
        sign: the command that signs the first file, if any.

    Raises:
        OutputError: the directory is missing or not writable, or `output` exists and `force` is not given.
        UsageError: `split` leaves no room for what the first file must hold.
        SigningError: `sign` failed.
    """
    check_output(output, force=force)
    files = OutFiles(output, cut_of(front.platform, split, front.locator_offset + schema.LOCATOR.size))
    try:
        files.open()
        made = Assembly(files, front)
        yield made
        if sign:
            made.sign(sign)
        made.written = files.publish(force=force)
    except OSError as error:
        if error.filename not in (None, *files.names) or error.errno is None:
            raise
        advice = "; --split fat32 writes files that fit FAT32" if error.errno == errno.EFBIG else ""
        raise OutputError(f"{output}: {error.strerror}; the unfinished file was removed{advice}") from error
    finally:
        files.discard()
