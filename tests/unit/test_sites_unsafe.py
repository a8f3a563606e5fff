"""What conda's way of moving may break, told from what it does not."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfxpack import elf
from sfxpack.format.layout import Encoding
from sfxpack.model import Finding
from sfxpack.sites import cstring, pointers, unsafe
from sfxpack.sites.spelling import encode
from tests.compiled import program

OLD = b"/opt/env"
ROOM = 12
"""Bytes that the placeholder was longer."""


def check(content: bytes, encoding: Encoding = Encoding.PLAIN) -> tuple[Finding, ...]:
    """Findings on a file in which every old prefix was a placeholder."""
    done = cstring.Replacement(encode(OLD + b"p" * ROOM, encoding), encode(OLD, encoding), encoding)
    strings = cstring.search(content, [done])
    assert strings
    return unsafe.check(b"x", content, strings)


def installed(text: bytes, encoding: Encoding = Encoding.PLAIN, after: bytes = b"\0next\0") -> bytes:
    """One string as conda leaves it; `@` is the prefix."""
    room = bytes(text.count(b"@") * ROOM * len(encode(b"/", encoding)))
    return encode(text.replace(b"@", OLD), encoding) + room + after


@pytest.mark.parametrize(
    "text",
    [
        b"@",
        b"@/lib",
        b'OPENSSLDIR: "@/ssl"',
        b"@/lib/pkgconfig:@/share/pkgconfig",
        b"--prefix=@ --cc='gcc -O2' --extra-ldflags=\"-L@/lib -Wl,-rpath,@/lib\"",
        b"usage: x [-c FILE]\n\tFILE\tdefault: @/etc/x.conf\n\x1b[0m",
        "@/dépôt".encode(),
    ],
)
@pytest.mark.parametrize("encoding", [Encoding.PLAIN, Encoding.UTF16LE])
def test_strings_of_real_programs_are_fine(text: bytes, encoding: Encoding) -> None:
    assert check(installed(text, encoding, bytes(4)), encoding) == ()


@pytest.mark.parametrize(
    "content",
    [
        installed(b"@/lib", after=b""),
        installed(b"@/lib\x07length before this"),
        installed(b"@/lib\xff\xfe"),
        installed(b"@/lib\xe2\x82"),
    ],
)
def test_strings_without_an_end_are_named(content: bytes) -> None:
    assert [finding.detail for finding in check(content)] == ["strings without a NUL at their end"]


def test_wide_strings_without_an_end_are_named() -> None:
    lone = installed(b"@", Encoding.UTF16LE)[: 2 * len(OLD)] + b"\x00\xd8" + bytes(2 * ROOM + 2)
    assert (
        len(check(lone, Encoding.UTF16LE)) == len(check(installed(b"@", Encoding.UTF32BE, b""), Encoding.UTF32BE)) == 1
    )


BASE = 0x10000
"""Address of the file's first byte."""
TEXT = 0x200
"""Where the string of 16 bytes lies."""
KINDS = {"name": "names", "symbol": "symbols", "rela": "pointers", "rel": "pointers", "relr": "pointers"}


def pointing(kind: str, target: int, *, wide: bool, order: str) -> bytes:
    """An ELF file in which one thing of a kind points to `target`, an offset in the file."""
    word, size = ("Q", 8) if wide else ("I", 4)
    symbol = ("IBBHQQ", (0, 0, 0, 1, 0, 0)) if wide else ("IIIBBH", (0, 0, 0, 0, 0, 1))
    name, value = (target - TEXT, 0) if kind == "name" else (0, BASE + target if kind == "symbol" else 0)
    row = list(symbol[1])
    row[0], row[4 if wide else 1] = name % 2**32, value
    place = 0x280  # holds the addend of REL and RELR, as their second word
    tables = {
        11: struct.pack(order + symbol[0], *row),
        4: struct.pack(order + word * 3, 0, 8, BASE + target if kind == "rela" else 0),
        9: struct.pack(order + word * 2, BASE + place + size, 8 if kind == "rel" else 9),
        19: struct.pack(order + word * 2, BASE + place, 0b11) if kind == "relr" else b"",
    }
    data = bytearray(0x600)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1])
    header = (3, 62 if wide else 3, 1, 0, 0x100, 0x400, 0, 0, 56 if wide else 32, 1, 64 if wide else 40, 5, 0)
    data[: len(ident)] = ident
    struct.pack_into(order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"), data, 16, *header)
    segment = (1, 4, 0, BASE, 0, 0x600, 0x600, 1) if wide else (1, 0, BASE, 0, 0x600, 0x600, 4, 1)
    struct.pack_into(order + ("IIQQQQQQ" if wide else "IIIIIIII"), data, 0x100, *segment)
    struct.pack_into(order + word, data, place + size, BASE + target)
    sections = [(3, TEXT, 16, 0)]
    at = 0x300
    for number, table in tables.items():
        data[at : at + len(table)] = table
        sections.append((number, at, len(table), 0))
        at += 0x30
    for index, (number, offset, length, link) in enumerate(sections):
        section = (0, number, 0, 0, offset, length, link, 0, 1, 0)
        struct.pack_into(
            order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII"), data, 0x400 + index * (64 if wide else 40), *section
        )
    return bytes(data)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_what_points_into_a_string_is_counted(kind: str, wide: bool, order: str) -> None:  # noqa: FBT001 - a row
    for target, expected in ((TEXT, {}), (TEXT + 1, {KINDS[kind]: 1}), (TEXT + 15, {KINDS[kind]: 1}), (TEXT + 16, {})):
        parsed = elf.parse(pointing(kind, target, wide=wide, order=order))
        assert parsed is not None
        assert pointers.into(parsed, [(TEXT - 0x80, TEXT - 0x70), (TEXT, TEXT + 16)]) == expected


@settings(max_examples=200)
@given(st.data(), st.sampled_from(list(KINDS)))
def test_damage_is_no_error(data: st.DataObject, kind: str) -> None:
    content = bytearray(pointing(kind, TEXT + 1, wide=True, order="<"))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(16, len(content) - 1))] = data.draw(st.integers(0, 255))
    parsed = elf.parse(bytes(content[: data.draw(st.integers(0, len(content)))]))
    if parsed is not None:
        pointers.into(parsed, [(TEXT, TEXT + 16)])


@pytest.mark.parametrize("options", [(), ("-Wl,-z,pack-relative-relocs",), ("-s",), ("-fno-pie", "-no-pie")])
def test_literals_merged_by_the_linker(tmp_path: Path, require: Callable[[str], str], options: tuple[str, ...]) -> None:
    code = 'const char *texts[] = {"/opt/env/share/tool", "tool"}; int main(int n, char **v) { return *texts[n] + !v; }'
    content = program(tmp_path, require("gcc"), code, "-Os", "-fPIE", "-pie", *options).read_bytes()
    parsed = elf.parse(content)
    assert parsed is not None
    start = content.index(b"/opt/env/share/tool\0")
    found = pointers.into(parsed, [(start, start + len("/opt/env/share/tool"))])
    assert found == ({} if "-no-pie" in options else {"pointers": 1})  # nothing relocates it: not seen
