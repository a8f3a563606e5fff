"""First lines of scripts."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sfxpack import sites
from sfxpack.format.layout import Platform, ShebangForm, SiteFlag, Strategy
from sfxpack.model import Rename
from tests.sitekit import ROOT, environment, find, move


@pytest.mark.parametrize(
    ("line", "form"),
    [
        (b"#!/opt/env/bin/python", ShebangForm.PYTHON),
        (b"#!/opt/env/bin/python3.11 -E", ShebangForm.PYTHON),
        (b"#! /opt/env/bin/pypy3", ShebangForm.PYTHON),
        (b"#!\t/opt/env/bin/pythonw", ShebangForm.PYTHON),
        (b"#!/opt/env/bin/bash -e", ShebangForm.SHELL),
        (b"#!/opt/env/bin/sh", ShebangForm.SHELL),
        (b"#!/opt/env/bin/perl -w", ShebangForm.PERL),
        (b"#!/opt/env/bin/ruby3.1", ShebangForm.PERL),
        (b"#!/opt/env/bin/node", ShebangForm.NODE),
        (b"#!/opt/env/bin/Rscript --vanilla", ShebangForm.ENV),
        (b"#!/opt/env/bin/lua", ShebangForm.ENV),
        (b"#!/usr/bin/env /opt/env/bin/python", ShebangForm.PYTHON),
        (b"#!/usr/bin/env -S A=b /opt/env/bin/python -E", ShebangForm.PYTHON),
        (b"#!/bin/sh /opt/env/lib/x", ShebangForm.SHELL),
    ],
)
def test_the_form_is_that_of_the_language(line: bytes, form: ShebangForm) -> None:
    content = line + b"\nbody of /opt/env\n"
    found = find(content, b"bin/x")
    assert found.sites[0].strategy is Strategy.SHEBANG
    assert (found.sites[0].start, found.sites[0].end, found.sites[0].detail) == (0, len(line), form)
    assert found.sites[1].strategy is Strategy.TEXT
    assert move(content, b"/n", b"bin/x") == content.replace(ROOT, b"/n")


def test_several_hits_are_one_site() -> None:
    content = b"#!/opt/env/bin/python -W /opt/env/w"
    (site,) = find(content, b"bin/x").sites
    assert (site.neutral, site.hits) == (b"#!/bin/python -W /w", (2, 17))
    assert move(content, b"/n", b"bin/x") == b"#!/n/bin/python -W /n/w"


@pytest.mark.parametrize(
    "content",
    [
        b"#!/usr/bin/env python\nx = '/opt/env'\n",
        b"#!/opt/environment/bin/python\nx = '/opt/env'\n",
        b"#!/opt/env/bin/python\r\nprint(1)\r\n",
        b"#!" + b"x" * 5000 + b"=/opt/env\n",
        b" #!/opt/env/bin/python\n",
    ],
)
def test_what_is_no_shebang_of_ours(content: bytes) -> None:
    found = find(content, b"bin/x")
    assert [site.strategy for site in found.sites] == [Strategy.TEXT]


@pytest.mark.parametrize("size", [126, 127, 128, 511, 512])
@pytest.mark.parametrize("platform", [Platform.LINUX_X86_64, Platform.MACOS_ARM64])
def test_the_limit_of_the_system(size: int, platform: Platform) -> None:
    prefix = b"/" + b"p" * (size - len(b"#!//bin/python"))
    moved = move(b"#!/opt/env/bin/python\n", prefix, b"bin/x", options=sites.Options(platform=platform))
    assert len(b"#!" + prefix + b"/bin/python") == size
    fits = size <= (511 if platform is Platform.MACOS_ARM64 else 127)
    assert moved.startswith(b"#!" + prefix if fits else b"#!/bin/sh\n'''exec' \"" + prefix)


def test_a_root_whose_line_was_too_long_is_not_taken_for_what_we_would_write() -> None:
    root = b"/" + b"r" * 130
    found = find(b"#!" + root + b"/bin/python\n", b"bin/x", environment(root))
    assert found.sites[0].renamed


def test_where_blanks_in_the_prefix_divide_it() -> None:
    """The installer warns of these."""
    lines = {b"#!/usr/bin/env -S /opt/env/bin/python -u": True, b"#!/usr/bin/env -iS A=1 /opt/env/bin/x": True}
    lines |= {b"#!/usr/bin/env /opt/env/bin/python": False, b"#!/opt/env/bin/python -S": False}
    for line, divides in lines.items():
        (site,) = find(line + b"\n", b"bin/x").sites
        assert bool(site.flags & SiteFlag.UNQUOTED) is divides


STRICT = {**os.environ, "PYTHONWARNINGS": "error"}
"""A first line is no place for a warning either."""
AWKWARD = [
    b"/plain",
    b"/with blank",
    b"/qu'ote",
    b'/dq"x',
    b"/dol$x",
    b"/back\\x",
    b"/tick`x",
    "/ü".encode(),
    b"/" + b"l" * 150,
]


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize(
    ("program", "body"),
    [
        ("python3", b"import sys\nprint(sys.argv[1:])\n"),
        ("bash", b"echo \"['$1', '$2']\"\n"),
        ("perl", b"print \"['$ARGV[0]', '$ARGV[1]']\\n\";\n"),
        ("ruby", b"puts \"['#{ARGV[0]}', '#{ARGV[1]}']\"\n"),
        ("node", b"const a = process.argv; console.log(`['${a[2]}', '${a[3]}']`)\n"),
    ],
)
def test_scripts_run_from_awkward_prefixes(tmp_path: Path, name: bytes, program: str, body: bytes) -> None:
    real = sys.executable if program == "python3" else shutil.which(program)
    if real is None:
        pytest.skip(f"no {program} here")
    prefix = os.fsencode(tmp_path) + name
    os.makedirs(prefix + b"/bin")
    os.symlink(real, prefix + b"/bin/" + program.encode())
    script = prefix + b"/bin/tool"
    with open(script, "wb") as file:
        file.write(move(b"#!/opt/env/bin/" + program.encode() + b"\n" + body, prefix, b"bin/tool"))
    os.chmod(script, 0o700)
    result = subprocess.run([script, "a b", "c"], capture_output=True, text=True, check=True, env=STRICT)
    assert (result.stdout, result.stderr) == ("['a b', 'c']\n", "")


@pytest.mark.parametrize("name", AWKWARD)
def test_the_prefix_in_an_argument_stays_one_word(tmp_path: Path, name: bytes) -> None:
    prefix = os.fsencode(tmp_path) + name
    os.makedirs(prefix + b"/bin")
    os.symlink(sys.executable, prefix + b"/bin/python3")
    script = prefix + b"/bin/tool"
    line = b"#!/opt/env/bin/python3 -Xpycache_prefix=/opt/env/my cache "
    with open(script, "wb") as file:
        file.write(
            move(line + b"\nimport os, sys\nprint(os.fsencode(sys.pycache_prefix).hex(), *sys.argv[1:])\n", prefix)
        )
    os.chmod(script, 0o700)
    result = subprocess.run([script, "a"], capture_output=True, text=True, check=True, env=STRICT)
    assert (result.stdout, result.stderr) == (f"{(prefix + b'/my cache').hex()} a\n", "")


def test_a_zipapp_keeps_working(tmp_path: Path) -> None:
    prefix = os.fsencode(tmp_path) + b"/with blank/and more"
    os.makedirs(prefix + b"/bin")
    os.symlink(sys.executable, prefix + b"/bin/python3")
    buffer = io.BytesIO()
    buffer.write(b"#!/opt/env/bin/python3\n")
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("__main__.py", "print('/opt/env'.count('/'))\n")
    content = buffer.getvalue()
    found = find(content, b"bin/app")
    assert [site.strategy for site in found.sites] == [Strategy.SHEBANG]
    assert [finding.category for finding in found.findings] == ["unreachable"]
    (tmp_path / "app").write_bytes(move(content, prefix, b"bin/app"))
    (tmp_path / "app").chmod(0o755)
    result = subprocess.run([tmp_path / "app"], capture_output=True, text=True, check=True)
    assert result.stdout == "2\n"


def test_a_script_in_an_unknown_encoding_keeps_its_shebang() -> None:
    content = b"#!/opt/env/bin/perl\n# caf\xe9 in /opt/env/x\n"
    found = find(content, b"bin/x")
    assert [site.strategy for site in found.sites] == [Strategy.SHEBANG, Strategy.SLASH]
    assert move(content, b"/longer/prefix", b"bin/x").startswith(b"#!/longer/prefix/bin/perl\n# caf\xe9 in ////////")


def test_a_script_with_appended_data_keeps_its_length() -> None:
    content = b"#!/opt/env/bin/sh\nexec tail -c +99 $0\n\0\1\2"
    assert [site.strategy for site in find(content, b"bin/x").sites] == [Strategy.SLASH]


def test_the_interpreter_of_the_base_is_in_the_new_prefix() -> None:
    where = environment(renames=(Rename(b"/usr/bin/python3.11", b"/bin/python3.11"),))
    content = b"#!/usr/bin/python3.11 -E\n"
    assert move(content, b"/n", b"bin/x", where) == b"#!/n/bin/python3.11 -E\n"
