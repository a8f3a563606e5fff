"""The pipeline: discover, list -> read, find, neutralise -> order, compress -> assemble."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from unicodedata import category

from sfxpack import __version__, header, hooks, plan, refusals, resources
from sfxpack.assemble import Front, assembly
from sfxpack.compress import BlockWriter
from sfxpack.environments import activation, activation_windows
from sfxpack.errors import UsageError
from sfxpack.format.layout import EntryKind, Platform
from sfxpack.format.tables import Index, Product
from sfxpack.model import Addition, Entry, Finding, Origin, Pyc, Saving
from sfxpack.outfiles import FAT32_MOST, Written
from sfxpack.ownership import Ownership
from sfxpack.ownership import as_json as ownership_as_json
from sfxpack.packing import Packing
from sfxpack.reading import Progress, Reading, silent, usable_cores
from sfxpack.request import Request
from sfxpack.subject import Subject, subjects
from sfxpack.whole import Whole, additions, refuse_names, savings, together, warnings
from sfxpack.windows import program, signing
from sfxpack.windows.names import reason_against
from sfxpack.workers import Workers

_INTERPRETERS: Final = (b"bin/python", b"bin/python3", b"bin/pypy3", b"python.exe", b"Scripts/python.exe")
_ACTIVATE: Final = (activation.PATH, activation_windows.PATH)
"""On Windows the second."""
_REPORT_PATHS: Final = 1000
"""Paths a category of the report lists at most, but for mismatches of records; its count is always whole."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a build made and what it found."""

    path: Path
    platform: Platform
    name: str
    build: str
    """Name of the build: the digest of its index, in hex."""
    size: int
    """Bytes of the artifact."""
    written: tuple[Written, ...]
    """Its files, the first one first."""
    tree_size: int
    """Bytes of all files as installed, before the prefix is filled in."""
    files: int
    """Files, links and directories."""
    seconds: float
    sites: dict[str, int]
    """Sites by strategy."""
    prefix_limit: int
    """Longest prefix in bytes, or `layout.NO_LIMIT`."""
    prefix_limit_path: str
    """File that imposes it, or empty."""
    prefix_limit_conda: bool
    """As `tables.is_condas`."""
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    ownership: Ownership
    """Whether the packages are as they were installed."""
    savings: tuple[Saving, ...]
    """What was left out, by the rule that did it."""
    additions: tuple[Addition, ...]
    """What `--add` brought along."""
    hooks: tuple[str, ...]
    """Scripts and texts of the vendor's, by the option that gave them."""
    environments: tuple[PackedEnvironment, ...]
    """One, or several in the order they were given."""


@dataclass(frozen=True, slots=True)
class PackedEnvironment:
    """An environment of the artifact."""

    name: str
    """Directory below the prefix; empty where there is one environment alone."""
    origin: Origin | None
    """Where the tree was made, if it lies elsewhere now and that was worked out."""


def build(request: Request, progress: Progress = silent) -> Result:
    """Pack an environment, or several, into one self-extracting file.

    Raises:
        SfxpackError: one of its subclasses; nothing is left behind.
    """
    started = time.monotonic()
    if any(category(character) == "Cc" for character in request.default_prefix):
        raise UsageError(f"--default-prefix {request.default_prefix!r}: holds a control character; give one without")
    given = hooks.read(request.hooks)
    found = subjects(request)
    checked = hooks.check(given, found)
    first = found[0]
    jobs = request.jobs or usable_cores()
    front = _front(request, first)
    refuse_names(found)
    sign = signing.parse(request.program.sign_command) if request.program.sign_command else ()
    with (
        assembly(first.output, front, force=request.force, split=request.split, sign=sign) as target,
        Workers(2 * jobs) as executor,
    ):
        readings = [Reading(subject, executor, jobs) for subject in found]
        _share(progress, readings)
        packing = Packing(readings, BlockWriter(executor, jobs, request.level, target.write))
        packing.run()
        whole = together(readings)
        refusals.refuse(request, whole.findings, whole.ownership)
        index = replace(_index(request, packing, whole), hooks=checked)
        locator = target.complete(index)
    return Result(
        path=first.output,
        platform=first.platform,
        name=first.name,
        build=locator.build,
        size=locator.total_size,
        written=target.written,
        tree_size=index.product.tree_size,
        files=len(index.entries),
        seconds=time.monotonic() - started,
        sites=_count_sites(index),
        prefix_limit=index.product.prefix_limit,
        prefix_limit_path=os.fsdecode(index.limiting.path) if index.limiting else "",
        prefix_limit_conda=index.limit_is_condas,
        findings=whole.findings,
        warnings=(*warnings(found), *_too_large(target.written), *_misnamed(first)),
        ownership=whole.ownership,
        savings=savings(found),
        additions=additions(found),
        hooks=tuple(hook.kind.label for hook in index.hooks),
        environments=tuple(
            PackedEnvironment(os.fsdecode(subject.mount), subject.environment.origin) for subject in found
        ),
    )


def _too_large(written: Iterable[Written]) -> Iterator[str]:
    for file in written:
        if file.size > FAT32_MOST:
            text = "larger than a file on FAT32 can be, which most USB sticks have; --split fat32 makes files that fit"
            yield f"{file.path}: {text}"


def _misnamed(subject: Subject) -> Iterator[str]:
    if subject.platform.system == "windows" and subject.output.suffix.lower() != ".exe":
        yield f"{subject.output}: Windows starts it only if its name ends with .exe: rename it, or give another with -o"


def _share(progress: Progress, readings: Iterable[Reading]) -> None:
    """Let several readings report as one."""
    total = sum(reading.total for reading in readings)
    before = 0
    for reading in readings:
        reading.progress = partial(lambda before, done, _: progress(before + done, total), before)
        before += reading.total


def _front(request: Request, subject: Subject) -> Front:
    name, release, platform = subject.name, request.release, subject.platform
    if platform.system != "windows":
        program.refuse_elsewhere(request.program, platform.label)
    stub = resources.stub(platform.label).read_bytes()
    if platform.system == "windows":
        if reason := reason_against(name):
            raise UsageError(
                f"{name}: the name {reason}, so no folder on Windows can have it; choose another with --name"
            )
        called = program.Names(name, release, subject.output.name)
        return Front(b"", program.customise(stub, request.program, called), platform)
    size = header.size(name, release, platform)
    front = Front(bytes(size), stub, platform)
    values = header.HeaderVars(
        name=name,
        release=release,
        platform=platform,
        stub_offset=size,
        stub_size=len(stub),
        locator_offset=front.locator_offset,
    )
    return replace(front, header=header.render(values))


def _index(request: Request, packing: Packing, whole: Whole) -> Index:
    subject, entries = packing.readings[0].subject, whole.entries
    default_mtime = _default_mtime(whole.mtimes.values(), entries)
    table = plan.index_entries(
        entries, packing.packed, whole.hard_links, whole.links, whole.mtimes, default_mtime, whole.trees
    )
    limit = plan.limit(entries, packing.packed, whole.trees)
    paths = {entry.path for entry in entries}
    script = _ACTIVATE[subject.platform.system == "windows"]
    activate = all(reading.subject.place(script) in paths for reading in packing.readings)
    product = Product(
        name=os.fsencode(subject.name),
        release=os.fsencode(request.release),
        default_prefix=os.fsencode(request.default_prefix),
        creator=f"sfxpack {__version__}".encode(),
        report=_report([reading.subject for reading in packing.readings], whole),
        notices=resources.notices().encode(),
        activation=script if activate else b"",
        compile=_interpreter(packing.readings, paths) if request.pyc is Pyc.COMPILE else b"",
        tree_size=sum(file.size for file in packing.packed.values()),
        prefix_limit=limit.size,
        prefix_limit_entry=limit.entry,
    )
    return Index(product, packing.blocks, tuple(packing.contents), table, plan.requirements(whole.requirements))


def _interpreter(readings: Sequence[Reading], paths: Collection[bytes]) -> bytes:
    """The Python that compiles on the target: the same path in every environment.

    Raises:
        UsageError: an environment has none.
    """
    for name in _INTERPRETERS:
        if all(reading.subject.place(name) in paths for reading in readings):
            return name
    without = next(reading.subject.environment.root for reading in readings)
    raise UsageError(f"{without}: has no bin/python or python.exe to compile with; choose --pyc keep or drop")


def _default_mtime(recorded: Iterable[int], entries: tuple[Entry, ...]) -> int:
    """`SOURCE_DATE_EPOCH`, else the newest second a `.pyc` records, else that of the files; never negative."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isdigit():
        return int(epoch)
    files = (entry.mtime_ns // 10**9 for entry in entries if entry.kind is EntryKind.FILE and entry.data is None)
    return max(0, max(recorded, default=0) or max(files, default=0))


def _report(subjects: Sequence[Subject], whole: Whole) -> bytes:
    """What the builder found, as JSON; the old prefixes are cut out of every text."""
    findings: dict[str, dict[str, Any]] = {}
    old = [os.fsdecode(rename.old) for subject in subjects for rename in subject.environment.renames]
    for finding in whole.findings:
        category = findings.setdefault(finding.category, {"count": 0, "files": []})
        files = category["files"]
        category["count"] += finding.count
        if len(files) < _REPORT_PATHS or finding.record:
            detail = finding.detail
            for path in old:
                detail = detail.replace(path, "PREFIX")
            record = {"record": finding.record.decode(errors="backslashreplace")} if finding.record else {}
            files.append({"path": finding.path.decode(errors="backslashreplace"), "detail": detail, **record})
    kinds = {os.fsdecode(subject.mount): subject.environment.kind for subject in subjects}
    report: dict[str, Any] = {"findings": findings, "ownership": ownership_as_json(whole.ownership)}
    report |= {"environments": kinds} if whole.trees else {"kind": subjects[0].environment.kind}
    if any(subject.selection.filters for subject in subjects):
        report["filters"] = {os.fsdecode(subject.mount): subject.selection.filters for subject in subjects}
    if added := [
        {"path": item.path.decode(errors="backslashreplace"), "files": item.files, "size": item.size}
        for item in additions(subjects)
    ]:
        report["added"] = added
    if saved := [dataclasses.asdict(item) for item in savings(subjects) if item.files]:
        report["left_out"] = saved
    return json.dumps(report, sort_keys=True).encode()


def _count_sites(index: Index) -> dict[str, int]:
    counts = Counter(site.strategy.name.lower() for entry in index.entries for site in entry.sites)
    return dict(sorted(counts.items()))
