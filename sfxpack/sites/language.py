"""How a path is quoted in a text file, as far as a new path could break it."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from enum import Enum
from typing import Final

from sfxpack.format.layout import Encoding, SiteFlag
from sfxpack.sites.hits import Hit

MAX_PARSED: Final = 16 * 1024 * 1024
"""Bytes; larger files are not parsed to see whether they are JSON."""
_JSON_NAMES: Final = (b".json", b".ipynb", b".jsonl", b".jsonlines", b".geojson", b".webmanifest")
_PYTHON_NAMES: Final = (b".py", b".pyi", b".pyw", b".pyx", b".pxd")
_BARE_NAMES: Final = (
    *(b".sh", b".bash", b".zsh", b".ksh", b".csh", b".tcsh", b".fish", b".env", b".desktop", b".service"),
    *(b".mk", b".mak", b".make", b".am", b".pc", b".la", b".cmake", b".pri", b".prf", b".prl", b".pro", b"-config"),
)
"""Ends of names of files in which a blank separates words."""
_BARE_FILES: Final = frozenset(
    (
        b"makefile",
        b"gnumakefile",
        b"makeconf",
        b"configure",
        b"libtool",
        b"config.status",
        b"activate",
        b"ldpaths",
        b"renviron",
    ),
)
_SHELLS: Final = re.compile(rb"#![ \t]*\S*?/(?:env[ \t]+(?:-\S+[ \t]+)*)?(?:ba|da|k|mk|z|c|tc|fi|a)?sh\b")
_PYTHONS: Final = re.compile(rb"#![^\n]*?(?:python|pypy)[^/\n]*\n")
REEXEC: Final = re.compile(rb"#![ \t]*/bin/sh[^\n]*\n'''exec' ")
"""The form pip, distlib, conda and sfxpack give to Python scripts whose interpreter's path is long or has blanks."""
_TOKEN: Final = re.compile(
    rb"#[^\n]*"
    rb"|(?:(?<![A-Za-z0-9_])([A-Za-z]{1,2}))?"
    rb"(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''"
    rb"|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')",
    re.DOTALL,
)
_QUOTE: Final = re.compile(rb"\\.|[\"']", re.DOTALL)
_HERE: Final = re.compile(rb"<<-?[ \t]*(['\"])\w+\1[ \t]*\n\Z")
"""The line before a here-document whose text the shell takes as it is."""


class Language(Enum):
    """What decides about escaping."""

    JSON = 1
    PYTHON = 2
    BARE = 3
    """Words separated by blanks: shell, make, pkg-config."""
    OTHER = 4
    """Prose, INI values, markup: a blank breaks nothing."""


def language(path: bytes, content: bytes) -> Language:
    """From the first line, else the name, else whether the content parses as JSON."""
    name = path.rpartition(b"/")[2].lower()
    if content.startswith(b"#!"):
        if REEXEC.match(content) or _PYTHONS.match(content):
            return Language.PYTHON
        if _SHELLS.match(content):
            return Language.BARE
    if name.endswith(_JSON_NAMES):
        return Language.JSON
    if name.endswith(_PYTHON_NAMES):
        return Language.PYTHON
    if name.endswith(_BARE_NAMES) or name in _BARE_FILES or name.startswith((b"makefile.", b"activate.")):
        return Language.BARE
    return Language.JSON if _is_json(content) else Language.OTHER


@dataclass(frozen=True, slots=True)
class Context:
    """Says for each hit of one file how a path stands there."""

    language: Language
    content: bytes
    literals: tuple[tuple[int, int, bool], ...]
    """Python: begin, end and rawness of the string literals."""
    head: int
    """Bytes at the start that are shell, whatever the language: the re-exec lines."""

    def quoting(self, hit: Hit, *, urls: bool = True) -> tuple[Encoding, int]:
        """Encoding and flags of a site at `hit`; `urls`: whether paths in `file://` are percent-encoded."""
        spelled = self._spelled(hit)
        if spelled is not Encoding.PLAIN:
            return spelled, 0
        if urls and self.content.endswith(b"file://", max(hit.start - 7, 0), hit.start):
            return Encoding.PERCENT, 0
        if self.language is Language.JSON:
            return Encoding.JSON, 0
        if self.language is Language.BARE:
            return Encoding.PLAIN, 0 if self._quoted(hit.start) else SiteFlag.UNQUOTED
        if self.language is Language.PYTHON and hit.start >= self.head:
            at = bisect_right(self.literals, hit.start, key=lambda literal: literal[0]) - 1
            if at >= 0 and hit.start < self.literals[at][1]:
                return (Encoding.PLAIN, SiteFlag.UNQUOTED) if self.literals[at][2] else (Encoding.PYTHON, 0)
        return Encoding.PLAIN, 0

    def _spelled(self, hit: Hit) -> Encoding:
        """What the hit itself says, and what stands right before a path of Windows in a URL."""
        if hit.spelling.form & SiteFlag.FORWARD:
            in_url = self.content.endswith(b"file:///", max(hit.start - 8, 0), hit.start)
            return Encoding.PERCENT if in_url else hit.spelling.encoding
        escapes = hit.spelling.encoding is Encoding.JSON and b"\\\\" in hit.spelling.pattern
        return Encoding.PYTHON if escapes and self.language is Language.PYTHON else hit.spelling.encoding

    def _quoted(self, at: int) -> bool:
        """Whether the line up to `at` has an open quote, or begins a quoted here-document."""
        start = self.content.rfind(b"\n", 0, at) + 1
        if _HERE.search(self.content, max(start - 256, 0), start):
            return True
        line = self.content[max(start, at - 4096) : at]
        quote = b""
        for token in _QUOTE.findall(line):
            if not quote and len(token) == 1:
                quote = token
            elif token == quote:
                quote = b""
        return bool(quote)


def context(path: bytes, content: bytes) -> Context:
    """How paths stand in `content`."""
    tongue = language(path, content)
    literals: tuple[tuple[int, int, bool], ...] = ()
    head = 0
    if tongue is Language.PYTHON:
        if REEXEC.match(content):
            head = content.find(b"\n", content.find(b"\n") + 1) + 1
        literals = tuple(
            (match.start(), match.end(), b"r" in (match[1] or b"").lower())
            for match in _TOKEN.finditer(content)
            if not match[0].startswith(b"#")
        )
    return Context(tongue, content, literals, head)


def _is_json(content: bytes) -> bool:
    bare = content[:64].lstrip()[:1], content[-64:].rstrip()[-1:]
    if len(content) > MAX_PARSED or bare not in ((b"{", b"}"), (b"[", b"]")):
        return False
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True
