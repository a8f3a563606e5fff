"""Where conda, mamba, micromamba and pixi keep environments, found as they find them but without running them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

_ENVS_KEYS: Final = ("envs_dirs", "envs_path")
_BASE: Final = "base"


def environments(variables: Mapping[str, str], home: Path, folder: Path) -> dict[str, tuple[Path, ...]]:
    """All environments that can be found, by name; several of one name differ in their real paths.

    Args:
        variables: the process's environment variables.
        home: the user's home directory.
        folder: the current folder; pixi keeps environments in its projects.
    """
    found: dict[str, dict[str, Path]] = {}

    def add(name: str, path: Path) -> None:
        if name and is_environment(path):
            found.setdefault(name, {}).setdefault(os.path.realpath(path), path)

    roots = tuple(_roots(variables, home))
    for root in roots:
        add(_BASE, root)
    for directory in (*_envs_directories(variables, home, roots), folder / ".pixi" / "envs"):
        for path in _subdirectories(directory):
            add(path.name, path)
    for path in registered(home):
        add(_BASE if any(_same(path, root) for root in roots) else path.name, path)
    return {name: tuple(paths.values()) for name, paths in sorted(found.items())}


def is_environment(path: Path) -> bool:
    """Whether it holds conda's records."""
    return os.path.isdir(path / "conda-meta")


def registered(home: Path) -> tuple[Path, ...]:
    """The environments conda has noted down, wherever they lie."""
    return tuple(Path(line) for line in _lines(home / ".conda" / "environments.txt") if line.startswith("/"))


def _roots(variables: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Installation roots, whose `envs` folder holds environments."""
    for key in ("CONDA_ROOT", "MAMBA_ROOT_PREFIX"):
        if variables.get(key):
            yield Path(variables[key])
    if variables.get("CONDA_EXE"):
        yield Path(variables["CONDA_EXE"]).parent.parent
    active = variables.get("CONDA_PREFIX")
    if active:
        parent = Path(active).parent
        yield parent.parent if parent.name == "envs" else Path(active)
    yield home / "micromamba"
    yield home / ".local" / "share" / "mamba"


def _envs_directories(variables: Mapping[str, str], home: Path, roots: Iterable[Path]) -> Iterator[Path]:
    for key in ("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"):
        yield from (Path(part).expanduser() for part in variables.get(key, "").split(os.pathsep) if part)
    for file in _configurations(variables, home, roots):
        for directory in envs_dirs("\n".join(_lines(file))):
            expanded = re.sub(r"\$\{?(\w+)\}?", lambda match: variables.get(match[1], match[0]), directory)
            yield home / expanded[2:] if expanded.startswith("~/") else Path(expanded)
    for root in roots:
        yield root / "envs"
    yield home / ".conda" / "envs"


def _configurations(variables: Mapping[str, str], home: Path, roots: Iterable[Path]) -> Iterator[Path]:
    """Where conda reads `.condarc` from (conda's docs, "Searching for .condarc"), and mamba `.mambarc`."""
    folders = [Path("/etc/conda"), Path("/var/lib/conda"), *roots, home / ".config/conda", home / ".conda", home]
    if variables.get("XDG_CONFIG_HOME"):
        folders.append(Path(variables["XDG_CONFIG_HOME"]) / "conda")
    yield from (folder / name for folder in folders for name in (".condarc", "condarc", ".mambarc"))
    yield from (Path(variables[key]) for key in ("CONDARC", "MAMBARC") if variables.get(key))


def envs_dirs(text: str) -> tuple[str, ...]:
    """The value of `envs_dirs` in a `.condarc`: a list in YAML's block or flow style, or one string."""
    found: list[str] = []
    within = False
    for line in text.splitlines():
        bare = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        key, colon, value = bare.partition(":")
        if colon and key in _ENVS_KEYS:
            within = True
            found.extend(part for part in (_unquoted(item) for item in value.strip(" []").split(",")) if part)
        elif within and bare.lstrip().startswith("- "):
            found.append(_unquoted(bare.lstrip()[2:]))
        elif bare:
            within = False
    return tuple(found)


def _unquoted(value: str) -> str:
    return value.strip().strip("'\"")


def _lines(path: Path) -> list[str]:
    """Lines of a file that may not exist or not be readable: then it says nothing."""
    try:
        return [line.strip("\r\n") for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()]
    except OSError:
        return []


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
