"""Equal bytes at several paths of one tree: what is theirs in common is stored once, how they move belongs to each."""

from __future__ import annotations

import hashlib
import json
import marshal
import os
import py_compile
import sys
from pathlib import Path

import pytest

from tests.environments import PLACEHOLDER
from tests.fragile import nul_padded
from tests.prefixes import write
from tests.running import build, run

TEXT = b'#!@/bin/tool\n# x@/y\nHOME = "@/x"\n'
"""conda replaces the second `@` too; elsewhere it cannot be told whether that is the prefix, and it stays."""
BINARY = b"\0\1@/share:@/lib\0after\0"
SECONDS = {"one": 1_500_000_000, "other": 1_400_000_000}
"""Of the modules."""
LANGUAGES = {
    "share/managed": "",
    "share/plain": "",
    "share/plain.json": '"\\',
    "lib/one.py": "'\"\\",
    "lib/other.py": "'\"\\",
}
"""Path of the text -> what gets a backslash there."""
PLACES = ("short", "it's a place", 'with "quotes" and \\', "ü" * 70)


def record(root: Path, files: dict[str, tuple[str, bytes]]) -> None:
    """A record of a package whose `files` (path -> mode and content in the package) are in the prefix."""
    paths = [
        {
            "_path": path,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(content).hexdigest(),
            "sha256_in_prefix": hashlib.sha256((root / path).read_bytes()).hexdigest(),
            "size_in_bytes": (root / path).stat().st_size,
            "file_mode": mode,
            "prefix_placeholder": PLACEHOLDER.decode(),
        }
        for path, (mode, content) in files.items()
    ]
    package = {"name": "same", "version": "1", "build": "0", "build_number": 0, "channel": "c", "subdir": "linux-64"}
    value = {**package, "files": [*files], "paths_data": {"paths_version": 1, "paths": paths}}
    write(root / "conda-meta/same-1-0.json", json.dumps(value))


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory, stub: Path) -> Path:
    assert stub.is_file()
    root = tmp_path_factory.mktemp("same") / ("original-" + "o" * 150)
    write(root / "conda-meta/history", "")
    text = TEXT.replace(b"@", os.fsencode(root))
    packaged = BINARY.replace(b"@", PLACEHOLDER)
    binary = nul_padded(packaged, PLACEHOLDER, os.fsencode(root))
    for path in LANGUAGES:
        write(root / path, text, 0o755 if path == "share/plain" else 0o644)
    for path in ("lib/managed.bin", "lib/plain.bin"):
        write(root / path, binary)
    for name, second in SECONDS.items():
        os.utime(root / f"lib/{name}.py", (second, second))
        compiled = root / f"lib/__pycache__/{name}.{sys.implementation.cache_tag}.pyc"
        py_compile.compile(f"{root}/lib/{name}.py", str(compiled), f"{root}/lib/same.py", doraise=True)
    managed = {"share/managed": ("text", TEXT.replace(b"@", PLACEHOLDER)), "lib/managed.bin": ("binary", packaged)}
    record(root, managed)
    output = root.parent / "same.sh"
    build(root, output)
    root.rename(root.parent / "hidden")
    return output


@pytest.fixture(scope="module", params=PLACES)
def prefix(request: pytest.FixtureRequest, artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target: Path = tmp_path_factory.mktemp("at") / request.param
    run(artifact, "--prefix", target)
    return target


@pytest.mark.parametrize(("path", "special"), LANGUAGES.items())
def test_text_is_written_as_its_path_asks(prefix: Path, path: str, special: str) -> None:
    escaped = "".join(f"\\{letter}" if letter in special else letter for letter in str(prefix))
    content = (prefix / path).read_text()
    assert content.startswith("#!")
    assert content.endswith(f'\nHOME = "{escaped}/x"\n')
    assert (f"\n# x{prefix}/y\n" in content) is (path == "share/managed")
    assert bool((prefix / path).stat().st_mode & 0o111) is (path == "share/plain")


def test_binaries_keep_what_is_behind_them(prefix: Path) -> None:
    old = BINARY.replace(b"@", PLACEHOLDER)
    assert (prefix / "lib/managed.bin").read_bytes() == nul_padded(old, PLACEHOLDER, os.fsencode(prefix))
    plain = (prefix / "lib/plain.bin").read_bytes()
    assert plain.rstrip(b"\0").endswith(b"after")
    assert len(plain) == len(old)


@pytest.mark.parametrize("name", SECONDS)
def test_bytecode_is_that_of_its_own_source(prefix: Path, name: str) -> None:
    source = prefix / f"lib/{name}.py"
    content = (prefix / f"lib/__pycache__/{name}.{sys.implementation.cache_tag}.pyc").read_bytes()
    assert int(source.stat().st_mtime) == int.from_bytes(content[8:12], "little") == SECONDS[name]
    assert source.stat().st_size == int.from_bytes(content[12:16], "little")
    code = marshal.loads(content[16:])  # noqa: S302 - our own
    assert (code.co_filename, f"{prefix}/x" in code.co_consts) == (f"{prefix}/lib/same.py", True)


def test_records_hold(prefix: Path) -> None:
    for item in json.loads((prefix / "conda-meta/same-1-0.json").read_text())["paths_data"]["paths"]:
        content = (prefix / item["_path"]).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (item["sha256_in_prefix"], item["size_in_bytes"])
    run(prefix / ".sfxpack/sfx", "verify")
