from __future__ import annotations

from pathlib import Path

import pytest

from sfxpack import adding
from sfxpack.errors import UsageError
from sfxpack.model import Added


@pytest.mark.parametrize(
    ("text", "source", "target", "into"),
    [
        ("a=b", "a", b"b", False),
        ("/x/a=b/c", "/x/a", b"b/c", False),
        ("a=b/", "a", b"b", True),
        ("a=./b//c/.", "a", b"b/c", True),
        ("a=.", "a", b"", True),
        ("a=./", "a", b"", True),
        ("a=1=b", "a=1", b"b", False),
        ("ä=ü", "ä", "ü".encode(), False),
        ("a=..b/...", "a", b"..b/...", False),
    ],
)
def test_parse(text: str, source: str, target: bytes, *, into: bool) -> None:
    assert adding.parse(text) == Added(Path(source), target, into)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a", "is not SRC=DEST"),
        ("=b", "is not SRC=DEST"),
        ("a=", "has no DEST; write a=."),
        ("a=/b", "is not a path below the prefix"),
        ("a=../b", "is not a path below the prefix"),
        ("a=b/../c", "is not a path below the prefix"),
        ("a=.sfxpack/hook", "keeps its own"),
        ("a=./.sfxpack.new", "keeps its own"),
    ],
)
def test_what_cannot_be_parsed(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        adding.parse(text)


def test_share() -> None:
    one, other = adding.parse("a=train/x"), adding.parse("b=serve")
    assert adding.share([one, other], ["train", "serve", "more"]) == [
        (Added(Path("a"), b"x"),),
        (Added(Path("b"), b"", into=True),),
        (),
    ]
    with pytest.raises(UsageError, match=r"a=x/y: DEST must begin with the name of an environment: train, serve"):
        adding.share([adding.parse("a=x/y")], ["train", "serve"])
    with pytest.raises(UsageError, match="keeps its own"):
        adding.share([adding.parse("a=train/.sfxpack/x")], ["train"])
