"""What the tests use of the system, from `system-packages.txt`; standard library only, since scripts/test reads it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from glob import glob
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Program:
    """One line of the list."""

    package: str
    """Debian's name."""
    name: str
    """A program, or the pattern of a path."""
    use: str
    """Which tests are skipped without it."""

    def path(self) -> str | None:
        """Return where it is, or None."""
        if self.name.startswith("/"):
            return next(iter(sorted(glob(self.name))), None)
        return shutil.which(self.name)


def _read() -> tuple[Program, ...]:
    lines = Path(__file__).with_name("system-packages.txt").read_text(encoding="ascii").splitlines()
    return tuple(Program(*line.split(maxsplit=2)) for line in lines if line and not line.startswith("#"))


PROGRAMS = _read()
