"""Paths that another string ends in, found by the code that uses that string."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfxpack.classify import HEAD, classify
from sfxpack.elf import PF_X, PT_LOAD, Elf, Segment
from sfxpack.format.layout import Strategy
from sfxpack.model import Found
from sfxpack.sites import Options, find_window, instructions, needles, survey
from tests import compiled, sitekit
from tests.property.strategies import SETTINGS

ROOT = b"/opt/tools/3.11-zq"
MERGED = """
#include <stdio.h>
#define ROOT "/opt/tools/3.11-zq"
int main(void) { puts(ROOT "/share"); puts(ROOT); puts("3.11-zq"); puts("share"); return 0; }
"""
APART = MERGED.replace('puts("3.11-zq");', "")
HOST = ["-O2", "-fPIE -pie -O2", "-fno-pie -no-pie -O2", "-fPIE -pie -static-pie -Os"]
FOREIGN = "-target aarch64-linux-musl -Os"


def find(content: bytes) -> Found:
    return sitekit.find(content, b"bin/x", sitekit.environment(ROOT))


def check(merged: bytes, apart: bytes) -> None:
    found = find(merged)
    assert [merged[site.start : site.end + 6] for site in found.sites] == [ROOT + b"/share"]
    assert [(finding.category, finding.count) for finding in found.findings] == [("shared", 1)]
    moved = sitekit.move(merged, b"/n", b"bin/x", sitekit.environment(ROOT))
    assert b"\0" + ROOT + b"\0" in moved
    assert b"//n/share\0" in moved
    found = find(apart)
    assert [site.strategy for site in found.sites] == [Strategy.SLASH] * 2
    assert found.findings == ()


@pytest.mark.parametrize("options", HOST)
def test_code_of_this_machine(tmp_path: Path, require: Callable[[str], str], options: str) -> None:
    compiler = require("gcc")
    check(*(compiled.program(tmp_path, compiler, code, *options.split()).read_bytes() for code in (MERGED, APART)))


def test_code_of_another_machine(tmp_path: Path) -> None:
    ziglang = pytest.importorskip("ziglang")
    zig = tmp_path / "zig-cc"
    zig.write_text(f'#!/bin/sh\nexec "{Path(ziglang.__file__).parent}/zig" cc "$@"\n')
    zig.chmod(0o755)
    check(*(compiled.program(tmp_path, str(zig), code, *FOREIGN.split()).read_bytes() for code in (MERGED, APART)))


def test_in_windows_of_a_large_file(tmp_path: Path, require: Callable[[str], str]) -> None:
    content = compiled.program(tmp_path, require("gcc"), MERGED, "-O2").read_bytes()
    where = needles(sitekit.environment(ROOT))
    seen = survey(b"bin/x", classify(b"bin/x", content[:HEAD], content), content, where, Options())
    found = find_window(content, 0, range(len(content)), seen)
    assert found.sites == find(content).sites
    assert found.findings == find(content).findings


def reads(before: bytes) -> bool:
    """Whether an opcode that reads its operand, or takes its address, may end here."""
    *_, e, d, c, b, a = (0,) * 5 + tuple(before)
    alu = bool(before) and a < 0x40 and (a & 7 in (2, 3) or a in (0x38, 0x39))
    other = a in (0x63, 0x84, 0x85, 0x8A, 0x8B, 0x8D, 0xF6, 0xF7) or 0xD8 <= a <= 0xDF
    return alu or other or b == 0x0F or (c == 0x0F and b in (0x38, 0x3A)) or c == 0xC5 or d in (0xC4, 0x8F) or e == 0x62


def naive(code: bytes, base: int, low: int, high: int) -> set[int]:
    places = (at for at in range(1, len(code) - 3) if code[at - 1] & 0xC7 == 0x05 and reads(code[: at - 1][-5:]))
    values = {base + at + 4 + int.from_bytes(code[at : at + 4], "little", signed=True) for at in places}
    return {value for value in values if low < value < high}


@st.composite
def codes(draw: st.DrawFn) -> tuple[bytes, int, int, int]:
    """Code with operands that lead to a range, and others that do not; the range may lie far off or be wide."""
    base = draw(st.sampled_from([0, 0x1000, 0x400000, 0x7FFF0000]))
    low = base + draw(st.integers(-(1 << 20), 1 << 21))
    high = low + draw(st.sampled_from([2, 40, 70000, 1 << 21]))
    code = bytearray(draw(st.binary(max_size=60)) * draw(st.sampled_from([1, 1, 3000])))
    for at in draw(st.lists(st.integers(1, max(len(code) - 4, 1)), max_size=6)):
        target = draw(st.integers(low - 3, high + 3))
        if len(code) >= 5:
            modrm = draw(st.sampled_from([0x05, 0x3D, 0x45, 0xC5, 0xBC]))
            struct.pack_into("<Bi", code, at - 1, modrm, target - (base + at + 4))
            opcode = draw(st.sampled_from([b"", b"\x8d", b"\xff", b"\x0f\x6f", b"\xc5\xf9\x6f", b"\x62\1\2\3\x6f"]))
            if len(opcode) < at:
                code[at - 1 - len(opcode) : at - 1] = opcode
    return bytes(code), base, low, high


@given(codes())
@SETTINGS
def test_every_operand_is_found(drawn: tuple[bytes, int, int, int]) -> None:
    code, base, low, high = drawn
    parsed = Elf(
        code, "<", wide=True, type=3, machine=62, segments=(Segment(PT_LOAD, PF_X, 0, base, len(code), len(code), 1),)
    )
    assert set(instructions.addresses(parsed, [(low, high)])) == naive(code, base, low, high)


def test_numbers_that_are_no_operands() -> None:
    """Small constants of a small program look like the way to its strings, which lie near: `mov r12, 0x17000027bc`."""
    rows: tuple[tuple[bytes, set[int]], ...] = (
        (b"\x48\x8d\x35\x0a\0\0\0", {0x1011}),
        (b"\x49\xbc\x0a\0\0\0\x17\0\0\0", set()),
        (b"\x7f\xff\x3d\x0a\0\0\0", set()),  # the end of another instruction, then `cmp eax, 10`
        (b"\x31\xd2\x25\x0a\0\0\0", set()),  # `xor edx, edx`, `and eax, 10`; not `shl [rip + 10], cl`
    )
    for code, expected in rows:
        parsed = Elf(code, "<", wide=True, type=3, machine=62, segments=(Segment(PT_LOAD, PF_X, 0, 0x1000, 10, 10, 1),))
        assert set(instructions.addresses(parsed, [(0x1009, 0x1019)])) == expected


def test_pairs_of_instructions() -> None:
    """ADRP and ADD of one register, with others between them; ADR; what the page leads out of is not ours."""
    base, target = 0x10000, 0x2F123

    def pair(place: int, register: int, gap: int) -> bytes:
        pages = (target >> 12) - (place >> 12)
        adrp = 0x90000000 | (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5 | register
        add = 0x91000000 | (target & 0xFFF) << 10 | register << 5 | 7
        return struct.pack(f"<{gap + 2}I", adrp, *[0xD503201F] * gap, add)

    adr = 0x10000000 | (target - base & 3) << 29 | (target - base >> 2 & 0x7FFFF) << 5 | 3
    rows = [(pair(base, 0, 0), True), (pair(base, 21, 5), True), (pair(base, 21, 40), False)]
    rows += [(struct.pack("<I", adr), True), (struct.pack("<I", 0xD503201F) * 9, False)]
    for code, expected in rows:
        parsed = Elf(
            code,
            "<",
            wide=True,
            type=3,
            machine=183,
            segments=(Segment(PT_LOAD, PF_X, 0, base, len(code), len(code), 4),),
        )
        assert list(instructions.addresses(parsed, [(target - 9, target + 9)])) == ([target] if expected else [])
