"""Where scenes of faults are made: artifacts, installations to begin with, a home directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.cli.test_hooks import hooked
from tests.cli.test_installer import add_to
from tests.faults import Scene, run_with
from tests.installers import Installer, Maker, small

OLD_SYSTEM = "renameat2:*:ENOSYS"
OWN = (b"mine", b"data", b"edited")
"""What `add_to` leaves in files."""
PARTS = (100, 40)
"""Of an artifact that is split: more parts than stay open."""


def edit(prefix: Path) -> None:
    """A changed file, one that is gone, others added."""
    with (prefix / "bin/hello").open("a") as file:
        file.write("echo more\n")
    (prefix / "share/empty").unlink()
    (prefix / "own/deep").mkdir(parents=True)
    (prefix / "own/deep/one").write_text("1st")
    os.link(prefix / "own/deep/one", prefix / "own/two")


def age(folder: Path) -> None:
    """What was made just now was made long ago: what runs do goes by times, and shall do the same each time."""
    for path in folder.rglob("*"):
        status = path.lstat()
        if time.time() - status.st_mtime < 3600:
            os.utime(path, (status.st_atime, int(status.st_mtime) - 7200), follow_symlinks=False)


@dataclass(frozen=True)
class Stage:
    """A folder with artifacts around a stub made for faults, and the place of the scenes."""

    folder: Path
    maker: Maker

    @cached_property
    def first(self) -> Installer:
        return self.maker.make(small())

    @cached_property
    def second(self) -> Installer:
        return self.maker.make(small(b"2"), "second.sh")

    @property
    def place(self) -> Path:
        return self.folder / "place"

    @property
    def prefix(self) -> Path:
        return self.place / "env"

    @property
    def start_up(self) -> Path:
        """A shell's start-up file, with lines of its owner's."""
        return self.place / "home/.bashrc"

    @property
    def variables(self) -> dict[str, str]:
        """Of somebody who lives in the place."""
        return {"HOME": str(self.start_up.parent), "SHELL": "/bin/bash"}

    def with_scripts(
        self, name: str, release: bytes = b"1", split: tuple[int, int] = (0, 0), **texts: str
    ) -> Installer:
        """An artifact with scripts, by the names of their kinds."""
        return self.maker.make(hooked(small(release), **texts), name, split)

    def install(self, app: Installer | None = None, *options: str) -> None:
        """An installation, not synced."""
        command = (app or self.first).command("--prefix", self.prefix, "--no-sync", "-q", *options)
        run_with(command, variables=self.variables).check_returncode()

    def install_and_add(self) -> None:
        """And what a user does to it."""
        self.install()
        add_to(self.prefix)

    def make_home(self) -> None:
        """A home directory; the start-up file does not end with a newline, and only its owner may read it."""
        self.start_up.parent.mkdir()
        self.start_up.write_text("alias ll='ls -l'")
        self.start_up.chmod(0o600)

    def keep(self, prepare: Callable[[], None], name: str = "env") -> Callable[[], None]:
        """The same as PREPARE, by copying what it makes; NAME is what the copy's prefix is called."""
        kept = self.folder / f"kept-{len(list(self.folder.glob('kept-*')))}"
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        prepare()
        age(self.place)
        self.place.rename(kept)

        def copy() -> None:
            subprocess.run(["cp", "-a", f"{kept}/.", self.place], check=True)
            if name != "env":
                self.prefix.rename(self.place / name)

        return copy

    def scene(self, name: str, prepare: Callable[[], None] = lambda: None, **changes: object) -> Scene:
        """Installing there; CHANGES to that."""
        values = {"command": self.command(self.first), "prefix": self.prefix, **changes}
        return Scene(name, self.place, prepare=prepare, **values)  # type: ignore[arg-type] # fields of Scene

    def command(self, app: Installer, *options: str) -> list[str]:
        """A command that installs, with one thread."""
        return app.command("--prefix", self.prefix, "-j1", *options)

    def tool(self, prefix: Path, *options: object) -> list[str]:
        """A command of the tool of an installation."""
        return [str(prefix / ".sfxpack/sfx"), *map(str, options), "-j1"]


def make_stage(stub: Path, folder: Path) -> Stage:
    """Artifacts with a stub made for faults."""
    (folder / "media").mkdir(parents=True, exist_ok=True)
    return Stage(folder, Maker(stub, folder / "media"))


def after_run(scene: Scene, faults: str) -> Scene:
    """The same where a run was killed: what that left has to be undone or finished first."""
    prepare = scene.prepare

    def disturb() -> None:
        prepare()
        run_with(scene.command, faults, variables=scene.variables)

    scene.name += ", after a killed run"
    scene.prepare, scene.cleans = disturb, True
    return scene


def removing(stage: Stage, name: str, prepare: Callable[[], None]) -> Scene:
    """Killed after the record has gone, what is left is as of a killed installer: the next one removes it."""
    command = [str(stage.prefix / ".sfxpack/sfx"), "uninstall", "--yes"]
    return stage.scene(name, prepare, command=command, may_stay=(".env",), may_keep=True, cleans=True)
