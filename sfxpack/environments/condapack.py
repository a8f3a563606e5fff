"""What conda-pack leaves in a tree that was unpacked from its archive: its scripts, and where the tree was made.

Its `bin/conda-unpack` lists files with what to replace in each: for those no package owns, the environment's old path.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from pathlib import Path
from typing import Final

from sfxpack.model import Environment

UNPACK: Final = b"bin/conda-unpack"
_PROGRESS: Final = b"bin/conda_unpack_progress.py"
_COMPILED: Final = "bin/__pycache__/conda_unpack_progress.*.pyc"
_ADDED: Final = {
    UNPACK: b"\n_prefix_records = [\n",
    _PROGRESS: b"class progressbar",
    b"bin/deactivate": b"_conda_pack_deactivate",
}
"""Files that do harm or nothing in an installation, and what they hold: the last one knows conda-pack's `activate`."""
_ACTIVATE: Final = b"_conda_pack_activate"
_ROW: Final = re.compile(rb"^\((?:'[^\n]*'|\"[^\n]*\"), ('[^\n]*'|\"[^\n]*\"), 'text'\),?$", re.MULTILINE)
_PLACEHOLDER: Final = re.compile(rb'"prefix_placeholder"\s*:\s*"([^"\\]*)"')


def added(root: Path) -> frozenset[bytes]:
    """Paths of conda-pack's files that are left out."""
    found = {path for path, mark in _ADDED.items() if mark in _read(root / os.fsdecode(path))}
    if _PROGRESS in found:
        found.update(os.fsencode(path.relative_to(root)) for path in root.glob(_COMPILED))
    return frozenset(found)


def is_unpacked(environment: Environment) -> bool:
    """Whether the environment came out of an archive."""
    return UNPACK in environment.omissions


def is_activate(content: bytes) -> bool:
    """Whether a `bin/activate` is conda-pack's."""
    return _ACTIVATE in content


def made_at(root: Path) -> bytes | None:
    """The path of the environment that was packed; None if nothing tells it."""
    literals = Counter(match[1] for match in _ROW.finditer(_read(root / os.fsdecode(UNPACK))))
    if not literals:
        return None
    packages = {text for path in root.glob("conda-meta/*.json") for text in _PLACEHOLDER.findall(_read(path))}
    for literal, _ in literals.most_common():
        place = _path(literal)
        if place.startswith(b"/") and place not in packages:
            return place
    return None


def _path(literal: bytes) -> bytes:
    """What a Python literal of a string says; empty if it is none."""
    try:
        return os.fsencode(str(ast.literal_eval(literal.decode()))).rstrip(b"/")
    except (SyntaxError, ValueError):
        return b""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
