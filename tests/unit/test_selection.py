"""What filters leave out, against git as an oracle that shares no code with us."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sfxpack.errors import UsageError
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Environment, Pyc, Rename
from sfxpack.request import Request
from sfxpack.selection import PRESETS, Selection, is_left_out, select
from sfxpack.tree import Tree

ROOT = b"/opt/env"
SITE = b"lib/python3.11/site-packages/"
LIBRARY = b"lib/python3.11/"


def tree(*paths: bytes, **contents: bytes) -> Tree:
    """Files with the folders they need; `a/b -> text` is a link, `a/` an empty folder."""
    entries: dict[bytes, Entry] = {}
    for text in (*paths, *(os.fsencode(name) for name in contents)):
        path, _, link = text.partition(b" -> ")
        parent = path.rstrip(b"/").rpartition(b"/")[0]
        while parent:
            entries[parent] = Entry(parent, EntryKind.DIRECTORY, 0o755, 0, 0)
            parent = parent.rpartition(b"/")[0]
        if path.endswith(b"/"):
            entries[path[:-1]] = Entry(path[:-1], EntryKind.DIRECTORY, 0o755, 0, 0)
        elif link:
            entries[path] = Entry(path, EntryKind.LINK, 0, 0, 0, link=link)
        else:
            data = contents.get(os.fsdecode(path), b"x" * 10)
            entries[path] = Entry(path, EntryKind.FILE, 0o644, len(data), 0, data=data)
    return Tree(tuple(sorted(entries.values(), key=lambda entry: entry.path.split(b"/"))), ())


def chosen(
    listed: Tree, *rules: str, slim: tuple[str, ...] = (), pyc: Pyc = Pyc.KEEP, root: Path | None = None
) -> Selection:
    environment = Environment("prefix", root or Path(os.fsdecode(ROOT)), "env", (Rename(ROOT, b""),))
    return select(environment, listed, Request(None, rules=rules, slim=slim, pyc=pyc))


def left_out(listed: Tree, *rules: str, **options: object) -> list[bytes]:
    selection = chosen(listed, *rules, **options)  # type: ignore[arg-type] # options of `chosen`
    kept = {entry.path for entry in selection.tree.entries}
    return sorted(entry.path for entry in listed.entries if entry.path not in kept)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (("*.log",), [b"a.log", b"d/b.log", b"d/keep.log"]),
        (("*.log", "!keep.log"), [b"a.log", b"d/b.log"]),
        (("!keep.log", "*.log"), [b"a.log", b"d/b.log", b"d/keep.log"]),
        (("/a.log",), [b"a.log"]),
        (("d/", "!d/keep.log"), [b"d", b"d/b.log", b"d/e", b"d/e/f.txt", b"d/keep.log"]),
        (("d/*", "!d/keep.log"), [b"d/b.log", b"d/e", b"d/e/f.txt"]),
        (("**/f.txt",), [b"d/e", b"d/e/f.txt"]),
        (("nothing",), []),
        (("empty/",), [b"empty"]),
        ((r"\!odd",), [b"!odd"]),
        (("[ab].log",), [b"a.log", b"d/b.log"]),
        (("\udcff*",), [b"\xffbyte"]),
    ],
)
def test_rules_in_their_order(rules: tuple[str, ...], expected: list[bytes]) -> None:
    listed = tree(b"a.log", b"d/b.log", b"d/keep.log", b"d/e/f.txt", b"empty/", b"!odd", b"\xffbyte")
    assert left_out(listed, *rules) == expected


NAMES = st.sampled_from(["a", "b", "c.x", "d.x"])
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=8, unique=True)
PATTERNS = st.lists(
    st.tuples(
        st.sampled_from(["", "!"]),
        st.sampled_from(["", "/", "**/"]),
        st.lists(
            st.sampled_from(
                ["a", "b", "*.x", "*", "?", "[ab]", "[!a]", "[]a-b]", "[[:alpha:]]", r"\a", "a*", "**", "***"]
            ),
            min_size=1,
            max_size=3,
        ).map("/".join),
        st.sampled_from(["", "/", " ", "\t", "//"]),
    ).map("".join),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], str]) -> Path:
    folder = tmp_path_factory.mktemp("git")
    subprocess.run([require("git"), "init", "-q"], cwd=folder, check=True)
    return folder


@settings(max_examples=200, deadline=None)
@given(paths=PATHS, patterns=PATTERNS)
@example(paths=["a/a"], patterns=["a", "!/**"])
def test_git_decides_the_same(paths: list[str], patterns: list[str], repository: Path) -> None:
    """Of files; git does not know of empty folders."""
    folders = {"/".join(path.split("/")[:count]) for path in paths for count in range(1, path.count("/") + 1)}
    files = [path for path in paths if path not in folders]
    for earlier in repository.iterdir():
        if earlier.is_file():
            earlier.unlink()
        elif earlier.name != ".git":
            shutil.rmtree(earlier)
    (repository / ".git/info/exclude").write_text("\n".join(patterns) + "\n")
    for path in files:
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).touch()
    command = ["git", "ls-files", "-z", "--others", "--ignored", "--exclude-standard"]
    ignored = subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True).stdout.split("\0")
    listed = tree(*(path.encode() for path in files))
    gone = left_out(listed, *patterns)
    assert sorted(path for path in files if path.encode() in gone) == sorted(filter(None, ignored))


def test_links_that_led_to_what_is_left_out_go_too() -> None:
    links = [
        b"f",
        b"d/x -> y",
        b"d/y",
        b"l -> d/x",
        b"m -> l",
        b"abs -> /opt/env/d/y",
        b"gone -> nowhere",
        b"out -> /etc",
    ]
    assert left_out(tree(*links), "/d/y") == [b"abs", b"d", b"d/x", b"d/y", b"l", b"m"]
    selection = chosen(tree(*links), "/d/y")
    savings = [(saving.rule, saving.files) for saving in selection.savings]
    assert savings == [("--exclude /d/y", 1), ("links to what is left out", 4)]
    told = is_left_out(selection)
    assert [told(path) for path in (b"d/y", b"m", b"d/x/l", b"f", b"gone", b"x/m")] == [True, True, True] + [False] * 3


def test_a_link_of_any_name_is_remembered() -> None:
    name = b"[a] *?\\ \xff\n\r "
    told = is_left_out(chosen(tree(name + b" -> f", b"f"), "/f"))
    assert told(name)
    assert not told(b"a" + name[3:])


def test_bytes_of_a_file_with_several_names_are_saved_with_the_last_one() -> None:
    listed = tree(b"a/x", b"b/x", b"c/x")
    linked = tuple(replace(entry, inode=(1, 2)) if entry.path.endswith(b"/x") else entry for entry in listed.entries)
    two, three = (chosen(replace(listed, entries=linked), *rules) for rules in (("/a", "/b"), ("/a", "/b", "/c")))
    assert [(saving.files, saving.size) for saving in two.savings] == [(1, 0), (1, 0)]
    assert sum(saving.size for saving in three.savings) == 10


def test_presets_save_what_they_name_and_own_rules_come_after_them() -> None:
    listed = tree(
        b"include/x.h", b"lib/libx.a", b"lib/libx.so", b"share/doc/x/README", b"share/doc/x/LICENSE", b"bin/x"
    )
    selection = chosen(listed, "!/include/x.h", slim=("headers", "static", "docs"))
    assert [entry.path for entry in selection.tree.entries if entry.kind is EntryKind.FILE] == [
        b"bin/x",
        b"include/x.h",
        b"lib/libx.so",
        b"share/doc/x/LICENSE",
    ]
    assert [(s.rule, s.files, s.size) for s in selection.savings] == [
        ("--slim headers", 0, 0),
        ("--slim static", 1, 10),
        ("--slim docs", 1, 10),
    ]


def test_compiled_python_goes_only_where_its_source_is() -> None:
    listed = tree(b"a/m.py", b"a/__pycache__/m.cpython-311.pyc", b"a/__pycache__/gone.cpython-311.pyc", b"a/legacy.pyc")
    assert left_out(listed, pyc=Pyc.DROP) == [b"a/__pycache__/m.cpython-311.pyc"]
    assert left_out(listed, slim=("pyc",)) == [b"a/__pycache__/m.cpython-311.pyc"]


def test_tests_go_unless_their_package_imports_them() -> None:
    library, site = os.fsdecode(LIBRARY), os.fsdecode(SITE)
    contents = {
        f"{site}plain/__init__.py": b"from plain.testing import x\n# import tests\nlatest = tests = 1\n",
        f"{site}plain/tests/test_x.py": b"from plain.tests import common\n",
        f"{site}plain/sub/test/y.py": b"",
        f"{site}needy/__init__.py": b"import os\nfrom .tests.runner import Runner\n",
        f"{site}needy/tests/runner.py": b"",
        f"{site}other/core.py": b"    import other.tests\n",
        f"{site}other/tests/__init__.py": b"",
        f"{site}third/core.py": b"from . import (a, tests)\n",
        f"{site}third/tests/__init__.py": b"",
        f"{site}fourth/core.py": b"from fourth import (\n    a,\n    tests,\n)\n",
        f"{site}fourth/tests/__init__.py": b"",
        f"{site}fifth/core.py": b"from fifth import (a, latest)\ntests = (tests)\n",
        f"{site}fifth/tests/__init__.py": b"",
        f"{site}numpy/testing/__init__.py": b"",
        f"{library}test/support.py": b"",
        f"{library}sqlite3/test/x.py": b"",
        f"{library}unittest/case.py": b"",
        f"base-python/{library}ctypes/test/x.py": b"",
        f"base-python/{library}ctypes/util.py": b"",
    }
    gone = {path for path in left_out(tree(**contents), slim=("tests",)) if path.endswith(b".py")}
    assert gone == {
        SITE + b"plain/tests/test_x.py",
        SITE + b"plain/sub/test/y.py",
        SITE + b"fifth/tests/__init__.py",
        LIBRARY + b"test/support.py",
        LIBRARY + b"sqlite3/test/x.py",
        b"base-python/" + LIBRARY + b"ctypes/test/x.py",
    }


def test_what_is_no_pattern_and_what_matches_nothing() -> None:
    with pytest.raises(UsageError, match="is no pattern"):
        chosen(tree(b"a"), "!")
    selection = chosen(tree(b"a", b"d/e"), "b", "!c", "/d/e", "d", "#b", slim=("maps",))
    assert selection.unused == ("--exclude b", "--include c")
    assert selection.filters == ((*PRESETS["maps"], "/d/e", "d"),)


def test_filters_of_earlier_packings_are_kept(tmp_path: Path) -> None:
    assert chosen(tree(b"a"), root=tmp_path).filters == ()
    report = tmp_path / ".sfxpack/report.json"
    report.parent.mkdir()
    for text in ("{", "[]", '{"filters": 3}', '{"filters": {"": 3}}', '{"filters": {"": [["!"]]}}'):
        report.write_text(text)
        assert chosen(tree(b"a"), root=tmp_path).filters == ()
    report.write_text(json.dumps({"filters": {"": [["*.txt", "!b.txt"], ["*.md"]], "part": [["c"]]}}))
    told = is_left_out(chosen(tree(b"x.md", b"x.o"), "!*.md", "*.o", root=tmp_path))
    assert [told(path) for path in (b"a.txt", b"b.txt", b"d/a.md", b"y.o", b"c")] == [True, False, True, True, False]
    assert chosen(tree(b"a"), root=tmp_path / "part").filters == (("c",),)


def test_every_preset_is_a_list_of_patterns() -> None:
    assert left_out(tree(b"a"), slim=tuple(PRESETS)) == []
