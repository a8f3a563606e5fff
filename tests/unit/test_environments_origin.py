"""Where a tree was made, weighed from what its files say."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sfxpack.environments import discover, origin
from sfxpack.environments.witnesses import STATE, Claim
from sfxpack.errors import DiscoveryError
from sfxpack.model import Environment, Finding, Origin
from sfxpack.request import Request
from tests.prefixes import write

OWN = (b"/here", b"/also/here")
PLACEHOLDER = b"/build/_h_env" + b"_placehold" * 20


def claims(**counts: int) -> list[Claim]:
    """So many files for each place."""
    return [
        Claim(b"bin/%s%d" % (name.encode(), number), b"/" + name.encode(), b"/x")
        for name, count in counts.items()
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("counts", "taken"),
    [
        ({}, None),
        ({"here": 3}, None),
        ({"old": 1}, Origin(b"/old", 1)),
        ({"old": 9}, Origin(b"/old", 9)),
        ({"here": 5, "old": 5}, None),
        ({"here": 1, "old": 5}, Origin(b"/old", 5)),
        ({"older": 1, "old": 5}, Origin(b"/old", 5)),
    ],
)
def test_what_the_files_agree_on(counts: dict[str, int], taken: Origin | None) -> None:
    verdict = origin.decide(claims(**counts), OWN, given=False)
    assert (verdict.origin, verdict.warnings) == (taken, ())
    rest = {
        name: count for name, count in counts.items() if name not in ("here", taken.path[1:].decode() if taken else "")
    }
    assert len(verdict.stale) == sum(rest.values())
    assert {finding.detail for finding in verdict.stale} == {f"/{name}" for name in rest}


def test_doubt_between_here_and_there_is_a_warning() -> None:
    verdict = origin.decide(claims(here=2, old=9, older=1), OWN, given=False)
    assert verdict.origin is None
    (warning,) = verdict.warnings
    for part in ("/here: 2 files tell", "  /old: 9 files, bin/old0 for one\n  /older: 1 file,", "`--old-prefix PATH`"):
        assert part in warning
    assert len(verdict.stale) == 10


def test_places_that_compete_are_an_error() -> None:
    with pytest.raises(DiscoveryError) as caught:
        origin.decide(claims(one=4, two=1), OWN, given=False)
    said = str(caught.value)
    for part in (
        "/here: was made elsewhere",
        "  /one: 4 files, bin/one0 for one\n  /two: 1 file",
        "--old-prefix /here",
    ):
        assert part in said
    assert origin.decide(claims(one=4, two=1), OWN, given=True).origin is None


def test_what_an_installation_says_of_itself_counts_more() -> None:
    state = Claim(STATE, b"/installed", b"/installed")
    verdict = origin.decide([*claims(one=4, here=7), state], OWN, given=False)
    assert verdict.origin == Origin(b"/installed", 1)
    assert len(verdict.stale) == 4


def test_placeholders_are_stale_and_never_taken() -> None:
    kernel = Claim(b"share/jupyter/kernels/p/kernel.json", PLACEHOLDER, PLACEHOLDER + b"/bin/python")
    verdict = origin.decide([kernel], OWN, given=False)
    assert verdict.origin is None
    assert verdict.stale == (Finding("stale", kernel.path, PLACEHOLDER.decode()),)
    for text in (b"/opt/anaconda1anaconda2anaconda3", b"/b/host_env_placehold_placehold"):
        assert origin.decide([Claim(b"bin/x", text, text)], OWN, given=False).origin is None


def test_a_padded_path_of_spack_is_a_place() -> None:
    padded = b"/opt/spack/__spack_path_placeholder__/__spack_path_pl"
    assert origin.decide([Claim(b"bin/x", padded, padded)], OWN, given=False).origin == Origin(padded, 1)


@pytest.mark.parametrize(
    ("place", "there", "is_one"),
    [
        (b"/gone", (), True),
        (b"/copied", (b"/copied/bin/python", b"/copied/bin/tool"), True),
        (b"/opt/python", (b"/opt/python/bin/python",), False),  # an interpreter that the tree only uses
        (b"/usr", (), False),
        (b"/usr/local", (), False),
        (b"/opt", (), False),
        (b"/a/../b", (), False),
    ],
)
def test_what_may_be_a_place(place: bytes, there: tuple[bytes, ...], is_one: bool) -> None:  # noqa: FBT001 a row's
    assert origin.is_place(Claim(b"bin/tool", place, place + b"/bin/python"), there.__contains__) is is_one


def test_what_sfxpack_noted_down_is_true_whatever_lies_there_now() -> None:
    assert origin.is_place(Claim(STATE, b"/opt/env", b"/opt/env"), {b"/opt/env"}.__contains__)


def test_a_long_list_is_cut() -> None:
    with pytest.raises(DiscoveryError, match=r"\n  and 2 more\n"):
        origin.decide(claims(**{f"place{number}": 1 for number in range(12)}), OWN, given=False)


def tree(root: Path, made_at: Path) -> Path:
    """A prefix with an interpreter and two scripts."""
    write(root / "bin/python", "", 0o755)
    for name in ("one", "two"):
        write(root / "bin" / name, f"#!{made_at}/bin/python\n", 0o755)
    return root


def found(root: Path, *fix_stale: str) -> Environment:
    return discover(Request(str(root), by_path=True, fix_stale=fix_stale))


def olds(environment: Environment) -> set[str]:
    return {os.fsdecode(rename.old) for rename in environment.renames}


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_a_tree_that_does_not_lie_where_it_was_made(tmp_path: Path, how: str) -> None:
    made = tree(tmp_path / "made", tmp_path / "made")
    assert found(made).origin is None
    copy = shutil.copytree(made, tmp_path / "copy") if how == "copied" else made.rename(tmp_path / "copy")
    environment = found(copy)
    assert environment.origin == Origin(os.fsencode(made), 2)
    assert olds(environment) == {str(made), str(copy)}


def test_a_link_left_at_the_old_place_is_no_other_place(tmp_path: Path) -> None:
    copy = tree(tmp_path / "made", tmp_path / "made").rename(tmp_path / "copy")
    (tmp_path / "made").symlink_to("copy")
    environment = found(copy)
    assert environment.origin is None
    assert olds(environment) == {str(tmp_path / "made"), str(copy)}


def test_what_is_stale_and_its_repair(tmp_path: Path) -> None:
    root = tree(tmp_path / "e", tmp_path / "e")
    write(root / "bin/three", "#!/gone/env/bin/python\n")
    assert found(root).findings == (Finding("stale", b"bin/three", "/gone/env"),)
    repaired = found(root, "/gone/env")
    assert repaired.findings == ()
    assert repaired.origin is None
    assert olds(repaired) == {str(root), "/gone/env"}


def test_what_is_given_as_stale_does_not_compete(tmp_path: Path) -> None:
    root = tree(tmp_path / "e", Path("/gone/env"))
    write(root / "bin/three", "#!/earlier/env/bin/python\n")
    with pytest.raises(DiscoveryError, match="do not agree"):
        found(root)
    environment = found(root, "/earlier/env")
    assert environment.origin == Origin(b"/gone/env", 2)
    assert olds(environment) == {str(root), "/gone/env", "/earlier/env"}


def test_what_sfxpack_replaces_is_not_stale(tmp_path: Path) -> None:
    root = tree(tmp_path / "e", tmp_path / "e")
    write(root / "conda-meta/history", f"# cmd: conda create -p {root}\n")
    write(root / "bin/activate", "# made by sfxpack\nVIRTUAL_ENV=/gone/env\n")
    environment = found(root)
    assert environment.kind == "conda"
    assert environment.findings == ()


def test_bytecode_tells_where_other_tools_moved_a_tree_from(tmp_path: Path) -> None:
    """They rewrite its scripts; what came with conda's packages tells where these were built."""
    root = tree(tmp_path / "e", tmp_path / "e")
    packages = "lib/python3.11/site-packages"
    for name, place in (("pips", "/gone/env"), ("condas", "/home/someone/build")):
        source = f"{packages}/{name}/__init__.py"
        write(root / source, "")
        text = f"{place}/{source}".encode()
        content = bytes(16) + b"\xe3\xda" + bytes([len(text)]) + text
        write(root / f"{packages}/{name}/__pycache__/__init__.cpython-311.pyc", content)
    write(
        root / "conda-meta/condas-1-0.json", f'{{"files": ["{packages}/condas/__pycache__/__init__.cpython-311.pyc"]}}'
    )
    path = f"{packages}/pips/__pycache__/__init__.cpython-311.pyc".encode()
    assert found(root).findings == (Finding("stale", path, "/gone/env"),)
    assert found(root, "/gone/env").findings == ()
