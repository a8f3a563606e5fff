"""From a prefix to an artifact to an installation elsewhere, as a user would do it."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

from tests import prefixes
from tests.running import SFXPACK, build, run
from tests.search import remaining


def hide(root: Path) -> Path:
    """Rename the original, so that nothing can use it."""
    return root.rename(root.with_name("hidden"))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prefix longer than the places the tests install to."""
    root = prefixes.make_prefix(tmp_path_factory.mktemp("made") / ("original-" + "x" * 100))
    prefixes.add_program(root)
    return root


@pytest.fixture(scope="module")
def artifact(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("artifact") / "demo.sh"
    build(original, output)
    hide(original)
    return output


@pytest.mark.parametrize("shape", ["short", "with blank", "n" * 40])
def test_nothing_names_the_old_prefix(original: Path, artifact: Path, tmp_path: Path, shape: str) -> None:
    prefix = tmp_path / shape
    run(artifact, "--prefix", prefix)
    assert remaining(prefix, str(original)) == {}


def test_the_artifact_does_not_name_the_old_prefix(original: Path, artifact: Path, tmp_path: Path) -> None:
    run(*SFXPACK, "extract", artifact, tmp_path / "tree", "--as", "/o")
    assert remaining(tmp_path, str(original)) == {}
    assert os.fsencode(original) not in artifact.read_bytes()


def test_what_was_installed_works(original: Path, artifact: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "e"
    assert len(str(prefix)) <= len(str(original))
    run(artifact, "--prefix", prefix)
    assert run(prefix / "bin/hello").stdout == "hello\n"
    assert run(prefix / "bin/tool").stdout == f"{prefix}\n"
    found = run(prefix / "bin/where").stdout.strip()
    assert Path(found) == prefix / "share/data"
    kernel = json.loads((prefix / "share/kernel.json").read_text())
    assert kernel == {"argv": [f"{prefix}/bin/python3", "-m", "x"], "env": {"P": str(prefix)}}
    assert json.loads((prefix / "share/url.json").read_text()) == {"url": prefix.as_uri() + "/src"}
    assert Path(pickle.loads((prefix / "share/data.pkl").read_bytes())["home"]) == prefix / "share"
    assert (prefix / "absolute").read_text() == "hello\n"
    assert os.readlink(prefix / "dangling") == "nowhere"
    assert (prefix / "share/second-name").samefile(prefix / "share/greeting")
    assert list((prefix / "empty-directory").iterdir()) == []


def test_bytecode_stays_valid(artifact: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "e"
    run(artifact, "--prefix", prefix)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import mod; print(mod.HERE, mod.__cached__)"
    before = sorted((prefix / "lib/__pycache__").iterdir())
    stat = before[0].stat()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = run(sys.executable, "-c", code, prefix / "lib", env=environment)
    assert done.stdout.split()[0] == str(prefix)
    assert (before[0].stat().st_mtime_ns, before[0].stat().st_ino) == (stat.st_mtime_ns, stat.st_ino)


def test_bytecode_of_an_unknown_python_is_left_out_if_it_can_be_made_again(tmp_path: Path) -> None:
    root = tmp_path / "original"
    foreign = b"\1\2\r\n" + bytes(12) + b"z\x20" + os.fsencode(root)
    prefixes.write(root / "lib/mod.py", f"HERE = {str(root)!r}\n")
    left_out = prefixes.write(root / "lib/__pycache__/mod.future-99.pyc", foreign)
    os.link(left_out, root / "lib/__pycache__/mod.future-99.opt-1.pyc")
    prefixes.write(root / "lib/__pycache__/other.future-99.pyc", foreign)
    prefixes.write(root / "lib/mod.pyo", foreign)
    result = build(root, tmp_path / "x.sh")
    found = {(finding["category"], Path(finding["path"]).name) for finding in result["findings"]}
    omitted = {("omitted", "mod.future-99.opt-1.pyc"), ("omitted", "mod.pyo")}
    assert found == {*omitted, ("unreachable", "other.future-99.pyc")}
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    assert [path.name for path in (tmp_path / "e/lib/__pycache__").iterdir()] == ["other.future-99.pyc"]
    run(tmp_path / "e/.sfxpack/sfx", "verify")


@pytest.mark.parametrize("epoch", ["", "1234567890"])
def test_times_are_those_that_bytecode_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: str) -> None:
    root = prefixes.make_prefix(tmp_path / "original")
    os.utime(root / "share/plain.txt", (1_400_000_000, 1_400_000_000))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    build(root, tmp_path / "x.sh")
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    found = {
        path: int((tmp_path / "e" / path).stat().st_mtime) for path in ("lib/mod.py", "share/plain.txt", "bin/tool")
    }
    others = int(epoch or 1_500_000_000)
    assert found == {"lib/mod.py": 1_500_000_000, "share/plain.txt": others, "bin/tool": others}


def test_an_installation_verifies_itself(artifact: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "e"
    run(artifact, "--prefix", prefix)
    run(prefix / ".sfxpack/sfx", "verify")
    (prefix / "share/plain.txt").write_text("edited")
    assert "share/plain.txt" in run(prefix / ".sfxpack/sfx", "verify", status=12).stdout


def test_same_input_same_bytes(tmp_path: Path) -> None:
    root = prefixes.make_prefix(tmp_path / "original")
    build(root, tmp_path / "first.sh", "--name", "x", "-j", "1")
    build(root, tmp_path / "second.sh", "--name", "x", "-j", "4")
    assert (tmp_path / "first.sh").read_bytes() == (tmp_path / "second.sh").read_bytes()


def test_same_tree_at_two_paths_of_equal_length_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        prefixes.make_prefix(tmp_path / name)
        build(tmp_path / name, tmp_path / f"{name}.sh", "--name", "x")
    assert (tmp_path / "one.sh").read_bytes() == (tmp_path / "two.sh").read_bytes()


def test_extract_is_the_tree_an_installation_has(artifact: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "e"
    run(artifact, "--prefix", prefix)
    run(*SFXPACK, "extract", artifact, tmp_path / "tree", "--as", prefix)
    done = subprocess.run(
        ["diff", "-r", "--no-dereference", prefix, tmp_path / "tree"], capture_output=True, text=True, check=False
    )
    assert done.stdout == f"Only in {prefix}/.sfxpack: install.log\n"


def test_a_file_larger_than_a_window(tmp_path: Path) -> None:
    root = tmp_path / "original"
    step = 5 * 1024 * 1024
    old = os.fsencode(root)
    binary = bytearray(os.urandom(40 * 1024 * 1024))
    for at in range(0, len(binary) - 1000, step):
        binary[at : at + len(old) + 3] = b"\0" + old + b"/x"
    text = b"".join(b"%08d %s/x\n" % (number, old if number % 1000 == 0 else b"/no") for number in range(2_500_000))
    prefixes.write(root / "data.bin", bytes(binary))
    prefixes.write(root / "data.txt", text)
    build(root, tmp_path / "large.sh", "--level", "1")
    prefix = tmp_path / "new"
    run(tmp_path / "large.sh", "--prefix", prefix)
    assert remaining(prefix, str(root)) == {}
    assert (prefix / "data.txt").read_bytes() == text.replace(old, os.fsencode(prefix))
    padded = os.fsencode(prefix).rjust(len(old), b"/")
    assert (prefix / "data.bin").read_bytes() == bytes(binary).replace(old, padded)


def test_equal_large_files_are_stored_once(tmp_path: Path) -> None:
    content = os.urandom(36 * 1024 * 1024)
    for name in ("a", "b", "c"):
        prefixes.write(tmp_path / "original" / name, content)
    prefixes.write(tmp_path / "original/d", content[:-1] + b"\0")
    digest = urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()
    rows = "".join(f"{name},sha256={digest},{len(content)}\n" for name in "bcd")
    prefixes.write(tmp_path / "original/x.dist-info/RECORD", rows)
    result = build(tmp_path / "original", tmp_path / "x.sh", "--level", "1")
    assert [(found["path"], found["detail"]) for found in result["findings"]] == [("d", "altered")]
    assert result["size"] < 2.2 * len(content)
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    assert (tmp_path / "e/c").read_bytes() == content
    assert (tmp_path / "e/d").read_bytes() == content[:-1] + b"\0"


def test_odd_trees(tmp_path: Path) -> None:
    """Nothing at all; names that are no text; a path of many folders."""
    root = tmp_path / "original"
    root.mkdir()
    build(root, tmp_path / "empty.sh", "--name", "empty")
    run(tmp_path / "empty.sh", "--prefix", tmp_path / "e")
    names = (b"new\nline", b"\xff\xfe", "ü".encode(), b"-dash", b"a b'c\"d$e")
    for name in names:
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_text(str(root))
    prefixes.write(root.joinpath(*["d" * 50] * 30) / "deep.txt", str(root))
    build(root, tmp_path / "odd.sh", "--name", "odd")
    prefix = tmp_path / "o"
    run(tmp_path / "odd.sh", "--prefix", prefix)
    assert {os.fsencode(path.name) for path in prefix.iterdir() if path.is_file()} == set(names)
    assert all(
        path.read_text() == str(prefix) for path in prefix.rglob("*") if path.is_file() and ".sfxpack" not in str(path)
    )


def test_equal_large_libraries_keep_their_own_loader_paths(tmp_path: Path, require: Callable[[str], str]) -> None:
    """Nothing but the loader path names the prefix: it is edited when building, by depth, and RECORD follows."""
    root = tmp_path / ("original-" + "x" * 60)
    for folder in ("lib", "deep/er"):
        (root / folder).mkdir(parents=True)
    first, second = root / "lib/big.so", root / "deep/er/big.so"
    code = "char big[35 << 20] = {1};\n"
    options = ["-shared", "-fPIC", "-x", "c", "-", "-o", str(first), f"-Wl,-rpath,{root}/lib/inner"]
    run(require("gcc"), *options, input=code)
    shutil.copyfile(first, second)
    digest = urlsafe_b64encode(sha256(first.read_bytes()).digest()).rstrip(b"=").decode()
    row = f"../../big.so,sha256={digest},{first.stat().st_size}\n"
    record = prefixes.write(root / "lib/python3.11/site-packages/big-1.dist-info/RECORD", row)
    build(root, tmp_path / "x.sh", "--level", "1")
    prefix = tmp_path / "e"
    run(tmp_path / "x.sh", "--prefix", prefix)
    for path in (prefix / "lib/big.so", prefix / "deep/er/big.so"):
        with path.open("rb") as file:
            dynamic = ELFFile(file).get_section_by_name(".dynamic")
            assert isinstance(dynamic, DynamicSection)
            (tag,) = dynamic.iter_tags("DT_RUNPATH")
        loader_path = str(vars(tag)["runpath"]).replace("$ORIGIN", str(path.parent))
        assert os.path.normpath(loader_path) == f"{prefix}/lib/inner"
    installed = (prefix / "lib/big.so").read_bytes()
    digest = urlsafe_b64encode(sha256(installed).digest()).rstrip(b"=").decode()
    assert (prefix / record.relative_to(root)).read_text() == f"../../big.so,sha256={digest},{len(installed)}\n"
