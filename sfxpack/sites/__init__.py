"""Where a file holds the old prefix, and how each place moves. Pure: contents in, sites out."""

from __future__ import annotations

from dataclasses import replace

from sfxpack.format.layout import Platform
from sfxpack.model import CondaFile, Environment, Finding, Found, Kind
from sfxpack.sites import ar, archive, conda, elf, launcher, pyc, shebang, slash, spelling, text, trampoline, windows
from sfxpack.sites.archive import look_inside
from sfxpack.sites.conda import is_packaged
from sfxpack.sites.hits import search
from sfxpack.sites.link import aliases, find_link
from sfxpack.sites.options import Options
from sfxpack.sites.pyc import NOT_CODE
from sfxpack.sites.spelling import Needles
from sfxpack.sites.window import Survey, depths, find_window, landmark, outside, survey

__all__ = [
    "NOT_CODE",
    "Needles",
    "Options",
    "Survey",
    "aliases",
    "find",
    "find_link",
    "find_window",
    "is_packaged",
    "look_inside",
    "may_have",
    "needles",
    "survey",
]


def needles(environment: Environment, platform: Platform = Platform.LINUX_X86_64) -> Needles:
    """What to search for in the files of an environment for a platform."""
    return windows.needles(environment) if platform.system == "windows" else spelling.needles(environment)


def may_have(content: bytes, record: CondaFile | None, needles: Needles) -> bool:
    """Whether a file may have sites: the prefilter over every file, which conda may have a `record` of."""
    return needles.contains(content) or (record is not None and is_packaged(content, record))


def find(
    path: bytes, kind: Kind, content: bytes, environment: Environment, needles: Needles, options: Options
) -> Found:
    """All sites of one file.

    `content` is the whole file, `kind` what `classify` says of it. What cannot move is a finding, never an error.
    """
    record = environment.conda.get(path)
    needles = needles.within(content)
    extra: tuple[Finding, ...] = ()
    if record and record.file_mode and record.placeholder:
        managed = conda.find(path, content, record, needles, options)
        if managed is not None:
            return managed
        extra = (conda.unmanaged(path, record),)
    if path.startswith(b"conda-meta/"):
        needles = needles.of_records()
    found = _unmanaged(path, kind, content, needles, options)
    if extra and not (found.sites or found.edits or found.findings):
        return found
    return Found(found.sites, found.edits, (*found.findings, *extra))


def _unmanaged(path: bytes, kind: Kind, content: bytes, needles: Needles, options: Options) -> Found:
    if kind is Kind.TEXT:
        return _text(path, content, needles, options)
    if kind is Kind.PYC:
        if needles.holds_placeholder(content):
            return Found()  # as the package was built: no installer ever replaces it
        return pyc.find(path, content, needles, options)
    if kind is Kind.ELF:
        return _elf(path, content, needles, options)
    if kind is Kind.ARCHIVE:
        return archive.find(path, content, needles)
    return _binary(path, content, needles, options)


def _text(path: bytes, content: bytes, needles: Needles, options: Options) -> Found:
    found = text.find(path, content, needles, options)
    if options.platform.system == "windows" and found.sites and found.sites[0].start < content.find(b"\n"):
        return replace(found, edits=launcher.quotes(content))
    return found


def _elf(path: bytes, content: bytes, needles: Needles, options: Options) -> Found:
    found = elf.read(content)
    edits = elf.relative(path, found, needles, depths(path, options))
    sites = slash.find(path, content, needles, slash.Loaded(found.loaded, options.limit_strict, landmark(path)))
    return elf.unshared(path, Found(outside(sites.sites, edits), edits, sites.findings), found)


def _binary(path: bytes, content: bytes, needles: Needles, options: Options) -> Found:
    """SLASH, but for the first line of a script that what follows does not depend on the length of."""
    if edits := trampoline.edits(path, content, needles):
        rest = slash.find(path, content, needles, slash.Loaded(strict=options.limit_strict))
        return Found(outside(rest.sites, edits), edits, rest.findings)
    if launch := launcher.line_of(content):
        return launcher.find(path, content, launch, needles, options)
    line = shebang.first_line(content) if shebang.is_free(content) else b""
    hits = search(line, needles.plain, needles, binary=False).ours
    first, _ = shebang.take(content, hits, needles, options.platform)
    if first and shebang.is_zip(content):
        rest = archive.find(path, content, needles, range(len(line), len(content)))
        return Found(first, (), rest.findings)
    loaded = slash.Loaded(strict=options.limit_strict)
    if parts := ar.parts(content):
        return archive.find_members(path, content, parts, needles, loaded)
    found = slash.find(path, content, needles, loaded)
    return Found((*first, *(site for site in found.sites if not first or site.start > len(line))), (), found.findings)
