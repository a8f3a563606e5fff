"""`activate.bat` and `deactivate.bat` in wine's cmd; `Activate.ps1` cannot be run here."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from sfxpack.environments import activation, activation_windows
from tests.prefixes import write
from tests.winehost import TIMEOUT, Wine

NAMES = ("plain", "My Äpp (1) & co!")
FOLDERS = ("", "\\Library\\mingw-w64\\bin", "\\Library\\usr\\bin", "\\Library\\bin", "\\Scripts", "\\bin")


def make(root: Path, kind: str = "conda") -> Path:
    if kind == "conda":
        write(root / "conda-meta/state", json.dumps({"env_vars": {"LEVEL": "a & b", "NEW": "1"}}))
        write(root / "etc/conda/activate.d/b.bat", '@echo on-b "%LEVEL%"\r\n@set "FROM_B=%CONDA_PREFIX%"\r\n')
        write(root / "etc/conda/activate.d/a.bat", '@set "SEEN=%~dp0"\r\n@echo on-a\r\n@exit /b 1\r\n')
        write(root / "etc/conda/activate.d/a.sh", "echo wrong\n")
        write(root / "etc/conda/deactivate.d/a.bat", "@echo off-a\r\n@set FROM_B=\r\n")
        write(root / "etc/conda/deactivate.d/b.bat", '@echo off-b "%CONDA_DEFAULT_ENV%"\r\n')
    write(root / "Scripts/hello.bat", "@echo hello\r\n")
    for entry in activation_windows.entries(activation.variables(root)):
        write(root / entry.path.decode(), entry.data or b"")
    return root


def cmd(wine: Wine, folder: str, *lines: str, **variables: str) -> list[str]:
    """What lines of a batch file print in wine's cmd, which reads code page 437 alone and writes more only with /u."""
    script = wine.path(folder) / "script.bat"
    script.write_text("".join(f"@{line}\r\n" for line in lines), encoding="ascii")
    command = wine.command("cmd", "/u", "/d", "/c", f"{folder}\\script.bat")
    done = subprocess.run(command, capture_output=True, env=wine.environment | variables, timeout=TIMEOUT, check=False)
    assert done.stderr == b"", done.stderr.decode("utf-16-le")
    return [line.strip() for line in done.stdout.decode("utf-16-le").splitlines()]


@pytest.fixture
def folder(wine: Wine, tmp_path: Path) -> str:
    (wine.drive / tmp_path.name).mkdir()
    return f"C:\\{tmp_path.name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_conda_environment(wine: Wine, folder: str, name: str) -> None:
    make(wine.path(folder) / name)
    shown = f"{folder}\\{name}"
    before = cmd(wine, folder, "set PATH", LEVEL="old", CONDA_PREFIX="outer")
    printed = cmd(
        wine,
        folder,
        'call "%ROOT%\\Scripts\\activate.bat"',
        "set CONDA",
        "set PATH",
        "set FROM_B",
        "set SEEN",
        "set LEVEL",
        "set NEW",
        "set PROMPT",
        "call hello",
        "call deactivate",
        "set",
        LEVEL="old",
        CONDA_PREFIX="outer",
        PROMPT="$P$G",
        ROOT=shown,
    )
    path = before[0].partition("=")[2]
    assert printed[:2] == ["on-a", 'on-b "a & b"']
    assert f"CONDA_PREFIX={shown}" in printed
    assert f"CONDA_DEFAULT_ENV={name}" in printed
    assert f"CONDA_PROMPT_MODIFIER=({name})" in printed
    assert f"PROMPT=({name}) $P$G" in printed
    assert ";".join(["PATH=" + shown, *(shown + below for below in FOLDERS[1:]), path]) in printed
    assert f"FROM_B={shown}" in printed
    assert f"SEEN={shown}\\etc\\conda\\activate.d\\" in printed
    assert "NEW=1" in printed
    end = printed[printed.index("hello") + 1 :]
    assert end[:2] == [f'off-b "{name}"', "off-a"]
    assert {f"PATH={path}", "LEVEL=old", "CONDA_PREFIX=outer", "PROMPT=$P$G"} <= set(end)
    left = [
        line
        for line in end
        if line.upper().startswith(("_SFXPACK", "FROM_B=", "NEW=", "CONDA_DEFAULT", "CONDA_PROMPT"))
    ]
    assert left == []


def test_twice_and_another_one(wine: Wine, folder: str) -> None:
    for name, kind in (("one", "plain"), ("two (2)", "conda")):
        make(wine.path(folder) / name, kind)
    start = cmd(wine, folder, "set PATH")[0].partition("=")[2]
    printed = cmd(
        wine,
        folder,
        'call "%~dp0one\\Scripts\\activate.bat"',
        'call "%~dp0one\\Scripts\\activate.bat"',
        "set PATH",
        'call "%~dp0two (2)\\Scripts\\activate.bat"',
        "set PATH",
        "call deactivate",
        "set PATH",
    )
    paths = [line.partition("=")[2] for line in printed if line.startswith("PATH=")]
    expected = [";".join([*(f"{folder}\\{name}{below}" for below in FOLDERS), start]) for name in ("one", "two (2)")]
    assert paths == [*expected, start]


def test_a_venv_that_was_active_is_left(wine: Wine, folder: str) -> None:
    make(wine.path(folder) / "new", "plain")
    old = wine.path(folder) / "old"
    write(old / "Scripts/deactivate.bat", "@set VIRTUAL_ENV=\r\n@set _OLD_VIRTUAL_PATH=\r\n@echo left\r\n")
    printed = cmd(
        wine,
        folder,
        'call "%~dp0new\\Scripts\\activate.bat"',
        "call hello",
        VIRTUAL_ENV=f"{folder}\\old",
        _OLD_VIRTUAL_PATH="x",
    )
    assert printed == ["left", "hello"]


def test_scripts_that_are_there_already_stay(tmp_path: Path) -> None:
    make(tmp_path / "ours", "plain")
    assert activation_windows.is_free(tmp_path / "ours")
    write(tmp_path / "theirs/Scripts/activate.bat", "@rem conda's own\r\n")
    assert not activation_windows.is_free(tmp_path / "theirs")
    assert activation_windows.is_free(tmp_path / "none")


def test_lines_end_and_letters_are_as_windows_reads_them() -> None:
    scripts = {entry.path: entry.data or b"" for entry in activation_windows.entries({"NAME": "it's ä"})}
    assert all(data.count(b"\n") == data.count(b"\r\n") for data in scripts.values())
    assert scripts[b"Scripts/Activate.ps1"].startswith(b"\xef\xbb\xbf# made by sfxpack")
    assert "_sfxpack_set 'NAME' 'it''s ä'\r\n".encode() in scripts[b"Scripts/Activate.ps1"]
    assert "restores" not in scripts[b"Scripts/deactivate.bat"].decode()
    plain = {entry.path: entry.data or b"" for entry in activation_windows.entries()}
    assert b"chcp" not in plain[b"Scripts/activate.bat"]
    assert b"variables" not in plain[b"Scripts/activate.bat"]
