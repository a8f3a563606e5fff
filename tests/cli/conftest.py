"""The installer that most tests of the command line use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installers import Installer, Maker, small


@pytest.fixture
def maker(stub: Path, tmp_path: Path) -> Maker:
    """Writes artifacts into `media`, apart from where they install."""
    folder = tmp_path / "media"
    folder.mkdir()
    return Maker(stub, folder)


@pytest.fixture
def app(maker: Maker) -> Installer:
    """Of a small tree, where a module makes no other."""
    return maker.make(small())
