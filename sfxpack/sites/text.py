"""Text files: every hit becomes a splice."""

from __future__ import annotations

from collections.abc import Iterable

from sfxpack.format.layout import SiteFlag, Strategy
from sfxpack.model import Finding, Found, Policy, Site
from sfxpack.sites import shebang
from sfxpack.sites.hits import Hit, leftovers, search
from sfxpack.sites.language import Context, context
from sfxpack.sites.options import Options
from sfxpack.sites.spelling import Needles, encode


def find(path: bytes, content: bytes, needles: Needles, options: Options) -> Found:
    """Sites of a text file conda does not manage."""
    hits = search(content, (*needles.plain, *needles.escaped), needles, binary=False)
    ours, findings = choose(path, hits.ours, hits.ambiguous, options)
    findings += leftovers(path, content, hits, needles)
    first, rest = shebang.take(content, ours, needles, options.platform)
    return Found((*first, *splices(ours[len(ours) - rest :], context(path, content), needles)), (), findings)


def choose(
    path: bytes, ours: tuple[Hit, ...], ambiguous: tuple[Hit, ...], options: Options, base: int = 0
) -> tuple[tuple[Hit, ...], tuple[Finding, ...]]:
    """Apply the policy for hits that may be another path; `base` is where in the file what was searched starts."""
    if not ambiguous:
        return ours, ()
    if options.ambiguous is Policy.RELOCATE:
        return tuple(sorted((*ours, *ambiguous), key=lambda hit: hit.start)), ()
    return ours, (Finding("ambiguous", path, f"at byte {base + ambiguous[0].start}", len(ambiguous)),)


def splices(hits: Iterable[Hit], surroundings: Context, needles: Needles) -> tuple[Site, ...]:
    """A TEXT site for each hit."""
    return tuple(splice(hit, surroundings, needles) for hit in hits)


def splice(hit: Hit, surroundings: Context, needles: Needles) -> Site:
    """The TEXT site for `hit`."""
    encoding, flags = surroundings.quoting(hit)
    form = hit.spelling.form
    neutral = encode(hit.spelling.rename.new, encoding, form & SiteFlag.FORWARD)
    rendered = encode(needles.root, encoding, form) + neutral
    return Site(
        hit.start,
        hit.end,
        Strategy.TEXT,
        neutral,
        encoding=encoding,
        flags=flags | form,
        renamed=rendered != hit.spelling.pattern,
    )
