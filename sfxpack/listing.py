"""What the tree's records list, read before everything else: of which files which digests must be computed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

from sfxpack import plan
from sfxpack.content import digests, read
from sfxpack.model import Entry
from sfxpack.names import Names
from sfxpack.records import OnDisk
from sfxpack.rows import Row, conda_rows, digest_size, record_rows


@dataclass(frozen=True, slots=True)
class Listing:
    """The rows of all records."""

    rows: Mapping[bytes, tuple[Row, ...]]
    """By path of the record."""
    wanted: Mapping[bytes, Collection[str]]
    """Algorithms by path of the file: digests that a row states and that can be computed here."""
    stated: Mapping[bytes, Collection[tuple[str, str]]]
    """The digests themselves, as (algorithm, hex)."""
    records: Mapping[bytes, OnDisk]
    """Records that others list, as if they did not change."""


def list_records(files: Iterable[Entry], names: Names, executor: Executor) -> Listing:
    """Read every RECORD and `conda-meta/*.json`.

    Raises:
        ChangedError, UnreadableError: as `content.read`.
    """
    roots = [rename.old for rename in names.renames if not rename.new]
    found = [entry for entry in files if plan.stage(entry.path) in (plan.RECORD, plan.CONDA)]

    def parse(entry: Entry) -> tuple[tuple[Row, ...], bytes]:
        content = read(entry)
        conda = plan.stage(entry.path) == plan.CONDA
        return tuple(conda_rows(content) if conda else record_rows(entry.path, content, roots)), content

    rows: dict[bytes, tuple[Row, ...]] = {}
    contents: dict[bytes, bytes] = {}
    wanted: dict[bytes, set[str]] = {}
    stated: dict[bytes, list[tuple[str, str]]] = {}
    for entry, (listed, content) in zip(found, executor.map(parse, found), strict=True):
        rows[entry.path], contents[entry.path] = listed, content
        for row in listed:
            if row.digest and digest_size(row.algorithm):
                path = names.resolve(row.path)
                wanted.setdefault(path, set()).add(row.algorithm)
                stated.setdefault(path, []).append((row.algorithm, row.digest))
    records = {
        path: OnDisk(len(contents[path]), digests(contents[path], wanted[path]), changes=False)
        for path in contents.keys() & wanted.keys()
    }
    return Listing(rows, wanted, stated, records)
