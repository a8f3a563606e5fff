"""Windows as wine has it: one prefix for all tests, whose server stays, and a Python for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sfxpack.format.layout import Platform
from stubs.builder import StubBuilder
from tests import winpython
from tests.installers import Maker
from tests.winehost import WINE, Wine, windows

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def wine(require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wine]:
    """Windows 10 in a new prefix."""
    require(WINE)
    with windows(tmp_path_factory.mktemp("wine")) as made:
        yield made


@pytest.fixture(scope="session")
def windows_python(wine: Wine) -> Path:
    """A CPython with pip and a package `greet`, which lay at `winpython.OLD_PREFIX`: to read, not to change."""
    return winpython.tree(wine)


@pytest.fixture(scope="session")
def windows_stub() -> Path:
    """The stub for Windows as the sources give it."""
    builder = StubBuilder(ROOT)
    targets = builder.choose("windows-x86_64")
    if builder.stale(targets):
        builder.build(targets)
    return builder.directory / targets[0].file


@pytest.fixture
def maker(windows_stub: Path, tmp_path: Path) -> Maker:
    """Writes installers for Windows."""
    return Maker(windows_stub, tmp_path, Platform.WINDOWS_X86_64)
