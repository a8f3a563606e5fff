"""Which projects an environment points to: what was installed as editable, and other folders that Python imports from.

Primary sources: PEP 610 (`direct_url.json`), PEP 660, the documentation of `site` (`.pth`) and of setuptools
(`.egg-link`, `easy-install.pth`, the finders of editable wheels).
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sfxpack import outside, rebuild
from sfxpack.entries import read_small
from sfxpack.environments.locate import SHARED_ROOTS, SYSTEM_FOLDERS, SYSTEM_ROOTS
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Environment
from sfxpack.paths import is_below

_SITE: Final = re.compile(rb"(?P<site>(?:.*/)?(?:site|dist)-packages)/(?P<name>[^/]+)(?P<below>/.*)?")
_IMPORTS: Final = re.compile(rb"^import[ \t]+([A-Za-z0-9_]*editable[A-Za-z0-9_]*)", re.MULTILINE)
"""Every backend's finder has that in its name."""
_SUFFIXES: Final = (b".py", b".so")
"""Of modules."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """A file or link that makes Python import from a folder outside the environment."""

    path: bytes
    """Below the root."""
    target: bytes
    """Absolute."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What was installed as editable, by its `direct_url.json`."""

    root: bytes
    """The project's folder as it is named there."""
    metadata: bytes
    """Folder of its dist-info below the root of the environment."""

    @property
    def real(self) -> bytes:
        """The folder with links resolved."""
        return os.path.realpath(self.root)


@dataclass(frozen=True, slots=True)
class Project:
    """A folder that pointers lead into."""

    root: bytes
    """Absolute, links resolved."""
    pointers: tuple[Pointer, ...]
    declared: tuple[Declared, ...]
    """It, and what lies in it."""

    def spellings(self) -> frozenset[bytes]:
        """The paths under which it is known."""
        found = {self.root}
        for path in (*(item.target for item in self.pointers), *(item.root for item in self.declared)):
            real = os.path.realpath(path)
            if is_below(real, self.root):
                found.add(path[: len(path) - len(real) + len(self.root)])
        return frozenset(path for path in found if path and os.path.realpath(path) == self.root)


def projects(environment: Environment, entries: Mapping[bytes, Entry]) -> tuple[Project, ...]:
    """The projects that an environment's entries, by path, point to; one that lies in another counts as its part.

    What meson-python would build is one of its own: its files are not what is imported.
    """
    declared = [item for item in _declared(entries) if _may_come(item.root, environment)]
    found: dict[bytes, list[Pointer]] = {}
    for pointer in _pointers(environment, entries):
        if not _may_come(pointer.target, environment):
            continue
        real = os.path.realpath(pointer.target)
        above = [item.real for item in declared if is_below(pointer.target, item.root) or is_below(real, item.real)]
        if not above and entries[pointer.path].kind is EntryKind.LINK:
            continue  # a view of a store: `external` follows such links
        root = max(above, key=len, default=real if os.path.isdir(real) else os.path.dirname(real))
        if _may_come(root, environment):
            found.setdefault(root, []).append(pointer)
    built = {root for root, pointers in found.items() if any(rebuild.is_loader(item.path) for item in pointers)}

    def is_part(inner: bytes, root: bytes) -> bool:
        return inner == root or (inner not in built and root not in built and is_below(inner, root))

    return tuple(
        Project(
            root,
            tuple(item for inner in found if is_part(inner, root) for item in found[inner]),
            tuple(item for item in declared if is_part(item.real, root)),
        )
        for root in sorted(found)
        if not any(is_part(root, other) for other in found if other != root)
    )


def _pointers(environment: Environment, entries: Mapping[bytes, Entry]) -> Iterator[Pointer]:
    for path, entry in entries.items():
        match = _SITE.fullmatch(path)
        if match is None or match["below"]:
            continue
        if entry.kind is EntryKind.LINK:
            if outside.leads_out(entry, environment) and entry.link.startswith(b"/"):
                yield Pointer(path, os.path.normpath(entry.link))
        elif path.endswith(b".egg-link"):
            yield Pointer(path, folder_of(read_small(entry).partition(b"\n")[0]))
        elif path.endswith(b".pth"):
            content = read_small(entry)
            yield from (Pointer(path, folder_of(line)) for line in content.splitlines() if line.startswith(b"/"))
            for name in _IMPORTS.findall(content):
                finder = match["site"] + b"/" + name + b".py"
                if finder in entries:
                    code = (_code(text) for text in rebuild.quoted(entries[finder]))
                    yield from (Pointer(finder, target) for target in dict.fromkeys(code) if target)


def folder_of(line: bytes) -> bytes:
    """What a line of a list of folders names."""
    return line.strip().rstrip(b"/")


def _code(path: bytes) -> bytes:
    """What Python imports by a path in a finder, which may lack the suffix; empty if nothing: it may name tools too."""
    if path.endswith(_SUFFIXES) or os.path.isdir(path):
        return path
    return next((file for file in sorted(glob.glob(glob.escape(path) + b".*")) if file.endswith(_SUFFIXES)), b"")


def _declared(entries: Mapping[bytes, Entry]) -> Iterator[Declared]:
    for path, entry in entries.items():
        folder, _, name = path.rpartition(b"/")
        if name == b"direct_url.json" and folder.endswith(b".dist-info"):
            root = outside.editable_root(read_small(entry))
            if root:
                yield Declared(root, folder)


def _may_come(target: bytes, environment: Environment) -> bool:
    """Whether a folder outside the environment, and not the system's or all of a user's, can be brought along."""
    if not target.startswith(b"/") or os.path.normpath(target) != target.rstrip(b"/") or not os.path.exists(target):
        return False
    real = os.path.realpath(target)
    if {target, real} & (SYSTEM_ROOTS | SHARED_ROOTS | {os.path.realpath(os.path.expanduser(b"~"))}):
        return False
    inside = any(is_below(place, rename.old) for place in (target, real) for rename in environment.renames)
    return not inside and not real.startswith(SYSTEM_FOLDERS)
