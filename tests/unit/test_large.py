"""Files read in windows: what is seen of them must be what is seen of small ones."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from sfxpack import sites
from sfxpack.content import Context, prepare
from sfxpack.format.layout import EntryKind
from sfxpack.large import Large
from sfxpack.model import Entry
from sfxpack.names import Names
from sfxpack.records import Files
from tests.sitekit import environment
from tests.unit.test_sites_ar import NEXT, archive, member


@pytest.mark.parametrize(
    "content",
    [
        b"\0/opt/env/x\0",
        b"a=/opt/env\n",
        gzip.compress(b"x" * 1000 + b" /opt/env/x"),
        archive(member(b"data.tar.gz", gzip.compress(b"x" * 1000 + b" /opt/env/x")), NEXT),
        b"nothing",
    ],
)
def test_as_a_small_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    status = (tmp_path / "x").stat()
    entry = Entry(b"x", EntryKind.FILE, 0o644, len(content), status.st_mtime_ns, os.fsencode(tmp_path / "x"))
    where = environment()
    files = Files(Names({b"x": entry}, {}), {})
    context = Context(where, sites.needles(where), sites.Options(), files, {}, {b"x": {"sha256": ()}})
    large, small = Large(entry, context), prepare(entry, context)
    assert b"".join(large.pieces(1 << 20)) == small.content
    assert (tuple(large.sites), large.digest) == (small.sites, small.digest)
    assert large.examined().on_disk == small.examined.on_disk
    assert set(large.examined().findings) == set(small.examined.findings)


BORDER = 8 << 20
"""Where the first pass cuts."""


@pytest.mark.parametrize("text", [b"/opt/env/x\0", "/opt/env".encode("utf-16-le"), "/opt/env".encode("utf-32-le")])
@pytest.mark.parametrize("shift", [0, 1])
def test_what_stands_beside_a_hole_is_found(tmp_path: Path, text: bytes, shift: int) -> None:
    path, start = tmp_path / "x", BORDER - len(text) + shift
    with path.open("wb") as file:
        file.seek(start)
        file.write(text)
        file.truncate(2 * BORDER)
    entry = Entry(b"x", EntryKind.FILE, 0o644, 2 * BORDER, path.stat().st_mtime_ns, os.fsencode(path))
    where = environment()
    context = Context(where, sites.needles(where), sites.Options(), Files(Names({b"x": entry}, {}), {}), {}, {})
    large, small = Large(entry, context), prepare(entry, context)
    assert b"".join(large.pieces(BORDER)) == small.content
    assert small.sites
    assert [(at, site.neutral, site.encoding) for at, site in large.sites] == [
        (at, site.neutral, site.encoding) for at, site in small.sites
    ]
    assert large.digest == small.digest
