"""The installer when a system call fails or it is killed at one: nothing left behind, and the next run succeeds."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from sfxpack.format.layout import Exit
from tests.cli.test_installer import add_to, check_added, check_small
from tests.installers import NO_PROCESS, TIMEOUT, Maker, lock_text, many, mounted, small, snapshot, tool

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

CALLS = ("openat", "write", "unlinkat", "renameat", "renameat2", "syncfs")
"""Some, as a check of test_faults.py, which does not see them from outside."""
CLEANING = {"unlinkat"}
"""If one of these fails, something may stay until the next run."""
MOST = int(os.environ.get("SFXPACK_MOST_CALLS", "2"))
"""Of each system call, how many are made to fail in a test, evenly chosen."""


@dataclass(frozen=True)
class Scene:
    """A prefix before a run, the run, and what must be true when a run has succeeded."""

    prefix: Path
    command: list[str]
    prepare: Callable[[], None]
    check: Callable[[], None]

    @property
    def place(self) -> Path:
        """What everything happens in."""
        return self.prefix.parent

    def reset(self) -> None:
        """Begin again."""
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        self.prepare()

    def trace(self, strace: str, *options: str) -> tuple[int, str]:
        """Run it under strace; status and what strace says."""
        log = self.place.parent / "strace"
        # Only what is traced stops; strace 6.1 then loses the signals it is told to send.
        fast = () if any("signal=" in option for option in options) else ("--seccomp-bpf",)
        command = [strace, "-f", *fast, "-o", str(log), *options, *self.command]
        done = subprocess.run(command, check=False, capture_output=True, timeout=TIMEOUT)
        return done.returncode, log.read_text(errors="replace")

    def is_clean(self) -> bool:
        """Whether nothing but the prefix lies in the place, and in it no staging."""
        return {path.name for path in self.place.iterdir()} <= {self.prefix.name} and not {
            path.name for path in (self.prefix.iterdir() if self.prefix.exists() else ())
        } & {".sfxpack.new", f".{self.prefix.name}.sfxpack-lock"}

    def run_to_the_end(self, *, again: bool = False) -> None:
        """Once more, undisturbed; AGAIN after a run that succeeded, so that what it made may differ from the usual."""
        done = subprocess.run(self.command, check=False, capture_output=True, text=True, timeout=TIMEOUT)
        assert done.returncode == 0, done.stderr
        if not again:
            self.check()
        assert self.is_clean(), list(self.place.rglob("*"))


def make_scene(name: str, maker: Maker, tmp_path: Path) -> Scene:
    """One of: absent, dead lock, empty, replace."""
    prefix = tmp_path / "place/env"
    first, second = maker.make(small()), maker.make(small(b"2"), "second.sh")

    def install_and_edit() -> None:
        first.run("--prefix", prefix, "--no-sync")
        add_to(prefix)

    def check_new() -> None:
        check_small(prefix, str(prefix))
        tool(prefix, "verify")

    def check_replaced() -> None:
        check_added(prefix, prefix)
        tool(prefix, "verify")

    def leave_lock(prefix: Path) -> None:
        prefix.with_name(f".{prefix.name}.sfxpack-lock").write_text(lock_text(pid=NO_PROCESS))

    options = ["--prefix", prefix, "-j1"]
    if name == "absent":
        return Scene(prefix, first.command(*options), lambda: None, check_new)
    if name == "dead lock":
        return Scene(prefix, first.command(*options), lambda: leave_lock(prefix), check_new)
    if name == "empty":
        return Scene(prefix, first.command(*options), prefix.mkdir, check_new)
    return Scene(prefix, second.command(*options, "--force"), install_and_edit, check_replaced)


@pytest.fixture(params=["absent", "empty", "replace"])
def scene(request: pytest.FixtureRequest, maker: Maker, tmp_path: Path) -> Scene:
    return make_scene(request.param, maker, tmp_path)


def moments(scene: Scene, strace: str) -> list[tuple[str, int]]:
    """System calls of a run, each with the number of one of it."""
    scene.reset()
    status, log = scene.trace(strace, "-e", "trace=" + ",".join(f"?{call}" for call in CALLS))
    assert status == 0
    chosen: list[tuple[str, int]] = []
    for call in CALLS:
        counts = [
            len(re.findall(rf"^{thread} +{call}\(", log, re.MULTILINE))
            for thread in set(re.findall(r"^\d+", log, re.MULTILINE))
        ]
        most = max(counts, default=0)
        step = max(1, -(-most // MOST))
        chosen += [(call, at) for at in range(1, most + 1, step)]
    assert len(chosen) > len(CALLS)
    return chosen


Record = Callable[[str, object], None]
"""pytest's, into its report; `scripts/faults` reads `runs` there."""


def test_every_call_may_fail(scene: Scene, require: Callable[[str], str], record_property: Record) -> None:
    strace = require("strace")
    chosen = moments(scene, strace)
    record_property("runs", len(chosen))
    for call, at in chosen:
        scene.reset()
        before = snapshot(scene.place)
        status, _ = scene.trace(strace, "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={at}")
        assert 0 <= status < 128, (call, at)
        if status == 0:  # what failed was not needed, or could be done otherwise
            assert (scene.prefix / ".sfxpack/manifest").exists(), (call, at)
            tool(scene.prefix, "verify")
        elif call not in CLEANING:
            assert snapshot(scene.place) == before, (call, at)
            assert scene.is_clean(), (call, at)
        scene.run_to_the_end(again=status == 0)


@pytest.mark.parametrize("scene", ["absent", "dead lock", "empty", "replace"], indirect=True)
def test_killed_at_every_call(scene: Scene, require: Callable[[str], str], record_property: Record) -> None:
    strace = require("strace")
    chosen = moments(scene, strace)
    record_property("runs", len(chosen))
    for call, at in chosen:
        scene.reset()
        status, _ = scene.trace(strace, "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={at}")
        assert status == -signal.SIGKILL, (call, at)
        complete = (scene.prefix / ".sfxpack/manifest").exists()
        if complete:  # the old one or the new one, whole
            said = tool(scene.prefix, "verify", status=None).stdout
            assert "missing" not in said.replace("missing: bin/hello", ""), (call, at, said)
        scene.run_to_the_end()


def test_killed_replacing_inside(
    maker: Maker, tmp_path: Path, require: Callable[[str], str], record_property: Record
) -> None:
    """As above where the folder of the prefix has to stay; killed at every move."""
    strace = require("strace")
    prefix = tmp_path / "env"
    prefix.mkdir()
    first, second = maker.make(small()), maker.make(small(b"2"), "second.sh")
    command = second.command("--prefix", prefix, "--force", "-j1", "--no-sync")
    chosen = [*(("renameat2", at) for at in range(1, 12)), *(("unlinkat", at) for at in range(1, 40, 4))]
    record_property("runs", len(chosen))
    for call, at in chosen:
        with mounted(prefix):
            first.run("--prefix", prefix, "--no-sync")
            add_to(prefix)
            inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={at}"]
            killed = [strace, "-f", "-o", "/dev/null", *inject, *command]
            subprocess.run(killed, check=False, capture_output=True, timeout=TIMEOUT)
            subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT)
            check_added(prefix, prefix)
            tool(prefix, "verify")
            assert {path.name for path in prefix.iterdir()} == {".sfxpack", "bin", "empty", "lib", "share"}


def test_without_exchange(maker: Maker, tmp_path: Path, require: Callable[[str], str], record_property: Record) -> None:
    """Where the system knows no renameat2, two renames under a journal; killed at each of them, too."""
    record_property("runs", 7)
    strace = require("strace")
    scene = make_scene("replace", maker, tmp_path)
    old = ["-e", "trace=renameat,renameat2", "-e", "inject=renameat2:error=ENOSYS"]
    for at in range(5):
        scene.reset()
        kill = ["-e", f"inject=renameat:signal=SIGKILL:when={at}"] if at else []
        status, _ = scene.trace(strace, *old, *kill)
        assert status == (-signal.SIGKILL if 0 < at < 4 else 0), at
        scene.run_to_the_end()
    for name in ("absent", "empty"):
        (tmp_path / name).mkdir()
        other = make_scene(name, maker, tmp_path / name)
        other.reset()
        assert other.trace(strace, *old)[0] == 0
        other.check()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("form", ["absent", "empty"])
def test_interrupted(maker: Maker, tmp_path: Path, number: signal.Signals, form: str) -> None:
    empty = form == "empty"
    app = maker.make(many(4000, 20_000))
    prefix = tmp_path / "place/env"
    prefix.parent.mkdir()
    if empty:
        prefix.mkdir()
    staging = prefix / ".sfxpack.new/tree" if empty else prefix.parent / ".env.sfxpack-new"
    command = app.command("--prefix", prefix, "-j1")
    heeds = partial(signal.signal, number, signal.SIG_DFL)  # who runs in the background ignores some
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heeds)  # noqa: PLW1509 no other thread runs
    while not (staging / "d3").exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(number)
    process.send_signal(number)
    _, said = process.communicate(timeout=TIMEOUT)
    assert process.returncode == (Exit.TERMINATED if number is signal.SIGTERM else Exit.INTERRUPTED)
    assert "interrupted" in said
    assert list((tmp_path / "place").rglob("*")) == ([prefix] if empty else [])


def test_killed_at_any_time(maker: Maker, tmp_path: Path, record_property: Record) -> None:
    record_property("runs", 8)
    app = maker.make(many(1500, 20_000))
    prefix = tmp_path / "place/env"
    prefix.parent.mkdir()
    started = time.monotonic()
    app.run("--prefix", prefix)
    whole = time.monotonic() - started
    expected = snapshot(prefix)
    for at in range(8):
        shutil.rmtree(prefix, ignore_errors=True)
        process = subprocess.Popen(app.command("--prefix", prefix), stdout=subprocess.DEVNULL)
        time.sleep(whole * at / 8)
        process.kill()
        process.wait()
        assert not prefix.exists() or snapshot(prefix) == expected
        app.run("--prefix", prefix)
        assert snapshot(prefix) == expected
        assert [path.name for path in prefix.parent.iterdir()] == ["env"]


# ---- What is not ours -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".env.sfxpack-new", "env/.sfxpack.new"])
def test_foreign_folder_with_the_name_of_the_staging(maker: Maker, tmp_path: Path, name: str) -> None:
    app = maker.make(small())
    foreign = tmp_path / name
    foreign.mkdir(parents=True)
    (foreign / "data").write_text("mine")
    done = app.run("--prefix", tmp_path / "env", status=Exit.PREFIX_IN_USE)
    assert "was not made by this installer" in done.stderr
    assert (foreign / "data").read_text() == "mine"


def test_links_in_the_way_are_not_followed(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(small())
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / ".sfxpack").mkdir()
    for name in (".env.sfxpack-new", ".env.sfxpack-old", ".env.sfxpack-journal"):
        (tmp_path / name).symlink_to(victim)
    app.run("--prefix", tmp_path / "env", status=Exit.PREFIX_IN_USE)
    assert (victim / ".sfxpack").is_dir()
    for name in (".env.sfxpack-new", ".env.sfxpack-old", ".env.sfxpack-journal"):
        (tmp_path / name).unlink()
    (tmp_path / ".env.sfxpack-lock").symlink_to(victim)
    app.run("--prefix", tmp_path / "env", status=Exit.IO)
    assert (victim / ".sfxpack").is_dir()


def test_deep_tree_of_a_killed_run(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(small())
    deep = tmp_path / ".env.sfxpack-new"
    deep.mkdir()
    (deep / ".sfxpack").mkdir()
    for _ in range(300):
        deep = deep / "d"
        deep.mkdir()
    deep.chmod(0o500)
    app.run("--prefix", tmp_path / "env")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["env", "media"]
