"""Spellings of the old paths, and the prefilter that must not miss one."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from sfxpack import sites
from sfxpack.format.layout import Encoding
from sfxpack.model import Rename
from sfxpack.sites.spelling import doubled, encode
from tests.sitekit import environment, move

PREFIXES = [
    b"/opt/env",
    b"/e",
    b"/home/user/miniconda3/envs/science",
    b"/opt/my env",
    "/opt/ümläut".encode(),
    b"/o\"p/it's\\x",
]


@pytest.mark.parametrize("root", PREFIXES)
def test_the_prefilter_sees_every_spelling(root: bytes) -> None:
    needles = sites.needles(environment(root))
    text = root.decode()
    spelled = [encode(path, encoding) for encoding in Encoding for path in (root, doubled(root)) if path]
    spelled += [json.dumps(text).encode(), json.dumps(text).replace("/", "\\/").encode()]
    spelled += [quote(text).lower().encode() if text.isascii() else quote(text).encode(), quote(text, safe="").encode()]
    for pattern in spelled:
        assert needles.contains(b"\0 before\n" + pattern + b"/lib\0"), pattern
        assert needles.contains(bytes(100_000) + pattern + bytes(100_000)), pattern


def test_the_prefilter_sees_all_renames() -> None:
    renames = (
        Rename(b"/usr/lib/python3.11", b"/base/lib/python3.11"),
        Rename(b"/usr/bin/python3.11", b"/base/bin/python3.11"),
        Rename(b"/srv/x", b""),
    )
    needles = sites.needles(environment(b"/home/user/project/.venv", renames))
    for rename in renames:
        assert needles.contains(b"=" + rename.old + b"\n")
        assert needles.contains(b"\0" + encode(rename.old, Encoding.UTF16LE) + b"\0\0")
    assert needles.probes.count(b"python3.11") == 1


def test_the_prefilter_lets_nothing_else_through() -> None:
    needles = sites.needles(environment(b"/home/user/miniconda3/envs/science"))
    assert not needles.contains(b"")
    assert not needles.contains(b"about miniconda3 and science\n")
    assert not needles.contains(encode(b"miniconda3", Encoding.UTF16LE))


def test_a_prefix_that_is_no_text_has_no_wide_spelling() -> None:
    needles = sites.needles(environment(b"/opt/env", (Rename(b"/opt/\xff", b""),)))
    assert {spelling.rename.old for spelling in needles.wide} == {b"/opt/env"}
    assert needles.contains(b"/opt/\xff")


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        (Encoding.PLAIN, "/o \"'\\ü".encode()),
        (Encoding.JSON, "/o \\\"'\\\\ü".encode()),
        (Encoding.JSON_SLASH, "\\/o \\\"'\\\\ü".encode()),
        (Encoding.PYTHON, "/o \\\"\\'\\\\ü".encode()),
        (Encoding.PERCENT, b"/o%20%22%27%5C%C3%BC"),
        (Encoding.UTF16BE, "/o \"'\\ü".encode("utf-16-be")),
        (Encoding.UTF32LE, "/o \"'\\ü".encode("utf-32-le")),
    ],
)
def test_encodings(encoding: Encoding, expected: bytes) -> None:
    assert encode("/o \"'\\ü".encode(), encoding) == expected


def test_a_placeholder_that_counts_as_an_earlier_place_stays_in_the_records() -> None:
    placeholder = b"/build/_h_env" + b"_placehold" * 20
    where = environment(renames=(Rename(placeholder, b""),), placeholders=(placeholder,))
    kernel = b'["' + placeholder + b'/bin/python", "/opt/env"]'
    assert move(kernel, b"/new", b"share/kernel.json", where) == b'["/new/bin/python", "/new"]'
    record = b'{"prefix_placeholder": "' + placeholder + b'", "x": "%s"}'
    assert move(record % b"/opt/env", b"/new", b"conda-meta/a.json", where) == record % b"/new"
