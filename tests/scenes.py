"""What is disturbed by faults: installing, replacing and relocating, in every situation a prefix can be in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.cli.test_installer import add_to
from tests.faults import Scene, run_with
from tests.installers import Installer, Maker, small

OLD_SYSTEM = "renameat2:*:ENOSYS"
OWN = (b"mine", b"data", b"edited")
"""What `add_to` leaves in files."""


def edit(prefix: Path) -> None:
    """A changed file, one that is gone, others added."""
    with (prefix / "bin/hello").open("a") as file:
        file.write("echo more\n")
    (prefix / "share/empty").unlink()
    (prefix / "own/deep").mkdir(parents=True)
    (prefix / "own/deep/one").write_text("1st")
    os.link(prefix / "own/deep/one", prefix / "own/two")


@dataclass(frozen=True)
class Stage:
    """Where scenes are made: artifacts, and installations to begin with."""

    folder: Path
    first: Installer
    second: Installer

    @property
    def place(self) -> Path:
        return self.folder / "place"

    @property
    def prefix(self) -> Path:
        return self.place / "env"

    def install(self) -> None:
        """An installation, not synced."""
        run_with(self.first.command("--prefix", self.prefix, "--no-sync", "-q")).check_returncode()

    def keep(self, prepare: Callable[[], None], name: str = "env") -> Callable[[], None]:
        """The same as PREPARE, by copying what it makes; NAME is what the copy's prefix is called."""
        kept = self.folder / f"kept-{len(list(self.folder.glob('kept-*')))}"
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        prepare()
        self.place.rename(kept)

        def copy() -> None:
            subprocess.run(["cp", "-a", f"{kept}/.", self.place], check=True)
            if name != "env":
                self.prefix.rename(self.place / name)

        return copy

    def scene(self, name: str, prepare: Callable[[], None] = lambda: None, **changes: object) -> Scene:
        """Installing there; CHANGES to that."""
        command = self.first.command("--prefix", self.prefix, "-j1")
        values = {"command": command, "prefix": self.prefix, **changes}
        return Scene(name, self.place, prepare=prepare, **values)  # type: ignore[arg-type] # fields of Scene

    def tool(self, prefix: Path, *options: object) -> list[str]:
        """A command of the tool of an installation."""
        return [str(prefix / ".sfxpack/sfx"), *map(str, options), "-j1"]


def make_stage(stub: Path, folder: Path) -> Stage:
    """Artifacts with a stub made for faults."""
    (folder / "media").mkdir(parents=True, exist_ok=True)
    maker = Maker(stub, folder / "media")
    return Stage(folder, maker.make(small()), maker.make(small(b"2"), "second.sh"))


# ---- Installing -----------------------------------------------------------------------------------------------------


def absent(stage: Stage) -> Scene:
    return stage.scene("absent")


def absent_parents(stage: Stage) -> Scene:
    prefix = stage.place / "a/b/env"
    return stage.scene("absent parents", prefix=prefix, command=stage.first.command("--prefix", prefix, "-j1"))


def absent_old(stage: Stage) -> Scene:
    return stage.scene("absent, old system", base=OLD_SYSTEM)


def empty(stage: Stage) -> Scene:
    def prepare() -> None:
        stage.prefix.mkdir(0o700)
        (stage.place / "theirs").write_text("theirs")

    return stage.scene("empty folder", prepare, foreign=frozenset({b"theirs"}))


def empty_old(stage: Stage) -> Scene:
    return stage.scene("empty folder, old system", stage.prefix.mkdir, base=OLD_SYSTEM)


def mount_point(stage: Stage) -> Scene:
    return stage.scene("mount point", mount=stage.prefix)


def link_to_folder(stage: Stage) -> Scene:
    def prepare() -> None:
        (stage.place / "disk").mkdir()
        stage.prefix.symlink_to("disk")

    return stage.scene("link to a folder", prepare)


def shared_parent(stage: Stage) -> Scene:
    """A parent with setgid and sticky bit, and the group of others."""

    def prepare() -> None:
        if os.geteuid() == 0:
            os.chown(stage.place, 0, 65534)
        stage.place.chmod(0o3777)

    return stage.scene("setgid and sticky parent", prepare)


def after_kill(stage: Stage) -> Scene:
    """What a killed run left has to be removed first."""

    def prepare() -> None:
        run_with(stage.first.command("--prefix", stage.prefix, "-j1"), "syncfs:1:kill")

    return stage.scene("absent, after a killed run", stage.keep(prepare), cleans=True)


# ---- Replacing ------------------------------------------------------------------------------------------------------


def force(stage: Stage, name: str = "force", **changes: object) -> Scene:
    def prepare() -> None:
        stage.install()
        add_to(stage.prefix)

    command = stage.second.command("--prefix", stage.prefix, "--force", "-j1")
    values = {"command": command, "foreign": frozenset(OWN), **changes}
    return stage.scene(name, stage.keep(prepare), **values)


def force_old(stage: Stage) -> Scene:
    return force(stage, "force, old system", base=OLD_SYSTEM)


def force_inside(stage: Stage) -> Scene:
    return force(stage, "force, mount point", mount=stage.prefix)


def force_inside_after_kill(stage: Stage) -> Scene:
    """The moves of a killed run have to be undone first."""
    scene = force_inside(stage)
    scene.name = "force, mount point, after a killed run"
    install = scene.prepare

    def prepare() -> None:
        install()
        run_with(scene.command, "renameat2:5:kill")

    scene.prepare, scene.cleans = prepare, True
    return scene


# ---- Relocating -----------------------------------------------------------------------------------------------------


def installed_and_edited(stage: Stage) -> Callable[[], None]:
    def prepare() -> None:
        stage.install()
        edit(stage.prefix)

    return prepare


def relocate(stage: Stage) -> Scene:
    new = stage.place / "a-new-place"
    prepare = stage.keep(stage.install, new.name)
    return stage.scene("relocate", prepare, prefix=new, command=stage.tool(new, "relocate"))


def relocate_edited(stage: Stage) -> Scene:
    new = stage.place / "a-new-place"
    prepare = stage.keep(installed_and_edited(stage), new.name)
    return stage.scene(
        "relocate, edited", prepare, prefix=new, command=stage.tool(new, "relocate"), foreign=frozenset({b"1st"})
    )


def relocate_after_kill(stage: Stage) -> Scene:
    scene = relocate_edited(stage)
    scene.name = "relocate, after a killed run"
    move = scene.prepare

    def prepare() -> None:
        move()
        run_with(scene.command, "renameat:4:kill")

    scene.prepare, scene.cleans = prepare, True
    return scene


def copy(stage: Stage, name: str = "relocate NEW", *options: str, **changes: object) -> Scene:
    new = stage.place / "a-new-place"
    values = {
        "prefix": new,
        "command": stage.tool(stage.prefix, "relocate", new, *options),
        "again": tuple(stage.tool(prefix, "relocate") for prefix in ((new,) if options else (new, stage.prefix))),
        "foreign": frozenset({b"1st"}),
        **changes,
    }
    return stage.scene(name, stage.keep(installed_and_edited(stage)), **values)


def move(stage: Stage) -> Scene:
    """Killed between the copy, which is complete, and the end of the original, whatever is left of that stays."""
    return copy(stage, "relocate NEW --move", "--move", may_stay=("env", ".env"))


def move_off(stage: Stage) -> Scene:
    name = "relocate NEW --move, mount point"
    return copy(stage, name, "--move", mount=stage.prefix, may_stay=("env/", ".env"))


# ---- Removing -------------------------------------------------------------------------------------------------------


def uninstall(stage: Stage) -> Scene:
    """Killed after the record has gone, what is left is as of a killed installer: the next one removes it."""
    command = [str(stage.prefix / ".sfxpack/sfx"), "uninstall", "--yes"]
    return stage.scene(
        "uninstall", stage.keep(stage.install), command=command, may_stay=(".env",), may_keep=True, cleans=True
    )


def uninstall_edited(stage: Stage) -> Scene:
    command = [str(stage.prefix / ".sfxpack/sfx"), "uninstall", "--yes"]
    prepare = stage.keep(installed_and_edited(stage))
    foreign = frozenset({b"1st"})
    values = {"may_stay": (".env", "env/."), "may_keep": True, "cleans": True, "foreign": foreign}
    return stage.scene("uninstall, edited", prepare, command=command, **values)


INSTALLING = (
    absent, absent_parents, absent_old, empty, empty_old, mount_point, link_to_folder, shared_parent, after_kill,
)  # fmt: skip
REPLACING = (force, force_old, force_inside, force_inside_after_kill)
RELOCATING = (relocate, relocate_edited, relocate_after_kill, copy, move, move_off)
REMOVING = (uninstall, uninstall_edited)
SCENES: dict[str, Callable[[Stage], Scene]] = {
    make.__name__: make for make in (*INSTALLING, *REPLACING, *RELOCATING, *REMOVING)
}
