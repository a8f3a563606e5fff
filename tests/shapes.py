"""Conda packages with every shape in which files hold a prefix."""

from __future__ import annotations

import marshal
from importlib.util import MAGIC_NUMBER

from tests.environments import PLACEHOLDER, Package

STRINGS = (
    b"\x7fNOTELF\0",
    b'OPENSSLDIR: "@/ssl"\0next\0',
    b"@/lib/pkgconfig:@/share/pkgconfig\0\0\1",
    b"-L@/lib -Wl,-rpath,@/lib\0",
    b"@\0@/a\0@/b\0",
    b"@@/side by side@@\0",
    b"x@y\0",
)
"""C strings; `@` is the prefix."""
PLACEHOLDER_CODE = "lib/python3.11/site-packages/__pycache__/built.cpython-311.pyc"
WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


def wide_strings(codec: str) -> bytes:
    """Strings of one prefix and of two, where a compiler would put them."""
    texts = (f"{PLACEHOLDER.decode()}/wide\0", f"-I{PLACEHOLDER.decode()}:{PLACEHOLDER.decode()}\u0100x\0")
    parts = (text.encode(codec) for text in texts)
    return b"".join(part + b"|" * (-len(part) % 4) + b"||||" for part in parts)


def shapes() -> Package:
    """Files that conda-meta lists as `text` and `binary`, of either content, and what it does not list so."""
    wide = b"".join(wide_strings(codec) for codec in WIDE)
    files = {
        "lib/shapes.bin": b"".join(STRINGS),
        "lib/end.bin": b"\0\1@/at the end of the file",
        "lib/bare.bin": b"@",
        "lib/plain-and-wide.bin": wide + b"\0@/plain\0",
        "lib/only-wide.bin": bytes(4) + wide,
        "share/long.txt": b"@\n" * 300,
        "share/touching.txt": b"@@ x@y /z@/w file://@/src\n",
        "share/shapes.json": b'{"url": "file://@/src", "path": "@/x", "flags": "-I@/a -L@/b"}',
        "share/shapes.py": b"A = '@/lib'\nB = b\"@/x\"\nC = f'@/{A}'\n",
        "share/tool.pc": b"prefix=@\nLibs: -L@/lib\n",
        "share/text-as-binary.txt": b"first=@/a\nsecond=@/b\n",
        "share/binary-as-text.bin": b"\0@/lib\0\xff@\n",
        "share/no-prefix.bin": b"\0nothing\0",
        "bin/script": b"#!@/bin/python -I\nHOME = '@'\n",
        "bin/shell": b"#!/bin/sh\nexec @/bin/tool\n",
        PLACEHOLDER_CODE: MAGIC_NUMBER + bytes(12) + marshal.dumps(compile("x = 1", "@/lib/built.py", "exec")),
    }
    return Package(
        "shapes",
        {path: content.replace(b"@", PLACEHOLDER) for path, content in files.items()},
        links={"share/link": "no-prefix.bin", "share/absolute": f"{PLACEHOLDER.decode()}/share/long.txt"},
        programs=("bin/script", "bin/shell"),
        modes={
            **dict.fromkeys(("lib/bare.bin", "lib/only-wide.bin", "share/text-as-binary.txt"), "binary"),
            "share/binary-as-text.bin": "text",
            PLACEHOLDER_CODE: "",
        },
    )
