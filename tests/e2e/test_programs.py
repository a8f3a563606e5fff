"""Programs that break when other tools move them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import fragile
from tests.running import build, run
from tests.search import remaining

PLACES = ("shorter", "one byte shorter", "equal", "longest", "by peers", "by peers, equal")

ORIGINAL = "original_" + "o" * 60


@dataclass(frozen=True, slots=True)
class Moved:
    """The programs at all places."""

    size: int
    """Bytes of the path they were made for."""
    places: dict[str, Path]
    limits: dict[str, int]
    """Of the artifacts packed at the places."""

    def run(self, place: str, program: str) -> tuple[int, str]:
        """Exit status and output."""
        if program == fragile.BY_RUST and shutil.which("rustc") is None:
            pytest.skip("no rustc here")
        path = self.places[place] / "bin" / program
        done = subprocess.run([path], capture_output=True, check=False, text=True)
        return done.returncode, done.stdout


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], str], stub: Path) -> Moved:
    assert stub.is_file()
    folder = tmp_path_factory.mktemp("p")
    root = fragile.make(folder / ORIGINAL, require)
    size = len(os.fsencode(root))

    def place(name: str, length: int) -> Path:
        return folder / name.ljust(length - len(os.fsencode(folder)) - 1, "x")

    places = {"shorter": folder / "s", "one byte shorter": place("less", size - 1), "equal": place("equal", size)}
    limits = {"original": build(root, folder / "first.sh")["prefix_limit"]}
    hidden = root.rename(folder / "hidden")
    for target in places.values():
        run(folder / "first.sh", "--prefix", target)
    for name in ("one byte shorter", "shorter"):
        limits[name] = build(places[name], folder / "again.sh", "--force")["prefix_limit"]
    places["longest"] = place("longest", size)
    run(folder / "again.sh", "--prefix", places["longest"])
    places["by peers"] = fragile.move_as_peers_do(hidden, root, folder / "n")
    places["by peers, equal"] = fragile.move_as_peers_do(hidden, root, place("no-less", size))
    return Moved(size, places, limits)


@pytest.mark.parametrize("program", [*fragile.PROGRAMS, *fragile.STURDY])
@pytest.mark.parametrize("place", PLACES)
def test_it_works_unless_peers_moved_it(moved: Moved, place: str, program: str) -> None:
    works = program in fragile.STURDY or place not in ("by peers", "by peers, equal" if program == "root" else "")
    assert (moved.run(place, program) == (0, "hello\n")) is works


def test_a_tree_packed_again_keeps_its_capacity(moved: Moved) -> None:
    assert moved.limits == dict.fromkeys(("original", "one byte shorter", "shorter"), moved.size)


@pytest.mark.parametrize("place", ["shorter", "one byte shorter", "equal"])
def test_nothing_names_the_old_prefix(moved: Moved, place: str) -> None:
    root = moved.places[place].parent / ORIGINAL
    assert remaining(moved.places[place], str(root)) == {}


def test_nothing_names_the_prefix_in_between(moved: Moved) -> None:
    assert remaining(moved.places["longest"], str(moved.places["shorter"])) == {}
