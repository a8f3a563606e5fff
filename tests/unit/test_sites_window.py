"""Large files: the windows together find what the whole file has."""

from __future__ import annotations

import random

import pytest

from sfxpack import neutral, sites
from sfxpack.format.layout import Encoding
from sfxpack.model import Finding, Found, Kind
from sfxpack.sites.spelling import encode
from sfxpack.sites.window import OVERLAP
from tests.sitekit import ROOT, environment, find
from tests.unit.test_sites_elf import elf

PIECES = [
    b"/opt/env",
    b"////opt/env/x",
    b"/opt/envx",
    b"x/opt/env ",
    encode(b"/opt/env/y", Encoding.UTF16LE),
    b"/opt//env:",
]


def windows(content: bytes, kind: Kind, step: int, path: bytes = b"x") -> list[Found]:
    needles = sites.needles(environment())
    survey = sites.survey(path, kind, content, needles, sites.Options())
    found = []
    for start in range(0, len(content), step):
        base = max(start - OVERLAP, 0) & ~3
        inner = range(start, min(start + step, len(content)))
        found.append(sites.find_window(content[base : inner.stop + OVERLAP], base, inner, survey))
    return found


@pytest.mark.parametrize("kind", [Kind.BINARY, Kind.TEXT])
@pytest.mark.parametrize("step", [100_003, 131_072, 1_000_000])
def test_as_the_whole(kind: Kind, step: int) -> None:
    choice = random.Random(step)
    content = bytearray(choice.randbytes(700_000) if kind is Kind.BINARY else b"text " * 140_000)
    for at in [*range(0, 690_000, 997), *range(100_003 - 20, 100_003 + 20, 13), 699_900]:
        piece = b"\0 "[kind is Kind.TEXT :][:1] + choice.choice(PIECES)
        if kind is Kind.TEXT and b"\0" in piece:
            piece = b" /opt/env/z "
        content[at : at + len(piece)] = piece
    whole = sites.find(b"x", kind, bytes(content), environment(), sites.needles(environment()), sites.Options())
    parts = windows(bytes(content), kind, step)
    assert tuple(site for part in parts for site in part.sites) == whole.sites

    def counts(findings: tuple[Finding, ...]) -> dict[str, int]:
        return {c: sum(f.count for f in findings if f.category == c) for c in {f.category for f in findings}}

    assert counts(tuple(finding for part in parts for finding in part.findings)) == counts(whole.findings)


def test_loader_paths_and_loaded_parts_are_those_of_the_file() -> None:
    old = b"/opt/env/lib/of/something"
    content = elf(old, data=bytes(200_000) + b"/opt/env/share\0", tail=bytes(200_000) + b"\0/opt/env/debug\0")
    whole = find(content, b"lib/x.so")
    parts = windows(content, Kind.ELF, 100_000, b"lib/x.so")
    assert tuple(site for part in parts for site in part.sites) == whole.sites
    assert tuple(edit for part in parts for edit in part.edits) == whole.edits
    assert len(whole.edits) == 1


def test_parts_are_neutralised_one_by_one() -> None:
    content = bytes(100_000) + b"/opt/env/x" + bytes(100_000) + b"/opt/env/y" + bytes(100_000)
    found = find(content)
    pieces = b""
    for start, end in ((0, 150_000), (150_000, len(content))):
        part = neutral.part(found, start, end)
        result = neutral.neutralise(content[start:end], part)
        neutral.prove(content[start:end], result, part, ROOT)
        pieces += result.content
    assert pieces == neutral.neutralise(content, found).content


def test_ambiguous_places_are_those_of_the_file() -> None:
    content = b"text " * 60_000 + b"$ROOT/opt/env/x"
    (finding,) = (finding for part in windows(content, Kind.TEXT, 100_000) for finding in part.findings)
    assert finding.detail == f"at byte {content.index(ROOT)}"


def test_archives_are_counted_once() -> None:
    content = bytes(100_000 - 4) + b"/opt/env/x" + bytes(100_000)
    parts = windows(content, Kind.ARCHIVE, 100_000)
    assert sum(finding.count for part in parts for finding in part.findings) == 1
