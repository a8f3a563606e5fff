"""The frozen values that pass from one stage of the build to the next."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from sfxpack.format.layout import Derived, Encoding, EntryKind, Strategy

DEFAULT_LEVEL: Final = 4
"""zstd level; 5 takes 40 % more time for 2 % less size, 6 twice the time for 5 %."""

MODES: Final = 0o775
"""Permission bits that are kept: no set-id, no sticky bit, no write for others."""
ONE_NAME: Final = (0, 0)
"""Inode of files that have no other name."""


class Policy(Enum):
    """What to do with something that has more than one reasonable treatment."""

    KEEP = "keep"
    DROP = "drop"
    FAIL = "fail"
    RELOCATE = "relocate"
    """Only of ambiguous places in text: take them for the prefix."""
    FOLLOW = "follow"
    """Only of links that lead out: pack what they lead to."""


class Pyc(Enum):
    """What becomes of compiled Python whose source is packed."""

    KEEP = "keep"
    DROP = "drop"
    COMPILE = "compile"
    """Left out, and made again on the target by the interpreter that was installed."""


@dataclass(frozen=True, slots=True)
class Rename:
    """Paths of the build machine that lie elsewhere below the new prefix.

    Every environment has at least its own root, with `new` empty; a venv adds the parts of its base interpreter.
    """

    old: bytes
    """Absolute path without trailing slash; never a system root (`/`, `/usr`, `/usr/local`)."""
    new: bytes
    """Where it lies below the prefix: empty, or starting with `/`."""


def longest_first(renames: Iterable[Rename]) -> tuple[Rename, ...]:
    """In the order in which they are tried: one that lies below another comes before it."""
    return tuple(sorted(renames, key=lambda rename: (-len(rename.old), rename.old)))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a tree was made that lies elsewhere now, worked out from its files."""

    path: bytes
    count: int
    """Files that say so."""


@dataclass(frozen=True, slots=True)
class CondaFile:
    """What conda-meta says of one file, as far as relocation and records need it."""

    sha256: str
    """Hex, of the file in the package; empty if not recorded."""
    sha256_in_prefix: str
    """Hex, of the installed file; empty if not recorded."""
    file_mode: str
    """`text`, `binary` or empty."""
    placeholder: bytes
    """The package's build prefix; empty if the file held none."""
    path_type: str
    """`hardlink`, `softlink`, `pyc_file`, `unix_python_entry_point`, ..."""
    package: str
    """Name of the package, for reports."""
    offsets: object = None
    """Where the package's file holds the placeholder (conda/ceps#179), as recorded: any JSON, never trusted."""
    shebang_length: object = None
    """The same: bytes of the package's first line with its newline."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of the tree to pack; made by `tree`, without the file's contents."""

    path: bytes
    """Below the prefix, components joined by `/`."""
    kind: EntryKind
    mode: int
    """Permission bits as they shall be installed."""
    size: int
    """Bytes on disk, or of `data`; 0 for directories and links."""
    mtime_ns: int
    source: bytes = b""
    """Absolute path of the file on this machine; need not lie below the environment (a venv's base)."""
    link: bytes = b""
    """Text of a link, as on disk."""
    inode: tuple[int, int] = ONE_NAME
    """Device and inode; names with equal inodes become hard links."""
    data: bytes | None = None
    """Content made by sfxpack, instead of that of `source`."""


@dataclass(frozen=True, slots=True)
class Saving:
    """What one rule leaves out."""

    rule: str
    """As it would be typed."""
    files: int
    size: int
    """Bytes on disk; of a file with several names once, and only if all of them go."""


@dataclass(frozen=True, slots=True)
class Added:
    """Something of this machine that the user puts into the tree (`--add`)."""

    source: Path
    """A file or folder, as it was typed."""
    target: bytes
    """Below the prefix, normalised; empty: the prefix itself."""
    into: bool = False
    """A file goes into that folder under its own name; a folder is that one either way."""

    def __str__(self) -> str:
        return f"{self.source}={os.fsdecode(self.target) or '.'}"


@dataclass(frozen=True, slots=True)
class Addition:
    """What one `--add` came to, for reports."""

    path: bytes
    """Below the prefix; empty: the prefix itself."""
    files: int
    """Files and links, without those that filters leave out."""
    size: int


@dataclass(frozen=True, slots=True)
class Environment:
    """What was found by name or path; `tree` lists its files."""

    kind: str
    """`conda`, `venv` or `prefix`."""
    root: Path
    """Absolute; links resolved only where the caller's spelling was relative."""
    name: str
    renames: tuple[Rename, ...]
    """Longest `old` first; includes the root in both spellings if it is reached through a link, and earlier places."""
    conda: Mapping[bytes, CondaFile] = field(default_factory=dict)
    """By path below the prefix."""
    placeholders: tuple[bytes, ...] = ()
    """conda's build prefixes; never sites themselves."""
    additions: tuple[Entry, ...] = ()
    """Entries that do not lie below the root (a venv's base) or are made by sfxpack; they win over listed ones."""
    omissions: frozenset[bytes] = frozenset()
    """Paths below the root that are left out, with everything below them."""
    warnings: tuple[str, ...] = ()
    guests: tuple[Rename, ...] = ()
    """Those of the renames that hold in `hosts` only: folders of projects, which mean other things elsewhere."""
    hosts: frozenset[bytes] = frozenset()
    """Paths of the files in which they do."""
    origin: Origin | None = None
    """One of the renames that nobody gave."""
    added: Mapping[bytes, frozenset[bytes]] = field(default_factory=dict)
    """What `--add` brought along: the paths of its entries, by DEST."""
    findings: tuple[Finding, ...] = ()
    """What its own well-known files tell: `stale`."""
    prefix: bytes = b""
    """Where a tree for another system lay there; empty: at `root`."""

    @property
    def place(self) -> bytes:
        """The path that its files know it by."""
        return self.prefix or bytes(self.root)


class Kind(Enum):
    """What a file's content is, as far as finding sites goes."""

    TEXT = "text"
    BINARY = "binary"
    """Unknown format: slash rule, soft."""
    ELF = "elf"
    PYC = "pyc"
    ARCHIVE = "archive"
    """Compressed or an archive of compressed members: hits inside are unreachable."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place on disk that holds an old path, and what stands there in the neutral content.

    `content[start:end]` is replaced by `neutral`; the strategy renders that span again for a new prefix.
    """

    start: int
    end: int
    strategy: Strategy
    neutral: bytes = b""
    hits: tuple[int, ...] = (0,)
    """Offsets into `neutral` where the prefix was cut out; empty for SLASH and DERIVED."""
    encoding: Encoding = Encoding.PLAIN
    derived: Derived | None = None
    flags: int = 0
    detail: int = 0
    target: bytes = b""
    """DERIVED: path of the file the value is computed from."""
    renamed: bool = False
    """The old path was not the root itself, so rendering with the root does not give back what is on disk."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes replaced when building, with nothing left to do when installing (a loader path made relative)."""

    start: int
    end: int
    new: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the user should know of a file: where, which kind, how often."""

    category: str
    """`unreachable`, `ambiguous`, `external`, `unmanaged`, `soft`, `unquoted`, `stale`, `unsafe`, `offsets`, ..."""
    path: bytes
    detail: str = ""
    count: int = 1
    record: bytes = b""
    """`mismatch`: path of the RECORD or the file of `conda-meta` that is not true of the file."""


@dataclass(frozen=True, slots=True)
class Found:
    """All that the finders say of one file."""

    sites: tuple[Site, ...] = ()
    """Ascending, not overlapping."""
    edits: tuple[Edit, ...] = ()
    """Ascending; overlap neither each other nor a site."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Neutral:
    """A file's content with the old prefix gone, and its sites at their neutral offsets."""

    content: bytes
    sites: tuple[tuple[int, Site], ...]
    """(offset in `content`, site)."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What the target must have, from the binaries themselves."""

    kind: int
    value: int
    hard: bool
    path: bytes
