"""Whether a tree is what its packages installed: told by package, in the summary, the scan and the artifact."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import environments
from tests.environments import Package
from tests.running import SFXPACK, build, run

LIBRARY = "lib/python3.11/site-packages"
LIBRARY_FILES = {"lib/libone.so": b"\x7fELF one", "share/one/a.txt": b"a\n", "share/one/b.txt": b"b\n"}


def wheel(site: Path, name: str, files: dict[str, bytes]) -> None:
    """As pip leaves a wheel: its files and their RECORD."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    rows = [f"{info.name}/RECORD,,"]
    for path, content in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(content)}")
    (info / "RECORD").write_text("".join(f"{row}\n" for row in rows))


def told(root: Path) -> dict[str, Any]:
    """What a scan says of the packages."""
    owned: dict[str, Any] = json.loads(run(*SFXPACK, "scan", "-p", root, "--json").stdout)["ownership"]
    return owned


@pytest.fixture
def conda(tmp_path: Path, require_module: Callable[[str, str], None]) -> Path:
    require_module("rattler", "py-rattler")
    module = {"site-packages/two/__init__.py": b"two = 2\n", "site-packages/two/more.py": b"more = 3\n"}
    packages = (environments.stand_in_python(), Package("one", LIBRARY_FILES), Package("two", module, "2.5"))
    return environments.make_conda(tmp_path / "env", packages)


def test_as_installed(conda: Path) -> None:
    assert told(conda) == {"count": 3, "packages": [], "unowned": []}
    assert "all 3 as they were installed" in run(*SFXPACK, "scan", "-p", conda).stdout
    run(*SFXPACK, "build", "-p", conda, "-o", conda.parent / "x.sh", "--strict")


def test_altered_missing_overwritten_and_foreign_files_of_conda(conda: Path) -> None:
    site = conda / LIBRARY
    (conda / "lib/libone.so").write_bytes(b"\x7fELF two")
    (conda / "share/one/b.txt").unlink()
    wheel(site, "piped", {"two/__init__.py": b"two = 'two'\n", "piped.py": b"piped = 1\n"})
    (conda / "mine").mkdir()
    for name in ("x", "y"):
        (conda / "mine" / name).touch()
    (conda / "share/note.txt").touch()
    (site / "two/__pycache__").mkdir(exist_ok=True)
    (site / "two/__pycache__/more.cpython-311.pyc").write_bytes(b"made by Python")
    one = {"record": "conda-meta/one-1.0-0.json", "altered": ["lib/libone.so"], "missing": ["share/one/b.txt"]}
    two = {"record": "conda-meta/two-2.5-0.json", "altered": [], "missing": []}
    expected = [
        {"name": "one 1.0", **one, "clobbered": []},
        {"name": "two 2.5", **two, "clobbered": [{"path": f"{LIBRARY}/two/__init__.py", "by": "piped 1.0"}]},
    ]
    owned = told(conda)
    assert owned["packages"] == expected
    assert owned["unowned"] == [{"path": "mine", "files": 2}, {"path": "share/note.txt", "files": 1}]
    output = conda.parent / "x.sh"
    summary = run(*SFXPACK, "build", "-p", conda, "-o", output).stdout
    assert "2 of 4 not as installed; 3 files in none" in summary
    assert "one 1.0: 1 altered, 1 missing\n    lib/libone.so  altered\n" in summary
    assert "mismatch" not in summary
    run(output, "--prefix", conda.parent / "new")
    assert json.loads((conda.parent / "new/.sfxpack/report.json").read_text())["ownership"] == owned
    assert "2 of 4 not as installed" in run(*SFXPACK, "inspect", output).stdout


def test_strict_refuses_and_names_everything(conda: Path) -> None:
    (conda / "lib/libone.so").write_bytes(b"\x7fELF two")
    (conda / "mine.txt").touch()
    output = conda.parent / "x.sh"
    refused = run(*SFXPACK, "build", "-p", conda, "-o", output, "--strict", status=2).stderr
    assert "lib/libone.so  altered, of one 1.0" in refused
    assert "mine.txt  in no package" in refused
    assert not output.exists()
    assert "--strict: a build is refused, for 2 files" in run(*SFXPACK, "scan", "-p", conda, "--strict").stdout


def test_a_venv(tmp_path: Path) -> None:
    root = environments.make_venv(tmp_path / "venv", environments.DEBIAN_PYTHON, "--without-pip")
    site = next(root.glob("lib/python3*/site-packages"))
    wheel(site, "outer", {"outer/__init__.py": b"", "outer/_vendor/inner-1.0.dist-info/RECORD": b"gone.py,,\n"})
    wheel(site, "other", {"other.py": b"", "../../../bin/other": b"#!/bin/sh\n"})
    assert told(root) == {"count": 2, "packages": [], "unowned": []}
    (site / "other.py").write_text("changed\n")
    assert [package["name"] for package in told(root)["packages"]] == ["other 1.0"]


def test_a_tree_that_is_no_environment_has_no_unowned_files(tmp_path: Path) -> None:
    wheel(tmp_path / "tree/lib/python3.11/site-packages", "piped", {"piped.py": b""})
    (tmp_path / "tree/README").touch()
    assert told(tmp_path / "tree") == {"count": 1, "packages": [], "unowned": []}
    result = build(tmp_path / "tree", tmp_path / "x.sh")
    assert result["ownership"]["count"] == 1
