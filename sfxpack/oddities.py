"""What is odd about a tree and works all the same: names, links to nowhere, sparse files. Pure but for the holes."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from sfxpack.entries import READ_ONLY
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Finding
from sfxpack.names import MISSING, Names

_SPARSE_FROM: Final = 1 << 20
"""Bytes; holes in smaller files do not matter."""


def of_tree(names: Names) -> Iterator[Finding]:
    """Links that lead nowhere; names that some systems take for the same, or cannot show."""
    spelled: defaultdict[str, list[bytes]] = defaultdict(list)
    for path, entry in names.entries.items():
        if entry.kind is EntryKind.LINK and names.resolve(path) == MISSING:
            yield Finding("dangling", path, entry.link.decode(errors="backslashreplace"))
        name = path.rpartition(b"/")[2]
        text = name.decode(errors="surrogateescape")
        if not text.isprintable():
            what = "not UTF-8" if not _is_utf8(name) else "holds control or other characters that do not show"
            yield Finding("name", path, what)
        whole = path.decode(errors="surrogateescape")
        spelled[unicodedata.normalize("NFC", whole).casefold()].append(path)
    for paths in spelled.values():
        for path in sorted(paths)[1:]:
            yield Finding("collision", path, min(paths).decode(errors="backslashreplace"))


def is_sparse(entry: Entry, blocks: int) -> bool:
    """Whether a file has holes.

    Args:
        entry: the file.
        blocks: of 512 bytes, that it takes on disk; fewer than its size also where the file system compresses.
    """
    if entry.size < _SPARSE_FROM or blocks * 512 >= entry.size:
        return False
    try:
        handle = os.open(entry.source, READ_ONLY)
    except OSError:
        return False
    try:
        return os.lseek(handle, 0, os.SEEK_HOLE) < entry.size
    except OSError:
        return False
    finally:
        os.close(handle)


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
