"""Any other tree: what `make install` left, an unpacked archive, an installation made by sfxpack."""

from __future__ import annotations

from pathlib import Path

from sfxpack.environments import activation_windows
from sfxpack.environments.spelling import Spellings, product_name
from sfxpack.model import Environment


def environment(root: Path, spellings: Spellings, warnings: tuple[str, ...]) -> Environment:
    """A tree of which nothing is known but where it lies. A Python for Windows gets activation scripts, all else stays.

    Raises:
        ResourceError: sfxpack's own templates are missing.
    """
    is_python = (root / "python.exe").is_file() and activation_windows.is_free(root)
    additions = activation_windows.entries() if is_python else ()
    return Environment("prefix", root, product_name(root), spellings.renames(), additions=additions, warnings=warnings)
