"""The numbers and names of the format, each defined here and nowhere else; its records are in `schema`.

`scripts/gen_layout` renders `stubs/src/layout.h` and the lists of SPEC.md from both.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

VERSION: Final = 1
ALIGNMENT: Final = 4096
"""Bytes; the stub and the locator start at multiples of it."""
DIGEST_SIZE: Final = 32
"""Bytes of a BLAKE2b-256 digest."""
MAGIC: Final = b"\x89SFXP\r\n\x1a"
"""Eight bytes that no text has and that CRLF conversion or a 7-bit transport destroys."""
INDEX_MAGIC: Final = b"SFXI"
MANIFEST_MAGIC: Final = b"SFXPMAN\n"
PART_MAGIC: Final = b"\x89SFXP\r\n\x1b"
"""As MAGIC; no part is taken for a first file."""

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
"""Bytes of a prefix to install to."""
MAX_TREES: Final = 256
"""Environments in one artifact."""
MAX_HOOK: Final = 1 << 20
"""Bytes of a script or text of the vendor's."""
MAX_PARTS: Final = 9999
"""Files besides the first."""
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
    BAD_HOOK = 26
    BAD_PART = 27


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
    Verdict.BAD_HOOK: "a hook or text is of an unknown kind, repeated, empty, too long or no script",
    Verdict.BAD_PART: "a part is missing, damaged, of another build or in the place of another",
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
    FORWARD = 4
    """The prefix stands here with `/` for each backslash (Windows)."""
    VERBATIM = 8
    r"""The prefix stands here as a path that Windows does not normalise, after `\\?\`."""


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
    MUSL = 3
    """The loader of musl, at its fixed place."""


class RequirementFlag(IntEnum):
    """Bits of a requirement's flags."""

    HARD = 1
    """Refuse to install without it; otherwise warn."""


class HookKind(IntEnum):
    """What a vendor put into the file."""

    PRE_INSTALL = 1
    POST_INSTALL = 2
    PRE_UNINSTALL = 3
    LICENSE = 4
    MESSAGE_BEFORE = 5
    MESSAGE_AFTER = 6

    @property
    def label(self) -> str:
        """As users write it: `pre-install`."""
        return self.name.lower().replace("_", "-")

    @property
    def is_script(self) -> bool:
        """Whether it is run, not shown."""
        return self <= HookKind.PRE_UNINSTALL


# Names below PREFIX/.sfxpack/ and beside the prefix.
STATE_DIRECTORY: Final = ".sfxpack"
STAGING_INSIDE: Final = ".sfxpack.new"
"""Commit form B: staging inside an existing prefix."""
SELF_MARK: Final = b"# sfxpack"
"""The second line of a header: this mark, the version, the platform, `at=` and the locator's offset in 12 digits."""
