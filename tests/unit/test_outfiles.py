"""Where a stream is cut, how the files are called, and that nothing stays of what is not published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sfxpack import outfiles
from sfxpack.errors import UsageError
from sfxpack.format import schema
from sfxpack.format.layout import Platform
from sfxpack.format.parts import is_part, part_path, parts_beside
from sfxpack.format.tables import Locator
from sfxpack.outfiles import Cut, OutFiles, cut_of
from sfxpack.request import SFXDATA

PART = schema.PART.size


def sizes(folder: Path) -> list[int]:
    return sorted((path.stat().st_size for path in folder.iterdir()), reverse=True)


def finished(files: OutFiles) -> list[int]:
    """Publish with a locator at the start; the sizes as they are told."""
    nothing = Locator(Platform.LINUX_X86_64, 0, 0, 0, 0, 0, 0, files.size, bytes(32), bytes(32))
    count = len(files.names) - 1
    files.complete(replace(nothing, part_count=count, first_size=files.first_size, part_size=files.part_size))
    return [file.size for file in files.publish(force=False)]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (512, [512]),
        (999, [999]),
        (1000, [999, PART + 1]),
        (999 + 999 - PART, [999, 999]),
        (1000 + 999 - PART, [999, 999, PART + 1]),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_cuts(size: int, step: int, expected: list[int], tmp_path: Path) -> None:
    files = OutFiles(tmp_path / "x.sh", Cut(999, 999))
    files.open()
    for at in range(0, size, step):
        files.write(bytes(min(step, size - at)))
    assert files.size == size
    assert finished(files) == expected
    files.discard()
    assert sizes(tmp_path) == expected


def test_without_a_limit(tmp_path: Path) -> None:
    files = OutFiles(tmp_path / "x.sh", Cut())
    files.open()
    files.write(bytes(1 << 21))
    assert (files.first_size, files.part_size) == (0, 0)
    assert finished(files) == sizes(tmp_path) == [1 << 21]


def test_too_many_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outfiles, "MAX_PARTS", 3)
    files = OutFiles(tmp_path / "x.sh", Cut(999, 999))
    files.open()
    with pytest.raises(UsageError, match="larger"):
        files.write(bytes(5000))
    files.discard()
    assert sizes(tmp_path) == []


def test_names() -> None:
    first = Path("a b/x.sh")
    assert part_path(first, 0, 7, windows=False) == first
    assert [part_path(first, 5, count, windows=False).name for count in (5, 99, 100, 9999)] == [
        "x.sh.part05",
        "x.sh.part05",
        "x.sh.part005",
        "x.sh.part0005",
    ]


@pytest.mark.parametrize(
    ("first", "count", "expected"),
    [
        ("x.exe", 1, "x.sfxdata"),
        ("x.EXE", 1, "x.sfxdata"),
        ("x.b.exe", 1, "x.b.sfxdata"),
        ("x", 1, "x.sfxdata"),
        ("x.bin", 1, "x.bin.sfxdata"),
        (".exe", 1, ".exe.sfxdata"),
        ("x.exe", 2, "x.exe.part01"),
    ],
)
def test_names_for_windows(first: str, count: int, expected: str) -> None:
    assert part_path(Path("a b", first), 1, count, windows=True) == Path("a b", expected)


WINDOWS = Platform.WINDOWS_X86_64
FOUR_GB = 1 << 32


def test_cuts_by_platform() -> None:
    assert cut_of(Platform.LINUX_X86_64, 0, 600) == Cut()
    assert cut_of(Platform.LINUX_X86_64, 1000, 600) == Cut(999, 999)
    assert cut_of(WINDOWS, 0, 600) == Cut(FOUR_GB - 65536, kept=600, windows=True)
    assert cut_of(WINDOWS, 5 * FOUR_GB, 600) == Cut(FOUR_GB - 65536, 5 * FOUR_GB - 1, windows=True)
    assert cut_of(WINDOWS, 1000, 600) == Cut(600, 999, windows=True)
    assert cut_of(WINDOWS, SFXDATA, 600) == Cut(600, windows=True)
    for split, text in {600: "at least 601", SFXDATA: "for a .exe alone"}.items():
        with pytest.raises(UsageError, match=text):
            cut_of(Platform.LINUX_X86_64, split, 600)


@pytest.mark.parametrize("size", [600, 1000, 1001, 3000])
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_a_program_that_becomes_too_large(size: int, step: int, tmp_path: Path) -> None:
    files = OutFiles(tmp_path / "x.exe", Cut(1000, kept=600, windows=True))
    files.open()
    data = bytes(number % 251 for number in range(size))
    for at in range(0, size, step):
        files.write(data[at : at + step])
    assert files.size == size
    parts = (files.first_size, files.part_size)
    found = finished(files)
    if size <= 1000:
        assert (found, parts) == ([size], (0, 0))
        return
    assert (found, parts) == ([600, PART + size - 600], (600, size - 600))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.exe", "x.sfxdata"]
    assert (tmp_path / "x.exe").read_bytes()[512:] == data[512:600]
    assert (tmp_path / "x.sfxdata").read_bytes()[PART:] == data[600:]


def test_what_is_a_part(tmp_path: Path) -> None:
    magic = b"\x89SFXP\r\n\x1b"
    for name in (
        "x.sh.part01",
        "x.sh.part0123",
        "x.sh.part1",
        "x.sh.part",
        "x.sh.b.part01",
        "other.part01",
        "x.sh.a01",
    ):
        (tmp_path / name).write_bytes(magic + b"rest")
    (tmp_path / "x.sh.part02").write_bytes(b"a browser's")
    (tmp_path / "x.sh.part03").mkdir()
    assert [path.name for path in parts_beside(tmp_path / "x.sh")] == ["x.sh.part01", "x.sh.part0123"]
    assert not is_part(tmp_path / "none.part01")
    for name in ("x.sfxdata", "x.b.sfxdata", "y.sfxdata"):
        (tmp_path / name).write_bytes(magic + b"rest")
    assert [path.name for path in parts_beside(tmp_path / "x.exe")] == ["x.sfxdata"]
