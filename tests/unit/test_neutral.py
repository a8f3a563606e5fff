"""Cutting out, and the proof that notices every mistake."""

from __future__ import annotations

import dataclasses
import random

import pytest

from sfxpack import neutral
from sfxpack.errors import ProofError
from sfxpack.format.layout import Derived, Strategy
from sfxpack.model import Edit, Found, Neutral, Site
from tests.sitekit import ROOT, find

CONTENTS = [
    b"#!/opt/env/bin/python\nA = '/opt/env'\nB = '/opt/env/x'\n",
    b"\0/opt/env/x\0////opt/env\0",
]


def test_nothing_to_do_costs_nothing() -> None:
    content = b"x" * 100
    assert neutral.neutralise(content, Found()).content is content


def test_offsets_are_those_of_the_neutral_content() -> None:
    content = b"a /opt/env b secret c /opt/env/d"
    found = find(content)
    found = Found(found.sites, (Edit(13, 19, b"-"),))
    result = neutral.neutralise(content, found)
    assert result.content == b"a  b - c /d"
    assert [offset for offset, _ in result.sites] == [2, 9]
    neutral.prove(content, result, found, ROOT)


@pytest.mark.parametrize("content", CONTENTS)
def test_every_change_of_a_byte_is_noticed(content: bytes) -> None:
    found = find(content)
    result = neutral.neutralise(content, found)
    inside = {
        at
        for offset, site in result.sites
        if site.strategy is Strategy.SLASH
        for at in range(offset, offset + len(site.neutral))
    }
    for at in range(len(result.content)):
        if at in inside:
            continue  # the zeros of a SLASH site are not rendered
        wrong = result.content[:at] + bytes([result.content[at] ^ 1]) + result.content[at + 1 :]
        with pytest.raises(ProofError):
            neutral.prove(content, Neutral(wrong, result.sites), found, ROOT)
    for wrong in (result.content + b"x", result.content[:-1]):
        with pytest.raises(ProofError):
            neutral.prove(content, Neutral(wrong, result.sites), found, ROOT)


@pytest.mark.parametrize("content", CONTENTS)
def test_every_wrong_site_is_noticed(content: bytes) -> None:
    found = find(content)
    result = neutral.neutralise(content, found)
    wrong = [result.sites[1:], result.sites[::-1], tuple((offset + 1, site) for offset, site in result.sites)]
    for sites in wrong:
        with pytest.raises(ProofError):
            neutral.prove(content, Neutral(result.content, sites), found, ROOT)
    with pytest.raises(ProofError):
        neutral.prove(content, result, found, b"/opt/other")


def test_sites_that_render_wrong_are_noticed() -> None:
    content = b"a /opt/env b"
    (site,) = find(content).sites
    for wrong in (
        dataclasses.replace(site, start=site.start + 1),
        dataclasses.replace(site, end=site.end - 1),
        dataclasses.replace(site, hits=(0, 0)),
        dataclasses.replace(site, neutral=b"x"),
        dataclasses.replace(site, strategy=Strategy.SLASH, hits=()),
    ):
        found = Found((wrong,))
        with pytest.raises(ProofError):
            neutral.prove(content, neutral.neutralise(content, found), found, ROOT)


def test_overlaps_are_refused() -> None:
    site = Site(2, 10, Strategy.TEXT)
    for other in (Site(9, 12, Strategy.TEXT), Edit(5, 6, b"")):
        found = Found((site,), (other,)) if isinstance(other, Edit) else Found((site, other))
        with pytest.raises(ProofError):
            neutral.neutralise(b"a /opt/env b c d", found)


@pytest.mark.parametrize(
    "template", [b"nothing", b"a=@/x @", b"#!@/bin/python\n@", b"\0@/lib\0x", b'{"a": "@", "b": "c"}']
)
def test_a_file_as_it_was_at_another_place(template: bytes) -> None:
    content = template.replace(b"@", ROOT)
    result = neutral.neutralise(content, find(content))
    assert neutral.render(result, ROOT) == content
    assert neutral.render(result, b"/opt/old") == template.replace(b"@", b"/opt/old")


def test_large_contents_are_compared_whole() -> None:
    content = random.Random(1).randbytes(3_000_000) + b"\0/opt/env\0" + bytes(2_000_000)
    found = find(content)
    result = neutral.neutralise(content, found)
    neutral.prove(content, result, found, ROOT)
    for at in (0, 1_048_575, 1_048_576, 2_999_999, len(content) - 1):
        wrong = bytearray(result.content)
        wrong[at] ^= 0x80
        with pytest.raises(ProofError):
            neutral.prove(content, Neutral(bytes(wrong), result.sites), found, ROOT)


def test_derived_values_and_edits_win() -> None:
    content = b'{"link": "/opt/env/pkgs/x", "sha256": "ab", "p": "/opt/env"}'
    found = find(content, b"conda-meta/x.json")
    value = Site(39, 41, Strategy.DERIVED, b"", (), derived=Derived.SHA256_HEX, target=b"x")
    merged = neutral.merge(found, sites=[value], edits=[Edit(10, 25, b"")])
    assert [site.strategy for site in merged.sites] == [Strategy.DERIVED, Strategy.TEXT]
    result = neutral.neutralise(content, merged)
    neutral.prove(content, result, merged, ROOT)
    assert result.content == b'{"link": "", "sha256": "", "p": ""}'
    assert not neutral.merge(found, sites=[value], edits=[Edit(0, len(content), b"")]).sites
