"""The POSIX sh header in front of the stub: written by `render`, recognised by `parse`.

What it does is in `templates/header.sh.j2`; here are only the values it does that with. Every value but the mark on
line 2 goes through the `shquote` filter, and the whole is ASCII, because some shells cannot read a script that is not
valid in the encoding of the locale.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final
from unicodedata import category

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from sfxpack import resources
from sfxpack.errors import ArtifactError, UsageError
from sfxpack.format.layout import ALIGNMENT, MAX_HEADER, SELF_MARK, VERSION, Platform

TEMPLATE: Final = "header.sh.j2"
MAX_OFFSET: Final = 10**12 - ALIGNMENT
"""The largest multiple of ALIGNMENT that twelve digits can write."""

MACHINES: Final = {
    Platform.LINUX_X86_64: ("Linux/x86_64", "Linux/amd64"),
    Platform.LINUX_AARCH64: ("Linux/aarch64", "Linux/arm64"),
    # A 64-bit kernel under a 32-bit system (Raspberry Pi OS) says aarch64; one under a 32-bit process armv8l.
    Platform.LINUX_ARMV7L: ("Linux/armv7l", "Linux/armv8l", "Linux/aarch64"),
    Platform.LINUX_PPC64LE: ("Linux/ppc64le",),
    Platform.LINUX_S390X: ("Linux/s390x",),
    Platform.LINUX_RISCV64: ("Linux/riscv64",),
    # Rosetta runs x86_64 programs on arm64, and a shell under Rosetta says x86_64 on a Mac that runs arm64 programs.
    Platform.MACOS_X86_64: ("Darwin/x86_64", "Darwin/arm64"),
    Platform.MACOS_ARM64: ("Darwin/arm64", "Darwin/x86_64"),
}
"""What `uname -s` and `uname -m` say, joined by a slash, where a platform's stub runs. Windows has no header."""

SYSTEMS: Final = {"linux": "Linux", "macos": "macOS"}
"""As people write them."""

_START: Final = re.compile(
    rb"#!/bin/sh(\r?)\n" + re.escape(SELF_MARK) + rb" ([0-9]+) ([a-z0-9_-]+) at=([0-9]{12})\r?\n"
)
"""The first two lines."""


@dataclass(frozen=True, slots=True)
class HeaderVars:
    """All that a header depends on: the signature of the template.

    Raises:
        UsageError: the name or the release holds a control character.
        ValueError: the offsets contradict each other, or the platform has no header.
    """

    name: str
    release: str
    """May be empty."""
    platform: Platform
    stub_offset: int
    """Bytes of the header, padded; `size` says how many."""
    stub_size: int
    """Bytes of the stub without its padding."""
    locator_offset: int

    def __post_init__(self) -> None:
        """Refuse what no header can say."""
        if self.platform not in MACHINES:
            raise ValueError(f"{self.platform.label} has no sh header")
        for what, text in (("name", self.name), ("release", self.release)):
            if any(category(character) == "Cc" for character in text):
                raise UsageError(f"the {what} {text!r} holds a control character: choose another with --{what}")
        end = self.stub_offset + self.stub_size
        aligned = self.stub_offset % ALIGNMENT == 0 and self.locator_offset == end + -end % ALIGNMENT
        if not (aligned and 0 < self.stub_offset <= MAX_HEADER and self.stub_size > 0 and end <= MAX_OFFSET):
            raise ValueError(f"stub at {self.stub_offset}, {self.stub_size} bytes, locator at {self.locator_offset}")

    @property
    def mark(self) -> str:
        """Line 2, by which `parse` and the header itself know the file."""
        return f"{SELF_MARK.decode()} {VERSION} {self.platform.label} at={self.locator_offset:012}"

    @property
    def title(self) -> str:
        """What messages begin with; a `?` for each character that is not ASCII."""
        return f"{self.name} {self.release}".rstrip().encode("ascii", "replace").decode()

    @property
    def target(self) -> str:
        """The platform, for people."""
        return f"{SYSTEMS[self.platform.system]} on {self.platform.machine}"

    @property
    def machines(self) -> str:
        """This platform's row of MACHINES."""
        return " ".join(MACHINES[self.platform])

    @property
    def skip(self) -> int:
        """Units of ALIGNMENT before the stub."""
        return self.stub_offset // ALIGNMENT

    @property
    def count(self) -> int:
        """Units of ALIGNMENT the stub takes, its padding included."""
        return (self.locator_offset - self.stub_offset) // ALIGNMENT


def shquote(value: str | int) -> str:
    """Quote a value so that a shell reads back exactly its text.

    Raises:
        ValueError: it holds a NUL, which no shell can hold, or a line end, which would add a line to the header.
    """
    text = str(value)
    if re.search(r"[\0\r\n]", text):
        raise ValueError(f"cannot be quoted on one line: {text!r}")
    return "'" + text.replace("'", "'\\''") + "'"


def render(vars: HeaderVars) -> bytes:  # noqa: A002 the template's word for it
    """Return the header, padded with newlines to `stub_offset`.

    Raises:
        ValueError: it does not fit; `size` says what it needs.
    """
    text = _text(vars)
    if len(text) > vars.stub_offset:
        raise ValueError(f"the header takes {len(text)} bytes, not {vars.stub_offset}")
    return text.ljust(vars.stub_offset, b"\n")


def size(name: str, release: str, platform: Platform) -> int:
    """Return the bytes a header of this product takes, padded, wherever its stub and locator will be."""
    widest = HeaderVars(name, release, platform, MAX_HEADER, MAX_OFFSET - MAX_HEADER, MAX_OFFSET)
    used = len(_text(widest))
    return used + -used % ALIGNMENT


def parse(first: bytes) -> tuple[Platform, int]:
    """Return the platform and the locator's offset from the first ALIGNMENT bytes of an artifact.

    Raises:
        ArtifactError: they are not the start of an artifact that this sfxpack can read.
    """
    match = _START.match(first)
    if match is None:
        raise ArtifactError("bad_magic", "not made by sfxpack: its second line does not say so")
    converted, version, label, offset = match.groups()
    if converted:
        raise ArtifactError("bad_magic", "converted by a text-mode transfer (LF to CR LF): copy it in binary mode")
    if int(version) != VERSION:
        raise ArtifactError("bad_magic", f"of format version {version.decode()}: read it with the sfxpack that made it")
    by_label = {platform.label: platform for platform in MACHINES}
    if label.decode() not in by_label or int(offset) % ALIGNMENT or not int(offset):
        line = match[0].splitlines()[1]
        raise ArtifactError("bad_magic", f"its second line names no platform or offset this sfxpack knows: {line!r}")
    return by_label[label.decode()], int(offset)


def _text(values: HeaderVars) -> bytes:
    return _template().render(vars=values).encode("ascii")


@cache
def _template() -> Template:
    loader = FileSystemLoader(resources.template_directory())
    # The output is a shell script: HTML escaping would damage it, shquote is what protects it.
    environment = Environment(loader=loader, undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701
    environment.filters["shquote"] = shquote
    return environment.get_template(TEMPLATE)
