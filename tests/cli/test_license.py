"""Licence and messages: shown, accepted or not, before anything is written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sfxpack.format.layout import Exit
from tests.cli.test_hooks import hooked
from tests.cli.test_installer import Terminal, check_small
from tests.installers import Installer, Maker, small, tool, with_product

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

LICENCE = "".join(f"{number}. You may.\n" for number in range(1, 101))
QUESTION = "Do you accept the licence? [yes/no]: "


@pytest.fixture
def app(maker: Maker, tmp_path: Path) -> Installer:
    values = hooked(small(), license=LICENCE, message_before="Welcome\x1b[2J.", message_after="Good bye.")
    return maker.make(with_product(values, default_prefix=os.fsencode(tmp_path / "env")))


def only_media(tmp_path: Path) -> bool:
    return [path.name for path in tmp_path.iterdir()] == ["media"]


@pytest.mark.parametrize("options", [["--prefix", "env"], ["--yes"]])
def test_silent_use_needs_the_option(app: Installer, tmp_path: Path, options: list[str]) -> None:
    done = app.run(*options, cwd=tmp_path, status=Exit.USAGE)
    assert done.stdout == ""
    assert f"read it:  sh {app.path} --licenses  and repeat with --accept-license" in done.stderr
    assert only_media(tmp_path)


def test_silent_use(app: Installer, tmp_path: Path) -> None:
    done = app.run("--yes", "--accept-license", "--log", tmp_path / "log")
    lines = done.stdout.splitlines()
    assert (lines[0], lines[-1]) == ("Welcome?[2J.", "Good bye.")
    assert "You may" not in done.stdout
    check_small(tmp_path / "env", str(tmp_path / "env"))
    assert (tmp_path / "env/.sfxpack/LICENSE").read_text() == LICENCE
    assert "the licence was accepted by --accept-license" in (tmp_path / "log").read_text()
    again = app.run("--yes", "--accept-license").stdout
    assert "already installed" in again
    assert "Good bye" not in again


def test_quiet_says_nothing(app: Installer) -> None:
    assert app.run("--yes", "--accept-license", "--quiet").stdout == ""


def test_without_terminal_the_line_to_type(app: Installer, tmp_path: Path) -> None:
    done = app.run(status=Exit.USAGE)
    assert done.stderr.endswith(f"type:  sh {app.path} --prefix {tmp_path}/env --accept-license\n")
    assert "Welcome" not in done.stdout


def test_no_licence_needs_no_option(maker: Maker, tmp_path: Path) -> None:
    maker.make(hooked(small(), message_after="bye")).run("--prefix", tmp_path / "env")
    assert not (tmp_path / "env/.sfxpack/LICENSE").exists()


def test_a_copy_keeps_it(app: Installer, tmp_path: Path) -> None:
    app.run("--yes", "--accept-license")
    tool(tmp_path / "env", "relocate", tmp_path / "copy")
    assert (tmp_path / "copy/.sfxpack/LICENSE").read_text() == LICENCE


def page(terminal: Terminal) -> None:
    """Go to the question, page by page."""
    terminal.read_until("1. You may.\r\n")
    while QUESTION not in terminal.text:
        count = terminal.text.count("-- Enter")
        terminal.type("\n")
        while terminal.text.count("-- Enter") == count and QUESTION not in terminal.text:
            terminal.text += os.read(terminal.fd, 4096).decode()


def test_accepted_on_a_terminal(app: Installer, tmp_path: Path) -> None:
    terminal = Terminal(app.command(), PAGER="")
    assert "Welcome?[2J." in terminal.read_until("-- Enter: next page, q: to the end -- ")
    assert "22. You may." in terminal.text  # 24 lines
    assert "23. You may." not in terminal.text
    page(terminal)
    assert "100. You may." in terminal.text
    terminal.type("perhaps\n")
    terminal.read_until("perhaps")
    terminal.type("YES\n")
    terminal.read_until(f"Install in [{tmp_path}/env]: ")
    terminal.type("\n")
    status, said = terminal.finish()
    assert status == 0, said
    assert "Good bye." in said


def test_left_early_and_declined(app: Installer, tmp_path: Path) -> None:
    terminal = Terminal(app.command(), PAGER="/no/such/pager")
    terminal.read_until("-- Enter")
    terminal.type("q\n")
    terminal.read_until(QUESTION)
    assert "100. You may." not in terminal.text
    terminal.type("no\n")
    status, said = terminal.finish()
    assert status == Exit.USAGE
    assert "the licence was not accepted; nothing was installed" in said
    assert only_media(tmp_path)


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["interrupt", "end"])
def test_left_without_answer(app: Installer, tmp_path: Path, key: str) -> None:
    terminal = Terminal(app.command(), PAGER="")
    terminal.read_until("-- Enter")
    terminal.type(key)
    assert terminal.finish()[0] == Exit.INTERRUPTED
    assert only_media(tmp_path)


def test_pager_of_the_user(app: Installer) -> None:
    terminal = Terminal(app.command(), PAGER="sed s/may/must/")
    terminal.read_until(QUESTION)
    assert "100. You must." in terminal.text
    assert "-- Enter" not in terminal.text
    terminal.type("no\n")
    assert terminal.finish()[0] == Exit.USAGE


def test_accepted_beforehand_on_a_terminal(app: Installer) -> None:
    terminal = Terminal(app.command("--accept-license"))
    terminal.read_until("Install in [")
    assert "You may" not in terminal.text
    terminal.type("\n")
    assert terminal.finish()[0] == 0


def test_it_can_be_read_before_and_after(app: Installer, tmp_path: Path) -> None:
    assert "licence     100 lines, to be accepted; --licenses prints it\n" in app.run("--info").stdout
    assert app.run("--prefix", tmp_path / "env", "--accept-license").returncode == 0
    assert "licence     100 lines, in .sfxpack/LICENSE\n" in tool(tmp_path / "env", "info").stdout
    assert app.run("--licenses").stdout == LICENCE + "\nall rights\n"
    assert app.run("--info").stdout.endswith("\nmessage-after: 1 line\nGood bye.\n")
