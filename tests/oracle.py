"""What a reader must give for a sample, worked out from its values with the naive relocator."""

from __future__ import annotations

import hashlib
from hashlib import blake2b

import zstandard

from sfxpack import reference
from sfxpack.format.layout import EntryKind, Platform
from sfxpack.format.tables import Index
from tests.testkit import Sample


def neutral_contents(index: Index, stream: bytes) -> list[bytes]:
    """The contents, cut from the joined blocks."""
    contents, at = [], 0
    for content in index.contents:
        contents.append(stream[at : at + content.size])
        at += content.size
    return contents


def listing(index: Index, contents: list[bytes], prefix: bytes, platform: Platform = Platform.LINUX_X86_64) -> bytes:
    """One line an entry: kind, mode, size, SHA-256 or link text, path; for the tree at `prefix`."""
    tree = reference.render_tree(index, contents, prefix, platform)
    lines = []
    for position, entry in enumerate(index.entries):
        if entry.kind is EntryKind.DIRECTORY:
            lines.append(b"d %04o - - %s\n" % (entry.mode, entry.path))
        elif entry.kind is EntryKind.LINK:
            lines.append(b"l - - %s %s\n" % (tree[position], entry.path))
        else:
            source = entry.target if entry.kind is EntryKind.HARD_LINK else position
            data = tree[source]
            mode = index.entries[source].mode
            digest = hashlib.sha256(data).hexdigest().encode()
            lines.append(b"f %04o %d %s %s\n" % (mode, len(data), digest, entry.path))
    return b"".join(lines)


def tree_digest(sample: Sample, prefix: bytes) -> str:
    """BLAKE2b-256 of the listing, in hex."""
    stream = b"".join(zstandard.decompress(data) for data in sample.frames)
    text = listing(sample.index, neutral_contents(sample.index, stream), prefix, sample.platform)
    return blake2b(text, digest_size=32).hexdigest()
