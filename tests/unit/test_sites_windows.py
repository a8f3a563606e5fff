"""Trees for Windows: every spelling of the old path, found and written back, against the naive relocator."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfxpack import classify, neutral, reference, sites
from sfxpack.environments.windows import native, settle
from sfxpack.format.layout import Platform, Strategy
from sfxpack.model import Environment, Found, Rename
from tests.windows import windows_program

OLD = "C:\\envs\\my"
DRIVE = "D:\\Neue Umgebung\\é [1]"
UNC = "\\\\server\\share\\env"
SHORT = "D:\\e"
TARGETS = (DRIVE, UNC, SHORT, OLD)


def environment(old: str = OLD, *others: str) -> Environment:
    renames = tuple(Rename(place.encode(), b"") for place in (old, *others))
    return settle(Environment("prefix", Path("/packed/here"), "my", renames))


def find(content: bytes, path: bytes = b"x.txt", old: str = OLD, *others: str) -> Found:
    tree = environment(old, *others)
    needles = sites.needles(tree, Platform.WINDOWS_X86_64)
    if not sites.may_have(content, None, needles):
        return Found()
    kind = classify.classify(path, content[: classify.HEAD], content)
    return sites.find(path, kind, content, tree, needles, sites.Options(platform=Platform.WINDOWS_X86_64))


def moved(content: bytes, new: str, path: bytes = b"x.txt", old: str = OLD, *others: str) -> bytes:
    """`content` as it is at `new`."""
    found = find(content, path, old, *others)
    cut = neutral.neutralise(content, found)
    neutral.prove(content, cut, found, environment(old).place)
    return reference.render(cut, reference.Target(new.encode(), Platform.WINDOWS_X86_64))


def verbatim(path: str) -> str:
    return "\\\\?\\UNC" + path[1:] if path.startswith("\\\\") else "\\\\?\\" + path


def forward(path: str) -> str:
    return path.replace("\\", "/")


@pytest.mark.parametrize("new", TARGETS)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "x={0}\\lib;{0};"),
        ("a.txt", "x={1}/lib;{1};"),
        ("a.txt", "{2}\\lib and {3}/lib"),
        ("a.ini", 'path = "{0}\\lib"\n'),
        ("a.py", "x = r'{0}\\lib'\n"),
        ("qt.conf", "[Paths]\nPrefix = {1}\n"),
        ("pyvenv.cfg", "home = {0}\n"),
        ("x.pth", "{0}\\src\n"),
    ],
)
def test_text(name: str, text: str, new: str) -> None:
    def at(place: str) -> bytes:
        return text.format(place, forward(place), verbatim(place), forward(verbatim(place))).encode()

    assert moved(at(OLD), new, name.encode()) == at(new)


@pytest.mark.parametrize("new", TARGETS)
def test_json_python_and_urls(new: str) -> None:
    def record(place: str) -> bytes:
        url = "file:///" + forward(place)[:2] + quote(forward(place)[2:]) + "/src"
        return json.dumps(
            {"argv": [place + "\\python.exe"], "f": forward(place), "v": verbatim(place), "url": url},
            ensure_ascii=False,
        ).encode()

    if new != UNC:  # a URL of a share has its server elsewhere
        assert moved(record(OLD), new, b"kernel.json") == record(new)
    assert moved(b"x = '%s'\n" % repr(OLD)[1:-1].encode(), new, b"m.py") == b"x = '%s'\n" % repr(new)[1:-1].encode()


@pytest.mark.parametrize("spelling", ["c:\\envs\\my", "C:\\ENVS\\My", "c:/Envs/my"])
def test_any_letter_case_gets_the_new_one(spelling: str) -> None:
    new = forward(DRIVE) if "/" in spelling else DRIVE
    assert moved(f"<{spelling}\\x>".encode(), DRIVE) == f"<{new}\\x>".encode()


def test_letters_that_are_not_ascii() -> None:
    old = "C:\\Users\\Jörg Müller\\env"
    for text in (old, old.upper(), old.lower()):
        assert moved(f"<{text}>".encode(), DRIVE, b"a.txt", old) == f"<{DRIVE}>".encode()
    escaped = json.dumps({"a": old}).encode()
    assert json.loads(moved(escaped, DRIVE, b"a.json", old)) == {"a": DRIVE}
    url = b"see file:///C:/Users/J%C3%B6rg%20M%c3%bcller/env/x"
    assert moved(url, "D:\\e f", b"a.txt", old) == b"see file:///D:/e%20f/x"


@pytest.mark.parametrize(
    "text",
    [
        "C:\\envs\\my2",
        "C:\\envs\\my-old\\x",
        "C:\\envs\\mys",
        "D:\\envs\\my",
        "C:\\envs",
        "xC:\\envs\\my",
        "C:\\envs\\my.bak",
    ],
)
def test_other_paths_stay(text: str) -> None:
    assert not find(f"<{text}>".encode()).sites


@pytest.mark.parametrize(
    "text", ["C:\\envs\\my.", "C:\\envs\\my;", "-LC:\\envs\\my", "(C:\\envs\\my)", "C:\\envs\\my\\"]
)
def test_where_it_ends(text: str) -> None:
    assert moved(f" {text} ".encode(), DRIVE) == f" {text} ".replace(OLD, DRIVE).encode()


def test_shares() -> None:
    old = "\\\\nas\\Tools\\env"
    for text, new in ((old, DRIVE), (verbatim(old), verbatim(DRIVE)), (forward(old), forward(DRIVE))):
        assert moved(f"<{text}\\x>".encode(), DRIVE, b"a.txt", old) == f"<{new}\\x>".encode()
    assert moved(json.dumps({"a": old}).encode(), UNC, b"a.json", old) == json.dumps({"a": UNC}).encode()


@pytest.mark.parametrize(("codec", "unit"), [("utf-8", 1), ("utf-16-le", 2), ("utf-16-be", 2)])
def test_binaries_keep_their_length(codec: str, unit: int) -> None:
    content = b"\0\1" + f"{OLD}\\lib\0{forward(OLD)}/lib\0".encode(codec) + b"\0\2"
    for new, padded in (
        (SHORT, "D:" + 7 * "\\" + "e"),
        ("D:\\envs\\it", "D:\\envs\\it"),
        ("\\\\s\\t\\e", "\\\\s\\t" + 4 * "\\" + "e"),
    ):
        expected = b"\0\1" + f"{padded}\\lib\0{forward(padded)}/lib\0".encode(codec) + b"\0\2"
        assert moved(content, new, b"x.dll") == expected
        assert len(expected) == len(content)
    assert {site.end - site.start for site in find(content, b"x.dll").sites} == {len(OLD) * unit}


@pytest.mark.parametrize("text", [verbatim(OLD), OLD.replace("\\", "\\\\")])
def test_what_cannot_be_padded_is_reported(text: str) -> None:
    found = find(b"\0\1" + text.encode() + b"\0", b"x.dll")
    assert not found.sites
    assert [(finding.category, finding.count) for finding in found.findings] == [("unreachable", 1)]


def launcher(line: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("__main__.py", "print('started')")
    return windows_program() + line + archive.getvalue()


@pytest.mark.parametrize("new", TARGETS)
@pytest.mark.parametrize(
    "line", [b"#!%s\\python.exe\r\n\r\n", b"#!%s\\Scripts\\python.exe -E\n", b'#!"%s\\python.exe"\r\n']
)
def test_launchers(line: bytes, new: str) -> None:
    result = moved(launcher(line % OLD.encode()), new, b"Scripts/tool.exe")
    program = line[2:].partition(b".exe")[0].strip(b'"') % new.encode() + b".exe"
    rest = line[2:].partition(b".exe")[2].removeprefix(b'"')
    assert result == launcher(b'#!"' + program + b'"' + rest)
    assert zipfile.ZipFile(io.BytesIO(result)).read("__main__.py") == b"print('started')"


def test_first_line_of_a_script() -> None:
    text = b"#!C:\\envs\\my\\python.exe\r\nprint(1)\r\n"
    expected = b'#!"' + DRIVE.encode() + b'\\python.exe"\r\nprint(1)\r\n'
    assert moved(text, DRIVE, b"Scripts/tool-script.py") == expected


def test_an_archive_with_absolute_offsets_is_no_launcher() -> None:
    content = launcher(b"#!C:\\envs\\my\\python.exe\r\n")
    size = content.rfind(b"PK\x01\x02") - content.find(b"PK\x03\x04")
    at = content.rfind(b"PK\x05\x06") + 16
    absolute = content[:at] + (content.find(b"PK\x03\x04") + size).to_bytes(4, "little") + content[at + 4 :]
    assert {site.strategy for site in find(absolute, b"Scripts/tool.exe").sites} == {Strategy.SLASH}


@given(
    st.text(
        st.characters(codec="utf-8", exclude_characters='<>:"/\\|?*\0', exclude_categories=["Cc", "Cs"]), min_size=1
    )
)
def test_any_name(name: str) -> None:
    old = "C:\\envs\\" + name
    if native(old.encode()).decode() != old or old.endswith((" ", ".")):
        return
    text = f'"{old}\\x" {json.dumps(old)}'
    assert (
        moved(text.encode(), DRIVE, b"a.txt", old) == f'"{DRIVE}\\x" {json.dumps(DRIVE, ensure_ascii=False)}'.encode()
    )


def test_the_place_is_worked_out(tmp_path: Path) -> None:
    scripts = tmp_path / "Scripts"
    scripts.mkdir()
    (scripts / "tool.exe").write_bytes(launcher(b'#!"c:\\Envs\\My\\python.exe"\n'))
    (scripts / "other-script.py").write_bytes(b"#!C:\\envs\\my\\Scripts\\python.exe\r\n")
    (scripts / "activate.bat").write_bytes(b'@set "VIRTUAL_ENV=C:\\envs\\my"\r\n')
    (scripts / "alien.exe").write_bytes(launcher(b"#!D:\\else\\python.exe\n"))
    found = settle(Environment("prefix", tmp_path, "my", (Rename(bytes(tmp_path), b""),)))
    assert found.prefix.lower() == b"c:\\envs\\my"
    assert found.origin is not None
    assert found.origin.count == 3
    assert settle(Environment("prefix", scripts, "my", ())).warnings


@pytest.mark.parametrize("place", ["C:\\", "\\\\server", "\\\\server\\share"])
def test_a_drive_or_share_alone_is_no_place(tmp_path: Path, place: str) -> None:
    (tmp_path / "Scripts").mkdir()
    (tmp_path / "Scripts/tool-script.py").write_bytes(b"#!%s\\python.exe\r\n" % place.rstrip("\\").encode())
    found = settle(Environment("prefix", tmp_path, "my", (Rename(place.rstrip("\\").encode(), b""),)))
    assert found.prefix == b""
    needles = sites.needles(found, Platform.WINDOWS_X86_64)
    assert not needles.contains(b"C:\\x \\\\server\\share\\x " + bytes(tmp_path))


def test_a_tree_whose_place_is_not_known_holds_none() -> None:
    tree = settle(Environment("prefix", Path("/packed/here"), "my", (Rename(b"/packed/here", b""),)))
    assert not sites.needles(tree, Platform.WINDOWS_X86_64).contains(b"path=/packed/here/lib")


def test_the_quick_look_is_for_what_is_rare() -> None:
    needles = sites.needles(environment("D:\\Program Files (x86)\\my env"), Platform.WINDOWS_X86_64)
    assert not needles.contains(b"C: D: a:b env")
    assert needles.contains(b"D:\\program files (x86)\\MY ENV")
    assert needles.contains("d:\\program files (x86)\\my env".encode("utf-16-le"))


@pytest.mark.parametrize("place", ["C:/bld/x", "\\\\s\\t", "C:"])
def test_a_file_as_it_was_at_a_place_of_any_kind(place: str) -> None:
    content = b"\0\1" + OLD.encode() + b"\0"
    cut = neutral.neutralise(content, find(content, b"x.dll"))
    assert place.encode()[:2] in neutral.render(cut, place.encode())
