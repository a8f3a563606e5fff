"""Others at work in the same folders: what they put there, change, or claim stays theirs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sfxpack.format.layout import Exit
from tests.cli.test_installer import check_small
from tests.faults import read_log, run_with
from tests.installers import TIMEOUT, Installer, Maker, lock_text, small, tool, with_product
from tests.stage import Stage, make_stage

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

LOCK = ".env.sfxpack-lock"
ANOTHER = 12345
"""A user who is not the one who runs the tests."""


@pytest.fixture
def stage(fault_stub: Path, tmp_path: Path) -> Stage:
    made = make_stage(fault_stub, tmp_path)
    made.place.mkdir()
    return made


@dataclass
class End:
    """How a run ended and what it said."""

    status: int = -1
    said: str = ""


@contextmanager
def stopped(command: list[str], faults: str, **variables: str) -> Iterator[End]:
    """A run that has stopped, and is let go on when the context is left."""
    end = End()
    environment = {**os.environ, **variables, "SFXPACK_FAULTS": faults}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, text=True, stdout=pipe, stderr=pipe) as process:
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1]), (command, faults)
        try:
            yield end
        finally:
            process.send_signal(signal.SIGCONT)
            end.said = "".join(process.communicate(timeout=TIMEOUT))
            end.status = process.returncode


# ---- Leftovers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../victim", "bin/../../victim", "..", "."])
@pytest.mark.parametrize("sign", ["+", "-"])
def test_a_journal_names_nothing_outside_of_the_prefix(app: Installer, tmp_path: Path, name: str, sign: str) -> None:
    """Whoever made the folder may not be who installs in it."""
    prefix = tmp_path / "place/env"
    victim = prefix.parent / "victim"
    victim.mkdir(parents=True)
    (victim / "theirs").write_text("theirs")
    staging = prefix / ".sfxpack.new"
    for folder in ("tree", "old/bin", "victim"):
        (staging / folder if folder != "victim" else prefix / "bin").mkdir(parents=True, exist_ok=True)
    (staging / "journal").write_bytes(f"{sign}{name}\0".encode())
    done = subprocess.run(app.command("--prefix", prefix), check=False, capture_output=True, text=True, timeout=TIMEOUT)
    assert (victim / "theirs").read_text() == "theirs", done.stderr
    assert [path.name for path in prefix.parent.iterdir() if path.name != "env"] == ["victim"]


def test_what_came_after_the_moves_were_undone_stays(stage: Stage, tmp_path: Path) -> None:
    """The journal is over once they are, also if the rest of the staging folder could not be removed."""
    log = tmp_path / "calls"
    command = stage.first.command("--prefix", stage.prefix, "-j1", "--no-sync")

    def killed() -> None:
        subprocess.run(["rm", "-rf", stage.prefix], check=True)
        stage.prefix.mkdir()
        run_with(command, "renameat2:4:kill")

    killed()
    run_with(command, "", log)
    calls = read_log(log)
    end = next(at for at, call in enumerate(calls) if call.name == "mkdirat")
    removals = [at for at, call in enumerate(calls[:end], 1) if call.name == "unlinkat"]
    assert len(removals) > 10
    for at in removals:
        killed()
        run_with(command, f"any:{at}:kill")
        made = [stage.prefix / name for name in ("bin", "lib", "share", "empty") if not (stage.prefix / name).exists()]
        for folder in made:
            folder.mkdir()
            (folder / "mine").write_text("mine")
        done = run_with(command)
        assert all((folder / "mine").exists() for folder in made), (at, calls[at - 1], done.stderr)


# ---- Locks ----------------------------------------------------------------------------------------------------------


def test_a_process_that_has_ended_but_was_not_waited_for_holds_no_lock(app: Installer, tmp_path: Path) -> None:
    """In a container the first process may never wait for it."""
    prefix = tmp_path / "place/env"
    prefix.parent.mkdir()
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        start = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
        (prefix.parent / LOCK).write_text(lock_text(pid=process.pid, start=start))
        app.run("--prefix", prefix)
        process.wait()
    check_small(prefix, str(prefix))


def test_a_parent_that_goes_is_made_again(stage: Stage, tmp_path: Path) -> None:
    """Another run takes away what it made; nothing is put into the working directory instead."""
    here = tmp_path / "here"
    here.mkdir()
    parent = stage.place / "a"
    command = stage.first.command("--prefix", parent / "env", "--no-sync")
    log = tmp_path / "calls"
    run_with(command, "", log)
    calls = read_log(log)
    at = next(at for at, call in enumerate(calls, 1) if call.name == "mkdirat" and call.arguments.endswith("place/a"))
    opens = sum(call.name == "openat" for call in calls[:at])
    subprocess.run(["rm", "-rf", parent], check=True)
    command = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(here), *command]
    with stopped(command, f"openat:{opens + 1}:stop") as end:
        parent.rmdir()
    assert end.status == 0
    assert list(here.iterdir()) == []
    check_small(parent / "env", str(parent / "env"))


# ---- Start-up files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["fsync:2", "renameat:2"])
def test_two_runs_add_to_one_start_up_file(fault_stub: Path, stage: Stage, tmp_path: Path, at: str) -> None:
    app = Maker(fault_stub, tmp_path / "media").make(with_product(small(), activation=b"bin/hello"), "hello.sh")
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bashrc").write_text("theirs\n")
    variables = {"HOME": str(home), "SHELL": "/bin/bash"}
    first, second = (app.command("--prefix", stage.place / name, "--modify-rc", "--no-sync") for name in "ab")
    pipe = subprocess.PIPE
    with stopped(first, at + ":stop", **variables) as end:
        other = subprocess.Popen(second, env={**os.environ, **variables}, text=True, stdout=pipe)
        assert other.stdout is not None
        for line in other.stdout:
            if line.startswith("waiting for"):
                break
    other.communicate(timeout=TIMEOUT)
    assert (end.status, other.returncode) == (0, 0)
    found = (home / ".bashrc").read_text()
    assert found.startswith("theirs\n")
    assert found.count(">>> app (sfxpack ") == 2, found
    assert [path.name for path in home.iterdir()] == [".bashrc"]


@pytest.mark.skipif(os.geteuid() != 0, reason="takes another user")
@pytest.mark.parametrize("options", [[], ["--force"]])
def test_the_record_of_another_user_names_no_file_to_change(maker: Maker, tmp_path: Path, options: list[str]) -> None:
    app = maker.make(with_product(small(), activation=b"bin/hello"))
    prefix = tmp_path / "place/env"
    theirs = tmp_path / "theirs"
    theirs.write_text("all that it holds\n")
    app.run("--prefix", prefix)
    (prefix / ".sfxpack/outside").write_text(f"new={theirs}\n{theirs.read_text()}")
    os.chown(prefix / ".sfxpack/outside", ANOTHER, ANOTHER)
    if options:
        app.run("--prefix", prefix, *options)
    done = tool(prefix, "uninstall", "--yes", status=None)
    assert theirs.read_text() == "all that it holds\n"
    assert done.returncode == (0 if options else Exit.EXCEPTIONS)
    assert not prefix.exists()


# ---- Files ----------------------------------------------------------------------------------------------------------


def test_edited_while_it_is_relocated(stage: Stage) -> None:
    stage.install()
    moved = stage.prefix.rename(stage.place / "moved")
    edited = "#!/bin/sh\necho edited\n"
    with stopped(stage.tool(moved, "relocate"), "syncfs:1:stop") as end:
        (moved / "bin/hello").write_text(edited)
    assert end.status == Exit.EXCEPTIONS
    assert (moved / "bin/hello").read_text() == edited
    assert "left as it is: bin/hello (changed just now)\n" in end.said
    tool(moved, "relocate")


def test_what_came_while_it_was_copied_is_not_removed(stage: Stage) -> None:
    stage.install()
    new = stage.place / "new"
    with stopped(stage.tool(stage.prefix, "relocate", new, "--move"), "syncfs:1:stop") as end:
        (stage.prefix / "share/mine").write_text("mine")
        (stage.prefix / "bin/hello").write_text("edited")
    assert end.status == Exit.EXCEPTIONS
    assert (stage.prefix / "share/mine").read_text() == "mine"
    assert (stage.prefix / "bin/hello").read_text() == "edited"


# ---- Errors and descriptors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [["new", "--move"], []])
def test_errors_that_closing_tells_count(stage: Stage, options: list[str]) -> None:
    """Network file systems tell of a full quota only then, and older kernels nowhere else."""
    stage.install()
    moved = stage.prefix.rename(stage.place / "moved")
    before = (moved / "bin/hello").read_bytes()
    words = [str(stage.place / word) if word == "new" else word for word in options]
    done = run_with(stage.tool(moved, "relocate", *words), "close:*:EDQUOT")
    assert done.returncode == Exit.NO_SPACE, done.stderr
    assert (moved / "bin/hello").read_bytes() == before
    assert not (stage.place / "new").exists()


def test_a_relocation_whose_journal_cannot_be_flushed_has_not_begun(stage: Stage) -> None:
    stage.install()
    moved = stage.prefix.rename(stage.place / "moved")
    done = run_with(stage.tool(moved, "relocate"), "syncfs:1:EIO")
    assert done.returncode == Exit.IO
    assert not (moved / ".sfxpack/relocating").exists()


def test_standard_output_that_is_closed_is_no_file_of_ours(app: Installer, tmp_path: Path) -> None:
    log, prefix = tmp_path / "log", tmp_path / "place/env"
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *app.command("--prefix", prefix, "--log", log)]
    assert subprocess.run(command, check=False, timeout=TIMEOUT).returncode == 0
    dated = [line.split(" ")[0] for line in log.read_text().splitlines()]
    assert all(line.startswith("20") and line.endswith("Z") for line in dated), log.read_text()


# ---- What is replaced -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [False, True])
def test_what_is_added_while_it_is_replaced_stays(fault_stub: Path, tmp_path: Path, inside: bool) -> None:  # noqa: FBT001 pytest passes it
    """Between the copy of what a user has there and the moment when the new tree takes its place."""
    stage = make_stage(fault_stub, tmp_path)
    (stage.prefix if inside else stage.place).mkdir(parents=True)
    if inside:
        stage.place.chmod(0o755)
    stage.first.run("--prefix", stage.prefix, "--no-sync")
    (stage.prefix / "share/early").write_text("early")
    log = (stage.prefix / "share/log").open("a")
    with log, stopped(stage.second.command("--prefix", stage.prefix, "--force", "-j1"), "syncfs:1:stop") as end:
        (stage.prefix / "share/late").write_text("late")
        (stage.prefix / "new").mkdir()
        (stage.prefix / "new/link").symlink_to("late")
        (stage.prefix / "share/release").write_text("edited late")
        log.write("still written")
    assert end.status == 0, end.said
    found = {path.name for path in (stage.prefix / "share").iterdir()}
    assert (stage.prefix / "share/late").read_text() == "late"
    assert os.readlink(stage.prefix / "new/link") == "late"
    assert (stage.prefix / "share/release.sfxpack-old").read_text() == "edited late"
    assert (stage.prefix / "share/log").read_text() == "still written"
    assert {"early", "late", "log"} <= found
    assert not [name for name in found if name.endswith(("-old-1", "early.sfxpack-old", "log.sfxpack-old"))]
