"""Values in files that depend on other files' final content, and rows of records that are not true.

`.pyc` headers (PEP 552), RECORD of a dist-info, `conda-meta/*.json`. A value becomes DERIVED only where it was right
for the bytes on disk: rows that were wrong stay as they are, and are findings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from sfxpack.format.layout import Derived, EntryKind, Strategy
from sfxpack.model import Edit, Entry, Finding, Found, Site
from sfxpack.names import MISSING, Names
from sfxpack.rows import OUTSIDE, Row, digest_size, located_conda_rows

PYC_HEADER: Final = 16
_SIPHASH13_MAGIC: Final = 3450
"""First magic number of CPython 3.11, which hashes with SipHash-1-3."""
_MAGICS: Final = range(3390, 4000)
_HASHED: Final = (0b01, 0b11)
"""Flags of a file that is checked by the hash of its source: unchecked, checked (PEP 552)."""
_SHA256: Final = "sha256"


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A file as it was when the build read it."""

    size: int
    """Bytes."""
    digests: Mapping[str, str]
    """Hex by algorithm, as hashlib names it: those that a record states."""
    changes: bool
    """What is installed depends on the new prefix, or is not what is on disk."""
    earlier: tuple[OnDisk, ...] = ()
    """The same file at other places of the tree, and in its package, as far as that tells which record is right."""


@dataclass(frozen=True, slots=True)
class Files:
    """The tree as far as it was read."""

    names: Names
    on_disk: Mapping[bytes, OnDisk]
    """By the path that `names` resolves to: files that change, and those whose digest a record states."""

    def changed(self, path: bytes) -> OnDisk | None:
        """The file a path leads to, if it changes."""
        disk = self.on_disk.get(self.names.resolve(path))
        return disk if disk is not None and disk.changes else None


class Verdict(Enum):
    """What becomes of a row when it is checked."""

    RIGHT = "right"
    ALTERED = "altered"
    """The digest is of other bytes."""
    SIZE = "size"
    """There is no digest or it is right, but the size is not."""
    MISSING = "missing"
    UNCHECKED = "unchecked"


def pyc_source(path: bytes) -> bytes | None:
    """The source a `.pyc` was compiled from, by PEP 3147; one that is not in `__pycache__` has none."""
    folder, _, name = path.rpartition(b"/")
    parent, _, cache = folder.rpartition(b"/")
    if cache != b"__pycache__" or not name.endswith(b".pyc"):
        return None
    parts = name[:-4].split(b".")
    if len(parts) > 2 and parts[-1].startswith(b"opt-"):  # noqa: PLR2004 - name, tag, level
        parts.pop()
    if len(parts) < 2:  # noqa: PLR2004 - name, tag
        return None
    return (parent + b"/" if parent else b"") + b".".join(parts[:-1]) + b".py"


def recorded_source_mtime(content: bytes) -> int | None:
    """The second in the header of a `.pyc` that is checked by its source's time; None for others."""
    if not _is_pyc(content) or content[4:8] != bytes(4):
        return None
    return int.from_bytes(content[8:12], "little")


def derive_pyc(
    path: bytes,
    content: bytes,
    files: Files,
    *,
    mtime: int | None = None,
    source: bytes | None = None,
) -> tuple[Site, ...]:
    """Header values of a `.pyc` whose source changes.

    `mtime` (seconds) and `source` (content) are those of the source on disk. What is given must fit the header, as must
    the size: a stale file stays stale. A file that is checked by a hash needs `source`; without it, it stays.
    """
    name = pyc_source(path)
    disk = files.changed(name) if name else None
    if name is None or disk is None or not _is_pyc(content):
        return ()
    target = files.names.resolve(name)
    flags = int.from_bytes(content[4:8], "little")
    if flags == 0:
        recorded_mtime, recorded_size = (int.from_bytes(content[at : at + 4], "little") for at in (8, 12))
        stale = disk.size & 0xFFFFFFFF != recorded_size
        if stale or (mtime is not None and mtime & 0xFFFFFFFF != recorded_mtime):
            return ()
        return _value(8, 12, Derived.MTIME_LE32, target), _value(12, 16, Derived.SIZE_LE32, target)
    if flags not in _HASHED or source is None:
        return ()
    derived = Derived.SIPHASH13 if _magic(content) >= _SIPHASH13_MAGIC else Derived.SIPHASH24
    key = int.from_bytes(content[:4], "little")
    if siphash(key, source, 1 if derived is Derived.SIPHASH13 else 2) != content[8:16]:
        return ()
    return (_value(8, 16, derived, target),)


def derive_record(path: bytes, content: bytes, rows: Sequence[Row], files: Files) -> Found:
    """Rows of a RECORD that tell digest and size of files that change; those that are wrong are findings.

    Digests of other algorithms become SHA-256, the one the format can renew. A RECORD's own size, which no rule could
    renew, is blanked: it is optional (PEP 376).
    """
    sites: list[Site] = []
    edits: list[Edit] = []
    for row in rows:
        disk = _follows(row, files)
        if disk is None:
            continue
        if row.digest and row.algorithm != _SHA256:
            edits.append(Edit(*row.algorithm_at, _SHA256.encode()))
        sites += _values(row, files.names.resolve(row.path), disk)
    if sites:
        own = (row for row in rows if row.path == path and row.size == len(content))
        edits += [Edit(*row.size_at, b"") for row in own]
    return Found(tuple(sorted(sites, key=lambda site: site.start)), tuple(edits), check(path, rows, files))


def derive_conda(path: bytes, content: bytes, rows: Sequence[Row], files: Files) -> Found:
    """The same for a file of `conda-meta`."""
    right = {row.path: (row, disk) for row in rows if (disk := _follows(row, files))}
    sites: list[Site] = []
    for located in located_conda_rows(content, right):
        row, disk = right[located.path]
        if located.digest in ("", row.digest):
            sites += _values(replace(located, package=row.package), files.names.resolve(row.path), disk)
    return Found(tuple(sorted(sites, key=lambda site: site.start)), (), check(path, rows, files))


def check(path: bytes, rows: Iterable[Row], files: Files) -> tuple[Finding, ...]:
    """What the record at `path` says that is not so on disk, and what cannot be checked."""
    verdicts = [(row, verdict) for row in rows if (verdict := judge(row, files)) is not Verdict.RIGHT]
    wrong = [
        Finding("mismatch", row.path, verdict.value, record=path)
        for row, verdict in verdicts
        if verdict is not Verdict.UNCHECKED
    ]
    unchecked = len(verdicts) - len(wrong)
    if unchecked:
        text = "rows of files outside the prefix, or with a digest that cannot be computed here"
        wrong.append(Finding("unchecked", path, text, unchecked))
    return tuple(wrong)


def judge(row: Row, files: Files) -> Verdict:
    """Whether a row is true of the bytes on disk, or of what is left out on purpose."""
    real = files.names.resolve(row.path)
    disk = files.on_disk.get(real)
    entry = files.names.entries.get(row.path)
    if row.link and entry is not None and entry.kind is EntryKind.LINK:
        return _judge_link(row, entry, disk)
    if real == MISSING and files.names.is_left_out(row.path):
        return Verdict.RIGHT
    if real in (MISSING, OUTSIDE):
        return Verdict.MISSING if real == MISSING else Verdict.UNCHECKED
    known = not row.algorithm or digest_size(row.algorithm) > 0
    size = _size(row, disk) if row.algorithm and known else files.names.entries[real].size
    if size is None:
        return Verdict.ALTERED
    if row.size not in (-1, size):
        return Verdict.SIZE
    return Verdict.RIGHT if known else Verdict.UNCHECKED


def _judge_link(row: Row, entry: Entry, disk: OnDisk | None) -> Verdict:
    """Of a link conda manages rattler records the text's digest, mamba that of the content; sizes differ too."""
    if not row.digest or row.digest == hashlib.sha256(entry.link).hexdigest():
        return Verdict.RIGHT
    return Verdict.RIGHT if disk and disk.digests.get(_SHA256) == row.digest else Verdict.ALTERED


def siphash(key: int, data: bytes, rounds: int) -> bytes:
    """SipHash of `data` with k0 = `key`, k1 = 0, as `_imp.source_hash` gives it; `rounds`: 1 for 1-3, 2 for 2-4."""
    mask = (1 << 64) - 1
    v0, v1, v2, v3 = 0x736F6D6570736575 ^ key, 0x646F72616E646F6D, 0x6C7967656E657261 ^ key, 0x7465646279746573

    def mix(count: int) -> None:
        nonlocal v0, v1, v2, v3
        for _ in range(count):
            v0 = (v0 + v1) & mask
            v1 = ((v1 << 13 | v1 >> 51) & mask) ^ v0
            v0 = (v0 << 32 | v0 >> 32) & mask
            v2 = (v2 + v3) & mask
            v3 = ((v3 << 16 | v3 >> 48) & mask) ^ v2
            v0 = (v0 + v3) & mask
            v3 = ((v3 << 21 | v3 >> 43) & mask) ^ v0
            v2 = (v2 + v1) & mask
            v1 = ((v1 << 17 | v1 >> 47) & mask) ^ v2
            v2 = (v2 << 32 | v2 >> 32) & mask

    whole = len(data) & ~7
    last = int.from_bytes(data[whole:], "little") | (len(data) & 0xFF) << 56
    for word in (*(int.from_bytes(data[at : at + 8], "little") for at in range(0, whole, 8)), last):
        v3 ^= word
        mix(rounds)
        v0 ^= word
    v2 ^= 0xFF
    mix(3 if rounds == 1 else 4)
    return (v0 ^ v1 ^ v2 ^ v3).to_bytes(8, "little")


def _is_pyc(content: bytes) -> bool:
    return len(content) >= PYC_HEADER and content[2:4] == b"\r\n" and _magic(content) in _MAGICS


def _magic(content: bytes) -> int:
    return int.from_bytes(content[:2], "little")


def _value(start: int, end: int, derived: Derived, target: bytes) -> Site:
    return Site(start, end, Strategy.DERIVED, b"", (), derived=derived, target=target)


def _follows(row: Row, files: Files) -> OnDisk | None:
    """The file a row tells of, if it changes and the row's digest, if there is one, is of its bytes."""
    disk = files.on_disk.get(files.names.resolve(row.path))
    if disk is None or not disk.changes or (row.link and not row.digest):
        return None
    if row.algorithm and digest_size(row.algorithm) and _size(row, disk) is None:
        return None
    return disk


def _size(row: Row, disk: OnDisk | None) -> int | None:
    """Bytes of the file that a row's digest is of; None if it is none that is known.

    A row about a file that is as its package has it is of whichever place conda installed it at.
    """
    if disk is None or not row.algorithm:
        return None
    states = (disk, *disk.earlier)
    for known in states:
        if row.digest and row.digest == known.digests.get(row.algorithm):
            return known.size
    packaged = row.package and any(row.package == known.digests.get(row.algorithm) for known in states)
    return row.size if packaged and disk.changes else None


def _values(row: Row, target: bytes, disk: OnDisk) -> Iterator[Site]:
    if row.digest and row.record is not None:
        yield _value(*row.digest_at, row.record, target)
    known = row.algorithm and digest_size(row.algorithm)
    if row.size >= 0 and row.size == (_size(row, disk) if known else disk.size):
        yield _value(*row.size_at, Derived.SIZE_DECIMAL, target)
