"""The version resource of a program, from a product's name, release and so on.

VS_VERSIONINFO, VS_FIXEDFILEINFO, StringFileInfo, VarFileInfo: "Version Information" (Microsoft).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Final

LANGUAGE: Final = 0x0409
"""English (United States); what a program without a choice of languages has."""
_UNICODE: Final = 1200
_FIXED: Final = struct.Struct("<13I")
_SIGNATURE: Final = 0xFEEF04BD
_STRUCTURE: Final = 0x10000
_FLAGS_MASK: Final = 0x3F
_WINDOWS_NT: Final = 0x40004
_PROGRAM: Final = 1
_BINARY, _TEXT = 0, 1
_LARGEST: Final = 0xFFFF


def numbers(release: str) -> tuple[int, int, int, int]:
    """The four numbers that Windows compares, as far as a release has them: `v2.1rc3` is 2.1.0.0."""
    match = re.search(r"\d+(?:\.\d+)*", release)
    found = [min(int(text), _LARGEST) for text in match[0].split(".")] if match else []
    first, second, third, fourth = (*found, 0, 0, 0, 0)[:4]
    return first, second, third, fourth


def resource(release: str, texts: Mapping[str, str]) -> bytes:
    """RT_VERSION; of the texts those that are not empty."""
    first, second, third, fourth = numbers(release)
    version = (first << 16 | second, third << 16 | fourth)
    kind = (_FLAGS_MASK, 0, _WINDOWS_NT, _PROGRAM, 0, 0, 0)
    fixed = _FIXED.pack(_SIGNATURE, _STRUCTURE, *version, *version, *kind)
    strings = [_node(name, _TEXT, f"{text}\0".encode("utf-16-le")) for name, text in texts.items() if text]
    table = _node(f"{LANGUAGE:04x}{_UNICODE:04x}", _TEXT, b"", strings)
    translation = _node("Translation", _BINARY, struct.pack("<HH", LANGUAGE, _UNICODE))
    children = [_node("StringFileInfo", _TEXT, b"", [table]), _node("VarFileInfo", _TEXT, b"", [translation])]
    return _node("VS_VERSION_INFO", _BINARY, fixed, children)


def _node(key: str, kind: int, value: bytes, children: list[bytes] | None = None) -> bytes:
    """Length, length of the value (of text in characters), kind, key, value, children, each at a multiple of 4."""
    head = _aligned(bytes(6) + f"{key}\0".encode("utf-16-le"))
    body = head + value
    for child in children or ():
        body = _aligned(body) + child
    if len(body) > _LARGEST:
        raise ValueError(f"{key}: longer than a version resource can be")
    return struct.pack("<HHH", len(body), len(value) // (2 if kind == _TEXT else 1), kind) + body[6:]


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
