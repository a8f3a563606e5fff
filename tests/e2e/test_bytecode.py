"""Bytecode of every Python that is here, checked in every way there is, is still taken after the move."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import environments, prefixes
from tests.running import build, run
from tests.unit.test_sites_pyc import HARNESS, interpreters

MODES = ("time", "checked", "unchecked")
LOOK = """
import sys
sys.path.insert(0, sys.argv[1])
import by_time, by_checked, by_unchecked
print(*{module.HERE for module in (by_time, by_checked, by_unchecked)})
"""


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory, stub: Path) -> Path:
    assert stub.is_file()
    folder = tmp_path_factory.mktemp("bytecode")
    root = folder / "original"
    for mode in MODES:
        source = prefixes.write(root / f"lib/by_{mode}.py", f"HERE = {str(root)!r}\n")
        for _, python in interpreters():
            tag = run(python, "-c", "import sys; print(sys.implementation.cache_tag)").stdout.strip()
            compiled = root / f"lib/__pycache__/by_{mode}.{tag}.pyc"
            run(python, "-c", HARNESS, source, compiled, source, mode)
    build(root, folder / "x.sh")
    root.rename(folder / "hidden")
    run(folder / "x.sh", "--prefix", folder / "new place")
    return folder / "new place"


@pytest.mark.parametrize(("version", "python"), interpreters())
def test_it_is_taken(prefix: Path, version: str, python: Path) -> None:
    done = run(python, "-B", "-v", "-c", LOOK, prefix / "lib", env=environments.clean_variables())
    assert done.stdout == f"{prefix}\n"
    loaded = [line for line in done.stderr.splitlines() if line.startswith(f"# code object from '{prefix}")]
    assert len(loaded) == len(MODES)
    assert version  # names the case


def test_nothing_is_left_to_do(prefix: Path) -> None:
    run(prefix / ".sfxpack/sfx", "verify")
