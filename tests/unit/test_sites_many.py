"""Files with very many hits: what is done for each must not depend on how many there are, or this takes minutes."""

from __future__ import annotations

import importlib.util
import marshal

import pytest

from sfxpack import reference
from tests.sitekit import ROOT, categories, cut, find

COUNT = 20_000


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (b"x.bin", b"\0", b"/lib\0" + bytes(range(1, 200))),
        (b"x.txt", b"see ", b"/lib\n"),
        (b"x.json", b'"', b'/lib"\n'),
        (b"x.py", b"x = '", b"/lib'\n"),
        (b"x.sh", b'x="', b'/lib"\n'),
    ],
)
def test_many_places_in_a_file(path: bytes, before: bytes, after: bytes) -> None:
    content = (before + ROOT + after) * COUNT
    found = find(content, path)
    assert (len(found.sites), found.findings) == (COUNT, ())
    assert ROOT not in cut(content, found).content


def test_many_strings_in_bytecode() -> None:
    texts = [f"/opt/env/{number}" for number in range(COUNT // 4)]
    content = importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps((texts, ":".join(texts)))
    found = find(content, b"x.pyc")
    assert (len(found.sites), found.findings) == (len(texts) + 1, ())
    moved = reference.render(cut(content, found), reference.Target(b"/new"))
    assert marshal.loads(moved[16:])[0][-1] == f"/new/{len(texts) - 1}"  # noqa: S302 our own


@pytest.mark.parametrize("before", [b"", b"\0"])
def test_nothing_but_the_prefix(before: bytes) -> None:
    content = before + ROOT * COUNT
    found = find(content)
    assert (len(found.sites), categories(found)) == (1, {"other": COUNT - 1})
    cut(content, found)
