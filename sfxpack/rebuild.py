"""Editable installations that build when they are imported: no target has the tools for that.

By meson-python: what the build would install is in its own plan (`meson-info/intro-install_plan.json`, Meson's
introspection format), so it is put where a usual installation has it, and the loader is left out. By scikit-build-core
with `editable.rebuild`: what was built is there, so its finder is told not to build.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final

from sfxpack.entries import read_small
from sfxpack.environments.files import Collector
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry
from sfxpack.paths import above
from sfxpack.rows import record_rows

_LOADER: Final = re.compile(rb".*_editable_loader\.py")
_QUOTED: Final = re.compile(rb"""(['"])(/(?:(?!\1)[^\\\n])+)\1""")
_REBUILDS: Final = re.compile(rb"^(install(?:_inplace)?\([^\n]*?['\"]), True", re.MULTILINE)
"""The last line of scikit-build-core's finders: after the folder to build in, whether to."""
_PLAN: Final = b"meson-info/intro-install_plan.json"
_PACKAGES: Final = frozenset({"{py_platlib}", "{py_purelib}"})


@dataclass(frozen=True, slots=True)
class Instead:
    """What takes the place of a loader or finder."""

    entries: Mapping[bytes, Entry]
    site: bytes
    """The folder of packages that a loader's are in."""
    gone: tuple[bytes, ...]
    """Paths that go: a loader, its `.pth`, what was compiled of it, and what says that the project is editable."""


def is_loader(path: bytes) -> bool:
    """Whether a file is meson-python's."""
    return _LOADER.fullmatch(path) is not None


def quoted(entry: Entry) -> Iterator[bytes]:
    """The absolute paths that are strings in a finder or loader."""
    return (text for _, text in _QUOTED.findall(read_small(entry)))


def installed(metadata: bytes, pointers: Collection[bytes], entries: Mapping[bytes, Entry]) -> Instead | None:
    """What a project would install, if one of its pointers is meson-python's loader and its build is there.

    Args:
        metadata: its dist-info.
        pointers: paths of its pointers.
        entries: of the tree.
    """
    loader = next(filter(is_loader, pointers), None)
    if loader is None:
        return None
    plans = [os.path.join(text, _PLAN) for text in quoted(entries[loader])]
    plan = next((path for path in plans if os.path.isfile(path)), None)
    if plan is None:
        return None
    site = os.path.dirname(loader)
    with open(plan, "rb") as file:
        found = _files(json.load(file), site)
    folders = above(found) - entries.keys()
    found.update((folder, Entry(folder, EntryKind.DIRECTORY, 0o755, 0, 0)) for folder in folders)
    gone = [loader, *_paths_of(loader, site, entries), *_compiled(loader, entries)]
    gone += [path for path in (metadata + b"/direct_url.json",) if path in entries]
    record = entries.get(metadata + b"/RECORD")
    if record is not None:
        found[record.path] = _recorded(record, site, found, gone)
    return Instead(found, site, tuple(gone))


def settled(metadata: Iterable[bytes], pointers: Iterable[bytes], entries: Mapping[bytes, Entry]) -> Instead:
    """The finders of scikit-build-core among the pointers of a project, with what was built as it is.

    Args:
        metadata: folders of dist-info.
        pointers: paths.
        entries: of the tree.
    """
    finders: dict[bytes, Entry] = {}
    for path in pointers:
        content = read_small(entries[path]) if path.endswith(b".py") else b""
        data = _REBUILDS.sub(rb"\1, False", content)
        if b"ScikitBuild" in content and data != content:
            finders[path] = replace(entries[path], data=data, size=len(data))
    gone = [path for finder in finders for path in _compiled(finder, entries)]
    found = dict(finders)
    for record in [entries[path] for folder in metadata if (path := folder + b"/RECORD") in entries]:
        listed = {row.path for row in record_rows(record.path, read_small(record))}
        own = {path: entry for path, entry in finders.items() if path in listed}
        if own:
            site = os.path.dirname(os.path.dirname(record.path))
            found[record.path] = _recorded(record, site, own, [*own, *gone])
    return Instead(found, b"", tuple(gone))


def _compiled(source: bytes, entries: Mapping[bytes, Entry]) -> list[bytes]:
    """Paths of the bytecode of a source."""
    folder, _, name = source.rpartition(b"/")
    start = folder + b"/__pycache__/" + name.removesuffix(b".py") + b"."
    return [path for path in entries if path.startswith(start)]


def _paths_of(loader: bytes, site: bytes, entries: Mapping[bytes, Entry]) -> Iterator[bytes]:
    """The `.pth` files that start a loader."""
    start = b"import " + os.path.basename(loader).removesuffix(b".py")
    for path, entry in entries.items():
        if os.path.dirname(path) == site and path.endswith(b".pth") and read_small(entry).startswith(start):
            yield path


def _files(plan: Mapping[str, Mapping[str, Any]], site: bytes) -> dict[bytes, Entry]:
    collector = Collector()
    for section, files in plan.items():
        for source, target in files.items():
            parts = PurePosixPath(target["destination"]).parts
            if not parts or parts[0] not in _PACKAGES or ".." in parts:
                continue
            place = b"/".join((site, *map(os.fsencode, parts[1:])))
            if section == "install_subdirs" or os.path.isdir(source):
                _add_tree(collector, source, place, target)
            else:
                collector.file(source, place)
    collector.check()
    return collector.entries


def _add_tree(collector: Collector, source: str, place: bytes, target: Mapping[str, Sequence[str]]) -> None:
    files, folders = (frozenset(target.get(key, ())) for key in ("exclude_files", "exclude_dirs"))
    for top, names, files_here in os.walk(source):
        below = os.path.relpath(top, source)
        names[:] = [name for name in names if os.path.normpath(os.path.join(below, name)) not in folders]
        for name in files_here:
            path = os.path.normpath(os.path.join(below, name))
            if path not in files:
                collector.file(os.path.join(top, name), place + b"/" + os.fsencode(path))


def _recorded(record: Entry, site: bytes, found: Mapping[bytes, Entry], gone: Collection[bytes]) -> Entry:
    """RECORD with the new files, without digests, which it need not have (PEP 376), and without those that go."""
    names = [os.path.relpath(path, site) for path in gone]
    lines = [line for line in read_small(record).splitlines() if line.split(b",")[0] not in names]
    lines += [os.path.relpath(path, site) + b",," for path, entry in found.items() if entry.kind is EntryKind.FILE]
    data = b"".join(line + b"\n" for line in lines)
    return replace(record, data=data, size=len(data))
