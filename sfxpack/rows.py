"""What RECORD of a dist-info (PEP 376, PEP 627) and `conda-meta/*.json` say of files, and where it stands in them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from posixpath import normpath
from typing import Any, Final

from sfxpack.format.layout import Derived

OUTSIDE: Final = b".."
"""Path of a row that leaves the prefix."""
_STRING: Final = rb'"(?:[^"\\]|\\.)*"'
_PATH: Final = re.compile(rb'"_path"\s*:\s*(' + _STRING + rb")", re.DOTALL)
_OBJECT: Final = re.compile(rb'\{[^{}"]*(?:(?:' + _STRING + rb'|\{[^{}]*\})[^{}"]*)*\}', re.DOTALL)
"""With objects one deep, which conda's recorded places are (conda/ceps#179)."""
_MEMBER: Final = re.compile(rb"(" + _STRING + rb")\s*:\s*(?:(" + _STRING + rb")|(-?[0-9]+))", re.DOTALL)
_ROW: Final = re.compile(
    rb'^(?:"((?:[^"]|"")*)"|([^",\r\n]*)),"?(?:([A-Za-z0-9_-]+)=([A-Za-z0-9_=+/-]*))?"?,"?([0-9]*)"?\r?$', re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Row:
    """One file's recorded values; where they stand is known where `record` is set."""

    path: bytes
    """Below the prefix, without `..`; OUTSIDE if it lies elsewhere."""
    algorithm: str
    """As hashlib names it; empty if no digest is recorded."""
    digest: str
    """Hex; empty if what is recorded is none of the algorithm."""
    size: int
    """-1 if not recorded."""
    link: bool = False
    """conda says that it is a link: the digest may be of the link's text, and the size is of no file here."""
    package: str = ""
    """conda: digest of the file in its package, where the placeholder was replaced."""
    record: Derived | None = None
    """SHA256_HEX or SHA256_RECORD."""
    algorithm_at: tuple[int, int] = (0, 0)
    digest_at: tuple[int, int] = (0, 0)
    size_at: tuple[int, int] = (0, 0)


def record_rows(path: bytes, content: bytes, roots: Collection[bytes] = ()) -> Iterator[Row]:
    """Rows of the RECORD at `path`; absolute paths count where they lie below one of the `roots`."""
    folder = path.rpartition(b"/")[0].rpartition(b"/")[0]
    for match in _ROW.finditer(content):
        name = match[1].replace(b'""', b'"') if match[1] is not None else match[2]
        algorithm = match[3].decode().lower() if match[3] else ""
        yield Row(
            _below(folder, name, roots),
            algorithm,
            _hex(match[4] or b"", algorithm),
            int(match[5]) if match[5] else -1,
            record=Derived.SHA256_RECORD,
            algorithm_at=match.span(3),
            digest_at=match.span(4),
            size_at=match.span(5),
        )


def conda_rows(content: bytes) -> Iterator[Row]:
    """All that a file of `conda-meta` says of files, without places; nothing if it is no JSON.

    `sha256` is of the file in the package: the same as that of the installed one only where conda replaced nothing.
    """
    try:
        record = json.loads(content)
    except ValueError:
        return
    for item in _paths(record):
        path, link = item.get("_path"), item.get("path_type") == "softlink"
        if not isinstance(path, str):
            continue
        replaced = item.get("prefix_placeholder")
        digest = item.get("sha256_in_prefix") or ("" if replaced or link else item.get("sha256"))
        size = -1 if replaced and not digest else item.get("size_in_bytes")
        yield Row(
            _below(b"", path.encode("utf-8", "surrogateescape"), ()),
            "sha256" if isinstance(digest, str) and digest else "",
            str(digest or "").lower(),
            size if isinstance(size, int) else -1,
            link,
            str(item.get("sha256") or "") if replaced else "",
        )


def located_conda_rows(content: bytes, wanted: Collection[bytes]) -> Iterator[Row]:
    """The rows of some paths with their places, found in the text itself."""
    if not wanted:
        return
    done = 0
    for found in _PATH.finditer(content):
        path = _below(b"", json.loads(found[1]).encode("utf-8", "surrogateescape"), ())
        if path not in wanted or found.start() < done:  # an object that names two paths is no record of either
            continue
        start, done = _object(content, found.start())
        members = {match[1]: match for match in _MEMBER.finditer(content, start, done)}
        digest = members.get(b'"sha256_in_prefix"')
        if digest is None or digest[2] in (None, b'""'):
            digest = members.get(b'"sha256"')
        size = members.get(b'"size_in_bytes"')
        at = (digest.start(2) + 1, digest.end(2) - 1) if digest and digest[2] else (0, 0)
        yield Row(
            path,
            "sha256" if at[1] else "",
            content[slice(*at)].decode("latin-1").lower(),
            int(size[3]) if size and size[3] else -1,
            record=Derived.SHA256_HEX,
            digest_at=at,
            size_at=size.span(3) if size and size[3] else (0, 0),
        )


@cache
def digest_size(algorithm: str) -> int:
    """Bytes of a digest, or 0 if Python does not compute it here."""
    try:
        return hashlib.new(algorithm, usedforsecurity=False).digest_size
    except ValueError:
        return 0


def _paths(record: Any) -> list[dict[str, Any]]:  # noqa: ANN401 JSON
    data = record.get("paths_data") if isinstance(record, dict) else None
    paths = data.get("paths") if isinstance(data, dict) else None
    return [item for item in paths if isinstance(item, dict)] if isinstance(paths, list) else []


def _below(folder: bytes, name: bytes, roots: Collection[bytes]) -> bytes:
    if name.startswith(b"/"):
        name = next((name[len(root) + 1 :] for root in roots if name.startswith(root + b"/")), OUTSIDE)
        folder = b""
    path = normpath(folder + b"/" + name) if folder else normpath(name)
    return OUTSIDE if path.startswith(b"../") else path


def _hex(digest: bytes, algorithm: str) -> str:
    """Base64 of the URL alphabet without padding, as PEP 376 has it; some tools write the padding."""
    try:
        data = base64.urlsafe_b64decode(digest.rstrip(b"=") + b"==")
    except ValueError:
        return ""
    return data.hex() if algorithm and len(data) == digest_size(algorithm) else ""


def _object(content: bytes, at: int) -> tuple[int, int]:
    """Bounds of the object that has a member at `at`; a brace before it may be in a string."""
    start = at
    while (start := content.rfind(b"{", 0, start)) >= 0:
        found = _OBJECT.match(content, start)
        if found and found.end() > at:
            return found.span()
    return at, at
