"""Libraries that another machine will not find, by the rules of ld.so(8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sfxpack import binaries
from sfxpack.binaries import Binary
from sfxpack.closure import Supply, Wanted, wanted
from sfxpack.format.layout import EntryKind, Platform
from sfxpack.model import Entry, Environment, Rename
from sfxpack.names import Names
from sfxpack.requirements import platform_of
from sfxpack.selection import Selection
from sfxpack.sites import Options, aliases
from sfxpack.subject import Subject
from sfxpack.tree import Tree
from tests.compiled import program as compiled_program
from tests.compiled import shared_library
from tests.sitekit import with_folders

ROOT = "/old/env"
X86_64 = (True, "<", 62)


def program(*needed: str, rpath: str = "", runpath: str = "", loader: bytes = b"/lib64/ld-linux-x86-64.so.2") -> Binary:
    return replace(library(*needed, rpath=rpath, runpath=runpath), loader=loader)


def library(*needed: str, rpath: str = "", runpath: str = "") -> Binary:
    names = tuple(name.encode() for name in needed)
    return Binary(X86_64, loader=b"", soname=b"", needed=names, rpath=_split(rpath), runpath=_split(runpath))


def _split(text: str) -> tuple[bytes, ...]:
    return tuple(text.encode().split(b":")) if text else ()


def ask(
    tree: Mapping[str, Binary | str], *renames: Rename, platform: Platform = Platform.LINUX_X86_64
) -> tuple[Wanted, ...]:
    """What is wanted in a tree of ELF files and links (texts)."""
    entries = [Entry(b"lib", EntryKind.DIRECTORY, 0o755, 0, 0)]
    for path, item in tree.items():
        if isinstance(item, str):
            entries.append(Entry(path.encode(), EntryKind.LINK, 0, 0, 0, link=item.encode()))
        else:
            entries.append(Entry(path.encode(), EntryKind.FILE, 0o755, 1, 0, f"{ROOT}/{path}".encode()))
    environment = Environment("prefix", Path(ROOT), "x", (Rename(ROOT.encode(), b""), *renames))
    listed = with_folders(entries)
    options = Options(aliases=aliases(listed, environment))
    subject = Subject(environment, "x", platform, Path("x.sh"), Selection(Tree(listed, ())), options)
    names = Names({entry.path: entry for entry in listed}, {}, environment.renames)
    return wanted(subject, names, {p.encode(): item for p, item in tree.items() if isinstance(item, Binary)}, {})


def brief(tree: Mapping[str, Binary | str], *renames: Rename) -> dict[str, tuple[str, ...]]:
    """Supply and files by name."""
    found = ask(tree, *renames)
    return {item.name.decode(): (item.supply.value, *(path.decode() for path in item.files)) for item in found}


@pytest.mark.parametrize(
    "path",
    [
        "$ORIGIN/../lib",
        "${ORIGIN}/../lib",
        "/nowhere:/old/env/lib",
        "//old/env/lib",
        "$ORIGIN/../$LIB",
        "/older/env/lib",
        "$ORIGIN/../lib/../lib64",
    ],
)
@pytest.mark.parametrize("old", [True, False], ids=["rpath", "runpath"])
def test_search_paths_that_lead_into_the_tree(path: str, *, old: bool) -> None:
    asking = program("libx.so.1", rpath=path) if old else program("libx.so.1", runpath=path)
    tree: dict[str, Binary | str] = {"bin/x": asking, "lib/libx.so.1": library(), "lib64": "lib"}
    assert brief(tree, Rename(b"/older/env", b"")) == {}


@pytest.mark.parametrize("path", ["", "/nowhere", "/old/environment/lib", "$ORIGIN", "$ORIGIN/../../lib", "lib"])
def test_search_paths_that_do_not(path: str) -> None:
    tree = {"bin/x": program("libx.so.1", runpath=path), "lib/libx.so.1": library()}
    assert brief(tree) == {"libx.so.1": ("unreached", "bin/x")}


def test_parts_of_a_base_interpreter_lie_where_they_were_moved() -> None:
    tree = {"bin/x": program("libx.so.1", runpath="/usr/lib/python3.11"), "base/libx.so.1": library()}
    assert brief(tree, Rename(b"/usr/lib/python3.11", b"/base")) == {}


def test_rpath_holds_for_what_is_loaded_through_others() -> None:
    tree = {"lib/liba.so": library("libb.so"), "lib/libb.so": library("libc2.so"), "lib/libc2.so": library()}
    assert brief({"bin/x": program("liba.so", rpath="$ORIGIN/../lib"), **tree}) == {}
    assert brief({"bin/x": program("liba.so", runpath="$ORIGIN/../lib"), **tree}) == {
        "libb.so": ("unreached", "lib/liba.so"),
        "libc2.so": ("unreached", "lib/libb.so"),
    }


def test_a_runpath_turns_inherited_rpaths_off() -> None:
    tree = {
        "bin/x": program("liba.so", rpath="$ORIGIN/../lib"),
        "lib/liba.so": library("libb.so", rpath="$ORIGIN", runpath="/nowhere"),
        "lib/libb.so": library(),
    }
    assert brief(tree) == {"libb.so": ("unreached", "lib/liba.so")}


def test_what_the_interpreter_finds_serves_its_modules() -> None:
    tree: dict[str, Binary | str] = {
        "bin/python": "python3.11",
        "lib/libz.so.1": library(),
        "lib/libq.so.1": library(),
        "lib/python3.11/lib-dynload/zlib.so": library("libz.so.1"),
        "lib/python3.11/lib-dynload/q.so": library("libq.so.1"),
        "bin/tool": program("libz.so.1"),
    }
    by_rpath = brief({**tree, "bin/python3.11": program(rpath="$ORIGIN/../lib")})
    assert by_rpath == {"libz.so.1": ("unreached", "bin/tool")}
    by_loading = brief({**tree, "bin/python3.11": program("libz.so.1", runpath="$ORIGIN/../lib")})
    module = "lib/python3.11/lib-dynload/q.so"
    assert by_loading == {"libz.so.1": ("unreached", "bin/tool"), "libq.so.1": ("unreached", module)}


def test_links_are_followed_without_leaving_the_tree() -> None:
    tree: dict[str, Binary | str] = {
        "bin/x": program("libx.so.1", "liby.so.1", "libz.so.1", runpath="$ORIGIN/../lib64"),
        "lib64": "/old/env/lib",
        "lib/libx.so.1": "libx.so.1.2",
        "lib/libx.so.1.2": library(),
        "lib/liby.so.1": "/usr/lib/liby.so.1",
        "lib/libz.so.1": "libz.so.1",
    }
    assert brief(tree) == {"liby.so.1": ("missing", "bin/x"), "libz.so.1": ("missing", "bin/x")}


def test_origin_is_where_a_file_was_opened() -> None:
    tree: dict[str, Binary | str] = {
        "bin/x": program("libx.so", runpath="$ORIGIN/../lib"),
        "lib/libx.so": "../opt/x/libx.so",
        "opt/x/libx.so": library("liby.so", runpath="$ORIGIN"),
        "lib/liby.so": library(),
    }
    assert brief(tree) == {}


def test_only_files_of_the_same_kind_count() -> None:
    tree = {
        "bin/x": program("libx.so.1", runpath="$ORIGIN/../lib"),
        "lib/libx.so.1": replace(library("libfar.so"), kind=(False, "<", 3)),
    }
    assert brief(tree) == {"libx.so.1": ("missing", "bin/x")}


def test_names_with_a_slash() -> None:
    tree = {"bin/x": program("/old/env/lib/libx.so", "/far/liby.so"), "lib/libx.so": library()}
    assert brief(tree) == {"/far/liby.so": ("missing", "bin/x")}


@pytest.mark.parametrize(
    ("loader", "missing"),
    [
        ("/lib/ld-linux-aarch64.so.1", False),
        ("/lib64/ld-linux-x86-64.so.2", False),
        ("/old/env/lib/ld.so", False),
        ("/old/env/none/ld.so", True),
        ("/store/abc/lib/ld-linux-x86-64.so.2", True),
    ],
)
def test_the_loader_itself(loader: str, *, missing: bool) -> None:
    found = brief({"bin/x": program(loader=loader.encode()), "lib/ld.so": library()})
    assert found == ({loader: ("missing", "bin/x")} if missing else {})


@pytest.mark.parametrize(
    ("name", "supply"),
    [
        ("libstdc++.so.6", "runtime"),
        ("libcuda.so.1", "driver"),
        ("libGL.so.1", "desktop"),
        ("libnowhere.so.7", "missing"),
    ],
)
def test_where_others_come_from(name: str, supply: str) -> None:
    tree = {"lib/a.so": library("libc.so.6", "ld-linux-x86-64.so.2", "libm.so.6", name), "bin/z": program(name)}
    assert brief(tree) == {name: (supply, "bin/z", "lib/a.so")}


def test_a_missing_library_of_this_machine_and_what_it_needs(tmp_path: Path, require: Callable[[str], str]) -> None:
    gcc = require("gcc")
    deep, near = tmp_path / "libdeep.so.1", tmp_path / "libnear.so.1"
    shared_library(tmp_path, gcc, "-Wl,-soname,libdeep.so.1").rename(deep)
    options = ("-Wl,-soname,libnear.so.1", f"-Wl,-rpath,{tmp_path}")
    code = "int f(void); int g(void) { return f(); }"
    shared_library(tmp_path, gcc, *options, str(deep), code=code).rename(near)
    rpath = f"-Wl,-rpath,{tmp_path}"
    content = compiled_program(
        tmp_path, gcc, "int g(void); int main(void) { return g(); }", str(near), rpath
    ).read_bytes()
    asking, platform = binaries.read(content), platform_of(content)
    assert asking
    assert platform
    (item,) = ask({"bin/x": asking}, platform=platform)
    assert item == Wanted(b"libnear.so.1", Supply.MISSING, (b"bin/x",), here=str(near), needs=(b"libdeep.so.1",))
