"""Static libraries and other ar archives, member by member."""

from __future__ import annotations

import gzip
import lzma
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from sfxpack import sites
from sfxpack.classify import is_archive
from sfxpack.format.layout import Encoding, SiteFlag, Strategy
from sfxpack.model import Kind
from sfxpack.sites import ar
from sfxpack.sites.spelling import encode
from tests.sitekit import categories, environment, find, kind, move
from tests.unit.test_sites_window import windows


def member(name: bytes, content: bytes, size: int | None = None) -> bytes:
    """Header and content; of another size than the content has, if given."""
    fields = (name.ljust(16), b"0".ljust(12), b"0".ljust(6), b"0".ljust(6), b"644".ljust(8))
    header = b"".join(fields) + b"%-10d`\n" % (len(content) if size is None else size)
    return header + content + b"\n" * (len(content) % 2)


def archive(*members: bytes, magic: bytes = ar.MAGIC) -> bytes:
    return magic + b"".join(members)


ENDS = member(b"a/", b"see /opt/env")
"""Even, without a newline: the next header follows at once."""
NEXT = member(b"next.o/", b"\0/opt/env/x\0")


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (archive(ENDS, NEXT), 2),  # System V: what follows is no part of the path
        (archive(member(b"/", b"\0" * 4), member(b"//", b"long-name.o/\n"), member(b"/0", b"/opt/env"), NEXT), 2),
        (archive(member(b"#1/8", b"name.o\0\0/opt/env"), NEXT), 2),  # BSD: the name stands before the content
        (archive(member(b"#1/4", b"home/opt/env"), NEXT), 2),  # without NULs it would be another path's end
        (archive(member(b"x/", b"odd /opt/env"), member(b"-old.o/", b"")), 1),
        (archive(member(b"//", b"/opt/env/src/x.o/\n"), member(b"/0", b"", 4000), magic=ar.THIN), 1),
        (archive(member(b"a/", b"/opt/env", 10**6)), 1),  # damaged: as any file of unknown format
        (archive(ENDS) + b" /opt/env", 2),
        (archive(ENDS).replace(b"`\n", b"??"), 1),
    ],
)
def test_no_path_reaches_into_the_next_member(content: bytes, count: int) -> None:
    assert kind(content) is Kind.BINARY
    found = find(content, b"lib/x.a")
    assert [(site.strategy, site.flags) for site in found.sites] == [(Strategy.SLASH, SiteFlag.SOFT)] * count
    assert move(content, b"/n", b"lib/x.a") == content.replace(b"/opt/env", b"///////n")


def test_no_padding_reaches_into_the_next_member() -> None:
    root = environment(b"/env")
    content = archive(member(b"a", b"x=/env"), member(b"//", b"a-long-name.o/\n"))
    assert [site.end - site.start for site in find(content, b"x.a", root).sites] == [4]
    content = archive(member(b"a", b"x=/env///"), member(b"//", b""))
    assert [site.end - site.start for site in find(content, b"x.a", root).sites] == [5]
    content = archive(member(b"a", b"//"), member(b"#1/2", b"//" + b"/opt/env"))
    assert [site.end - site.start for site in find(content, b"x.a").sites] == [8]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, zstandard.compress])
def test_compressed_members_are_looked_at(pack: Callable[[bytes], bytes]) -> None:
    """A Debian package is an ar archive of compressed tar files."""
    content = archive(member(b"debian-binary", b"2.0\n"), member(b"data.tar", pack(b"x" * 1000 + b" /opt/env/x")))
    assert is_archive(content)
    (finding,) = sites.look_inside(b"x.deb", content, sites.needles(environment()))
    assert (finding.category, finding.count) == ("unreachable", 1)
    assert not sites.look_inside(b"x.deb", content[:-30], sites.needles(environment()))
    assert not sites.look_inside(b"x.a", archive(NEXT), sites.needles(environment()))


def test_sealed_members_are_not_touched() -> None:
    """What zstd could not compress stands in its output as it is."""
    packed = zstandard.compress(b"/opt/env")
    assert b"/opt/env" in packed
    content = archive(member(b"control.tar.zst", packed), NEXT, member(b"x", b"/opt/env"))
    found = find(content, b"x.deb")
    assert (len(found.sites), categories(found)) == (2, {"unreachable": 1})
    assert move(content, b"/n", b"x.deb").count(packed) == 1
    large = archive(member(b"data.zip", b"PK\3\4" + bytes(200_000) + b"/opt/env"), NEXT)
    assert sum(len(part.sites) for part in windows(large, Kind.BINARY, 50_000, b"x.deb")) == 1


def test_findings_of_all_members_are_counted() -> None:
    content = archive(*[member(b"a/", b"\0/home/opt/env\0")] * 3, NEXT)
    assert categories(find(content, b"x.a")) == {"other": 3}
    assert len(find(content, b"x.a").findings) == 1


def test_windows_find_what_the_whole_file_has() -> None:
    wide = encode(b"=/opt/env;", Encoding.UTF16BE)
    content = archive(*[member(b"a/", bytes(39_996) + piece) for piece in (b"/opt/env", wide, b"y/opt/env") * 3])
    whole = find(content, b"x.a")
    assert len(whole.sites) == 9
    for step in (50_001, 131_072):
        parts = windows(content, Kind.BINARY, step, b"x.a")
        assert tuple(site for part in parts for site in part.sites) == whole.sites


@pytest.mark.parametrize("options", ["rc", "rcT"])
def test_what_ar_makes_can_be_read_by_ar(tmp_path: Path, require: Callable[[str], str], options: str) -> None:
    (tmp_path / "first-of-two-long-names.txt").write_text("in /opt/env")
    (tmp_path / "b").write_bytes(b"\0/opt/env\0" + bytes(9))
    tool = require("ar")
    subprocess.run([tool, options, "x.a", "first-of-two-long-names.txt", "b"], cwd=tmp_path, check=True)
    content = (tmp_path / "x.a").read_bytes()
    thin = options == "rcT"
    assert (len(ar.parts(content)) > 2, len(find(content).sites)) == (True, 0 if thin else 2)
    (tmp_path / "x.a").write_bytes(move(content, b"/n"))
    shown = subprocess.run([tool, "p", "x.a"], cwd=tmp_path, check=True, capture_output=True).stdout
    expected = b"in /opt/env\0/opt/env\0" + bytes(9)
    assert shown == (expected if thin else expected.replace(b"/opt/env", b"///////n"))
