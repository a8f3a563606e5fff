"""Environment -> the sorted entries of its tree: types, modes, link texts, sizes; no file contents."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sfxpack import oddities
from sfxpack.errors import ChangedError, UnreadableError, naming
from sfxpack.format import layout
from sfxpack.format.layout import EntryKind
from sfxpack.model import MODES, ONE_NAME, Entry, Environment, Finding

OWN: Final = frozenset({b".sfxpack", b".sfxpack.new"})
"""What sfxpack itself keeps in a prefix."""
_SET_ID: Final = stat.S_ISUID | stat.S_ISGID
_READABLE: Final = 0o444
_JUNCTION: Final = 0xA0000003
"""`stat.IO_REPARSE_TAG_MOUNT_POINT`: what Python takes for a folder."""
_ODD: Final = {
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "named pipe",
    stat.S_IFBLK: "block device",
    stat.S_IFCHR: "character device",
}


@dataclass(frozen=True, slots=True)
class Tree:
    """What lies below the prefix."""

    entries: tuple[Entry, ...]
    """In the order of the format: paths compared component by component as bytes."""
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, entries: Iterable[Entry], findings: Iterable[Finding]) -> Tree:
        """Both in their order."""
        return cls(
            tuple(sorted(entries, key=lambda entry: entry.path.split(b"/"))),
            tuple(sorted(findings, key=lambda finding: (finding.path, finding.detail))),
        )


def list_tree(
    environment: Environment,
    ignore: tuple[bytes, ...] = (),
    is_skipped: Callable[[os.DirEntry[bytes]], bool] | None = None,
) -> Tree:
    """List everything below the environment's root.

    Args:
        environment: its additions win over what lies at the same path; its omissions are left out.
        ignore: absolute paths that are left out: the build's own output.
        is_skipped: what else is left out.

    Raises:
        UnreadableError: files or directories cannot be read; all of them are named.
        ChangedError: something disappeared while it was listed.
    """
    walk = _Walk(environment, ignore, is_skipped)
    found = {entry.path: entry for entry in walk.entries()}
    if walk.unreadable:
        raise UnreadableError(_unreadable(walk.unreadable))
    found.update((entry.path, entry) for entry in environment.additions)
    for entry in environment.additions:
        found.update((parent.path, parent) for parent in parents(entry) if parent.path not in found)
    return Tree.of(found.values(), walk.findings)


class _Walk:
    """One pass over a directory tree; collects what cannot be packed instead of stopping at it."""

    def __init__(
        self,
        environment: Environment,
        ignore: tuple[bytes, ...],
        is_skipped: Callable[[os.DirEntry[bytes]], bool] | None,
    ) -> None:
        self._is_skipped = is_skipped
        self._root = os.fsencode(environment.root)
        self._skipped = OWN | environment.omissions | frozenset(_below(self._root, ignore))
        self.findings: list[Finding] = []
        self.unreadable: list[tuple[bytes, str]] = []
        """(absolute path, reason)."""

    def entries(self) -> Iterator[Entry]:
        """Entries in no particular order."""
        waiting = [b""]
        while waiting:
            below = waiting.pop()
            for item in self._list(below):
                path = below + b"/" + item.name if below else item.name
                if path in self._skipped or (self._is_skipped and self._is_skipped(item)):
                    continue
                entry = self._entry(path, item)
                if entry is None:
                    continue
                if entry.kind is EntryKind.DIRECTORY:
                    waiting.append(path)
                yield entry

    def _list(self, below: bytes) -> list[os.DirEntry[bytes]]:
        directory = self._root + b"/" + below if below else self._root
        try:
            with os.scandir(directory) as items:
                return list(items)
        except OSError as error:
            self._refuse(directory, error)
            return []

    def _entry(self, path: bytes, item: os.DirEntry[bytes]) -> Entry | None:
        try:
            status = item.stat(follow_symlinks=False)
            kind, mode = stat.S_IFMT(status.st_mode), _mode(status)
            if kind == stat.S_IFLNK or getattr(status, "st_reparse_tag", 0) == _JUNCTION:
                return Entry(path, EntryKind.LINK, 0, 0, status.st_mtime_ns, item.path, os.readlink(item.path))
        except FileNotFoundError as error:
            raise ChangedError(f"{os.fsdecode(item.path)}: disappeared while the environment was listed") from error
        except OSError as error:
            self._refuse(item.path, error)
            return None
        if kind == stat.S_IFREG:
            self._check(path, item, mode)
            inode = (status.st_dev, status.st_ino) if status.st_nlink > 1 else ONE_NAME
            entry = Entry(path, EntryKind.FILE, mode & MODES, status.st_size, status.st_mtime_ns, item.path, b"", inode)
            taken = getattr(status, "st_blocks", entry.size) * 512  # Windows does not say
            if oddities.is_sparse(entry, taken // 512):
                self.findings.append(Finding("sparse", path, f"{taken} of {entry.size} bytes on disk"))
            return entry
        if kind == stat.S_IFDIR:
            self._check(path, item, mode)
            return Entry(path, EntryKind.DIRECTORY, mode & MODES, 0, status.st_mtime_ns, item.path)
        self.findings.append(Finding("dropped", path, _ODD.get(kind, "neither file, directory nor link")))
        return None

    def _refuse(self, path: bytes, error: OSError) -> None:
        reason = error.strerror or str(error)
        if error.errno == errno.ENAMETOOLONG:
            reason = f"has {len(path)} bytes, more than this system takes; move the environment to a shorter place"
        self.unreadable.append((path, reason))

    def _check(self, path: bytes, item: os.DirEntry[bytes], mode: int) -> None:
        """Note what is wrong with a file or directory; nearly all pass the two tests that cost nothing."""
        if mode & _SET_ID:
            self.findings.append(Finding("mode", path, f"set-id bits of {mode:04o} dropped"))
        if mode & stat.S_IWOTH:
            self.findings.append(Finding("mode", path, f"write for others of {mode:04o} dropped"))
        if mode & _READABLE != _READABLE and not os.access(item.path, os.R_OK):
            self.unreadable.append((item.path, os.strerror(errno.EACCES)))
        if len(path) > layout.MAX_PATH:
            self.unreadable.append((item.path, f"longer than {layout.MAX_PATH} bytes below the prefix"))


def _mode(status: os.stat_result) -> int:
    """Permission bits; Windows has none, and Python makes up write for all."""
    mode = stat.S_IMODE(status.st_mode)
    return mode & 0o755 | 0o644 if os.name == "nt" else mode


def _below(root: bytes, paths: Iterable[bytes]) -> Iterator[bytes]:
    """Absolute paths as seen from the root; those elsewhere are dropped."""
    real = os.path.realpath(root)
    for path in paths:
        parent, name = os.path.split(os.path.abspath(path))
        real_path = os.path.join(os.path.realpath(parent), name)
        try:
            relative = os.path.relpath(real_path, real).replace(os.fsencode(os.sep), b"/")
        except ValueError:  # on another drive
            continue
        if relative != b".." and not relative.startswith(b"../"):
            yield relative


def parents(entry: Entry) -> Iterator[Entry]:
    """The directories that an entry from elsewhere needs."""
    parent = entry.path.rpartition(b"/")[0]
    while parent:
        yield Entry(parent, EntryKind.DIRECTORY, 0o755, 0, entry.mtime_ns)
        parent = parent.rpartition(b"/")[0]


def _unreadable(found: list[tuple[bytes, str]]) -> str:
    named = [f"{os.fsdecode(path)}: {reason}" for path, reason in sorted(set(found))]
    counted = "1 path cannot be read" if len(named) == 1 else f"{len(named)} paths cannot be read"
    return naming(f"{counted}; make them readable for this user, or remove them:", named)
