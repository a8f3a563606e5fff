"""Files that conda manages in environments for Windows become what conda and rattler write."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace

import pytest

from sfxpack import classify, neutral, reference, sites
from sfxpack.format.layout import Platform
from sfxpack.model import CondaFile, Found
from sfxpack.sites import Options
from tests.unit.test_sites_windows import DRIVE, OLD, SHORT, TARGETS, environment, forward
from tests.windows import windows_program

PLACEHOLDER = b"D:/bld/x_1700000000/_h_env" + b"_placehold" * 5


def installed(package: bytes, mode: str, prefix: str) -> bytes:
    """What conda and rattler write: the prefix with `/` in texts, every place of it; nothing in binaries."""
    return package.replace(PLACEHOLDER, forward(prefix).encode()) if mode == "text" else package


def managed(package: bytes, now: bytes, mode: str, *, digests: str = "both") -> CondaFile:
    of_package = hashlib.sha256(package).hexdigest() if digests != "installed" else ""
    in_prefix = hashlib.sha256(now).hexdigest() if digests != "package" else ""
    return CondaFile(of_package, in_prefix, mode, PLACEHOLDER, "hardlink", "x")


def find(content: bytes, path: bytes, record: CondaFile, old: str = OLD) -> Found:
    tree = replace(environment(old), conda={path: record}, placeholders=(PLACEHOLDER,))
    needles = sites.needles(tree, Platform.WINDOWS_X86_64)
    if not sites.may_have(content, record, needles):
        return Found()
    kind = classify.classify(path, content[: classify.HEAD], content)
    return sites.find(path, kind, content, tree, needles, Options(platform=Platform.WINDOWS_X86_64))


def move(content: bytes, found: Found, new: str, old: str = OLD) -> bytes:
    cut = neutral.neutralise(content, found)
    neutral.prove(content, cut, found, old.encode())
    return reference.render(cut, reference.Target(new.encode(), Platform.WINDOWS_X86_64))


@pytest.mark.parametrize("new", TARGETS)
@pytest.mark.parametrize("digests", ["both", "package", "installed"])
@pytest.mark.parametrize(
    ("path", "template"),
    [
        (b"Library/lib/pkgconfig/x.pc", b"prefix=@/Library\r\nLibs: -L@/Library/lib\r\n"),
        (b"Library/bin/x.bat", b'@set "X=@"\r\n'),
        (b"Scripts/x-script.py", b"#!@/python.exe\nprint('@', r'@', \"x@y\")\n"),
        (b"Library/share/x.json", b'{"a": "@/share", "b": ["x@suffix"]}'),
        (b"Library/x.txt", b"foo@bar foo/@/bar @@ @"),
    ],
)
def test_text(path: bytes, template: bytes, digests: str, new: str) -> None:
    package = template.replace(b"@", PLACEHOLDER)
    content = installed(package, "text", OLD)
    found = find(content, path, managed(package, content, "text", digests=digests))
    assert not found.findings
    assert found.sites
    assert move(content, found, new) == installed(package, "text", new)


def test_the_case_that_was_typed() -> None:
    package = b"a=" + PLACEHOLDER + b"/x\n"
    content = installed(package, "text", "c:\\Envs\\MY")
    found = find(content, b"a.txt", managed(package, content, "text"))
    assert not found.findings
    assert move(content, found, SHORT) == installed(package, "text", SHORT)


def test_a_text_that_no_installer_replaced() -> None:
    package = b"a=" + PLACEHOLDER + b"/x\n"
    found = find(package, b"a.txt", managed(package, installed(package, "text", OLD), "text"))
    assert move(package, found, DRIVE) == installed(package, "text", DRIVE)


def test_binaries_stay() -> None:
    package = windows_program() + b"\0" + PLACEHOLDER + b"/Library/lib\0"
    found = find(package, b"Library/bin/x.dll", managed(package, package, "binary"))
    assert found == Found()


@pytest.mark.parametrize("replaced", [True, False])
def test_the_line_of_a_launcher(replaced: bool) -> None:  # noqa: FBT001
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("__main__.py", "print(1)")
    package = windows_program() + b"#!" + PLACEHOLDER + b"\\python.exe\n" + file.getvalue()
    content = package.replace(PLACEHOLDER, OLD.encode()) if replaced else package
    found = find(content, b"Scripts/x.exe", managed(package, content, "binary", digests="package"))
    assert not found.findings
    expected = package.replace(PLACEHOLDER + b"\\python.exe", b'"' + DRIVE.encode() + b'\\python.exe"')
    assert move(content, found, DRIVE) == (expected if replaced else package)


def test_a_file_that_was_edited_is_said_so() -> None:
    package = b"a=" + PLACEHOLDER + b"/x\n"
    record = managed(package, b"", "text", digests="package")
    content = b"edited " + installed(package, "text", OLD)
    found = find(content, b"a.txt", record)
    assert [finding.category for finding in found.findings] == ["unmanaged"]
    assert move(content, found, DRIVE) == b"edited a=" + forward(DRIVE).encode() + b"/x\n"
