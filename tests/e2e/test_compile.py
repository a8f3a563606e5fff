"""`--pyc compile`: the interpreter that was installed makes the bytecode, which names no prefix and is listed."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests import environments
from tests.installers import tool
from tests.prefixes import write
from tests.running import SFXPACK, build, run


def stale(prefix: Path) -> set[str]:
    """Sources below a prefix, of those that compile, without bytecode that Python takes."""
    found = set()
    for source in prefix.rglob("*.py"):
        cache = Path(importlib.util.cache_from_source(str(source)))
        status = source.stat()
        expected = struct.pack("<III", 0, int(status.st_mtime), status.st_size)
        if not cache.is_file() or cache.read_bytes()[4:16] != expected:
            try:
                compile(source.read_bytes(), str(source), "exec")
            except (SyntaxError, ValueError):
                continue
            found.add(str(source.relative_to(prefix)))
    return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compile")
    venv = environments.make_venv(folder / "venv", Path(sys.executable), "--without-pip")
    site = next(venv.glob("lib/python3*/site-packages"))
    write(site / "good.py", "def where():\n    return where.__code__.co_filename\n")
    write(site / "bad.py", "def (\n")
    write(site / "placed.py", f"HERE = {str(venv)!r}\n")
    result = build(venv, folder / "x.sh", "--pyc", "compile", "--slim-base")
    assert any(saving["rule"] == "--slim pyc" and saving["files"] for saving in result["savings"])
    shutil.rmtree(venv)
    done = run(folder / "x.sh", "--prefix", folder / "new")
    assert "compiling the Python files" in done.stdout
    return folder / "new"


def test_every_module_that_compiles_has_valid_bytecode_that_is_listed(installed: Path) -> None:
    assert stale(installed) == set()
    listed = (installed / ".sfxpack/generated").read_text().splitlines()
    assert {str(path.relative_to(installed)) for path in installed.rglob("*.pyc")} == set(listed)
    made = [*installed.rglob("*.pyc"), *installed.rglob("__pycache__")]
    assert [path for path in made if path.stat().st_mode & 0o022] == []
    good = next(installed.rglob("site-packages/good.py"))
    code = "import good; print(good.where())"
    assert run(installed / "bin/python", "-c", code).stdout.strip() == str(good)
    holding = run("grep", "-rlF", installed, installed, "--include=*.pyc").stdout.split()
    of_sources = {Path(path).name.partition(".")[0] + ".py" for path in holding}  # their own text, not their names
    assert "placed.py" in of_sources <= sources_with_sites(installed)
    tool(installed, "verify")


def test_moved_and_copied_without_exceptions(installed: Path, tmp_path: Path) -> None:
    moved = installed.rename(tmp_path / "elsewhere")
    try:
        tool(moved, "relocate")
        tool(moved, "verify")
        assert {Path(path).name for path in stale(moved)} <= {"placed.py", *sources_with_sites(moved)}
        tool(moved, "relocate", tmp_path / "copy")
        tool(tmp_path / "copy", "verify")
        assert (tmp_path / "copy/.sfxpack/generated").read_text() == (moved / ".sfxpack/generated").read_text()
        assert run(tmp_path / "copy/bin/python", "-c", "import placed; print(placed.HERE)").stdout.strip() == str(
            tmp_path / "copy"
        )
    finally:
        moved.rename(installed)
        tool(installed, "relocate")


def sources_with_sites(prefix: Path) -> set[str]:
    """Sources of the standard library that hold the prefix."""
    return {path.name for path in prefix.rglob("*.py") if os.fsencode(prefix) in path.read_bytes()}


def fake(tmp_path: Path, script: str) -> Path:
    """An artifact of a tree whose interpreter is a script."""
    tree = tmp_path / "tree"
    write(tree / "bin/python", script, 0o755)
    write(tree / "lib/python3.11/x.py", "x = 1\n")
    run(*SFXPACK, "build", "-q", "-p", tree, "-o", tmp_path / "x.sh", "--pyc", "compile")
    shutil.rmtree(tree)
    return tmp_path / "x.sh"


def test_what_is_run_and_that_failing_leaves_the_installation(tmp_path: Path) -> None:
    artifact = fake(
        tmp_path, '#!/bin/sh\nprintf "%s\\n" "$1" "$2" "$3" "$5" >"$5/arguments"\necho made/x.pyc\nexit 3\n'
    )
    prefix = tmp_path / "new place"
    done = run(artifact, "--prefix", prefix, status=12)
    assert f"{prefix}/bin/python ended with status 3; it works all the same" in done.stderr
    assert f"is installed in {prefix}" in done.stdout
    assert (prefix / "arguments").read_text() == f"-I\n-B\n-c\n{prefix}\n"
    assert (prefix / ".sfxpack/generated").read_text() == "made/x.pyc\n"
    tool(prefix, "verify")
    assert "already installed" in run(artifact, "--prefix", prefix).stdout


def test_an_interpreter_of_another_machine(tmp_path: Path) -> None:
    artifact = fake(tmp_path, "#!/no/such/interpreter\n")
    done = run(artifact, "--prefix", tmp_path / "new", status=12)
    assert "bin/python cannot be run" in done.stderr
    tool(tmp_path / "new", "verify")


def test_a_signal_ends_the_interpreter_and_leaves_the_installation(tmp_path: Path) -> None:
    artifact = fake(tmp_path, "#!/bin/sh\ntouch $5/started\nexec sleep 600\n")
    prefix = tmp_path / "new"
    with subprocess.Popen([artifact, "--prefix", prefix], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        while not (prefix / "started").exists():
            time.sleep(0.01)
        for pid in processes(f"--artifact\0{artifact}\0"):
            os.kill(pid, signal.SIGTERM)
        _, said = child.communicate(timeout=60)
    assert child.returncode == 12
    assert b"ended with status 143" in said
    tool(prefix, "verify")


def processes(command: str) -> list[int]:
    """Those whose command line holds a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if command.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def test_extracting_runs_nothing(tmp_path: Path) -> None:
    artifact = fake(tmp_path, "#!/bin/sh\ntouch $5/started\n")
    run(*SFXPACK, "extract", artifact, tmp_path / "out")
    assert not (tmp_path / "out/started").exists()


def test_a_tree_without_python(tmp_path: Path) -> None:
    write(tmp_path / "tree/file", "")
    refused = run(*SFXPACK, "build", "-p", tmp_path / "tree", "-o", tmp_path / "x.sh", "--pyc", "compile", status=2)
    assert "has no bin/python or python.exe to compile with" in refused.stderr


def test_several_environments(tmp_path: Path) -> None:
    script = "#!/bin/sh\nbasename $5 >$5/ran\n"
    for name in ("one", "two"):
        write(tmp_path / name / "bin/python", script, 0o755)
    artifact = tmp_path / "x.sh"
    run(*SFXPACK, "build", "-q", "-p", tmp_path / "one", "-p", tmp_path / "two", "-o", artifact, "--pyc", "compile")
    run(artifact, "--prefix", tmp_path / "new")
    assert [(tmp_path / "new" / name / "ran").read_text() for name in ("one", "two")] == ["one\n", "two\n"]
    assert json.loads(run(*SFXPACK, "inspect", artifact, "--json").stdout)["environments"] == ["one", "two"]
