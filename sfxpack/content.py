"""One file of the tree: read once, its sites found, neutralised, proved and digested."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sfxpack import binaries, classify, credentials, neutral, outside, records, sites
from sfxpack.binaries import Binary
from sfxpack.entries import read
from sfxpack.environments import condapack
from sfxpack.environments.venv import BROUGHT_ALONG
from sfxpack.format.digest import digest
from sfxpack.model import Edit, Entry, Environment, Finding, Found, Policy, Site
from sfxpack.plan import COMPILED, CONDA, RECORD, stage
from sfxpack.records import Files, OnDisk
from sfxpack.rows import Row
from sfxpack.scrub import is_record, scrub
from sfxpack.sites import unpacked

LARGE: Final = 32 * 1024 * 1024
"""Bytes from which a file is read in windows instead of at once."""
WHOLE: Final = 5 * LARGE
"""The same for files that conda put its prefix into."""
_NOTHING: Final = Found()
_GONE: Final = "passwords or keys and nothing else: the file is left out"


@dataclass(frozen=True, slots=True)
class Examined:
    """What a file says of itself, without its content."""

    entry: Entry
    sites: tuple[Site, ...]
    """At their offsets on disk."""
    edits: tuple[Edit, ...]
    findings: tuple[Finding, ...]
    on_disk: OnDisk | None
    """Set if the file has sites or edits, or if a record states a digest of it."""
    binary: Binary | None
    source_mtime: int | None
    """Seconds a valid timestamp `.pyc` records for its source."""
    omitted: bool = False
    """Not packed: a `.pyc` that cannot be moved and whose source is there, or a file of passwords and nothing else."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file ready to be packed."""

    examined: Examined
    content: bytes
    """Neutral."""
    digest: bytes
    sites: tuple[tuple[int, Site], ...]
    """(offset in the neutral content, site)."""


@dataclass(frozen=True, slots=True)
class Context:
    """What preparing a file needs to know of the others; frozen for the length of a stage."""

    environment: Environment
    needles: sites.Needles
    options: sites.Options
    files: Files
    """What was read in earlier stages."""
    rows: Mapping[bytes, tuple[Row, ...]]
    """Of every record, by its path."""
    wanted: Mapping[bytes, Mapping[str, Collection[str]]]
    """The digests that records state, by path of the file and algorithm."""
    secrets: Policy = Policy.DROP
    """Whether passwords, tokens and keys are cut where that is safe."""
    guests: sites.Needles | None = None
    """`needles` and what holds in some files only (`Environment.hosts`)."""

    def needles_of(self, path: bytes) -> sites.Needles:
        """What is looked for in a file."""
        return self.guests if self.guests and path in self.environment.hosts else self.needles

    def stated(self, path: bytes) -> frozenset[str]:
        """The digests of one file."""
        return frozenset(digest for stated in self.wanted.get(path, {}).values() for digest in stated)


def prepare(entry: Entry, context: Context) -> Prepared:
    """Read a file, find and cut out what depends on the prefix.

    Raises:
        ChangedError, UnreadableError: as `entries.read`.
        ProofError: the neutral content does not give back the bytes on disk.
    """
    content = read(entry)
    examined = examine(entry, content, context)
    if not (examined.sites or examined.edits):
        return Prepared(examined, content, digest(content), ())
    found = Found(examined.sites, examined.edits)
    result = neutral.neutralise(content, found)
    neutral.prove(content, result, found, context.environment.place)
    return Prepared(examined, result.content, digest(result.content), result.sites)


def examine(entry: Entry, content: bytes, context: Context) -> Examined:
    """Look at a file that was read."""
    found = find(entry, content, context)
    if _is_omitted(entry, found, context):
        return _omitted(entry, Finding("omitted", entry.path, sites.NOT_CODE))
    if any(finding.detail == _GONE for finding in found.findings):
        return _omitted(entry, *found.findings)
    return Examined(
        entry=entry,
        sites=found.sites,
        edits=found.edits,
        findings=found.findings,
        on_disk=_on_disk(entry, content, found, context),
        binary=binaries.read(content),
        source_mtime=_source_mtime(entry, content, context),
    )


def _omitted(entry: Entry, *findings: Finding) -> Examined:
    return Examined(entry, (), (), findings, None, None, None, omitted=True)


def _on_disk(entry: Entry, content: bytes, found: Found, context: Context) -> OnDisk | None:
    wanted = context.wanted.get(entry.path)
    changes = bool(found.sites or found.edits)
    if wanted is None:
        return OnDisk(len(content), {}, changes) if changes else None
    known = digests(content, wanted)
    wrong = any(digest != known[name] for name, stated in wanted.items() for digest in stated)
    return OnDisk(len(content), known, changes, tuple(_earlier(entry, content, found, context)) if wrong else ())


def _earlier(entry: Entry, content: bytes, found: Found, context: Context) -> Iterator[OnDisk]:
    """The file at other places of the tree, where a record has that digest.

    conda-pack moves files and renews no record: there the file in its package counts, too.
    """
    if not found.sites or found.edits or any(site.derived is not None for site in found.sites):
        return
    result = neutral.neutralise(content, found)
    places = [rename.old for rename in context.environment.renames if not rename.new]
    stated = context.stated(entry.path)
    record = context.environment.conda.get(entry.path)
    if record and record.placeholder and condapack.is_unpacked(context.environment):
        places.append(record.placeholder)
        stated |= {record.sha256}
    for place in places:
        was = neutral.render(result, place)
        known = digests(was, context.wanted[entry.path])
        if not stated.isdisjoint(known.values()):
            yield OnDisk(len(was), known, changes=False)


def digests(content: bytes, algorithms: Iterable[str]) -> dict[str, str]:
    """Hex by algorithm, as hashlib names it."""
    return {name: hashlib.new(name, content, usedforsecurity=False).hexdigest() for name in algorithms}


def find(entry: Entry, content: bytes, context: Context) -> Found:
    """Sites that hold the old prefix, values derived from files of earlier stages, secrets to blank."""
    found = Found()
    needles, record = context.needles_of(entry.path), context.environment.conda.get(entry.path)
    if sites.may_have(content, record, needles):
        kind = classify.classify(entry.path, content[: classify.HEAD], content)
        found = sites.find(entry.path, kind, content, context.environment, needles, context.options)
    elif unpacked.is_candidate(entry.path, content):
        found = unpacked.find(content, record, needles, context.stated(entry.path))
    if classify.is_archive(content[: classify.HEAD]):
        found = replace(found, findings=found.findings + sites.look_inside(entry.path, content, needles))
    derived, private = _derived(entry, content, context), _private(entry, content, context)
    if derived == _NOTHING and private == _NOTHING:
        return found
    merged = neutral.merge(found, sites=derived.sites, edits=derived.edits + private.edits)
    return replace(merged, findings=found.findings + derived.findings + private.findings)


def _private(entry: Entry, content: bytes, context: Context) -> Found:
    """Passwords, tokens and keys: those to cut, and what is said of them; `_scrubbed` cuts those of records."""
    drop = context.secrets is Policy.DROP
    edits: tuple[Edit, ...] = ()
    if is_record(entry.path):
        found = credentials.in_record(entry.path, content)
    elif not credentials.is_suspect(entry.path, content) or not _is_own(entry, content, context):
        return _NOTHING
    else:
        found = credentials.find(entry.path, content)
        edits = tuple(Edit(secret.start, secret.end, b"") for secret in found if secret.safe and drop)
    if found and drop and credentials.is_nothing_else(entry.path):
        return Found(findings=(Finding("scrubbed", entry.path, _GONE),))
    told = dict.fromkeys(("scrubbed" if drop and secret.safe else "secret", secret.what) for secret in found)
    return Found((), edits, tuple(Finding(category, entry.path, what) for category, what in told))


def _is_own(entry: Entry, content: bytes, context: Context) -> bool:
    """Whether a file is of the environment's user: what packages and a base Python ship is public, also compiled."""
    compiled = stage(entry.path) == COMPILED and _source(entry, context) is not None
    if compiled or BROUGHT_ALONG.match(entry.path):
        return False
    known = digests(content, context.wanted.get(entry.path, ())).values()
    return context.stated(entry.path).isdisjoint(known)


def _derived(entry: Entry, content: bytes, context: Context) -> Found:
    where = stage(entry.path)
    rows = context.rows.get(entry.path, ())
    if where == RECORD:
        return _derived_record(records.derive_record(entry.path, content, rows, context.files), entry, context)
    if where == CONDA:
        found = records.derive_conda(entry.path, content, rows, context.files)
        return replace(found, edits=found.edits + _scrubbed(entry, content, context))
    source = _source(entry, context) if where == COMPILED else None
    if source and context.files.changed(source.path):
        hashed = content[4:8] != bytes(4)
        mtime = source.mtime_ns // 10**9
        text = read(source) if hashed else None
        return Found(records.derive_pyc(entry.path, content, context.files, mtime=mtime, source=text))
    return Found((), _scrubbed(entry, content, context), outside.in_file(entry.path, content, context.environment))


def _derived_record(found: Found, entry: Entry, context: Context) -> Found:
    """Name the signatures (PEP 427) of a RECORD that changes."""
    if not found.sites:
        return found
    text = "signs a RECORD that follows the new prefix"
    names = (entry.path + end for end in (b".jws", b".p7s"))
    lost = tuple(Finding("signature", name, text) for name in names if name in context.files.names.entries)
    return replace(found, findings=found.findings + lost)


def _scrubbed(entry: Entry, content: bytes, context: Context) -> tuple[Edit, ...]:
    environment = context.environment
    record = environment.conda.get(entry.path)
    roots = [rename.old for rename in environment.renames]
    packaged = (record.sha256 or record.sha256_in_prefix) if record else ""
    drop = context.secrets is Policy.DROP
    return scrub(entry.path, content, roots, package_sha256=packaged, secrets=drop)


def _source(entry: Entry, context: Context) -> Entry | None:
    """The file a `.pyc` was compiled from, under the name it is packed by."""
    names = context.files.names
    return names.entries.get(names.resolve(records.pyc_source(entry.path) or b""))


def _is_omitted(entry: Entry, found: Found, context: Context) -> bool:
    """Whether a `.pyc` holds an old path, cannot be walked, and can be made again (Python 2: beside its source)."""
    unknown = any(finding.detail == sites.NOT_CODE for finding in found.findings)
    beside = context.files.names.entries.get(entry.path[:-1])
    return unknown and stage(entry.path) == COMPILED and (_source(entry, context) or beside) is not None


def _source_mtime(entry: Entry, content: bytes, context: Context) -> int | None:
    """The second a valid `.pyc` records for its source: valid means that it is the source's, on disk."""
    if stage(entry.path) != COMPILED:
        return None
    source = _source(entry, context)
    recorded = records.recorded_source_mtime(content)
    if source is None or recorded is None or source.mtime_ns // 10**9 & 0xFFFFFFFF != recorded:
        return None
    return recorded
