"""Give an ELF file another search path for its libraries: bytes in, bytes out.

Where the old path leaves room, the new one takes its place and nothing moves. Otherwise the dynamic section and its
strings go to a new segment at the end of the file. System V gABI, chapter 5: loadable segments stand in ascending
order of their addresses; offset and address are congruent modulo the alignment.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Final, cast

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile

from sfxpack import elf
from sfxpack.elf import DT_NULL, DT_RPATH, DT_RUNPATH, DT_STRSZ, DT_STRTAB, PT_DYNAMIC, PT_LOAD, Elf

_PT_NULL: Final = 0
_PT_NOTE: Final = 4
_PT_PHDR: Final = 6
_DT_SYMTAB: Final = 6
_DT_SYMENT: Final = 11
_NAMES: Final = frozenset({1, 14, 0x6FFFFEFA, 0x6FFFFEFB, 0x6FFFFEFC, 0x7FFFFFFD, 0x7FFFFFFF})
"""DT_NEEDED, SONAME, CONFIG, DEPAUDIT, AUDIT, AUXILIARY, FILTER: entries whose value is a name."""
_READ_WRITE: Final = 6
"""The loader writes into the dynamic section."""
_SHT_DYNAMIC: Final = 6
_PAGE: Final = 4096


def set_rpath(content: bytes, rpath: bytes) -> bytes:
    """The file with `rpath` as its DT_RPATH, and neither the old one nor a DT_RUNPATH.

    Raises:
        ValueError: it is no ELF file that is loaded dynamically, or is damaged.
    """
    parsed = elf.parse(content)
    if parsed is None or not parsed.dynamic:
        raise ValueError("no dynamically loaded ELF file")
    try:
        return _set_rpath(content, parsed, rpath)
    except (ELFError, struct.error, UnicodeError) as error:
        raise ValueError(f"damaged: {error}") from error


def _set_rpath(content: bytes, parsed: Elf, rpath: bytes) -> bytes:
    size, start = parsed.value(DT_STRSZ) or 0, parsed.offset(parsed.value(DT_STRTAB) or 0)
    strings = bytearray(content[start : start + size])
    entries = [(tag, value) for tag, value in parsed.dynamic if tag not in (DT_RPATH, DT_RUNPATH)]
    used = names(parsed) if len(entries) < len(parsed.dynamic) else frozenset()
    place = None
    for tag, value in parsed.dynamic:
        if tag in (DT_RPATH, DT_RUNPATH):
            size_of_old = len(parsed.string(value)) + 1
            room = min((name - value for name in used if 0 <= name - value < size_of_old), default=size_of_old)
            strings[value : value + room] = bytes(room)
            if len(rpath) < room:
                place = value
    image = bytearray(content)
    if place is None:
        image[start : start + size] = bytes(size)
        return _append(image, parsed, [*entries, (DT_RPATH, size)], bytes(strings) + rpath + b"\0")
    strings[place : place + len(rpath)] = rpath
    image[start : start + size] = strings
    segment = next(segment for segment in parsed.segments if segment.type == PT_DYNAMIC)
    dynamic = _dynamic(parsed, [*entries, (DT_RPATH, place)]).ljust(segment.file_size, b"\0")
    image[segment.offset : segment.offset + segment.file_size] = dynamic
    return bytes(image)


def names(parsed: Elf) -> frozenset[int]:
    """Offsets into the string table of all strings but search paths: linkers let one share the tail of another.

    Raises:
        ELFError, ValueError, struct.error: the file is damaged.
    """
    found = {value for tag, value in parsed.dynamic if tag in _NAMES} | set(parsed.version_names)
    stream = BytesIO(parsed.content) if isinstance(parsed.content, bytes) else cast("IO[bytes]", parsed.content)
    dynamic = next(ELFFile(stream).iter_segments("PT_DYNAMIC"))
    size, address = parsed.value(_DT_SYMENT), parsed.value(_DT_SYMTAB)
    if size and address and isinstance(dynamic, DynamicSegment):
        start = parsed.offset(address)
        word = struct.Struct(f"{parsed.order}I{size - 4}x")
        found.update(name for (name,) in word.iter_unpack(parsed.content[start : start + size * dynamic.num_symbols()]))
    return frozenset(found)


def _dynamic(parsed: Elf, entries: list[tuple[int, int]]) -> bytes:
    code = struct.Struct(parsed.order + ("qQ" if parsed.wide else "iI"))
    return b"".join(code.pack(tag, value) for tag, value in [*entries, (DT_NULL, 0)])


def _append(image: bytearray, parsed: Elf, entries: list[tuple[int, int]], strings: bytes) -> bytes:
    """Move the dynamic section and its strings, and the program headers if none is to spare, to a new segment."""
    size = len(_dynamic(parsed, entries))
    headers = _ProgramHeaders.of(image, parsed)
    segment = headers.add(len(image), size + len(strings))
    first = segment.size - size - len(strings)
    offset, address = segment.offset + first, segment.address + first
    values = {DT_STRTAB: address + size, DT_STRSZ: len(strings)}
    dynamic = _dynamic(parsed, [(tag, values.get(tag, value)) for tag, value in entries])
    headers.move(PT_DYNAMIC, offset, address, size)
    _move_sections(image, parsed, _Place(offset, address, size), len(strings))
    image.extend(bytes(segment.offset - len(image)))
    headers.write(image, segment)
    image.extend(dynamic + strings)
    return bytes(image)


@dataclass(frozen=True, slots=True)
class _Place:
    offset: int
    address: int
    size: int


@dataclass(slots=True)
class _ProgramHeaders:
    """The program header table: rows of type, flags, offset, vaddr, paddr, filesz, memsz, align."""

    parsed: Elf
    start: int
    rows: list[list[int]]
    grown: bool = False
    """It has a row more than it had, so it cannot stay where it is."""

    @classmethod
    def of(cls, image: bytearray, parsed: Elf) -> _ProgramHeaders:
        start = struct.unpack_from(parsed.order + ("Q" if parsed.wide else "I"), image, 32 if parsed.wide else 28)[0]
        code = _row_code(parsed)
        rows = [list(code.unpack_from(image, start + code.size * index)) for index in range(len(parsed.segments))]
        if not parsed.wide:
            rows = [[t, flags, o, v, p, f, m, align] for t, o, v, p, f, m, flags, align in rows]
        return cls(parsed, start, rows)

    def add(self, end: int, size: int) -> _Place:
        """A new segment behind the end of the file, where a header that the loader does without stood.

        Of notes the debugger's copy is lost, their section is not. Without any, the table itself moves into the
        segment. Kernels before 5.18 take its address from the first segment, so the distance of addresses and
        offsets has to be that one's then.
        """
        loads = [row for row in self.rows if row[0] == PT_LOAD]
        align = max(_PAGE, *(row[7] for row in loads))
        address = _up(max(row[3] + row[6] for row in loads), align)
        offset = _up(end, _PAGE)
        spare = [row for kind in (_PT_NULL, _PT_NOTE) for row in self.rows if row[0] == kind]
        if spare:
            self.rows.remove(spare[0])
            address += offset % align
        else:
            self.grown = True
            distance = loads[0][3] - loads[0][2]
            address = max(address, _up(offset + distance, align))
            offset = address - distance
            size += _row_code(self.parsed).size * (len(self.rows) + 1)
            self.move(_PT_PHDR, offset, address, _row_code(self.parsed).size * (len(self.rows) + 1))
        last = max(index for index, row in enumerate(self.rows) if row[0] == PT_LOAD)
        self.rows.insert(last + 1, [PT_LOAD, _READ_WRITE, offset, address, address, size, size, align])
        return _Place(offset, address, size)

    def move(self, kind: int, offset: int, address: int, size: int) -> None:
        """Say that the segments of a type lie elsewhere."""
        for row in self.rows:
            if row[0] == kind:
                row[2:7] = [offset, address, address, size, size]

    def write(self, image: bytearray, segment: _Place) -> None:
        """Put the table where it was, or at the end of the image, where the new segment starts."""
        rows = self.rows
        if not self.parsed.wide:
            rows = [[t, o, v, p, f, m, flags, align] for t, flags, o, v, p, f, m, align in rows]
        table = b"".join(_row_code(self.parsed).pack(*row) for row in rows)
        if not self.grown:
            image[self.start : self.start + len(table)] = table
            return
        word, start, count = ("Q", 32, 56) if self.parsed.wide else ("I", 28, 44)
        struct.pack_into(self.parsed.order + word, image, start, segment.offset)
        struct.pack_into(self.parsed.order + "H", image, count, len(rows))
        image.extend(table)


def _row_code(parsed: Elf) -> struct.Struct:
    return struct.Struct(parsed.order + ("IIQQQQQQ" if parsed.wide else "IIIIIIII"))


def _up(value: int, align: int) -> int:
    return -(-value // align) * align


def _move_sections(image: bytearray, parsed: Elf, dynamic: _Place, strings: int) -> None:
    """Say in the section headers, if there are any, where .dynamic and the .dynstr it links to lie now."""
    word, start, sizes = ("Q", 40, 58) if parsed.wide else ("I", 32, 46)
    table = struct.unpack_from(parsed.order + word, image, start)[0]
    size, count = struct.unpack_from(parsed.order + "HH", image, sizes)
    code = struct.Struct(parsed.order + ("IIQQQQIIQQ" if parsed.wide else "IIIIIIIIII"))
    if not table or size != code.size:
        return
    rows = [list(code.unpack_from(image, table + size * index)) for index in range(count)]
    for row in rows:
        if row[1] != _SHT_DYNAMIC or row[6] >= count:
            continue
        row[3:6] = [dynamic.address, dynamic.offset, dynamic.size]
        rows[row[6]][3:6] = [dynamic.address + dynamic.size, dynamic.offset + dynamic.size, strings]
    for index, row in enumerate(rows):
        code.pack_into(image, table + size * index, *row)
