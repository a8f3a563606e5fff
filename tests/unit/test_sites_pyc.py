"""Compiled Python of every version that is here."""

from __future__ import annotations

import importlib.util
import marshal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType

import pytest

from sfxpack import sites
from sfxpack.format.layout import PycDetail, Strategy
from sfxpack.model import CondaFile, Policy, Rename
from sfxpack.sites import pyc
from sfxpack.sites.hits import occurrences
from tests.sitekit import ROOT, categories, environment, find, move

VERSIONS = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"]
SOURCE = '''
"""Lies in /opt/env."""
import os
A = "/opt/env/lib"
B = b"/opt/env/bytes"
C = ("/opt/env", "/opt/env/lib", "/usr/lib", 1.5, 2j, 10**40, None, ..., True, -1)
D = "/opt/env/" + "x" * 300
LONG = "/opt/env/%s"
E = "/opt/env/\\u00e9\\u4e2d"
F = {"/opt/env/set", "b"}
def f(a, *, b="/opt/env/default", **k):
    """Doc of f in /opt/env/doc."""
    def g():
        nonlocal a
        return a in {"/opt/env/x", "y", "z"}, lambda: "/opt/env/inner"
    return g, a[1:2], "/other/opt/env", "/opt/environment"
class K:
    __slots__ = ("/opt/env",)
    x: "/opt/env/annotation" = 1
    async def h(self):
        try:
            async with self as y:
                yield f"{y}/opt/env"
        finally:
            pass
''' % ("y" * 300)  # fmt: skip
HARNESS = """
import sys, py_compile, importlib.util
modes = {"time": "TIMESTAMP", "checked": "CHECKED_HASH", "unchecked": "UNCHECKED_HASH"}
mode = getattr(py_compile.PycInvalidationMode, modes[sys.argv[4]])
py_compile.compile(sys.argv[1], sys.argv[2], sys.argv[3], doraise=True, invalidation_mode=mode)
"""
CONSTANTS = """
import marshal, sys
def show(code, depth=0):
    seen = [code.co_filename, code.co_name]
    for c in code.co_consts:
        seen += show(c) if hasattr(c, "co_code") else [sorted(map(repr, c)) if isinstance(c, frozenset) else c]
    return seen + [code.co_names, code.co_code, sys.intern(code.co_filename) is code.co_filename]
data = open(sys.argv[1], "rb").read()
sys.stdout.buffer.write(repr(show(marshal.loads(data[16:]))).encode("utf-8", "surrogatepass"))
"""


def interpreters() -> list[tuple[str, Path]]:
    """Pythons on this machine, by version."""
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": Path(sys.executable)}
    for folder in sorted((Path.home() / ".pyenv" / "versions").glob("3.*")):
        version = ".".join(folder.name.split(".")[:2])
        if version in VERSIONS and (folder / "bin/python3").exists():
            found.setdefault(version, folder / "bin/python3")
    return sorted(found.items())


def python(version: str) -> Path:
    for known, path in interpreters():
        if known == version:
            return path
    pytest.skip(f"no Python {version} here")


@pytest.fixture
def compile_with(tmp_path: Path) -> Callable[..., bytes]:
    def run(version: str, source: str = SOURCE, name: str = "/opt/env/lib/mod.py", mode: str = "time") -> bytes:
        (tmp_path / "mod.py").write_text(source)
        arguments = [str(tmp_path / "mod.py"), str(tmp_path / "mod.pyc"), name, mode]
        subprocess.run([str(python(version)), "-c", HARNESS, *arguments], check=True)
        return (tmp_path / "mod.pyc").read_bytes()

    return run


def constants(version: str, content: bytes, folder: Path) -> str:
    (folder / "read.pyc").write_bytes(content)
    command = [str(python(version)), "-c", CONSTANTS, str(folder / "read.pyc")]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8", "surrogatepass")


def elsewhere(text: str, prefix: str) -> str:
    escaped = "".join(f"\\x{byte:02x}" for byte in prefix.encode())
    kept = text.replace('b"/opt/env', f'b"{escaped}').replace("/other/opt/env", "\0").replace("/opt/environment", "\1")
    return kept.replace("/opt/env", prefix).replace("\0", "/other/opt/env").replace("\1", "/opt/environment")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("prefix", ["/n", "/opt/env", "/srv/" + "long" * 70, "/srv/ü中", "/it's"])
def test_loads_as_if_it_had_been_compiled_there(
    version: str, prefix: str, compile_with: Callable[..., bytes], tmp_path: Path
) -> None:
    content = compile_with(version)
    moved = move(content, prefix.encode(), b"lib/__pycache__/mod.cpython-3.pyc")
    other = compile_with(version, *(elsewhere(text, prefix) for text in (SOURCE, "/opt/env/lib/mod.py")))
    assert constants(version, moved, tmp_path) == constants(version, other, tmp_path)
    assert moved[:16] == content[:16]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", ["time", "unchecked"])
def test_without_source_it_runs(version: str, mode: str, compile_with: Callable[..., bytes], tmp_path: Path) -> None:
    content = compile_with(version, "print('/opt/env/x', __file__)\n", mode=mode)
    (tmp_path / "bare.pyc").write_bytes(move(content, "/srv/ü".encode(), b"lib/bare.pyc"))
    command = [str(python(version)), "-X", "utf8", "-c", "import bare"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert done.stdout.decode() == f"/srv/ü/x {tmp_path}/bare.pyc\n"


@pytest.mark.parametrize("mode", ["time", "checked", "unchecked"])
def test_headers_stay(mode: str, compile_with: Callable[..., bytes]) -> None:
    content = compile_with(interpreters()[0][0], mode=mode)
    assert move(content, b"/n", b"mod.pyc")[:16] == content[:16]


def test_what_is_part_of_another_path_or_ambiguous_stays(compile_with: Callable[..., bytes]) -> None:
    content = compile_with(interpreters()[0][0])
    found = find(content, b"a.pyc")
    assert categories(found) == {"other": 2}
    assert {site.strategy for site in found.sites} == {Strategy.PYC}
    content = compile_with(interpreters()[0][0], "A = 'x/opt/env'\nB = '$R/opt/env'\n", "m.py")
    found = find(content, b"a.pyc")
    assert categories(found) == {"ambiguous": 2}
    assert {finding.detail for finding in found.findings} == {
        f"at byte {content.index(text) + len(text) - len(ROOT)}" for text in (b"x/opt/env", b"$R/opt/env")
    }
    relocate = sites.Options(ambiguous=Policy.RELOCATE)
    assert len(find(content, b"a.pyc", options=relocate).sites) == 2


def stream(*objects: bytes) -> bytes:
    """A `.pyc` of this Python that holds a tuple of marshalled objects."""
    return importlib.util.MAGIC_NUMBER + bytes(12) + b")" + bytes([len(objects)]) + b"".join(objects)


def z(text: bytes, kind: bytes = b"z") -> bytes:
    return kind + bytes([len(text)]) + text


def u(text: bytes, kind: bytes = b"u") -> bytes:
    return kind + len(text).to_bytes(4, "little") + text


@pytest.mark.parametrize(
    ("stored", "prefix", "expected"),
    [
        (z(b"/opt/env/a"), b"/n", z(b"/n/a")),
        (z(b"/opt/env/a", b"Z"), b"/n", z(b"/n/a", b"Z")),
        (z(b"/opt/env/a", b"\xfa"), b"/n", z(b"/n/a", b"\xfa")),
        (z(b"/opt/env/a", b"\xda"), "/ü".encode(), u("/ü/a".encode(), b"\xf4")),
        (z(b"/opt/env/a"), "/ü".encode(), u("/ü/a".encode())),
        (u("/opt/env/ü".encode(), b"t"), b"/n", u("/n/ü".encode(), b"t")),
        (z(b"/opt/env"), b"/" + b"p" * 254, z(b"/" + b"p" * 254)),
        (z(b"/opt/env"), b"/" + b"p" * 255, u(b"/" + b"p" * 255, b"a")),
        (z(b"/opt/env", b"Z"), b"/" + b"p" * 255, u(b"/" + b"p" * 255, b"A")),
        (u(b"/opt/env/" + b"x" * 250, b"A"), b"/n", z(b"/n/" + b"x" * 250, b"Z")),
        (u(b"/opt/env/" + b"x" * 253, b"\xe1"), b"/n", u(b"/n/" + b"x" * 253, b"\xe1")),
        (u(b"/opt/env/a", b"s"), "/ü".encode(), u("/ü/a".encode(), b"s")),
        (z(b"/opt/env/a:/opt/env/b"), b"/n", z(b"/n/a:/n/b")),
        (z(b"/opt/env"), b"/n", z(b"/n")),
    ],
)
def test_objects_are_written_as_marshal_writes_them(stored: bytes, prefix: bytes, expected: bytes) -> None:
    assert move(stream(z(b"before"), stored, b"N"), prefix, b"a.pyc") == stream(z(b"before"), expected, b"N")


def test_a_string_that_ends_with_the_path_is_found_whatever_follows() -> None:
    for following in (b"N", b"r\0\0\0\0", z(b"abc"), u(b"/opt/env/x", b"a"), b"i\1\0\0\0"):
        assert len(find(stream(z(b"/opt/env"), following), b"a.pyc").sites) >= 1


@pytest.mark.parametrize("kind", [b"u", b"t", b"\xf5"])
def test_a_path_that_was_not_ascii_may_become_so(kind: bytes) -> None:
    root = "/opt/ü".encode()
    ascii_kind = bytes([{ord("u"): ord("z"), ord("t"): ord("Z"), 0xF5: 0xFA}[kind[0]]])
    moved = move(stream(u(root + b"/x", kind), b"N"), b"/opt/env", b"a.pyc", environment(root))
    assert moved == stream(z(b"/opt/env/x", ascii_kind), b"N")


def test_text_that_is_not_as_cpython_writes_it_still_moves() -> None:
    content = stream(u(b"/opt/env/ascii"))  # a `u` object that could be `z`
    (site,) = find(content, b"a.pyc").sites
    assert site.renamed
    assert marshal.loads(move(content, b"/n", b"a.pyc")[16:]) == ("/n/ascii",)  # noqa: S302 - our own


def test_every_type_of_marshal_is_walked() -> None:
    floats = b"f\x031.5" + b"x\x011\x012" + b"g" + bytes(8) + b"y" + bytes(16)
    numbers = b"i\1\0\0\0" + b"I" + bytes(8) + b"l\2\0\0\0\1\0\1\0" + b"l\xfe\xff\xff\xff\1\0\1\0"
    containers = b"[\1\0\0\0N" + b"{" + z(b"k") + b"T0" + b"<\1\0\0\0F" + b">\1\0\0\0." + b"(\1\0\0\0S" + b")\0"
    slices = b":NNi\1\0\0\0"
    strings = z(b"s") + u(b"t", b"t") + u(b"b", b"s") + u(b"a", b"A")
    objects = 4 + 4 + 6 + 1 + 4
    body = floats + numbers + containers + slices + strings + z(b"/opt/env/last")
    content = importlib.util.MAGIC_NUMBER + bytes(12) + b")" + bytes([objects + 1]) + body
    (site,) = find(content, b"a.pyc").sites
    assert site.neutral == b"/last"


@pytest.mark.parametrize(
    "content",
    [
        stream(z(b"/opt/env")) + b"trailing",
        stream(z(b"/opt/env/x"))[:-1],
        stream(z(b"/opt/env/r\1\0\0\0and"))[:-3],
        stream(z(b"/opt/env"), b"?"),
        b"\x01\x02\r\n" + stream(z(b"/opt/env"))[4:],
        stream(z(b"/opt/env"), b"(\xff\xff\xff\xff"),
        stream(z(b"/opt/env"), b"l\xff\xff\xff\x7f"),
    ],
)
def test_what_cannot_be_walked_is_reported_and_stays(content: bytes) -> None:
    found = find(content, b"a.pyc")
    assert (found.sites, categories(found)) == ((), {"unreachable": 1})


@pytest.mark.parametrize("version", VERSIONS)
def test_what_follows_the_last_hit_changes_nothing(version: str, compile_with: Callable[..., bytes]) -> None:
    """Walked, as where the version is not a released one, or not; what was cut or goes on is seen all the same."""
    content = compile_with(version)
    hits = [*occurrences(content, ROOT)]
    other = (int.from_bytes(content[:2], "little") - 1).to_bytes(2, "little") + content[2:]
    for count in (1, 2, len(hits)):
        assert pyc.walk(content, hits[:count]) == pyc.walk(other, hits[:count])
    for damaged in (content[:-1], content[:-2], content[:-5], content + b"\0", content + b"trailing"):
        assert pyc.walk(damaged, hits[:1]) is None


def test_code_and_line_tables_are_never_touched() -> None:
    code = compile("x = 1", "f.py", "exec")
    data = bytearray(marshal.dumps(code))
    at = data.index(code.co_code)
    assert isinstance(code, CodeType)
    size = len(code.co_code)
    data[at - 4 : at + size] = (size + len(ROOT)).to_bytes(4, "little") + ROOT + code.co_code
    content = importlib.util.MAGIC_NUMBER + bytes(12) + bytes(data)
    found = find(content, b"a.pyc")
    assert (found.sites, categories(found)) == ((), {"unreachable": 1})


def test_nesting_needs_no_recursion() -> None:
    deep = b")\1" * 100_000 + z(b"/opt/env")
    content = importlib.util.MAGIC_NUMBER + bytes(12) + deep
    assert len(find(content, b"a.pyc").sites) == 1


def test_bytecode_with_a_placeholder_stays_as_it_is() -> None:
    placeholder = b"/build/_h_env" + b"_placehold" * 20
    where = environment(placeholders=(b"/other/placeholder", placeholder))
    content = stream(z(placeholder + b"/x.py"), z(b"/opt/env"))
    assert not find(content, b"a.pyc", where).sites
    assert find(stream(z(b"/opt/env")), b"a.pyc", where).sites
    where = environment(renames=(Rename(placeholder, b""),), placeholders=(placeholder,))  # --fix-stale
    assert len(find(content, b"a.pyc", where).sites) == 2


def test_a_record_without_mode_changes_nothing() -> None:
    where = environment(conda={b"a.pyc": CondaFile("", "", "", b"", "pyc_file", "x")})
    assert len(find(stream(z(b"/opt/env")), b"a.pyc", where).sites) == 1


def test_paths_of_the_base_lie_below_the_new_prefix() -> None:
    where = environment(renames=(Rename(b"/usr/lib/python3.11", b"/base/lib/python3.11"),))
    content = stream(z(b"/usr/lib/python3.11/os.py", b"\xda"))
    assert move(content, b"/n", b"a.pyc", where) == stream(z(b"/n/base/lib/python3.11/os.py", b"\xda"))


def test_details() -> None:
    (site,) = find(stream(z(b"/opt/env/x", b"\xda")), b"a.pyc").sites
    assert (site.neutral, site.hits, site.detail) == (b"/x", (0,), PycDetail.INTERNED | PycDetail.REF | PycDetail.ASCII)
    (site,) = find(stream(u("/opt/env/ü".encode())), b"a.pyc").sites
    assert site.detail == 0
    (site,) = find(stream(u(b"/opt/env/x", b"s")), b"a.pyc").sites
    assert site.detail == PycDetail.BYTES
    assert pyc.walk(b"", [0]) is None
