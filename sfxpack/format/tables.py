"""The index as values: what `encode` writes and `decode` returns; SPEC.md says what each means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sfxpack.format.layout import (
    CONDA_PLACEHOLDER,
    NO_ENTRY,
    NO_LIMIT,
    EntryFlag,
    EntryKind,
    HookKind,
    Platform,
    RequirementKind,
    Strategy,
)


@dataclass(frozen=True, slots=True)
class IndexBlock:
    """One independent zstd frame."""

    size: int
    raw_size: int
    level: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class IndexContent:
    """Neutral bytes that one or more files share."""

    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class IndexSite:
    """A place in neutral content and how it is rendered."""

    offset: int
    span: int
    strategy: Strategy
    encoding: int = 0
    """An `Encoding`, or a `Derived` where the strategy is DERIVED."""
    hits: tuple[int, ...] = (0,)
    flags: int = 0
    detail: int = 0
    target: int = 0
    """DERIVED: position of an entry."""
    line: bytes = b""
    """SHEBANG: the neutral bytes of the span; without them the way back from a re-exec form would be a guess."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One path."""

    kind: EntryKind
    path: bytes
    mode: int = 0
    target: int = 0
    """FILE: position of its content; HARD_LINK: position of the file's entry."""
    mtime: int = 0
    link: bytes = b""
    sites: tuple[IndexSite, ...] = ()
    flags: int = 0


@dataclass(frozen=True, slots=True)
class IndexRequirement:
    """What the target must have."""

    kind: RequirementKind
    flags: int
    value: int
    path: bytes


@dataclass(frozen=True, slots=True)
class IndexHook:
    """A script or text of the vendor's."""

    kind: HookKind
    text: bytes


@dataclass(frozen=True, slots=True)
class Product:
    """What the installer says of itself."""

    name: bytes
    release: bytes = b""
    default_prefix: bytes = b""
    creator: bytes = b""
    report: bytes = b"{}"
    notices: bytes = b""
    activation: bytes = b""
    compile: bytes = b""
    tree_size: int = 0
    prefix_limit: int = NO_LIMIT
    prefix_limit_entry: int = NO_ENTRY


@dataclass(frozen=True, slots=True)
class Index:
    """The whole index."""

    product: Product
    blocks: tuple[IndexBlock, ...]
    contents: tuple[IndexContent, ...]
    entries: tuple[IndexEntry, ...]
    requirements: tuple[IndexRequirement, ...] = ()
    hooks: tuple[IndexHook, ...] = ()

    @property
    def trees(self) -> tuple[bytes, ...]:
        """Names of the directories at the top that are environments of their own."""
        return tuple(entry.path for entry in self.entries if entry.flags & EntryFlag.TREE)

    @property
    def limiting(self) -> IndexEntry | None:
        """The file that limits the length of the prefix."""
        at = self.product.prefix_limit_entry
        return None if at == NO_ENTRY else self.entries[at]

    @property
    def limit_is_condas(self) -> bool:
        """As `is_condas`."""
        strategies = (site.strategy for site in self.limiting.sites) if self.limiting else ()
        return is_condas(self.product.prefix_limit, strategies)


def is_condas(limit: int, strategies: Iterable[Strategy]) -> bool:
    """Whether a limit is the room for a path in a package of conda: no build at a longer path raises it.

    `strategies` are those of the sites of the file that imposes it; a file of conda has CSTRING, or with
    `--binary-padding slash` SLASH of the placeholder's length.
    """
    return limit == CONDA_PLACEHOLDER or Strategy.CSTRING in strategies


@dataclass(frozen=True, slots=True)
class Locator:
    """Where everything stands in the file."""

    platform: Platform
    stub_offset: int
    stub_size: int
    locator_offset: int
    index_offset: int
    index_size: int
    index_raw_size: int
    total_size: int
    front_digest: bytes
    index_digest: bytes
    part_count: int = 0
    first_size: int = 0
    part_size: int = 0

    @property
    def build(self) -> str:
        """Name of the build: the digest of its index, in hex."""
        return self.index_digest.hex()

    def payload(self, number: int) -> int:
        """Bytes of the stream in part `number`."""
        left = self.total_size - self.first_size - (number - 1) * self.part_size
        return min(left, self.part_size)
