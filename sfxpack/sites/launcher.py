r"""Programs for Windows that start a script: `#!C:\env\python.exe` stands before a zip file, or in a first line.

A launcher looks for its zip file from the end, and counts its offsets from where that begins: the line before it may
change its length (distlib's `simple_launcher`, "launcher.c"; APPNOTE.TXT 4.3.16).
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from typing import Final

from sfxpack.model import Edit, Found
from sfxpack.sites import slash
from sfxpack.sites.hits import search
from sfxpack.sites.language import Context, Language
from sfxpack.sites.options import Options
from sfxpack.sites.spelling import Needles
from sfxpack.sites.text import choose, splices

_END: Final = struct.Struct("<4s8xIIH")
"""End of central directory: signature, size and offset of the directory, size of the comment."""
_LONGEST: Final = 8192
_LINE: Final = re.compile(rb"#![ \t]*(?P<program>[^\"\0\r\n]*?\.exe)", re.IGNORECASE)


def line_of(content: bytes) -> range:
    """Where the line of a launcher stands, up to its zip file; empty if `content` is none."""
    end = content.rfind(b"PK\x05\x06", max(len(content) - 65557, 0)) if content.startswith(b"MZ") else -1
    if end < 0 or len(content) - end < _END.size:
        return range(0)
    _, size, offset, _ = _END.unpack_from(content, end)
    start = end - size - offset
    line = content.rfind(b"#!", max(start - _LONGEST, 0), max(start, 0))
    return range(line, start) if line > 0 and b"\0" not in content[line:start] else range(0)


def find(path: bytes, content: bytes, line: range, needles: Needles, options: Options) -> Found:
    """Splices in the line, quotes around the program; SLASH in what comes before."""
    text = content[line.start : line.stop]
    hits = search(text, (*needles.plain, *needles.escaped), needles, binary=False)
    ours, findings = choose(path, hits.ours, hits.ambiguous, options, line.start)
    sites = splices(ours, Context(Language.OTHER, text, (), 0), needles)
    moved = tuple(replace(s, start=s.start + line.start, end=s.end + line.start) for s in sites)
    edits = quotes(text) if ours else ()
    before = slash.find(path, content, needles, slash.Loaded(strict=options.limit_strict), range(line.start))
    return Found(
        (*before.sites, *moved),
        tuple(replace(edit, start=edit.start + line.start, end=edit.end + line.start) for edit in edits),
        (*before.findings, *findings),
    )


def quotes(text: bytes) -> tuple[Edit, ...]:
    """Put the program of a first line between quotes: the new place may hold blanks."""
    match = _LINE.match(text)
    if match is None:
        return ()
    start, end = match.span("program")
    return Edit(start - 1, start, text[start - 1 : start] + b'"'), Edit(end - 1, end, text[end - 1 : end] + b'"')
