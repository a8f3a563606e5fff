"""All files of a tree -> contents and blocks: decided in order, so the result is always the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sfxpack import plan
from sfxpack.compress import BlockWriter
from sfxpack.content import Prepared, prepare
from sfxpack.format.tables import IndexBlock, IndexContent
from sfxpack.large import Large
from sfxpack.model import Site
from sfxpack.plan import Packed
from sfxpack.reading import Reading


@dataclass(slots=True)
class Packing:
    """What has been packed so far; owned by the one thread that takes files in order."""

    reading: Reading
    writer: BlockWriter
    packed: dict[bytes, Packed] = field(default_factory=dict)
    contents: list[IndexContent] = field(default_factory=list)
    blocks: tuple[IndexBlock, ...] = ()
    _known: dict[tuple[bytes, int], int] = field(default_factory=dict)
    _deferred: dict[bytes, Prepared] = field(default_factory=dict)
    _twins: dict[tuple[int, bytes], bytes] = field(default_factory=dict)
    """(size, digest on disk) of large files that are not the only ones of their size -> path of the first."""

    def run(self) -> None:
        """Pack every file, stage after stage; those with derived values last, in the order of their levels.

        Raises:
            SfxpackError: the first file that cannot be packed.
        """
        for item in self.reading.files(prepare):
            if isinstance(item, Large):
                self._take_large(item)
            else:
                self._take(item)
        self._pack_deferred()
        self.blocks = self.writer.finish()

    def _take(self, item: Prepared) -> None:
        self.reading.note(item.examined)
        if item.examined.omitted:
            return
        if any(site.derived is not None for _, site in item.sites):
            self._deferred[item.examined.entry.path] = item
        else:
            self._pack(item, 0)

    def _pack(self, item: Prepared, level: int) -> None:
        key = (item.digest, level if item.content else 0)
        content = self._known.get(key)
        if content is None:
            content = self._known[key] = len(self.contents)
            self.contents.append(IndexContent(len(item.content), item.digest))
            self.writer.add(item.content, level, lambda at: cut_before(at, item.sites))
        self.packed[item.examined.entry.path] = Packed(content, len(item.content), item.sites)

    def _take_large(self, item: Large) -> None:
        """Pieces go to the blocks as they are read, so a large file is never held."""
        twin = self._twin(item)
        if twin is not None:
            self.packed[item.entry.path] = self.packed[twin]
            self.reading.note_twin(item, twin)
            return
        for piece in item.pieces(self.writer.limit):
            self.writer.add_piece(piece)
        self.packed[item.entry.path] = Packed(len(self.contents), item.size, tuple(item.sites))
        self.contents.append(IndexContent(item.size, item.digest))
        self.reading.note(item.examined())

    def _twin(self, item: Large) -> bytes | None:
        """Path of a packed large file with the same, unchanged bytes; only files of one size are read for it."""
        size = item.entry.size
        if sum(entry.size == size for entry in self.reading.names.entries.values()) == 1:
            return None
        twin = self._twins.setdefault((size, item.disk_digest()), item.entry.path)
        disk = self.reading.on_disk.get(twin)
        return twin if twin != item.entry.path and not (disk and disk.changes) else None

    def _pack_deferred(self) -> None:
        targets = {path: frozenset(self._targets(item)) for path, item in self._deferred.items()}
        level_of = plan.levels(targets)
        for path in sorted(level_of, key=lambda path: (level_of[path], path.split(b"/"))):
            self._pack(self._deferred.pop(path), level_of[path])

    def _targets(self, item: Prepared) -> Iterator[bytes]:
        for _, site in item.sites:
            if site.derived is not None:
                yield self.reading.names.hard_links.get(site.target, site.target)


def cut_before(at: int, found: tuple[tuple[int, Site], ...]) -> int:
    """`at`, or the start of the site that a cut there would divide."""
    for offset, site in found:
        if offset < at < offset + len(site.neutral):
            return offset
    return at
