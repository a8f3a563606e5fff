"""What the environment's programs need of the target: its machine and the version of its C library."""

from __future__ import annotations

import mmap
import os
import posixpath
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from sfxpack import elf
from sfxpack.elf import Elf
from sfxpack.format.layout import EntryKind, Platform, RequirementKind
from sfxpack.model import Entry, Requirement

_GLIBC: Final = re.compile(rb"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")
_FEATURES: Final = {b"GLIBC_ABI_DT_RELR": (2, 36), b"GLIBC_ABI_GNU2_TLS": (2, 42), b"GLIBC_ABI_GNU_TLS": (2, 42)}
"""Versions that stand for a capability of the loader, and the release that brought it."""
_MACHINES: Final = {
    (62, True, "<"): Platform.LINUX_X86_64,
    (183, True, "<"): Platform.LINUX_AARCH64,
    (40, False, "<"): Platform.LINUX_ARMV7L,
    (21, True, "<"): Platform.LINUX_PPC64LE,
    (22, True, ">"): Platform.LINUX_S390X,
    (243, True, "<"): Platform.LINUX_RISCV64,
}
"""e_machine, 64-bit, byte order."""
_HEAD: Final = 64
_INTERPRETER: Final = re.compile(rb"(?:[^/]+/)?bin/(?:python|pypy)(?:\d+(?:\.\d+t?)?)?")
_SAMPLE: Final = 200
"""Files looked at to tell the platform of a tree without an interpreter."""


def glibc_version(content: bytes | mmap.mmap) -> int:
    """The newest version of the GNU C library that a file asks for, as major << 16 | minor.

    0 for what asks for none, is no ELF file, or is damaged. About 30 microseconds a file, whatever its size.
    """
    parsed = elf.parse(content)
    if parsed is None:
        return 0
    newest = (0, 0)
    try:
        for name in parsed.versions:
            match = _GLIBC.fullmatch(name)
            newest = max(newest, (int(match[1]), int(match[2])) if match else _FEATURES.get(name, (0, 0)))
    except (ValueError, struct.error):
        return 0
    return newest[0] << 16 | newest[1]


def platform(entries: Iterable[Entry]) -> Platform | None:
    """What the tree's programs are for: its interpreter, else most of its programs and libraries; None without any."""
    files = {entry.path: entry for entry in entries}
    for path in _interpreters(files):
        found = _platform_of(files[path])
        if found:
            return found
    likely = (entry for entry in files.values() if _is_likely_elf(entry))
    counts = Counter(found for entry, _ in zip(likely, range(_SAMPLE), strict=False) if (found := _platform_of(entry)))
    return max(counts, key=lambda found: (counts[found], -found)) if counts else None


def requirements(entries: Iterable[Entry], glibc: Mapping[bytes, int]) -> tuple[Requirement, ...]:
    """What the target must have: hard for the interpreter and what it needs, soft for the rest.

    Args:
        entries: the tree.
        glibc: path -> `glibc_version` of its ELF files.
    """
    files = {entry.path: entry for entry in entries}
    core = _core(files)
    found = []
    for hard in (True, False):
        versions = {path: version for path, version in glibc.items() if version and (path in core) is hard}
        if versions:
            worst = min(versions, key=lambda path: (-versions[path], path))
            found.append(Requirement(RequirementKind.GLIBC, versions[worst], hard, worst))
    return tuple(found)


def _interpreters(files: Mapping[bytes, Entry]) -> Iterator[bytes]:
    """Paths of the files behind `bin/python` and its other names, in the environment or its base."""
    for path in sorted(files, key=lambda path: (path.count(b"/"), path)):
        if _INTERPRETER.fullmatch(path):
            target = _followed(files, path)
            if target in files and files[target].kind is EntryKind.FILE:
                yield target


def _followed(files: Mapping[bytes, Entry], path: bytes) -> bytes:
    """Where a path leads inside the tree, the last link followed too."""
    for _ in range(20):
        entry = files.get(path)
        if entry is None or entry.kind is not EntryKind.LINK:
            break
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.link))
    return path


def _core(files: Mapping[bytes, Entry]) -> frozenset[bytes]:
    """The interpreters, and the libraries of the tree that they need, directly and through others."""
    libraries: dict[bytes, list[bytes]] = {}
    for path, entry in files.items():
        name = posixpath.basename(path)
        if b".so" in name and entry.kind in (EntryKind.FILE, EntryKind.LINK):
            libraries.setdefault(name, []).append(path)
    waiting = list(dict.fromkeys(_interpreters(files)))
    found = set(waiting)
    while waiting:
        path = waiting.pop()
        for name in _needed(files[path]):
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), b"../lib", name))
            choice = (
                beside
                if beside in files
                else min(libraries.get(name, [b""]), key=lambda item: (item.count(b"/"), item))
            )
            target = _followed(files, choice)
            if target in files and target not in found:
                found.add(target)
                waiting.append(target)
    return frozenset(found)


def _needed(entry: Entry) -> tuple[bytes, ...]:
    parsed = _parsed(entry)
    try:
        return parsed.needed if parsed else ()
    except (ValueError, struct.error):
        return ()


def _parsed(entry: Entry) -> Elf | None:
    if entry.data is not None:
        return elf.parse(entry.data)
    try:
        with open(entry.source, "rb") as file:
            return elf.parse(file.read()) if file.read(4) == elf.MAGIC and not file.seek(0) else None
    except OSError:
        return None


def _is_likely_elf(entry: Entry) -> bool:
    if entry.kind is not EntryKind.FILE or entry.size < _HEAD:
        return False
    return b".so" in posixpath.basename(entry.path) or entry.path.startswith((b"bin/", b"sbin/", b"libexec/"))


def _platform_of(entry: Entry) -> Platform | None:
    """From the first bytes of a file."""
    if entry.data is not None:
        head = entry.data[:_HEAD]
    else:
        try:
            handle = os.open(entry.source, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            head = os.read(handle, _HEAD)
        finally:
            os.close(handle)
    return platform_of(head)


def platform_of(head: bytes) -> Platform | None:
    """The platform of a program or library by its first bytes; None for what is neither, or for an unknown machine."""
    if head[:4] != elf.MAGIC or len(head) < _HEAD:
        return None
    order = elf.ORDERS.get(head[5], "<")
    return _MACHINES.get((struct.unpack_from(order + "H", head, 18)[0], elf.WIDE.get(head[4], False), order))
