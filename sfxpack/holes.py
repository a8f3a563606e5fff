"""Zeros of sparse files: what the file system does not keep is not read, and nothing is looked for in it."""

from __future__ import annotations

import errno
import os
from functools import lru_cache
from typing import BinaryIO

_zeros = lru_cache(maxsize=4)(bytes)
"""That many zeros: the same ones for windows of the same size, which takes no memory until something writes there."""


def read(file: BinaryIO, start: int, size: int) -> bytes:
    """Bytes from `start` on, fewer at the end of the file; where there is a hole they are the same object each time."""
    if size and _is_hole(file.fileno(), start, start + size):
        return _zeros(size)
    file.seek(start)
    return file.read(size)


def is_zero(window: bytes) -> bool:
    """Whether there is nothing else in it."""
    return not any(window[:1]) and window == _zeros(len(window))


def _is_hole(handle: int, start: int, end: int) -> bool:
    """Whether the file system has nothing there; one that keeps no holes, or does not tell, says no."""
    if not hasattr(os, "SEEK_DATA"):
        return False
    try:
        return os.lseek(handle, start, os.SEEK_DATA) >= end
    except OSError as error:
        return error.errno == errno.ENXIO and end <= os.fstat(handle).st_size  # nothing more up to the end
