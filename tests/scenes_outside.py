"""Scenes with what reaches out of the tree: scripts of the vendor's, lines in a start-up file, artifacts in parts."""

from __future__ import annotations

from collections.abc import Callable

from tests.cli.test_installer import add_to
from tests.faults import Scene
from tests.installers import Installer, small
from tests.stage import OWN, PARTS, Stage, after_run, edit, removing

MARK = 'umask 022; test -x "$SFXPACK_PREFIX/bin/hello" && : >"$SFXPACK_PREFIX/mark"\n'
"""A script that adds a file; it writes nothing, so that the calls around it are the same in each run."""
SPOIL = """\
cd "$SFXPACK_PREFIX" && echo spoiled >>share/release && echo other >lib/own/data && rm lib/own.py
exit 3
"""
"""One that changes and removes files of the user's, and fails."""
LINES = r"/\.bashrc .*(activate|names the old prefix)|/outside, so lines .* stay"
"""What a run says that leaves lines in a start-up file as they are."""


# ---- Scripts --------------------------------------------------------------------------------------------------------


def with_marks(stage: Stage, split: tuple[int, int] = (0, 0)) -> Installer:
    """Another build than the first, with a script before and one after."""
    return stage.with_scripts("marks.sh", b"2", split, pre_install='test -n "$SFXPACK_ACTION"\n', post_install=MARK)


def hooks(stage: Stage) -> Scene:
    return stage.scene("scripts", command=stage.command(with_marks(stage)))


def hooks_empty(stage: Stage) -> Scene:
    return stage.scene("scripts, empty folder", stage.prefix.mkdir, command=stage.command(with_marks(stage)))


def force_hooks(stage: Stage, name: str = "scripts, force", **changes: object) -> Scene:
    values = {"command": stage.command(with_marks(stage), "--force"), "foreign": frozenset(OWN), **changes}
    return stage.scene(name, stage.keep(stage.install_and_add), **values)


def force_hooks_inside(stage: Stage) -> Scene:
    return force_hooks(stage, "scripts, force, mount point", mount=stage.prefix)


def force_hooks_after_kill(stage: Stage) -> Scene:
    """The script had begun: the new tree stands at the prefix, the old one beside it."""
    return after_run(force_hooks(stage), "posix_spawn:2:kill")


def force_hooks_inside_after_kill(stage: Stage) -> Scene:
    return after_run(force_hooks_inside(stage), "posix_spawn:2:kill")


def force_hook_fails(stage: Stage, name: str = "script fails, force", **changes: object) -> Scene:
    app = stage.with_scripts("spoils.sh", b"2", post_install=SPOIL)
    return force_hooks(stage, name, command=stage.command(app, "--force"), **changes)


def force_hook_fails_inside(stage: Stage) -> Scene:
    return force_hook_fails(stage, "script fails, force, mount point", mount=stage.prefix)


def uninstall_hook(stage: Stage) -> Scene:
    """The script runs before anything is removed, and not again when an uninstallation goes on."""
    app = stage.with_scripts("cleans.sh", pre_uninstall='test -r "$SFXPACK_PREFIX/share/release"\n')
    return removing(stage, "script, uninstall", stage.keep(lambda: stage.install(app)))


# ---- Start-up files -------------------------------------------------------------------------------------------------


def with_lines(stage: Stage) -> None:
    """An installation, and lines for it in the start-up file."""
    stage.make_home()
    stage.install(None, "--modify-rc")


def lines(stage: Stage, name: str, prepare: Callable[[], None], **changes: object) -> Scene:
    """A scene with a start-up file, which at any time is as before or as in the end."""
    values = {"variables": stage.variables, "whole": "home/.bashrc", "gives_up": LINES, **changes}
    return stage.scene(name, prepare, **values)


def rc(stage: Stage) -> Scene:
    command = stage.command(stage.first, "--modify-rc")
    return lines(stage, "--modify-rc", stage.make_home, command=command)


def rc_new_file(stage: Stage) -> Scene:
    """No start-up file is there yet."""
    command = stage.command(stage.first, "--modify-rc")
    return lines(stage, "--modify-rc, no file", stage.start_up.parent.mkdir, command=command)


def force_rc(stage: Stage) -> Scene:
    def prepare() -> None:
        with_lines(stage)
        add_to(stage.prefix)

    command = stage.command(stage.second, "--force", "--modify-rc")
    return lines(stage, "--modify-rc, force", stage.keep(prepare), command=command, foreign=frozenset(OWN))


def relocate_rc(stage: Stage) -> Scene:
    new = stage.place / "a-new-place"
    prepare = stage.keep(lambda: with_lines(stage), new.name)
    return lines(stage, "--modify-rc, relocate", prepare, prefix=new, command=stage.tool(new, "relocate"))


def move_rc(stage: Stage) -> Scene:
    new = stage.place / "a-new-place"
    command = stage.tool(stage.prefix, "relocate", new, "--move")

    def prepare() -> None:
        with_lines(stage)
        edit(stage.prefix)

    values = {"command": command, "prefix": new, "again": (stage.tool(new, "relocate"),), "may_stay": ("env", ".env")}
    return lines(stage, "--modify-rc, relocate NEW --move", stage.keep(prepare), **values)


def uninstall_rc(stage: Stage) -> Scene:
    def prepare() -> None:
        with_lines(stage)
        edit(stage.prefix)

    scene = removing(stage, "--modify-rc, uninstall, edited", stage.keep(prepare))
    scene.variables, scene.whole, scene.gives_up = stage.variables, "home/.bashrc", LINES
    scene.may_stay += ("env/.",)
    scene.foreign = frozenset({b"1st"})
    return scene


# ---- Parts ----------------------------------------------------------------------------------------------------------


def parts(stage: Stage) -> Scene:
    return stage.scene("parts", command=stage.command(stage.maker.make(small(), "parts.sh", PARTS)))


def all_of_it(stage: Stage) -> Scene:
    """Parts, scripts, lines in a start-up file that are there from the old one, where the folder stays."""
    command = stage.command(with_marks(stage, PARTS), "--force", "--modify-rc")

    def prepare() -> None:
        with_lines(stage)
        add_to(stage.prefix)

    name = "parts, scripts, --modify-rc, force, mount point"
    return lines(stage, name, stage.keep(prepare), command=command, foreign=frozenset(OWN), mount=stage.prefix)


OUTSIDE = (
    hooks, hooks_empty, force_hooks, force_hooks_inside, force_hooks_after_kill, force_hooks_inside_after_kill,
    force_hook_fails, force_hook_fails_inside, uninstall_hook,
    rc, rc_new_file, force_rc, relocate_rc, move_rc, uninstall_rc,
    parts, all_of_it,
)  # fmt: skip
