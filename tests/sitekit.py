"""Short ways to find, cut out, prove and render the sites of one content."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from sfxpack import neutral, reference, sites
from sfxpack.classify import HEAD, classify
from sfxpack.format.layout import EntryKind, Platform
from sfxpack.model import CondaFile, Entry, Environment, Found, Kind, Neutral, Rename

ROOT = b"/opt/env"


def environment(
    root: bytes = ROOT,
    renames: tuple[Rename, ...] = (),
    conda: Mapping[bytes, CondaFile] | None = None,
    placeholders: tuple[bytes, ...] = (),
) -> Environment:
    """An environment at `root` that nobody made."""
    every = (Rename(root, b""), *renames)
    ordered = tuple(sorted(every, key=lambda rename: -len(rename.old)))
    return Environment("prefix", Path(root.decode()), "env", ordered, conda or {}, placeholders)


def find(
    content: bytes,
    path: bytes = b"share/file",
    where: Environment | None = None,
    options: sites.Options | None = None,
) -> Found:
    """What the finders say of `content`, its kind worked out."""
    where = where or environment()
    needles = sites.needles(where)
    if not sites.may_have(content, where.conda.get(path), needles):
        return Found()
    kind = classify(path, content[:HEAD], content)
    return sites.find(path, kind, content, where, needles, options or sites.Options())


def cut(content: bytes, found: Found, root: bytes = ROOT) -> Neutral:
    """Neutral content, proved."""
    result = neutral.neutralise(content, found)
    neutral.prove(content, result, found, root)
    assert [site.start for site in found.sites] == sorted(site.start for site in found.sites)
    return result


def move(
    content: bytes,
    prefix: bytes,
    path: bytes = b"share/file",
    where: Environment | None = None,
    options: sites.Options | None = None,
) -> bytes:
    """`content` as installed at `prefix`; also checks that the old root gives back what was there."""
    where = where or environment()
    root = bytes(where.root)
    found = find(content, path, where, options)
    result = cut(content, found, root)
    if not found.edits and not any(site.renamed for site in found.sites):
        assert reference.render(result, reference.Target(root)) == content
    platform = options.platform if options else Platform.LINUX_X86_64
    return reference.render(result, reference.Target(prefix, platform))


def kind(content: bytes, path: bytes = b"share/file") -> Kind:
    """The kind of a file that is small enough to hold."""
    return classify(path, content[:HEAD], content)


def categories(found: Found) -> dict[str, int]:
    """Findings by category."""
    counts: dict[str, int] = {}
    for finding in found.findings:
        counts[finding.category] = counts.get(finding.category, 0) + finding.count
    return counts


def with_folders(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Files and links with the directories they lie in, in the order of the format."""
    files = {entry.path: entry for entry in entries}
    folders = {bytes(folder) for path in files for folder in PurePosixPath(os.fsdecode(path)).parents[:-1]}
    files.update((folder, Entry(folder, EntryKind.DIRECTORY, 0o755, 0, 0)) for folder in folders)
    return tuple(sorted(files.values(), key=lambda entry: entry.path.split(b"/")))
