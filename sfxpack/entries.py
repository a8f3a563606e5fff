"""Reading the file of one entry, and whether it is still the one that was listed."""

from __future__ import annotations

import os
from typing import Final

from sfxpack.errors import ChangedError, UnreadableError
from sfxpack.model import Entry

READ_ONLY: Final = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Flags of a file that is read; Windows has no O_CLOEXEC and needs none."""
_SMALL: Final = 1 << 20
"""Bytes of the longest file that is read for what it says about a tree."""


def read(entry: Entry) -> bytes:
    """The bytes of a file.

    Raises:
        ChangedError: it is not the file that was listed, or it changed while it was read.
        UnreadableError: it cannot be read.
    """
    if entry.data is not None:
        return entry.data
    try:
        handle = os.open(entry.source, READ_ONLY)
        try:
            check_unchanged(entry, os.fstat(handle))
            content = os.read(handle, entry.size + 1) if entry.size else b""
            while len(content) < entry.size and (more := os.read(handle, entry.size - len(content))):
                content += more
            check_unchanged(entry, os.fstat(handle))
        finally:
            os.close(handle)
    except OSError as error:
        raise UnreadableError(f"{os.fsdecode(entry.source)}: cannot be read: {error.strerror}") from error
    if len(content) != entry.size:
        raise changed_error(entry)
    return content


def check_unchanged(entry: Entry, status: os.stat_result) -> None:
    """Compare with what was listed.

    Raises:
        ChangedError: the file changed since.
    """
    if (status.st_size, status.st_mtime_ns) != (entry.size, entry.mtime_ns):
        raise changed_error(entry)


def changed_error(entry: Entry) -> ChangedError:
    """The error of a file that is not what was listed."""
    path = os.fsdecode(entry.source)
    return ChangedError(f"{path}: changed while it was being read; stop what writes to the environment and try again")


def read_small(entry: Entry) -> bytes:
    """The beginning of a file that says something about a tree; one that cannot be read says nothing."""
    if entry.data is not None:
        return entry.data[:_SMALL]
    try:
        with open(entry.source, "rb") as file:
            return file.read(_SMALL)
    except OSError:
        return b""
