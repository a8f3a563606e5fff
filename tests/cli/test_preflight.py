"""Whether an installer would work here: each check, what it says, and how to skip it."""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sfxpack.format.layout import Exit, RequirementFlag, RequirementKind
from sfxpack.format.tables import IndexRequirement
from tests.installers import TIMEOUT, Installer, Maker, mounted, small, snapshot, with_product
from tests.testkit import Sample, directory, file, sample, with_index
from tests.views import make_view, run_in_view

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stub of this system is not built yet")

DOCS = Path(__file__).parent.parent.parent / "docs"


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Name and outcome of each check of `--check-only --json`."""
    return {check["name"]: check["outcome"] for check in json.loads(done.stdout)["checks"]}


def texts(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Name and text of the same."""
    return {check["name"]: check["text"] for check in json.loads(done.stdout)["checks"]}


def documented() -> dict[str, bool]:
    """The checks of docs/preflight.md, and whether they can be skipped."""
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| (yes|no) \|$", (DOCS / "preflight.md").read_text(), re.MULTILINE)
    return {name: skippable == "yes" for name, skippable in rows}


# ---- --skip-check ---------------------------------------------------------------------------------------------------


def test_unknown_checks_list_the_known(app: Installer, tmp_path: Path) -> None:
    said = ""
    for typed in ("spase", "space,,inodes", "", "space,"):
        said = app.run("--prefix", tmp_path / "env", "--skip-check", typed, status=Exit.USAGE).stderr
        assert "there is no check `" in said
    listed = said.rpartition(": ")[2].strip().split(", ")
    assert listed == [name for name, skippable in documented().items() if skippable]
    assert not (tmp_path / "env").exists()


def test_what_nothing_can_skip(maker: Maker, tmp_path: Path) -> None:
    app = maker.make(with_product(small(), prefix_limit=4))
    for name in (name for name, skippable in documented().items() if not skippable):
        said = app.run("--prefix", tmp_path / "env", "--skip-check", name, status=Exit.USAGE).stderr
        assert f"nothing can skip `{name}`" in said
    every = ",".join(name for name, skippable in documented().items() if skippable)
    done = app.run("--prefix", tmp_path / "env", "--skip-check", every, status=Exit.PREFIX_TOO_LONG)
    assert "--skip-check" not in done.stderr
    app.run("--prefix", "/", "--skip-check", every, status=Exit.PREFIX_IN_USE)


def test_a_skipped_failure(maker: Maker, volumes_stub: Path, tmp_path: Path) -> None:
    app = replace(maker.make(small()), stub=volumes_stub)
    env = {"SFX_TEST_QUOTA_BYTES": "1000", "SFX_TEST_LARGEST_FILE": "1000"}
    prefix = tmp_path / "env"
    said = app.run("--prefix", prefix, status=Exit.NO_SPACE, env=env).stderr
    assert f"your quota in {tmp_path} leaves 1.0 kB" in said
    assert said.endswith("(to go on all the same: --skip-check quota)\n")
    app.run("--prefix", prefix, "--skip-check", "quota", status=Exit.IO, env=env)
    assert not prefix.exists()
    options = ("--prefix", prefix, "--skip-check", "file-size,names", "--skip-check=quota")
    found = outcomes(app.run("--check-only", "--json", *options, env=env))
    assert (found["quota"], found["file-size"], found["names"]) == ("skipped", "skipped", "ok")
    assert "  quota          skipped  " in app.run("--check-only", *options, env=env).stdout
    done = app.run(*options, env=env)
    assert "app: warning: skipped the check quota: " in done.stderr
    assert "app: warning: skipped the check file-size: " in done.stderr
    assert "skipped the check quota: " in (prefix / ".sfxpack/install.log").read_text()


def test_a_skipped_warning_is_not_said(app: Installer, tmp_path: Path) -> None:
    done = app.run("--prefix", tmp_path / "a:b", "--skip-check", "search-paths")
    assert done.stderr == ""
    assert "search-paths: skipped: the prefix has a colon" in (tmp_path / "a:b/.sfxpack/install.log").read_text()


# ---- The report -----------------------------------------------------------------------------------------------------


def test_report(app: Installer, tmp_path: Path) -> None:
    done = app.run("--check-only", "--json", "--prefix", tmp_path / "env")
    report = json.loads(done.stdout)
    assert (report["prefix"], report["exit"]) == (str(tmp_path / "env"), 0)
    assert set(outcomes(done)) <= set(documented())
    assert set(outcomes(done).values()) == {"ok"}
    assert texts(done)["modes"] == "keep"
    assert texts(app.run("--check-only", "--json", "-p", tmp_path / "x", "--mode", "shared"))["modes"] == "shared"
    assert [path.name for path in tmp_path.iterdir()] == ["media"]


def test_a_prefix_that_is_a_link(app: Installer, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "env").symlink_to("disk")
    done = app.run("--check-only", "--json", "--prefix", tmp_path / "env")
    assert texts(done)["place"] == f"is empty; the prefix is a link to {tmp_path}/disk"


def test_nothing_is_written_or_touched(app: Installer, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    os.utime(folder, (1, 1))
    app.run("--check-only", "--prefix", folder)
    app.run("--check-only", "--prefix", folder / "a/b")
    assert folder.stat().st_mtime == 1


def test_a_place_that_cannot_be(app: Installer, tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "file").write_text("")
    for prefix in ("dangling", "file", "file/env"):
        done = app.run("--check-only", "--json", "--prefix", tmp_path / prefix, status=Exit.PREFIX_IN_USE)
        assert outcomes(done)["place"] == "failed"
        assert json.loads(done.stdout)["exit"] == Exit.PREFIX_IN_USE


def test_what_a_killed_run_left_is_not_called_empty(app: Installer, tmp_path: Path) -> None:
    app.run("--prefix", tmp_path / "env")
    record = tmp_path / "env/.sfxpack"
    (record / "manifest").rename(record / "pending")
    said = texts(app.run("--check-only", "--json", "--prefix", tmp_path / "env"))["place"]
    assert said == "another run is not finished there; what it left is undone first"
    app.run("--prefix", tmp_path / "env")


# ---- Room -----------------------------------------------------------------------------------------------------------


def test_quota(maker: Maker, volumes_stub: Path, tmp_path: Path) -> None:
    app = replace(maker.make(small()), stub=volumes_stub)
    options = ("--check-only", "--json", "--prefix", tmp_path / "env")
    assert "quota" not in outcomes(app.run(*options))
    for name, amount, said in (
        ("BYTES", 10_000_000, "leaves room"),
        ("BYTES", 100_000, f"kB is needed and your quota in {tmp_path} leaves 100 kB"),
        ("INODES", 1000, "leaves room"),
        ("INODES", 20, f"30 inodes are needed and your quota in {tmp_path} leaves 20"),
    ):
        fits = said == "leaves room"
        status = 0 if fits else Exit.NO_SPACE
        done = app.run(*options, status=status, env={f"SFX_TEST_QUOTA_{name}": str(amount)})
        assert outcomes(done)["quota"] == ("ok" if fits else "failed")
        assert said in texts(done)["quota"]


def limited(command: list[str], limit: int) -> subprocess.CompletedProcess[str]:
    """Run a program that may write so many bytes into a file."""

    def lower() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=lower, timeout=TIMEOUT)


def test_largest_file(maker: Maker, tmp_path: Path) -> None:
    """By the limit of the process, as a batch system sets it."""
    size = 4 * maker.stub.stat().st_size
    app = maker.make(sample((directory(b"lib"), file(b"lib/big", 0)), (bytes(size),)))
    for limit, said in ((size - 1, "lib/big has "), (1000, ".sfxpack has ")):
        if limit == 1000:
            app = maker.make(small(), "small.sh")
        done = limited(app.command("--prefix", tmp_path / "env"), limit)
        assert done.returncode == Exit.IO
        assert said in done.stderr
        assert "ulimit -f" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["media"]


# ---- Names ----------------------------------------------------------------------------------------------------------


def refusal(app: Installer, prefix: Path, env: Mapping[str, str]) -> str:
    """What is said before anything is written."""
    said = app.run("--prefix", prefix, status=Exit.IO, env=env).stderr
    assert not prefix.exists()
    return said


def colliding() -> Sample:
    """Names that differ in nothing but case, in one folder and by their folders."""
    return sample(
        (directory(b"Lib"), file(b"Lib/a", 0), directory(b"lib"), file(b"lib/A", 0), file(b"lib/b", 0)), (b"x",)
    )


def test_links_and_names_of_fat(maker: Maker, volumes_stub: Path, tmp_path: Path) -> None:
    fat = {"SFX_TEST_FAT": "1"}
    prefix = tmp_path / "env"
    linked = replace(maker.make(small(), "linked"), stub=volumes_stub)
    assert f"bin/mod is a link, and the file system of {tmp_path} has none (FAT)" in refusal(linked, prefix, fat)
    for name in (b"a:b", b"what?", b"dot.", b"blank ", b"back\\slash", b"bell\a"):
        odd = replace(maker.make(sample((file(name, 0),), (b"x",)), "odd"), stub=volumes_stub)
        shown = name.decode().replace("\a", "?")
        assert f"does not take the name {shown}; " in refusal(odd, prefix, fat)
    entries = (directory(b"d.x"), file(b"d.x/plain name.py", 0))
    plain = replace(maker.make(sample(entries, (b"x",)), "plain"), stub=volumes_stub)
    plain.run("--prefix", prefix, env=fat)


def test_names_too_long(maker: Maker, volumes_stub: Path, tmp_path: Path) -> None:
    entries = (directory(b"d"), file(b"d/" + b"n" * 144, 0))
    app = replace(maker.make(sample(entries, (b"x",))), stub=volumes_stub)
    assert "n" * 144 + ";" in refusal(app, tmp_path / "env", {"SFX_TEST_LONGEST_NAME": "143"})
    app.run("--prefix", tmp_path / "env", env={"SFX_TEST_LONGEST_NAME": "144"})


def test_case(maker: Maker, volumes_stub: Path, tmp_path: Path) -> None:
    env = {"SFX_TEST_IGNORES_CASE": "1"}
    app = replace(maker.make(colliding()), stub=volumes_stub)
    said = refusal(app, tmp_path / "env", env)
    assert "Lib and lib (and more) differ in nothing else" in said
    app.run("--prefix", tmp_path / "env")
    assert len(snapshot(tmp_path / "env")) == 5
    single = replace(maker.make(small(), "small"), stub=volumes_stub)
    assert outcomes(single.run("--check-only", "--json", "-p", tmp_path / "x", env=env))["case"] == "ok"


def test_case_is_found_out_by_what_stands_there(maker: Maker, tmp_path: Path) -> None:
    """A folder with two names that differ in case looks the same as one found under both."""
    app = maker.make(colliding())
    volume = tmp_path / "volume"
    for name in ("Found", "fOUND"):
        (volume / name).mkdir(parents=True)
    app.run("--check-only", "--prefix", volume / "env")
    with mounted(volume / "fOUND", "--bind", source=volume / "Found"):
        said = app.run("--prefix", volume / "env", status=Exit.IO).stderr
        assert f"{volume} ignores the case of names" in said


def test_a_second_name_is_not_the_other_case(maker: Maker, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "Found").write_text("")
    (volume / "fOUND").hardlink_to(volume / "Found")
    maker.make(colliding()).run("--prefix", volume / "env")


# ---- Machines made up -----------------------------------------------------------------------------------------------


class Machine:
    """A root folder of its own: what the stub finds there is the machine."""

    def __init__(self, root: Path, app: Installer) -> None:
        self.root = root
        for name in ("tmp", "dev", "proc", "etc", "lib", "opt"):
            (root / name).mkdir(exist_ok=True, parents=True)
        shutil.copy(app.stub, root / "sfx")
        shutil.copy(app.path, root / "app.sh")
        self.at = app.at

    def put(self, path: str, text: str = "") -> None:
        """Write a file of the system."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def run(self, *options: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the installer there."""
        done = run_in_view(self.root, "/sfx", "--artifact", "/app.sh", "--at", str(self.at), *options)
        if done.returncode not in (0, *Exit) or "unshare:" in done.stderr or "mount:" in done.stderr:
            pytest.skip(f"namespaces are not allowed here: {done.stderr.strip()}")
        assert done.returncode == status, f"{done.args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


def needs(kind: RequirementKind, value: int = 0, *, hard: bool = True) -> Sample:
    """A tree whose program needs something."""
    flags = int(RequirementFlag.HARD) if hard else 0
    return with_index(small(), requirements=(IndexRequirement(kind, flags, value, b"bin/python"),))


def test_c_libraries(maker: Maker, tmp_path: Path) -> None:
    on_musl, on_gnu, soft = (
        maker.make(values, f"{at}.sh")
        for at, values in enumerate(
            (
                needs(RequirementKind.MUSL),
                needs(RequirementKind.GLIBC, 2 << 16 | 17),
                needs(RequirementKind.MUSL, hard=False),
            )
        )
    )
    for name, app in (("musl", on_musl), ("gnu", on_gnu), ("soft", soft)):
        machine = Machine(tmp_path / name / "bare", app)
        said = machine.run("--prefix", "/opt/env", status=0 if name == "soft" else Exit.WRONG_SYSTEM).stderr
        assert "it needs the C library musl" in said if name == "soft" else "bin/python needs the " in said
    # What Alpine has, and nothing else.
    loader = f"lib/ld-musl-{platform.machine()}.so.1"
    machine = Machine(tmp_path / "alpine", on_musl)
    machine.put(loader)
    found = machine.run("--check-only", "--json", "--prefix", "/opt/env")
    assert texts(found)["c-library"] == "needs musl, which is there"
    machine = Machine(tmp_path / "alpine", on_gnu)
    said = machine.run("--prefix", "/opt/env", status=Exit.WRONG_SYSTEM).stderr
    assert "bin/python needs the GNU C library 2.17; this machine has musl only" in said
    assert machine.run("--prefix", "/opt/env", "--skip-check", "c-library").stderr.count("warning") == 1
    # The host's own.
    machine = Machine(make_view(tmp_path / "gnu-machine"), on_musl)
    said = machine.run("--prefix", "/opt/env", status=Exit.WRONG_SYSTEM).stderr
    assert "bin/python needs the C library musl; this machine has the GNU C library only" in said
    assert "requires    musl (bin/python)" in on_musl.run("--info").stdout
    info = json.loads(on_musl.run("--info", "--json").stdout)["requirements"]
    assert [item["kind"] for item in info] == ["musl"]


def test_selinux_and_fapolicyd(app: Installer, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "root", app)
    machine.put("sys/fs/selinux/enforce", "0")
    assert machine.run("--prefix", "/data/plain").stderr == ""
    machine.put("sys/fs/selinux/enforce", "1")
    assert machine.run("--prefix", "/opt/env").stderr == ""
    said = machine.run("--prefix", "/data/my env").stderr
    assert "semanage fcontext -a -e /usr '/data/my env' && restorecon -R '/data/my env'" in said
    assert "fapolicyd" not in said
    machine.put("run/fapolicyd.pid", "1")
    said = machine.run("--prefix", "/opt/other").stderr
    assert "type: fapolicyd-cli --file add /opt/other && fapolicyd-cli --update" in said
    found = machine.run("--check-only", "--json", "--prefix", "/data/x")
    assert {name: outcomes(found)[name] for name in ("selinux", "fapolicyd")} == dict.fromkeys(
        ("selinux", "fapolicyd"), "warning"
    )


def test_homes_of_others(app: Installer, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "root", app)
    machine.put(
        "etc/passwd",
        "root:x:0:0::/root:/bin/sh\nsvc:x:999:999::/opt/svc:/bin/false\nbob:x:1000:1000::/data/bob:/bin/sh\n",
    )
    for name in ("root", "data/bob", "home/new", "srv/empty"):
        (machine.root / name).mkdir(parents=True)
    (machine.root / "people").symlink_to("data")
    (machine.root / "mine").symlink_to("/data/bob")
    (machine.root / "system").symlink_to("/srv")
    for prefix in ("/root", "/data/bob", "/people/bob", "/mine", "/people/../data/bob/"):
        said = machine.run("--prefix", prefix, status=Exit.PREFIX_IN_USE).stderr
        assert "is a home directory; choose a folder in it" in said
    machine.run("--prefix", "/system", status=Exit.PREFIX_IN_USE)
    assert list((machine.root / "data/bob").iterdir()) == []
    for prefix in ("/opt/svc", "/home/new", "/home/newer", "/people/bob/env", "/system/empty"):
        machine.run("--prefix", prefix)
    if os.geteuid() == 0:
        (machine.root / "home/eve").mkdir()
        os.chown(machine.root / "home/eve", 1234, 1234)
        assert "home directory" in machine.run("--prefix", "/home/eve", status=Exit.PREFIX_IN_USE).stderr
