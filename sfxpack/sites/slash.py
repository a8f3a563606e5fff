"""Binaries of unknown layout: the path keeps its length, so nothing after it moves."""

from __future__ import annotations

from dataclasses import dataclass

from sfxpack.format.layout import MAX_PATH, Encoding, SiteFlag, Strategy
from sfxpack.model import Finding, Found, Site
from sfxpack.sites.hits import Hit, leftovers, search
from sfxpack.sites.spelling import UNIT, Needles, encode


@dataclass(frozen=True, slots=True)
class Loaded:
    """Which parts of a file are loaded into memory: there a path that cannot move is an error."""

    parts: tuple[tuple[int, int], ...] = ()
    strict: bool = False
    """Everything counts as loaded."""
    landmark: bool = False
    """A Python that finds itself by `lib/pythonX.Y/os.py`: what it has compiled in does not matter."""

    def soft(self, at: int) -> bool:
        """Whether a site at file offset `at` may be left as it is."""
        if self.strict:
            return False
        return self.landmark or not any(start <= at < end for start, end in self.parts)


def find(path: bytes, content: bytes, needles: Needles, loaded: Loaded, inner: range | None = None) -> Found:
    """SLASH sites in `content`; of hits that start in `inner`, if given."""
    hits = search(content, (*needles.plain, *needles.escaped, *needles.wide), needles, binary=True, inner=inner)
    sites: list[Site] = []
    external: list[bytes] = []
    escaped = 0
    for hit in hits.ours:
        if hit.spelling.rename.new:
            external.append(hit.spelling.rename.old)
        elif not can_be_padded(hit, needles):
            escaped += 1
        else:
            sites.append(slashed(content, hit, needles, loaded))
    findings: tuple[Finding, ...] = ()
    if escaped:
        findings = (Finding("unreachable", path, "in a spelling that cannot be padded, in a binary", escaped),)
    if external:
        names = b", ".join(sorted(set(external))).decode(errors="replace")
        findings = (*findings, Finding("external", path, names, len(external)))
    return Found(_apart(sites), (), findings + leftovers(path, content, hits, needles, inner))


def slashed(content: bytes, hit: Hit, needles: Needles, loaded: Loaded) -> Site:
    """The SLASH site of `hit`, with the padding around it."""
    encoding, form = hit.spelling.encoding, hit.spelling.form
    start, end = hit.start, hit.end
    if needles.root[:1] == b"/":
        unit = UNIT.get(encoding, 1)
        start = max(start - hit.slashes, end - MAX_PATH * unit)
        if hit.spelling.rename.old.count(b"/") == 1 and content[end : end + 2 * unit] == encode(b"/", encoding) * 2:
            end += unit  # `/env/` is how one missing slash looks in a path of one component
        text = padded(needles.root, end - start, encoding)
    else:
        text = encode(needles.root, encoding, form)
    return Site(
        start,
        end,
        Strategy.SLASH,
        bytes(end - start),
        (),
        encoding,
        flags=form | (SiteFlag.SOFT if loaded.soft(hit.start) else 0),
        renamed=text != content[start:end],
    )


def can_be_padded(hit: Hit, needles: Needles) -> bool:
    """Whether a path may have more separators than it needs: on Windows after a drive alone, not where they escape."""
    spelling = hit.spelling
    if needles.root[:1] == b"/":
        return spelling.encoding is not Encoding.JSON_SLASH
    escapes = spelling.encoding in (Encoding.JSON, Encoding.JSON_SLASH, Encoding.PERCENT)
    return not (escapes or spelling.form & SiteFlag.VERBATIM or spelling.rename.old.startswith(b"\\"))


def padded(prefix: bytes, span: int, encoding: Encoding) -> bytes:
    """`prefix` at a length of `span` bytes (SPEC, "SLASH"); empty if it does not fit."""
    missing = span // UNIT.get(encoding, 1) - len(encode(prefix, encoding)) // UNIT.get(encoding, 1)
    if missing < 0:
        return b""
    if missing != 1:
        return encode(b"/" * missing + prefix, encoding)
    cut = prefix.find(b"/", 1)
    cut = len(prefix) if cut < 0 else cut
    return encode(prefix[:cut] + b"/" + prefix[cut:], encoding)


def _apart(sites: list[Site]) -> tuple[Site, ...]:
    """Without overlaps, which the slash after `/env` could cause."""
    return tuple(site for at, site in enumerate(sites) if at == 0 or site.start >= sites[at - 1].end)
