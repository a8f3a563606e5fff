"""What the user asked for: the options of `sfxpack build` and `sfxpack scan` as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sfxpack.format.layout import HookKind, Platform
from sfxpack.model import DEFAULT_LEVEL, Added, Policy, Pyc

SFXDATA: Final = -1
"""Of `Request.split`: all but the program in one file beside it."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a `.exe` shows of itself and how it is signed; nothing of it holds for other platforms."""

    icon: Path | None = None
    """None: the one that every installer of ours has."""
    publisher: str = ""
    description: str = ""
    gui: bool = False
    """No console: shells do not wait for it."""
    sign_command: str = ""
    """To be split like a line of a shell; `{in}` and `{out}` are files."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked `sfxpack build` or `sfxpack scan` for."""

    environment: str | None
    """Name or path; None is the active one, or that of the project the current folder lies in."""
    more: tuple[str, ...] = ()
    """Further environments; then each is packed below a name of its own, which may be given as `NAME=ENVIRONMENT`."""
    by_name: bool = False
    """`environment` is a name, whatever lies in the current folder (`-n`)."""
    by_path: bool = False
    """`environment` is a path, whatever environments have that name (`-p`)."""
    output: Path | None = None
    name: str = ""
    release: str = ""
    level: int = DEFAULT_LEVEL
    default_prefix: str = ""
    platform: Platform | None = None
    jobs: int = 0
    """Threads; 0 is the number of usable cores."""
    force: bool = False
    split: int = 0
    """Each file that is written has fewer bytes; 0: one file; or SFXDATA."""
    old_prefixes: tuple[str, ...] = ()
    """Where the tree was made; empty: worked out."""
    fix_stale: tuple[str, ...] = ()
    """Further places that some files still name."""
    ambiguous: Policy = Policy.KEEP
    editable: Policy = Policy.KEEP
    """Editable installations: KEEP packs their projects, DROP leaves them out, FAIL."""
    secrets: Policy = Policy.DROP
    """Passwords, tokens and keys: DROP cuts them where the file works without, KEEP, FAIL."""
    external: Policy = Policy.KEEP
    """Links that lead out of the tree: KEEP, FOLLOW or FAIL."""
    added: tuple[Added, ...] = ()
    """What comes into the tree besides; with several environments each begins with the name of one."""
    rules: tuple[str, ...] = ()
    """What is left out, as lines of gitignore in their order: the last that matches a path counts."""
    slim: tuple[str, ...] = ()
    """Names of `selection.PRESETS`; `rules` come after them."""
    slim_base: bool = False
    """A venv's base Python comes along without what the venv does not need."""
    pyc: Pyc = Pyc.KEEP
    strict: bool = False
    """Refuse a tree that is not what its packages installed."""
    limit_strict: bool = False
    hooks: tuple[tuple[HookKind, Path], ...] = ()
    """Scripts and texts of the vendor's, at most one file of a kind."""
    program: Program = Program()
    binary_padding: str = "conda"
    """conda's files: `conda` (C string, NULs) or `slash`."""
