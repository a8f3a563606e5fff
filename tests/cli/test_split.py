"""Artifacts in parts: installed from anywhere, a wrong part is named, everything is read once and in order."""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from sfxpack import header, resources
from sfxpack.assemble import Front
from sfxpack.format import schema
from sfxpack.format.layout import Platform
from sfxpack.inspect import open_artifact
from tests import prefixes
from tests.installers import Installer, Maker, many, small, snapshot, tool
from tests.running import SFXPACK, build, run

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

SPLIT = (100, 300)
"""Bytes after the locator and in each part: blocks and index go over the borders."""


@pytest.fixture
def installer(maker: Maker) -> Installer:
    return maker.make(small(), split=SPLIT)


@pytest.fixture
def installed(maker: Maker, tmp_path: Path) -> dict[str, tuple[int, object]]:
    """What one file installs."""
    maker.make(small(), "whole.sh").run("--prefix", tmp_path / "env")
    found = snapshot(tmp_path / "env")
    os.rename(tmp_path / "env", tmp_path / "other")
    return found


def parts(installer: Installer) -> list[Path]:
    return sorted(installer.path.parent.glob(f"{installer.path.name}.part*"))


def change(path: Path, at: int, data: bytes = b"\xfe") -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


# ---- the installer --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", [SPLIT, (0, 1 << 20), (1, 15)], ids=["some", "one", "more than stay open"])
def test_it_installs_what_one_file_does(
    maker: Maker, tmp_path: Path, installed: dict[str, tuple[int, object]], split: tuple[int, int]
) -> None:
    installer = maker.make(small(), split=split)
    count = len(parts(installer))
    assert count == 1 if split[0] == 0 else count > 1
    assert split[1] != 15 or count > 100
    installer.run("--prefix", tmp_path / "env")
    assert snapshot(tmp_path / "env") == installed
    assert "0 differences" in tool(tmp_path / "env", "verify").stdout
    assert f"in {count + 1} files" in installer.run("--verify").stdout
    assert f"in {count + 1} files" in installer.run("--info").stdout
    assert json.loads(installer.run("--info", "--json").stdout)["parts"] == count
    installer.run("--extract", "share/release", tmp_path / "some")
    assert (tmp_path / "some/share/release").read_bytes() == b"release 1"


def test_more_parts_than_a_process_may_open(maker: Maker, tmp_path: Path) -> None:
    installer = maker.make(small(), split=(1, 15))
    assert len(parts(installer)) > 100
    run("sh", "-c", 'ulimit -n 32; exec "$@"', "sh", *installer.command("--prefix", tmp_path / "env", "-j8"))
    assert "0 differences" in tool(tmp_path / "env", "verify").stdout


def test_all_can_be_renamed_and_moved_together(installer: Installer, tmp_path: Path) -> None:
    folder = tmp_path / "a stick"
    folder.mkdir()
    for path in (installer.path, *parts(installer)):
        path.rename(folder / path.name.replace("app.sh", "other name"))
    moved = Installer(folder / "other name", installer.at, installer.stub)
    moved.run("--prefix", tmp_path / "env")
    beside = Installer(Path("other name"), installer.at, installer.stub)
    assert "sound" in beside.run("--verify", cwd=folder).stdout


def test_a_link_to_the_first_file(installer: Installer, tmp_path: Path) -> None:
    link = tmp_path / "latest.sh"
    link.symlink_to(installer.path)
    linked = Installer(link, installer.at, installer.stub)
    assert "sound" in linked.run("--verify").stdout
    parts(installer)[1].unlink()
    assert f"{parts(installer)[0]}"[:-1] + "2 is missing" in linked.run("--verify", status=3).stderr


@pytest.mark.parametrize("number", [1, 3, -1])
@pytest.mark.parametrize("options", ["--prefix P", "--info", "--list", "--verify", "--check-only", "--extract * P"])
def test_a_missing_part_is_named(installer: Installer, tmp_path: Path, number: int, options: str) -> None:
    found = parts(installer)
    gone = found[number - 1 if number > 0 else -1]
    gone.unlink()
    before = sorted(tmp_path.rglob("*"))
    words = [tmp_path / "env" if word == "P" else word for word in options.split()]
    said = installer.run(*words, status=3).stderr
    assert f"{gone} is missing" in said
    assert str(len(found)) in said
    assert sorted(tmp_path.rglob("*")) == before


def test_one_that_was_renamed_alone(installer: Installer) -> None:
    first = installer.path.rename(installer.path.with_name("renamed.sh"))
    said = Installer(first, installer.at, installer.stub).run("--verify", status=3).stderr
    assert f"{first}.part01 is missing" in said


def test_exchanged_parts(installer: Installer, tmp_path: Path) -> None:
    one, two, *_ = parts(installer)
    one.rename(tmp_path / "aside")
    two.rename(one)
    (tmp_path / "aside").rename(two)
    assert f"{one} is part 2, not 1" in installer.run("--prefix", tmp_path / "env", status=3).stderr


@pytest.mark.parametrize("other", ["build", "split", "size"])
def test_a_part_of_something_else(maker: Maker, installer: Installer, tmp_path: Path, other: str) -> None:
    values = small(b"2") if other == "build" else small()
    split = {"build": SPLIT, "split": (100, 500), "size": (101, 300)}[other]
    strange = parts(maker.make(values, "strange.sh", split))
    replaced = parts(installer)[-1 if other == "size" else 1]
    replaced.write_bytes(strange[-1 if other == "size" else 1].read_bytes())
    said = installer.run("--prefix", tmp_path / "env", status=3).stderr
    assert str(replaced) in said
    assert {"build": "another build", "split": "parts", "size": "at other places"}[other] in said
    assert not (tmp_path / "env").exists()


def test_a_truncated_part(installer: Installer, tmp_path: Path) -> None:
    part = parts(installer)[1]
    for size in (part.stat().st_size - 1, 50, 0):
        os.truncate(part, size)
        said = installer.run("--prefix", tmp_path / "env", status=3).stderr
        assert str(part) in said
        assert "shorter" in said


def test_a_part_that_is_no_part(installer: Installer) -> None:
    part = parts(installer)[1]
    part.write_bytes(b"x" * 1000)
    assert f"{part} is damaged, or no part" in installer.run("--verify", status=3).stderr
    part.unlink()
    part.mkdir()
    assert str(part) in installer.run("--verify", status=8).stderr


@pytest.mark.parametrize("number", range(1, 4))
def test_a_damaged_part_is_named(maker: Maker, tmp_path: Path, number: int) -> None:
    installer = maker.make(many(12, 1000), split=(2000, 4000))
    part = parts(installer)[number - 1]
    change(part, schema.PART.size + 2000)
    for options in (("--prefix", tmp_path / "env"), ("--verify",)):
        said = installer.run(*options, status=3).stderr
        assert re.search(r"block \d+|index", said)
        assert "copy it again" in said
        assert str(part) in said
    assert not (tmp_path / "env").exists()


def test_a_part_that_cannot_be_read_to_its_end(
    installer: Installer, tmp_path: Path, require: Callable[[str], str]
) -> None:
    log = tmp_path / "log"
    fault = ["-e", "trace=pread64", "-e", "inject=pread64:error=EIO:when=2+", "-P", str(parts(installer)[2])]
    done = run(
        require("strace"), "-f", "-o", log, *fault[2:], *fault[:2], *installer.command("--verify", "-j1"), status=8
    )
    assert f"cannot read {parts(installer)[2]} at offset " in done.stderr


READ = re.compile(r"(?:\d+ )?pread64\(\d+<(.*)>, .*, (\d+), (\d+)\) = (\d+)")


def test_everything_is_read_once_and_in_order(maker: Maker, tmp_path: Path, require: Callable[[str], str]) -> None:
    """After one seek to the index, and what says where things are."""
    installer = maker.make(many(40, 5000), split=(3000, 20_000))
    files = [installer.path, *parts(installer)]
    log = tmp_path / "log"
    command = [require("strace"), "-f", "-y", "-s0", "-o", str(log), "-e", "trace=pread64"]
    run(*command, *installer.command("--prefix", tmp_path / "env", "-j1"))
    place = {str(path): number for number, path in enumerate(files)}
    reads = [
        (place[name], int(offset), int(size))
        for name, _, offset, size in READ.findall(log.read_text())
        if name in place
    ]
    read: defaultdict[tuple[int, int], int] = defaultdict(int)
    for number, offset, size in reads:
        for byte in range(offset, offset + size):
            read[number, byte] += 1
    assert set(read.values()) == {1}
    assert len(read) == sum(path.stat().st_size for path in files)
    heads, rest = reads[: len(files)], reads[len(files) :]
    assert heads == [(0, installer.at, 512), *((number, 0, schema.PART.size) for number in range(1, len(files)))]
    assert rest[0] == (0, 0, installer.at)
    index = next(at for at, item in enumerate(rest[1:], 1) if item[:2] == (0, installer.at + 512))
    assert rest[1][0] >= len(files) - 2
    assert rest[index:] == sorted(rest[index:])


# ---- the builder ----------------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = prefixes.make_prefix(tmp_path / "original")
    prefixes.write(root / "share/random", os.urandom(700_000))
    return root


@pytest.fixture
def least() -> int:
    """The smallest `--split` for the root."""
    platform = Platform.parse(resources.host_platform())
    front = Front(bytes(header.size("original", "", platform)), resources.stub(platform.label).read_bytes(), platform)
    return front.locator_offset + schema.LOCATOR.size + 1


def test_too_small_files(root: Path, tmp_path: Path, least: int) -> None:
    said = run(*SFXPACK, "build", root, "-o", tmp_path / "x.sh", "--split", least - 1, status=2).stderr
    assert f"the first file alone takes {least - 1:,} bytes, more than {least - 2:,}; give at least {least}" in said
    assert list(tmp_path.iterdir()) == [root]


def stream(written: list[dict[str, object]]) -> bytes:
    """What the files hold, without the records of parts."""
    first, *rest = (Path(str(item["path"])).read_bytes() for item in written)
    return first + b"".join(data[schema.PART.size :] for data in rest)


def test_a_build_in_parts(root: Path, tmp_path: Path, least: int) -> None:
    whole = build(root, tmp_path / "x.sh")
    limit = least + 50_000
    output = tmp_path / "stick" / "x.sh"
    output.parent.mkdir()
    result = build(root, output, "--split", limit)
    assert result["build"] == whole["build"]
    assert result["size"] == whole["size"]
    written = result["written"]
    assert len(written) >= 3
    assert sorted(item["path"] for item in written) == sorted(map(str, output.parent.iterdir()))
    assert [item["size"] for item in written[:-1]] == [limit - 1] * (len(written) - 1)
    assert all(Path(item["path"]).stat().st_size == item["size"] < limit for item in written)
    end = least - 1
    held, one = stream(written), (tmp_path / "x.sh").read_bytes()
    assert (held[: end - 512], held[end:]) == (one[: end - 512], one[end:])
    assert whole["written"] == [{"path": str(tmp_path / "x.sh"), "size": whole["size"]}]


def test_parts_are_the_same_each_time(root: Path, tmp_path: Path, least: int) -> None:
    contents = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        build(root, folder / "x.sh", "--split", least, "-j", 1 if name == "one" else 4)
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert contents[0] == contents[1]


def test_every_command_reads_parts(root: Path, tmp_path: Path, least: int) -> None:
    output = tmp_path / "x.sh"
    written = build(root, output, "--split", least)["written"]
    run(*SFXPACK, "verify", output)
    assert json.loads(run(*SFXPACK, "inspect", output, "--json").stdout)["parts"] == len(written) - 1
    assert f"in {len(written)} files" in run(*SFXPACK, "inspect", output).stdout
    run(*SFXPACK, "extract", output, tmp_path / "tree", "--as", "/opt/env")
    assert (tmp_path / "tree/bin/hello").read_text() == '#!/bin/sh\ncat "/opt/env/share/greeting"\n'
    run("sh", output, "--prefix", tmp_path / "env")
    assert run(tmp_path / "env/bin/hello").stdout == "hello\n"
    (tmp_path / "latest.sh").symlink_to(output)
    run(*SFXPACK, "verify", tmp_path / "latest.sh")
    said = run(*SFXPACK, "verify", f"{output}.part01", status=2).stderr
    assert f"name the first file, {output}" in said


def test_the_builder_names_what_is_wrong_with_a_part(root: Path, tmp_path: Path, least: int) -> None:
    output = tmp_path / "x.sh"
    written = [Path(item["path"]) for item in build(root, output, "--split", least)["written"]]
    change(written[1], 5000)
    assert str(written[1]) in run(*SFXPACK, "verify", output, status=3).stderr
    change(written[2], 50)
    assert f"{written[2]} is damaged" in run(*SFXPACK, "inspect", output, status=3).stderr
    written[2].unlink()
    for command in ("verify", "inspect"):
        assert f"{written[2]} is missing" in run(*SFXPACK, command, output, status=3).stderr
    assert f"{written[2]} is missing" in run(*SFXPACK, "extract", output, tmp_path / "t", status=3).stderr


def test_what_fits_one_file_is_one(root: Path, tmp_path: Path) -> None:
    whole, split = build(root, tmp_path / "x.sh"), build(root, tmp_path / "y.sh", "--split", "fat32")
    assert len(split["written"]) == 1
    assert (tmp_path / "x.sh").read_bytes() == (tmp_path / "y.sh").read_bytes()
    assert whole["warnings"] == split["warnings"]


def test_earlier_parts(root: Path, tmp_path: Path, least: int) -> None:
    output = tmp_path / "out" / "x.sh"
    output.parent.mkdir()
    before = build(root, output, "--split", least)["written"]
    foreign = prefixes.write(output.with_name("x.sh.part99"), "mine")
    assert "--force" in run(*SFXPACK, "build", root, "-o", output, status=8).stderr
    output.unlink()
    assert f"{before[1]['path']}: exists already" in run(*SFXPACK, "build", root, "-o", output, status=8).stderr
    after = build(root, output, "--split", least + 300_000, "--force")["written"]
    assert len(after) < len(before)
    assert sorted(output.parent.iterdir()) == sorted([foreign, *(Path(item["path"]) for item in after)])
    run(*SFXPACK, "verify", output)
    build(root, output, "--force")
    assert sorted(output.parent.iterdir()) == [output, foreign]


def test_a_name_that_is_taken(root: Path, tmp_path: Path, least: int) -> None:
    output = tmp_path / "out" / "x.sh"
    precious = prefixes.write(output.with_name("x.sh.part02"), "precious")
    said = run(*SFXPACK, "build", root, "-o", output, "--split", least, status=8).stderr
    assert str(precious) in said
    assert list(output.parent.iterdir()) == [precious]
    precious.unlink()
    precious.mkdir()
    run(*SFXPACK, "build", root, "-o", output, "--split", least, "--force", status=8)
    assert list(output.parent.iterdir()) == [precious]


def test_own_parts_are_left_out(root: Path, least: int) -> None:
    for _ in range(2):
        run(*SFXPACK, "build", ".", "--name", "me", "--split", least, "--force", cwd=root)
    (output,) = root.glob("me-*.sh")
    with open_artifact(output) as opened:
        assert not [entry for entry in opened.index.entries if entry.path.startswith(b"me-")]


SMALL_FAT = """
import sys
from sfxpack import cli
sys.modules["sfxpack.build"].FAT32_MOST = int(sys.argv.pop(1))
cli.main()
"""


def test_a_file_too_large_for_fat32_is_named(root: Path, tmp_path: Path, least: int) -> None:
    command = (sys.executable, "-c", SMALL_FAT, least, "build", root, "-o", tmp_path / "x.sh")
    said = run(*command).stdout
    assert f"warning: {tmp_path}/x.sh: larger than a file on FAT32" in said
    assert "--split fat32" in said
    assert "FAT32" not in run(*command, "--force", "--split", least + 1).stdout


def test_where_files_cannot_be_large(root: Path, tmp_path: Path, least: int) -> None:
    """As on FAT32: the system refuses to write beyond a size."""
    output = tmp_path / "stick" / "x.sh"
    output.parent.mkdir()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (least, least))

    said = run(*SFXPACK, "build", root, "-o", output, status=8, preexec_fn=limit).stderr
    assert str(output) in said
    assert "--split fat32" in said
    assert list(output.parent.iterdir()) == []
    run(*SFXPACK, "build", root, "-o", output, "--split", least, preexec_fn=limit)
    run(*SFXPACK, "verify", output)


NO_MODES = """
import errno, os
from sfxpack.cli import main
def refuse(*words, **options):
    raise PermissionError(errno.EPERM, "Operation not permitted", words[0])
os.chmod = refuse
main()
"""


def test_where_files_have_no_modes(root: Path, tmp_path: Path, least: int) -> None:
    output = tmp_path / "x.sh"
    run(sys.executable, "-c", NO_MODES, "build", root, "-o", output, "--split", least, "-q")
    run(*SFXPACK, "verify", output)


INTERRUPT = """
import os, signal, sys
from sfxpack.cli import main
name, moment = sys.argv.pop(1), int(sys.argv.pop(1))
call = getattr(os, name)
def called(*words, **options):
    global moment
    result = call(*words, **options)
    moment -= 1
    if moment == 0:
        os.kill(os.getpid(), signal.SIGTERM)
    return result
setattr(os, name, called)
main()
"""


@pytest.mark.parametrize(
    ("call", "moment", "is_there"),
    [("rename", 1, False), ("rename", 2, False), ("replace", 1, False), ("replace", 2, False), ("replace", 3, True)],
)
def test_interrupted_while_files_get_their_names(
    root: Path, tmp_path: Path, least: int, call: str, moment: int, *, is_there: bool
) -> None:
    output = tmp_path / "out" / "x.sh"
    output.parent.mkdir()
    words = [call, moment, "build", root, "-o", output, "--split", least, "-q"]
    run(sys.executable, "-c", INTERRUPT, *words, status=143)
    if is_there:
        run(*SFXPACK, "verify", output)
    else:
        assert list(output.parent.iterdir()) == []


def test_the_summary_lists_the_files(root: Path, tmp_path: Path, least: int) -> None:
    said = run(
        *SFXPACK, "build", root, "-o", "x.sh", "--split", least, cwd=tmp_path, env={**os.environ, "COLUMNS": "200"}
    ).stdout
    assert re.search(r"file +x\.sh, \d+ KB", said)
    assert re.search(r"part +x\.sh\.part01, \d+ KB", said)
    assert "scp x.sh x.sh.part* HOST:" in said
