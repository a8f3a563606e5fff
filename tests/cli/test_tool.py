"""PREFIX/.sfxpack/sfx: what an installation says of itself."""

from __future__ import annotations

import importlib.util
import os
import shutil
import struct
import sys
from pathlib import Path

import pytest

from sfxpack.format.layout import Exit
from tests.installers import MTIME, Maker, small, tool

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")


@pytest.fixture
def prefix(stub: Path, tmp_path: Path) -> Path:
    """An installation."""
    where = tmp_path / "env"
    Maker(stub, tmp_path).make(small()).run("--prefix", where)
    return where


def differences(prefix: Path) -> list[str]:
    """What `verify` lists, its summary left out."""
    lines = tool(prefix, "verify", status=Exit.EXCEPTIONS).stdout.splitlines()
    assert f"{len([line for line in lines[:-1] if not line.startswith('depends')])} difference" in lines[-1]
    return lines[:-1]


def test_verify_as_installed(prefix: Path) -> None:
    assert tool(prefix, "verify").stdout == f"{prefix}: 14 entries, 0 differences, 0 regenerated\n"


def test_foreign_files_do_not_matter(prefix: Path) -> None:
    (prefix / "lib/own.py").write_text("mine")
    (prefix / "own").mkdir()
    tool(prefix, "verify")


def test_each_difference_is_listed(prefix: Path) -> None:
    (prefix / "bin/hello").write_text("#!/bin/sh\necho changed\n")
    (prefix / "bin/mod").unlink()
    (prefix / "bin/mod").symlink_to("../lib/mod.py")
    (prefix / "empty").rmdir()
    (prefix / "lib/large.bin").chmod(0o600)
    (prefix / "share/empty").unlink()
    (prefix / "share/empty").mkdir()
    assert differences(prefix) == [
        "changed: bin/hello",
        "link changed: bin/mod",
        "missing: empty",
        "mode changed: lib/large.bin",
        "another kind of file: share/empty",
    ]


def test_same_size_one_byte(prefix: Path) -> None:
    path = prefix / "lib/large.bin"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert differences(prefix) == ["changed: lib/large.bin"]


def test_site_with_another_prefix(prefix: Path) -> None:
    path = prefix / "lib/mod.py"
    path.write_text(path.read_text().replace(str(prefix), "/" * len(str(prefix))))
    assert differences(prefix) == [
        "depends on a changed file: lib/RECORD",
        "changed: lib/mod.py",
    ]


def test_hard_link_that_became_a_copy(prefix: Path) -> None:
    same = prefix / "share/same"
    data = same.read_bytes()
    same.unlink()
    same.write_bytes(data)
    same.chmod(0o444)
    tool(prefix, "verify")


def recompile(prefix: Path, second: int, flags: int = 0, value: bytes | None = None) -> None:
    """Another .pyc for lib/mod.py, as Python would write it."""
    size = (prefix / "lib/mod.py").stat().st_size
    header = b"\xa7\r\r\n" + struct.pack("<I", flags) + (value or struct.pack("<II", second, size))
    (prefix / "lib/__pycache__/mod.cpython-311.pyc").write_bytes(header + b"another compilation")


def test_regenerated_bytecode(prefix: Path) -> None:
    recompile(prefix, MTIME)
    assert tool(prefix, "verify").stdout == f"{prefix}: 14 entries, 0 differences, 1 regenerated\n"
    recompile(prefix, MTIME + 1)
    assert differences(prefix) == ["changed: lib/__pycache__/mod.cpython-311.pyc"]


def test_regenerated_bytecode_by_hash(prefix: Path) -> None:
    magic = importlib.util.MAGIC_NUMBER
    source = (prefix / "lib/mod.py").read_bytes()
    path = prefix / "lib/__pycache__/mod.cpython-311.pyc"
    path.write_bytes(magic + struct.pack("<I", 3) + importlib.util.source_hash(source) + b"compiled")
    assert "1 regenerated" in tool(prefix, "verify").stdout
    path.write_bytes(magic + struct.pack("<I", 3) + importlib.util.source_hash(source + b"#") + b"compiled")
    assert differences(prefix) == ["changed: lib/__pycache__/mod.cpython-311.pyc"]


def test_moved(prefix: Path, tmp_path: Path) -> None:
    prefix.rename(tmp_path / "moved")
    assert differences(tmp_path / "moved") == [
        f"moved: made for {prefix}, lies in {tmp_path}/moved; `sfx relocate` makes it right",
    ]
    assert f"lies in     {tmp_path}/moved" in tool(tmp_path / "moved", "info").stdout


def test_damaged_record(prefix: Path) -> None:
    manifest = prefix / ".sfxpack/manifest"
    data = manifest.read_bytes()
    for changed in (data[:-1], data + b"x", data[:50] + b"x" + data[51:], b""):
        manifest.write_bytes(changed)
        tool(prefix, "verify", status=Exit.DAMAGED)
        tool(prefix, "info", status=Exit.DAMAGED)


def test_info(prefix: Path) -> None:
    said = tool(prefix, "info").stdout
    for part in ("name        app\n", "release     1\n", f"prefix      {prefix}\n", "7 files, 5 folders"):
        assert part in said


def test_help_version_and_mistakes(prefix: Path, stub: Path) -> None:
    assert "verify" in tool(prefix).stdout
    assert tool(prefix, "--help").stdout == tool(prefix).stdout
    assert tool(prefix, "--version").stdout.startswith("sfxpack ")
    assert "did you mean verify?" in tool(prefix, "verfy", status=Exit.USAGE).stderr
    tool(prefix, "rellocate", status=Exit.USAGE)
    shutil.copy(stub, prefix / "sfx")
    assert os.access(prefix / "sfx", os.X_OK)
