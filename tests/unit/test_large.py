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
