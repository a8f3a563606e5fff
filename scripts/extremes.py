"""Trees of extreme shapes, for `scripts/size` and the tests; made by descriptors: no path is too long to make."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

LONGEST_PATH = 4095
"""Bytes of the longest path that Linux takes."""
LONGEST_NAME = 255
_PAGE = 4096
"""Holes begin and end at multiples of it."""


_AT_ONCE = 64 << 20
"""Bytes read at once."""


def write_sparse(path: Path, size: int, parts: Iterable[tuple[int, bytes]]) -> None:
    """Make a file of holes with something at some offsets."""
    with path.open("wb") as file:
        for at, data in parts:
            file.seek(at)
            file.write(data)
        file.truncate(size)


def disk_image(root: Path, size: int) -> None:
    """A sparse file with data at its begin, middle and end, which names the tree twice, and a script."""
    root.mkdir(parents=True)
    place = os.fsencode(root)
    middle = os.urandom(300_000) + place + b"/lib\0"
    end = os.urandom(60_000) + b"home=" + place + b"/end\n\0"
    parts = ((0, os.urandom(65_536)), (size // 2 + 12_345, middle), (size - len(end), end))
    write_sparse(root / "disk.img", size, parts)
    (root / "hello").write_bytes(b"#!" + place + b"/bin/sh\n")


def nested(root: Path, names: Sequence[str], leaf: str, data: bytes) -> None:
    """Folders in each other and a file in the last one."""
    root.mkdir(parents=True, exist_ok=True)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for name in names:
        os.mkdir(name, dir_fd=folder)
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
        os.close(folder)
        folder = below
    file = os.open(leaf, os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=folder)
    os.write(file, data)
    os.close(file)
    os.close(folder)


def long_path(size: int) -> list[str]:
    """Names that, joined, have so many bytes."""
    names = []
    while size > LONGEST_NAME:
        names.append("p" * min(LONGEST_NAME, size - 2))
        size -= len(names[-1]) + 1
    return [*names, "f" * size]


def many_files(root: Path, folders: int, each: int, flat: int) -> None:
    """Small and empty files in many folders and in one; one in sixteen names the tree."""
    text = os.fsencode(root) + b"/x\n"
    for folder, count in [*((root / f"d{number:04d}", each) for number in range(folders)), (root / "flat", flat)]:
        folder.mkdir(parents=True)
        for number in range(count):
            data = b"%s %d\n" % (os.fsencode(folder.name), number) if number % 4 else b""
            (folder / f"f{number:06d}").write_bytes(data + text if number % 16 == 1 else data)


def regions(path: Path) -> Iterator[tuple[int, bytes]]:
    """What a file holds between its holes, by offset."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        at = 0
        while at < size:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            at = min(os.lseek(file.fileno(), start, os.SEEK_HOLE), start + _AT_ONCE)
            yield start, os.pread(file.fileno(), at - start, start)


def same_between_holes(one: Path, other: Path) -> bool:
    """Whether two files hold the same but for the place they name, which has the same length in both."""
    old, new = os.fsencode(one.parent), os.fsencode(other.parent)
    pages = [_pages(path, place) for path, place in ((one, old), (other, new))]
    return one.stat().st_size == other.stat().st_size and pages[0] == pages[1]


def _pages(path: Path, place: bytes) -> dict[int, bytes]:
    """Every page that is not zero; where holes begin is up to the file system."""
    found = {}
    for start, data in regions(path):
        text = data.replace(place, b"P" * len(place))
        for at in range(0, len(text), _PAGE):
            page = text[at : at + _PAGE].rstrip(b"\0")
            if page:
                found[start + at] = page
    return found
