"""The installer as people meet it: options, where it installs, what it says, what it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import struct
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from sfxpack.format.layout import (
    CONDA_PLACEHOLDER,
    Encoding,
    Exit,
    Platform,
    RequirementFlag,
    RequirementKind,
    SiteFlag,
    Strategy,
)
from sfxpack.format.tables import IndexRequirement, IndexSite
from tests.installers import LARGE, MTIME, Installer, Maker, many, mounted, small, snapshot, text, tool, with_product
from tests.testkit import directory, file, link, sample, with_index

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

NOT_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


def check_small(root: Path, prefix: str, release: bytes = b"1") -> None:
    """The tree of `small`, rendered for a prefix."""
    where = os.fsencode(prefix)
    source = b"HOME = '" + where + b"'\n"
    digest = urlsafe_b64encode(hashlib.sha256(source).digest()).rstrip(b"=")
    found = snapshot(root)
    assert found == {
        "bin": (0o755, None),
        "bin/hello": (0o755, b"#!/bin/sh\necho " + where + b"/greeting\n"),
        "bin/mod": (0, where + b"/lib/mod.py"),
        "empty": (0o755, None),
        "lib": (0o755, None),
        "lib/RECORD": (0o644, b"mod.py,sha256=" + digest + b"," + str(len(source)).encode() + b"\n"),
        "lib/__pycache__": (0o755, None),
        "lib/__pycache__/mod.cpython-311.pyc": (
            0o644,
            b"\xa7\r\r\n" + bytes(4) + struct.pack("<II", MTIME, len(source)) + b"code" + release,
        ),
        "lib/large.bin": (0o644, LARGE[:5] + where + LARGE[5:5000] + where + LARGE[5000:]),
        "lib/mod.py": (0o644, source),
        "share": (0o755, None),
        "share/empty": (0o644, b""),
        "share/release": (0o444, b"release " + release),
        "share/same": (0o444, b"release " + release),
    }
    assert (root / "share/same").samefile(root / "share/release")
    for path in root.rglob("*"):
        if ".sfxpack" not in path.parts and not path.is_symlink():
            assert path.stat().st_mtime == MTIME, path


# ---- Installing -----------------------------------------------------------------------------------------------------


def test_prefix_that_is_absent(app: Installer, tmp_path: Path) -> None:
    prefix = tmp_path / "new/deep/env"
    done = app.run("--prefix", prefix)
    assert done.stdout.splitlines() == [
        f"app 1 is installed in {prefix}",
        f"activate:  . {prefix}/bin/activate",
        "move:      mv it, then run NEW/.sfxpack/sfx relocate",
        f"remove:    {prefix}/.sfxpack/sfx uninstall",
    ]
    assert done.stderr == ""
    check_small(prefix, str(prefix))
    assert prefix.stat().st_mode & 0o7777 == 0o755
    assert sorted(path.name for path in prefix.parent.iterdir()) == ["env"]


def test_prefix_that_is_empty_keeps_its_folder(app: Installer, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    prefix.mkdir(mode=0o700)
    (prefix / "lost+found").mkdir()
    before = prefix.stat()
    app.run("-p", prefix)
    (prefix / "lost+found").rmdir()
    check_small(prefix, str(prefix))
    assert (prefix.stat().st_ino, prefix.stat().st_mode) == (before.st_ino, before.st_mode)
    assert sorted(path.name for path in prefix.iterdir()) == [".sfxpack", "bin", "empty", "lib", "share"]


def test_record(app: Installer, stub: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    app.run("--prefix", prefix)
    record = prefix / ".sfxpack"
    assert sorted(path.name for path in record.iterdir()) == [
        "NOTICES", "install.log", "manifest", "report.json", "sfx", "state"
    ]  # fmt: skip
    assert (record / "sfx").read_bytes() == stub.read_bytes()
    assert (record / "sfx").stat().st_mode & 0o7777 == 0o755
    assert (record / "NOTICES").read_text() == "all rights\n"
    assert (record / "report.json").read_text() == "{}"
    state = dict(line.split("=", 1) for line in (record / "state").read_text().splitlines())
    assert state.pop("build") == json.loads(app.run("--info", "--json").stdout)["build"]
    assert state == {"prefix": str(prefix), "name": "app", "release": "1", "mode": "keep"}


@pytest.mark.parametrize("name", ["my env", "ü'$(x)\"", "n" * 250, "-x"])
def test_names(app: Installer, tmp_path: Path, name: str) -> None:
    prefix = tmp_path / name
    app.run(f"--prefix={prefix}")
    check_small(prefix, str(prefix))


@pytest.mark.parametrize("spelling", ["env", "./env", "x/../env", "env/", "env//", "./././env/."])
def test_relative_prefix_is_made_absolute(app: Installer, tmp_path: Path, spelling: str) -> None:
    app.run("--prefix", spelling, cwd=tmp_path)
    check_small(tmp_path / "env", f"{tmp_path}/env")


def test_links_in_the_prefix_stay_as_typed(app: Installer, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "opt").symlink_to("disk")
    app.run("--prefix", tmp_path / "opt/env")
    check_small(tmp_path / "disk/env", f"{tmp_path}/opt/env")
    tool(tmp_path / "opt/env", "verify")


def test_prefix_that_is_a_link_to_an_empty_folder(app: Installer, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "env").symlink_to("disk")
    app.run("--prefix", tmp_path / "env")
    check_small(tmp_path / "disk", f"{tmp_path}/env")


def test_modes_do_not_depend_on_the_umask(app: Installer, tmp_path: Path) -> None:
    command = f"umask 077; exec {' '.join(app.command('--prefix', tmp_path / 'env'))}"
    subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True)
    check_small(tmp_path / "env", f"{tmp_path}/env")


def test_folders_nobody_may_write(maker: Maker, tmp_path: Path) -> None:
    """Final modes that would be in the way while installing, moving and removing; for others than root."""
    folders = (replace(directory(b"a"), mode=0o555), replace(directory(b"a/b"), mode=0o500))
    samples = [sample((*folders, file(b"a/b/f", 0, text(0), mode=0o400)), (b"x%d" % at,)) for at in range(2)]
    first, second = (maker.make(values, f"{at}.sh") for at, values in enumerate(samples))
    (tmp_path / "empty").mkdir()
    for prefix in (tmp_path / "absent", tmp_path / "empty"):
        first.run("--prefix", prefix)
        second.run("--prefix", prefix, "--force")
        tool(prefix, "verify")
        found = snapshot(prefix)
        assert found == {"a": (0o555, None), "a/b": (0o500, None), "a/b/f": (0o400, os.fsencode(prefix) + b"x1")}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["absent", "empty", "media"]


def test_default_access_list_does_not_change_modes(
    app: Installer, tmp_path: Path, require: Callable[[str], str]
) -> None:
    parent = tmp_path / "shared"
    parent.mkdir()
    done = subprocess.run([require("setfacl"), "-d", "-m", "u::rwx,g::---,o::---", parent], check=False)
    if done.returncode:
        pytest.skip("no access lists on this file system")
    app.run("--prefix", parent / "env")
    check_small(parent / "env", f"{parent}/env")


def test_jobs(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(many(200, 3000))
    app.run("--prefix", tmp_path / "one", "-j1")
    app.run("--prefix", tmp_path / "eight", "--jobs", 8, "--no-sync")
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "eight")
    assert len(snapshot(tmp_path / "one")) == 210


def test_nothing_to_install(maker: Maker, tmp_path: Path) -> None:
    maker.make(sample(())).run("--prefix", tmp_path / "env")
    tool(tmp_path / "env", "verify")


def test_temporary_copy_is_removed_first(app: Installer, tmp_path: Path) -> None:
    folder = tmp_path / "sfxpack.x"
    folder.mkdir()
    (folder / "sfx").write_bytes(b"")
    app.run("--self", folder / "sfx", "--unknown", status=Exit.USAGE)
    assert not folder.exists()


def test_quiet(app: Installer, tmp_path: Path) -> None:
    done = app.run("-q", "--prefix", tmp_path / "env")
    assert (done.stdout, done.stderr) == ("", "")
    done = app.run("-qp", "/usr", status=Exit.PREFIX_IN_USE)
    assert done.stdout == ""
    assert done.stderr.startswith("app: /usr ")


# ---- Already there, --force -----------------------------------------------------------------------------------------


def test_already_installed(app: Installer, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    app.run("--prefix", prefix)
    before = prefix.stat().st_ino
    assert "already installed" in app.run("--prefix", prefix).stdout
    assert prefix.stat().st_ino == before


def test_another_build_needs_force(maker: Maker, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    maker.make(small()).run("--prefix", prefix)
    second = maker.make(small(b"2"), "second.sh")
    said = second.run("--prefix", prefix, status=Exit.PREFIX_IN_USE).stderr
    assert "holds another installation, app 1; --force replaces it" in said
    third = maker.make(with_product(small(), name=b"third"), "third.sh")
    assert "another installation, app 1; --force" in third.run("--prefix", prefix, status=Exit.PREFIX_IN_USE).stderr
    check_small(prefix, str(prefix))
    second.run("--prefix", prefix, "--force")
    check_small(prefix, str(prefix), b"2")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "media") == ["env"]


def add_to(prefix: Path) -> None:
    """What a user does: files of his own, one edited, one recompiled, a link, a folder where a new file will be."""
    (prefix / "lib/own.py").write_text("mine")
    (prefix / "lib/own").mkdir()
    (prefix / "lib/own/empty").mkdir()
    (prefix / "lib/own/data").write_text("data")
    (prefix / "lib/own/link").symlink_to("data")
    (prefix / "share/release").unlink()
    (prefix / "share/release").write_text("edited")
    (prefix / "bin/hello").unlink()
    mod = prefix / "lib/mod.py"
    cache = prefix / "lib/__pycache__"
    header = b"\xa7\r\r\n" + bytes(4) + struct.pack("<II", MTIME, mod.stat().st_size)
    (cache / "mod.cpython-311.pyc").write_bytes(header + b"compiled again")
    (cache / "mod.cpython-312.pyc").write_bytes(header + b"compiled by another Python")


def check_added(prefix: Path, was: Path) -> None:
    """All that is kept of it."""
    assert (prefix / "lib/own.py").read_text() == "mine"
    assert (prefix / "lib/own/data").read_text() == "data"
    assert (prefix / "lib/own/empty").is_dir()
    assert str((prefix / "lib/own/link").readlink()) == "data"
    assert (prefix / "share/release.sfxpack-old").read_text() == "edited"
    assert (prefix / "share/release").read_text() == "release 2"
    assert (prefix / "bin/hello").exists()
    assert sorted(path.name for path in (prefix / "lib/__pycache__").iterdir()) == ["mod.cpython-311.pyc"]
    assert not was.exists() or was == prefix


@pytest.mark.parametrize("form", ["beside", "inside"])
def test_force_keeps_what_was_added(maker: Maker, tmp_path: Path, form: str) -> None:
    place = tmp_path / "place"
    place.mkdir()
    prefix = place / "env"
    maker.make(small()).run("--prefix", prefix)
    add_to(prefix)
    linked = (prefix / "lib/own.py").stat().st_ino
    second = maker.make(small(b"2"), "second.sh")
    with mounted(prefix, "--bind", source=prefix) if form == "inside" else nullcontext():
        done = second.run("--prefix", prefix, "--force")
        assert "kept 4 files" in done.stdout
        check_added(prefix, prefix)
        assert (prefix / "lib/own.py").stat().st_ino == linked
        check = tool(prefix, "verify")
        assert "0 differences" in check.stdout
        assert sorted(path.name for path in place.iterdir()) == ["env"]
        assert not (prefix / ".sfxpack.new").exists()


def test_force_never_replaces_what_is_no_installation(app: Installer, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    prefix.mkdir()
    (prefix / "data").write_text("mine")
    for options in (["--force"], ["--force", "--yes"], []):
        app.run("--prefix", prefix, *options, status=Exit.PREFIX_IN_USE)
    assert snapshot(prefix) == {"data": (0o644, b"mine")}


def test_force_with_a_damaged_record(app: Installer, tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    app.run("--prefix", prefix)
    manifest = prefix / ".sfxpack/manifest"
    manifest.write_bytes(manifest.read_bytes()[:-1] + b"\0")
    app.run("--prefix", prefix, "--force", status=Exit.PREFIX_IN_USE)
    check_small(prefix, str(prefix))
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "media") == ["env"]


# ---- Where not ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["/", "/usr", "/etc", "/usr/local", "/home", "/proc/x/y", "//usr//", "/opt/../etc"])
def test_forbidden_prefixes(app: Installer, prefix: str) -> None:
    app.run("--prefix", prefix, status=Exit.PREFIX_IN_USE)


def test_home_is_forbidden(app: Installer, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    done = app.run("--prefix", home, status=Exit.PREFIX_IN_USE, env={"HOME": f"{home}/"})
    assert "home directory" in done.stderr
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("prefix", ["/tmp/a\nb", "/tmp/a\tb", "/tmp/\x7f", ""])  # noqa: S108 nothing is written
def test_control_characters_are_refused(app: Installer, prefix: str) -> None:
    app.run("--prefix", prefix, status=Exit.USAGE)


def test_an_empty_value_names_its_option(app: Installer, tmp_path: Path) -> None:
    assert "--log needs a value" in app.run("--prefix", tmp_path / "env", "--log", "", status=Exit.USAGE).stderr


def test_file_in_the_way(app: Installer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    app.run("--prefix", tmp_path / "file", status=Exit.PREFIX_IN_USE)
    app.run("--prefix", tmp_path / "file/env", status=Exit.PREFIX_IN_USE)
    (tmp_path / "dangling").symlink_to("nowhere")
    app.run("--prefix", tmp_path / "dangling", status=Exit.PREFIX_IN_USE)


def test_prefix_too_long(maker: Maker, tmp_path: Path) -> None:
    values = small()
    limited = with_product(values, prefix_limit=len(str(tmp_path)) + 4, prefix_limit_entry=1)
    app = maker.make(limited)
    done = app.run("--prefix", tmp_path / "envs", status=Exit.PREFIX_TOO_LONG)
    assert f"may have {len(str(tmp_path)) + 4}" in done.stderr
    assert "bin/hello" in done.stderr
    assert "built at a longer path" in done.stderr
    app.run("--prefix", tmp_path / "env")
    maker.make(small(), "b").run("--prefix", "/" + "n/" * 2001, status=Exit.PREFIX_TOO_LONG)
    assert not (tmp_path / "envs").exists()


def test_limit_of_conda(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(with_product(small(), prefix_limit=CONDA_PLACEHOLDER, prefix_limit_entry=1))
    said = app.run("--info").stdout + app.run("--prefix", tmp_path / ("n" * 255), status=Exit.PREFIX_TOO_LONG).stderr
    assert "its conda package has no more room" in said
    assert "choose a shorter one" in said
    assert "longer path" not in said


def test_path_too_long(maker: Maker, tmp_path: Path) -> None:
    name = b"/".join([b"n" * 255] * 15)
    parts = [name[: 256 * at + 255] for at in range(14)]
    entries = (*(directory(part) for part in parts), file(name, 0))
    app = maker.make(sample(entries, (b"x",)))
    app.run("--prefix", tmp_path / "env")
    assert (tmp_path / "env" / os.fsdecode(name)).exists()
    app.run("--prefix", tmp_path / ("p" * 250), status=Exit.PREFIX_TOO_LONG)


@NOT_ROOT
def test_parent_not_writable(app: Installer, tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0o555)
    done = app.run("--prefix", tmp_path / "shut/a/b", status=Exit.IO)
    assert str(tmp_path / "shut") in done.stderr


def test_read_only_file_system(app: Installer, tmp_path: Path) -> None:
    target = tmp_path / "disk"
    target.mkdir()
    with mounted(target, "-o", "ro"):
        assert "read-only" in app.run("--prefix", target / "env", status=Exit.IO).stderr


def test_noexec_file_system_is_a_warning(app: Installer, tmp_path: Path) -> None:
    target = tmp_path / "disk"
    target.mkdir()
    with mounted(target, "-o", "noexec"):
        assert "noexec" in app.run("--prefix", target / "env").stderr
        check_small(target / "env", f"{target}/env")


def test_mount_point_as_prefix(app: Installer, tmp_path: Path) -> None:
    target = tmp_path / "disk"
    target.mkdir()
    with mounted(target):
        app.run("--prefix", target)
        check_small(target, str(target))
        tool(target, "verify")


@pytest.mark.parametrize(("option", "message"), [("size=16k", "is free"), ("size=50m,nr_inodes=10", "inodes")])
def test_no_space_is_found_before_writing(app: Installer, tmp_path: Path, option: str, message: str) -> None:
    target = tmp_path / "disk"
    target.mkdir()
    with mounted(target, "-o", option):
        assert message in app.run("--prefix", target / "a/env", status=Exit.NO_SPACE).stderr
        assert list(target.iterdir()) == []


def test_disk_full_in_the_middle(maker: Maker, stub: Path, tmp_path: Path) -> None:
    """Long links take a page each on tmpfs, which no estimate counts."""
    entries = (file(b"data", 0), *(link(b"l%04d" % at, b"x" * 300) for at in range(1000)))
    app = maker.make(with_product(sample(entries, (os.urandom(300_000),)), name=b"app"))
    target = tmp_path / "disk"
    target.mkdir()
    with mounted(target, "-o", f"size={2700 + stub.stat().st_size // 1024}k"):
        for prefix in (target / "a/b/env", target):
            assert "No space left" in app.run("--prefix", prefix, status=Exit.NO_SPACE).stderr
            assert list(target.iterdir()) == []


# ---- Wrong machine --------------------------------------------------------------------------------------------------


def test_wrong_platform(maker: Maker, stub: Path, tmp_path: Path) -> None:
    other = Platform.LINUX_S390X
    app = Maker(stub, maker.folder, other).make(small())
    done = app.run("--prefix", tmp_path / "env", status=Exit.WRONG_SYSTEM)
    assert done.stderr.startswith("app: this installer is for linux-s390x; this machine is ")
    apple = Maker(stub, maker.folder, Platform.MACOS_ARM64).make(small())
    done = apple.run("--prefix", tmp_path / "env", status=Exit.WRONG_SYSTEM)
    assert "this installer is for macos-arm64; this system is linux-" in done.stderr


def needs(version: int, *, hard: bool) -> IndexRequirement:
    """A C library."""
    flags = int(RequirementFlag.HARD) if hard else 0
    return IndexRequirement(RequirementKind.GLIBC, flags, 2 << 16 | version, b"lib/needy.so")


def test_c_library(maker: Maker, tmp_path: Path) -> None:
    version = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else None
    if not version:
        pytest.skip("this system has no GNU C library")
    minor = int(version.split(".")[1])
    met = with_index(small(), requirements=(needs(minor, hard=True), needs(17, hard=True)))
    assert maker.make(met).run("--prefix", tmp_path / "met").stderr == ""
    soft = with_index(small(), requirements=(needs(minor + 1, hard=False),))
    done = maker.make(soft).run("--prefix", tmp_path / "soft")
    assert "lib/needy.so will not work" in done.stderr
    hard = with_index(small(), requirements=(needs(minor + 1, hard=True),))
    done = maker.make(hard).run("--prefix", tmp_path / "hard", status=Exit.WRONG_SYSTEM)
    assert f"needs the GNU C library 2.{minor + 1}; this machine has 2.{minor}" in done.stderr
    assert not (tmp_path / "hard").exists()


def test_processor(maker: Maker, tmp_path: Path) -> None:
    if Platform.LINUX_X86_64 is not maker.platform:
        pytest.skip("levels are those of x86-64")
    one = IndexRequirement(RequirementKind.CPU_LEVEL, RequirementFlag.HARD, 1, b"lib/a.so")
    nine = IndexRequirement(RequirementKind.CPU_LEVEL, RequirementFlag.HARD, 9, b"lib/a.so")
    maker.make(with_index(small(), requirements=(one,))).run("--prefix", tmp_path / "one")
    maker.make(with_index(small(), requirements=(nine,))).run("--prefix", tmp_path / "x", status=Exit.WRONG_SYSTEM)


def test_unquoted_sites_and_blanks(maker: Maker, tmp_path: Path) -> None:
    entries = tuple(file(b"f%d" % at, 0, text(0, flags=SiteFlag.UNQUOTED)) for at in range(5))
    app = maker.make(sample(entries, (b"x",)))
    assert app.run("--prefix", tmp_path / "plain").stderr == ""
    for name in ("with blank", "it's", 'a"b', "$x", "back\\slash"):
        done = app.run("--prefix", tmp_path / name)
        assert "may break 5 files: f0, f1, f2, ..." in done.stderr


def test_a_colon_in_the_prefix(app: Installer, tmp_path: Path) -> None:
    done = app.run("--prefix", tmp_path / "a:b")
    assert "warning: the prefix has a colon, which divides search paths such as PATH" in done.stderr
    assert (tmp_path / "a:b/.sfxpack").is_dir()


def test_data_in_which_the_prefix_does_not_fit_is_named(maker: Maker, tmp_path: Path) -> None:
    size = len(str(tmp_path)) + 2
    wide = IndexSite(0, 4 * size, Strategy.SLASH, Encoding.UTF32LE, hits=(), flags=SiteFlag.SOFT)
    plain = IndexSite(0, size, Strategy.SLASH, hits=(), flags=SiteFlag.SOFT)
    entries = (file(b"a", 0, plain), file(b"b", 1, wide), *(file(b"f%d" % at, 0, plain) for at in range(3)))
    app = maker.make(sample(entries, (bytes(size), bytes(4 * size))))
    for name, said in (("e", "all fit"), ("longer", "left blank in 5 files, too short for the prefix: a, b, f0, ...")):
        assert said in app.run("--check-only", "--prefix", tmp_path / name).stdout
        assert app.run("--prefix", tmp_path / name).stderr == ""
        assert said in (tmp_path / name / ".sfxpack/install.log").read_text()
    assert (tmp_path / "longer/a").read_bytes() == b"/" * size


# ---- Asking ---------------------------------------------------------------------------------------------------------


def test_without_terminal_the_line_to_type(app: Installer, tmp_path: Path) -> None:
    done = app.run(status=Exit.USAGE, env={"HOME": str(tmp_path)})
    name = "/opt/app" if os.geteuid() == 0 else f"{tmp_path}/app"
    assert done.stderr.endswith(f"type:  sh {app.path} --prefix {name}\n")


def test_yes_takes_the_default(maker: Maker, tmp_path: Path) -> None:
    for number, option in enumerate(("--yes", "-y", "--batch", "-b")):
        prefix = tmp_path / f"default{number}"
        app = maker.make(with_product(small(), default_prefix=os.fsencode(prefix)))
        app.run(option)
        check_small(prefix, str(prefix))


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, command: list[str], **environment: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, {**os.environ, **environment})  # noqa: S606 that is what is tested
        self.text = ""

    def read_until(self, part: str) -> str:
        """Everything up to a text."""
        with suppress(OSError):  # how the end of a terminal looks
            while part not in self.text and (data := os.read(self.fd, 4096)):
                self.text += data.decode()
        assert part in self.text
        return self.text

    def type(self, text: str) -> None:
        """Type."""
        os.write(self.fd, text.encode())

    def finish(self) -> tuple[int, str]:
        """Exit status and all that was written."""
        with suppress(OSError):  # how the end of a terminal looks
            while data := os.read(self.fd, 4096):
                self.text += data.decode()
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status), self.text


def test_question(maker: Maker, tmp_path: Path) -> None:
    default = tmp_path / "default"
    app = maker.make(with_product(small(), default_prefix=os.fsencode(default), prefix_limit=200))
    terminal = Terminal(app.command())
    screen = terminal.read_until(f"Install in [{default}]: ")
    for part in ("app 1 for linux-", "size", "free", "at most 200 bytes"):
        assert part in screen
    terminal.type("\n")
    status, said = terminal.finish()
    assert status == 0, said
    check_small(default, str(default))


def test_answers(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(with_product(small(), default_prefix=b"/opt/app"))
    for answer, prefix in ((f"{tmp_path}/a b ", "a b"), ("~/home", "home")):
        terminal = Terminal(app.command(), HOME=str(tmp_path))
        terminal.read_until("]: ")
        terminal.type(answer + "\n")
        status, said = terminal.finish()
        assert status == 0, said
        check_small(tmp_path / prefix, f"{tmp_path}/{prefix}")


@pytest.mark.parametrize("answer", ["y", "Yes", "n"])
def test_yes_is_no_folder(maker: Maker, answer: str) -> None:
    terminal = Terminal(maker.make(with_product(small(), default_prefix=b"/opt/app")).command())
    terminal.read_until("]: ")
    terminal.type(answer + "\n")
    status, said = terminal.finish()
    assert status == Exit.USAGE
    assert "Enter for /opt/app" in said


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["interrupt", "end"])
def test_question_left_without_answer(maker: Maker, tmp_path: Path, key: str) -> None:
    app = maker.make(with_product(small(), default_prefix=os.fsencode(tmp_path / "env")))
    terminal = Terminal(app.command())
    terminal.read_until("]: ")
    terminal.type(key)
    assert terminal.finish()[0] == Exit.INTERRUPTED
    assert [path.name for path in tmp_path.iterdir()] == ["media"]


def test_no_home(app: Installer) -> None:
    done = app.run(status=Exit.USAGE, env={})
    assert "--prefix" in done.stderr


# ---- Options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--prefx", "--prefix"),
        ("--forse", "--force"),
        ("--quite", "--quiet"),
        ("--chek-only", "--check-only"),
        ("--lis", "--list"),
    ],
)
def test_unknown_option_names_the_nearest(app: Installer, typed: str, meant: str) -> None:
    assert f"did you mean {meant}?" in app.run(typed, "/x", status=Exit.USAGE).stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--nonsense-without-likeness"],
        ["-x"],
        ["/opt/env"],
        ["--prefix"],
        ["--jobs", "0"],
        ["--jobs=many"],
        ["--yes=no"],
        ["--extract", "x"],
        ["--info", "--list"],
        ["--tree", "x"],
        ["--as", "/x", "--info"],
    ],
)
def test_wrong_options(app: Installer, tmp_path: Path, options: list[str]) -> None:
    done = app.run(*options, status=Exit.USAGE, cwd=tmp_path)
    assert done.stdout == ""
    assert done.stderr.startswith("app")
    assert [path.name for path in tmp_path.iterdir()] == ["media"]


def test_help_fits_a_terminal(app: Installer) -> None:
    lines = app.run("--help").stdout.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert "  sh app.sh --prefix ~/env     from a stick that forbids execution" in lines


def test_version_and_licenses(app: Installer) -> None:
    assert app.run("--version").stdout.startswith("sfxpack ")
    assert app.run("--licenses").stdout == "all rights\n"


def test_info(maker: Maker) -> None:
    values = with_index(small(), requirements=(needs(17, hard=True),))
    app = maker.make(with_product(values, prefix_limit=120, prefix_limit_entry=8))
    said = app.run("--info").stdout
    for part in (
        "name        app",
        "release     1",
        "at most 120 bytes",
        "GNU C library 2.17 (lib/needy.so)",
        "text 5,",
    ):
        assert part in said, part
    assert "build the environment at a longer path" in said
    info = json.loads(app.run("--info", "--json").stdout)
    assert info["sites"] == {"text": 5, "shebang": 0, "cstring": 0, "slash": 0, "pyc": 0, "derived": 4, "soft": 0}
    assert (info["files"], info["directories"], info["links"], info["hard_links"]) == (7, 5, 1, 1)
    assert info["size"] == app.path.stat().st_size


def test_list(app: Installer) -> None:
    lines = app.run("--list").stdout.splitlines()
    assert lines[0] == "drwxr-xr-x            0 bin"
    assert "lrwxrwxrwx            0 bin/mod -> PREFIX/lib/mod.py" in lines
    assert "-r--r--r--            9 share/same" in lines
    entries = {entry["path"]: entry for entry in json.loads(app.run("--list", "--json").stdout)}
    assert len(entries) == len(lines) == 14
    assert entries["share/same"]["file"] == "share/release"
    assert entries["bin/mod"]["link"] == "PREFIX/lib/mod.py"


# ---- --check-only ---------------------------------------------------------------------------------------------------


def test_check_only(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(with_product(small(), prefix_limit=len(str(tmp_path)) + 4))
    report = json.loads(app.run("--check-only", "--json", "--prefix", tmp_path / "env").stdout)
    assert report["exit"] == 0
    assert {check["outcome"] for check in report["checks"]} == {"ok"}
    done = app.run("--check-only", "--prefix", tmp_path / "environment", status=Exit.PREFIX_TOO_LONG)
    assert "cannot be installed" in done.stdout
    app.run("--check-only", "--prefix", "/usr", status=Exit.PREFIX_IN_USE)
    assert [path.name for path in tmp_path.iterdir()] == ["media"]


# ---- Damage ---------------------------------------------------------------------------------------------------------


def flip(installer: Installer, at: int) -> Installer:
    """The same with one bit changed."""
    data = bytearray(installer.path.read_bytes())
    data[at] ^= 1
    installer.path.write_bytes(data)
    return installer


@pytest.mark.parametrize("where", [0, 5000, "locator", "block", "last block", "index", -1])
def test_damage(app: Installer, tmp_path: Path, where: int | str) -> None:
    size = app.path.stat().st_size
    info = json.loads(app.run("--info", "--json").stdout)
    assert info["blocks"] == 5
    places = {"locator": app.at + 40, "block": app.at + 520, "last block": size - 700, "index": size - 100}
    at = places[where] if isinstance(where, str) else where % size
    flip(app, at)
    for options in (["--prefix", tmp_path / "new/env"], ["--verify"]):
        app.run(*options, status=Exit.DAMAGED)
    (tmp_path / "empty").mkdir()
    app.run("--prefix", tmp_path / "empty", status=Exit.DAMAGED)
    assert snapshot(tmp_path / "empty") == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "media"]


def test_truncated_and_appended(app: Installer, tmp_path: Path) -> None:
    data = app.path.read_bytes()
    for changed in (data[:-1], data[: app.at + 100], data[:100], data + b"\n"):
        app.path.write_bytes(changed)
        app.run("--prefix", tmp_path / "env", status=Exit.DAMAGED)
    assert [path.name for path in tmp_path.iterdir()] == ["media"]


def test_verify(app: Installer) -> None:
    assert app.run("--verify").stdout.startswith("sound: ")


# ---- --extract, --tree ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("hello", {"bin", "bin/hello"}),
        ("*.py", {"lib", "lib/mod.py"}),
        ("lib/*.py", {"lib", "lib/mod.py"}),
        ("share", {"share", "share/empty", "share/release", "share/same"}),
        ("share/", {"share", "share/empty", "share/release", "share/same"}),
        ("RECORD", {"lib", "lib/RECORD"}),
        ("same", {"share", "share/same"}),
        ("[be]*", {"bin", "bin/hello", "bin/mod", "empty", "share", "share/empty"}),
        ("lib/__pycache__/*", {"lib", "lib/__pycache__", "lib/__pycache__/mod.cpython-311.pyc"}),
    ],
)
def test_extract(app: Installer, tmp_path: Path, pattern: str, expected: set[str]) -> None:
    out = tmp_path / "out"
    app.run("--extract", pattern, out)
    assert set(snapshot(out)) == expected
    assert not (out / ".sfxpack").exists()
    app.run("--prefix", tmp_path / "whole")
    (tmp_path / "into").mkdir()
    app.run("--extract", pattern, tmp_path / "into", "--prefix", tmp_path / "whole")
    whole = snapshot(tmp_path / "whole")
    assert snapshot(tmp_path / "into") == {name: whole[name] for name in expected}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["into", "media", "out", "whole"]


def test_extract_refuses(app: Installer, tmp_path: Path) -> None:
    app.run("--extract", "nothing*", tmp_path / "out", status=Exit.USAGE)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("")
    app.run("--extract", "bin", tmp_path / "full", status=Exit.PREFIX_IN_USE)


def test_tree_for_another_platform(maker: Maker, stub: Path, tmp_path: Path) -> None:
    for number, platform in enumerate((Platform.LINUX_AARCH64, Platform.MACOS_ARM64)):
        app = Maker(stub, maker.folder, platform).make(small())
        app.run("--tree", tmp_path / f"tree{number}", "--as", "/opt/some where")
        check_small(tmp_path / f"tree{number}", "/opt/some where")
        assert "prefix=/opt/some where\n" in (tmp_path / f"tree{number}/.sfxpack/state").read_text()
