"""The shared libraries of what was collected, added to it; and how its files find them wherever they lie.

The executable gets a search path that serves all that is loaded into it: DT_RPATH, since a DT_RUNPATH holds for its
own libraries only (ld.so(8)). A file with a DT_RUNPATH of its own is not served by that, so it gets one too; the others
stay byte for byte.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from sfxpack import elfedit
from sfxpack.environments import libraries
from sfxpack.environments.files import Collector
from sfxpack.environments.libraries import Closure, Library
from sfxpack.format.layout import EntryKind


def add_libraries(
    collector: Collector, executable: bytes, folder: bytes, variables: Mapping[str, str]
) -> tuple[Closure, tuple[str, ...]]:
    """Add what an executable and the other files collected need, except for the C library.

    Args:
        collector: what comes along so far.
        executable: path of the program that loads the others.
        folder: where libraries go, below the prefix.
        variables: the process's environment variables.

    Returns:
        What was found, and warnings.
    """
    objects = dict(_objects(collector, executable))
    main = objects.get(executable)
    if main is None:
        return Closure(), ("the base Python is no ELF program: the shared libraries it needs were not collected",)
    closure = libraries.closure(main, objects.values(), variables)
    for name, library in closure.found.items():
        path = folder + b"/" + name
        if path not in collector.entries:
            collector.file(library.path, path)
        if collector.entries[path].kind is EntryKind.FILE:
            objects[path] = library
    warnings = [
        f"{os.fsdecode(name)}: asked for by {path}, but not on this machine; what needs it will not work"
        for name, path in sorted(closure.missing.items())
    ]
    for path, library in objects.items():
        if _finds(path, library, folder, closure, serves=path == executable):
            continue
        entry = collector.entries[path]
        try:
            data = elfedit.set_rpath(Path(os.fsdecode(entry.source)).read_bytes(), _search_path(path, folder))
        except ValueError as error:
            warnings.append(f"{os.fsdecode(entry.source)}: cannot be told where its libraries will lie: {error}")
        else:
            collector.entries[path] = replace(entry, size=len(data), data=data)
    return closure, tuple(warnings)


def _objects(collector: Collector, executable: bytes) -> Iterator[tuple[bytes, Library]]:
    for path, entry in collector.entries.items():
        named_so = b".so" in os.path.basename(path)
        if entry.kind is EntryKind.FILE and (path == executable or named_so):
            library = libraries.read(os.fsdecode(entry.source))
            if library:
                yield path, library


def _finds(path: bytes, library: Library, folder: bytes, closure: Closure, *, serves: bool) -> bool:
    """Whether a file can stay as it is: it names no place of this machine, and its libraries will be found.

    A file without DT_RUNPATH leaves the search to the executable, which `serves` all that is loaded into it.
    """
    if any(directory.startswith(b"/") for directory in library.rpath + library.runpath):
        return False
    if serves:
        return not closure.found or (not library.runpath and folder in _places(path, library.rpath))
    wants = any(name in closure.found for name in library.needed)
    return not wants or not library.runpath or folder in _places(path, library.runpath)


def _places(path: bytes, directories: Iterable[bytes]) -> frozenset[bytes]:
    """Directories below the prefix that a search path leads to."""
    origin = os.path.dirname(path)
    texts = (directory.replace(b"${ORIGIN}", b"$ORIGIN") for directory in directories)
    return frozenset(
        os.path.normpath(text.replace(b"$ORIGIN", origin)) for text in texts if text.startswith(b"$ORIGIN")
    )


def _search_path(path: bytes, folder: bytes) -> bytes:
    below = os.path.relpath(folder, os.path.dirname(path))
    return b"$ORIGIN" if below == b"." else b"$ORIGIN/" + below
