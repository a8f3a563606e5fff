"""A run in which a system call fails or the process is killed, and what must be true then.

`stubs/faults/inject.c` says what can happen to a call. A scene (tests/scenes.py) is a place before a run and the run;
what the run makes of it undisturbed is what it has to make of it in the end, whatever happened on the way.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sfxpack.format.layout import Exit
from tests.installers import MTIME, tool

Tree = dict[str, tuple[object, ...]]

EDITED = (": bin/hello", ": share/empty", ": share/release")
"""What users change in the scenes."""
LEFT = re.compile(r"(env/)?\.env\.sfxpack-|env/\.sfxpack\.new")
"""Names of what a run that could not clean up, or go back, leaves for the next one."""
PATIENCE = 20
"""Seconds after which a run is taken to wait for something that never comes."""
MESSAGES = {
    "EIO": "I/O error",
    "ENOSPC": "No space left on device",
    "EDQUOT": "Quota exceeded",
    "EMFILE": "No file descriptors available",
    "EACCES": "Permission denied|you may not write",
    "EAGAIN": "Resource temporarily unavailable",
}
"""How the stub's C library says it, or the stub for it."""
READING = frozenset(
    ("fstat", "fstatat", "statvfs", "read", "pread", "mmap", "readdir", "fdopendir", "readlinkat", "realpath",
     "faccessat", "flistxattr", "fgetxattr", "statx")
)  # fmt: skip
"""Calls that change nothing on a disk, so that no disk can be full for them."""
DATA = frozenset(("read", "pread", "write", "writev", "pwrite", "pwritev"))
"""Calls that may do less than they should."""
ATOMIC = {"mmap", "fdopendir", "pipe", "posix_spawn", "pthread_create"}
"""Calls that no signal can come between (inject.c)."""
STARTING = {"pipe": ("EMFILE",), "posix_spawn": ("EAGAIN", "EACCES"), "pthread_create": ("EAGAIN",)}
"""Calls that start something, and what they can fail with."""
WITHOUT_NAME = DATA | {
    "fstat", "close", "fsync", "ftruncate", "futimens", "fchmod", "fchown", "mmap", "readdir", "statx"
}  # fmt: skip
"""Calls that find nothing whose permissions could forbid them."""


@dataclass(frozen=True)
class Call:
    """A line of the log."""

    name: str
    result: int
    arguments: str


def read_log(path: Path) -> list[Call]:
    """All calls of a run, in order."""
    lines = (line.split(" ", 2) for line in path.read_text(errors="replace").splitlines())
    return [Call(name, int(result), arguments) for name, result, arguments in lines]


def run_with(
    command: list[str],
    faults: str = "",
    log: Path | None = None,
    umask: int = -1,
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a stub made for faults, to the end of all that it starts."""
    environment = {**os.environ, **(variables or {}), "SFXPACK_FAULTS": faults}
    if log is not None:
        log.unlink(missing_ok=True)
        environment["SFXPACK_FAULTS_LOG"] = str(log)
    ends, inherited = os.pipe()
    try:
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=environment,
            umask=umask,
            pass_fds=[inherited],
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"{faults}: does not end: {command}") from error
    finally:
        os.close(inherited)
        os.read(ends, 1)  # a script that goes on when the stub is killed
        os.close(ends)


def tree_of(root: Path) -> Tree:
    """Everything below: content, mode, time where it is ours, which names are one file. Logs tell of each run anew."""
    found: Tree = {}
    inodes: dict[int, str] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.endswith(".sfxpack/install.log"):
            continue
        status = path.lstat()
        if path.is_symlink():
            found[name] = (status.st_mode, os.readlink(path))
        elif path.is_dir():
            found[name] = (status.st_mode,)
        else:
            time = status.st_mtime if status.st_mtime == MTIME else None
            found[name] = (status.st_mode, path.read_bytes(), time, inodes.setdefault(status.st_ino, name))
    return found


def contents(tree: Tree) -> set[object]:
    """What the files of a tree hold."""
    return {values[1] for values in tree.values() if len(values) > 2}


@dataclass
class Scene:
    """A place before a run, and the run."""

    name: str
    place: Path
    command: list[str]
    prepare: Callable[[], None]
    prefix: Path
    """Where an installation is, or is to be, in the end."""
    again: tuple[list[str], ...] = ()
    """What are run after a disturbed run that got as far as an installation, if not the same."""
    base: str = ""
    """Faults that belong to the scene: an old system."""
    mount: Path | None = None
    """A folder in the place that is a mount point."""
    may_stay: tuple[str, ...] = ()
    """How the names of things begin that a disturbed run may leave for good, if the next one does not know of them."""
    may_keep: bool = False
    """What cannot be read stays for good, is listed, and the status says so."""
    cleans: bool = False
    """A killed run was there before, and what it left may be gone after a run that failed."""
    foreign: frozenset[bytes] = frozenset()
    """Contents of files that are not ours: always somewhere below the place."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of the environment."""
    whole: str = ""
    """A file outside of the prefix that is always as before or as in the end."""
    gives_up: str = ""
    """What a run says, as a regular expression, that has done all else, but could not change that file."""
    status: int = field(default=0, init=False)
    expected: Tree = field(default_factory=dict, init=False)
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.place.with_name(self.place.name + ".log")

    @cached_property
    def calls(self) -> list[Call]:
        """The calls of an undisturbed run."""
        self.reset()
        done = self.run("")
        assert done.returncode in {0, Exit.EXCEPTIONS, Exit.HOOK}, done.stderr
        self.status = done.returncode
        self.expected = tree_of(self.place)
        return read_log(self.log)

    def leave(self) -> None:
        """Remove everything."""
        if self.mount and self.mount.is_mount():
            subprocess.run(["umount", self.mount], check=True)
        shutil.rmtree(self.place, ignore_errors=True)

    def reset(self) -> None:
        """Begin again."""
        self.leave()
        self.place.mkdir(parents=True)
        if self.mount:
            self.mount.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "none", self.mount], check=True, capture_output=True)
        self.prepare()

    def run(self, faults: str) -> subprocess.CompletedProcess[str]:
        """The run, disturbed."""
        faults = ",".join(filter(None, (faults, self.base)))
        return run_with(self.command, faults, self.log, variables=self.variables)

    def try_once(self, call: str, at: int | str, action: str) -> str:
        """Disturb one call; check everything; what came of it in a word."""
        assert self.calls
        self.reset()
        before = tree_of(self.place)
        done = self.run(f"{call}:{at}:{action}")
        what = f"{self.name}: {call}:{at}:{action}: status {done.returncode}\n{done.stdout}{done.stderr}"
        after = tree_of(self.place)
        assert contents(after) >= self.foreign, what
        if self.whole:
            assert after.get(self.whole) in (before.get(self.whole), self.expected.get(self.whole)), what
        if action in {"kill", "torn"}:
            assert done.returncode == -signal.SIGKILL, what
            outcome = self.check_killed(what)
        elif done.returncode in self.good(action, done.stderr):
            outcome = "survived"
            self.check_survived(done, action, after, what)
        else:
            outcome = self.check_failed(done, call, action, what)
            begun = self.cleans or (self.prefix / ".sfxpack/relocating").exists()
            begun = begun or (self.status == Exit.HOOK and any(map(LEFT.match, after)))
            if not begun and call not in {"unlinkat", "readdir"}:  # what failed may be the cleaning up
                assert after == before, f"{what}{different(before, after)}"
        self.finish(what, exact=outcome != "survived")
        return outcome

    def good(self, action: str, said: str) -> set[int]:
        """The statuses of a run that was disturbed and has done what it should."""
        excepts = action == "EACCES" or self.may_keep or self.has_given_up(said)
        return {0, self.status, *([Exit.EXCEPTIONS] if excepts else [])}

    def has_given_up(self, said: str) -> bool:
        """Whether a run says that it could not change the file outside."""
        return bool(self.gives_up and re.search(f"warning: .*({self.gives_up})", said))

    def check_survived(self, done: subprocess.CompletedProcess[str], action: str, after: Tree, what: str) -> None:
        """What was only interrupted is as ever; where a script failed all is as before, but for what is left over."""
        if action in {"EINTR", "short"}:
            assert done.returncode == self.status, what
            assert after == self.expected, f"{what}{different(self.expected, after)}"
        if done.returncode == Exit.HOOK:
            found = {name: values for name, values in after.items() if not LEFT.match(name)}
            assert found == self.expected, f"{what}{different(self.expected, found)}"
        if self.has_given_up(done.stderr):
            assert re.search(MESSAGES[action], done.stderr), what

    def check_killed(self, what: str) -> str:
        """Either there is no installation and one sees it, or a whole one, or one that says it is being relocated."""
        record = self.prefix / ".sfxpack"
        if not (record / "manifest").exists():
            return "absent"
        if (record / "relocating").exists() or (record / "uninstalling").exists():
            return "to be finished"
        said = tool(self.prefix, "verify", status=None).stdout
        lines = [line for line in said.splitlines() if not line.endswith(EDITED)]
        assert not [line for line in lines if re.match("missing|changed|link changed|another kind", line)], what + said
        return "complete"

    def check_failed(self, done: subprocess.CompletedProcess[str], call: str, action: str, what: str) -> str:
        """The message names the cause and a path, and the status is that of the cause."""
        assert action not in {"EINTR", "short"}, what
        starts = call in STARTING and call != "pthread_create"
        wanted = Exit.HOOK if starts else Exit.NO_SPACE if action in {"ENOSPC", "EDQUOT"} else Exit.IO
        assert done.returncode == wanted, what
        assert re.search(MESSAGES[action], done.stderr), what
        assert ("/bin/sh" if starts else str(self.place.parent)) in done.stderr or action == "EAGAIN", what
        return "failed"

    def finish(self, what: str, *, exact: bool) -> None:
        """The next run succeeds and leaves what an undisturbed one leaves.

        Not EXACT: what could not be read was left or kept.
        """
        for command in self.next_commands():
            done = run_with(command, variables=self.variables)
            assert done.returncode in {0, self.status}, f"{what}then: {done.returncode}\n{done.stdout}{done.stderr}"
        found = self.without_rest(tree_of(self.place))
        if self.has_given_up(what) and not (self.prefix / ".sfxpack").exists():
            found[self.whole] = self.expected[self.whole]  # it was said, and nothing is left that knows of it
        if exact:
            assert found == self.expected, f"{what}in the end: {different(self.expected, found)}"
        else:
            names = found.keys() ^ self.expected.keys()
            odd = [name for name in names if not name.endswith((".sfxpack-old", ".pyc")) and not self.may_keep]
            assert not odd, f"{what}in the end: {different(self.expected, found)}"
            assert found.get(self.whole) == self.expected.get(self.whole), f"{what}in the end: {self.whole}"
        assert contents(found) >= self.foreign, what

    def without_rest(self, tree: Tree) -> Tree:
        """The tree without what may stay."""
        return {name: values for name, values in tree.items() if not name.startswith(self.may_stay)}

    def next_commands(self) -> tuple[list[str], ...]:
        """The next run: the same again, or, where it got as far as that, with what is there now."""
        is_there = (self.prefix / ".sfxpack/manifest").exists()
        if not Path(self.command[0]).exists() or (self.may_keep and not is_there):
            return self.again
        return self.again if self.again and is_there else (self.command,)


def different(wanted: Tree, found: Tree) -> str:
    """The names at which two trees differ."""
    names = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    return ", ".join(f"{'-' if name not in found else '+' if name not in wanted else '~'}{name}" for name in names)


def errors_of(call: Call) -> Iterator[str]:
    """What a call can fail with; nothing if it fails anyway."""
    if call.result == -errno.ENOENT:
        return
    if call.name in STARTING:
        yield from STARTING[call.name]
        return
    if call.name != "faccessat":
        yield "EIO"
    if call.name not in READING and not (call.name == "openat" and " create " not in call.arguments):
        yield from ("ENOSPC", "EDQUOT")
    if call.name in {"openat", "fdopendir"}:
        yield "EMFILE"
    if call.name not in WITHOUT_NAME:
        yield "EACCES"


def points(calls: list[Call], base: str = "") -> Iterator[tuple[str, int, str]]:
    """Every fault that a run can meet: call, which one of it, what happens. BASE: faults that are there anyway."""
    counts: dict[str, int] = {}
    for number, call in enumerate(calls, 1):
        at = counts[call.name] = counts.get(call.name, 0) + 1
        yield "any", number, "kill"
        if call.name in base:
            continue
        if call.name not in ATOMIC:
            yield call.name, at, "EINTR"
        if call.name in DATA:
            yield call.name, at, "short"
        if call.name in DATA - READING:
            yield call.name, at, "torn"
        for error in errors_of(call):
            yield call.name, at, error
