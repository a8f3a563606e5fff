"""`sfx uninstall`: what was installed goes, the user's stays; killed anywhere, the next run finishes it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sfxpack.format.layout import Exit
from tests.cli.test_hooks import hooked
from tests.cli.test_installer import Terminal, add_to, check_small
from tests.cli.test_installer_failures import CALLS, MOST
from tests.cli.test_relocate import as_nobody, give_away
from tests.environments import open_folder
from tests.installers import TIMEOUT, Installer, Maker, lock_text, many, mounted, small, snapshot, tool

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

ADDED = {
    "lib": (0o755, None),
    "lib/own": (0o755, None),
    "lib/own/data": (0o644, b"data"),
    "lib/own/empty": (0o755, None),
    "lib/own/link": (0, b"data"),
    "lib/own.py": (0o644, b"mine"),
}
"""What a user added (`add_to`), as `snapshot` sees it."""
CHANGED = {"share": (0o755, None), "share/release": (0o644, b"edited")}


def install(app: Installer, prefix: Path) -> Path:
    app.run("--prefix", prefix, "--no-sync", "-q")
    return prefix


def uninstall(prefix: Path, *options: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    return tool(prefix, "uninstall", "--yes", *options, status=status)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def pyc_of(source: Path) -> bytes:
    """Bytecode as Python would take it for a source."""
    status = source.stat()
    times = (int(status.st_mtime), status.st_size)
    return b"\xa7\r\r\n" + bytes(4) + b"".join(value.to_bytes(4, "little") for value in times) + b"compiled"


# ---- What goes and what stays ---------------------------------------------------------------------------------------


def test_all_of_it(app: Installer, tmp_path: Path) -> None:
    prefix = install(app, tmp_path / "env")
    done = uninstall(prefix)
    assert done.stdout == f"app 1 is removed from {prefix}\n"
    assert done.stderr == ""
    assert names(tmp_path) == ["media"]


def test_what_was_added_or_changed_stays(app: Installer, tmp_path: Path) -> None:
    prefix = install(app, tmp_path / "env")
    add_to(prefix)
    done = uninstall(prefix, status=Exit.EXCEPTIONS)
    assert done.stdout.splitlines() == [
        "stays: lib/own/ (2 files not installed with it)",
        "stays: lib/own.py (not installed with it)",
        "stays: share/release (changed)",
        f"app 1 is removed from {prefix}",
    ]
    assert f"what was not installed with it, or changed since, stays in {prefix}, see above" in done.stderr
    assert snapshot(prefix) == {**ADDED, **CHANGED}
    assert names(prefix) == ["lib", "share"]
    assert "is not empty and no installation" in app.run("--prefix", prefix, status=Exit.PREFIX_IN_USE).stderr


def test_purge_takes_what_was_changed(app: Installer, tmp_path: Path) -> None:
    prefix = install(app, tmp_path / "env")
    add_to(prefix)
    done = uninstall(prefix, "--purge", status=Exit.EXCEPTIONS)
    assert "share/release" not in done.stdout
    assert snapshot(prefix) == ADDED
    (tmp_path / "other").mkdir()
    other = install(app, tmp_path / "other/env")
    (other / "lib/mod.py").write_text("edited")
    (other / "share/release").unlink()
    (other / "share/release").symlink_to("empty")
    uninstall(other, "--purge")
    assert names(tmp_path / "other") == []


def test_a_changed_source_takes_nothing_else_with_it(app: Installer, tmp_path: Path) -> None:
    """Neither its bytecode, old and new, nor the record that holds its digest is the user's."""
    prefix = install(app, tmp_path / "env")
    source = prefix / "lib/mod.py"
    source.write_text("edited")
    (prefix / "lib/__pycache__/mod.cpython-313.pyc").write_bytes(pyc_of(source))
    done = uninstall(prefix, status=Exit.EXCEPTIONS)
    assert done.stdout.splitlines()[:-1] == ["stays: lib/mod.py (changed)"]
    assert snapshot(prefix).keys() == {"lib", "lib/mod.py"}


def test_a_changed_record_stays(app: Installer, tmp_path: Path) -> None:
    prefix = install(app, tmp_path / "env")
    (prefix / "lib/mod.py").write_text("edited")
    with (prefix / "lib/RECORD").open("a") as stream:
        stream.write("own.py,,\n")
    done = uninstall(prefix, status=Exit.EXCEPTIONS)
    assert "stays: lib/RECORD (depends on a changed file)" in done.stdout
    assert snapshot(prefix).keys() == {"lib", "lib/mod.py", "lib/RECORD"}


def test_compiled_files(app: Installer, tmp_path: Path) -> None:
    """What Python or the installer compiled goes, also in a folder made for it; what belongs to other sources stays."""
    prefix = install(app, tmp_path / "env")
    own = prefix / "lib/own.py"
    own.write_text("mine")
    (prefix / "lib/__pycache__/mod.cpython-311.opt-1.pyc").write_bytes(pyc_of(prefix / "lib/mod.py"))
    (prefix / "lib/__pycache__/own.cpython-311.pyc").write_bytes(pyc_of(own))
    (prefix / "share/__pycache__").mkdir()
    (prefix / "share/__pycache__/made.cpython-311.pyc").write_bytes(b"made")
    (prefix / ".sfxpack/generated").write_text("share/__pycache__/made.cpython-311.pyc\n")
    done = uninstall(prefix, status=Exit.EXCEPTIONS)
    assert "stays: lib/__pycache__/own.cpython-311.pyc (not installed with it)" in done.stdout
    kept = {"lib", "lib/own.py", "lib/__pycache__", "lib/__pycache__/own.cpython-311.pyc"}
    assert snapshot(prefix).keys() == kept


def test_other_modes_and_kinds(app: Installer, tmp_path: Path) -> None:
    """A mode alone is not a change; a folder or a link in the place of something is."""
    prefix = install(app, tmp_path / "env")
    (prefix / "share/release").chmod(0o600)
    (prefix / "bin").chmod(0o700)
    (prefix / "bin/hello").unlink()
    (prefix / "bin/hello").mkdir()
    (prefix / "bin/hello/own").write_text("mine")
    (prefix / "bin/mod").unlink()
    (prefix / "bin/mod").symlink_to("elsewhere")
    done = uninstall(prefix, status=Exit.EXCEPTIONS)
    assert done.stdout.splitlines()[:-1] == [
        "stays: bin/hello/ (1 file not installed with it)",
        "stays: bin/mod (link changed)",
    ]
    assert snapshot(prefix).keys() == {"bin", "bin/hello", "bin/hello/own", "bin/mod"}


def test_links_are_not_followed(app: Installer, tmp_path: Path) -> None:
    """A folder that became a link to another place: what lies there is not ours, whatever it is called."""
    prefix = install(app, tmp_path / "env")
    shutil.move(prefix / "share", tmp_path / "elsewhere")
    (prefix / "share").symlink_to(tmp_path / "elsewhere")
    before = snapshot(tmp_path / "elsewhere")
    assert "stays: share (another kind of file)" in uninstall(prefix, status=Exit.EXCEPTIONS).stdout
    assert snapshot(tmp_path / "elsewhere") == before
    assert snapshot(prefix).keys() == {"share"}


def test_what_is_mounted_in_it(app: Installer, tmp_path: Path) -> None:
    prefix = install(app, tmp_path / "env")
    outside = shutil.copytree(prefix / "lib", tmp_path / "outside")
    before = snapshot(outside)
    with mounted(prefix / "lib", "--bind", source=outside):
        done = uninstall(prefix, status=Exit.EXCEPTIONS)
        assert "stays: lib/ (something is mounted there)" in done.stdout
        assert snapshot(outside) == before
        assert names(prefix) == ["lib"]


def test_a_tree_that_was_moved(app: Installer, tmp_path: Path) -> None:
    """Without relocating it: its files still hold the prefix they were installed at."""
    prefix = install(app, tmp_path / "env").rename(tmp_path / "moved")
    uninstall(prefix)
    assert names(tmp_path) == ["media"]


def test_half_relocated(app: Installer, tmp_path: Path) -> None:
    prefix = install(app, tmp_path / "env")
    (prefix / ".sfxpack/relocating").write_text(f"prefix={prefix}\n")
    before = snapshot(prefix)
    assert "first run" in uninstall(prefix, status=Exit.PREFIX_IN_USE).stderr
    assert snapshot(prefix) == before


def test_damaged_record(app: Installer, tmp_path: Path) -> None:
    prefix = install(app, tmp_path / "env")
    (prefix / ".sfxpack/manifest").write_bytes(b"damaged")
    before = snapshot(prefix)
    assert "save what you need" in uninstall(prefix, status=Exit.DAMAGED).stderr
    assert snapshot(prefix) == before


# ---- The folder itself ----------------------------------------------------------------------------------------------


def test_a_folder_that_was_there_before_stays(app: Installer, maker: Maker, tmp_path: Path) -> None:
    """Also when the installation was replaced meanwhile, or copied into such a folder."""
    prefix = tmp_path / "env"
    prefix.mkdir(0o750)
    inode = prefix.stat().st_ino
    install(app, prefix)
    uninstall(prefix)
    assert names(tmp_path) == ["env", "media"]
    assert names(prefix) == []
    assert (prefix.stat().st_ino, prefix.stat().st_mode & 0o777) == (inode, 0o750)
    install(app, prefix)
    maker.make(small(b"2"), "second.sh").run("--prefix", prefix, "--force", "--no-sync")
    uninstall(prefix)
    assert names(prefix) == []
    first = install(app, tmp_path / "first")
    tool(first, "relocate", prefix)
    uninstall(prefix)
    assert names(prefix) == []
    tool(first, "relocate", tmp_path / "absent")
    uninstall(tmp_path / "absent")
    uninstall(first)
    assert names(tmp_path) == ["env", "media"]


def test_a_copy_of_a_folder_that_was_there_before(app: Installer, tmp_path: Path) -> None:
    """That it was there is said of one folder, not of the copy; a move leaves it empty."""
    prefix = tmp_path / "env"
    prefix.mkdir()
    install(app, prefix)
    tool(prefix, "relocate", tmp_path / "copy")
    tool(prefix, "relocate", tmp_path / "moved", "--move")
    assert names(prefix) == []
    for other in ("copy", "moved"):
        uninstall(tmp_path / other)
    assert names(tmp_path) == ["env", "media"]


def test_a_prefix_that_is_a_link(app: Installer, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "env").symlink_to("real")
    install(app, tmp_path / "env")
    uninstall(tmp_path / "env")
    assert names(tmp_path) == ["env", "media", "real"]
    assert names(tmp_path / "real") == []


def test_a_mount_point(app: Installer, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    prefix.mkdir()
    with mounted(prefix):
        install(app, prefix)
        uninstall(prefix)
        assert names(prefix) == []


def test_a_mount_point_since(app: Installer, tmp_path: Path) -> None:
    """Installed before something was mounted: the folder cannot go, and that is said."""
    prefix = install(app, tmp_path / "env")
    with mounted(prefix, "--bind", source=prefix):
        done = uninstall(prefix, status=Exit.EXCEPTIONS)
        assert f"the empty folder {prefix} stays" in done.stderr
        assert names(prefix) == []


def test_a_layer_of_a_container(app: Installer, tmp_path: Path) -> None:
    """Where folders of a lower layer cannot be renamed."""
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    install(app, tmp_path / "lower/env")
    layers = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    with mounted(tmp_path / "merged", "-t", "overlay", "-o", layers, source="overlay"):
        tool(tmp_path / "merged/env", "verify", status=Exit.EXCEPTIONS)  # it lies at another place
        uninstall(tmp_path / "merged/env")
        assert names(tmp_path / "merged") == []


# ---- Asking, and the right to do it ---------------------------------------------------------------------------------


def test_without_terminal_the_line_to_type(app: Installer, tmp_path: Path) -> None:
    prefix = install(app, tmp_path / "an env")
    before = snapshot(prefix)
    done = subprocess.run(
        [prefix / ".sfxpack/sfx", "uninstall", "--purge"],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == Exit.USAGE
    line = done.stderr.strip().rpartition("type:  ")[2]
    assert line == f"'{prefix}/.sfxpack/sfx' uninstall --purge --yes"
    assert snapshot(prefix) == before
    subprocess.run(["sh", "-c", line], check=True, capture_output=True)
    assert names(tmp_path) == ["media"]


def test_question(app: Installer, tmp_path: Path) -> None:
    prefix = install(app, tmp_path / "env")
    add_to(prefix)
    before = snapshot(prefix)
    for answer in ("\n", "n\n", "\x03", "\x04"):
        terminal = Terminal([str(prefix / ".sfxpack/sfx"), "uninstall"])
        asked = terminal.read_until(" [y/N] ")
        size = r"1[0-9]\.[0-9] kB in 8 files; 3 files you added and 1 you changed stay"
        assert re.search(rf"remove app 1 from {prefix}: {size} \[y/N\] $", asked), asked
        terminal.type(answer)
        status, said = terminal.finish()
        assert status == Exit.INTERRUPTED
        assert "nothing was removed" in said
        assert snapshot(prefix) == before
        assert names(tmp_path) == ["env", "media"]
    terminal = Terminal([str(prefix / ".sfxpack/sfx"), "uninstall"])
    terminal.read_until(" [y/N] ")
    terminal.type("y\n")
    assert terminal.finish()[0] == Exit.EXCEPTIONS
    assert snapshot(prefix) == {**ADDED, **CHANGED}


@pytest.mark.parametrize("options", [["verify", "--purge"], ["uninstall", "/x"], ["uninstall", "--move"]])
def test_wrong_options(app: Installer, tmp_path: Path, options: list[str]) -> None:
    prefix = install(app, tmp_path / "env")
    tool(prefix, *options, status=Exit.USAGE)
    tool(prefix, "verify")


def test_quiet_and_log(app: Installer, tmp_path: Path) -> None:
    prefix = install(app, tmp_path / "env")
    add_to(prefix)
    done = uninstall(prefix, "-q", "--log", tmp_path / "log", status=Exit.EXCEPTIONS)
    assert done.stdout == ""
    log = (tmp_path / "log").read_text()
    assert f" app 1 is removed from {prefix}\n" in log
    assert " stays: share/release (changed)\n" in log


def test_a_log_that_would_be_removed(app: Installer, tmp_path: Path) -> None:
    prefix = install(app, tmp_path / "env")
    before = snapshot(prefix)
    for log in (prefix / "log", prefix / ".sfxpack/log"):
        assert "would lie in the prefix" in uninstall(prefix, "--log", log, status=Exit.USAGE).stderr
    (tmp_path / "link").symlink_to(prefix / "lib")
    assert "would lie in the prefix" in uninstall(prefix, "--log", tmp_path / "link/log", status=Exit.USAGE).stderr
    assert snapshot(prefix) == before


@pytest.mark.parametrize("foreign", [False, True])
def test_killed_after_its_manifest_went(app: Installer, tmp_path: Path, *, foreign: bool) -> None:
    prefix = install(app, tmp_path / "env")
    for path in prefix.iterdir():
        if path.name != ".sfxpack":
            shutil.rmtree(path)
    (prefix / ".sfxpack/uninstalling").touch()
    (prefix / ".sfxpack/manifest").unlink()
    if foreign:
        (prefix / "mine").write_text("mine")
    done = uninstall(prefix, "--json")
    assert json.loads(done.stdout.splitlines()[-1])["result"] == "removed"
    assert names(prefix) == (["mine"] if foreign else [])


def test_locked(app: Installer, tmp_path: Path) -> None:
    prefix = install(app, tmp_path / "env")
    (tmp_path / ".env.sfxpack-lock").write_text(lock_text(host="elsewhere"))
    uninstall(prefix, "--break-lock")
    assert names(tmp_path) == ["media"]


def test_many_at_once(maker: Maker, tmp_path: Path) -> None:
    """One removes it, the others wait and are told, or start too late."""
    prefix = install(maker.make(many(1000, 1000)), tmp_path / "env")
    command = [str(prefix / ".sfxpack/sfx"), "uninstall", "--yes"]
    null = subprocess.DEVNULL
    running = [subprocess.Popen(command, stdout=null, stderr=null) for _ in range(6)]
    statuses = [process.wait(TIMEOUT) for process in running]
    assert 0 in statuses
    assert set(statuses) <= {0, Exit.PREFIX_IN_USE, Exit.USAGE}
    assert names(tmp_path) == ["media"]


def start_removing(prefix: Path) -> subprocess.Popen[str]:
    """Run it until files go."""
    command = [str(prefix / ".sfxpack/sfx"), "uninstall", "--yes", "--no-sync"]
    remover = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (prefix / ".sfxpack/uninstalling").exists() and remover.poll() is None:
        time.sleep(0.0001)
    return remover


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(maker: Maker, tmp_path: Path, number: signal.Signals) -> None:
    prefix = install(maker.make(many(1000, 1000)), tmp_path / "env")
    remover = start_removing(prefix)
    remover.send_signal(number)
    said = remover.communicate(timeout=TIMEOUT)[1]
    if remover.returncode:  # else it was faster
        assert remover.returncode == (Exit.TERMINATED if number is signal.SIGTERM else Exit.INTERRUPTED)
        assert f"interrupted; some of it is removed: run {prefix}/.sfxpack/sfx uninstall again" in said
        uninstall(prefix)
    assert names(tmp_path) == ["media"]


def test_an_installer_waits(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(many(1000, 1000))
    prefix = install(app, tmp_path / "env")
    remover = start_removing(prefix)
    install(app, prefix)
    remover.communicate(timeout=TIMEOUT)
    assert remover.returncode == 0
    tool(prefix, "verify")
    assert names(tmp_path) == ["env", "media"]


def test_the_vendors_script(maker: Maker, tmp_path: Path) -> None:
    """Before anything is removed; where it fails, nothing is."""
    prefix = tmp_path / "env"
    script = 'echo "$SFXPACK_ACTION $SFXPACK_PREFIX"; test -e bin/hello && test ! -e share/locked\n'
    app = maker.make(hooked(small(), pre_uninstall=script))
    install(app, prefix)
    (prefix / "share/locked").touch()
    before = snapshot(prefix)
    assert "pre-uninstall ended with status 1" in uninstall(prefix, status=Exit.HOOK).stderr
    assert snapshot(prefix) == before
    tool(prefix, "verify")
    (prefix / "share/locked").unlink()
    assert f"uninstall {prefix}\n" in uninstall(prefix).stdout
    install(app, prefix)
    (prefix / "bin/hello").unlink()
    uninstall(prefix, status=Exit.HOOK)
    uninstall(prefix, "--skip-hooks")
    assert names(tmp_path) == ["media"]


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")


@needs_root
def test_who_may_not_write_there(app: Installer) -> None:
    with open_folder() as place:
        prefix = install(app, place / "env")
        before = snapshot(prefix)
        place.chmod(0o755)
        done = as_nobody(prefix, "uninstall", "--yes")
        assert done.returncode == Exit.IO
        assert f"you may not write in {prefix}; who installed it, or root, can remove it" in done.stderr
        assert snapshot(prefix) == before
        place.chmod(0o777)


@needs_root
def test_a_folder_of_another_user(app: Installer) -> None:
    """It is found before anything is removed."""
    with open_folder() as place:
        prefix = install(app, place / "env")
        place.chmod(0o777)
        give_away(prefix)
        os.chown(prefix / "share", 0, 0)
        before = snapshot(prefix)
        done = as_nobody(prefix, "uninstall", "--yes")
        assert done.returncode == Exit.IO
        assert f"nothing was removed: cannot write in {prefix}/share" in done.stderr
        assert snapshot(prefix) == before
        assert names(prefix / ".sfxpack") == ["NOTICES", "install.log", "manifest", "report.json", "sfx", "state"]


@needs_root
def test_folders_without_the_right_to_write(app: Installer) -> None:
    with open_folder() as place:
        place.chmod(0o777)
        for name, own in (("env", False), ("kept", True)):
            prefix = install(app, place / name)
            if own:
                (prefix / "share/own").write_text("mine")
            give_away(prefix)
            for folder in ("lib/__pycache__", "lib", "share", "empty", ".sfxpack", "."):
                (prefix / folder).chmod(0o555)
            done = as_nobody(prefix, "uninstall", "--yes")
            assert done.returncode == (Exit.EXCEPTIONS if own else 0), done.stderr
        assert names(place) == ["kept"]
        assert snapshot(place / "kept") == {"share": (0o555, None), "share/own": (0o644, b"mine")}
        assert (place / "kept").stat().st_mode & 0o777 == 0o555


# ---- Killed, and failing --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """An installation to remove; `kept` is what stays of it, `folder` whether its folder was there before."""

    app: Installer
    place: Path
    folder: bool
    edit: Callable[[Path], None]
    kept: dict[str, tuple[int, object]]

    @property
    def prefix(self) -> Path:
        return self.place / "env"

    def reset(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        if self.folder:
            self.prefix.mkdir()
        install(self.app, self.prefix)
        self.edit(self.prefix)

    def trace(self, strace: str, *options: str) -> tuple[int, str]:
        """Run it under strace."""
        log = self.place.parent / "strace"
        fast = () if any("signal=" in option for option in options) else ("--seccomp-bpf",)
        command = [str(self.prefix / ".sfxpack/sfx"), "uninstall", "--yes", "-j1"]
        done = subprocess.run(
            [strace, "-f", *fast, "-o", str(log), *options, *command], check=False, capture_output=True
        )
        return done.returncode, log.read_text(errors="replace")

    def check_removed(self, *, killed: bool = False) -> None:
        """Nothing is left but what should be; an empty folder may be where a run was killed at its very end."""
        assert names(self.place) == (["env"] if self.kept or self.folder or (killed and self.prefix.exists()) else [])
        assert not self.prefix.exists() or snapshot(self.prefix) == self.kept
        assert not (self.prefix / ".sfxpack").exists()

    def finish(self, *, by_installer: bool) -> None:
        """Go on after a run that did not end."""
        whole = (self.prefix / ".sfxpack/manifest").exists()
        begun = (self.prefix / ".sfxpack/uninstalling").exists()
        if whole and not by_installer:
            uninstall(self.prefix, status=Exit.EXCEPTIONS if self.kept else 0)
            self.check_removed()
            return
        status = Exit.PREFIX_IN_USE if self.kept and not (whole and not begun) else 0
        self.app.run("--prefix", self.prefix, status=status)
        if status:
            self.check_removed()
        elif not (whole and not begun):
            check_small(self.prefix, str(self.prefix))
            tool(self.prefix, "verify")
            assert names(self.place) == ["env"]
            assert names(self.prefix) == [".sfxpack", "bin", "empty", "lib", "share"]


def nothing(prefix: Path) -> None:
    """No edit."""


def compile_again(prefix: Path) -> None:
    (prefix / "lib/__pycache__/mod.cpython-313.pyc").write_bytes(pyc_of(prefix / "lib/mod.py"))


@pytest.fixture(params=["whole", "added", "folder"])
def scene(request: pytest.FixtureRequest, app: Installer, tmp_path: Path) -> Scene:
    if request.param == "added":
        return Scene(app, tmp_path / "place", folder=False, edit=add_to, kept={**ADDED, **CHANGED})
    return Scene(app, tmp_path / "place", folder=request.param == "folder", edit=compile_again, kept={})


UNINSTALL_CALLS = (*CALLS, "newfstatat")


def moments(scene: Scene, strace: str) -> list[tuple[str, int]]:
    """Some of the system calls of a run, each with the number of one of it; all that remove or rename."""
    scene.reset()
    status, log = scene.trace(strace, "-e", "trace=" + ",".join(f"?{call}" for call in UNINSTALL_CALLS))
    assert status in {0, Exit.EXCEPTIONS}, log
    chosen: list[tuple[str, int]] = []
    threads = set(re.findall(r"^\d+", log, re.MULTILINE))
    for call in UNINSTALL_CALLS:
        most = max(len(re.findall(rf"^{thread} +{call}\(", log, re.MULTILINE)) for thread in threads)
        samples = 4 * MOST if call in {"unlinkat", "renameat", "renameat2"} else max(1, MOST // 2)
        chosen += [(call, at) for at in range(1, most + 1, max(1, -(-most // samples)))]
    assert {"openat", "write", "unlinkat", "newfstatat"} <= {call for call, _ in chosen}
    return chosen


def test_killed_at_every_call(scene: Scene, require: Callable[[str], str]) -> None:
    strace = require("strace")
    for number, (call, at) in enumerate(moments(scene, strace)):
        scene.reset()
        before = snapshot(scene.prefix)
        inject = ("-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={at}")
        status, _ = scene.trace(strace, *inject)
        assert status == -signal.SIGKILL, (call, at)
        if (scene.prefix / ".sfxpack/manifest").exists() and not (scene.prefix / ".sfxpack/uninstalling").exists():
            assert snapshot(scene.prefix) == before, (call, at)
        scene.finish(by_installer=number % 2 == 1)


def test_every_call_may_fail(scene: Scene, require: Callable[[str], str]) -> None:
    strace = require("strace")
    for call, at in moments(scene, strace):
        scene.reset()
        before = snapshot(scene.prefix)
        status, _ = scene.trace(strace, "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={at}")
        assert 0 <= status < 128, (call, at)
        if status == Exit.EXCEPTIONS:  # what could not be read stays, too
            left = snapshot(scene.prefix) if scene.prefix.exists() else {}
            assert left.items() >= scene.kept.items(), (call, at)
            assert not (scene.prefix / ".sfxpack").exists(), (call, at)
            continue
        if (scene.prefix / ".sfxpack/manifest").exists():
            assert status != 0, (call, at)
            if not (scene.prefix / ".sfxpack/uninstalling").exists():
                assert snapshot(scene.prefix) == before, (call, at)
        scene.finish(by_installer=False)


def test_folders_that_cannot_be_renamed(scene: Scene, require: Callable[[str], str]) -> None:
    scene.reset()
    inject = ("-e", "trace=renameat2", "-e", "inject=renameat2:error=EXDEV")
    status, _ = scene.trace(require("strace"), *inject)
    assert status == (Exit.EXCEPTIONS if scene.kept else 0)
    scene.check_removed()


def test_half_removed(app: Installer, tmp_path: Path) -> None:
    """What the other commands say of it."""
    prefix = install(app, tmp_path / "env")
    (prefix / ".sfxpack/uninstalling").touch()
    (prefix / "lib/mod.py").unlink()
    assert "half removed" in tool(prefix, "verify", status=Exit.EXCEPTIONS).stdout
    assert "half removed" in tool(prefix, "relocate", tmp_path / "new", status=Exit.PREFIX_IN_USE).stderr
    app.run("--prefix", prefix)
    check_small(prefix, str(prefix))
    assert names(tmp_path) == ["env", "media"]
