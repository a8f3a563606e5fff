"""What is disturbed by faults: installing, replacing, relocating, removing, in every situation of a prefix."""

from __future__ import annotations

import os
from collections.abc import Callable

from tests.faults import Scene, run_with
from tests.scenes_outside import OUTSIDE
from tests.stage import OLD_SYSTEM, OWN, Stage, after_run, edit, removing

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
    values = {"command": stage.command(stage.second, "--force"), "foreign": frozenset(OWN), **changes}
    return stage.scene(name, stage.keep(stage.install_and_add), **values)


def force_old(stage: Stage) -> Scene:
    return force(stage, "force, old system", base=OLD_SYSTEM)


def force_inside(stage: Stage) -> Scene:
    return force(stage, "force, mount point", mount=stage.prefix)


def force_inside_after_kill(stage: Stage) -> Scene:
    """The moves of a killed run have to be undone first."""
    return after_run(force_inside(stage), "renameat2:5:kill")


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
    return after_run(relocate_edited(stage), "renameat:4:kill")


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
    return removing(stage, "uninstall", stage.keep(stage.install))


def uninstall_edited(stage: Stage) -> Scene:
    scene = removing(stage, "uninstall, edited", stage.keep(installed_and_edited(stage)))
    scene.may_stay += ("env/.",)
    scene.foreign = frozenset({b"1st"})
    return scene


INSTALLING = (
    absent, absent_parents, absent_old, empty, empty_old, mount_point, link_to_folder, shared_parent, after_kill,
)  # fmt: skip
REPLACING = (force, force_old, force_inside, force_inside_after_kill)
RELOCATING = (relocate, relocate_edited, relocate_after_kill, copy, move, move_off)
REMOVING = (uninstall, uninstall_edited)
SCENES: dict[str, Callable[[Stage], Scene]] = {
    make.__name__: make for make in (*INSTALLING, *REPLACING, *RELOCATING, *REMOVING, *OUTSIDE)
}
