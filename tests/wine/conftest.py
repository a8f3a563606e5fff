"""Windows as wine has it: one prefix for all tests, whose server stays."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sfxpack.format.layout import Platform
from stubs.builder import StubBuilder
from tests.installers import TIMEOUT, Maker

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Wine:
    """A prefix of wine."""

    program: str
    prefix: Path

    @property
    def drive(self) -> Path:
        """Where drive C: lies."""
        return self.prefix / "drive_c"

    @property
    def environment(self) -> dict[str, str]:
        """Without questions and messages of wine's own."""
        own = {"WINEPREFIX": str(self.prefix), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml="}
        return {key: value for key, value in os.environ.items() if key != "DISPLAY"} | own

    def command(self, program: object, *arguments: object) -> list[str]:
        """The command line that runs a program of Windows."""
        return [self.program, str(program), *map(str, arguments)]

    def run(self, command: list[object], *, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program of Windows to its end."""
        return subprocess.run(
            self.command(*command),
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=TIMEOUT,
            env=self.environment,
            input=stdin,
        )


@pytest.fixture(scope="session")
def wine(require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wine]:
    """Windows 10 in a new prefix."""
    folder = Path(require("/usr/lib/wine/wine64")).parent
    made = Wine(str(folder / "wine64"), tmp_path_factory.mktemp("wine") / "prefix")
    server = str(folder / "wineserver64")
    quiet = subprocess.DEVNULL
    for command in (["wineboot", "-i"], ["winecfg", "/v", "win10"]):
        subprocess.run(made.command(*command), env=made.environment, check=True, stdout=quiet, stderr=quiet)
    subprocess.run([server, "-p"], env=made.environment, check=False)
    # The first program starts services, which keep its standard streams.
    subprocess.run(made.command("cmd", "/c", "exit"), env=made.environment, check=False, stdout=quiet, stderr=quiet)
    yield made
    subprocess.run([server, "-k"], env=made.environment, check=False)
    shutil.rmtree(made.prefix, ignore_errors=True)


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
