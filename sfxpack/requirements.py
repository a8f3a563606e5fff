"""What the environment's programs need of the target: its machine, the level of it, and the C library."""

from __future__ import annotations

import os
import posixpath
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from sfxpack import elf
from sfxpack.binaries import Binary
from sfxpack.entries import READ_ONLY
from sfxpack.errors import ArtifactError
from sfxpack.format import pe
from sfxpack.format.layout import EntryKind, Platform, RequirementKind
from sfxpack.model import Entry, Requirement
from sfxpack.names import Names

_MACHINES: Final = {
    (62, True, "<"): Platform.LINUX_X86_64,
    (183, True, "<"): Platform.LINUX_AARCH64,
    (40, False, "<"): Platform.LINUX_ARMV7L,
    (21, True, "<"): Platform.LINUX_PPC64LE,
    (22, True, ">"): Platform.LINUX_S390X,
    (243, True, "<"): Platform.LINUX_RISCV64,
}
"""e_machine, 64-bit, byte order."""
_PE_MACHINES: Final = {0x8664: Platform.WINDOWS_X86_64, 0xAA64: Platform.WINDOWS_ARM64}
"""Machine of the COFF header."""
_ELF_HEAD: Final = 64
_INTERPRETER: Final = re.compile(
    rb"(?:[^/]+/)?bin/(?:python|pypy)(?:\d+(?:\.\d+t?)?)?|(?:Scripts/)?(?:python|pypy)(?:\d+(?:\.\d+t?)?)?\.exe"
)
_WINDOWS_NAMES: Final = (b".exe", b".dll", b".pyd")
_LAUNCHERS: Final = (b"/pip/", b"/setuptools/", b"/distlib/")
"""Packages that hold programs for Windows on every system."""
_SAMPLE: Final = 200
"""Files looked at to tell the platform of a tree without an interpreter."""
_BASELINE: Final = 1
"""The level of x86-64 that every such processor has."""
_HWCAPS: Final = b"/glibc-hwcaps/"
"""Libraries that the loader takes on a processor of their level only (ld.so(8))."""

_MUSL: Final = b"/lib/ld-musl-"
"""Where musl's loader is (`--syslibdir` of its configure: /lib); one that lies elsewhere comes with its programs."""


def platforms(entries: Iterable[Entry]) -> dict[Platform, bytes]:
    """What the tree's programs are for, the most frequent first, each with a file that says so.

    Its interpreter decides alone; what is rare among the others (a fifth or less) does not count.
    """
    files = {entry.path: entry for entry in entries}
    for path in interpreters(files):
        found = _platform_of(files[path])
        if found:
            return {found: path}
    likely = (entry for entry in files.values() if _is_likely_program(entry))
    sample = [
        (found, entry) for entry, _ in zip(likely, range(_SAMPLE), strict=False) if (found := _platform_of(entry))
    ]
    counts = Counter(found for found, _ in sample)
    first = {found: entry.path for found, entry in reversed(sample)}
    return {
        found: first[found]
        for found in sorted(counts, key=lambda found: (-counts[found], found))
        if 5 * counts[found] > len(sample)
    }


def requirements(entries: Iterable[Entry], binaries: Mapping[bytes, Binary]) -> tuple[Requirement, ...]:
    """What the target must have: hard for the interpreter and what it needs, soft for the rest.

    Args:
        entries: the tree.
        binaries: its ELF files by path, under all names of hard links.
    """
    core = _core({entry.path: entry for entry in entries}, binaries)
    wanted = {
        RequirementKind.GLIBC: {path: binary.glibc for path, binary in binaries.items() if binary.glibc},
        RequirementKind.CPU_LEVEL: {
            path: binary.cpu_level
            for path, binary in binaries.items()
            if binary.cpu_level > _BASELINE and _HWCAPS not in path
        },
        RequirementKind.MUSL: {path: 0 for path, binary in binaries.items() if binary.loader.startswith(_MUSL)},
    }
    found = []
    for kind, values in wanted.items():
        for hard in (True, False):
            paths = [path for path in values if (path in core) is hard]
            if paths:
                worst = min(paths, key=lambda path: (-values[path], path))
                found.append(Requirement(kind, values[worst], hard, worst))
    return tuple(found)


def interpreters(files: Mapping[bytes, Entry]) -> Iterator[bytes]:
    """Paths of the files behind `bin/python`, `python.exe` and their other names, in the environment or its base."""
    for path in sorted(files, key=lambda path: (path.count(b"/"), path)):
        if _INTERPRETER.fullmatch(path):
            target = Names(files, {}).follow(path)
            if target in files and files[target].kind is EntryKind.FILE:
                yield target


def _core(files: Mapping[bytes, Entry], binaries: Mapping[bytes, Binary]) -> frozenset[bytes]:
    """The interpreters, and the libraries of the tree that they need, directly and through others."""
    libraries: dict[bytes, list[bytes]] = {}
    for path, entry in files.items():
        name = posixpath.basename(path)
        if b".so" in name and entry.kind in (EntryKind.FILE, EntryKind.LINK):
            libraries.setdefault(name, []).append(path)
    waiting = list(dict.fromkeys(interpreters(files)))
    found = set(waiting)
    while waiting:
        path = waiting.pop()
        for name in binaries[path].needed if path in binaries else ():
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), b"../lib", name))
            choice = (
                beside
                if beside in files
                else min(libraries.get(name, [b""]), key=lambda item: (item.count(b"/"), item))
            )
            target = Names(files, {}).follow(choice)
            if target in files and target not in found:
                found.add(target)
                waiting.append(target)
    return frozenset(found)


def _is_likely_program(entry: Entry) -> bool:
    if entry.kind is not EntryKind.FILE or entry.size < _ELF_HEAD:
        return False
    if entry.path.lower().endswith(_WINDOWS_NAMES):
        return not any(part in entry.path for part in _LAUNCHERS)
    return b".so" in posixpath.basename(entry.path) or entry.path.startswith((b"bin/", b"sbin/", b"libexec/"))


def _platform_of(entry: Entry) -> Platform | None:
    """From the first bytes of a file."""
    if entry.data is not None:
        head = entry.data[: pe.HEAD]
    else:
        try:
            handle = os.open(entry.source, READ_ONLY)
        except OSError:
            return None
        try:
            head = os.read(handle, pe.HEAD)
        finally:
            os.close(handle)
    return platform_of(head)


def kind_of(platform: Platform) -> tuple[bool, str, int] | None:
    """Word size, byte order and machine of a platform's ELF files, as `Elf.kind`."""
    kinds = ((wide, order, machine) for (machine, wide, order), known in _MACHINES.items() if known is platform)
    return next(kinds, None)


def platform_of(head: bytes) -> Platform | None:
    """The platform of a program or library by its first bytes; None for what is neither, or for an unknown machine."""
    if head.startswith(pe.MAGIC):
        try:
            return _PE_MACHINES.get(pe.read(head).machine)
        except ArtifactError:
            return None
    if head[:4] != elf.MAGIC or len(head) < _ELF_HEAD:
        return None
    order = elf.ORDERS.get(head[5], "<")
    return _MACHINES.get((struct.unpack_from(order + "H", head, 18)[0], elf.WIDE.get(head[4], False), order))
