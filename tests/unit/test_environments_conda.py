"""What conda's records say, and what a base environment leaves out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfxpack.environments import discover
from sfxpack.model import CondaFile, Environment
from sfxpack.request import Request
from tests import environments
from tests.environments import PLACEHOLDER


def record(root: Path, name: str, **values: Any) -> None:  # noqa: ANN401 JSON
    (root / "conda-meta").mkdir(parents=True, exist_ok=True)
    (root / f"conda-meta/{name}-1.0-0.json").write_text(json.dumps({"name": name, "subdir": "linux-64", **values}))


def found(root: Path, **options: Any) -> Environment:  # noqa: ANN401 passed on
    return discover(Request(str(root), by_path=True, **options))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, require_module: Callable[[str, str], None]) -> Path:
    require_module("rattler", "py-rattler")
    return environments.make_conda(tmp_path_factory.mktemp("conda") / "envs" / "demo")


def test_records_as_rattler_writes_them(made: Path) -> None:
    environment = found(made)
    assert (environment.kind, environment.name, environment.root) == ("conda", "demo", made)
    assert environment.placeholders == (PLACEHOLDER,)
    files = environment.conda
    assert files[b"bin/tool"].file_mode == "text"
    assert files[b"lib/tool.bin"] == CondaFile(
        sha256=files[b"lib/tool.bin"].sha256,
        sha256_in_prefix=files[b"lib/tool.bin"].sha256_in_prefix,
        file_mode="binary",
        placeholder=PLACEHOLDER,
        path_type="hardlink",
        package="tool",
    )
    assert len(files[b"lib/tool.bin"].sha256) == len(files[b"lib/tool.bin"].sha256_in_prefix) == 64
    assert files[b"share/tool/link.txt"].path_type == "softlink"
    assert files[b"bin/pure-hello"].path_type == "unix_python_entry_point"
    assert files[b"lib/python3.11/site-packages/pure/__init__.py"].package == "pure"
    assert environment.warnings == ()


def test_every_recorded_file_is_in_the_tree(made: Path) -> None:
    environment, tree = environments.found(made)
    assert set(environment.conda) <= {entry.path for entry in tree.entries}


def test_old_metadata(tmp_path: Path) -> None:
    item = {"_path": "bin/x", "path_type": "hardlink", "sha256_in_prefix": "aa", "prefix_placeholder": "/opt/anaconda"}
    record(tmp_path, "old", paths_data={"paths": [item, {"path_type": "hardlink"}]})
    record(tmp_path, "oldest", files=["bin/y"])
    environment = found(tmp_path)
    assert environment.conda == {
        b"bin/x": CondaFile("", "aa", "", b"/opt/anaconda", "hardlink", "old"),
        b"bin/y": CondaFile("", "", "", b"", "hardlink", "oldest"),
    }
    assert environment.placeholders == (b"/opt/anaconda",)


def test_a_damaged_record_is_named_and_not_fatal(tmp_path: Path) -> None:
    record(tmp_path, "good", files=["bin/x"])
    (tmp_path / "conda-meta/bad-1-0.json").write_text("{")
    environment = found(tmp_path)
    assert list(environment.conda) == [b"bin/x"]
    assert "bad-1-0.json: cannot be read as a record" in environment.warnings[0]


def test_recorded_places_are_taken_as_they_are(tmp_path: Path) -> None:
    item = {"_path": "x", "prefix_placeholder": "/ph", "offsets": [{"ranges": -1}], "shebang_length": "30"}
    record(tmp_path, "wrong", paths_data={"paths": [item, {"_path": ["x"]}, "x", None]})
    (tmp_path / "conda-meta/deep-1-0.json").write_text('{"paths_data": ' + "[" * 100_000)
    environment = found(tmp_path)
    assert list(environment.conda) == [b"x"]
    assert (environment.conda[b"x"].offsets, environment.conda[b"x"].shebang_length) == ([{"ranges": -1}], "30")
    assert "deep-1-0.json: cannot be read as a record" in environment.warnings[0]


def test_an_environment_without_packages(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    assert found(tmp_path).kind == "conda"


@pytest.mark.parametrize(
    "sign", ["condabin/conda", "pkgs/urls.txt", "conda-meta/conda-24.1-py.json", "envs/a/conda-meta/x"]
)
def test_a_base_environment_leaves_out_what_lies_in_it(tmp_path: Path, sign: str) -> None:
    record(tmp_path, "python", files=["bin/python"])
    for name in ("pkgs", "envs", "conda-bld", sign):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if name == sign:
            (tmp_path / name).write_text("{}")
        else:
            (tmp_path / name).mkdir(exist_ok=True)
    environment = found(tmp_path)
    assert environment.omissions == {b"pkgs", b"envs", b"conda-bld"}
    assert environment.warnings == ("left out of the base environment: conda-bld/, envs/, pkgs/",)


def test_folders_of_those_names_stay_elsewhere(tmp_path: Path) -> None:
    record(tmp_path, "r", files=["bin/R"])
    (tmp_path / "pkgs").mkdir()
    assert found(tmp_path).omissions == frozenset()
    (tmp_path / "condabin").mkdir()
    record(tmp_path, "r-data", files=["pkgs/data"])
    assert found(tmp_path).omissions == frozenset()


def test_an_activate_script_is_added_unless_there_is_one(tmp_path: Path) -> None:
    record(tmp_path, "x", files=[])
    additions = found(tmp_path).additions
    assert [entry.path for entry in additions] == [b"bin/activate"]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/activate").write_text("#!/bin/sh\n# conda's own\n")
    assert found(tmp_path).additions == ()
    (tmp_path / "bin/activate").write_bytes(additions[0].data or b"")
    assert [entry.path for entry in found(tmp_path).additions] == [b"bin/activate"]


def test_links_that_old_condas_made_are_left_out(tmp_path: Path) -> None:
    root = tmp_path / "envs/e"
    record(root, "x", files=[])
    (root / "bin").mkdir()
    for name in ("activate", "conda", "deactivate"):
        (root / "bin" / name).symlink_to(tmp_path / "bin" / name)
    assert found(root).omissions == {b"bin/activate", b"bin/conda", b"bin/deactivate"}
    assert [entry.path for entry in found(root).additions] == [b"bin/activate"]
    (root / "bin/activate.mine").write_text("mine\n")
    (root / "bin/activate").unlink()
    (root / "bin/activate").symlink_to("activate.mine")
    record(root, "conda-shim", files=["bin/conda"])
    assert found(root).omissions == {b"bin/deactivate"}
    assert found(root).additions == ()


def test_scripts_for_a_tree_of_windows(tmp_path: Path) -> None:
    record(tmp_path, "x", files=[], subdir="win-64")
    names = [entry.path for entry in found(tmp_path).additions]
    assert names == [b"Scripts/activate.bat", b"Scripts/deactivate.bat", b"Scripts/Activate.ps1"]


def test_variables_of_packages_and_of_the_environment(tmp_path: Path) -> None:
    record(tmp_path, "x", files=[])
    (tmp_path / "etc/conda/env_vars.d").mkdir(parents=True)
    (tmp_path / "etc/conda/env_vars.d/a.json").write_text('{"ONE": "1", "TWO": "2", "NOT VALID": "x"}')
    state = {"version": 1, "env_vars": {"TWO": "it's two", "GONE": "***unset***"}}
    (tmp_path / "conda-meta/state").write_text(json.dumps(state))
    data = found(tmp_path).additions[0].data or b""
    assert b"_sfxpack_export ONE 1\n" in data
    assert b"_sfxpack_export TWO 'it'\"'\"'s two'\n" in data
    assert b"GONE" not in data
    assert b"NOT VALID" not in data


def test_both_spellings_of_the_root(tmp_path: Path) -> None:
    record(tmp_path / "real", "x", files=[])
    (tmp_path / "a-link-to-it").symlink_to("real")
    renames = found(tmp_path / "a-link-to-it", old_prefixes=("/build/original-place/of/it" * 9,)).renames
    assert [rename.old for rename in renames] == [
        os.fsencode("/build/original-place/of/it" * 9),
        os.fsencode(tmp_path / "a-link-to-it"),
        os.fsencode(tmp_path / "real"),
    ]
    assert {rename.new for rename in renames} == {b""}
