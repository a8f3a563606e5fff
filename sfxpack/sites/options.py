"""What a caller may choose, as far as finding sites goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sfxpack.format.layout import Platform
from sfxpack.model import Policy


@dataclass(frozen=True, slots=True)
class Options:
    """The same for all files of one build."""

    platform: Platform = Platform.LINUX_X86_64
    """Of the tree, never of the machine that packs it."""
    ambiguous: Policy = Policy.KEEP
    """Hits that may be another path: KEEP and FAIL leave and list them (the caller fails), RELOCATE relocates them."""
    limit_strict: bool = False
    """No SLASH site is soft."""
    binary_padding: str = "conda"
    """conda's binary files: `conda` (C string, NULs) or `slash`."""
    aliases: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    """By path of a file: its other names (hard links, symlinks to it), see `link.aliases`."""
