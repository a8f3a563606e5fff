"""Values that depend on other files."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import py_compile
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sfxpack import neutral, records, reference
from sfxpack.format.layout import Derived
from sfxpack.model import Found, Site
from sfxpack.records import OnDisk
from tests.sitekit import ROOT
from tests.unit.test_sites_pyc import interpreters

OLD = b"print('/opt/env')\n"
NEW = b"print('/somewhere/else')\n"


def on_disk(content: bytes) -> OnDisk:
    return OnDisk(len(content), hashlib.sha256(content).hexdigest())


def render(content: bytes, found: Found, files: Mapping[bytes, reference.Installed]) -> bytes:
    result = neutral.neutralise(content, found)
    neutral.prove(content, result, found, ROOT)
    return reference.render(result, reference.Target(b"/n", files=files))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (b"lib/__pycache__/x.cpython-311.pyc", b"lib/x.py"),
        (b"__pycache__/x.cpython-311.pyc", b"x.py"),
        (b"lib/__pycache__/x.cpython-38.opt-2.pyc", b"lib/x.py"),
        (b"lib/__pycache__/x.y.pypy39.pyc", b"lib/x.y.py"),
        (b"lib/__pycache__/x.pyc", None),
        (b"lib/x.pyc", None),
        (b"lib/__pycache__/x.py", None),
        (b"lib/x.cpython-311.pyc", None),
    ],
)
def test_the_source_of_a_pyc(path: bytes, source: bytes | None) -> None:
    assert records.pyc_source(path) == source


def compiled(folder: Path, mode: py_compile.PycInvalidationMode) -> bytes:
    (folder / "x.py").write_bytes(OLD)
    os.utime(folder / "x.py", (1_600_000_000, 1_600_000_000))
    py_compile.compile(str(folder / "x.py"), str(folder / "x.pyc"), doraise=True, invalidation_mode=mode)
    return (folder / "x.pyc").read_bytes()


PYC = b"lib/__pycache__/x.cpython-311.pyc"
CHANGED = {b"lib/x.py": on_disk(OLD)}


def test_a_timestamp_header_follows_its_source(tmp_path: Path) -> None:
    content = compiled(tmp_path, py_compile.PycInvalidationMode.TIMESTAMP)
    assert records.recorded_source_mtime(content) == 1_600_000_000
    found = records.derive_pyc(PYC, content, CHANGED, mtime=1_600_000_000)
    assert [(site.start, site.end, site.derived, site.target) for site in found] == [
        (8, 12, Derived.MTIME_LE32, b"lib/x.py"),
        (12, 16, Derived.SIZE_LE32, b"lib/x.py"),
    ]
    moved = render(content, Found(found), {b"lib/x.py": reference.Installed(NEW, 1_700_000_000)})
    assert moved[8:12] == (1_700_000_000).to_bytes(4, "little")
    assert moved[12:16] == len(NEW).to_bytes(4, "little")
    assert moved[:8] + moved[16:] == content[:8] + content[16:]


@pytest.mark.parametrize(
    "mode", [py_compile.PycInvalidationMode.CHECKED_HASH, py_compile.PycInvalidationMode.UNCHECKED_HASH]
)
def test_a_hash_header_follows_its_source(tmp_path: Path, mode: py_compile.PycInvalidationMode) -> None:
    content = compiled(tmp_path, mode)
    assert records.recorded_source_mtime(content) is None
    (site,) = records.derive_pyc(PYC, content, CHANGED, source=OLD)
    assert site.derived is (Derived.SIPHASH13 if sys.version_info >= (3, 11) else Derived.SIPHASH24)
    moved = render(content, Found((site,)), {b"lib/x.py": reference.Installed(NEW)})
    assert moved[8:16] == importlib.util.source_hash(NEW)


def test_stale_files_stay(tmp_path: Path) -> None:
    content = compiled(tmp_path, py_compile.PycInvalidationMode.TIMESTAMP)
    assert not records.derive_pyc(PYC, content, CHANGED, mtime=1_600_000_001)
    assert not records.derive_pyc(PYC, content, {b"lib/x.py": OnDisk(len(OLD) + 1, "")})
    assert not records.derive_pyc(PYC, content, {b"lib/y.py": on_disk(OLD)})
    assert not records.derive_pyc(b"lib/x.pyc", content, CHANGED)
    content = compiled(tmp_path, py_compile.PycInvalidationMode.CHECKED_HASH)
    assert not records.derive_pyc(PYC, content, CHANGED, source=NEW)
    assert not records.derive_pyc(PYC, content, CHANGED)
    assert not records.derive_pyc(PYC, content[:4] + b"\7\0\0\0" + content[8:], CHANGED, source=OLD)
    for damaged in (b"", content[:15], b"xxxx" + content[4:]):
        assert not records.derive_pyc(PYC, damaged, CHANGED)
        assert records.recorded_source_mtime(damaged) is None


@pytest.mark.parametrize(("version", "python"), interpreters())
def test_siphash_is_that_of_every_python(version: str, python: Path) -> None:
    choice = random.Random(7)
    samples = [choice.randbytes(size) for size in (*range(20), 63, 64, 65, 1000)]
    code = (
        "import importlib.util as u, sys;"
        "print([u.source_hash(bytes.fromhex(x)).hex() for x in sys.argv[2:]], u.MAGIC_NUMBER.hex())"
    )
    command = [str(python), "-c", code, "-", *(sample.hex() for sample in samples)]
    hashes, _, magic = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rpartition(" ")
    rounds = 1 if tuple(map(int, version.split("."))) >= (3, 11) else 2
    key = int.from_bytes(bytes.fromhex(magic.strip()), "little")
    assert hashes == repr([records.siphash(key, sample, rounds).hex() for sample in samples])


def row(path: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_rows_of_a_record(newline: str) -> None:
    lines = [
        row("x/__init__.py", OLD),
        row("x/other.py", b"other"),
        "x/__pycache__/__init__.cpython-311.pyc,,",
        row("../../../bin/tool", b"#!tool"),
        row('"x/a,""b"".py"', b"quoted"),
        row("x/wrong.py", b"not this"),
        "x/half.py,sha256=abc,5",
        "x-1.dist-info/RECORD,,",
        "",
    ]
    content = newline.join(lines).encode()
    path = b"lib/python3.11/site-packages/x-1.dist-info/RECORD"
    base = b"lib/python3.11/site-packages/"
    changed = {
        base + b"x/__init__.py": on_disk(OLD),
        b"bin/tool": on_disk(b"#!tool"),
        base + b'x/a,"b".py': on_disk(b"quoted"),
        base + b"x/wrong.py": on_disk(b"is that"),
        base + b"x/half.py": on_disk(b"12345"),
        base + b"x/__pycache__/__init__.cpython-311.pyc": on_disk(b"pyc"),
    }
    found = records.derive_record(path, content, changed)
    assert [(finding.category, finding.count) for finding in found.findings] == [("mismatch", 1)]
    assert len(found.sites) == 7
    files = {name: reference.Installed(b"new " + name) for name in changed}
    lines[0] = row("x/__init__.py", b"new " + base + b"x/__init__.py")
    lines[3] = row("../../../bin/tool", b"new bin/tool")
    lines[4] = row('"x/a,""b"".py"', b"new " + base + b'x/a,"b".py')
    lines[6] = f"x/half.py,sha256=abc,{len(b'new ' + base + b'x/half.py')}"
    assert render(content, found, files) == newline.join(lines).encode()


def meta(**changes: object) -> dict[str, object]:
    def entry(path: str, content: bytes, **more: object) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        return {
            "_path": path,
            "path_type": "hardlink",
            "sha256_in_prefix": digest,
            "size_in_bytes": len(content),
            **more,
        }

    paths = [
        entry("bin/tool", b"#!tool", sha256="f" * 64, file_mode="text", prefix_placeholder="/ph{old}"),
        entry("lib/plain", b"plain", sha256="e" * 64),
        {"_path": "bin/entry", "path_type": "unix_python_entry_point", "sha256": hashlib.sha256(b"entry").hexdigest()},
        entry("lib/wrong", b"edited since", sha256="d" * 64),
        {"file_mode": '{"_path": {', **entry('odd "name" ü', b"odd")},
        {"_path": "lib/x.pyc", "path_type": "pyc_file"},
        entry("lib/size", b"size", size_in_bytes=99),
    ]
    value: dict[str, object] = {
        "name": "x",
        "url": "https://user:secret@host/t/to-ken/main/linux-64/x-1.conda",
        "channel": "https://host/t/to-ken/main",
        "extracted_package_dir": "/opt/env/pkgs/x-1",
        "package_tarball_full_path": "/opt/env/pkgs/x-1.conda",
        "link": {"source": "/opt/env/pkgs/x-1", "type": 1},
        "files": ["bin/tool"],
        "paths_data": {"paths_version": 1, "paths": paths},
    }
    return value | changes


CONDA_FILES = {
    b"bin/tool": b"#!tool",
    b"bin/entry": b"entry",
    b"lib/wrong": b"wrong",
    'odd "name" ü'.encode(): b"odd",
    b"lib/x.pyc": b"pyc",
    b"lib/size": b"size",
}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_conda_meta(indent: int | None, ascii_only: bool) -> None:  # noqa: FBT001 - a row
    content = json.dumps(meta(), indent=indent, ensure_ascii=ascii_only).encode()
    changed = {path: on_disk(data) for path, data in CONDA_FILES.items()}
    found = records.derive_conda(b"conda-meta/x-1.json", content, changed)
    assert [(finding.category, finding.count, finding.detail) for finding in found.findings] == [
        ("mismatch", 1, "lib/wrong")
    ]
    files = {path: reference.Installed(b"new " + data) for path, data in CONDA_FILES.items()}
    moved = json.loads(render(content, found, files))
    before = meta()

    def by_path(value: object) -> dict[str, dict[str, object]]:
        assert isinstance(value, dict)
        return {entry["_path"]: entry for entry in value["paths_data"]["paths"]}

    expected = by_path(before)
    for path in ("bin/tool", 'odd "name" ü', "lib/size"):
        data = files[path.encode()].content
        expected[path]["sha256_in_prefix"] = hashlib.sha256(data).hexdigest()
        if path != "lib/size":
            expected[path]["size_in_bytes"] = len(data)
    expected["bin/entry"]["sha256"] = hashlib.sha256(b"new entry").hexdigest()
    assert by_path(moved) == expected
    assert moved["link"] == {"source": "", "type": 1}
    assert (moved["extracted_package_dir"], moved["package_tarball_full_path"]) == ("", "")
    assert (moved["url"], moved["channel"]) == ("https://host/main/linux-64/x-1.conda", "https://host/main")


@pytest.mark.parametrize(
    ("path", "url", "expected"),
    [
        ("x.dist-info/direct_url.json", "https://user:pass@host/x.whl", "https://host/x.whl"),
        ("x.dist-info/direct_url.json", "https://token@host/x.git", "https://host/x.git"),
        ("x.dist-info/direct_url.json", "ssh://git@host/x.git", "ssh://git@host/x.git"),
        ("x.dist-info/direct_url.json", "ssh://me:secret@host/x.git", "ssh://host/x.git"),
        ("x.dist-info/direct_url.json", "https://${USER}:${PASS}@host/x", "https://${USER}:${PASS}@host/x"),
        ("x.dist-info/direct_url.json", "file:///opt/env/x@1", "file:///opt/env/x@1"),
        ("conda-meta/x.json", "https://host/t/abc/main", "https://host/main"),
        ("conda-meta/x.json", "https://host/some/t/abc", "https://host/some/t/abc"),
        ("conda-meta/x.json", "https://conda.anaconda.org/conda-forge", "https://conda.anaconda.org/conda-forge"),
        ("other.json", "https://user:pass@host/x.whl", "https://user:pass@host/x.whl"),
    ],
)
@pytest.mark.parametrize("escaped", [False, True])
def test_secrets_are_blanked(path: str, url: str, expected: str, escaped: bool) -> None:  # noqa: FBT001 - a row
    content = json.dumps({"url": url, "other": "x@y"})
    if escaped:
        content = content.replace("/", "\\/")
    edits = records.scrub(path.encode(), content.encode())
    result = neutral.neutralise(content.encode(), Found((), edits))
    assert json.loads(result.content) == {"url": expected, "other": "x@y"}


def test_secrets_in_the_history_of_conda() -> None:
    content = (
        b"# update specs: ['https://me:pw@host/t/ab-c/main::x']\n+https://host/t/ab-c/main/linux-64::x-1-0\n/t/x/\n"
    )
    result = neutral.neutralise(content, Found((), records.scrub(b"conda-meta/history", content)))
    assert result.content == b"# update specs: ['https://host/main::x']\n+https://host/main/linux-64::x-1-0\n/t/x/\n"


def test_values_never_overlap_what_the_finders_cut() -> None:
    sites: tuple[Site, ...] = records.derive_record(b"RECORD", row("a", b"a").encode(), {b"a": on_disk(b"a")}).sites
    assert [site.derived for site in sites] == [Derived.SHA256_RECORD, Derived.SIZE_DECIMAL]
