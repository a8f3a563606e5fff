"""Programs for Windows, as far as their headers go (PE Format, Microsoft)."""

from __future__ import annotations

import struct

HEADERS_SIZE = 512
CHECKSUM_OFFSET = 24 + 64
"""From the PE header on."""
CERTIFICATE_OFFSET = 24 + 144


def windows_program(machine: int = 0x8664, *, size: int = 1536, start: int = 64) -> bytes:
    """A PE32+ file of `size` bytes with one section, and its PE header at `start`."""
    dos = b"MZ".ljust(60, b"\0") + start.to_bytes(4, "little")
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", machine, 1, 0, 0, 0, 240, 0x22)
    versions = (10, 0, 0, 0, 10, 0, 0)
    sizes = (0x2000, HEADERS_SIZE, 0)  # of the image, the headers; checksum
    reserves = (1 << 20, 1 << 12, 1 << 20, 1 << 12, 0, 16)
    standard = struct.pack("<HBBIIIII", 0x20B, 14, 0, size - HEADERS_SIZE, 0, 0, 0x1000, 0x1000)
    windows = struct.pack("<QIIHHHHHHIIIIHHQQQQII", 0x140000000, 0x1000, 512, *versions, *sizes, 3, 0x160, *reserves)
    section = struct.pack(
        "<8sIIIIIIHHI", b".text", 16, 0x1000, size - HEADERS_SIZE, HEADERS_SIZE, 0, 0, 0, 0, 0x60000020
    )
    headers = dos.ljust(start, b"\0") + coff + standard + windows + bytes(128) + section
    return headers.ljust(HEADERS_SIZE, b"\0").ljust(size, b"\xcc")


def with_certificate(file: bytes, table: bytes, *, at: int | None = None, size: int | None = None) -> bytes:
    """`file` with a certificate table at its end, as signing adds one, and a checksum."""
    start = int.from_bytes(file[60:64], "little")
    place = -(-len(file) // 8) * 8
    result = bytearray(file.ljust(place, b"\0") + table)
    result[start + CHECKSUM_OFFSET : start + CHECKSUM_OFFSET + 4] = b"\x12\x34\x56\x78"
    directory = struct.pack("<II", place if at is None else at, len(table) if size is None else size)
    result[start + CERTIFICATE_OFFSET : start + CERTIFICATE_OFFSET + 8] = directory
    return bytes(result)
