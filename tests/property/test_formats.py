"""Finders and stub together against replacing in what each format says: decoded by other means, with other code."""

from __future__ import annotations

import io
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, normpath
from typing import Any

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sfxpack import neutral, sites
from sfxpack.classify import HEAD, classify
from tests.property.strategies import SETTINGS, tidy_prefixes
from tests.relocator import Relocator
from tests.sitekit import environment
from tests.unit.test_sites_elf import elf
from tests.unit.test_sites_pyc import interpreters

FEW = settings(SETTINGS, max_examples=60)
PATHS = ["@", "@/bin", "@/lib/x.y", "a:@:@/b", "-L@/lib -I@/include", "see @.", "x"]
"""Strings with the prefix for `@`."""


def move(stub_says: Relocator, path: bytes, content: bytes, root: bytes, new: bytes) -> bytes:
    """What a build makes of a file and the stub of that; `neutral.prove` and the way back are asked on the way."""
    where = environment(root)
    found = sites.find(
        path, classify(path, content[:HEAD], content), content, where, sites.needles(where), sites.Options()
    )
    result = neutral.neutralise(content, found)
    neutral.prove(content, result, found, root)
    moved = stub_says.render(result, new)
    assert stub_says.neutralise(result, new, moved) == result.content
    return moved


def pairs(data: st.DataObject, *, shorter: bool = False) -> tuple[bytes, bytes]:
    """An old and a new prefix; paths in binaries cannot grow."""
    root = data.draw(tidy_prefixes())
    new = data.draw(tidy_prefixes())
    assume(len(root) > 2 and not (shorter and len(new) > len(root)))
    return root, new


# ---- text -----------------------------------------------------------------------------------------------------------


@given(st.data(), st.sampled_from(["x.txt", "x.ini", "Makefile", "x.py", "x.pc", "bin/x"]))
@SETTINGS
def test_text(stub_says: Relocator, data: st.DataObject, name: str) -> None:
    root, new = pairs(data)
    texts = st.one_of(st.sampled_from(PATHS), st.text(st.characters(codec="utf-8", categories=["L", "Zs"]), max_size=5))
    text = "\n".join(data.draw(st.lists(texts, max_size=12)))
    content = text.replace("@", root.decode()).encode()
    assert move(stub_says, name.encode(), content, root, new).decode() == text.replace("@", new.decode())


# ---- strings in binaries --------------------------------------------------------------------------------------------


def squeezed(text: str) -> str:
    """Without the slashes that keep the length: a path of one component may get one at its end."""
    return re.sub("/(?=[:. ]|$)", "", re.sub("/+", "/", text))


@given(st.data(), st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]))
@SETTINGS
def test_strings_in_binaries(stub_says: Relocator, data: st.DataObject, codec: str) -> None:
    root, new = pairs(data, shorter=True)
    texts = data.draw(st.lists(st.sampled_from(PATHS), max_size=8))
    content = "\0".join(["", "", *texts, "", ""]).replace("@", root.decode()).encode(codec)
    moved = move(stub_says, b"x.dat", content, root, new)
    assert len(moved) == len(content)
    expected = [squeezed(text.replace("@", new.decode())) for text in texts]
    assert [squeezed(text) for text in moved.decode(codec).split("\0")[2:-2]] == expected


@given(st.data())
@SETTINGS
def test_loader_paths_and_strings_of_elf_files(stub_says: Relocator, data: st.DataObject) -> None:
    root, new = pairs(data, shorter=True)
    entries = data.draw(st.lists(st.sampled_from(["@/lib", "@/lib/a", "@", "/usr/lib", "$ORIGIN/../x"]), min_size=1))
    texts = data.draw(st.lists(st.sampled_from(PATHS), max_size=5))
    path = data.draw(st.sampled_from(["bin/x", "lib/x.so", "lib/a/b/x.so"]))
    assume("@" not in entries or len(root) > len("$ORIGIN/../../.."))

    def at(prefix: bytes, text: str) -> bytes:
        return text.replace("@", prefix.decode()).encode()

    order = data.draw(st.sampled_from("<>"))
    strings = at(root, "\0".join(["", *texts, ""]))
    content = elf(at(root, ":".join(entries)), wide=data.draw(st.booleans()), order=order, data=strings)
    moved = move(stub_says, path.encode(), content, root, new)
    assert len(moved) == len(content)
    origin = dirname(f"{new.decode()}/{path}")
    read = [normpath(entry.replace("$ORIGIN", origin)) for entry in loader_path(moved).split(":")]
    assert read == [normpath(at(new, entry).decode().replace("$ORIGIN", origin)) for entry in entries]
    found = moved[len(content) - len(strings) :].decode().split("\0")[1:-1]
    assert [squeezed(text) for text in found] == [squeezed(at(new, text).decode()) for text in texts]


def loader_path(content: bytes) -> str:
    """DT_RUNPATH, as pyelftools reads it."""
    (segment,) = (s for s in ELFFile(io.BytesIO(content)).iter_segments() if isinstance(s, DynamicSegment))
    (tag,) = segment.iter_tags("DT_RUNPATH")
    return str(vars(tag)["runpath"])


# ---- compiled Python ------------------------------------------------------------------------------------------------

COMPANION = """
import importlib.util, json, marshal, sys
def plain(value, old, new):
    recur = lambda inner: plain(inner, old, new)
    if hasattr(value, "co_code"):
        names = [name for name in dir(value) if name.startswith("co_") and name != "co_lnotab"]
        members = ((name, getattr(value, name)) for name in names)
        return ["code", [[name, recur(member)] for name, member in members if not callable(member)]]
    if isinstance(value, (tuple, list)):
        return [type(value).__name__, [recur(item) for item in value]]
    if isinstance(value, frozenset):
        return ["frozenset", sorted(repr(recur(item)) for item in value)]
    if isinstance(value, str):
        return ["str", value.replace(old, new)]
    if isinstance(value, bytes):
        return ["bytes", value.replace(old.encode(), new.encode()).hex()]
    return [type(value).__name__, repr(value)]
for line in sys.stdin:
    request = json.loads(line)
    if "source" in request:
        code = compile(request["source"], request["name"], "exec")
        answer = (importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)).hex()
    else:
        before, after = (marshal.loads(bytes.fromhex(request[key])[16:]) for key in ("before", "after"))
        old, new = request["old"], request["new"]
        answer = plain(before, old, new) == plain(after, old, old)
    print(json.dumps(answer), flush=True)
"""


class Companion:
    """A Python of some version that compiles, and compares what it loads."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [python, "-c", COMPANION], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **request: str) -> Any:  # noqa: ANN401 - JSON
        """Its answer."""
        assert self._process.stdin and self._process.stdout  # noqa: PT018 - for the types
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@pytest.fixture(scope="module", params=[version for version, _ in interpreters()])
def companion(request: pytest.FixtureRequest) -> Iterator[Companion]:
    made = Companion(dict(interpreters())[request.param])
    yield made
    made.close()


def literals() -> st.SearchStrategy[str]:
    """What may stand in a source, with the prefix for `@`."""
    paths = st.sampled_from(['"@"', '"@/x"', 'b"@/b"', '"a:@:@/é"', "'@/中'", '"plain"', "1.5", "None", "10**30"])
    long = st.integers(180, 300).map(lambda size: '"@/' + "y" * size + '"')
    one = st.one_of(paths, long)
    return st.one_of(one, st.lists(one, min_size=1, max_size=4).map(lambda items: "(" + ", ".join(items) + ",)"))


def statements() -> st.SearchStrategy[str]:
    """Lines of a source."""
    forms = [
        "v{0} = {1}",
        "def f{0}(a={1}, *b, **c):\n    '''In @/doc.'''\n    return lambda: (a, {1})",
        "class C{0}:\n    x = {1}\n    async def m(self):\n        return [x for x in self if x in {{'@/s', 'k'}}]",
        "try:\n    import os as o{0}\nexcept ImportError:\n    v = {1}",
    ]
    return st.builds(lambda form, literal: str(form).format(1, literal), st.sampled_from(forms), literals())


@given(data=st.data())
@FEW
def test_code_objects(stub_says: Relocator, companion: Companion, data: st.DataObject) -> None:
    root, new = pairs(data)
    assume(len(root) > 4)
    source = "\n".join(data.draw(st.lists(statements(), min_size=1, max_size=5))).replace("@", root.decode())
    before = companion.ask(source=source, name=f"{root.decode()}/lib/mod.py")
    after = move(stub_says, b"lib/__pycache__/mod.cpython-3.pyc", bytes.fromhex(before), root, new)
    assert companion.ask(before=before, after=after.hex(), old=root.decode(), new=new.decode()) is True
