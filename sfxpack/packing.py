"""All files of a tree -> contents and blocks: read in parallel, decided in order, so the result is always the same."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Final

from sfxpack import large, listing, plan, sites
from sfxpack.compress import BlockWriter
from sfxpack.content import LARGE, WHOLE, Context, Prepared, prepare
from sfxpack.format.tables import IndexBlock, IndexContent
from sfxpack.model import Entry, Environment, Finding, Site
from sfxpack.names import Names
from sfxpack.plan import Packed
from sfxpack.records import Files, OnDisk

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and in all."""


def silent(_done: int, _total: int) -> None:
    """Say nothing of the progress."""


_BATCH_FILES: Final = 64
_BATCH_BYTES: Final = 4 * 1024 * 1024


@dataclass(slots=True)
class Packing:
    """What has been packed so far; owned by the one thread that takes files in order."""

    environment: Environment
    entries: tuple[Entry, ...]
    """Of the tree; after `run`, of the artifact."""
    options: sites.Options
    executor: Executor
    jobs: int
    writer: BlockWriter
    progress: Progress
    hard_links: dict[bytes, bytes] = field(default_factory=dict)
    """Path -> path of the file it is another name of."""
    packed: dict[bytes, Packed] = field(default_factory=dict)
    contents: list[IndexContent] = field(default_factory=list)
    blocks: tuple[IndexBlock, ...] = ()
    mtimes: dict[bytes, int] = field(default_factory=dict)
    """Seconds that `.pyc` files record for their sources."""
    findings: list[Finding] = field(default_factory=list)
    glibc: dict[bytes, int] = field(default_factory=dict)
    _by_path: dict[bytes, Entry] = field(default_factory=dict)
    _names: Names = field(init=False)
    _on_disk: dict[bytes, OnDisk] = field(default_factory=dict)
    _known: dict[tuple[bytes, int], int] = field(default_factory=dict)
    _deferred: dict[bytes, Prepared] = field(default_factory=dict)
    _twins: dict[tuple[int, bytes], bytes] = field(default_factory=dict)
    """(size, digest on disk) of large files that are not the only ones of their size -> path of the first."""
    _omitted: set[bytes] = field(default_factory=set)
    _done: int = 0
    _total: int = 0

    def run(self) -> None:
        """Pack every file, stage after stage; those with derived values last, in the order of their levels.

        Raises:
            SfxpackError: the first file that cannot be packed.
        """
        order, self.hard_links = plan.reading_order(self.entries)
        self._total = sum(entry.size for entry in order)
        self._by_path = {entry.path: entry for entry in self.entries}
        needles = sites.needles(self.environment)
        self._names = Names(self._by_path, self.hard_links, self.environment.renames)
        listed = listing.list_records(order, self._names, self.executor)
        self._on_disk.update(listed.records)
        for _, files in itertools.groupby(order, key=lambda entry: plan.turn(entry.path)):
            known = Files(self._names, dict(self._on_disk))
            context = Context(self.environment, needles, self.options, known, listed.rows, listed.wanted)
            for prepared in self._prepare(files, context):
                self._take(prepared)
        self._pack_deferred()
        self.blocks = self.writer.finish()
        if self._omitted:
            gone = self._omitted
            self.entries = tuple(e for e in self.entries if self.hard_links.get(e.path, e.path) not in gone)

    def _prepare(self, files: Iterable[Entry], context: Context) -> Iterator[Prepared | large.Large]:
        """Files in order, read by several threads ahead of the consumer; memory is bounded by the batches in flight."""
        pending: deque[Future[list[Prepared]] | Entry] = deque()

        def drain(down_to: int) -> Iterator[Prepared | large.Large]:
            while len(pending) > down_to:
                item = pending.popleft()
                if isinstance(item, Entry):
                    yield large.Large(item, context)
                else:
                    yield from item.result()

        for batch in _batches(files):
            if self._is_large(batch[0]):
                pending.append(batch[0])
            else:
                pending.append(self.executor.submit(_prepare_all, batch, context))
            yield from drain(2 * self.jobs)
        yield from drain(0)

    def _is_large(self, entry: Entry) -> bool:
        """Whether a file is read in windows. What conda did to a file can only be undone as a whole, within limits."""
        record = self.environment.conda.get(entry.path)
        return entry.size > (WHOLE if record and record.placeholder else LARGE)

    def _take(self, item: Prepared | large.Large) -> None:
        if isinstance(item, large.Large):
            self._take_large(item)
            return
        self._note(item.entry, item.findings, item.on_disk, item.glibc)
        if item.omitted:
            self._omitted.add(item.entry.path)
            return
        if item.source_mtime is not None:
            self._note_mtime(item)
        if any(site.derived is not None for _, site in item.sites):
            self._deferred[item.entry.path] = item
        else:
            self._pack(item, 0)

    def _note(self, entry: Entry, findings: tuple[Finding, ...], on_disk: OnDisk | None, glibc: int) -> None:
        self.findings.extend(findings)
        if on_disk is not None:
            self._on_disk[entry.path] = on_disk
        if glibc:
            self.glibc[entry.path] = glibc
        self._done += entry.size
        self.progress(self._done, self._total)

    def _note_mtime(self, item: Prepared) -> None:
        source = plan.source_of(item.entry.path, self._by_path)
        if source is not None and item.source_mtime is not None:
            self.mtimes[self._names.resolve(source)] = item.source_mtime

    def _pack(self, item: Prepared, level: int) -> None:
        key = (item.digest, level if item.content else 0)
        content = self._known.get(key)
        if content is None:
            content = self._known[key] = len(self.contents)
            self.contents.append(IndexContent(len(item.content), item.digest))
            self.writer.add(item.content, level, lambda at: cut_before(at, item.sites))
        self.packed[item.entry.path] = Packed(content, len(item.content), item.sites)

    def _take_large(self, item: large.Large) -> None:
        """Pieces go to the blocks as they are read, so a large file is never held."""
        twin = self._twin(item)
        if twin is not None:
            self.packed[item.entry.path] = self.packed[twin]
            self._note(item.entry, (), item.twin_on_disk(), self.glibc.get(twin, 0))
            return
        for piece in item.pieces(self.writer.limit):
            self.writer.add_piece(piece)
        self.packed[item.entry.path] = Packed(len(self.contents), item.size, tuple(item.sites))
        self.contents.append(IndexContent(item.size, item.digest))
        self._note(item.entry, tuple(item.findings), item.on_disk, item.glibc)

    def _twin(self, item: large.Large) -> bytes | None:
        """Path of a packed large file with the same, unchanged bytes; only files of one size are read for it."""
        size = item.entry.size
        if sum(entry.size == size for entry in self._by_path.values()) == 1:
            return None
        twin = self._twins.setdefault((size, item.disk_digest()), item.entry.path)
        disk = self._on_disk.get(twin)
        return twin if twin != item.entry.path and not (disk and disk.changes) else None

    def _pack_deferred(self) -> None:
        targets = {path: frozenset(self._targets(item)) for path, item in self._deferred.items()}
        level_of = plan.levels(targets)
        for path in sorted(level_of, key=lambda path: (level_of[path], path.split(b"/"))):
            self._pack(self._deferred.pop(path), level_of[path])

    def _targets(self, item: Prepared) -> Iterator[bytes]:
        for _, site in item.sites:
            if site.derived is not None:
                yield self.hard_links.get(site.target, site.target)


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


def _prepare_all(batch: list[Entry], context: Context) -> list[Prepared]:
    return [prepare(entry, context) for entry in batch]


def cut_before(at: int, found: tuple[tuple[int, Site], ...]) -> int:
    """`at`, or the start of the site that a cut there would divide."""
    for offset, site in found:
        if offset < at < offset + len(site.neutral):
            return offset
    return at
