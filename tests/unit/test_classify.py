"""What a file's content is."""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import io
import lzma
import tarfile
import zipfile

import pytest
import zstandard

from sfxpack import sites
from sfxpack.classify import HEAD, TextProbe, classify, is_archive, is_pyc, is_text
from sfxpack.model import Kind
from sfxpack.sites.archive import Mapped
from tests.sitekit import environment, kind


def zipped(method: int = zipfile.ZIP_DEFLATED, text: bytes = b"x" * 1000 + b"/opt/env/x ") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("a", text)
        archive.writestr("empty/", b"")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", Kind.TEXT),
        (b"plain\n", Kind.TEXT),
        ("tab\tform\fvertical\vescape\x1bü\r\n".encode(), Kind.TEXT),
        (b"nul\0", Kind.BINARY),
        (b"bell\a", Kind.BINARY),
        (b"backspace\b", Kind.BINARY),
        (b"x" * 10_000 + b"\0", Kind.BINARY),
        (b"caf\xe9\n", Kind.BINARY),
        (b"# -*- coding: latin-1 -*-\ncaf\xe9\n", Kind.TEXT),
        (b"#!/usr/bin/python\n# vim: set fileencoding=iso-8859-15 :\ncaf\xe9\n", Kind.TEXT),
        (b"#\n#\n# coding: latin-1\ncaf\xe9\n", Kind.BINARY),
        (b"# coding: utf-8\ncaf\xe9\n", Kind.BINARY),
        ("/x".encode("utf-16"), Kind.BINARY),
        (b"%PDF-1.7\n", Kind.BINARY),
        (b"!_TAG_FILE_FORMAT\t2\n", Kind.BINARY),
        (b"\x0c\nmain.c,100\n", Kind.BINARY),
        (b"DIRC\0\0\0\2", Kind.BINARY),
        (b"!<arch>\nx.o/ 0 0 0 644 1 `\nx", Kind.BINARY),
        (b"\x7fELF\2\1\1", Kind.ELF),
        (gzip.compress(b"x"), Kind.ARCHIVE),
        (bz2.compress(b"x"), Kind.ARCHIVE),
        (lzma.compress(b"x"), Kind.ARCHIVE),
        (zstandard.compress(b"x"), Kind.ARCHIVE),
        (zipped(), Kind.ARCHIVE),
        (b"PK\5\6" + bytes(18), Kind.ARCHIVE),
        (b"SQLite format 3\0", Kind.ARCHIVE),
        (tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT), Kind.ARCHIVE),
        (tarfile.TarInfo("x").tobuf(tarfile.GNU_FORMAT), Kind.ARCHIVE),
        (b"#!/bin/sh\n", Kind.TEXT),
    ],
)
def test_kinds(content: bytes, expected: Kind) -> None:
    assert kind(content) is expected


def test_compiled_python_is_known_by_name_and_magic() -> None:
    content = importlib.util.MAGIC_NUMBER + bytes(12) + b"N"
    assert kind(content, b"lib/x.pyc") is Kind.PYC
    assert kind(content, b"lib/x.bin") is Kind.BINARY
    assert kind(b"text", b"lib/x.pyc") is Kind.TEXT
    assert is_pyc(b"a.pyc")
    assert not is_pyc(b"a.py")


def test_a_file_too_large_to_hold_is_text_only_if_all_of_it_is() -> None:
    assert classify(b"x", b"text", None) is Kind.BINARY
    assert classify(b"x", b"text", None, text=True) is Kind.TEXT
    assert classify(b"x", b"te\0t", None, text=True) is Kind.BINARY
    assert classify(b"x", b"\x7fELF", None) is Kind.ELF
    assert HEAD == 4096


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 100])
@pytest.mark.parametrize(
    "content",
    [
        "aé中😀" * 20,
        "中" * 50,
        b"\xff text",
        "text é".encode() + b"\xe4\xb8",
        b"nul \0 x",
        b"\x80\x80",
        b"\xc3\xc3\xa9",
    ],
)
def test_windows_of_text_are_text(content: str | bytes, size: int) -> None:
    data = content.encode() if isinstance(content, str) else content
    probe = TextProbe()
    for start in range(0, len(data), size):
        probe.feed(data[start : start + size])
    cut = 2 if data.endswith(b"\xe4\xb8") else 0  # an unfinished character at the very end counts as whole
    assert probe.text is is_text(data[: len(data) - cut])


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"x" * 1000 + b"/opt/env/x "),
        bz2.compress(b"x" * 1000 + b" /opt/env/x "),
        lzma.compress(b"x" * 1000 + b" /opt/env/x "),
        zstandard.compress(b"x" * 1000 + b" /opt/env/x "),
        zipped(),
        zipped(zipfile.ZIP_BZIP2),
        gzip.compress(b" /opt/env/x " + b"y" * 10_000_000),
        gzip.compress(b"y" * 10_000_000 + b" /opt/env"),
        gzip.compress(b"y" * (4 * 1024 * 1024 - 5) + b" /opt/env " + b"y" * 100_000),
    ],
)
def test_compressed_contents_are_looked_at(content: bytes) -> None:
    assert is_archive(content)
    (finding,) = sites.look_inside(b"x", content, sites.needles(environment()))
    assert (finding.category, finding.count) == ("unreachable", 1)
    with Mapped(-1, len(content)) as mapped:
        mapped[:] = content
        assert sites.look_inside(b"x", mapped, sites.needles(environment())) == (finding,)


@pytest.mark.parametrize(
    "content", [zipped(zipfile.ZIP_STORED), gzip.compress(b"nothing"), b"PK\3\4 damaged", b"\x1f\x8b"]
)
def test_contents_without_old_path(content: bytes) -> None:
    assert not sites.look_inside(b"x", content, sites.needles(environment()))
