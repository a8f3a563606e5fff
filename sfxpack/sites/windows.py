r"""Old paths of Windows in whatever spelling a file holds: any case, `\` or `/`, escaped, after `\\?\`, in URLs, wide.

There are too many of them to search for each. One pattern an old path finds them, and what it finds in a file becomes
the spellings that are searched for there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Final
from urllib.parse import quote

from sfxpack.format.layout import Encoding, SiteFlag
from sfxpack.model import Environment, Rename
from sfxpack.sites.cstring import Content
from sfxpack.sites.spelling import Needles, Spelling

_NARROW: Final = "utf-8"
_WIDE: Final = {Encoding.UTF16LE: "utf-16-le", Encoding.UTF16BE: "utf-16-be"}
_RUN: Final = re.compile(r"[A-Za-z0-9._~-]+")
"""Characters that are one byte each in every spelling (RFC 3986, "unreserved")."""
_SEPARATORS: Final = re.compile(rb"\\/|\\+|/+")
_ESCAPED: Final = 2
"""Backslashes that stand for one in JSON, Python and C."""


@dataclass(frozen=True, slots=True)
class WindowsNeedles(Needles):
    """`within` says what to search for in one file; until then there is nothing but the prefilter."""

    renames: tuple[Rename, ...] = ()

    def contains(self, content: bytes) -> bool:
        """Whether an old path may be in `content`. May be wrong only in saying yes."""
        folded = content.lower()
        return any(part in folded for rename in self.renames for part in _rare(rename.old))

    def within(self, content: Content) -> Needles:
        """What is in this file, longest first."""
        found: dict[bytes, Spelling] = {}
        for rename in self.renames:
            for match in _pattern(rename.old, _NARROW).finditer(content):
                found.setdefault(match[0], _spelling(match, rename))
            for encoding, codec in _WIDE.items():
                for match in _pattern(rename.old, codec).finditer(content):
                    text = match[0].decode(codec)
                    form = _form(text.encode(_NARROW), bool(match["verbatim"]))
                    found.setdefault(match[0], Spelling(match[0], rename, encoding, form))
        spellings = sorted(found.values(), key=lambda spelling: (-len(spelling.pattern), spelling.pattern))
        return replace(
            self,
            plain=_of(spellings, Encoding.PLAIN),
            escaped=_of(spellings, Encoding.JSON, Encoding.JSON_SLASH, Encoding.PERCENT),
            wide=_of(spellings, *_WIDE),
        )


def needles(environment: Environment) -> WindowsNeedles:
    """The old paths of an environment for Windows; the first is what proofs render with."""
    return WindowsNeedles(
        root=environment.place,
        plain=(),
        escaped=(),
        wide=(),
        opaque=(),
        shadows=(),
        recorded=(),
        placeholders=(),
        marks=(),
        probes=(),
        renames=environment.renames,
    )


def _of(spellings: Iterable[Spelling], *encodings: Encoding) -> tuple[Spelling, ...]:
    return tuple(spelling for spelling in spellings if spelling.encoding in encodings)


@cache
def _rare(old: bytes) -> tuple[bytes, ...]:
    """What every spelling of `old` holds, in lower case: the longest run of plain characters of its components."""
    runs = [run for part in re.split(r"[\\/]+", old.decode(_NARROW))[1:] for run in _RUN.findall(part)]
    run = max(runs, key=len, default=":").lower()
    return tuple(run.encode(codec) for codec in (_NARROW, *_WIDE.values()))


@cache
def _pattern(old: bytes, codec: str) -> re.Pattern[bytes]:
    text = old.decode(_NARROW)
    wide = codec != _NARROW
    back, forward = (re.escape(mark.encode(codec)) for mark in "\\/")
    one = rb"(?:(?:%s){1,2}|%s)" % (back, forward)
    first = rb"(?:(?:%s)+|(?:%s)+)" % (back, forward)
    if not wide:
        one, first = rb"(?:\\/|\\{1,2}|/)", rb"(?:\\/|\\+|/+)"
    leading = rb"(?:(?:%s){2,4}|(?:%s){2})" % (back, forward)
    verbatim = leading + re.escape("?".encode(codec)) + one
    root, *parts = [part for part in re.split(r"[\\/]+", text) if part]
    second, *more = [_letters(part, codec) for part in parts]
    named = second + (rb"(?P<next>%s)" % one + one.join(more) if more else b"")
    if text.startswith("\\\\"):
        unc = b"".join(_letters(letter, codec) for letter in "UNC")
        start = rb"(?:(?P<verbatim>%s%s%s)|%s)" % (verbatim, unc, one, leading)
        return re.compile(start + _letters(root, codec) + rb"(?P<first>%s)" % one + named)
    colon = re.escape(":".encode(codec)) if wide else rb"(?::|%3[Aa])"
    start = rb"(?P<verbatim>%s)?" % verbatim
    return re.compile(start + _letters(root[0], codec) + colon + rb"(?P<first>%s)" % first + named)


def _letters(part: str, codec: str) -> bytes:
    return b"".join(b"(?:%s)" % b"|".join(map(re.escape, _variants(letter, codec))) for letter in part)


def _variants(letter: str, codec: str) -> Iterator[bytes]:
    """How one character may stand: in both cases, in narrow text percent-encoded and as JSON writes it, too."""
    cases = dict.fromkeys(case for case in (letter, letter.lower(), letter.upper()) if len(case) == 1)
    for case in cases:
        yield case.encode(codec)
        if codec != _NARROW:
            continue
        quoted = quote(case, safe="")
        if quoted != case:
            yield from (quoted.encode(), quoted.lower().encode())
        if not case.isascii():
            escaped = json.dumps(case)[1:-1]
            yield from (escaped.encode(), escaped.upper().replace("\\U", "\\u").encode())


def _spelling(match: re.Match[bytes], rename: Rename) -> Spelling:
    """How a narrow text stands: its separators say it."""
    text = match[0]
    body = text[len(match["verbatim"] or b"") :]
    form = _form(text, bool(match["verbatim"]))
    mark = match.groupdict().get("next") or match["first"]  # the first may be padded
    if b"%" in body and b"%" not in rename.old:
        encoding = Encoding.PERCENT
    elif mark == b"\\/":
        encoding = Encoding.JSON_SLASH
    else:
        encoding = Encoding.JSON if len(mark) == _ESCAPED and mark.startswith(b"\\") else Encoding.PLAIN
    return Spelling(text, rename, encoding, form)


def _form(text: bytes, verbatim: bool) -> int:  # noqa: FBT001 - private
    mark = _SEPARATORS.search(text)
    forward = mark is not None and b"/" in mark[0]
    return (SiteFlag.FORWARD if forward else 0) | (SiteFlag.VERBATIM if verbatim else 0)
