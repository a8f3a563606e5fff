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
from sfxpack.model import Rename, longest_first

_FOLDER_NAMES = frozenset({".venv", "venv", "env", ".env"})
"""Names that say nothing: the project's folder says more."""


@dataclass(frozen=True, slots=True)
class Spellings:
    """Absolute paths of one folder, without trailing slashes."""

    paths: tuple[bytes, ...]
    """The first is the root as it was given."""
    foreign: tuple[bytes, ...]
    """Where it lay before: where it was made (`--old-prefix`, or worked out), what else is named (`--fix-stale`)."""

    @classmethod
    def of(
        cls, root: Path, old_prefixes: Iterable[str], variables: Mapping[str, str], stale: Iterable[str] = ()
    ) -> Spellings:
        """Collect the spellings that lead to this folder: its real path, the shell's, conda's register.

        Raises:
            UsageError: an old or stale prefix is not absolute, or a system's root.
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
        given = [_earlier("--old-prefix", text) for text in old_prefixes]
        given += [_earlier("--fix-stale", text) for text in stale]
        return cls(tuple(paths), ()).with_foreign(given)

    def with_recorded(self, recorded: Iterable[str]) -> Spellings:
        """These and such of the recorded ones that lead to the same folder."""
        paths = list(self.paths)
        for candidate in recorded:
            _append_if_same(paths, candidate)
        return Spellings(tuple(paths), self.foreign)

    def with_foreign(self, earlier: Iterable[bytes]) -> Spellings:
        """These and further places where the tree lay."""
        new = [path for path in earlier if path not in self.paths]
        return Spellings(self.paths, tuple(dict.fromkeys((*self.foreign, *new))))

    def contains(self, path: str) -> bool:
        """Whether a path lies below the folder, links resolved, or did so before the folder was moved."""
        text = os.fsencode(path)
        if os.path.realpath(text).startswith(os.path.realpath(self.paths[0]) + b"/"):
            return True
        below = (text[len(old) :] for old in self.foreign if text.startswith(old + b"/"))
        return any(os.path.exists(self.paths[0] + part) for part in below)

    def renames(self, others: Iterable[Rename] = ()) -> tuple[Rename, ...]:
        """The root under all its names and the others, longest first."""
        known = {old: b"" for old in (*self.paths, *self.foreign) if old not in SYSTEM_ROOTS}
        for other in others:
            if other.old not in SYSTEM_ROOTS:
                known.setdefault(other.old, other.new)
        return longest_first(Rename(old, new) for old, new in known.items())


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


def _earlier(option: str, text: str) -> bytes:
    path = os.fsencode(text).rstrip(b"/")
    if not text.startswith("/") and not is_windows(path):
        raise UsageError(f"{option} {text}: is not an absolute path; give the folder the environment lay in")
    if path in SYSTEM_ROOTS or not path:
        raise UsageError(f"{option} {text}: is a system's own prefix and cannot be searched for")
    return path


def is_windows(path: bytes) -> bool:
    r"""Whether a path is one of Windows, below a drive or a share: `C:\env`, `C:/env`, `\\server\share\env`."""
    return re.match(rb"[A-Za-z]:[\\/]+[^\\/]|\\\\[^\\/]+[\\/]+[^\\/]+[\\/]+[^\\/]", path) is not None


def _append_if_same(paths: list[bytes], candidate: str) -> None:
    path = os.fsencode(candidate).rstrip(b"/")
    if path.startswith(b"/") and os.path.normpath(path) == path and path not in paths and _same(paths[0], candidate):
        paths.append(path)


def _same(root: bytes, candidate: str) -> bool:
    try:
        return os.path.samefile(root, candidate)
    except (OSError, ValueError):
        return False
