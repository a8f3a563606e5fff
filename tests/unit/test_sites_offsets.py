"""The places that conda's records name (conda/ceps#179): right, wrong and hostile."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from sfxpack import sites
from sfxpack.format.layout import Encoding
from sfxpack.model import CondaFile, Found
from sfxpack.sites.spelling import encode
from tests.sitekit import ROOT, categories, environment, find, move

PLACEHOLDER = b"/opt/placeholder"
NEW = b"/new/place"


def managed(package: bytes, mode: str, offsets: object, shebang: object = None) -> tuple[bytes, Found, bytes]:
    """The file as installed, what is found of it, and what the search alone makes of it at a new prefix."""
    content = package.replace(PLACEHOLDER, ROOT)
    if mode == "binary":
        content = b""
        for part in package.split(b"\0\0\0\0"):  # in these tests four NULs stand behind each string
            wide = encode(PLACEHOLDER, Encoding.UTF16LE)
            count, wide_count = part.count(PLACEHOLDER), part.count(wide)
            text = part.replace(PLACEHOLDER, ROOT).replace(wide, encode(ROOT, Encoding.UTF16LE))
            room = len(PLACEHOLDER) - len(ROOT)
            content += text + bytes(room * (count + 2 * wide_count)) + bytes(4)
        content = content[:-4]
    fields = (hashlib.sha256(package).hexdigest(), "", mode, PLACEHOLDER, "hardlink", "x")
    plain = environment(conda={b"x": CondaFile(*fields)}, placeholders=(PLACEHOLDER,))
    where = environment(conda={b"x": CondaFile(*fields, offsets, shebang)}, placeholders=(PLACEHOLDER,))
    found = find(content, b"x", where)
    assert find(content, b"x", plain).sites == found.sites
    return content, found, move(content, NEW, b"x", where)


SCRIPT = b"#!" + PLACEHOLDER + b"/bin/python\nx = 1 # and 41 more bytes, to have it at byte 71" + PLACEHOLDER + b"\n"
TEXT = b"a=" + PLACEHOLDER + b"\nb=" + PLACEHOLDER + PLACEHOLDER
BINARY = (
    b"\x7fx" + PLACEHOLDER + b"/lib\0\0\0\0-L" + PLACEHOLDER + b":" + PLACEHOLDER + b"\0\0\0\0\0\0\0"
    + encode(PLACEHOLDER + b"/w", Encoding.UTF16LE) + b"\0\0\0\0end"
)  # fmt: skip
GROUPS = [
    {"encoding": "utf-16-le", "ranges": [[68, 104]]},
    {"encoding": "utf-8", "ranges": [[2, 22], [28, 45, 61]]},
]


def test_records_that_are_right() -> None:
    assert (
        managed(SCRIPT, "text", [{"encoding": "utf-8", "ranges": [SCRIPT.rindex(PLACEHOLDER)]}], 30)[1].findings == ()
    )
    assert managed(SCRIPT[:30], "text", [], 30)[1].findings == ()
    assert managed(SCRIPT[:29], "text", [], 29)[1].findings == ()
    assert managed(TEXT, "text", [{"encoding": "utf-8", "ranges": [2, 21, 37]}])[1].findings == ()
    assert BINARY.index(encode(PLACEHOLDER, Encoding.UTF16LE)) == 68
    assert categories(managed(BINARY, "binary", GROUPS)[1]) == {}
    assert categories(managed(BINARY, "binary", GROUPS[::-1])[1]) == {}


def test_a_wide_placeholder_that_an_installer_left() -> None:
    content = BINARY.replace(PLACEHOLDER, ROOT)
    content = content.replace(b"/lib", b"/lib" + bytes(8)).replace(bytes(7) + b"/\0", bytes(23) + b"/\0")
    fields = (hashlib.sha256(BINARY).hexdigest(), "", "binary", PLACEHOLDER, "hardlink", "x")
    where = environment(conda={b"x": CondaFile(*fields, GROUPS)}, placeholders=(PLACEHOLDER,))
    found = find(content, b"x", where)
    assert (len(found.sites), categories(found)) == (2, {})


DEEP: list[Any] = []
for _ in range(5000):
    DEEP = [DEEP]
WRONG: list[object] = [
    [],
    {},
    "utf-8",
    -1,
    True,
    1e300,
    [None],
    [[2, 21]],
    [{"encoding": "utf-8"}],
    [{"encoding": "utf-8", "ranges": [2, 21]}],
    [{"encoding": "utf-8", "ranges": [2, 21, 38]}],
    [{"encoding": "utf-8", "ranges": [-2, 21, 37]}],
    [{"encoding": "utf-8", "ranges": [37, 21, 2]}],
    [{"encoding": "utf-8", "ranges": [[2, 21, 37]]}],
    [{"encoding": "utf-8", "ranges": {"2": 21}}],
    [{"encoding": "utf-8", "ranges": [2, 21, 10**400]}],
    [{"encoding": "utf-8", "ranges": list(range(10**6))}],
    [{"encoding": "utf-8", "ranges": [2, 21, 37], "more": 1}],
    [{"encoding": "utf-16-le", "ranges": [2, 21, 37]}],
    [{"encoding": "utf-8", "ranges": [2, 21, 37]}] * 2,
    [{"encoding": "utf-8", "ranges": DEEP}],
    DEEP,
]


@pytest.mark.parametrize("offsets", WRONG, ids=range(len(WRONG)))
def test_records_that_are_wrong_change_nothing(offsets: object) -> None:
    content, found, moved = managed(TEXT, "text", offsets)
    assert categories(found) == {"offsets": 1}
    assert moved == content.replace(ROOT, NEW)
    _, found, _ = managed(BINARY, "binary", offsets)
    assert categories(found) == {"offsets": 1}


@pytest.mark.parametrize("shebang", [None, 29, 31, -30, "30", 1 << 80, [30]])
def test_first_lines_that_are_wrong(shebang: object) -> None:
    _, found, _ = managed(SCRIPT, "text", [{"encoding": "utf-8", "ranges": [SCRIPT.rindex(PLACEHOLDER)]}], shebang)
    assert categories(found) == {"offsets": 1}
    assert categories(managed(TEXT, "text", None, 30)[1]) == {"offsets": 1}


def test_terminators_that_are_wrong() -> None:
    for ranges in ([[2, 22], [28, 45, 60]], [[2, 22, 28, 45, 61]], [[2], [28, 45, 61]], [[2, 22]]):
        groups = [GROUPS[0], {"encoding": "utf-8", "ranges": ranges}]
        assert categories(managed(BINARY, "binary", groups)[1]) == {"offsets": 1}


def test_slashes_compare_too() -> None:
    fields = (hashlib.sha256(TEXT).hexdigest(), "", "binary", PLACEHOLDER, "hardlink", "x")
    where = environment(conda={b"x": CondaFile(*fields, [])}, placeholders=(PLACEHOLDER,))
    content = TEXT.replace(PLACEHOLDER, ROOT) + bytes(3 * 8)
    assert categories(find(content, b"x", where, sites.Options(binary_padding="slash"))) == {"offsets": 1}
