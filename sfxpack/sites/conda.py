"""Files conda manages: what conda replaced is proved, then moved exactly as conda would."""

from __future__ import annotations

import hashlib
import mmap
from dataclasses import dataclass
from typing import Final

from sfxpack.format.layout import Encoding, Strategy
from sfxpack.model import CondaFile, Edit, Found, Site
from sfxpack.sites import shebang, text
from sfxpack.sites.hits import Hit
from sfxpack.sites.language import context
from sfxpack.sites.options import Options
from sfxpack.sites.spelling import Needles, Spelling

MAX_SPAN: Final = (1 << 24) - 1
"""SPEC, "Sites": bytes of a CSTRING."""


@dataclass(frozen=True, slots=True)
class CString:
    """A C string in which conda replaced the placeholder, from the first hit on."""

    start: int
    end: int
    """After the text, before the first NUL."""
    capacity: int
    """Bytes of the text in the package."""
    hits: tuple[int, ...]
    """Offsets in the file."""


def find(
    path: bytes, content: bytes | mmap.mmap, record: CondaFile, needles: Needles, options: Options
) -> Found | None:
    """Sites of a file whose record names a placeholder; None if the record does not describe `content`.

    Proof: undoing the replacement gives the file of the package, or the file is what conda recorded when it installed
    it and, in binaries, the NULs that the capacity needs are there.
    """
    for spelling in needles.plain:
        old = spelling.pattern
        if spelling.rename.new or old != spelling.rename.old or content.find(old) < 0:
            continue
        if record.file_mode == "binary":
            strings = _strings(content, old, record.placeholder)
            if strings is None or not (_is_package(content, record, old, strings) or _is_installed(content, record)):
                continue
            if options.binary_padding == "slash":
                return _slashes(strings, len(old), len(record.placeholder))
            return _cstrings(content, strings, old, needles)
        whole = content[:]
        package = hashlib.sha256(whole.replace(old, record.placeholder)).hexdigest()
        if record.sha256 == package or _is_installed(whole, record):
            return _text(path, whole, spelling, needles, options)
    return None


def _text(path: bytes, content: bytes, spelling: Spelling, needles: Needles, options: Options) -> Found:
    """Every occurrence, as conda does; only what a quote or backslash in the new prefix would break is escaped."""
    size = len(spelling.pattern)
    hits = [Hit(at, at + size, spelling) for at in _occurrences(content, spelling.pattern, 0, len(content))]
    first, rest = shebang.take(content, hits, needles, options.platform)
    surroundings = context(path, content)
    sites = []
    for hit in hits[len(hits) - rest :]:
        site = text.splice(hit, surroundings, needles)
        if site.encoding is Encoding.PERCENT:
            site = Site(hit.start, hit.end, Strategy.TEXT, renamed=spelling.pattern != needles.root)
        sites.append(site)
    return Found((*first, *sites))


def _cstrings(content: bytes | mmap.mmap, strings: list[CString], old: bytes, needles: Needles) -> Found | None:
    """None if a string cannot be a site: two prefixes without a byte between them, or too long."""
    sites = []
    for string in strings:
        pieces = content[string.start : string.end].split(old)
        neutral = b"".join(pieces)
        offsets: list[int] = [0]
        for piece in pieces[1:-1]:
            offsets.append(offsets[-1] + len(piece))
        if b"" in pieces[1:-1] or string.capacity > MAX_SPAN:
            return None
        sites.append(
            Site(
                string.start,
                string.start + string.capacity,
                Strategy.CSTRING,
                neutral + bytes(string.capacity - len(neutral)),
                tuple(offsets),
                renamed=old != needles.root,
            )
        )
    return Found(tuple(sites))


def _slashes(strings: list[CString], size: int, capacity: int) -> Found:
    """Back to where the package had its placeholder, then leading slashes instead of NULs at the end."""
    sites = []
    edits = []
    for string in strings:
        sites += [
            Site(hit, hit + size, Strategy.SLASH, bytes(capacity), (), renamed=capacity != size) for hit in string.hits
        ]
        if string.start + string.capacity > string.end:
            edits.append(Edit(string.end, string.start + string.capacity, b""))
    return Found(tuple(sites), tuple(edits))


def _strings(content: bytes | mmap.mmap, old: bytes, placeholder: bytes) -> list[CString] | None:
    """The C strings with `old`; None if one lacks the NULs that its capacity needs."""
    strings = []
    at = content.find(old)
    while at >= 0:
        end = content.find(b"\0", at)
        end = len(content) if end < 0 else end
        hits = _occurrences(content, old, at, end)
        padding = len(hits) * (len(placeholder) - len(old))
        if padding < 0 or content[end : end + padding] != bytes(padding):
            return None
        strings.append(CString(at, end, end - at + padding, hits))
        at = content.find(old, end + padding)
    return strings


def _occurrences(content: bytes | mmap.mmap, old: bytes, start: int, end: int) -> tuple[int, ...]:
    """As `bytes.replace` sees them: from the left, without overlaps."""
    found = []
    at = content.find(old, start, end)
    while at >= 0:
        found.append(at)
        at = content.find(old, at + len(old), end)
    return tuple(found)


def _is_package(content: bytes | mmap.mmap, record: CondaFile, old: bytes, strings: list[CString]) -> bool:
    """Whether the file has the package's digest once its C strings hold the placeholder again."""
    digest = hashlib.sha256()
    with memoryview(content) as view:
        at = 0
        for string in strings:
            digest.update(view[at : string.start])
            digest.update(content[string.start : string.end].replace(old, record.placeholder))
            at = string.start + string.capacity
        digest.update(view[at:])
    return digest.hexdigest() == record.sha256


def _is_installed(content: bytes | mmap.mmap, record: CondaFile) -> bool:
    return hashlib.sha256(content).hexdigest() == record.sha256_in_prefix
