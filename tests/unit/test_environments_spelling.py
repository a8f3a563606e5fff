"""The names an environment is known by, and the one it gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sfxpack.environments.spelling import Spellings, product_name
from sfxpack.errors import UsageError
from sfxpack.model import Rename


@pytest.mark.parametrize(
    ("root", "name"),
    [
        ("/opt/envs/science", "science"),
        ("/home/u/project/.venv", "project"),
        ("/home/u/project/venv", "project"),
        ("/home/u/project/ENV", "project"),
        ("/home/u/project/.pixi/envs/default", "project"),
        ("/home/u/project/.pixi/envs/test", "project-test"),
        ("/opt/my env (2)", "my-env-2"),
        ("/opt/größe", "größe"),
        ("/opt/..x", "x"),
        ("/opt/---", "environment"),
        ("/opt/a\nb", "a-b"),
        (os.fsdecode(b"/opt/a\xffb"), "a-b"),
        ("/.venv", "environment"),
    ],
)
def test_product_name(root: str, name: str) -> None:
    assert product_name(Path(root)) == name


def test_spellings_that_lead_to_the_folder(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "one").symlink_to("real")
    (tmp_path / "two").symlink_to("real")
    (tmp_path / "home/.conda").mkdir(parents=True)
    (tmp_path / "home/.conda/environments.txt").write_text(f"{tmp_path}/two\n{tmp_path}\n/gone\n")
    variables = {"HOME": str(tmp_path / "home"), "CONDA_PREFIX": f"{tmp_path}/one/", "VIRTUAL_ENV": str(tmp_path)}
    found = Spellings.of(real, (), variables)
    assert [Path(os.fsdecode(path)).name for path in found.paths] == ["real", "one", "two"]
    assert found.with_recorded([f"{tmp_path}/one", "/gone"]) == found
    assert found.contains(f"{tmp_path}/one/bin")
    assert not found.contains(f"{tmp_path}/real-not")


def test_the_shells_spelling_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real/e").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path / "real")
    found = Spellings.of(Path.cwd() / "e", (), {"PWD": str(tmp_path / "link")})
    assert found.paths == (os.fsencode(tmp_path / "real/e"), os.fsencode(tmp_path / "link/e"))


def test_renames_longest_first_and_never_a_system_root() -> None:
    found = Spellings((b"/opt/e",), (b"/a/long/old/prefix",))
    others = [Rename(b"/usr", b"/base"), Rename(b"/opt/e", b"/base"), Rename(b"/usr/lib/python3.11", b"/base/lib")]
    assert found.renames(others) == (
        Rename(b"/usr/lib/python3.11", b"/base/lib"),
        Rename(b"/a/long/old/prefix", b""),
        Rename(b"/opt/e", b""),
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("relative", "is not an absolute path"),
        ("/", "system's own"),
        ("/usr/", "system's own"),
        ("/usr/local", "is a system"),
    ],
)
def test_bad_old_prefixes(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Spellings.of(tmp_path, (text,), {})


def test_earlier_places(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    found = Spellings.of(tmp_path, ("/gone/", str(tmp_path)), {}, stale=("/stale", "/gone"))
    assert found.foreign == (b"/gone", b"/stale")
    assert found.with_foreign([b"/more", b"/gone"]).foreign == (b"/gone", b"/stale", b"/more")
    assert found.contains("/gone/lib")
    assert not found.contains("/gone/bin")
    assert not found.contains("/other/lib")
    with pytest.raises(UsageError, match="--fix-stale x: is not an absolute path"):
        Spellings.of(tmp_path, (), {}, stale=("x",))


def test_an_old_prefix_of_windows(tmp_path: Path) -> None:
    assert Spellings.of(tmp_path, ("C:\\Envs\\x",), {}).foreign == (b"C:\\Envs\\x",)
