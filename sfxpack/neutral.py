"""Content with the old prefix cut out, and the proof that nothing else changed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from sfxpack.errors import ProofError
from sfxpack.format.layout import Encoding, PycDetail, SiteFlag, Strategy
from sfxpack.model import Edit, Found, Neutral, Site
from sfxpack.sites.spelling import encode

_CHUNK: Final = 1 << 20
"""Bytes compared at once."""


def neutralise(content: bytes, found: Found) -> Neutral:
    """Cut the sites out of `content` and apply the edits."""
    parts: list[bytes | memoryview] = []
    sites: list[tuple[int, Site]] = []
    view = memoryview(content)
    at = 0
    size = 0
    changes: list[Site | Edit] = [*found.sites, *found.edits]
    for change in sorted(changes, key=lambda change: (change.start, change.end)):
        new = change.neutral if isinstance(change, Site) else change.new
        if change.start < at:
            raise ProofError(f"two changes overlap at byte {change.start}")
        parts.append(view[at : change.start])
        size += change.start - at
        if isinstance(change, Site):
            sites.append((size, change))
        parts.append(new)
        size += len(new)
        at = change.end
    if not parts:
        return Neutral(content, ())
    parts.append(view[at:])
    return Neutral(b"".join(parts), tuple(sites))


def prove(content: bytes, neutral: Neutral, found: Found, root: bytes) -> None:
    """Check that `neutral` rendered for `root` is `content`.

    Edits, derived values and sites that render differently for `root` are put back as they were; every other byte is
    compared.

    Raises:
        ProofError: it is not; names the first offset.
    """
    edits = {edit.start: edit for edit in found.edits}
    starts = sorted(edits)
    if [site for _, site in neutral.sites] != list(found.sites):
        raise ProofError("sites were lost or changed their order")
    disk = 0
    at = 0
    for offset, site in neutral.sites:
        while starts and starts[0] < site.start:
            disk, at = _edit(content, neutral.content, edits[starts.pop(0)], disk, at)
        disk, at = _same(content, neutral.content, disk, at, site.start - disk)
        if at != offset:
            raise ProofError(f"the site at byte {site.start} lies at {offset} of the neutral content, not at {at}")
        span = b"" if site.strategy is Strategy.DERIVED else neutral.content[at : at + len(site.neutral)]
        if not (site.renamed or site.strategy is Strategy.DERIVED):
            rendered = _render(site, span, root)
            if rendered != content[site.start : site.end]:
                raise ProofError(f"the site at byte {site.start} renders as {rendered[:80]!r}")
        disk, at = site.end, at + len(span)
    for start in starts:
        disk, at = _edit(content, neutral.content, edits[start], disk, at)
    disk, at = _same(content, neutral.content, disk, at, len(content) - disk)
    if at != len(neutral.content):
        raise ProofError(f"{len(neutral.content) - at} bytes too many after byte {disk}")


def render(neutral: Neutral, place: bytes) -> bytes:
    """The file as it was at another place; nothing in it is derived. What does not fit is missing."""
    parts = []
    at = 0
    for offset, site in neutral.sites:
        end = offset + len(site.neutral)
        parts += [neutral.content[at:offset], _render(site, neutral.content[offset:end], place)]
        at = end
    return b"".join([*parts, neutral.content[at:]])


def part(found: Found, start: int, end: int) -> Found:
    """What of `found` lies in [start, end), at offsets from `start`; nothing may lie across these bounds."""
    return Found(
        tuple(replace(s, start=s.start - start, end=s.end - start) for s in found.sites if start <= s.start < end),
        tuple(replace(e, start=e.start - start, end=e.end - start) for e in found.edits if start <= e.start < end),
    )


def merge(found: Found, *, sites: Iterable[Site] = (), edits: Iterable[Edit] = ()) -> Found:
    """`found` with derived values and further edits: what they overlap gives way, edits win over sites."""
    blanked = _Taken(edits)
    values = [site for site in sites if blanked.free(site)]
    taken = _Taken([*blanked.changes, *values])
    kept = [site for site in found.sites if taken.free(site)]
    others = [edit for edit in found.edits if taken.free(edit)]
    return Found(
        tuple(sorted([*kept, *values], key=lambda site: (site.start, site.end))),
        tuple(sorted([*others, *blanked.edits], key=lambda edit: edit.start)),
        found.findings,
    )


class _Taken:
    """Ranges of a content that are spoken for."""

    def __init__(self, changes: Iterable[Site | Edit]) -> None:
        self.changes = sorted(changes, key=lambda change: change.start)
        self.edits = [change for change in self.changes if isinstance(change, Edit)]
        self._starts = [change.start for change in self.changes]

    def free(self, change: Site | Edit) -> bool:
        """Whether nothing of `change` is."""
        at = bisect_left(self._starts, change.end)
        return at == 0 or self.changes[at - 1].end <= change.start


def _edit(content: bytes, neutral: bytes, edit: Edit, disk: int, at: int) -> tuple[int, int]:
    disk, at = _same(content, neutral, disk, at, edit.start - disk)
    if neutral[at : at + len(edit.new)] != edit.new:
        raise ProofError(f"the edit at byte {edit.start} is not in the neutral content")
    return edit.end, at + len(edit.new)


def _same(content: bytes, neutral: bytes, disk: int, at: int, size: int) -> tuple[int, int]:
    """Compare `size` bytes and step over them."""
    if size < 0:
        raise ProofError(f"two changes overlap before byte {disk}")
    for done in range(0, size, _CHUNK):
        count = min(_CHUNK, size - done)
        if content[disk + done : disk + done + count] != neutral[at + done : at + done + count]:
            raise ProofError(f"differs in the {count} bytes from byte {disk + done} on")
    return disk + size, at + size


def _render(site: Site, span: bytes, root: bytes) -> bytes:
    """`span` rendered for `root` (SPEC, "Sites"); a SHEBANG in its plain form only."""
    prefix = encode(root, site.encoding, site.flags & (SiteFlag.FORWARD | SiteFlag.VERBATIM))
    if site.strategy is Strategy.SLASH and root[:1] != b"/":
        return _padded_on_windows(prefix, len(span), site)
    if site.strategy is Strategy.SLASH:
        return _padded(prefix, root, len(span), site.encoding)
    pieces = [span[a:b] for a, b in zip((0, *site.hits), (*site.hits, len(span)), strict=True)]
    text = prefix.join(pieces)
    if site.strategy is Strategy.CSTRING:
        return text[: len(span)] if not text[len(span) :].strip(b"\0") else b""
    return _marshalled(text, site.detail) if site.strategy is Strategy.PYC else text


def _marshalled(text: bytes, detail: int) -> bytes:
    """Type, length and bytes of a string (CPython Python/marshal.c, `w_object`)."""
    size = len(text).to_bytes(4, "little")
    if detail & PycDetail.BYTES:
        kind = ord("s")
    elif not text.isascii():
        kind = ord("t" if detail & PycDetail.INTERNED else "u")
    elif len(text) > 255:  # noqa: PLR2004 - a length of one byte
        kind = ord("A" if detail & PycDetail.INTERNED else "a")
    else:
        kind = ord("Z" if detail & PycDetail.INTERNED else "z")
        size = size[:1]
    return bytes([kind | (0x80 if detail & PycDetail.REF else 0)]) + size + text


def _padded_on_windows(prefix: bytes, span: int, site: Site) -> bytes:
    mark = encode(b"/" if site.flags & SiteFlag.FORWARD else b"\\", site.encoding)
    missing, rest = divmod(span - len(prefix), len(mark))
    units = [prefix[at : at + len(mark)] for at in range(0, len(prefix), len(mark))]
    roots = 4 if units[0] == mark else 1
    places = [at for at, unit in enumerate(units) if unit == mark]
    place = places[roots - 1] if len(places) >= roots else len(units)
    return b"".join([*units[:place], mark * missing, *units[place:]]) if missing >= 0 and not rest else b""


def _padded(prefix: bytes, root: bytes, span: int, encoding: Encoding) -> bytes:
    slash = encode(b"/", encoding)
    missing = (span - len(prefix)) // len(slash)
    if missing == 1:
        first, second, rest = (b"/" + root[1:]).partition(root[: (root + b"/").find(b"/", 1)])
        return encode(first + second, encoding) + slash + encode(rest, encoding)
    return slash * missing + prefix if missing >= 0 else b""
