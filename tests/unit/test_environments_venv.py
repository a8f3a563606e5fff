"""Venvs: the base Python comes along as a set of files, found without the machine it was made on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sfxpack.environments import discover, interpreter, tcl
from sfxpack.environments.files import Collector
from sfxpack.environments.libraries import Library
from sfxpack.errors import DiscoveryError
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Environment, Origin
from sfxpack.request import Request
from tests import bases, environments
from tests.prefixes import write
from tests.running import run


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], str]) -> Path:
    return bases.make_base(tmp_path_factory.mktemp("made") / "base", require("gcc"))


@pytest.fixture
def venv(base: Path, tmp_path: Path) -> Path:
    return bases.make_venv_by_hand(tmp_path / "project/.venv", base)


def found(root: Path) -> Environment:
    return discover(Request(str(root), by_path=True))


def additions(environment: Environment) -> dict[str, Entry]:
    return {os.fsdecode(entry.path): entry for entry in environment.additions}


def text(entry: Entry) -> str:
    assert entry.data is not None
    assert entry.size == len(entry.data)
    return entry.data.decode()


def test_what_comes_along(venv: Path) -> None:
    environment = found(venv)
    assert (environment.kind, environment.name) == ("venv", "project")
    assert environment.warnings == ()
    entries = additions(environment)
    assert {path for path, entry in entries.items() if entry.kind is EntryKind.FILE} == {
        "base-python/bin/python3.11",
        "base-python/include/python3.11/Python.h",
        "base-python/include/python3.11/x86_64-linux-gnu/python3.11/pyconfig.h",
        "base-python/lib/libdirect.so.1",
        "base-python/lib/libindirect.so.1",
        "base-python/lib/libother.so.2",
        "base-python/lib/python3.11/json/__init__.py",
        "base-python/lib/python3.11/lib-dynload/_m.so",
        "base-python/lib/python3.11/os.py",
        "base-python/lib/python3.11/sitecustomize.py",
        "base-python/ssl/cacert.pem",
        "bin/activate",
        "pyvenv.cfg",
    }
    assert {path: entry.link for path, entry in entries.items() if entry.kind is EntryKind.LINK} == {
        "base-python/bin/python": b"python3.11",
        "base-python/bin/python3": b"python3.11",
        "base-python/lib/python3.11/again.py": b"json/__init__.py",
        "base-python/lib/python3.11/dangling.py": b"/nowhere/x.py",
        "base-python/lib/python3.11/loop": b".",
        "bin/python3": b"../base-python/bin/python3.11",
    }
    assert entries["base-python/bin/python3.11"].mode == 0o755


def test_it_runs_when_the_base_is_gone(venv: Path, base: Path, tmp_path: Path) -> None:
    environment, tree = environments.found(venv)
    target = tmp_path / "installed"
    environments.copy_out(environment, tree, target, str(target))
    hidden = base.rename(base.with_name("hidden"))
    try:
        module = target / "base-python/lib/python3.11/lib-dynload/_m.so"
        assert run(target / "bin/python", module).stdout == "42\n"
        assert run(target / "bin/python3").stdout == "41\n"
    finally:
        hidden.rename(base)


def test_nothing_that_is_loaded_names_the_base(venv: Path, base: Path) -> None:
    for entry in found(venv).additions:
        if entry.kind is EntryKind.FILE and (b".so" in entry.path or entry.path.endswith(b"bin/python3.11")):
            content = entry.data or Path(os.fsdecode(entry.source)).read_bytes()
            assert os.fsencode(base) + b"/deps" not in content, entry.path


def test_the_base_is_renamed(venv: Path, base: Path) -> None:
    renames = {rename.old: rename.new for rename in found(venv).renames}
    assert renames == {os.fsencode(base): b"/base-python", os.fsencode(venv): b""}


def test_only_parts_of_a_system_are_renamed(venv: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "SYSTEM_ROOTS", frozenset({os.fsencode(base)}))
    environment = found(venv)
    prefix = os.fsencode(base)
    assert {rename.old: rename.new for rename in environment.renames} == {
        os.fsencode(venv): b"",
        prefix + b"/bin/python3.11": b"/base-python/bin/python3.11",
        prefix + b"/include/python3.11": b"/base-python/include/python3.11",
        prefix
        + b"/include/x86_64-linux-gnu/python3.11": b"/base-python/include/python3.11/x86_64-linux-gnu/python3.11",
        prefix + b"/lib/python3.11": b"/base-python/lib/python3.11",
    }
    assert "base-python/ssl/cacert.pem" not in additions(environment)


def test_the_wheels_of_ensurepip_come_along_where_a_system_keeps_them(base: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(base, tmp_path / "b", symlinks=True)
    write(copy / "share/python-wheels/pip-23.0.1-py3-none-any.whl", "")
    entries = additions(found(bases.make_venv_by_hand(tmp_path / "v", copy)))
    assert "base-python/share/python-wheels/pip-23.0.1-py3-none-any.whl" in entries


def test_a_base_with_two_names(base: Path, tmp_path: Path) -> None:
    (tmp_path / "a-name-that-stays-when-the-version-changes").symlink_to(base)
    link = tmp_path / "a-name-that-stays-when-the-version-changes"
    root = bases.make_venv_by_hand(tmp_path / "v", link)
    renames = {rename.old: rename.new for rename in found(root).renames}
    assert renames == {os.fsencode(root): b"", os.fsencode(base): b"/base-python", os.fsencode(link): b"/base-python"}


def test_a_home_directory_is_not_renamed_as_a_whole(venv: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(base))
    environment = found(venv)
    renames = {rename.old: rename.new for rename in environment.renames}
    assert os.fsencode(base) not in renames
    assert renames[os.fsencode(base) + b"/lib/python3.11"] == b"/base-python/lib/python3.11"
    assert "base-python/ssl/cacert.pem" not in additions(environment)


def test_the_scripts_of_tcl_come_along(tmp_path: Path) -> None:
    write(tmp_path / "sys/tcl8.6/init.tcl", "")
    write(tmp_path / "sys/tk8.6/tk.tcl", "")
    library = Library(str(tmp_path / "sys/libtcl8.6.so"), (True, "<", 62), (), (), ())
    found = [(b"libtcl8.6.so", library), (b"libtk8.6.so.0", library), (b"libc.so", library)]
    collector = Collector()
    tcl.add_scripts(collector, tmp_path, b"base", found)
    assert [path for path in collector.entries if path.endswith(b".tcl")] == [
        b"lib/tcl8.6/init.tcl",
        b"lib/tk8.6/tk.tcl",
    ]
    own = Collector()
    own.tree(str(tmp_path / "sys/tcl8.6"), b"base/lib/tcl8.6")
    tcl.add_scripts(own, tmp_path, b"base", found[:1])
    assert own.entries[b"lib/tcl8.6"].link == b"../base/lib/tcl8.6"
    write(tmp_path / "lib/tcl8.6/init.tcl", "")
    kept = Collector()
    tcl.add_scripts(kept, tmp_path, b"base", found[:1])
    assert kept.entries == {}


def test_the_configuration_names_what_was_brought_along(base: Path, tmp_path: Path) -> None:
    settings = {"executable": f"{base}/bin/python3.11", "base-prefix": str(base), "prompt": "'x'", "command": "c"}
    root = bases.make_venv_by_hand(tmp_path / "v", base, **settings)
    assert text(additions(found(root))["pyvenv.cfg"]).splitlines() == [
        f"home = {root}/base-python/bin",
        "include-system-site-packages = false",
        "version = 3.11.2",
        f"executable = {root}/base-python/bin/python3.11",
        f"base-prefix = {root}/base-python",
        "prompt = 'x'",
        f"command = {root}/base-python/bin/python3.11 -m venv {root}",
    ]


def test_copies_become_links(venv: Path, base: Path) -> None:
    (venv / "bin/python3").unlink()
    shutil.copy(base / "bin/python3.11", venv / "bin/python3")
    for folder in (base, venv):
        write(folder / "lib/libpython3.11.so.1.0", "")
    write(venv / "lib/libpython3.12.so.1.0", "")
    entries = additions(found(venv))
    (base / "lib/libpython3.11.so.1.0").unlink()
    assert entries["bin/python3"].link == b"../base-python/bin/python3.11"
    assert entries["lib/libpython3.11.so.1.0"].link == b"../base-python/lib/libpython3.11.so.1.0"
    assert not entries.keys() & {"bin/python", "lib/libpython3.12.so.1.0"}


def test_a_base_in_the_environment_stays(venv: Path, base: Path) -> None:
    environment, tree = environments.found(venv)
    target = venv.parent.parent / "installed"
    environments.copy_out(environment, tree, target, str(target))
    again, tree = environments.found(target)
    assert [entry.path for entry in again.additions] == [b"bin/activate"]
    assert [rename.old for rename in again.renames] == [os.fsencode(target)]
    assert again.warnings == ()
    assert base.is_dir()


def test_a_folder_of_that_name_is_not_touched(venv: Path) -> None:
    (venv / "base-python").mkdir()
    entries = additions(found(venv))
    assert "base-python-2/bin/python3.11" in entries
    assert entries["bin/python3"].link == b"../base-python-2/bin/python3.11"
    assert f"home = {venv}/base-python-2/bin" in text(entries["pyvenv.cfg"])


def test_system_site_packages_are_refused(base: Path, tmp_path: Path) -> None:
    root = bases.make_venv_by_hand(tmp_path / "v", base, **{"include-system-site-packages": "True"})
    with pytest.raises(DiscoveryError, match=r"uses packages outside of itself.*without --system-site-packages"):
        found(root)


def test_a_base_that_is_gone(tmp_path: Path) -> None:
    root = bases.make_venv_by_hand(tmp_path / "v", tmp_path / "gone")
    with pytest.raises(DiscoveryError, match=r"base Python is not on this machine.*home = .*gone/bin"):
        found(root)


def test_a_base_without_a_library(base: Path, tmp_path: Path) -> None:
    (tmp_path / "b/bin").mkdir(parents=True)
    shutil.copy(base / "bin/python3.11", tmp_path / "b/bin/python3.11")
    root = bases.make_venv_by_hand(tmp_path / "v", tmp_path / "b")
    with pytest.raises(DiscoveryError, match=r"standard library is not there: no lib/python3\.11/os\.py"):
        found(root)


def test_a_library_that_is_not_on_this_machine(base: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(base, tmp_path / "b", symlinks=True)
    (base / "deps/libother.so.2").rename(base / "deps/away")
    try:
        environment = found(bases.make_venv_by_hand(tmp_path / "v", copy))
    finally:
        (base / "deps/away").rename(base / "deps/libother.so.2")
    assert "libother.so.2: asked for by" in environment.warnings[0]


def test_which_version_it_is_for(base: Path, tmp_path: Path) -> None:
    root = bases.make_venv_by_hand(tmp_path / "v", base)
    (root / "lib/python3.12/site-packages").mkdir(parents=True)
    assert "base-python/bin/python3.11" in additions(found(root))
    shutil.rmtree(root / "lib")
    assert "base-python/bin/python3.11" in additions(found(root))
    (root / "pyvenv.cfg").write_text(f"home = {base}/bin\n")
    with pytest.raises(DiscoveryError, match="cannot tell which Python it is for"):
        found(root)


def test_a_venv_that_was_moved(venv: Path, tmp_path: Path) -> None:
    moved = venv.rename(tmp_path / "moved")
    environment = found(moved)
    assert environment.origin == Origin(os.fsencode(venv), 1)
    assert os.fsencode(venv) in {rename.old for rename in environment.renames}
    given = discover(Request(str(moved), by_path=True, old_prefixes=(str(venv),)))
    assert (given.origin, given.renames) == (None, environment.renames)


def test_a_venv_with_its_base_inside_that_was_moved(venv: Path, base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, venv / "base-python", symlinks=True)
    (venv / "pyvenv.cfg").write_text(f"home = {venv}/base-python/bin\nversion = 3.11.2\n")
    assert set(additions(found(venv.rename(tmp_path / "moved")))) == {"bin/activate"}


def test_what_was_appended_to_activate_is_kept(venv: Path) -> None:
    with (venv / "bin/activate").open("a") as script:
        script.write("\nexport MINE=1\n")
    environment = found(venv)
    assert "is replaced" in environment.warnings[0]
    script_text = text(additions(environment)["bin/activate"])
    assert script_text.endswith("that this one replaces:\nexport MINE=1\n")
    assert f"\n{venv}\nSFXPACK_PREFIX\n" in script_text
    (venv / "bin/activate").write_text(script_text)
    assert text(additions(found(venv))["bin/activate"]) == script_text
