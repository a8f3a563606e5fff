"""The name or path a user gave -> the folder that is meant."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from sfxpack.environments import known
from sfxpack.errors import DiscoveryError, UnreadableError, UsageError, naming
from sfxpack.request import Request

SYSTEM_ROOTS: Final = frozenset({b"/", b"/usr", b"/usr/local"})
"""Prefixes that programs of the system name too: they cannot be told from an environment's own paths."""
SHARED_ROOTS: Final = frozenset({b"/opt", b"/sw", b"/srv", b"/data", b"/home", b"/root", b"/var", b"/tmp"})
"""Prefixes that some give to `configure` though they hold other things too; never renamed as a whole."""
SYSTEM_FOLDERS: Final = tuple(
    b"/" + name + b"/" for name in (b"usr", b"etc", b"lib", b"lib64", b"bin", b"sbin", b"proc", b"sys")
)
"""Below these nothing is renamed and nothing brought along: they are the system's own."""
_MOST_NAMED: Final = 20
"""Environments an error lists."""


@dataclass(frozen=True, slots=True)
class Located:
    """The folder to pack."""

    root: Path
    """Absolute, in the user's spelling where that was absolute."""
    warnings: tuple[str, ...] = ()


def locate(request: Request, variables: Mapping[str, str], folder: Path) -> Located:
    """Find the folder that is meant and make sure that it can be listed.

    Args:
        request: its `environment`, `by_name` and `by_path`.
        variables: the process's environment variables.
        folder: the current folder, absolute.

    Raises:
        UsageError: the name is unknown or ambiguous, or nothing is active; the known names are listed.
        DiscoveryError: the folder is missing, none, unreadable or a system's root.
    """
    given = request.environment
    if given == "":
        raise UsageError("the environment's name is empty; write . for this folder, or nothing for the active one")
    if given is None:
        located = _active(variables, folder)
    elif request.by_path or (not request.by_name and _is_path(given)):
        located = _project(_absolute(given, folder), variables)
    else:
        located = _named(given, request.by_name, variables, folder)
    _check(located.root)
    return located


def _is_path(given: str) -> bool:
    return os.sep in given or given in {".", "..", "~"} or (os.altsep is not None and os.altsep in given)


def _absolute(given: str, folder: Path) -> Path:
    path = Path(given)
    if given.startswith("~") and not os.path.lexists(folder / given):
        path = path.expanduser()
    if not path.is_absolute():
        path = folder / path
    return Path(os.path.realpath(path)) if ".." in path.parts else path


def _active(variables: Mapping[str, str], folder: Path) -> Located:
    """The environment the shell has activated; of two the inner one, which comes first on the PATH.

    Where none is active, that of the project the current folder lies in, as uv and pixi have it.
    """
    active = {key: variables[key] for key in ("CONDA_PREFIX", "VIRTUAL_ENV") if variables.get(key)}
    if not active:
        for place in (folder, *folder.parents):
            if known.of_project(place, variables):
                return _project(place, variables)
        raise UsageError(
            "no environment is active (neither CONDA_PREFIX nor VIRTUAL_ENV is set), and this folder is in no project "
            f"that keeps one; name one or give a path; {_listed(_all(variables, folder))}"
        )
    key = next(iter(active))
    warnings = []
    if len(active) > 1:
        path = variables.get("PATH", "").split(os.pathsep)
        places = {key: path.index(f"{value}/bin") for key, value in active.items() if f"{value}/bin" in path}
        key = min(places, key=lambda name: places[name]) if places else "VIRTUAL_ENV"
        other = next(name for name in active if name != key)
        warnings.append(
            f"two environments are active: packing {active[key]} ({key}, the inner one), not {active[other]} ({other})"
        )
    root = Path(active[key])
    if not root.is_dir():
        raise DiscoveryError(f"{root}: {key} names this folder, but it does not exist; activate again or give a path")
    return Located(root, tuple(warnings))


def _project(path: Path, variables: Mapping[str, str]) -> Located:
    """A project's folder stands for the environment it keeps."""
    _check(path)
    kept = () if known.is_environment(path) else known.of_project(path, variables)
    if not kept:
        return Located(path)
    if len(kept) > 1:
        names = ", ".join(str(item) for item in kept)
        raise UsageError(f"{path}: a project folder with several environments; name one of them: {names}")
    return Located(kept[0], (f"{path} is a project folder: packing its environment {kept[0]}",))


def _all(variables: Mapping[str, str], folder: Path) -> Mapping[str, tuple[Path, ...]]:
    home = Path(variables.get("HOME") or os.path.expanduser("~"))
    return known.environments(variables, home, folder)


def _named(name: str, by_name: bool, variables: Mapping[str, str], folder: Path) -> Located:  # noqa: FBT001 as in Request
    environments = _all(variables, folder)
    found = environments.get(name, ())
    here = folder / name
    if os.path.isdir(here) and not by_name and not any(os.path.samefile(here, path) for path in found):
        if not found:
            return _project(here, variables)
        places = ", ".join(str(path) for path in found)
        raise UsageError(f"{name!r} is both a folder here and an environment ({places}); write ./{name} or -n {name}")
    if len(found) > 1:
        places = ", ".join(str(path) for path in found)
        raise UsageError(f"several environments are called {name!r}; give the path of one of them: {places}")
    if found:
        return Located(found[0])
    if os.path.lexists(here) and not by_name:
        raise DiscoveryError(
            f"{here}: is not a folder; give an environment's folder or its name; {_listed(environments, name)}"
        )
    raise UsageError(f"no environment called {name!r} and no folder of that name here; {_listed(environments, name)}")


def _listed(environments: Mapping[str, tuple[Path, ...]], name: str = "") -> str:
    """The environments that have a name, a line each; those first that are called nearly like this."""
    if not environments:
        return "no environment that has a name was found: give the path of one"
    names = dict.fromkeys((*get_close_matches(name, environments), *environments))
    lines = [f"{other}  {path}" for other in names for path in environments[other]]
    return naming("known names:", lines, _MOST_NAMED)


def _check(root: Path) -> None:
    try:
        is_folder = stat.S_ISDIR(os.stat(root).st_mode)
    except FileNotFoundError as error:
        what = "is a link that leads nowhere" if os.path.islink(root) else "does not exist"
        raise DiscoveryError(f"{root}: {what}; give the folder of an environment, or a name") from error
    except OSError as error:
        raise UnreadableError(f"{root}: cannot be reached: {error.strerror}") from error
    if not is_folder:
        raise DiscoveryError(f"{root}: is not a folder; give the folder of an environment, or a name")
    if {os.fsencode(root), os.path.realpath(os.fsencode(root))} & SYSTEM_ROOTS:
        raise DiscoveryError(
            f"{root}: is a system's own prefix, whose paths cannot be told from the environment's; "
            "install what you need to a prefix of its own and pack that"
        )
    if not os.access(root, os.R_OK | os.X_OK):
        raise UnreadableError(f"{root}: cannot be listed: permission denied; make it readable for this user")
