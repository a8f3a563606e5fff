"""`--modify-rc`: lines in the start-up file of the user's shell, found again byte by byte."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sfxpack.format.layout import Exit
from tests.cli.test_uninstall import names, uninstall
from tests.installers import Installer, Maker, small, tool, with_product
from tests.testkit import file, sample

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

FILES = {
    "bash": ".bashrc",
    "zsh": ".zshrc",
    "fish": ".config/fish/config.fish",
    "sh": ".profile",
    "dash": ".profile",
    "mksh": ".profile",
}


@pytest.fixture
def app(maker: Maker) -> Installer:
    """Activating it says `PREFIX/greeting`."""
    return maker.make(with_product(small(), activation=b"bin/hello"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def environment(home: Path, shell: str = "bash") -> dict[str, str]:
    return {"HOME": str(home), "SHELL": f"/usr/bin/{shell}", "PATH": os.environ["PATH"], "TERM": "dumb"}


def install(
    app: Installer, prefix: Path, home: Path, *options: object, using: str = "bash", status: int = 0
) -> subprocess.CompletedProcess[str]:
    command = ("--prefix", prefix, "--modify-rc", "--no-sync", *options)
    return app.run(*command, env=environment(home, using), status=status)


def block(prefix: Path) -> str:
    return (
        f"# >>> app (sfxpack {prefix}) >>>\n"
        f"if [ -r {prefix}/bin/hello ]; then . {prefix}/bin/hello; fi\n"
        f"# <<< app (sfxpack {prefix}) <<<\n"
    )


def test_only_on_request(app: Installer, home: Path, tmp_path: Path) -> None:
    (home / ".bashrc").write_text("mine\n")
    app.run("--prefix", tmp_path / "env", env=environment(home))
    assert (home / ".bashrc").read_text() == "mine\n"
    assert not (tmp_path / "env/.sfxpack/outside").exists()
    tool(tmp_path / "env", "verify", "--modify-rc", status=Exit.USAGE)
    app.run("--check-only", "--modify-rc", env=environment(home), status=Exit.USAGE)


@pytest.mark.parametrize("shell", FILES)
@pytest.mark.parametrize("before", [None, "", "mine\n", "no newline", "dos\r\nlines\r\n"])
def test_there_and_back(app: Installer, home: Path, tmp_path: Path, shell: str, before: str | None) -> None:
    """The file is what it was, byte for byte; adding twice is adding once."""
    rc = home / FILES[shell]
    if before is not None:
        rc.parent.mkdir(parents=True, exist_ok=True)
        rc.write_bytes(before.encode())
    for _ in range(2):
        done = install(app, tmp_path / "env", home, using=shell)
        assert f"profile:   {rc} activates it in new shells" in done.stdout
        text = rc.read_bytes().decode()
        separator = "\n" if before and not before.endswith("\n") else ""
        assert text.startswith((before or "") + separator + "# >>> app (sfxpack ")
        assert text.count(">>>\n") == 1
    uninstall(tmp_path / "env")
    if before is None:
        assert not rc.exists()
    else:
        assert rc.read_bytes() == before.encode()
    assert [path for path in home.rglob("*") if path.is_file() and path != rc] == []


SHELLS = [("bash", ["-i"]), ("zsh", ["-i"]), ("dash", ["-l"]), ("mksh", ["-l"])]


@pytest.mark.parametrize(("shell", "options"), SHELLS)
@pytest.mark.parametrize("name", ["env", "it's a $HOME `env`"])
def test_new_shells_activate_it(
    app: Installer, tmp_path: Path, shell: str, options: list[str], name: str, require: Callable[[str], str]
) -> None:
    path, prefix, home = require(shell), tmp_path / name, tmp_path / "home"
    home.mkdir()
    install(app, prefix, home, using=shell)
    (prefix / "bin/hello").write_text("echo activated\n")

    def start() -> str:
        command = [path, *options, "-c", "echo started"]
        env = {**environment(home, shell), "ENV": ""}
        return subprocess.run(command, check=True, env=env, capture_output=True, text=True, timeout=60).stdout

    assert start() == "activated\nstarted\n"
    uninstall(prefix, "--purge")
    assert start() == "started\n"


def test_without_a_script_of_activation(
    maker: Maker, home: Path, tmp_path: Path, require: Callable[[str], str]
) -> None:
    app = maker.make(with_product(small(), activation=b""))
    prefix = tmp_path / "an env"
    install(app, prefix, home, using="dash")
    twice = f". {home}/.profile; . {home}/.profile; echo $PATH"
    for shell in ("dash", "bash", "zsh"):
        command = [require(shell), "-c", twice]
        done = subprocess.run(command, check=True, env=environment(home), capture_output=True, text=True)
        assert done.stdout == f"{prefix}/bin:{os.environ['PATH']}\n"


def test_fish(maker: Maker, home: Path, tmp_path: Path, require: Callable[[str], str]) -> None:
    """A script for fish where the environment has one, else the path alone."""
    prefix = tmp_path / "env"
    fish = require("fish")

    def start() -> str:
        command = [fish, "-c", "echo $PATH"]
        env = environment(home, "fish")
        return subprocess.run(command, check=True, env=env, capture_output=True, text=True).stdout

    values = sample((file(b"activate", 0), file(b"activate.fish", 0)), (b"echo activated\n",))
    install(maker.make(with_product(values, name=b"app", activation=b"activate")), prefix, home, using="fish")
    rc = home / ".config/fish/config.fish"
    assert f"if test -r {prefix}/activate.fish\n    source {prefix}/activate.fish\nend\n" in rc.read_text()
    assert start().startswith("activated\n")
    uninstall(prefix)
    install(maker.make(with_product(small(), activation=b"bin/hello")), prefix, home, using="fish")
    assert f"set -gx PATH {prefix}/bin $PATH" in rc.read_text()
    assert start().startswith(f"{prefix}/bin ")


def test_where_the_shells_look(app: Installer, home: Path, tmp_path: Path) -> None:
    for shell, variable, expected in (("zsh", "ZDOTDIR", ".zshrc"), ("fish", "XDG_CONFIG_HOME", "fish/config.fish")):
        folder = tmp_path / f"{shell}-settings"
        folder.mkdir()
        env = {**environment(home, shell), variable: str(folder)}
        app.run("--prefix", tmp_path / shell, "--modify-rc", env=env)
        assert (folder / expected).exists()
    assert names(home) == []


def test_mode_owner_and_link_stay(app: Installer, home: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles"
    real.write_text("mine\n")
    real.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(real, 65534, 65533)
    before = real.stat()
    (home / ".bashrc").symlink_to(real)
    for step in ("install", "uninstall"):
        if step == "install":
            install(app, tmp_path / "env", home)
        else:
            uninstall(tmp_path / "env")
        assert (home / ".bashrc").is_symlink()
        after = real.stat()
        assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert real.read_text() == "mine\n"
    assert names(home) == [".bashrc"]


def test_edited_around(app: Installer, home: Path, tmp_path: Path) -> None:
    """Its lines go and nothing else, wherever they are by now, and no lines are joined."""
    rc = home / ".bashrc"
    rc.write_text("first")
    install(app, tmp_path / "env", home)
    rc.write_text("before\n" + rc.read_text() + "last\n")
    uninstall(tmp_path / "env")
    assert rc.read_text() == "before\nfirst\nlast\n"


def test_edited_lines_stay(app: Installer, home: Path, tmp_path: Path) -> None:
    prefix, rc = tmp_path / "env", home / ".bashrc"
    install(app, prefix, home)
    edited = rc.read_text().replace("if [ -r", "if [ -n $x ] && [ -r")
    rc.write_text(edited)
    assert "were edited; they stay" in install(app, prefix, home).stderr
    assert rc.read_text() == edited
    moved = prefix.rename(tmp_path / "moved")
    assert "still name the old prefix" in tool(moved, "relocate", status=Exit.EXCEPTIONS).stderr
    assert rc.read_text() == edited
    done = uninstall(moved, status=Exit.EXCEPTIONS)
    assert f"{rc} holds lines for it that were edited; they stay" in done.stderr
    assert not moved.exists()
    assert rc.read_text() == edited


def test_lines_that_are_gone(app: Installer, home: Path, tmp_path: Path) -> None:
    (home / ".bashrc").write_text("mine\n")
    install(app, tmp_path / "env", home)
    (home / ".bashrc").write_text("mine\n")
    moved = (tmp_path / "env").rename(tmp_path / "moved")
    tool(moved, "relocate")
    assert (home / ".bashrc").read_text() == "mine\n"
    uninstall(moved)
    assert (home / ".bashrc").read_text() == "mine\n"


def test_the_lines_follow_a_move(app: Installer, home: Path, tmp_path: Path) -> None:
    rc = home / ".bashrc"
    rc.write_text("no newline")
    install(app, tmp_path / "env", home)
    here = (tmp_path / "env").rename(tmp_path / "here")
    tool(here, "relocate")
    assert rc.read_text() == "no newline\n" + block(here)
    tool(here, "relocate", tmp_path / "there", "--move")
    assert rc.read_text() == "no newline\n" + block(tmp_path / "there")
    tool(tmp_path / "there", "relocate", tmp_path / "copy")
    assert rc.read_text() == "no newline\n" + block(tmp_path / "there")
    uninstall(tmp_path / "copy")
    assert rc.read_text() == "no newline\n" + block(tmp_path / "there")
    uninstall(tmp_path / "there")
    assert rc.read_text() == "no newline"


def test_a_replaced_installation_keeps_its_lines(app: Installer, maker: Maker, home: Path, tmp_path: Path) -> None:
    install(app, tmp_path / "env", home)
    second = maker.make(with_product(small(b"2"), activation=b"bin/hello", name=b"other"), "second.sh")
    second.run("--prefix", tmp_path / "env", "--force", env=environment(home))
    assert (home / ".bashrc").read_text() == block(tmp_path / "env")
    install(second, tmp_path / "env", home)
    assert (home / ".bashrc").read_text() == block(tmp_path / "env").replace("app (", "other (")
    uninstall(tmp_path / "env")
    assert names(home) == []


def test_two_installations(app: Installer, home: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        install(app, tmp_path / name, home)
    assert (home / ".bashrc").read_text() == block(tmp_path / "a") + block(tmp_path / "b")
    uninstall(tmp_path / "a")
    assert (home / ".bashrc").read_text() == block(tmp_path / "b")


def test_refused_before_anything_is_installed(app: Installer, home: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    assert "language of tcsh" in install(app, prefix, home, using="tcsh", status=Exit.USAGE).stderr
    assert not prefix.exists()


@pytest.mark.parametrize("obstacle", ["folder", "dangling", "device"])
def test_a_file_that_cannot_be_changed(app: Installer, home: Path, tmp_path: Path, obstacle: str) -> None:
    """The installation stands."""
    rc = home / ".bashrc"
    if obstacle == "folder":
        rc.mkdir()
    else:
        rc.symlink_to("/dev/null" if obstacle == "device" else tmp_path / "nowhere/file")
    done = install(app, tmp_path / "env", home, status=Exit.EXCEPTIONS)
    assert f"{rc} was not changed, so new shells do not activate it: " in done.stderr
    again = install(app, tmp_path / "env", home, "--json", status=Exit.EXCEPTIONS)
    assert '{"event": "result", "exit": 12, "result": "already-installed", ' in again.stdout
    tool(tmp_path / "env", "verify")
    uninstall(tmp_path / "env")


def test_a_file_that_cannot_be_changed_any_more(app: Installer, home: Path, tmp_path: Path) -> None:
    install(app, tmp_path / "env", home)
    shutil.move(home / ".bashrc", home / "kept")
    (home / ".bashrc").mkdir()
    done = uninstall(tmp_path / "env", status=Exit.EXCEPTIONS)
    assert "still activates it in new shells" in done.stderr
    assert not (tmp_path / "env").exists()


@pytest.mark.parametrize("options", [(), ("--move",)])
def test_a_file_that_cannot_be_changed_follows_later(
    app: Installer, home: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """The record goes along, so that the next `sfx relocate` finds the lines, and `sfx uninstall` does."""
    rc, there = home / ".bashrc", tmp_path / "there"
    rc.write_text("mine")
    install(app, tmp_path / "env", home)
    before = rc.read_text()
    shutil.move(rc, home / "kept")
    rc.mkdir()
    if options:
        done = tool(tmp_path / "env", "relocate", there, *options, status=Exit.EXCEPTIONS)
    else:
        (tmp_path / "env").rename(there)
        done = tool(there, "relocate", status=Exit.EXCEPTIONS)
    assert f"{rc} still names the old prefix: not a regular file" in done.stderr
    again = tool(there, "relocate", "--json", status=Exit.EXCEPTIONS)
    assert f"{rc} still names the old prefix" in again.stderr
    assert '{"event": "result", "exit": 12, "result": "in-place", ' in again.stdout
    rc.rmdir()
    shutil.move(home / "kept", rc)
    if not options:
        tool(there, "relocate")
        assert rc.read_text() == "mine\n" + block(there)
        assert "nothing to do" in tool(there, "relocate").stdout
    else:
        assert rc.read_text() == before
    uninstall(there)
    assert rc.read_text() == "mine"


def test_lines_that_were_written_before_their_record(app: Installer, maker: Maker, home: Path, tmp_path: Path) -> None:
    """Killed in between, the file has the new lines, and the record the old ones."""
    rc, outside = home / ".bashrc", tmp_path / "env/.sfxpack/outside"
    rc.write_text("mine")
    install(app, tmp_path / "env", home)
    old = outside.read_bytes()
    second = maker.make(with_product(small(b"2"), activation=b"bin/hello", name=b"other"), "second.sh")
    install(second, tmp_path / "env", home, "--force")
    assert "# >>> other (" in rc.read_text()
    outside.write_bytes(old)
    uninstall(tmp_path / "env")
    assert rc.read_text() == "mine"


def test_a_record_that_cannot_be_read(app: Installer, home: Path, tmp_path: Path) -> None:
    outside = tmp_path / "env/.sfxpack/outside"
    install(app, tmp_path / "env", home)
    outside.unlink()
    outside.mkdir()
    done = uninstall(tmp_path / "env", status=Exit.EXCEPTIONS)
    assert f"cannot read {outside}, so lines in a start-up file stay as they are: " in done.stderr


@pytest.mark.parametrize("step", ["install", "uninstall"])
def test_killed_at_every_call(
    app: Installer, home: Path, tmp_path: Path, step: str, require: Callable[[str], str]
) -> None:
    """The file is never half written; the next run puts all right."""
    strace, rc, prefix = require("strace"), home / ".bashrc", tmp_path / "env"
    env = environment(home)
    rc.write_text("mine\n")
    added = "mine\n" + block(prefix)
    for call in ("write", "renameat"):
        for at in range(1, 30, 4):
            install(app, prefix, home)
            if step == "install":
                uninstall(prefix)
                command = app.command("--prefix", prefix, "--modify-rc", "--no-sync")
            else:
                command = [str(prefix / ".sfxpack/sfx"), "uninstall", "--yes"]
            inject = ["-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={at}"]
            done = subprocess.run([strace, *inject, *command], check=False, env=env, capture_output=True)
            assert rc.read_text() in {"mine\n", added}
            install(app, prefix, home)
            assert rc.read_text() == added
            assert names(home) == [".bashrc"]
            if done.returncode == 0:
                break
