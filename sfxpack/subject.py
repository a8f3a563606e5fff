"""What a request means: environments that were found, with their trees listed and what goes in decided."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sfxpack import adding, editable, external, requirements, resources, sites, slim
from sfxpack.environments import discover, windows
from sfxpack.environments.spelling import product_name
from sfxpack.errors import UsageError
from sfxpack.format.layout import EntryKind, Platform
from sfxpack.format.parts import parts_beside
from sfxpack.model import Addition, Entry, Environment, Policy, Site
from sfxpack.request import Request
from sfxpack.selection import Selection, select
from sfxpack.tree import Tree, list_tree


@dataclass(frozen=True, slots=True)
class Subject:
    """An environment that was found, with its tree listed."""

    environment: Environment
    name: str
    """Of the product."""
    platform: Platform
    output: Path
    """The artifact of a build."""
    selection: Selection
    options: sites.Options
    secrets: Policy = Policy.DROP
    """What becomes of passwords, tokens and keys."""
    mount: bytes = b""
    """Directory below the prefix that is its own prefix, where an artifact holds several environments."""

    @property
    def tree(self) -> Tree:
        """What goes in."""
        return self.selection.tree

    def place(self, path: bytes) -> bytes:
        """A path below the environment's root, as seen from the artifact's prefix."""
        return self.mount + b"/" + path if self.mount else path

    def placed(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Entries of the tree as seen from the artifact's prefix."""
        if not self.mount:
            yield from entries
            return
        yield Entry(self.mount, EntryKind.DIRECTORY, 0o755, 0, 0)
        yield from (replace(entry, path=self.place(entry.path)) for entry in entries)

    def additions(self) -> tuple[Addition, ...]:
        """What `--add` brought along, after filters."""
        files = [entry for entry in self.tree.entries if entry.kind is not EntryKind.DIRECTORY]
        return tuple(
            Addition(self.place(target) if target else self.mount, len(own), sum(entry.size for entry in own))
            for target, paths in self.environment.added.items()
            for own in ([entry for entry in files if entry.path in paths],)
        )

    def links(self) -> dict[bytes, tuple[bytes, tuple[Site, ...]]]:
        """Symbolic links by path: neutral text and sites."""
        entries = self.tree.entries
        directories = frozenset(entry.path for entry in entries if entry.kind is EntryKind.DIRECTORY)
        return {
            entry.path: sites.find_link(entry, self.environment, directories)
            for entry in entries
            if entry.kind is EntryKind.LINK
        }


def subjects(request: Request) -> tuple[Subject, ...]:
    """Find the environments a request means and list their trees, without the artifact of the request.

    Raises:
        SfxpackError: one of its subclasses.
    """
    requests = each(request)
    found = [discover(one) for _, one in requests]
    names = [given or environment.name for (given, _), environment in zip(requests, found, strict=True)]
    name = request.name or "-".join(names)
    if len(found) == 1:
        return (_subject(request, found[0], name, b""),)
    shares = adding.share(request.added, names)
    folded = [other.casefold() for other in names]
    for environment, other in zip(found, names, strict=True):
        if folded.count(other.casefold()) > 1:
            raise UsageError(f"{environment.root}: another environment would lie below {other!r} too; write NAME=PATH")
    parts = tuple(
        _subject(replace(request, added=own), environment, name, os.fsencode(mount))
        for environment, mount, own in zip(found, names, shares, strict=True)
    )
    for part in parts:
        if part.platform is not parts[0].platform:
            first, other = parts[0].platform.label, part.platform.label
            raise UsageError(f"{part.environment.root}: is for {other}, but others are for {first}; build one of each")
    return parts


def each(request: Request) -> tuple[tuple[str, Request], ...]:
    """A request for every environment alone, with the name that was given for it, or an empty one."""
    if not request.more:
        return (("", request),)
    found = []
    for given in (request.environment or "", *request.more):
        name, equals, rest = given.partition("=")
        named = equals and name and "/" not in name and not os.path.lexists(given)
        alone = replace(request, environment=rest if named else given, more=())
        found.append((product_name(Path("/", name)) if named else "", alone))
    return tuple(found)


def _subject(request: Request, environment: Environment, name: str, mount: bytes) -> Subject:
    outputs = {platform: request.output or _output(name, request.release, platform) for platform in Platform}
    written = tuple(
        os.fsencode(path)
        for first in {path.absolute() for path in outputs.values()}
        for path in (first, *parts_beside(first))
    )
    tree = list_tree(environment, written)
    environment, tree = editable.treat(environment, tree, request.editable, written)
    environment, tree = adding.treat(environment, tree, request.added, written)
    environment, tree = external.treat(environment, tree, request.external)
    selection = select(environment, tree, request)
    if request.slim_base and not any(saving.rule.startswith("--slim-base") for saving in selection.savings):
        environment = replace(environment, warnings=(*environment.warnings, slim.NOTHING))
    tree = selection.tree
    platform = _platform(request, tree.entries)
    if platform.system == "windows":
        environment = windows.settle(environment)
    options = sites.Options(
        ambiguous=request.ambiguous,
        limit_strict=request.limit_strict,
        binary_padding=request.binary_padding,
        platform=platform,
        aliases=sites.aliases(tree.entries, environment),
    )
    return Subject(environment, name, platform, outputs[platform], selection, options, request.secrets, mount)


def _platform(request: Request, entries: tuple[Entry, ...]) -> Platform:
    found = requirements.platforms(entries)
    named = " and ".join(f"{platform.label} ({os.fsdecode(path)})" for platform, path in found.items())
    if request.platform and found and request.platform not in found:
        raise UsageError(f"--platform {request.platform.label}: the environment's programs are for {named}")
    if len(found) > 1 and not request.platform:
        raise UsageError(f"the environment's programs are for {named}: say with --platform which of them it is for")
    platform = request.platform or next(iter(found), None) or Platform.parse(resources.host_platform())
    if platform.system == "macos":
        raise UsageError(f"{platform.label}: this version packs environments for Linux and Windows")
    return platform


def _output(name: str, release: str, platform: Platform) -> Path:
    suffix = ".exe" if platform.system == "windows" else ".sh"
    return Path("-".join(part for part in (name, release, platform.label) if part) + suffix)
