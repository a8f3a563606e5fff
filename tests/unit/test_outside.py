"""What is used of folders that do not come along."""

from __future__ import annotations

import json

import pytest

from sfxpack import outside
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Rename
from tests.sitekit import environment

WHERE = environment(b"/opt/env", (Rename(b"/opt/older", b""),))
SITE = b"lib/python3.12/site-packages/"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (b"x.pth", b"/home/me/src\nimport x; x.y('/etc')\n# /a\n../z\n/home/me/src\n", ["/home/me/src"]),
        (b"x.pth", b"/opt/env/src\n/opt/older/lib\n//opt/env\n/opt/environment\n", ["/opt/environment"]),
        (b"x.egg-link", b"/home/me/src\n.", ["/home/me/src"]),
        (b"x.txt", b"/home/me/src\n", []),
    ],
)
def test_folders_that_are_imported_from(name: bytes, content: bytes, expected: list[str]) -> None:
    found = outside.in_file(SITE + name, content, WHERE)
    assert [(item.category, item.path, item.detail) for item in found] == [
        ("external", SITE + name, detail) for detail in expected
    ]


@pytest.mark.parametrize(
    ("record", "count"),
    [
        ({"url": "file:///home/me/src", "dir_info": {"editable": True}}, 1),
        ({"url": "file:///home/me/src", "dir_info": {}}, 0),
        ({"url": "https://example.org/x.git", "vcs_info": {}}, 0),
        ([], 0),
    ],
)
def test_editable_installations(record: object, count: int) -> None:
    path = SITE + b"x-1.dist-info/direct_url.json"
    found = outside.in_file(path, json.dumps(record).encode(), WHERE)
    assert ["/home" in item.detail for item in found] == [False] * count
    assert not outside.in_file(path, b"{", WHERE)


@pytest.mark.parametrize(
    ("path", "text", "out"),
    [
        (b"bin/x", b"/usr/bin/x", True),
        (b"bin/x", b"../../x", True),
        (b"x", b"..", True),
        (b"bin/x", b"..", False),
        (b"bin/x", b"../lib/x", False),
        (b"bin/x", b"..x", False),
        (b"bin/x", b"//opt//env/lib/x", False),
        (b"bin/x", b"/opt/older", False),
    ],
)
def test_links(path: bytes, text: bytes, out: bool) -> None:  # noqa: FBT001 - a row
    entries = [Entry(path, EntryKind.LINK, 0o777, 0, 0, link=text), Entry(b"y", EntryKind.FILE, 0o644, 0, 0)]
    found = [(item.category, item.path, item.detail) for item in outside.of_links(entries, WHERE)]
    assert found == ([("external", path, text.decode())] if out else [])
