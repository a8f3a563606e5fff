"""`sfx run`: a command in the environment that is installed, with exit status, signals and streams of its own."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.installers import tool
from tests.prefixes import write
from tests.running import build, run

SHOW = '#!/bin/sh\necho $0 "$#: $*"\n'


@pytest.fixture
def install(tmp_path: Path, stub: Path) -> Callable[[dict[str, str]], Path]:
    """A function that packs files and installs them in a folder whose name a shell would take apart."""
    assert stub.exists()

    def at(files: dict[str, str]) -> Path:
        for name, text in files.items():
            write(tmp_path / "made" / name, text, 0o755)
        build(tmp_path / "made", tmp_path / "made.sh")
        prefix = tmp_path / "a 'b' $c"
        run("sh", tmp_path / "made.sh", "--prefix", prefix, "--quiet")
        return prefix

    return at


def test_programs_come_first_and_arguments_are_their_own(install: Callable[[dict[str, str]], Path]) -> None:
    prefix = install({"bin/show": SHOW, "bin/ls": SHOW})
    shown = tool(prefix, "run", "show", "-q", "--help", "a  b", "").stdout
    assert shown == f"{prefix}/bin/show 4: -q --help a  b \n"
    assert tool(prefix, "run", "ls").stdout == f"{prefix}/bin/ls 0: \n"
    assert tool(prefix, "run", "--", "show", "--", "x").stdout == f"{prefix}/bin/show 2: -- x\n"
    assert tool(prefix, "run", f"{prefix}/bin/show").stdout == f"{prefix}/bin/show 0: \n"


def test_the_script_of_the_environment_activates_it(install: Callable[[dict[str, str]], Path]) -> None:
    prefix = install(
        {
            "conda-meta/state": '{"env_vars": {"LEVEL": "a $b"}}',
            "conda-meta/history": "",
            "etc/conda/activate.d/a.sh": 'echo "told to people"; FROM_A=$CONDA_PREFIX; export FROM_A; false\n',
            "bin/tell": '#!/bin/sh\necho "$CONDA_PREFIX|$CONDA_DEFAULT_ENV|$LEVEL|$FROM_A|$PATH"\n',
        }
    )
    command = [str(prefix / ".sfxpack/sfx"), "run", "tell"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"})
    assert done.stdout == f"{prefix}|{prefix.name}|a $b|{prefix}|{prefix}/bin:/usr/bin:/bin\n"
    assert done.stderr == "told to people\n"


def test_status_and_signals_are_those_of_the_command(install: Callable[[dict[str, str]], Path]) -> None:
    prefix = install({"bin/show": SHOW})
    tool(prefix, "run", "sh", "-c", "exit 42", status=42)
    tool(prefix, "run", "sh", "-c", "kill -KILL $$", status=-signal.SIGKILL)
    assert tool(prefix, "run", "no-such-program", status=127).stderr.endswith("no-such-program: not found\n")
    # It is the process that was started: no shell and no sfx is left to get a signal in its place.
    with subprocess.Popen([prefix / ".sfxpack/sfx", "run", "sleep", "100"]) as process:
        name = Path(f"/proc/{process.pid}/comm")
        while name.read_text() != "sleep\n":
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait() == -signal.SIGINT


def test_umask_and_standard_streams_are_the_callers(install: Callable[[dict[str, str]], Path]) -> None:
    prefix = install({"bin/show": SHOW})
    command = ["sh", "-c", 'umask 027; echo in | "$0" run sh -c "umask; cat"', str(prefix / ".sfxpack/sfx")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["0027", "in"]
    # SIGPIPE ends it, as it does what a shell starts.
    ends = ["bash", "-c", '"$0" run yes | head -n 1; echo "${PIPESTATUS[0]}"', str(prefix / ".sfxpack/sfx")]
    assert subprocess.run(ends, capture_output=True, text=True, check=True).stdout == "y\n141\n"


def test_what_cannot_be_run(install: Callable[[dict[str, str]], Path], tmp_path: Path) -> None:
    prefix = install({"share/data": ""})
    assert "what shall be run? sfx run COMMAND ...\n" in tool(prefix, "run", status=2).stderr
    assert "has no programs of its own" in tool(prefix, "run", "ls", status=2).stderr
    assert (
        "--json does not go with run\n"
        in tool(prefix, "run", "--json", "ls", status=2).stdout + tool(prefix, "--json", "run", "ls", status=2).stderr
    )
    moved = prefix.rename(tmp_path / "moved")
    stopped = tool(moved, "run", "ls", status=5).stderr
    assert f"moved: made for {prefix}, lies in {moved}; `sfx relocate` makes it right" in stopped
