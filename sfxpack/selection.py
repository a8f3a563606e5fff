"""What of a tree goes in: filters with the meaning and order of gitignore (git-check-ignore(1)), and ready-made ones.

Unlike git, a rule of the user's wins back what a preset leaves out, also below a directory.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sfxpack import gitignore, slim
from sfxpack.entries import read
from sfxpack.errors import UsageError
from sfxpack.format.layout import EntryKind
from sfxpack.model import ONE_NAME, Entry, Environment, Pyc, Saving
from sfxpack.names import MISSING, Names
from sfxpack.paths import above
from sfxpack.records import pyc_source
from sfxpack.request import Request
from sfxpack.rows import OUTSIDE
from sfxpack.tree import Tree

PRESETS: Final[Mapping[str, tuple[str, ...]]] = {
    "tests": (
        "/lib/python*/test/",
        "/lib/python*/*/test/",
        "/lib/python*/*/tests/",
        "/lib/python*/idlelib/idle_test/",
        "/base-python*/lib/python*/test/",
        "/base-python*/lib/python*/*/test/",
        "/base-python*/lib/python*/*/tests/",
        "/base-python*/lib/python*/idlelib/idle_test/",
        "/lib/python*/site-packages/**/test/",
        "/lib/python*/site-packages/**/tests/",
    ),
    "static": ("*.a", "*.la"),
    "headers": ("/include/", "/base-python*/include/", "*.h", "*.hh", "*.hpp", "*.hxx", "*.cuh", "*.inl", "*.pxd"),
    "docs": (
        *("/share/man/", "/share/doc/", "/share/info/", "/share/gtk-doc/", "/share/devhelp/"),
        *("/man/", "/doc/", "/docs/"),
        *("!LICENSE*", "!LICENCE*", "!COPYING*", "!NOTICE*", "!copyright"),
    ),
    "pyc": ("*.pyc", "*.pyo"),
    "maps": ("*.js.map", "*.mjs.map", "*.css.map", "*.d.ts.map"),
    "conda-cache": ("/pkgs/", "/conda-bld/", "/.condatmp/", "/.trash/", "*.c~", "*.conda_trash*"),
}
"""Lines of gitignore by name; `_needed` says what of them stays all the same."""
_TESTS: Final = re.compile(rb"(?:.*/)?site-packages/([^/]+)/(?:.*/)?tests?(?:/.*)?")
_MODULE: Final = re.compile(rb"((?:.*/)?site-packages/[^/]+)/.*\.py")
_IMPORTS_TESTS: Final = re.compile(
    rb"^[ \t]*(?:from[ \t]+[\w.]*\btests?\b[\w.]*[ \t]+import|import[ \t]+[\w.]*\.tests?\b"
    rb"|from[ \t]+[\w.]+[ \t]+import[ \t]*(?:\((?:[^)]*[,\s])?|(?:[^#\n(]*,)?[ \t]*)tests?\b)",
    re.MULTILINE,
)
_MOST_READ: Final = 4 << 20
"""Bytes of a module that is searched for imports; no hand writes a longer one."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A tree as far as it goes in."""

    tree: Tree
    filters: tuple[tuple[str, ...], ...] = ()
    """Lines of gitignore for what is left out: of every earlier packing of the tree, then of this one."""
    savings: tuple[Saving, ...] = ()
    unused: tuple[str, ...] = ()
    """Rules of the user's that nothing matches."""


def select(environment: Environment, tree: Tree, request: Request) -> Selection:
    """Leave out what the request does not want.

    Raises:
        UsageError: a rule is no pattern.
    """
    presets = dict.fromkeys((*request.slim, *(("pyc",) if request.pyc is not Pyc.KEEP else ())))
    before = _earlier(environment.root)
    base = slim.rules(environment, tree.entries) if request.slim_base else ()
    if not presets and not request.rules and not base:
        return Selection(tree, before)
    lines = [(f"--slim {name}", line) for name in presets for line in PRESETS[name]]
    lines += base
    first_own = len(lines)
    lines += [(_typed(line), line) for line in request.rules if gitignore.parse(os.fsencode(line))]
    names = Names({entry.path: entry for entry in tree.entries}, {}, environment.renames)
    rules = _parsed(line for _, line in lines)
    decided = _decide(names, rules, first_own)
    needed = frozenset(_needed(names, {path for path, at in decided.items() if at < first_own}))
    gone = {path: lines[at][0] for path, at in decided.items() if path not in needed}
    _settle_directories(tree.entries, gone)
    if base:
        gone.update(dict.fromkeys(slim.unneeded(names.entries, gone), slim.LIBRARIES))
    links = tuple(_pointless(names, gone))
    gone.update(dict.fromkeys(links, ""))
    _settle_directories(tree.entries, gone)
    unused = tuple(
        label for (label, _), rule in zip(lines[first_own:], rules[first_own:], strict=True) if _is_unused(rule, names)
    )
    used = (line for label, line in lines if label not in unused)
    return Selection(
        replace(tree, entries=tuple(entry for entry in tree.entries if entry.path not in gone)),
        (*before, (*used, *(os.fsdecode(gitignore.line_of(path)) for path in links))),
        tuple(_savings(names, gone, (label for label, line in lines if not line.startswith("!")))),
        tuple(dict.fromkeys(unused)),
    )


def is_left_out(selection: Selection) -> Callable[[bytes], bool]:
    """Whether a path that is not there was left out on purpose, now or when the tree was packed before.

    Records of packages still list such paths.
    """
    filters = [_parsed(lines) for lines in selection.filters]
    return lambda path: any(gitignore.excluded(rules, path) for rules in filters)


def _earlier(root: Path) -> tuple[tuple[str, ...], ...]:
    """The filters that the tree at `root` was packed with, if sfxpack installed it, alone or among others."""
    for folder, name in ((root, ""), (root.parent, root.name)):
        try:
            report = json.loads((folder / ".sfxpack" / "report.json").read_bytes())
            filters = tuple(tuple(map(str, lines)) for lines in report["filters"][name])
            for lines in filters:
                _parsed(lines)
        except (OSError, ValueError, LookupError, TypeError, UsageError):
            continue
        return filters
    return ()


def _typed(line: str) -> str:
    return f"--include {line[1:]}" if line.startswith("!") else f"--exclude {line}"


def _parsed(lines: Iterable[str]) -> list[gitignore.Rule]:
    return [rule for line in lines if (rule := gitignore.parse(os.fsencode(line)))]


def _decide(names: Names, rules: Sequence[gitignore.Rule], first_own: int) -> dict[bytes, int]:
    """Path -> the rule that leaves it out: the last that matches, or the one that took its directory.

    As in git nothing wins back what lies below a directory that a rule of the user's takes.
    """
    found: dict[bytes, int] = {}
    order = tuple(enumerate(rules))[::-1]
    for path, entry in names.entries.items():
        above = found.get(path.rpartition(b"/")[0], -1)
        if above < first_own:
            directory = entry.kind is EntryKind.DIRECTORY
            own = next((at for at, rule in order if rule.matches(path, directory=directory)), -1)
            if own >= 0:
                above = -1 if rules[own].wins_back else own
        if above >= 0:
            found[path] = above
    return found


def _needed(names: Names, gone: set[bytes]) -> Iterator[bytes]:
    """What presets would take but the rest does not work without.

    Compiled code without its source; the tests of a package whose other modules import them.
    """
    tests: dict[bytes, list[bytes]] = {}
    for path in gone:
        if path.endswith((b".pyc", b".pyo")):
            beside = path[:-1]
            if (pyc_source(path) or beside) not in names.entries:
                yield path
        elif match := _TESTS.fullmatch(path):
            tests.setdefault(path[: match.end(1)], []).append(path)
    modules: dict[bytes, list[Entry]] = {package: [] for package in tests}
    for path, entry in names.entries.items() if tests else ():
        match = _MODULE.fullmatch(path)
        if match and match[1] in modules and not _TESTS.fullmatch(path):
            modules[match[1]].append(entry)
    for package, paths in tests.items():
        if any(map(_imports_tests, modules[package])):
            yield from paths


def _imports_tests(entry: Entry) -> bool:
    if entry.kind is not EntryKind.FILE or entry.size > _MOST_READ:
        return False
    return _IMPORTS_TESTS.search(read(entry)) is not None


def _settle_directories(entries: Iterable[Entry], gone: dict[bytes, str]) -> None:
    """Directories of which nothing is left go; those of which something is stay, whatever took them."""
    full = above(entry.path for entry in entries)
    left = above(entry.path for entry in entries if entry.path not in gone and entry.path not in full)
    for path in full:
        if path in left:
            gone.pop(path, None)
        else:
            gone.setdefault(path, "")


def _is_unused(rule: gitignore.Rule, names: Names) -> bool:
    entries = names.entries.items()
    return not any(rule.matches(path, directory=entry.kind is EntryKind.DIRECTORY) for path, entry in entries)


def _pointless(names: Names, gone: Collection[bytes]) -> Iterator[bytes]:
    """Links that led to something that is left out."""
    left = Names({path: entry for path, entry in names.entries.items() if path not in gone}, {}, names.renames)
    for path, entry in left.entries.items():
        leads_nowhere = entry.kind is EntryKind.LINK and left.resolve(path) == MISSING
        if leads_nowhere and names.resolve(path) not in (MISSING, OUTSIDE):
            yield path


def _savings(names: Names, gone: Mapping[bytes, str], labels: Iterable[str]) -> Iterator[Saving]:
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    counted = {entry.inode for path, entry in names.entries.items() if path not in gone} - {ONE_NAME}
    for path, label in gone.items():
        entry = names.entries[path]
        if entry.kind is not EntryKind.DIRECTORY:
            files[label] += 1
            sizes[label] += 0 if entry.inode in counted else entry.size
            counted |= {entry.inode} - {ONE_NAME}
    for label in dict.fromkeys((*labels, *filter(None, files))):
        if files[label] or not label.startswith("--slim-base"):
            yield Saving(label, files[label], sizes[label])
    if files[""]:
        yield Saving("links to what is left out", files[""], sizes[""])
