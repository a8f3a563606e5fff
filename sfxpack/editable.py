"""Editable installations: the projects they point to come along, in `editable/NAME`, and the pointers follow.

Nothing is rewritten by hand: a project's folder becomes one more old path, which the finders look for in the pointers,
in the project's own files and in scripts; not in others, where a short one (`/app`) could mean something else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from sfxpack import rebuild
from sfxpack.entries import read_small
from sfxpack.errors import DiscoveryError, naming
from sfxpack.format.layout import SELF_MARK, EntryKind
from sfxpack.format.parts import is_part
from sfxpack.model import Entry, Environment, Finding, Policy, Rename, longest_first
from sfxpack.projects import Project, folder_of, projects
from sfxpack.rows import record_rows
from sfxpack.tree import Tree, list_tree

FOLDER: Final = b"editable"
_SKIPPED: Final = frozenset(
    {
        *(b".git", b".hg", b".svn", b".bzr", b".jj", b".tox", b".nox", b".pixi", b".eggs", b"node_modules"),
        *(b".mypy_cache", b".pytest_cache", b".ruff_cache", b".hypothesis", b".ipynb_checkpoints"),
        *(b".idea", b".vscode"),
    }
)
"""Folders of a project that nobody imports from, at any depth; so are environments in it."""
_ARTIFACT: Final = b"#!/bin/sh\n" + SELF_MARK


def treat(environment: Environment, tree: Tree, policy: Policy, outputs: Collection[bytes]) -> tuple[Environment, Tree]:
    """Bring the projects along, leave their pointers out, or refuse.

    `outputs`: artifacts of this build, which may lie in a project.

    Raises:
        DiscoveryError: the policy is FAIL and there are some.
        UnreadableError: files of a project cannot be read.
    """
    entries = {entry.path: entry for entry in tree.entries}
    found = projects(environment, entries)
    if not found:
        return environment, tree
    if policy is Policy.FAIL:
        named = [f"{os.fsdecode(item.root)}, by {os.fsdecode(item.pointers[0].path)}" for item in found]
        ways = "--editable keep packs their files, --editable drop leaves them out, or install them without -e"
        raise DiscoveryError(naming(f"these projects are installed as editable; {ways}:", named))
    if policy is Policy.DROP:
        return environment, _dropped(environment, tree, entries, found)
    return _kept(environment, tree, entries, found, outputs)


def _kept(
    environment: Environment,
    tree: Tree,
    entries: dict[bytes, Entry],
    found: Iterable[Project],
    outputs: Collection[bytes],
) -> tuple[Environment, Tree]:
    findings = list(tree.findings)
    renames: list[Rename] = []
    hosts = {path for path in entries if path.startswith(b"bin/")}
    for project in found:
        metadata = project.declared[0].metadata if project.declared else b""
        pointers = [item.path for item in project.pointers]
        built = rebuild.installed(metadata, pointers, entries)
        if built is not None:
            _put(built, entries)
            copied, place = built.entries, built.site
        else:
            place = _free(os.path.basename(project.root), entries)
            files = _files(project.root, environment, outputs).entries
            copied = {path: replace(entry, path=path) for entry in files for path in (place + b"/" + entry.path,)}
            entries.update(copied)
            _put(rebuild.settled([item.metadata for item in project.declared], pointers, entries), entries)
            entries.update((folder, Entry(folder, EntryKind.DIRECTORY, 0o755, 0, 0)) for folder in (FOLDER, place))
        renames += [Rename(old, b"/" + place) for old in sorted(project.spellings())]
        hosts.update(copied, pointers, _of_metadata(project, entries))
        size = sum(entry.size for entry in copied.values())
        detail = f"{os.fsdecode(project.root)} is packed as {os.fsdecode(place)}, {size} bytes"
        findings.append(Finding("editable", project.pointers[0].path, detail))
    known = {rename.old for rename in environment.renames}
    guests = tuple(rename for rename in renames if rename.old not in known)
    every = longest_first((*environment.renames, *guests))
    changed = replace(environment, renames=every, guests=guests, hosts=frozenset(hosts))
    return changed, Tree.of(entries.values(), findings)


def _put(what: rebuild.Instead, entries: dict[bytes, Entry]) -> None:
    entries.update(what.entries)
    for path in what.gone:
        del entries[path]


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
        if item.name.endswith(b".sh"):
            return os.path.realpath(item.path) in skipped or _is_artifact(item.path)
        return is_part(Path(os.fsdecode(item.path)))

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
    folders = {item.metadata for item in project.declared}
    for path in entries:
        folder, _, name = path.rpartition(b"/")
        if folder in folders or (folder.endswith(b"__pycache__") and name.startswith(names)):
            yield path


def _dropped(environment: Environment, tree: Tree, entries: Mapping[bytes, Entry], found: Iterable[Project]) -> Tree:
    """Without the pointers, without the metadata and the scripts of the projects."""
    roots = [rename.old for rename in environment.renames if not rename.new]
    gone: set[bytes] = set()
    changed: dict[bytes, Entry] = {}
    findings = list(tree.findings)
    for project in found:
        targets = {item.target for item in project.pointers}
        for pointer in project.pointers:
            rest = _without_lines(entries[pointer.path], targets) if pointer.path.endswith(b"easy-install.pth") else b""
            if rest:
                changed[pointer.path] = replace(entries[pointer.path], data=rest, size=len(rest))
            else:
                gone.add(pointer.path)
        for item in project.declared:
            record = entries.get(item.metadata + b"/RECORD")
            rows = record_rows(record.path, read_small(record), roots) if record else ()
            gone |= {row.path for row in rows} & entries.keys()
        findings.append(Finding("editable", project.pointers[0].path, f"{os.fsdecode(project.root)} is left out"))
    folders = tuple(item.metadata + b"/" for project in found for item in project.declared)
    kept = (
        changed.get(entry.path, entry)
        for entry in tree.entries
        if entry.path not in gone and not (entry.path + b"/").startswith(folders or (b"//",))
    )
    return Tree(tuple(kept), tuple(findings))


def _without_lines(entry: Entry, targets: Collection[bytes]) -> bytes:
    lines = [line for line in read_small(entry).splitlines(keepends=True) if folder_of(line) not in targets]
    return b"".join(lines)
