"""Files too large to hold at once: sites of one window of the file at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import IO, Final

from sfxpack.model import Edit, Environment, Finding, Found, Kind, Site
from sfxpack.sites import elf, slash, text
from sfxpack.sites.hits import search
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
    edits: tuple[Edit, ...]
    """Loader paths, at offsets in the file."""
    language: Language


def survey(
    path: bytes, kind: Kind, file: IO[bytes], environment: Environment, needles: Needles, options: Options
) -> Survey:
    """Read the headers of `file` (seekable)."""
    del environment
    edits: tuple[Edit, ...] = ()
    loaded = slash.Loaded(strict=options.limit_strict)
    if kind is Kind.ELF:
        found = elf.read(file)
        edits, _ = elf.relative(path, found, needles, depths(path, options))
        loaded = slash.Loaded(found.loaded, options.limit_strict, landmark(path))
    file.seek(0)
    return Survey(path, kind, needles, options, loaded, edits, language(path, file.read(OVERLAP)))


def find_window(window: bytes, base: int, inner: range, survey: Survey) -> Found:
    """Sites whose old path starts in `inner`, all offsets being those in the file.

    `window` is what the file holds from `base` on; it reaches at least OVERLAP bytes before and after `inner`, or to the start
    and end of the file; `base` is a multiple of 4. A site may start before `inner` (slashes before the path) or end after it, never
    in another window's sites. The caller's inner ranges are adjacent and cover the file. SLASH (BINARY, ELF) and TEXT only.
    """
    if survey.kind is Kind.TEXT:
        found = _text(window, survey)
    elif survey.kind is Kind.ARCHIVE:
        count = sum(base + at in inner for at in _raw(window, survey.needles))
        return Found((), (), (Finding("unreachable", survey.path, "in an archive", count),) if count else ())
    else:
        loaded = replace(survey.loaded, parts=tuple((start - base, end - base) for start, end in survey.loaded.parts))
        found = slash.find(survey.path, window, survey.needles, loaded)
    sites = tuple(replace(site, start=site.start + base, end=site.end + base) for site in found.sites)
    edits = tuple(edit for edit in survey.edits if edit.start in inner)
    return Found(
        tuple(
            site
            for site in sites
            if owner(site) in inner and not any(edit.start < site.end and site.start < edit.end for edit in survey.edits)
        ),
        edits,
        found.findings if inner.start == 0 or found.findings else (),
    )


def owner(site: Site) -> int:
    """The offset that decides which window a site belongs to."""
    return site.end - 1


def landmark(path: bytes) -> bool:
    """Whether `path` is an interpreter or library of a Python that finds itself by `lib/pythonX.Y/os.py`."""
    folder, _, name = path.rpartition(b"/")
    return (folder == b"bin" and name.startswith(b"python")) or (folder == b"lib" and name.startswith(b"libpython"))


def depths(path: bytes, options: Options) -> tuple[int, ...]:
    """Directories above each name of the file at `path`."""
    return tuple(name.count(b"/") for name in (path, *options.aliases.get(path, ())))


def _text(window: bytes, survey: Survey) -> Found:
    hits = search(window, (*survey.needles.plain, *survey.needles.escaped), survey.needles, binary=False)
    ours, findings = text.choose(survey.path, hits.ours, hits.ambiguous, survey.options)
    surroundings = Context(survey.language, window, (), 0)
    if survey.language is Language.PYTHON:
        surroundings = context(survey.path, window)
    return Found(text.splices(ours, surroundings, survey.needles), (), findings)


def _raw(window: bytes, needles: Needles) -> list[int]:
    hits = search(window, (*needles.plain, *needles.escaped, *needles.wide), needles, binary=True)
    return [hit.start for hit in hits.ours]
