"""A new search path in every shape of ELF file: it runs, and readelf, ldd and strip have nothing to say against it."""

from __future__ import annotations

import io
import os
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from sfxpack import elf
from sfxpack.elfedit import set_rpath
from tests.compiled import program, shared_library
from tests.running import run

MAIN = "int f(void); int puts(const char *); static int zero[70000]; int main(void) { return f() + zero[69999]; }"
BARE = """
int f(void);
void _exit(int);
__attribute__((force_align_arg_pointer)) void _start(void) { _exit(f()); }
"""
NO_NOTES = ("-Wl,--build-id=none", "-fcf-protection=none", "-Wl,-z,noseparate-code", "-Wl,-z,nognustack")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a program is linked; `{deps}` stands for the folder of its library."""

    name: str
    options: Sequence[str] = ()
    code: str = MAIN
    grows: bool = True


SHAPES = (
    Shape("pie"),
    Shape("fixed address", ("-no-pie",)),
    Shape("no spare entry", ("-Wl,-z,spare-dynamic-tags=0",)),
    Shape("long runpath", ("-Wl,--enable-new-dtags,-rpath,{deps}",), grows=False),
    Shape("long rpath", ("-Wl,--disable-new-dtags,-rpath,{deps}",), grows=False),
    Shape("short runpath", ("-Wl,--enable-new-dtags,-rpath,/x",)),
    Shape("old hash", ("-Wl,--hash-style=sysv",)),
    Shape("pages of 64K", ("-Wl,-z,max-page-size=65536",)),
    Shape("pages of 2M", ("-Wl,-z,max-page-size=2097152",)),
    Shape("no notes", ("-nostartfiles", *NO_NOTES), BARE),
    Shape("no notes, fixed address", ("-nostartfiles", "-no-pie", *NO_NOTES), BARE),
    Shape("no notes, long runpath", ("-nostartfiles", "-Wl,-rpath,{deps}", *NO_NOTES), BARE, grows=False),
)


@pytest.fixture(scope="module")
def deps(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], str]) -> Path:
    """A folder with the library of the programs; `f` gives 41."""
    folder = tmp_path_factory.mktemp("a-folder-with-a-long-name-for-the-library") / "lib"
    shared_library(folder, require("gcc"), "-Wl,-soname,x.so")
    return folder


def link(shape: Shape, folder: Path, compiler: str, deps: Path) -> Path:
    options = [option.replace("{deps}", str(deps)) for option in shape.options]
    return program(folder, compiler, shape.code, *options, str(deps / "x.so"))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_programs(shape: Shape, tmp_path: Path, deps: Path, require: Callable[[str], str]) -> None:
    original = link(shape, tmp_path / "made", require("gcc"), deps)
    content = original.read_bytes()
    edited = set_rpath(content, b"$ORIGIN/../lib")
    assert (len(edited) > len(content)) is shape.grows
    target = tmp_path / "bin/x"
    target.parent.mkdir()
    target.write_bytes(edited)
    target.chmod(0o755)
    run(target, status=127, env={})
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/x.so").write_bytes((deps / "x.so").read_bytes())
    run(target, status=41, env={})
    check(target, "$ORIGIN/../lib", require("readelf"))
    assert str(tmp_path / "bin/../lib/x.so") in run(require("ldd"), target).stdout
    assert os.fsencode(deps) not in edited.replace(os.fsencode(deps / "x.so"), b"")
    stripped = tmp_path / "bin/stripped"
    run(require("strip"), "-o", stripped, target)
    run(stripped, status=41, env={})


def check(path: Path, rpath: str, readelf: str, complaints: str = "") -> None:
    """What tools read of a file that was edited."""
    shown = run(readelf, "-aW", path)
    assert shown.stderr == complaints
    assert f"Library rpath: [{rpath}]" in shown.stdout
    assert "(RUNPATH)" not in shown.stdout
    assert "rror" not in shown.stdout
    with path.open("rb") as file:
        other = ELFFile(file)
        segments = list(other.iter_segments())
        loads = [segment for segment in segments if segment["p_type"] == "PT_LOAD"]
        starts = [segment["p_vaddr"] for segment in loads]
        ends = [segment["p_vaddr"] + segment["p_memsz"] for segment in loads]
        assert starts == sorted(starts)
        assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
        assert all((segment["p_vaddr"] - segment["p_offset"]) % segment["p_align"] == 0 for segment in loads)
        dynamic = next(segment for segment in segments if isinstance(segment, DynamicSegment))
        assert [tag.entry.d_tag for tag in dynamic.iter_tags()].count("DT_RPATH") == 1
        section = other.get_section_by_name(".dynamic")
        if section is not None:
            assert section["sh_offset"] == dynamic["p_offset"]
            strings = other.get_section(section["sh_link"])
            assert rpath.encode() in strings.data()


def test_the_executable_serves_what_is_loaded_into_it(tmp_path: Path, require: Callable[[str], str]) -> None:
    gcc = require("gcc")
    inner = shared_library(tmp_path / "lib", gcc, "-Wl,-soname,x.so")
    code = "int f(void); int g(void) { return f(); }"
    shared_library(tmp_path / "module", gcc, str(inner), code=code)
    main = """
        #include <dlfcn.h>
        int main(int n, char **words) {
            void *module = dlopen(words[1], RTLD_NOW);
            return module ? ((int (*)(void))dlsym(module, "g"))() : 1;
        }
    """
    made = program(tmp_path / "made", gcc, main)
    target = tmp_path / "bin"
    run(made, tmp_path / "module/x.so", status=1)
    target.write_bytes(set_rpath(made.read_bytes(), b"$ORIGIN/lib"))
    target.chmod(0o755)
    run(target, tmp_path / "module/x.so", status=41)


def test_a_name_in_the_tail_of_the_old_path_stays(tmp_path: Path, require: Callable[[str], str]) -> None:
    """Linkers let the symbol `tail` share the end of `/a/long/folder/of/the/tail`."""
    gcc = require("gcc")
    old = "/a/long/folder/of/the/tail"
    options = ("-Wl,-O2,--enable-new-dtags", f"-Wl,-rpath,{old}")
    made = shared_library(tmp_path, gcc, *options, code="int tail(void) { return 7; }").read_bytes()
    parsed = elf.parse(made)
    assert parsed is not None
    assert made.count(b"tail\0") - made.count(b"\0tail\0") >= 1
    for new in (b"$ORIGIN/../lib", b"$ORIGIN" + b"/x" * 40):
        edited = set_rpath(made, new)
        again = elf.parse(edited)
        assert again is not None
        assert again.search(elf.DT_RPATH) == (new,)
        assert b"folder" not in edited
        symbols = ELFFile(io.BytesIO(edited)).get_section_by_name(".dynsym")
        assert isinstance(symbols, SymbolTableSection)
        assert "tail" in {symbol.name for symbol in symbols.iter_symbols()}


@pytest.mark.parametrize(
    "target", ["arm-linux-gnueabihf", "powerpc-linux-gnueabi", "s390x-linux-gnu", "aarch64-linux-gnu"]
)
def test_other_machines(target: str, tmp_path: Path, require: Callable[[str], str]) -> None:
    if find_spec("ziglang") is None:
        pytest.skip("ziglang is missing: pip install ziglang")
    output = tmp_path / "x.so"
    source = tmp_path / "x.c"
    source.write_text("int f(void); int g(void) { return f(); }\n")
    for options in ((), ("-Wl,-rpath,/a/folder/with/a/long/name",)):
        command = (sys.executable, "-m", "ziglang", "cc", "-target", target, "-shared", "-nostdlib", "-fPIC")
        run(*command, *options, "-o", output, source)
        content = output.read_bytes()
        complaints = run(require("readelf"), "-aW", output).stderr
        output.write_bytes(set_rpath(content, b"$ORIGIN/../lib"))
        check(output, "$ORIGIN/../lib", require("readelf"), complaints)
        assert (len(output.read_bytes()) > len(content)) is not bool(options)
        output.unlink()


def test_without_section_headers(tmp_path: Path, deps: Path, require: Callable[[str], str]) -> None:
    made = bytearray(link(Shape("pie"), tmp_path / "made", require("gcc"), deps).read_bytes())
    struct.pack_into("<Q", made, 40, 0)
    struct.pack_into("<HHH", made, 58, 0, 0, 0)
    target = tmp_path / "x"
    target.write_bytes(set_rpath(bytes(made), b"$ORIGIN/lib"))
    target.chmod(0o755)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/x.so").write_bytes((deps / "x.so").read_bytes())
    run(target, status=41, env={})


def test_again_and_again(tmp_path: Path, deps: Path, require: Callable[[str], str]) -> None:
    made = link(Shape("pie"), tmp_path / "made", require("gcc"), deps).read_bytes()
    content = made
    for number in range(1, 8):
        content = set_rpath(content, b"$ORIGIN" + b"/longer-every-time" * number + b"/../" * number)
    content = set_rpath(content, str(deps).encode())
    (tmp_path / "x").write_bytes(content)
    (tmp_path / "x").chmod(0o755)
    run(tmp_path / "x", status=41, env={})


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF" + bytes(200)])
def test_what_cannot_be_edited(content: bytes) -> None:
    with pytest.raises(ValueError, match="no dynamically loaded ELF file"):
        set_rpath(content, b"$ORIGIN")


def test_a_static_program(tmp_path: Path, require: Callable[[str], str]) -> None:
    static = program(tmp_path, require("gcc"), "void _start(void) { }", "-nostdlib", "-static")
    with pytest.raises(ValueError, match="no dynamically loaded ELF file"):
        set_rpath(static.read_bytes(), b"$ORIGIN")
