"""Each exit code by a real case, with the message that names the cause, to people and to programs."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sfxpack.format.layout import Exit, Platform
from tests.cli.test_hooks import hooked
from tests.installers import TIMEOUT, Maker, lock_text, many, small, with_product

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")


@dataclass(frozen=True)
class Case:
    """A run that ends with one of the codes."""

    command: list[str]
    said: str
    """In the message."""
    after: Callable[[subprocess.Popen[str]], None] = lambda _: None
    """What happens to the process."""
    before: Callable[[], None] | None = None
    """What the process does before it becomes the program."""


def done(maker: Maker, folder: Path) -> Case:
    return Case(maker.make(small()).command("--prefix", folder / "env"), "")


def no_memory(maker: Maker, folder: Path) -> Case:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (4 << 20, 4 << 20))

    command = maker.make(many(4, 3_000_000)).command("--prefix", folder / "env", "-j1")
    return Case(command, "memory", before=limit)


def usage(maker: Maker, folder: Path) -> Case:
    return Case(maker.make(small()).command("--prefix", folder / "env", "--frce"), "did you mean --force?")


def damaged(maker: Maker, folder: Path) -> Case:
    app = maker.make(small())
    data = bytearray(app.path.read_bytes())
    data[app.at + 520] ^= 1
    app.path.write_bytes(data)
    return Case(app.command("--prefix", folder / "env"), "block 0")


def wrong_system(maker: Maker, folder: Path) -> Case:
    app = Maker(maker.stub, maker.folder, Platform.LINUX_S390X).make(small())
    return Case(app.command("--prefix", folder / "env"), "this installer is for linux-s390x; this machine is ")


def prefix_in_use(maker: Maker, folder: Path) -> Case:
    (folder / "env").mkdir()
    (folder / "env/mine").touch()
    return Case(maker.make(small()).command("--prefix", folder / "env"), f"{folder}/env is not empty")


def prefix_too_long(maker: Maker, folder: Path) -> Case:
    app = maker.make(with_product(small(), prefix_limit=10))
    return Case(app.command("--prefix", folder / "env"), "and may have 10")


def no_space(maker: Maker, folder: Path) -> Case:
    command = maker.make(small()).command("--prefix", folder / "env", "--log", "/dev/full")
    return Case(command, "cannot write the log /dev/full: No space left on device")


def input_output(maker: Maker, folder: Path) -> Case:
    command = maker.make(small()).command("--prefix", folder / "env", "--log", folder / "none/log")
    return Case(command, f"cannot write the log {folder}/none/log: No such file or directory")


def locked(maker: Maker, folder: Path) -> Case:
    lock = folder / ".env.sfxpack-lock"
    lock.write_text(lock_text(host="elsewhere", pid=7))
    os.utime(lock, (1, 1))
    return Case(maker.make(small()).command("--prefix", folder / "env"), "process 7 on host elsewhere holds the lock")


def hook(maker: Maker, folder: Path) -> Case:
    app = maker.make(hooked(small(), post_install="echo no licence server >&2; exit 3\n"))
    return Case(app.command("--prefix", folder / "env"), "post-install ended with status 3")


def exceptions(maker: Maker, folder: Path) -> Case:
    maker.make(small()).run("--prefix", folder / "env")
    (folder / "env/lib/mod.py").write_text("changed")
    (folder / "env").rename(folder / "moved")
    return Case([f"{folder}/moved/.sfxpack/sfx", "relocate"], "1 thing stays as it is")


def stopped(number: signal.Signals) -> Callable[[Maker, Path], Case]:
    def prepare(maker: Maker, folder: Path) -> Case:
        def stop(process: subprocess.Popen[str]) -> None:
            while not (folder / ".env.sfxpack-new/d3").exists() and process.poll() is None:
                time.sleep(0.001)
            process.send_signal(number)

        command = maker.make(many(4000, 20_000)).command("--prefix", folder / "env", "-j1")
        return Case(command, "interrupted; nothing is left behind", stop)

    return prepare


CASES = {
    Exit.DONE: done,
    Exit.INTERNAL: no_memory,
    Exit.USAGE: usage,
    Exit.DAMAGED: damaged,
    Exit.WRONG_SYSTEM: wrong_system,
    Exit.PREFIX_IN_USE: prefix_in_use,
    Exit.PREFIX_TOO_LONG: prefix_too_long,
    Exit.NO_SPACE: no_space,
    Exit.IO: input_output,
    Exit.LOCKED: locked,
    Exit.HOOK: hook,
    Exit.EXCEPTIONS: exceptions,
    Exit.INTERRUPTED: stopped(signal.SIGINT),
    Exit.TERMINATED: stopped(signal.SIGTERM),
}
NOT_YET = {Exit.SIGNATURE}


def test_every_code_has_a_case() -> None:
    assert set(CASES) | NOT_YET == set(Exit)


@pytest.mark.parametrize("code", CASES, ids=lambda code: code.name)
def test_code_and_message(stub: Path, tmp_path: Path, code: Exit) -> None:
    for options in ([], ["--json"]):
        folder = tmp_path / ("json" if options else "plain")
        media = folder / "media"
        media.mkdir(parents=True)
        case = CASES[code](Maker(stub, media), folder)
        process = subprocess.Popen(
            [*case.command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=case.before,  # noqa: PLW1509 no other thread runs
        )
        case.after(process)
        out, err = process.communicate(timeout=TIMEOUT)
        assert process.returncode == code, (out, err)
        assert case.said in err
        assert bool(case.said) == bool(err)
        if options:
            *_, last = map(json.loads, out.splitlines())
            assert (last["event"], last["exit"]) == ("result", code)
            assert case.said in (last["error"] or "")
            assert (last["result"] == "failed") == (code not in {Exit.DONE, Exit.EXCEPTIONS})
        if code not in {Exit.DONE, Exit.EXCEPTIONS}:
            assert not os.path.lexists(folder / "env/.sfxpack")
