"""An environment that was installed, used, moved and moved back, with programs that run meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import prefixes
from tests.cli.test_relocate import move, trace, whole, without_folder_times
from tests.installers import tool
from tests.running import build, run
from tests.search import remaining

LONG = "l" * 70
SLEEPER = """\
#include <stdio.h>
#include <unistd.h>
int main(void) { puts(PREFIX "/share"); fflush(stdout); pause(); return 0; }
"""


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix with every kind of site, a program that waits, and three names of one script."""
    root = prefixes.make_prefix(tmp_path_factory.mktemp("made") / ("original-" + "x" * 120))
    prefixes.add_program(root)
    source = prefixes.write(root.parent / "sleeper.c", SLEEPER)
    compiler = shutil.which("cc")
    assert compiler
    subprocess.run([compiler, f'-DPREFIX="{root}"', "-o", root / "bin/sleeper", source], check=True)
    os.link(root / "bin/hello", root / "bin/hello-again")
    os.link(root / "bin/hello", root / "share/hello")
    output = tmp_path_factory.mktemp("artifact") / "demo.sh"
    build(root, output)
    root.rename(root.with_name("hidden"))
    return output


def test_there_and_back(artifact: Path, tmp_path: Path) -> None:
    """A -> long -> short -> A: each as if it had been installed there, the last the first tree bit for bit."""
    here = tmp_path / "env"
    run(artifact, "--prefix", here)
    first = whole(here)
    for place in ("d/" + LONG, "e", "env"):
        here = move(here, tmp_path / place)
        tool(here, "relocate")
        for old in {tmp_path / "env", tmp_path / "d" / LONG, tmp_path / "e"} - {here}:
            assert remaining(here, f"{old}/") == {}
        assert os.path.normpath(run(here / "bin/where").stdout) == f"{here}/share/data\n"
        assert run(here / "bin/hello").stdout == "hello\n"
        assert run(here / "bin/tool").stdout == f"{here}\n"
        tool(here, "verify")
    assert whole(here) == first


def test_a_move_does_what_installing_there_does(artifact: Path, tmp_path: Path) -> None:
    run(artifact, "--prefix", tmp_path / LONG)
    expected = whole(tmp_path / LONG)
    shutil.rmtree(tmp_path / LONG)
    run(artifact, "--prefix", tmp_path / "env")
    tool(tmp_path / "env", "relocate", tmp_path / LONG)
    assert whole(tmp_path / LONG) == expected
    shutil.rmtree(tmp_path / LONG)
    tool(move(tmp_path / "env", tmp_path / LONG), "relocate")
    assert whole(tmp_path / LONG) == expected


def test_while_a_program_runs(artifact: Path, tmp_path: Path) -> None:
    run(artifact, "--prefix", tmp_path / "env")
    program = subprocess.Popen([tmp_path / "env/bin/sleeper"], stdout=subprocess.PIPE, text=True)
    assert program.stdout
    assert os.path.normpath(program.stdout.readline()) == f"{tmp_path}/env/share\n"
    here = move(tmp_path / "env", tmp_path / "new")
    tool(here, "relocate")
    tool(here, "verify")
    assert program.poll() is None
    program.terminate()
    assert program.wait() == -signal.SIGTERM
    program.stdout.close()


def test_killed_between_the_names_of_a_file(artifact: Path, tmp_path: Path, require: Callable[[str], str]) -> None:
    """Names of one file that a killed run left as two files become one again."""
    strace = require("strace")
    place = tmp_path / "place"
    run(artifact, "--prefix", place / "new")
    expected = without_folder_times(whole(place / "new"))
    shutil.rmtree(place / "new")
    run(artifact, "--prefix", place / "old")
    kept = move(place / "old", tmp_path / "kept")
    for at in range(1, 200):
        shutil.rmtree(place)
        place.mkdir()
        run("cp", "-a", kept, place / "new")
        kill = ("-e", "trace=renameat", "-e", f"inject=renameat:signal=SIGKILL:when={at}")
        status = trace(strace, place / "new", tmp_path / "log", *kill)
        tool(place / "new", "relocate")
        assert without_folder_times(whole(place / "new")) == expected, at
        if status == 0:
            break
    assert 10 < at < 199
