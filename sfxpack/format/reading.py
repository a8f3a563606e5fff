"""What every reader of the format needs: verdicts as errors, frames, and the tables of an index record by record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NoReturn

import zstandard

from sfxpack.errors import ArtifactError
from sfxpack.format import layout, schema
from sfxpack.format.fields import Record
from sfxpack.format.layout import Verdict

Values = dict[str, Any]
"""Fields of a record by name, without the reserved ones; of a string NAME its offset, and as NAME_size its size."""

_FRAME_MAGIC: Final = b"\x28\xb5\x2f\xfd"
"""RFC 8878, 3.1.1."""


def fail(verdict: Verdict, detail: object = "") -> NoReturn:
    """Raise the error of a verdict; the detail is a sentence, or the path of an entry."""
    text = layout.VERDICT_TEXT[verdict]
    said = repr(detail) if isinstance(detail, bytes) else detail
    raise ArtifactError(verdict.name.lower(), f"{text}: {said}" if said else text)


def require(condition: bool, verdict: Verdict, detail: object = "") -> None:  # noqa: FBT001 - what it is about
    """Raise the error of `verdict` unless `condition` holds."""
    if not condition:
        fail(verdict, detail)


def decompress(data: bytes, raw_size: int, verdict: Verdict) -> bytes:
    """Decompress one zstd frame that fills `data`, and states and gives `raw_size` bytes; at least one.

    In one go, which zstd bounds by the stated size: a stream would have a limit for its window and none for its output.

    Raises:
        ArtifactError: with `verdict`.
    """
    require(data[:4] == _FRAME_MAGIC, verdict)
    try:
        parameters = zstandard.get_frame_parameters(data)
        require(parameters.dict_id == 0 and parameters.content_size == raw_size, verdict)
        return zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
    except zstandard.ZstdError:
        fail(verdict)


class Reader:
    """Walks the tables of a decompressed index in order."""

    def __init__(self, raw: bytes) -> None:
        require(len(raw) >= schema.INDEX_HEADER.size + schema.PRODUCT.size, Verdict.BAD_TABLE)
        self.raw = raw
        self.at = 0
        header = self.record(schema.INDEX_HEADER)
        require(header["magic"] == layout.INDEX_MAGIC, Verdict.BAD_TABLE)
        self.count = {name: value for name, value in header.items() if isinstance(value, int)}
        sized = {
            "block_count": schema.BLOCK.size,
            "content_count": schema.CONTENT.size,
            "entry_count": schema.ENTRY.size,
            "site_count": schema.SITE.size,
            "hit_count": 4,
            "requirement_count": schema.REQUIREMENT.size,
            "hook_count": schema.HOOK.size,
            "strings_size": 1,
        }
        tables = sum(self.count[name] * size for name, size in sized.items())
        require(self.at + schema.PRODUCT.size + tables == len(raw), Verdict.BAD_TABLE)
        require(self.count["tree_count"] <= layout.MAX_TREES, Verdict.BAD_TABLE)
        self.strings_at = len(raw) - self.count["strings_size"]

    def record(self, record: Record) -> Values:
        """The next record; its reserved fields are checked and left out."""
        values = dict(zip(record.keys, record.codec.unpack_from(self.raw, self.at), strict=True))
        self.at += record.size
        for name in record.reserved:
            require(not any(values.pop(name)), Verdict.UNKNOWN_FEATURE)
        return values

    def records(self, record: Record, count: int) -> Iterator[Values]:
        """The next `count` records."""
        for _ in range(count):
            yield self.record(record)

    def string(self, values: Values, name: str) -> bytes:
        """The string that a field of a record names."""
        start = values[name] + self.strings_at
        end = start + values[f"{name}_size"]
        require(end <= len(self.raw), Verdict.BAD_STRING)
        value = self.raw[start:end]
        require(b"\0" not in value, Verdict.BAD_STRING)
        return value
