"""What still names a folder outside an environment: editable installations, links.

A project that comes along is a part of the environment by then (`editable`): what points to it leads inside.

Primary sources: PEP 610 (`direct_url.json`), the documentation of `site` (`.pth`), of setuptools (`.egg-link`).
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Collection, Iterable, Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Environment, Finding
from sfxpack.paths import is_below

_LISTS: Final = (b".pth", b".egg-link")
_ORIGIN: Final = b".dist-info/direct_url.json"


def in_file(path: bytes, content: bytes, environment: Environment) -> tuple[Finding, ...]:
    """Folders that a file of site-packages makes Python import from, and that do not lie in it."""
    if path.endswith(_LISTS):
        inside = _inside(environment)
        lines = dict.fromkeys(line.strip() for line in content.splitlines() if line.startswith(b"/"))
        return tuple(_finding(path, line) for line in lines if not _is_inside(line, inside))
    if path.endswith(_ORIGIN):
        root = editable_root(content)
        if root and not _is_inside(root, _inside(environment)):
            return (Finding("external", path, "editable: the code lies where it was installed from"),)
    return ()


def of_links(entries: Iterable[Entry], environment: Environment) -> Iterator[Finding]:
    """Links that lead out of the tree, whether there is something or not."""
    yield from (_finding(entry.path, entry.link) for entry in entries if leads_out(entry, environment))


def leads_out(entry: Entry, environment: Environment) -> bool:
    """Whether an entry is a link whose text names a place outside the tree."""
    if entry.kind is not EntryKind.LINK:
        return False
    way = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.link))
    return not _is_inside(way, _inside(environment)) if way.startswith(b"/") else way.split(b"/")[0] == b".."


def _inside(environment: Environment) -> frozenset[bytes]:
    """The root, under the names it has and had, and what becomes part of the tree."""
    return frozenset((bytes(environment.root), *(rename.old for rename in environment.renames)))


def _finding(path: bytes, named: bytes) -> Finding:
    return Finding("external", path, named.decode(errors="backslashreplace"))


def editable_root(content: bytes) -> bytes:
    """The project's folder that a `direct_url.json` of an editable installation names; empty for others."""
    try:
        record = json.loads(content)
    except ValueError:
        return b""
    folder = record.get("dir_info") if isinstance(record, dict) else None
    if not (isinstance(folder, dict) and folder.get("editable") is True):
        return b""
    scheme, _, path = str(record.get("url", "")).partition("://")
    return unquote_to_bytes(path).rstrip(b"/") if scheme == "file" else b"/"


def _is_inside(path: bytes, inside: Collection[bytes]) -> bool:
    bare = b"/" + posixpath.normpath(path).lstrip(b"/")
    return any(is_below(bare, root) for root in inside)
