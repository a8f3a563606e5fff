"""What an environment is: found by name or place, its records read; one module a kind."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from sfxpack.environments import conda, origin, prefix, venv, witnesses
from sfxpack.environments.locate import locate
from sfxpack.environments.spelling import Spellings
from sfxpack.errors import DiscoveryError
from sfxpack.model import Environment
from sfxpack.request import Request


def discover(request: Request) -> Environment:
    """Find the environment a request means and read what its kind knows about its files.

    Raises:
        UsageError: the name is unknown or ambiguous.
        DiscoveryError: the folder is missing or unreadable, or cannot be packed as it is, or does not lie where it was
            made and its files do not agree where that was.
    """
    try:
        folder = Path.cwd()
    except OSError as error:
        raise DiscoveryError("the current folder does not exist any more; change to one that does") from error
    located = locate(request, os.environ, folder)
    spellings = Spellings.of(located.root, request.old_prefixes, os.environ, request.fix_stale)
    spellings, verdict = origin.work_out(located.root, spellings, given=bool(request.old_prefixes))
    found = _read(located.root, spellings, (*located.warnings, *verdict.warnings))
    left_out = {witnesses.STATE, *(entry.path for entry in found.additions)}
    stale = tuple(item for item in verdict.stale if item.path not in left_out and not conda.is_packaged(item, found))
    return replace(found, origin=verdict.origin, findings=stale)


def _read(root: Path, spellings: Spellings, warnings: tuple[str, ...]) -> Environment:
    if conda.is_conda(root):
        return conda.environment(root, spellings, warnings)
    if venv.is_venv(root):
        return venv.environment(root, spellings, warnings)
    return prefix.environment(root, spellings, warnings)


__all__ = ["discover"]
