"""What `--add SRC=DEST` brings into a tree: a file or folder of this machine, at a path below the prefix.

Like a project of an editable installation it is relocated with the rest: the path it has here is one more old path,
which the finders look for in its own files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from sfxpack.environments.files import Collector
from sfxpack.environments.locate import SHARED_ROOTS, SYSTEM_FOLDERS, SYSTEM_ROOTS
from sfxpack.errors import UsageError, naming
from sfxpack.format.layout import MAX_PATH, EntryKind
from sfxpack.model import MODES, Added, Entry, Environment, Rename, longest_first
from sfxpack.paths import is_below
from sfxpack.tree import OWN, Tree, list_tree, parents

_KINDS: Final = {EntryKind.DIRECTORY: "a folder", EntryKind.LINK: "a link"}


def parse(text: str) -> Added:
    """Read `SRC=DEST`; what comes after the last `=` is DEST.

    Raises:
        ValueError: it is not of that form, or DEST is no path below the prefix.
    """
    source, equals, target = text.rpartition("=")
    parts = [part for part in target.split("/") if part not in {"", "."}]
    if not equals or not source:
        raise ValueError(f"{text!r} is not SRC=DEST, a file or folder here and a path below the prefix")
    if not target:
        raise ValueError(f"{text!r} has no DEST; write {source}=. for the prefix itself")
    if target.startswith("/") or ".." in parts:
        raise ValueError(f"{target!r} is not a path below the prefix; leave out the / before it, and ..")
    if parts and os.fsencode(parts[0]) in OWN:
        raise ValueError(f"{target!r} is where sfxpack keeps its own; choose another")
    into = not parts or target.endswith(("/", "/."))
    return Added(Path(source), os.fsencode("/".join(parts)), into=into)


def share(added: Sequence[Added], names: Sequence[str]) -> list[tuple[Added, ...]]:
    """What goes into each of several environments, which lie below these names.

    Raises:
        UsageError: something would lie in none.
    """
    shares: dict[bytes, list[Added]] = {os.fsencode(name): [] for name in names}
    for item in added:
        name, _, rest = item.target.partition(b"/")
        if name not in shares:
            raise UsageError(f"--add {item}: DEST must begin with the name of an environment: {', '.join(names)}")
        if rest.partition(b"/")[0] in OWN:
            raise UsageError(f"--add {item}: DEST is where sfxpack keeps its own; choose another")
        shares[name].append(replace(item, target=rest, into=item.into or not rest))
    return [tuple(found) for found in shares.values()]


def treat(
    environment: Environment, tree: Tree, added: Sequence[Added], outputs: Sequence[bytes]
) -> tuple[Environment, Tree]:
    """Add what was asked for.

    `outputs`: artifacts of this build, which may lie in an added folder.

    Raises:
        UsageError: there is nothing to add, or its place is taken.
        UnreadableError: files cannot be read.
    """
    if not added:
        return environment, tree
    entries = {entry.path: entry for entry in tree.entries}
    owners: dict[bytes, Added] = {}
    findings, renames, warnings = list(tree.findings), list[Rename](), list(environment.warnings)
    for item in added:
        target, part = _read(item, environment, outputs)
        _put(item, target, part.entries, entries, owners)
        findings += part.findings
        renames += _renames(item.source, target)
        if is_below(os.path.realpath(os.fsencode(environment.root)), os.path.realpath(os.fsencode(item.source))):
            warnings.append(f"--add {item}: the environment lies in that folder, and is not added to itself")
    known = {rename.old for rename in environment.renames}
    guests = {rename.old: rename for rename in reversed(renames) if rename.old not in known}.values()
    paths = {item.target: frozenset[bytes]() for item in added}
    for item in dict.fromkeys(added):
        paths[item.target] |= {path for path, owner in owners.items() if owner is item}
    changed = replace(
        environment,
        renames=longest_first((*environment.renames, *guests)),
        guests=(*environment.guests, *guests),
        hosts=frozenset((*environment.hosts, *owners)),
        added=paths,
        warnings=tuple(warnings),
    )
    return changed, Tree.of(entries.values(), findings)


def _read(item: Added, environment: Environment, outputs: Sequence[bytes]) -> tuple[bytes, Tree]:
    """Where it goes, and its entries there."""
    try:
        mode = item.source.stat().st_mode
    except OSError as error:
        raise UsageError(f"--add {item}: {item.source}: {error.strerror}") from error
    if stat.S_ISREG(mode):
        name = os.fsencode(item.source.name)
        target = (item.target + b"/" + name).lstrip(b"/") if item.into else item.target
        collector = Collector()
        collector.file(str(item.source), target)
        collector.check()
        return target, Tree(tuple(collector.entries.values()), ())
    if not stat.S_ISDIR(mode):
        raise UsageError(f"--add {item}: {item.source}: is neither a file nor a folder")
    own = os.path.realpath(os.fsencode(environment.root))
    source = item.source.resolve()
    if os.fsencode(source) == own:
        raise UsageError(f"--add {item}: {item.source}: is the environment itself; add something else")
    found = list_tree(Environment("prefix", source, "", ()), (own, *outputs))
    below = item.target + b"/" if item.target else b""
    moved = [replace(entry, path=below + entry.path) for entry in found.entries]
    if item.target:
        status = source.stat()
        mode = stat.S_IMODE(status.st_mode) & MODES
        moved.append(Entry(item.target, EntryKind.DIRECTORY, mode, 0, status.st_mtime_ns, os.fsencode(source)))
    return item.target, Tree(tuple(moved), tuple(replace(one, path=below + one.path) for one in found.findings))


def _put(
    item: Added, target: bytes, new: Iterable[Entry], entries: dict[bytes, Entry], owners: dict[bytes, Added]
) -> None:
    """Merge folders; nothing else may be there."""
    taken: list[str] = []
    new = tuple(new)
    for entry in (*(parent for one in new if one.path == target for parent in parents(one)), *new):
        other = entries.get(entry.path)
        both_folders = other is not None and other.kind is entry.kind is EntryKind.DIRECTORY
        if other is not None and not both_folders:
            taken.append(_taken(entry, other, owners))
        elif len(entry.path) > MAX_PATH:
            taken.append(f"{os.fsdecode(entry.path)}: longer than {MAX_PATH} bytes")
        elif other is None:
            entries[entry.path] = entry
            owners[entry.path] = item
    if taken:
        text = "cannot be added, as it would replace what is there or lie in no folder; choose another DEST:"
        raise UsageError(naming(f"--add {item}: {text}", taken))


def _taken(entry: Entry, other: Entry, owners: Mapping[bytes, Added]) -> str:
    owner = owners.get(entry.path)
    whose = f"of --add {owner}" if owner else "of the environment"
    kind = _KINDS.get(other.kind, "a file")
    if other.kind is EntryKind.LINK:
        kind += f" to {os.fsdecode(other.link)}"
    return f"{os.fsdecode(entry.path)}: is {kind} {whose}"


def _renames(source: Path, target: bytes) -> Iterator[Rename]:
    """The paths it has here, but for those of the system, which are also other things."""
    for path in dict.fromkeys((os.path.abspath(source), os.path.realpath(source))):
        old = os.fsencode(path)
        if old not in SYSTEM_ROOTS | SHARED_ROOTS and not (old + b"/").startswith(SYSTEM_FOLDERS):
            yield Rename(old, b"/" + target if target else b"")
