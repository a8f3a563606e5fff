"""The relocator of the stub, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.relocator import Relocator


@pytest.fixture(scope="session")
def stub_says(c_programs: Path) -> Iterator[Relocator]:
    """Answers what the stub makes of an index and a prefix."""
    relocator = Relocator(c_programs / "serve")
    yield relocator
    relocator.close()
