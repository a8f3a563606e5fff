"""The numbers of the format, each defined here and nowhere else.

The Python writer and reader use these records directly; `scripts/gen_layout` renders `stubs/src/layout.h`
and the tables of SPEC.md from them. All integers are little-endian; records have no implicit padding.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from sfxpack.format.fields import Field, Record

VERSION: Final = 1
ALIGNMENT: Final = 4096
"""Bytes; the stub and the locator start at multiples of it."""
DIGEST_SIZE: Final = 32
"""Bytes of a BLAKE2b-256 digest."""
MAGIC: Final = b"\x89SFXP\r\n\x1a"
"""Eight bytes that no text has and that CRLF conversion or a 7-bit transport destroys."""
INDEX_MAGIC: Final = b"SFXI"
MANIFEST_MAGIC: Final = b"SFXPMAN\n"

# Limits: what a reader accepts at most, whatever the file says.
MAX_BLOCK_RAW: Final = 32 * 1024 * 1024
MAX_BLOCK_SIZE: Final = MAX_BLOCK_RAW + MAX_BLOCK_RAW // 128 + 1024
"""Compressed bytes; what zstd's bound gives for an incompressible block, rounded up."""
MAX_INDEX_RAW: Final = 1 << 30
MAX_INDEX_SIZE: Final = MAX_INDEX_RAW + MAX_INDEX_RAW // 128 + 1024
"""Compressed bytes, by the same bound."""
MAX_HEADER: Final = 65536
MAX_STUB: Final = 16 * 1024 * 1024
MAX_PATH: Final = 4095
"""Bytes of a path below the prefix, and of a link's text."""
MAX_NAME: Final = 255
"""Bytes of one component of a path."""
MAX_LEVEL: Final = 15
MAX_PREFIX: Final = 4000
MAX_TREES: Final = 256
"""Environments in one artifact."""
"""Bytes of a prefix to install to."""
MAX_SHEBANG_LINUX: Final = 127
"""Bytes of a first line, `#!` included and the newline not (BINPRM_BUF_SIZE of Linux < 5.1)."""
MAX_SHEBANG_MACOS: Final = 511
"""The newline must be among the first 512 bytes (IMG_SHSIZE of xnu)."""
CONDA_PLACEHOLDER: Final = 255
"""Bytes of the path that conda's packages hold in place of the prefix (`--prefix-length` of conda-build)."""
NO_LIMIT: Final = 0xFFFFFFFF
NO_ENTRY: Final = 0xFFFFFFFF


class Verdict(IntEnum):
    """What a reader says of a file; every check of the format ends in one of these names."""

    OK = 0
    BAD_MAGIC = 1
    BAD_VERSION = 2
    BAD_PLATFORM = 3
    UNKNOWN_FEATURE = 4
    BAD_EXTENT = 5
    TRUNCATED = 6
    TRAILING_BYTES = 7
    BAD_LOCATOR_DIGEST = 8
    BAD_FRONT_DIGEST = 9
    BAD_INDEX_DIGEST = 10
    BAD_INDEX_FRAME = 11
    BAD_TABLE = 12
    BAD_STRING = 13
    BAD_BLOCK = 14
    BAD_CONTENT = 15
    BAD_PATH = 16
    BAD_ORDER = 17
    BAD_ENTRY = 18
    BAD_LINK = 19
    BAD_SITE = 20
    BAD_DERIVED = 21
    BAD_REQUIREMENT = 22
    BAD_BLOCK_DIGEST = 23
    BAD_BLOCK_FRAME = 24
    BAD_CONTENT_DIGEST = 25


VERDICT_TEXT: Final = {
    Verdict.OK: "sound",
    Verdict.BAD_MAGIC: "no locator where one must be: damaged, or not made by sfxpack",
    Verdict.BAD_VERSION: "made by a newer sfxpack whose format this one does not know",
    Verdict.BAD_PLATFORM: "names a platform this sfxpack does not know",
    Verdict.UNKNOWN_FEATURE: "needs a feature this sfxpack does not have",
    Verdict.BAD_EXTENT: "an offset or size in the locator contradicts another",
    Verdict.TRUNCATED: "the file is shorter than it was made: the copy is incomplete",
    Verdict.TRAILING_BYTES: "the file is longer than it was made: something was appended",
    Verdict.BAD_LOCATOR_DIGEST: "the locator is damaged",
    Verdict.BAD_FRONT_DIGEST: "the header or the stub is damaged",
    Verdict.BAD_INDEX_DIGEST: "the index is damaged",
    Verdict.BAD_INDEX_FRAME: "the index does not decompress to its recorded size",
    Verdict.BAD_TABLE: "the tables of the index do not add up to its size",
    Verdict.BAD_STRING: "a string lies outside the strings or holds a NUL",
    Verdict.BAD_BLOCK: "a block's sizes, level or order are out of bounds",
    Verdict.BAD_CONTENT: "the contents do not add up to the blocks",
    Verdict.BAD_PATH: "a path is absolute, empty, too long, leaves the prefix or is kept for the installation",
    Verdict.BAD_ORDER: "paths are not in order, repeated, or lack their directory",
    Verdict.BAD_ENTRY: "a field of an entry is out of bounds",
    Verdict.BAD_LINK: "a link has no text, or a hard link names no earlier file",
    Verdict.BAD_SITE: "a site lies outside its content, overlaps another, or is of an unknown kind",
    Verdict.BAD_DERIVED: "a derived value names no file of a lower level",
    Verdict.BAD_REQUIREMENT: "a requirement is of an unknown kind, or its path too long",
    Verdict.BAD_BLOCK_DIGEST: "a block is damaged",
    Verdict.BAD_BLOCK_FRAME: "a block does not decompress to its recorded size",
    Verdict.BAD_CONTENT_DIGEST: "a file's content does not have its recorded digest",
}


class Exit(IntEnum):
    """Exit codes, the same on every system."""

    DONE = 0
    INTERNAL = 1
    USAGE = 2
    DAMAGED = 3
    WRONG_SYSTEM = 4
    PREFIX_IN_USE = 5
    PREFIX_TOO_LONG = 6
    NO_SPACE = 7
    IO = 8
    LOCKED = 9
    HOOK = 10
    SIGNATURE = 11
    EXCEPTIONS = 12
    INTERRUPTED = 130
    TERMINATED = 143


class Platform(IntEnum):
    """Target platforms; the names of files and options replace `_` of the first joint by `-`."""

    LINUX_X86_64 = 1
    LINUX_AARCH64 = 2
    LINUX_ARMV7L = 3
    LINUX_PPC64LE = 4
    LINUX_S390X = 5
    LINUX_RISCV64 = 6
    MACOS_X86_64 = 7
    MACOS_ARM64 = 8
    WINDOWS_X86_64 = 9
    WINDOWS_ARM64 = 10

    @property
    def label(self) -> str:
        """As users write it: `linux-x86_64`."""
        system, _, machine = self.name.lower().partition("_")
        return f"{system}-{machine}"

    @property
    def system(self) -> str:
        """`linux`, `macos` or `windows`."""
        return self.label.partition("-")[0]

    @property
    def machine(self) -> str:
        """`x86_64`, `aarch64`, ..."""
        return self.label.partition("-")[2]

    @classmethod
    def parse(cls, label: str) -> Platform:
        """From `linux-x86_64` or conda's `linux-64`.

        Raises:
            ValueError: the label names no platform.
        """
        wanted = CONDA_PLATFORMS.get(label, label)
        for platform in cls:
            if platform.label == wanted:
                return platform
        known = ", ".join(platform.label for platform in cls)
        raise ValueError(f"unknown platform {label!r}; known: {known}")


CONDA_PLATFORMS: Final = {
    "linux-64": "linux-x86_64",
    "linux-armv7l": "linux-armv7l",
    "linux-ppc64le": "linux-ppc64le",
    "linux-s390x": "linux-s390x",
    "linux-riscv64": "linux-riscv64",
    "osx-64": "macos-x86_64",
    "osx-arm64": "macos-arm64",
    "win-64": "windows-x86_64",
    "win-arm64": "windows-arm64",
}


class EntryKind(IntEnum):
    """What stands at a path."""

    DIRECTORY = 1
    FILE = 2
    LINK = 3
    HARD_LINK = 4


class EntryFlag(IntEnum):
    """Bits of an entry's flags."""

    TREE = 1
    """An environment of its own: what lies below is rendered for the path of this directory, not for the prefix."""


class Strategy(IntEnum):
    """How a site moves (design: the strategies that need nothing at install time are not here)."""

    TEXT = 1
    SHEBANG = 2
    CSTRING = 3
    SLASH = 4
    PYC = 5
    DERIVED = 6


class Encoding(IntEnum):
    """How the prefix is spelled at a site."""

    PLAIN = 0
    JSON = 1
    """Inside a JSON string: `"` and backslash escaped."""
    PYTHON = 2
    """Inside a Python literal: both quotes and backslash escaped."""
    PERCENT = 3
    """In a URL: every byte but unreserved ones (RFC 3986) and `/` as %XX."""
    UTF16LE = 4
    UTF16BE = 5
    UTF32LE = 6
    UTF32BE = 7
    JSON_SLASH = 8
    """Inside a JSON string whose writer escapes `/` too."""


class Derived(IntEnum):
    """The value of a derived site, computed from the final content of another file."""

    SIZE_DECIMAL = 1
    SIZE_LE32 = 2
    MTIME_LE32 = 3
    SHA256_HEX = 4
    SHA256_RECORD = 5
    """URL-safe base64 without padding, as in RECORD (PEP 376, PEP 427)."""
    SIPHASH13 = 6
    """PEP 552 hash of CPython 3.11 and later; 8 bytes little-endian."""
    SIPHASH24 = 7
    """As SIPHASH13 for CPython 3.7 to 3.10."""


class SiteFlag(IntEnum):
    """Bits of a site's flags."""

    SOFT = 1
    """A slash site that is left in the form the builder chose when the new prefix does not fit."""
    UNQUOTED = 2
    """Blanks or quotes in the new prefix may break this file: warn."""


class PycDetail(IntEnum):
    """Bits of a PYC site's detail."""

    BYTES = 1
    INTERNED = 2
    REF = 4
    ASCII = 8
    """The neutral content is ASCII; whether the rendering is depends on the new prefix too."""


class ShebangForm(IntEnum):
    """A SHEBANG site's detail: which re-exec form the interpreter's language allows."""

    PYTHON = 1
    SHELL = 2
    PERL = 3
    """Perl and Ruby, whose `-x` skips to the line `#!perl` or `#!ruby`."""
    NODE = 4
    ENV = 5
    """None: `/usr/bin/env` finds the interpreter on the PATH."""


class RequirementKind(IntEnum):
    """What the target must have."""

    GLIBC = 1
    CPU_LEVEL = 2


class RequirementFlag(IntEnum):
    """Bits of a requirement's flags."""

    HARD = 1
    """Refuse to install without it; otherwise warn."""


LOCATOR: Final = Record(
    "locator",
    (
        Field("magic", "b8", "89 53 46 58 50 0D 0A 1A", "equals MAGIC, else bad_magic"),
        Field("version", "u16", "format version", "equals 1, else bad_version"),
        Field("platform", "u16", "target platform", "a Platform, else bad_platform"),
        Field("must_understand", "u32", "features a reader must know", "0, else unknown_feature"),
        Field("may_ignore", "u32", "features a reader may ignore", "free"),
        Field("part_count", "z4", "further files the payload is split into", "0, else unknown_feature"),
        Field("stub_count", "z4", "further stubs", "0, else unknown_feature"),
        Field(
            "stub_offset", "u64", "bytes of the header, padded", "multiple of 4096, at most MAX_HEADER, else bad_extent"
        ),
        Field("stub_size", "u64", "bytes of the stub", "1 to MAX_STUB, else bad_extent"),
        Field(
            "locator_offset",
            "u64",
            "where this record stands",
            "where the reader found it, and stub_offset + stub_size rounded up to 4096, else bad_extent",
        ),
        Field(
            "index_offset",
            "u64",
            "start of the index frame; the blocks end here",
            "at or after the end of the locator, else bad_extent",
        ),
        Field("index_size", "u64", "compressed bytes of the index", "1 to MAX_INDEX_SIZE, else bad_extent"),
        Field("index_raw_size", "u64", "decompressed bytes of the index", "1 to MAX_INDEX_RAW, else bad_extent"),
        Field(
            "total_size",
            "u64",
            "bytes of the file",
            "index_offset + index_size, below 2**63, else bad_extent; equals the file's size, else truncated or "
            "trailing_bytes",
        ),
        Field("front_digest", "b32", "of all bytes before the locator", "equal, else bad_front_digest"),
        Field("index_digest", "b32", "of the index frame; names the build", "equal, else bad_index_digest"),
        Field("base_build", "z32", "build a delta applies to", "0, else unknown_feature"),
        Field("key_id", "z8", "which key signed", "0, else unknown_feature"),
        Field("signature", "z64", "Ed25519 over the fields before key_id", "0, else unknown_feature"),
        Field("reserved", "z228", "for later versions", "0, else unknown_feature"),
        Field("digest", "b32", "of all bytes of the locator before it", "equal, else bad_locator_digest"),
    ),
)

INDEX_HEADER: Final = Record(
    "index_header",
    (
        Field("magic", "b4", "`SFXI`", "equal, else bad_table"),
        Field("block_count", "u32", "records in the block table", "the tables fill the index exactly, else bad_table"),
        Field("content_count", "u32", "records in the content table", "as above"),
        Field("entry_count", "u32", "records in the entry table", "as above"),
        Field(
            "site_count", "u32", "records in the site table", "as above; the entries' counts sum to it, else bad_site"
        ),
        Field(
            "hit_count", "u32", "u32 values in the hit table", "as above; the sites' counts sum to it, else bad_site"
        ),
        Field("requirement_count", "u32", "records in the requirement table", "as above"),
        Field("strings_size", "u32", "bytes of the string table", "as above"),
        Field(
            "tree_count",
            "u32",
            "entries with the flag TREE",
            "at most MAX_TREES, else bad_table; as many as there are, else bad_entry",
        ),
        Field("hook_count", "z4", "hooks and messages", "0, else unknown_feature"),
    ),
)

PRODUCT: Final = Record(
    "product",
    (
        Field("name", "str", "name of the product", "a string, one component, not empty, else bad_string"),
        Field("release", "str", "its release, or empty", "a string, else bad_string"),
        Field("default_prefix", "str", "where to install by default, or empty", "a string, else bad_string"),
        Field("creator", "str", "`sfxpack` and its version", "a string, else bad_string"),
        Field("report", "str", "JSON: what the builder found; never needed to install", "a string, else bad_string"),
        Field("notices", "str", "licence texts of what the stub contains", "a string, else bad_string"),
        Field(
            "activation",
            "str",
            "what to type after installing, below the prefix, or empty",
            "a string, else bad_string",
        ),
        Field(
            "compile",
            "str",
            "interpreter that compiles the Python files after installing, below the prefix or each tree; or empty",
            "a string, else bad_string; empty, or an entry that is no directory, in each tree, else bad_entry",
        ),
        Field(
            "tree_size", "u64", "neutral bytes of all files, shared content counted per path", "the sum, else bad_entry"
        ),
        Field("prefix_limit", "u32", "longest prefix in bytes a hard site allows, or NO_LIMIT", "free"),
        Field("prefix_limit_entry", "u32", "entry that imposes it, or NO_ENTRY", "an entry, else bad_entry"),
    ),
)

BLOCK: Final = Record(
    "block",
    (
        Field(
            "size",
            "u32",
            "compressed bytes; blocks follow each other without gap",
            "1 to MAX_BLOCK_SIZE, else bad_block",
        ),
        Field("raw_size", "u32", "decompressed bytes", "1 to MAX_BLOCK_RAW, else bad_block"),
        Field(
            "level",
            "u8",
            "written after every block of a lower level",
            "not below the block before, at most MAX_LEVEL, else bad_block",
        ),
        Field("filter", "z1", "transformation before compression", "0, else unknown_feature"),
        Field("dictionary", "z2", "zstd dictionary", "0, else unknown_feature"),
        Field("digest", "b32", "of the compressed bytes", "equal, else bad_block_digest"),
    ),
)

CONTENT: Final = Record(
    "content",
    (
        Field(
            "size",
            "u64",
            "neutral bytes; contents follow each other in the decompressed blocks",
            "the sizes sum to those of the blocks; all blocks of a content have one level, else bad_content",
        ),
        Field("digest", "b32", "of the neutral bytes", "checked by verify: equal, else bad_content_digest"),
    ),
)

ENTRY: Final = Record(
    "entry",
    (
        Field("kind", "u8", "an EntryKind", "known, else bad_entry"),
        Field("flags", "u8", "EntryFlag bits", "known bits; TREE for a directory at the top only, else bad_entry"),
        Field("mode", "u16", "permission bits", "at most 0777, no write for others, 0 for links, else bad_entry"),
        Field(
            "target",
            "u32",
            "file: content; hard link: entry of its file; else 0",
            "file: a content, else bad_entry; hard link: an earlier file, else bad_link; else 0, else bad_entry",
        ),
        Field("mtime", "u64", "seconds since 1970-01-01 UTC; 0 for links", "below 2**40, else bad_entry"),
        Field(
            "path",
            "str",
            "below the prefix, components joined by `/`",
            "components not empty, `.` or `..`, at most MAX_NAME; at most MAX_PATH; neither `.sfxpack` nor "
            "`.sfxpack.new` nor below one of them, else bad_path; after the entry before it, its directory an entry, "
            "else bad_order",
        ),
        Field(
            "link",
            "str",
            "text of a link, neutral; empty for others",
            "links: 1 to MAX_PATH bytes or with sites, else bad_link",
        ),
        Field(
            "site_count",
            "u32",
            "sites of this entry, which follow those of the entry before",
            "0 unless file or link, else bad_site; links: TEXT and PLAIN only, else bad_site",
        ),
    ),
)

SITE: Final = Record(
    "site",
    (
        Field(
            "offset",
            "u64",
            "in the neutral content or link text",
            "at or after the end of the site before (two splices may share an offset); offset + span inside; "
            "SHEBANG: 0; SIPHASH13, SIPHASH24: at least 4, else bad_site",
        ),
        Field(
            "span",
            "u32",
            "neutral bytes that the rendering replaces",
            "as above; see the table of strategies, else bad_site",
        ),
        Field(
            "hit_count",
            "u16",
            "hits of this site, which follow those of the site before",
            "SLASH, DERIVED: 0; others: at least 1, else bad_site",
        ),
        Field("strategy", "u8", "a Strategy", "known, else bad_site"),
        Field(
            "encoding",
            "u8",
            "an Encoding; for DERIVED a Derived",
            "known; SHEBANG, PYC: PLAIN; CSTRING: PLAIN, UTF16 or UTF32; SLASH: not JSON_SLASH, else bad_site",
        ),
        Field("flags", "u8", "SiteFlag bits", "known bits, SOFT for SLASH only, else bad_site"),
        Field("detail", "u8", "PYC: PycDetail bits; SHEBANG: a ShebangForm; else 0", "known, else bad_site"),
        Field("reserved", "z2", "for later versions", "0, else unknown_feature"),
        Field(
            "target",
            "u32",
            "DERIVED: entry of the file; SHEBANG: where its line starts in the string table; else 0",
            "DERIVED: a file of a lower level, else bad_derived; SHEBANG: see below, others: 0, else bad_site",
        ),
    ),
)

REQUIREMENT: Final = Record(
    "requirement",
    (
        Field("kind", "u8", "a RequirementKind", "known, else bad_requirement"),
        Field("flags", "u8", "RequirementFlag bits", "known bits, else bad_requirement"),
        Field("reserved", "z2", "for later versions", "0, else unknown_feature"),
        Field("value", "u32", "GLIBC: major << 16 | minor; CPU_LEVEL: 1 to 4", "free"),
        Field(
            "path",
            "str",
            "file below the prefix that needs it most",
            "a string, else bad_string; at most MAX_PATH, else bad_requirement",
        ),
    ),
)

MANIFEST: Final = Record(
    "manifest",
    (
        Field("magic", "b8", "`SFXPMAN` and a newline", "equal, else bad_magic"),
        Field("version", "u16", "format version", "equals 1, else bad_version"),
        Field("platform", "u16", "target platform", "a Platform, else bad_platform"),
        Field("reserved", "z4", "for later versions", "0, else unknown_feature"),
        Field(
            "index_size",
            "u64",
            "compressed bytes of the index, which follows and ends the file",
            "equal, else truncated or trailing_bytes; 1 to MAX_INDEX_SIZE, else bad_extent",
        ),
        Field("index_raw_size", "u64", "decompressed bytes of the index", "1 to MAX_INDEX_RAW, else bad_extent"),
        Field("index_digest", "b32", "of the index frame; names the build", "equal, else bad_index_digest"),
        Field("digest", "b32", "of all bytes of this record before it", "equal, else bad_locator_digest"),
    ),
)

RECORDS: Final = (LOCATOR, INDEX_HEADER, PRODUCT, BLOCK, CONTENT, ENTRY, SITE, REQUIREMENT, MANIFEST)

# Names below PREFIX/.sfxpack/ and beside the prefix.
STATE_DIRECTORY: Final = ".sfxpack"
STAGING_INSIDE: Final = ".sfxpack.new"
"""Commit form B: staging inside an existing prefix."""
SELF_MARK: Final = b"# sfxpack"
"""The second line of a header: this mark, the version, the platform, `at=` and the locator's offset in 12 digits."""
