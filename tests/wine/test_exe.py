"""What the builder writes, in wine: signed, without a console, in two files; the version as Windows reads it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pefile
import pytest

from sfxpack.windows.program import CONSOLE
from tests.prefixes import write
from tests.running import build, run
from tests.windows import windows_program
from tests.winehost import Wine

ICON = Path(__file__).parents[2] / "stubs/src/win32/sfx.ico"
VERSION = 'WScript.Echo CreateObject("Scripting.FileSystemObject").GetFileVersion(WScript.Arguments(0))\n'


@pytest.fixture
def tree(tmp_path: Path, windows_stub: Path) -> Path:
    assert windows_stub.is_file()
    root = tmp_path / "myenv"
    write(root / "python.exe", windows_program())
    write(root / "Lib/os.py", "x = 1\n")
    return root


def installed(wine: Wine, program: Path) -> None:
    """Copied to drive C: and run there."""
    place = wine.drive / "media"
    place.mkdir(exist_ok=True)
    for path in program.parent.glob(f"{program.stem}.*"):
        shutil.copy(path, place)
    done = wine.run([f"C:\\media\\{program.name}", "--prefix", "C:\\own\\env", "--yes", "--quiet"])
    assert done.returncode == 0, done.stderr
    assert (wine.drive / "own/env/Lib/os.py").read_text() == "x = 1\n"
    done = wine.run(["C:\\own\\env\\.sfxpack\\sfx.exe", "verify"])
    assert "0 differences" in done.stdout, done.stdout
    tool = pefile.PE(data=(wine.drive / "own/env/.sfxpack/sfx.exe").read_bytes())
    assert tool.OPTIONAL_HEADER.Subsystem == CONSOLE
    assert tool.OPTIONAL_HEADER.DATA_DIRECTORY[4].Size == 0
    shutil.rmtree(wine.drive / "own")
    shutil.rmtree(place)


@pytest.mark.parametrize("options", [(), ("--split", "sfxdata"), ("--gui", "--icon", ICON)], ids=["", "sfxdata", "gui"])
def test_it_installs_signed(
    wine: Wine, tree: Path, tmp_path: Path, require: Callable[[str], str], options: tuple[object, ...]
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    request = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=sfxpack test")
    run(require("openssl"), "req", *request, "-keyout", key, "-out", certificate)
    sign = f"{require('osslsigncode')} sign -certs {certificate} -key {key} -in {{in}} -out {{out}}"
    build(tree, tmp_path / "setup.exe", "--sign-command", sign, "--publisher", "ACME", *options)
    installed(wine, tmp_path / "setup.exe")


def test_the_version_as_windows_reads_it(wine: Wine, tree: Path) -> None:
    build(tree, wine.drive / "setup.exe", "--release", "2024.11.3rc1")
    write(wine.drive / "version.vbs", VERSION)
    done = wine.run(["cscript", "//nologo", "C:\\version.vbs", "C:\\setup.exe"])
    assert done.stdout.strip() == "2024.11.3.0"


def test_what_lies_beside_it_is_missing_or_another(wine: Wine, tree: Path) -> None:
    program, data = wine.drive / "app.exe", wine.drive / "app.sfxdata"
    build(tree, program, "--split", "sfxdata")
    command: list[object] = ["C:\\app.exe", "--prefix", "C:\\none", "--yes"]
    data.rename(wine.drive / "kept")
    done = wine.run(command)
    assert done.returncode == 3
    assert "app.sfxdata is missing: it belongs beside" in done.stderr.replace("\r\n", " ").replace("\n", " ")
    write(tree / "more", "x")
    build(tree, wine.drive / "other.exe", "--split", "sfxdata")
    (wine.drive / "other.sfxdata").rename(data)
    done = wine.run(command)
    assert done.returncode == 3
    assert "belongs to another build" in done.stderr
    assert not (wine.drive / "none").exists()
