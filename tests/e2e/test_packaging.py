"""sfxpack itself as a package: sdist, wheel, and installing them, all without network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from sfxpack import resources
from sfxpack.errors import ResourceError
from tests import prefixes
from tests.conftest import missing
from tests.running import run

ROOT = Path(__file__).parent.parent.parent
OFFLINE = {**os.environ, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist of this tree, whose stubs are all built."""
    try:
        resources.stub("linux-x86_64")
        resources.stub("linux-aarch64")
    except ResourceError as error:
        missing(str(error))
    folder = tmp_path_factory.mktemp("sdist")
    code = (
        "import sys; from hatchling.builders.sdist import SdistBuilder; "
        "print(next(SdistBuilder('.').build(directory=sys.argv[1])))"
    )
    return Path(run(sys.executable, "-c", code, folder, cwd=ROOT, env=OFFLINE).stdout.split()[-1])


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel from the sdist, with no compiler at hand."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (tree,) = folder.iterdir()
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder / "out", tree]
    run(*pip, env=OFFLINE | {"PATH": "/usr/bin:/bin"})
    (made,) = (folder / "out").iterdir()
    return made


def test_the_wheel_fits_every_host(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    stubs = ("stubs/sfx-linux-x86_64", "stubs/sfx-linux-aarch64", "stubs/stubs.json")
    for name in (*stubs, "NOTICES", "templates/header.sh.j2"):
        assert f"sfxpack/_data/{name}" in names
    assert not [name for name in names if name.startswith(("tests/", "stubs/", "scripts/"))]


def test_an_installed_wheel_builds_without_network(wheel: Path, tmp_path: Path) -> None:
    """The dependencies come from the environment of the tests, by a path file."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    run(python, "-m", "pip", "install", "--no-deps", wheel, env=OFFLINE)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    here = run(sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    Path(site, "dependencies.pth").write_text(f"{here}\n")
    root = prefixes.make_prefix(tmp_path / "original")
    command = [tmp_path / "venv/bin/sfxpack", "build", root, "-o", tmp_path / "x.sh"]
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0:
        command = ["unshare", "-rn", *command]
    run(*command, cwd=tmp_path)
    where = run(python, "-c", "import sfxpack; print(sfxpack.__file__)", cwd=tmp_path).stdout
    assert where.startswith(str(tmp_path))
    shutil.rmtree(root)
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    assert "zstd" in run(tmp_path / "x.sh", "--licenses").stdout
