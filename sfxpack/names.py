"""The names a file of the tree has: its own, hard links, and paths that lead through symbolic links; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Rename
from sfxpack.rows import OUTSIDE

MISSING: Final = b"/"
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
    is_left_out: Callable[[bytes], bool] = lambda _: False
    """Whether something at a path was left out on purpose, now or when the tree was packed before."""

    def resolve(self, path: bytes) -> bytes:
        """Path of the file or directory that a path leads to; MISSING, or OUTSIDE if it leaves the prefix."""
        entry = self.entries.get(path)
        if entry is not None and entry.kind is not EntryKind.LINK:
            return self.hard_links.get(path, path)
        found = self.follow(path)
        return self.hard_links.get(found, found) or OUTSIDE

    def follow(self, path: bytes) -> bytes:
        """Where a path leads, symbolic links followed; empty for the prefix itself; MISSING or OUTSIDE."""
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
                absolute = entry.link.startswith(b"/")
                text = self.below(entry.link) if absolute else entry.link
                if text is None:
                    return OUTSIDE
                done = [] if absolute else done
                waiting += text.split(b"/")[::-1]
        return b"/".join(done)

    def below(self, path: bytes) -> bytes | None:
        """An absolute path of this machine, seen from the prefix; None if it lies elsewhere."""
        path = b"/" + path.lstrip(b"/")
        for rename in self.renames:
            if path == rename.old or path.startswith(rename.old + b"/"):
                return (rename.new + path[len(rename.old) :]).lstrip(b"/")
        return None
