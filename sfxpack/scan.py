"""What a build would do, without building: the same reading and finding, nothing compressed, nothing written."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sfxpack import binaries, closure, plan, refusals, requirements, whole
from sfxpack.binaries import Binary
from sfxpack.closure import Wanted
from sfxpack.content import Context, Examined, examine
from sfxpack.entries import read
from sfxpack.format.layout import NO_LIMIT, Platform, SiteFlag, Strategy
from sfxpack.format.sites import UNITS
from sfxpack.format.tables import IndexRequirement, is_condas
from sfxpack.large import Large
from sfxpack.model import Addition, Entry, Environment, Finding, Origin, Policy, Saving, Site
from sfxpack.ownership import Ownership
from sfxpack.reading import Progress, Reading, silent, usable_cores
from sfxpack.request import Request
from sfxpack.subject import Subject, subjects
from sfxpack.windows import names
from sfxpack.windows.names import Longest
from sfxpack.workers import Workers

_LIBSTDCXX: Final = b"libstdc++.so.6"


@dataclass(frozen=True, slots=True)
class File:
    """A file or link that a build changes."""

    path: bytes
    """Below the prefix."""
    sites: tuple[Site, ...] = ()
    """What depends on the new prefix."""
    loader_paths: tuple[bytes, ...] = ()
    """RPATHs and RUNPATHs as they become: relative."""
    edited: int = 0
    """Places of a record that a build cuts or changes, whatever the prefix."""
    link: bytes = b""
    """New text of a link that becomes relative."""

    @property
    def soft(self) -> tuple[Site, ...]:
        """Sites that are left as they are where the new prefix is longer than they."""
        return tuple(site for site in self.sites if is_soft(site))


@dataclass(frozen=True, slots=True)
class Limit:
    """A file that allows prefixes of so many bytes."""

    path: bytes
    size: int
    count: int
    """Sites that allow no more."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An option of `build` that would change something."""

    option: str
    places: int
    """Places it would treat in another way."""
    files: int
    prefix_limit: int
    """The limit with it, or `layout.NO_LIMIT`."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a build would do and what the result would need."""

    root: Path
    kind: str
    """`conda`, `venv` or `prefix`."""
    name: str
    platform: Platform
    entries: int
    """Files, links and directories."""
    size: int
    """Bytes of all files."""
    seconds: float
    sites: dict[str, int]
    """Sites by strategy."""
    files: tuple[File, ...]
    """In the order of their paths."""
    limits: tuple[Limit, ...]
    """Files that limit the length of the prefix, the strictest first; empty if none does."""
    left_behind: tuple[Limit, ...]
    """Files with soft sites, and the longest prefix that fits all of them, if it may be longer; the shortest first."""
    requirements: tuple[IndexRequirement, ...]
    """As the artifact would state them."""
    cxx: tuple[tuple[str, bytes], ...]
    """The newest versions of a libstdc++ that is not in the tree, and a file that asks for each."""
    libraries: tuple[Wanted, ...]
    choices: tuple[Choice, ...]
    findings: tuple[Finding, ...]
    longest: Longest | None
    """For Windows: the longest path below the prefix."""
    warnings: tuple[str, ...]
    ownership: Ownership
    """Whether the packages are as they were installed."""
    savings: tuple[Saving, ...]
    """What is left out, by the rule that does it."""
    additions: tuple[Addition, ...]
    """What `--add` would bring along."""
    origin: Origin | None
    """Where the tree was made, if it lies elsewhere now and that was worked out."""

    @property
    def prefix_limit(self) -> int:
        """Longest prefix in bytes, or `layout.NO_LIMIT`."""
        return self.limits[0].size if self.limits else NO_LIMIT

    @property
    def prefix_limit_conda(self) -> bool:
        """As `tables.is_condas`."""
        sites = next((file.sites for file in self.files if self.limits and file.path == self.limits[0].path), ())
        return is_condas(self.prefix_limit, (site.strategy for site in sites))


def scan(request: Request, progress: Progress = silent) -> Scan:
    """Look at an environment as a build would; of several at the first.

    Raises:
        SfxpackError: one of its subclasses, as `build`, but never for what was found.
    """
    started = time.monotonic()
    found = subjects(replace(request, more=()))[0]
    jobs = request.jobs or usable_cores()
    files = list(_links(found))
    with Workers(2 * jobs) as executor:
        reading = Reading(found, executor, jobs, progress)
        for item in reading.files(_look):
            examined = item.examine() if isinstance(item, Large) else item
            reading.note(examined)
            if examined.sites or examined.edits:
                files.append(_file(examined))
    files.sort(key=lambda file: file.path.split(b"/"))
    entries, findings = reading.entries(), reading.all_findings()
    known, owned = reading.all_binaries(), reading.ownership()
    wanted = closure.wanted(found, reading.names, known, os.environ)
    limits = _limits(files)
    return Scan(
        root=found.environment.root,
        kind=found.environment.kind,
        name=found.name,
        platform=found.platform,
        entries=len(entries),
        size=sum(entry.size for entry in entries),
        seconds=time.monotonic() - started,
        sites=dict(sorted(Counter(site.strategy.name.lower() for file in files for site in file.sites).items())),
        files=tuple(files),
        limits=limits,
        left_behind=_left_behind(files, limits),
        requirements=plan.requirements(requirements.requirements(entries, known)),
        cxx=_cxx(wanted, known),
        libraries=wanted,
        choices=tuple(_choices(request, found.environment, files, findings, limits)),
        findings=findings,
        longest=names.longest(entries) if found.platform.system == "windows" else None,
        warnings=(
            *whole.warnings([found]),
            *whole.names_warnings([found]),
            *refusals.warnings(request, findings, owned),
        ),
        ownership=owned,
        savings=found.selection.savings,
        additions=found.additions(),
        origin=found.environment.origin,
    )


def is_soft(site: Site) -> bool:
    """Whether a site is left blank where the new prefix is longer than it."""
    return site.strategy is Strategy.SLASH and bool(site.flags & SiteFlag.SOFT)


def _look(entry: Entry, context: Context) -> Examined:
    return examine(entry, read(entry), context)


def _links(found: Subject) -> Iterator[File]:
    entries = {entry.path: entry for entry in found.tree.entries}
    for path, (text, sites) in found.links().items():
        if sites or text != entries[path].link:
            yield File(path, sites, link=b"" if sites else text)


def _file(examined: Examined) -> File:
    edits = examined.edits
    return File(
        path=examined.entry.path,
        sites=examined.sites,
        loader_paths=tuple(edit.new for edit in edits if edit.new) if examined.binary else (),
        edited=0 if examined.binary else len(edits),
    )


def _limits(files: Iterable[File]) -> tuple[Limit, ...]:
    return _strictest((file.path, plan.site_limit(site)) for file in files for site in file.sites)


def _left_behind(files: Iterable[File], limits: Sequence[Limit]) -> tuple[Limit, ...]:
    limit = limits[0].size if limits else NO_LIMIT
    return tuple(item for item in _strictest(_soft(files)) if item.size < limit)


def _soft(files: Iterable[File]) -> Iterator[tuple[bytes, int]]:
    return ((file.path, _span(site)) for file in files for site in file.soft)


def _span(site: Site) -> int:
    return len(site.neutral) // UNITS.get(site.encoding, 1)


def _strictest(found: Iterable[tuple[bytes, int]]) -> tuple[Limit, ...]:
    """One for each file: its smallest limit; ordered by that, then as the tree is."""
    best: dict[bytes, Limit] = {}
    for path, size in found:
        known = best.get(path)
        if size == NO_LIMIT or (known and size > known.size):
            continue
        best[path] = Limit(path, size, known.count + 1 if known and size == known.size else 1)
    return tuple(sorted(best.values(), key=lambda limit: (limit.size, limit.path.split(b"/"))))


def _cxx(wanted: Iterable[Wanted], known: Mapping[bytes, Binary]) -> tuple[tuple[str, bytes], ...]:
    files = next((item.files for item in wanted if item.name == _LIBSTDCXX), ())
    newest = binaries.newest_cxx(version for path in files for version in known[path].cxx)
    return tuple(
        (version.decode("ascii"), min(path for path in files if version in known[path].cxx)) for version in newest
    )


def _choices(
    request: Request,
    environment: Environment,
    files: list[File],
    findings: tuple[Finding, ...],
    limits: tuple[Limit, ...],
) -> Iterator[Choice]:
    """Options that would change something, with the limit they lead to."""
    limit = limits[0].size if limits else NO_LIMIT
    doubtful = _ambiguous(findings)
    if doubtful and request.ambiguous is not Policy.RELOCATE:
        yield Choice("--ambiguous relocate", sum(doubtful.values()), len(doubtful), limit)
    soft = [path for path, size in _soft(files) if size < limit]
    if soft:
        strict = min(size for _, size in _soft(files))
        yield Choice("--limit strict", len(soft), len(set(soft)), strict)
    padded = {file.path: sum(site.strategy is Strategy.CSTRING for site in file.sites) for file in files}
    if places := sum(padded.values()):
        held = (len(environment.conda[path].placeholder) for path, count in padded.items() if count)
        other = (size for file in files for site in file.sites if (size := _slash_limit(site)) != NO_LIMIT)
        yield Choice("--binary-padding slash", places, sum(map(bool, padded.values())), min(*held, *other, NO_LIMIT))


def _ambiguous(findings: Iterable[Finding]) -> Counter[bytes]:
    """Ambiguous places by file."""
    counts: Counter[bytes] = Counter()
    for finding in findings:
        if finding.category == "ambiguous":
            counts[finding.path] += finding.count
    return counts


def _slash_limit(site: Site) -> int:
    return NO_LIMIT if site.strategy is Strategy.CSTRING else plan.site_limit(site)
