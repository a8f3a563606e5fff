"""Which shared libraries the files of a tree will not find on another machine, and where they may come from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from sfxpack import loading, requirements
from sfxpack.binaries import Binary
from sfxpack.environments import libraries
from sfxpack.environments.libraries import Library
from sfxpack.loading import Libraries
from sfxpack.names import Names
from sfxpack.subject import Subject

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


def wanted(
    subject: Subject, names: Names, binaries: Mapping[bytes, Binary], variables: Mapping[str, str]
) -> tuple[Wanted, ...]:
    """Resolve what every ELF file of the tree's platform needs.

    Args:
        subject: the tree.
        names: of its files.
        binaries: its ELF files by path, under all names of hard links.
        variables: the process's environment variables, for what this machine would find.
    """
    kind = requirements.kind_of(subject.platform)
    mine = {path: binary for path, binary in binaries.items() if binary.kind == kind}
    tree = Libraries(subject.environment.root, names, mine, subject.options.aliases)
    mains = tuple(dict.fromkeys(requirements.interpreters(tree.entries)))
    asking = loading.unresolved(tree, mains)
    return tuple(_wanted(name, _programs_first(asking[name], mine), tree, variables) for name in sorted(asking))


def _programs_first(paths: Iterable[bytes], binaries: Mapping[bytes, Binary]) -> tuple[bytes, ...]:
    return tuple(sorted(paths, key=lambda path: (not binaries[path].program, path)))


def _wanted(name: bytes, files: tuple[bytes, ...], tree: Libraries, variables: Mapping[str, str]) -> Wanted:
    if name in _RUNTIME:
        return Wanted(name, Supply.RUNTIME, files)
    if name in _DRIVER:
        return Wanted(name, Supply.DRIVER, files)
    if places := tree.named(name):
        return Wanted(name, Supply.UNREACHED, files, places)
    if name in _DESKTOP:
        return Wanted(name, Supply.DESKTOP, files)
    found = libraries.locate(name, _as_here(tree, files[0]), variables)
    if found is None:
        return Wanted(name, Supply.MISSING, files)
    others = libraries.closure(found, (), variables)
    known = _RUNTIME | _DRIVER | _DESKTOP
    needs = tuple(sorted(other for other in {*others.found, *others.missing} - known if not tree.named(other)))
    return Wanted(name, Supply.MISSING, files, here=found.path, needs=needs)


def _as_here(tree: Libraries, path: bytes) -> Library:
    """A file as this machine's loader sees it."""
    binary, source = tree.binaries[path], os.fsdecode(tree.entries[path].source)
    return Library(source, binary.kind, binary.needed, binary.rpath, binary.runpath)
