"""What an artifact says of itself, read without running it, on any host."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfxpack import header
from sfxpack.errors import UsageError
from sfxpack.format import artifact, layout, pe
from sfxpack.format.artifact import Artifact
from sfxpack.format.layout import EntryKind, RequirementFlag, RequirementKind
from sfxpack.format.parts import refuse_part


@dataclass(frozen=True, slots=True)
class Inspection:
    """The facts of `--info`; sizes in bytes."""

    name: str
    release: str
    platform: str
    build: str
    creator: str
    size: int
    parts: int
    """Files besides the first."""
    tree_size: int
    default_prefix: str
    environments: tuple[str, ...]
    """Their names, where there are several: each lies below its own."""
    files: int
    links: int
    directories: int
    blocks: int
    sites: dict[str, int]
    prefix_limit: int | None
    prefix_limit_path: str
    prefix_limit_conda: bool
    """As `tables.is_condas`."""
    requirements: tuple[dict[str, Any], ...]
    signed: bool
    """A `.exe` with a certificate table; whose, and whether it holds, the system says."""
    hooks: dict[str, str]
    """Scripts and texts of the vendor's, by the option that gave them."""
    report: dict[str, Any]


def open_artifact(path: Path, *, front: bool = True) -> Artifact:
    """Open an artifact, finding its locator by line 2 of the header.

    Raises:
        UsageError: there is no such file, or it is a part.
        ArtifactError: it is not sound.
    """
    try:
        refuse_part(path)
        with path.open("rb") as file:
            first = file.read(layout.ALIGNMENT)
        at = pe.read(first).locator_offset if first.startswith(pe.MAGIC) else header.parse(first)[1]
        return artifact.read(path, at, front=front)
    except OSError as error:
        raise UsageError(f"{error.filename or path}: {error.strerror}") from error


def inspect(path: Path) -> Inspection:
    """The facts of an artifact.

    Raises:
        UsageError, ArtifactError: as `open_artifact`.
    """
    with open_artifact(path) as opened:
        return facts(opened)


def facts(opened: Artifact) -> Inspection:
    """The facts of an open artifact."""
    product, index = opened.index.product, opened.index
    kinds = Counter(entry.kind for entry in index.entries)
    return Inspection(
        name=os.fsdecode(product.name),
        release=os.fsdecode(product.release),
        platform=opened.locator.platform.label,
        build=opened.locator.build,
        creator=product.creator.decode(errors="backslashreplace"),
        size=opened.locator.total_size,
        parts=opened.locator.part_count,
        tree_size=product.tree_size,
        default_prefix=os.fsdecode(product.default_prefix),
        environments=tuple(map(os.fsdecode, index.trees)),
        files=kinds[EntryKind.FILE] + kinds[EntryKind.HARD_LINK],
        links=kinds[EntryKind.LINK],
        directories=kinds[EntryKind.DIRECTORY],
        blocks=len(index.blocks),
        sites=dict(sorted(Counter(s.strategy.name.lower() for e in index.entries for s in e.sites).items())),
        prefix_limit=None if product.prefix_limit == layout.NO_LIMIT else product.prefix_limit,
        prefix_limit_path=os.fsdecode(index.limiting.path) if index.limiting else "",
        prefix_limit_conda=index.limit_is_condas,
        requirements=tuple(
            {
                "kind": need.kind.name.lower(),
                "value": requirement_text(need.kind, need.value),
                "hard": bool(need.flags & RequirementFlag.HARD),
                "path": os.fsdecode(need.path),
            }
            for need in index.requirements
        ),
        signed=opened.signed,
        hooks={hook.kind.label: os.fsdecode(hook.text) for hook in index.hooks},
        report=json.loads(product.report or b"{}"),
    )


def requirement_text(kind: RequirementKind, value: int) -> str:
    """`2.34` of a C library, `x86-64-v3` of a processor; nothing of musl, any version of which will do."""
    texts = {
        RequirementKind.GLIBC: f"{value >> 16}.{value & 0xFFFF}",
        RequirementKind.CPU_LEVEL: f"x86-64-v{value}",
        RequirementKind.MUSL: "",
    }
    return texts[kind]
