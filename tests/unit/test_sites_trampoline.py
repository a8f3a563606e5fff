"""uv's launchers name their interpreter from where they lie, however they were made."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pefile
import pytest

from sfxpack import neutral, reference, sites
from sfxpack.format.layout import Platform
from sfxpack.model import Environment, Found, Kind, Rename
from sfxpack.sites import trampoline
from sfxpack.windows import program
from tests.windows import windows_program

OLD = "C:\\envs\\my"
BASE = "C:\\Users\\x\\uv\\python\\cpython-3.12"
NEW = b"D:\\Neue Umgebung"
RT_RCDATA = 10
Make = Callable[[str, bytes], bytes]


def script(python: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("__main__.py", f"#!{python}\n# -*- coding: utf-8 -*-\nprint(1)\n")
    return file.getvalue()


def before_0_9(python: str, data: bytes) -> bytes:
    path = python.encode()
    return windows_program() + data + path + struct.pack("<I", len(path)) + (b"UVSC" if data else b"UVPY")


def with_resources(python: str, data: bytes) -> bytes:
    found: dict[program.Key, bytes] = {(RT_RCDATA, "UV_PYTHON_PATH", 0): python.encode()}
    found[RT_RCDATA, "UV_TRAMPOLINE_KIND", 0] = b"\1" if data else b"\2"
    if data:
        found[RT_RCDATA, "UV_SCRIPT_DATA", 0] = data
    section = program.pack(found, 0x1000)
    file = bytearray(windows_program(size=512 + -(-len(section) // 512) * 512))
    file[512 : 512 + len(section)] = section
    start = int.from_bytes(file[60:64], "little")
    struct.pack_into("<II", file, start + 24 + 112 + 2 * 8, 0x1000, len(section))
    struct.pack_into("<I", file, start + 24 + 240 + 8, len(section))
    return bytes(file)


def named(content: bytes) -> str:
    """The path that uv's program reads."""
    if content.endswith((b"UVSC", b"UVPY")):
        return content[-8 - int.from_bytes(content[-8:-4], "little") : -8].decode()
    with pefile.PE(data=content) as image:
        return program.resources(image)[RT_RCDATA, "UV_PYTHON_PATH", 0].decode()


def packed(content: bytes, path: bytes = b"Scripts/x.exe") -> tuple[bytes, Found]:
    renames = (Rename(BASE.encode(), b"\\base-python"), Rename(OLD.encode(), b""))
    tree = Environment("venv", Path("/packed/here"), "my", renames, prefix=OLD.encode())
    needles = sites.needles(tree, Platform.WINDOWS_X86_64)
    if not sites.may_have(content, None, needles):
        return content, Found()
    options = sites.Options(platform=Platform.WINDOWS_X86_64)
    found = sites.find(path, Kind.BINARY, content, tree, needles, options)
    cut = neutral.neutralise(content, found)
    neutral.prove(content, cut, found, OLD.encode())
    return reference.render(cut, reference.Target(NEW, Platform.WINDOWS_X86_64)), found


@pytest.mark.parametrize("make", [before_0_9, with_resources])
@pytest.mark.parametrize(
    ("path", "python", "expected"),
    [
        ("Scripts/x.exe", f"{OLD}\\Scripts\\python.exe", "python.exe"),
        ("Scripts/x.exe", "c:\\Envs\\My\\Scripts\\pythonw.exe", "pythonw.exe"),
        ("Scripts/x.exe", f"{OLD}\\python.exe", "..\\python.exe"),
        ("x.exe", f"{OLD}\\python.exe", "python.exe"),
    ],
)
def test_scripts(make: Make, path: str, python: str, expected: str) -> None:
    result, _ = packed(make(python, script(python)), path.encode())
    assert named(result) == expected
    with zipfile.ZipFile(io.BytesIO(result[: result.rfind(b"PK\5\6") + 22])) as archive:
        assert archive.testzip() is None
        assert archive.read("__main__.py").split()[0] == b"#!" + expected.encode()
    assert python.encode() not in result


@pytest.mark.parametrize("make", [before_0_9, with_resources])
def test_interpreters(make: Make) -> None:
    result, _ = packed(make(f"{BASE}\\python.exe", b""), b"Scripts/python.exe")
    assert named(result) == "..\\base-python\\python.exe"


@pytest.mark.parametrize("make", [before_0_9, with_resources])
@pytest.mark.parametrize("python", ["python.exe", "C:\\envs\\my2\\python.exe", "D:\\other\\python.exe", ""])
def test_what_leads_elsewhere_stays(make: Make, python: str) -> None:
    content = make(python, b"")
    assert named(packed(content)[0]).endswith(python[-8:]) or not python
    assert not packed(content)[1].edits


def damaged(content: bytes) -> bytes:
    """The entry of the path's resource leads out of the file."""
    with pefile.PE(data=content) as image:
        kinds = image.DIRECTORY_ENTRY_RESOURCE.entries
        (name,) = (name for kind in kinds for name in kind.directory.entries if str(name.name) == "UV_PYTHON_PATH")
        place = name.directory.entries[0].data.struct
        at = place.get_field_absolute_offset("OffsetToData")
    return content[:at] + b"\xff\xff\xff\x7f" + content[at + 4 :]


@pytest.mark.parametrize("what", ["cut", "damaged", "no program", "trailer alone", "length"])
def test_no_launchers(what: str) -> None:
    renames = (Rename(OLD.encode(), b""),)
    tree = Environment("venv", Path("/packed/here"), "my", renames, prefix=OLD.encode())
    needles = sites.needles(tree, Platform.WINDOWS_X86_64)
    content, old = with_resources(f"{OLD}\\Scripts\\python.exe", b""), before_0_9(f"{OLD}\\Scripts\\python.exe", b"")
    assert trampoline.edits(b"Scripts/x.exe", content, needles)
    assert trampoline.edits(b"Scripts/x.exe", old, needles)
    broken = {
        "cut": content[: content.find("UV_PYTHON_PATH".encode("utf-16-le")) + 40],
        "damaged": damaged(content),
        "no program": content.replace(b"MZ", b"ZM", 1),
        "trailer alone": b"MZ" + OLD.encode() + old[-4:],
        "length": old[:-8] + b"\xff\xff\xff\x7f" + old[-4:],
    }[what]
    assert not trampoline.edits(b"Scripts/x.exe", broken, needles)
