"""Whether every byte of an artifact is as it was made."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from sfxpack.format.artifact import Artifact
from sfxpack.inspect import open_artifact


def verify(path: Path) -> str:
    """Check every digest of the chain: locator, front, index, blocks, contents.

    Returns:
        Name of the build.

    Raises:
        UsageError: there is no such file.
        ArtifactError: with the verdict of the first check that fails.
    """
    with open_artifact(path) as opened:
        check_contents(opened)
        return opened.locator.build


def check_contents(opened: Artifact) -> None:
    """Read all blocks and compare the digests of blocks and contents."""
    deque(opened.pieces(), maxlen=0)
