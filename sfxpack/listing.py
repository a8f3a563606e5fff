"""What the tree's records list, read before everything else: of which files which digests must be computed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

from sfxpack import plan
from sfxpack.content import digests
from sfxpack.entries import read
from sfxpack.model import Entry
from sfxpack.names import Names
from sfxpack.records import OnDisk
from sfxpack.rows import Row, conda_rows, digest_size, record_rows


@dataclass(frozen=True, slots=True)
class Listing:
    """The rows of all records."""

    rows: Mapping[bytes, tuple[Row, ...]]
    """By path of the record."""
    wanted: Mapping[bytes, Mapping[str, Collection[str]]]
    """By path of the file and algorithm: digests that a row states, of algorithms that can be computed here."""
    records: Mapping[bytes, OnDisk]
    """Records that others list, as if they did not change."""


def list_records(files: Iterable[Entry], names: Names, executor: Executor) -> Listing:
    """Read every RECORD and `conda-meta/*.json`.

    Raises:
        ChangedError, UnreadableError: as `entries.read`.
    """
    roots = [rename.old for rename in names.renames if not rename.new]
    found = [entry for entry in files if plan.stage(entry.path) in (plan.RECORD, plan.CONDA)]

    def parse(entry: Entry) -> tuple[tuple[Row, ...], bytes]:
        content = read(entry)
        conda = plan.stage(entry.path) == plan.CONDA
        return tuple(conda_rows(content) if conda else record_rows(entry.path, content, roots)), content

    rows: dict[bytes, tuple[Row, ...]] = {}
    contents: dict[bytes, bytes] = {}
    wanted: dict[bytes, dict[str, set[str]]] = {}
    for entry, (listed, content) in zip(found, executor.map(parse, found), strict=True):
        rows[entry.path], contents[entry.path] = listed, content
        for row in listed:
            if row.digest and digest_size(row.algorithm):
                stated = wanted.setdefault(names.resolve(row.path), {}).setdefault(row.algorithm, set())
                if not row.link:  # else it may be of the link's text
                    stated.add(row.digest)
    records = {
        path: OnDisk(len(contents[path]), digests(contents[path], wanted[path]), changes=False)
        for path in contents.keys() & wanted.keys()
    }
    return Listing(rows, wanted, records)
