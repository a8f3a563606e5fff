"""What the loader reads of an ELF file, checked against pyelftools and readelf."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from hypothesis import given, settings
from hypothesis import strategies as st

from sfxpack import binaries, elf
from sfxpack.environments import libraries
from sfxpack.environments.libraries import Library
from tests.compiled import shared_library
from tests.running import run

SYSTEM = Path(os.path.realpath("/proc/self/exe")), Path(os.path.realpath("/bin/sh"))


@pytest.mark.parametrize("path", SYSTEM, ids=lambda path: path.name)
def test_the_same_as_pyelftools(path: Path) -> None:
    content = path.read_bytes()
    parsed = elf.parse(content)
    assert parsed is not None
    with path.open("rb") as file:
        other = ELFFile(file)
        assert [(s.offset, s.address, s.file_size, s.memory_size, s.align) for s in parsed.segments] == [
            (s["p_offset"], s["p_vaddr"], s["p_filesz"], s["p_memsz"], s["p_align"]) for s in other.iter_segments()
        ]
        dynamic = next(segment for segment in other.iter_segments() if isinstance(segment, DynamicSegment))
        tags = [(tag.entry.d_tag, tag.entry.d_val, tag) for tag in dynamic.iter_tags()]
        assert [value for _, value in parsed.dynamic] == [value for name, value, _ in tags if name != "DT_NULL"]
        assert [name.decode() for name in parsed.needed] == [
            vars(tag)["needed"] for name, _, tag in tags if name == "DT_NEEDED"
        ]
        versions = [
            part.name
            for section in other.iter_sections()
            if isinstance(section, GNUVerNeedSection)
            for _, parts in section.iter_versions()
            for part in parts
        ]
        assert [name.decode() for name in parsed.versions] == versions


def test_search_paths_and_soname(tmp_path: Path, require: Callable[[str], str]) -> None:
    options = ("-Wl,-soname,libx.so.1", "-Wl,--disable-new-dtags,-rpath,/a:$ORIGIN/b::/c")
    parsed = elf.parse(shared_library(tmp_path, require("gcc"), *options).read_bytes())
    assert parsed is not None
    assert parsed.soname == b"libx.so.1"
    assert parsed.search(elf.DT_RPATH) == (b"/a", b"$ORIGIN/b", b"/c")
    assert parsed.search(elf.DT_RUNPATH) == ()


@settings(max_examples=300)
@given(st.data())
def test_damage_never_raises_anything_else(data: st.DataObject) -> None:
    content = bytearray(SYSTEM[1].read_bytes()[: data.draw(st.integers(0, 200_000), label="size")])
    for _ in range(data.draw(st.integers(1, 8), label="count")):
        if content:
            at = data.draw(st.integers(0, min(len(content), 2000) - 1), label="at")
            content[at] = data.draw(st.integers(0, 255), label="byte")
    binary = binaries.read(bytes(content))
    assert binary is None or binary.glibc >= 0
    parsed = elf.parse(bytes(content))
    if parsed:
        with suppress(ValueError, struct.error):
            assert isinstance((parsed.needed, parsed.soname, parsed.versions, parsed.version_names), tuple)


def test_segments_that_lie_far_behind_the_end_of_the_file() -> None:
    """Offsets that no index can be: the top byte of `p_offset`."""
    content = bytearray(SYSTEM[1].read_bytes())
    if content[4:6] != b"\2\1":
        pytest.skip("its offsets have four bytes, or another order")
    for header in range(64, 64 + 56 * content[56], 56):
        if content[header] == elf.PT_LOAD:
            content[header + 15] = 0x80
    binary = binaries.read(bytes(content))
    assert binary is not None
    assert (binary.needed, binary.glibc) == ((), 0)


def test_libraries_of_a_program_as_the_loader_finds_them(require: Callable[[str], str]) -> None:
    main = libraries.read(os.path.realpath(sys.executable))
    assert main is not None
    modules = [libraries.read(str(path)) for path in Path(os.__file__).parent.glob("lib-dynload/*.so")]
    assert all(modules)
    found = libraries.closure(main, [module for module in modules if module], os.environ).found
    expected = {}
    for module in Path(os.__file__).parent.glob("lib-dynload/*.so"):
        for line in run(require("ldd"), module).stdout.splitlines():
            name, arrow, path = line.strip().partition(" => ")
            if arrow and path.startswith("/") and not libraries.is_system(name.encode()):
                expected[name.encode()] = os.path.realpath(path.split()[0])
    assert {name: library.path for name, library in found.items() if name in expected} == expected


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("libc.so.6", True),
        ("ld-linux-x86-64.so.2", True),
        ("ld64.so.2", True),
        ("ld-musl-x86_64.so.1", True),
        ("libc.musl-x86_64.so.1", True),
        ("libc.so", True),
        ("libpthread.so.0", True),
        ("libmvec.so.1", True),
        ("libnss_dns.so.2", True),
        ("libnsl.so.1", True),
        ("libnsl.so.2", False),
        ("libcrypt.so.1", False),
        ("libcrypto.so.3", False),
        ("libgcc_s.so.1", False),
        ("libstdc++.so.6", False),
        ("libmd.so.0", False),
        ("libc++.so.1", False),
    ],
)
def test_what_belongs_to_the_c_library(name: str, system: bool) -> None:  # noqa: FBT001 a parameter of the test
    assert libraries.is_system(name.encode()) is system


def library(path: str, needed: str = "", rpath: str = "", runpath: str = "") -> Library:
    def split(text: str) -> tuple[bytes, ...]:
        return tuple(text.encode().split())

    return Library(path, (True, "<", 62), split(needed), split(rpath), split(runpath))


@pytest.mark.parametrize(
    ("main", "module", "variables", "expected"),
    [
        (library("/bin/main", rpath="/r"), library("/l/m.so", "x"), {}, "/r/x"),
        (library("/bin/main", rpath="/r"), library("/l/m.so", "x", runpath="/q"), {}, "/q/x"),
        (library("/bin/main", runpath="/r"), library("/l/m.so", "x"), {}, "/lib/x"),
        (library("/bin/main", rpath="/r", runpath="/q"), library("/l/m.so", "x"), {}, "/lib/x"),
        (library("/bin/main", rpath="/r"), library("/l/m.so", "x", rpath="$ORIGIN/../o"), {}, "/l/../o/x"),
        (library("/bin/main"), library("/l/m.so", "x", rpath="${ORIGIN}"), {}, "/l/x"),
        (library("/bin/main"), library("/l/m.so", "x", runpath="/q"), {"LD_LIBRARY_PATH": ":/e"}, "/e/x"),
        (library("/bin/main"), library("/l/m.so", "x", rpath="/q"), {"LD_LIBRARY_PATH": "/e"}, "/q/x"),
        (library("/bin/main"), library("/l/m.so", "x", runpath="/s/$LIB"), {}, "/s/lib64/x"),
        (library("/bin/main"), library("/l/m.so", "/abs/x"), {}, "/abs/x"),
    ],
)
def test_the_order_of_the_search(
    monkeypatch: pytest.MonkeyPatch, main: Library, module: Library, variables: dict[str, str], expected: str
) -> None:
    everywhere = {"/r/x", "/q/x", "/l/../o/x", "/l/x", "/e/x", "/s/lib64/x", "/s/lib/x", "/abs/x", "/lib/x"}
    monkeypatch.setattr(libraries, "read", lambda path: library(path) if path in everywhere else None)
    found = libraries.closure(main, [module], variables).found
    assert [item.path for item in found.values()] == [expected]
