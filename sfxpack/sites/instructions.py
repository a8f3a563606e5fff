"""Addresses that machine code forms: x86-64 by operands, AArch64 by pairs of instructions, words.

Primary sources: Intel SDM volume 2, 2.2.1.6 (ModRM with mod 0 and r/m 5: a displacement that counts from the next
instruction), A.3 (opcodes); Arm ARM, C6.2 (ADR, ADRP, ADD immediate). Nothing is disassembled: every place that could
be such an operand of an instruction that reads, or takes an address, counts, so an address may be found that is none.
Not found: operands before an immediate, addresses computed otherwise, other processors.
"""

from __future__ import annotations

import re
import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sfxpack import elf
from sfxpack.elf import Elf

_ABSOLUTE: Final = 2
"""ET_EXEC: code and data hold addresses as they are."""
_CHUNK: Final = 1 << 16
_FEW: Final = 16
"""Upper halves of a displacement that are searched for one by one."""
_MODRM_MASK: Final = 0xC7
"""The bits of mod and r/m."""
_MODRM_RIP: Final = 0x05
_OPCODE: Final = re.compile(
    rb"(?:[\x02\x03\x0a\x0b\x12\x13\x1a\x1b\x22\x23\x2a\x2b\x32\x33\x38-\x3b\x63\x84\x85\x8a\x8b\x8d\xd8-\xdf\xf6\xf7]"
    rb"|\x0f.|\x0f[\x38\x3a].|\xc5..|[\xc4\x8f]...|\x62....)\Z",
    re.DOTALL,
)
"""What can stand before the ModRM byte of an instruction that reads its operand or takes its address, and ends with it:
opcodes of one byte, or anything in the other maps (0F, VEX, XOP, EVEX). Paths are neither written to nor called, so the
constant of `cmp eax, 99999` is no operand of `FF 3D` where a byte FF comes before."""
_PREFIXED: Final = 5
"""Bytes of the longest of these."""
_NEAR: Final = 16
"""Instructions after an ADRP in which its ADD is looked for."""


def addresses(parsed: Elf, ranges: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Addresses that code of the file, or a word of a file that is not position-independent, may mean.

    At least those inside `ranges` (of addresses), and only such as lie between the first start and the last end.
    """
    if not ranges:
        return
    low, high = min(start for start, _ in ranges), max(end for _, end in ranges)
    find = _FINDERS.get(parsed.machine)
    for segment in parsed.segments:
        if segment.type == elf.PT_LOAD and segment.flags & elf.PF_X and find:
            code = bytes(parsed.content[segment.offset : segment.offset + segment.file_size])
            yield from find(code, segment.address, low, high)
    if parsed.type == _ABSOLUTE:
        for start, end in ranges:
            yield from _words(parsed, start, end)


def _relative(code: bytes, base: int, low: int, high: int) -> Iterator[int]:
    """x86-64: a displacement of four bytes behind a ModRM byte that means RIP, ending its instruction; at any offset.

    Its upper half takes few values over a chunk of the code, and these are searched for.
    """
    for start in range(1, len(code) - 3, _CHUNK):
        end = min(start + _CHUNK + 3, len(code))
        next_first, next_last = base + start + 4, base + end
        first, last = (low - next_last) >> 16, (high - next_first) >> 16
        if last - first > _FEW:
            yield from _every(code, range(start, end), base, (low, high))
            continue
        for upper in range(first, last + 1):
            half = (upper & 0xFFFF).to_bytes(2, "little")
            at = code.find(half, start + 2, end)
            while at >= 0:
                target = base + at + 2 + int.from_bytes(code[at - 2 : at + 2], "little", signed=True)
                if low < target < high and _is_operand(code, at - 2):
                    yield target
                at = code.find(half, at + 1, end)


def _every(code: bytes, chunk: range, base: int, wanted: tuple[int, int]) -> Iterator[int]:
    low, high = wanted
    for first in range(chunk.start, chunk.start + 4):
        size = max(chunk.stop - first, 0) // 4 * 4
        for number, value in enumerate(_numbers("i", code[first : first + size])):
            at = first + 4 * number
            if low < base + at + 4 + value < high and _is_operand(code, at):
                yield base + at + 4 + value


def _is_operand(code: bytes, at: int) -> bool:
    """Whether the four bytes there may be a displacement that counts from the next instruction."""
    modrm = at - 1
    relative = code[modrm] & _MODRM_MASK == _MODRM_RIP
    return relative and _OPCODE.search(code[max(modrm - _PREFIXED, 0) : modrm]) is not None


def _paged(code: bytes, base: int, low: int, high: int) -> Iterator[int]:
    """AArch64: instructions are little-endian words."""
    words = _numbers("I", code[: len(code) // 4 * 4])
    for at, word in enumerate(words):
        if word & 0x1F000000 != 0x10000000:  # noqa: PLR2004 - ADR, ADRP
            continue
        offset = (word >> 3 & 0x1FFFFC) | (word >> 29 & 3)
        offset -= offset >> 20 << 21
        here = base + 4 * at
        if word >> 31 == 0:
            if low < here + offset < high:
                yield here + offset
            continue
        page = (here & ~0xFFF) + (offset << 12)
        if low - 0xFFF <= page < high:
            for after in words[at + 1 : at + 1 + _NEAR]:
                if after & 0xFF800000 == 0x91000000 and after >> 5 & 31 == word & 31:  # noqa: PLR2004 - ADD Xd, Xn, #imm
                    target = page + ((after >> 10 & 0xFFF) << (12 if after >> 22 & 1 else 0))
                    if low < target < high:
                        yield target


def _words(parsed: Elf, low: int, high: int) -> Iterator[int]:
    """Addresses as four bytes, anywhere in the file: an immediate operand, or the lower half of a pointer."""
    for address in range(low + 1, high):
        if address < 1 << 32 and parsed.content.find(struct.pack(parsed.order + "I", address)) >= 0:
            yield address


def _numbers(code: str, data: bytes) -> array[int]:
    """Little-endian numbers of four bytes."""
    numbers = array(code, data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


_FINDERS: Final[dict[int, Callable[[bytes, int, int, int], Iterator[int]]]] = {62: _relative, 183: _paged}
"""By e_machine."""
