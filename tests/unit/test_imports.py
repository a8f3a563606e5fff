"""Imports go one way: from the ends of the pipeline to its words, never back."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent.parent.parent / "sfxpack"
RANKS = (
    {"errors"},
    {"format"},
    {"model"},
    {"request"},
    {"windows"},
    {"elf", "resources", "rows", "gitignore", "workers", "credentials", "paths", "entries", "holes"},
    {"elfedit", "binaries", "names"},
    {"classify"},
    {"oddities"},
    {"tree"},
    {"environments", "sites", "requirements", "scrub", "outside"},
    {"rebuild"},
    {"projects"},
    {"adding", "external", "editable", "slim"},
    {"neutral", "records", "reference", "loading"},
    {"plan"},
    {"compress", "header", "content", "ownership", "selection"},
    {"outfiles", "large", "listing", "refusals"},
    {"assemble"},
    {"subject"},
    {"reading", "hooks"},
    {"packing", "closure", "whole"},
    {"build", "scan", "inspect", "preview"},
    {"verify", "extract", "report"},
    {"scan_report", "inspect_report"},
    {"options"},
    {"cli"},
)


def imported(path: Path) -> set[str]:
    """Top-level names of our package that a module imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("sfxpack.")}
        elif isinstance(node, ast.ImportFrom) and node.module == "sfxpack":
            names |= {alias.name for alias in node.names if not alias.name.startswith("__")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sfxpack."):
            names.add(str(node.module).split(".")[1])
    return names


def test_every_module_has_a_rank_and_imports_downwards() -> None:
    rank = {name: number for number, names in enumerate(RANKS) for name in names}
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if name in ("__init__", "__main__"):
            continue
        wrong += [f"{name} -> {other}" for other in imported(path) if other != name and rank[other] >= rank[name]]
    assert not wrong
