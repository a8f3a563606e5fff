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
from sfxpack.outfiles import OutFiles

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
    files = OutFiles(tmp_path / "x.sh", 1000)
    files.open()
    for at in range(0, size, step):
        files.write(bytes(min(step, size - at)))
    assert files.size == size
    assert finished(files) == expected
    files.discard()
    assert sizes(tmp_path) == expected


def test_without_a_limit(tmp_path: Path) -> None:
    files = OutFiles(tmp_path / "x.sh", 0)
    files.open()
    files.write(bytes(1 << 21))
    assert (files.first_size, files.part_size) == (0, 0)
    assert finished(files) == sizes(tmp_path) == [1 << 21]


def test_too_many_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outfiles, "MAX_PARTS", 3)
    files = OutFiles(tmp_path / "x.sh", 1000)
    files.open()
    with pytest.raises(UsageError, match="larger"):
        files.write(bytes(5000))
    files.discard()
    assert sizes(tmp_path) == []


def test_names() -> None:
    first = Path("a b/x.sh")
    assert part_path(first, 0, 7) == first
    assert [part_path(first, 5, count).name for count in (5, 99, 100, 9999)] == [
        "x.sh.part05",
        "x.sh.part05",
        "x.sh.part005",
        "x.sh.part0005",
    ]


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
