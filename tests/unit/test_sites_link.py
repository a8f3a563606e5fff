"""Symlinks into the prefix."""

from __future__ import annotations

import pytest

from sfxpack import sites
from sfxpack.format.layout import EntryKind
from sfxpack.model import CondaFile, Entry, Rename
from tests.sitekit import environment

DIRECTORIES = frozenset((b"bin", b"lib", b"lib/a", b"lib/a/b", b"share"))


def link(path: bytes, text: bytes) -> Entry:
    return Entry(path, EntryKind.LINK, 0o777, 0, 0, link=text)


def file(path: bytes, inode: int = 0) -> Entry:
    return Entry(path, EntryKind.FILE, 0o644, 1, 0, inode=(1, inode) if inode else (0, 0))


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (b"bin/x", b"/opt/env/lib/x", b"../lib/x"),
        (b"x", b"/opt/env/lib/x", b"lib/x"),
        (b"lib/x.so", b"/opt/env/lib/x.so.1", b"x.so.1"),
        (b"lib/a/b/x", b"/opt/env/lib/a/y", b"../y"),
        (b"lib/a/b/x", b"/opt/env/share/y", b"../../../share/y"),
        (b"lib/root", b"/opt/env", b".."),
        (b"lib/root", b"/opt/env/", b"../"),
        (b"root", b"/opt/env", b"."),
        (b"lib64", b"/opt/env/lib", b"lib"),
        (b"lib64", b"/opt/env/lib/", b"lib/"),
        (b"lib/self", b"/opt/env/lib", b"../lib"),
        (b"bin/x", b"//opt/env/lib/x", b"../lib/x"),
        (b"bin/x", b"/opt//env/lib/x", b"../lib/x"),
        (b"bin/x", b"/opt/env/lib//missing", b"../lib/missing"),
    ],
)
def test_becomes_relative(path: bytes, text: bytes, expected: bytes) -> None:
    assert sites.find_link(link(path, text), environment(), DIRECTORIES) == (expected, ())


@pytest.mark.parametrize("text", [b"/opt/env/link/x", b"/opt/env/lib/../share/x", b"/opt/env/no/where"])
def test_is_rewritten_where_the_way_is_no_real_directory(text: bytes) -> None:
    neutral, (site,) = sites.find_link(link(b"bin/x", text), environment(), DIRECTORIES)
    assert neutral == text[8:]
    assert (site.start, site.end, site.neutral, site.hits) == (0, 8, b"", (0,))


@pytest.mark.parametrize("text", [b"../lib/x", b"/usr/lib/x", b"/opt/environment/x", b"opt/env", b"/x/opt/env"])
def test_other_links_stay(text: bytes) -> None:
    assert sites.find_link(link(b"bin/x", text), environment(), DIRECTORIES) == (text, ())


def test_links_of_conda_keep_condas_text() -> None:
    where = environment(conda={b"bin/x": CondaFile("", "", "", b"", "softlink", "x")})
    neutral, found = sites.find_link(link(b"bin/x", b"/opt/env/lib/x"), where, DIRECTORIES)
    assert (neutral, len(found)) == (b"/lib/x", 1)


def test_links_into_the_base_lead_to_its_place() -> None:
    where = environment(renames=(Rename(b"/usr/lib/python3.11", b"/lib/a"), Rename(b"/usr/bin/py", b"/no/py")))
    assert sites.find_link(link(b"bin/x", b"/usr/lib/python3.11/b/os.py"), where, DIRECTORIES) == (
        b"../lib/a/b/os.py",
        (),
    )
    neutral, (site,) = sites.find_link(link(b"bin/py", b"/usr/bin/py"), where, DIRECTORIES)
    assert (neutral, site.neutral, site.end, site.renamed) == (b"/no/py", b"/no/py", 11, True)


def test_names_that_lead_to_a_file() -> None:
    entries = [
        file(b"lib/a/x.so", 7),
        file(b"lib/x-hard.so", 7),
        file(b"lib/y.so"),
        file(b"lib/alone.so", 8),
        link(b"lib/x.so", b"a/x.so"),
        link(b"lib/a/b/chain", b"../../x.so"),
        link(b"bin/y", b"../lib/y.so"),
        link(b"bin/absolute", b"/opt/env/lib/y.so"),
        link(b"bin/dangling", b"nowhere"),
        link(b"bin/circle", b"circle"),
        link(b"bin/out", b"../../etc/passwd"),
        link(b"lib64", b"lib"),
        link(b"share/through", b"../lib64/alone.so"),
    ]
    names = sites.aliases(entries, environment())
    assert {path: set(others) for path, others in names.items()} == {
        b"lib/a/x.so": {b"lib/x-hard.so", b"lib/x.so", b"lib/a/b/chain"},
        b"lib/x-hard.so": {b"lib/a/x.so", b"lib/x.so", b"lib/a/b/chain"},
        b"lib/y.so": {b"bin/y", b"bin/absolute"},
        b"lib/alone.so": {b"share/through"},
    }
    assert b"bin/absolute" not in sites.aliases(entries)[b"lib/y.so"]
