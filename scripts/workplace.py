"""What the scripts of a checkout share: the right Python, a venv with the project in it, timed commands.

Standard library only, since it runs before anything is installed.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 10):  # noqa: UP036 this is what finds out
    import shutil as _shutil

    _names = (f"python3.{minor}" for minor in range(19, 9, -1))
    _newer = [name for name in _names if _shutil.which(name)]
    _way_out = f"run: {_newer[0]} {sys.argv[0]}" if _newer else "install a newer one and put it first in PATH"
    sys.exit(f"sfxpack needs Python 3.10 or newer, {sys.executable} is {sys.version.split()[0]}; {_way_out}")

import importlib.util
import os
import re
import shlex
import subprocess
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_DISTURBING = ("PYTHON", "VIRTUAL_ENV", "CONDA_", "__PYVENV_LAUNCHER__", "SFXPACK_")
"""Starts of variables of the caller's that would reach into what is made or tested here."""
_TAIL = 40
"""Lines of a failed command's output that are shown."""


class ScriptError(Exception):
    """Something that ends the script; the message says what to do about it."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the caller's variables without those of other Pythons, and with some more."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_DISTURBING)}
    return kept | dict(extra or {})


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    log: Path | None = None,
) -> str:
    """Run a command, return what it printed; its output is shown only if it fails.

    With `log`, output goes to that file as it comes, and nothing is returned.

    Raises:
        ScriptError: the command cannot be run or does not succeed.
    """
    arguments = [str(part) for part in command]
    try:
        with Path(log or os.devnull).open("wb") as file:
            done = subprocess.run(
                arguments,
                cwd=cwd,
                env=dict(env) if env is not None else environment(),
                stdin=subprocess.DEVNULL,
                stdout=file if log else subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
    except OSError as error:
        raise ScriptError(f"cannot run {shlex.join(arguments)}: {error}") from error
    output = log.read_bytes() if log else done.stdout
    text = output.decode(errors="backslashreplace")
    if done.returncode != 0:
        tail = "\n".join(text.splitlines()[-_TAIL:])
        raise ScriptError(f"{tail}\n`{shlex.join(arguments)}` ended with status {done.returncode}")
    return "" if log else text


def make_venv(folder: Path) -> Path:
    """Make a venv there, or take the one that is there and works with this Python; return its interpreter.

    Raises:
        ScriptError: this Python has no `ensurepip` (Debian packs it apart), or the venv cannot be made.
    """
    python = folder / "bin" / "python"
    probe = "import pip, sys; print(sys.version, sys.prefix)"
    if python.exists():
        done = subprocess.run([python, "-c", probe], env=environment(), capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout == f"{sys.version} {folder}\n":
            return python
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        raise ScriptError(
            f"{sys.executable} cannot make virtual environments: its module {missing[0]} is missing. "
            f"On Debian and Ubuntu: sudo apt-get install {package}   (or python3-venv)"
        )
    run([sys.executable, "-m", "venv", "--clear", str(folder)])
    return python


def pip_install(python: Path, *arguments: str | Path, env: Mapping[str, str] | None = None) -> None:
    """Install packages with the pip of that interpreter."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*command, *map(str, arguments)], env=environment(env))


def pinned_zig() -> str:
    """Return the requirement for the compiler of the stubs; no TOML reader is needed on Python 3.10 for one line."""
    text = (ROOT / "stubs" / "targets.toml").read_text(encoding="utf-8")
    match = re.search(r'^zig = "([^"]+)"', text, re.MULTILINE)
    if match is None:
        raise ScriptError("stubs/targets.toml names no zig")
    return f"ziglang=={match[1]}"


def prepare_venv(platforms: str | None = None) -> Path:
    """Return the interpreter of `build/test-venv`, with this checkout, what its tests and checks need, and the stubs.

    Nothing is asked of the package index if the venv was made for the `pyproject.toml` that is there now.
    The compiler is installed there too: the C tests use it, and the build hook then finds nothing left to compile.
    Without `platforms` only the host's stub is built.
    """
    venv = ROOT / "build" / "test-venv"
    python = make_venv(venv)
    script = str(ROOT / "scripts" / "build_stubs")
    build_stubs = [str(python), script, "--targets", platforms or sysconfig.get_platform()]
    stamp, zig = venv / "installed.txt", pinned_zig()
    wanted = f"{ROOT}\n{zig}\n{(ROOT / 'pyproject.toml').read_text(encoding='utf-8')}"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        run(build_stubs)
        return python
    pip_install(python, zig, "tomli")
    run(build_stubs)
    pip_install(python, "--editable", f"{ROOT}[dev,test,test-conda]")
    stamp.write_text(wanted, encoding="utf-8")
    return python


@dataclass(frozen=True, slots=True)
class Timer:
    """Prints a line for something that takes a while, and the seconds it took when it is done."""

    started: float
    text: str

    @classmethod
    def start(cls, text: str) -> Timer:
        """Say what begins."""
        print(f"{text:<58}", end=" ", flush=True)
        return cls(time.monotonic(), text)

    def stop(self, note: str = "") -> float:
        """Say how long it took; return the seconds."""
        seconds = time.monotonic() - self.started
        print(f"{seconds:7.1f} s  {note}".rstrip(), flush=True)
        return seconds
