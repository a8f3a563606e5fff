"""Parts of the file system outside of an environment that come along, as entries of its tree."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from dataclasses import dataclass, field

from sfxpack.errors import UnreadableError
from sfxpack.format.layout import EntryKind
from sfxpack.model import MODES, Entry


@dataclass(slots=True)
class Collector:
    """Entries by their path below the prefix; what cannot be read is collected too."""

    entries: dict[bytes, Entry] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)

    def file(self, source: str, path: bytes) -> None:
        """Add a file; links to it are followed."""
        self.real_file(os.path.realpath(source), path)

    def real_file(self, source: str, path: bytes) -> None:
        """Add a file that is known not to be a link."""
        if not os.access(source, os.R_OK):
            self.unreadable.add(source)
            return
        status = os.stat(source)
        mode = stat.S_IMODE(status.st_mode) & MODES
        self.entries[path] = Entry(path, EntryKind.FILE, mode, status.st_size, status.st_mtime_ns, os.fsencode(source))

    def link(self, path: bytes, text: bytes) -> None:
        """Add a link unless something is there."""
        self.entries.setdefault(path, Entry(path, EntryKind.LINK, 0, 0, 0, link=text))

    def tree(self, source: str, path: bytes, skip: Collection[str] = ()) -> None:
        """Add a directory and everything below it.

        Links that stay inside are kept; others are followed, since what they lead to does not come along.
        `skip` holds names directly in the directory.
        """
        _Tree(self, os.path.realpath(source), path, skip).add()

    def check(self) -> None:
        """Fail if anything could not be read.

        Raises:
            UnreadableError: naming all of it.
        """
        if self.unreadable:
            named = "\n".join(f"  {path}" for path in sorted(self.unreadable))
            raise UnreadableError(f"files that come along cannot be read; make them readable for this user:\n{named}")


@dataclass(frozen=True, slots=True)
class _Tree:
    """One directory on its way into a collector."""

    collector: Collector
    top: str
    """Real path."""
    base: bytes
    """Where it goes."""
    skip: Collection[str]

    def add(self) -> None:
        self._directory(self.top, self.base, frozenset({self.top}))

    def _directory(self, source: str, path: bytes, above: frozenset[str]) -> None:
        """Add a directory; `above` holds the real paths on the way, so that a link to one of them ends there."""
        try:
            status = os.stat(source)
            with os.scandir(source) as found:
                items = sorted(found, key=lambda item: item.name)
        except OSError:
            self.collector.unreadable.add(source)
            return
        mode = stat.S_IMODE(status.st_mode) & MODES
        entry = Entry(path, EntryKind.DIRECTORY, mode, 0, status.st_mtime_ns, os.fsencode(source))
        self.collector.entries[path] = entry
        for item in items:
            if source == self.top and item.name in self.skip:
                continue
            below = path + b"/" + os.fsencode(item.name)
            if item.is_symlink():
                if self._keep(item.path, below):
                    continue
                real = os.path.realpath(item.path)
            else:
                real = item.path
            if item.is_file():
                self.collector.real_file(real, below)
            elif item.is_dir() and real not in above:
                self._directory(real, below, above | {real})

    def _keep(self, item: str, path: bytes) -> bool:
        """Add a link as a link, if it leads nowhere or to something else of this directory."""
        real, text = os.path.realpath(item), os.fsencode(os.readlink(item))
        inside = os.path.relpath(real, self.top)
        if os.path.exists(real):
            if inside.startswith("..") or inside.partition(os.sep)[0] in self.skip:
                return False
            lexical = os.path.normpath(os.path.join(os.path.dirname(path), text))
            if not lexical.startswith(self.base + b"/"):
                text = os.path.relpath(self.base + b"/" + os.fsencode(inside), os.path.dirname(path))
        entry = Entry(path, EntryKind.LINK, 0, 0, os.lstat(item).st_mtime_ns, os.fsencode(item), text)
        self.collector.entries[path] = entry
        return True
