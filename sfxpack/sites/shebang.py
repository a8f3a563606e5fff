"""First lines of scripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from sfxpack.format.layout import MAX_SHEBANG_LINUX, MAX_SHEBANG_MACOS, Platform, ShebangForm, SiteFlag, Strategy
from sfxpack.model import Site
from sfxpack.sites.hits import Hit
from sfxpack.sites.spelling import Needles

MAX_SPAN: Final = 4096
_UNSAFE: Final = re.compile(rb"[\x00-\x20\"'\\$`\x7f-\xff]")
"""Bytes of a prefix with which the plain line is not used."""
_DIVIDES: Final = re.compile(rb"#![ \t]*\S*/env[ \t]+-[a-z]*S")
"""`env -S` divides its argument at blanks, those of a prefix too."""
_FORMS: Final = (
    (re.compile(rb"(?:python|pypy)[0-9.]*[a-z]*"), ShebangForm.PYTHON),
    (re.compile(rb"(?:ba|da|k|mk|z|a|ya)?sh"), ShebangForm.SHELL),
    (re.compile(rb"(?:perl|ruby)[0-9.]*"), ShebangForm.PERL),
    (re.compile(rb"node(?:js)?[0-9.]*"), ShebangForm.NODE),
)


def take(content: bytes, hits: Sequence[Hit], needles: Needles, platform: Platform) -> tuple[tuple[Site, ...], int]:
    """The SHEBANG site of `content`, if it has one, and how many of `hits` (the last ones) are not in it."""
    line = first_line(content) if platform.system != "windows" else b""
    inside = [hit for hit in hits if hit.end <= len(line)]
    if not inside:
        return (), len(hits)
    neutral = bytearray()
    offsets: list[int] = []
    rendered = bytearray()
    at = 0
    for hit in inside:
        neutral += line[at : hit.start]
        rendered += line[at : hit.start] + needles.root + hit.spelling.rename.new
        offsets.append(len(neutral))
        neutral += hit.spelling.rename.new
        at = hit.end
    neutral += line[at:]
    rendered += line[at:]
    if len(set(offsets)) < len(offsets) or len(neutral) > MAX_SPAN:
        return (), len(hits)
    limit = MAX_SHEBANG_MACOS if platform.system == "macos" else MAX_SHEBANG_LINUX
    plain = len(rendered) <= limit and not _UNSAFE.search(needles.root)
    site = Site(
        0,
        len(line),
        Strategy.SHEBANG,
        bytes(neutral),
        tuple(offsets),
        flags=SiteFlag.UNQUOTED if _DIVIDES.match(line) else 0,
        detail=form(line),
        renamed=not plain or rendered != line,
    )
    return (site,), len(hits) - len(inside)


def first_line(content: bytes) -> bytes:
    """The first line of a script without its newline; empty if it cannot become a SHEBANG site."""
    if not content.startswith(b"#!"):
        return b""
    end = content.find(b"\n", 0, MAX_SPAN * 2)
    if end < 0:
        end = len(content)
    line = content[:end]
    return b"" if len(line) > MAX_SPAN * 2 or b"\0" in line or line.endswith(b"\r") else line


def is_free(content: bytes) -> bool:
    """Whether the first line of `content` may change its length, although the rest is not text.

    A script in an unknown encoding, or one that a zip file follows: the zip is read from its end (zipapp, PEP 441).
    """
    return content.startswith(b"#!") and (b"\0" not in content or is_zip(content))


def is_zip(content: bytes) -> bool:
    """Whether `content` ends in a zip file's directory (APPNOTE.TXT 4.3.16: 22 bytes and a comment)."""
    return content.rfind(b"PK\x05\x06", max(len(content) - 65557, 0)) >= 0


def form(line: bytes) -> ShebangForm:
    """Which re-exec form the interpreter of `line` allows."""
    words = line[2:].split()
    name = words[0].rpartition(b"/")[2] if words else b""
    if name == b"env":
        others = [word for word in words[1:] if not word.startswith(b"-") and b"=" not in word]
        name = others[0].rpartition(b"/")[2] if others else name
    for pattern, result in _FORMS:
        if pattern.fullmatch(name):
            return result
    return ShebangForm.ENV
