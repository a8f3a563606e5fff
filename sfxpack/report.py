"""What a build or an artifact says to people: the summary of `build`, the table of `inspect`."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sfxpack.build import Result
from sfxpack.format.layout import MAX_PREFIX, NO_LIMIT
from sfxpack.model import Addition, Finding, Origin, Saving
from sfxpack.outfiles import Written
from sfxpack.ownership import Ownership, Package
from sfxpack.ownership import as_json as ownership_as_json
from sfxpack.preview import Preview

EXPLAIN: Final = {
    "unreachable": "holds the old prefix where it cannot be moved (compressed or damaged data); left as it is",
    "ambiguous": "holds the old prefix as part of something that may be another path; left as it is",
    "external": "refers to something outside the environment, which does not come along",
    "unmanaged": "conda's record does not describe it as it is; moved by the general rules",
    "unsafe": "conda's way of moving them may break them, at the old place too; build with --binary-padding slash",
    "offsets": "conda's record of where they hold the prefix is wrong; what was found is used",
    "shared": "holds the old prefix where another string ends in it, so it cannot be changed; left as it is",
    "soft": "data that is moved only where the new prefix fits",
    "other": "names another path that starts with the old prefix; left as it is",
    "stale": "names an earlier place of the environment or of its packages; left as it is, unless you add",
    "mismatch": "was already not as its record says; left as it is",
    "unchecked": "has rows that cannot be checked",
    "signature": "cannot be signed again; nothing reads it once a wheel is installed",
    "omitted": "compiled Python of an unknown version that holds the old prefix; left out, as its source is there",
    "secret": "holds a password, a token or a key, which is packed; remove it, or leave the file out with --exclude",
    "scrubbed": "held a password, a token or a key, which is cut out",
    "editable": "project of an editable installation, packed with it or left out",
    "followed": "link that led out of the environment; what it leads to comes along in its place",
    "dangling": "link that leads nowhere; packed as it is",
    "collision": "has another file's name on systems that do not tell upper from lower case",
    "name": "has a name that some programs cannot handle; packed as it is",
    "sparse": "has holes; they take next to no room in the artifact, and stay holes in files over 32 MB",
    "dropped": "cannot be packed (socket, device, pipe); left out",
    "mode": "set-id or world-writable bits dropped",
}
FIRST: Final = 3
"""Files listed of each kind, unless all are asked for."""
_LARGEST: Final = 15
"""Packages and files that a preview lists."""
_MOST_PARTS: Final = 8
"""Parts that a summary lists."""
_UNITS: Final = ("B", "KB", "MB", "GB", "TB")


def size(value: float) -> str:
    """Bytes for people, in powers of 1000."""
    unit = 0
    while value >= 999.5 and unit < len(_UNITS) - 1:  # noqa: PLR2004 rounds to 1000
        value /= 1000
        unit += 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 100 else f"{value:.1f} {_UNITS[unit]}"  # noqa: PLR2004


def limit_text(limit: int | None, path: str, *, conda: bool) -> str:
    """How long the prefix may be, who says so and how to raise it."""
    if limit is None or limit == NO_LIMIT:
        return f"no file limits it ({MAX_PREFIX} bytes at most)"
    advice = "its conda package has no more room" if conda else "build the environment at a longer path to raise it"
    return f"{limit} bytes, because of {path}; {advice}"


def origin_text(origin: Origin) -> str:
    """Where a tree was made that lies elsewhere now."""
    place = f"{os.fsdecode(origin.path)} (named by {counted(origin.count, 'file', 'files')})"
    return f"{place}, which counts as its own path"


def origin_as_json(origin: Origin | None) -> dict[str, Any] | None:
    """The same for programs."""
    return None if origin is None else {"path": os.fsdecode(origin.path), "count": origin.count}


def counted(count: int, one: str, many: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {one if count == 1 else many}"


def in_files(parts: int) -> str:
    """How many files that is, where it is more than one."""
    return f" in {parts + 1} files" if parts else ""


def as_json(result: Result) -> dict[str, Any]:
    """A build's result for programs."""
    value = dataclasses.asdict(result)
    value["path"] = str(result.path)
    value["written"] = [{"path": str(file.path), "size": file.size} for file in result.written]
    value["platform"] = result.platform.label
    value["origin"] = origin_as_json(result.environments[0].origin) if len(result.environments) == 1 else None
    value["environments"] = [{"name": item.name, "origin": origin_as_json(item.origin)} for item in result.environments]
    value["prefix_limit"] = None if result.prefix_limit == NO_LIMIT else result.prefix_limit
    value["findings"] = findings_as_json(result.findings)
    value["ownership"] = ownership_as_json(result.ownership)
    value["added"] = additions_as_json(result.additions)
    del value["additions"]
    return value


def findings_as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings for programs."""
    return [
        {"category": f.category, "path": os.fsdecode(f.path), "detail": f.detail, "count": f.count}
        | ({"record": os.fsdecode(f.record)} if f.record else {})
        for f in findings
    ]


def print_result(result: Result, console: Console, *, verbose: bool) -> None:
    """The summary after a build, and what to type next."""
    ratio = f" ({result.size / result.tree_size:.0%})" if result.size < result.tree_size else ""
    table = Table.grid(padding=(0, 2))
    for label, text in _file_rows(result.written):
        table.add_row(label, text)
    table.add_row("size", f"{size(result.size)} for {size(result.tree_size)}{ratio}, in {result.seconds:.1f} s")
    table.add_row("holds", f"{result.files} files, links and directories")
    for item in result.environments:
        if item.name:
            table.add_row("environment", escape(item.name))
        if item.origin:
            table.add_row("made at", escape(origin_text(item.origin)))
    strategies = ", ".join(f"{count} {name}" for name, count in result.sites.items())
    table.add_row("relocates", strategies or "nothing: no file holds the prefix")
    limit = limit_text(result.prefix_limit, result.prefix_limit_path, conda=result.prefix_limit_conda)
    table.add_row("prefix", escape(limit))
    for label, text in (*additions_rows(result.additions), *savings_rows(result.savings)):
        table.add_row(label, escape(text))
    if packages := packages_text(result.ownership):
        table.add_row("packages", escape(packages))
    if result.hooks:
        table.add_row("of the vendor", ", ".join(result.hooks))
    console.print(table)
    for warning in result.warnings:
        console.print(f"warning: {escape(warning)}", soft_wrap=True)
    print_ownership(result.ownership, console, verbose=verbose)
    print_findings(without_rows_of(result.ownership, result.findings), console, verbose=verbose)
    name, path = shlex.quote(result.path.name), shlex.quote(str(result.path))
    console.print(f"\ncarry {'them' if len(result.written) > 1 else 'it'} and install it:", style="bold")
    accept = " --accept-license" if "license" in result.hooks else ""
    if result.platform.system == "windows":
        words = (f".\\{result.path.name}", f"C:\\{result.name}")
        file, prefix = (f'"{word}"' if " " in word else word for word in words)
        console.print(escape(f"  {file} --prefix {prefix}{accept}"), soft_wrap=True)
        return
    console.print(escape(f"  scp {path}{f' {path}.part*' if len(result.written) > 1 else ''} HOST:"), soft_wrap=True)
    console.print(escape(f"  sh {name} --prefix /opt/{result.name}{accept}"), soft_wrap=True)


def additions_rows(additions: Iterable[Addition]) -> Iterator[tuple[str, str]]:
    """What `--add` brings along, a row each."""
    for added in additions:
        place = os.fsdecode(added.path) or "the prefix itself"
        yield "added", f"{place}: {counted(added.files, 'file', 'files')}, {size(added.size)}"


def additions_as_json(additions: Iterable[Addition]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [{"path": os.fsdecode(item.path), "files": item.files, "size": item.size} for item in additions]


def _file_rows(written: Sequence[Written]) -> Iterator[tuple[str, str]]:
    """The files, with their sizes where there are several."""
    first, parts = written[0], written[1:]
    yield "file", f"[bold]{escape(str(first.path))}[/bold]" + (f", {size(first.size)}" if parts else "")
    for part in parts[:_MOST_PARTS]:
        yield "part", f"{escape(str(part.path))}, {size(part.size)}"
    if len(parts) > _MOST_PARTS:
        yield "part", f"… {len(parts) - _MOST_PARTS} more, up to {escape(str(parts[-1].path))}"


def savings_rows(savings: Iterable[Saving]) -> Iterator[tuple[str, str]]:
    """What was left out, a rule a row."""
    for saving in savings:
        yield "left out", f"{saving.rule}: {counted(saving.files, 'file', 'files')}, {size(saving.size)}"


def packages_text(owned: Ownership) -> str:
    """How many packages are as they were installed; empty if nothing is recorded."""
    if not owned.count:
        return ""
    wrong = len(owned.packages)
    files = sum(item.files for item in owned.unowned)
    state = f"{wrong} of {owned.count} not as installed" if wrong else f"all {owned.count} as they were installed"
    return state + (f"; {counted(files, 'file', 'files')} in none" if files else "")


def print_ownership(owned: Ownership, console: Console, *, verbose: bool) -> None:
    """The packages that are not as they were installed, with their files; what belongs to none."""
    if owned.packages:
        console.print(f"\nnot as installed: {counted(len(owned.packages), 'package', 'packages')}; packed as they are")
    left = FIRST
    for package in owned.packages:
        counts = ", ".join(f"{count} {kind}" for kind, count in package.counts().items())
        console.print(escape(f"  {package.name}: {counts}"), soft_wrap=True)
        lines = [*_package_lines(package)]
        for line in lines if verbose else lines[:left]:
            console.print(escape(f"    {line}"), soft_wrap=True)
        left -= min(left, len(lines))
    if owned.unowned:
        count = counted(sum(item.files for item in owned.unowned), "file", "files")
        console.print(f"\nunowned: {count} in no package's record; packed as they are")
        items = sorted(owned.unowned, key=lambda item: -item.files)
        for item in items if verbose else items[:FIRST]:
            files = f"/  {counted(item.files, 'file', 'files')}" if item.files > 1 else ""
            console.print(escape(f"  {os.fsdecode(item.path)}{files}"), soft_wrap=True)
        if not verbose and len(items) > FIRST:
            console.print(f"  … {len(items) - FIRST} more, listed by sfxpack scan")


def _package_lines(package: Package) -> Iterator[str]:
    yield from (f"{os.fsdecode(path)}  altered" for path in package.altered)
    yield from (f"{os.fsdecode(path)}  missing" for path in package.missing)
    yield from (f"{os.fsdecode(path)}  overwritten by {by}" for path, by in package.clobbered)


def without_rows_of(owned: Ownership, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings but for those rows of records that the packages' report tells of."""
    told = owned.rows
    return tuple(finding for finding in findings if (finding.path, finding.record) not in told)


def print_preview(found: Preview, console: Console, *, verbose: bool) -> None:
    """What a build would pack, largest first."""
    table = Table.grid(padding=(0, 2))
    table.add_row("would write", escape(found.output))
    table.add_row("would hold", f"{found.entries} files, links and directories, {size(found.size)}")
    for label, text in (*additions_rows(found.additions), *savings_rows(found.savings)):
        table.add_row(label, escape(text))
    console.print(table)
    for warning in found.warnings:
        console.print(f"warning: {escape(warning)}", soft_wrap=True)
    console.print("\nby package or folder:", style="bold")
    for part in found.parts if verbose else found.parts[:_LARGEST]:
        line = f"  {size(part.size):>8}  {part.name}  {counted(part.files, 'file', 'files')}"
        console.print(escape(line), soft_wrap=True)
    console.print("\nfiles:" if verbose else "\nlargest files:", style="bold")
    for file in found.files if verbose else found.files[:_LARGEST]:
        console.print(escape(f"  {size(file.size):>8}  {os.fsdecode(file.path)}"), soft_wrap=True)
    if not verbose and len(found.files) > _LARGEST:
        console.print(f"  … {len(found.files) - _LARGEST} more, listed by -v")


def preview_as_json(found: Preview) -> dict[str, Any]:
    """The same for programs, all files included."""
    files = [{"path": os.fsdecode(file.path), "size": file.size} for file in found.files]
    value = dataclasses.asdict(found) | {"files": files, "added": additions_as_json(found.additions)}
    del value["additions"]
    return value


def print_findings(findings: Iterable[Finding], console: Console, *, verbose: bool) -> None:
    """A heading for each category and its files, the first ones unless `verbose`."""
    for category, group in groupby(findings, key=lambda finding: finding.category):
        members = list(group)
        files = {finding.path: finding for finding in members}
        text = EXPLAIN.get(category, "")
        console.print(escape(f"\n{category}: {counted(len(files), 'file', 'files')}; {text}"))
        if category == "stale":
            for place, count in Counter(finding.detail for finding in members).most_common():
                line = f"  --fix-stale {shlex.quote(place)}  for {counted(count, 'file', 'files')}"
                console.print(escape(line), soft_wrap=True)
        shown = members if verbose or category == "secret" else list(files.values())[:FIRST]  # nobody wants to miss one
        for finding in shown:
            record = f" ({os.fsdecode(finding.record)})" if finding.record else ""
            detail = f"  {finding.detail}{record}" if finding.detail else ""
            console.print(escape(f"  {os.fsdecode(finding.path)}{detail}"), soft_wrap=True)
        if len(files) > len(shown):
            console.print(f"  … {len(files) - len(shown)} more, listed by -v")
