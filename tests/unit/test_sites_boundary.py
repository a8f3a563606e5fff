"""What counts as the prefix: a row for each clause of design section 5."""

from __future__ import annotations

import pytest

from sfxpack.format.layout import Encoding
from sfxpack.sites.boundary import Owner, judge
from sfxpack.sites.spelling import encode

OURS, AMBIGUOUS, OTHER = Owner.OURS, Owner.AMBIGUOUS, Owner.OTHER

BEFORE = [
    # (1) nothing that a name is made of, and not after / } )
    ("", OURS, OURS, 0),
    (" ", OURS, OURS, 0),
    ("\n", OURS, OURS, 0),
    ("PREFIX=", OURS, OURS, 0),
    ("'", OURS, OURS, 0),
    ("/usr/lib:", OURS, OURS, 0),
    ("-Wl,-rpath,", OURS, OURS, 0),
    ("file:", OURS, OURS, 0),
    ("\0", OURS, OURS, 0),
    ("[", OURS, OURS, 0),
    ("é", OURS, OURS, 0),
    # (2) slashes: two or more at the start of a token or after scheme: are padding, one is not
    ("//", OURS, OURS, 2),
    (" ////", OURS, OURS, 4),
    (" /", OURS, OURS, 0),
    ("=/", OURS, OURS, 0),
    ("-L//", OURS, OURS, 2),
    ("file://", OURS, OURS, 0),
    ("git+file://", OURS, OURS, 0),
    ("file:///", OURS, OURS, 0),
    ("file:////", OURS, OURS, 2),
    ("http:/", OTHER, OTHER, 0),
    ("x/", OTHER, OTHER, 0),
    ("x//", OTHER, OURS, 2),
    ("}/", OTHER, OTHER, 0),
    ("/a-L/", OTHER, OTHER, 0),
    ("/a//", OTHER, OTHER, 0),
    # (3) an option right before it
    ("-L", OURS, OURS, 0),
    (" -isystem", OURS, OURS, 0),
    ("}-I", OURS, OURS, 0),
    ("/-L", OTHER, OTHER, 0),
    # (4) the end of another path
    ("/home/me", OTHER, OTHER, 0),
    ("/x.y~", OTHER, OTHER, 0),
    # but in a binary strings may have no end: a source file's name is no directory
    ("src/main.rs", OTHER, OURS, 0),
    ("/cargo/src/lib.rs///", OTHER, OURS, 3),
    ("/src/main.rst", OTHER, OTHER, 0),
    # (5) cannot be told in text; in a binary the byte before is often a length
    ("foo", AMBIGUOUS, OURS, 0),
    ("$ROOT", AMBIGUOUS, OURS, 0),
    ("${ROOT}", AMBIGUOUS, OURS, 0),
    ("$(DESTDIR)", AMBIGUOUS, OURS, 0),
    ("%", AMBIGUOUS, OURS, 0),
    ("a-L", AMBIGUOUS, OURS, 0),
    ("a" * 200, AMBIGUOUS, OURS, 0),
    ("/" + "a" * 200, OTHER, OTHER, 0),
]

AFTER = [
    ("", True),
    ("/", True),
    ("/bin", True),
    (" ", True),
    (":", True),
    ('"', True),
    ("\\", True),
    ("\0", True),
    ("\n", True),
    ("}", True),
    ("x", False),
    ("2", False),
    ("_", False),
    ("+", False),
    ("%20", False),
    ("é", False),
    # punctuation
    (".", True),
    (". ", True),
    (".\n", True),
    ("-'", True),
    ('."', True),
    (".bak", False),
    ("-old", False),
    ("-$VERSION", False),
    ("..", False),
]


@pytest.mark.parametrize(("before", "text", "binary", "slashes"), BEFORE)
@pytest.mark.parametrize("encoding", [Encoding.PLAIN, Encoding.UTF16LE, Encoding.UTF16BE, Encoding.UTF32LE])
def test_what_stands_before(before: str, text: Owner, binary: Owner, slashes: int, encoding: Encoding) -> None:
    old = encode(b"/opt/env", encoding)
    head = encode(before.encode(), encoding)
    content = head + old + encode(b"/lib", encoding)
    judged = judge(content, len(head), len(head) + len(old), binary=False, encoding=encoding)
    assert judged == (text, slashes if text is OURS else 0)
    judged = judge(content, len(head), len(head) + len(old), binary=True, encoding=encoding)
    assert judged == (binary, slashes)


@pytest.mark.parametrize(("after", "ours"), AFTER)
@pytest.mark.parametrize("encoding", [Encoding.PLAIN, Encoding.UTF16LE, Encoding.UTF16BE, Encoding.UTF32BE])
def test_what_stands_after(after: str, ours: bool, encoding: Encoding) -> None:  # noqa: FBT001 - a row of the table
    old = encode(b"/opt/env", encoding)
    content = old + encode(after.encode(), encoding)
    assert judge(content, 0, len(old), binary=False, encoding=encoding)[0] is (OURS if ours else OTHER)


@pytest.mark.parametrize("after", [b"\x94", b"\xff", b"\xc0\x80", b"\xc3", b"\xe2 "])
def test_bytes_that_begin_no_character_end_a_path_in_a_binary(after: bytes) -> None:
    # b"\x94" is MEMOIZE: what a pickle of protocol 4 has after every string
    assert judge(b"\x8c\x08/opt/env" + after, 2, 10, binary=True)[0] is OURS


@pytest.mark.parametrize("length", [b"\x08\0\0\0", b"\0\0\0\x08"])
def test_a_length_before_it_ends_a_path_in_a_binary(length: bytes) -> None:
    # b"q" is BINPUT: what a pickle of protocol 2 and 3 has after every string
    assert judge(b"X" + length + b"/opt/envq", 5, 13, binary=True)[0] is OURS
    assert judge(b"X\x09" + length[1:] + b"/opt/envq", 5, 13, binary=True)[0] is OTHER
    assert judge(b"X" + length + b"/opt/envq", 5, 13, binary=False)[0] is OTHER
