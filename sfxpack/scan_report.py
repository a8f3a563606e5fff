"""What a scan says, to people and to programs."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from sfxpack.closure import Supply, Wanted
from sfxpack.format.layout import NO_LIMIT, RequirementFlag, RequirementKind
from sfxpack.inspect import requirement_text
from sfxpack.ownership import as_json as ownership_as_json
from sfxpack.plan import site_limit
from sfxpack.report import (
    FIRST,
    additions_as_json,
    additions_rows,
    counted,
    findings_as_json,
    limit_text,
    origin_as_json,
    origin_text,
    packages_text,
    print_findings,
    print_ownership,
    savings_rows,
    size,
    without_rows_of,
)
from sfxpack.scan import Choice, File, Scan, is_soft

_SUPPLIES: Final = {
    Supply.MISSING: "neither in the environment nor part of a base system; add what provides them",
    Supply.UNREACHED: "in the environment, but no search path of who asks leads there: programs will not start, "
    "modules work if something loaded it before",
    Supply.DRIVER: "come with the driver of the graphics card",
    Supply.DESKTOP: "systems with a desktop have them; servers and containers often do not",
}
"""What is worth saying, most important first."""
_CHOICES: Final = {
    "--ambiguous relocate": "moves {}, too",
    "--limit strict": "never leaves {} blank",
    "--binary-padding slash": "fills {} up with slashes before the path instead of NULs after it",
}
_KINDS: Final = {
    RequirementKind.GLIBC: "the C library, glibc ",
    RequirementKind.CPU_LEVEL: "a processor of level ",
    RequirementKind.MUSL: "the C library, musl",
}
_MISSING: Final = "missing"
_LABEL: Final = 13
"""Columns of the first column."""


def as_json(result: Scan, *, verbose: bool) -> dict[str, Any]:
    """A scan for programs; the keys are described in docs/scan.md."""
    limits = {"limits": result.limits, "left_behind": result.left_behind}
    return {
        "root": str(result.root),
        "kind": result.kind,
        "origin": origin_as_json(result.origin),
        "name": result.name,
        "platform": result.platform.label,
        "entries": result.entries,
        "size": result.size,
        "seconds": result.seconds,
        "sites": result.sites,
        "prefix_limit": _limit_or_none(result.prefix_limit),
        "prefix_limit_conda": result.prefix_limit_conda,
        "longest_path": result.longest
        and {"path": result.longest.path.decode(errors="backslashreplace"), "size": result.longest.size},
        **{
            key: [{**dataclasses.asdict(item), "path": os.fsdecode(item.path)} for item in limits[key]]
            for key in limits
        },
        "libraries": [_library_as_json(item) for item in result.libraries],
        "requirements": [
            {
                "kind": need.kind.name.lower(),
                "value": requirement_text(need.kind, need.value),
                "hard": bool(need.flags & RequirementFlag.HARD),
                "path": os.fsdecode(need.path),
            }
            for need in result.requirements
        ],
        "libstdcxx": [{"version": version, "path": os.fsdecode(path)} for version, path in result.cxx],
        "choices": [
            {**dataclasses.asdict(item), "prefix_limit": _limit_or_none(item.prefix_limit)} for item in result.choices
        ],
        "files": [_file_as_json(file, verbose=verbose) for file in result.files],
        "findings": findings_as_json(result.findings),
        "ownership": ownership_as_json(result.ownership),
        "added": additions_as_json(result.additions),
        "left_out": [dataclasses.asdict(saving) for saving in result.savings],
        "warnings": list(result.warnings),
    }


def _limit_or_none(limit: int) -> int | None:
    return None if limit == NO_LIMIT else limit


def _library_as_json(item: Wanted) -> dict[str, Any]:
    return {
        "name": os.fsdecode(item.name),
        "supply": item.supply.value,
        "files": [os.fsdecode(path) for path in item.files],
        "places": [os.fsdecode(path) for path in item.places],
        "here": item.here or None,
        "needs": [os.fsdecode(name) for name in item.needs],
    }


def _file_as_json(file: File, *, verbose: bool) -> dict[str, Any]:
    value: dict[str, Any] = {
        "path": os.fsdecode(file.path),
        "sites": dict(sorted(Counter(site.strategy.name.lower() for site in file.sites).items())),
        "loader_paths": [os.fsdecode(text) for text in file.loader_paths],
        "edited": file.edited,
        "link": os.fsdecode(file.link) or None,
    }
    if verbose:
        value["places"] = [
            {
                "start": site.start,
                "end": site.end,
                "strategy": site.strategy.name.lower(),
                "encoding": site.encoding.name.lower(),
                "limit": _limit_or_none(site_limit(site)),
                "soft": is_soft(site),
            }
            for site in file.sites
        ]
    return value


def print_scan(result: Scan, console: Console, *, verbose: bool) -> None:
    """The report of a scan: what is missing first, then what a build would do."""
    for label, text in _rows(result):
        style = "bold red" if label == _MISSING else None
        console.print(f"{label:<{_LABEL}}{escape(text)}", style=style, soft_wrap=True)
    for warning in result.warnings:
        console.print(f"warning: {escape(warning)}", soft_wrap=True)
    for supply, text in _SUPPLIES.items():
        members = [item for item in result.libraries if item.supply is supply]
        if members:
            console.print(escape(f"\n{supply.value}: {counted(len(members), 'library', 'libraries')}; {text}"))
            _print_lines(console, map(_library_line, members), verbose=verbose or supply is Supply.MISSING)
    print_ownership(result.ownership, console, verbose=True)
    print_findings(without_rows_of(result.ownership, result.findings), console, verbose=verbose)
    if result.left_behind:
        count = counted(len(result.left_behind), "file holds", "files hold")
        console.print(f"\nleft blank: {count} paths in data that become slashes where the new prefix is longer")
        lines = (f"{os.fsdecode(item.path)}  than {item.size} bytes" for item in result.left_behind)
        _print_lines(console, lines, verbose=verbose)
    if result.choices:
        console.print("\noptions of `sfxpack build` that would matter:")
        _print_lines(console, (_choice_line(choice, result.prefix_limit) for choice in result.choices), verbose=True)
    if verbose:
        console.print("\nfiles that a build changes:")
        _print_lines(console, (line for file in result.files for line in _file_lines(file)), verbose=True)


def _rows(result: Scan) -> Iterator[tuple[str, str]]:
    yield "environment", f"{result.root} ({result.kind}), for {result.platform.label}"
    missing = [os.fsdecode(item.name) for item in result.libraries if item.supply is Supply.MISSING]
    if missing:
        yield _MISSING, ", ".join(missing)
    if result.origin:
        yield "made at", origin_text(result.origin)
    yield "holds", f"{result.entries} files, links and directories, {size(result.size)}; seen in {result.seconds:.1f} s"
    if result.longest:
        yield "longest", f"{result.longest.size} characters: {os.fsdecode(result.longest.path)}"
    files = counted(sum(bool(file.sites) for file in result.files), "file", "files")
    strategies = ", ".join(f"{count} {name}" for name, count in result.sites.items())
    yield "relocates", f"{strategies}, in {files}" if strategies else "nothing: no file holds the prefix"
    made = {
        "relative": (
            counted(sum(len(file.loader_paths) for file in result.files), "loader path", "loader paths"),
            counted(sum(bool(file.link) for file in result.files), "link", "links"),
        ),
        "edits": (counted(sum(bool(file.edited) for file in result.files), "record", "records"),),
    }
    for label, texts in made.items():
        if some := [text for text in texts if not text.startswith("0 ")]:
            yield label, ", ".join(some)
    yield from additions_rows(result.additions)
    yield from savings_rows(result.savings)
    if packages := packages_text(result.ownership):
        yield "packages", packages
    yield from _limit_rows(result)
    for need in sorted(result.requirements, key=lambda need: -need.flags):
        label = "needs" if need.flags & RequirementFlag.HARD else "wants"
        yield label, f"{_KINDS[need.kind]}{requirement_text(need.kind, need.value)} ({os.fsdecode(need.path)})"
    for version, path in result.cxx:
        yield "wants", f"libstdc++ with {version} ({os.fsdecode(path)})"


def _limit_rows(result: Scan) -> Iterator[tuple[str, str]]:
    """The strictest limit, and what comes next if that is dealt with."""
    steps = [(limit, list(group)) for limit, group in groupby(result.limits, key=lambda limit: limit.size)]
    if not steps:
        yield "prefix", limit_text(NO_LIMIT, "", conda=False)
    for number, (limit, group) in enumerate(steps[:FIRST]):
        more = f" and {counted(len(group) - 1, 'more file', 'more files')}" if len(group) > 1 else ""
        path = os.fsdecode(group[0].path) + more
        yield (
            ("", f"then {limit} bytes, because of {path}")
            if number
            else ("prefix", limit_text(limit, path, conda=result.prefix_limit_conda))
        )


def _library_line(item: Wanted) -> str:
    more = f" and {len(item.files) - 1} more" if len(item.files) > 1 else ""
    line = f"{os.fsdecode(item.name)}  for {os.fsdecode(item.files[0])}{more}"
    if item.supply is Supply.UNREACHED:
        line += f"; lies at {os.fsdecode(item.places[0])}"
    if item.supply is Supply.MISSING:
        line += f"; here it is {item.here}" if item.here else "; not on this machine either"
    if item.needs:
        line += f", which needs {', '.join(map(os.fsdecode, item.needs))}"
    return line


def _choice_line(choice: Choice, limit: int) -> str:
    where = f"{counted(choice.places, 'place', 'places')} in {counted(choice.files, 'file', 'files')}"
    line = f"{choice.option}  {_CHOICES[choice.option].format(where)}"
    if choice.prefix_limit != limit:
        was = "none" if limit == NO_LIMIT else str(limit)
        line += f"; the limit of the prefix would be {choice.prefix_limit} bytes, not {was}"
    return line


def _file_lines(file: File) -> Iterator[str]:
    path = os.fsdecode(file.path)
    if file.link:
        yield f"{path}  link becomes {os.fsdecode(file.link)}"
    for text in file.loader_paths:
        yield f"{path}  loader path becomes {os.fsdecode(text)}"
    if file.edited:
        yield f"{path}  {counted(file.edited, 'place', 'places')} cut or changed"
    for site in file.sites:
        limit = site_limit(site)
        most = ", soft" if is_soft(site) else "" if limit == NO_LIMIT else f", {limit} bytes at most"
        yield f"{path}  {site.strategy.name.lower()} at {site.start}{most}"


def _print_lines(console: Console, lines: Iterable[str], *, verbose: bool) -> None:
    left = list(lines)
    for line in left if verbose else left[:FIRST]:
        console.print(escape(f"  {line}"), soft_wrap=True)
    if not verbose and len(left) > FIRST:
        console.print(f"  … {len(left) - FIRST} more, listed by -v")
