"""ELF files: what is loaded is hard, loader paths become relative."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sfxpack import reference, sites
from sfxpack.format.layout import SiteFlag, Strategy
from sfxpack.model import Found, Rename
from tests.compiled import shared_library
from tests.sitekit import ROOT, categories, cut, environment, find


def elf(
    runpath: bytes, *, wide: bool = True, order: str = "<", tag: int = 29, data: bytes = b"", tail: bytes = b""
) -> bytes:
    """A shared library without sections: one PT_LOAD over headers, dynamic section, strings and `data`; then `tail`."""
    strings = b"\0" + runpath + b"\0sym\0"
    address = 0x10000
    word = "Q" if wide else "I"
    header = 64 if wide else 52
    row = 56 if wide else 32
    dynamic_at = header + 2 * row
    dynamic_size = 4 * struct.calcsize("=" + word * 2)
    strings_at = dynamic_at + dynamic_size
    entries = [(5, address + strings_at), (10, len(strings)), (tag, 1), (0, 0)]
    dynamic = b"".join(struct.pack(order + word * 2, *entry) for entry in entries)
    size = strings_at + len(strings) + len(data)

    def program(kind: int, offset: int, length: int) -> bytes:
        if wide:
            return struct.pack(
                order + "IIQQQQQQ", kind, 4, offset, address + offset, address + offset, length, length, 8
            )
        return struct.pack(order + "IIIIIIII", kind, offset, address + offset, address + offset, length, length, 4, 4)

    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    rest = struct.pack(order + "HHI" + word * 3 + "IHHHHHH", 3, 62, 1, 0, header, 0, 0, header, row, 2, 0, 0, 0)
    return ident + rest + program(1, 0, size) + program(2, dynamic_at, dynamic_size) + dynamic + strings + data + tail


def moved(found: Found, content: bytes, prefix: bytes = b"/n") -> bytes:
    return reference.render(cut(content, found), reference.Target(prefix))


KINDS = [(True, "<"), (True, ">"), (False, "<"), (False, ">")]


@pytest.mark.parametrize(("wide", "order"), KINDS)
@pytest.mark.parametrize("tag", [15, 29])
def test_loader_paths_become_relative_at_the_same_length(wide: bool, order: str, tag: int) -> None:  # noqa: FBT001 - a row
    old = b"/opt/env/lib/of/something"
    content = elf(old, wide=wide, order=order, tag=tag, data=b"/opt/env/share\0", tail=b"\0/opt/env/debug\0")
    found = find(content, b"lib/x.so")
    assert [edit.new for edit in found.edits] == [b"$ORIGIN" + b"/" * 5 + b"/of/something"]
    assert [(site.strategy, site.flags) for site in found.sites] == [
        (Strategy.SLASH, 0),
        (Strategy.SLASH, SiteFlag.SOFT),
    ]
    result = moved(found, content)
    assert len(result) == len(content)
    assert b"/opt/env" not in result


LONG = b"/home/user/miniconda3/envs/x"


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (b"bin/x", b"@/lib", b"$ORIGIN/../lib"),
        (b"lib/x.so", b"@/lib", b"$ORIGIN/../lib"),
        (b"lib/a/b/x.so", b"@/lib", b"$ORIGIN/../../../lib"),
        (b"lib/a/x.so", b"@/lib/a/libs", b"$ORIGIN/libs"),
        (b"lib/a/x.so", b"@/lib/a/", b"$ORIGIN/../a/"),
        (b"x.so", b"@/lib", b"$ORIGIN/lib"),
        (b"lib/x.so", b"@", b"$ORIGIN/.."),
        (b"x.so", b"@", b"$ORIGIN/"),
        (b"lib/x.so", b"@/", b"$ORIGIN/../"),
        (b"lib/x.so", b"@/lib/.", b"$ORIGIN/../lib"),
        (b"lib/x.so", b"@:/usr/lib", b"$ORIGIN/..:/usr/lib"),
        (b"lib/x.so", b"@/lib/../lib64", b"$ORIGIN/../lib/../lib64"),
        (b"lib/x.so", b"//" + LONG + b"/lib", b"$ORIGIN/../lib"),
        (b"bin/x", b"@/lib:/usr/lib:@/lib64", b"$ORIGIN/../lib:/usr/lib:$ORIGIN/../lib64"),
        (b"bin/x", b"$ORIGIN/../lib:@/lib", b"$ORIGIN/../lib:$ORIGIN/../lib"),
    ],
)
def test_entries(path: bytes, old: bytes, new: bytes) -> None:
    where = environment(LONG)
    old = old.replace(b"@", LONG)
    (edit,) = find(elf(old), path, where).edits
    assert len(edit.new) == len(old)
    shorter = b":".join(entry.replace(b"//", b"/") for entry in _squeezed(edit.new).split(b":"))
    assert shorter == new


def _squeezed(text: bytes) -> bytes:
    while b"//" in text:
        text = text.replace(b"//", b"/")
    return text


@pytest.mark.parametrize("path", [b"bin/x", b"lib/a/b/x.so"])
@pytest.mark.parametrize("entry", [b"@/lib", b"@/lib/name", b"@/lib:@/name"])
def test_the_last_bytes_stay_and_padding_stands_behind_origin(path: bytes, entry: bytes) -> None:
    old = entry.replace(b"@", LONG)
    (edit,) = find(elf(old), path, environment(LONG)).edits
    assert edit.new.endswith(old[old.rindex(b"/") :])
    assert len(edit.new) == len(old)
    for part in edit.new.split(b":"):
        assert b"//" not in part.removeprefix(b"$ORIGIN").lstrip(b"/")


def test_entries_borrow_from_each_other() -> None:
    where = environment(b"/opt/environ")
    (edit,) = find(elf(b"/opt/environ/lib/a/b/c:/opt/environ/lib64"), b"lib/a/b/x.so", where).edits
    assert edit.new == b"$ORIGIN" + b"/" * 9 + b"/c:$ORIGIN/../../../lib64"
    assert len(edit.new) == len(b"/opt/environ/lib/a/b/c:/opt/environ/lib64")


def test_what_does_not_fit_keeps_its_length() -> None:
    found = find(elf(b"/opt/env/lib"), b"lib/a/b/c/x.so")
    assert (found.edits, [site.flags for site in found.sites]) == ((), [0])


def test_names_at_several_depths_rule_a_relative_path_out() -> None:
    content = elf(LONG + b"/lib")
    where = environment(LONG)
    deeper = sites.Options(aliases={b"lib/x.so": (b"lib/a/x.so",)})
    beside = sites.Options(aliases={b"lib/x.so": (b"bin/x.so",)})
    assert not find(content, b"lib/x.so", where, deeper).edits
    assert find(content, b"lib/x.so", where, beside).edits


def test_the_base_lies_below_the_new_prefix() -> None:
    where = environment(renames=(Rename(b"/usr/lib/python3.11/some/where", b"/base/lib"),))
    found = find(elf(b"/usr/lib/python3.11/some/where/x86"), b"bin/x", where)
    assert _squeezed(found.edits[0].new) == b"$ORIGIN/../base/lib/x86"


@pytest.mark.parametrize("path", [b"bin/python3.11", b"lib/libpython3.11.so.1.0", b"base/bin/python3"])
def test_a_python_that_finds_itself_limits_nothing(path: bytes) -> None:
    content = elf(b"x", data=b"/opt/env\0")
    assert [site.flags for site in find(content, path).sites] == [SiteFlag.SOFT]
    assert [site.flags for site in find(content, path, options=sites.Options(limit_strict=True)).sites] == [0]
    assert [site.flags for site in find(content, b"bin/pip").sites] == [0]


@pytest.mark.parametrize("cut_at", [5, 40, 70, 130, 200, 300])
def test_damaged_files_are_binaries(cut_at: int) -> None:
    content = elf(LONG + b"/lib", data=b"/opt/env/x\0")[:cut_at] + b"\0/opt/env/y\0"
    assert find(content, b"lib/x.so").sites


def test_objects_and_archives_are_soft() -> None:
    content = b"\x7fELF" + bytes(60) + b"/opt/env/x\0"
    assert [site.flags for site in find(content, b"x.o").sites] == [SiteFlag.SOFT]
    assert [site.flags for site in find(b"!<arch>\n" + content, b"x.a").sites] == [SiteFlag.SOFT]


@pytest.mark.parametrize("symbol", ["env", "nv", "other"])
@pytest.mark.parametrize("root", [b"/opt/env", b"/opt/" + b"o" * 40 + b"/env"])
def test_a_symbol_in_the_tail_of_the_prefix_itself(
    tmp_path: Path, require: Callable[[str], str], root: bytes, symbol: str
) -> None:
    """The end stays as an entry of its own where there is room, else all of the path stays and is reported."""
    runpath = f"-Wl,--enable-new-dtags,-rpath,{root.decode()}"
    library = shared_library(tmp_path, require("gcc"), runpath, code=f"int {symbol}(void) {{ return 1; }}")
    found = find(library.read_bytes(), b"lib/x.so", environment(root))
    if root == ROOT:
        assert not found.edits
        assert (len(found.sites), categories(found)) == ((1, {}) if symbol == "other" else (0, {"shared": 1}))
    else:
        (edit,) = found.edits
        assert _squeezed(edit.new) == (b"$ORIGIN/.." if symbol == "other" else b"$ORIGIN/..:/env")


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc here")
@pytest.mark.parametrize("prefix", [b"/a", b"/longer/than/it/was/by/some/and/more"])
def test_a_symbol_in_the_tail_of_a_runpath_survives(tmp_path: Path, prefix: bytes) -> None:
    """GNU ld merges the name of the function `lib` into the end of the RUNPATH's string."""
    old = os.fsencode(tmp_path / "old-prefix")
    for folder in ("old-prefix/lib", "new/lib", "new/bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "x.c").write_text("int lib(void) { return 42; }\nint other(void) { return lib(); }\n")
    (tmp_path / "main.c").write_text("int lib(void); int main(void) { return lib() != 42; }\n")
    library = tmp_path / "old-prefix/lib/libx.so"
    runpath = f"-Wl,--enable-new-dtags,-rpath,{tmp_path}/old-prefix/lib"
    gcc = shutil.which("gcc")
    assert gcc
    main = tmp_path / "main"
    source = [str(tmp_path / "x.c"), str(tmp_path / "main.c")]
    subprocess.run([gcc, "-O2", "-shared", "-fPIC", source[0], "-o", str(library), runpath], check=True)
    subprocess.run([gcc, source[1], "-o", str(main), f"-L{library.parent}", "-lx", runpath], check=True)
    where = environment(old)
    for built, path in ((library, b"lib/libx.so"), (main, b"bin/main")):
        content = built.read_bytes()
        found = find(content, path, where)
        assert len(found.edits) == 1
        target = tmp_path / "new" / path.decode()
        target.write_bytes(reference.render(cut(content, found, old), reference.Target(prefix)))
        target.chmod(0o755)
    shutil.rmtree(tmp_path / "old-prefix")
    subprocess.run([tmp_path / "new/bin/main"], check=True)
