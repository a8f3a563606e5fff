"""Names that Windows does not allow, told on any host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry
from sfxpack.windows import names
from tests.prefixes import write
from tests.running import SFXPACK, run
from tests.windows import windows_program


def entries(*paths: str | bytes) -> list[Entry]:
    return [
        Entry(path if isinstance(path, bytes) else path.encode(), EntryKind.FILE, 0o644, 1, 0) for path in sorted(paths)
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *(
            (name, "device")
            for name in ("CON", "con", "nul.txt", "Aux.tar.gz", "prn ", "com1", "LPT9.x", "COM¹", "lpt³.h")
        ),
        *((name, "device") for name in ("conin$", "nul .txt")),
        *((name, "dot or a blank") for name in ("a.", "a ", "...", "a. .")),
        *((f"a{character}b", "holds") for character in '<>:"|?*\\'),
        ("a\tb", "control"),
        ("a\nb", "control"),
        (b"caf\xe9", "not UTF-8"),
    ],
)
def test_refused(name: str | bytes, reason: str) -> None:
    text = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
    if name == "prn ":
        reason = "blank"
    for path in (text, f"lib/{text}"):
        (found,) = names.refused(entries(path.encode("utf-8", "surrogateescape")))
        assert reason in found


@pytest.mark.parametrize(
    "name",
    [
        "console",
        "com",
        "com10",
        "com0",
        "lpt",
        "auxiliary.h",
        "x.nul",
        ".x",
        "a b",
        "é",
        "~x",
        "[a]",
        "a'b",
        "a;b",
        "-",
        "con_",
    ],
)
def test_allowed(name: str) -> None:
    assert not list(names.refused(entries(name, f"lib/{name}")))


@pytest.mark.parametrize(
    ("first", "second"),
    [("A", "a"), ("lib/Ab.py", "lib/aB.py"), ("É", "é"), ("Lib/x", "lib/y/../x"), ("Я", "я"), ("ÿ", "Ÿ")],
)
def test_names_that_differ_in_case_alone(first: str, second: str) -> None:
    second = second.replace("y/../", "")
    (found,) = names.refused(entries(first, second))
    assert found == f"{max(first, second)}  is {min(first, second)} there, which does not tell letters by their case"


@pytest.mark.parametrize(("first", "second"), [("ß", "SS"), ("a", "b"), ("ς", "Ϡ"), ("\U00010428", "\U00010400")])
def test_names_that_differ_there_too(first: str, second: str) -> None:
    assert not list(names.refused(entries(first, second)))


def test_the_longest_path() -> None:
    found = names.longest(entries("a/bb", "a/é\U0001f600", "a"))
    assert found == names.Longest("a/é\U0001f600".encode(), 5)
    assert names.longest([]) is None
    (text,) = names.warnings(entries("a/" + 60 * "x/y/" + "z"), "app")
    assert "has 243 characters" in text
    assert text.endswith("the prefix may have 15")
    assert not list(names.warnings(entries("a/" + "x" * 180), "app"))


def test_builds_are_refused_and_scans_say_so(tmp_path: Path) -> None:
    root = tmp_path / "env"
    write(root / "python.exe", windows_program())
    for name in ("share/aux.h", "share/x.", "share/README", "share/readme", "share/ok"):
        write(root / name, "x")
    (root / "link").symlink_to("share")
    done = run(*SFXPACK, "build", root, "-o", tmp_path / "x.exe", status=2)
    assert done.stderr.splitlines() == [
        "sfxpack: Windows does not allow these names; rename them, or leave them out with --exclude:",
        "  share/aux.h  is the name of a device there",
        "  share/readme  is share/README there, which does not tell letters by their case",
        "  share/x.  ends with a dot or a blank, which Windows drops",
    ]
    assert "share/aux.h" in run(*SFXPACK, "build", root, "--dry-run", status=2).stderr
    said = run(*SFXPACK, "scan", root).stdout
    assert "warning: a build is refused: Windows does not allow these names" in said
    assert "longest      22 characters: Scripts/deactivate.bat" in said
    assert json.loads(run(*SFXPACK, "scan", root, "--json").stdout)["longest_path"]["size"] == 22
    left_out = ("--exclude", "aux.h", "--exclude", "x.", "--exclude", "readme")
    done = run(*SFXPACK, "build", root, "-o", tmp_path / "x.exe", *left_out)
    assert "warning: 1 symbolic link: only administrators and users in developer mode" in done.stdout
    (root / "python.exe").unlink()
    run(*SFXPACK, "build", root, "-o", tmp_path / "x.sh", "--platform", "linux-x86_64")
