"""Environments that go by a name: those of conda and its kin, of pixi, and of tools that keep venvs in one place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from sfxpack.environments import condarc

_BASE: Final = "base"
_VENV_FOLDERS: Final = (
    ("WORKON_HOME", ".virtualenvs", ""),
    ("XDG_DATA_HOME", ".local/share", "virtualenvs"),
    ("POETRY_VIRTUALENVS_PATH", ".cache/pypoetry/virtualenvs", ""),
    ("POETRY_CACHE_DIR", ".cache/pypoetry", "virtualenvs"),
    ("PYENV_ROOT", ".pyenv", "versions"),
)
"""Where virtualenvwrapper, pipenv, poetry and pyenv-virtualenv keep venvs: the variable that names a folder, the
folder below the home directory if it does not, and the venvs below that."""


def environments(variables: Mapping[str, str], home: Path, folder: Path) -> dict[str, tuple[Path, ...]]:
    """All environments that can be found, by name; several of one name differ in their real paths.

    Args:
        variables: the process's environment variables.
        home: the user's home directory.
        folder: the current folder; pixi keeps environments in the projects it lies in.
    """
    found: dict[str, dict[str, Path]] = {}

    def add(name: str, path: Path) -> None:
        if name and is_environment(path):
            found.setdefault(name, {}).setdefault(os.path.realpath(path), path)

    roots = tuple(condarc.roots(variables, home))
    for root in roots:
        add(_BASE, root)
    for directory in (*condarc.envs_directories(variables, home, roots), *_others(variables, home, folder)):
        for path in _subdirectories(directory):
            add(path.name, path)
    for path in condarc.registered(home):
        add(_BASE if any(_same(path, root) for root in roots) else path.name, path)
    return {name: tuple(paths.values()) for name, paths in sorted(found.items())}


def is_environment(path: Path) -> bool:
    """Whether it is conda's, or a venv."""
    return condarc.is_environment(path) or os.path.isfile(path / "pyvenv.cfg")


def of_project(path: Path, variables: Mapping[str, str]) -> tuple[Path, ...]:
    """The environments that a project keeps in its folder."""
    venv = path / (variables.get("UV_PROJECT_ENVIRONMENT") or ".venv")
    kept = [venv] if os.path.isfile(venv / "pyvenv.cfg") else []
    return (*kept, *(item for item in _subdirectories(_pixi(path)) if condarc.is_environment(item)))


def _others(variables: Mapping[str, str], home: Path, folder: Path) -> Iterator[Path]:
    """Folders of environments that conda does not know."""
    if variables.get("PIXI_PROJECT_ROOT"):
        yield _pixi(Path(variables["PIXI_PROJECT_ROOT"]))
    yield from map(_pixi, (folder, *folder.parents))
    yield Path(variables.get("PIXI_HOME") or home / ".pixi") / "envs"
    for variable, usual, below in _VENV_FOLDERS:
        yield Path(variables.get(variable) or home / usual, below)


def _pixi(project: Path) -> Path:
    return project / ".pixi" / "envs"


def _subdirectories(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if os.path.isdir(path))
    except OSError:
        return []


def _same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return False
