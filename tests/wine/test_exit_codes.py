"""Exit codes of an installer for Windows, and what it leaves: a full disk, damage, foreign files, redirected output."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.installers import Installer, Maker, many, mounted, text, with_product
from tests.testkit import Sample, directory, file, sample
from tests.winehost import TIMEOUT, Wine

PREFIX = "D:\\a ä\\env"


def tree() -> Sample:
    entries = (directory(b"Lib"), file(b"Lib/large.bin", 1), file(b"Lib/where.txt", 0, text(0)))
    return with_product(sample(entries, (b"\\Lib\n", bytes(range(256)) * 400)), name=b"app", creator=b"sfxpack 0")


@pytest.fixture
def app(maker: Maker) -> Installer:
    return maker.make(tree(), "app.exe")


@pytest.fixture
def drive(wine: Wine, tmp_path: Path) -> Path:
    """What becomes drive D:."""
    assert wine.prefix.is_dir()
    (tmp_path / "drive" / "a ä").mkdir(parents=True)
    return tmp_path / "drive"


def test_a_full_disk(wine: Wine, maker: Maker, tmp_path: Path) -> None:
    large = maker.make(many(40, 100_000), "app.exe")
    small = tmp_path / "small"
    small.mkdir()
    with mounted(small, "-o", "size=2m"), wine.letter("D", small):
        below = small / "below"  # wine takes the root of what is mounted for a link
        below.mkdir()
        said = wine.run([large.path, "--prefix", "D:\\below\\env"], status=7)
        assert "app: " in said.stderr
        assert "space" in said.stderr
        assert list(below.iterdir()) == []
        checked = wine.run([large.path, "--prefix", "D:\\below\\env", "--check-only", "--json"], status=7)
        checks = {check["name"]: check for check in json.loads(checked.stdout)["checks"]}
        assert checks["space"]["outcome"] == "failed"
        # Where nobody looked before, the disk becomes full while files are written.
        wine.run([large.path, "--prefix", "D:\\below\\env", "--skip-check", "space"], status=7)
        assert list(below.iterdir()) == []


def test_check_only_writes_nothing(wine: Wine, app: Installer, drive: Path) -> None:
    with wine.letter("D", drive):
        done = wine.run([app.path, "--prefix", PREFIX, "--check-only"], status=0)
    assert PREFIX in done.stdout
    assert list((drive / "a ä").iterdir()) == []


def test_installed_already_then_verified_and_removed(wine: Wine, app: Installer, drive: Path) -> None:
    root = drive / "a ä/env"
    with wine.letter("D", drive):
        wine.run([app.path, "--prefix", PREFIX], status=0)
        assert "already installed" in wine.run([app.path, "--prefix", PREFIX], status=0).stdout
        (root / "Lib/where.txt").write_text("changed\n")
        (root / "mine.txt").write_text("mine\n")
        tool = f"{PREFIX}\\.sfxpack\\sfx.exe"
        assert "Lib\\where.txt" in wine.run([tool, "verify"], status=12).stdout.replace("/", "\\")
        wine.run([tool, "uninstall", "--yes"], status=12)
    assert {path.name for path in root.rglob("*") if path.is_file()} == {"where.txt", "mine.txt"}


@pytest.mark.parametrize("place", [3000, -3000])
def test_damage(wine: Wine, app: Installer, drive: Path, place: int) -> None:
    data = bytearray(app.path.read_bytes())
    data[place] ^= 1
    app.path.write_bytes(data)
    with wine.letter("D", drive):
        wine.run([app.path, "--prefix", PREFIX], status=3)
        assert wine.run([app.path, "--verify"], status=3).stderr
    assert list((drive / "a ä").iterdir()) == []


def test_an_installer_that_was_cut_short(wine: Wine, app: Installer, drive: Path) -> None:
    data = app.path.read_bytes()
    app.path.write_bytes(data[:-1000])
    with wine.letter("D", drive):
        wine.run([app.path, "--prefix", PREFIX], status=3)
    assert list((drive / "a ä").iterdir()) == []


def test_output_in_a_file_and_to_nobody(wine: Wine, app: Installer, drive: Path, tmp_path: Path) -> None:
    command = wine.command(app.path, "--prefix", PREFIX)
    with wine.letter("D", drive):
        with (tmp_path / "out").open("wb") as file:
            done = subprocess.run(
                command, env=wine.environment, stdout=file, stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False
            )
        assert done.returncode == 0
        assert f"is installed in {PREFIX}\n" in (tmp_path / "out").read_bytes().decode()
        with subprocess.Popen(
            wine.command(app.path, "--list"), env=wine.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as listing:
            assert listing.stdout
            assert listing.stderr
            listing.stdout.close()
            assert (listing.wait(TIMEOUT), listing.stderr.read()) == (0, b"")


def test_in_the_place_of_a_file(wine: Wine, app: Installer, drive: Path, require: Callable[[str], str]) -> None:
    assert require("/usr/lib/wine/wine64")
    (drive / "a ä/env").write_text("mine\n")
    with wine.letter("D", drive):
        assert PREFIX in wine.run([app.path, "--prefix", PREFIX], status=5).stderr
    assert (drive / "a ä/env").read_text() == "mine\n"
