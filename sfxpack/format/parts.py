"""The files an artifact lies in: how they are called, where each part of the stream stands, and the stream to read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from sfxpack.errors import ArtifactError, UsageError
from sfxpack.format import layout, schema
from sfxpack.format.digest import digest
from sfxpack.format.layout import Verdict
from sfxpack.format.reading import require
from sfxpack.format.tables import Locator

SIDECAR: Final = ".sfxdata"
"""How the one part of a `.exe` ends."""
_EXE: Final = ".exe"
_SUFFIX: Final = re.compile(r"\.part\d{2,}|" + re.escape(SIDECAR))


def part_path(first: Path, number: int, count: int, *, windows: bool) -> Path:
    """How part `number` of `count` is called; 0 is the first file itself."""
    if not number:
        return first
    if windows and count == 1:
        return _sidecar(first)
    return first.with_name(f"{first.name}.part{number:0{max(2, len(str(count)))}}")


def _sidecar(first: Path) -> Path:
    stem = first.stem if first.suffix.lower() == _EXE else first.name
    return first.with_name(stem + SIDECAR)


def is_part(path: Path) -> bool:
    """Whether a file is a part of some artifact, by its name and its first bytes."""
    if not _SUFFIX.fullmatch(path.suffix):
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(layout.PART_MAGIC)) == layout.PART_MAGIC
    except OSError:
        return False


def parts_beside(first: Path) -> Iterator[Path]:
    """Parts that are called as those of `first` would be, of whatever build."""
    try:
        names = sorted(os.listdir(first.parent))
    except OSError:
        return
    for name in names:
        path = first.with_name(name)
        numbered = name.startswith(first.name) and path.name[len(first.name) :] == path.suffix
        if (numbered or path == _sidecar(first)) and is_part(path):
            yield path


class Stream:
    """The bytes of an artifact, from one file or several; read forwards, one file is open at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first = path
        """As the parts are called: `path`, or what it leads to."""
        self._file: IO[bytes] = path.open("rb", buffering=0)
        self._number = 0
        self._locator: Locator | None = None
        """Only if there are parts."""
        self.first_size = os.fstat(self._file.fileno()).st_size
        """Bytes of the first file."""
        self._at = 0

    def __enter__(self) -> Stream:  # noqa: PYI034 Self is not in Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open."""
        self._file.close()

    def seek(self, offset: int) -> None:
        """Go on reading at an offset of the stream."""
        self._at = offset

    def read(self, size: int) -> bytes:
        """The next bytes, as many as there are."""
        pieces = []
        while size:
            number, offset, left = self._spot(self._at)
            self._open(number)
            self._file.seek(offset)
            piece = self._file.read(min(size, left))
            if not piece:
                break
            self._at += len(piece)
            size -= len(piece)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def place(self, offset: int, size: int) -> str:
        """Where bytes of the stream lie, for a message; empty where there is one file alone."""
        if self._locator is None:
            return ""
        (number, start, _), last = self._spot(offset), self._spot(offset + size - 1)[0]
        up_to = f" on, up to {self._name(last)}" if last != number else ""
        return f"{'from' if up_to else 'at'} offset {start} of {self._name(number)}{up_to}"

    def join(self, locator: Locator) -> None:
        """Look at the parts, if there are any, and add them.

        Raises:
            ArtifactError: bad_part, truncated, trailing_bytes, unknown_feature; names the first that is wrong.
        """
        if not locator.part_count:
            return
        self._locator = locator
        linked = Path(os.path.realpath(self._path))
        if not self._name(1).exists() and _part(linked, 1, locator).exists():
            self._first = linked
        for number in range(1, locator.part_count + 1):
            self._check(number, locator)

    def _check(self, number: int, locator: Locator) -> None:
        name = self._name(number)
        try:
            self._open(number)
        except FileNotFoundError:
            where = f"the parts ({locator.part_count}) belong beside {self._path} and begin with its name"
            one = f"it belongs beside {self._path}, and is needed to install it"
            _refuse(f"{name} is missing: {one if name.suffix == SIDECAR else where}")
        size = os.fstat(self._file.fileno()).st_size
        record = self._file.read(schema.PART.size)
        require(len(record) == schema.PART.size, Verdict.TRUNCATED, str(name))
        found = dict(zip(schema.PART.keys, schema.PART.codec.unpack(record), strict=True))
        sound = (
            found["magic"] == layout.PART_MAGIC
            and found["version"] == layout.VERSION
            and found["digest"] == digest(record[: -layout.DIGEST_SIZE])
        )
        _refuse(f"{name} is damaged, or no part of an artifact: copy it again", unless=sound)
        require(not any(map(any, (found[key] for key in schema.PART.reserved))), Verdict.UNKNOWN_FEATURE, str(name))
        same_build = found["index_digest"] == locator.index_digest
        _refuse(f"{name} belongs to another build than {self._path}", unless=same_build)
        made_with = f"than {self._path}: take the parts that were made with it"
        _refuse(f"{name} has another number of parts {made_with}", unless=found["count"] == locator.part_count)
        exchanged = f"{name} is part {found['number']}, not {number}: the names of parts were exchanged"
        _refuse(exchanged, unless=found["number"] == number)
        wanted = locator.payload(number)
        _refuse(f"{name} was split at other places {made_with}", unless=found["size"] == wanted)
        whole = wanted + schema.PART.size
        require(size >= whole, Verdict.TRUNCATED, f"{name}: {size} of {whole} bytes")
        require(size == whole, Verdict.TRAILING_BYTES, f"{name}: {size - whole} bytes too many")

    def _name(self, number: int) -> Path:
        return _part(self._first, number, self._locator) if self._locator else self._first

    def _open(self, number: int) -> None:
        if number != self._number:
            file = self._name(number).open("rb", buffering=0)
            self._file.close()
            self._file, self._number = file, number

    def _spot(self, offset: int) -> tuple[int, int, int]:
        """The file a byte of the stream lies in, where there, and the bytes from it to the end of the file."""
        locator = self._locator
        if locator is None:
            return 0, offset, max(0, self.first_size - offset)
        if offset < locator.first_size:
            return 0, offset, locator.first_size - offset
        number, inside = divmod(offset - locator.first_size, locator.part_size)
        if number >= locator.part_count:
            return locator.part_count, schema.PART.size, 0
        return number + 1, schema.PART.size + inside, locator.part_size - inside


def _part(first: Path, number: int, locator: Locator) -> Path:
    return part_path(first, number, locator.part_count, windows=locator.platform.system == "windows")


def _refuse(message: str, *, unless: bool = False) -> None:
    if not unless:
        raise ArtifactError(Verdict.BAD_PART.name.lower(), message)


def refuse_part(path: Path) -> None:
    """Say which file to name instead of a part.

    Raises:
        UsageError: `path` is a part.
    """
    if is_part(path):
        first = path.with_suffix(_EXE if path.suffix == SIDECAR else "")
        raise UsageError(f"{path}: is a part; name the first file, {first}, and keep the parts beside it")
