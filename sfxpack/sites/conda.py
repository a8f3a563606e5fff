"""Files conda manages: what conda replaced is proved, then moved exactly as conda would.

conda looks for the placeholder as it is, then in UTF-16 and UTF-32 (conda/core/portability.py), and so does rattler
since 2026. Before, and libmamba still, it was looked for as it is only: then wide strings hold the placeholder, and
keep it. On Windows all of them write the prefix with `/` into texts, and leave binaries alone but for the line of a
launcher, which conda and libmamba replace and rattler does not (`link.rs`, "conda does not replace").
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from sfxpack.format.layout import Encoding, SiteFlag, Strategy
from sfxpack.model import CondaFile, Edit, Finding, Found, Rename, Site
from sfxpack.sites import cstring, launcher, offsets, shebang, unsafe
from sfxpack.sites.cstring import Content, CString, Replacement
from sfxpack.sites.hits import Hit
from sfxpack.sites.language import context
from sfxpack.sites.options import Options
from sfxpack.sites.spelling import UNIT, Needles, Spelling, encode

MAX_SPAN: Final = (1 << 24) - 1
"""SPEC, "Sites": bytes of a CSTRING."""
MAX_HITS: Final = (1 << 16) - 1
"""The same: its hits."""
_ENCODINGS: Final = (Encoding.PLAIN, *UNIT)


def find(path: bytes, content: Content, record: CondaFile, needles: Needles, options: Options) -> Found | None:
    """Sites of a file whose record names a placeholder; None if the record does not describe `content`.

    Proof: undoing the replacement gives the file of the package, or the file is what conda recorded when it installed
    it and, in binaries, the NULs that the capacity needs are there. A file that still is the package's is moved as if
    it had been installed at the placeholder.
    """
    on_windows = options.platform.system == "windows"
    if on_windows and record.file_mode == "binary":
        return _binary_on_windows(path, content, record, needles, options)
    for spelling in _spellings(content, record, needles, SiteFlag.FORWARD if on_windows else 0):
        steps = _replacements(spelling.pattern, record)
        done = [step for step in steps if next(step.hits(content), None) is not None]
        if not done:
            continue
        renamed = spelling.pattern != encode(needles.root, Encoding.PLAIN, spelling.form)
        prefix = _Prefix(spelling, renamed, done, _replacements(record.placeholder, record))
        if record.file_mode == "binary":
            found = _binary(path, content, record, prefix, options)
        else:
            found = _text(path, content[:], record, prefix, needles, options)
        if found is not None:
            return found
    return None


def is_packaged(content: Content, record: CondaFile) -> bool:
    """Whether a file is the package's, with its placeholder: no installer replaced it, or conda-pack took it back."""
    if not (record.file_mode and record.placeholder):
        return False
    holds = any(content.find(step.old) >= 0 for step in _replacements(record.placeholder, record))
    return holds and hashlib.sha256(content).hexdigest() == record.sha256


def unmanaged(path: bytes, record: CondaFile) -> Finding:
    """What to say of a file that its record does not describe."""
    return Finding("unmanaged", path, f"not as {record.package} installed it")


def _spellings(content: Content, record: CondaFile, needles: Needles, form: int) -> Iterator[Spelling]:
    for known in needles.plain:
        if not known.rename.new and known.form == form and (form or known.pattern == known.rename.old):
            yield known
    if is_packaged(content, record):
        yield Spelling(record.placeholder, Rename(record.placeholder, b""), Encoding.PLAIN, form)


@dataclass(frozen=True, slots=True)
class _Prefix:
    """A name of the old prefix that a file holds."""

    spelling: Spelling
    renamed: bool
    """It is not the root itself."""
    done: list[Replacement]
    kept: list[Replacement]
    """The placeholder by itself, in every encoding."""


def _replacements(old: bytes, record: CondaFile) -> list[Replacement]:
    try:
        return [Replacement(encode(record.placeholder, to), encode(old, to), to) for to in _ENCODINGS]
    except UnicodeDecodeError:
        return [Replacement(record.placeholder, old, Encoding.PLAIN)]


def _binary(path: bytes, content: Content, record: CondaFile, prefix: _Prefix, options: Options) -> Found | None:
    strings = cstring.search(content, prefix.done)
    if strings is None or not (_is_package(content, record, strings) or _is_installed(content, record)):
        return None
    if options.binary_padding == "slash":
        found: Found | None = _slashes(strings, prefix)
    else:
        found = _cstrings(content, strings, prefix)
    if found is None:
        return None
    left = [step for step in prefix.kept if step not in prefix.done]
    findings = offsets.check_binary(path, content, record, strings, left)
    if options.binary_padding == "conda":
        findings += unsafe.check(path, content, strings)
    return replace(found, findings=findings)


def _binary_on_windows(
    path: bytes, mapped: Content, record: CondaFile, needles: Needles, options: Options
) -> Found | None:
    """Nothing in a file of the package; in a launcher what was replaced in its line."""
    if hashlib.sha256(mapped).hexdigest() == record.sha256:
        return Found()
    content = mapped[:]
    line = launcher.line_of(content)
    if not line:
        return None
    before, text, after = content[: line.start], content[line.start : line.stop], content[line.stop :]
    packages = (before + text.replace(known.pattern, record.placeholder) + after for known in needles.plain)
    if _is_installed(content, record) or any(
        hashlib.sha256(package).hexdigest() == record.sha256 for package in packages
    ):
        return launcher.find(path, content, line, needles, options)
    return None


def _text(
    path: bytes, content: bytes, record: CondaFile, prefix: _Prefix, needles: Needles, options: Options
) -> Found | None:
    """Every occurrence, as conda does; only what a quote or backslash in the new prefix would break is escaped."""
    places = cstring.places(content, prefix.done)
    package = cstring.undo(content, 0, len(content), places)
    findings: tuple[Finding, ...] = ()
    if hashlib.sha256(package).hexdigest() == record.sha256:
        findings = offsets.check_text(path, package, record, prefix.kept)
    elif not _is_installed(content, record):
        return None
    old, form = prefix.spelling.pattern, prefix.spelling.form
    hits = [Hit(at, at + len(old), prefix.spelling) for at, step in places if step.unit == 1]
    first, rest = shebang.take(content, hits, needles, options.platform)
    surroundings = context(path, content)
    sites = [*first]
    for hit in hits[len(hits) - rest :]:
        encoding, flags = surroundings.quoting(hit, urls=False)
        renamed = encode(needles.root, encoding, form) != old
        sites.append(Site(hit.start, hit.end, Strategy.TEXT, encoding=encoding, flags=flags | form, renamed=renamed))
    for at, step in places:
        if step.unit > 1:
            end = at + len(step.old)
            sites.append(Site(at, end, Strategy.TEXT, encoding=step.encoding, flags=form, renamed=prefix.renamed))
    sites.sort(key=lambda site: site.start)
    kept = tuple(site for at, site in enumerate(sites) if at == 0 or site.start >= sites[at - 1].end)
    return Found(kept, (), findings)


def _cstrings(content: Content, strings: list[CString], prefix: _Prefix) -> Found | None:
    """None if a string cannot be a site: too long, or a prefix across the code units of the others."""
    sites = []
    for string in strings:
        cuts = [string.start, *(hit + len(string.done.old) for hit in string.hits)]
        pieces = [content[start:end] for start, end in zip(cuts, (*string.hits, string.end), strict=True)]
        hits = tuple(accumulate(map(len, pieces[1:-1]), initial=0))
        span = string.stop - string.start
        if span > MAX_SPAN or len(hits) > MAX_HITS or any(hit % string.done.unit for hit in hits):
            return None
        neutral = b"".join(pieces).ljust(span, b"\0")
        encoding = string.done.encoding
        sites.append(
            Site(string.start, string.start + span, Strategy.CSTRING, neutral, hits, encoding, renamed=prefix.renamed)
        )
    return Found(tuple(sites))


def _slashes(strings: list[CString], prefix: _Prefix) -> Found:
    """Back to where the package had its placeholder, then leading slashes instead of NULs at the end."""
    sites = []
    edits = []
    for string in strings:
        size, span = len(string.done.old), len(string.done.placeholder)
        renamed = prefix.renamed or span != size
        sites += [
            Site(hit, hit + size, Strategy.SLASH, bytes(span), (), string.done.encoding, renamed=renamed)
            for hit in string.hits
        ]
        if string.padding:
            edits.append(Edit(string.end, string.stop, b""))
    return Found(tuple(sites), tuple(edits))


def _is_package(content: Content, record: CondaFile, strings: list[CString]) -> bool:
    """Whether the file has the package's digest once its C strings hold the placeholder again."""
    digest = hashlib.sha256()
    with memoryview(content) as view:
        at = 0
        for string in strings:
            digest.update(view[at : string.start])
            hits = ((hit, string.done) for hit in string.hits)
            digest.update(cstring.undo(content, string.start, string.end, hits))
            at = string.stop
        digest.update(view[at:])
    return digest.hexdigest() == record.sha256


def _is_installed(content: Content, record: CondaFile) -> bool:
    return hashlib.sha256(content).hexdigest() == record.sha256_in_prefix
