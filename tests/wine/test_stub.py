"""The stub for Windows: the options of its installers, prefixes, what it does with files, the tool."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from sfxpack.format.layout import EntryKind, HookKind, Platform, RequirementKind
from sfxpack.format.tables import IndexEntry, IndexHook, IndexRequirement
from tests.installers import Installer, Maker, many, text, with_product
from tests.testkit import Sample, directory, file, sample
from tests.winehost import Wine

SYSTEM = (
    "api-ms-win-crt-",
    "kernel32.dll",
    "ntdll.dll",
    "advapi32.dll",
    "shell32.dll",
    "user32.dll",
    "ole32.dll",
    "comctl32.dll",
    "gdi32.dll",
)
LARGE = bytes(range(256)) * 400


def tree() -> Sample:
    """Files as an environment of Windows has them."""
    entries = (
        directory(b"Lib"),
        file(b"Lib/empty.txt", 2),
        file(b"Lib/large.bin", 1),
        file(b"Lib/where.txt", 0, text(0)),
        directory(b"Scripts"),
        file(b"Scripts/greet.bat", 3),
    )
    values = sample(entries, (b"\\Lib\n", LARGE, b"", b"@echo hello\r\n"))
    return with_product(
        values, name=b"app", release=b"1", creator=b"sfxpack 0", activation=b"Scripts/activate.bat", notices=b"rights\n"
    )


@pytest.fixture
def app(maker: Maker) -> Installer:
    """An installer of that tree."""
    return maker.make(tree(), "app.exe")


@pytest.fixture
def place(wine: Wine, tmp_path: Path) -> tuple[str, Path]:
    """A folder of this test's own: as Windows names it, and where it lies."""
    name = tmp_path.name[-12:]
    (wine.drive / name).mkdir()
    return f"C:\\{name}", wine.drive / name


def imported(data: bytes) -> list[str]:
    """The libraries that a PE file asks for: PE Format (Microsoft), "Import Directory Table"."""
    start = struct.unpack_from("<I", data, 0x3C)[0]
    count, size = struct.unpack_from("<H", data, start + 6)[0], struct.unpack_from("<H", data, start + 20)[0]
    sections = [struct.unpack_from("<IIII", data, start + 24 + size + 40 * at + 8) for at in range(count)]

    def place(address: int) -> int:
        found = (raw + address - first for _, first, length, raw in sections if first <= address < first + length)
        return int(next(found))

    names = []
    at = place(struct.unpack_from("<I", data, start + 24 + 120)[0])
    while name := struct.unpack_from("<I", data, at + 12)[0]:
        names.append(data[place(name) :].partition(b"\0")[0].decode().lower())
        at += 20
    return names


def test_the_stubs_use_nothing_but_the_system(windows_stub: Path) -> None:
    for path in windows_stub.parent.glob("*.exe"):
        names = imported(path.read_bytes())
        assert names
        assert all(name.startswith(SYSTEM) for name in names), names


def test_it_installs_without_a_header_and_the_tool_works(wine: Wine, app: Installer, place: tuple[str, Path]) -> None:
    shown, folder = place
    prefix = f"{shown}\\My Äpp (1)"
    done = wine.run([app.path, "--prefix", prefix])
    assert done.returncode == 0, done.stderr
    assert f"app 1 is installed in {prefix}" in done.stdout
    assert "\r" not in done.stdout
    assert done.stderr == ""
    root = folder / "My Äpp (1)"
    assert (root / "Lib/where.txt").read_text() == f"{prefix}\\Lib\n"
    assert (root / "Lib/large.bin").read_bytes() == LARGE
    assert f"prefix={prefix}\n" in (root / ".sfxpack/state").read_text()
    assert [path.name for path in folder.iterdir()] == ["My Äpp (1)"]
    again = wine.run([app.path, "--prefix", prefix.replace("My", "mY")])
    assert again.returncode == 0
    assert "already installed" in again.stdout
    tool = f"{prefix}\\.sfxpack\\sfx.exe"
    verified = wine.run([tool, "verify"])
    assert (verified.returncode, verified.stderr) == (0, "")
    assert "0 differences" in verified.stdout
    assert f"prefix      {prefix}\n" in wine.run([tool, "info"]).stdout


def test_a_folder_that_was_moved_is_relocated_and_removed_whole(
    wine: Wine, app: Installer, place: tuple[str, Path]
) -> None:
    shown, folder = place
    assert wine.run([app.path, "-q", "--prefix", f"{shown}\\one"]).returncode == 0
    (folder / "one").rename(folder / "two")
    moved = wine.run([f"{shown}\\two\\.sfxpack\\sfx.exe", "relocate"])
    assert moved.returncode == 0, moved.stderr
    assert (folder / "two/Lib/where.txt").read_text() == f"{shown}\\two\\Lib\n"
    copied = wine.run([f"{shown}\\two\\.sfxpack\\sfx.exe", "relocate", f"{shown}\\three", "--move"])
    assert copied.returncode == 0, copied.stderr
    assert [path.name for path in folder.iterdir()] == ["three"]
    removed = wine.run([f"{shown}\\three\\.sfxpack\\sfx.exe", "uninstall", "--yes"])
    assert removed.returncode == 0, removed.stderr
    assert list(folder.iterdir()) == []


def test_the_program_that_was_removed_while_it_ran_goes_when_it_has_ended(
    wine: Wine, app: Installer, place: tuple[str, Path]
) -> None:
    shown, folder = place
    assert wine.run([app.path, "-q", "--prefix", f"{shown}\\env"]).returncode == 0
    assert wine.run([f"{shown}\\env\\.sfxpack\\sfx.exe", "uninstall", "--yes"]).returncode == 0
    assert list(folder.iterdir()) == []
    until = time.monotonic() + 60
    while left := list(wine.drive.rglob("sfxpack-*.exe")):
        assert time.monotonic() < until, left
        time.sleep(0.2)


def test_force_replaces_and_keeps_what_the_user_added(wine: Wine, app: Installer, place: tuple[str, Path]) -> None:
    shown, folder = place
    assert wine.run([app.path, "-q", "--prefix", f"{shown}\\env"]).returncode == 0
    (folder / "env/mine.txt").write_text("mine")
    (folder / "env/Lib/large.bin").unlink()
    done = wine.run([app.path, "-q", "--prefix", f"{shown}\\env", "--force"])
    assert done.returncode == 0, done.stderr
    assert (folder / "env/mine.txt").read_text() == "mine"
    assert (folder / "env/Lib/large.bin").read_bytes() == LARGE
    assert [path.name for path in folder.iterdir()] == ["env"]


def test_read_only_files_are_replaced_and_removed(wine: Wine, app: Installer, place: tuple[str, Path]) -> None:
    shown, folder = place
    assert wine.run([app.path, "-q", "--prefix", f"{shown}\\env"]).returncode == 0
    (folder / "env/Lib/large.bin").chmod(0o444)
    (folder / "env/Lib/where.txt").chmod(0o444)
    assert "0 differences" in wine.run([f"{shown}\\env\\.sfxpack\\sfx.exe", "verify"]).stdout
    (folder / "env").rename(folder / "new")
    assert wine.run([f"{shown}\\new\\.sfxpack\\sfx.exe", "relocate"]).returncode == 0
    assert (folder / "new/Lib/where.txt").read_text() == f"{shown}\\new\\Lib\n"
    done = wine.run([f"{shown}\\new\\.sfxpack\\sfx.exe", "uninstall", "-y"])
    assert done.returncode == 0, done
    assert list(folder.iterdir()) == []


def test_what_another_program_holds_is_waited_for(wine: Wine, app: Installer, place: tuple[str, Path]) -> None:
    shown, folder = place
    assert wine.run([app.path, "-q", "--prefix", f"{shown}\\env"]).returncode == 0
    held = f"cd /d {shown}\\env\\Lib && echo in && ping -n 3 127.0.0.1 >nul"
    command = wine.command("cmd", "/d", "/c", held)
    with subprocess.Popen(command, env=wine.environment, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline().strip() == b"in"
        done = wine.run([f"{shown}\\env\\.sfxpack\\sfx.exe", "uninstall", "-y"])
        assert done.returncode == 0, done
        assert list(folder.iterdir()) == []


def test_an_empty_folder_stays_the_same_one(wine: Wine, app: Installer, place: tuple[str, Path]) -> None:
    shown, folder = place
    (folder / "env").mkdir()
    inode = (folder / "env").stat().st_ino
    done = wine.run([app.path, "-q", "--prefix", f"{shown}\\env"])
    assert done.returncode == 0, done.stderr
    assert (folder / "env").stat().st_ino == inode
    assert sorted(path.name for path in (folder / "env").iterdir()) == [".sfxpack", "Lib", "Scripts"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["/S", "/D={}\\My Env"],
        ["/s", "/d={}\\My Env"],
        ["/S", "--prefix", "{}\\My Env"],
        ["/S", "--prefix={}/My Env/"],
        ["/S", "-p", "\\\\?\\{}\\My Env"],
        ["/S", "-p", "{}\\x\\..\\.\\My Env"],
    ],
)
def test_what_deployment_tools_write(wine: Wine, app: Installer, place: tuple[str, Path], arguments: list[str]) -> None:
    shown, folder = place
    done = wine.run([app.path, *(argument.format(shown) for argument in arguments)])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (folder / "My Env/Lib/where.txt").read_text() == f"{shown}\\My Env\\Lib\n"


def test_an_unquoted_folder_is_all_that_follows(wine: Wine, app: Installer, place: tuple[str, Path]) -> None:
    shown, folder = place
    script = folder / "run.bat"
    program = f"Z:{app.path}".replace("/", "\\")
    script.write_text(f'"{program}" /S /LOG={shown}\\log.txt /D={shown}\\My Env\r\n')
    done = wine.run(["cmd", "/d", "/c", f"{shown}\\run.bat"])
    assert (folder / "My Env/.sfxpack/manifest").exists(), done
    assert f"installed in {shown}\\My Env\n" in (folder / "log.txt").read_text()


@pytest.mark.parametrize(
    ("folder", "status", "expected"),
    [
        ("/opt/env", 2, "/opt/env has no drive"),
        ("\\env", 2, "\\env has no drive"),
        ("C:env", 2, "relative to the working folder of drive C:"),
        ("C:\\a?b", 2, "which no name on Windows may have"),
        ("C:\\a\\nul.txt\\b", 2, "the name nul.txt stands for a device"),
        ("C:\\env.", 2, "ends with a dot or a blank"),
        ("\\\\server", 2, "names no folder on a server"),
        ("C:\\", 5, "C:\\ belongs to the system"),
        ("C:\\Windows", 5, "C:\\Windows belongs to the system"),
        ("c:\\windows\\System32\\env", 5, "belongs to the system"),
        ("C:\\Program Files", 5, "belongs to the system"),
        ("C:\\users", 5, "belongs to the system"),
        ("C:\\users\\somebody", 5, "is a home directory"),
        ("", 2, "--prefix needs a value"),
    ],
)
@pytest.mark.parametrize("option", ["/D=", "--prefix="])
def test_a_wrong_folder_is_an_error_and_never_the_default(
    wine: Wine, app: Installer, option: str, folder: str, status: int, expected: str
) -> None:
    done = wine.run([app.path, "/S", f"{option}{folder}"])
    assert done.returncode == status, done
    assert expected in done.stderr
    assert not list(wine.drive.glob("users/*/AppData/Local/Programs/app"))


def test_a_relative_folder_of_a_deployment_tool_is_an_error(wine: Wine, app: Installer) -> None:
    done = wine.run([app.path, "/S", "/D=env"])
    assert done.returncode == 2
    assert "/D=env has no drive" in done.stderr


def test_silent_without_a_folder_installs_among_this_users_programs(wine: Wine, app: Installer) -> None:
    done = wine.run([app.path, "/S"])
    assert done.returncode == 0, done.stderr
    (root,) = wine.drive.glob("users/*/AppData/Local/Programs/app")
    assert wine.run([root / ".sfxpack/sfx.exe", "uninstall", "-y"]).returncode == 0
    assert not root.exists()


def test_the_default_folder_may_name_variables(wine: Wine, maker: Maker) -> None:
    app = maker.make(with_product(tree(), default_prefix=b"%ALLUSERSPROFILE%\\Vendor\\app"), "app.exe")
    done = wine.run([app.path, "--yes"])
    assert done.returncode == 0, done.stderr
    assert (wine.drive / "ProgramData/Vendor/app/.sfxpack/manifest").exists()


def test_help(wine: Wine, app: Installer) -> None:
    done = wine.run([app.path, "/?"])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == wine.run([app.path, "--help"]).stdout
    assert "/D=" in done.stdout


def test_a_damaged_file_is_found(wine: Wine, app: Installer, place: tuple[str, Path]) -> None:
    shown, folder = place
    data = bytearray(app.path.read_bytes())
    data[-1500] ^= 1
    app.path.write_bytes(data)
    done = wine.run([app.path, "-q", "-p", f"{shown}\\env"])
    assert done.returncode == 3, done
    assert list(folder.iterdir()) == []
    app.path.write_bytes(data[:-100])
    assert wine.run([app.path, "--info"]).returncode == 3


def test_another_machine_is_told(wine: Wine, maker: Maker) -> None:
    app = replace(maker, platform=Platform.WINDOWS_ARM64).make(tree(), "arm.exe")
    done = wine.run([app.path, "/S"])
    assert done.returncode == 4, done
    assert "windows-arm64" in done.stderr


def test_the_processor_is_looked_at(wine: Wine, maker: Maker) -> None:
    needs = (IndexRequirement(RequirementKind.CPU_LEVEL, 0, 1, b"Lib/large.bin"),)
    values = tree()
    app = maker.make(replace(values, index=replace(values.index, requirements=needs)), "app.exe")
    done = wine.run([app.path, "--check-only", "--json", "-p", "C:\\processor"])
    checks = {check["name"]: check["text"] for check in json.loads(done.stdout)["checks"]}
    assert re.search(r"has level x86-64-v[1-4]", checks["processor"]), checks


def test_a_folder_that_is_not_empty_is_refused(wine: Wine, app: Installer, place: tuple[str, Path]) -> None:
    shown, folder = place
    (folder / "file").write_text("x")
    done = wine.run([app.path, "-p", shown])
    assert done.returncode == 5
    assert f"{shown} is not empty" in done.stderr


def test_events(wine: Wine, app: Installer, place: tuple[str, Path]) -> None:
    shown, _folder = place
    done = wine.run([app.path, "--json", "-p", f"{shown}\\env"])
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["prefix"] == f"{shown}\\env"
    assert events[-1] == {
        "event": "result",
        "exit": 0,
        "result": "installed",
        "prefix": f"{shown}\\env",
        "error": None,
    }


def test_long_paths_are_made_and_named_first(wine: Wine, maker: Maker, place: tuple[str, Path]) -> None:
    shown, folder = place
    names = ["d" * 45 + str(number) for number in range(5)]
    folders = tuple(directory("/".join(names[: at + 1]).encode()) for at in range(5))
    deep = "/".join([*names, "file.txt"]).encode()
    app = maker.make(with_product(sample((*folders, file(deep, 0)), (b"content",)), name=b"app"), "deep.exe")
    done = wine.run([app.path, "-p", f"{shown}\\env"])
    assert done.returncode == 0, done.stderr
    assert (folder / "env" / deep.decode()).read_bytes() == b"content"
    assert "file.txt gets a path of" in done.stderr
    removed = wine.run([f"{shown}\\env\\.sfxpack\\sfx.exe", "uninstall", "-y"])
    assert removed.returncode == 0, removed.stderr
    assert list(folder.iterdir()) == []


def test_a_killed_run_leaves_nothing_for_long(wine: Wine, maker: Maker, place: tuple[str, Path]) -> None:
    shown, folder = place
    app = maker.make(many(2000, 20_000), "many.exe")
    command = wine.command(app.path, "-q", "-p", f"{shown}\\env")
    process = subprocess.Popen(command, env=wine.environment, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not list(folder.glob(".env.sfxpack-new/d*/f*")) and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "env").exists()
    done = wine.run([app.path, "-q", "-p", f"{shown}\\env"])
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.iterdir()] == ["env"]


def test_a_link_to_a_file_becomes_what_can_be_made(wine: Wine, maker: Maker, place: tuple[str, Path]) -> None:
    shown, folder = place
    entries = (
        directory(b"Lib"),
        file(b"Lib/one.txt", 0),
        IndexEntry(EntryKind.LINK, b"Lib/two.txt", link=b"one.txt"),
    )
    app = maker.make(with_product(sample(entries, (b"content",)), name=b"app"), "links.exe")
    done = wine.run([app.path, "-p", f"{shown}\\env"])
    assert done.returncode == 0, done.stderr
    assert (folder / "env/Lib/two.txt").read_bytes() == b"content"
    tool = f"{shown}\\env\\.sfxpack\\sfx.exe"
    assert "0 differences" in wine.run([tool, "verify"]).stdout
    moved = wine.run([tool, "relocate", f"{shown}\\new", "--move"])
    assert moved.returncode == 0, moved
    assert (folder / "new/Lib/two.txt").read_bytes() == b"content"
    assert wine.run([f"{shown}\\new\\.sfxpack\\sfx.exe", "uninstall", "-y"]).returncode == 0
    assert list(folder.iterdir()) == []


def with_hooks(values: Sample, **scripts: bytes) -> Sample:
    """The sample with scripts, named by their kinds."""
    hooks = tuple(IndexHook(HookKind[kind.upper()], text) for kind, text in scripts.items())
    return replace(values, index=replace(values.index, hooks=hooks))


def test_scripts_of_the_vendor(wine: Wine, maker: Maker, place: tuple[str, Path]) -> None:
    shown, folder = place
    script = b'#!cmd\n@echo off\necho hook %SFXPACK_HOOK% in "%SFXPACK_PREFIX%"\necho done>made.txt\nexit /b 0\n'
    values = with_hooks(tree(), post_install=script, pre_uninstall=b"#!cmd\n@del made.txt\n@exit /b 0\n")
    app = maker.make(values, "app.exe")
    done = wine.run([app.path, "-p", f"{shown}\\a & (b)"])
    assert done.returncode == 0, done
    assert f'hook post-install in "{shown}\\a & (b)"' in done.stdout
    assert (folder / "a & (b)/made.txt").read_text().strip() == "done"
    assert not list((folder / "a & (b)/.sfxpack").glob("post-install*"))
    removed = wine.run([f"{shown}\\a & (b)\\.sfxpack\\sfx.exe", "uninstall", "-y"])
    assert removed.returncode == 0, removed
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", ["pre_install", "post_install"])
def test_a_script_that_fails_leaves_nothing(wine: Wine, maker: Maker, place: tuple[str, Path], kind: str) -> None:
    shown, folder = place
    app = maker.make(with_hooks(tree(), **{kind: b"#!cmd\n@exit /b 200\n"}), "app.exe")
    done = wine.run([app.path, "-p", f"{shown}\\env"])
    assert done.returncode == 10
    assert "ended with status 200" in done.stderr
    assert list(folder.iterdir()) == []


def test_a_program_of_the_environment_runs_a_script(wine: Wine, maker: Maker, place: tuple[str, Path]) -> None:
    shown, folder = place
    program = (wine.drive / "windows/system32/cmd.exe").read_bytes()
    entries = (directory(b"Scripts"), file(b"Scripts/run.exe", 0))
    values = with_product(sample(entries, (program,)), name=b"app")
    app = maker.make(with_hooks(values, post_install=b"#!Scripts\\run.exe /c\n"), "app.exe")
    done = wine.run([app.path, "-q", "-p", f"{shown}\\env"])
    assert done.returncode == 10  # cmd knows no such file; that it says so shows that it was run
    assert f"{shown}\\env\\.sfxpack\\post-install".lower() in done.stderr.lower(), done
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT])
def test_a_run_that_is_interrupted_cleans_up(
    wine: Wine, maker: Maker, place: tuple[str, Path], number: signal.Signals
) -> None:
    shown, folder = place
    app = maker.make(many(3000, 20_000), "many.exe")
    command = wine.command(app.path, "-p", f"{shown}\\env")
    with subprocess.Popen(command, env=wine.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 60
        while not list(folder.glob(".env.sfxpack-new/d*/f*")) and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.005)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert b"interrupted" in errors
    assert list(folder.iterdir()) == []


def read_until(terminal: int, wanted: str, seconds: float = 60) -> str:
    """What a console shows until it shows WANTED, without sequences that move the cursor and without blanks."""
    shown = b""
    text = ""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.2)[0]:
            with suppress(OSError):  # closed
                shown += os.read(terminal, 4096)
        text = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]|\s", "", shown.decode(errors="replace"))
        if wanted in text:
            return text
    pytest.fail(f"{wanted} was not shown: {text}")


def test_on_a_console_it_asks_where(wine: Wine, app: Installer, place: tuple[str, Path]) -> None:
    shown, folder = place
    process, terminal = pty.fork()
    if process == 0:
        os.execve(wine.program, wine.command(app.path), wine.environment)  # noqa: S606 no shell is wanted
    read_until(terminal, "Installin[")
    while termios.tcgetattr(terminal)[3] & termios.ICANON:
        time.sleep(0.05)
    os.write(terminal, f"{shown}\\Käfig\r".encode())
    assert f"isinstalledin{shown}\\Käfig" in read_until(terminal, "uninstall")
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    assert status == 0
    assert (folder / "Käfig/.sfxpack/manifest").exists()
