"""Links that lead out of a tree: kept, or followed so that what they lead to comes along in their place.

Some trees are made of such links: a view of Spack, a folder of GNU Stow, a conda environment of soft links. What is
brought along there names its old place, `/store/zlib-1.3` for the view's `lib/libz.so`: where the end of a link's
target is its own path, the rest is another name of the root.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sfxpack import outside
from sfxpack.environments.files import Collector
from sfxpack.environments.locate import SHARED_ROOTS, SYSTEM_FOLDERS, SYSTEM_ROOTS
from sfxpack.errors import DiscoveryError, naming
from sfxpack.model import Entry, Environment, Finding, Policy, Rename, longest_first
from sfxpack.tree import Tree

_MOST_LINKS: Final = 40
"""As many as Linux follows (path_resolution(7))."""


def treat(environment: Environment, tree: Tree, policy: Policy) -> tuple[Environment, Tree]:
    """Keep, follow or refuse the links that lead out of the tree.

    Raises:
        DiscoveryError: the policy is FAIL and there are some.
        UnreadableError: what a link leads to cannot be read.
    """
    if policy is Policy.KEEP:
        return environment, tree
    links = [entry for entry in tree.entries if outside.leads_out(entry, environment)]
    if policy is Policy.FAIL and links:
        named = [f"{os.fsdecode(entry.path)} -> {os.fsdecode(entry.link)}" for entry in links]
        ways = "--external keep packs them as they are, --external follow what they lead to"
        raise DiscoveryError(naming(f"these links lead out of the environment; {ways}:", named))
    return _follow(environment, tree, links) if links else (environment, tree)


@dataclass(frozen=True, slots=True)
class _Link:
    """A link that is followed."""

    entry: Entry
    target: bytes
    """Absolute, as the link's text says."""


def _follow(environment: Environment, tree: Tree, entries: Iterable[Entry]) -> tuple[Environment, Tree]:
    root = os.path.realpath(os.fsencode(environment.root))
    links = {entry.path: _Link(entry, _target(entry)) for entry in entries if _can_follow(entry, root)}
    collector = Collector()
    for link in links.values():
        _bring(link, links, collector)
    collector.check()
    known = {rename.old for rename in environment.renames}
    renames = {rename.old: rename for link in links.values() for rename in _renames(link) if rename.old not in known}
    merged = {**{entry.path: entry for entry in tree.entries}, **collector.entries}
    findings = [Finding("followed", link.entry.path, os.fsdecode(link.target)) for link in links.values()]
    every = longest_first((*environment.renames, *renames.values()))
    return replace(environment, renames=every), Tree.of(merged.values(), (*tree.findings, *findings))


def _target(entry: Entry) -> bytes:
    return os.path.normpath(os.path.join(os.path.dirname(entry.source), entry.link))


def _can_follow(entry: Entry, root: bytes) -> bool:
    """Whether there is a file or folder that is not above the tree itself."""
    if not entry.source:
        return False
    try:
        mode = os.stat(entry.source).st_mode
    except OSError:
        return False
    real = os.path.realpath(entry.source)
    return stat.S_ISREG(mode) or (stat.S_ISDIR(mode) and not (root + b"/").startswith(real.rstrip(b"/") + b"/"))


def _bring(link: _Link, links: Mapping[bytes, _Link], collector: Collector) -> None:
    """Add what a link leads to; a link there to something that comes along beside it stays one."""
    target, folder = link.target, os.path.dirname(link.entry.path)
    for _ in range(_MOST_LINKS):
        if not os.path.islink(target):
            break
        text = os.readlink(target)
        beside = links.get(posixpath.normpath(posixpath.join(folder, text)))
        target = os.path.normpath(os.path.join(os.path.dirname(target), text))
        if beside is not None and beside is not link and not os.path.isabs(text) and _same(beside.target, target):
            collector.entries[link.entry.path] = replace(link.entry, link=text)
            return
    source = os.fsdecode(os.path.realpath(link.target))
    if os.path.isdir(source):
        collector.tree(source, link.entry.path)
    else:
        collector.file(source, link.entry.path)


def _same(first: bytes, second: bytes) -> bool:
    try:
        return os.path.samefile(first, second)
    except OSError:
        return False


def _renames(link: _Link) -> Iterator[Rename]:
    """Old places that what comes along may name."""
    for target in dict.fromkeys((link.target, os.path.realpath(link.target))):
        place = target.removesuffix(b"/" + link.entry.path)
        new = b"" if place != target else b"/" + link.entry.path
        if new and not os.path.isdir(target):
            continue
        if place and place not in SYSTEM_ROOTS | SHARED_ROOTS and not (place + b"/").startswith(SYSTEM_FOLDERS):
            yield Rename(place, new)
