"""Files conda manages: what conda replaced is proved, then moved exactly as conda would.

conda and rattler look for the placeholder as it is, then in UTF-16 and UTF-32 (conda/core/portability.py).
"""

from __future__ import annotations

import hashlib
import mmap
from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from sfxpack.format.layout import Encoding, Strategy
from sfxpack.model import CondaFile, Edit, Found, Site
from sfxpack.sites import shebang, text
from sfxpack.sites.hits import Hit
from sfxpack.sites.language import context
from sfxpack.sites.options import Options
from sfxpack.sites.spelling import UNIT, Needles, Spelling, encode

MAX_SPAN: Final = (1 << 24) - 1
"""SPEC, "Sites": bytes of a CSTRING."""
_ENCODINGS: Final = (Encoding.PLAIN, *UNIT)


@dataclass(frozen=True, slots=True)
class Replacement:
    """What conda replaced, in one encoding."""

    placeholder: bytes
    old: bytes
    encoding: Encoding


@dataclass(frozen=True, slots=True)
class CString:
    """A C string in which conda replaced the placeholder, from the first hit on."""

    start: int
    end: int
    """After the text, before the first NUL."""
    hits: tuple[int, ...]
    """Offsets in the file."""
    done: Replacement

    @property
    def padding(self) -> int:
        """Bytes of NULs that conda put after the text."""
        return len(self.hits) * (len(self.done.placeholder) - len(self.done.old))


def find(
    path: bytes, content: bytes | mmap.mmap, record: CondaFile, needles: Needles, options: Options
) -> Found | None:
    """Sites of a file whose record names a placeholder; None if the record does not describe `content`.

    Proof: undoing the replacement gives the file of the package, or the file is what conda recorded when it installed
    it and, in binaries, the NULs that the capacity needs are there.
    """
    for spelling in needles.plain:
        if spelling.rename.new or spelling.pattern != spelling.rename.old:
            continue
        done = [step for step in _replacements(spelling.pattern, record) if content.find(step.old) >= 0]
        if not done:
            continue
        if record.file_mode == "binary":
            strings = _strings(content, done)
            if strings is None or not (_is_package(content, record, strings) or _is_installed(content, record)):
                continue
            if options.binary_padding == "slash":
                return _slashes(strings)
            return _cstrings(content, strings, renamed=spelling.pattern != needles.root)
        whole = content[:]
        if _is_package_text(whole, record, done) or _is_installed(whole, record):
            return _text(path, whole, spelling, done, needles, options)
    return None


def _replacements(old: bytes, record: CondaFile) -> list[Replacement]:
    try:
        return [Replacement(encode(record.placeholder, to), encode(old, to), to) for to in _ENCODINGS]
    except UnicodeDecodeError:
        return [Replacement(record.placeholder, old, Encoding.PLAIN)]


def _text(
    path: bytes, content: bytes, spelling: Spelling, done: list[Replacement], needles: Needles, options: Options
) -> Found:
    """Every occurrence, as conda does; only what a quote or backslash in the new prefix would break is escaped."""
    size = len(spelling.pattern)
    hits = [Hit(at, at + size, spelling) for at in _occurrences(content, spelling.pattern, 0, len(content))]
    first, rest = shebang.take(content, hits, needles, options.platform)
    surroundings = context(path, content)
    renamed = spelling.pattern != needles.root
    sites = [*first]
    for hit in hits[len(hits) - rest :]:
        site = text.splice(hit, surroundings, needles)
        plain = site.encoding is Encoding.PERCENT
        sites.append(Site(hit.start, hit.end, Strategy.TEXT, renamed=renamed) if plain else site)
    for step in done:
        if step.encoding is not Encoding.PLAIN:
            sites += [
                Site(at, at + len(step.old), Strategy.TEXT, encoding=step.encoding, renamed=renamed)
                for at in _occurrences(content, step.old, 0, len(content))
            ]
    sites.sort(key=lambda site: site.start)
    return Found(tuple(site for at, site in enumerate(sites) if at == 0 or site.start >= sites[at - 1].end))


def _cstrings(content: bytes | mmap.mmap, strings: list[CString], *, renamed: bool) -> Found | None:
    """None if a string cannot be a site: two prefixes without a byte between them, or too long.

    Wide strings get slashes, as the format has no wide CSTRING.
    """
    wide = [string for string in strings if string.done.encoding is not Encoding.PLAIN]
    sites = list(_slashes(wide).sites)
    for string in strings:
        if string.done.encoding is not Encoding.PLAIN:
            continue
        pieces = content[string.start : string.end].split(string.done.old)
        neutral = b"".join(pieces)
        span = string.end - string.start + string.padding
        offsets: list[int] = [0]
        for piece in pieces[1:-1]:
            offsets.append(offsets[-1] + len(piece))
        if b"" in pieces[1:-1] or span > MAX_SPAN:
            return None
        padded = neutral + bytes(span - len(neutral))
        sites.append(Site(string.start, string.start + span, Strategy.CSTRING, padded, tuple(offsets), renamed=renamed))
    return Found(tuple(sorted(sites, key=lambda site: site.start)), _slashes(wide).edits)


def _slashes(strings: list[CString]) -> Found:
    """Back to where the package had its placeholder, then leading slashes instead of NULs at the end."""
    sites = []
    edits = []
    for string in strings:
        size, span = len(string.done.old), len(string.done.placeholder)
        sites += [
            Site(hit, hit + size, Strategy.SLASH, bytes(span), (), string.done.encoding, renamed=span != size)
            for hit in string.hits
        ]
        if string.padding:
            edits.append(Edit(string.end, string.end + string.padding, b""))
    return Found(tuple(sites), tuple(edits))


def _strings(content: bytes | mmap.mmap, done: list[Replacement]) -> list[CString] | None:
    """The C strings in which something was replaced; None if one lacks the NULs that its capacity needs."""
    strings: list[CString] = []
    for step in done:
        at = content.find(step.old)
        while at >= 0:
            end = _terminator(content, at, UNIT.get(step.encoding, 1))
            string = CString(at, end, _occurrences(content, step.old, at, end), step)
            after = end + string.padding
            if string.padding < 0 or content[end:after] != bytes(string.padding):
                return None
            strings.append(string)
            at = content.find(step.old, after)
    return _apart(strings)


def _apart(strings: list[CString]) -> list[CString]:
    """Without overlaps: ASCII reads the same in both byte orders, the aligned one is taken, else that of conda."""

    def doubt(string: CString) -> tuple[bool, int]:
        return string.start % UNIT.get(string.done.encoding, 1) != 0, string.done.encoding

    apart: list[CString] = []
    for string in sorted(strings, key=doubt):
        at = bisect_left(apart, string.start, key=lambda other: other.start)
        before = at == 0 or apart[at - 1].end + apart[at - 1].padding <= string.start
        after = at == len(apart) or string.end + string.padding <= apart[at].start
        if before and after:
            apart.insert(at, string)
    return apart


def _terminator(content: bytes | mmap.mmap, start: int, unit: int) -> int:
    """Where the text from `start` on ends: at its first NUL, or with the file."""
    end = content.find(bytes(unit), start)
    while end >= 0 and (end - start) % unit:
        end = content.find(bytes(unit), end + 1)
    return len(content) if end < 0 else end


def _occurrences(content: bytes | mmap.mmap, old: bytes, start: int, end: int) -> tuple[int, ...]:
    """As `bytes.replace` sees them: from the left, without overlaps."""
    found = []
    at = content.find(old, start, end)
    while at >= 0:
        found.append(at)
        at = content.find(old, at + len(old), end)
    return tuple(found)


def _is_package(content: bytes | mmap.mmap, record: CondaFile, strings: list[CString]) -> bool:
    """Whether the file has the package's digest once its C strings hold the placeholder again."""
    digest = hashlib.sha256()
    with memoryview(content) as view:
        at = 0
        for string in strings:
            digest.update(view[at : string.start])
            digest.update(content[string.start : string.end].replace(string.done.old, string.done.placeholder))
            at = string.end + string.padding
        digest.update(view[at:])
    return digest.hexdigest() == record.sha256


def _is_package_text(content: bytes, record: CondaFile, done: list[Replacement]) -> bool:
    for step in done:
        content = content.replace(step.old, step.placeholder)
    return hashlib.sha256(content).hexdigest() == record.sha256


def _is_installed(content: bytes | mmap.mmap, record: CondaFile) -> bool:
    return hashlib.sha256(content).hexdigest() == record.sha256_in_prefix
