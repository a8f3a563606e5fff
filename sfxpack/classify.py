"""What a file's content is, from its name and first bytes."""

from __future__ import annotations

import re
from typing import Final

from sfxpack.model import Kind

HEAD: Final = 4096
"""Bytes of a file that are enough for its kind, unless it is text."""
_ARCHIVES: Final = (
    b"\x1f\x8b",  # gzip
    b"PK\x03\x04",  # zip, wheel, jar, npz
    b"PK\x05\x06",  # an empty one
    b"\xfd7zXZ\0",
    b"BZh",
    b"\x28\xb5\x2f\xfd",  # zstd
    b"\x04\x22\x4d\x18",  # lz4
    b"7z\xbc\xaf\x27\x1c",
)
_SEALED: Final = (
    b"\x89PNG\r\n\x1a\n",
    b"SQLite format 3\0",
    b"\x89HDF\r\n\x1a\n",
    b"PACK\0\0\0",
)
"""Formats with checksums or sorted keys over their content: a path in them cannot be changed from outside."""
_TAR: Final = (257, b"ustar")
"""Where a tar file says what it is; headers, with names and link texts in them, have checksums (pax(1))."""
_AR: Final = b"!<arch>\n"
_INDEXED: Final = (b"%PDF-", b"!_TAG_", b"\x0c\n", b"DIRC", _AR, b"!<thin>\n")
"""Text with offsets or sizes in it: PDF, ctags, etags, git's index, ar."""
_CONTROLS: Final = bytes(byte for byte in range(0x20) if byte not in b"\t\n\v\f\r\x1b")
_COOKIE: Final = re.compile(
    rb"\A(?:[^\n]*\n)?[ \t\f]*#[^\n]*?coding[:=][ \t]*(?:latin-?1|latin-1-\S*|iso-?8859-1(?:5)?|l1)\b", re.IGNORECASE
)
"""PEP 263, first or second line."""


def classify(path: bytes, head: bytes, content: bytes | None, *, text: bool = False) -> Kind:
    """The kind of the file at `path`.

    `head` is its first HEAD bytes or all of it, `content` all of it. Where `content` is None the file is too large to
    hold: it is TEXT only if `text` says so, by a `TextProbe` that went over all of it.
    """
    if head.startswith(b"\x7fELF"):
        return Kind.ELF
    if head[2:4] == b"\r\n" and is_pyc(path):
        return Kind.PYC
    if head.startswith(_ARCHIVES + _SEALED) or head.startswith(_TAR[1], _TAR[0]):
        return Kind.ARCHIVE
    if head.startswith(_INDEXED) or b"\0" in head:
        return Kind.BINARY
    if content is None:
        return Kind.TEXT if text else Kind.BINARY
    return Kind.TEXT if is_text(content) else Kind.BINARY


def is_pyc(path: bytes) -> bool:
    """Whether a file is compiled Python, by its name."""
    return path.endswith((b".pyc", b".pyo"))


def is_archive(head: bytes) -> bool:
    """Whether a file is compressed or may have such members: `sites.look_inside` sees what the prefilter cannot."""
    return head.startswith((*_ARCHIVES, _AR))


def is_text(content: bytes) -> bool:
    """No NUL, no C0 control but tab, newlines, form feed and escape; UTF-8, or Latin-1 by a Python coding cookie."""
    if b"\0" in content or len(content.translate(None, _CONTROLS)) != len(content):
        return False
    if content.isascii():
        return True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return bool(_COOKIE.match(content[:HEAD]))
    return True


class TextProbe:
    """`is_text` over the windows of a large file, fed in order and without overlap."""

    def __init__(self) -> None:
        self.text = True
        """Whether all so far is text; a character cut by the end of the last window counts as whole."""
        self._rest = b""

    def feed(self, window: bytes) -> None:
        """Look at the next bytes."""
        if not self.text:
            return
        window = self._rest + window
        cut = len(window)
        for back in range(1, min(4, len(window) + 1)):
            if window[-back] >= 0xC0:  # noqa: PLR2004 - a UTF-8 lead byte
                cut -= back
                break
            if window[-back] < 0x80:  # noqa: PLR2004 - ASCII
                break
        self._rest = window[cut:]
        self.text = is_text(window[:cut])
