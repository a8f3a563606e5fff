"""Editable installations: the projects they point to come along, in `editable/NAME`, and the pointers follow.

Nothing is rewritten by hand: a project's folder becomes one more old path, which the finders look for in the pointers,
in the project's own files and in scripts; not in others, where a short one (`/app`) could mean something else.

Primary sources: PEP 610 (`direct_url.json`), PEP 660, the documentation of `site` (`.pth`) and of setuptools
(`.egg-link`, `easy-install.pth`, the finders of editable wheels).
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sfxpack import meson, outside
from sfxpack.environments.locate import SHARED_ROOTS, SYSTEM_ROOTS
from sfxpack.errors import DiscoveryError
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Environment, Finding, Policy, Rename
from sfxpack.tree import Tree, list_tree, read_small

FOLDER: Final = b"editable"
_SITE: Final = re.compile(rb"(?P<site>(?:.*/)?(?:site|dist)-packages)/(?P<name>[^/]+)(?P<below>/.*)?")
_IMPORTS: Final = re.compile(rb"^import[ \t]+([A-Za-z0-9_]*editable[A-Za-z0-9_]*)", re.MULTILINE)
"""Every backend's finder has that in its name."""
_QUOTED: Final = re.compile(rb"""(['"])(/[^'"\n]+)\1""")
_SKIPPED: Final = frozenset(
    {
        *(b".git", b".hg", b".svn", b".bzr", b".jj", b".tox", b".nox", b".pixi", b".eggs", b"node_modules"),
        *(
            b".mypy_cache",
            b".pytest_cache",
            b".ruff_cache",
            b".hypothesis",
            b".ipynb_checkpoints",
            b".idea",
            b".vscode",
        ),
    }
)
"""Folders of a project that nobody imports from, at any depth; so are environments in it."""
_ARTIFACT: Final = b"#!/bin/sh\n# sfxpack"
_SYSTEM: Final = tuple(os.path.join(b"/", name, b"") for name in (b"usr", b"etc", b"lib", b"lib64", b"bin", b"sbin"))


@dataclass(frozen=True, slots=True)
class Pointer:
    """A file or link that makes Python import from a folder outside the environment."""

    path: bytes
    """Below the root."""
    target: bytes
    """Absolute."""


@dataclass(frozen=True, slots=True)
class Project:
    """A folder that pointers lead into."""

    root: bytes
    """Absolute."""
    pointers: tuple[Pointer, ...]
    metadata: bytes = b""
    """Folder of its dist-info below the root; empty if no RECORD says that it is installed."""


def treat(environment: Environment, tree: Tree, policy: Policy, outputs: Collection[bytes]) -> tuple[Environment, Tree]:
    """Bring the projects along, leave their pointers out, or refuse.

    `outputs`: artifacts of this build, which may lie in a project.

    Raises:
        DiscoveryError: the policy is FAIL and there are some.
        UnreadableError: files of a project cannot be read.
    """
    entries = {entry.path: entry for entry in tree.entries}
    projects = _projects(environment, entries)
    if not projects:
        return environment, tree
    if policy is Policy.FAIL:
        named = "\n".join(f"  {os.fsdecode(item.root)}, by {os.fsdecode(item.pointers[0].path)}" for item in projects)
        raise DiscoveryError(
            "these projects are installed as editable; --editable keep packs their files, --editable drop leaves them "
            f"out, or install them without -e:\n{named}"
        )
    if policy is Policy.DROP:
        return environment, _dropped(tree, entries, projects)
    return _kept(environment, tree, entries, projects, outputs)


def _projects(environment: Environment, entries: Mapping[bytes, Entry]) -> tuple[Project, ...]:
    pointers = [item for item in _pointers(environment, entries) if _may_come(item.target, environment)]
    roots = dict(_declared(entries))
    found: dict[bytes, list[Pointer]] = {}
    for pointer in pointers:
        above = [root for root in roots if _is_below(pointer.target, root) and _may_come(root, environment)]
        if not above and entries[pointer.path].kind is EntryKind.LINK:
            continue  # a view of a store: `external` follows such links
        target = pointer.target if os.path.isdir(pointer.target) else os.path.dirname(pointer.target)
        found.setdefault(max(above, key=len, default=target), []).append(pointer)
    outer = [root for root in found if not any(other != root and _is_below(root, other) for other in found)]
    return tuple(
        Project(
            root,
            tuple(item for inner in found if _is_below(inner, root) for item in found[inner]),
            roots.get(root, b""),
        )
        for root in sorted(outer)
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
            yield Pointer(path, read_small(entry).partition(b"\n")[0].strip())
        elif path.endswith(b".pth"):
            content = read_small(entry)
            yield from (Pointer(path, line.strip()) for line in content.splitlines() if line.startswith(b"/"))
            for name in _IMPORTS.findall(content):
                finder = match["site"] + b"/" + name + b".py"
                if finder in entries:
                    quoted = (text for _, text in _QUOTED.findall(read_small(entries[finder])))
                    yield from (Pointer(finder, text) for text in dict.fromkeys(quoted) if _is_code(text))


def _is_code(target: bytes) -> bool:
    """Whether Python can import from it; a finder may name tools too."""
    return target.endswith(b".py") or os.path.isdir(target)


def _declared(entries: Mapping[bytes, Entry]) -> Iterator[tuple[bytes, bytes]]:
    """(folder of the project, its dist-info) of what was installed as editable."""
    for path, entry in entries.items():
        folder, _, name = path.rpartition(b"/")
        if name == b"direct_url.json" and folder.endswith(b".dist-info"):
            root = outside.editable_root(read_small(entry))
            if root:
                yield root, folder


def _may_come(target: bytes, environment: Environment) -> bool:
    """Whether a folder outside the environment, and not the system's or all of a user's, can be brought along."""
    if not target.startswith(b"/") or os.path.normpath(target) != target.rstrip(b"/") or not os.path.exists(target):
        return False
    real = os.path.realpath(target)
    if {target, real} & (SYSTEM_ROOTS | SHARED_ROOTS | {os.path.realpath(os.path.expanduser(b"~"))}):
        return False
    inside = any(_is_below(place, rename.old) for place in (target, real) for rename in environment.renames)
    return not inside and not real.startswith(_SYSTEM)


def _is_below(path: bytes, root: bytes) -> bool:
    return path == root or path.startswith(root + b"/")


def _kept(
    environment: Environment,
    tree: Tree,
    entries: dict[bytes, Entry],
    projects: Iterable[Project],
    outputs: Collection[bytes],
) -> tuple[Environment, Tree]:
    findings = list(tree.findings)
    renames: list[Rename] = []
    hosts = {path for path in entries if path.startswith(b"bin/")}
    for project in projects:
        built = meson.installed(project.metadata, [item.path for item in project.pointers], entries)
        if built is not None:
            entries.update(built.entries)
            for path in built.replaced:
                del entries[path]
            copied, place = built.entries, built.site
        else:
            place = _free(os.path.basename(project.root), entries)
            files = _files(project.root, environment, outputs).entries
            copied = {path: replace(entry, path=path) for entry in files for path in (place + b"/" + entry.path,)}
            entries.update(copied)
            entries.update((folder, Entry(folder, EntryKind.DIRECTORY, 0o755, 0, 0)) for folder in (FOLDER, place))
        renames += [Rename(old, b"/" + place) for old in dict.fromkeys((project.root, os.path.realpath(project.root)))]
        hosts.update(copied, (item.path for item in project.pointers), _of_metadata(project, entries))
        size = sum(entry.size for entry in copied.values())
        detail = f"{os.fsdecode(project.root)} is packed as {os.fsdecode(place)}, {size} bytes"
        findings.append(Finding("editable", project.pointers[0].path, detail))
    known = {rename.old for rename in environment.renames}
    guests = tuple(rename for rename in renames if rename.old not in known)
    every = sorted((*environment.renames, *guests), key=lambda rename: (-len(rename.old), rename.old))
    return replace(environment, renames=tuple(every), guests=guests, hosts=frozenset(hosts)), Tree(
        tuple(sorted(entries.values(), key=lambda entry: entry.path.split(b"/"))), tuple(findings)
    )


def _free(name: bytes, entries: Mapping[bytes, Entry]) -> bytes:
    """A folder for a project that nothing has yet."""
    clean = re.sub(rb"[^A-Za-z0-9_.+-]", b"-", name) or b"project"
    numbers = (b"" if number == 1 else b"-%d" % number for number in range(1, 1000))
    return next(place for end in numbers if (place := FOLDER + b"/" + clean + end) not in entries)


def _files(root: bytes, environment: Environment, outputs: Collection[bytes]) -> Tree:
    """A project's files, without what nobody imports from, environments, and artifacts of sfxpack."""
    own = os.path.realpath(os.fsencode(environment.root))
    skipped = frozenset(os.path.realpath(path) for path in outputs)

    def is_skipped(item: os.DirEntry[bytes]) -> bool:
        if item.is_dir(follow_symlinks=False):
            marks = (b"pyvenv.cfg", b"conda-meta")
            return item.name in _SKIPPED or any(os.path.exists(os.path.join(item.path, mark)) for mark in marks)
        return item.name.endswith(b".sh") and (os.path.realpath(item.path) in skipped or _is_artifact(item.path))

    return list_tree(Environment("prefix", Path(os.fsdecode(root)), "", ()), (own,), is_skipped)


def _is_artifact(path: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(_ARTIFACT)) == _ARTIFACT
    except OSError:
        return False


def _of_metadata(project: Project, entries: Mapping[bytes, Entry]) -> Iterator[bytes]:
    """Files of its dist-info, and what Python compiled of its finder."""
    names = tuple(os.path.basename(item.path).partition(b".")[0] + b"." for item in project.pointers)
    for path in entries:
        folder, _, name = path.rpartition(b"/")
        if folder == project.metadata or (folder.endswith(b"__pycache__") and name.startswith(names)):
            yield path


def _dropped(tree: Tree, entries: Mapping[bytes, Entry], projects: Iterable[Project]) -> Tree:
    """Without the pointers, without the metadata and the scripts of the projects."""
    gone: set[bytes] = set()
    changed: dict[bytes, Entry] = {}
    findings = list(tree.findings)
    for project in projects:
        targets = {item.target for item in project.pointers}
        for pointer in project.pointers:
            rest = _without_lines(entries[pointer.path], targets) if pointer.path.endswith(b"easy-install.pth") else b""
            if rest:
                changed[pointer.path] = replace(entries[pointer.path], data=rest, size=len(rest))
            else:
                gone.add(pointer.path)
        record = entries.get(project.metadata + b"/RECORD") if project.metadata else None
        gone |= set(outside.listed(record.path, read_small(record))) & entries.keys() if record else set()
        findings.append(Finding("dropped", project.pointers[0].path, f"editable: {os.fsdecode(project.root)}"))
    folders = tuple(project.metadata + b"/" for project in projects if project.metadata)
    kept = (
        changed.get(entry.path, entry)
        for entry in tree.entries
        if entry.path not in gone and not (entry.path + b"/").startswith(folders or (b"//",))
    )
    return Tree(tuple(kept), tuple(findings))


def _without_lines(entry: Entry, targets: Collection[bytes]) -> bytes:
    lines = [line for line in read_small(entry).splitlines(keepends=True) if line.strip() not in targets]
    return b"".join(lines)
