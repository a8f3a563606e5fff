"""A venv works where its base Python, OpenSSL, libffi, SQLite, zlib and xz were never installed."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests import environments, views
from tests.conftest import missing
from tests.environments import DEBIAN_PYTHON
from tests.programs import PROGRAMS
from tests.running import build, run

PREFIX = "/opt/" + "d" * 57 + "/" + "e" * 57
"""120 bytes."""
THIS_PYTHON = Path(os.path.realpath(sys.executable))
PYTHONS = {"debian": DEBIAN_PYTHON, "elsewhere": THIS_PYTHON}
MODULES = "bz2 ctypes curses hashlib lzma readline sqlite3 ssl uuid zlib"
"""Those among them that the base has are imported."""
REPORT = f"""
import importlib, json, sys, sysconfig
missing = []
for name in {MODULES!r}.split():
    try:
        importlib.import_module(name)
    except ImportError as error:
        missing.append(f"{{name}}: {{error}}")
mapped = sorted({{line.split()[-1] for line in open("/proc/self/maps") if "/" in line}})
paths = sysconfig.get_paths()
found = {{"executable": sys.executable, "prefix": sys.prefix, "base": sys.base_prefix, "missing": missing}}
print(json.dumps({{**found, "mapped": mapped, "include": paths["include"], "purelib": paths["purelib"]}}))
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """A venv, installed in a file system of its own."""

    original: Path
    view: Path

    def run(self, *command: str, status: int = 0) -> CompletedProcess[str]:
        done = views.run_in_view(self.view, *command)
        assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture(scope="module", params=PYTHONS)
def installed(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    make_view: Callable[[Path], Path],
    stub: Path,
) -> Installed:
    assert stub.is_file()
    python = PYTHONS[request.param]
    if python == DEBIAN_PYTHON and not all(program.path() for program in PROGRAMS if program.package == "python3-venv"):
        missing("the system's Python makes no venvs: apt-get install python3-venv")
    folder = tmp_path_factory.mktemp("base")
    view = make_view(folder / "view")
    original = environments.make_venv(folder / "venv", python)
    build(original, view / "venv.sh")
    original.rename(folder / "hidden")
    made = Installed(original, view)
    made.run("/bin/sh", "/venv.sh", "--prefix", PREFIX)
    return made


def test_the_view_has_no_python(installed: Installed) -> None:
    for name in ("python3", "libssl.so.3", "libffi.so.8", "libsqlite3.so.0", "libz.so.1", "liblzma.so.5"):
        inside = [path for path in installed.view.rglob(f"{name}*") if PREFIX.strip("/") not in str(path)]
        assert inside == []


def test_modules_that_need_libraries(installed: Installed) -> None:
    report = json.loads(installed.run(f"{PREFIX}/bin/python", "-c", REPORT).stdout)
    python = installed.original.with_name("hidden") / "bin/python"
    expected = json.loads(run(python, "-c", REPORT, env=environments.clean_variables()).stdout)
    assert [line.partition(":")[0] for line in report["missing"]] == [
        line.partition(":")[0] for line in expected["missing"]
    ]
    assert report["executable"] == f"{PREFIX}/bin/python"
    assert report["prefix"] == PREFIX
    assert os.path.normpath(report["base"]) == f"{PREFIX}/base-python"
    assert report["purelib"].startswith(f"{PREFIX}/lib/")
    assert os.path.normpath(report["include"]).startswith(f"{PREFIX}/base-python/include/")
    libraries = {str(path) for path in views.host_libraries()}
    real = {os.path.realpath(path) for path in libraries}
    foreign = [path for path in report["mapped"] if not path.startswith((PREFIX, "/dev")) and ".so" in path]
    assert set(foreign) <= libraries | real


def test_tcl(installed: Installed) -> None:
    code = "import tkinter; print(tkinter.Tcl().eval('info library'))"
    if environments.has_module(installed.original.with_name("hidden") / "bin/python", "_tkinter"):
        assert installed.run(f"{PREFIX}/bin/python", "-c", code).stdout.startswith(f"{PREFIX}/lib/tcl")


@pytest.mark.parametrize("command", ["bin/pip list", "bin/python -m pip check", "bin/python -m sysconfig"])
def test_pip_and_sysconfig(installed: Installed, command: str) -> None:
    program, *words = command.split()
    shown = installed.run(f"{PREFIX}/{program}", *words).stdout
    assert str(installed.original) not in shown


def test_pip_installs(installed: Installed) -> None:
    source = installed.view / "tmp/pure-1.0-py3-none-any.whl"
    environments.make_wheel(source)
    installed.run(f"{PREFIX}/bin/pip", "install", "--no-index", f"/tmp/{source.name}")  # noqa: S108 the view's
    assert installed.run(f"{PREFIX}/bin/pure-hello").stdout == "pure\n"


def test_it_makes_venvs(installed: Installed) -> None:
    installed.run(f"{PREFIX}/bin/python", "-m", "venv", "--without-pip", "/nested")
    code = "import ssl, sys; print(sys.prefix)"
    assert installed.run("/nested/bin/python", "-c", code).stdout == "/nested\n"
    shutil.rmtree(installed.view / "nested")


def test_activation(installed: Installed) -> None:
    code = 'python -c "import sys; print(sys.prefix)"'
    script = f". {PREFIX}/bin/activate; {code}; deactivate; command -v python || echo none"
    assert installed.run("/bin/sh", "-euc", script).stdout == f"{PREFIX}\nnone\n"


def test_nothing_changed_since(installed: Installed) -> None:
    installed.run(f"{PREFIX}/.sfxpack/sfx", "verify")
