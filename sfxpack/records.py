"""Values in files that depend on other files' final content, and what records tell of the build machine.

`.pyc` headers (PEP 552), RECORD of a dist-info (PEP 376, PEP 627), `conda-meta/*.json`. A value becomes DERIVED only
where it was right for the bytes on disk: records that were wrong stay as they are.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from posixpath import normpath
from typing import Final

from sfxpack.format.layout import Derived, Strategy
from sfxpack.model import Edit, Finding, Found, Site

PYC_HEADER: Final = 16
_SIPHASH13_MAGIC: Final = 3450
"""First magic number of CPython 3.11, which hashes with SipHash-1-3."""
_MAGICS: Final = range(3390, 4000)
_HASHED: Final = (0b01, 0b11)
"""Flags of a file that is checked by the hash of its source: unchecked, checked (PEP 552)."""
_STRING: Final = rb'"(?:[^"\\]|\\.)*"'
_PATH: Final = re.compile(rb'"_path"\s*:\s*(' + _STRING + rb")", re.DOTALL)
_OBJECT: Final = re.compile(rb'\{[^{}"]*(?:(?:' + _STRING + rb'|\{[^{}]*\})[^{}"]*)*\}', re.DOTALL)
"""With objects one deep, which conda's recorded places are (conda/ceps#179)."""
_MEMBER: Final = re.compile(rb"(" + _STRING + rb")\s*:\s*(?:(" + _STRING + rb")|(-?[0-9]+))", re.DOTALL)
_BUILD_PATHS: Final = re.compile(
    rb'"(?:source|extracted_package_dir|package_tarball_full_path)"\s*:\s*"((?:[^"\\]|\\.)*)"', re.DOTALL
)
_URL: Final = re.compile(rb":(?:\\?/){2}([^/@\"\\\s]+@)?[^/@\"\\\s]+(\\?/t\\?/[^/\"\\\s]+(?=\\?/))?")
"""User and password, and a token as anaconda.org and its relatives have it in the path; JSON may escape `/`."""
_ROW: Final = re.compile(
    rb'^(?:"((?:[^"]|"")*)"|([^",\r\n]*)),(?:sha256=([A-Za-z0-9_=-]*))?,([0-9]*)\r?$', re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A file as it was when the build began."""

    size: int
    """Bytes."""
    sha256: str
    """Hex."""


@dataclass(frozen=True, slots=True)
class Row:
    """One file's recorded values, with where they stand."""

    path: bytes
    sha256: str
    """Hex; empty if not recorded."""
    sha256_at: tuple[int, int]
    size: int
    """-1 if not recorded."""
    size_at: tuple[int, int]
    record: Derived
    """SHA256_HEX or SHA256_RECORD."""


def pyc_source(path: bytes) -> bytes | None:
    """The source a `.pyc` was compiled from, by PEP 3147; one that is not in `__pycache__` has none."""
    folder, _, name = path.rpartition(b"/")
    parent, _, cache = folder.rpartition(b"/")
    if cache != b"__pycache__" or not name.endswith(b".pyc"):
        return None
    parts = name[:-4].split(b".")
    if len(parts) > 2 and parts[-1].startswith(b"opt-"):  # noqa: PLR2004 - name, tag, level
        parts.pop()
    if len(parts) < 2:  # noqa: PLR2004 - name, tag
        return None
    return (parent + b"/" if parent else b"") + b".".join(parts[:-1]) + b".py"


def recorded_source_mtime(content: bytes) -> int | None:
    """The second in the header of a `.pyc` that is checked by its source's time; None for others."""
    if not _is_pyc(content) or content[4:8] != bytes(4):
        return None
    return int.from_bytes(content[8:12], "little")


def derive_pyc(
    path: bytes,
    content: bytes,
    changed: Mapping[bytes, OnDisk],
    *,
    mtime: int | None = None,
    source: bytes | None = None,
) -> tuple[Site, ...]:
    """Header values of a `.pyc` whose source is among the `changed` files.

    `mtime` (seconds) and `source` (content) are those of the source on disk. What is given must fit the header, as must
    the size: a stale file stays stale. A file that is checked by a hash needs `source`; without it, it stays.
    """
    target = pyc_source(path)
    if target is None or target not in changed or not _is_pyc(content):
        return ()
    flags = int.from_bytes(content[4:8], "little")
    if flags == 0:
        recorded_mtime, recorded_size = (int.from_bytes(content[at : at + 4], "little") for at in (8, 12))
        stale = changed[target].size & 0xFFFFFFFF != recorded_size
        if stale or (mtime is not None and mtime & 0xFFFFFFFF != recorded_mtime):
            return ()
        return _value(8, 12, Derived.MTIME_LE32, target), _value(12, 16, Derived.SIZE_LE32, target)
    if flags not in _HASHED or source is None:
        return ()
    derived = Derived.SIPHASH13 if _magic(content) >= _SIPHASH13_MAGIC else Derived.SIPHASH24
    key = int.from_bytes(content[:4], "little")
    if siphash(key, source, 1 if derived is Derived.SIPHASH13 else 2) != content[8:16]:
        return ()
    return (_value(8, 16, derived, target),)


def derive_record(path: bytes, content: bytes, changed: Mapping[bytes, OnDisk]) -> Found:
    """Rows of a RECORD that tell hash and size of files that will change; those that were wrong are a finding."""
    return _derive(path, _record_rows(path, content, changed), changed)


def derive_conda(path: bytes, content: bytes, changed: Mapping[bytes, OnDisk]) -> Found:
    """The same for a file of `conda-meta`, and what `scrub` blanks there."""
    found = _derive(path, _conda_rows(content, changed), changed)
    return Found(found.sites, scrub(path, content), found.findings)


def scrub(path: bytes, content: bytes) -> tuple[Edit, ...]:
    """Blank what `conda-meta` and `direct_url.json` tell of the build machine: cache paths, tokens, passwords."""
    edits: list[Edit] = []
    if path.startswith(b"conda-meta/") and path.endswith(b".json"):
        edits += [Edit(*match.span(1), b"") for match in _BUILD_PATHS.finditer(content) if match[1]]
    elif path != b"conda-meta/history" and not path.endswith(b".dist-info/direct_url.json"):
        return ()
    for match in _URL.finditer(content):
        ssh = content.endswith(b"ssh", 0, match.start())
        if match[1] and not match[1].startswith(b"${") and (not ssh or b":" in match[1]):
            edits.append(Edit(*match.span(1), b""))  # PEP 610: variables stay, and so does `git@` of ssh
        if match[2]:
            edits.append(Edit(*match.span(2), b""))
    return tuple(sorted(edits, key=lambda edit: edit.start))


def siphash(key: int, data: bytes, rounds: int) -> bytes:
    """SipHash of `data` with k0 = `key`, k1 = 0, as `_imp.source_hash` gives it; `rounds`: 1 for 1-3, 2 for 2-4."""
    mask = (1 << 64) - 1
    v0, v1, v2, v3 = 0x736F6D6570736575 ^ key, 0x646F72616E646F6D, 0x6C7967656E657261 ^ key, 0x7465646279746573

    def mix(count: int) -> None:
        nonlocal v0, v1, v2, v3
        for _ in range(count):
            v0 = (v0 + v1) & mask
            v1 = ((v1 << 13 | v1 >> 51) & mask) ^ v0
            v0 = (v0 << 32 | v0 >> 32) & mask
            v2 = (v2 + v3) & mask
            v3 = ((v3 << 16 | v3 >> 48) & mask) ^ v2
            v0 = (v0 + v3) & mask
            v3 = ((v3 << 21 | v3 >> 43) & mask) ^ v0
            v2 = (v2 + v1) & mask
            v1 = ((v1 << 17 | v1 >> 47) & mask) ^ v2
            v2 = (v2 << 32 | v2 >> 32) & mask

    whole = len(data) & ~7
    last = int.from_bytes(data[whole:], "little") | (len(data) & 0xFF) << 56
    for word in (*(int.from_bytes(data[at : at + 8], "little") for at in range(0, whole, 8)), last):
        v3 ^= word
        mix(rounds)
        v0 ^= word
    v2 ^= 0xFF
    mix(3 if rounds == 1 else 4)
    return (v0 ^ v1 ^ v2 ^ v3).to_bytes(8, "little")


def _is_pyc(content: bytes) -> bool:
    return len(content) >= PYC_HEADER and content[2:4] == b"\r\n" and _magic(content) in _MAGICS


def _magic(content: bytes) -> int:
    return int.from_bytes(content[:2], "little")


def _value(start: int, end: int, derived: Derived, target: bytes) -> Site:
    return Site(start, end, Strategy.DERIVED, b"", (), derived=derived, target=target)


def _derive(path: bytes, rows: Iterator[Row], changed: Mapping[bytes, OnDisk]) -> Found:
    sites: list[Site] = []
    wrong: list[bytes] = []
    for row in rows:
        file = changed[row.path]
        if row.sha256 and row.sha256 != file.sha256:
            wrong.append(row.path)
            continue
        if row.sha256:
            sites.append(_value(*row.sha256_at, row.record, row.path))
        if row.size == file.size:
            sites.append(_value(*row.size_at, Derived.SIZE_DECIMAL, row.path))
    findings = (Finding("mismatch", path, wrong[0].decode(errors="replace"), len(wrong)),) if wrong else ()
    return Found(tuple(sorted(sites, key=lambda site: site.start)), (), findings)


def _record_rows(path: bytes, content: bytes, changed: Collection[bytes]) -> Iterator[Row]:
    folder = path.rpartition(b"/")[0].rpartition(b"/")[0]
    for match in _ROW.finditer(content):
        name = match[1].replace(b'""', b'"') if match[1] is not None else match[2]
        target = normpath(folder + b"/" + name) if folder else normpath(name)
        if target not in changed:
            continue
        digest = match[3] or b""
        try:
            sha256 = base64.urlsafe_b64decode(digest + b"=").hex() if len(digest) == 43 else ""  # noqa: PLR2004 - 32 bytes
        except ValueError:
            sha256 = ""
        size = int(match[4]) if match[4] else -1
        yield Row(target, sha256, match.span(3), size, match.span(4), Derived.SHA256_RECORD)


def _conda_rows(content: bytes, changed: Collection[bytes]) -> Iterator[Row]:
    for found in _PATH.finditer(content):
        target = json.loads(found[1]).encode("utf-8", "surrogateescape")
        if target not in changed:
            continue
        members = {match[1]: match for match in _MEMBER.finditer(content, *_object(content, found.start()))}
        digest = members.get(b'"sha256_in_prefix"')
        if digest is None or digest[2] in (None, b'""'):
            digest = members.get(b'"sha256"')
        size = members.get(b'"size_in_bytes"')
        at = (digest.start(2) + 1, digest.end(2) - 1) if digest and digest[2] else (0, 0)
        yield Row(
            target,
            content[at[0] : at[1]].decode("latin-1"),
            at,
            int(size[3]) if size and size[3] else -1,
            size.span(3) if size and size[3] else (0, 0),
            Derived.SHA256_HEX,
        )


def _object(content: bytes, at: int) -> tuple[int, int]:
    """Bounds of the object that has a member at `at`; a brace before it may be in a string."""
    start = at
    while (start := content.rfind(b"{", 0, start)) >= 0:
        found = _OBJECT.match(content, start)
        if found and found.end() > at:
            return found.span()
    return at, at
