"""Several runs on one prefix: one works, the others wait for it; the dead lose their lock to one run alone."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from sfxpack.format.layout import Exit
from tests.cli.test_installer import check_small
from tests.installers import NO_PROCESS, TIMEOUT, Installer, Maker, lock_text, many, small, tool, with_product
from tests.testkit import directory, file, sample

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

LOCK = ".env.sfxpack-lock"


@contextmanager
def waiting(app: Installer, prefix: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """An installer that has met a lock, and what it said."""
    command = app.command("--prefix", prefix, *options)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline()


def claim_on(path: Path) -> Path:
    """The name of the claim on the dead lock, or dead claim, at PATH (stubs/src/lock.c)."""
    found = path.stat()
    said = f"{found.st_ino} {int(found.st_mtime)} {path.read_text()}"
    return path.with_name(f"{LOCK}-{hashlib.blake2b(said.encode(), digest_size=32).hexdigest()[:8]}")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "media")


@pytest.mark.parametrize("form", ["absent", "empty"])
def test_waits_for_a_living_process(maker: Maker, tmp_path: Path, form: str) -> None:
    app = maker.make(small())
    prefix = tmp_path / "place/env"
    folder = prefix if form == "empty" else prefix.parent
    folder.mkdir(parents=True)
    (folder / LOCK).write_text(lock_text())
    with waiting(app, prefix, "--break-lock") as (process, said):
        assert said == f"waiting for process {os.getpid()}, which is at work there\n"
        assert not (prefix / "bin").exists()
        (folder / LOCK).unlink()
        assert process.wait(TIMEOUT) == 0
    check_small(prefix, str(prefix))
    assert LOCK not in names(folder)


@pytest.mark.parametrize("changes", [{"host": "elsewhere"}, {"space": "pid:[1]"}], ids=["host", "container"])
def test_another_machine(maker: Maker, tmp_path: Path, changes: dict[str, object]) -> None:
    """It is waited for as long as it renews the time of its lock; nothing else can be known of it."""
    app = maker.make(small())
    lock = tmp_path / LOCK
    lock.write_text(lock_text(**changes))
    os.utime(lock, (1, 1))
    done = app.run("--prefix", tmp_path / "env", status=Exit.LOCKED)
    assert "--break-lock" in done.stderr
    assert str(os.getpid()) in done.stderr
    os.utime(lock)
    with waiting(app, tmp_path / "env") as (process, said):
        assert f"process {os.getpid()} on host " in said
        lock.unlink()
        assert process.wait(TIMEOUT) == 0
    check_small(tmp_path / "env", f"{tmp_path}/env")


def test_break_lock(maker: Maker, tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text(lock_text(host="elsewhere"))
    maker.make(small()).run("--prefix", tmp_path / "env", "--break-lock")
    check_small(tmp_path / "env", f"{tmp_path}/env")
    assert names(tmp_path) == ["env"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_waits(maker: Maker, tmp_path: Path, number: signal.Signals) -> None:
    app = maker.make(small())
    (tmp_path / LOCK).write_text(lock_text())
    with waiting(app, tmp_path / "env") as (process, _):
        process.send_signal(number)
        assert process.wait(TIMEOUT) == 128 + number
    assert (tmp_path / LOCK).read_text() == lock_text()
    assert names(tmp_path) == [LOCK]


DEAD: list[dict[str, object]] = [{"pid": NO_PROCESS}, {"start": 1}, {"boot": "another"}]


@pytest.mark.parametrize("changes", DEAD, ids=["no such process", "another process", "another boot"])
def test_dead_process(maker: Maker, tmp_path: Path, changes: dict[str, object]) -> None:
    app = maker.make(small())
    (tmp_path / LOCK).write_text(lock_text(**changes))
    app.run("--prefix", tmp_path / "env")
    check_small(tmp_path / "env", f"{tmp_path}/env")
    assert names(tmp_path) == ["env"]


def test_writer_died(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(small())
    (tmp_path / LOCK).write_text("")
    app.run("--prefix", tmp_path / "env")
    check_small(tmp_path / "env", f"{tmp_path}/env")


@pytest.mark.parametrize("form", ["absent", "empty"])
@pytest.mark.parametrize("depth", [1, 2])
def test_taker_died(maker: Maker, tmp_path: Path, depth: int, form: str) -> None:
    """A run that took over a dead lock was killed before it had it, and so was the one that took over from that."""
    app = maker.make(small())
    prefix = tmp_path / "place/env"
    folder = prefix if form == "empty" else prefix.parent
    folder.mkdir(parents=True)
    last = folder / LOCK
    last.write_text(lock_text(pid=NO_PROCESS))
    for number in range(depth):
        last = claim_on(last)
        last.write_text(lock_text(pid=NO_PROCESS + 1 + number))
    app.run("--prefix", prefix)
    check_small(prefix, str(prefix))
    assert LOCK not in "".join(names(folder))


def test_living_taker(maker: Maker, tmp_path: Path) -> None:
    """Who has the claim on a dead lock is about to have the lock."""
    app = maker.make(small())
    lock = tmp_path / LOCK
    lock.write_text(lock_text(pid=NO_PROCESS))
    claim = claim_on(lock)
    claim.write_text(lock_text())
    with waiting(app, tmp_path / "env") as (process, said):
        assert f"process {os.getpid()}" in said
        claim.rename(lock)
        assert process.poll() is None
        lock.unlink()
        assert process.wait(TIMEOUT) == 0
    check_small(tmp_path / "env", f"{tmp_path}/env")


def at_once(commands: Sequence[list[str]]) -> list[tuple[int, str]]:
    """Run all; exit status and output of each."""
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for command in commands]
    return [(process.wait(TIMEOUT), process.communicate()[0].decode()) for process in running]


@pytest.mark.parametrize("before", ["nothing", "dead lock", "empty folder", "killed run"])
def test_many_at_once(maker: Maker, tmp_path: Path, before: str) -> None:
    """One installs, the others find that it is installed."""
    app = maker.make(many(300, 5000))
    prefix = tmp_path / "env"
    if before == "dead lock":
        (tmp_path / LOCK).write_text(lock_text(pid=NO_PROCESS))
    if before == "empty folder":
        prefix.mkdir()
    if before == "killed run":
        with subprocess.Popen(app.command("--prefix", prefix), stdout=subprocess.DEVNULL) as process:
            while not (tmp_path / ".env.sfxpack-new").exists():
                assert process.poll() is None
            process.kill()
    done = at_once([app.command("--prefix", prefix)] * 12)
    assert [status for status, _ in done] == [0] * 12
    assert sum("is installed in" in output for _, output in done) == 1
    assert sum("is already installed in" in output for _, output in done) == 11
    tool(prefix, "verify")
    assert names(tmp_path) == ["env"]


def test_another_build_at_once(maker: Maker, tmp_path: Path) -> None:
    """Who comes second waits, and then finds another build there."""
    first, second = maker.make(many(300, 5000)), maker.make(many(300, 5001), "second.sh")
    done = at_once([app.command("--prefix", tmp_path / "env") for app in (first, second)])
    assert sorted(status for status, _ in done) == [0, Exit.PREFIX_IN_USE]
    assert (
        sum("holds another installation, another build of app 1; --force replaces it" in output for _, output in done)
        == 1
    )
    tool(tmp_path / "env", "verify")
    assert names(tmp_path) == ["env"]


def test_replacing_at_once(maker: Maker, tmp_path: Path) -> None:
    apps = [maker.make(many(200, 5000 + size), f"{size}.sh") for size in range(4)]
    done = at_once([app.command("--prefix", tmp_path / "env", "--force") for app in apps])
    assert [status for status, _ in done] == [0] * 4
    tool(tmp_path / "env", "verify")
    assert names(tmp_path) == ["env"]


def test_what_comes_after_publishing_holds_the_lock_too(maker: Maker, tmp_path: Path) -> None:
    """Nobody moves or removes the tree while its Python files are compiled."""
    interpreter = (
        f"#!/bin/sh\ntouch {tmp_path}/begun\nwhile [ ! -e {tmp_path}/goes-on ]; do sleep 0.05; done\n".encode()
    )
    values = sample((directory(b"bin"), file(b"bin/python", 0, mode=0o755)), (interpreter,))
    app = maker.make(with_product(values, compile=b"bin/python"))
    with subprocess.Popen(app.command("--prefix", tmp_path / "env"), stdout=subprocess.DEVNULL) as first:
        while not (tmp_path / "begun").exists():
            assert first.poll() is None
        with waiting(app, tmp_path / "env") as (second, said):
            assert f"process {first.pid}" in said
            (tmp_path / "goes-on").touch()
            assert second.wait(TIMEOUT) == 0
        assert first.wait(TIMEOUT) == 0
