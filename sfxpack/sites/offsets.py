"""Where conda's records say that a package holds its placeholder: compared with what was found, and never used.

The fields `offsets` and `shebang_length` of a path (CEP draft conda/ceps#179) are positions in the package's file.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sfxpack.format.layout import Encoding
from sfxpack.model import CondaFile, Finding
from sfxpack.sites import cstring
from sfxpack.sites.cstring import Content, CString, Replacement

_NAMES: Final = {
    Encoding.PLAIN: "utf-8",
    Encoding.UTF16LE: "utf-16-le",
    Encoding.UTF16BE: "utf-16-be",
    Encoding.UTF32LE: "utf-32-le",
    Encoding.UTF32BE: "utf-32-be",
}


def check_binary(
    path: bytes, content: Content, record: CondaFile, strings: Iterable[CString], left: Iterable[Replacement]
) -> tuple[Finding, ...]:
    """A finding if the record of an installed binary is wrong.

    `strings` are those in which the placeholder was replaced; `left` spells it for those in which it still is.
    """
    if not _is_recorded(record):
        return ()
    groups: dict[str, list[list[int]]] = {}
    untouched = cstring.search(content, left) or []
    for string in sorted((*strings, *untouched), key=lambda string: string.start):
        places = [hit + number * string.done.room for number, hit in enumerate(string.hits)]
        groups.setdefault(_NAMES[string.done.encoding], []).append([*places, string.stop])
    return _compare(path, record, groups, None)


def check_text(path: bytes, package: bytes, record: CondaFile, left: Iterable[Replacement]) -> tuple[Finding, ...]:
    """A finding if the record of a text file is wrong; `package` is the file as the package has it."""
    if not _is_recorded(record):
        return ()
    line = None
    if package.startswith(b"#!"):
        end = package.find(b"\n")
        line = len(package) if end < 0 else end + 1
    groups: dict[str, list[int]] = {}
    for at, step in cstring.places(package, left):
        if at >= (line or 0):
            groups.setdefault(_NAMES[step.encoding], []).append(at)
    return _compare(path, record, groups, line)


def _is_recorded(record: CondaFile) -> bool:
    return record.offsets is not None or record.shebang_length is not None


def _compare(path: bytes, record: CondaFile, groups: dict[str, Any], line: int | None) -> tuple[Finding, ...]:
    """What was found against what is recorded, which may be any JSON."""
    found = [{"encoding": name, "ranges": ranges} for name, ranges in groups.items()]
    recorded = record.offsets
    same = isinstance(recorded, list) and len(recorded) == len(found) and all(group in recorded for group in found)
    if same and record.shebang_length == line:
        return ()
    return (Finding("offsets", path, f"not where {record.package} records the placeholder"),)
