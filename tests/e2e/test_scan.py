"""A scan says what a build of the same tree does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sfxpack import Request, build, inspect, resources, scan
from sfxpack.model import Policy
from sfxpack.scan_report import as_json
from tests import bases, environments, prefixes
from tests.compiled import shared_library
from tests.prefixes import write

LARGE = 64 * 1024
"""For this test, so that files need not be large to be read in windows."""


def make_prefix(root: Path, gcc: str) -> Path:
    """Text, bytecode, data and programs, ambiguous and unreachable places, a large file twice."""
    prefixes.make_prefix(root)
    prefixes.add_program(root)
    write(root / "share/odd.txt", f"$ROOT{root}/x\n$ROOT{root}/y\n")
    write(root / "share/long.dat", b"\1\0" + b"/" * 20 + f"{root}/share\0".encode())
    shared_library(root / "lib/fast", gcc, "-Wl,-z,x86-64-v3", code=f'const char *f(void) {{ return "{root}/fast"; }}')
    large = bytes(LARGE) + f"\1{root}0\0".encode()
    write(root / "share/large", large)
    write(root / "share/large-twin", large)
    write(root / "share/large-own", bytes(LARGE) + f"\1{root}/x\0".encode())
    return root


def make_conda(root: Path) -> Path:
    """A conda environment with a file of a package that was edited, and one that no package knows."""
    environments.make_conda(root)
    with (root / "lib/pkgconfig/tool.pc").open("a") as file:
        file.write(f"# {root}/edited\n")
    write(root / "share/own.dat", b"\0" + f"{root}/share\0".encode())
    return root


@pytest.fixture
def root(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    require: Callable[[str], str],
    require_module: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    monkeypatch.setattr("sfxpack.reading.LARGE", LARGE)
    path = tmp_path / "original"
    if request.param == "conda":
        require_module("rattler", "py-rattler")
        return make_conda(path)
    if request.param == "venv":
        bases.make_venv_by_hand(path, bases.make_base(tmp_path / "base", require("gcc")))
        return path
    return make_prefix(path, require("gcc"))


@pytest.mark.parametrize("root", ["prefix", "conda", "venv"], indirect=True)
@pytest.mark.parametrize(
    "options",
    [{}, {"ambiguous": Policy.RELOCATE, "limit_strict": True, "binary_padding": "slash"}],
    ids=["default", "other policies"],
)
def test_scan_and_build_agree(root: Path, tmp_path: Path, options: dict[str, object]) -> None:
    request = replace(Request(str(root), by_path=True, output=tmp_path / "x.sh"), **options)  # type: ignore[arg-type]
    seen, built = scan(request), build(request)
    assert (seen.sites, seen.prefix_limit) == (built.sites, built.prefix_limit)
    assert (seen.findings, seen.warnings) == (built.findings, built.warnings)
    assert (seen.entries, seen.name, seen.platform) == (built.files, built.name, built.platform)
    assert (seen.limits[0].path.decode() if seen.limits else "") == built.prefix_limit_path
    assert tuple(as_json(seen, verbose=True)["requirements"]) == inspect(built.path).requirements


@pytest.mark.parametrize("root", ["prefix", "conda"], indirect=True)
def test_each_option_does_what_the_scan_says(root: Path) -> None:
    request = Request(str(root), by_path=True)
    seen = scan(request)
    others = {
        "--ambiguous relocate": replace(request, ambiguous=Policy.RELOCATE),
        "--limit strict": replace(request, limit_strict=True),
        "--binary-padding slash": replace(request, binary_padding="slash"),
    }
    for option, other in others.items():
        after = scan(other)
        choice = next((choice for choice in seen.choices if choice.option == option), None)
        if choice is None:
            assert after.sites == seen.sites
            assert after.limits == seen.limits
        else:
            assert choice.places
            assert choice.prefix_limit == after.prefix_limit
            assert option not in [choice.option for choice in after.choices]


@pytest.mark.parametrize("root", ["prefix"], indirect=True)
def test_the_level_of_the_processor_is_required(root: Path, tmp_path: Path) -> None:
    if resources.host_platform() != "linux-x86_64":
        pytest.skip("only x86-64 has levels")
    built = build(Request(str(root), by_path=True, output=tmp_path / "x.sh"))
    need = {"kind": "cpu_level", "value": "x86-64-v3", "hard": False, "path": "lib/fast/x.so"}
    assert need in inspect(built.path).requirements
