"""Text files: where the path stands decides how it is written."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from sfxpack import sites
from sfxpack.format.layout import Encoding, SiteFlag, Strategy
from sfxpack.model import Policy, Rename
from tests.sitekit import ROOT, categories, environment, find, move

HARD = b'/srv/it\'s a "x\\y"'


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (b"share/prose", b"Lies in /opt/env. See /opt/env/doc, or (/opt/env/lib).\n"),
        (b"pyvenv.cfg", b"home = /opt/env/bin\ncommand = /opt/env/bin/python -m venv /opt/env\n"),
        (b"lib/a.pth", b"/opt/env/src\n"),
        (
            b"lib/pkgconfig/x.pc",
            b"prefix=/opt/env\nLibs: -L/opt/env/lib -Wl,-rpath,/opt/env/lib -lx\nCflags: -I/opt/env/i\n",
        ),
        (b"lib/x.la", b"libdir='/opt/env/lib'\ndependency_libs=' -L/opt/env/lib /opt/env/lib/libz.la'\n"),
        (b"bin/R", b'#!/bin/sh\nR_HOME_DIR=/opt/env/lib/R\nif test "${R_HOME_DIR}" = "/opt/env/lib/R"; then\n'),
        (
            b"lib/python3.11/config/Makefile",
            b"prefix=\t\t/opt/env\nCONFIG_ARGS= '--prefix=/opt/env' 'CC=/opt/env/bin/cc'\n",
        ),
        (b"bin/x-config", b"#!/bin/sh\nprefix=/opt/env\ncase $1 in --libs) echo -L/opt/env/lib;; esac\n"),
        (b"lib/R/etc/Makeconf", b"prefix = /opt/env\nLDFLAGS = -Wl,-O2 -L/opt/env/lib\n"),
        (
            b"lib/gdk-pixbuf-2.0/2.10.0/loaders.cache",
            b'"/opt/env/lib/gdk-pixbuf-2.0/x.so"\n"png" 5 "gdk-pixbuf" "PNG"\n',
        ),
        (b"etc/profile", b"export PATH=/opt/env/bin:/opt/env/sbin:/usr/bin\n"),
        (b"no-newline", b"/opt/env"),
        (b"crlf.txt", b"a=/opt/env\r\nb=/opt/env/x\r\n"),
    ],
)
def test_every_place_moves(path: bytes, content: bytes) -> None:
    for prefix in (b"/n", b"/opt/env", b"/srv/" + b"long" * 40):
        assert move(content, prefix, path) == content.replace(ROOT, prefix)


def test_other_paths_stay_and_are_counted() -> None:
    content = b"/opt/environment /home/opt/env /opt/env2 http://opt/env/x /opt/env\n"
    assert move(content, b"/n") == b"/opt/environment /home/opt/env /opt/env2 http://opt/env/x /n\n"
    assert categories(find(content)) == {"other": 4}


def test_ambiguous_places_follow_the_policy() -> None:
    content = b"a=$ROOT/opt/env b=/opt/env\n"
    assert move(content, b"/n") == b"a=$ROOT/opt/env b=/n\n"
    assert categories(find(content)) == {"ambiguous": 1}
    assert categories(find(content, options=sites.Options(ambiguous=Policy.FAIL))) == {"ambiguous": 1}
    relocate = sites.Options(ambiguous=Policy.RELOCATE)
    assert move(content, b"/n", options=relocate) == b"a=$ROOT/n b=/n\n"
    assert not find(content, options=relocate).findings


@pytest.mark.parametrize("name", [b"kernel.json", b"no-suffix"])
@pytest.mark.parametrize("slashes", [False, True])
def test_json_stays_json(name: bytes, slashes: bool) -> None:  # noqa: FBT001 - a row
    value = {"argv": ["/opt/env/bin/python", "-m", "x"], "env": {"P": "/opt/env"}}
    content = json.dumps(value).encode()
    if slashes:
        content = content.replace(b"/", b"\\/")
    moved = move(content, HARD, name)
    assert json.loads(moved) == {"argv": [HARD.decode() + "/bin/python", "-m", "x"], "env": {"P": HARD.decode()}}
    assert (b"\\/srv" in moved) is slashes


def test_json_lines_are_json() -> None:
    lines = move(b'{"a": "/opt/env"}\n{"b": "/opt/env/x"}\n', HARD, b"x.jsonl").splitlines()
    assert [json.loads(line) for line in lines] == [{"a": HARD.decode()}, {"b": HARD.decode() + "/x"}]


def test_old_prefixes_are_found_escaped() -> None:
    where = environment('/opt/ü"x'.encode())
    old = '/opt/ü"x'
    for content in (json.dumps({"a": old + "/b"}), json.dumps({"a": old}, ensure_ascii=False)):
        assert json.loads(move(content.encode(), HARD, b"a.json", where))["a"].startswith(HARD.decode())


def test_python_literals_stay_literals() -> None:
    source = (
        b"# in /opt/env\n"
        b"A = '/opt/env/a'\nB = \"/opt/env\"\nC = b'/opt/env'\n"
        b"D = '''\n/opt/env/d\n'''\nE = f\"{A}:/opt/env\"\n"
        b"F = {'LIBDIR': '/opt/env/lib', 'FLAGS': '-L/opt/env/lib -Wl,-rpath,/opt/env/lib'}\n"
    )
    moved = move(source, HARD, b"lib/python3.11/_sysconfigdata_x.py")
    result = subprocess.run(
        [sys.executable, "-c", moved.decode() + "\nprint([A, B, C, D, E, F])"],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = HARD.decode()
    assert result.stdout.strip() == repr(
        [
            expected + "/a",
            expected,
            HARD,
            f"\n{expected}/d\n",
            f"{expected}/a:{expected}",
            {"LIBDIR": expected + "/lib", "FLAGS": f"-L{expected}/lib -Wl,-rpath,{expected}/lib"},
        ]
    )
    assert moved.startswith(b"# in " + HARD + b"\n")


def test_raw_literals_are_marked_where_a_quote_would_break_them() -> None:
    (site,) = find(b"A = r'/opt/env'\n", b"a.py").sites
    assert (site.encoding, site.flags) == (Encoding.PLAIN, SiteFlag.UNQUOTED)


def test_urls_are_percent_encoded() -> None:
    content = b'{"url": "file:///opt/env/src", "dir": "/opt/env"}'
    moved = json.loads(move(content, b'/srv/a b"c', b"x.dist-info/direct_url.json"))
    assert moved == {"url": "file:///srv/a%20b%22c/src", "dir": '/srv/a b"c'}
    where = environment("/opt/a b+ü".encode())
    for url in ("file:///opt/a%20b%2B%C3%BC/x", "file:///opt/a%20b+%c3%bc/x"):
        assert move(url.encode(), b"/srv/z z", where=where) == b"file:///srv/z%20z/x"


def test_completely_encoded_paths_are_reported() -> None:
    assert categories(find(b"?path=%2Fopt%2Fenv%2Flib&x=%2fopt%2fenv and %2Fopt%2Fenvy")) == {"unreachable": 2}


@pytest.mark.parametrize(
    ("path", "content", "unquoted"),
    [
        (b"bin/x", b"#!/bin/sh\ncd /opt/env\n", True),
        (b"bin/x", b'#!/bin/sh\ncd "/opt/env"\n', False),
        (b"bin/x", b"#!/usr/bin/env bash\nA='x' B=/opt/env\n", True),
        (b"bin/x", b"#!/bin/sh\nA='/opt/env'\n", False),
        (b"bin/activate", b"read -r A <<'HERE'\n/opt/env\nHERE\n", False),
        (b"bin/activate", b"read -r A <<HERE\n/opt/env\nHERE\n", True),
        (b"bin/x-config", b"prefix=/opt/env\n", True),
        (b"lib/pkgconfig/x.pc", b"prefix=/opt/env\n", True),
        (b"lib/Makefile", b"prefix= /opt/env\n", True),
        (b"pyvenv.cfg", b"home = /opt/env/bin\n", False),
        (b"lib/x.pth", b"/opt/env\n", False),
        (b"README", b"see /opt/env\n", False),
        (b"lib/x.py", b"a = '/opt/env'\n", False),
    ],
)
def test_where_blanks_break(path: bytes, content: bytes, unquoted: bool) -> None:  # noqa: FBT001 - a row
    (site,) = find(content, path).sites
    assert bool(site.flags & SiteFlag.UNQUOTED) is unquoted


def test_the_reexec_form_of_pip_moves_within_its_quotes() -> None:
    script = b"#!/bin/sh\n'''exec' \"/opt/env/bin/python\" \"$0\" \"$@\"\n' '''\nHERE = '/opt/env'\n"
    found = find(script, b"bin/tool")
    assert [(site.strategy, site.encoding, site.flags) for site in found.sites] == [
        (Strategy.TEXT, Encoding.PLAIN, 0),
        (Strategy.TEXT, Encoding.PYTHON, 0),
    ]
    assert move(script, b"/a b", b"bin/tool") == script.replace(ROOT, b"/a b")


def test_paths_of_the_base_lie_below_the_new_prefix() -> None:
    renames = (Rename(b"/usr/lib/python3.11", b"/base/lib/python3.11"), Rename(b"/srv/py", b"/base"))
    where = environment(renames=renames)
    content = b"a=/usr/lib/python3.11/os.py b=/srv/py/bin c=/opt/env d=/usr/lib/python3.110\n"
    expected = b"a=/n/base/lib/python3.11/os.py b=/n/base/bin c=/n d=/usr/lib/python3.110\n"
    assert move(content, b"/n", where=where) == expected
    assert [site.renamed for site in find(content, where=where).sites] == [True, True, False]


def test_the_longest_old_path_wins() -> None:
    where = environment(renames=(Rename(b"/opt/env/base", b""), Rename(b"/real/opt/env", b"")))
    assert move(b"/opt/env/base/x /opt/env/x /real/opt/env/y", b"/n", where=where) == b"/n/x /n/x /n/y"


def test_the_doubled_slash_of_our_own_padding_is_the_prefix() -> None:
    assert move(b"a=/opt//env/lib\n", b"/n") == b"a=/n/lib\n"


def test_placeholders_are_never_sites() -> None:
    placeholder = ROOT + b"/conda-bld/x_1/_h_env" + b"_placehold" * 10
    where = environment(placeholders=(placeholder,))
    content = b'{"prefix_placeholder": "' + placeholder + b'", "root": "/opt/env"}'
    assert move(content, b"/n", b"conda-meta/x.json", where) == content.replace(b'"/opt/env"', b'"/n"')
