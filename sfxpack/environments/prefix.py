"""Any other tree: what `make install` left, an unpacked archive, an installation made by sfxpack."""

from __future__ import annotations

from pathlib import Path

from sfxpack.environments.spelling import Spellings, product_name
from sfxpack.model import Environment


def environment(root: Path, spellings: Spellings, warnings: tuple[str, ...]) -> Environment:
    """A tree of which nothing is known but where it lies: nothing is added, nothing left out."""
    return Environment("prefix", root, product_name(root), spellings.renames(), warnings=warnings)
