"""The names under which an environment's files may know it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sfxpack.environments import condarc
from sfxpack.environments.locate import SYSTEM_ROOTS
from sfxpack.errors import UsageError
from sfxpack.model import Rename

_FOLDER_NAMES = frozenset({".venv", "venv", "env", ".env"})
"""Names that say nothing: the project's folder says more."""


@dataclass(frozen=True, slots=True)
class Spellings:
    """Absolute paths of one folder, without trailing slashes."""

    paths: tuple[bytes, ...]
    """The first is the root as it was given."""
    foreign: tuple[bytes, ...]
    """Where the user says that the tree was made (`--old-prefix`)."""

    @classmethod
    def of(cls, root: Path, old_prefixes: Iterable[str], variables: Mapping[str, str]) -> Spellings:
        """Collect the spellings that lead to this folder: its real path, the shell's, conda's register.

        Raises:
            UsageError: an old prefix is not absolute, or a system's root.
        """
        home = Path(variables.get("HOME") or "/")
        candidates = [os.path.realpath(root)]
        candidates += [variables[key] for key in ("CONDA_PREFIX", "VIRTUAL_ENV") if variables.get(key)]
        if variables.get("PWD"):
            candidates.append(os.path.normpath(os.path.join(variables["PWD"], os.path.relpath(root))))
        candidates += [str(path) for path in condarc.registered(home)]
        paths = [os.fsencode(root)]
        for candidate in candidates:
            _append_if_same(paths, candidate)
        return cls(tuple(paths), tuple(_old_prefix(text) for text in old_prefixes))

    def with_recorded(self, recorded: Iterable[str]) -> Spellings:
        """These and such of the recorded ones that lead to the same folder."""
        paths = list(self.paths)
        for candidate in recorded:
            _append_if_same(paths, candidate)
        return Spellings(tuple(paths), self.foreign)

    def leads_here(self, path: str) -> bool:
        """Whether a path is this folder, or was given as one it had."""
        return os.fsencode(path).rstrip(b"/") in (*self.paths, *self.foreign) or _same(self.paths[0], path)

    def contains(self, path: str) -> bool:
        """Whether a path lies below the folder, links resolved."""
        return os.path.realpath(os.fsencode(path)).startswith(os.path.realpath(self.paths[0]) + b"/")

    def renames(self, others: Iterable[Rename] = ()) -> tuple[Rename, ...]:
        """The root under all its names and the others, longest first."""
        known = {old: b"" for old in (*self.paths, *self.foreign) if old not in SYSTEM_ROOTS}
        for other in others:
            if other.old not in SYSTEM_ROOTS:
                known.setdefault(other.old, other.new)
        return tuple(Rename(old, known[old]) for old in sorted(known, key=lambda old: (-len(old), old)))


def product_name(root: Path) -> str:
    """A name for what is made of an environment: its folder's, or its project's; a single component."""
    name = root.name
    if name.lower() in _FOLDER_NAMES:
        name = root.parent.name
    elif root.parts[-3:-1] == (".pixi", "envs"):
        project = root.parents[2].name
        name = project if name == "default" else f"{project}-{name}"
    clean = re.sub(r"[^\w.+-]+", "-", name).strip("-.")
    return clean or "environment"


def _old_prefix(text: str) -> bytes:
    path = os.fsencode(text).rstrip(b"/")
    if not path.startswith(b"/") and not re.match(rb"[A-Za-z]:[\\/]", path):
        raise UsageError(f"--old-prefix {text}: is not an absolute path; give the folder the environment was made in")
    if path in SYSTEM_ROOTS or not path:
        raise UsageError(f"--old-prefix {text}: is a system's own prefix and cannot be searched for")
    return path


def _append_if_same(paths: list[bytes], candidate: str) -> None:
    path = os.fsencode(candidate).rstrip(b"/")
    if path.startswith(b"/") and os.path.normpath(path) == path and path not in paths and _same(paths[0], candidate):
        paths.append(path)


def _same(root: bytes, candidate: str) -> bool:
    try:
        return os.path.samefile(root, candidate)
    except (OSError, ValueError):
        return False
