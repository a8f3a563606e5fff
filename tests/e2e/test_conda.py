"""A conda environment moved by us is, file by file, what conda's installer would have made at the new place."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import environments
from tests.environments import PLACEHOLDER, Package
from tests.running import build, run
from tests.search import remaining


def packages() -> tuple[Package, ...]:
    """The samples, and shapes of strings that real packages have."""
    binary = b"".join(
        (
            b"\x7fNOTELF\0",
            b'OPENSSLDIR: "' + PLACEHOLDER + b'/ssl"\0next\0',
            PLACEHOLDER + b"/lib/pkgconfig:" + PLACEHOLDER + b"/share/pkgconfig\0\0\1",
            b"-L" + PLACEHOLDER + b"/lib\0",
            PLACEHOLDER + b"\0end\0",
        )
    )
    secret = b'{"url": "file://' + PLACEHOLDER + b'/src"}'
    shapes = Package(
        "shapes",
        {"lib/shapes.bin": binary, "share/shapes.json": secret, "share/long.txt": (PLACEHOLDER + b"\n") * 300},
    )
    return (*environments.sample_packages(), shapes)


def manifest(prefix: Path) -> dict[str, tuple[str, str]]:
    """Path -> (sha256_in_prefix, package) of all of conda's records."""
    found = {}
    for record in sorted((prefix / "conda-meta").glob("*.json")):
        for item in json.loads(record.read_text())["paths_data"]["paths"]:
            found[item["_path"]] = (item.get("sha256_in_prefix") or "", item.get("file_mode") or "")
    return found


def mismatches(prefix: Path) -> set[str]:
    """Files whose content is not what conda's records say."""
    wrong = set()
    for path, (digest, _) in manifest(prefix).items():
        file = prefix / path
        if digest and not file.is_symlink() and hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            wrong.add(path)
    return wrong


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, require_module: Callable[[str, str], None]) -> Path:
    require_module("rattler", "py-rattler")
    folder = tmp_path_factory.mktemp("conda")
    return environments.make_conda(folder / "envs" / "demo", packages(), folder / "made-from")


@pytest.fixture(scope="module")
def artifact(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("artifact") / "demo.sh"
    result = build(original, output)
    assert result["prefix_limit"] == len(PLACEHOLDER)
    return output


@pytest.mark.parametrize("name", ["e", "n" * 100])
def test_managed_files_are_what_rattler_writes(artifact: Path, tmp_path: Path, name: str) -> None:
    theirs = tmp_path / "theirs" / name
    environments.make_conda(theirs, packages())
    kept = theirs.rename(tmp_path / "kept")
    run(artifact, "--prefix", theirs)
    managed = {path for path, (_, mode) in manifest(kept).items() if mode in ("text", "binary")}
    assert {"lib/shapes.bin", "lib/tool.bin", "lib/pkgconfig/tool.pc", "share/long.txt"} <= managed
    scripts = {path for path in managed if (kept / path).read_bytes().startswith(b"#!")}
    for path in sorted(managed - scripts):
        assert (theirs / path).read_bytes() == (kept / path).read_bytes(), path


def test_records_stay_true(original: Path, artifact: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "somewhere else"
    run(artifact, "--prefix", prefix)
    assert mismatches(prefix) == mismatches(original) == set()


def test_nothing_names_the_old_prefix_or_the_cache(original: Path, artifact: Path, tmp_path: Path) -> None:
    run(artifact, "--prefix", tmp_path / "e")
    assert remaining(tmp_path / "e", str(original)) == {}
    assert remaining(tmp_path / "e", str(original.parent.parent / "made-from" / "cache")) == {}


def test_programs_run_and_activation_works(original: Path, artifact: Path, tmp_path: Path) -> None:
    hidden = original.rename(original.with_name("hidden"))
    try:
        prefix = tmp_path / "with blank"
        run(artifact, "--prefix", prefix)
        assert run(prefix / "bin/pure-hello").stdout == "pure\n"
        assert run(prefix / "bin/tool", "x").stdout == f"['{prefix}/bin/tool', 'x']\n"
        script = '. "$1/bin/activate"; echo "$TOOL_HOME $TOOL_LEVEL $CONDA_PREFIX"; command -v tool'
        variables = {"PATH": os.environ["PATH"], "HOME": "/"}
        said = run("bash", "-c", script, "bash", prefix, env=variables).stdout
        assert said == f"{prefix} 3 {prefix}\n{prefix}/bin/tool\n"
    finally:
        hidden.rename(original)


def test_a_prefix_longer_than_the_placeholder_is_refused(artifact: Path, tmp_path: Path) -> None:
    prefix = tmp_path / ("d" * 150) / ("n" * 100)
    said = run(artifact, "--prefix", prefix, status=6).stderr
    assert str(len(PLACEHOLDER)) in said
    assert list(tmp_path.iterdir()) == []


def test_an_edited_managed_file_moves_by_the_general_rules(original: Path, tmp_path: Path) -> None:
    copy = original.with_name("edited")
    environments.make_conda(copy, packages())
    edited = copy / "share/long.txt"
    edited.write_text(edited.read_text() + f"mine: {copy}/x\n")
    result = build(copy, tmp_path / "x.sh")
    assert [f["path"] for f in result["findings"] if f["category"] == "unmanaged"] == ["share/long.txt"]
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    assert (tmp_path / "e/share/long.txt").read_text().endswith(f"mine: {tmp_path}/e/x\n")
