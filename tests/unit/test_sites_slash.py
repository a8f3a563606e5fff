"""Binaries of unknown layout: nothing changes its place."""

from __future__ import annotations

import pickle

import pytest

from sfxpack import reference, sites
from sfxpack.format.layout import Encoding, SiteFlag, Strategy
from sfxpack.model import Kind, Rename
from sfxpack.sites.spelling import encode
from tests.sitekit import ROOT, categories, cut, environment, find, kind, move

WIDE = [Encoding.UTF16LE, Encoding.UTF16BE, Encoding.UTF32LE, Encoding.UTF32BE]


def render(content: bytes, prefix: bytes, root: bytes = ROOT) -> bytes:
    where = environment(root)
    return reference.render(cut(content, find(content, where=where), root), reference.Target(prefix))


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (b"/opt/env", b"/opt/env"),
        (b"/opt/en", b"/opt//en"),
        (b"/opt/e", b"///opt/e"),
        (b"/enviro", b"/enviro/"),
        (b"/e", b"///////e"),
        (b"/too/long", b"////////"),
    ],
)
def test_the_length_stays(prefix: bytes, expected: bytes) -> None:
    content = b"\0before\0/opt/env/lib\0after"
    assert render(content, prefix) == b"\0before\0" + expected + b"/lib\0after"


@pytest.mark.parametrize("encoding", WIDE)
def test_wide_text_is_padded_by_code_units(encoding: Encoding) -> None:
    content = bytes(8) + encode(b"/opt/env/lib", encoding) + bytes(8)
    (site,) = find(content).sites
    assert (site.strategy, site.start, site.end - site.start) == (Strategy.SLASH, 8, len(encode(ROOT, encoding)))
    assert render(content, b"/n") == bytes(8) + encode(b"///////n/lib", encoding) + bytes(8)


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("shift", [0, 1, 2, 3])
def test_wide_text_at_any_offset_moves_once(encoding: Encoding, shift: int) -> None:
    content = b"\1\2\3\4"[:shift] + encode(b"=/opt/env;", encoding) + b"\5"
    assert len(find(content).sites) == 1
    assert render(content, b"/opt/e") == content.replace(encode(b"/opt/env", encoding), encode(b"///opt/e", encoding))


def test_byte_order_follows_alignment_where_it_cannot_be_told() -> None:
    text = "x=/opt/env;".encode("utf-16-le")
    assert [site.encoding for site in find(text + b"\0\0").sites] == [Encoding.UTF16LE]
    text = "x=/opt/env;".encode("utf-16-be")
    assert [site.encoding for site in find(b"\0\0" + text).sites] == [Encoding.UTF16BE]


@pytest.mark.parametrize("encoding", [Encoding.PLAIN, *WIDE])
@pytest.mark.parametrize("first", [b"/a/bc/def/ghi", b"/one-long-component"])
@pytest.mark.parametrize("second", [b"/a/b", b"/a/bc/def/gh", b"/a", b"/abc", b"/one-long-componen"])
def test_a_tree_packed_again_keeps_its_capacity(encoding: Encoding, first: bytes, second: bytes) -> None:
    def tail(path: bytes) -> bytes:
        return encode(path, encoding)

    content = bytes(4) + tail(first + b"/lib") + bytes(4) + tail(first + b"/x:" + first + b"/y") + bytes(4)
    if encoding is Encoding.PLAIN:
        content += b"A" + first + b"/z\0"
    if len(second) > len(first):
        pytest.skip("does not fit")
    moved = render(content, second, first)
    assert len(moved) == len(content)
    assert render(moved, first, second) == content


@pytest.mark.parametrize("content", [b"\0/env/\0", b"\0/env/", b"\0/env/:/env/\0"])
def test_a_slash_that_ends_a_path_of_one_component_is_its_own(content: bytes) -> None:
    """It may be our padding, or what a program expects before a name; the first is rare and costs one byte of room."""
    assert {site.end - site.start for site in find(content, where=environment(b"/env")).sites} == {4}
    assert render(content, b"/e", b"/env") == content.replace(b"/env", b"///e")


def test_pickles_of_every_protocol() -> None:
    value = {"home": "/opt/env/share", "root": "/opt/env", "many": ["/opt/env/x"] * 3}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        content = pickle.dumps(value, protocol)
        if kind(content) is Kind.TEXT:
            continue  # protocol 0 has no lengths
        moved = pickle.loads(render(content, b"/opt/en"))
        assert moved == {"home": "/opt//en/share", "root": "/opt//en", "many": ["/opt//en/x"] * 3}


def test_data_is_soft_and_strict_makes_it_hard() -> None:
    content = b"\0/opt/env/x\0"
    assert [site.flags for site in find(content).sites] == [SiteFlag.SOFT]
    assert [site.flags for site in find(content, options=sites.Options(limit_strict=True)).sites] == [0]


def test_paths_of_the_base_are_reported() -> None:
    where = environment(renames=(Rename(b"/srv/py", b"/base"), Rename(b"/srv/other", b"")))
    found = find(b"\0/srv/py/lib\0/srv/other/lib\0", where=where)
    assert categories(found) == {"external": 1}
    assert [site.renamed for site in found.sites] == [True]
    assert move(b"\0/srv/py/lib\0/srv/other/lib\0", b"/n", where=where) == b"\0/srv/py/lib\0////////" + b"/n/lib\0"


def test_escaped_slashes_cannot_be_padded() -> None:
    assert categories(find(b'\0{"a": "\\/opt\\/env"}')) == {"unreachable": 1}


def test_text_with_offsets_keeps_its_length() -> None:
    for head in (b"%PDF-1.4\n", b"!_TAG_FILE_FORMAT\t2\n", b"\x0c\nx.c,12\n"):
        content = head + b"in /opt/env/x\n"
        assert [site.strategy for site in find(content).sites] == [Strategy.SLASH]


def test_a_very_long_padding_is_not_all_of_the_site() -> None:
    content = b"\0" + b"/" * 9000 + b"opt/env\0"
    (site,) = find(content).sites
    assert site.end - site.start == 4095
    assert len(render(content, b"/n")) == len(content)


def test_archives_are_reported_and_stay() -> None:
    for content in (
        b"PK\3\4 /opt/env",
        b"\x1f\x8b /opt/env ",
        b"SQLite format 3\0 /opt/env",
        b"\x89PNG\r\n\x1a\n /opt/env",
    ):
        found = find(content)
        assert (found.sites, categories(found)) == ((), {"unreachable": 1})
