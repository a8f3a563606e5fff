"""What a tree needs of the target: hard what its interpreter needs, soft the rest."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sfxpack import binaries
from sfxpack.binaries import Binary
from sfxpack.format.layout import EntryKind, Platform, RequirementKind
from sfxpack.inspect import requirement_text
from sfxpack.model import Entry, Requirement
from sfxpack.requirements import platform_of, platforms, requirements
from tests.compiled import program, shared_library
from tests.sitekit import with_folders
from tests.windows import windows_program


def head(machine: int, *, wide: bool = True, order: str = "<") -> bytes:
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    return ident + struct.pack(order + "HH", 3, machine) + bytes(100)


def file(path: str, data: bytes) -> Entry:
    return Entry(path.encode(), EntryKind.FILE, 0o644, len(data), 0, data=data)


def link(path: str, text: str) -> Entry:
    return Entry(path.encode(), EntryKind.LINK, 0, 0, 0, link=text.encode())


def binary(content: bytes, *, glibc: int = 0, cpu_level: int = 0) -> Binary:
    """What a file says of itself, but for the versions."""
    found = binaries.read(content)
    assert found is not None
    return replace(found, glibc=glibc, cpu_level=cpu_level)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (head(62), Platform.LINUX_X86_64),
        (head(183), Platform.LINUX_AARCH64),
        (head(40, wide=False), Platform.LINUX_ARMV7L),
        (head(21), Platform.LINUX_PPC64LE),
        (head(21, order=">"), None),
        (head(22, order=">"), Platform.LINUX_S390X),
        (head(243), Platform.LINUX_RISCV64),
        (head(62, wide=False), None),
        (head(9999), None),
        (windows_program(0x8664), Platform.WINDOWS_X86_64),
        (windows_program(0xAA64), Platform.WINDOWS_ARM64),
        (windows_program(0x14C), None),
        (windows_program(0x8664)[:100], None),
        (b"MZ", None),
        (b"#!/bin/sh\n", None),
        (b"", None),
    ],
)
def test_platform_of_a_file(content: bytes, expected: Platform | None) -> None:
    assert platform_of(content) is expected


def test_the_interpreter_decides() -> None:
    entries = [
        link("bin/python", "../base-python/bin/python3.11"),
        file("base-python/bin/python3.11", head(183)),
        *(file(f"lib/x{number}.so", head(62)) for number in range(5)),
    ]
    assert platforms(with_folders(entries)) == {Platform.LINUX_AARCH64: b"base-python/bin/python3.11"}
    entries = [file("python.exe", windows_program()), file("lib/x.so", head(62))]
    assert platforms(with_folders(entries)) == {Platform.WINDOWS_X86_64: b"python.exe"}


def test_else_most_of_the_files() -> None:
    entries = [file("bin/python", b"#!/bin/sh\n" + bytes(60)), file("lib/a.so", head(183))]
    assert platforms(entries) == {Platform.LINUX_AARCH64: b"lib/a.so"}
    mixed = [*entries, file("lib/b.so.1", head(62)), file("bin/c", head(62))]
    assert platforms(mixed) == {Platform.LINUX_X86_64: b"lib/b.so.1", Platform.LINUX_AARCH64: b"lib/a.so"}
    assert list(platforms([*mixed, *(file(f"bin/{number}", head(62)) for number in range(3))])) == [
        Platform.LINUX_X86_64
    ]
    assert platforms([file("share/x", head(62))]) == {}
    assert platforms([]) == {}


def test_launchers_for_windows_are_in_every_tree() -> None:
    launcher = file("lib/python3.11/site-packages/pip/_vendor/distlib/t64.exe", windows_program())
    assert platforms([launcher]) == {}
    assert platforms([file("Library/bin/a.dll", windows_program())]) == {Platform.WINDOWS_X86_64: b"Library/bin/a.dll"}


def test_what_the_interpreter_needs_is_hard(tmp_path: Path, require: Callable[[str], str]) -> None:
    gcc = require("gcc")
    inner = shared_library(tmp_path / "i", gcc, "-Wl,-soname,libinner.so.1")
    code = "int f(void); int g(void) { return f(); }"
    outer = shared_library(tmp_path / "o", gcc, "-Wl,-soname,libouter.so.1", str(inner), code=code)
    unresolved = "-Wl,--unresolved-symbols=ignore-in-shared-libs"
    main = program(tmp_path, gcc, "int g(void); int main(void) { return g(); }", str(outer), unresolved)
    entries = [
        link("bin/python", "python3.11"),
        Entry(b"bin/python3.11", EntryKind.FILE, 0o755, main.stat().st_size, 0, os.fsencode(main)),
        file("lib/libinner.so.1.2", inner.read_bytes()),
        link("lib/libinner.so.1", "libinner.so.1.2"),
        file("lib/deep/libouter.so.1", outer.read_bytes()),
        file("lib/module.so", inner.read_bytes()),
    ]
    found = {
        b"bin/python3.11": binary(main.read_bytes(), glibc=2 << 16 | 17),
        b"lib/deep/libouter.so.1": binary(outer.read_bytes(), glibc=2 << 16 | 20, cpu_level=2),
        b"lib/libinner.so.1.2": binary(inner.read_bytes(), glibc=2 << 16 | 28, cpu_level=1),
        b"lib/module.so": binary(inner.read_bytes(), glibc=2 << 16 | 34, cpu_level=3),
        b"lib/other.so": binary(inner.read_bytes(), glibc=2 << 16 | 34),
        b"lib/glibc-hwcaps/x86-64-v4/libinner.so.1": binary(inner.read_bytes(), cpu_level=4),
        b"lib/static": binary(inner.read_bytes()),
    }
    assert requirements(with_folders(entries), found) == (
        Requirement(RequirementKind.GLIBC, 2 << 16 | 28, hard=True, path=b"lib/libinner.so.1.2"),
        Requirement(RequirementKind.GLIBC, 2 << 16 | 34, hard=False, path=b"lib/module.so"),
        Requirement(RequirementKind.CPU_LEVEL, 2, hard=True, path=b"lib/deep/libouter.so.1"),
        Requirement(RequirementKind.CPU_LEVEL, 3, hard=False, path=b"lib/module.so"),
    )


def test_without_an_interpreter_all_is_soft(require: Callable[[str], str], tmp_path: Path) -> None:
    content = shared_library(tmp_path, require("gcc")).read_bytes()
    entries = [file("bin/tool", content)]
    expected = Requirement(RequirementKind.GLIBC, 2 << 16 | 17, hard=False, path=b"bin/tool")
    assert requirements(entries, {b"bin/tool": binary(content, glibc=2 << 16 | 17)}) == (expected,)
    assert requirements(entries, {}) == ()


def test_musl_is_needed_by_programs_that_name_its_loader(require: Callable[[str], str], tmp_path: Path) -> None:
    content = shared_library(tmp_path, require("gcc")).read_bytes()
    plain = binary(content)
    loaders = {
        b"bin/python3.12": b"/lib/ld-musl-x86_64.so.1",
        b"bin/tool": b"/lib/ld-musl-x86_64.so.1",
        b"bin/other": b"/lib64/ld-linux-x86-64.so.2",
        b"bin/whole": b"/opt/env/lib/ld-musl-x86_64.so.1",
    }
    found = {path: replace(plain, loader=loader) for path, loader in loaders.items()}
    entries = [file(os.fsdecode(path), content) for path in found]
    assert requirements(with_folders(entries), found) == (
        Requirement(RequirementKind.MUSL, 0, hard=True, path=b"bin/python3.12"),
        Requirement(RequirementKind.MUSL, 0, hard=False, path=b"bin/tool"),
    )
    rest = {path: found[path] for path in (b"bin/other", b"bin/whole")}
    assert requirements(with_folders(entries), rest) == ()


def test_links_in_a_circle() -> None:
    assert platforms([link("bin/python", "python3"), link("bin/python3", "python"), file("lib/a.so", head(62))])


def test_each_kind_has_a_text() -> None:
    values = {
        RequirementKind.GLIBC: (2 << 16 | 34, "2.34"),
        RequirementKind.CPU_LEVEL: (3, "x86-64-v3"),
        RequirementKind.MUSL: (0, ""),
    }
    assert {kind: (value, requirement_text(kind, value)) for kind, (value, _) in values.items()} == values
    assert set(values) == set(RequirementKind)
