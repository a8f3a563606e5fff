"""What would go into an artifact, by size: from names and sizes; only filters look into files."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from sfxpack import hooks
from sfxpack.model import Addition, Entry, Saving
from sfxpack.plan import reading_order
from sfxpack.request import Request
from sfxpack.subject import Subject, subjects
from sfxpack.whole import additions, refuse_names, savings, warnings

_IN_PACKAGES: Final = re.compile(rb"(?:.*/)?(?:site|dist)-packages/(?:__pycache__/)?([^/]+)(?:/.*)?")


@dataclass(frozen=True, slots=True)
class Part:
    """Files that belong together."""

    name: str
    """A package of conda, a folder of site-packages, or a folder at the top with its next one."""
    files: int
    size: int
    """Bytes on disk."""


@dataclass(frozen=True, slots=True)
class File:
    """A file and its bytes."""

    path: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a build would pack; largest first."""

    name: str
    platform: str
    output: str
    entries: int
    """Files, links and directories."""
    size: int
    """Bytes of all files; hard links count once."""
    parts: tuple[Part, ...]
    files: tuple[File, ...]
    savings: tuple[Saving, ...]
    additions: tuple[Addition, ...]
    """What `--add` brings along."""
    warnings: tuple[str, ...]


def preview(request: Request) -> Preview:
    """List what a build would pack.

    Raises:
        SfxpackError: one of its subclasses, as `build`.
    """
    given = hooks.read(request.hooks)
    found = subjects(request)
    hooks.check(given, found)
    refuse_names(found)
    files: list[File] = []
    sizes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for subject in found:
        for entry in reading_order(subject.tree.entries)[0]:
            name = _part(subject, entry)
            counts[name] += 1
            sizes[name] += entry.size
            files.append(File(subject.place(entry.path), entry.size))
    parts = (Part(name, counts[name], sizes[name]) for name in counts)
    return Preview(
        name=found[0].name,
        platform=found[0].platform.label,
        output=str(found[0].output),
        entries=sum(len(subject.tree.entries) for subject in found),
        size=sum(file.size for file in files),
        parts=tuple(sorted(parts, key=lambda part: (-part.size, part.name))),
        files=tuple(sorted(files, key=lambda file: (-file.size, file.path))),
        savings=savings(found),
        additions=additions(found),
        warnings=warnings(found),
    )


def _part(subject: Subject, entry: Entry) -> str:
    record = subject.environment.conda.get(entry.path)
    if record:
        return record.package
    packaged = _IN_PACKAGES.fullmatch(entry.path)
    name = packaged[1] if packaged else b"/".join(entry.path.split(b"/")[:-1][:2]) or b"."
    text = name.decode(errors="backslashreplace")
    return re.sub(r"-[^-]*\.(?:dist|egg)-info$|\.[^./]*$", "", text).lower() if packaged else f"{text}/"
