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
from dataclasses import replace
from pathlib import Path

import pytest

from sfxpack import neutral, records, reference
from sfxpack.format.layout import Derived, EntryKind
from sfxpack.model import Entry, Finding, Found
from sfxpack.names import Names
from sfxpack.records import Files, OnDisk
from sfxpack.rows import conda_rows, located_conda_rows, record_rows
from tests.sitekit import ROOT
from tests.unit.test_sites_pyc import interpreters

OLD = b"print('/opt/env')\n"
NEW = b"print('/somewhere/else')\n"


ALGORITHMS = ("md5", "sha256", "sha512")


def tree(
    changed: Mapping[bytes, bytes], same: Mapping[bytes, bytes] | None = None, *entries: Entry, **hard_links: str
) -> Files:
    """Files with their bytes on disk, as the build knows them after reading them; further ENTRIES are links."""
    known = {}
    listed = {entry.path: entry for entry in entries}
    for contents, changes in ((changed, True), (same or {}, False)):
        for path, content in contents.items():
            listed[path] = Entry(path, EntryKind.FILE, 0o644, len(content), 0)
            digests = {name: hashlib.new(name, content).hexdigest() for name in ALGORITHMS}
            known[path] = OnDisk(len(content), digests, changes)
    return Files(Names(listed, {os.fsencode(a): os.fsencode(b) for a, b in hard_links.items()}), known)


def mismatches(findings: tuple[Finding, ...]) -> dict[bytes, str]:
    return {finding.path: finding.detail for finding in findings if finding.category == "mismatch"}


def derive_record(path: bytes, content: bytes, files: Files) -> Found:
    return records.derive_record(path, content, tuple(record_rows(path, content)), files)


def derive_conda(content: bytes, files: Files) -> Found:
    return records.derive_conda(b"conda-meta/x-1.json", content, tuple(conda_rows(content)), files)


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
CHANGED = tree({b"lib/x.py": OLD})


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
    assert not records.derive_pyc(PYC, content, tree({b"lib/x.py": OLD + b"x"}))
    assert not records.derive_pyc(PYC, content, tree({b"lib/y.py": OLD}))
    assert not records.derive_pyc(PYC, content, tree({}, {b"lib/x.py": OLD}))
    assert not records.derive_pyc(b"lib/x.pyc", content, CHANGED)
    content = compiled(tmp_path, py_compile.PycInvalidationMode.CHECKED_HASH)
    assert not records.derive_pyc(PYC, content, CHANGED, source=NEW)
    assert not records.derive_pyc(PYC, content, CHANGED)
    assert not records.derive_pyc(PYC, content[:4] + b"\7\0\0\0" + content[8:], CHANGED, source=OLD)
    for damaged in (b"", content[:15], b"xxxx" + content[4:]):
        assert not records.derive_pyc(PYC, damaged, CHANGED)
        assert records.recorded_source_mtime(damaged) is None


def test_bytecode_follows_a_source_behind_a_link(tmp_path: Path) -> None:
    content = compiled(tmp_path, py_compile.PycInvalidationMode.TIMESTAMP)
    folders = [Entry(path, EntryKind.DIRECTORY, 0o755, 0, 0) for path in (b"lib", b"shared")]
    link = Entry(b"lib/x.py", EntryKind.LINK, 0, 0, 0, link=b"../shared/x.py")
    found = records.derive_pyc(PYC, content, tree({b"shared/x.py": OLD}, None, *folders, link), mtime=1_600_000_000)
    assert [site.target for site in found] == [b"shared/x.py"] * 2


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
        base + b"x/__init__.py": OLD,
        b"bin/tool": b"#!tool",
        base + b'x/a,"b".py': b"quoted",
        base + b"x/wrong.py": b"is that",
        base + b"x/half.py": b"12345",
        base + b"x/__pycache__/__init__.cpython-311.pyc": b"pyc",
    }
    found = derive_record(path, content, tree(changed, {base + b"x/other.py": b"other", path: content}))
    assert mismatches(found.findings) == {base + b"x/wrong.py": "altered", base + b"x/half.py": "altered"}
    assert {finding.record for finding in found.findings} == {path}
    assert len(found.sites) == 6
    files = {name: reference.Installed(b"new " + name) for name in changed}
    lines[0] = row("x/__init__.py", b"new " + base + b"x/__init__.py")
    lines[3] = row("../../../bin/tool", b"new bin/tool")
    lines[4] = row('"x/a,""b"".py"', b"new " + base + b'x/a,"b".py')
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
    found = derive_conda(content, tree(CONDA_FILES, {b"lib/plain": b"plain"}))
    assert mismatches(found.findings) == {b"lib/wrong": "altered", b"lib/size": "size"}
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


@pytest.mark.parametrize("changes", [True, False])
def test_rows_about_a_file_that_still_is_its_packages_follow_it(changes: bool) -> None:  # noqa: FBT001 - a row
    package = b"prefix=/placeholder\n"
    item = {"_path": "x.pc", "sha256": hashlib.sha256(package).hexdigest(), "sha256_in_prefix": "a" * 64}
    more = {"size_in_bytes": 5, "file_mode": "text", "prefix_placeholder": "/placeholder"}
    content = json.dumps({"paths_data": {"paths": [item | more]}}).encode()
    files = tree({b"x.pc": package} if changes else {}, {} if changes else {b"x.pc": package})
    found = derive_conda(content, files)
    assert mismatches(found.findings) == ({} if changes else {b"x.pc": "altered"})
    (moved,) = json.loads(render(content, found, {b"x.pc": reference.Installed(NEW)}))["paths_data"]["paths"]
    row = {"sha256_in_prefix": hashlib.sha256(NEW).hexdigest(), "size_in_bytes": len(NEW)}
    assert moved == item | more | (row if changes else {})


@pytest.mark.parametrize(("size", "verdict"), [(len(OLD), None), (len(OLD) + 1, "size")])
def test_rows_about_a_file_as_it_was_at_an_earlier_place_follow_it(size: int, verdict: str | None) -> None:
    files = tree({b"x.py": b"print('/unpacked/here')\n"})
    digests = {"sha256": hashlib.sha256(OLD).hexdigest()}
    known = {b"x.py": replace(files.on_disk[b"x.py"], earlier=(OnDisk(len(OLD), digests, changes=False),))}
    content = f"x.py,{hashed('sha256', OLD)},{size}\n".encode()
    found = derive_record(RECORD_AT_TOP, content, replace(files, on_disk=known))
    assert mismatches(found.findings) == ({b"x.py": verdict} if verdict else {})
    expected = f"x.py,{hashed('sha256', NEW)},{size if verdict else len(NEW)}\n".encode()
    assert render(content, found, {b"x.py": reference.Installed(NEW)}) == expected


RECORD_AT_TOP = b"x-1.dist-info/RECORD"
SITE = b"lib/python3.11/site-packages/"
RECORD = SITE + b"x-1.dist-info/RECORD"


def hashed(algorithm: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
    return f"{algorithm}={digest}"


def test_digests_of_other_algorithms_are_checked_and_become_sha256() -> None:
    lines = [
        f"x/a.py,{hashed('sha512', OLD)},{len(OLD)}",
        f"x/b.py,{hashed('md5', OLD)},",
        f"x/same.py,{hashed('sha512', b'same')},4",
        f"x/wrong.py,{hashed('sha512', b'right')},5",
        "x/odd.py,whirlpool9=AAAA,3",
        "",
    ]
    changed = {SITE + b"x/a.py": OLD, SITE + b"x/b.py": OLD, SITE + b"x/wrong.py": b"wrong"}
    found = derive_record(
        RECORD, "\n".join(lines).encode(), tree(changed, {SITE + b"x/same.py": b"same", SITE + b"x/odd.py": b"odd"})
    )
    assert mismatches(found.findings) == {SITE + b"x/wrong.py": "altered"}
    assert [(f.path, f.count) for f in found.findings if f.category == "unchecked"] == [(RECORD, 1)]
    result = neutral.neutralise("\n".join(lines).encode(), found)
    moved = reference.render(result, reference.Target(b"/n", files=dict.fromkeys(changed, reference.Installed(NEW))))
    lines[0] = row("x/a.py", NEW)
    lines[1] = f"x/b.py,{hashed('sha256', NEW)},"
    assert moved.decode() == "\n".join(lines)


@pytest.mark.parametrize("size", ["", "right", "1"])
def test_a_record_that_lists_itself(size: str) -> None:
    """Its own size would change with the sizes it records; one that was right is left out, a wrong one stays."""
    text = row("x/a.py", OLD) + "\nx-1.dist-info/RECORD,,"
    own = str(len(text) + 3) if size == "right" else size
    content = f"{text}{own}\n".encode()
    found = derive_record(RECORD, content, tree({SITE + b"x/a.py": OLD}, {RECORD: content}))
    assert mismatches(found.findings) == ({RECORD: "size"} if size == "1" else {})
    result = neutral.neutralise(content, found)
    target = reference.Target(b"/n", files={SITE + b"x/a.py": reference.Installed(NEW)})
    kept = size if size == "1" else ""
    assert reference.render(result, target).decode() == f"{row('x/a.py', NEW)}\nx-1.dist-info/RECORD,,{kept}\n"
    unchanged = derive_record(RECORD, content, tree({}, {SITE + b"x/a.py": OLD, RECORD: content}))
    assert (unchanged.sites, unchanged.edits) == ((), ())


def test_rows_find_files_by_any_name() -> None:
    """Hard links, folders behind links, absolute paths; what lies outside cannot be checked."""
    lines = [
        row("/opt/env/bin/tool", b"tool"),
        row("../../../lib64/python3.11/site-packages/x/a.py", OLD),
        row("x/second.py", OLD),
        row("x/gone.py", OLD),
        row("x/dangling.py", OLD),
        row("x/cached.py", OLD),
        "../../../../elsewhere,,",
        "/usr/share/x,,",
        "x/folder,,",
        "",
    ]
    content = "\n".join(lines).encode()
    entries = (
        Entry(b"lib", EntryKind.DIRECTORY, 0o755, 0, 0),
        Entry(b"lib/python3.11", EntryKind.DIRECTORY, 0o755, 0, 0),
        Entry(SITE[:-1], EntryKind.DIRECTORY, 0o755, 0, 0),
        Entry(SITE + b"x", EntryKind.DIRECTORY, 0o755, 0, 0),
        Entry(SITE + b"x/folder", EntryKind.DIRECTORY, 0o755, 0, 0),
        Entry(b"lib64", EntryKind.LINK, 0, 0, 0, link=b"lib"),
        Entry(SITE + b"x/second.py", EntryKind.FILE, 0o644, len(OLD), 0),
        Entry(SITE + b"x/dangling.py", EntryKind.LINK, 0, 0, 0, link=b"nowhere.py"),
        Entry(SITE + b"x/cached.py", EntryKind.LINK, 0, 0, 0, link=b"/home/me/.cache/a.py"),
    )
    a, second = SITE + b"x/a.py", SITE + b"x/second.py"
    files = tree({b"bin/tool": b"tool", a: OLD}, None, *entries, **{second.decode(): a.decode()})
    found = records.derive_record(RECORD, content, tuple(record_rows(RECORD, content, [b"/opt/env"])), files)
    assert mismatches(found.findings) == {SITE + b"x/gone.py": "missing", SITE + b"x/dangling.py": "missing"}
    assert [f.count for f in found.findings if f.category == "unchecked"] == [3]
    assert [site.target for site in found.sites[::2]] == [b"bin/tool", a, a]


def test_two_records_of_one_file() -> None:
    files = tree({SITE + b"ns/a.py": OLD})
    for name in (b"x-1", b"y-2"):
        found = derive_record(SITE + name + b".dist-info/RECORD", row("ns/a.py", OLD).encode(), files)
        assert [site.target for site in found.sites] == [SITE + b"ns/a.py"] * 2


def test_conda_records_a_record_and_bytecode_that_change() -> None:
    changed = {RECORD: b"rows", SITE + b"__pycache__/x.cpython-311.pyc": b"code", SITE + b"x.py": OLD}
    paths = [
        {"_path": path.decode(), "sha256_in_prefix": hashlib.sha256(data).hexdigest(), "size_in_bytes": len(data)}
        for path, data in changed.items()
    ]
    content = json.dumps({"paths_data": {"paths": paths}}).encode()
    found = derive_conda(content, tree(changed))
    assert [(site.target, site.derived) for site in found.sites] == [
        (path, value) for path in changed for value in (Derived.SHA256_HEX, Derived.SIZE_DECIMAL)
    ]
    assert found.findings == ()


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        ({"sha256_in_prefix": hashlib.sha256(b"a.so.1").hexdigest(), "sha256": "f" * 64, "size_in_bytes": 99}, {}),
        ({"sha256_in_prefix": hashlib.sha256(b"content").hexdigest(), "size_in_bytes": 7}, {}),
        ({"sha256": "f" * 64, "size_in_bytes": 7}, {}),
        ({"sha256_in_prefix": "f" * 64}, {b"lib/a.so": "altered"}),
    ],
)
def test_links_that_conda_manages(entry: dict[str, object], wrong: dict[bytes, str]) -> None:
    """The digest of the link's text (rattler) or of what it leads to (mamba); `sha256` is of the package's file."""
    item = {"_path": "lib/a.so", "path_type": "softlink", **entry}
    content = json.dumps({"paths_data": {"paths": [item]}}).encode()
    folder = Entry(b"lib", EntryKind.DIRECTORY, 0o755, 0, 0)
    link = Entry(b"lib/a.so", EntryKind.LINK, 0, 0, 0, link=b"a.so.1")
    found = derive_conda(content, tree({b"lib/a.so.1": b"content"}, None, folder, link))
    assert mismatches(found.findings) == wrong
    assert {site.target for site in found.sites} == (
        {b"lib/a.so.1"} if entry.get("size_in_bytes") == 7 and "sha256_in_prefix" in entry else set()
    )


@pytest.mark.parametrize(
    ("item", "wrong"),
    [
        ({"sha256": "f" * 64, "prefix_placeholder": "/ph", "size_in_bytes": 99}, None),
        ({"sha256": "f" * 64}, "altered"),
        ({"sha256_in_prefix": hashlib.sha256(OLD).hexdigest().upper()}, None),
        ({"path_type": "pyc_file"}, None),
        ({"path_type": "directory"}, None),
        ({"_path": "lib/gone", "path_type": "pyc_file"}, "missing"),
        ({"_path": 7}, None),
        ({"sha256_in_prefix": 7, "size_in_bytes": "7"}, None),
    ],
)
def test_rows_of_conda_that_say_less(item: dict[str, object], wrong: str | None) -> None:
    """What a package's file was before conda replaced its prefix says nothing of the installed one."""
    content = json.dumps({"paths_data": {"paths": [{"_path": "lib/x", **item}, "no object"]}}).encode()
    found = derive_conda(content, tree({}, {b"lib/x": OLD}))
    assert list(mismatches(found.findings).values()) == ([wrong] if wrong else [])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"paths_data": 7}', b'{"paths_data": {"paths": {}}}', b"\xff"])
def test_records_that_are_none(content: bytes) -> None:
    assert derive_conda(content, tree({b"lib/x": OLD})) == Found()
    assert derive_record(RECORD, content, tree({b"lib/x": OLD})) == Found()


def test_an_object_that_names_two_paths_is_one_row() -> None:
    """JSON with a repeated member; each place in it is spoken for once."""
    text = b'{"paths": [{"_path": "a", "_path": "b", "sha256_in_prefix": "00", "size_in_bytes": 3}, {"_path": "b"}]}'
    found = list(located_conda_rows(text, {b"a", b"b"}))
    assert [(row.path, row.size) for row in found] == [(b"a", 3), (b"b", -1)]
