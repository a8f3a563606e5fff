"""What `sfxpack scan` says, on the terminal and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import prefixes
from tests.compiled import program, shared_library
from tests.prefixes import write
from tests.running import SFXPACK, run

LIMITED = 'const char *where(void) {{ return "{}/share"; }}'


@pytest.fixture
def root(tmp_path: Path, require: Callable[[str], str]) -> Path:
    """A prefix whose program needs a library that lies outside, and whose library limits the length of the prefix."""
    path, gcc = tmp_path / "original", require("gcc")
    prefixes.make_prefix(path)
    far = shared_library(tmp_path, gcc, "-Wl,-soname,libfar.so.1").rename(tmp_path / "libfar.so.1")
    rpath = f"-Wl,-rpath,{tmp_path}"
    program(path / "bin", gcc, "int f(void); int main(void) { return f(); }", str(far), rpath).rename(path / "bin/far")
    inside = f"-Wl,-rpath,{path}/lib:{tmp_path}"
    for folder, text in (("lib/near", f"//{path}"), ("lib/nearer", f"/////{path}")):
        shared_library(path / folder, gcc, inside, code=LIMITED.format(text))
    write(path / "share/odd.txt", f"$ROOT{path}/x\n")
    (path / "bin/away").symlink_to(tmp_path / "elsewhere")
    write(path / "lib/site-packages/away.pth", f"{tmp_path}/source\n")
    return path


def as_json(root: Path, *options: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(run(*SFXPACK, "scan", "-p", root, "--json", *options).stdout)
    return result


def test_the_report(root: Path, tmp_path: Path) -> None:
    said = run(*SFXPACK, "scan", root).stdout
    lines = said.splitlines()
    limit = len(str(root)) + 2
    assert lines[1].split() == ["missing", "libfar.so.1"]
    for part in (
        f"{root} (prefix)",
        f"  libfar.so.1  for bin/far; here it is {tmp_path}/libfar.so.1\n",
        f"{limit} bytes, because of lib/near/x.so; build the environment at a longer path",
        f"then {limit + 3} bytes, because of lib/nearer/x.so\n",
        "2 loader paths, 1 link\n",
        "share/odd.txt  at byte 5",
        f"bin/away  {tmp_path}/elsewhere\n",
        f"lib/site-packages/away.pth  {tmp_path}/source\n",
        f"share/data.pkl  than {limit - 2} bytes",
        "--ambiguous relocate  moves 1 place in 1 file, too",
        "left blank: 2 files hold paths in data that become slashes where",
        "--limit strict  never leaves",
    ):
        assert part in said, part
    assert "lib/near/x.so  slash at" not in said


def test_everything_is_listed_when_asked_for(root: Path) -> None:
    said = run(*SFXPACK, "scan", root, "-v").stdout
    for part in ("bin/tool  shebang at 0\n", "absolute  link becomes share/greeting\n", "loader path becomes $ORIGIN/"):
        assert part in said, part
    assert "lib/near/x.so  slash at" in said


def test_json(root: Path, tmp_path: Path) -> None:
    found = as_json(root)
    limit = len(str(root)) + 2
    assert found["libraries"] == [
        {
            "name": "libfar.so.1",
            "supply": "missing",
            "files": ["bin/far"],
            "places": [],
            "here": f"{tmp_path}/libfar.so.1",
            "needs": [],
        }
    ]
    assert [(item["path"], item["size"], item["count"]) for item in found["limits"]] == [
        ("lib/near/x.so", limit, 1),
        ("lib/nearer/x.so", limit + 3, 1),
    ]
    files = {file["path"]: file for file in found["files"]}
    assert files["bin/tool"]["sites"] == {"shebang": 1, "text": 1}
    assert files["absolute"]["link"] == "share/greeting"
    assert "places" not in files["bin/tool"]
    places = {file["path"]: file["places"] for file in as_json(root, "-v")["files"]}
    assert [(place["strategy"], place["limit"]) for place in places["lib/near/x.so"]] == [("slash", limit)]


def test_the_keys_are_those_of_the_documentation(root: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/scan.md").read_text(encoding="utf-8")
    documented = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    found = as_json(root, "-v")
    known = [*found, *(f"{key}[].{name}" for key in found for name in _names(found[key]))]
    places = [f"files[].places[].{name}" for name in next(f for f in found["files"] if f["places"])["places"][0]]
    assert sorted({*known, *places} - set(documented)) == []


def _names(value: object) -> list[str]:
    return [*value[0]] if isinstance(value, list) and value and isinstance(value[0], dict) else []


def test_policies_change_what_is_found(root: Path) -> None:
    plain, strict = as_json(root), as_json(root, "--ambiguous", "relocate", "--limit", "strict")
    assert strict["sites"]["text"] == plain["sites"]["text"] + 1
    assert plain["left_behind"]
    assert not strict["left_behind"]
    assert "--ambiguous" not in str(strict["choices"])


def test_nothing_is_left_behind_where_the_prefix_cannot_be_longer(root: Path, require: Callable[[str], str]) -> None:
    shared_library(root / "lib/short", require("gcc"), code=LIMITED.format(root))
    found = as_json(root)
    assert found["prefix_limit"] == len(str(root))
    assert not found["left_behind"]
    assert "--limit" not in str(found["choices"])


def test_nothing_is_written_or_run(root: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    for name in ("python", "python3", "tool"):
        (root / "bin" / name).unlink(missing_ok=True)
        write(root / "bin" / name, f"#!/bin/sh\ntouch {ran}\n", 0o755)

    def state() -> list[tuple[str, int, int]]:
        paths = sorted(path for path in tmp_path.rglob("*") if not path.is_symlink())
        return [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in paths]

    before = state()
    done = run(*SFXPACK, "scan", root, "--ambiguous", "fail", cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)})
    assert state() == before
    assert "a build is refused, for 1 places in 1 files" in done.stdout


@pytest.mark.parametrize(("arguments", "part"), [(("none/here",), "none/here"), (("a", "-n", "b"), "in one way")])
def test_errors_are_those_of_build(tmp_path: Path, arguments: tuple[str, ...], part: str) -> None:
    for command in ("scan", "build"):
        assert part in run(*SFXPACK, command, *arguments, cwd=tmp_path, status=2).stderr
