"""What ELF files ask of where they run, checked against readelf."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sfxpack import binaries
from sfxpack.binaries import Binary
from tests.compiled import program, shared_library
from tests.running import run

SYSTEM = Path(os.path.realpath("/proc/self/exe")), Path(os.path.realpath("/bin/sh"))


def read(content: bytes) -> Binary:
    found = binaries.read(content)
    assert found is not None
    return found


def test_a_file_may_be_mapped() -> None:
    with SYSTEM[0].open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        assert binaries.read(content) == read(SYSTEM[0].read_bytes())


def test_the_newest_version_it_asks_for(require: Callable[[str], str]) -> None:
    shown = run(require("readelf"), "-VW", SYSTEM[0]).stdout
    found = [tuple(map(int, pair)) for pair in re.findall(r"GLIBC_(\d+)\.(\d+)", shown)]
    major, minor = max(found)
    assert read(SYSTEM[0].read_bytes()).glibc == major << 16 | minor


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("GLIBC_2.7", 2 << 16 | 7),
        ("GLIBC_2.2.5", 2 << 16 | 2),
        ("GLIBC_ABI_DT_RELR", 2 << 16 | 36),
        ("GLIBC_PRIVATE", 0),
    ],
)
def test_versions_of_many_kinds(tmp_path: Path, require: Callable[[str], str], script: str, version: int) -> None:
    gcc = require("gcc")
    map_file = tmp_path / "map"
    map_file.write_text(f"{script} {{ global: *; }};\n")
    provider = shared_library(
        tmp_path, gcc, "-nostdlib", f"-Wl,--version-script={map_file}", code="int f(void){return 1;}"
    )
    code = "int f(void); int g(void){return f();}"
    user = shared_library(tmp_path / "user", gcc, "-nostdlib", str(provider), code=code)
    assert read(user.read_bytes()).glibc == version


@pytest.mark.parametrize(
    "content", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF" + bytes(100), b"\x7fELF\x02\x01" + b"\xff" * 60]
)
def test_what_is_no_elf_file(content: bytes) -> None:
    found = binaries.read(content)
    assert found is None or found.glibc == 0


def test_the_newest_version_of_each_family_of_libstdcxx() -> None:
    versions = (b"GLIBCXX_3.4.9", b"GLIBC_2.34", b"GLIBCXX_3.4.29", b"CXXABI_1.3.13", b"CXXABI_FLOAT128", b"CXXABI_1.3")
    assert binaries.newest_cxx(versions) == (b"GLIBCXX_3.4.29", b"CXXABI_1.3.13")
    assert binaries.newest_cxx((b"GLIBC_2.34",)) == ()


@pytest.mark.parametrize(("mark", "level"), [("x86-64-v2", 2), ("x86-64-v4", 4), ("lazy", 0)])
def test_the_processor_it_is_marked_for(tmp_path: Path, require: Callable[[str], str], mark: str, level: int) -> None:
    library = shared_library(tmp_path, require("gcc"), f"-Wl,-z,{mark}")
    if "x86 ISA needed" not in run(require("readelf"), "-nW", library).stdout and level:
        pytest.skip("this linker does not mark levels of x86-64")
    assert read(library.read_bytes()).cpu_level == level


def test_programs_are_told_from_libraries(tmp_path: Path, require: Callable[[str], str]) -> None:
    gcc = require("gcc")
    assert read(program(tmp_path, gcc, "int main(void) { return 0; }").read_bytes()).program
    assert not read(shared_library(tmp_path, gcc).read_bytes()).program
