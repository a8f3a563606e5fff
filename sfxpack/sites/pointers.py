"""What the tables of an ELF file point to: names of symbols and versions, relocated words, symbols themselves.

Layouts as in the System V gABI, chapter 4 (sections, symbols, relocations, RELR); types of relative relocations as in
each processor's supplement. A file without section headers shows only what its dynamic section names.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sfxpack import elf
from sfxpack.elf import Elf

_SYMTAB, _RELA, _REL, _DYNSYM, _RELR = 2, 4, 9, 11, 19
_NAMED: Final = (elf.DT_NEEDED, elf.DT_SONAME, elf.DT_RPATH, elf.DT_RUNPATH)
_RELATIVE: Final = {3: 8, 20: 22, 21: 22, 22: 12, 40: 23, 62: 8, 183: 1027, 243: 3, 258: 3}
"""Relocation `base + addend` by e_machine: i386, PowerPC, PowerPC64, S390, ARM, x86-64, AArch64, RISC-V, LoongArch."""
_RESERVED: Final = 0xFF00
"""SHN_LORESERVE: from here on a symbol's section is not one."""


@dataclass(frozen=True, slots=True)
class _Section:
    type: int
    offset: int
    size: int
    link: int


def into(parsed: Elf, ranges: Sequence[tuple[int, int]]) -> dict[str, int]:
    """How many names and addresses lie strictly inside `ranges` of file offsets (ascending, apart), by what they are.

    Of a damaged file as many as can be read.
    """
    inside = _Inside(ranges)
    addresses = _Inside(sorted(_mapped(parsed, ranges)))
    found = {
        "names": _count(inside, lambda: _names(parsed)),
        "pointers": _count(addresses, lambda: _relocated(parsed)),
        "symbols": _count(addresses, lambda: _symbols(parsed)),
    }
    return {what: count for what, count in found.items() if count}


class _Inside:
    """Whether a number lies inside one of some ranges."""

    def __init__(self, ranges: Sequence[tuple[int, int]]) -> None:
        self._ranges = ranges
        self._starts = [start for start, _ in ranges]
        self.low = min(self._starts, default=0)
        self.high = max((end for _, end in ranges), default=0)

    def __contains__(self, value: int) -> bool:
        at = bisect_right(self._starts, value) - 1
        return at >= 0 and self._ranges[at][0] < value < self._ranges[at][1]


def _count(inside: _Inside, values: Callable[[], Iterable[int]]) -> int:
    """Different values that lie inside."""
    found = set()
    try:
        for value in values():
            if inside.low < value < inside.high and value in inside:
                found.add(value)
    except (ValueError, struct.error, IndexError):
        pass
    return len(found)


def _mapped(parsed: Elf, ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Addresses of file ranges."""
    for start, end in ranges:
        for segment in parsed.segments:
            if segment.type == elf.PT_LOAD and 0 <= start - segment.offset < segment.file_size:
                yield start - segment.offset + segment.address, end - segment.offset + segment.address


def _names(parsed: Elf) -> Iterator[int]:
    """File offsets of all names."""
    sections = _sections(parsed)
    for section in sections:
        if section.type in (_SYMTAB, _DYNSYM):
            table = sections[section.link].offset
            yield from {table + row[0] for row in _rows(parsed, section, _symbol(parsed))}
    table = parsed.offset(parsed.value(elf.DT_STRTAB) or 0)
    yield from (table + value for tag, value in parsed.dynamic if tag in _NAMED)
    yield from (table + name for name in parsed.version_names)


def _symbols(parsed: Elf) -> Iterator[int]:
    """Addresses of defined symbols."""
    value, index = (4, 3) if parsed.wide else (1, 5)
    for section in _sections(parsed):
        if section.type in (_SYMTAB, _DYNSYM):
            rows = _rows(parsed, section, _symbol(parsed))
            yield from (row[value] for row in rows if 0 < row[index] < _RESERVED)


def _relocated(parsed: Elf) -> Iterator[int]:
    """Addresses that the loader writes relative to where it loaded the file."""
    relative = _RELATIVE.get(parsed.machine)
    mask = 0xFFFFFFFF if parsed.wide else 0xFF
    word = "Q" if parsed.wide else "I"
    for section in _sections(parsed):
        if section.type == _RELA:
            rows = _rows(parsed, section, "QQq" if parsed.wide else "IIi")
            yield from (addend for _, info, addend in rows if info & mask == relative)
        elif section.type == _REL:
            rows = _rows(parsed, section, word * 2)
            yield from (_word(parsed, place) for place, info in rows if info & mask == relative)
        elif section.type == _RELR:
            packed = _packed([row[0] for row in _rows(parsed, section, word)], struct.calcsize("<" + word))
            yield from (_word(parsed, place) for place in packed)


def _packed(entries: Iterable[int], size: int) -> Iterator[int]:
    """Addresses of the words that a RELR section names: an even entry is one, an odd one a bitmap of those after it."""
    place = 0
    for entry in entries:
        if entry % 2 == 0:
            yield entry
            place = entry + size
        else:
            yield from (place + bit * size for bit in range(8 * size - 1) if entry >> (bit + 1) & 1)
            place += (8 * size - 1) * size


def _word(parsed: Elf, address: int) -> int:
    """What the file holds at an address."""
    found = struct.unpack_from(parsed.order + ("Q" if parsed.wide else "I"), parsed.content, parsed.offset(address))
    return int(found[0])


def _symbol(parsed: Elf) -> str:
    return "IBBHQQ" if parsed.wide else "IIIBBH"


def _rows(parsed: Elf, section: _Section, code: str) -> Iterator[tuple[int, ...]]:
    row = struct.Struct(parsed.order + code)
    table = parsed.content[section.offset : section.offset + section.size]
    return row.iter_unpack(table[: len(table) - len(table) % row.size])


def _sections(parsed: Elf) -> list[_Section]:
    """The section headers; none if there are none or of another size."""
    content, wide = parsed.content, parsed.wide
    header = struct.Struct(parsed.order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII"))
    (start,) = struct.unpack_from(parsed.order + ("Q" if wide else "I"), content, 40 if wide else 32)
    size, count = struct.unpack_from(parsed.order + "HH", content, 58 if wide else 46)
    table = content[start : start + size * count]
    if size != header.size or len(table) != size * count:
        return []
    return [_Section(row[1], row[4], row[5], row[6]) for row in header.iter_unpack(table)]
