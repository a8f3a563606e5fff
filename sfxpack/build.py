"""The pipeline: discover, list -> read, find, neutralise -> order, compress -> assemble."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from unicodedata import category

from sfxpack import __version__, header, plan, refusals, requirements, resources
from sfxpack.assemble import Front, assembly
from sfxpack.compress import BlockWriter
from sfxpack.errors import UsageError
from sfxpack.format.layout import EntryKind, Platform
from sfxpack.format.tables import Index, Product
from sfxpack.model import Entry, Environment, Finding, Origin, Request
from sfxpack.ownership import Ownership
from sfxpack.ownership import as_json as ownership_as_json
from sfxpack.packing import Packing
from sfxpack.reading import Progress, Reading, silent, subject, usable_cores

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
    origin: Origin | None = None
    """Where the tree was made, if it lies elsewhere now and that was worked out."""


def build(request: Request, progress: Progress = silent) -> Result:
    """Pack an environment into one self-extracting file.

    Raises:
        SfxpackError: one of its subclasses; nothing is left behind.
    """
    started = time.monotonic()
    if any(category(character) == "Cc" for character in request.default_prefix):
        raise UsageError(f"--default-prefix {request.default_prefix!r}: holds a control character; give one without")
    found = subject(request)
    output = found.output
    jobs = request.jobs or usable_cores()
    front = _front(found.name, request.release, found.platform)
    with assembly(output, front, force=request.force) as target, ThreadPoolExecutor(2 * jobs) as executor:
        reading = Reading(found, executor, jobs, progress)
        packing = Packing(reading, BlockWriter(executor, jobs, request.level, target.write))
        packing.run()
        findings = reading.all_findings()
        owned = reading.ownership()
        refusals.refuse(request, findings, owned)
        index = _index(request, packing, findings, owned)
        locator = target.complete(index)
    return Result(
        path=output,
        platform=found.platform,
        name=found.name,
        build=locator.build,
        size=locator.total_size,
        tree_size=index.product.tree_size,
        files=len(index.entries),
        seconds=time.monotonic() - started,
        sites=_count_sites(index),
        prefix_limit=index.product.prefix_limit,
        prefix_limit_path=os.fsdecode(index.limiting.path) if index.limiting else "",
        prefix_limit_conda=index.limit_is_condas,
        findings=findings,
        warnings=found.environment.warnings,
        ownership=owned,
        origin=found.environment.origin,
    )


def _front(name: str, release: str, platform: Platform) -> Front:
    stub = resources.stub(platform.label).read_bytes()
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


def _index(request: Request, packing: Packing, findings: tuple[Finding, ...], owned: Ownership) -> Index:
    reading, found = packing.reading, packing.reading.subject
    files = reading.entries()
    default_mtime = _default_mtime(reading.mtimes.values(), files)
    entries = plan.index_entries(
        files, packing.packed, reading.names.hard_links, found.links(), reading.mtimes, default_mtime
    )
    limit = plan.limit(files, packing.packed)
    activate = any(entry.path == b"bin/activate" for entry in entries)
    product = Product(
        name=os.fsencode(found.name),
        release=os.fsencode(request.release),
        default_prefix=os.fsencode(request.default_prefix),
        creator=f"sfxpack {__version__}".encode(),
        report=_report(found.environment, findings, owned),
        notices=resources.notices().encode(),
        activation=b"bin/activate" if activate else b"",
        tree_size=sum(file.size for file in packing.packed.values()),
        prefix_limit=limit.size,
        prefix_limit_entry=limit.entry,
    )
    needs = plan.requirements(requirements.requirements(files, reading.all_binaries()))
    return Index(product, packing.blocks, tuple(packing.contents), entries, needs)


def _default_mtime(recorded: Iterable[int], entries: tuple[Entry, ...]) -> int:
    """`SOURCE_DATE_EPOCH`, else the newest second a `.pyc` records, else that of the files; never negative."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isdigit():
        return int(epoch)
    files = (entry.mtime_ns // 10**9 for entry in entries if entry.kind is EntryKind.FILE and entry.data is None)
    return max(0, max(recorded, default=0) or max(files, default=0))


def _report(environment: Environment, findings: tuple[Finding, ...], owned: Ownership) -> bytes:
    """What the builder found, as JSON; the old prefix is cut out of every text."""
    report: dict[str, dict[str, Any]] = {}
    old = [os.fsdecode(rename.old) for rename in environment.renames]
    for finding in findings:
        category = report.setdefault(finding.category, {"count": 0, "files": []})
        files = category["files"]
        category["count"] += finding.count
        if len(files) < _REPORT_PATHS or finding.record:
            detail = finding.detail
            for path in old:
                detail = detail.replace(path, "PREFIX")
            record = {"record": finding.record.decode(errors="backslashreplace")} if finding.record else {}
            files.append({"path": finding.path.decode(errors="backslashreplace"), "detail": detail, **record})
    whole = {"kind": environment.kind, "findings": report, "ownership": ownership_as_json(owned)}
    return json.dumps(whole, sort_keys=True).encode()


def _count_sites(index: Index) -> dict[str, int]:
    counts = Counter(site.strategy.name.lower() for entry in index.entries for site in entry.sites)
    return dict(sorted(counts.items()))
