"""`.pyc` files: the strings of the marshalled code that hold an old path.

Primary sources: CPython Python/marshal.c (`r_object`, `w_object`) of 3.8 to 3.14, PEP 552 for the header.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sfxpack.format.layout import Encoding, PycDetail, SiteFlag, Strategy
from sfxpack.model import Finding, Found, Site
from sfxpack.sites.hits import Hit, occurrences, search
from sfxpack.sites.options import Options
from sfxpack.sites.spelling import Needles, encode
from sfxpack.sites.text import choose

HEADER: Final = 16
"""Bytes: magic, flags, then mtime and size or the hash of the source (PEP 552)."""
MAX_SPAN: Final = (1 << 24) - 1
"""SPEC, "Sites": bytes of a PYC."""
_OLD_LAYOUT: Final = range(3410, 3450)
"""Magic numbers of 3.8 to 3.10: six integers before the objects of a code object, one object after its line number."""
_NEW_LAYOUT: Final = range(3450, 3800)
"""3.11 and later: five integers, two objects; a layout that differs does not end at the end of the file."""
_RELEASED: Final = frozenset((3495, 3531, 3571, 3627))
"""Magic numbers of CPython 3.11 to 3.14 as released: what their layout is need not be seen from where a file ends."""
NOT_CODE: Final = "not a code object of a known Python"
"""What the finding says of a file that cannot be walked."""
_REF: Final = 0x80
"""Set in the type byte of an object that is referred to later."""

# What to do with the types of marshal.c; objects of one size are that size, type byte included.
_SHORT, _LONG, _SMALL_TUPLE, _CODE, _SEQUENCE, _MAPPING, _SLICE, _LONG_INTEGER, _TEXT_FLOAT, _TEXT_COMPLEX = range(
    -10, 0
)
_UNKNOWN: Final = 0
_ACTIONS: Final = {
    "NFTS.0": 1,
    "ir": 5,
    "Ig": 9,
    "y": 17,
    "zZ": _SHORT,
    "saAut": _LONG,
    ")": _SMALL_TUPLE,
    "c": _CODE,
    "([<>": _SEQUENCE,
    "{}": _MAPPING,
    ":": _SLICE,
    "l": _LONG_INTEGER,
    "f": _TEXT_FLOAT,
    "x": _TEXT_COMPLEX,
}
_BY_TYPE: Final = {ord(kind) | ref: action for kinds, action in _ACTIONS.items() for kind in kinds for ref in (0, _REF)}
_TABLE: Final = tuple(_BY_TYPE.get(byte, _UNKNOWN) for byte in range(256))
_INTERNED: Final = frozenset(b"ZAt")
_NULL: Final = ord("0")
_REFERENCE: Final = ord("r")
_BYTES: Final = ord("s")
_CODE_OBJECTS: Final = 8
"""Objects of a code object before its line number."""


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
    places = [(spelling, [*occurrences(content, spelling.pattern)]) for spelling in needles.plain]
    starts = sorted({start for _, found in places for start in found})
    if not starts:
        return Found()
    texts = walk(content, starts)
    if texts is None:
        return Found((), (), _unreachable(path, NOT_CODE, len(starts)))
    spellings = [spelling for spelling, found in places if found]
    sites: list[Site] = []
    findings: tuple[Finding, ...] = ()
    others = 0
    outside = len(starts)
    for text in texts:
        outside -= bisect_left(starts, text.end) - bisect_left(starts, text.payload)
        inner = search(content[text.payload : text.end], spellings, needles, binary=False)
        ours, kept = choose(path, inner.ours, inner.ambiguous, options, text.payload)
        others += inner.others
        findings += kept
        if text.end - text.start + sum(len(hit.spelling.rename.new) for hit in ours) > MAX_SPAN:
            findings += _unreachable(path, "in too long a string", len(ours))
        elif ours:
            sites.append(_site(content, text, ours, needles))
    if others:
        findings = (*findings, Finding("other", path, "part of another path", others))
    return Found(tuple(sites), (), findings + _unreachable(path, "outside strings", outside))


def _unreachable(path: bytes, why: str, count: int) -> tuple[Finding, ...]:
    return (Finding("unreachable", path, why, count),) if count else ()


def walk(content: bytes, hits: Sequence[int]) -> list[Text] | None:
    """The strings that hold one of the offsets `hits` (ascending); None if the stream does not end where the file does.

    Bytes right in a code object (code, line tables) are never among them. A stack of pending counts, no recursion.
    What follows the last hit is nine tenths of the objects of an environment. It is not walked in a file that released
    versions wrote and that ends as nearly all of them do: nothing there can change what the strings before it are.
    """
    magic = int.from_bytes(content[:2], "little")
    if content[2:4] != b"\r\n" or (magic not in _OLD_LAYOUT and magic not in _NEW_LAYOUT):
        return None
    integers, after = (24, 1) if magic in _OLD_LAYOUT else (20, 2)
    try:
        texts, end = _walk(content, [*hits, len(content)], integers, after, whole=not _ends_like_module(content))
    except IndexError:
        return None
    return texts if end == len(content) else None


def _ends_like_module(content: bytes) -> bool:
    """Whether the exception table of a module is the last thing: a reference to the empty one of a function."""
    known = int.from_bytes(content[:2], "little") in _RELEASED
    return known and content[-5] & ~_REF == _REFERENCE and int.from_bytes(content[-4:], "little") < len(content)


_IN_ANY, _IN_CODE, _IN_CODE_END, _IN_MAPPING = range(4)
"""What the pending count belongs to: a line number follows the first part of a code object, NULL ends a mapping."""


def _walk(  # noqa: C901, PLR0912, PLR0915 - a call for each object would double the time
    content: bytes, hits: list[int], integers: int, after: int, *, whole: bool
) -> tuple[list[Text], int]:
    """One loop over all objects, for speed; actions are in the order of how often they occur.

    Raises:
        IndexError: the content ends too early, or has a type that marshal does not know.
    """
    texts: list[Text] = []
    upcoming = iter(hits)
    target = next(upcoming)
    table = _TABLE
    stack: list[tuple[int, int]] = []
    pending, inside = 1, _IN_ANY
    at = HEADER
    while True:
        while not pending:
            if inside == _IN_CODE:
                at += 4
                pending, inside = after, _IN_CODE_END
            elif stack:
                pending, inside = stack.pop()
            else:
                return texts, at
        pending -= 1
        action = table[content[at]]
        if action > 0:
            if inside == _IN_MAPPING and content[at] & ~_REF == _NULL:
                pending, inside = stack.pop()
            at += action
            continue
        if action == _SHORT:
            payload = at + 2
            end = payload + content[at + 1]
        elif action == _LONG:
            payload = at + 5
            end = payload + int.from_bytes(content[at + 1 : payload], "little")
        else:
            if action == _LONG_INTEGER:
                at += 5 + 2 * abs(int.from_bytes(content[at + 1 : at + 5], "little", signed=True))
                continue
            if action in (_TEXT_FLOAT, _TEXT_COMPLEX):
                at += 2 + content[at + 1]
                at += 1 + content[at] if action == _TEXT_COMPLEX else 0
                continue
            stack.append((pending, inside))
            if action == _SMALL_TUPLE:
                pending, inside = content[at + 1], _IN_ANY
                at += 2
            elif action == _CODE:
                pending, inside = _CODE_OBJECTS, _IN_CODE
                at += 1 + integers
            elif action == _SEQUENCE:
                pending, inside = int.from_bytes(content[at + 1 : at + 5], "little"), _IN_ANY
                at += 5
            elif action == _MAPPING:
                pending, inside = -1, _IN_MAPPING
                at += 1
            elif action == _SLICE:
                pending, inside = 3, _IN_ANY
                at += 1
            else:
                raise IndexError
            continue
        if end > target:
            kind = content[at] & ~_REF
            if target >= payload and not (kind == _BYTES and inside in (_IN_CODE, _IN_CODE_END)):
                texts.append(Text(at, payload, end, kind))
            while target < end and target < len(content):
                target = next(upcoming)
            if target == len(content) and not whole:
                return texts, max(end, target)
        at = end


def marshalled(payload: bytes, detail: int) -> bytes:
    """A string object as CPython's marshal writes it (SPEC, "PYC")."""
    interned = bool(detail & PycDetail.INTERNED)
    size = len(payload).to_bytes(4, "little")
    if detail & PycDetail.BYTES:
        kind = b"s"
    elif payload.isascii():
        kind = b"A" if interned else b"a"
        if len(payload) < 256:  # noqa: PLR2004 - marshal.c, `is_short`
            kind, size = b"Z" if interned else b"z", size[:1]
    else:
        kind = b"t" if interned else b"u"
    return bytes([kind[0] | (_REF if detail & PycDetail.REF else 0)]) + size + payload


def _site(content: bytes, text: Text, hits: Sequence[Hit], needles: Needles) -> Site:
    payload = content[text.payload : text.end]
    form = hits[0].spelling.form  # of several the others follow: a string has one prefix
    root = encode(needles.root, Encoding.PLAIN, form)
    neutral = bytearray()
    rendered = bytearray()
    offsets = []
    at = 0
    for hit in hits:
        neutral += payload[at : hit.start]
        offsets.append(len(neutral))
        new = encode(hit.spelling.rename.new, Encoding.PLAIN, form & SiteFlag.FORWARD)
        neutral += new
        rendered += payload[at : hit.start] + root + new
        at = hit.end
    neutral += payload[at:]
    rendered += payload[at:]
    detail = int(PycDetail.REF) if content[text.start] & _REF else 0
    if text.kind == _BYTES:
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
        flags=form,
        detail=detail,
        renamed=marshalled(bytes(rendered), detail) != content[text.start : text.end],
    )
