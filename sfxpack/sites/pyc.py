"""`.pyc` files: the strings of the marshalled code that hold an old path.

Primary sources: CPython Python/marshal.c (`r_object`, `w_object`) of 3.8 to 3.14, PEP 552 for the header.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sfxpack.format.layout import PycDetail, Strategy
from sfxpack.model import Finding, Found, Site
from sfxpack.sites.hits import Hit, search
from sfxpack.sites.options import Options
from sfxpack.sites.spelling import Needles
from sfxpack.sites.text import choose

HEADER: Final = 16
"""Bytes: magic, flags, then mtime and size or the hash of the source (PEP 552)."""
MAX_OBJECT: Final = 1 << 24
"""SPEC, "Sites": a span is smaller."""
_OLD_LAYOUT: Final = range(3410, 3450)
"""Magic numbers of 3.8 to 3.10: six integers before the objects of a code object, one object after its line number."""
_NEW_LAYOUT: Final = range(3450, 3800)
"""3.11 and later: five integers, two objects; a layout that differs does not end at the end of the file."""
_FIXED: Final = {
    ord(kind): size for kind, size in {**dict.fromkeys("NFTS.0", 1), "i": 5, "I": 9, "r": 5, "g": 9, "y": 17}.items()
}
_SHORT: Final = frozenset(b"zZ")
_LONG: Final = frozenset(b"saAut")
_INTERNED: Final = frozenset(b"ZAt")
_COUNTED: Final = frozenset(b"([<>")
_REF: Final = 0x80


@dataclass(frozen=True, slots=True)
class Text:
    """A string or bytes object of the marshal stream."""

    start: int
    """Of its type byte."""
    payload: int
    end: int
    kind: int
    """Type byte without the reference bit."""


def find(path: bytes, content: bytes, needles: Needles, options: Options) -> Found:
    """PYC sites; a file that cannot be walked to its end is reported and stays."""
    hits = search(content, needles.plain, needles, binary=True)
    if not hits.ours:
        return Found((), (), (Finding("other", path, "part of another path", hits.others),) if hits.others else ())
    texts = walk(content, [hit.start for hit in hits.ours])
    if texts is None:
        return Found((), (), (Finding("unreachable", path, "not a code object of a known Python", len(hits.ours)),))
    sites: list[Site] = []
    findings: list[Finding] = []
    reached = 0
    for text in texts:
        inner = search(content[text.payload : text.end], needles.plain, needles, binary=False)
        ours, kept = choose(path, inner.ours, inner.ambiguous, options)
        findings += kept
        reached += sum(text.payload <= hit.start < text.end for hit in hits.ours)
        if ours and text.end - text.start < MAX_OBJECT - sum(len(hit.spelling.rename.new) for hit in ours):
            sites.append(_site(content, text, ours, needles))
        elif inner.others or ours:
            findings.append(Finding("other", path, "part of another path", inner.others + len(ours)))
    if reached < len(hits.ours):
        findings.append(Finding("unreachable", path, "outside strings", len(hits.ours) - reached))
    return Found(tuple(sites), (), tuple(findings))


def walk(content: bytes, hits: Sequence[int]) -> list[Text] | None:
    """The strings that hold one of the offsets `hits` (ascending); None if the stream does not end at the end of the file.

    Bytes right in a code object (code, line tables) are never among them. No recursion: a stack of pending counts.
    """
    magic = int.from_bytes(content[:2], "little")
    if content[2:4] != b"\r\n" or (magic not in _OLD_LAYOUT and magic not in _NEW_LAYOUT):
        return None
    integers, after = (24, 1) if magic in _OLD_LAYOUT else (20, 2)
    try:
        texts, end = _walk(content, [*hits, len(content)], integers, after)
    except IndexError:
        return None
    return texts if end == len(content) else None


_PLAIN, _CODE, _CODE_END, _DICT = range(4)
"""What the pending count belongs to; _CODE ends with the line number, _CODE_END with the line table."""


def _walk(content: bytes, hits: list[int], integers: int, after: int) -> tuple[list[Text], int]:  # noqa: C901, PLR0912 - one loop, for speed
    texts: list[Text] = []
    upcoming = iter(hits)
    target = next(upcoming)
    fixed = _FIXED
    stack: list[tuple[int, int]] = []
    pending, mode = 1, _PLAIN
    at = HEADER
    while True:
        while not pending:
            if mode == _CODE:
                at += 4
                pending, mode = after, _CODE_END
            elif stack:
                pending, mode = stack.pop()
            else:
                return texts, at
        pending -= 1
        tag = content[at]
        kind = tag & 0x7F
        size = fixed.get(kind)
        if size:
            at += size
            if kind == 0x30 and mode == _DICT:
                pending, mode = stack.pop()
            continue
        if kind in _SHORT:
            payload = at + 2
            end = payload + content[at + 1]
        elif kind == 0x29:
            stack.append((pending, mode))
            pending, mode = content[at + 1], _PLAIN
            at += 2
            continue
        elif kind in _LONG:
            payload = at + 5
            end = payload + int.from_bytes(content[at + 1 : payload], "little")
        else:
            if kind == 0x63:
                stack.append((pending, mode))
                pending, mode = 8, _CODE
                at += 1 + integers
            elif kind in _COUNTED:
                stack.append((pending, mode))
                pending, mode = int.from_bytes(content[at + 1 : at + 5], "little"), _PLAIN
                at += 5
            elif kind in b"{}":
                stack.append((pending, mode))
                pending, mode = -1, _DICT
                at += 1
            elif kind == 0x3A:
                pending += 3
                at += 1
            elif kind == 0x6C:
                at += 5 + 2 * abs(int.from_bytes(content[at + 1 : at + 5], "little", signed=True))
            elif kind == 0x66:
                at += 2 + content[at + 1]
            elif kind == 0x78:
                at += 2 + content[at + 1]
                at += 1 + content[at]
            else:
                raise IndexError
            continue
        if end > target:
            if target >= payload and not (kind == 0x73 and mode in (_CODE, _CODE_END)):
                texts.append(Text(at, payload, end, kind))
            while target < end and target < len(content):
                target = next(upcoming)
        at = end


def marshalled(payload: bytes, detail: int) -> bytes:
    """A string object as CPython's marshal writes it (SPEC, "PYC")."""
    interned = bool(detail & PycDetail.INTERNED)
    size = len(payload).to_bytes(4, "little")
    if detail & PycDetail.BYTES:
        kind = b"s"
    elif payload.isascii():
        kind = b"A" if interned else b"a"
        if len(payload) < 256:  # noqa: PLR2004 - marshal.c
            kind, size = b"Z" if interned else b"z", size[:1]
    else:
        kind = b"t" if interned else b"u"
    return bytes([kind[0] | (_REF if detail & PycDetail.REF else 0)]) + size + payload


def _site(content: bytes, text: Text, hits: Sequence[Hit], needles: Needles) -> Site:
    payload = content[text.payload : text.end]
    neutral = bytearray()
    rendered = bytearray()
    offsets = []
    at = 0
    for hit in hits:
        neutral += payload[at : hit.start]
        offsets.append(len(neutral))
        neutral += hit.spelling.rename.new
        rendered += payload[at : hit.start] + needles.root + hit.spelling.rename.new
        at = hit.end
    neutral += payload[at:]
    rendered += payload[at:]
    detail = PycDetail.REF if content[text.start] & _REF else 0
    if text.kind == ord("s"):
        detail |= PycDetail.BYTES
    else:
        detail |= PycDetail.INTERNED if text.kind in _INTERNED else 0
        detail |= PycDetail.ASCII if neutral.isascii() else 0
    return Site(
        text.start,
        text.end,
        Strategy.PYC,
        bytes(neutral),
        tuple(offsets),
        detail=int(detail),
        renamed=marshalled(bytes(rendered), detail) != content[text.start : text.end],
    )
