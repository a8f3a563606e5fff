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

from sfxpack import gitignore
from sfxpack.errors import UsageError
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Environment, Pyc, Request, Saving
from sfxpack.names import MISSING, Names
from sfxpack.records import pyc_source
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
        *(
            "/share/man/",
            "/share/doc/",
            "/share/info/",
            "/share/gtk-doc/",
            "/share/devhelp/",
            "/man/",
            "/doc/",
            "/docs/",
        ),
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
    rb"|from[ \t]+\.*[\w.]*[ \t]+import[ \t(]+(?:[^#\n]*,[ \t]*)?tests?\b)",
    re.MULTILINE,
)
_MOST_READ: Final = 4 << 20
"""Bytes of a module that is searched for imports; no hand writes a longer one."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A tree as far as it goes in."""

    tree: Tree
    left_out: frozenset[bytes] = frozenset()
    """Paths of all kinds."""
    savings: tuple[Saving, ...] = ()
    lines: tuple[str, ...] = ()
    """All rules, as lines of gitignore."""

    @property
    def unused(self) -> tuple[str, ...]:
        """Rules of the user's that nothing matches."""
        return tuple(saving.rule for saving in self.savings if not saving.files and "--exclude" in saving.rule)


def select(environment: Environment, tree: Tree, request: Request) -> Selection:
    """Leave out what the request does not want.

    Raises:
        UsageError: a rule is no pattern.
    """
    presets = dict.fromkeys((*request.slim, *(("pyc",) if request.pyc is not Pyc.KEEP else ())))
    if not presets and not request.rules:
        return Selection(tree, savings=environment.savings)
    lines = [(f"--slim {name}", line) for name in presets for line in PRESETS[name]]
    first_own = len(lines)
    lines += [(_typed(line), line) for line in request.rules if gitignore.parse(os.fsencode(line))]
    names = Names({entry.path: entry for entry in tree.entries}, {}, environment.renames)
    decided = _decide(names, _parsed(line for _, line in lines), first_own)
    needed = frozenset(_needed(names, {path for path, at in decided.items() if at < first_own}))
    gone = {path: lines[at][0] for path, at in decided.items() if path not in needed}
    _settle_directories(tree.entries, gone)
    gone.update(dict.fromkeys(_pointless(names, gone), ""))
    _settle_directories(tree.entries, gone)
    return Selection(
        replace(tree, entries=tuple(entry for entry in tree.entries if entry.path not in gone)),
        frozenset(gone),
        (*environment.savings, *_savings(names, gone, dict.fromkeys(line[0] for line in lines if line[1][0] != "!"))),
        tuple(line for _, line in lines),
    )


def earlier(root: Path) -> Callable[[bytes], bool]:
    """Whether a path was left out of the installation at `root`, by the rules that sfxpack packed it with.

    Its records still list what is not there.
    """
    try:
        report = json.loads((root / ".sfxpack" / "report.json").read_bytes())
        rules = _parsed(str(line) for line in report["filters"])
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        return lambda _: False
    return lambda path: gitignore.excluded(rules, path)


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
    try:
        content = entry.data if entry.data is not None else Path(os.fsdecode(entry.source)).read_bytes()
    except OSError:
        return True
    return _IMPORTS_TESTS.search(content) is not None


def _settle_directories(entries: Iterable[Entry], gone: dict[bytes, str]) -> None:
    """Directories of which nothing is left go; those of which something is stay, whatever took them."""
    full = _parents(entry.path for entry in entries)
    left = _parents(entry.path for entry in entries if entry.path not in gone and entry.path not in full)
    for path in full:
        if path in left:
            gone.pop(path, None)
        else:
            gone.setdefault(path, "")


def _parents(paths: Iterable[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for path in paths:
        parent = path.rpartition(b"/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition(b"/")[0]
    return found


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
    for path, label in gone.items():
        entry = names.entries[path]
        if entry.kind is not EntryKind.DIRECTORY:
            files[label] += 1
            sizes[label] += entry.size
    yield from (Saving(label, files[label], sizes[label]) for label in labels)
    if files[""]:
        yield Saving("links to what is left out", files[""], sizes[""])
