"""Which shared libraries the files of a tree will not find on another machine, found as ld.so finds them (ld.so(8)).

A search path counts as it will be after installing: what lies below the old prefix lies below the new one, and a
directory outside of it is not on the target.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from sfxpack import requirements
from sfxpack.binaries import Binary
from sfxpack.environments import libraries
from sfxpack.environments.libraries import Library
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Environment
from sfxpack.reading import Subject

_RUNTIME: Final = frozenset({b"libgcc_s.so.1", b"libstdc++.so.6"})
"""What every Linux system has beside the C library (PEP 599, "The manylinux2014 policy")."""
_DESKTOP: Final = frozenset(
    {
        *(b"libX11.so.6", b"libXext.so.6", b"libXrender.so.1", b"libICE.so.6", b"libSM.so.6", b"libGL.so.1"),
        *(b"libglib-2.0.so.0", b"libgobject-2.0.so.0", b"libgthread-2.0.so.0"),
    }
)
"""The rest of that policy's list: systems with a desktop have them, servers and containers often do not."""
_DRIVER: Final = frozenset({b"libcuda.so.1", b"libnvidia-ml.so.1", b"libnvcuvid.so.1", b"libnvidia-encode.so.1"})
"""Installed by the graphics card's driver and of its version, never shipped (CUDA Compatibility guide)."""
_LOADER: Final = re.compile(rb"/(?:usr/)?lib(?:32|64|x32)?/ld[^/]*")
"""Where systems have the program that loads others; elsewhere it has to come along, or is not there."""
_MOST_LINKS: Final = 40
"""Linux: MAXSYMLINKS."""


class Supply(Enum):
    """Where a library that no search path leads to comes from, best known first."""

    RUNTIME = "runtime"
    DRIVER = "driver"
    UNREACHED = "unreached"
    """The tree has it, elsewhere: found only if something that needs it loads it first by its path."""
    DESKTOP = "desktop"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A library that files of the tree ask for and do not find in it; the C library is not among them."""

    name: bytes
    supply: Supply
    files: tuple[bytes, ...]
    """Who asks, below the prefix; programs first."""
    places: tuple[bytes, ...] = ()
    """UNREACHED: where it lies below the prefix."""
    here: str = ""
    """MISSING: where this machine has it, or empty."""
    needs: tuple[bytes, ...] = ()
    """MISSING: other libraries that the one of this machine needs, not in the tree and in no base system either."""


def wanted(subject: Subject, binaries: Mapping[bytes, Binary], variables: Mapping[str, str]) -> tuple[Wanted, ...]:
    """Resolve what every ELF file of the tree's platform needs.

    Args:
        subject: the tree.
        binaries: its ELF files by path, under all names of hard links.
        variables: the process's environment variables, for what this machine would find.
    """
    kind = requirements.kind_of(subject.platform)
    mine = {path: binary for path, binary in binaries.items() if binary.kind == kind}
    tree = _Tree(subject.environment, subject.tree.entries, mine)
    mains = tuple(dict.fromkeys(requirements.interpreters(tree.entries)))
    asking = _Search(tree, subject.options.aliases).unresolved(mains)
    return tuple(_wanted(name, _programs_first(asking[name], mine), tree, variables) for name in sorted(asking))


def _programs_first(paths: Iterable[bytes], binaries: Mapping[bytes, Binary]) -> tuple[bytes, ...]:
    return tuple(sorted(paths, key=lambda path: (not binaries[path].program, path)))


def _wanted(name: bytes, files: tuple[bytes, ...], tree: _Tree, variables: Mapping[str, str]) -> Wanted:
    if name in _RUNTIME:
        return Wanted(name, Supply.RUNTIME, files)
    if name in _DRIVER:
        return Wanted(name, Supply.DRIVER, files)
    if places := tree.named(name):
        return Wanted(name, Supply.UNREACHED, files, places)
    if name in _DESKTOP:
        return Wanted(name, Supply.DESKTOP, files)
    asking = tree.library(files[0])
    found = libraries.locate(name, asking, variables)
    if found is None:
        return Wanted(name, Supply.MISSING, files)
    others = libraries.closure(found, (), variables)
    known = _RUNTIME | _DRIVER | _DESKTOP
    needs = tuple(sorted(other for other in {*others.found, *others.missing} - known if not tree.named(other)))
    return Wanted(name, Supply.MISSING, files, here=found.path, needs=needs)


class _Tree:
    """Files by the names a loader opens them by, links followed without leaving the tree."""

    def __init__(self, environment: Environment, entries: Iterable[Entry], binaries: Mapping[bytes, Binary]) -> None:
        self.entries = {entry.path: entry for entry in entries}
        self.binaries = binaries
        self.root = environment.root
        self._renames = [*((rename.old, rename.new) for rename in environment.renames), (bytes(environment.root), b"")]
        self._names: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for path, entry in self.entries.items():
            name = posixpath.basename(path)
            if entry.kind is EntryKind.LINK and b".so" in name and self.real(path) in binaries:
                self._names[name].append(path)
        for path, binary in binaries.items():
            for name in {posixpath.basename(path), binary.soname} - {b""}:
                self._names[name].append(path)

    def below(self, path: bytes) -> bytes | None:
        """Where an absolute path of this machine lies below the prefix; None if elsewhere."""
        path = b"/" + path.lstrip(b"/")
        for old, new in self._renames:
            if path == old or path.startswith(old + b"/"):
                return (new + path[len(old) :]).lstrip(b"/")
        return None

    def real(self, path: bytes) -> bytes | None:
        """Where a path below the prefix leads, links on the way followed; None if out of the tree or in circles."""
        left, done, followed = path.split(b"/")[::-1], list[bytes](), 0
        while left:
            part = left.pop()
            if part == b"..":
                if not done:
                    return None
                done.pop()
                continue
            if part in (b"", b"."):
                continue
            entry = self.entries.get(b"/".join([*done, part]))
            if entry is None or entry.kind is not EntryKind.LINK:
                done.append(part)
                continue
            followed += 1
            target = self.below(entry.link) if entry.link.startswith(b"/") else entry.link
            if target is None or followed > _MOST_LINKS:
                return None
            if entry.link.startswith(b"/"):
                done.clear()
            left += target.split(b"/")[::-1]
        return b"/".join(done)

    def holds(self, path: bytes) -> bool:
        """Whether an absolute path of this machine is a file of the tree."""
        below = self.below(path)
        return below is not None and self.real(below) in self.entries

    def named(self, name: bytes) -> tuple[bytes, ...]:
        """Every place with a library of that name."""
        return tuple(sorted(self._names.get(name, ())))

    def library(self, path: bytes) -> Library:
        """A file as this machine's loader sees it."""
        binary, source = self.binaries[path], os.fsdecode(self.entries[path].source)
        return Library(source, binary.kind, binary.needed, binary.rpath, binary.runpath)


class _Search:
    """The loader's search, for all files at once.

    DT_RPATH holds for what a file loads, directly and through others; DT_RUNPATH for the file's own libraries, and it
    turns DT_RPATH off. What an interpreter has loaded is there for all that it loads later.
    """

    def __init__(self, tree: _Tree, aliases: Mapping[bytes, tuple[bytes, ...]]) -> None:
        self._tree = tree
        self._aliases = aliases
        self._inherited: dict[bytes, dict[bytes, None]] = {path: {} for path in tree.binaries}
        """Directories of the DT_RPATH of all that may load a file; ordered."""

    def unresolved(self, mains: tuple[bytes, ...]) -> dict[bytes, set[bytes]]:
        """Names that were not found, and the files that ask for each.

        `mains`: the interpreters, which load every file that is no program.
        """
        binaries = self._tree.binaries
        shared = {place: None for main in mains if main in binaries for place in self._rpath(main)}
        for path, binary in binaries.items():
            self._inherited[path].update({} if binary.program else shared)
        self._spread(list(binaries))
        loaded = self._reached(mains)
        missing: defaultdict[bytes, set[bytes]] = defaultdict(set)
        for path, binary in binaries.items():
            if binary.program and not _LOADER.fullmatch(binary.loader) and not self._tree.holds(binary.loader):
                missing[binary.loader].add(path)
            for name in binary.needed:
                if libraries.is_system(name) or self._resolve(path, name) is not None:
                    continue
                if binary.program or name not in loaded:
                    missing[name].add(path)
        return missing

    def _spread(self, waiting: list[bytes]) -> None:
        """Hand DT_RPATH on to what is loaded, until nothing is new."""
        while waiting:
            path = waiting.pop()
            passed = {**dict.fromkeys(self._rpath(path)), **self._inherited[path]}
            for name in self._tree.binaries[path].needed:
                target = self._resolve(path, name)
                if target is not None and not passed.keys() <= self._inherited[target].keys():
                    self._inherited[target].update(passed)
                    waiting.append(target)

    def _reached(self, mains: Iterable[bytes]) -> frozenset[bytes]:
        """Names of the libraries that programs load as they start."""
        waiting = [path for path in mains if path in self._tree.binaries]
        seen, names = set(waiting), set[bytes]()
        while waiting:
            path = waiting.pop()
            names |= {self._tree.binaries[path].soname}
            for name in self._tree.binaries[path].needed:
                target = self._resolve(path, name)
                if target is not None:
                    names.add(name)
                    if target not in seen:
                        seen.add(target)
                        waiting.append(target)
        return frozenset(names)

    def _resolve(self, path: bytes, name: bytes) -> bytes | None:
        """The file of the tree that is loaded when the one at `path` asks for a name."""
        binary = self._tree.binaries[path]
        if b"/" in name:
            return self._usable(self._tree.below(name) if name.startswith(b"/") else None, binary)
        places = self._places(path, binary.runpath) if binary.runpath else [*self._rpath(path), *self._inherited[path]]
        for place in places:
            found = self._usable(place + b"/" + name, binary)
            if found is not None:
                return found
        return None

    def _usable(self, path: bytes | None, asking: Binary) -> bytes | None:
        target = None if path is None else self._tree.real(path)
        if target is None or target not in self._tree.binaries or self._tree.binaries[target].kind != asking.kind:
            return None
        return target

    def _rpath(self, path: bytes) -> list[bytes]:
        binary = self._tree.binaries[path]
        return [] if binary.runpath else list(self._places(path, binary.rpath))

    def _places(self, path: bytes, directories: Iterable[bytes]) -> Iterator[bytes]:
        """Directories below the prefix; `$ORIGIN` is where the file was opened, by any of its names."""
        for name in (path, *self._aliases.get(path, ())):
            for text in libraries.expanded(directories, f"{self._tree.root}/{os.fsdecode(name)}"):
                place = self._tree.below(os.fsencode(text)) if text.startswith("/") else None
                if place is not None:
                    yield place
