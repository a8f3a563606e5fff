"""A real CPython for Windows: packed here, installed in wine at two places, moved, and run."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import winpython
from tests.running import build
from tests.winehost import Wine

MODULES = "asyncio bz2 ctypes decimal hashlib lzma multiprocessing socket sqlite3 ssl unicodedata winreg zoneinfo"
WHERE = (
    "import sys, json, sysconfig; "
    "print(sys.prefix, sys.executable, json.dumps.__code__.co_filename, sysconfig.get_path('purelib'), sep='\\n')"
)
PLACES = ("C:\\Program Files\\My Äpp (1)", "D:\\p")


@dataclass(frozen=True)
class Python:
    """One that is installed."""

    wine: Wine
    prefix: str

    def run(self, program: str, *arguments: str, status: int = 0) -> list[str]:
        """The lines that a program of it prints."""
        command = [f"{self.prefix}\\{program}", *arguments]
        done = self.wine.run(command, environment={"PYTHONUTF8": "1"}, status=status)
        return done.stdout.splitlines()

    def check(self) -> None:
        """It works, and all of it is there, not where it was made."""
        prefix = self.prefix
        library = f"{prefix}\\Lib"
        shown = [prefix, f"{prefix}\\python.exe", f"{library}\\json\\__init__.py", f"{library}\\site-packages"]
        assert self.run("python.exe", "-c", WHERE) == shown
        imports = f"import {', '.join(MODULES.split())}; print(ssl.OPENSSL_VERSION)"
        assert self.run("python.exe", "-c", imports)[0].startswith("OpenSSL 3")
        assert self.run(".sfxpack\\sfx.exe", "verify")[-1].endswith(" 0 differences, 0 regenerated")
        assert self.run(".sfxpack\\sfx.exe", "run", "python", "-m", "greet", "a b", status=2)[:1] == ["hello a b"]

    def check_programs(self) -> None:
        """What pip made for the packages starts this interpreter."""
        assert self.run("Scripts\\greet.exe", "a b", "&", status=3) == ["hello a b &", f"{self.prefix}\\python.exe"]
        assert self.run("Scripts\\greet-window.exe", status=1) == ["hello", f"{self.prefix}\\pythonw.exe"]
        assert self.run("Scripts\\pip.exe", "--version")[0].split(" from ")[1].startswith(f"{self.prefix}\\Lib")
        assert self.run(".sfxpack\\sfx.exe", "run", "greet", "x", status=2)[0] == "hello x"


@pytest.fixture(scope="module")
def installer(windows_python: Path, windows_stub: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `.exe` for Windows on x86-64, packed on this system."""
    assert windows_stub.exists()
    output = tmp_path_factory.mktemp("packed") / "py.exe"
    build(windows_python, output, "--old-prefix", winpython.OLD_PREFIX, "--name", "py")
    return output


@pytest.fixture(scope="module")
def drive(wine: Wine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Drive D:."""
    folder = tmp_path_factory.mktemp("drive")
    with wine.letter("D", folder):
        yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module", params=PLACES)
def python(request: pytest.FixtureRequest, wine: Wine, installer: Path, drive: Path) -> Python:
    """Installed at both places, each for several tests."""
    assert drive.is_dir()
    done = wine.run([installer, "--prefix", request.param, "--quiet"], status=0)
    assert (done.stdout, done.stderr) == ("", "")
    return Python(wine, request.param)


def _old_paths(root: Path) -> list[str]:
    """Files that hold where the tree was made, in any spelling but those whose text is of this system."""
    folder = winpython.OLD_PREFIX[2:].replace("\\", "/")
    pattern = re.compile(re.escape(folder.encode()).replace(b"/", rb"[/\\]{1,2}"), re.IGNORECASE)
    wide = folder.replace("/", "\\").encode("utf-16-le").lower()
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if pattern.search(data) or wide in data.lower():
                found.append(path.relative_to(root).as_posix())
    return found


def test_it_runs(python: Python) -> None:
    python.check()
    assert _old_paths(python.wine.path(python.prefix)) == []


def test_programs_that_pip_made(python: Python) -> None:
    python.check_programs()


def test_again_is_no_change(python: Python, installer: Path) -> None:
    done = python.wine.run([installer, "--prefix", python.prefix], status=0)
    assert f"py is already installed in {python.prefix}\n" in done.stdout


def test_run_finds_commands_as_an_active_environment_does(python: Python) -> None:
    code = "import os; print(os.environ['PATH'].split(';')[0], os.getcwd())"
    done = python.wine.run(
        [f"{python.prefix}\\.sfxpack\\sfx.exe", "run", "--", "python", "-c", code],
        environment={"PYTHONUTF8": "1"},
        folder="C:\\windows",
        status=0,
    )
    assert done.stdout == f"{python.prefix} C:\\windows\n"
    for command, status in ((["cmd", "/c", "exit 7"], 7), (["python", "-c", "raise SystemExit(300)"], 300 & 255)):
        python.run(".sfxpack\\sfx.exe", "run", *command, status=status)
    missing = python.wine.run([f"{python.prefix}\\.sfxpack\\sfx.exe", "run", "no-such-program"], status=8)
    assert "cannot run no-such-program" in missing.stderr


def test_run_gives_batch_files_what_they_can_take(python: Python) -> None:
    script = python.wine.path(python.prefix) / "Scripts/show.bat"
    script.write_text("@echo off\r\necho %1+%2\r\nexit /b 9\r\n")
    assert python.run(".sfxpack\\sfx.exe", "run", "show", "a", "b & c", status=9) == ['"a"+"b & c"']
    refused = python.wine.run([f"{python.prefix}\\.sfxpack\\sfx.exe", "run", "show", "%PATH%"], status=8)
    assert "cannot run show" in refused.stderr
    script.unlink()


def test_standard_input_reaches_what_is_run(python: Python) -> None:
    command = [f"{python.prefix}\\.sfxpack\\sfx.exe", "run", "python", "-c", "print(input()[::-1])"]
    assert python.wine.run(command, stdin="abc\n", status=0).stdout == "cba\n"


@pytest.fixture
def copy(python: Python, tmp_path: Path) -> Iterator[Python]:
    """A copy that `sfx relocate` made, at a path with other letters."""
    target = f"C:\\{tmp_path.name[-8:]} ñ\\env"
    python.run(".sfxpack\\sfx.exe", "relocate", target, "--quiet")
    yield Python(python.wine, target)
    shutil.rmtree(python.wine.path(target).parent)


@pytest.mark.parametrize("python", PLACES[1:], indirect=True)
def test_a_copy_that_is_moved_and_removed(copy: Python) -> None:
    copy.check_programs()
    wine, moved = copy.wine, Python(copy.wine, copy.prefix[:-3] + "moved")
    wine.path(copy.prefix).rename(wine.path(moved.prefix))
    refused = wine.run([f"{moved.prefix}\\.sfxpack\\sfx.exe", "run", "python"], status=5)
    assert f"made for {copy.prefix}, lies in {moved.prefix}" in refused.stderr
    moved.run(".sfxpack\\sfx.exe", "relocate", "--quiet")
    moved.check()
    moved.check_programs()
    assert _old_paths(wine.path(moved.prefix)) == []
    moved.run(".sfxpack\\sfx.exe", "uninstall", "--yes")
    assert not wine.path(moved.prefix).exists()
