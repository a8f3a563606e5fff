"""What small, well-known files say of the place a tree was made at."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sfxpack.environments import witnesses
from sfxpack.environments.witnesses import Claim
from tests.prefixes import write

TREE = {
    b"bin/python",
    b"bin/python3.11",
    b"bin/perl",
    b"base-python/bin",
    b"lib/python3.11/site-packages/mine",
    b"src/mine",
}
PYTHON = b"/old/env/bin/python"
PURELIB = b"lib/python3.11/site-packages/"


def named(path: bytes, content: bytes) -> dict[bytes, bytes]:
    found = witnesses.claims({path: content}, TREE.__contains__)
    assert all(claim.path == path for claim in found)
    return {claim.old: claim.named for claim in found}


@pytest.mark.parametrize(
    "line",
    [
        b"#!/old/env/bin/python\n",
        b"#! /old/env/bin/python -sE\n",
        b"#!/old/env/bin/perl -w\n",
        b"#!/old/env/bin/python",
        b"#!/bin/sh\n'''exec' /old/env/bin/python \"$0\" \"$@\"\n' '''\n",
        b"#!/bin/sh\n'''exec' \"/old/env/bin/python\" \"$0\" \"$@\"\n' '''\n",
    ],
)
def test_first_lines(line: bytes) -> None:
    assert list(named(b"bin/tool", line)) == [b"/old/env"]


@pytest.mark.parametrize(
    ("place", "more", "is_named"),
    [
        (b"/old/env", 0, True),
        (b"/old/env/here", 0, True),  # its length reads as a slash
        (b"/old/env" * 30, 0, True),
        (b"/old/env", 1, False),
        (b"", 0, False),
    ],
)
def test_bytecode_names_its_source(place: bytes, more: int, is_named: bool) -> None:  # noqa: FBT001 - a row
    source = PURELIB + b"x.py"
    text = place + b"/" + source
    size = len(text) + more
    length = bytes([size]) if size < 0x100 else size.to_bytes(4, "little")
    content = bytes(16) + b"\xe3/a\xda" + length + text + b"\xda\x08<module>"
    found = witnesses.claims({PURELIB + b"__pycache__/x.cpython-311.pyc": content}, {source}.__contains__)
    assert [(claim.old, claim.named) for claim in found] == ([(place, text)] if is_named else [])


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (b"#!/my old/env/bin/python -E\n", b"/my old/env"),
        (b"#!/bin/sh\n'''exec' \"/my old/env/bin/python\" \"$0\" \"$@\"\n' '''\n", b"/my old/env"),
        (b"#!/home/bin/env/bin/python\n", b"/home/bin/env"),
        (b"#!/usr/bin/perl\n", b"/usr"),
    ],
)
def test_places_with_blanks_and_bins(line: bytes, place: bytes) -> None:
    assert list(named(b"bin/tool", line)) == [place]


@pytest.mark.parametrize("line", [b"#!/bin/python\n", b"#!/usr/bin/env python\n", b"#!/old/env/bin/ruby\n", b"\x7fELF"])
def test_first_lines_that_say_nothing(line: bytes) -> None:
    assert named(b"bin/tool", line) == {}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (b"bin/activate", b'VIRTUAL_ENV="/old/env"\nexport VIRTUAL_ENV\n'),
        (b"bin/activate", b"    export VIRTUAL_ENV=/old/env\n"),
        (b"bin/activate", b"VIRTUAL_ENV='/old/env'\n"),
        (b"bin/activate.csh", b'setenv VIRTUAL_ENV "/old/env"\n'),
        (b"bin/activate.fish", b'set -gx VIRTUAL_ENV "/old/env"\n'),
        (b"bin/x-config", b'#!/bin/sh\nprefix="/old/env"\nexec_prefix="/other"\n'),
        (b"bin/R", b"#!/bin/bash\nR_HOME_DIR=/old/env/lib/R\n"),
        (b"pyvenv.cfg", b"home = /usr/bin\ncommand = /usr/bin/python3 -m venv --without-pip /old/env\n"),
        (b"lib/python3.11/_sysconfigdata__linux_x86_64.py", b" 'other': '/x',\n 'prefix': '/old/env',\n"),
        (b"lib/pkgconfig/x.pc", b"prefix=/old/env/\nexec_prefix=${prefix}\n"),
        (b"conda-meta/history", b"==> now <==\n# cmd: /opt/conda/bin/conda create -y -p /old/env python\n"),
        (b"conda-meta/history", b"# cmd: conda install --prefix=/old/env numpy\n"),
        (witnesses.STATE, b"prefix=/old/env\nname=x\n"),
    ],
)
def test_files_that_name_the_place(path: bytes, content: bytes) -> None:
    assert named(path, content) == {b"/old/env": b"/old/env"}


@pytest.mark.parametrize(
    ("path", "content", "name"),
    [
        (b"pyvenv.cfg", b"home = /old/env/base-python/bin\n", b"/old/env/base-python/bin"),
        (b"lib/libx.la", b"# x\nlibdir='/old/env/lib'\n", b"/old/env/lib"),
        (PURELIB + b"x.pth", b"import os\n/old/env/src/mine\n", b"/old/env/src/mine"),
        (PURELIB + b"x.egg-link", b"/old/env/" + PURELIB + b"mine/\n.", b"/old/env/" + PURELIB + b"mine"),
        (b"share/jupyter/kernels/p/kernel.json", json.dumps({"argv": [PYTHON.decode(), "-m"]}).encode(), PYTHON),
        (PURELIB + b"x-1.dist-info/direct_url.json", b'{"url": "file:///old/env/src/mine"}', b"/old/env/src/mine"),
        (b".spack-db/index.json", b'{"installs": {"a": {"path": "/old/env/src/mine", "ref', b"/old/env/src/mine"),
    ],
)
def test_files_that_name_something_in_it(path: bytes, content: bytes, name: bytes) -> None:
    assert named(path, content) == {b"/old/env": name}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (b"pyvenv.cfg", b"home = /opt/python/bin\ncommand = /x/python -m virtualenv .\n"),
        (b"lib/pkgconfig/x.pc", b"prefix=${pcfiledir}/../..\n"),
        (b"lib/libx.la", b"libdir='/old/env/lib/deeper'\n"),
        (PURELIB + b"x.pth", b"/home/me/project\n/\n../x\n"),
        (b"share/jupyter/kernels/p/kernel.json", b'{"argv": []}'),
        (b"share/jupyter/kernels/p/kernel.json", b'["no object"]'),
        (b"share/jupyter/kernels/p/kernel.json", b"\xff"),
        (PURELIB + b"x-1.dist-info/direct_url.json", b'{"url": "https://host/old/env/src/mine"}'),
        (b"conda-meta/history", b"# cmd: conda create -n name\n"),
        (b".spack-db/index.json", b'{"installs": {"a": {"path": "/usr"}, "b": {"path": "/gone/b"}}}'),
    ],
)
def test_files_that_say_nothing(path: bytes, content: bytes) -> None:
    assert named(path, content) == {}


def test_only_these_files_are_read_and_each_once(tmp_path: Path) -> None:
    for path in (
        "bin/tool",
        "lib/pkgconfig/x.pc",
        "conda-meta/history",
        ".sfxpack/state",
        "share/other",
        "lib/deep/x.pc",
    ):
        write(tmp_path / path, path)
    (tmp_path / "lib64").symlink_to("lib")
    (tmp_path / "bin/link").symlink_to("tool")
    (tmp_path / "bin/folder").mkdir()
    write(tmp_path / "bin" / os.fsdecode(b"\xff"), "odd")
    assert set(witnesses.gather(tmp_path)) == {
        b"bin/tool",
        b"bin/\xff",
        b"lib/pkgconfig/x.pc",
        b"conda-meta/history",
        witnesses.STATE,
    }


def test_a_file_counts_once_for_each_place() -> None:
    content = b"#!/old/env/bin/python\nprefix='/old/env'\nprefix=/other\n"
    assert witnesses.claims({b"bin/x-config": content}, TREE.__contains__) == (
        Claim(b"bin/x-config", b"/old/env", b"/old/env"),
        Claim(b"bin/x-config", b"/other", b"/other"),
    )
