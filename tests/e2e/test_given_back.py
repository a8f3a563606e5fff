"""An artifact extracted for the old prefix is the tree it was built from, byte for byte, but for what is listed here.

The builder proves the same while it packs (`neutral.prove`); this asks the stub, and the files on disk.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import environments, prefixes
from tests.conftest import missing
from tests.environments import DEBIAN_PYTHON
from tests.programs import PROGRAMS
from tests.running import SFXPACK, build, run


def look(root: Path) -> dict[str, bytes | None]:
    """Path -> content of a file, text of a link, None for a directory."""
    found: dict[str, bytes | None] = {}
    for folder, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = Path(folder, name)
            content = os.fsencode(os.readlink(path)) if path.is_symlink() else None
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
            found[str(path.relative_to(root))] = content
    return found


def given_back(root: Path, work: Path) -> tuple[dict[str, bytes | None], dict[str, bytes | None]]:
    """The tree on disk, and as the stub makes it from an artifact of it for the same place."""
    build(root, work / "x.sh", "--level", "1")
    run(*SFXPACK, "extract", work / "x.sh", work / "tree", "--as", root)
    return look(root), look(work / "tree")


def differing(before: dict[str, bytes | None], after: dict[str, bytes | None]) -> set[str]:
    """Paths of `before` that are not the same in `after`, or not there."""
    return {path for path, content in before.items() if path not in after or after[path] != content}


def added(before: dict[str, bytes | None], after: dict[str, bytes | None]) -> set[str]:
    """Top-level names that are only in `after`."""
    return {path for path in after if path not in before and "/" not in path}


def check_loader_path(before: bytes | None, after: bytes | None, root: Path) -> None:
    """The RUNPATH, and nothing else, is relative now, at the same length."""
    assert before is not None
    old = b"\0" + os.fsencode(root / "lib") + b"\0"
    assert before.count(old) == 1
    slashes = len(old) - len(b"\0$ORIGIN/../lib\0")
    assert after == before.replace(old, b"\0$ORIGIN" + b"/" * slashes + b"/../lib\0")


def test_a_prefix(tmp_path: Path) -> None:
    root = prefixes.make_prefix(tmp_path / "original")
    prefixes.add_program(root)
    before, after = given_back(root, tmp_path)
    assert differing(before, after) == {
        "absolute",  # a link into the prefix is relative now
        "bin/where",  # its loader path too
    }
    assert added(before, after) == {".sfxpack"}
    assert after["absolute"] == b"share/greeting"
    check_loader_path(before["bin/where"], after["bin/where"], root)


def test_a_venv(tmp_path: Path) -> None:
    if not all(program.path() for program in PROGRAMS if program.package == "python3-venv"):
        missing("the system's Python makes no venvs: apt-get install python3-venv")
    root = environments.make_venv(tmp_path / "venv", DEBIAN_PYTHON)
    prefixes.add_program(root)
    before, after = given_back(root, tmp_path)
    assert len([path for path in before if path.endswith(".pyc")]) > 100
    assert differing(before, after) == {
        "bin/activate",  # sfxpack's own, which finds where it lies
        "bin/python3",  # leads to the interpreter that comes along
        "bin/where",
        "pyvenv.cfg",  # names it
    }
    assert added(before, after) == {".sfxpack", "base-python"}
    check_loader_path(before["bin/where"], after["bin/where"], root)


def test_a_conda_environment(tmp_path: Path, require_module: Callable[[str, str], None]) -> None:
    require_module("rattler", "py-rattler")
    root = environments.make_conda(tmp_path / "envs" / "demo", work=tmp_path / "made-from")
    before, after = given_back(root, tmp_path)
    records = {path for path in before if path.startswith("conda-meta/") and path.endswith(".json")}
    assert differing(before, after) == records
    assert added(before, after) == {".sfxpack"}
    for path in sorted(records):
        emptied = differences(json.loads(before[path] or b""), json.loads(after[path] or b""))
        assert emptied, path
        for old, new in emptied:
            last = old.rstrip("/").rpartition("/")[2]
            assert (old.startswith(str(tmp_path)) and new == "") or (
                old.startswith("file:") and new.rstrip("/") == f"file:///{last}"
            )


def differences(before: Any, after: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Pairs of the values that are not the same."""
    if isinstance(before, dict) and before.keys() == after.keys():
        return [pair for key in before for pair in differences(before[key], after[key])]
    if isinstance(before, list) and len(before) == len(after):
        return [pair for one, other in zip(before, after, strict=True) for pair in differences(one, other)]
    return [] if before == after else [(before, after)]
