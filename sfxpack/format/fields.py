"""What the records of `schema` are made of: named fields of fixed size, little-endian, without implicit padding."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Final


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record."""

    name: str
    type: str
    """u8 u16 u32 u64, bN (N raw bytes), zN (N reserved bytes, must be 0), str (u32 offset, u32 size)."""
    meaning: str
    check: str
    """What a reader checks and the verdict's name; `free` where every value is accepted."""


STRUCT_CODES: Final = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "str": "II"}


@dataclass(frozen=True)
class Record:
    """A fixed-size record; its `struct` format is derived, never typed."""

    name: str
    fields: tuple[Field, ...]

    @cached_property
    def codec(self) -> struct.Struct:
        """Little-endian, unaligned; reserved bytes are read as raw bytes so that they can be checked."""
        codes = (STRUCT_CODES.get(field.type) or f"{int(field.type[1:])}s" for field in self.fields)
        return struct.Struct("<" + "".join(codes))

    @property
    def size(self) -> int:
        """Bytes."""
        return self.codec.size

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Names of the values `codec` unpacks: a string NAME gives its offset as NAME, its size as NAME_size."""
        return tuple(key for f in self.fields for key in ((f.name, f"{f.name}_size") if f.type == "str" else (f.name,)))

    @cached_property
    def reserved(self) -> tuple[str, ...]:
        """Names of the fields that must be zero."""
        return tuple(field.name for field in self.fields if field.type[0] == "z")

    def pack(self, **values: int | bytes | tuple[int, int]) -> bytes:
        """Bytes of a record; reserved fields are zero, every other field must be given."""
        flat: list[int | bytes] = []
        for field in self.fields:
            if field.type[0] == "z" and field.name not in values:
                flat.append(bytes(int(field.type[1:])))
                continue
            value = values[field.name]
            if isinstance(value, tuple):
                flat.extend(value)
            else:
                flat.append(value)
        return self.codec.pack(*flat)

    def offset(self, name: str) -> int:
        """Byte offset of a field in the record."""
        position = 0
        for field in self.fields:
            if field.name == name:
                return position
            position += field_size(field)
        raise KeyError(name)


def field_size(field: Field) -> int:
    """Bytes a field takes."""
    code = STRUCT_CODES.get(field.type)
    return struct.calcsize("<" + code) if code else int(field.type[1:])
