"""The Windows rows of scripts/matrix: packages for Windows in a real CPython, packed here, used in wine."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scripts.workplace import ROOT, ScriptError, run
from tests import winpython
from tests.winehost import WINE, Wine, windows

PREFIX = "D:\\Programs (x) ä\\env"
WHEELS = ("numpy==1.26.4", "ninja==1.13.0", "cmake==4.1.0", "six==1.17.0")
"""Of NumPy a version that wine 8 has all functions for."""
BUILDER = (
    *(
        "attrs",
        "cffi",
        "click",
        "colorama",
        "hypothesis",
        "iniconfig",
        "jinja2",
        "markdown-it-py",
        "markupsafe",
        "mdurl",
    ),
    *("packaging", "pefile", "pluggy", "pycparser", "pyelftools", "pygments", "pynacl", "pytest", "pyyaml", "rich"),
    *("sortedcontainers", "zstandard"),
)
"""What sfxpack and its unit tests need, with what that needs on Windows."""
NUMPY = "import numpy as n; a = n.random.rand(200, 200); print(n.allclose(a @ n.linalg.inv(a), n.eye(200)), n.__file__)"
MAKE = 'cmake_minimum_required(VERSION 3.15)\nproject(x NONE)\nfile(WRITE "${CMAKE_BINARY_DIR}/made" x)\n'


@dataclass(frozen=True)
class Trial:
    """Something that is used at the new place."""

    label: str
    command: tuple[str, ...]
    """The first below the prefix."""
    expected: str
    """Part of what it prints."""


_RUN = (".sfxpack\\sfx.exe", "run", "cmake")
TRIALS = (
    Trial("NumPy", ("python.exe", "-c", NUMPY), f"True {PREFIX}"),
    Trial("pip: what is there", ("Scripts\\pip.exe", "list"), "numpy"),
    Trial("pip: removes", ("Scripts\\pip.exe", "uninstall", "--yes", "six"), "Successfully uninstalled six"),
    Trial("pip: installs", ("Scripts\\pip.exe", "install", "--no-index", "--find-links", "D:\\wheels", "six"), "six-"),
    Trial("Ninja", ("Scripts\\ninja.exe", "--version"), "1.13"),
    Trial("CMake", ("Scripts\\cmake.exe", "--version"), "cmake version 4.1"),
    Trial(
        "CMake with Ninja, by `sfx run`",
        (*_RUN, "-G", "Ninja", "-S", "D:\\source", "-B", "D:\\built"),
        "Generating done",
    ),
    Trial("verify", (".sfxpack\\sfx.exe", "verify"), " regenerated"),
)


def rows(work: Path) -> Iterator[str]:
    """Lines of a table: what was tried, whether it worked, seconds.

    Raises:
        ScriptError: there is no wine.
    """
    if not Path(WINE).exists():
        raise ScriptError("wine is missing: apt-get install wine64")
    drive = work / "drive"
    for folder in ("source", "Programs (x) ä"):
        (drive / folder).mkdir(parents=True)
    (drive / "source/CMakeLists.txt").write_text(MAKE, encoding="ascii")
    _download(drive / "wheels")
    with windows(work) as wine, wine.letter("D", drive):
        tree = work / "tree"
        made = wine.path(winpython.OLD_PREFIX)
        shutil.copytree(winpython.tree(wine), made)
        python = [f"{winpython.OLD_PREFIX}\\python.exe", "-m", "pip", "install", "--no-index", "--quiet"]
        wine.run([*python, "--find-links", "D:\\wheels", *WHEELS], status=0)
        shutil.move(made, tree)
        output = work / "env.exe"
        yield _timed("build", lambda: run([sys.executable, "-m", "sfxpack", "build", tree, "-o", output]))
        yield _timed("install", lambda: wine.run([output, "--prefix", PREFIX, "--quiet"], status=0))
        for trial in TRIALS:
            yield _timed(trial.label, partial(_try, wine, trial))
        yield _timed("sfxpack itself, installed by pip", partial(_set_up_builder, wine, drive))
        yield _timed("it builds there, from `D:`", partial(_build_there, wine))
        yield _timed("and what it built installs", partial(_install_that, wine))
        yield _unit_tests(wine)


def _set_up_builder(wine: Wine, drive: Path) -> None:
    """Copy this checkout there, and let pip install what it needs into an unchanged Python."""
    source = drive / "sfxpack"
    for name in ("sfxpack", "stubs", "templates", "tests", "scripts"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "build/stubs", source / "build/stubs")
    shutil.copy(ROOT / "build/NOTICES", source / "build")
    shutil.copytree(winpython.tree(wine), drive / "python")
    for package in ("unittest", "pydoc_data"):
        shutil.copytree(Path(sysconfig.get_path("stdlib"), package), drive / "python/Lib" / package)
    command = ["D:\\python\\python.exe", "-m", "pip", "install", "--no-index", "--no-deps", "--quiet"]
    wine.run([*command, "--find-links", "D:\\wheels", *BUILDER], status=0)


def _builder(wine: Wine, *arguments: str, status: int | None = 0) -> str:
    environment = {"PYTHONUTF8": "1", "PYTHONPATH": "D:\\sfxpack", "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["D:\\python\\python.exe", "-m", *arguments]
    return wine.run(command, environment=environment, folder="D:\\sfxpack", status=status, timeout=1800).stdout


def _build_there(wine: Wine) -> None:
    shutil.copytree(winpython.tree(wine), wine.path(winpython.OLD_PREFIX))
    _builder(wine, "sfxpack", "scan", winpython.OLD_PREFIX)
    _builder(wine, "sfxpack", "build", winpython.OLD_PREFIX, "-o", "D:\\there.exe")
    _builder(wine, "sfxpack", "verify", "D:\\there.exe")


def _install_that(wine: Wine) -> None:
    prefix = "D:\\it is here"
    wine.run(["D:\\there.exe", "--prefix", prefix, "--quiet"], status=0)
    wine.run([f"{prefix}\\Scripts\\greet.exe"], status=1)


def _unit_tests(wine: Wine) -> str:
    """The row of this project's own; those that need sh, links of POSIX or its paths fail."""
    started = time.monotonic()
    options = ("-q", "-p", "no:cacheprovider", "--continue-on-collection-errors", "--tb=no", "tests/unit")
    printed = _builder(wine, "pytest", *options, status=None)
    last = (printed.strip().splitlines() or ["nothing"])[-1].partition(" in ")[0].strip("= ")
    return f"| `pytest tests/unit` | {last} | {time.monotonic() - started:.1f} |"


def _download(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--platform", "win_amd64", "--python-version", winpython.VERSION, "--dest", str(folder)]
    subprocess.run([*command, *WHEELS, *BUILDER], check=True)


def _timed(label: str, action: Callable[[], object]) -> str:
    started = time.monotonic()
    try:
        action()
        result = "ok"
    except (AssertionError, ScriptError, OSError) as error:
        last = (str(error).splitlines() or ["?"])[-1]
        result = f"FAILED: {last}"
    return f"| {label} | {result} | {time.monotonic() - started:.1f} |"


def _try(wine: Wine, trial: Trial) -> None:
    command = [f"{PREFIX}\\{trial.command[0]}", *trial.command[1:]]
    done = wine.run(command, environment={"PYTHONUTF8": "1"})
    if trial.expected not in done.stdout:
        raise ScriptError(f"{done.returncode}\n{done.stdout}\n{done.stderr}".strip())
