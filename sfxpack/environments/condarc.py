"""Where conda, mamba and micromamba keep environments, found as they find them but without running them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

_ENVS_KEYS: Final = ("envs_dirs", "envs_path")
_ENVS_VARIABLES: Final = ("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS", "MAMBA_ENVS_DIRS")


def is_environment(path: Path) -> bool:
    """Whether it holds conda's records."""
    return os.path.isdir(path / "conda-meta")


def registered(home: Path) -> tuple[Path, ...]:
    """The environments conda has noted down, wherever they lie."""
    lines = _text(home / ".conda" / "environments.txt").splitlines()
    return tuple(Path(line) for line in lines if line.startswith("/"))


def roots(variables: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Installation roots, whose `envs` folder holds environments; not all need exist."""
    for key in ("CONDA_ROOT", "MAMBA_ROOT_PREFIX"):
        if variables.get(key):
            yield Path(variables[key])
    if variables.get("CONDA_EXE"):
        yield Path(variables["CONDA_EXE"]).parent.parent
    active = variables.get("CONDA_PREFIX")
    if active:
        yield _root_of(Path(active)) or Path(active)
    yield from filter(None, map(_root_of, registered(home)))
    yield home / "micromamba"
    yield home / ".local" / "share" / "mamba"


def envs_directories(variables: Mapping[str, str], home: Path, roots: Iterable[Path]) -> Iterator[Path]:
    """Folders whose subfolders are environments."""
    given = [part for key in _ENVS_VARIABLES for part in variables.get(key, "").split(os.pathsep) if part]
    configured = [directory for file in _configurations(variables, home, roots) for directory in envs_dirs(_text(file))]
    for text in (*given, *configured):
        expanded = re.sub(r"\$\{?(\w+)\}?", lambda match: variables.get(match[1], match[0]), text)
        yield home / expanded[2:] if expanded.startswith("~/") else Path(expanded).expanduser()
    for root in roots:
        yield root / "envs"
    yield home / ".conda" / "envs"


def envs_dirs(text: str) -> tuple[str, ...]:
    """The value of `envs_dirs` in a `.condarc`: a list, or one string. What is no YAML says nothing."""
    try:
        settings = yaml.safe_load(text)
    except yaml.YAMLError:
        return ()
    values = [settings.get(key) for key in _ENVS_KEYS] if isinstance(settings, dict) else []
    listed = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return tuple(item for item in listed if isinstance(item, str))


def _root_of(environment: Path) -> Path | None:
    """The root of an environment that lies in the `envs` folder of one; micromamba's is none itself."""
    return environment.parent.parent if environment.parent.name == "envs" else None


def _configurations(variables: Mapping[str, str], home: Path, roots: Iterable[Path]) -> Iterator[Path]:
    """Where conda reads `.condarc` from (conda's docs, "Searching for .condarc"), and mamba `.mambarc`."""
    folders = [Path("/etc/conda"), Path("/var/lib/conda"), *roots, home / ".config/conda", home / ".conda", home]
    for key, below in (("XDG_CONFIG_HOME", "conda"), ("CONDA_PREFIX", "")):
        if variables.get(key):
            folders.append(Path(variables[key], below))
    for folder in folders:
        yield from (folder / name for name in (".condarc", "condarc", ".mambarc"))
        yield from (path for path in sorted((folder / "condarc.d").glob("*")) if path.suffix in {".yml", ".yaml"})
    yield from (Path(variables[key]).expanduser() for key in ("CONDARC", "MAMBARC") if variables.get(key))


def _text(path: Path) -> str:
    """A file that may not exist or not be readable: then it says nothing."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
