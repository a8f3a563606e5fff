"""What `sfxpack inspect` says of an artifact, to people."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sfxpack.inspect import Inspection
from sfxpack.model import Addition, Saving
from sfxpack.report import FIRST, additions_rows, counted, in_files, limit_text, savings_rows, size


def _default_prefix(facts: Inspection) -> str:
    windows = facts.platform.startswith("windows-")
    return f"%LOCALAPPDATA%\\Programs\\{facts.name}" if windows else f"~/{facts.name}"


def print_inspection(facts: Inspection, console: Console) -> None:
    """The facts of an artifact, one a line."""
    rows = {
        "name": f"{facts.name} {facts.release}".rstrip(),
        "platform": facts.platform,
        "build": facts.build,
        "made by": facts.creator,
        "size": f"{size(facts.size)}{in_files(facts.parts)}, installs {size(facts.tree_size)}",
        **({"environments": ", ".join(facts.environments)} if facts.environments else {}),
        "holds": f"{facts.files} files, {facts.links} links, {facts.directories} directories in {facts.blocks} blocks",
        "relocates": ", ".join(f"{count} {name}" for name, count in facts.sites.items()) or "nothing",
        "prefix": limit_text(facts.prefix_limit, facts.prefix_limit_path, conda=facts.prefix_limit_conda),
        "default": facts.default_prefix or _default_prefix(facts),
        **({"signed": "has a certificate; the system tells whose and whether it holds"} if facts.signed else {}),
    }
    table = Table.grid(padding=(0, 2))
    for label, text in rows.items():
        table.add_row(label, escape(text))
    for need in facts.requirements:
        who = f" ({need['path']})" if need["path"] else ""
        table.add_row("needs" if need["hard"] else "wants", escape(f"{need['kind']} {need['value']}".rstrip() + who))
    added = (Addition(**{**item, "path": item["path"].encode()}) for item in facts.report.get("added", []))
    saved = (Saving(**item) for item in facts.report.get("left_out", []))
    for label, text in (*additions_rows(added), *savings_rows(saved)):
        table.add_row(label, escape(text))
    console.print(table)
    owned = facts.report.get("ownership", {})
    if owned.get("packages"):
        names = ", ".join(package["name"] for package in owned["packages"][:FIRST])
        console.print(escape(f"packages: {len(owned['packages'])} of {owned['count']} not as installed: {names}"))
    findings = facts.report.get("findings", {})
    for category, found in sorted(findings.items()):
        paths = ", ".join(item["path"] for item in found["files"][:FIRST])
        console.print(escape(f"{category}: {found['count']}: {paths}"), soft_wrap=True)
    for kind, text in facts.hooks.items():
        lines = text.replace("\f", "").removesuffix("\n").split("\n")
        console.print(f"\n{kind}: {counted(len(lines), 'line', 'lines')}", style="bold")
        for line in lines:
            console.print(escape(f"  {printable(line)}"), soft_wrap=True)


def printable(line: str) -> str:
    """What does not speak to the terminal."""
    return "".join(character if character.isprintable() or character == "\t" else "?" for character in line)
