"""The files of a tree, read in parallel, in order; a build packs them, a scan looks at them."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from sfxpack import listing, oddities, outside, ownership, plan, sites
from sfxpack.binaries import Binary
from sfxpack.content import LARGE, WHOLE, Context, Examined
from sfxpack.large import Large
from sfxpack.model import Entry, Finding
from sfxpack.names import Names
from sfxpack.ownership import Ownership
from sfxpack.records import Files, OnDisk
from sfxpack.rows import Row
from sfxpack.selection import is_left_out
from sfxpack.subject import Subject

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and in all."""


def silent(_done: int, _total: int) -> None:
    """Say nothing of the progress."""


_T = TypeVar("_T")
_BATCH_FILES: Final = 64
_BATCH_BYTES: Final = 4 * 1024 * 1024


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(slots=True)
class Reading:
    """The files of a tree on their way, and what was found so far; owned by the one thread that takes them."""

    subject: Subject
    executor: Executor
    jobs: int
    progress: Progress = silent
    names: Names = field(init=False)
    on_disk: dict[bytes, OnDisk] = field(default_factory=dict)
    """As `Files.on_disk`."""
    mtimes: dict[bytes, int] = field(default_factory=dict)
    """Seconds that `.pyc` files record for their sources."""
    findings: list[Finding] = field(default_factory=list)
    binaries: dict[bytes, Binary] = field(default_factory=dict)
    rows: Mapping[bytes, tuple[Row, ...]] = field(default_factory=dict)
    """Of all records, by path of the record."""
    _omitted: set[bytes] = field(default_factory=set)
    _order: tuple[Entry, ...] = field(init=False)
    _done: int = 0
    total: int = field(init=False)
    """Bytes of all files."""

    def __post_init__(self) -> None:
        entries = self.subject.tree.entries
        self._order, hard_links = plan.reading_order(entries)
        self.total = sum(entry.size for entry in self._order)
        by_path = {entry.path: entry for entry in entries}
        subject = self.subject
        self.names = Names(by_path, hard_links, subject.environment.renames, is_left_out(subject.selection))

    def files(self, prepare: Callable[[Entry, Context], _T]) -> Iterator[_T | Large]:
        """Every file, turn after turn (`plan.turn`). Each must be noted before the next is taken.

        Raises:
            SfxpackError: the first file that cannot be read.
        """
        environment, options, secrets = self.subject.environment, self.subject.options, self.subject.secrets
        platform = options.platform
        general = tuple(rename for rename in environment.renames if rename not in environment.guests)
        needles = sites.needles(replace(environment, renames=general), platform)
        guests = sites.needles(environment, platform) if environment.guests else None
        listed = listing.list_records(self._order, self.names, self.executor)
        self.on_disk.update(listed.records)
        self.rows = listed.rows
        for _, files in itertools.groupby(self._order, key=lambda entry: plan.turn(entry.path)):
            known = Files(self.names, dict(self.on_disk))
            context = Context(environment, needles, options, known, listed.rows, listed.wanted, secrets, guests)
            yield from self._ahead(files, context, prepare)

    def note(self, found: Examined) -> None:
        """Keep what later stages, the index and the report need of a file."""
        path = found.entry.path
        self.findings.extend(found.findings)
        if found.omitted:
            self._omitted.add(path)
        if found.on_disk is not None:
            self.on_disk[path] = found.on_disk
        if found.binary is not None:
            self.binaries[path] = found.binary
        if found.source_mtime is not None:
            source = plan.source_of(path, self.names.entries)
            if source is not None:
                self.mtimes[self.names.resolve(source)] = found.source_mtime
        self._done += found.entry.size
        self.progress(self._done, self.total)

    def note_twin(self, file: Large, first: Reading, twin: bytes) -> None:
        """Note a file that is the same as another, which was noted by `first`, and has no sites.

        Raises:
            UnreadableError: it cannot be read once more, for a digest that a record states.
        """
        findings = tuple(replace(item, path=file.entry.path) for item in first.findings if item.path == twin)
        binary, on_disk = first.binaries.get(twin), file.twin_on_disk()
        self.note(replace(file.examined(), findings=findings, binary=binary, on_disk=on_disk))

    def entries(self) -> tuple[Entry, ...]:
        """The tree without what is not packed."""
        entries, first = self.subject.tree.entries, self.names.hard_links
        return tuple(entry for entry in entries if first.get(entry.path, entry.path) not in self._omitted)

    def all_binaries(self) -> dict[bytes, Binary]:
        """The ELF files under all their names, hard links included."""
        others = {path: self.binaries[first] for path, first in self.names.hard_links.items() if first in self.binaries}
        return {**self.binaries, **others}

    def ownership(self) -> Ownership:
        """What the records of packages say of the tree, once all of it was noted."""
        found = ownership.compare(self.subject.environment, self.names, self.rows, self.findings)
        return ownership.placed(found, self.subject.place) if self.subject.mount else found

    def all_findings(self) -> tuple[Finding, ...]:
        """Those of the environment, of the tree and of its files, in order."""
        environment, tree = self.subject.environment, self.subject.tree
        links = outside.of_links(tree.entries, environment)
        odd = oddities.of_tree(self.names)
        found = [*environment.findings, *tree.findings, *links, *odd, *self.findings]
        if self.subject.mount:
            found = [self._placed(finding) for finding in found]
        return tuple(sorted(found, key=lambda finding: (finding.category, finding.path)))

    def _placed(self, finding: Finding) -> Finding:
        place = self.subject.place
        return replace(finding, path=place(finding.path), record=finding.record and place(finding.record))

    def _ahead(
        self, files: Iterable[Entry], context: Context, prepare: Callable[[Entry, Context], _T]
    ) -> Iterator[_T | Large]:
        """Files in order, read by several threads ahead of the consumer; memory is bounded by the batches in flight."""
        pending: deque[Future[list[_T]] | Entry] = deque()

        def drain(down_to: int) -> Iterator[_T | Large]:
            while len(pending) > down_to:
                item = pending.popleft()
                if isinstance(item, Entry):
                    yield Large(item, context)
                else:
                    yield from item.result()

        for batch in _batches(files):
            if self._is_large(batch[0]):
                pending.append(batch[0])
            else:
                pending.append(self.executor.submit(_prepare_all, prepare, batch, context))
            yield from drain(2 * self.jobs)
        yield from drain(0)

    def _is_large(self, entry: Entry) -> bool:
        """Whether a file is read in windows. What conda did to a file can only be undone as a whole, within limits."""
        record = self.subject.environment.conda.get(entry.path)
        return entry.size > (WHOLE if record and record.placeholder else LARGE)


def _batches(files: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in files:
        if batch and (len(batch) == _BATCH_FILES or size + entry.size > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


def _prepare_all(prepare: Callable[[Entry, Context], _T], batch: list[Entry], context: Context) -> list[_T]:
    return [prepare(entry, context) for entry in batch]
