"""Everything below a prefix, in the format's order, with the modes it should have."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sfxpack.errors import DiscoveryError
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Environment, Finding, Rename
from sfxpack.tree import list_tree
from tests import environments
from tests.prefixes import write


def environment(
    root: Path, additions: tuple[Entry, ...] = (), omissions: frozenset[bytes] = frozenset()
) -> Environment:
    return Environment("prefix", root, "x", (Rename(os.fsencode(root), b""),), additions=additions, omissions=omissions)


def addition(path: bytes, data: bytes = b"new") -> Entry:
    return Entry(path, EntryKind.FILE, 0o644, len(data), 5, data=data)


def paths(root: Path, *ignored: str, **options: object) -> list[bytes]:
    made = environment(root, **options)  # type: ignore[arg-type]
    return [entry.path for entry in list_tree(made, tuple(os.fsencode(path) for path in ignored)).entries]


def test_kinds_sizes_times_links(tmp_path: Path) -> None:
    file = write(tmp_path / "d/f", "12345", 0o640)
    os.utime(file, ns=(1, 1_600_000_000_123_456_789))
    (tmp_path / "d/l").symlink_to("../away \n")
    (tmp_path / "d").chmod(0o750)
    directory, regular, link = list_tree(environment(tmp_path)).entries
    assert (directory.path, directory.kind, directory.mode, directory.size) == (b"d", EntryKind.DIRECTORY, 0o750, 0)
    assert regular == Entry(
        b"d/f", EntryKind.FILE, 0o640, 5, 1_600_000_000_123_456_789, os.fsencode(file), b"", (0, 0), None
    )
    assert (link.kind, link.mode, link.size, link.link) == (EntryKind.LINK, 0, 0, b"../away \n")


def test_paths_are_in_order_by_component(tmp_path: Path) -> None:
    for name in ("a/x", "a-b", "a.d/x", "A", "é", "aa"):
        write(tmp_path / name, "")
    assert paths(tmp_path) == [b"A", b"a", b"a/x", b"a-b", b"a.d", b"a.d/x", b"aa", "é".encode()]


def test_names_of_any_bytes(tmp_path: Path) -> None:
    for name in (b"\xff\xfe", b"new\nline", b" blank "):
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_text("")
    assert paths(tmp_path) == [b" blank ", b"new\nline", b"\xff\xfe"]


def test_hard_links_carry_their_inode(tmp_path: Path) -> None:
    write(tmp_path / "a", "x")
    os.link(tmp_path / "a", tmp_path / "b")
    write(tmp_path / "c", "x")
    first, second, third = list_tree(environment(tmp_path)).entries
    assert first.inode == second.inode != (0, 0)
    assert third.inode == (0, 0)


def test_set_id_sticky_and_write_for_others_are_dropped(tmp_path: Path) -> None:
    for name, mode in (("a", 0o4755), ("b", 0o2755), ("c", 0o666), ("d", 0o6777)):
        write(tmp_path / name, "", mode)
    (tmp_path / "e").mkdir()
    (tmp_path / "e").chmod(0o1777)
    tree = list_tree(environment(tmp_path))
    assert [entry.mode for entry in tree.entries] == [0o755, 0o755, 0o664, 0o775, 0o775]
    assert tree.findings == (
        Finding("mode", b"a", "set-id bits of 4755 dropped"),
        Finding("mode", b"b", "set-id bits of 2755 dropped"),
        Finding("mode", b"c", "write for others of 0666 dropped"),
        Finding("mode", b"d", "set-id bits of 6777 dropped"),
        Finding("mode", b"d", "write for others of 6777 dropped"),
        Finding("mode", b"e", "write for others of 1777 dropped"),
    )


def test_sockets_and_pipes_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    tree = list_tree(environment(tmp_path))
    assert tree.entries == ()
    assert tree.findings == (Finding("dropped", b"pipe", "named pipe"), Finding("dropped", b"socket", "socket"))


def test_additions_win_and_bring_their_directories(tmp_path: Path) -> None:
    write(tmp_path / "bin/a", "old", 0o700)
    tree = list_tree(environment(tmp_path, (addition(b"bin/a"), addition(b"base/lib/b"))))
    found = {entry.path: entry for entry in tree.entries}
    assert list(found) == [b"base", b"base/lib", b"base/lib/b", b"bin", b"bin/a"]
    assert found[b"bin/a"].data == b"new"
    assert found[b"base/lib"].kind is EntryKind.DIRECTORY
    assert found[b"base/lib"].mode == 0o755


def test_what_is_left_out(tmp_path: Path) -> None:
    for name in (
        "pkgs/x",
        "keep/pkgs/x",
        ".sfxpack/manifest",
        ".sfxpack.new/x",
        "keep/.sfxpack/x",
        "out.sh",
        "out.sh2",
    ):
        write(tmp_path / name, "")
    found = paths(tmp_path, f"{tmp_path}/out.sh", "/elsewhere/out.sh2", omissions=frozenset({b"pkgs"}))
    assert found == [b"keep", b"keep/.sfxpack", b"keep/.sfxpack/x", b"keep/pkgs", b"keep/pkgs/x", b"out.sh2"]


def test_the_output_is_left_out_by_any_of_its_names(tmp_path: Path) -> None:
    write(tmp_path / "real/out/a.sh", "")
    (tmp_path / "link").symlink_to("real")
    assert paths(tmp_path / "link", f"{tmp_path}/real/out/a.sh") == [b"out"]
    assert paths(tmp_path / "real", f"{tmp_path}/link/out/../out/a.sh") == [b"out"]


def test_an_empty_prefix(tmp_path: Path) -> None:
    assert paths(tmp_path) == []


def test_all_that_cannot_be_read_is_named() -> None:
    with environments.open_folder() as root:
        write(root / "good", "", 0o604)
        write(root / "bad-file", "", 0)
        write(root / "bad-directory/x", "")
        write(root / "no-way-through/x", "")
        (root / "bad-directory").chmod(0)
        (root / "no-way-through").chmod(0o444)
        assert environments.error_as_nobody(lambda: list_tree(environment(root))).splitlines() == [
            "3 paths cannot be read; make them readable for this user, or remove them:",
            f"  {root}/bad-directory: Permission denied",
            f"  {root}/bad-file: Permission denied",
            f"  {root}/no-way-through/x: Permission denied",
        ]
        (root / "bad-directory").chmod(0o700)
        (root / "no-way-through").chmod(0o700)


def test_one_that_is_too_deep_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sfxpack.format.layout.MAX_PATH", 20)
    write(tmp_path / ("a" * 15) / ("b" * 15), "")
    with pytest.raises(DiscoveryError, match=r"1 path cannot be read.*\n.*longer than 20 bytes below the prefix"):
        list_tree(environment(tmp_path))
