"""`--json` while something is done: events for programs, as docs/events.md describes them; and the log."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sfxpack.format.layout import Exit, RequirementKind
from sfxpack.format.tables import IndexRequirement
from tests.cli.test_hooks import hooked
from tests.installers import TIMEOUT, Installer, Maker, lock_text, many, small, tool, with_product
from tests.testkit import with_index

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/events.md"
LOG = ".sfxpack/install.log"


def events(out: str) -> list[dict[str, Any]]:
    """All lines; checks what is true of every run, and that the document knows each key and value."""
    found = [json.loads(line) for line in out.splitlines()]
    text = DOCUMENT.read_text()
    assert [event["event"] for event in found].count("result") == 1
    assert found[-1]["event"] == "result"
    assert found[0]["event"] in {"start", "result"}
    for event in found:
        assert f"| `{event['event']}` |" in text
        values = {event.get("phase"), event.get("result"), event.get("action")} - {None}
        assert all(f"`{name}`" in text for name in {*event, *values} - {"event"}), event
    return found


def kinds(found: list[dict[str, Any]]) -> list[str]:
    """In short: the events without progress and notes."""
    return [
        " ".join(str(event[key]) for key in ("event", "phase", "path", "result") if key in event)
        for event in found
        if event["event"] not in {"progress", "note"}
    ]


# ---- Installing -----------------------------------------------------------------------------------------------------


def test_installing(app: Installer, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    done = app.run("--prefix", prefix, "--json")
    found = events(done.stdout)
    assert kinds(found) == ["start", "phase check", "phase extract", "phase sync", "phase publish", "result installed"]
    build = json.loads(app.run("--info", "--json").stdout)["build"]
    assert found[0] == {
        "event": "start", "format": 1, "action": "install", "prefix": str(prefix),
        "name": "app", "release": "1", "build": build,
    }  # fmt: skip
    assert {"event": "note", "text": f"app 1 is installed in {prefix}"} in found
    assert found[-1] == {
        "event": "result", "exit": 0, "result": "installed", "prefix": str(prefix), "error": None,
    }  # fmt: skip
    assert done.stderr == ""
    again = events(app.run("--prefix", prefix, "--json", "--quiet").stdout)
    assert [event["event"] for event in again] == ["start", "phase", "result"]
    assert again[-1]["result"] == "already-installed"


def test_progress_is_in_order_and_ends_at_the_total(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(many(300, 100_000))
    found = events(app.run("--prefix", tmp_path / "env", "--json", "--no-sync", "-j1").stdout)
    done = [event["done"] for event in found if event["event"] == "progress"]
    assert done == sorted(done)
    assert done[-1] == 30_000_000
    assert {(event["phase"], event["total"]) for event in found if event["event"] == "progress"} == {
        ("extract", 30_000_000)
    }


def test_warnings(maker: Maker, tmp_path: Path) -> None:
    """To people too, unless they want none."""
    soft = with_index(small(), requirements=(IndexRequirement(RequirementKind.GLIBC, 0, 9 << 16, b"lib/needy.so"),))
    app = maker.make(soft)
    for options, count in (([], 1), (["-q"], 0)):
        done = app.run("--prefix", tmp_path / f"env{count}", "--json", *options)
        assert ["lib/needy.so" in event["text"] for event in events(done.stdout) if event["event"] == "warning"] == [
            True
        ]
        assert done.stderr.count("lib/needy.so") == count


def test_what_cannot_be_compiled(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(with_product(small(), compile=b"share/release"))
    found = events(app.run("--prefix", tmp_path / "env", "--json", status=Exit.EXCEPTIONS).stdout)
    assert kinds(found)[-3:] == ["phase compile", "warning", "result installed"]


def test_scripts_and_messages_of_the_vendor(maker: Maker, tmp_path: Path) -> None:
    """What they write does not come between the lines."""
    texts = {"pre_install": "echo one; echo two >&2\n", "post_install": "printf three\n"}
    app = maker.make(hooked(small(), **texts, message_before="Read\nme", message_after="Thanks", license="All of it"))
    done = app.run("--prefix", tmp_path / "env", "--json", "--accept-license")
    found = events(done.stdout)
    assert kinds(found)[1:] == [
        "phase check", "phase hook", "phase extract", "phase sync", "phase publish", "phase hook", "result installed",
    ]  # fmt: skip
    notes = [event["text"] for event in found if event["event"] == "note"]
    assert {"Read\nme", "Thanks", "pre-install: one", "pre-install: two", "post-install: three"} < set(notes)
    assert done.stderr == "two\n"
    assert "post-install: three" in lines(tmp_path / "env" / LOG)
    refused = events(app.run("--prefix", tmp_path / "no", "--json", status=Exit.USAGE).stdout)
    assert "--accept-license" in refused[-1]["error"]


def test_nothing_is_asked(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(with_product(small(), default_prefix=os.fsencode(tmp_path / "env")))
    [result] = events(app.run("--json", status=Exit.USAGE).stdout)
    assert "with --json there is nobody to ask" in result["error"]
    found = events(app.run("--json", "--yes").stdout)
    assert found[-1]["prefix"] == found[0]["prefix"] == str(tmp_path / "env")


@pytest.mark.parametrize("options", [["--jsn", "--json"], ["--json", "-p"], ["--json", "--verify"], ["--json", "x"]])
def test_wrong_command_lines(app: Installer, options: list[str]) -> None:
    done = app.run(*options, status=Exit.USAGE)
    [result] = events(done.stdout)
    assert result["exit"] == Exit.USAGE
    assert result["error"] in done.stderr
    assert result["prefix"] is None


def test_a_file_that_cannot_be_read(app: Installer, tmp_path: Path) -> None:
    gone = replace(app, path=tmp_path / "gone")
    [result] = events(gone.run("--prefix", tmp_path / "env", "--json", status=Exit.IO).stdout)
    assert str(gone.path) in result["error"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_interrupted_and_a_line_at_a_time(maker: Maker, tmp_path: Path, number: signal.Signals) -> None:
    """A reader gets each line when it is said; after a signal the result is still the last."""
    app = maker.make(many(4000, 20_000))
    command = app.command("--prefix", tmp_path / "env", "--json", "-j1")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = ""
        while '"phase": "extract"' not in said:
            said += process.stdout.readline()
        process.send_signal(number)
        rest, error = process.communicate(timeout=TIMEOUT)
    found = events(said + rest)
    assert found[-1]["result"] == "failed"
    assert found[-1]["exit"] == process.returncode == Exit.INTERRUPTED
    assert found[-1]["error"] in error
    assert not (tmp_path / "env").exists()


def test_waiting_for_another_run(app: Installer, tmp_path: Path) -> None:
    lock = tmp_path / ".env.sfxpack-lock"
    lock.write_text(lock_text())
    command = app.command("--prefix", tmp_path / "env", "--json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = ""
        while '"phase": "lock"' not in said:
            said += process.stdout.readline()
        lock.unlink()
        found = events(said + process.communicate(timeout=TIMEOUT)[0])
    assert kinds(found)[1:] == [
        "phase check",
        "phase lock",
        "phase extract",
        "phase sync",
        "phase publish",
        "result installed",
    ]


def test_nobody_reads(app: Installer, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = app.command("--prefix", tmp_path / "env", "--json")
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=TIMEOUT)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
    tool(tmp_path / "env", "verify")


@pytest.mark.parametrize("json_", [(), ("--json",)])
def test_output_is_lost(app: Installer, tmp_path: Path, json_: tuple[str, ...]) -> None:
    """What was done stands and is an exception; where the output is what was asked for, the run failed."""
    prefix = tmp_path / "env"

    def run(status: Exit, *command: str | Path) -> None:
        with open("/dev/full", "wb") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=TIMEOUT)
        assert done.returncode == status
        assert "cannot write to standard output: No space left" in done.stderr

    run(Exit.NO_SPACE, *app.command("--prefix", prefix, "--check-only", *json_))
    for action in ("--info", "--list"):
        run(Exit.NO_SPACE, *app.command(action, *json_))
    for _ in range(2):
        run(Exit.EXCEPTIONS, *app.command("--prefix", prefix, *json_))
    run(Exit.NO_SPACE, prefix / ".sfxpack/sfx", "info")
    run(Exit.NO_SPACE, prefix / ".sfxpack/sfx", "verify", *json_)
    run(Exit.EXCEPTIONS, prefix / ".sfxpack/sfx", "uninstall", "--yes", *json_)
    assert not prefix.exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_standard_output(app: Installer, tmp_path: Path, closed: str) -> None:
    """No file is taken for one: what is installed and logged holds no message."""
    prefix, log = tmp_path / "env", tmp_path / "log"
    line = f"{shlex.join(map(str, app.command('--prefix', prefix, '--log', log)))} {closed}"
    subprocess.run(["sh", "-c", line], check=True, timeout=TIMEOUT)
    tool(prefix, "verify")
    assert all(re.match(r"20\d\d-", text) for text in log.read_text().splitlines())


# ---- The tool -------------------------------------------------------------------------------------------------------


def test_verifying_and_relocating(app: Installer, tmp_path: Path) -> None:
    prefix, new, moved = tmp_path / "env", tmp_path / "new", tmp_path / "moved"
    app.run("--prefix", prefix)
    assert kinds(events(tool(prefix, "verify", "--json").stdout)) == ["start", "phase verify", "result sound"]
    (prefix / "share/empty").write_text("no more")
    (prefix / "mine").mkdir()
    (prefix / "mine/data").touch()
    found = events(tool(prefix, "verify", "--json", status=Exit.EXCEPTIONS).stdout)
    assert kinds(found) == ["start", "phase verify", "file share/empty", "result differs"]
    found = events(tool(prefix, "relocate", new, "--json", status=Exit.EXCEPTIONS).stdout)
    assert kinds(found) == [
        "start", "phase check", "phase copy", "file share/empty", "file mine/",
        "phase sync", "phase publish", "result copied",
    ]  # fmt: skip
    assert (found[0]["prefix"], found[-1]["prefix"]) == (str(prefix), str(new))
    assert "1 file not installed with it" in {event.get("text") for event in found}
    assert kinds(events(tool(new, "relocate", "--json").stdout))[-1] == "result in-place"
    new.rename(moved)
    found = events(tool(moved, "relocate", "--json", "-q", status=Exit.EXCEPTIONS).stdout)
    assert kinds(found)[2:] == [
        "phase relocate",
        "file share/empty",
        "file mine/",
        "phase sync",
        "phase publish",
        "result relocated",
    ]
    found = events(tool(moved, "relocate", new, "--move", "--json", status=Exit.EXCEPTIONS).stdout)
    assert kinds(found)[-1] == "result moved"
    assert "--json" in events(tool(new, "info", "--json", status=Exit.USAGE).stdout)[-1]["error"]


def test_uninstalling(app: Installer, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    app.run("--prefix", prefix)
    refused = tool(prefix, "uninstall", "--json", status=Exit.USAGE)
    assert "with --json there is nobody to ask" in events(refused.stdout)[-1]["error"]
    (prefix / "mine").touch()
    found = events(
        tool(prefix, "uninstall", "--yes", "--json", "--log", tmp_path / "log", status=Exit.EXCEPTIONS).stdout
    )
    assert kinds(found) == [
        "start", "phase check", "file mine", "phase remove", "phase sync", "result removed",
    ]  # fmt: skip
    assert (found[0]["action"], found[-1]["prefix"]) == ("uninstall", str(prefix))
    assert {"stays: mine (not installed with it)", f"app 1 is removed from {prefix}"} < set(lines(tmp_path / "log"))
    (prefix / "mine").unlink()
    app.run("--prefix", prefix)
    assert events(tool(prefix, "uninstall", "--yes", "--json").stdout)[-1]["exit"] == 0
    assert not (prefix / "bin").exists()


# ---- The log --------------------------------------------------------------------------------------------------------


def lines(log: Path) -> list[str]:
    """Without the time that each of them begins with."""
    found = log.read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", line) for line in found)
    return [line[21:] for line in found]


def test_log(app: Installer, tmp_path: Path) -> None:
    """In the prefix and where --log says, what happens after publishing included; it is added to."""
    log, prefix = tmp_path / "log", tmp_path / "my env"
    log.write_text("2026-01-01T00:00:00Z before\n")
    app.run("--prefix", prefix, "--log", log, "-q")
    before, *own = lines(log)
    assert before == "before"
    assert own == lines(prefix / LOG)
    build = json.loads(app.run("--info", "--json").stdout)["build"]
    assert own[0].endswith(f": {app.path} --prefix '{prefix}' --log {log} -q")
    assert f"installing app 1 in {prefix}, build {build} by sfxpack 0" in own
    assert own[-2:] == ["extracted 14 entries", f"installed in {prefix}"]
    assert stat.S_IMODE((prefix / LOG).stat().st_mode) == 0o644


def test_log_of_what_comes_after(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(with_product(small(), compile=b"share/release"))
    prefix, moved = tmp_path / "env", tmp_path / "moved"
    app.run("--prefix", prefix, status=Exit.EXCEPTIONS)
    assert "not all of its Python files are compiled" in lines(prefix / LOG)[-1]
    before = lines(prefix / LOG)
    app.run("--prefix", prefix)
    tool(prefix, "verify")
    tool(prefix, "relocate")
    assert lines(prefix / LOG) == before
    (prefix / "share/empty").write_text("changed")
    prefix.rename(moved)
    tool(moved, "relocate", status=Exit.EXCEPTIONS)
    added = lines(moved / LOG)[len(before) :]
    assert added[0].endswith(": sfx relocate")
    assert added[-2:] == ["left as it is: share/empty (changed)", f"relocated from {prefix} to {moved}, 6 files"]


def test_names_make_no_lines(app: Installer, tmp_path: Path) -> None:
    prefix, moved = tmp_path / "env", tmp_path / "moved"
    app.run("--prefix", prefix)
    name = "new\n2026-01-01T00:00:00Z \x1b[1mline"
    (prefix / name).touch()
    done = tool(prefix, "relocate", moved, "--log", tmp_path / "log", status=Exit.EXCEPTIONS)
    told = "left as it is: new?2026-01-01T00:00:00Z ?[1mline (not installed with it)"
    assert told in done.stdout.splitlines()
    assert told in lines(moved / LOG)
    assert told in lines(tmp_path / "log")
    done = tool(moved, "relocate", tmp_path / "more", "--json", status=Exit.EXCEPTIONS)
    assert name in {event.get("path") for event in events(done.stdout)}


def test_log_of_a_failure(app: Installer, tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/mine").touch()
    done = app.run("--prefix", tmp_path / "env", "--log", tmp_path / "log", status=Exit.PREFIX_IN_USE)
    assert lines(tmp_path / "log")[-1] == done.stderr.removeprefix("app: ").rstrip()
    assert [path.name for path in (tmp_path / "env").iterdir()] == ["mine"]


def test_log_that_cannot_be_written(app: Installer, tmp_path: Path) -> None:
    """Nothing is done then."""
    prefix = tmp_path / "env"
    data = app.path.read_bytes()
    for log, status in (
        (tmp_path / "no/log", Exit.IO), (tmp_path, Exit.IO), ("/dev/full", Exit.NO_SPACE), (app.path, Exit.USAGE),
    ):  # fmt: skip
        assert str(log) in app.run("--prefix", prefix, "--log", log, status=status).stderr
        assert not prefix.exists()
    assert app.path.read_bytes() == data


def test_log_in_the_prefix(app: Installer, tmp_path: Path) -> None:
    """A file there would make the prefix one that is not empty."""
    prefix = tmp_path / "env"
    for log in (prefix / "log", prefix / "a/../log"):
        done = app.run("--prefix", "x/../env", "--log", log, status=Exit.USAGE, cwd=tmp_path)
        assert "has its own, .sfxpack/install.log" in done.stderr
    prefix.mkdir()
    app.run("--prefix", prefix, "--log", prefix / "log", status=Exit.USAGE)
    assert list(prefix.iterdir()) == []
    app.run("--prefix", prefix, "--log", tmp_path / "envlog")


def test_mode_of_the_log(app: Installer, tmp_path: Path) -> None:
    """The caller's for the caller's file; what is installed has modes of its own."""
    command = app.command("--prefix", tmp_path / "env", "--log", tmp_path / "log")
    subprocess.run(command, check=True, umask=0o077, capture_output=True, timeout=TIMEOUT)
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "env" / LOG).stat().st_mode) == 0o644
