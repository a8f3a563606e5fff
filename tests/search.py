r"""Every place below a directory that still holds an old path; shares no code with the finders.

Knows spellings only: plain, UTF-16 and UTF-32 of both orders, escaped as in JSON (`\/`), percent-encoded.
Decompresses nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote


def spellings(old: str) -> dict[str, bytes]:
    """All the ways a path may be written, by name."""
    plain = os.fsencode(old)
    return {
        "plain": plain,
        "utf-16le": old.encode("utf-16-le"),
        "utf-16be": old.encode("utf-16-be"),
        "utf-32le": old.encode("utf-32-le"),
        "utf-32be": old.encode("utf-32-be"),
        "escaped": plain.replace(b"/", b"\\/"),
        "percent": quote(old).encode(),
        "percent-all": quote(old, safe="").encode(),
        "percent-lower": quote(old, safe="").replace("%2F", "%2f").encode(),
    }


def remaining(root: Path, old: str) -> dict[str, set[str]]:
    """Path below `root` -> spellings found in its content, link text or name."""
    wanted = spellings(old)
    found: dict[str, set[str]] = {}
    for directory, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = Path(directory, name)
            if path.is_symlink():
                content = os.fsencode(os.readlink(path))
            elif path.is_file():
                content = path.read_bytes()
            else:
                content = b""
            content += b"\0" + os.fsencode(name)
            hits = {spelling for spelling, needle in wanted.items() if needle in content}
            if hits:
                found[str(path.relative_to(root))] = hits
    return found
