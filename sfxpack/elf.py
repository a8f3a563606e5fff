"""Read what the dynamic loader reads of an ELF file: segments, the dynamic section, needed versions, properties.

Layouts as in the System V gABI, chapters 4 and 5, LSB's "Symbol Versioning" and, for properties, the "Linux Extensions
to gABI". A build looks into every ELF file of the environment, so this reads with `struct` what pyelftools needs forty
times as long for (1.15 ms a file against 0.03); pyelftools reads where a whole file is rearranged, see `elfedit`.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

MAGIC: Final = b"\x7fELF"
PF_X: Final = 1
PT_LOAD: Final = 1
PT_DYNAMIC: Final = 2
PT_INTERP: Final = 3
PT_GNU_PROPERTY: Final = 0x6474E553
DT_NULL: Final = 0
DT_NEEDED: Final = 1
DT_STRTAB: Final = 5
DT_STRSZ: Final = 10
DT_SONAME: Final = 14
DT_RPATH: Final = 15
DT_RUNPATH: Final = 29
DT_VERDEF: Final = 0x6FFFFFFC
DT_VERDEFNUM: Final = 0x6FFFFFFD
DT_VERNEED: Final = 0x6FFFFFFE
DT_VERNEEDNUM: Final = 0x6FFFFFFF

NT_GNU_PROPERTY_TYPE_0: Final = 5
GNU_PROPERTY_X86_ISA_1_NEEDED: Final = 0xC0008002
"""x86-64 psABI, "Program Property": bit 0 the baseline, bits 1 to 3 levels v2 to v4."""
X86_64: Final = 62

_SMALLEST: Final = 52
"""Bytes of the header of a 32-bit file."""
WIDE: Final = {1: False, 2: True}
"""EI_CLASS."""
ORDERS: Final = {1: "<", 2: ">"}
"""EI_DATA."""
_LONGEST_STRING: Final = 8192
"""Bytes of a string that are looked at; longer ones are no path a loader would follow."""
_LONGEST_NOTE: Final = 4096
_MOST_RECORDS: Final = 4096
"""Versions of one file that are looked at: a bound for damaged files."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A program header."""

    type: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int
    align: int


@dataclass(frozen=True)
class Elf:
    """An ELF file as the loader sees it."""

    content: bytes | mmap.mmap
    order: str
    """`<` or `>`, for `struct`."""
    wide: bool
    """64-bit."""
    type: int
    machine: int
    segments: tuple[Segment, ...]

    @property
    def kind(self) -> tuple[bool, str, int]:
        """Word size, byte order and machine: files that are loaded together have it in common."""
        return self.wide, self.order, self.machine

    @cached_property
    def dynamic(self) -> tuple[tuple[int, int], ...]:
        """(tag, value) up to DT_NULL; empty for static programs."""
        for segment in self.segments:
            if segment.type == PT_DYNAMIC:
                break
        else:
            return ()
        code = struct.Struct(self.order + ("qQ" if self.wide else "iI"))
        whole = segment.file_size - segment.file_size % code.size
        found = []
        for tag, value in code.iter_unpack(self.content[segment.offset : segment.offset + whole]):
            if tag == DT_NULL:
                break
            found.append((tag, value))
        return tuple(found)

    def value(self, tag: int) -> int | None:
        """The value of the first entry with this tag."""
        return next((value for found, value in self.dynamic if found == tag), None)

    def offset(self, address: int) -> int:
        """Where an address lies in the file.

        Raises:
            ValueError: no segment maps it, or to where the file has nothing.
        """
        for segment in self.segments:
            if segment.type == PT_LOAD and 0 <= address - segment.address < segment.file_size:
                found = address - segment.address + segment.offset
                if found < len(self.content):
                    return found
        raise ValueError(f"address {address:#x} is not in the file")

    def string(self, position: int) -> bytes:
        """A string of the dynamic string table.

        Raises:
            ValueError: there is no such table, or the string does not end.
        """
        start = self._strings + position
        chunk = self.content[start : start + _LONGEST_STRING]
        end = chunk.find(b"\0")
        if end < 0:
            raise ValueError(f"string at {start:#x} does not end")
        return chunk[:end]

    @cached_property
    def _strings(self) -> int:
        address = self.value(DT_STRTAB)
        if address is None:
            raise ValueError("no dynamic string table")
        return self.offset(address)

    @property
    def loader(self) -> bytes:
        """The program that loads it, or empty."""
        for segment in self.segments:
            if segment.type == PT_INTERP:
                return self.content[segment.offset : segment.offset + segment.file_size][:_LONGEST_STRING].rstrip(b"\0")
        return b""

    @property
    def needed(self) -> tuple[bytes, ...]:
        """Names of the libraries it asks for."""
        return tuple(self.string(value) for tag, value in self.dynamic if tag == DT_NEEDED)

    @property
    def soname(self) -> bytes:
        """Its own name as a library, or empty."""
        value = self.value(DT_SONAME)
        return b"" if value is None else self.string(value)

    def search(self, tag: int) -> tuple[bytes, ...]:
        """Directories of DT_RPATH or DT_RUNPATH."""
        value = self.value(tag)
        return () if value is None else tuple(part for part in self.string(value).split(b":") if part)

    @property
    def versions(self) -> tuple[bytes, ...]:
        """The versions it needs of other libraries, as they call them."""
        return tuple(self.string(name) for _, name in self._needed_versions())

    @property
    def version_names(self) -> tuple[int, ...]:
        """Offsets into the string table of all names that versions have, needed and defined ones."""
        found = [name for pair in self._needed_versions() for name in pair]
        return (*found, *self._defined_versions())

    @property
    def cpu_level(self) -> int:
        """The level of x86-64 that it is marked to need: 1 to 4, or 0 for none."""
        if self.machine != X86_64:
            return 0
        needed = [value for kind, value in self._properties() if kind == GNU_PROPERTY_X86_ISA_1_NEEDED]
        return max((value.bit_length() for value in needed), default=0)

    def _properties(self) -> Iterator[tuple[int, int]]:
        """(type, value) of the properties of four bytes in .note.gnu.property."""
        word, align = struct.Struct(self.order + "I"), 8 if self.wide else 4
        for segment in self.segments:
            if segment.type != PT_GNU_PROPERTY:
                continue
            note = self.content[segment.offset : segment.offset + min(segment.file_size, _LONGEST_NOTE)]
            name_size, size, kind = struct.unpack_from(self.order + "III", note)
            if (name_size, kind, note[12:16]) != (4, NT_GNU_PROPERTY_TYPE_0, b"GNU\0"):
                continue
            at, end = 16, min(16 + size, len(note))
            while at + 12 <= end:
                kind, size = struct.unpack_from(self.order + "II", note, at)
                if size == word.size:
                    yield kind, word.unpack_from(note, at + 8)[0]
                at += 8 + (size + align - 1) // align * align

    def _needed_versions(self) -> Iterator[tuple[int, int]]:
        """(file, name) of each; Verneed and Vernaux records of .gnu.version_r."""
        outer, inner = struct.Struct(self.order + "HHIII"), struct.Struct(self.order + "IHHII")
        for position in self._chain(DT_VERNEED, DT_VERNEEDNUM, outer.size):
            _, count, file, first, _ = outer.unpack_from(self.content, position)
            at = position + first
            for _ in range(min(count, _MOST_RECORDS)):
                _, _, _, name, step = inner.unpack_from(self.content, at)
                yield file, name
                at += step

    def _defined_versions(self) -> Iterator[int]:
        """Names; Verdef and Verdaux records of .gnu.version_d."""
        outer, inner = struct.Struct(self.order + "HHHHIII"), struct.Struct(self.order + "II")
        for position in self._chain(DT_VERDEF, DT_VERDEFNUM, outer.size):
            _, _, _, count, _, first, _ = outer.unpack_from(self.content, position)
            at = position + first
            for _ in range(min(count, _MOST_RECORDS)):
                name, step = inner.unpack_from(self.content, at)
                yield name
                at += step

    def _chain(self, start: int, number: int, size: int) -> Iterator[int]:
        """Positions of version records, whose last word is the distance to the next."""
        address, count = self.value(start), self.value(number)
        if address is None or count is None:
            return
        position = self.offset(address)
        for _ in range(min(count, _MOST_RECORDS)):
            yield position
            position += struct.unpack_from(self.order + "I", self.content, position + size - 4)[0]


def parse(content: bytes | mmap.mmap) -> Elf | None:
    """Read the headers; None if this is no ELF file or a damaged one. Properties may still raise on damaged ones."""
    if content[:4] != MAGIC or len(content) < _SMALLEST or content[4] not in WIDE or content[5] not in ORDERS:
        return None
    wide, order = WIDE[content[4]], ORDERS[content[5]]
    try:
        header = struct.unpack_from(order + ("HHIQQQIHHH" if wide else "HHIIIIIHHH"), content, 16)
        kind, machine, _, _, start, _, _, _, size, count = header
        code = struct.Struct(order + ("IIQQQQQQ" if wide else "IIIIIIII"))
        if size != code.size:
            return None
        table = content[start : start + size * count]
        if len(table) != size * count:
            return None
        rows = code.iter_unpack(table)
    except struct.error:
        return None
    if wide:
        segments = tuple(Segment(t, flags, o, v, f, m, align) for t, flags, o, v, _, f, m, align in rows)
    else:
        segments = tuple(Segment(t, flags, o, v, f, m, align) for t, o, v, _, f, m, flags, align in rows)
    return Elf(content, order, wide, kind, machine, segments)
