"""An artifact for another processor: packed and read here, installed by its own stub under emulation."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sfxpack import resources
from sfxpack.errors import ResourceError
from sfxpack.inspect import open_artifact
from tests import prefixes
from tests.conftest import missing
from tests.running import SFXPACK, build, run
from tests.search import remaining


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        resources.stub("linux-aarch64")
    except ResourceError as error:
        missing(str(error))
    folder = tmp_path_factory.mktemp("other")
    root = prefixes.make_prefix(folder / "original")
    build(root, folder / "x.sh", "--platform", "linux-aarch64")
    return folder / "x.sh"


def test_this_machine_refuses_it(artifact: Path, tmp_path: Path) -> None:
    if resources.host_platform() == "linux-aarch64":
        pytest.skip("this is the other processor")
    said = run("sh", artifact, "--prefix", tmp_path / "e", status=4).stderr
    assert "aarch64" in said
    assert not (tmp_path / "e").exists()


def test_its_own_stub_installs_it(artifact: Path, tmp_path: Path, require: Callable[[str], str]) -> None:
    emulator = require("qemu-aarch64-static")
    with open_artifact(artifact) as opened:
        at = opened.locator.locator_offset
    stub = resources.stub("linux-aarch64")
    prefix = tmp_path / "e"
    run(emulator, stub, "--artifact", artifact, "--at", at, "--prefix", prefix)
    run(emulator, prefix / ".sfxpack/sfx", "verify")
    assert remaining(prefix, str(artifact.parent / "original")) == {}
    run(*SFXPACK, "extract", artifact, tmp_path / "tree", "--as", prefix)
    command = ["diff", "-r", "--no-dereference", str(prefix), str(tmp_path / "tree")]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout.count("\n") == 1
