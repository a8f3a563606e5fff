"""The vendor's scripts: what they are given, and that a failure, a signal or a kill leaves all as it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from sfxpack.format.layout import Exit, HookKind
from sfxpack.format.tables import IndexHook
from tests.cli.test_installer import Terminal, add_to, check_small
from tests.installers import TIMEOUT, Installer, Maker, mounted, small, tool, with_product
from tests.testkit import Sample, with_index

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

FORMS = ("absent", "empty", "beside", "inside")
"""Prefix absent; a folder that stays; an installation that is exchanged; one whose folder stays: a mount point."""


def hooked(values: Sample, **texts: str) -> Sample:
    """The sample with scripts for /bin/sh and texts, by the names of their kinds."""
    named = {HookKind[name.upper()]: text for name, text in texts.items()}
    hooks = tuple(
        IndexHook(kind, f"#!/bin/sh\n{named[kind]}".encode() if kind.is_script else named[kind].encode())
        for kind in HookKind
        if kind in named
    )
    return with_index(values, hooks=hooks)


def whole(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything below a folder, `.sfxpack` too: mode, time (but of a prefix that stays), owner, content."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        mtime = status.st_mtime_ns if path.parent != root else 0
        found[str(path.relative_to(root))] = (status.st_mode, mtime, status.st_uid, content)
    return found


@dataclass(frozen=True)
class Form:
    """A prefix alone in its place, and the options that install there."""

    prefix: Path
    options: tuple[object, ...]
    old: Installer
    """What is installed there, where something is."""
    before: dict[str, tuple[object, ...]]

    @property
    def place(self) -> Path:
        return self.prefix.parent

    def check_nothing_changed(self) -> None:
        assert whole(self.place) == self.before


@contextmanager
def prepared(name: str, maker: Maker, place: Path) -> Iterator[Form]:
    """A prefix for one form of publishing."""
    place.mkdir()
    prefix = place / "env"
    options: tuple[object, ...] = ("--prefix", prefix, "--no-sync")
    old = maker.make(small(b"0"), "old.sh")
    if name in {"empty", "inside"}:
        prefix.mkdir(0o751)
    with mounted(prefix) if name == "inside" else nullcontext():
        if name in {"beside", "inside"}:
            old.run(*options)
            add_to(prefix)
            (prefix / "own.conf").write_text("of an older script")
            (prefix / "own.conf").chmod(0o640)
            options += ("--force",)
        yield Form(prefix, options, old, whole(place))


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest, maker: Maker, tmp_path: Path) -> Iterator[Form]:
    with prepared(request.param, maker, tmp_path / "place") as found:
        yield found


CHANGES = """\
cd "$SFXPACK_PREFIX" || exit 9
test -x bin/hello && grep -q "$SFXPACK_PREFIX" lib/mod.py || exit 8
mkdir -p new/deep bin/more && echo mine >new/deep/file && echo more >bin/more/file && echo changed >>lib/mod.py
test ! -e own.conf || echo changed >>own.conf
"""
"""A script that adds, changes, and writes into a file that was there before."""


# ---- Failing --------------------------------------------------------------------------------------------------------


def test_a_script_that_fails_leaves_all_as_it_was(form: Form, maker: Maker) -> None:
    app = maker.make(hooked(small(), post_install=CHANGES + "rm share/release; echo trouble >&2; exit 3\n"))
    done = app.run(*form.options, status=Exit.HOOK)
    assert done.stderr.splitlines() == [
        "trouble",
        "app: post-install ended with status 3 (--skip-hooks does without); all is as it was before",
    ]
    form.check_nothing_changed()


def test_a_script_that_ends_well(form: Form, maker: Maker) -> None:
    app = maker.make(hooked(small(), post_install=CHANGES + "echo done\n"))
    done = app.run(*form.options)
    assert "running post-install\ndone\n" in done.stdout
    assert (form.prefix / "new/deep/file").read_text() == "mine\n"
    state = {path.name for path in (form.prefix / ".sfxpack").iterdir()}
    assert "manifest" in state
    assert not state & {"pending", "post-install"}
    assert [path.name for path in form.place.iterdir()] == ["env"]
    assert "already installed" in app.run("--prefix", form.prefix).stdout
    assert "changed: lib/mod.py" in tool(form.prefix, "verify", status=None).stdout


def test_before_anything_is_written(form: Form, maker: Maker) -> None:
    app = maker.make(hooked(small(), pre_install="ls -A . >&2; exit 7\n", post_install="echo never\n"))
    done = app.run(*form.options, status=Exit.HOOK, cwd=maker.folder)
    assert "app.sh" in done.stderr.splitlines()  # it runs where the installer was started
    assert "pre-install ended with status 7; nothing was installed" in done.stderr
    assert "never" not in done.stdout
    form.check_nothing_changed()


def test_skipped(form: Form, maker: Maker, tmp_path: Path) -> None:
    app = maker.make(hooked(small(), pre_install="exit 1\n", post_install="exit 1\n"))
    log = tmp_path / "log"
    app.run(*form.options, "--skip-hooks", "--log", log)
    assert "hooks are skipped" in log.read_text()
    assert (form.prefix / "bin/hello").exists()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("kill -KILL $$\n", "post-install was ended by signal 9"),
        ("exec /nowhere/tool\n", "post-install ended with status 127"),
        ('rm -r "$SFXPACK_PREFIX/.sfxpack"\n', "cannot complete"),
    ],
)
def test_other_ends(maker: Maker, tmp_path: Path, script: str, said: str) -> None:
    app = maker.make(hooked(small(), post_install=script))
    done = app.run("--prefix", tmp_path / "place/env", status=Exit.IO if "rm" in script else Exit.HOOK)
    assert said in done.stderr
    assert not (tmp_path / "place").exists()


def test_no_interpreter(maker: Maker, tmp_path: Path) -> None:
    hook = IndexHook(HookKind.POST_INSTALL, b"#!/no/such/python -I\n")
    done = maker.make(with_index(small(), hooks=(hook,))).run("--prefix", tmp_path / "a/b", status=Exit.HOOK)
    assert "post-install cannot be run by /no/such/python: No such file or directory" in done.stderr
    assert not (tmp_path / "a").exists()


# ---- Ended from outside ---------------------------------------------------------------------------------------------

WAITS = CHANGES + 'echo $$ >"$TELL.new"; mv "$TELL.new" "$TELL"; sleep 60; exit 0\n'


def wait_for(path: Path, process: subprocess.Popen[str]) -> int:
    """The number of the script's process, once it has told it."""
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.005)
    return int(path.read_text())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(form: Form, maker: Maker, tmp_path: Path, number: signal.Signals) -> None:
    app = maker.make(hooked(small(), post_install=WAITS))
    tell = tmp_path / "tell"
    environment = {**os.environ, "TELL": str(tell)}
    command = app.command(*form.options)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment)
    script = wait_for(tell, process)
    process.send_signal(number)
    _, said = process.communicate(timeout=TIMEOUT)
    assert process.returncode == (Exit.TERMINATED if number is signal.SIGTERM else Exit.INTERRUPTED)
    assert "interrupted while post-install ran; all is as it was before" in said
    with pytest.raises(ProcessLookupError):
        os.kill(script, 0)
    form.check_nothing_changed()


def kill_in_hook(form: Form, maker: Maker, tmp_path: Path) -> None:
    """An installer is killed while its post-install runs, and that too."""
    app = maker.make(hooked(small(), post_install=WAITS))
    tell = tmp_path / "tell"
    command, environment = app.command(*form.options), {**os.environ, "TELL": str(tell)}
    ends, inherited = os.pipe()
    process = subprocess.Popen(command, text=True, stdout=subprocess.DEVNULL, env=environment, pass_fds=[inherited])
    os.close(inherited)
    script = wait_for(tell, process)
    process.kill()
    process.wait()
    os.killpg(script, signal.SIGKILL)
    os.read(ends, 1)  # when all of them have ended, and are in no mount point any more
    os.close(ends)


def test_killed(form: Form, maker: Maker, tmp_path: Path) -> None:
    """No installation until it has ended; the next run, whatever it shall install, takes it back first."""
    kill_in_hook(form, maker, tmp_path)
    assert not (form.prefix / ".sfxpack/manifest").exists()
    assert "was killed; then run the installer again" in tool(form.prefix, "verify", status=Exit.PREFIX_IN_USE).stderr
    form.old.run("--prefix", form.prefix, "--no-sync")
    if "--force" in form.options:
        form.check_nothing_changed()
    else:
        check_small(form.prefix, str(form.prefix), b"0")
        assert [path.name for path in form.place.iterdir()] == ["env"]


def test_check_only_foresees_what_comes_back(form: Form, maker: Maker, tmp_path: Path) -> None:
    kill_in_hook(form, maker, tmp_path)
    before = whole(form.place)
    said = maker.make(small()).run("--check-only", *form.options).stdout
    assert "another run is not finished there; what it left is undone first" in said
    replaces = "--force" in form.options
    assert ("; the installation there would be replaced" in said) == replaces
    new = maker.make(small(b"2"), "new.sh")
    new.run("--check-only", "--prefix", form.prefix, status=Exit.PREFIX_IN_USE if replaces else 0)
    assert (
        "; this build is installed there already" in form.old.run("--check-only", "--prefix", form.prefix).stdout
        or not replaces
    )
    assert whole(form.place) == before
    new.run("--prefix", form.prefix, "--no-sync", status=Exit.PREFIX_IN_USE if replaces else 0)


@pytest.mark.parametrize(
    "command", [["relocate"], ["relocate", "--strict"], ["relocate", "NEW"], ["uninstall", "--yes"]]
)
def test_the_tool_leaves_what_has_not_ended(form: Form, maker: Maker, tmp_path: Path, command: list[str]) -> None:
    kill_in_hook(form, maker, tmp_path)
    before = whole(form.place)
    options = [str(tmp_path / "copy") if word == "NEW" else word for word in command]
    done = tool(form.prefix, *options, status=Exit.PREFIX_IN_USE)
    assert "was killed; then run the installer again" in done.stderr
    assert whole(form.place) == before
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("by_hand", ["moved", "moved and relocated", "removed", "another thing there"])
@pytest.mark.parametrize("system", ["new", "old"])
def test_what_was_replaced_outlives_the_tree_that_was_moved_away(
    maker: Maker, tmp_path: Path, by_hand: str, system: str, require: Callable[[str], str]
) -> None:
    """It may be the only place of the user's files. An old system exchanges nothing."""
    with prepared("beside", maker, tmp_path / "place") as form:
        if system == "new":
            kill_in_hook(form, maker, tmp_path)
        else:
            tell = tmp_path / "tell"
            app = maker.make(hooked(small(), post_install=WAITS))
            inject = ["-f", "-o", "/dev/null", "-e", "trace=renameat2", "-e", "inject=renameat2:error=ENOSYS"]
            command = [require("strace"), *inject, *app.command(*form.options, "-j1")]
            environment = {**os.environ, "TELL": str(tell)}
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, text=True, env=environment, start_new_session=True
            )
            script = wait_for(tell, process)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            os.killpg(script, signal.SIGKILL)
        away = tmp_path / "away"
        if by_hand == "removed":
            shutil.rmtree(form.prefix)
        else:
            form.prefix.rename(away)
        if by_hand == "moved and relocated":
            tool(away, "relocate", status=Exit.PREFIX_IN_USE)
            assert away.exists()
        if by_hand == "another thing there":
            form.prefix.mkdir()
            (form.prefix / "theirs").touch()
            done = form.old.run("--prefix", form.prefix, "--no-sync", status=Exit.PREFIX_IN_USE)
            assert ".env.sfxpack-new is the installation that was in" in done.stderr
            shutil.rmtree(form.prefix)
        form.old.run("--prefix", form.prefix, "--no-sync")
        form.check_nothing_changed()
        assert [path.name for path in form.place.iterdir()] == ["env"]


@pytest.mark.parametrize("status", [0, 3])
@pytest.mark.parametrize("name", ["absent", "beside", "inside"])
def test_killed_at_every_move(
    name: str, status: int, maker: Maker, tmp_path: Path, require: Callable[[str], str]
) -> None:
    """While it is published, settled or undone; also where nothing can be exchanged."""
    strace = require("strace")
    app = maker.make(hooked(small(), post_install=CHANGES + f"exit {status}\n"))
    moments = [("", "renameat2", at) for at in range(1, 18 if name == "inside" else 5)]
    moments += [("", "renameat", at) for at in range(1, 5)]
    moments += [("", "unlinkat", at) for at in range(1, 60, 20)]
    if name == "beside":
        moments += [("inject=renameat2:error=ENOSYS", "renameat", at) for at in range(1, 9)]
    killed = 0
    for number, (fails, call, at) in enumerate(moments):
        with prepared(name, maker, tmp_path / f"place{number}") as form:
            inject = ["-e", f"trace={call},renameat2", "-e", f"inject={call}:signal=SIGKILL:when={at}"]
            inject += ["-e", fails] if fails else []
            command = [strace, "-f", "-o", "/dev/null", *inject, *app.command(*form.options, "-j1")]
            done = subprocess.run(command, check=False, capture_output=True, timeout=TIMEOUT)
            killed += done.returncode == -signal.SIGKILL
            again = subprocess.run(
                form.old.command("--prefix", form.prefix, "--no-sync"), check=False, capture_output=True
            )
            if status == 0 and again.returncode == Exit.PREFIX_IN_USE:  # the new one is complete
                assert (form.prefix / "new/deep/file").exists(), (fails, call, at)
                assert "missing" not in tool(form.prefix, "verify", status=None).stdout
            elif name == "absent":
                check_small(form.prefix, str(form.prefix), b"0")
            else:
                assert whole(form.place) == form.before, (fails, call, at)
            assert [path.name for path in form.place.iterdir()] == ["env"], (call, at)
            assert not (form.prefix / ".sfxpack.new").exists()
    assert killed > 3


def test_killed_when_it_removes_what_it_took_back(maker: Maker, tmp_path: Path, require: Callable[[str], str]) -> None:
    """All is back by then: what is taken back leaves its place as it came, by renames."""
    app = maker.make(hooked(small(), post_install="exit 3\n"))
    with prepared("inside", maker, tmp_path / "place") as form:
        inject = ["-P", ".sfxpack", "-e", "inject=unlinkat:signal=SIGKILL"]
        command = [require("strace"), "-f", "-o", "/dev/null", *inject, *app.command(*form.options)]
        done = subprocess.run(command, check=False, capture_output=True, timeout=TIMEOUT)
        assert done.returncode == -signal.SIGKILL
        form.old.run("--prefix", form.prefix, "--no-sync")
        form.check_nothing_changed()


def test_two_at_once(maker: Maker, tmp_path: Path) -> None:
    """Who comes second waits for the script of the first, and finds the installation."""
    app = maker.make(
        hooked(small(), post_install='echo $$ >"$TELL"; while test ! -e "$TELL.go"; do sleep 0.02; done\n')
    )
    tell = tmp_path / "tell"
    command = app.command("--prefix", tmp_path / "place/env")
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TELL": str(tell)})
    wait_for(tell, first)
    second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert second.stdout
    assert "waiting for process" in second.stdout.readline()
    tell.with_suffix(".go").touch()
    assert "is installed in" in first.communicate(timeout=TIMEOUT)[0]
    assert "is already installed in" in second.communicate(timeout=TIMEOUT)[0]
    assert (first.returncode, second.returncode) == (0, 0)


# ---- What a script is given -----------------------------------------------------------------------------------------


def test_environment_is_the_callers(maker: Maker, tmp_path: Path) -> None:
    tells = 'env -0 >"$TELL"; umask >>"$TELL"; printf "\\0$PWD\\0$0\\0" >>"$TELL"; cat >>"$TELL"\n'
    app = maker.make(hooked(small(), pre_install=tells, post_install=tells.replace("TELL", "MORE")))
    given = {
        "PATH": os.environ["PATH"],
        "TMPDIR": "/no/such",
        "LANG": "xx",
        "file": "mine",
        "place": "mine",
        "PYTHONPATH": "/x",
    }
    told, more = tmp_path / "told", tmp_path / "more"
    prefix = tmp_path / "a b/env"
    log = tmp_path / "log"
    done = subprocess.run(
        app.command("--prefix", prefix, "--log", log),
        env={**given, "TELL": str(told), "MORE": str(more), "SFXPACK_NAME": "another"},
        umask=0o027,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        check=True,
        capture_output=True,
        timeout=TIMEOUT,
    )
    assert done.stderr == b""
    for path, kind, folder, name in (
        (told, "pre-install", tmp_path, f"{tmp_path}/a b/.env.sfxpack-new/.sfxpack/pre-install"),
        (more, "post-install", prefix, f"{prefix}/.sfxpack/post-install"),
    ):
        *variables, umask, here, script, rest = path.read_text().split("\0")
        found = dict(line.split("=", 1) for line in variables)
        assert {key: found.pop(key, None) for key in given} == given
        assert (umask, here, script, rest) == ("0027\n", str(folder), name, "")
        assert {key: value for key, value in found.items() if key.startswith("SFXPACK_")} == {
            "SFXPACK_HOOK": kind,
            "SFXPACK_ACTION": "install",
            "SFXPACK_PREFIX": str(prefix),
            "SFXPACK_NAME": "app",
            "SFXPACK_RELEASE": "1",
            "SFXPACK_PLATFORM": maker.platform.label,
            "SFXPACK_ARTIFACT": str(app.path),
            "SFXPACK_LOG": str(log),
            "SFXPACK_BATCH": "1",
        }
    assert stat.S_IMODE(told.stat().st_mode) == 0o640


def test_action_is_force(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(hooked(small(), post_install='echo "$SFXPACK_ACTION"\n'))
    assert "\ninstall\n" in app.run("--prefix", tmp_path / "env").stdout
    assert "\nforce\n" in app.run("--prefix", tmp_path / "env", "--force").stdout


def test_interpreter_of_the_environment(maker: Maker, tmp_path: Path) -> None:
    hook = IndexHook(HookKind.POST_INSTALL, b"#! bin/hello  -x  y \n")
    done = maker.make(with_index(small(), hooks=(hook,))).run("--prefix", tmp_path / "env")
    assert f"\n{tmp_path}/env/greeting\n" in done.stdout  # what bin/hello says


def test_one_argument_as_a_kernel_gives(maker: Maker, tmp_path: Path) -> None:
    hook = IndexHook(HookKind.POST_INSTALL, b"#!/usr/bin/env -S sh -e\nfalse\n")
    done = maker.make(with_index(small(), hooks=(hook,))).run("--prefix", tmp_path / "env", status=Exit.HOOK)
    assert "ended with status 1" in done.stderr


def test_signals_are_as_the_caller_had_them(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(hooked(small(), post_install="grep SigIgn /proc/self/status\n"))
    ignored = app.run("--prefix", tmp_path / "env").stdout.split("SigIgn:\t")[1].split()[0]
    assert not int(ignored, 16) & (1 << (signal.SIGXFSZ - 1))


def test_output_goes_on_and_into_the_log(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(hooked(small(), post_install="echo out; echo err >&2; printf 'a\\033b'; printf half\n"))
    log = tmp_path / "log"
    done = app.run("--prefix", tmp_path / "env", "--quiet", "--log", log)
    assert (done.stdout, done.stderr) == ("", "err\n")
    for text in (log.read_text(), (tmp_path / "env/.sfxpack/install.log").read_text()):
        said = [line.split(" ", 1)[1] for line in text.splitlines()]
        assert {"post-install: out", "post-install: err", "post-install: a?bhalf", "post-install ended well"} <= set(
            said
        )


def test_half_a_line_is_ended(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(hooked(small(), post_install="printf out; printf err >&2\n"))
    done = app.run("--prefix", tmp_path / "env")
    assert "out" in done.stdout.splitlines()
    assert done.stderr == "err\n"


def test_what_it_leaves_running_is_not_waited_for(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(hooked(small(), post_install="sleep 60 & echo $!; exit 0\n"))
    done = app.run("--prefix", tmp_path / "env")
    os.kill(int(done.stdout.split("running post-install\n")[1].split()[0]), signal.SIGKILL)


def test_a_place_that_forbids_execution(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(hooked(small(), pre_install="echo first\n", post_install="echo last\n"))
    target = tmp_path / "target"
    target.mkdir()
    with mounted(target, "-o", "noexec"):
        done = app.run("--prefix", target / "env")
        assert "first" in done.stdout
        assert "last" in done.stdout


def test_a_terminal_is_the_scripts_too(maker: Maker, tmp_path: Path) -> None:
    script = 'printf "your name: "; read -r name; echo "hello $name, batch $SFXPACK_BATCH"\n'
    app = maker.make(with_product(hooked(small(), post_install=script), default_prefix=os.fsencode(tmp_path / "env")))
    terminal = Terminal(app.command())
    terminal.read_until("]: ")
    terminal.type("\n")
    terminal.read_until("your name: ")
    terminal.type("Ada\n")
    status, said = terminal.finish()
    assert status == 0, said
    assert "hello Ada, batch 0" in said


def test_key_that_interrupts(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(hooked(small(), post_install="echo waiting; sleep 60\n"))
    terminal = Terminal(app.command("--prefix", str(tmp_path / "env")))
    terminal.read_until("waiting")
    terminal.type("\x03")
    assert terminal.finish()[0] == Exit.INTERRUPTED
    assert not (tmp_path / "env").exists()


# ---- Uninstalling ---------------------------------------------------------------------------------------------------


def test_before_it_is_removed(maker: Maker, tmp_path: Path) -> None:
    """With the environment still whole, and what the script writes is said."""
    script = 'test "$PWD" = "$SFXPACK_PREFIX" && bin/hello && echo "$SFXPACK_HOOK $SFXPACK_ACTION $SFXPACK_NAME $0"\n'
    prefix = tmp_path / "env"
    maker.make(hooked(small(), pre_uninstall=script)).run("--prefix", prefix)
    said = tool(prefix, "uninstall", "--yes").stdout
    assert f"running pre-uninstall\n{prefix}/greeting\n" in said
    assert f"pre-uninstall uninstall app {prefix}/.sfxpack/pre-uninstall\n" in said
    assert not prefix.exists()


def test_a_script_that_fails_keeps_all(maker: Maker, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    maker.make(hooked(small(), pre_uninstall="echo it runs >&2; exit 4\n")).run("--prefix", prefix)
    before = whole(tmp_path)
    said = tool(prefix, "uninstall", "--yes", status=Exit.HOOK).stderr
    assert "it runs\n" in said
    assert "pre-uninstall ended with status 4; nothing was removed (--skip-hooks does without)" in said
    after = whole(tmp_path)
    assert {name for name in after if name.startswith("env")} == {name for name in before if name.startswith("env")}
    tool(prefix, "verify")
    tool(prefix, "uninstall", "--yes", "--skip-hooks")
    assert not prefix.exists()


def test_killed_before_it_is_removed(maker: Maker, tmp_path: Path) -> None:
    """The installation is whole, and the next time all of it goes."""
    prefix, tell = tmp_path / "env", tmp_path / "tell"
    script = 'test ! -e "$TELL" || exit 0; echo $$ >"$TELL.new"; mv "$TELL.new" "$TELL"; sleep 60\n'
    maker.make(hooked(small(), pre_uninstall=script)).run("--prefix", prefix)
    environment = {**os.environ, "TELL": str(tell)}
    command = [str(prefix / ".sfxpack/sfx"), "uninstall", "--yes"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True, env=environment)
    number = wait_for(tell, process)
    process.kill()
    process.wait()
    os.killpg(number, signal.SIGKILL)
    tool(prefix, "verify")
    subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT, env=environment)
    assert not prefix.exists()


def test_a_moved_installation_is_told_where_it_lies(maker: Maker, tmp_path: Path) -> None:
    maker.make(hooked(small(), pre_uninstall='echo "at $SFXPACK_PREFIX"\n')).run("--prefix", tmp_path / "env")
    tool(tmp_path / "env", "relocate", tmp_path / "moved", "--move")
    assert f"at {tmp_path}/moved\n" in tool(tmp_path / "moved", "uninstall", "--yes").stdout


# ---- Looking --------------------------------------------------------------------------------------------------------


def test_shown_before_anything_runs(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(
        hooked(small(), pre_install="echo 1\n", post_install="printf '\x1b[2J\x9b'\n", message_after="bye")
    )
    said = app.run("--info").stdout
    assert said.endswith(
        "\npre-install: 2 lines\n#!/bin/sh\necho 1\n"
        "\npost-install: 2 lines\n#!/bin/sh\nprintf '?[2J?'\n"
        "\nmessage-after: 1 line\nbye\n"
    )
    told = json.loads(app.run("--info", "--json").stdout)["hooks"]
    assert told == {
        "pre-install": "#!/bin/sh\necho 1\n",
        "post-install": "#!/bin/sh\nprintf '\x1b[2J\x9b'\n",
        "message-after": "bye",
    }
    app.run("--prefix", tmp_path / "env", "--skip-hooks")
    assert "pre-install: 2 lines\n" in tool(tmp_path / "env", "info").stdout


def test_nothing_else_runs_them(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(hooked(small(), pre_install="exit 1\n", post_install="exit 1\n"))
    for options in (
        ["--check-only", "--prefix", tmp_path / "env"],
        ["--list"],
        ["--verify"],
        ["--extract", "bin", tmp_path / "out"],
    ):
        app.run(*options)
    app.run("--prefix", tmp_path / "env", "--skip-hooks")
    tool(tmp_path / "env", "relocate", tmp_path / "copy")
    tool(tmp_path / "copy", "verify")
