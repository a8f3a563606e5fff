"""Whose an installation is and who may use it: owner, modes, `--mode`, umask, set-group folders, access lists."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sfxpack.format.layout import Exit
from tests.installers import TIMEOUT, Installer, Maker, small, text, tool
from tests.testkit import Sample, directory, file, sample

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
SOMEBODY, TEAM = 12345, 23456
"""A user and a group that need not exist."""
PACKED = {
    "bin": 0o755, "bin/run": 0o775, "data": 0o750, "data/a": 0o640, "open": 0o664, "shut": 0o700, "shut/key": 0o400
}  # fmt: skip
"""Modes as packed; folders are those without a slash."""
INSTALLED = {
    "keep": PACKED,
    "private": {"bin": 0o700, "bin/run": 0o700, "data": 0o700, "data/a": 0o600, "open": 0o600, "shut": 0o700,
                "shut/key": 0o400},
    "group": {"bin": 0o755, "bin/run": 0o775, "data": 0o750, "data/a": 0o640, "open": 0o664, "shut": 0o750,
              "shut/key": 0o440},
    "shared": {"bin": 0o755, "bin/run": 0o755, "data": 0o755, "data/a": 0o644, "open": 0o644, "shut": 0o755,
               "shut/key": 0o444},
}  # fmt: skip


@dataclass(frozen=True)
class User:
    """Who runs it."""

    user: int | None = None
    group: int | None = None
    groups: tuple[int, ...] | None = None


def tree(number: int = 0) -> Sample:
    """Entries with the modes above."""
    entries = [
        replace(directory(name.encode()), mode=mode)
        if any(other.startswith(f"{name}/") for other in PACKED)
        else file(name.encode(), 0, text(0), mode=mode)
        for name, mode in PACKED.items()
    ]
    return sample(tuple(entries), (b"x%d" % number,))


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody can look into, which pytest's are not."""
    folder = Path(tempfile.mkdtemp(prefix="sfxpack-modes-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def maker(stub: Path, place: Path) -> Maker:
    folder = place / "media"
    folder.mkdir()
    shutil.copy(stub, folder / "sfx")
    return Maker(folder / "sfx", folder)


@pytest.fixture
def app(maker: Maker) -> Installer:
    return maker.make(tree())


def modes(root: Path) -> dict[str, int]:
    """Those of the tree, without the set-group bit."""
    return {name: mode(root / name) & 0o777 for name in PACKED}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def state(prefix: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (prefix / ".sfxpack/state").read_text().splitlines())


def run(
    app: Installer, *options: object, umask: int = 0o022, who: User | None = None
) -> subprocess.CompletedProcess[str]:
    """Run an installer with a umask, as somebody."""
    return call(app.command(*options), umask=umask, who=who)


def call(command: list[str], umask: int = 0o022, who: User | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program the same way."""
    user = who or User()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
        umask=umask,
        user=user.user,
        group=user.group,
        extra_groups=user.groups,
    )
    assert done.returncode == 0, f"{done.args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def somebody(*groups: int) -> User:
    """Not root: the user of the tests, or if that is root, another."""
    return User() if os.geteuid() != 0 else User(SOMEBODY, SOMEBODY, (SOMEBODY, *groups))


def give(folder: Path) -> Path:
    """Make a folder for `somebody`."""
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, SOMEBODY, SOMEBODY)
    return folder


@pytest.mark.parametrize("chosen", ["keep", "private", "group", "shared"])
@pytest.mark.parametrize("umask", [0, 0o077])
def test_each_mode(app: Installer, place: Path, chosen: str, umask: int) -> None:
    prefix = place / "new/env"
    run(app, "--prefix", prefix, "--mode", chosen, umask=umask)
    private = chosen == "private"
    assert modes(prefix) == INSTALLED[chosen]
    assert mode(place / "new") == 0o755
    record = {path.name: mode(path) for path in (prefix / ".sfxpack").iterdir()}
    assert record.pop("sfx") == (0o700 if private else 0o755)
    assert set(record.values()) == {0o600 if private else 0o644}
    assert {mode(prefix), mode(prefix / ".sfxpack")} == {0o700 if private else 0o755}
    assert state(prefix)["mode"] == chosen
    assert f"mode        {chosen}\n" in tool(prefix, "info").stdout
    assert "0 differences" in tool(prefix, "verify").stdout


def test_modes_stay_when_it_moves(app: Installer, place: Path) -> None:
    run(app, "--prefix", place / "env", "--mode", "private")
    tool(place / "env", "relocate", place / "copy")
    (place / "env").rename(place / "moved")
    tool(place / "moved", "relocate")
    for prefix in (place / "copy", place / "moved"):
        assert modes(prefix) == INSTALLED["private"]
        assert (mode(prefix), mode(prefix / ".sfxpack/state"), state(prefix)["mode"]) == (0o700, 0o600, "private")
        assert "0 differences" in tool(prefix, "verify").stdout


def test_replacing_keeps_the_mode_unless_another_is_asked_for(maker: Maker, place: Path) -> None:
    prefix = place / "env"
    run(maker.make(tree()), "--prefix", prefix, "--mode", "private")
    second = maker.make(tree(1), "second.sh")
    run(second, "--prefix", prefix, "--force")
    assert (modes(prefix), mode(prefix), state(prefix)["mode"]) == (INSTALLED["private"], 0o700, "private")
    run(second, "--prefix", prefix, "--force", "--mode", "shared")
    assert (modes(prefix), mode(prefix), state(prefix)["mode"]) == (INSTALLED["shared"], 0o755, "shared")
    prefix.chmod(0o711)
    run(second, "--prefix", prefix, "--force")
    assert (modes(prefix), mode(prefix), state(prefix)["mode"]) == (INSTALLED["shared"], 0o711, "shared")
    (prefix / "data/a").chmod(0o600)
    assert "mode changed" in tool(prefix, "verify", status=None).stdout
    assert sorted(path.name for path in place.iterdir()) == ["env", "media"]


def test_the_same_build_keeps_its_mode_and_says_so(app: Installer, place: Path) -> None:
    prefix = place / "env"
    run(app, "--prefix", prefix)
    assert run(app, "--prefix", prefix, "--mode", "keep").stderr == ""
    said = run(app, "--prefix", prefix, "--mode", "private").stderr
    assert "its mode is keep and stays so; --force --mode private changes it" in said
    assert state(prefix)["mode"] == "keep"


def test_an_installation_without_the_line(app: Installer, place: Path) -> None:
    """As earlier versions left it."""
    prefix = place / "env"
    run(app, "--prefix", prefix)
    lines = (prefix / ".sfxpack/state").read_text().splitlines(keepends=True)
    (prefix / ".sfxpack/state").write_text("".join(line for line in lines if not line.startswith("mode=")))
    assert "0 differences" in tool(prefix, "verify").stdout
    run(app, "--prefix", prefix, "--force")
    assert state(prefix)["mode"] == "keep"


def test_an_existing_folder_is_nobody_elses_now(app: Installer, place: Path) -> None:
    """Neither its inode nor its owner nor its mode changes, whatever is asked for."""
    prefix = give(place / "env")
    prefix.chmod(0o2751)
    before = prefix.stat()
    run(app, "--prefix", prefix, "--mode", "private", umask=0o077)
    after = prefix.stat()
    assert (after.st_ino, after.st_mode, after.st_uid, after.st_gid) == (
        before.st_ino, before.st_mode, before.st_uid, before.st_gid
    )  # fmt: skip
    assert modes(prefix) == INSTALLED["private"]
    assert {path.stat().st_uid for path in prefix.rglob("*")} == {os.geteuid()}


def test_a_set_group_parent_lets_the_group_read(app: Installer, place: Path) -> None:
    parent = give(place / "team")
    group = TEAM if os.geteuid() == 0 else os.getegid()
    os.chown(parent, -1, group)
    parent.chmod(0o2750)
    prefix = parent / "new/env"
    run(app, "--prefix", prefix, umask=0o077, who=somebody(TEAM))
    assert modes(prefix) == INSTALLED["group"]
    assert state(prefix)["mode"] == "group"
    everything = [parent / "new", prefix, *prefix.rglob("*")]
    assert {path.stat().st_gid for path in everything} == {group}
    assert all(mode(path) & 0o2000 for path in everything if path.is_dir())
    assert not any(mode(path) & 0o6000 for path in everything if path.is_file())
    assert "0 differences" in tool(prefix, "verify").stdout
    run(app, "--prefix", parent / "kept", "--mode", "keep", who=somebody(TEAM))
    assert modes(parent / "kept") == PACKED


@ROOT
def test_root_in_a_set_group_parent_keeps_modes(app: Installer, place: Path) -> None:
    (place / "team").mkdir()
    (place / "team").chmod(0o2755)
    run(app, "--prefix", place / "team/env")
    assert modes(place / "team/env") == PACKED
    assert mode(place / "team/env") == 0o2755


@ROOT
@pytest.mark.parametrize("form", ["absent", "empty"])
def test_root_with_a_strict_umask_installs_for_all(maker: Maker, place: Path, form: str) -> None:
    app = maker.make(small())
    prefix = place / "deep/er/env"
    if form == "empty":
        prefix.mkdir(parents=True)
    run(app, "--prefix", prefix, umask=0o077)
    assert call([str(prefix / "bin/hello")], who=somebody()).stdout == f"{prefix}/greeting\n"
    assert "0 differences" in call([str(prefix / ".sfxpack/sfx"), "verify"], who=somebody()).stdout


@ROOT
def test_root_is_warned_of_what_only_root_could_use(maker: Maker, place: Path) -> None:
    """A builder with umask 077."""
    closed = (
        sample((replace(directory(b"lib"), mode=0o700), file(b"lib/x", 0, mode=0o644)), (b"x",)),
        sample((file(b"a", 0, mode=0o600), file(b"b", 0, mode=0o700), file(b"c", 0)), (b"x",)),
    )
    for at, app in enumerate([maker.make(closed[0], "0.sh"), maker.make(closed[1], "1.sh")]):
        said = run(app, "--prefix", place / f"env{at}").stderr
        assert "for their owner alone, the first is " in said
        assert "--mode shared lets all use it" in said
        for chosen in ("shared", "private"):
            assert run(app, "--prefix", place / f"{chosen}{at}", "--mode", chosen).stderr == ""
    app = maker.make(closed[0])
    give(place / "mine")
    assert run(app, "--prefix", place / "mine/env", who=somebody()).stderr == ""
    one = sample((file(b"a", 0, mode=0o600), file(b"b", 0), file(b"c", 0)), (b"x",))
    app = maker.make(one)
    assert run(app, "--prefix", place / "one").stderr == ""
    assert "1 file is for root alone, the first is a" in run(app, "--check-only", "--prefix", place / "x").stdout


def test_default_access_lists(app: Installer, place: Path, require: Callable[[str], str]) -> None:
    setfacl = require("setfacl")
    for given in ("u::rwx,g::---,o::---", f"u::rwx,u:{SOMEBODY}:rwx,g::rwx,m::rwx,o::rwx"):
        parent = place / "lists"
        parent.mkdir()
        if subprocess.run([setfacl, "-d", "-m", given, parent], check=False).returncode:
            pytest.skip("no access lists on this file system")
        for chosen in ("keep", "private", "shared"):
            prefix = parent / chosen
            run(app, "--prefix", prefix, "--mode", chosen)
            assert modes(prefix) == INSTALLED[chosen]
            private = chosen == "private"
            assert {mode(prefix), mode(prefix / ".sfxpack")} == {0o700 if private else 0o755}
            assert mode(prefix / ".sfxpack/state") == (0o600 if private else 0o644)
        shutil.rmtree(parent)


def test_wrong_modes(app: Installer, place: Path) -> None:
    said = app.run("--prefix", place / "env", "--mode", "0700", status=Exit.USAGE).stderr
    assert "--mode takes private, group, shared or keep, not `0700`" in said
    app.run("--prefix", place / "env")
    assert "--force changes" in tool(place / "env", "verify", "--mode", "shared", status=Exit.USAGE).stderr
