"""Whether a tree is what package managers installed: by package what was altered, is missing or was overwritten.

The word of conda's records and of RECORD (PEP 376), held against the bytes on disk. Pure: what was read goes in.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sfxpack import plan
from sfxpack.environments.venv import BROUGHT_ALONG
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Environment, Finding
from sfxpack.names import Names
from sfxpack.records import Verdict, pyc_source
from sfxpack.rows import Row

_KEPT_BY_CONDA: Final = b"conda-meta/"
_MAKERS: Final = re.compile(
    rb"pyvenv\.cfg|\.gitignore|\.lock|CACHEDIR\.TAG|lib64"
    rb"|bin/(?:[Aa]ctivate(?:[._].*)?|deactivate\.\w+|py(?:thon|py)[\d.]*t?|pydoc\.bat)"
    rb"|lib/p[^/]*/site-packages/_virtualenv\.(?:py|pth)"
    rb"|editable/.+|lib/(?:tcl|tk)\d+\.\d+(?:/.+)?"
)
"""What venv, virtualenv and uv put into an environment, besides packages, and sfxpack where it installed a venv."""
_WITH_PACKAGES: Final = frozenset({"conda", "venv"})
"""Kinds of environments in which everything belongs to a package; other trees may hold anything."""


@dataclass(frozen=True, slots=True)
class Package:
    """One that is not as it was installed; paths below the prefix."""

    name: str
    """With its version."""
    record: bytes
    """Path of its RECORD, or of its file in `conda-meta`."""
    altered: tuple[bytes, ...] = ()
    missing: tuple[bytes, ...] = ()
    clobbered: tuple[tuple[bytes, str], ...] = ()
    """Files that another package overwrote, with that one's name."""

    def counts(self) -> dict[str, int]:
        """How many files of each kind, without those of which there are none."""
        every = {"altered": self.altered, "missing": self.missing, "clobbered": self.clobbered}
        return {kind: len(files) for kind, files in every.items() if files}


@dataclass(frozen=True, slots=True)
class Unowned:
    """A file in no package's record, or the highest folder that holds nothing else."""

    path: bytes
    files: int


@dataclass(frozen=True, slots=True)
class Ownership:
    """What the records of all packages say of a tree."""

    count: int = 0
    """Packages with a record."""
    packages: tuple[Package, ...] = ()
    """Those that are not as they were installed, by name."""
    unowned: tuple[Unowned, ...] = ()

    @property
    def rows(self) -> frozenset[tuple[bytes, bytes]]:
        """(path, record) of every row that `packages` tells of."""
        return frozenset((path, package.record) for package in self.packages for path in _paths(package))


def compare(
    environment: Environment, names: Names, rows: Mapping[bytes, Sequence[Row]], findings: Iterable[Finding]
) -> Ownership:
    """Sort the rows that are not true by package.

    Args:
        environment: what the records of conda say.
        names: of the tree's files.
        rows: of all records, by path of the record.
        findings: `mismatch`, the rows that are not true of the bytes on disk.
    """
    inner = frozenset(_inner(rows))
    wrong = [item for item in findings if item.category == "mismatch" and item.record not in inner]
    altered: defaultdict[bytes, list[bytes]] = defaultdict(list)
    missing: defaultdict[bytes, list[bytes]] = defaultdict(list)
    clobbered: defaultdict[bytes, list[tuple[bytes, str]]] = defaultdict(list)
    right = _owners(wrong, rows)
    for finding in wrong:
        path, record = finding.path, finding.record
        owners = [other for other in right.get(path, ()) if other != record]
        if finding.detail == Verdict.MISSING.value:
            if not _made_again(path, names):
                missing[record].append(path)
        elif owners:
            clobbered[record].append((path, _name(owners[0])))
        else:
            altered[record].append(path)
    packages = [
        Package(_name(record), record, tuple(altered[record]), tuple(missing[record]), tuple(clobbered[record]))
        for record in {*altered, *missing, *clobbered}
    ]
    unowned = tuple(_unowned(environment, names, rows)) if environment.kind in _WITH_PACKAGES and rows else ()
    return Ownership(
        len(rows) - len(inner), tuple(sorted(packages, key=lambda package: (package.name, package.record))), unowned
    )


def placed(owned: Ownership, place: Callable[[bytes], bytes]) -> Ownership:
    """The same with every path at another place."""
    return Ownership(
        owned.count,
        tuple(
            Package(
                package.name,
                place(package.record),
                tuple(map(place, package.altered)),
                tuple(map(place, package.missing)),
                tuple((place(path), by) for path, by in package.clobbered),
            )
            for package in owned.packages
        ),
        tuple(Unowned(place(item.path), item.files) for item in owned.unowned),
    )


def joined(parts: Sequence[Ownership]) -> Ownership:
    """What is said of several trees."""
    return Ownership(
        sum(part.count for part in parts),
        tuple(package for part in parts for package in part.packages),
        tuple(item for part in parts for item in part.unowned),
    )


def as_json(owned: Ownership) -> dict[str, Any]:
    """The same for programs and for the report in the artifact."""
    return {
        "count": owned.count,
        "packages": [
            {
                "name": package.name,
                "record": _text(package.record),
                "altered": [_text(path) for path in package.altered],
                "missing": [_text(path) for path in package.missing],
                "clobbered": [{"path": _text(path), "by": by} for path, by in package.clobbered],
            }
            for package in owned.packages
        ],
        "unowned": [{"path": _text(item.path), "files": item.files} for item in owned.unowned],
    }


def _text(path: bytes) -> str:
    return path.decode(errors="backslashreplace")


def _inner(rows: Mapping[bytes, Sequence[Row]]) -> Iterator[bytes]:
    """Records that came in another package, conda's or one that vendors others: that one's own record decides."""
    for record, listed in rows.items():
        yield from (row.path for row in listed if row.path in rows and row.path != record)


def _made_again(path: bytes, names: Names) -> bool:
    """Whether it is for bytecode, which Python makes again; virtualenv records it beside its source, and its folder."""
    folder, name = posixpath.split(path)
    source = posixpath.join(folder, name.partition(b".")[0] + b".py")
    beside = path.endswith(b".pyc") and source in names.entries
    return beside or name == b"__pycache__" or pyc_source(path) is not None


def _owners(wrong: Iterable[Finding], rows: Mapping[bytes, Sequence[Row]]) -> dict[bytes, list[bytes]]:
    """Records that state a digest of one of these files, and rightly."""
    false = {(finding.path, finding.record) for finding in wrong}
    paths = {path for path, _ in false}
    found: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for record, listed in rows.items():
        for row in listed:
            if row.path in paths and row.digest and (row.path, record) not in false:
                found[row.path].append(record)
    return found


def _unowned(environment: Environment, names: Names, rows: Mapping[bytes, Sequence[Row]]) -> Iterator[Unowned]:
    owned = {row.path for listed in rows.values() for row in listed}
    owned.update(environment.conda, environment.hosts, (entry.path for entry in environment.additions))
    real = {names.resolve(path) for path in owned}
    files = [entry for entry in names.entries.values() if entry.kind is not EntryKind.DIRECTORY]
    alien = [entry.path for entry in files if not _belongs(entry, owned, real, names)]
    inside, all_inside = _by_folder(alien), _by_folder(entry.path for entry in files)
    whole = {folder for folder, count in inside.items() if all_inside[folder] == count}
    told: Counter[bytes] = Counter(_highest(path, whole) for path in alien)
    return (Unowned(path, count) for path, count in sorted(told.items()))


def _belongs(entry: Entry, owned: set[bytes], real: set[bytes], names: Names) -> bool:
    path = entry.path
    if path in owned or path in real or names.hard_links.get(path) in real:
        return True
    if (
        path.startswith(_KEPT_BY_CONDA)
        or BROUGHT_ALONG.match(path)
        or plan.stage(path) == plan.RECORD
        or _MAKERS.fullmatch(path)
    ):
        return True
    return names.resolve(path) in real if entry.kind is EntryKind.LINK else b"__pycache__" in path.split(b"/")


def _by_folder(paths: Iterable[bytes]) -> Counter[bytes]:
    """Files below each folder."""
    counts: Counter[bytes] = Counter()
    for path in paths:
        folder = posixpath.dirname(path)
        while folder:
            counts[folder] += 1
            folder = posixpath.dirname(folder)
    return counts


def _highest(path: bytes, whole: set[bytes]) -> bytes:
    """The highest of the folders of a path that is in `whole`, or the path."""
    parts = path.split(b"/")
    return next((top for top in (b"/".join(parts[:count]) for count in range(1, len(parts))) if top in whole), path)


def _paths(package: Package) -> Iterator[bytes]:
    yield from package.altered
    yield from package.missing
    yield from (path for path, _ in package.clobbered)


def _name(record: bytes) -> str:
    """`numpy 1.26.4`, of `numpy-1.26.4-py311_0.json` or `numpy-1.26.4.dist-info/RECORD`."""
    folder, _, file = record.rpartition(b"/")
    text = (file if file != b"RECORD" else folder.rpartition(b"/")[2]).decode(errors="backslashreplace")
    if text.endswith(".dist-info"):
        name, _, version = text.removesuffix(".dist-info").partition("-")
        return f"{name} {version}".rstrip()
    parts = text.removesuffix(".json").rsplit("-", 2)
    return " ".join(parts[:2])
