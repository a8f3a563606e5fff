"""The pipeline: discover -> scan -> read, find, neutralise -> order, compress -> assemble."""

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

from sfxpack import __version__, header, plan, requirements, resources, sites
from sfxpack.assemble import Front, assembly
from sfxpack.compress import BlockWriter
from sfxpack.environments import discover
from sfxpack.errors import DiscoveryError, UsageError
from sfxpack.format.layout import EntryKind, Platform
from sfxpack.format.tables import Index, Product
from sfxpack.model import Entry, Environment, Finding, Origin, Policy, Request
from sfxpack.packing import Packing, Progress, silent
from sfxpack.scan import Tree, scan

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
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
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
    environment = discover(request)
    name = request.name or environment.name
    outputs = [request.output] if request.output else [_default_output(name, request.release, p) for p in Platform]
    tree = scan(environment, tuple(os.fsencode(path.absolute()) for path in outputs))
    platform = _platform(request, tree.entries)
    output = request.output or _default_output(name, request.release, platform)
    front = _front(name, request.release, platform)
    jobs = request.jobs or usable_cores()
    options = sites.Options(
        ambiguous=request.ambiguous,
        limit_strict=request.limit_strict,
        binary_padding=request.binary_padding,
        platform=platform,
        aliases=sites.aliases(tree.entries, environment),
    )
    with assembly(output, front, force=request.force) as target, ThreadPoolExecutor(2 * jobs) as executor:
        writer = BlockWriter(executor, jobs, request.level, target.write)
        packing = Packing(environment, tree.entries, options, executor, jobs, writer, progress)
        packing.run()
        if request.ambiguous is Policy.FAIL:
            _refuse_ambiguous(packing.findings)
        found = [*environment.findings, *tree.findings, *packing.findings]
        findings = tuple(sorted(found, key=lambda finding: (finding.category, finding.path)))
        tree = replace(tree, entries=packing.entries)
        index = _index(request, name, environment, tree, packing, findings)
        locator = target.complete(index)
    limit_entry = index.product.prefix_limit_entry
    return Result(
        path=output,
        platform=platform,
        name=name,
        build=locator.build,
        size=locator.total_size,
        tree_size=index.product.tree_size,
        files=len(index.entries),
        seconds=time.monotonic() - started,
        sites=_count_sites(index),
        prefix_limit=index.product.prefix_limit,
        prefix_limit_path=os.fsdecode(index.entries[limit_entry].path) if limit_entry < len(index.entries) else "",
        findings=findings,
        warnings=environment.warnings,
        origin=environment.origin,
    )


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _platform(request: Request, entries: tuple[Entry, ...]) -> Platform:
    found = requirements.platform(entries)
    if request.platform and found and found is not request.platform:
        raise UsageError(f"--platform {request.platform.label}: the environment's programs are for {found.label}")
    platform = request.platform or found or Platform.parse(resources.host_platform())
    if platform.system != "linux":
        raise UsageError(f"{platform.label}: this version packs environments for Linux only")
    return platform


def _default_output(name: str, release: str, platform: Platform) -> Path:
    return Path("-".join(part for part in (name, release, platform.label) if part) + ".sh")


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


def _index(
    request: Request,
    name: str,
    environment: Environment,
    tree: Tree,
    packing: Packing,
    findings: tuple[Finding, ...],
) -> Index:
    directories = frozenset(entry.path for entry in tree.entries if entry.kind is EntryKind.DIRECTORY)
    links = {
        entry.path: sites.find_link(entry, environment, directories)
        for entry in tree.entries
        if entry.kind is EntryKind.LINK
    }
    default_mtime = _default_mtime(packing.mtimes.values(), tree.entries)
    entries = plan.index_entries(tree.entries, packing.packed, packing.hard_links, links, packing.mtimes, default_mtime)
    limit = plan.limit(tree.entries, packing.packed)
    activate = any(entry.path == b"bin/activate" for entry in entries)
    product = Product(
        name=os.fsencode(name),
        release=os.fsencode(request.release),
        default_prefix=os.fsencode(request.default_prefix),
        creator=f"sfxpack {__version__}".encode(),
        report=_report(environment, findings),
        notices=resources.notices().encode(),
        activation=b"bin/activate" if activate else b"",
        tree_size=sum(file.size for file in packing.packed.values()),
        prefix_limit=limit.size,
        prefix_limit_entry=limit.entry,
    )
    needs = plan.requirements(requirements.requirements(tree.entries, packing.glibc))
    return Index(product, packing.blocks, tuple(packing.contents), entries, needs)


def _refuse_ambiguous(findings: Iterable[Finding]) -> None:
    paths = sorted({os.fsdecode(finding.path) for finding in findings if finding.category == "ambiguous"})
    if paths:
        named = "\n".join(f"  {path}" for path in paths)
        raise DiscoveryError(
            "these files hold the old prefix as part of what may be another path; --ambiguous keep leaves that alone, "
            f"--ambiguous relocate changes it:\n{named}"
        )


def _default_mtime(recorded: Iterable[int], entries: tuple[Entry, ...]) -> int:
    """`SOURCE_DATE_EPOCH`, else the newest second a `.pyc` records, else that of the files; never negative."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isdigit():
        return int(epoch)
    files = (entry.mtime_ns // 10**9 for entry in entries if entry.kind is EntryKind.FILE and entry.data is None)
    return max(0, max(recorded, default=0) or max(files, default=0))


def _report(environment: Environment, findings: tuple[Finding, ...]) -> bytes:
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
    return json.dumps({"kind": environment.kind, "findings": report}, sort_keys=True).encode()


def _count_sites(index: Index) -> dict[str, int]:
    counts = Counter(site.strategy.name.lower() for entry in index.entries for site in entry.sites)
    return dict(sorted(counts.items()))
