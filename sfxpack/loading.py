"""The search of ld.so inside a tree (ld.so(8)), for all its files at once.

A search path counts as it will be after installing: what lies below the old prefix lies below the new one, and a
directory outside of it is not on the target.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from sfxpack.binaries import Binary
from sfxpack.environments import libraries
from sfxpack.format.layout import EntryKind
from sfxpack.names import MISSING, Names
from sfxpack.rows import OUTSIDE

_LOADER: Final = re.compile(rb"/(?:usr/)?lib(?:32|64|x32)?/ld[^/]*")
"""Where systems have the program that loads others; elsewhere it has to come along, or is not there."""


def unresolved(tree: Libraries, mains: tuple[bytes, ...]) -> dict[bytes, set[bytes]]:
    """Names of libraries, and of loaders, that are not found in the tree, and the files that ask for each.

    The C library is not among them.

    Args:
        tree: the files.
        mains: the interpreters, which load every file that is no program. What one has loaded is there for the others.
    """
    search = _Search(tree, [main for main in mains if main in tree.binaries])
    missing: defaultdict[bytes, set[bytes]] = defaultdict(set)
    for path, binary in tree.binaries.items():
        if binary.program and not _LOADER.fullmatch(binary.loader) and not tree.holds(binary.loader):
            missing[binary.loader].add(path)
        for name in binary.needed:
            if libraries.is_system(name) or search.resolve(path, name) is not None:
                continue
            if binary.program or name not in search.loaded:
                missing[name].add(path)
    return missing


class Libraries:
    """ELF files by the names a loader opens them by, links followed without leaving the tree."""

    def __init__(
        self,
        root: Path,
        names: Names,
        binaries: Mapping[bytes, Binary],
        aliases: Mapping[bytes, tuple[bytes, ...]],
    ) -> None:
        self.entries = names.entries
        self.binaries = binaries
        """By path, under all names of hard links."""
        self._root = root
        self._names = names
        self._aliases = aliases
        self._files: defaultdict[bytes, dict[bytes, bytes]] = defaultdict(dict)
        """Name -> directory -> file."""
        self._sonames: defaultdict[bytes, set[bytes]] = defaultdict(set)
        for path, entry in self.entries.items():
            target = names.follow(path) if entry.kind is EntryKind.LINK and b".so" in path else path
            if target in binaries:
                self._files[posixpath.basename(path)][posixpath.dirname(path)] = target
        for path, binary in binaries.items():
            self._sonames[binary.soname].add(path)

    def named(self, name: bytes) -> tuple[bytes, ...]:
        """Every place with a library of that name."""
        files = (posixpath.join(place, name) for place in self._files.get(name, ()))
        return tuple(sorted({*files, *self._sonames.get(name, ())}))

    def files(self, name: bytes, asking: Binary) -> dict[bytes, bytes]:
        """The files of that name that a process of `asking` can load, by directory."""
        found = self._files.get(name, {})
        return {place: path for place, path in found.items() if self.binaries[path].kind == asking.kind}

    def at(self, path: bytes, asking: Binary) -> bytes | None:
        """The file at an absolute path of this machine, if a process of `asking` can load it."""
        target = self._real(path)
        known = self.binaries.get(target)
        return target if known is not None and known.kind == asking.kind else None

    def holds(self, path: bytes) -> bool:
        """Whether an absolute path of this machine is a file of the tree."""
        return self._real(path) in self.entries

    def places(self, path: bytes, directories: Iterable[bytes]) -> tuple[bytes, ...]:
        """Directories of a search path of the file at `path`; `$ORIGIN` by any of the file's names."""
        found: dict[bytes, None] = {}
        for name in (path, *self._aliases.get(path, ())):
            for text in libraries.expanded(directories, f"{self._root}/{os.fsdecode(name)}"):
                place = self._real(os.fsencode(text)) if text.startswith("/") else OUTSIDE
                if place not in (MISSING, OUTSIDE):
                    found[place] = None
        return tuple(found)

    def _real(self, path: bytes) -> bytes:
        """Where an absolute path of this machine leads in the tree; MISSING or OUTSIDE."""
        below = self._names.below(path)
        return OUTSIDE if below is None else self._names.follow(below)


class _Search:
    """Which directories are searched for each file.

    DT_RPATH holds for what a file loads, directly and through others; DT_RUNPATH for the file's own libraries, and it
    turns DT_RPATH off.
    """

    def __init__(self, tree: Libraries, mains: Iterable[bytes]) -> None:
        self._tree = tree
        binaries = tree.binaries
        self._runpath = {path: tree.places(path, binary.runpath) for path, binary in binaries.items()}
        self._rpath = {
            path: () if binary.runpath else tree.places(path, binary.rpath) for path, binary in binaries.items()
        }
        used = {place for places in self._rpath.values() for place in places}
        self._bit = {place: 1 << number for number, place in enumerate(sorted(used))}
        shared = self._bits(mains)
        self._inherited = {path: 0 if binary.program else shared for path, binary in binaries.items()}
        """Directories of the DT_RPATH of all that may load a file, as a set of bits: they are handed on very often."""
        self._spread()
        self.loaded = self._reached(mains)
        """Names of the libraries that the interpreters load as they start."""

    def resolve(self, path: bytes, name: bytes) -> bytes | None:
        """The file of the tree that is loaded when the one at `path` asks for a name."""
        binary = self._tree.binaries[path]
        if b"/" in name:
            return self._tree.at(name, binary) if name.startswith(b"/") else None
        files = self._tree.files(name, binary)
        own = self._runpath[path] if binary.runpath else self._rpath[path]
        inherited = 0 if binary.runpath else self._inherited[path]
        others = (place for place in files if self._bit.get(place, 0) & inherited)
        return next((files[place] for place in (*own, *others) if place in files), None)

    def _spread(self) -> None:
        """Hand DT_RPATH on to what is loaded, until nothing is new."""
        waiting = dict.fromkeys(self._tree.binaries)
        while waiting:
            path = next(iter(waiting))
            del waiting[path]
            passed = self._bits([path]) | self._inherited[path]
            for name in self._tree.binaries[path].needed:
                target = self.resolve(path, name)
                if target is not None and passed & ~self._inherited[target]:
                    self._inherited[target] |= passed
                    waiting[target] = None

    def _bits(self, paths: Iterable[bytes]) -> int:
        bits = 0
        for path in paths:
            for place in self._rpath[path]:
                bits |= self._bit[place]
        return bits

    def _reached(self, mains: Iterable[bytes]) -> frozenset[bytes]:
        waiting = list(mains)
        seen, names = set(waiting), set[bytes]()
        while waiting:
            path = waiting.pop()
            for name in self._tree.binaries[path].needed:
                target = self.resolve(path, name)
                if target is None:
                    continue
                names |= {name, self._tree.binaries[target].soname}
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return frozenset(names)
