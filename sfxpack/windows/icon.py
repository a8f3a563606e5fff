"""Icons: a `.ico` file as the resources by which Windows shows a program.

ICONDIR and GRPICONDIR: "Icons" and "Resource File Formats" (Microsoft); an image is a BITMAPINFOHEADER or a PNG file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sfxpack.errors import UsageError

MOST: Final = 4 << 20
"""Bytes of a file; one with every size up to 256 takes about 400,000."""
_HEAD: Final = struct.Struct("<HHH")
"""Reserved, type (1: icon), number of images."""
_ENTRY: Final = struct.Struct("<BBBBHHII")
"""Width, height, colours, reserved, planes, bits, size, offset."""
_MEMBER: Final = struct.Struct("<BBBBHHIH")
"""The same with the resource's number in place of the offset."""
_BITMAP: Final = struct.Struct("<IiiHH")
"""The start of a BITMAPINFOHEADER: its size, width, height (twice that of the icon), planes, bits."""
_BITMAP_SIZE: Final = 40
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_HEAD: Final = struct.Struct(">8s4x4sIIBB")
"""Signature, IHDR, width, height, bits of a sample, kind of colour (PNG specification, 11.2.1)."""
_PNG_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of a pixel, by kind of colour."""
_ADVICE: Final = "make one with all sizes, e.g. `magick icon.png -define icon:auto-resize=256,48,32,16 icon.ico`"
_OTHERS: Final = {_PNG: "a PNG image", b"\xff\xd8": "a JPEG image", b"BM": "a bitmap", b"GIF8": "a GIF image"}


@dataclass(frozen=True, slots=True)
class Icon:
    """What the file holds, as resources."""

    images: tuple[bytes, ...]
    """RT_ICON, numbered from 1."""
    group: bytes
    """RT_GROUP_ICON."""


def read(path: Path) -> Icon:
    """Read an icon.

    Raises:
        UsageError: it cannot be read, or is none.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST + 1)
    except OSError as error:
        raise UsageError(f"--icon {path}: cannot be read: {error.strerror}") from error
    if len(content) > MOST:
        raise UsageError(f"--icon {path}: has more than {MOST >> 20} MiB; {_ADVICE}")
    try:
        return _parse(content)
    except ValueError as error:
        raise UsageError(f"--icon {path}: is no icon (.ico): {error}; {_ADVICE}") from error


def _parse(content: bytes) -> Icon:
    for start, kind in _OTHERS.items():
        if content.startswith(start):
            raise ValueError(f"it is {kind}")
    reserved, kind, count = _HEAD.unpack_from(content) if len(content) >= _HEAD.size else (0, 0, 0)
    if reserved or kind != 1 or not count:
        raise ValueError("it does not begin as one")
    if len(content) < _HEAD.size + count * _ENTRY.size:
        raise ValueError("it ends in its list of images")
    images = []
    group = [_HEAD.pack(0, 1, count)]
    for number in range(count):
        *shape, _, _, size, offset = _ENTRY.unpack_from(content, _HEAD.size + number * _ENTRY.size)
        image = content[offset : offset + size]
        if len(image) != size:
            raise ValueError(f"image {number + 1} lies beyond the end of the file")
        planes, bits = _depth(image, number)
        images.append(image)
        group.append(_MEMBER.pack(*shape, planes, bits, size, number + 1))
    return Icon(tuple(images), b"".join(group))


def _depth(image: bytes, number: int) -> tuple[int, int]:
    """Planes and bits of a pixel, from the image itself: the list of many files says 0, and Windows chooses by them."""
    if len(image) >= _PNG_HEAD.size and image.startswith(_PNG):
        _, chunk, _, _, bits, colours = _PNG_HEAD.unpack_from(image)
        if chunk == b"IHDR" and colours in _PNG_SAMPLES:
            return 1, bits * _PNG_SAMPLES[colours]
    elif len(image) >= _BITMAP_SIZE:
        size, _, _, planes, bits = _BITMAP.unpack_from(image)
        if size == _BITMAP_SIZE:
            return planes, bits
    raise ValueError(f"image {number + 1} is neither a bitmap nor a PNG image")
