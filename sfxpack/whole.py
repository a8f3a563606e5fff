"""What one artifact holds, once all of it was read: one tree, or several, each below a directory of its own."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sfxpack import ownership, requirements
from sfxpack.errors import DiscoveryError, naming
from sfxpack.model import Addition, Entry, Finding, Requirement, Saving, Site
from sfxpack.ownership import Ownership
from sfxpack.reading import Reading
from sfxpack.subject import Subject
from sfxpack.windows import names

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything by its path below the artifact's prefix."""

    entries: tuple[Entry, ...]
    """In the order of the format."""
    trees: frozenset[bytes]
    """Directories at the top that are environments of their own; none where there is one tree alone."""
    hard_links: Mapping[bytes, bytes]
    links: Mapping[bytes, tuple[bytes, tuple[Site, ...]]]
    """As `Subject.links`."""
    mtimes: Mapping[bytes, int]
    """As `Reading.mtimes`."""
    requirements: tuple[Requirement, ...]
    findings: tuple[Finding, ...]
    ownership: Ownership


def together(readings: Sequence[Reading]) -> Whole:
    """Join what was read."""
    trees = frozenset(reading.subject.mount for reading in readings if reading.subject.mount)
    entries = [entry for reading in readings for entry in reading.subject.placed(reading.entries())]
    hard_links = [
        {path: reading.subject.place(first) for path, first in reading.names.hard_links.items()} for reading in readings
    ]
    findings = (finding for reading in readings for finding in reading.all_findings())
    return Whole(
        entries=tuple(sorted(entries, key=lambda entry: entry.path.split(b"/"))),
        trees=trees,
        hard_links=_joined(readings, hard_links),
        links=_joined(readings, [reading.subject.links() for reading in readings]),
        mtimes=_joined(readings, [reading.mtimes for reading in readings]),
        requirements=tuple(need for reading in readings for need in _requirements(reading)),
        findings=tuple(sorted(findings, key=lambda finding: (finding.category, finding.path))),
        ownership=ownership.joined([reading.ownership() for reading in readings]),
    )


def warnings(subjects: Sequence[Subject]) -> tuple[str, ...]:
    """What is said of environments as a whole, of several with their names; rules that match nothing in any."""
    own = (
        f"{os.fsdecode(subject.mount)}: {text}" if subject.mount else text
        for subject in subjects
        for text in subject.environment.warnings
    )
    unused = (
        f"{rule}: matches nothing"
        for rule in subjects[0].selection.unused
        if all(rule in subject.selection.unused for subject in subjects)
    )
    return (*own, *unused, *names.warnings(_for_windows(subjects), subjects[0].name))


def refuse_names(subjects: Sequence[Subject]) -> None:
    """Raise names that the platform does not allow.

    Raises:
        DiscoveryError: naming all of them.
    """
    if found := list(names.refused(_for_windows(subjects))):
        raise DiscoveryError(naming(f"{names.REFUSAL}:", found))


def names_warnings(subjects: Sequence[Subject]) -> Iterator[str]:
    """What a scan says of the same."""
    if found := list(names.refused(_for_windows(subjects))):
        yield naming(f"a build is refused: {names.REFUSAL}:", found)


def _for_windows(subjects: Sequence[Subject]) -> Iterator[Entry]:
    for subject in subjects:
        if subject.platform.system == "windows":
            yield from subject.placed(subject.tree.entries)


def savings(subjects: Iterable[Subject]) -> tuple[Saving, ...]:
    """What each rule leaves out of all of them."""
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for saving in (saving for subject in subjects for saving in subject.selection.savings):
        files[saving.rule] += saving.files
        sizes[saving.rule] += saving.size
    return tuple(Saving(rule, files[rule], sizes[rule]) for rule in files)


def additions(subjects: Iterable[Subject]) -> tuple[Addition, ...]:
    """What was added to any of them."""
    return tuple(addition for subject in subjects for addition in subject.additions())


def _requirements(reading: Reading) -> Iterator[Requirement]:
    needs = requirements.requirements(reading.entries(), reading.all_binaries())
    return (replace(need, path=reading.subject.place(need.path)) for need in needs)


def _joined(readings: Sequence[Reading], parts: Sequence[Mapping[bytes, _T]]) -> dict[bytes, _T]:
    return {
        reading.subject.place(path): value
        for reading, part in zip(readings, parts, strict=True)
        for path, value in part.items()
    }
