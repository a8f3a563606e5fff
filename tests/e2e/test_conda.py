"""A conda environment moved by us is, file by file, what conda's installer would have made at the new place."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import py_compile
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import environments
from tests.environments import PLACEHOLDER
from tests.installers import tool
from tests.running import build, run
from tests.search import remaining
from tests.shapes import PLACEHOLDER_CODE, shapes

PACKAGES = (*environments.sample_packages(), shapes())
LIBRARY = "lib/python3.11/site-packages"
MAX_SHEBANG = 127


def manifest(prefix: Path) -> dict[str, tuple[str, str]]:
    """Path -> (sha256_in_prefix, file_mode) of all of conda's records."""
    found = {}
    for record in sorted((prefix / "conda-meta").glob("*.json")):
        for item in json.loads(record.read_text())["paths_data"]["paths"]:
            found[item["_path"]] = (item.get("sha256_in_prefix") or "", item.get("file_mode") or "")
    return found


def mismatches(prefix: Path) -> set[str]:
    """What is not as conda's records and the RECORDs of wheels say: paths of files."""
    wrong = set()
    for path, (digest, _) in manifest(prefix).items():
        file = prefix / path
        if digest and not file.is_symlink() and hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            wrong.add(path)
    for record in prefix.glob(f"{LIBRARY}/*.dist-info/RECORD"):
        for name, digest, size in csv.reader(record.read_text().splitlines()):
            if digest and f"{digest},{size}" != record_row(prefix / LIBRARY / name):
                wrong.add(name)
    return wrong


def record_row(file: Path) -> str:
    """Digest and size of a file as a wheel's RECORD has them."""
    content = file.read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"sha256={digest},{len(content)}"


def pip_install(root: Path) -> None:
    """As pip leaves files in a conda environment: a script, bytecode with full paths, a RECORD (with a wrong row)."""
    library = root / LIBRARY
    module = library / "piped.py"
    module.write_text("x = 1\n")
    py_compile.compile(os.fspath(module), os.fspath(library / "__pycache__/piped.cpython-311.pyc"))
    script = root / "bin/piped"
    script.write_text(f"#!{root}/bin/python\nprint({str(root)!r})\n")
    script.chmod(0o755)
    info = library / "piped-1.0.dist-info"
    info.mkdir()
    names = ("piped.py", "__pycache__/piped.cpython-311.pyc", "../../../bin/piped")
    rows = [f"{name},{record_row(library / name)}" for name in names]
    rows += ["README.txt,sha256=wrong,1", f"{info.name}/RECORD,,"]
    (info / "RECORD").write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, require_module: Callable[[str, str], None]) -> Path:
    require_module("rattler", "py-rattler")
    folder = tmp_path_factory.mktemp("conda")
    root = environments.make_conda(folder / "envs" / "demo", PACKAGES, folder / "made-from")
    pip_install(root)
    return root


@pytest.fixture(scope="module")
def artifact(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("artifact") / "demo.sh"
    result = build(original, output)
    assert result["prefix_limit"] == len(PLACEHOLDER)
    assert [f["path"] for f in result["findings"] if f["category"] in ("unmanaged", "offsets")] == []
    return output


def both(artifact: Path, theirs: Path, tmp_path: Path) -> tuple[Path, Path]:
    """What rattler makes at a prefix, moved aside, and what we install there."""
    environments.make_conda(theirs, PACKAGES, tmp_path / "made-from")
    kept = theirs.rename(tmp_path / "kept")
    run(artifact, "--prefix", theirs)
    return kept, theirs


def differences(kept: Path, ours: Path) -> set[str]:
    """Files of conda's records, whatever their mode, that differ in content or link text."""

    def look(path: Path) -> bytes:
        return os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()

    return {path for path in manifest(kept) if look(kept / path) != look(ours / path)}


@pytest.mark.parametrize("size", [0, 100, len(PLACEHOLDER)])
def test_files_are_what_rattler_writes(original: Path, artifact: Path, tmp_path: Path, size: int) -> None:
    """Shorter than the old prefix or as long, longer, as long as the placeholder; excepted: shebangs over the limit."""
    room = len(os.fsencode(original)) if size == 0 else size
    theirs = tmp_path / ("n" * max(room - len(os.fsencode(tmp_path)) - 1, 1))
    kept, ours = both(artifact, theirs, tmp_path)
    files = {path for path in manifest(kept) if (kept / path).is_file()}
    over = {path for path in files if (kept / path).read_bytes().startswith(b"#!/bin/sh\n'''exec'")}
    expected = {"bin/tool", "bin/script", "bin/pure-hello"} if len(os.fsencode(theirs)) > MAX_SHEBANG else set()
    assert differences(kept, ours) == over == expected
    modes = [mode for _, mode in manifest(kept).values()]
    assert (modes.count("text"), modes.count("binary")) == (12, 7)


def test_a_prefix_with_blank_and_quote_differs_where_quoting_is_known(artifact: Path, tmp_path: Path) -> None:
    kept, ours = both(artifact, tmp_path / 'it\'s "new"', tmp_path)
    scripts = {"bin/tool", "bin/script", "bin/pure-hello"}
    assert differences(kept, ours) == {"share/shapes.json", "share/shapes.py", *scripts}
    assert json.loads((ours / "share/shapes.json").read_bytes())["path"] == f"{ours}/x"


def test_records_stay_true(original: Path, artifact: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "somewhere else"
    run(artifact, "--prefix", prefix)
    assert mismatches(prefix) == mismatches(original) == {"README.txt"}


def test_nothing_names_the_old_prefix_or_the_cache(original: Path, artifact: Path, tmp_path: Path) -> None:
    run(artifact, "--prefix", tmp_path / "e")
    assert remaining(tmp_path / "e", str(original)) == {}
    assert remaining(tmp_path / "e", str(original.parent.parent / "made-from" / "cache")) == {}


def test_the_package_cache_is_not_looked_at(original: Path, artifact: Path, tmp_path: Path) -> None:
    cache = original.parent.parent / "made-from"
    hidden = cache.rename(cache.with_name("gone"))
    try:
        assert build(original, tmp_path / "x.sh")["files"]
    finally:
        hidden.rename(cache)
    assert (tmp_path / "x.sh").read_bytes() == artifact.read_bytes()


def test_bytecode_that_names_the_placeholder_stays(original: Path, artifact: Path, tmp_path: Path) -> None:
    run(artifact, "--prefix", tmp_path / "e")
    content = (tmp_path / "e" / PLACEHOLDER_CODE).read_bytes()
    assert content == (original / PLACEHOLDER_CODE).read_bytes()
    assert PLACEHOLDER in content


def test_programs_run_and_activation_works(original: Path, artifact: Path, tmp_path: Path) -> None:
    hidden = original.rename(original.with_name("hidden"))
    try:
        prefix = tmp_path / "with blank"
        run(artifact, "--prefix", prefix)
        for name in ("python", "python3", "python3.11"):
            (tmp_path / name).write_text("#!/bin/sh\necho the wrong one\n")
            (tmp_path / name).chmod(0o755)
        wrong = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": "/"}
        assert run(prefix / "bin/pure-hello", env=wrong).stdout == "pure\n"
        assert run(prefix / "bin/piped", env=wrong).stdout == f"{prefix}\n"
        assert run(prefix / "bin/tool", "x", env=wrong).stdout == f"['{prefix}/bin/tool', 'x']\n"
        script = '. "$1/bin/activate"; echo "$TOOL_HOME $TOOL_LEVEL $CONDA_PREFIX"; command -v tool'
        variables = {"PATH": os.environ["PATH"], "HOME": "/"}
        said = run("bash", "-c", script, "bash", prefix, env=variables).stdout
        assert said == f"{prefix} 3 {prefix}\n{prefix}/bin/tool\n"
    finally:
        hidden.rename(original)


@pytest.mark.parametrize("padding", ["conda", "slash"])
def test_a_prefix_longer_than_the_placeholder_is_refused(
    original: Path, artifact: Path, tmp_path: Path, padding: str
) -> None:
    if padding == "slash":
        artifact = tmp_path / "slash.sh"
        assert build(original, artifact, "--binary-padding", padding)["prefix_limit"] == len(PLACEHOLDER)
    place = tmp_path / "place"
    place.mkdir()
    prefix = place / "n".ljust(260 - len(os.fsencode(place)) - 1, "n")
    said = run(artifact, "--prefix", prefix, status=6).stderr
    assert str(len(PLACEHOLDER)) in said
    assert "longer path" not in said
    assert list(place.iterdir()) == []
    fits = Path(str(prefix)[: len(PLACEHOLDER)])
    run(artifact, "--prefix", fits)
    assert os.fsencode(fits) + b"/lib/pkgconfig:" in (fits / "lib/shapes.bin").read_bytes()


def test_edited_and_replaced_files_move_by_the_general_rules(original: Path, tmp_path: Path) -> None:
    copy = original.with_name("edited")
    environments.make_conda(copy, PACKAGES, original.parent.parent / "made-from")
    text, data = copy / "share/long.txt", copy / "lib/shapes.bin"
    text.write_text(text.read_text() + f"mine: {copy}/x\n")
    data.unlink()  # as pip does over conda's file
    data.write_bytes(b"\0\1another build at " + os.fsencode(copy) + b"/lib\0\2")
    (record,) = (copy / "conda-meta").glob("shapes-*.json")
    said = json.loads(record.read_text())
    for item in said["paths_data"]["paths"]:
        if item["_path"] in ("share/tool.pc", "share/touching.txt"):
            item["offsets"] = [{"encoding": "utf-8", "ranges": [len("prefix=")]}]
    record.write_text(json.dumps(said, indent=2))
    result = build(copy, tmp_path / "x.sh")
    wrong = mismatches(copy)
    shutil.rmtree(copy)
    assert [f["path"] for f in result["findings"] if f["category"] == "offsets"] == [
        "share/tool.pc",
        "share/touching.txt",
    ]
    assert [f["path"] for f in result["findings"] if f["category"] == "unmanaged"] == [
        "lib/shapes.bin",
        "share/long.txt",
    ]
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    assert (tmp_path / "e/share/long.txt").read_text().endswith(f"mine: {tmp_path}/e/x\n")
    assert remaining(tmp_path / "e", str(copy)) == {}
    assert mismatches(tmp_path / "e") == wrong == {"lib/shapes.bin", "share/long.txt"}


@pytest.mark.parametrize("how", ["mv", "copy"])
def test_a_second_move_changes_all_that_the_first_did(original: Path, artifact: Path, tmp_path: Path, how: str) -> None:
    """Peers keep no table: their second move returns 0 and changes nothing."""
    first, second = tmp_path / "one", tmp_path / "two" / ("x" * 30)
    run(artifact, "--prefix", second)
    expected = {path: (second / path).read_bytes() for path in manifest(second) if (second / path).is_file()}
    shutil.rmtree(second)
    run(artifact, "--prefix", first)
    if how == "mv":
        first.rename(second)
        tool(second, "relocate")
    else:
        tool(first, "relocate", second, "--move")
    assert {path: (second / path).read_bytes() for path in expected} == expected
    assert remaining(second, f"{first}/") == remaining(second, str(original)) == {}
    assert mismatches(second) == mismatches(original)
    tool(second, "verify")
