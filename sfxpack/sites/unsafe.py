"""Where conda's way of moving a binary may break it: shifting the end of a string that is not only a C string.

Seen: a string that ends with the file or holds what no path has (its length is kept elsewhere: Rust, Go, C++), and what
the tables of an ELF file point into. Not seen: addresses in machine code, and in data that nothing relocates.
"""

from __future__ import annotations

import re
from typing import Final

from sfxpack import elf
from sfxpack.model import Finding
from sfxpack.sites import pointers
from sfxpack.sites.cstring import Content, CString
from sfxpack.sites.spelling import decode

_CONTROL: Final = re.compile("[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")
"""As for text files: all but tab, newline, vertical tab, form feed, carriage return, escape."""


def check(path: bytes, content: Content, strings: list[CString]) -> tuple[Finding, ...]:
    """Findings on `strings` of a file that conda's installer has moved."""
    if not strings:
        return ()
    findings = []
    open_ends = sum(string.stop == len(content) or not _is_text(content, string) for string in strings)
    if open_ends:
        findings.append(Finding("unsafe", path, "strings without a NUL at their end", open_ends))
    parsed = elf.parse(content)
    if parsed is not None:
        # In the package the text reached `stop`, and what points into it was made for that.
        ranges = [(string.start, string.stop) for string in strings]
        for what, count in pointers.into(parsed, ranges).items():
            findings.append(Finding("unsafe", path, f"{what} point into the part of a string that moves", count))
    return tuple(findings)


def _is_text(content: Content, string: CString) -> bool:
    """Whether a string is one for people or the file system."""
    try:
        return not _CONTROL.search(decode(content[string.start : string.end], string.done.encoding))
    except UnicodeDecodeError:
        return False
