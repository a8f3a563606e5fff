"""`sfx relocate`: after a move, as a copy, interrupted anywhere; what is not as it was installed stays as it is."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sfxpack.format.layout import EntryKind, Exit, Strategy
from sfxpack.format.tables import IndexEntry, IndexSite
from tests.cli.test_installer_failures import CALLS, MOST
from tests.environments import open_folder
from tests.installers import (
    LARGE,
    MTIME,
    NO_PROCESS,
    TIMEOUT,
    Maker,
    lock_text,
    mounted,
    small,
    snapshot,
    text,
    tool,
    with_product,
)
from tests.testkit import Sample, directory, file, sample

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

LONG = "a/long/way/to/go/" + "x" * 60


def whole(root: Path) -> dict[str, tuple[object, ...]]:
    """Everything of an installation but its log: content, mode, time and which names are one file."""
    found: dict[str, tuple[object, ...]] = {}
    inodes: dict[int, str] = {}
    for path in sorted([root, *root.rglob("*")]):
        name = str(path.relative_to(root))
        if name == ".sfxpack/install.log":
            continue
        status = path.lstat()
        own = name.startswith(".sfxpack")
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        time = None if own or path.is_symlink() or path == root else status.st_mtime_ns
        same = inodes.setdefault(status.st_ino, name)
        found[name] = (status.st_mode, content, time, same)
    return found


def without_folder_times(tree: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    """An interrupted run leaves folders the time of its renames."""
    return {name: values if values[1] is not None else values[:2] for name, values in tree.items()}


def installed(maker: Maker, prefix: Path) -> dict[str, tuple[object, ...]]:
    """Install the sample there; what it is like."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    maker.make(small()).run("--prefix", prefix, "--no-sync", "-q")
    return whole(prefix)


def move(old: Path, new: Path) -> Path:
    new.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(old, new))


def test_after_a_move(maker: Maker, tmp_path: Path) -> None:
    expected = installed(maker, tmp_path / LONG)
    shutil.rmtree(tmp_path / LONG)
    installed(maker, tmp_path / "env")
    here = move(tmp_path / "env", tmp_path / LONG)
    done = tool(here, "relocate")
    assert done.stdout == f"app 1 is relocated to {here}\n"
    assert whole(here) == expected
    assert "0 differences, 0 regenerated" in tool(here, "verify").stdout
    assert f"relocated from {tmp_path}/env to {here}, " in (here / ".sfxpack/install.log").read_text()
    assert [path.name for path in here.parent.iterdir()] == [here.name]


def test_there_and_back(maker: Maker, tmp_path: Path) -> None:
    """A -> long -> short -> A gives the first tree bit for bit."""
    first = installed(maker, tmp_path / "env")
    here = tmp_path / "env"
    for place in (tmp_path / LONG, tmp_path / "e", tmp_path / "env"):
        here = move(here, place)
        tool(here, "relocate")
        tool(here, "verify")
    assert whole(here) == first


def test_in_place(maker: Maker, tmp_path: Path) -> None:
    before = installed(maker, tmp_path / "env")
    for target in ([], [tmp_path / "env"]):
        assert tool(tmp_path / "env", "relocate", *target).stdout == f"{tmp_path}/env is in place: nothing to do\n"
    assert whole(tmp_path / "env") == before


def test_for_another_name_of_the_folder(maker: Maker, tmp_path: Path) -> None:
    """A link that leads to the installation is a prefix like any other."""
    installed(maker, tmp_path / "env-1.2")
    (tmp_path / "current").symlink_to("env-1.2")
    tool(tmp_path / "env-1.2", "relocate", tmp_path / "current")
    assert f"echo {tmp_path}/current/greeting" in (tmp_path / "env-1.2/bin/hello").read_text()
    tool(tmp_path / "env-1.2", "verify")
    assert "nothing to do" in tool(tmp_path / "env-1.2", "relocate").stdout


@pytest.mark.parametrize("there", ["absent", "empty"])
@pytest.mark.parametrize("option", ["--move", ""])
def test_to_another_place(maker: Maker, tmp_path: Path, there: str, option: str) -> None:
    new = tmp_path / LONG
    expected = installed(maker, new)
    shutil.rmtree(new)
    before = installed(maker, tmp_path / "env")
    if there == "empty":
        new.mkdir()
        mode, state, *rest = expected[".sfxpack/state"]
        assert isinstance(state, bytes)
        expected[".sfxpack/state"] = (mode, state + b"folder=kept\n", *rest)
    tool(tmp_path / "env", "relocate", new, *filter(None, [option]))
    assert whole(new) == expected
    tool(new, "verify")
    if option:
        assert not (tmp_path / "env").exists()
    else:
        assert whole(tmp_path / "env") == before
    assert {path.name for path in tmp_path.iterdir()} == {"media", "a", *([] if option else ["env"])}


def test_move_off_a_mount_point(maker: Maker, tmp_path: Path) -> None:
    """The folder itself stays."""
    (tmp_path / "env").mkdir()
    with mounted(tmp_path / "env"):
        installed(maker, tmp_path / "env")
        tool(tmp_path / "env", "relocate", tmp_path / "new", "--move")
        assert list((tmp_path / "env").iterdir()) == []
    tool(tmp_path / "new", "verify")


def test_a_copy_of_what_may_not_be_written(maker: Maker, tmp_path: Path) -> None:
    """As a user of a cluster copies what the administrator installed; in place is refused."""
    expected = installed(maker, tmp_path / "new")
    shutil.rmtree(tmp_path / "new")
    (tmp_path / "shared").mkdir()
    installed(maker, tmp_path / "made/env")
    moved = (tmp_path / "made").rename(tmp_path / "moved")
    with mounted(tmp_path / "shared", "--bind", source=moved):
        done = subprocess.run(["mount", "-o", "remount,bind,ro", tmp_path / "shared"], check=False, capture_output=True)
        if done.returncode:
            pytest.skip("remounting is not allowed here")
        tool(tmp_path / "shared/env", "relocate", tmp_path / "new")
        tool(tmp_path / "shared/env", "relocate", tmp_path / "other", "--move", status=Exit.IO)
        tool(tmp_path / "shared/env", "relocate", status=Exit.IO)
    assert whole(tmp_path / "new") == expected
    assert not (tmp_path / "other").exists()


# ---- What is not as it was installed --------------------------------------------------------------------------------


def edit(prefix: Path) -> None:
    """What users do: change, remove and add files; add names, modes, attributes."""
    (prefix / "share/release").chmod(0o644)
    with (prefix / "bin/hello").open("a") as file:
        file.write("echo more\n")
    (prefix / "share/empty").unlink()
    (prefix / "lib/mod.py").chmod(0o640)
    (prefix / "share/mine").write_text("x" * (65536 - 5) + f"{prefix}\n")
    (prefix / "own/deep").mkdir(parents=True)
    (prefix / "own/deep/one").write_text("1")
    os.link(prefix / "own/deep/one", prefix / "own/two")
    (prefix / "own/link").symlink_to(prefix / "share")


LISTED = [
    "left as it is: bin/hello (changed; it names the old prefix)",
    "left as it is: own/ (3 files not installed with it)",
    "left as it is: share/empty (missing)",
    "left as it is: share/mine (not installed with it; it names the old prefix)",
]


@pytest.mark.parametrize("how", ["here", "copy", "move"])
def test_edited_and_foreign_files(maker: Maker, tmp_path: Path, how: str) -> None:
    installed(maker, tmp_path / "env")
    edit(tmp_path / "env")
    before = snapshot(tmp_path / "env")
    new = tmp_path / LONG
    if how == "here":
        move(tmp_path / "env", new)
        done = tool(new, "relocate", status=Exit.EXCEPTIONS)
    else:
        done = tool(tmp_path / "env", "relocate", new, *(["--move"] if how == "move" else []), status=Exit.EXCEPTIONS)
    lines = done.stdout.splitlines()
    assert sorted(lines[:-1]) == LISTED
    verb = {"here": "relocated", "copy": "copied", "move": "moved"}[how]
    assert lines[-1] == f"app 1 is {verb} to {new}"
    assert "4 things stay as they are, see above" in done.stderr
    after = snapshot(new)
    kept = ("bin/hello", "share/mine", "own", "own/deep", "own/deep/one", "own/two", "own/link", "share/release")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert after["lib/mod.py"] == (0o640, f"HOME = '{new}'\n".encode())
    assert after["bin/mod"] == (0, f"{new}/lib/mod.py".encode())
    assert after.keys() == before.keys()
    for one, two in (("own/deep/one", "own/two"), ("share/release", "share/same")):
        assert (new / one).samefile(new / two)
    if how == "copy":
        assert snapshot(tmp_path / "env") == before
    if how == "move":
        assert not (tmp_path / "env").exists()


def test_a_changed_source_keeps_its_record(maker: Maker, tmp_path: Path) -> None:
    """What RECORD and the .pyc say of a file that stays is left, too; all else in them moves."""
    installed(maker, tmp_path / "env")
    record = (tmp_path / "env/lib/RECORD").read_bytes()
    compiled = (tmp_path / "env/lib/__pycache__/mod.cpython-311.pyc").read_bytes()
    (tmp_path / "env/lib/mod.py").write_text("HOME = 'mine'\n")
    here = move(tmp_path / "env", tmp_path / LONG)
    tool(here, "relocate", status=Exit.EXCEPTIONS)
    assert (here / "lib/mod.py").read_text() == "HOME = 'mine'\n"
    assert (here / "lib/RECORD").read_bytes() == record
    assert (here / "lib/__pycache__/mod.cpython-311.pyc").read_bytes() == compiled


@pytest.mark.parametrize("how", ["here", "copy"])
def test_strict_refuses_first(maker: Maker, tmp_path: Path, how: str) -> None:
    installed(maker, tmp_path / "env")
    edit(tmp_path / "env")
    here = move(tmp_path / "env", tmp_path / LONG)
    before = whole(here)
    target = [tmp_path / "new"] if how == "copy" else []
    done = tool(here, "relocate", *target, "--strict", status=Exit.PREFIX_IN_USE)
    assert sorted(done.stdout.splitlines()) == LISTED
    assert "--strict" in done.stderr
    assert whole(here) == before
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("how", ["here", "copy"])
def test_compiled_files_of_what_moves(maker: Maker, tmp_path: Path, how: str) -> None:
    """A .pyc that Python made of a source with the old prefix would pass for valid at a path of equal length."""
    installed(maker, tmp_path / "env1")
    cache = tmp_path / "env1/lib/__pycache__"
    source = tmp_path / "env1/lib/mod.py"
    header = b"\xa7\r\r\n" + bytes(4) + MTIME.to_bytes(4, "little") + source.stat().st_size.to_bytes(4, "little")
    (cache / "mod.cpython-311.opt-1.pyc").write_bytes(header + b"old")
    (cache / "mod.cpython-311.pyc").write_bytes(header + b"made again")
    (cache / "other.cpython-311.pyc").write_bytes(header + b"of nothing here")
    if how == "here":
        done = tool(move(tmp_path / "env1", tmp_path / "env2"), "relocate", status=Exit.EXCEPTIONS)
    else:
        done = tool(tmp_path / "env1", "relocate", tmp_path / "env2", status=Exit.EXCEPTIONS)
    assert "removed 2 files that Python compiled" in done.stdout
    assert [path.name for path in (tmp_path / "env2/lib/__pycache__").iterdir()] == ["other.cpython-311.pyc"]


def test_the_owner_stays(maker: Maker, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives a file another owner")
    installed(maker, tmp_path / "env")
    os.chown(tmp_path / "env/lib/mod.py", 1234, 2345)
    here = move(tmp_path / "env", tmp_path / "elsewhere")
    tool(here, "relocate")
    tool(here, "relocate", tmp_path / "copy")
    for root in (here, tmp_path / "copy"):
        status = (root / "lib/mod.py").stat()
        assert (status.st_uid, status.st_gid) == (1234, 2345)
        assert (root / "lib/mod.py").read_text() == f"HOME = '{root}'\n"


def set_attributes(path: Path, names: list[str]) -> dict[str, bytes]:
    """Give a file extended attributes; all that it has then. Skips the test where the file system has none."""
    try:
        for number, name in enumerate(names):
            os.setxattr(path, name, b"kept %d" % number)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        pytest.skip(f"the file system of the tests has no extended attributes: {error}")
    return attributes(path)


def attributes(path: Path) -> dict[str, bytes]:
    return {name: os.getxattr(path, name) for name in os.listxattr(path)}


def test_folders_without_the_right_to_write(maker: Maker, tmp_path: Path) -> None:
    installed(maker, tmp_path / "env")
    (tmp_path / "env/lib").chmod(0o555)
    here = move(tmp_path / "env", tmp_path / "elsewhere")
    before = (here / "lib").stat()
    tool(here, "relocate")
    after = (here / "lib").stat()
    assert (after.st_mode, after.st_mtime) == (before.st_mode, before.st_mtime)
    tool(here, "verify", status=None)
    (here / "lib").chmod(0o755)


def names(count: int) -> Sample:
    """One script with COUNT names."""
    first = file(b"bin/0", 0, text(15), mode=0o755)
    others = (IndexEntry(EntryKind.HARD_LINK, b"bin/%d" % at, 0o755, 1, MTIME) for at in range(1, count))
    return with_product(sample((directory(b"bin"), first, *others), (b"#!/bin/sh\necho /greeting\n",)), name=b"app")


@pytest.mark.parametrize("how", ["here", "copy"])
def test_names_of_a_file_stay_names_of_it(maker: Maker, tmp_path: Path, how: str) -> None:
    """The first one removed, another one made a file of its own, one added: that one is not of the installation."""
    old, new = tmp_path / "env", tmp_path / "new"
    maker.make(names(6)).run("--prefix", old)
    script = (old / "bin/0").read_text()
    os.link(old / "bin/1", old / "bin/mine")
    for name in ("0", "3"):
        (old / "bin" / name).unlink()
    (old / "bin/3").write_text(script)
    os.link(old / "bin/3", old / "bin/3-mine")
    if how == "here":
        tool(move(old, new), "relocate", status=Exit.EXCEPTIONS)
    else:
        tool(old, "relocate", new, status=Exit.EXCEPTIONS)
    moved = f"#!/bin/sh\necho {new}/greeting\n"
    assert {path.name: path.read_text() for path in (new / "bin").iterdir()} == {
        **dict.fromkeys(("1", "2", "3", "4", "5"), moved),
        **dict.fromkeys(("mine", "3-mine"), script),
    }
    files = {name: (new / "bin" / name).stat().st_ino for name in ("1", "2", "3", "4", "5")}
    assert files["1"] == files["2"] == files["4"] == files["5"] != files["3"]


@pytest.mark.parametrize("how", ["here", "copy"])
def test_attributes_stay(maker: Maker, tmp_path: Path, how: str) -> None:
    """Names of more than 1024 bytes in all; each with its own value."""
    installed(maker, tmp_path / "env")
    expected = set_attributes(tmp_path / "env/lib/mod.py", [f"user.{number:0100}" for number in range(20)])
    if how == "here":
        tool(move(tmp_path / "env", tmp_path / "new"), "relocate")
    else:
        tool(tmp_path / "env", "relocate", tmp_path / "new")
    assert attributes(tmp_path / "new/lib/mod.py") == expected


@pytest.mark.parametrize("how", ["here", "copy"])
def test_from_a_file_system_of_even_seconds(maker: Maker, tmp_path: Path, how: str) -> None:
    """A source keeps the time it has there, so its .pyc has to."""
    values = small()
    entries = tuple(replace(entry, mtime=entry.mtime and MTIME + 1) for entry in values.index.entries)
    maker.make(replace(values, index=replace(values.index, entries=entries))).run("--prefix", tmp_path / "env")
    for path in (tmp_path / "env/lib").rglob("*"):
        os.utime(path, (MTIME, MTIME))
    compiled = tmp_path / "env/lib/__pycache__/mod.cpython-311.pyc"
    content = compiled.read_bytes().replace((MTIME + 1).to_bytes(4, "little"), MTIME.to_bytes(4, "little"))
    compiled.write_bytes(content)
    os.utime(compiled, (MTIME, MTIME))
    tool(tmp_path / "env", "verify")
    if how == "here":
        tool(move(tmp_path / "env", tmp_path / "new"), "relocate")
    else:
        tool(tmp_path / "env", "relocate", tmp_path / "new")
    tool(tmp_path / "new", "verify")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder where every user may do everything; the test is skipped for those who cannot become another user."""
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user")
    with open_folder() as folder:
        folder.chmod(0o777)
        yield folder


def give_away(prefix: Path) -> None:
    """All that is there to the user of `as_nobody`."""
    for path in (prefix, *prefix.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)


def as_nobody(prefix: Path, *options: object) -> subprocess.CompletedProcess[str]:
    """Run its tool as another user."""
    command = [str(prefix / ".sfxpack/sfx"), *map(str, options)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=TIMEOUT, user=65534, group=65534
    )


def test_another_users_program_runs_as_nobody_else(maker: Maker, place: Path) -> None:
    """A copy belongs to who makes it, so it must not run as its owner."""
    installed(maker, place / "env")
    for path in ("bin/hello", "lib/large.bin"):
        (place / "env" / path).chmod(0o6755)
    done = as_nobody(place / "env", "relocate", place / "new")
    assert done.returncode == 0, done.stderr
    for path in ("bin/hello", "lib/large.bin"):
        assert (place / "new" / path).stat().st_mode & 0o7777 == 0o755


def test_compiled_files_in_folders_without_the_right_to_write(maker: Maker, place: Path) -> None:
    installed(maker, place / "env1")
    cache = place / "env1/lib/__pycache__"
    size = (place / "env1/lib/mod.py").stat().st_size
    header = b"\xa7\r\r\n" + bytes(4) + MTIME.to_bytes(4, "little") + size.to_bytes(4, "little")
    (cache / "mod.cpython-311.pyc").unlink()
    (cache / "mod.cpython-311.opt-1.pyc").write_bytes(header + b"old")
    cache.chmod(0o555)
    here = move(place / "env1", place / "env2")
    give_away(here)
    done = as_nobody(here, "relocate")
    assert done.returncode == Exit.EXCEPTIONS, done.stderr
    assert list((here / "lib/__pycache__").iterdir()) == []
    assert (here / "lib/__pycache__").stat().st_mode & 0o777 == 0o555


def test_a_prefix_without_the_right_to_write(maker: Maker, place: Path) -> None:
    values = sample((file(b"pyvenv.cfg", 0, text(7)),), (b"home = /bin\n",))
    maker.make(with_product(values, name=b"app")).run("--prefix", place / "env")
    give_away(place / "env")
    (place / "env").chmod(0o555)
    done = as_nobody(move(place / "env", place / "new"), "relocate")
    assert done.returncode == 0, done.stderr
    assert (place / "new/pyvenv.cfg").read_text() == f"home = {place}/new/bin\n"
    assert (place / "new").stat().st_mode & 0o777 == 0o555


def test_what_is_mounted_in_it(maker: Maker, tmp_path: Path) -> None:
    """A folder of the same file system, too: nothing of it is moved, removed or copied."""
    installed(maker, tmp_path / "env")
    outside, inside = tmp_path / "outside", tmp_path / "env/lib"
    shutil.copytree(inside, outside)
    before = whole(outside)
    with mounted(inside, "--bind", source=outside):
        tool(tmp_path / "env", "relocate", tmp_path / "new", status=Exit.EXCEPTIONS)
        done = tool(tmp_path / "env", "relocate", tmp_path / "newer", "--move", status=Exit.EXCEPTIONS)
        assert "not copied: lib (something is mounted there)" in done.stdout
        assert f"the original in {tmp_path}/env stays" in done.stderr
        (tmp_path / "link").symlink_to("env")
        tool(tmp_path / "env", "relocate", tmp_path / "link", status=Exit.EXCEPTIONS)
        assert whole(outside) == before


def test_an_original_that_cannot_be_removed_whole(maker: Maker, place: Path) -> None:
    installed(maker, place / "env")
    give_away(place / "env")
    (place / "env/own").mkdir()
    (place / "env/own/file").touch()
    done = as_nobody(place / "env", "relocate", place / "new", "--move")
    assert done.returncode == Exit.EXCEPTIONS
    left = re.search(r"what is left of it is (\S+): ", done.stderr)
    assert left
    assert [path.name for path in Path(left[1]).iterdir() if path.name != ".sfxpack"] == ["own"]


# ---- Interrupted ----------------------------------------------------------------------------------------------------


def trace(strace: str, prefix: Path, log: Path, *options: str, arguments: tuple[str, ...] = ()) -> int:
    """Run `sfx relocate` under strace; its status."""
    fast = () if any("signal=" in option for option in options) else ("--seccomp-bpf",)
    tool_path = str(prefix / ".sfxpack/sfx")
    command = [strace, "-f", *fast, "-o", str(log), *options, tool_path, "relocate", "-j1", *arguments]
    return subprocess.run(command, check=False, capture_output=True, timeout=TIMEOUT).returncode


class Move:
    """A prefix that lies at its second place and is to be relocated; `expected` is how it should be at each place."""

    def __init__(self, maker: Maker, tmp_path: Path) -> None:
        self.place = tmp_path / "place"
        self.new, self.third = self.place / "new-place", self.place / "3"
        self.kept = tmp_path / "kept"
        self.expected = {}
        for prefix in (self.new, self.third):
            self.expected[prefix] = installed(maker, prefix)
            shutil.rmtree(prefix)
        installed(maker, self.place / "old")
        shutil.move(self.place / "old", self.kept)

    def reset(self) -> None:
        shutil.rmtree(self.place)
        self.place.mkdir()
        subprocess.run(["cp", "-a", self.kept, self.new], check=True)

    def finish(self, prefix: Path) -> None:
        """Start it again, where it lies now."""
        tool(prefix, "relocate")
        assert without_folder_times(whole(prefix)) == without_folder_times(self.expected[prefix])
        assert [path.name for path in self.place.iterdir()] == [prefix.name]


def moments(scene: Move, strace: str, log: Path) -> list[tuple[str, int]]:
    """Some of the system calls of a run, each with the number of one of it."""
    scene.reset()
    assert trace(strace, scene.new, log, "-e", "trace=" + ",".join(f"?{call}" for call in (*CALLS, "fchown"))) == 0
    chosen: list[tuple[str, int]] = []
    text = log.read_text(errors="replace")
    for call in CALLS:
        threads = set(re.findall(r"^\d+", text, re.MULTILINE))
        most = max(len(re.findall(rf"^{thread} +{call}\(", text, re.MULTILINE)) for thread in threads)
        chosen += [(call, at) for at in range(1, most + 1, max(1, -(-most // (2 * MOST))))]
    assert len(chosen) > len(CALLS)
    return chosen


def test_killed_at_every_call(maker: Maker, tmp_path: Path, require: Callable[[str], str]) -> None:
    strace, scene = require("strace"), Move(maker, tmp_path)
    for number, (call, at) in enumerate(moments(scene, strace, tmp_path / "log")):
        scene.reset()
        inject = ("-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={at}")
        assert trace(strace, scene.new, tmp_path / "log", *inject) == -signal.SIGKILL, (call, at)
        for lock in scene.place.glob(".*"):  # the next run removes it, unless the folder has another name by then
            if number % 2:
                lock.unlink()
        scene.finish(move(scene.new, scene.third) if number % 2 else scene.new)


def test_every_call_may_fail(maker: Maker, tmp_path: Path, require: Callable[[str], str]) -> None:
    strace, scene = require("strace"), Move(maker, tmp_path)
    for call, at in moments(scene, strace, tmp_path / "log"):
        scene.reset()
        before = whole(scene.new)
        inject = ("-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={at}")
        status = trace(strace, scene.new, tmp_path / "log", *inject)
        assert 0 <= status < 128, (call, at)
        journal = (scene.new / ".sfxpack/relocating").exists()
        if status and not journal and call != "unlinkat":
            assert snapshot(scene.new) == snapshot(scene.kept), (call, at)
            assert whole(scene.new).keys() - before.keys() <= {".sfxpack/relocated"}, (call, at)
        scene.finish(scene.new)


def test_killed_between_names_without_the_first(maker: Maker, tmp_path: Path, require: Callable[[str], str]) -> None:
    strace = require("strace")
    for at in range(1, 7):
        old, new = tmp_path / f"old-{at}", tmp_path / f"new-{at}"
        maker.make(names(5)).run("--prefix", old, "--no-sync")
        (old / "bin/0").unlink()
        kill = ("-e", "trace=renameat", "-e", f"inject=renameat:signal=SIGKILL:when={at}")
        assert trace(strace, move(old, new), tmp_path / "log", *kill) == -signal.SIGKILL
        tool(new, "relocate", status=None)
        assert len({path.stat().st_ino for path in (new / "bin").iterdir()}) == 1, at
        assert f"echo {new}/greeting" in (new / "bin/1").read_text()


COPY_MOMENTS = (("openat", 30), ("mkdirat", 3), ("linkat", 1), ("renameat2", 1), ("renameat2", 2), ("unlinkat", 6))


def test_killed_in_a_copy(maker: Maker, tmp_path: Path, require: Callable[[str], str]) -> None:
    strace, scene = require("strace"), Move(maker, tmp_path)
    for call, at in COPY_MOMENTS:
        scene.reset()
        inject = ("-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={at}")
        status = trace(strace, scene.new, tmp_path / "log", *inject, arguments=(str(scene.third), "--move"))
        assert status == -signal.SIGKILL, (call, at)
        if not scene.third.exists():
            tool(scene.new, "relocate", scene.third, "--move")
        assert whole(scene.third) == scene.expected[scene.third], (call, at)


def test_installer_does_not_replace_what_is_half_relocated(maker: Maker, tmp_path: Path) -> None:
    installed(maker, tmp_path / "env")
    (tmp_path / "env/.sfxpack/relocating").write_text(f"prefix={tmp_path}/env\nprefix=/old\n")
    for options in ([], ["--force"]):
        done = maker.make(small()).run("--prefix", tmp_path / "env", *options, status=Exit.PREFIX_IN_USE)
        assert f"{tmp_path}/env/.sfxpack/sfx relocate" in done.stderr
    tool(tmp_path / "env", "relocate")
    assert not (tmp_path / "env/.sfxpack/relocating").exists()


def test_damaged_journal(maker: Maker, tmp_path: Path) -> None:
    """What it names is only tried on files, which know better."""
    expected = installed(maker, tmp_path / "env")
    for journal in ("", "nonsense", "prefix=relative\nprefix=/" + "x" * 5000 + "\n", "prefix=/a\n" * 500, "\0\n" * 99):
        (tmp_path / "env/.sfxpack/relocating").write_text(journal)
        tool(tmp_path / "env", "relocate")
        assert whole(tmp_path / "env") == expected


def test_interrupted_while_it_reads_what_users_added(maker: Maker, tmp_path: Path) -> None:
    """A file that takes hours to read."""
    installed(maker, tmp_path / "env")
    here = move(tmp_path / "env", tmp_path / "new")
    before = snapshot(here)
    with (here / "large").open("wb") as file:
        file.truncate(1 << 42)
    process = subprocess.Popen([here / ".sfxpack/sfx", "relocate"], stderr=subprocess.PIPE, text=True)
    staged = here / ".sfxpack/relocated"
    while process.poll() is None and not any(path.is_symlink() for path in staged.glob("*")):  # links are written last
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + signal.SIGINT
    assert "interrupted; nothing is left behind" in errors
    (here / "large").unlink()
    assert snapshot(here) == before


def test_half_relocated_into_a_folder_of_its_old_name(maker: Maker, tmp_path: Path) -> None:
    """`/env/lib` in a C string can be the installation at /env/lib, or a folder of the one at /env."""
    program = b"\x7fELF" + b"/lib".ljust(300, b"\0")
    site = IndexSite(4, 300, Strategy.CSTRING)
    values = sample((directory(b"lib"), file(b"lib/program", 0, site)), (program,))
    new = tmp_path / "env/lib"
    maker.make(with_product(values, name=b"app")).run("--prefix", new)
    expected = whole(new)
    shutil.rmtree(tmp_path / "env")
    maker.make(with_product(values, name=b"app")).run("--prefix", tmp_path / "env")
    move(move(tmp_path / "env", tmp_path / "away"), new)
    (new / ".sfxpack/relocating").write_text(f"prefix={new}\nprefix={tmp_path}/env\n")
    tool(new, "relocate")
    assert whole(new) == expected


# ---- Refused --------------------------------------------------------------------------------------------------------


def test_too_long(maker: Maker, tmp_path: Path) -> None:
    limited = with_product(small(), prefix_limit=len(f"{tmp_path}/env") + 2, prefix_limit_entry=1)
    maker.make(limited).run("--prefix", tmp_path / "env", "--no-sync")
    before = whole(tmp_path / "env")
    done = tool(tmp_path / "env", "relocate", tmp_path / "longer", status=Exit.PREFIX_TOO_LONG)
    assert "bin/hello" in done.stderr
    here = move(tmp_path / "env", tmp_path / "longer")
    tool(here, "relocate", status=Exit.PREFIX_TOO_LONG)
    assert whole(here) == before


def test_where_something_lies(maker: Maker, tmp_path: Path) -> None:
    installed(maker, tmp_path / "env")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("mine")
    (tmp_path / "env/own").mkdir()
    (tmp_path / "link").symlink_to("env/own")
    for target in ("full", "full/mine", "env/inside", "link/inside", "link/a/b"):
        tool(tmp_path / "env", "relocate", tmp_path / target, status=Exit.PREFIX_IN_USE)
        tool(tmp_path / "env", "relocate", tmp_path / target, "--move", status=Exit.PREFIX_IN_USE)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]
    assert list((tmp_path / "env/own").iterdir()) == []


def test_while_another_run_works_there(maker: Maker, tmp_path: Path) -> None:
    installed(maker, tmp_path / "env")
    here = move(tmp_path / "env", tmp_path / "new")
    lock = tmp_path / ".new.sfxpack-lock"
    lock.write_text(lock_text(host="elsewhere"))
    os.utime(lock, (1, 1))
    tool(here, "relocate", status=Exit.LOCKED)
    assert f"echo {tmp_path}/env/greeting" in (here / "bin/hello").read_text()
    lock.write_text(lock_text(pid=NO_PROCESS))
    tool(here, "relocate")
    assert f"echo {here}/greeting" in (here / "bin/hello").read_text()


def test_disk_full(maker: Maker, tmp_path: Path) -> None:
    """Nothing has changed when there is no room for the new versions."""
    installed(maker, tmp_path / "env")
    place = tmp_path / "small"
    place.mkdir()
    with mounted(place, "-o", "size=1m"):
        subprocess.run(["cp", "-a", tmp_path / "env", place / "env"], check=True)
        rest = os.statvfs(place)
        (place / "filler").write_bytes(bytes(rest.f_bavail * rest.f_frsize - 8192))
        before = snapshot(place / "env")
        done = tool(place / "env", "relocate", status=Exit.NO_SPACE)
        assert "nothing was changed" in done.stderr
        assert snapshot(place / "env") == before
        (place / "filler").unlink()
        tool(place / "env", "relocate")
        assert len(LARGE) < (place / "env/lib/large.bin").stat().st_size


USAGE = [
    (["relocate", "--move"], "sfx relocate NEW --move"),
    (["relocate", "--prefix", "/x"], "sfx relocate /x"),
    (["verify", "--strict"], "go with relocate"),
    (["verify", "/x"], "unexpected argument /x"),
    (["relocate", "/x", "/y"], "unexpected argument /y"),
    (["relocte"], "did you mean relocate?"),
]


@pytest.mark.parametrize(("options", "said"), USAGE)
def test_usage(maker: Maker, tmp_path: Path, options: list[str], said: str) -> None:
    installed(maker, tmp_path / "env")
    assert said in tool(tmp_path / "env", *options, status=Exit.USAGE).stderr
    assert said not in maker.make(small()).run("--move", status=Exit.USAGE).stderr
