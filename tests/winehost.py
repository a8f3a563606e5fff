"""Windows as wine has it: a prefix whose server stays, and running programs in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

TIMEOUT = 120
"""Seconds, of anything that is run."""
WINE = "/usr/lib/wine/wine64"
"""Debian's; what lies in the search path tells 32-bit programs to be missing."""
_DISTURBING = ("DISPLAY", "PIP_", "PYTHON", "SSL_CERT", "REQUESTS_CA", "CURL_CA", "VIRTUAL_ENV", "CONDA", "SFXPACK_")
"""Starts of variables that programs of Windows would take for their own; many hold paths of this system."""


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
        """Without questions and messages of wine's own, and without a screen."""
        own = {
            "WINEPREFIX": str(self.prefix),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",
            "LC_ALL": "C.UTF-8",
        }
        return {name: value for name, value in os.environ.items() if not name.startswith(_DISTURBING)} | own

    def path(self, windows: str) -> Path:
        """Where a path with a drive lies here."""
        path = PureWindowsPath(windows)
        return (self.prefix / "dosdevices" / path.drive.lower()).joinpath(*path.parts[1:])

    def command(self, program: object, *arguments: object) -> list[str]:
        """The command line that runs a program of Windows, which may be named as either system does."""
        return [self.program, str(program), *map(str, arguments)]

    def start(
        self, command: Sequence[object], *, environment: Mapping[str, str] | None = None, folder: str | None = None
    ) -> subprocess.Popen[str]:
        """Start a program of Windows with pipes: CPython does not start where its output is a file (of wine)."""
        return subprocess.Popen(
            self.command(*command),
            env=self.environment | dict(environment or {}),
            cwd=self.path(folder) if folder else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )

    def run(
        self,
        command: Sequence[object],
        *,
        stdin: str = "",
        environment: Mapping[str, str] | None = None,
        folder: str | None = None,
        status: int | None = None,
        timeout: int = TIMEOUT,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of Windows to its end, in a folder of Windows; STATUS: what it must end with."""
        with self.start(command, environment=environment, folder=folder) as process:
            try:
                out, error = process.communicate(stdin, timeout)
            except BaseException:
                process.kill()
                raise
        done = subprocess.CompletedProcess(process.args, process.returncode, out, error)
        assert status in {None, done.returncode}, f"{command}: {done.returncode}\n{out}\n{error}"
        return done

    @contextmanager
    def letter(self, letter: str, folder: Path) -> Iterator[str]:
        """Make a folder drive LETTER:."""
        link = self.prefix / "dosdevices" / f"{letter.lower()}:"
        link.symlink_to(folder)
        try:
            yield f"{letter}:\\"
        finally:
            link.unlink()


@contextmanager
def windows(folder: Path) -> Iterator[Wine]:
    """Windows 10 in a new prefix, which is removed at the end (700 MB); its server is kept alive between programs."""
    made = Wine(WINE, folder / "prefix")
    server = str(Path(WINE).parent / "wineserver64")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": made.environment}
    try:
        for command in (["wineboot", "-i"], ["winecfg", "/v", "win10"]):
            subprocess.run(made.command(*command), check=True, **quiet)  # type: ignore[call-overload] # its options
        for option in ("-w", "-p"):  # that one has ended; the next one stays
            subprocess.run([server, option], check=False, **quiet)  # type: ignore[call-overload]
        # The first program starts services, which keep its standard streams.
        subprocess.run(made.command("cmd", "/c", "exit"), check=False, **quiet)  # type: ignore[call-overload]
        yield made
    finally:
        subprocess.run([server, "-k"], check=False, **quiet)  # type: ignore[call-overload]
        shutil.rmtree(made.prefix, ignore_errors=True)
