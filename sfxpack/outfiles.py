"""The files a build writes, one or the first and its parts: under temporary names beside their place until renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from sfxpack.errors import OutputError, UsageError
from sfxpack.format import encode, schema
from sfxpack.format.layout import MAX_PARTS, Platform
from sfxpack.format.parts import part_path, parts_beside
from sfxpack.format.tables import Locator
from sfxpack.request import SFXDATA

FAT32_MOST: Final = (1 << 32) - 1
"""Bytes of the largest file on FAT32, which most USB sticks come with."""
_LARGEST_EXE: Final = 1 << 32
"""Bytes of a program that Windows no longer starts."""
_SIGNATURE: Final = 64 << 10
"""Room that is left for a certificate table; one with a time stamp takes about 10,000 bytes."""
_COPIED: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """A file of the artifact."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a stream is cut into files."""

    first: int = 0
    """Bytes of the first file at most; 0: any number."""
    part: int = 0
    """Bytes of a part at most, its record included; 0: any number."""
    kept: int = 0
    """What stays in a first file that would be larger, while all else goes to one part; 0: it is filled."""
    windows: bool = False
    """The parts are called as those of a `.exe`."""


def cut_of(platform: Platform, split: int, least: int) -> Cut:
    """How an artifact is cut.

    Args:
        platform: what it is for.
        split: each file has fewer bytes; 0 is one file, where that can be; SFXDATA.
        least: bytes that the first file must hold.

    Raises:
        UsageError: they are not fewer than `split`, or SFXDATA is asked for elsewhere.
    """
    if 0 < split <= least:
        raise UsageError(
            f"--split: the first file alone takes {least:,} bytes, more than {split - 1:,}; give at least {least + 1}"
        )
    if platform.system != "windows":
        if split == SFXDATA:
            raise UsageError(f"--split sfxdata: for a .exe alone, but this is for {platform.label}; give a size")
        return Cut(split - 1, split - 1) if split else Cut()
    if split == SFXDATA:
        return Cut(first=least, windows=True)
    if split:
        return Cut(max(least, min(split, _LARGEST_EXE) - _SIGNATURE), split - 1, windows=True)
    return Cut(_LARGEST_EXE - _SIGNATURE, kept=least, windows=True)


class OutFiles:
    """A stream being written, cut into files."""

    def __init__(self, output: Path, cut: Cut) -> None:
        self._output = output
        self._cut = cut
        self._names = [str(output.parent / f".{output.name}.{secrets.token_hex(4)}.part{_suffix(output)}")]
        """Of what is not published yet, the first file first; known before it is made, as a signal may come at once."""
        self._paths: list[Path] = []
        """What they are to be called, as soon as some may be."""
        self._file: IO[bytes] | None = None
        self._room = cut.first or -1
        """Bytes that still fit the file that is written; negative: any number."""
        self.size = 0
        """Bytes of the stream."""

    @property
    def first(self) -> Path:
        """Where the first file lies before it is published."""
        return Path(self._names[0])

    @property
    def names(self) -> tuple[str, ...]:
        """What lies where it shall not stay."""
        return tuple(self._names)

    @property
    def part_size(self) -> int:
        """Bytes of the stream in each part but the last; 0 without parts."""
        if len(self._names) == 1:
            return 0
        return self._cut.part - schema.PART.size if self._cut.part else self.size - self.first_size

    @property
    def first_size(self) -> int:
        """Bytes of the first file; 0 without parts."""
        return (self._cut.kept or self._cut.first) if len(self._names) > 1 else 0

    def open(self) -> None:
        """Make the first file."""
        self._file = self._create(self._names[0])

    def write(self, data: bytes) -> None:
        """Append to the stream."""
        left = memoryview(data)
        while left:
            if not self._room:
                self._begin_part()
            piece = left[: self._room] if self._room > 0 else left
            self._target.write(piece)
            self.size += len(piece)
            self._room -= len(piece) if self._room > 0 else 0
            left = left[len(piece) :]

    def complete(self, locator: Locator) -> None:
        """Write the locator and the records of the parts, and give the parts the names they have beside `first`."""
        self._target.close()
        with open(self._names[0], "r+b") as file:
            file.seek(locator.locator_offset)
            file.write(encode.locator(locator))
        for number in range(1, locator.part_count + 1):
            name, old = str(self._part(self.first, number)), self._names[number]
            with open(old, "r+b") as file:
                file.write(encode.part(locator, number, locator.payload(number)))
            self._names.append(name)
            os.rename(old, name)
            self._names[number] = self._names.pop()

    def publish(self, *, force: bool) -> tuple[Written, ...]:
        """Give all files their names, the first one last; remove parts of what is replaced.

        Raises:
            OutputError: there is something by now, and `force` is not given.
        """
        paths = [self._part(self._output, number) for number in range(len(self._names))]
        check_output(self._output, force=force, parts=paths[1:])
        written = tuple(Written(path, os.stat(name).st_size) for path, name in zip(paths, self._names, strict=True))
        umask = _umask()
        self._paths = paths
        for number in (*range(1, len(paths)), 0):
            with contextlib.suppress(OSError):  # FAT has no modes, and whoever mounted it may be the owner of all files
                os.chmod(self._names[number], (0o644 if number else 0o755) & ~umask)
            os.replace(self._names[number], paths[number])
        for stale in {*parts_beside(self._output)} - {*paths}:
            with contextlib.suppress(OSError):
                stale.unlink()
        return written

    def discard(self) -> None:
        """Remove what is not published."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        if not os.path.lexists(self._names[0]):  # never made, or published: then the parts are in their place
            return
        for number in reversed(range(len(self._names))):
            with contextlib.suppress(FileNotFoundError):
                if self._paths and not os.path.lexists(self._names[number]):
                    os.unlink(self._paths[number])  # a part of no use without the first file
                else:
                    os.unlink(self._names[number])

    @property
    def _target(self) -> IO[bytes]:
        assert self._file is not None  # noqa: S101 opened first
        return self._file

    def _begin_part(self) -> None:
        if len(self._names) > MAX_PARTS:
            raise UsageError(f"--split: {MAX_PARTS} parts of {self._cut.part} bytes are not enough; choose larger ones")
        full = self._target
        self._names.append(f"{self._names[0]}{len(self._names)}")
        self._file = self._create(self._names[-1])
        self._file.write(bytes(schema.PART.size))
        self._room = self._cut.part - schema.PART.size if self._cut.part else -1
        if self._cut.kept:
            full.seek(self._cut.kept)
            shutil.copyfileobj(full, self._file, _COPIED)
            full.truncate(self._cut.kept)
        full.close()

    def _part(self, first: Path, number: int) -> Path:
        return part_path(first, number, len(self._names) - 1, windows=self._cut.windows)

    def _create(self, name: str) -> IO[bytes]:
        try:
            handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise OutputError(
                f"{self._output.parent}: cannot write here: {error.strerror}; choose another place with -o"
            ) from error
        return open(handle, "w+b", buffering=1 << 20)


def _suffix(output: Path) -> str:
    """Tools that sign go by it."""
    return output.suffix if output.suffix.lower() == ".exe" else ""


def check_output(output: Path, *, force: bool, parts: Sequence[Path] = ()) -> None:
    """Refuse to replace anything unless `force`; `parts`: those that will be there, once that is known.

    Raises:
        OutputError: there is a directory, or there is something.
    """
    for path in (output, *parts_beside(output), *parts):
        if path.is_dir():
            raise OutputError(f"{path}: is a directory; name another file with -o")
        if os.path.lexists(path) and not force:
            raise OutputError(f"{path}: exists already; --force replaces it, -o names another file")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
