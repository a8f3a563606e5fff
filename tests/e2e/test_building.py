"""What one builds with in an environment works after the move: pkg-config, libtool, headers, pip."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests import cproject, environments
from tests.conftest import missing
from tests.running import build, run

PYTHONS = {"debian": environments.DEBIAN_PYTHON, "elsewhere": Path(os.path.realpath(sys.executable))}
PYTHON_CONFIG = """
import runpy, sys, sysconfig
folder = sysconfig.get_config_var("LIBPL")
sys.argv = ["python-config", "--includes", "--ldflags", "--embed"]
runpy.run_path(f"{folder}/python-config.py", run_name="__main__")
"""


@dataclass(frozen=True, slots=True)
class Moved:
    """A venv with a C library, moved."""

    original: Path
    prefix: Path
    folder: Path
    """For what is built."""
    variables: dict[str, str]
    require: Callable[[str], str]

    def run(self, *command: object, cwd: Path | None = None) -> str:
        """What a program says; nothing it says may name the old place."""
        done = run(*command, env=self.variables, cwd=cwd or self.folder)
        assert str(self.original) not in done.stdout + done.stderr
        assert "moved" not in done.stderr  # libtool's words for a library that is not where its file says
        return done.stdout


@pytest.fixture(scope="module", params=PYTHONS)
def moved(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    require: Callable[[str], str],
    stub: Path,
) -> Moved:
    assert stub.is_file()
    python = PYTHONS[request.param]
    headers = run(python, "-c", "import sysconfig; print(sysconfig.get_config_var('INCLUDEPY'))").stdout.strip()
    if not Path(headers, "Python.h").exists():
        missing(f"{headers}/Python.h is missing: apt-get install python3-dev")
    if not environments.has_module(python, "ensurepip"):
        missing("the system's Python makes no venvs: apt-get install python3-venv")
    folder = tmp_path_factory.mktemp("c")
    original = environments.make_venv(folder / ("original-" + "o" * 30), python)
    if not environments.has_module(original / "bin/python", "setuptools"):
        add_setuptools(original)
    cproject.install(original, folder / "made-from", require)
    build(original, folder / "x.sh", "--level", "1")
    original.rename(folder / "hidden")
    run(folder / "x.sh", "--prefix", folder / "e")
    (folder / "work").mkdir()
    prefix = folder / "e"
    variables = environments.clean_variables() | {"PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
    return Moved(original, prefix, folder / "work", variables, require)


def add_setuptools(venv: Path) -> None:
    """Copy that of the tests into a venv; those of Python 3.12 and later come without."""
    (site_packages,) = venv.glob("lib/python*/site-packages")
    for name in ("setuptools", "_distutils_hack"):
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        shutil.copytree(Path(spec.origin).parent, site_packages / name)


def test_the_program_runs(moved: Moved) -> None:
    assert moved.run(moved.prefix / "bin/greet") == "hello\n"


def test_pkg_config(moved: Moved) -> None:
    prefix = moved.prefix
    flags = moved.run(moved.require("pkg-config"), "--cflags", "--libs", "greet").split()
    assert flags == [f"-I{prefix}/include", f"-L{prefix}/lib", "-lgreet"]
    main = moved.folder.parent / "made-from/main.c"
    moved.run(moved.require("gcc"), main, "-o", "shared", *flags, f"-Wl,-rpath,{prefix}/lib")
    moved.run(moved.require("gcc"), main, "-o", "static", *flags[:1], prefix / "lib/libgreet.a")
    assert moved.run("./shared") == moved.run("./static") == "hello\n"


def test_config_scripts(moved: Moved) -> None:
    script = moved.prefix / "bin/greet-config"
    assert moved.run(script, "--prefix") == f"{moved.prefix}\n"
    assert moved.run(script, "--libs") == f"-L{moved.prefix}/lib -lgreet\n"


def test_libtool(moved: Moved) -> None:
    """It reads the library's `.la` file, and tells if the library is not where that says."""
    libtool, compiler = moved.require("libtool"), moved.require("gcc")
    main = moved.folder.parent / "made-from/main.c"
    compiled = ("--mode=compile", compiler, "-c", main, "-o", "main.lo", f"-I{moved.prefix}/include")
    moved.run(libtool, "--tag=CC", *compiled)
    linked = ("--mode=link", compiler, "main.lo", moved.prefix / "lib/libgreet.la", "-o", "linked")
    assert f"{moved.prefix}/lib" in moved.run(libtool, "--tag=CC", *linked)
    assert moved.run("./linked") == "hello\n"


def test_python_config(moved: Moved) -> None:
    includes, libraries = moved.run(moved.prefix / "bin/python", "-c", PYTHON_CONFIG).splitlines()
    folders = [word[2:] for word in f"{includes} {libraries}".split() if word.startswith(("-I", "-L"))]
    assert len(folders) > 1
    for folder in folders:
        assert os.path.realpath(folder).startswith(str(moved.prefix))
        assert os.path.isdir(folder)


def test_pip_builds_an_extension(moved: Moved) -> None:
    source = cproject.extension(moved.folder / "by-pip")
    python = moved.prefix / "bin/python"
    moved.run(python, "-m", "pip", "install", "--no-index", "--no-build-isolation", source)
    says = moved.run(python, "-c", "import greeting; print(greeting.__file__, open(greeting.file()).read())")
    assert says.startswith(f"{moved.prefix}/lib")
    assert says.endswith(" hello\n\n")


def test_setuptools_builds_an_extension(moved: Moved) -> None:
    python = moved.prefix / "bin/python"
    source = cproject.extension(moved.folder / "by-setuptools")
    folders = (f"-I{moved.prefix}/include", f"-L{moved.prefix}/lib", f"-R{moved.prefix}/lib")
    moved.run(python, "setup.py", "-q", "build_ext", "--inplace", *folders, cwd=source)
    assert moved.run(python, "-c", "import greeting; print(open(greeting.file()).read())", cwd=source) == "hello\n\n"
