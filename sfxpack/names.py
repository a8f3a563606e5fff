"""The names a file of the tree has: its own, hard links, and paths that lead through symbolic links; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Rename
from sfxpack.rows import OUTSIDE

MISSING: Final = b""
"""Nothing in the tree has that name."""
_MOST_LINKS: Final = 40
"""As many as Linux follows (path_resolution(7))."""


@dataclass(frozen=True, slots=True)
class Names:
    """The tree as it is packed."""

    entries: Mapping[bytes, Entry]
    hard_links: Mapping[bytes, bytes]
    """Path -> path of the file that stands for it."""
    renames: tuple[Rename, ...] = ()

    def resolve(self, path: bytes) -> bytes:
        """Path of the file or directory that a path leads to; MISSING, or OUTSIDE if it leaves the prefix."""
        entry = self.entries.get(path)
        if entry is not None and entry.kind is not EntryKind.LINK:
            return self.hard_links.get(path, path)
        return self._walk(path)

    def _walk(self, path: bytes) -> bytes:
        done: list[bytes] = []
        waiting = path.split(b"/")[::-1]
        links = 0
        while waiting:
            name = waiting.pop()
            if name == b"..":
                if not done:
                    return OUTSIDE
                done.pop()
            elif name not in (b"", b"."):
                entry = self.entries.get(b"/".join((*done, name)))
                if entry is None or links > _MOST_LINKS:
                    return MISSING
                if entry.kind is not EntryKind.LINK:
                    done.append(name)
                    continue
                links += 1
                text = self._inside(entry.link)
                if text.startswith(b"/"):
                    return OUTSIDE
                if text != entry.link:
                    done.clear()
                waiting += text.split(b"/")[::-1]
        found = b"/".join(done)
        return self.hard_links.get(found, found) or OUTSIDE

    def _inside(self, link: bytes) -> bytes:
        """A link's text, seen from the prefix if it is an absolute path below it."""
        for rename in self.renames:
            if link == rename.old or link.startswith(rename.old + b"/"):
                return (rename.new + link[len(rename.old) :]).lstrip(b"/")
        return link
