"""The stub's relocator, asked through `stubs/tests/serve.c`, and indexes made for it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sfxpack.format import encode
from sfxpack.format.layout import EntryKind, Strategy
from sfxpack.format.tables import Index, IndexBlock, IndexContent, IndexEntry, IndexSite, Product
from sfxpack.model import Neutral

NO_DIGEST = bytes(32)


class RefusedError(Exception):
    """What the stub says of a prefix that does not fit."""


@dataclass(frozen=True)
class Answer:
    """A tree rendered for a prefix, and the way back of its last file."""

    entries: tuple[bytes, ...]
    """Contents and texts of links."""
    neutral: bytes | None
    """Of what was said to be installed; None where that is not what the prefix gives."""


class Relocator:
    """One process that answers any number of questions; a sanitizer's complaint ends it."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End the process; a sanitizer may have something to say then."""
        process, self._process = self._process, None
        if process:
            errors = process.communicate()[1].decode(errors="replace")
            assert process.returncode == 0, errors

    def ask(self, index: Index, contents: Sequence[bytes], prefix: bytes, installed: bytes = b"") -> Answer:
        """Render a tree for `prefix`, and neutralise `installed` as if it were its last file.

        Raises:
            RefusedError: it cannot be rendered.
            AssertionError: the stub found itself to be wrong.
        """
        if self._process is None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen([self._program], stdin=pipe, stdout=pipe, stderr=pipe)
        assert self._process.stdin and self._process.stdout  # noqa: PT018 - for the types
        for blob in (encode.index(index), b"".join(contents), prefix + b"\0", installed):
            self._process.stdin.write(len(blob).to_bytes(4, "little") + blob)
        self._process.stdin.flush()
        message = self._read()
        if message:
            raise RefusedError(message.decode())
        entries = tuple(self._read() for _ in index.entries)
        back = self._read()
        return Answer(entries, back[1:] if back[0] else None)

    def render(self, neutral: Neutral, prefix: bytes) -> bytes:
        """A file as installed at `prefix`."""
        return self.ask(*alone(neutral), prefix).entries[0]

    def neutralise(self, neutral: Neutral, prefix: bytes, installed: bytes) -> bytes | None:
        """The neutral content of `installed`; None if it does not hold at each site what `prefix` gives."""
        return self.ask(*alone(neutral), prefix, installed).neutral

    def _read(self) -> bytes:
        assert self._process and self._process.stdout  # noqa: PT018 - for the types
        output = self._process.stdout
        head = output.read(4)
        if len(head) < 4:
            process, self._process = self._process, None
            raise AssertionError(process.communicate()[1].decode(errors="replace"))
        return output.read(int.from_bytes(head, "little"))


def alone(neutral: Neutral) -> tuple[Index, tuple[bytes]]:
    """A tree of one file, without derived values."""
    sites = tuple(
        IndexSite(
            offset=offset,
            span=len(site.neutral),
            strategy=site.strategy,
            encoding=site.encoding,
            hits=site.hits,
            flags=site.flags,
            detail=site.detail,
            line=site.neutral if site.strategy is Strategy.SHEBANG else b"",
        )
        for offset, site in neutral.sites
    )
    entry = IndexEntry(EntryKind.FILE, b"file", 0o644, 0, 0, b"", sites)
    return tree((entry,), (neutral.content,)), (neutral.content,)


def tree(entries: Sequence[IndexEntry], contents: Sequence[bytes], cuts: Sequence[Sequence[int]] = ()) -> Index:
    """The index of a tree; each content has a level of its own, and blocks that end at its `cuts` and its end."""
    blocks = []
    for level, content in enumerate(contents):
        ends = [*(cuts[level] if cuts else ()), len(content)]
        sizes = [end - start for start, end in zip((0, *ends), ends, strict=False)]
        blocks += [IndexBlock(1, size, level, NO_DIGEST) for size in sizes if size]
    size = sum(len(contents[entry.target]) for entry in entries if entry.kind is EntryKind.FILE)
    listed = tuple(IndexContent(len(content), NO_DIGEST) for content in contents)
    return Index(Product(b"tests", tree_size=size), tuple(blocks), listed, tuple(entries))
