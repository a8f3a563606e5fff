"""Tests of the rendered header in every shell it must run in, with a small stub that only tells how it was started."""

# ruff: noqa: S108 the folders named are those the header tries

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sfxpack.format.layout import ALIGNMENT, MAGIC, Platform
from sfxpack.header import TEMPLATE, HeaderVars, render, size
from sfxpack.resources import host_platform, template_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the mounts and paths of Linux")

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may write to /")
PLATFORM = Platform.parse(host_platform())
TITLE = b"it's an env 2.1"
TIMEOUT = 60
"""Seconds, of anything that is run."""

STUB_C = r"""
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void quit(int number) { _exit(128 + number); }

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--version") == 0) return puts("stub 0") < 0;
    for (int i = 1; i < argc; i++) fwrite(argv[i], 1, strlen(argv[i]) + 1, stdout);
    char magic[4] = "", folder[8192];
    int file = argc > 6 ? open(argv[2], O_RDONLY) : -1;
    if (file >= 0 && pread(file, magic, 4, atoll(argv[4]) + 1) == 4 && memcmp(magic, "SFXP", 4) == 0) printf("found");
    putchar(0);
    struct stat status;
    snprintf(folder, sizeof folder, "%s", argv[6]);
    *strrchr(folder, '/') = 0;
    if (stat(folder, &status) == 0) printf("%o", (unsigned)status.st_mode & 07777);
    unlink(argv[6]);
    rmdir(folder);
    mode_t mask = umask(0);
    printf("%c%o%c", 0, (unsigned)mask, 0);
    fflush(stdout);
    const char *last = argv[argc - 1];
    if (strcmp(last, "env") == 0) for (char **at = environ; *at; at++) puts(*at);
    if (strcmp(last, "stdin") == 0) for (int byte; (byte = getchar()) != EOF;) putchar(byte);
    if (strcmp(last, "wait") == 0) {
        signal(SIGINT, quit);
        signal(SIGTERM, quit);
        printf("ready\n");
        fflush(stdout);
        for (;;) pause();
    }
    return strncmp(last, "exit=", 5) == 0 ? atoi(last + 5) : 0;
}
"""

STUB_SH = r"""#!/bin/sh
[ "$*" != --version ] || { echo stub 0; exit; }
PATH=/usr/bin:/bin
printf '%s\0' "$@"
[ "$(dd if="$2" bs=1 skip="$(($4 + 1))" count=4 2>/dev/null)" != SFXP ] || printf found
folder=${6%/*}
case $(ls -ld "$folder") in drwx------*) mode=700 ;; *) mode=other ;; esac
printf '\0%s\0%o\0' "$mode" "$(umask)"
rm -f "$6"
rmdir "$folder"
for last; do :; done
case $last in
    stdin) cat ;;
    env) env ;;
    wait)
        trap 'exit 130' INT
        trap 'exit 143' TERM
        echo ready
        while :; do sleep 0.1; done
        ;;
    exit=*) exit "${last#exit=}" ;;
esac
exit 0
"""


# ---- what is run, and in what ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shell:
    """A shell, and how it is told to be a POSIX one."""

    label: str
    package: str
    program: str
    arguments: tuple[str, ...] = ()
    as_sh: bool = False
    """Run through a link named `sh`."""


SHELLS = (
    Shell("dash", "dash", "dash"),
    Shell("busybox", "busybox", "busybox", ("sh",)),
    Shell("bash", "bash", "bash"),
    Shell("bash-posix", "bash", "bash", ("--posix",)),
    Shell("bash-as-sh", "bash", "bash", as_sh=True),
    Shell("mksh", "mksh", "mksh"),
    Shell("mksh-as-sh", "mksh", "mksh", as_sh=True),
    Shell("yash", "yash", "yash"),
    Shell("yash-as-sh", "yash", "yash", as_sh=True),
    Shell("zsh", "zsh", "zsh"),
    Shell("zsh-as-sh", "zsh", "zsh", as_sh=True),
)
INTERPRETERS = tuple(shell for shell in SHELLS if shell.label in {"dash", "busybox", "bash", "mksh", "yash", "zsh"})
"""Each program once: what stands in for /bin/sh."""


def located(program: str, package: str) -> str:
    """Return the program's path, or skip (with SFXPACK_REQUIRE=1: fail) naming the package that has it."""
    path = shutil.which(program)
    if path is None:
        verdict = pytest.fail if os.environ.get("SFXPACK_REQUIRE") == "1" else pytest.skip
        verdict(f"{program} is missing: apt-get install {package}")
    return path


@dataclass(frozen=True)
class Told:
    """What a run gave: the stub's account of it, or the header's message."""

    status: int
    error: str
    ran: bool
    file: str = ""
    offset: str = ""
    copy: str = ""
    arguments: list[str] = field(default_factory=list)
    found: bool = False
    """The stub could open the file and saw the locator's magic at the offset."""
    mode: str = ""
    """Of the directory the copy lay in."""
    umask: str = ""
    rest: str = ""
    """What the stub wrote of its own."""


def told(done: subprocess.CompletedProcess[bytes]) -> Told:
    """Read the account of the stub."""
    error = done.stderr.decode(errors="surrogateescape")
    if not done.stdout:
        return Told(done.returncode, error, ran=False)
    fields = [item.decode(errors="surrogateescape") for item in done.stdout.split(b"\0")]
    assert [fields[0], fields[2], fields[4]] == ["--artifact", "--at", "--self"]
    *arguments, found, mode, umask, rest = fields[6:]
    return Told(
        done.returncode,
        error,
        ran=True,
        file=fields[1],
        offset=fields[3],
        copy=fields[5],
        arguments=arguments,
        found=found == "found",
        mode=mode,
        umask=umask,
        rest=rest,
    )


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A static program if one can be made here, else a script."""
    folder = tmp_path_factory.mktemp("stub")
    source = folder / "stub.c"
    source.write_text(STUB_C)
    compiler = shutil.which("cc")
    if compiler is not None:
        command = [compiler, "-static", "-O1", "-o", str(folder / "stub"), str(source)]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return (folder / "stub").read_bytes()
    return STUB_SH.encode().ljust(1 << 16, b"\0")


@dataclass(frozen=True)
class Artifact:
    """The bytes of a file that starts like an artifact."""

    header: HeaderVars
    data: bytes

    @property
    def script_size(self) -> int:
        """Bytes of the header before its padding."""
        return len(self.data[: self.header.stub_offset].rstrip(b"\n"))

    def write(self, path: Path, mode: int = 0o755) -> Path:
        """Write it to a path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.data)
        path.chmod(mode)
        return path


def make(stub: bytes, platform: Platform = PLATFORM) -> Artifact:
    """Header, stub, the locator's magic, and bytes that no shell should ever read."""
    name, release = "it's an env", "2.1"
    stub_offset = size(name, release, platform)
    end = stub_offset + len(stub)
    header = HeaderVars(name, release, platform, stub_offset, len(stub), end + -end % ALIGNMENT)
    front = (render(header) + stub).ljust(header.locator_offset, b"\0")
    trap = b"\necho RAN; exit 77\n"
    return Artifact(header, front + MAGIC + bytes(range(256)) * 16 + trap * 500)


@pytest.fixture(scope="session")
def artifact(stub: bytes) -> Artifact:
    """An artifact for this machine."""
    return make(stub)


@dataclass(frozen=True)
class Room:
    """A folder to be in, a folder for temporary files, and one shell."""

    here: Path
    temporary: Path
    shell: list[str]
    environment: Mapping[str, str]

    def run(
        self,
        *arguments: str | Path,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        here: Path | None = None,
    ) -> Told:
        """Run the shell with these arguments."""
        done = subprocess.run(
            [*self.shell, *map(str, arguments)],
            cwd=here or self.here,
            env=self.environment if environment is None else environment,
            input=b"" if stdin is None else stdin,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
        return told(done)

    def clean(self) -> bool:
        """Whether nothing was left behind."""
        return not list(self.temporary.iterdir())


def room_for(shell: Shell, folder: Path) -> Room:
    """Prepare a folder for one shell."""
    program = located(shell.program, shell.package)
    if shell.as_sh:
        (folder / "bin").mkdir()
        (folder / "bin/sh").symlink_to(program)
        program = str(folder / "bin/sh")
    (folder / "here").mkdir()
    (folder / "tmp").mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "LC_ALL": "C.UTF-8",
    }
    return Room(folder / "here", folder / "tmp", [program, *shell.arguments], environment)


@pytest.fixture(params=SHELLS, ids=lambda shell: shell.label)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Room:
    """A room for each shell."""
    shell: Shell = request.param
    return room_for(shell, tmp_path)


@pytest.fixture
def dash_room(tmp_path: Path) -> Room:
    """A room for what does not depend on the shell."""
    return room_for(SHELLS[0], tmp_path)


# ---- it runs --------------------------------------------------------------------------------------------------------

ARGUMENTS = (
    "",
    " two  blanks ",
    "new\nline\n",
    "quote's",
    '"double"',
    "back\\slash\\c",
    "$HOME",
    "`id`",
    "*",
    "-x",
    "--help",
    "-p",
    "/nonexistent/a b",
    "--prefix=/nonexistent",
    "--",
    "--prefix",
)


def test_the_stub_gets_every_argument_unchanged(room: Room, artifact: Artifact) -> None:
    result = room.run(artifact.write(room.here / "x.sh"), *ARGUMENTS)
    assert (result.status, result.error) == (0, "")
    assert result.arguments == list(ARGUMENTS)
    assert result.offset == str(artifact.header.locator_offset)
    assert result.found
    assert room.clean()


def test_the_copy_is_private_and_everything_else_as_it_was(room: Room, artifact: Artifact) -> None:
    artifact.write(room.here / "x.sh")
    result = room.run("-c", 'umask 027; exec "$@"', "-", *room.shell, "x.sh", "stdin", stdin=b"answer\n")
    assert Path(result.copy).parent.parent == room.temporary
    assert (result.mode, result.umask, result.rest) == ("700", "27", "answer\n")


@pytest.mark.parametrize("status", range(13))
def test_the_exit_status_is_passed_on(room: Room, artifact: Artifact, status: int) -> None:
    assert room.run(artifact.write(room.here / "x.sh"), f"exit={status}").status == status


@pytest.mark.parametrize(
    "name",
    [
        "x.sh",
        "renamed",
        "a folder/with  blanks.sh",
        "new\nline\n/new\nline\n",
        "quote's/\"$HOME`id`\\c*.sh",
        "-x.sh",
        "-folder/x.sh",
        "ümläut.sh",
        "../here/./x.sh",
        "test",
    ],
)
def test_any_name_will_do(room: Room, artifact: Artifact, name: str) -> None:
    artifact.write(room.here / name)
    result = room.run(*(["--"] if name.startswith("-") else []), name)
    assert (result.status, result.error, result.found) == (0, "", True)
    assert result.file == f"./{name}"
    assert room.clean()


def test_through_an_absolute_path_and_symlinks(room: Room, artifact: Artifact) -> None:
    target = artifact.write(room.here / "real/x.sh")
    (room.here / "one").symlink_to("real/x.sh")
    (room.here / "two").symlink_to(room.here / "one")
    for path in (target, room.here / "two"):
        result = room.run(path)
        assert (result.status, result.found) == (0, True)
    assert room.run("two").found


def test_without_environment(room: Room, artifact: Artifact) -> None:
    artifact.write(room.here / "x.sh")
    result = room.run("x.sh", environment={})
    assert (result.status, result.error, result.found) == (0, "", True)
    assert not list(room.here.glob("sfxpack*"))


def test_variables_of_the_caller_are_left_alone(room: Room, artifact: Artifact) -> None:
    """They reach the scripts of the vendor, also where one has the name of what the header keeps to itself."""
    artifact.write(room.here / "x.sh")
    names = set(re.findall(r"\b_?([a-z]+)=", (template_directory() / TEMPLATE).read_text()))
    assert {"file", "title", "offset"} <= names
    given = {name: f"the caller's {name}" for name in names}
    result = room.run("x.sh", "env", environment={**room.environment, **given})
    found = dict(line.split("=", 1) for line in result.rest.splitlines())
    assert {name: value for name, value in found.items() if name in given} == given


def test_without_home(room: Room, artifact: Artifact) -> None:
    artifact.write(room.here / "x.sh")
    environment = {key: value for key, value in room.environment.items() if key != "HOME"}
    assert room.run("x.sh", environment=environment).found


def test_in_a_locale_without_its_letters(room: Room, artifact: Artifact) -> None:
    artifact.write(room.here / "x.sh")
    assert room.run("x.sh", environment={**room.environment, "LC_ALL": "C"}).found


def test_from_a_file_that_is_not_executable(room: Room, artifact: Artifact) -> None:
    artifact.write(room.here / "x.sh", mode=0o444)
    assert room.run("x.sh").found


# ---- where the stub runs --------------------------------------------------------------------------------------------


TOOLS = ("[", "printf", "uname", "dd", "mkdir", "rm", "chmod")
"""All the header needs; the first two are built into most shells, but yash wants to see them and mksh has no printf."""


def only_tools(folder: Path, *names: str) -> str:
    """Return a PATH with nothing but these programs."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(located(name, "coreutils"))
    return str(folder)


def test_without_mktemp(room: Room, artifact: Artifact) -> None:
    artifact.write(room.here / "x.sh")
    path = only_tools(room.here / "bin", *TOOLS)
    result = room.run("x.sh", environment={**room.environment, "PATH": path})
    assert (result.status, result.error, result.found, result.mode) == (0, "", True, "700")
    assert Path(result.copy).parent.parent == room.temporary
    assert room.clean()


def test_without_mktemp_a_directory_that_exists_is_not_used(room: Room, artifact: Artifact) -> None:
    artifact.write(room.here / "x.sh")
    path = only_tools(room.here / "bin", *TOOLS)
    script = 'mkdir "$TMPDIR/sfxpack.$$"; exec "$@"'
    result = room.run(
        "-c", script, "-", *room.shell, "x.sh", environment={**room.environment, "PATH": path, "HOME": str(room.here)}
    )
    assert (result.status, result.found) == (0, True)
    assert Path(result.copy).parent.parent != room.temporary
    assert [len(list(item.iterdir())) for item in room.temporary.iterdir()] == [0]


@pytest.mark.parametrize("tools", ["busybox"])
def test_with_the_tools_of_another_system(dash_room: Room, artifact: Artifact, tools: str) -> None:
    folder = dash_room.here / "bin"
    folder.mkdir()
    for name in ("uname", "dd", "mktemp", "mkdir", "rm", "chmod"):
        (folder / name).symlink_to(located(tools, tools))
    artifact.write(dash_room.here / "x.sh")
    result = dash_room.run("x.sh", environment={**dash_room.environment, "PATH": str(folder)})
    assert (result.status, result.error, result.found, result.mode) == (0, "", True, "700")


@pytest.mark.parametrize("value", ["", "/nonexistent", "-not here", "/dev/null"])
def test_a_useless_tmpdir_is_passed_over(room: Room, artifact: Artifact, value: str) -> None:
    artifact.write(room.here / "x.sh")
    result = room.run("x.sh", environment={**room.environment, "TMPDIR": value})
    assert (result.status, result.error, result.found) == (0, "", True)


@pytest.mark.parametrize("value", ["-relative", "a b", "new\nline\n"])
def test_a_strange_tmpdir_is_used(room: Room, artifact: Artifact, value: str) -> None:
    artifact.write(room.here / "x.sh")
    (room.here / value).mkdir()
    result = room.run("x.sh", environment={**room.environment, "TMPDIR": value})
    assert (result.status, result.error, result.found) == (0, "", True)
    assert Path(result.copy).parent.parent == Path(value)
    assert not list((room.here / value).iterdir())


@pytest.mark.parametrize("path_has_chmod", [True, False])
def test_a_copy_that_does_not_run_is_removed(dash_room: Room, artifact: Artifact, *, path_has_chmod: bool) -> None:
    """Without chmod the copy is no program anywhere, so every place fails as a noexec one does."""
    artifact.write(dash_room.here / "x.sh")
    names = ["mktemp", *TOOLS[: None if path_has_chmod else -1]]
    path = only_tools(dash_room.here / "bin", *names)
    result = dash_room.run("x.sh", environment={**dash_room.environment, "PATH": path})
    assert result.ran is path_has_chmod
    assert result.status == (0 if path_has_chmod else 8)
    assert dash_room.clean()
    assert not list(dash_room.here.glob("sfxpack*"))


# ---- it refuses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["-s", "--", "--prefix", "/nonexistent"]])
@pytest.mark.parametrize("decoy", [False, True])
def test_a_pipe_is_refused(room: Room, artifact: Artifact, arguments: list[str], *, decoy: bool) -> None:
    if decoy:  # what "$0" names is then a file, but not this one
        for name in ("sh", "dash", "bash", "busybox", "mksh", "yash", "zsh"):
            (room.here / name).write_bytes(b"#!/bin/sh\n# another script\n")
    result = room.run(*arguments, stdin=artifact.data)
    assert (result.status, result.ran) == (2, False)
    assert "save it first, then run: sh FILE" in result.error
    assert result.error.startswith(TITLE.decode())
    assert room.clean()


def test_a_redirected_file_is_refused(room: Room, artifact: Artifact) -> None:
    with artifact.write(room.here / "x.sh").open("rb") as stream:
        done = subprocess.run(
            room.shell, stdin=stream, capture_output=True, env=room.environment, timeout=TIMEOUT, check=False
        )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"save it first" in done.stderr


def test_a_text_mode_transfer_is_named(room: Room, artifact: Artifact) -> None:
    (room.here / "x.sh").write_bytes(artifact.data.replace(b"\n", b"\r\n"))
    for result in (room.run("x.sh"), room.run(stdin=artifact.data.replace(b"\n", b"\r\n"))):
        assert (result.status, result.ran) == (3, False)
        assert result.error.count("\n") == 1
        assert "copy this file in binary mode" in result.error
    assert room.clean()


def test_a_truncated_header_runs_nothing(room: Room, artifact: Artifact) -> None:
    guarded = artifact.data.index(b" EXIT\n") + len(b" EXIT\n")
    end = artifact.script_size
    for cut in sorted({*range(0, artifact.header.stub_offset, 200), *range(end - 40, end), guarded}):
        (room.here / "x.sh").write_bytes(artifact.data[:cut])
        result = room.run("x.sh")
        assert not result.ran, cut
        assert room.clean(), cut
        if cut >= guarded:
            assert (result.status, "copy it again" in result.error) == (3, True), cut


def test_a_truncated_stub_does_not_run(room: Room, artifact: Artifact) -> None:
    first, last = artifact.header.stub_offset, artifact.header.locator_offset
    for cut in (first, first + 1, first + ALIGNMENT, (first + last) // 2, last - ALIGNMENT, last - 1):
        (room.here / "x.sh").write_bytes(artifact.data[:cut])
        result = room.run("x.sh")
        assert (result.status, result.ran) == (3, False), cut
        assert "copy it again" in result.error
        assert room.clean()


@pytest.mark.parametrize("filler", [b"\0", b"\xff", b"\n", b"exit 0\n", b"\x7fELF\x02\x01\x01"])
def test_a_stub_that_is_no_program_is_not_taken_for_success(room: Room, artifact: Artifact, filler: bytes) -> None:
    """Some shells run as a script what the system does not know as a program."""
    first, last = artifact.header.stub_offset, artifact.header.locator_offset
    stub = (filler * (last - first))[: last - first]
    (room.here / "x.sh").write_bytes(artifact.data[:first] + stub + artifact.data[last:])
    result = room.run("x.sh")
    assert (result.status, result.ran) == (8, False)
    assert room.clean()


OTHERS = [Platform.LINUX_S390X, Platform.LINUX_PPC64LE, Platform.MACOS_ARM64]


@pytest.mark.parametrize("platform", OTHERS, ids=lambda platform: platform.label)
def test_another_machine_is_named(room: Room, stub: bytes, platform: Platform) -> None:
    make(stub, platform).write(room.here / "x.sh")
    result = room.run("x.sh")
    assert (result.status, result.ran) == (4, False)
    system = {"linux": "Linux", "macos": "macOS"}[platform.system]
    assert f"made for {system} on {platform.machine}, but this machine is Linux on " in result.error
    assert room.clean()


@pytest.mark.parametrize(
    ("platform", "system", "machine", "status"),
    [
        ("linux-x86_64", "Linux", "amd64", 0),
        ("linux-x86_64", "Linux", "i686", 4),
        ("linux-x86_64", "Linux", "x86_64 ", 4),
        ("linux-x86_64", "Linux", "*", 4),
        ("linux-x86_64", "FreeBSD", "amd64", 4),
        ("linux-x86_64", "MINGW64_NT-10.0", "x86_64", 4),
        ("linux-x86_64", "", "", 4),
        ("linux-aarch64", "Linux", "arm64", 0),
        ("linux-aarch64", "Linux", "aarch64_be", 4),
        ("linux-aarch64", "Darwin", "arm64", 4),
        ("macos-arm64", "Darwin", "arm64", 0),
        ("linux-armv7l", "Linux", "armv8l", 0),
        ("linux-armv7l", "Linux", "armv6l", 4),
    ],
)
def test_the_table_of_machines(
    dash_room: Room, stub: bytes, platform: str, system: str, machine: str, status: int
) -> None:
    make(stub, Platform.parse(platform)).write(dash_room.here / "x.sh")
    tools = dash_room.here / "bin"
    tools.mkdir()
    (tools / "uname").write_text(f"#!/bin/sh\ncase $1 in -s) echo '{system}' ;; -m) echo '{machine}' ;; esac\n")
    (tools / "uname").chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    result = dash_room.run("x.sh", environment={**dash_room.environment, "PATH": path})
    assert (result.status, result.ran) == (status, status == 0)


def test_a_missing_tool_is_named(dash_room: Room, artifact: Artifact) -> None:
    artifact.write(dash_room.here / "x.sh")
    path = only_tools(dash_room.here / "bin", *(tool for tool in TOOLS if tool != "uname"))
    result = dash_room.run("x.sh", environment={**dash_room.environment, "PATH": path})
    assert (result.status, result.ran) == (8, False)
    assert "uname does not run here" in result.error


# ---- signals --------------------------------------------------------------------------------------------------------


def start(room: Room, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start the shell as the leader of a process group of its own."""
    return subprocess.Popen(
        [*room.shell, *arguments],
        cwd=room.here,
        env=environment or room.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("whole_group", [True, False])
def test_a_signal_reaches_the_stub(
    room: Room, artifact: Artifact, number: signal.Signals, *, whole_group: bool
) -> None:
    """Ctrl-C goes to the group, a supervisor's SIGTERM to the process it started."""
    artifact.write(room.here / "x.sh")
    with start(room, "x.sh", "wait") as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith(b"ready\n")
        (os.killpg if whole_group else os.kill)(process.pid, number)
        process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + number
    assert room.clean()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_stub_leaves_nothing(room: Room, artifact: Artifact, number: signal.Signals) -> None:
    """The slow step is chmod: then the copy is complete and does not run yet."""
    artifact.write(room.here / "x.sh")
    tools = room.here / "bin"
    tools.mkdir()
    reached = room.here / "reached"
    (tools / "chmod").write_text(f"#!/bin/sh\necho >'{reached}'\nexec sleep 2\n")
    (tools / "chmod").chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    with start(room, "x.sh", "wait", environment={**room.environment, "PATH": path}) as process:
        deadline = time.monotonic() + TIMEOUT
        while not reached.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not room.clean()
        os.killpg(process.pid, number)
        output, _ = process.communicate(timeout=TIMEOUT)
    assert output == b""
    assert process.returncode in {128 + number, -number}
    assert room.clean()


# ---- mounts ---------------------------------------------------------------------------------------------------------


def unshared() -> list[str]:
    """Return a command that runs another where it may mount, or skip with the reason."""
    tool = located("unshare", "util-linux")
    reason = ""
    for flags in (["-m"], ["-U", "-r", "-m"]):
        command = [tool, *flags]
        probe = [*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        done = subprocess.run(probe, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        if done.returncode == 0:
            return command
        reason = done.stderr.strip()
    pytest.skip(f"no mounts here: {reason}")


@dataclass(frozen=True)
class World:
    """A view of the file system: /mnt/medium holds x.sh, /mnt/free and /mnt/home are empty, one shell is /bin/sh."""

    command: list[str]
    program: str
    artifact: Path

    def run(self, mounts: str, script: str) -> Told:
        """Run a script in it, after these mounts, in /mnt/home with nothing else in the environment but PATH."""
        setup = f"""
            set -eu
            mount -t tmpfs -o mode=755 tmpfs /mnt
            mkdir /mnt/medium /mnt/home /mnt/free /mnt/runtime /mnt/full
            cp {self.artifact} "/mnt/medium/x.sh"
            chmod 755 /mnt/medium/x.sh
            cp {self.program} /mnt/shell
            noexec() {{ for place; do mount -t tmpfs -o noexec,mode=1777 tmpfs "$place"; done; }}
            {mounts}
            cd /mnt/home
            mount --bind /mnt/shell /bin/sh
            exec env -i "PATH=$PATH" /bin/sh -c "$1"
        """
        command = [*self.command, located("dash", "dash"), "-c", setup, "-", script]
        return told(subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False))


@pytest.fixture(params=INTERPRETERS, ids=lambda shell: shell.label)
def world(request: pytest.FixtureRequest, artifact: Artifact, tmp_path: Path) -> World:
    """A view of the file system for each shell."""
    shell: Shell = request.param
    program = located(shell.program, shell.package)
    return World(unshared(), program, artifact.write(tmp_path / "x.sh"))


@pytest.mark.parametrize(
    "script",
    [
        "/mnt/medium/x.sh one two",
        "cd /mnt/medium; ./x.sh one two",
        "PATH=/mnt/medium:$PATH; x.sh one two",
        "cd /mnt/medium; PATH=.:$PATH; x.sh one two",
        "cd /; PATH=mnt/medium:$PATH; x.sh one two",
        "ln -s ../medium/x.sh 'a link'; './a link' one two",
        "mv /mnt/medium/x.sh /mnt/medium/-x; cd /mnt/medium; PATH=/mnt/medium:$PATH; -x one two",
        "cd /mnt/medium; exec ./x.sh one two",
        "sh /mnt/medium/x.sh one two",
    ],
)
def test_started_by_its_name(world: World, script: str) -> None:
    result = world.run("", script)
    assert (result.status, result.error, result.arguments, result.found) == (0, "", ["one", "two"], True)


def test_bash_finds_a_script_on_the_path(artifact: Artifact, tmp_path: Path) -> None:
    room = room_for(SHELLS[2], tmp_path)
    artifact.write(tmp_path / "tools/x.sh")
    path = f"{tmp_path / 'tools'}:{os.environ['PATH']}"
    assert room.run("x.sh", environment={**room.environment, "PATH": path}).found


def test_from_a_read_only_medium(world: World) -> None:
    mounts = "mount --bind /mnt/medium /mnt/medium; mount -o remount,ro,bind /mnt/medium"
    result = world.run(mounts, "cd /mnt/medium; ./x.sh one")
    assert (result.status, result.error, result.arguments, result.found) == (0, "", ["one"], True)


def test_from_a_noexec_medium(world: World) -> None:
    mounts = "mount --bind /mnt/medium /mnt/medium; mount -o remount,noexec,bind /mnt/medium"
    result = world.run(mounts, "cd /mnt/medium; sh x.sh one")
    assert (result.status, result.error, result.arguments, result.found) == (0, "", ["one"], True)


EVERYWHERE = "noexec /tmp /var/tmp /dev/shm /mnt/home /mnt/runtime"
VARIABLES = "export TMPDIR=/tmp HOME=/mnt/home XDG_RUNTIME_DIR=/mnt/runtime; "


@pytest.mark.parametrize(
    ("mounts", "script", "place"),
    [
        ("noexec /mnt/free", "TMPDIR=/mnt/free", "/tmp"),
        ("noexec /tmp", ":", "/var/tmp"),
        ("noexec /tmp /var/tmp; mount -t tmpfs tmpfs /dev/shm", ":", "/dev/shm"),
        ("noexec /tmp /var/tmp /dev/shm", "HOME=/mnt/free", "/mnt/free"),
        ("noexec /tmp /var/tmp /dev/shm", "XDG_RUNTIME_DIR=/mnt/runtime", "/mnt/runtime"),
        ("noexec /tmp /var/tmp /dev/shm", ":", "."),
        ("mount -t tmpfs -o size=16k tmpfs /mnt/full", "TMPDIR=/mnt/full", "/tmp"),
        ("mount -t tmpfs -o ro tmpfs /mnt/full", "TMPDIR=/mnt/full", "/tmp"),
    ],
)
def test_the_first_place_that_can_is_taken(world: World, mounts: str, script: str, place: str) -> None:
    result = world.run(mounts, f"{script}; export TMPDIR HOME XDG_RUNTIME_DIR; cd /mnt/home; sh ../medium/x.sh one")
    assert (result.status, result.error, result.arguments, result.found) == (0, "", ["one"], True)
    assert str(Path(result.copy).parent.parent) == place


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ("-p /mnt/free/new/env", "/mnt/free"),
        ("--prefix /mnt/free", "/mnt/free"),
        ("--yes --prefix=/mnt/free/a=b//c/ --quiet", "/mnt/free"),
        ("--prefix '/mnt/free/a b/env'", "/mnt/free/a b"),
        ("--prefix ../free/new", "./../free"),
        pytest.param("--prefix /nonexistent", "/", marks=ROOT),
        ("-p /mnt/home -p /mnt/free", "/mnt/free"),
    ],
)
def test_at_last_beside_the_prefix(world: World, options: str, place: str) -> None:
    script = f"{VARIABLES} mkdir '/mnt/free/a b'; sh ../medium/x.sh {options}"
    result = world.run(EVERYWHERE, script)
    assert (result.status, result.error, result.found) == (0, "", True)
    assert result.copy.replace("//", "/").rpartition("/sfxpack.")[0] == place.rstrip("/")


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--prefix",
        "-p",
        "--prefix=",
        "--prefix /mnt/home/env",
        "--prefix new",
        "--prefix -new",
        "--log /mnt/free/log",
        "-x /mnt/free --prefixed /mnt/free",
    ],
)
def test_no_place_at_all(world: World, options: str) -> None:
    script = f"{VARIABLES} sh /mnt/medium/x.sh {options}; status=$?; ls -A . /tmp >&2; exit $status"
    result = world.run(EVERYWHERE, script)
    assert (result.status, result.ran) == (8, False)
    for place in ("/tmp", "/var/tmp", "/dev/shm", "/mnt/home", "/mnt/runtime", "."):
        assert f"\n    {place}: programs cannot run there (noexec?)\n" in result.error
    assert "TMPDIR=/some/dir sh /mnt/medium/x.sh\n" in result.error
    assert "sfxpack." not in result.error


def test_a_full_place_says_so(world: World) -> None:
    script = "export TMPDIR=/mnt/full; sh /mnt/medium/x.sh"
    result = world.run("mount -t tmpfs -o size=16k tmpfs /mnt/full; noexec /tmp /var/tmp /dev/shm /mnt/home", script)
    assert result.status == 8
    assert "No space left on device" in result.error


def test_in_a_folder_that_cannot_be_read(artifact: Artifact, tmp_path: Path) -> None:
    """As another user if we are root, whom nothing is forbidden."""
    command = [*unshared(), located("dash", "dash"), "-c"]
    script = f"""
        mount -t tmpfs -o mode=755 tmpfs /mnt
        mkdir -m 777 /mnt/dark
        cp {artifact.write(tmp_path / "x.sh")} /mnt/x.sh
        chmod 755 /mnt/x.sh
        cd /mnt/dark
        chmod 000 .
        exec setpriv --reuid=65534 --regid=65534 --clear-groups env -i "PATH=$PATH" /bin/sh /mnt/x.sh --prefix new/env
    """
    done = subprocess.run([*command, script], capture_output=True, timeout=TIMEOUT, check=False)
    if b"setpriv: " in done.stderr:
        pytest.skip(f"cannot become another user: {done.stderr.decode()}")
    result = told(done)
    assert (result.status, result.arguments, result.found) == (0, ["--prefix", "new/env"], True)
