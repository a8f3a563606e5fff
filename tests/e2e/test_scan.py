"""A scan says what a build of the same tree does."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from sfxpack import Request, build, inspect, resources, scan
from sfxpack.model import Origin, Policy
from sfxpack.scan_report import as_json
from tests import bases, environments, prefixes
from tests.compiled import shared_library
from tests.prefixes import write
from tests.recorded import row

LARGE: Final = 64 * 1024
"""For this test, so that files need not be large to be read in windows."""
WINDOW: Final = 256 * 1024
"""The same: a scan reads with less at once than a build."""
MADE: Final = 10
"""Files that name the place where a moved tree was made, far more than name another."""


def make_prefix(root: Path, gcc: str) -> Path:
    """Text, bytecode, data and programs, ambiguous and unreachable places, a large file twice."""
    prefixes.make_prefix(root)
    prefixes.add_program(root)
    write(root / "share/odd.txt", f"$ROOT{root}/x\n$ROOT{root}/y\n")
    write(root / "lib/other.py", "x = 1\n")
    write(root / "lib/__pycache__/other.cpython-30.pyc", b"\1\0\r\n" + bytes(12) + f"{root}/lib".encode())
    write(root / "share/long.dat", b"\1\0" + b"/" * 20 + f"{root}/share\0".encode())
    shared_library(root / "lib/fast", gcc, "-Wl,-z,x86-64-v3", code=f'const char *f(void) {{ return "{root}/fast"; }}')
    large = bytes(LARGE) + f"\1{root}0\0".encode()
    write(root / "share/large", large)
    write(root / "share/large-twin", large)
    own = write(root / "share/large-own", bytes(LARGE) + f"\1{root}/x\0".encode())
    plain = write(root / "share/large-plain", bytes(LARGE + 1))
    write(root / "share/large.txt", f"$ROOT{root}/x\n{'text ' * LARGE}\n$ROOT{root}/y\n")
    add_records(root, [own, plain, root / "share/large-twin", root / "share/large.txt", root / "share/greeting"])
    return root


def add_records(root: Path, files: list[Path]) -> None:
    """A RECORD with rows that are right, also of a file through a link and of a RECORD, and rows that are not."""
    inner, outer = root / "lib/deep/inner-1.dist-info/RECORD", root / "lib/outer-1.dist-info/RECORD"
    rows = [row(inner.parent.parent, path) for path in files]
    (root / "lib/share").symlink_to("../share")
    through = row(inner.parent.parent, files[0]).replace("../../share/", "../share/")
    wrong = [f"../../share/odd.txt,sha256={'A' * 43},3", "../../none,,", "../../share/plain.txt,,1", "/etc/hosts,,"]
    write(inner, "\n".join([*rows, through, *wrong, ""]))
    write(outer, "\n".join([row(outer.parent.parent, inner), row(outer.parent.parent, files[0], "sha384"), ""]))


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
    monkeypatch.setattr("sfxpack.reading._BATCH_BYTES", LARGE)
    monkeypatch.setattr("sfxpack.large._READ", WINDOW)
    path = tmp_path / "original"
    if request.param == "conda":
        require_module("rattler", "py-rattler")
        return make_conda(path)
    if request.param == "venv":
        bases.make_venv_by_hand(path, bases.make_base(tmp_path / "base", require("gcc")))
        return path
    made = make_prefix(path, require("gcc"))
    if request.param == "moved":
        for name in ("stale", *map(str, range(MADE - 2))):
            place = tmp_path / "earlier" if name == "stale" else made
            write(made / "bin" / name, f"#!{place}/bin/python3\n", 0o755)
        return made.rename(tmp_path / "moved")
    return made


@pytest.mark.parametrize("root", ["prefix", "moved", "conda", "venv"], indirect=True)
@pytest.mark.parametrize(
    "options",
    [{}, {"ambiguous": Policy.RELOCATE, "limit_strict": True, "binary_padding": "slash"}],
    ids=["default", "other policies"],
)
def test_scan_and_build_agree(root: Path, tmp_path: Path, options: dict[str, object]) -> None:
    request = replace(Request(str(root), by_path=True, output=tmp_path / "x.sh"), **options)  # type: ignore[arg-type]
    seen, built = scan(request), build(request)
    assert (seen.sites, seen.prefix_limit) == (built.sites, built.prefix_limit)
    assert (seen.findings, seen.warnings, seen.origin) == (built.findings, built.warnings, built.environments[0].origin)
    assert seen.prefix_limit_conda == built.prefix_limit_conda
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
            assert after.prefix_limit == seen.prefix_limit
        else:
            assert choice.places
            assert choice.prefix_limit == after.prefix_limit
            assert option not in [choice.option for choice in after.choices]


@pytest.mark.parametrize("root", ["moved"], indirect=True)
def test_places_that_are_no_more(root: Path, tmp_path: Path) -> None:
    request = Request(str(root), by_path=True)
    seen, fixed = scan(request), scan(replace(request, fix_stale=(f"{tmp_path}/earlier",)))
    assert seen.origin == fixed.origin == Origin(os.fsencode(tmp_path / "original"), MADE)
    assert [finding.path for finding in seen.findings if finding.category == "stale"] == [b"bin/stale"]
    assert "stale" not in {finding.category for finding in fixed.findings}
    assert fixed.sites["shebang"] == seen.sites["shebang"] + 1
    assert as_json(seen, verbose=False)["origin"] == {"path": f"{tmp_path}/original", "count": MADE}


@pytest.mark.parametrize("root", ["prefix"], indirect=True)
def test_the_level_of_the_processor_is_required(root: Path, tmp_path: Path) -> None:
    if resources.host_platform() != "linux-x86_64":
        pytest.skip("only x86-64 has levels")
    built = build(Request(str(root), by_path=True, output=tmp_path / "x.sh"))
    need = {"kind": "cpu_level", "value": "x86-64-v3", "hard": False, "path": "lib/fast/x.so"}
    assert need in inspect(built.path).requirements
