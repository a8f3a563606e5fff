"""Links that lead out of a tree, as a view of Spack or a folder of GNU Stow is made of them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.running import SFXPACK, build, run
from tests.store import Store, make_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path)


def test_a_view_is_followed_into_its_store(store: Store, tmp_path: Path) -> None:
    assert run(store.view / "bin/app").stdout == "hello, world\n"
    result = build(store.view, tmp_path / "x.sh", "--external", "follow")
    categories = {finding["category"] for finding in result["findings"]}
    assert "followed" in categories
    assert "external" not in categories
    shutil.rmtree(store.top)
    shutil.rmtree(store.view)
    prefix = tmp_path / "new"
    run(tmp_path / "x.sh", "--prefix", prefix)
    assert run(prefix / "bin/app").stdout == "hello, world\n"
    assert (prefix / "lib/pkgconfig/one.pc").read_text() == f"prefix={prefix}\nLibs: -L{prefix}/lib -lone\n"
    assert os.readlink(prefix / "lib/libone.so") == "libone.so.1.3"
    assert (prefix / "lib/libone.so.1.3").is_file()
    assert not run("grep", "-rl", store.top, prefix, status=1).stdout
    run(prefix / ".sfxpack/sfx", "verify")


def test_a_link_to_a_folder_brings_it_and_what_names_it_follows(tmp_path: Path) -> None:
    data = tmp_path / "elsewhere/data"
    data.mkdir(parents=True)
    (data / "table.csv").write_text("1,2\n")
    (data / "again.csv").symlink_to("table.csv")
    (data / "here").symlink_to(data)
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "data").symlink_to(data)
    (tree / "settings.ini").write_text(f"[data]\nfolder = {data}\n")
    build(tree, tmp_path / "x.sh", "--external", "follow")
    shutil.rmtree(data)
    prefix = tmp_path / "new"
    run(tmp_path / "x.sh", "--prefix", prefix)
    assert (prefix / "settings.ini").read_text() == f"[data]\nfolder = {prefix}/data\n"
    assert (prefix / "data/again.csv").read_text() == "1,2\n"
    assert (prefix / "data/again.csv").is_symlink()


def test_kept_by_default_and_refused_where_asked(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin/sh").symlink_to("/bin/sh")
    (tree / "up").symlink_to(tmp_path)
    (tree / "gone").symlink_to("../nowhere")
    result = build(tree, tmp_path / "x.sh")
    assert {f["path"] for f in result["findings"] if f["category"] == "external"} == {"bin/sh", "up", "gone"}
    refused = run(*SFXPACK, "build", "-p", tree, "-o", tmp_path / "y.sh", "--external", "fail", status=2).stderr
    assert f"bin/sh -> /bin/sh\n  gone -> ../nowhere\n  up -> {tmp_path}" in refused
    result = build(tree, tmp_path / "y.sh", "--external", "follow")
    assert {f["path"] for f in result["findings"] if f["category"] == "external"} == {"up", "gone"}
    run(tmp_path / "y.sh", "--prefix", tmp_path / "new")
    assert (tmp_path / "new/bin/sh").read_bytes() == Path("/bin/sh").read_bytes()
    assert not (tmp_path / "new/bin/sh").is_symlink()


def test_what_is_odd_is_packed_and_listed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "share/terminfo/E").mkdir(parents=True)
    (tree / "share/terminfo/e").mkdir()
    (tree / "share/terminfo/E/Eterm").write_text("E")
    (tree / "share/terminfo/e/eterm").write_text("e")
    for name in (b"\xff\xfe", b"two\nlines"):
        Path(os.fsdecode(os.path.join(os.fsencode(tree), name))).write_text("x")
    (tree / "nowhere").symlink_to("not/there")
    with (tree / "hollow").open("wb") as file:
        file.truncate(80 << 20)
        file.seek(40 << 20)
        file.write(b"middle")
        file.seek(-3, os.SEEK_END)
        file.write(b"end")
    holes = (tree / "hollow").stat().st_blocks * 512 < 1 << 20
    result = build(tree, tmp_path / "x.sh")
    found = {(finding["category"], finding["path"]) for finding in result["findings"]}
    expected = {
        ("collision", "share/terminfo/e"),
        ("collision", "share/terminfo/e/eterm"),
        ("name", "\udcff\udcfe"),
        ("name", "two\nlines"),
        ("dangling", "nowhere"),
    }
    assert found == expected | ({("sparse", "hollow")} if holes else set())
    assert result["size"] < 1 << 20
    run(tmp_path / "x.sh", "--prefix", tmp_path / "new")
    run("diff", "-r", "--no-dereference", "--exclude=.sfxpack", tree, tmp_path / "new")
    assert not holes or (tmp_path / "new/hollow").stat().st_blocks * 512 < 1 << 20
    assert json.loads((tmp_path / "new/.sfxpack/report.json").read_text())["findings"]["dangling"]["count"] == 1
