"""BLAKE2b-256, the digest of the format; from libsodium where a FIPS host's hashlib refuses it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

from sfxpack.format.layout import DIGEST_SIZE


class Hasher(Protocol):
    """What `hashlib` objects offer and is used here."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Feed more bytes."""

    def digest(self) -> bytes:
        """Digest of all bytes fed."""


def _choose() -> Callable[[], Hasher]:
    try:
        hashlib.blake2b(b"", digest_size=DIGEST_SIZE)
    except ValueError:
        from nacl.hashlib import blake2b  # noqa: PLC0415 only where needed: it loads libsodium

        return lambda: blake2b(digest_size=DIGEST_SIZE)  # type: ignore[return-value] # takes memoryviews, says bytes
    return lambda: hashlib.blake2b(digest_size=DIGEST_SIZE)


hasher = _choose()


def digest(data: bytes | memoryview) -> bytes:
    """BLAKE2b-256 of `data`."""
    state = hasher()
    state.update(data)
    return state.digest()
