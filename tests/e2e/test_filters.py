"""An environment of which a part is left out works, and can be packed again from where it was installed."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import environments
from tests.environments import Package
from tests.installers import tool
from tests.running import SFXPACK, build, run

LIBRARY = "lib/python3.11/site-packages"


@pytest.fixture
def conda(tmp_path: Path, require_module: Callable[[str, str], None]) -> Path:
    require_module("rattler", "py-rattler")
    big = Package(
        "big",
        {
            "include/big.h": b"#define BIG 1\n",
            "lib/libbig.a": b"!<arch>\n",
            "lib/big.txt": b"at " + environments.PLACEHOLDER + b"\n",
            "share/man/man1/big.1": b".TH BIG\n",
            "share/big.txt": b"text\n",
            "site-packages/big/__init__.py": b"from big.tests import answer\n",
            "site-packages/big/tests/__init__.py": b"answer = 42\n",
        },
        links={"share/header": "../include/big.h"},
    )
    small = Package("small", {"site-packages/small/__init__.py": b"", "site-packages/small/tests/test_it.py": b""})
    return environments.make_conda(tmp_path / "env", (environments.stand_in_python(), big, small))


def test_a_conda_environment_is_packed_slim_twice(conda: Path, tmp_path: Path) -> None:
    result = build(conda, tmp_path / "one.sh", "--slim", "tests,static,headers,docs", "--exclude", "/lib/big.txt")
    saved = {saving["rule"]: saving["files"] for saving in result["savings"]}
    assert saved == {
        "--slim tests": 1,
        "--slim static": 1,
        "--slim headers": 1,
        "--slim docs": 1,
        "--exclude /lib/big.txt": 1,
        "links to what is left out": 1,
    }
    assert result["ownership"]["packages"] == []
    shutil.rmtree(conda)
    first = tmp_path / "first"
    run(tmp_path / "one.sh", "--prefix", first)
    tool(first, "verify")
    assert not (first / "include").exists()
    assert not (first / LIBRARY / "small/tests").exists()
    assert run(first / "bin/python", "-c", "import big; print(big.answer)").stdout == "42\n"
    again = build(first, tmp_path / "two.sh", "--exclude", "/share/big.txt", "--strict")
    assert {finding["category"] for finding in again["findings"]} <= {"external"}
    first.rename(tmp_path / "hidden")
    second = tmp_path / "second"
    run(tmp_path / "two.sh", "--prefix", second)
    tool(second, "verify")
    assert run(second / "bin/python", "-c", "import big; print(big.answer)").stdout == "42\n"
    build(second, tmp_path / "three.sh", "--strict")
    (second / LIBRARY / "big/__init__.py").unlink()
    assert "missing" in run(*SFXPACK, "build", second, "--strict", "-o", tmp_path / "four.sh", status=2).stderr


def test_of_several_environments_each_can_be_packed_again(conda: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/only.log").write_text("here\n")
    both = (f"one={conda}", f"two={tmp_path}/plain", "-o", tmp_path / "x.sh", "--name", "both")
    said = run(*SFXPACK, "build", *both, "--exclude", "*.log", "--exclude", "/lib/big.txt").stdout
    assert "matches nothing" not in said
    run(tmp_path / "x.sh", "--prefix", tmp_path / "e")
    build(tmp_path / "e/one", tmp_path / "again.sh", "--strict")


def test_a_venv_runs_with_everything_left_out_that_can_be(tmp_path: Path) -> None:
    venv = environments.make_venv(tmp_path / "venv", Path(sys.executable))
    whole, slim = (
        json.loads(run(*SFXPACK, "build", venv, "--dry-run", "--json", *options).stdout)
        for options in ((), ("--slim", "all"))
    )
    assert whole["size"] - slim["size"] == sum(saving["size"] for saving in slim["savings"])
    build(venv, tmp_path / "slim.sh", "--slim", "all", "--level", "1")
    shutil.rmtree(venv)
    prefix = tmp_path / "new"
    run(tmp_path / "slim.sh", "--prefix", prefix)
    tool(prefix, "verify")
    assert not list(prefix.rglob("*.pyc"))
    code = "import ssl, sqlite3, unittest, ctypes, json; print('fine')"
    assert run(prefix / "bin/python", "-c", code).stdout == "fine\n"
    assert run(prefix / "bin/python", "-m", "pip", "list").returncode == 0


def test_order_files_and_mistakes_on_the_command_line(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in ("a.log", "b.log", "c.txt"):
        (tree / "d").mkdir(parents=True, exist_ok=True)
        (tree / "d" / name).write_text(name)
    (tmp_path / "rules").write_text("# a comment\n\n*.log\n!b.log\n")

    def listed(*options: object) -> set[str]:
        done = run(*SFXPACK, "build", "-p", tree, "--dry-run", "--json", *options)
        return {Path(file["path"]).name for file in json.loads(done.stdout)["files"]}

    assert listed("--exclude", "*.log", "--include", "b.log") == {"b.log", "c.txt"}
    assert listed("--include", "b.log", "--exclude", "*.log") == {"c.txt"}
    assert listed("--exclude-from", tmp_path / "rules") == {"b.log", "c.txt"}
    assert listed("--exclude-from", tmp_path / "rules", "--include=*.log", "--exclude", "c*") == {"a.log", "b.log"}
    for options, part in (
        (("--exclude-from", "none"), "--exclude-from none: cannot be read"),
        (("--slim", "test"), "'test' is none of tests, static"),
        (("--exclude", "!"), "'!': is no pattern of a .gitignore file"),
        (("--exclude", "#c.txt#"), "is blank or a comment"),
        (("--include", " "), "is blank or a comment"),
    ):
        assert part in run(*SFXPACK, "build", "-p", tree, *options, status=2, cwd=tmp_path).stderr
    mistaken = ("--exclude", "*.lgo", "--include", f"{tree}/d/a.log", "--exclude", "*.txt")
    summary = run(*SFXPACK, "build", "-p", tree, *mistaken, "-o", tmp_path / "x.sh").stdout
    assert "warning: --exclude *.lgo: matches nothing" in summary
    assert f"warning: --include {tree}/d/a.log: matches nothing" in summary
    assert "*.txt: matches" not in summary
    inspected = run(*SFXPACK, "inspect", tmp_path / "x.sh").stdout
    assert "left out   --exclude *.txt: 1 file, 5 B" in inspected
    assert str(tree) not in run(*SFXPACK, "inspect", tmp_path / "x.sh", "--json").stdout


def test_a_file_of_rules_and_names_of_any_bytes(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in (b"a.log", b"\xff.txt", b"\xfe.txt", "line\u2028end".encode()):
        Path(os.fsdecode(os.path.join(os.fsencode(tree), name))).write_text("x")
    (tmp_path / "rules").write_bytes(b"\xef\xbb\xbf*.log\r\n\xff*\n" + "line\u2028end".encode())
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    rules = ("--exclude-from", tmp_path / "rules")
    said = run(*SFXPACK, "build", "-p", tree, "--dry-run", *rules, env=strict).stdout
    assert "1 B  \\udcfe.txt\n" in said
    assert "would hold   1 files" in said


def test_a_dry_run_lists_by_size_and_writes_nothing(conda: Path, tmp_path: Path) -> None:
    (conda / "weights.bin").write_bytes(bytes(5000))
    text = run(*SFXPACK, "build", "-p", conda, "--dry-run", "--slim", "docs", cwd=tmp_path).stdout
    assert "would write  " in text
    assert "left out     --slim docs: 1 file, 8 B" in text
    assert "  5.0 KB  weights.bin" in text
    assert "  big  6 files" in text
    assert not list(tmp_path.glob("*.sh"))
