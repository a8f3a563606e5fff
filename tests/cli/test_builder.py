"""What the builder says: help, errors with the way out, exit codes, nothing left behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from sfxpack import header
from sfxpack.format.layout import Platform
from sfxpack.inspect import open_artifact
from tests import prefixes
from tests import testkit as kit
from tests.running import SFXPACK, TIMEOUT, build, run
from tests.search import remaining

AT = """
import contextlib, os, sys, threading
from sfxpack.cli import main
place, moment, number = sys.argv.pop(1), int(sys.argv.pop(1)), int(sys.argv.pop(1))
main_thread = threading.get_ident()
def interrupting(call, is_meant=lambda *words: True):
    def called(*words, **options):
        global moment
        result = call(*words, **options)
        if threading.get_ident() == main_thread and is_meant(result, *words):
            moment -= 1
            if moment == 0:
                os.kill(os.getpid(), number)
        return result
    return called
if place == "lock":
    threading.Condition.__enter__ = interrupting(threading.Condition.__enter__)
elif place == "file":
    os.open = interrupting(os.open, lambda _, name, *more: str(name).endswith(".part"))
elif place == "block":
    manager = contextlib._GeneratorContextManager
    manager.__enter__ = interrupting(manager.__enter__, lambda value, _: type(value).__name__ == "Assembly")
main()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return prefixes.make_prefix(tmp_path / "original")


def test_alone_it_shows_an_example() -> None:
    assert "sfxpack build myenv" in run(*SFXPACK).stdout


@pytest.mark.parametrize("command", ["build", "scan", "inspect", "verify", "extract"])
def test_help_of_each_command(command: str) -> None:
    said = run(*SFXPACK, command, "--help").stdout
    assert "Usage: sfxpack" in said
    assert "\\b" not in said


def test_summary_names_what_matters(root: Path, tmp_path: Path) -> None:
    said = run(*SFXPACK, "build", root, "-o", tmp_path / "x.sh", env={**os.environ, "NO_COLOR": "1"}).stdout
    for part in ("x.sh", "shebang", "text", "no file limits it", "sh x.sh --prefix"):
        assert part in said


def test_missing_environment(tmp_path: Path) -> None:
    assert str(tmp_path / "none") in run(*SFXPACK, "build", tmp_path / "none", status=2).stderr


def test_environment_is_a_file(tmp_path: Path) -> None:
    path = prefixes.write(tmp_path / "file", "x")
    assert str(path) in run(*SFXPACK, "build", path, status=2).stderr


def test_existing_output_needs_force(root: Path, tmp_path: Path) -> None:
    output = prefixes.write(tmp_path / "x.sh", "precious")
    assert "--force" in run(*SFXPACK, "build", root, "-o", output, status=8).stderr
    assert output.read_text() == "precious"
    run(*SFXPACK, "build", root, "-o", output, "--force")
    run(*SFXPACK, "verify", output)


def test_output_directory_missing(root: Path, tmp_path: Path) -> None:
    assert str(tmp_path / "no") in run(*SFXPACK, "build", root, "-o", tmp_path / "no/x.sh", status=8).stderr


def test_two_environments_named() -> None:
    assert "in one way" in run(*SFXPACK, "build", "a", "-n", "b", status=2).stderr


def test_own_output_is_left_out(root: Path) -> None:
    run(*SFXPACK, "build", ".", "--name", "me", cwd=root)
    run(*SFXPACK, "build", ".", "--name", "me", "--force", cwd=root)
    (output,) = root.glob("me-*.sh")
    with open_artifact(output) as opened:
        assert not [entry for entry in opened.index.entries if entry.path.startswith(b"me-")]


def test_unreadable_files_are_all_named(root: Path, tmp_path: Path, require: Callable[[str], str]) -> None:
    for name in ("first", "second"):
        prefixes.write(root / name, "x", 0o000)
    bound = [require("setpriv"), "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    said = run(*bound, *SFXPACK, "build", root, "-o", tmp_path / "x.sh", status=8).stderr
    assert "first" in said
    assert "second" in said
    assert not (tmp_path / "x.sh").exists()


def test_inspect_shows_the_facts(root: Path, tmp_path: Path) -> None:
    build(root, tmp_path / "x.sh", "--name", "app", "--release", "2.1", "--default-prefix", "/opt/app")
    facts = json.loads(run(*SFXPACK, "inspect", tmp_path / "x.sh", "--json").stdout)
    assert (facts["name"], facts["release"], facts["default_prefix"]) == ("app", "2.1", "/opt/app")
    assert "app 2.1" in run(*SFXPACK, "inspect", tmp_path / "x.sh").stdout


def test_inspect_of_something_else(tmp_path: Path) -> None:
    path = prefixes.write(tmp_path / "x.sh", "#!/bin/sh\necho hello\n")
    assert "bad_magic" in run(*SFXPACK, "inspect", path, status=3).stderr


def test_a_file_that_changes_is_named(root: Path, tmp_path: Path) -> None:
    code = (
        "import sys, os\n"
        "from sfxpack import entries, cli\n"
        "path = sys.argv.pop(1)\n"
        "read = entries.os.fstat\n"
        "def slow(handle):\n"
        "    status = read(handle)\n"
        "    if os.path.samestat(status, os.stat(path)):\n"
        "        os.utime(path, (1, 1))\n"
        "    return status\n"
        "entries.os.fstat = slow\n"
        "cli.main()\n"
    )
    done = run(sys.executable, "-c", code, root / "share/plain.txt", "build", root, "-o", tmp_path / "x.sh", status=8)
    assert "share/plain.txt" in done.stderr
    assert list(tmp_path.glob("*.sh")) == list(tmp_path.glob(".x*")) == []


FLIP = """\
import pathlib, sys
from sfxpack.errors import ArtifactError
from sfxpack.verify import verify
path = pathlib.Path(sys.argv[1])
with path.open("r+b", buffering=0) as file:
    for bit in map(int, sys.stdin):
        file.seek(bit >> 3)
        old = file.read(1)[0]
        file.seek(bit >> 3)
        file.write(bytes([old ^ 1 << (bit & 7)]))
        try:
            verify(path)
            print(bit)
        except ArtifactError:
            pass
        file.seek(bit >> 3)
        file.write(bytes([old]))
"""


def not_found(path: Path, bits: Iterable[int]) -> str:
    """The flipped bits that `verify` takes for sound; in one process, for the number of them."""
    return run(sys.executable, "-c", FLIP, path, input="\n".join(map(str, bits))).stdout


def test_every_flipped_bit_of_header_and_locator_is_found(tmp_path: Path) -> None:
    """With a stub of four bytes, so that all bits can be tried."""
    platform = Platform.LINUX_X86_64
    size = header.size("sample", "1", platform)
    assert size == kit.HEADER_SIZE
    text = header.render(header.HeaderVars("sample", "1", platform, size, len(kit.STUB), kit.AT))
    sample = replace(kit.sample((kit.file(b"a", 0),), (b"alpha",)), header=text)
    path = prefixes.write(tmp_path / "x.sh", sample.artifact())
    run(*SFXPACK, "verify", path)
    locator = range(kit.AT * 8, path.stat().st_size * 8)
    assert not_found(path, (*range(size * 8), *locator)) == ""


def test_random_flipped_bits_of_a_real_artifact_are_found(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "x.sh"
    build(root, output)
    assert not_found(output, random.Random(7).sample(range(output.stat().st_size * 8), 10_000)) == ""
    run(*SFXPACK, "verify", output)


@pytest.mark.parametrize("policy", ["keep", "relocate", "fail"])
def test_ambiguous_places(root: Path, tmp_path: Path, policy: str) -> None:
    prefixes.write(root / "share/odd.txt", f"$ROOT{root}/x\n")
    command = (*SFXPACK, "build", root, "-o", tmp_path / "x.sh", "--ambiguous", policy)
    if policy == "fail":
        assert "share/odd.txt" in run(*command, status=2).stderr
        assert not (tmp_path / "x.sh").exists()
        return
    run(*command)
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    kept = root if policy == "keep" else tmp_path / "e"
    assert (tmp_path / "e/share/odd.txt").read_text() == f"$ROOT{kept}/x\n"


@pytest.mark.parametrize("prefix", ["/opt/a\nb", "/opt/\t", "/opt/\x7f"])
def test_no_prefix_has_control_characters(root: Path, tmp_path: Path, prefix: str) -> None:
    output = tmp_path / "x.sh"
    said = run(*SFXPACK, "build", root, "-o", output, "--default-prefix", prefix, status=2).stderr
    assert "control character" in said
    build(root, output)
    assert "control character" in run(*SFXPACK, "extract", output, tmp_path / "t", "--as", prefix, status=2).stderr
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("limit", ["loaded", "strict"])
def test_what_limits_the_prefix(root: Path, tmp_path: Path, limit: str) -> None:
    result = build(root, tmp_path / "x.sh", "--limit", limit)
    longer = tmp_path / ("longer" + "x" * 20)
    if limit == "loaded":
        assert (result["prefix_limit"], result["prefix_limit_path"]) == (None, "")
        run(tmp_path / "x.sh", "--prefix", longer)
        assert (longer / "share/wide.dat").read_bytes()[2:].startswith("//".encode("utf-16-le"))
    else:
        assert result["prefix_limit"] == len(str(root))
        assert result["prefix_limit_path"] in ("share/data.pkl", "share/wide.dat")
        assert result["prefix_limit_path"] in run(tmp_path / "x.sh", "--prefix", longer, status=6).stderr


def test_a_tree_that_does_not_lie_where_it_was_made(root: Path, tmp_path: Path) -> None:
    moved = root.rename(tmp_path / "moved")
    build(moved, tmp_path / "x.sh", "--old-prefix", root)
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    assert run(tmp_path / "e/bin/tool").stdout == f"{tmp_path}/e\n"
    assert remaining(tmp_path / "e", str(root)) == {}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_build_leaves_nothing(root: Path, tmp_path: Path, number: int, status: int) -> None:
    for count in range(8):
        prefixes.write(root / f"random-{count}", os.urandom(16 * 1024 * 1024))
    output = tmp_path / "out" / "x.sh"
    output.parent.mkdir()
    command = [*SFXPACK, "build", str(root), "-o", str(output), "--level", "19", "-q"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not list(output.parent.iterdir()):
            time.sleep(0.01)
        process.send_signal(number)
        process.communicate(timeout=TIMEOUT)
    assert process.returncode == status
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    ("place", "moment"), [*(("lock", moment) for moment in range(1, 6)), ("file", 1), ("block", 1)]
)
def test_a_build_interrupted_where_it_is_delicate(
    root: Path, tmp_path: Path, place: str, moment: int, number: int, status: int
) -> None:
    """When it has just taken a lock, made the file or entered a block, and the `with` or `try` has not begun."""
    words = [place, str(moment), str(int(number))]
    command = [sys.executable, "-c", AT, *words, "build", str(root), "-o", "x.sh", "-q"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=TIMEOUT, check=False)
    assert done.returncode == status
    assert [path.name for path in tmp_path.iterdir()] == ["original"]


# ---- Of the vendor --------------------------------------------------------------------------------------------------


def test_scripts_and_texts(root: Path, tmp_path: Path) -> None:
    files = {
        "pre-install": "#!/bin/sh\necho before\n",
        "post-install": '#!bin/python3\nprint("from", __file__)\n',
        "pre-uninstall": "#!/bin/sh\necho good bye\n",
        "license": "You [may].\r\n",
        "message-before": "Welcome.\n",
        "message-after": "Thank you.\n",
    }
    options = [f"--{kind}={prefixes.write(tmp_path / kind, text)}" for kind, text in files.items()]
    output = tmp_path / "x.sh"
    assert build(root, output, *options)["hooks"] == list(files)
    assert "message-after" in run(*SFXPACK, "build", root, "-o", output, "--force", *options).stdout
    run(*SFXPACK, "verify", output)
    expected = {**files, "license": "You [may].\n"}
    assert json.loads(run(*SFXPACK, "inspect", output, "--json").stdout)["hooks"] == expected
    assert json.loads(run("sh", output, "--info", "--json").stdout)["hooks"] == expected
    said = run(*SFXPACK, "inspect", output).stdout
    for text in ("license: 1 line\n  You [may].\n", "pre-uninstall: 2 lines\n  #!/bin/sh\n  echo good bye\n"):
        assert text in said
    prefix = tmp_path / "installed"
    installed = run("sh", output, "--prefix", prefix, "--accept-license").stdout
    order = ("Welcome.", "before", f"from {prefix}/.sfxpack/post-install", "installed in", "Thank you.")
    assert sorted(order, key=installed.index) == list(order)
    run(*SFXPACK, "extract", output, tmp_path / "extracted")


def test_a_script_that_names_the_environment(root: Path, tmp_path: Path) -> None:
    script = prefixes.write(tmp_path / "hook", f"#!/bin/sh\n\n{root}/bin/hello\n")
    for options in ([], ["--dry-run"]):
        done = run(*SFXPACK, "build", root, "-o", tmp_path / "x.sh", "--post-install", script, *options, status=2)
        assert f"--post-install {script}: line 3: names {root}" in done.stderr
        assert "$SFXPACK_PREFIX" in done.stderr
    assert not (tmp_path / "x.sh").exists()


def test_same_texts_give_the_same_bytes(root: Path, tmp_path: Path) -> None:
    text = prefixes.write(tmp_path / "text", "Thank you.\n")
    for name in ("a", "b"):
        build(root, tmp_path / name, "--message-after", text)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
