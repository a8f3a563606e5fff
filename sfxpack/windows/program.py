"""Icon, version and subsystem of a stub that is compiled already: its section of resources is written anew.

PE Format (Microsoft), "The .rsrc Section". What the linker put behind that section moves; nothing but the directory of
relocations tells where that is, so a stub with anything else there is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import accumulate, count
from typing import Final, TypeAlias
from unicodedata import category

import pefile

from sfxpack.errors import ResourceError, UsageError
from sfxpack.request import Program
from sfxpack.windows import icon, version
from sfxpack.windows.icon import Icon

RT_ICON: Final = 3
RT_GROUP_ICON: Final = 14
RT_VERSION: Final = 16
CONSOLE: Final = 3
"""Subsystem: a shell waits for it."""
GUI: Final = 2

Key: TypeAlias = "tuple[int | str, int | str, int]"
"""Type, name, language."""
_Table: TypeAlias = "dict[int | str, _Table | bytes]"

_RESOURCES: Final[int] = pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_RESOURCE"]
_RELOCATIONS: Final[int] = pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_BASERELOC"]
_TABLE: Final = struct.Struct("<IIHHHH")
"""Characteristics, time, version, number of names, number of numbers."""
_ENTRY: Final = struct.Struct("<II")
_LEAF: Final = struct.Struct("<IIII")
_BELOW: Final = 1 << 31
"""In an entry: leads to a table; in its first half: to a name."""
_DATA_ALIGNMENT: Final = 8
_LONGEST: Final = 1000
"""Characters of a text; Windows shows fewer."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the program is called."""

    product: str
    release: str
    """May be empty."""
    file: str


def customise(stub: bytes, program: Program, names: Names) -> bytes:
    """The stub as the program of a product.

    Raises:
        UsageError: the icon is none, or a text cannot be shown.
    """
    texts = {
        "CompanyName": program.publisher,
        "FileDescription": program.description or f"{names.product} installer",
        "FileVersion": names.release,
        "InternalName": names.product,
        "OriginalFilename": names.file,
        "ProductName": names.product,
        "ProductVersion": names.release,
    }
    own = {"name": names.product, "release": names.release, "publisher": program.publisher}
    for option, text in (own | {"description": program.description, "output": names.file}).items():
        if any(category(character) in ("Cc", "Cs") for character in text):
            raise UsageError(f"--{option} {text!r}: holds what is no character, or a control character; choose another")
        if len(text) > _LONGEST:
            raise UsageError(f"--{option}: has {len(text)} characters; a program shows at most {_LONGEST}")
    resource = version.resource(names.release, texts)
    own_icon = icon.read(program.icon) if program.icon else None
    return change(stub, own_icon, resource, GUI if program.gui else CONSOLE)


def refuse_elsewhere(program: Program, label: str) -> None:
    """Refuse options that another platform has no use for: whoever gives them counts on what they do.

    Raises:
        UsageError: one of them is given.
    """
    given = [f"--{field.name.replace('_', '-')}" for field in fields(program) if getattr(program, field.name)]
    if given:
        raise UsageError(f"{', '.join(given)}: for a .exe alone, but this is for {label}; leave it out")


def change(stub: bytes, icon: Icon | None, version_resource: bytes, subsystem: int) -> bytes:
    """The stub with another version, icon (None: its own) and subsystem; all other resources stay.

    Raises:
        ResourceError: it is not what a linker makes of ours.
    """
    try:
        with pefile.PE(data=stub, fast_load=True) as image:
            image.parse_data_directories([_RESOURCES])
            if not hasattr(image, "DIRECTORY_ENTRY_RESOURCE"):
                raise ResourceError("the stub has no resources; install sfxpack again")
            found = resources(image)
            found = {key: data for key, data in found.items() if key[0] not in _replaced(icon)}
            if icon is not None:
                found |= {(RT_ICON, at, version.LANGUAGE): data for at, data in enumerate(icon.images, 1)}
                found[RT_GROUP_ICON, 1, version.LANGUAGE] = icon.group
            found[RT_VERSION, 1, version.LANGUAGE] = version_resource
            image.OPTIONAL_HEADER.Subsystem = subsystem
            return _with_resources(image, stub, found)
    except pefile.PEFormatError as error:
        raise ResourceError(f"the stub is no program for Windows: {error}; install sfxpack again") from error


def resources(image: pefile.PE) -> dict[Key, bytes]:
    """All of a program's resources."""
    found: dict[Key, bytes] = {}
    for kind in image.DIRECTORY_ENTRY_RESOURCE.entries:
        for name in kind.directory.entries:
            for language in name.directory.entries:
                place = language.data.struct
                found[_name(kind), _name(name), language.id] = image.get_data(place.OffsetToData, place.Size)
    return found


def _name(entry: pefile.ResourceDirEntryData) -> int | str:
    return int(entry.id) if entry.name is None else str(entry.name)


def _replaced(icon: Icon | None) -> frozenset[int]:
    return frozenset({RT_VERSION} if icon is None else {RT_VERSION, RT_ICON, RT_GROUP_ICON})


def _with_resources(image: pefile.PE, stub: bytes, found: Mapping[Key, bytes]) -> bytes:
    header, directories = image.OPTIONAL_HEADER, image.OPTIONAL_HEADER.DATA_DIRECTORY
    sections = sorted(image.sections, key=lambda section: int(section.PointerToRawData))
    address = directories[_RESOURCES].VirtualAddress
    number = next((at for at, one in enumerate(sections) if one.VirtualAddress == address))
    section, behind = sections[number], sections[number + 1 :]
    if any(one.VirtualAddress != directories[_RELOCATIONS].VirtualAddress for one in behind):
        raise ResourceError("the stub has sections behind its resources that cannot be moved; install sfxpack again")
    start, end = section.PointerToRawData, section.PointerToRawData + section.SizeOfRawData
    data = pack(found, section.VirtualAddress)
    raw = data.ljust(_up(len(data), header.FileAlignment), b"\0")
    more = len(raw) - section.SizeOfRawData
    further = _up(len(data), header.SectionAlignment) - _up(section.Misc_VirtualSize, header.SectionAlignment)
    section.SizeOfRawData, section.Misc_VirtualSize = len(raw), len(data)
    directories[_RESOURCES].Size = len(data)
    header.SizeOfInitializedData += more
    header.SizeOfImage += further
    for one in behind:
        one.PointerToRawData += more
        one.VirtualAddress += further
        directories[_RELOCATIONS].VirtualAddress = one.VirtualAddress
    head = bytes(image.write())[: header.SizeOfHeaders]
    return head + stub[len(head) : start] + raw + stub[end:]


def pack(found: Mapping[Key, bytes], address: int) -> bytes:
    """A section of resources that lies at an address: tables, names, places of the data, data."""
    tree: _Table = {}
    for (kind, name, language), data in found.items():
        _below(_below(tree, kind), name)[language] = data
    tables = [tree]
    for table in tables:  # grows on the way: each level after the one above it
        tables += [child for _, child in _ordered(table) if isinstance(child, dict)]
    leaves = [child for table in tables for _, child in _ordered(table) if isinstance(child, bytes)]
    starts = list(accumulate((_TABLE.size + len(table) * _ENTRY.size for table in tables), initial=0))
    texts = {key: key.encode("utf-16-le") for table in tables for key, _ in _ordered(table) if isinstance(key, str)}
    names = list(accumulate((2 + len(text) for text in texts.values()), initial=starts[-1]))
    leaves_at = _up(names[-1], 4)
    data_at = _up(leaves_at + len(leaves) * _LEAF.size, _DATA_ALIGNMENT)
    places = list(accumulate((_up(len(data), _DATA_ALIGNMENT) for data in leaves), initial=data_at))
    result = bytearray()
    below, leaf, spelled = iter(starts[1:]), count(leaves_at, _LEAF.size), dict(zip(texts, names, strict=False))
    for table in tables:
        named = sum(isinstance(key, str) for key in table)
        result += _TABLE.pack(0, 0, 0, 0, named, len(table) - named)
        for key, child in _ordered(table):
            place = next(leaf) if isinstance(child, bytes) else _BELOW | next(below)
            result += _ENTRY.pack(_BELOW | spelled[key] if isinstance(key, str) else key, place)
    for text in texts.values():
        result += struct.pack("<H", len(text) // 2) + text
    result += bytes(leaves_at - len(result))
    for data, at in zip(leaves, places, strict=False):
        result += _LEAF.pack(address + at, len(data), 0, 0)
    for data, at in zip(leaves, places, strict=False):
        result += bytes(at - len(result)) + data
    return bytes(result)


def _below(table: _Table, key: int | str) -> _Table:
    child = table.setdefault(key, {})
    assert isinstance(child, dict)  # noqa: S101 data is at the third level alone
    return child


def _ordered(table: _Table) -> list[tuple[int | str, _Table | bytes]]:
    """Names before numbers, each ascending."""
    names, numbers = (sorted(key for key in table if isinstance(key, kind)) for kind in (str, int))
    return [(key, table[key]) for key in (*names, *numbers)]


def _up(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
