"""ELF files: what is loaded, and loader paths that become relative.

Primary sources: System V gABI, chapters 4 and 5 (program headers, dynamic section); ld.so(8) for `$ORIGIN`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Final

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile

from sfxpack.model import Edit, Rename
from sfxpack.sites.spelling import Needles

ORIGIN: Final = b"$ORIGIN"
_MAX_LOADER_PATH: Final = 65536
"""Bytes; a longer string is no loader path."""


@dataclass(frozen=True, slots=True)
class LoaderPath:
    """The string of DT_RPATH or DT_RUNPATH."""

    offset: int
    """In the file."""
    text: bytes


@dataclass(frozen=True, slots=True)
class ElfMap:
    """The parts of an ELF file that matter for moving it."""

    loaded: tuple[tuple[int, int], ...]
    """File ranges of the PT_LOAD segments."""
    loader_paths: tuple[LoaderPath, ...]


def read(file: IO[bytes]) -> ElfMap:
    """The map of `file`; of a damaged one as much as can be read."""
    loaded: list[tuple[int, int]] = []
    paths: dict[int, LoaderPath] = {}
    try:
        elf = ELFFile(file)
        for segment in elf.iter_segments():
            if segment["p_type"] == "PT_LOAD" and segment["p_filesz"]:
                loaded.append((segment["p_offset"], segment["p_offset"] + segment["p_filesz"]))
            elif isinstance(segment, DynamicSegment):
                paths |= {path.offset: path for path in _loader_paths(elf, segment, file)}
    except (ELFError, ValueError, KeyError, TypeError, IndexError, UnicodeDecodeError, OverflowError, AssertionError):
        pass
    return ElfMap(tuple(loaded), tuple(paths[offset] for offset in sorted(paths)))


def relative(path: bytes, found: ElfMap, needles: Needles, depths: Sequence[int]) -> tuple[tuple[Edit, ...], int]:
    """Edits that make the loader paths of the file at `path` relative, and how many have to stay absolute.

    `depths`: of the directories of all names that lead to the file. ld.so takes `$ORIGIN` from the name it opened a library by,
    without resolving links, so names at several depths rule a relative path out.
    """
    edits: list[Edit] = []
    left = 0
    for loader_path in found.loader_paths:
        entries = loader_path.text.split(b":")
        renames = [_rename(entry, needles) for entry in entries]
        if not any(renames):
            continue
        new = _fit(path, entries, renames) if len(set(depths)) <= 1 else None
        if new is None:
            left += 1
        else:
            edits.append(Edit(loader_path.offset, loader_path.offset + len(new), new))
    return tuple(edits), left


def _loader_paths(elf: ELFFile, segment: DynamicSegment, file: IO[bytes]) -> list[LoaderPath]:
    paths = []
    for tag in segment.iter_tags():
        if tag.entry.d_tag in {"DT_RPATH", "DT_RUNPATH"}:
            _, base = segment.get_table_offset("DT_STRTAB")
            if base is None:
                continue
            offset = base + tag.entry.d_val
            file.seek(offset)
            text = file.read(_MAX_LOADER_PATH).partition(b"\0")
            if text[1]:
                paths.append(LoaderPath(offset, text[0]))
    return paths


def _rename(entry: bytes, needles: Needles) -> tuple[Rename, bytes] | None:
    """Which old path a loader path entry lies in, and the rest of it."""
    bare = b"/" + entry.lstrip(b"/") if entry.startswith(b"/") else entry
    for spelling in needles.plain:
        if bare == spelling.pattern or bare.startswith(spelling.pattern + b"/"):
            return spelling.rename, bare[len(spelling.pattern) :]
    return None


def _fit(path: bytes, entries: list[bytes], renames: list[tuple[Rename, bytes] | None]) -> bytes | None:
    """The loader path with relative entries at the same total length, or None."""
    news = [
        entry if rename is None else ORIGIN + _from_here(path, rename[0].new + rename[1])
        for entry, rename in zip(entries, renames, strict=True)
    ]
    slack = [len(entry) - len(new) for entry, new in zip(entries, news, strict=True)]
    if sum(slack) < 0:
        return None
    if min(slack) < 0:  # entries borrow from each other: all that is over goes to the first
        first = next(index for index, rename in enumerate(renames) if rename)
        slack = [sum(slack) if index == first else 0 for index in range(len(slack))]
    return b":".join(
        new if rename is None else ORIGIN + b"/" * pad + new[len(ORIGIN) :]
        for new, rename, pad in zip(news, renames, slack, strict=True)
    )


def _from_here(path: bytes, target: bytes) -> bytes:
    """`/../lib` from the directory of `path` to `target`, with at least the last component of `target` as it is.

    Linkers let symbol names end in the last component (`lib` in `PREFIX/lib`), so its bytes must stay where they are.
    """
    here = [part for part in path.split(b"/")[:-1] if part]
    bare = target.rstrip(b"/")
    there = [part for part in bare.split(b"/") if part and part != b"."]
    if b".." not in there:
        shared = 0
        while shared < min(len(here), len(there) - 1) and here[shared] == there[shared]:
            shared += 1
        here, there = here[shared:], there[shared:]
    return b"".join(b"/" + part for part in [b".."] * len(here) + there) + target[len(bare) :]
