"""What the builder writes for Windows: the program's icon, names and kind, signatures, and what it refuses."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lief
import pefile
import pytest

from sfxpack import resources
from sfxpack.errors import ResourceError, UsageError
from sfxpack.format import pe, schema
from sfxpack.windows import icon, program, version
from tests.installers import snapshot
from tests.prefixes import write
from tests.running import SFXPACK, build, run
from tests.windows import windows_program

ICON = Path(__file__).parent.parent.parent / "stubs/src/win32/sfx.ico"


@pytest.fixture(autouse=True)
def stub_of_windows(require_stub: Callable[[str], Path]) -> Path:
    return require_stub("windows-x86_64")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "myenv"
    write(root / "app.exe", windows_program())
    write(root / "Lib/os.py", "x = 1\n")
    write(root / "Library/large.bin", os.urandom(100_000))
    return root


def texts(image: pefile.PE) -> dict[str, str]:
    (table,) = (one for info in image.FileInfo[0] if info.Key == b"StringFileInfo" for one in info.StringTable)
    return {key.decode(): value.decode() for key, value in table.entries.items()}


def contents(root: Path) -> dict[str, object]:
    return {name: value[1] for name, value in snapshot(root).items()}


def bitmap_icon(**changes: int) -> bytes:
    """One image of 32 bits; `changes` to the fields of its entry."""
    image = struct.pack("<IiiHH", 40, 16, 2 * 16, 1, 32).ljust(40, b"\0") + bytes(5 * 16 * 16)
    entry = {"planes": 0, "bits": 0, "size": len(image), "offset": 22, **changes}
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, *entry.values()) + image


# ---- what it shows --------------------------------------------------------------------------------------------------


def test_the_platform_is_that_of_the_programs(tree: Path, tmp_path: Path) -> None:
    run(*SFXPACK, "build", tree, "--release", "2.1", cwd=tmp_path)
    artifact = tmp_path / "myenv-2.1-windows-x86_64.exe"
    assert artifact.read_bytes()[:2] == b"MZ"
    facts = json.loads(run(*SFXPACK, "inspect", artifact, "--json").stdout)
    assert (facts["platform"], facts["signed"]) == ("windows-x86_64", False)
    assert "sound" in run(*SFXPACK, "verify", artifact).stdout
    run(*SFXPACK, "extract", artifact, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tree)


def test_the_program_is_called_as_the_product_is(tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "setup.exe"
    (tmp_path / "my.ico").write_bytes(bitmap_icon())
    options = ("--name", "My Äpp", "--release", "v2.1rc3", "--publisher", "ACME ☃", "--icon", tmp_path / "my.ico")
    build(tree, output, *options)
    image = pefile.PE(str(output))
    assert texts(image) == {
        "CompanyName": "ACME ☃",
        "FileDescription": "My Äpp installer",
        "FileVersion": "v2.1rc3",
        "InternalName": "My Äpp",
        "OriginalFilename": "setup.exe",
        "ProductName": "My Äpp",
        "ProductVersion": "v2.1rc3",
    }
    (fixed,) = image.VS_FIXEDFILEINFO
    assert (fixed.FileVersionMS, fixed.FileVersionLS, fixed.ProductVersionMS) == (2 << 16 | 1, 0, 2 << 16 | 1)
    assert image.OPTIONAL_HEADER.Subsystem == program.CONSOLE
    found, before = program.resources(image), program.resources(pefile.PE(data=stub()))
    assert found[program.RT_ICON, 1, version.LANGUAGE] == bitmap_icon()[22:]
    assert [key for key in found if key[0] == program.RT_ICON] == [(program.RT_ICON, 1, version.LANGUAGE)]
    kept = {key: data for key, data in before.items() if key[0] not in (3, 14, 16)}
    assert kept
    assert kept.items() <= found.items()


def test_other_readers_agree(tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "setup.exe"
    build(tree, output, "--name", "app", "--release", "1.2.3.4.5", "--icon", ICON)
    image = lief.PE.parse(str(output))
    assert image is not None
    assert lief.PE.check_layout(image) == (True, "")
    manager = image.resources_manager
    assert not isinstance(manager, lief.lief_errors)
    assert [(one.width, one.height, one.bit_count) for one in manager.icons] == [
        (16, 16, 32),
        (32, 32, 32),
        (48, 48, 32),
    ]
    (info,) = manager.version
    assert (info.file_info.file_version_ms, info.file_info.file_version_ls) == (1 << 16 | 2, 3 << 16 | 4)
    assert manager.has_manifest
    assert not pefile.PE(str(output)).get_warnings()


def test_the_same_twice(tree: Path, tmp_path: Path) -> None:
    options = ("--name", "app", "--icon", ICON, "--gui")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        build(tree, tmp_path / name / "setup.exe", *options)
    assert (tmp_path / "a/setup.exe").read_bytes() == (tmp_path / "b/setup.exe").read_bytes()


def test_a_program_without_console(tree: Path, tmp_path: Path) -> None:
    build(tree, tmp_path / "setup.exe", "--gui")
    assert pefile.PE(str(tmp_path / "setup.exe")).OPTIONAL_HEADER.Subsystem == program.GUI
    help_text = run(*SFXPACK, "build", "--help").stdout
    assert "do not wait" in " ".join(help_text.split())


@pytest.mark.parametrize(
    ("release", "numbers"),
    [
        ("", (0, 0, 0, 0)),
        ("nightly", (0, 0, 0, 0)),
        ("2024.11", (2024, 11, 0, 0)),
        ("v1.2.3-beta.4", (1, 2, 3, 0)),
        ("20261125.1", (65535, 1, 0, 0)),
        ("1.2.3.4.5", (1, 2, 3, 4)),
    ],
)
def test_numbers_of_a_release(release: str, numbers: tuple[int, ...]) -> None:
    assert version.numbers(release) == numbers


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "does not begin as one"),
        (b"\0\0\2\0\1\0" + bytes(40), "does not begin as one"),
        (b"\0\0\1\0\0\0", "does not begin as one"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "it is a PNG image"),
        (b"\0\0\1\0\2\0" + bytes(20), "ends in its list"),
        (bitmap_icon()[:-1], "image 1 lies beyond the end"),
        (bitmap_icon(offset=0xFFFFFFFF), "image 1 lies beyond the end"),
        (bitmap_icon(size=0), "image 1 is neither"),
        (bitmap_icon(offset=0), "image 1 is neither"),
        (bytes(5 << 20), "more than 4 MiB"),
    ],
)
def test_what_is_no_icon(tmp_path: Path, content: bytes, text: str) -> None:
    path = write(tmp_path / "my.ico", content)
    with pytest.raises(UsageError, match=f"^--icon {path}: .*{text}.*; make one with all sizes"):
        icon.read(path)


def test_an_icon_that_cannot_be_used(tree: Path, tmp_path: Path) -> None:
    done = run(*SFXPACK, "build", tree, "-o", tmp_path / "x.exe", "--icon", tree / "Lib/os.py", status=2)
    assert "os.py: is no icon (.ico): it does not begin as one; make one" in done.stderr
    assert not (tmp_path / "x.exe").exists()
    done = run(*SFXPACK, "build", tree, "-o", tmp_path / "x.exe", "--icon", tmp_path / "no.ico", status=2)
    assert "no.ico: cannot be read: No such file" in done.stderr


@pytest.mark.parametrize("option", ["--publisher", "--description", "--name", "--release"])
def test_texts_that_cannot_be_shown(tree: Path, tmp_path: Path, option: str) -> None:
    for text in ("a\nb", "x" * 1001):
        done = run(*SFXPACK, "build", tree, "-o", tmp_path / "x.exe", option, text, status=2)
        assert option in done.stderr


def test_a_file_that_windows_would_not_start(tree: Path, tmp_path: Path) -> None:
    assert "only if its name ends with .exe" in run(*SFXPACK, "build", tree, "-o", tmp_path / "setup").stdout
    assert "name ends with" not in run(*SFXPACK, "build", tree, "-o", tmp_path / "SETUP.EXE").stdout


@pytest.mark.parametrize("name", ["a:b", "nul", "app.", "a\\b"])
def test_a_product_that_no_folder_can_be_called_by(tree: Path, tmp_path: Path, name: str) -> None:
    done = run(*SFXPACK, "build", tree, "-o", tmp_path / "x.exe", "--name", name, status=2)
    assert f"{name}: the name " in done.stderr
    assert "choose another with --name" in done.stderr


def test_options_of_windows_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "env/bin/hello", "#!/bin/sh\n", 0o755)
    options = ("--gui", "--icon", ICON, "--sign-command", "x {in}", "--platform", "linux-x86_64")
    done = run(*SFXPACK, "build", tmp_path / "env", "-o", tmp_path / "x.sh", *options, status=2)
    assert "--icon, --gui, --sign-command: for a .exe alone, but this is for linux-x86_64" in done.stderr


def test_a_program_that_is_no_stub() -> None:
    with pytest.raises(ResourceError, match="no resources"):
        program.change(windows_program(), None, b"", program.CONSOLE)
    with pytest.raises(ResourceError, match="no program for Windows"):
        program.change(b"MZ", None, b"", program.CONSOLE)


def stub() -> bytes:
    return resources.stub("windows-x86_64").read_bytes()


# ---- signatures -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], str]) -> Path:
    """A folder with a certificate that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("keys")
    openssl = require("openssl")
    subject = ("-subj", "/CN=sfxpack test", "-addext", "extendedKeyUsage=codeSigning")
    files = ("-keyout", folder / "key.pem", "-out", folder / "cert.pem")
    run(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *files, *subject)
    return folder


@pytest.fixture
def command(keys: Path, require: Callable[[str], str]) -> str:
    return f"{require('osslsigncode')} sign -certs {keys}/cert.pem -key '{keys}/key.pem' -in {{in}} -out {{out}}"


def is_signed(file: Path, keys: Path) -> bool:
    command = ["osslsigncode", "verify", "-CAfile", str(keys / "cert.pem"), "-in", str(file)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_signed_file(tree: Path, tmp_path: Path, keys: Path, command: str) -> None:
    output = tmp_path / "my setup.exe"
    result = build(tree, output, "--sign-command", command)
    assert is_signed(output, keys)
    assert "sound" in run(*SFXPACK, "verify", output).stdout
    facts = json.loads(run(*SFXPACK, "inspect", output, "--json").stdout)
    assert facts["signed"]
    assert facts["build"] == result["build"]
    assert "certificate" in run(*SFXPACK, "inspect", output).stdout
    run(*SFXPACK, "extract", output, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my setup.exe", "myenv", "out"]


@pytest.mark.parametrize("place", ["headers", "stub", "locator", "block", "index"])
def test_a_flipped_byte_is_found_twice(tree: Path, tmp_path: Path, keys: Path, command: str, place: str) -> None:
    output = tmp_path / "setup.exe"
    build(tree, output, "--sign-command", command)
    content = bytearray(output.read_bytes())
    image = pe.read(bytes(content))
    at = {
        "headers": 0x50,
        "stub": 5000,
        "locator": image.locator_offset + 40,
        "block": image.locator_offset + 600,
        "index": image.certificate[0] - 20,
    }[place]
    content[at] ^= 1
    output.write_bytes(content)
    assert not is_signed(output, keys)
    run(*SFXPACK, "verify", output, status=3)
    run(*SFXPACK, "extract", output, tmp_path / "out", status=3)


def test_what_follows_a_signature(tree: Path, tmp_path: Path, command: str) -> None:
    output = tmp_path / "setup.exe"
    build(tree, output, "--sign-command", command)
    with output.open("ab") as file:
        file.write(b"more")
    assert "trailing_bytes" in run(*SFXPACK, "verify", output, status=3).stderr


def test_a_tool_that_signs_in_place(tree: Path, tmp_path: Path, keys: Path, command: str) -> None:
    tool = write(tmp_path / "tools/sign", "#!/bin/sh\n" + command.format(**{"in": '"$2"', "out": '"$2.new"'}), 0o755)
    with tool.open("a") as file:
        file.write('\nmv "$2.new" "$2"\n')
    build(tree, tmp_path / "setup.exe", "--sign-command", f"{tool} /x {{in}}")
    assert is_signed(tmp_path / "setup.exe", keys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["myenv", "setup.exe", "tools"]


def test_signing_afterwards(tree: Path, tmp_path: Path, keys: Path, command: str) -> None:
    output, signed = tmp_path / "setup.exe", tmp_path / "signed.exe"
    build(tree, output)
    run("sh", "-c", command.format(**{"in": output, "out": signed}))
    assert is_signed(signed, keys)
    assert "sound" in run(*SFXPACK, "verify", signed).stdout


def test_a_signature_taken_away(tree: Path, tmp_path: Path, command: str) -> None:
    """The tool leaves up to seven zeros behind."""
    for number in range(4):
        output, plain = tmp_path / f"{number}.exe", tmp_path / f"{number}.plain.exe"
        write(tree / "size", "x" * number)
        build(tree, output, "--sign-command", command)
        run("osslsigncode", "remove-signature", "-in", output, "-out", plain)
        assert "sound" in run(*SFXPACK, "verify", plain).stdout
        run(*SFXPACK, "extract", plain, tmp_path / str(number))
        assert not json.loads(run(*SFXPACK, "inspect", plain, "--json").stdout)["signed"]


@pytest.mark.parametrize(
    ("script", "status", "text"),
    [
        ("echo no such token >&2; exit 3", 11, "ended with 3; nothing was written:\nno such token"),
        ("exit 0", 11, "wrote no {out}"),
        ('cp "$1" "$2"', 11, "has no signature"),
        ('head -c 500000 "$1" > "$2"', 11, "not sound"),
        ('echo lost > "$1"; cp "$1" "$2"', 11, "not sound"),
    ],
)
def test_a_tool_that_fails(tree: Path, tmp_path: Path, script: str, status: int, text: str) -> None:
    tool = write(tmp_path / "tools/sign", f"#!/bin/sh\n{script}\n", 0o755)
    options = ("-o", tmp_path / "setup.exe", "--sign-command", f"{tool} {{in}} {{out}}")
    done = run(*SFXPACK, "build", tree, *options, status=status)
    assert text in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["myenv", "tools"]


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("true", "says nowhere which file"),
        ("'true {in}", "No closing quotation"),
        ("no-such-tool {in}", "no-such-tool: there is no such program"),
    ],
)
def test_commands_that_cannot_be_run(tree: Path, tmp_path: Path, command: str, text: str) -> None:
    done = run(*SFXPACK, "build", tree, "-o", tmp_path / "setup.exe", "--sign-command", command, status=2)
    assert text in done.stderr


def test_an_interpreter_that_signs(tree: Path, tmp_path: Path) -> None:
    """Words are passed as they are: no shell reads them."""
    code = "import sys; sys.exit(repr(sys.argv[1:]))"
    words = f"{sys.executable} -c '{code}' '$HOME' {{in}};"
    done = run(*SFXPACK, "build", tree, "-o", tmp_path / "setup.exe", "--sign-command", words, status=11)
    assert "['$HOME', '" in done.stderr
    assert ".exe;']" in done.stderr


# ---- more than a program can hold -----------------------------------------------------------------------------------


def test_all_but_the_program_beside_it(tree: Path, tmp_path: Path) -> None:
    run(*SFXPACK, "build", tree, "--split", "sfxdata", cwd=tmp_path)
    program_file, data = tmp_path / "myenv-windows-x86_64.exe", tmp_path / "myenv-windows-x86_64.sfxdata"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["myenv", program_file.name, data.name]
    image = pe.read(program_file.read_bytes())
    assert program_file.stat().st_size == image.locator_offset + schema.LOCATOR.size
    assert not pefile.PE(str(program_file)).get_warnings()
    assert "sound" in run(*SFXPACK, "verify", program_file).stdout
    assert "in 2 files" in run(*SFXPACK, "inspect", program_file).stdout
    whole = build(tree, tmp_path / "whole.exe", "--name", "myenv")
    assert whole["build"] == json.loads(run(*SFXPACK, "inspect", program_file, "--json").stdout)["build"]
    for name in (program_file, data):
        name.rename(tmp_path / name.name.replace("myenv", "other"))
    run(*SFXPACK, "extract", tmp_path / "other-windows-x86_64.exe", tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tree)
    done = run(*SFXPACK, "verify", tmp_path / "other-windows-x86_64.sfxdata", status=2)
    assert "other-windows-x86_64.exe" in done.stderr


@pytest.mark.parametrize("option", ["verify", "extract"], ids=["Python's reader", "the stub's"])
def test_a_wrong_file_beside_it(tree: Path, tmp_path: Path, option: str) -> None:
    output, data = tmp_path / "setup.exe", tmp_path / "setup.sfxdata"
    more = (tmp_path / "out",) if option == "extract" else ()
    build(tree, output, "--split", "sfxdata")
    sound = data.read_bytes()

    def says(text: str) -> None:
        said = run(*SFXPACK, option, output, *more, status=3).stderr
        assert text in said.replace("\n", " ")
        assert "setup.sfxdata" in said or "setup.exe" in said
        assert not (tmp_path / "out").exists()

    data.unlink()
    says(f"{data} is missing: it belongs beside {output}")
    write(tree / "more", "x")
    build(tree, tmp_path / "b.exe", "--split", "sfxdata")
    (tmp_path / "b.sfxdata").rename(data)
    says("belongs to another build")
    data.write_bytes(sound[:-1])
    says("truncated")
    data.write_bytes(sound + b"x")
    says("1 bytes too many")
    data.write_bytes(b"PK" + sound[2:])
    says("is damaged, or no part")
    data.write_bytes(sound[:5000] + bytes([sound[5000] ^ 1]) + sound[5001:])
    says("offset 96 of")
    data.write_bytes(sound)
    run(*SFXPACK, option, output, *more)


def test_a_signed_program_and_what_lies_beside_it(tree: Path, tmp_path: Path, keys: Path, command: str) -> None:
    output = tmp_path / "setup.exe"
    build(tree, output, "--split", "sfxdata", "--sign-command", command)
    assert is_signed(output, keys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["myenv", "setup.exe", "setup.sfxdata"]
    run(*SFXPACK, "extract", output, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tree)
    with (tmp_path / "setup.sfxdata").open("r+b") as file:
        file.seek(1000)
        file.write(b"\xfe\xfe")
    assert "offset" in run(*SFXPACK, "verify", output, status=3).stderr


def test_what_is_replaced_leaves_nothing_beside_it(tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "setup.exe"
    build(tree, output, "--split", "sfxdata")
    run(*SFXPACK, "build", tree, "-o", output, status=8)
    build(tree, output, "--force")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["myenv", "setup.exe"]


def test_a_size_for_every_file(tree: Path, tmp_path: Path) -> None:
    output = tmp_path / "setup.exe"
    size = len(stub()) + 20_000
    build(tree, output, "--split", size)
    assert all(path.stat().st_size < size for path in tmp_path.glob("setup*"))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["myenv", "setup.exe", "setup.sfxdata"]
    write(tree / "large", os.urandom(2 * size))
    build(tree, output, "--split", size, "--force")
    assert sorted(path.name for path in tmp_path.iterdir())[1:] == [
        "setup.exe",
        "setup.exe.part01",
        "setup.exe.part02",
        "setup.exe.part03",
    ]
    run(*SFXPACK, "extract", output, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tree)


def test_a_program_alone_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "env/bin/hello", "#!/bin/sh\n", 0o755)
    options = ("-o", tmp_path / "x.sh", "--split", "sfxdata", "--platform", "linux-x86_64")
    assert "for a .exe alone" in run(*SFXPACK, "build", tmp_path / "env", *options, status=2).stderr
