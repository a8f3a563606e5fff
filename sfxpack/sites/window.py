"""Files too large to hold at once: sites of one window of the file at a time."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, replace
from typing import Final

from sfxpack.model import CondaFile, Edit, Finding, Found, Kind, Site
from sfxpack.sites import ar, archive, conda, elf, slash, text
from sfxpack.sites.hits import leftovers, search
from sfxpack.sites.language import Context, Language, context, language
from sfxpack.sites.options import Options
from sfxpack.sites.spelling import Needles

OVERLAP: Final = 65536
"""Bytes a window must have on both sides of its inner range, where the file has them."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What must be known of a whole file before its windows; made by `survey`."""

    path: bytes
    kind: Kind
    needles: Needles
    options: Options
    loaded: slash.Loaded
    mapped: elf.ElfMap
    """Of an ELF file; holds its content."""
    edits: tuple[Edit, ...]
    """Loader paths, at offsets in the file."""
    language: Language
    parts: tuple[ar.Part, ...] = ()
    """Of an ar archive, at offsets in the file."""
    managed: Found | None = None
    """All sites of a file conda manages, at offsets in the file."""
    findings: tuple[Finding, ...] = ()
    """On the whole file."""


def survey(
    path: bytes,
    kind: Kind,
    content: bytes | mmap.mmap,
    needles: Needles,
    options: Options,
    record: CondaFile | None = None,
) -> Survey:
    """Read the headers of a whole file, mapped into memory; conda's `record` of it, if it holds, gives all sites."""
    needles = needles.within(content)
    managed = None
    findings: tuple[Finding, ...] = ()
    if record and record.file_mode and record.placeholder:
        managed = conda.find(path, content, record, needles, options)
        findings = (conda.unmanaged(path, record),) if managed is None else managed.findings
    edits: tuple[Edit, ...] = ()
    loaded = slash.Loaded(strict=options.limit_strict)
    mapped = elf.ElfMap()
    if kind is Kind.ELF:
        mapped = elf.read(content)
        edits = elf.relative(path, mapped, needles, depths(path, options))
        loaded = slash.Loaded(mapped.loaded, options.limit_strict, landmark(path))
    tongue = language(path, content[:OVERLAP])
    return Survey(path, kind, needles, options, loaded, mapped, edits, tongue, ar.parts(content), managed, findings)


def find_window(window: bytes, base: int, inner: range, survey: Survey) -> Found:
    """Sites whose old path starts in `inner`; all offsets, those of the sites too, are those in the file.

    `window` is what the file holds from `base` on, `base` a multiple of 4. It reaches at least OVERLAP bytes before and
    after `inner`, or to the start and end of the file. The inner ranges of all calls are adjacent and cover the file;
    then every site and edit is in exactly one result. A site may start before its `inner` (slashes before the path)
    and end after it. Kinds BINARY, ELF (SLASH), TEXT (splices, no SHEBANG) and ARCHIVE (a finding).
    """
    findings = survey.findings if inner.start == 0 else ()
    if survey.managed is not None:
        sites = tuple(site for site in survey.managed.sites if site.start in inner)
        return Found(sites, tuple(edit for edit in survey.managed.edits if edit.start in inner), findings)
    near = range(inner.start - base, inner.stop - base)
    if survey.kind is Kind.TEXT:
        found = _text(window, base, near, survey)
    elif survey.kind is Kind.ARCHIVE:
        found = archive.find(survey.path, window, survey.needles, near)
    elif survey.parts:
        parts = [_clip(part, base, len(window)) for part in survey.parts]
        found = archive.find_members(survey.path, window, parts, survey.needles, survey.loaded, near)
    else:
        loaded = replace(survey.loaded, parts=tuple((start - base, end - base) for start, end in survey.loaded.parts))
        found = slash.find(survey.path, window, survey.needles, loaded, near)
    sites = tuple(replace(site, start=site.start + base, end=site.end + base) for site in found.sites)
    edits = tuple(edit for edit in survey.edits if edit.start in inner)
    return elf.unshared(
        survey.path, Found(outside(sites, survey.edits), edits, found.findings + findings), survey.mapped
    )


def _clip(part: ar.Part, base: int, size: int) -> ar.Part:
    """What a window at `base` has of a part; from a multiple of 4 in the part on, as wide text is aligned there."""
    start = part.start - base
    return replace(part, start=max(start, start % 4), end=max(min(part.end - base, size), 0))


def outside(sites: tuple[Site, ...], edits: tuple[Edit, ...]) -> tuple[Site, ...]:
    """Those that no edit overlaps."""
    if not edits:
        return sites
    return tuple(site for site in sites if not any(edit.start < site.end and site.start < edit.end for edit in edits))


def landmark(path: bytes) -> bool:
    """Whether `path` is an interpreter or library of a Python that finds itself by `lib/pythonX.Y/os.py`."""
    folder, _, name = path.rpartition(b"/")
    parent = folder.rpartition(b"/")[2]
    return (parent == b"bin" and name.startswith(b"python")) or (parent == b"lib" and name.startswith(b"libpython"))


def depths(path: bytes, options: Options) -> tuple[int, ...]:
    """Directories above each name of the file at `path`."""
    return tuple(name.count(b"/") for name in (path, *options.aliases.get(path, ())))


def _text(window: bytes, base: int, inner: range, survey: Survey) -> Found:
    needles = survey.needles
    hits = search(window, (*needles.plain, *needles.escaped), needles, binary=False, inner=inner)
    ours, findings = text.choose(survey.path, hits.ours, hits.ambiguous, survey.options, base)
    surroundings = Context(survey.language, window, (), 0)
    if ours and survey.language is Language.PYTHON:
        surroundings = context(survey.path, window)
    findings += leftovers(survey.path, window, hits, needles, inner)
    return Found(text.splices(ours, surroundings, needles), (), findings)
