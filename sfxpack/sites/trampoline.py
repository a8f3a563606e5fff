r"""uv's launchers for Windows: the interpreter's path is a resource, or stood at the end of the file before uv 0.9.

uv takes a path that is not absolute from the launcher's own folder, since 0.2 (uv-trampoline, `bounce.rs`). So one that
leads into the tree becomes such a path, once and for all. The script in its zip file names the interpreter in a first
line that nobody reads: that gets the same path, and the checksum that belongs to it.
"""

from __future__ import annotations

import ntpath
import struct
import zlib
from collections.abc import Iterator
from typing import Final

import pefile

from sfxpack.model import Edit, Rename
from sfxpack.sites.spelling import Needles
from sfxpack.sites.windows import WindowsNeedles

_RESOURCES: Final[int] = pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_RESOURCE"]
_NAME: Final = "UV_PYTHON_PATH"
_MARK: Final = _NAME.encode("utf-16-le")
_ENDS: Final = (b"UVSC", b"UVPY")
"""Starts a script, starts an interpreter."""
_LENGTH: Final = struct.Struct("<I")
_LONGEST: Final = 32768
_END: Final = struct.Struct("<4s6xHIIH")
"""End of central directory: signature, entries, size and offset of the directory, size of the comment."""
_ENTRY: Final = struct.Struct("<4s4xHH4xIIIHHH8xI")
"""In it: signature, flags, method, CRC-32, sizes packed and not, lengths of name, extra and comment, local header."""
_LOCAL: Final = struct.Struct("<4s22xHH")
_CRC: Final = 16
_LOCAL_CRC: Final = 14
_DESCRIPTOR: Final = 8
"""Flag: sizes and checksum stand behind the data."""


def edits(path: bytes, content: bytes, needles: Needles) -> tuple[Edit, ...]:
    """What makes a launcher of uv independent of its place; nothing if `content` is none, or leads elsewhere."""
    if not isinstance(needles, WindowsNeedles) or not content.startswith(b"MZ"):
        return ()
    if content.endswith(_ENDS):
        start, end, size = _at_end(content)
    elif _MARK in content:
        start, end, size = _resource(content)
    else:
        return ()
    new = _relative(path, content[start:end], needles.renames)
    if not new or len(new) > end - start:
        return ()
    moved = (*_script(content, content[start:end], new), Edit(size, size + _LENGTH.size, _LENGTH.pack(len(new))))
    room = end - start if size < start or size > end else len(new)  # a resource keeps its place
    return tuple(sorted((*moved, Edit(start, end, new.ljust(room, b"\0"))), key=lambda edit: edit.start))


def _at_end(content: bytes) -> tuple[int, int, int]:
    """Where the path starts and ends, and where its length stands."""
    size = len(content) - len(_ENDS[0]) - _LENGTH.size
    (length,) = _LENGTH.unpack_from(content, max(size, 0))
    return (size - length, size, size) if length <= min(size, _LONGEST) else (0, 0, 0)


def _resource(content: bytes) -> tuple[int, int, int]:
    """The same for a resource."""
    try:
        with pefile.PE(data=content, fast_load=True) as image:
            image.parse_data_directories([_RESOURCES])
            for kind in getattr(image, "DIRECTORY_ENTRY_RESOURCE", pefile.ResourceDirData(entries=())).entries:
                for name in kind.directory.entries if hasattr(kind, "directory") else ():
                    if str(name.name) == _NAME:
                        place = name.directory.entries[0].data.struct
                        start = image.get_offset_from_rva(place.OffsetToData)
                        return start, start + place.Size, place.get_field_absolute_offset("Size")
    except (pefile.PEFormatError, AttributeError, IndexError):
        pass  # a program that was damaged or made to look like one
    return 0, 0, 0


def _relative(path: bytes, text: bytes, renames: tuple[Rename, ...]) -> bytes:
    """What leads from a launcher to a program that it names in full; empty if that lies elsewhere."""
    try:
        program = ntpath.normpath(text.decode())
    except UnicodeDecodeError:
        return b""
    for rename in renames:
        old = rename.old.decode()
        if ntpath.normcase(program).startswith(ntpath.normcase(old) + "\\"):
            new = "C:" + rename.new.decode() + program[len(old) :]
            return ntpath.relpath(new, "C:\\" + ntpath.dirname(path.decode("utf-8", "replace"))).encode()
    return b""


def _script(content: bytes, old: bytes, new: bytes) -> Iterator[Edit]:
    """The first lines of scripts in the zip file, at the same length."""
    for entry, local, data, size in _stored(content):
        line = b"#!" + old
        if content[data : data + len(line)] != line:
            continue
        text = b"#!" + new.ljust(len(old)) + content[data + len(line) : data + size]
        crc = _LENGTH.pack(zlib.crc32(text))
        yield Edit(entry + _CRC, entry + _CRC + _LENGTH.size, crc)
        yield Edit(local + _LOCAL_CRC, local + _LOCAL_CRC + _LENGTH.size, crc)
        yield Edit(data, data + len(line), text[: len(line)])


def _stored(content: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Of what is not compressed: its entry in the directory, its own header, its data, their size."""
    end = content.rfind(b"PK\5\6", 0, len(content) - _END.size + 1)
    if end < 0:
        return
    _, count, size, offset, _ = _END.unpack_from(content, end)
    at, start = end - size, end - size - offset
    for _ in range(count):
        if start < 0 or at + _ENTRY.size > end:
            return
        mark, flags, method, _, packed, _, name, extra, comment, place = _ENTRY.unpack_from(content, at)
        local = start + place
        if mark != b"PK\1\2" or local + _LOCAL.size > end:
            return
        sign, own_name, own_extra = _LOCAL.unpack_from(content, local)
        data = local + _LOCAL.size + own_name + own_extra
        if sign == b"PK\3\4" and not method and not flags & _DESCRIPTOR and data + packed <= end:
            yield at, local, data, packed
        at += _ENTRY.size + name + extra + comment
