"""What conda-pack leaves beside an environment."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sfxpack.environments import condapack, discover
from sfxpack.model import Environment, Origin
from sfxpack.request import Request
from tests.environments import PLACEHOLDER
from tests.prefixes import write

MADE_AT = "/made/here"


def unpacked(root: Path, *rows: tuple[str, str, str]) -> Path:
    """A tree with conda-pack's scripts and a package's record."""
    listed = ",\n".join(map(repr, rows))
    write(root / "bin/conda-unpack", f"#!/usr/bin/env python\nimport re\n\n_prefix_records = [\n{listed}\n]\n", 0o755)
    write(root / "bin/conda_unpack_progress.py", "class progressbar:\n    pass\n")
    write(root / "bin/activate", "_conda_pack_activate() {\n}\n")
    write(root / "bin/deactivate", "_conda_pack_deactivate () {\n}\n")
    paths = [{"_path": "lib/x.pc", "prefix_placeholder": PLACEHOLDER.decode(), "file_mode": "text"}]
    write(root / "conda-meta/x-1-0.json", json.dumps({"name": "x", "paths_data": {"paths": paths}}))
    return root


def found(root: Path, *old_prefixes: str) -> Environment:
    return discover(Request(str(root), by_path=True, old_prefixes=old_prefixes))


@pytest.mark.parametrize("place", [MADE_AT, "/it's here", "/both 'and\"", "/caf\u00e9/\\n"])
def test_the_packed_place_is_in_the_rows_of_what_no_package_owns(tmp_path: Path, place: str) -> None:
    rows = [("lib/x.pc", PLACEHOLDER.decode(), "text"), ("lib/x.so", PLACEHOLDER.decode(), "binary")]
    rows += [("lib/y.pc", PLACEHOLDER.decode(), "text"), ("it's ', '/else', 'text'", place, "text")]
    assert condapack.made_at(unpacked(tmp_path, *rows)) == os.fsencode(place)


@pytest.mark.parametrize("rows", [(), (("lib/x.pc", PLACEHOLDER.decode(), "text"),), (("x", "relative", "text"),)])
def test_without_such_rows_it_is_not_known(tmp_path: Path, rows: tuple[tuple[str, str, str], ...]) -> None:
    assert condapack.made_at(unpacked(tmp_path, *rows)) is None


@pytest.mark.parametrize(
    "line", ["('x', '/a' + '/b', 'text')", "('x', '\\x', 'text')", "('x', __import__('os'), 'text')"]
)
def test_what_is_no_row_says_nothing(tmp_path: Path, line: str) -> None:
    write(tmp_path / "bin/conda-unpack", f"_prefix_records = [\n{line}\n]\n")
    assert condapack.made_at(tmp_path) is None


def test_a_tree_counts_as_made_where_it_was_packed(tmp_path: Path) -> None:
    root = unpacked(tmp_path / "e", ("bin/tool", MADE_AT, "text"))
    write(root / "share/jupyter/kernels/p/kernel.json", json.dumps({"argv": [f"{MADE_AT}/bin/activate"]}))
    assert found(root).origin == Origin(MADE_AT.encode(), 1)
    assert found(root, "/other").origin is None
    write(root / "lib/pkgconfig/x.pc", "prefix=/unpacked/first\n")
    environment = found(root)
    assert environment.origin == Origin(b"/unpacked/first", 1)
    assert {rename.old for rename in environment.renames} == {b"/unpacked/first", MADE_AT.encode(), bytes(root)}


def test_its_scripts_are_left_out_and_named(tmp_path: Path) -> None:
    environment = found(unpacked(tmp_path / "e"))
    left_out = {b"bin/conda-unpack", b"bin/conda_unpack_progress.py", b"bin/deactivate"}
    assert environment.omissions == left_out
    assert [entry.path for entry in environment.additions] == [b"bin/activate"]
    assert all(os.fsdecode(path) in environment.warnings[-1] for path in left_out)


def test_scripts_of_others_stay(tmp_path: Path) -> None:
    for name in ("conda-unpack", "conda_unpack_progress.py", "activate", "deactivate"):
        write(tmp_path / "e/bin" / name, "echo mine\n")
    write(tmp_path / "e/conda-meta/history", "")
    environment = found(tmp_path / "e")
    assert (environment.omissions, environment.additions, environment.warnings) == (frozenset(), (), ())
