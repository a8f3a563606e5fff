"""Fixtures for everything a test may need that is not Python: programs of the system and the host's stub."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

from sfxpack import resources
from sfxpack.errors import ResourceError
from stubs.builder import StubBuilder
from stubs.thirdparty import StubBuildError
from tests import views
from tests.programs import PROGRAMS

PACKAGES = {program.name: program.package for program in PROGRAMS}


def missing(text: str) -> NoReturn:
    """Skip the test, or with SFXPACK_REQUIRE=1 fail it; the text names what to install."""
    if os.environ.get("SFXPACK_REQUIRE") == "1":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


@pytest.fixture(scope="session")
def require() -> Callable[[str], str]:
    """A function from a program of `system-packages.txt` to its path; without it a test is skipped, in CI it fails."""

    def path_of(name: str) -> str:
        package = PACKAGES.get(name)
        assert package, f"{name} is not in tests/system-packages.txt"
        return shutil.which(name) or missing(f"{name} is missing: apt-get install {package}")

    return path_of


@pytest.fixture(scope="session")
def require_module() -> Callable[[str, str], None]:
    """A function that skips the test if a module cannot be imported; in CI it fails."""

    def look_for(module: str, project: str) -> None:
        if find_spec(module) is None:
            missing(f"{module} is missing: pip install {project}")

    return look_for


@pytest.fixture(scope="session")
def make_view(require: Callable[[str], str]) -> Callable[[Path], Path]:
    """A function that makes a view of the file system with a shell and tools; where none can be entered it skips."""

    def at(root: Path) -> Path:
        require("unshare")
        view = views.make_view(root, require("busybox"))
        tried = views.run_in_view(view, "/bin/true")
        if tried.returncode:
            pytest.skip(f"no view of the file system: {tried.stderr.strip()}")
        return view

    return at


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An executable copy of the host's stub."""
    copy = tmp_path_factory.mktemp("stub") / "sfx"
    try:
        shutil.copyfile(resources.stub(resources.host_platform()), copy)
    except ResourceError as error:
        missing(str(error))
    copy.chmod(0o755)
    return copy


@pytest.fixture(scope="session")
def require_stub() -> Callable[[str], Path]:
    """A function from a platform to its stub, which need not run here; without it a test is skipped, in CI it fails."""

    def path_of(platform: str) -> Path:
        try:
            return resources.stub(platform)
        except ResourceError as error:
            missing(str(error))

    return path_of


@pytest.fixture(scope="session")
def fault_stub() -> Path:
    """The host's stub in the build whose system calls fail on request."""
    builder = StubBuilder(Path(__file__).parent.parent)
    targets = builder.choose(None)
    if not targets:
        missing(f"there is no stub for {resources.host_platform()}")
    try:
        return builder.build_for_faults(targets[0])
    except StubBuildError as error:
        missing(str(error))


@pytest.fixture(scope="session")
def c_programs() -> Path:
    """The folder of the programs of the C tests; `SFXPACK_SANITIZE` names a sanitizer to compile them with."""
    script = Path(__file__).parent.parent / "stubs" / "tests" / "run"
    sanitizer = os.environ.get("SFXPACK_SANITIZE")
    options = ["--sanitize", sanitizer] if sanitizer else []
    command = [sys.executable, str(script), "--build-only", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        missing(f"the C tests cannot be compiled: {done.stderr.strip()}")
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def volumes_stub(c_programs: Path) -> Path:
    """The stub, for file systems and quotas that `SFX_TEST_*` in the environment make up."""
    return c_programs / "stub_volumes"


@pytest.fixture(scope="session")
def vector_runner(c_programs: Path) -> Path:
    """The stub's reader as a program: a vector in, verdict and tree out."""
    return c_programs / "run_vectors"
