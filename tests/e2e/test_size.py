"""Small versions of what `scripts/size` does: holes, many files, long paths, depth, few descriptors, little memory."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Final

import pytest

from scripts import extremes
from scripts.measuring import watch
from sfxpack.format.layout import Exit
from tests.installers import mounted
from tests.running import SFXPACK, build, run

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

MIB: Final = 1 << 20
STUB_LIMIT: Final = 256 * MIB
GIB: Final = 1 << 30


def limited(words: list[object], descriptors: int = 1024, memory: int = 0) -> list[str]:
    """A command with limits: MEMORY in KiB of address space."""
    limits = f"ulimit -n {descriptors};" + (f" ulimit -v {memory};" if memory else "")
    return ["sh", "-c", f"{limits} exec {shlex.join(map(str, words))}"]


def peak(folder: Path, *words: object) -> int:
    """Bytes of memory a command takes, which succeeds."""
    return watch([str(word) for word in words], folder, folder / "log").peak


def remove(*roots: Path) -> None:
    """Remove trees that are too deep for Python."""
    run("rm", "-rf", *roots)


def test_holes_stay_holes_and_large_files_are_never_held(tmp_path: Path) -> None:
    made, there, moved = (tmp_path / name for name in ("made", "inst", "move"))
    extremes.disk_image(made, GIB // 2)
    image = "disk.img"
    if (made / image).stat().st_blocks * 512 > GIB // 4:
        pytest.skip("this file system keeps no holes")
    artifact = tmp_path / "image.sh"
    assert peak(tmp_path, *SFXPACK, "build", made, "-o", artifact) < STUB_LIMIT
    assert peak(tmp_path, *SFXPACK, "verify", artifact) < STUB_LIMIT
    assert artifact.stat().st_size < 2 * MIB
    install = ["sh", artifact, "--prefix", there]
    assert peak(tmp_path, *limited(install, memory=300 * 1024)) < STUB_LIMIT
    for place in (there, moved):
        if place == moved:
            there.rename(moved)
            assert peak(tmp_path, moved / ".sfxpack/sfx", "relocate") < STUB_LIMIT
            assert peak(tmp_path, moved / ".sfxpack/sfx", "verify") < STUB_LIMIT
        assert extremes.same_between_holes(made / image, place / image)
        assert (place / image).stat().st_blocks * 512 < 4 * MIB
    run(moved / ".sfxpack/sfx", "relocate", tmp_path / "copy")
    assert (tmp_path / "copy" / image).stat().st_blocks * 512 < 4 * MIB


def test_what_will_be_a_hole_needs_no_room(tmp_path: Path) -> None:
    made, disk = tmp_path / "made", tmp_path / "disk"
    disk.mkdir()
    extremes.write_sparse(made_folder(made) / "disk.img", GIB // 4, [(GIB // 8, b"x" * 5000)])
    build(made, tmp_path / "image.sh")
    with mounted(disk, "-o", "size=64m"):
        run("sh", tmp_path / "image.sh", "--prefix", disk / "env")
        assert (disk / "env/disk.img").stat().st_size == GIB // 4
    (made / "full").write_bytes(b"x" * 80 * MIB)
    build(made, tmp_path / "full.sh")
    with mounted(disk, "-o", "size=64m"):
        done = run("sh", tmp_path / "full.sh", "--prefix", disk / "env", status=Exit.NO_SPACE)
        assert "is needed and" in done.stderr


def made_folder(path: Path) -> Path:
    """A new folder."""
    path.mkdir()
    return path


def test_many_files(tmp_path: Path) -> None:
    made = tmp_path / "made"
    extremes.many_files(made, 100, 50, 5_000)
    artifact = tmp_path / "many.sh"
    build(made, artifact)
    for options in ([], ["--force"]):
        assert peak(tmp_path, "sh", artifact, "--prefix", tmp_path / "env", *options) < STUB_LIMIT
        (tmp_path / "env/flat/mine").write_text("mine")
    (tmp_path / "env").rename(tmp_path / "moved")
    run(tmp_path / "moved/.sfxpack/sfx", "relocate", status=Exit.EXCEPTIONS)
    assert run(tmp_path / "moved/.sfxpack/sfx", "verify").stdout.endswith(" 0 differences, 0 regenerated\n")


@pytest.mark.parametrize("jobs", [1, 64])
def test_depth_with_few_descriptors(tmp_path: Path, jobs: int) -> None:
    made, there, moved = (tmp_path / name for name in ("made", "inst", "move"))
    extremes.nested(made, ["d"] * 1100, "leaf", os.fsencode(made) + b"/x\n")
    try:
        build(made, tmp_path / "deep.sh")
        install = ["sh", tmp_path / "deep.sh", "--prefix", there, "--jobs", jobs]
        run(*limited(install, descriptors=20))
        (there / "d/d/mine").write_text("mine")
        run(*limited([*install, "--force"], descriptors=20))
        assert (there / "d/d/mine").read_text() == "mine"
        (there / "d/d/mine").unlink()
        run(*limited([there / ".sfxpack/sfx", "verify"], descriptors=20))
        there.rename(moved)
        run(*limited([moved / ".sfxpack/sfx", "relocate"], descriptors=20))
        run(*limited([moved / ".sfxpack/sfx", "verify"], descriptors=20))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["deep.sh", "made", "move"]
    finally:
        remove(made, there, moved)


def test_paths_as_long_as_the_system_takes(tmp_path: Path) -> None:
    made, there, longer = (tmp_path / name for name in ("made", "inst", "longer"))
    *names, leaf = extremes.long_path(extremes.LONGEST_PATH - len(os.fsencode(made)) - 1)
    extremes.nested(made, names, leaf, os.fsencode(made) + b"/x\n")
    build(made, tmp_path / "long.sh")
    install = ["sh", tmp_path / "long.sh", "--prefix"]
    done = run(*install, longer, status=Exit.PREFIX_TOO_LONG)
    assert f"{extremes.LONGEST_PATH + 2} bytes" in done.stderr
    assert not longer.exists()
    run(*install, there)
    file = there.joinpath(*names, leaf)
    assert file.read_text() == f"{there}/x\n"
    file.write_text("changed")
    run(*install, there, "--force")
    assert file.read_text() == f"{there}/x\n"
    kept = [path for path in file.parent.iterdir() if path != file]
    assert [path.read_text() for path in kept] == ["changed"]
    assert len(os.fsencode(kept[0])) == extremes.LONGEST_PATH
    kept[0].unlink()
    moved = there.rename(tmp_path / "move")
    run(moved / ".sfxpack/sfx", "relocate")
    assert moved.joinpath(*names, leaf).read_text() == f"{moved}/x\n"
    run(moved / ".sfxpack/sfx", "verify")
    done = run(moved / ".sfxpack/sfx", "relocate", longer, status=Exit.PREFIX_TOO_LONG)
    assert "bytes" in done.stderr


def test_a_path_too_long_to_read_is_named(tmp_path: Path) -> None:
    made = tmp_path / "made"
    *names, leaf = extremes.long_path(extremes.LONGEST_PATH - len(os.fsencode(made)))
    extremes.nested(made, names, leaf, b"")
    done = run(*SFXPACK, "build", made, "-o", tmp_path / "x.sh", status=Exit.IO)
    assert f"/{leaf}: has {extremes.LONGEST_PATH + 1} bytes" in done.stderr
    assert "shorter place" in done.stderr


def test_a_changed_file_with_the_longest_name_is_kept(tmp_path: Path) -> None:
    made = made_folder(tmp_path / "made")
    names = ["n" * extremes.LONGEST_NAME, "é" * 127]
    for name in names:
        (made / name).write_text("text\n")
    build(made, tmp_path / "names.sh")
    install = ["sh", tmp_path / "names.sh", "--prefix", tmp_path / "env"]
    run(*install)
    for name in names:
        (tmp_path / "env" / name).write_text("changed")
    run(*install, "--force")
    kept = sorted(path.name for path in (tmp_path / "env").glob("*.sfxpack-old"))
    assert kept == ["n" * (255 - 12) + ".sfxpack-old", "é" * 121 + ".sfxpack-old"]


def test_threads_that_find_no_memory_are_done_without(tmp_path: Path) -> None:
    made = made_folder(tmp_path / "made")
    extremes.write_sparse(made / "data", 160 * MIB, [(MIB, b"x" * MIB)])
    build(made, tmp_path / "data.sh", "--level", "15")
    install = ["sh", tmp_path / "data.sh", "--prefix", tmp_path / "env", "--jobs", "8"]
    run(*limited(install, memory=120 * 1024))
    assert extremes.same_between_holes(made / "data", tmp_path / "env/data")
