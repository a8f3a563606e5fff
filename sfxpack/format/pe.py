"""What must be known of the PE file at the front of a `.exe`: where it ends, and what a signature changes in it.

PE Format (Microsoft), "COFF File Header", "Optional Header", "Section Table", "The Attribute Certificate Table".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from sfxpack.format.layout import ALIGNMENT, Verdict
from sfxpack.format.reading import require

HEAD: Final = 4096
"""Bytes at the start of the file that hold all headers."""
MAGIC: Final = b"MZ"
CERTIFICATE_ALIGNMENT: Final = 8
_OFFSET: Final = 0x3C
"""Where the offset of the PE header stands."""
_COFF_SIZE: Final = 24
"""Of the signature and the COFF header."""
_PE32_PLUS: Final = 0x20B
_CHECKSUM: Final = 64
_CERTIFICATE: Final = 144
"""DataDirectory[4]; a PE32+ header has it there."""
_OPTIONAL_LEAST: Final = 152
_SECTION: Final = struct.Struct("<16xII16x")
"""SizeOfRawData, PointerToRawData."""


@dataclass(frozen=True, slots=True)
class Image:
    """A PE32+ file by its headers."""

    machine: int
    end: int
    """Bytes of headers and sections; what follows is no part of the program."""
    signed_fields: tuple[slice, slice]
    """CheckSum and DataDirectory[4], which signing changes."""
    certificate: tuple[int, int]
    """Offset and size of the certificate table, in bytes; 0, 0 without one."""

    @property
    def locator_offset(self) -> int:
        """Where the locator stands in a `.exe` that this is the stub of."""
        return -(-self.end // ALIGNMENT) * ALIGNMENT


def read(head: bytes) -> Image:
    """The image from the first `HEAD` bytes of its file.

    Raises:
        ArtifactError: bad_extent; it is none, or its headers take more than that.
    """
    head = head[:HEAD]
    require(head[:2] == MAGIC and len(head) >= _OFFSET + 4, Verdict.BAD_EXTENT, "no PE file")
    start = int.from_bytes(head[_OFFSET : _OFFSET + 4], "little")
    optional = start + _COFF_SIZE
    require(optional + _OPTIONAL_LEAST <= len(head), Verdict.BAD_EXTENT, "PE header")
    machine, sections = struct.unpack_from("<HH", head, start + 4)
    optional_size = struct.unpack_from("<H", head, start + 20)[0]
    table = optional + optional_size
    sound = (
        head[start : start + 4] == b"PE\0\0"
        and struct.unpack_from("<H", head, optional)[0] == _PE32_PLUS
        and optional_size >= _OPTIONAL_LEAST
        and table + sections * _SECTION.size <= len(head)
    )
    require(sound, Verdict.BAD_EXTENT, "PE header")
    headers_size = struct.unpack_from("<I", head, optional + 60)[0]
    ends = [sum(_SECTION.unpack_from(head, table + number * _SECTION.size)) for number in range(sections)]
    fields = (optional + _CHECKSUM, 4), (optional + _CERTIFICATE, 8)
    checksum, directory = (slice(at, at + size) for at, size in fields)
    offset, size = struct.unpack_from("<II", head, optional + _CERTIFICATE)
    return Image(machine, max([headers_size, *ends]), (checksum, directory), (offset, size))


def unsigned(head: bytes) -> bytes:
    """The first bytes of a `.exe` as `front_digest` takes them: the fields that signing changes are zero.

    Raises:
        ArtifactError: as `read`.
    """
    result = bytearray(head)
    for field in read(head).signed_fields:
        result[field] = bytes(field.stop - field.start)
    return bytes(result)


def padded(size: int) -> int:
    """Where the certificate table of a file of `size` bytes begins."""
    return -(-size // CERTIFICATE_ALIGNMENT) * CERTIFICATE_ALIGNMENT
