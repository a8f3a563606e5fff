"""Which file of the tree a path leads to."""

from __future__ import annotations

import pytest

from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Rename
from sfxpack.names import MISSING, Names
from sfxpack.rows import OUTSIDE

FILES = (b"lib/a", b"base-python/lib/os.py")
LINKS = {
    b"lib64": b"lib",
    b"lib/b": b"../lib64/a",
    b"lib/c": b"/opt/env/lib/b",
    b"os.py": b"/usr/lib/python3/os.py",
    b"root": b"/opt/env",
    b"out": b"../../etc",
    b"away": b"/etc/passwd",
    b"loop": b"again",
    b"again": b"loop",
    b"dangling": b"nowhere",
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"lib/a", b"lib/a"),
        (b"lib", b"lib"),
        (b"lib64/a", b"lib/a"),
        (b"lib64", b"lib"),
        (b"lib/b", b"lib/a"),
        (b"lib64/c", b"lib/a"),
        (b"lib/second", b"lib/a"),
        (b"lib64/second", b"lib/a"),
        (b"root/lib/a", b"lib/a"),
        (b"os.py", b"base-python/lib/os.py"),
        (b"root", OUTSIDE),
        (b"out/passwd", OUTSIDE),
        (b"away", OUTSIDE),
        (OUTSIDE, OUTSIDE),
        (b"loop", MISSING),
        (b"dangling", MISSING),
        (b"lib/none", MISSING),
        (b"lib/a/none", MISSING),
    ],
)
def test_paths_lead_to_files(path: bytes, expected: bytes) -> None:
    folders = (b"lib", b"base-python", b"base-python/lib")
    listed = [Entry(name, EntryKind.DIRECTORY, 0o755, 0, 0) for name in folders]
    listed += [Entry(name, EntryKind.FILE, 0o644, 0, 0) for name in (*FILES, b"lib/second")]
    listed += [Entry(name, EntryKind.LINK, 0, 0, 0, link=text) for name, text in LINKS.items()]
    renames = (Rename(b"/usr/lib/python3", b"/base-python/lib"), Rename(b"/opt/env", b""))
    names = Names({entry.path: entry for entry in listed}, {b"lib/second": b"lib/a"}, renames)
    assert names.resolve(path) == expected
