"""Files too large to hold: read twice in windows, first to see what they are, then to pack them."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import BinaryIO, Final

from sfxpack import binaries, classify, holes, neutral, sites
from sfxpack.binaries import Binary
from sfxpack.content import Context, Examined
from sfxpack.entries import changed_error, check_unchanged
from sfxpack.errors import UnreadableError
from sfxpack.format.digest import hasher
from sfxpack.model import Edit, Entry, Finding, Found, Kind, Site
from sfxpack.records import OnDisk
from sfxpack.sites.archive import Mapped
from sfxpack.sites.window import OVERLAP
from sfxpack.workers import Workers

_READ: Final = 8 * 1024 * 1024


class Digests:
    """Digests of a stream, computed by a thread of their own while the bytes are used here."""

    def __init__(self, algorithms: Iterable[str]) -> None:
        self._states = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
        self._thread = Workers(1)
        self._running: Future[None] | None = None

    def __enter__(self) -> Digests:  # noqa: PYI034 Self is not there in Python 3.10
        return self

    def __exit__(self, *raised: object) -> None:
        self._thread.__exit__(*raised)

    def update(self, data: bytes) -> None:
        """Add bytes; waits for those before."""
        self._wait()
        if self._states:
            self._running = self._thread.submit(self._update, data)

    def hex(self) -> dict[str, str]:
        """Hex by algorithm."""
        self._wait()
        return {name: state.hexdigest() for name, state in self._states.items()}

    def _update(self, data: bytes) -> None:
        for state in self._states.values():
            state.update(data)

    def _wait(self) -> None:
        if self._running:
            self._running.result()


class Large:
    """One large file on its way; the attributes are complete when `pieces` is exhausted."""

    def __init__(self, entry: Entry, context: Context) -> None:
        self.entry = entry
        self.size = 0
        """Neutral bytes."""
        self.digest = b""
        """Of the neutral bytes."""
        self.sites: list[tuple[int, Site]] = []
        """(offset in the neutral content, site)."""
        self._found: list[Site | Edit] = []
        """At their offsets on disk."""
        self._findings: list[Finding] = []
        self._on_disk: OnDisk | None = None
        self._binary: Binary | None = None
        self._context = context
        self._needles = context.needles_of(entry.path)
        self._wanted = context.wanted.get(entry.path)
        self._root = context.environment.place

    def pieces(self, limit: int) -> Iterator[bytes]:
        """Neutral bytes in pieces of at most `limit` bytes, none of which divides a site.

        Raises:
            ChangedError: the file is not what was listed, or changed meanwhile.
            UnreadableError: it cannot be read.
        """
        state = hasher()
        for piece in self._read(limit, whole=True):
            state.update(piece)
            self.size += len(piece)
            yield piece
        self.digest = state.digest()

    def examine(self) -> Examined:
        """What `examined` says, without packing: a file without old path that no record digests is read once.

        Raises:
            ChangedError, UnreadableError: as `pieces`.
        """
        for _ in self._read(_READ, whole=False):
            pass
        return self.examined()

    def examined(self) -> Examined:
        """What the file says of itself."""
        return Examined(
            entry=self.entry,
            sites=tuple(change for change in self._found if isinstance(change, Site)),
            edits=tuple(change for change in self._found if isinstance(change, Edit)),
            findings=tuple(self._findings),
            on_disk=self._on_disk,
            binary=self._binary,
            source_mtime=None,
        )

    def _read(self, limit: int, *, whole: bool) -> Iterator[bytes]:
        """Neutral pieces; unless `whole`, only of what may have sites or has to be digested."""
        try:
            with open(self.entry.source, "rb", buffering=0) as file, Digests(self._wanted or ()) as digests:
                check_unchanged(self.entry, os.fstat(file.fileno()))
                if self._holds_old_path(file):
                    yield from self._neutral(file, limit, digests)
                elif whole or self._wanted is not None:
                    yield from _windows(file, limit, digests)
                if self._wanted is not None or self._found:
                    self._on_disk = OnDisk(self.entry.size, digests.hex(), changes=bool(self._found))
                check_unchanged(self.entry, os.fstat(file.fileno()))
        except OSError as error:
            raise UnreadableError(f"{os.fsdecode(self.entry.source)}: cannot be read: {error.strerror}") from error

    def disk_digest(self) -> bytes:
        """Digest of the bytes on disk, by reading the file once more.

        Raises:
            UnreadableError: it cannot be read.
        """
        state = hasher()
        for window in self._again():
            state.update(window)
        return state.digest()

    def twin_on_disk(self) -> OnDisk | None:
        """What records must know of a file that is packed as another one; reads it once more.

        Raises:
            UnreadableError: it cannot be read.
        """
        if self._wanted is None:
            return None
        with Digests(self._wanted) as digests:
            for window in self._again():
                digests.update(window)
            return OnDisk(self.entry.size, digests.hex(), changes=False)

    def _again(self) -> Iterator[bytes]:
        try:
            with open(self.entry.source, "rb", buffering=0) as file:
                yield from _windows(file, _READ)
        except OSError as error:
            raise UnreadableError(f"{os.fsdecode(self.entry.source)}: cannot be read: {error.strerror}") from error

    def _holds_old_path(self, file: BinaryIO) -> bool:
        """The first pass; also finds the kind and what an ELF file needs."""
        head = file.read(classify.HEAD)
        if head.startswith(b"\x7fELF"):
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                self._binary = binaries.read(mapped)
        if classify.is_archive(head):
            with Mapped(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                self._note(sites.look_inside(self.entry.path, mapped, self._needles))
        probe = classify.TextProbe()
        binary = b"\0" in head
        tail = b""
        found = self._is_packaged(file)
        for window in _windows(file, _READ):
            if not binary:
                probe.feed(window)
            looked_at = window[:OVERLAP] if holes.is_zero(window) else window
            found = found or self._needles.contains(tail + looked_at)
            tail = window[-OVERLAP:]
            if found and binary:
                break
        self._kind = classify.classify(self.entry.path, head, None, text=not binary and probe.text)
        if self._kind is Kind.PYC:
            self._kind = Kind.ARCHIVE  # a marshal stream of this size is not walked, hence not touched
        return found

    def _is_packaged(self, file: BinaryIO) -> bool:
        record = self._context.environment.conda.get(self.entry.path)
        if record is None:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return sites.is_packaged(mapped, record)

    def _neutral(self, file: BinaryIO, limit: int, digests: Digests) -> Iterator[bytes]:
        """The second pass where there may be sites: the end of a window is held back until its sites are known."""
        context = self._context
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # open as long as the survey, which looks into it
        record = context.environment.conda.get(self.entry.path)
        survey = sites.survey(self.entry.path, self._kind, mapped, self._needles, context.options, record)
        end = self.entry.size
        start = seen = 0
        found: list[Site | Edit] = []
        step = limit - 2 * OVERLAP
        while start < end:
            inner = range(seen, min(seen + step, end))
            base = max(start - OVERLAP, 0) & ~3
            window = _read(file, base, min(inner.stop + OVERLAP, end) - base, self.entry)
            if inner.start == 0 or not holes.is_zero(window):
                part = sites.find_window(window, base, inner, survey)
                found += sorted((*part.sites, *part.edits), key=lambda change: change.start)
                self._note(part.findings)
            seen = inner.stop
            cut = seen if seen == end else _whole(found, seen - OVERLAP)
            done = [change for change in found if change.end <= cut]
            piece = window[start - base : cut - base]
            digests.update(piece)
            yield self._piece(piece, start, done)
            found = [change for change in found if change.end > cut]
            start = cut

    def _piece(self, content: bytes, start: int, changes: list[Site | Edit]) -> bytes:
        found = neutral.part(
            Found(
                tuple(change for change in changes if isinstance(change, Site)),
                tuple(change for change in changes if isinstance(change, Edit)),
            ),
            start,
            start + len(content),
        )
        self._found += changes
        result = neutral.neutralise(content, found)
        neutral.prove(content, result, found, self._root)
        self.sites += [(self.size + offset, site) for offset, site in result.sites]
        return result.content

    def _note(self, findings: tuple[Finding, ...]) -> None:
        """One finding a category and reason, counting those of all windows; of ambiguous places the first is named."""
        for finding in findings:
            for at, known in enumerate(self._findings):
                same = known.detail == finding.detail or known.category == "ambiguous"
                if known.category == finding.category and same:
                    self._findings[at] = replace(known, count=known.count + finding.count)
                    break
            else:
                self._findings.append(finding)


def _whole(changes: list[Site | Edit], cut: int) -> int:
    """`cut`, or the start of what a cut there would divide."""
    return min([cut, *(change.start for change in changes if change.start < cut < change.end)])


def _windows(file: BinaryIO, size: int, digests: Digests | None = None) -> Iterator[bytes]:
    end, at = os.fstat(file.fileno()).st_size, 0
    while window := holes.read(file, at, min(size, end - at)):
        if digests:
            digests.update(window)
        yield window
        at += len(window)


def _read(file: BinaryIO, start: int, size: int, entry: Entry) -> bytes:
    parts = []
    while size:
        part = holes.read(file, start, size)
        if not part:
            raise changed_error(entry)
        parts.append(part)
        start += len(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
