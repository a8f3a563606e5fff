"""Symlinks into the prefix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from sfxpack.format.layout import EntryKind, Strategy
from sfxpack.model import ONE_NAME, Entry, Environment, Rename, Site
from sfxpack.sites.spelling import doubled

_MAX_LINKS: Final = 40
"""Linux: MAXSYMLINKS."""


def find_link(
    entry: Entry, environment: Environment, directories: Collection[bytes] = frozenset()
) -> tuple[bytes, tuple[Site, ...]]:
    """The text to store for the link `entry` (neutral), and its sites.

    `directories`: paths of the real directories of the tree. A link whose way lies in them becomes relative; any other
    absolute link into the prefix, and those conda manages, are rewritten when installing.
    """
    match = _rename(entry.link, environment)
    if match is None:
        return entry.link, ()
    rename, size = match
    rest = rename.new + entry.link[size:]
    record = environment.conda.get(entry.path)
    if not (record and record.path_type == "softlink"):
        text = _relative(entry.path, rest, directories)
        if text:
            return text, ()
    root = bytes(environment.root)
    site = Site(0, size, Strategy.TEXT, rename.new, renamed=root + rename.new != entry.link[:size])
    return rest, (site,)


def aliases(entries: Iterable[Entry], environment: Environment | None = None) -> Mapping[bytes, tuple[bytes, ...]]:
    """For each file with several names (hard links, links to it): its other names; input of `Options.aliases`.

    A file below a linked directory has no other name: the system resolves `..` after the link. Absolute links into the
    prefix are followed with `environment` only.
    """
    files: dict[bytes, tuple[int, int]] = {}
    links: dict[bytes, bytes] = {}
    for entry in entries:
        if entry.kind is EntryKind.LINK:
            match = _rename(entry.link, environment) if environment else None
            links[entry.path] = b"//" + match[0].new + entry.link[match[1] :] if match else entry.link
        elif entry.kind is not EntryKind.DIRECTORY:
            files[entry.path] = entry.inode
    groups: defaultdict[tuple[int, int] | bytes, list[bytes]] = defaultdict(list)
    for path, inode in files.items():
        groups[inode if inode != ONE_NAME else path].append(path)
    for path in links:
        target = _resolve(path, links)
        if target in files:
            inode = files[target]
            groups[inode if inode != ONE_NAME else target].append(path)
    return {
        path: tuple(other for other in group if other != path)
        for group in groups.values()
        if len(group) > 1
        for path in group
        if path in files
    }


def _rename(text: bytes, environment: Environment) -> tuple[Rename, int] | None:
    """The old path `text` lies in, and how many of its bytes that is."""
    if not text.startswith(b"/"):
        return None
    bare = b"/" + text.lstrip(b"/")
    root = bytes(environment.root)
    renames = sorted({*environment.renames, Rename(root, b"")}, key=lambda rename: -len(rename.old))
    for rename in renames:
        for pattern in (rename.old, doubled(rename.old)):
            if pattern and (bare == pattern or bare.startswith(pattern + b"/")):
                return rename, len(pattern) + len(text) - len(bare)
    return None


def _relative(path: bytes, rest: bytes, directories: Collection[bytes]) -> bytes:
    """From the link at `path` to `rest` below the prefix; empty if not every directory on the way is a real one."""
    here = path.split(b"/")[:-1]
    bare = rest.rstrip(b"/")
    there = [part for part in bare.split(b"/") if part]
    if b".." in there or b"." in there:
        return b""
    if any(b"/".join(there[:count]) not in directories for count in range(1, len(there))):
        return b""
    shared = 0
    while shared < min(len(here), len(there) - 1) and here[shared] == there[shared]:
        shared += 1
    parts = [b".."] * (len(here) - shared) + there[shared:]
    return (b"/".join(parts) or b".") + rest[len(bare) :]


def _resolve(path: bytes, links: Mapping[bytes, bytes]) -> bytes:
    """Where `path` leads, links on the way resolved; empty if out of the tree or in circles.

    The text of a link into the prefix starts with two slashes here.
    """
    left = path.split(b"/")[::-1]
    done: list[bytes] = []
    followed = 0
    while left:
        part = left.pop()
        if part == b"..":
            if not done:
                return b""
            done.pop()
        elif part not in (b"", b"."):
            done.append(part)
            text = links.get(b"/".join(done))
            if text is not None:
                followed += 1
                if followed > _MAX_LINKS or (text.startswith(b"/") and not text.startswith(b"//")):
                    return b""
                done = [] if text.startswith(b"//") else done[:-1]
                left += text.split(b"/")[::-1]
    return b"/".join(done)
