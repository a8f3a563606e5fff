"""System calls that fail, runs that are killed, full disks: complete or not there, and the next run succeeds.

A sample of what `scripts/faults` does whole; and the order in which things reach the disk, which decides what a power
cut leaves.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sfxpack.format.layout import Exit
from tests.faults import DATA, Call, Scene, different, points, read_log, run_with, tree_of
from tests.installers import mounted, tool
from tests.scenes import SCENES
from tests.stage import OLD_SYSTEM, Stage, make_stage

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

SAMPLE = 12
"""Faults of each scene."""


@pytest.fixture
def stage(fault_stub: Path, tmp_path: Path) -> Stage:
    return make_stage(fault_stub, tmp_path)


@pytest.fixture
def make_scene(stage: Stage) -> Iterator[Callable[[str], Scene]]:
    """A function from a scene's name to the scene, ready to be run; skipped where nothing can be mounted."""
    made: list[Scene] = []

    def make(name: str) -> Scene:
        scene = SCENES[name](stage)
        made.append(scene)
        try:
            assert scene.calls
        except subprocess.CalledProcessError as error:
            pytest.skip(f"mounting is not allowed here: {error.stderr}")
        return scene

    yield make
    for scene in made:
        scene.leave()


@pytest.mark.parametrize("name", SCENES)
def test_a_call_fails_or_the_run_is_killed_at_it(make_scene: Callable[[str], Scene], name: str) -> None:
    scene = make_scene(name)
    every = list(points(scene.calls, scene.base))
    for call, at, action in every[:: len(every) // SAMPLE]:
        scene.try_once(call, at, action)


def test_what_cannot_be_looked_at_is_not_taken_for_absent(make_scene: Callable[[str], Scene]) -> None:
    """Else a run waits for its own lock, takes a folder for another's, or removes what is the only copy."""
    for name, call, step in (("absent", "fstatat", 1), ("force_inside_after_kill", "readdir", 16)):
        scene = make_scene(name)
        last = sum(one.name == call for one in scene.calls)
        for at in range(1, last + 1, step):
            scene.try_once(call, at, "EIO")
        scene.leave()


def test_a_copy_that_fails_is_no_link_and_says_why(make_scene: Callable[[str], Scene]) -> None:
    """A script may write into what was added: it is copied, or the run ends before the script."""
    scene = make_scene("force_hook_fails")
    calls = scene.calls
    begin = first(calls, "openat", "read lib/own/data")
    counts: dict[str, int] = {}
    for number, call in enumerate(calls[: begin + 12]):
        counts[call.name] = counts.get(call.name, 0) + 1
        if number >= begin and call.name in {"openat", "read", "pwrite", "write", "fchmod", "futimens"}:
            scene.try_once(call.name, counts[call.name], "EACCES" if call.name == "openat" else "EIO")


def test_killed_at_every_move_in_a_mount_point(make_scene: Callable[[str], Scene]) -> None:
    """As long as names move there is no manifest."""
    scene = make_scene("force_inside")
    moves = [number for number, call in enumerate(scene.calls, 1) if call.name == "renameat2"]
    for at in moves:
        scene.try_once("any", at, "kill")


@pytest.mark.parametrize("name", SCENES)
def test_interrupted_and_short_everywhere(make_scene: Callable[[str], Scene], name: str) -> None:
    scene = make_scene(name)
    for faults in ("any:*:EINTR", ",".join(f"{call}:*:short" for call in sorted(DATA))):
        scene.reset()
        done = scene.run(faults)
        assert done.returncode == scene.status, done.stderr
        found = tree_of(scene.place)
        assert found == scene.expected, different(scene.expected, found)


def test_what_is_shipped_has_no_faults(stub: Path, fault_stub: Path) -> None:
    assert b"SFXPACK_FAULTS" in fault_stub.read_bytes()
    assert b"SFXPACK_FAULTS" not in stub.read_bytes()


@pytest.mark.parametrize(("faults", "umask"), [("", 0o077), ("time:*:1970", -1)], ids=["umask 077", "clock in 1970"])
@pytest.mark.parametrize("name", SCENES)
def test_unusual_surroundings(make_scene: Callable[[str], Scene], name: str, faults: str, umask: int) -> None:
    """A umask that keeps others out, a clock that stands at its beginning."""
    scene = make_scene(name)
    scene.reset()
    done = run_with(scene.command, ",".join(filter(None, (faults, scene.base))), umask=umask, variables=scene.variables)
    assert done.returncode == scene.status, done.stderr
    found = tree_of(scene.place)
    assert found == scene.expected, different(scene.expected, found)


# ---- While it runs --------------------------------------------------------------------------------------------------


def run_stopped(command: list[str], faults: str, meanwhile: Callable[[], None]) -> tuple[int, str]:
    """Run until it stops, do something, let it go on; status and messages."""
    environment = {**os.environ, "SFXPACK_FAULTS": faults}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, text=True, stdout=quiet, stderr=subprocess.PIPE) as process:
        status = os.waitpid(process.pid, os.WUNTRACED)[1]
        assert os.WIFSTOPPED(status), (command, faults)
        meanwhile()
        process.send_signal(signal.SIGCONT)
        _, said = process.communicate(timeout=60)
    return process.returncode, said


@pytest.mark.parametrize("at", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("name", ["absent", "force", "parts"])
def test_artifact_truncated_while_it_is_read(make_scene: Callable[[str], Scene], name: str, at: int) -> None:
    """Parts: all but the first file, which is read first."""
    scene = make_scene(name)
    scene.reset()
    artifact = Path(scene.command[2])
    files = sorted(artifact.parent.glob(artifact.name + ".part*")) or [artifact]
    whole = {path: path.read_bytes() for path in files}
    before = tree_of(scene.place)

    def truncate() -> None:
        for path in files:
            os.truncate(path, 4096 if path == artifact else 10)

    status, said = run_stopped(scene.command, f"pread:{at}:stop", truncate)
    assert status in {Exit.IO, Exit.DAMAGED}
    assert any(f"{path} ended at offset " in said or f"{path}: " in said or f"({path})" in said for path in files), said
    assert tree_of(scene.place) == before
    for path, data in whole.items():
        path.write_bytes(data)
    assert run_with(scene.command).returncode == 0
    tool(scene.prefix, "verify", status=None)


@pytest.mark.parametrize("base", ["", OLD_SYSTEM])
@pytest.mark.parametrize("form", ["absent", "empty"])
def test_what_appears_while_it_runs_stays(stage: Stage, form: str, base: str) -> None:
    stage.place.mkdir()
    if form == "empty":
        stage.prefix.mkdir()
    theirs = stage.prefix / "lib"

    def appear() -> None:
        theirs.mkdir(parents=True)
        (theirs / "mine").write_text("mine")

    command = stage.first.command("--prefix", stage.prefix, "-j1")
    status, said = run_stopped(command, f"syncfs:1:stop,{base}".strip(","), appear)
    assert status == Exit.PREFIX_IN_USE, said
    assert "appeared" in said
    assert {str(path.relative_to(stage.place)) for path in stage.place.rglob("*")} == {"env", "env/lib", "env/lib/mine"}


def test_what_another_run_installs_meanwhile_is_not_replaced(stage: Stage) -> None:
    """After this run has looked, before it has the lock."""
    stage.place.mkdir()
    command = stage.second.command("--prefix", stage.prefix, "-j1")
    status, said = run_stopped(command, "statvfs:1:stop", stage.install)
    assert status == Exit.PREFIX_IN_USE, said
    assert "holds another installation, app 1; --force replaces it" in said
    assert (stage.prefix / "share/release").read_text() == "release 1"


# ---- Disks ----------------------------------------------------------------------------------------------------------


def fill(disk: Path, *, inodes: bool) -> None:
    """Use what is free, all but a little."""
    if inodes:
        for number in range(max(0, os.statvfs(disk).f_favail - 3)):
            (disk / f"filler{number}").touch()
        return
    with (disk / "filler").open("wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(bytes(4096))
        os.fsync(file.fileno())
        file.truncate(max(0, file.tell() - 3 * 4096))


def empty(disk: Path) -> None:
    for path in disk.glob("filler*"):
        path.unlink()


@contextmanager
def disk(kind: str, place: Path, require: Callable[[str], str]) -> Iterator[None]:
    """A small file system of that kind."""
    place.mkdir(exist_ok=True)
    if kind.startswith("tmpfs"):
        with mounted(place, "-o", "size=8m,nr_inodes=100" if "inodes" in kind else "size=8m"):
            yield
        return
    image = place.with_name("image")
    image.touch()
    os.truncate(image, 24 << 20)
    subprocess.run([require(f"mkfs.{kind}"), image], check=True, capture_output=True)
    with mounted(place, "-o", "loop", source=image):
        shutil.rmtree(place / "lost+found", ignore_errors=True)
        yield


def modes_of(tree: dict[str, tuple[object, ...]]) -> dict[str, object]:
    """Names and contents alone."""
    return {name: values[1:2] for name, values in tree.items() if "filler" not in name}


@pytest.mark.parametrize("kind", ["tmpfs", "tmpfs of few inodes", "ext4", "vfat"])
@pytest.mark.parametrize("name", ["absent", "empty", "force", "relocate", "copy"])
def test_a_disk_that_becomes_full(stage: Stage, require: Callable[[str], str], name: str, kind: str) -> None:
    """After everything was found to be in order: nothing has changed then, and with room the next run succeeds."""
    scene = SCENES[name](stage)
    place = stage.place
    with disk(kind, place, require):
        if kind == "vfat" and name not in {"absent", "empty"}:
            pytest.skip("the scene has links")
        scene.prepare()
        before = tree_of(place)
        stop = f"mkdirat:{1 if name == 'relocate' else 2}:stop"
        status, said = run_stopped(scene.command, stop, lambda: fill(place, inodes="inodes" in kind))
        assert status == Exit.NO_SPACE, said
        assert "No space left on device" in said
        assert str(place) in said
        assert modes_of(tree_of(place)) == modes_of(before)
        empty(place)
        assert run_with(scene.command).returncode in {0, Exit.EXCEPTIONS}
        tool(scene.prefix, "verify", status=None)


# ---- What a power cut leaves ----------------------------------------------------------------------------------------


def order(calls: list[Call], *wanted: tuple[str, str]) -> None:
    """Each of WANTED, a call and how its arguments end, succeeds after the one before it."""
    at = 0
    for name, arguments in wanted:
        found = [
            number
            for number, call in enumerate(calls[at:], at)
            if call.name == name and call.result >= 0 and call.arguments.endswith(arguments)
        ]
        assert found, f"no {name} {arguments} after call {at}"
        at = found[0] + 1


LOOKING = frozenset(
    [
        "fstatat",
        "fstat",
        "openat",
        "close",
        "fdopendir",
        "readdir",
        "closedir",
        "readlinkat",
        "pread",
        "read",
        "mmap",
        "munmap",
    ]
)


def written_and_open(calls: list[Call], end: int) -> set[int]:
    """Descriptors of files that were opened for writing and are open before call END; locks aside."""
    still: set[int] = set()
    for call in calls[:end]:
        if call.name == "openat" and call.result >= 0:
            still.discard(call.result)
            if " read " not in f" {call.arguments} " and "sfxpack-lock" not in call.arguments:
                still.add(call.result)
        if call.name == "close":
            still.discard(int(call.arguments))
    return still


def first(calls: list[Call], name: str, part: str = "") -> int:
    """The number of the first call of that name that succeeds, with a part of its arguments."""
    return next(
        number for number, call in enumerate(calls) if call.name == name and call.result >= 0 and part in call.arguments
    )


@pytest.mark.parametrize("name", ["absent", "force", "copy", "move"])
def test_beside_all_is_on_the_disk_before_it_is_visible(make_scene: Callable[[str], Scene], name: str) -> None:
    """All files closed, file system flushed, one rename, its folder flushed; only then what was there goes."""
    calls = make_scene(name).calls
    flush, publish = first(calls, "syncfs"), first(calls, "renameat2")
    parent = calls[publish].arguments.split()[0]
    assert flush < publish
    assert not written_and_open(calls, flush)
    meanwhile = calls[flush:publish]  # it looks for what a user has changed, and writes nothing
    assert {call.name for call in meanwhile} <= {"syncfs", *LOOKING}
    assert not [call for call in meanwhile if call.name == "openat" and "create" in call.arguments]
    assert (calls[publish + 1].name, calls[publish + 1].arguments) == ("fsync", parent)


@pytest.mark.parametrize("name", ["force_old"])
def test_two_renames_stand_in_a_journal_first(make_scene: Callable[[str], Scene], name: str) -> None:
    calls = make_scene(name).calls
    journal = first(calls, "openat", "create .env.sfxpack-journal")
    parent, file = calls[journal].arguments.split()[0], str(calls[journal].result)
    order(
        calls,
        ("syncfs", ""),
        ("openat", "create .env.sfxpack-journal"),
        ("write", file),
        ("fsync", file),
        ("fsync", parent),
        ("renameat", ".env.sfxpack-old"),
        ("renameat", f"{parent} env"),
        ("unlinkat", ".env.sfxpack-journal"),
        ("fsync", parent),
    )
    flushed = max(number for number, call in enumerate(calls) if call.name == "fsync")
    assert first(calls, "renameat", ".env.sfxpack-new") < flushed
    assert flushed < first(calls, "unlinkat", " RECORD")


@pytest.mark.parametrize("name", ["empty", "empty_old", "force_inside"])
def test_inside_the_journal_is_on_the_disk_before_the_first_move(make_scene: Callable[[str], Scene], name: str) -> None:
    """And `.sfxpack` is the first to go and the last to come, after all others are on the disk."""
    calls = make_scene(name).calls
    created = first(calls, "openat", "create journal.new")
    staging, file = calls[created].arguments.split()[0], str(calls[created].result)
    order(
        calls,
        ("syncfs", ""),
        ("openat", "create journal.new"),
        ("write", file),
        ("fsync", file),
        ("renameat", f"{staging} journal"),
        ("fsync", staging),
    )
    flush = first(calls, "syncfs")
    assert not written_and_open(calls, flush)
    begin = next(number for number, call in enumerate(calls) if call.name == "fsync" and call.arguments == staging)
    rename = "renameat" if name == "empty_old" else "renameat2"
    moves = [number for number, call in enumerate(calls) if call.name == rename and call.result == 0 and number > begin]
    names = [calls[number].arguments.split()[1] for number in moves]
    assert names.count(".sfxpack") == (2 if name == "force_inside" else 1)
    assert names[-1] == ".sfxpack"
    if name == "force_inside":
        assert names[0] == ".sfxpack"
    prefix = calls[moves[-1]].arguments.split()[2]
    assert ("fsync", prefix) in [(call.name, call.arguments) for call in calls[moves[-2] : moves[-1]]]
    assert ("fsync", prefix) in [(call.name, call.arguments) for call in calls[moves[-1] :]]


def test_relocating_all_is_on_the_disk_before_the_first_file_changes(make_scene: Callable[[str], Scene]) -> None:
    """New versions, journal, flush, renames, flush, state, flush; then the journal goes."""
    calls = make_scene("relocate").calls
    state = first(calls, "openat", "create .sfxpack/state.new")
    root = calls[state].arguments.split()[0]
    order(
        calls,
        ("openat", "create .sfxpack/relocating.new"),
        ("renameat", ".sfxpack/relocating"),
        ("syncfs", root),
        ("renameat", "bin/hello"),
        ("renameat", "lib/mod.py"),
        ("syncfs", root),
        ("openat", "create .sfxpack/state.new"),
        ("fsync", str(calls[state].result)),
        ("renameat", ".sfxpack/state"),
        ("openat", f"{root} read .sfxpack"),
        ("fsync", ""),
        ("unlinkat", ".sfxpack/relocating"),
        ("openat", f"{root} read .sfxpack"),
        ("fsync", ""),
    )
    flush = first(calls, "syncfs")
    assert written_and_open(calls, flush) <= {calls[first(calls, "openat", "create .sfxpack/relocating.new")].result}
    renames = [number for number, call in enumerate(calls) if call.name == "renameat"]
    changed = [number for number in renames if " .sfxpack/" not in calls[number].arguments]
    assert flush < changed[0]
    assert changed[-1] < [number for number, call in enumerate(calls) if call.name == "syncfs"][1]


def test_without_sync_nothing_waits_for_the_disk(stage: Stage, tmp_path: Path) -> None:
    stage.place.mkdir()
    run_with([*stage.first.command("--prefix", stage.prefix), "--no-sync"], log=tmp_path / "log").check_returncode()
    assert not {call.name for call in read_log(tmp_path / "log")} & {"fsync", "syncfs"}
