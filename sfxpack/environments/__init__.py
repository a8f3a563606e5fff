"""What an environment is: found by name or place, its records read; one module a kind."""

from __future__ import annotations

import os
from pathlib import Path

from sfxpack.environments import conda, prefix, venv
from sfxpack.environments.locate import locate
from sfxpack.environments.spelling import Spellings
from sfxpack.errors import DiscoveryError
from sfxpack.model import Environment, Request


def discover(request: Request) -> Environment:
    """Find the environment a request means and read what its kind knows about its files.

    Raises:
        UsageError: the name is unknown or ambiguous.
        DiscoveryError: the folder is missing or unreadable, or cannot be packed as it is.
    """
    try:
        folder = Path.cwd()
    except OSError as error:
        raise DiscoveryError("the current folder does not exist any more; change to one that does") from error
    located = locate(request, os.environ, folder)
    spellings = Spellings.of(located.root, request.old_prefixes, os.environ)
    if conda.is_conda(located.root):
        return conda.environment(located.root, spellings, located.warnings)
    if venv.is_venv(located.root):
        return venv.environment(located.root, spellings, located.warnings)
    return prefix.environment(located.root, spellings, located.warnings)


__all__ = ["discover"]
