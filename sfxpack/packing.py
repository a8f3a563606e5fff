"""All files of one or more trees -> contents and blocks: decided in order, so the result is always the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

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

    readings: Sequence[Reading]
    writer: BlockWriter
    packed: dict[bytes, Packed] = field(default_factory=dict)
    """By path below the artifact's prefix."""
    contents: list[IndexContent] = field(default_factory=list)
    blocks: tuple[IndexBlock, ...] = ()
    _known: dict[tuple[bytes, int], int] = field(default_factory=dict)
    _deferred: dict[bytes, Prepared] = field(default_factory=dict)
    _twins: dict[tuple[int, bytes], tuple[Reading, bytes]] = field(default_factory=dict)
    """(size, digest on disk) of large files that are not the only ones of their size -> where the first was read."""
    _sizes: Counter[int] = field(init=False)
    """How many files have a size."""

    def __post_init__(self) -> None:
        entries = (entry for reading in self.readings for entry in reading.names.entries.values())
        self._sizes = Counter(entry.size for entry in entries)

    def run(self) -> None:
        """Pack every file, stage after stage; those with derived values last, in the order of their levels.

        Raises:
            SfxpackError: the first file that cannot be packed.
        """
        for reading in self.readings:
            for item in reading.files(prepare):
                if isinstance(item, Large):
                    self._take_large(reading, item)
                else:
                    self._take(reading, item)
        self._pack_deferred()
        self.blocks = self.writer.finish()

    def _take(self, reading: Reading, item: Prepared) -> None:
        reading.note(item.examined)
        if item.examined.omitted:
            return
        path = reading.subject.place(item.examined.entry.path)
        if any(site.derived is not None for _, site in item.sites):
            self._deferred[path] = _placed(reading, item)
        else:
            self._pack(path, item, 0)

    def _pack(self, path: bytes, item: Prepared, level: int) -> None:
        key = (item.digest, level if item.content else 0)
        content = self._known.get(key)
        if content is None:
            content = self._known[key] = len(self.contents)
            self.contents.append(IndexContent(len(item.content), item.digest))
            self.writer.add(item.content, level, lambda at: cut_before(at, item.sites))
        self.packed[path] = Packed(content, len(item.content), item.sites)

    def _take_large(self, reading: Reading, item: Large) -> None:
        """Pieces go to the blocks as they are read, so a large file is never held."""
        path = reading.subject.place(item.entry.path)
        twin = self._twin(reading, item)
        if twin is not None:
            first, name = twin
            self.packed[path] = self.packed[first.subject.place(name)]
            reading.note_twin(item, first, name)
            return
        for piece in item.pieces(self.writer.limit):
            self.writer.add_piece(piece)
        self.packed[path] = Packed(len(self.contents), item.size, tuple(item.sites))
        self.contents.append(IndexContent(item.size, item.digest))
        reading.note(item.examined())

    def _twin(self, reading: Reading, item: Large) -> tuple[Reading, bytes] | None:
        """A packed large file with the same, unchanged bytes; only files of one size are read for it."""
        size, own = item.entry.size, (reading, item.entry.path)
        if self._sizes[size] == 1:
            return None
        first, name = self._twins.setdefault((size, item.disk_digest()), own)
        disk = first.on_disk.get(name)
        return (first, name) if (first is not reading or name != own[1]) and not (disk and disk.changes) else None

    def _pack_deferred(self) -> None:
        targets = {
            path: frozenset(site.target for _, site in item.sites if site.derived is not None)
            for path, item in self._deferred.items()
        }
        level_of = plan.levels(targets)
        for path in sorted(level_of, key=lambda path: (level_of[path], path.split(b"/"))):
            self._pack(path, self._deferred.pop(path), level_of[path])


def _placed(reading: Reading, item: Prepared) -> Prepared:
    """With the files that its values are derived from as seen from the artifact's prefix, hard links resolved."""
    names, place = reading.names.hard_links, reading.subject.place
    sites = (
        (at, replace(site, target=place(names.get(site.target, site.target))) if site.derived is not None else site)
        for at, site in item.sites
    )
    return replace(item, sites=tuple(sites))


def cut_before(at: int, found: tuple[tuple[int, Site], ...]) -> int:
    """`at`, or the start of the site that a cut there would divide."""
    for offset, site in found:
        if offset < at < offset + len(site.neutral):
            return offset
    return at
