"""Files conda manages: what conda replaced is proved, then moved exactly as conda would."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from sfxpack.format.layout import Encoding, Strategy
from sfxpack.model import CondaFile, Edit, Found, Site
from sfxpack.sites import shebang, text
from sfxpack.sites.hits import Hit, occurrences
from sfxpack.sites.language import context
from sfxpack.sites.options import Options
from sfxpack.sites.spelling import Needles, Spelling


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


def find(path: bytes, content: bytes, record: CondaFile, needles: Needles, options: Options) -> Found | None:
    """Sites of a file whose record names a placeholder; None if the record does not describe `content`."""
    for spelling in needles.plain:
        if spelling.rename.new or spelling.pattern != spelling.rename.old or spelling.pattern not in content:
            continue
        if record.file_mode == "binary":
            strings = _strings(content, spelling.pattern, record.placeholder)
            if strings is None or not _proved(content, record, spelling.pattern, strings):
                continue
            if options.binary_padding == "slash":
                return _slashes(strings, spelling, len(record.placeholder))
            return _cstrings(content, strings, spelling, needles)
        if _proved(content, record, spelling.pattern, None):
            return _text(path, content, spelling, needles, options)
    return None


def _text(path: bytes, content: bytes, spelling: Spelling, needles: Needles, options: Options) -> Found:
    """Every occurrence, as conda does; only what a quote or backslash in the new prefix would break is escaped."""
    pattern = spelling.pattern
    hits = [Hit(at, at + len(pattern), spelling) for at in _disjoint(content, pattern, 0, len(content))]
    first, rest = shebang.take(content, hits, needles, options.platform)
    surroundings = context(path, content)
    sites = []
    for hit in hits[len(hits) - rest :]:
        site = text.splice(hit, surroundings, needles)
        if site.encoding is Encoding.PERCENT:
            site = Site(hit.start, hit.end, Strategy.TEXT, renamed=pattern != needles.root)
        sites.append(site)
    return Found((*first, *sites))


def _cstrings(content: bytes, strings: list[CString], spelling: Spelling, needles: Needles) -> Found | None:
    sites = []
    size = len(spelling.pattern)
    for string in strings:
        parts = []
        offsets = []
        at = string.start
        length = 0
        for hit in string.hits:
            parts.append(content[at:hit])
            length += hit - at
            offsets.append(length)
            at = hit + size
        parts.append(content[at : string.end])
        if len(set(offsets)) < len(offsets):
            return None  # two prefixes without a byte between them: the format has no such site
        neutral = b"".join(parts)
        sites.append(
            Site(
                string.start,
                string.start + string.capacity,
                Strategy.CSTRING,
                neutral + bytes(string.capacity - len(neutral)),
                tuple(offsets),
                renamed=spelling.pattern != needles.root,
            )
        )
    return Found(tuple(sites))


def _slashes(strings: list[CString], spelling: Spelling, capacity: int) -> Found:
    """Back to where the package had its placeholder, then leading slashes instead of NULs at the end."""
    sites = []
    edits = []
    for string in strings:
        for hit in string.hits:
            end = hit + len(spelling.pattern)
            sites.append(Site(hit, end, Strategy.SLASH, bytes(capacity), (), renamed=True))
        if string.start + string.capacity > string.end:
            edits.append(Edit(string.end, string.start + string.capacity, b""))
    return Found(tuple(sites), tuple(edits))


def _strings(content: bytes, old: bytes, placeholder: bytes) -> list[CString] | None:
    """The C strings with `old`; None if one lacks the NULs that its capacity needs."""
    strings = []
    at = content.find(old)
    while at >= 0:
        end = content.find(b"\0", at)
        end = len(content) if end < 0 else end
        hits = tuple(_disjoint(content, old, at, end))
        padding = len(hits) * (len(placeholder) - len(old))
        if padding < 0 or content[end : end + padding].strip(b"\0") or end + padding > len(content):
            return None
        strings.append(CString(at, end, end - at + padding, hits))
        at = content.find(old, end + padding)
    return strings


def _disjoint(content: bytes, pattern: bytes, start: int, end: int) -> Iterator[int]:
    """Occurrences as `bytes.replace` sees them."""
    free = start
    for at in occurrences(content, pattern, start, end):
        if at >= free:
            yield at
            free = at + len(pattern)


def _proved(content: bytes, record: CondaFile, old: bytes, strings: list[CString] | None) -> bool:
    """Whether undoing conda's replacement gives the package's file, or the file is what conda recorded when it installed it."""
    if record.sha256 and _undone(content, old, record.placeholder, strings) == record.sha256:
        return True
    return bool(record.sha256_in_prefix) and hashlib.sha256(content).hexdigest() == record.sha256_in_prefix


def _undone(content: bytes, old: bytes, placeholder: bytes, strings: list[CString] | None) -> str:
    """SHA-256 of the file in the package, if conda replaced `placeholder` by `old` to make `content`."""
    if strings is None:
        return hashlib.sha256(content.replace(old, placeholder)).hexdigest()
    digest = hashlib.sha256()
    view = memoryview(content)
    at = 0
    for string in strings:
        digest.update(view[at : string.start])
        digest.update(content[string.start : string.end].replace(old, placeholder))
        at = string.start + string.capacity
    digest.update(view[at:])
    return digest.hexdigest()
