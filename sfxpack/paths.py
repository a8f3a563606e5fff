"""Paths as bytes, their components joined by `/`: what lies below what."""

from __future__ import annotations

from collections.abc import Iterable


def is_below(path: bytes, root: bytes) -> bool:
    """Whether a path is `root` or below it; by their spelling alone."""
    return path == root or path.startswith(root + b"/")


def above(paths: Iterable[bytes]) -> set[bytes]:
    """All directories on the way to some relative paths, without the top."""
    found: set[bytes] = set()
    for path in paths:
        parent = path.rpartition(b"/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition(b"/")[0]
    return found
