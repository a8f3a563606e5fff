"""The old paths in every spelling a file may hold, and the prefilter over them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from sfxpack.format.layout import Encoding
from sfxpack.model import Environment, Rename

UNIT: Final = {
    Encoding.UTF16LE: 2,
    Encoding.UTF16BE: 2,
    Encoding.UTF32LE: 4,
    Encoding.UTF32BE: 4,
}
"""Bytes of a code unit where it is not 1."""
_CODEC: Final = {
    Encoding.UTF16LE: "utf-16-le",
    Encoding.UTF16BE: "utf-16-be",
    Encoding.UTF32LE: "utf-32-le",
    Encoding.UTF32BE: "utf-32-be",
}
_ESCAPED: Final = {
    Encoding.JSON: b'\\"',
    Encoding.JSON_SLASH: b'\\"/',
    Encoding.PYTHON: b"\\'\"",
}
"""Bytes that get a backslash; the backslash itself comes first."""


def encode(path: bytes, encoding: Encoding) -> bytes:
    """`path` as it stands at a site (SPEC, "Encodings").

    Raises:
        UnicodeDecodeError: the encoding is wide and `path` is not UTF-8.
    """
    if encoding is Encoding.PLAIN:
        return path
    if encoding is Encoding.PERCENT:
        return quote(path, safe="/").encode("ascii")
    if encoding in _CODEC:
        return path.decode("utf-8").encode(_CODEC[encoding])
    for byte in _ESCAPED[encoding]:
        path = path.replace(bytes([byte]), b"\\" + bytes([byte]))
    return path


@dataclass(frozen=True, slots=True)
class Spelling:
    """One byte sequence that names an old path."""

    pattern: bytes
    rename: Rename
    encoding: Encoding


@dataclass(frozen=True, slots=True)
class Needles:
    """Everything to search for in one build; made once by `needles`."""

    root: bytes
    """The environment's own path, the prefix that proofs render with."""
    plain: tuple[Spelling, ...]
    """PLAIN, longest first."""
    escaped: tuple[Spelling, ...]
    """JSON, Python and URL spellings that differ from the plain one; they occur in text."""
    wide: tuple[Spelling, ...]
    """UTF-16 and UTF-32; they occur where NULs are."""
    shadows: tuple[bytes, ...]
    """conda's placeholders that start with an old path: never sites themselves."""
    probes: tuple[bytes, ...]
    """Byte sequences, at least one of which is in every plain or escaped spelling."""
    wide_probes: tuple[bytes, ...]
    """The same for wide ones; each serves both byte orders."""

    def contains(self, content: bytes) -> bool:
        """Whether a spelling may be in `content`; cheap, for every file. May be wrong only in saying yes."""
        for probe in self.probes:
            if content.find(probe) >= 0:
                return True
        if content.find(b"\0") >= 0:
            for probe in self.wide_probes:
                if content.find(probe) >= 0:
                    return True
        return False


def needles(environment: Environment) -> Needles:
    """The spellings of all renames of `environment`."""
    root = bytes(environment.root)
    renames = {rename.old: rename for rename in reversed(environment.renames)}
    renames.setdefault(root, Rename(root, b""))
    plain: list[Spelling] = []
    escaped: list[Spelling] = []
    wide: list[Spelling] = []
    for rename in renames.values():
        for path in _variants(rename.old):
            plain.append(Spelling(path, rename, Encoding.PLAIN))
            escaped += _escaped(path, rename)
            wide += _wide(path, rename)
    plain.sort(key=lambda spelling: (-len(spelling.pattern), spelling.pattern))
    known = {spelling.pattern for spelling in plain}
    unique = {spelling.pattern: spelling for spelling in reversed(escaped) if spelling.pattern not in known}
    shadows = tuple(sorted(p for p in environment.placeholders if p.startswith(tuple(renames)) and p not in renames))
    return Needles(
        root=root,
        plain=tuple(plain),
        escaped=tuple(unique.values()),
        wide=tuple(wide),
        shadows=shadows,
        probes=_probes([*plain, *unique.values()]),
        wide_probes=tuple(dict.fromkeys(spelling.pattern.strip(b"\0") for spelling in wide)),
    )


def doubled(path: bytes) -> bytes:
    """`path` with one more slash after its first component, as SLASH pads by one; empty if it has only one component."""
    cut = path.find(b"/", 1)
    return path[:cut] + b"/" + path[cut:] if cut > 0 else b""


def _variants(path: bytes) -> list[bytes]:
    return [variant for variant in (path, doubled(path)) if variant]


def _escaped(path: bytes, rename: Rename) -> list[Spelling]:
    spellings = [
        Spelling(encode(path, encoding), rename, encoding)
        for encoding in (Encoding.JSON, Encoding.JSON_SLASH, Encoding.PYTHON, Encoding.PERCENT)
    ]
    percent = quote(path, safe="/")
    for sloppy in (quote(path, safe="/+@:,;=!$&'()*"), percent):
        spellings.append(Spelling(_lower_percent(sloppy), rename, Encoding.PERCENT))
        spellings.append(Spelling(sloppy.encode("ascii"), rename, Encoding.PERCENT))
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        return spellings
    dumped = json.dumps(text)[1:-1].encode("ascii")
    spellings.append(Spelling(dumped, rename, Encoding.JSON))
    spellings.append(Spelling(dumped.replace(b"/", b"\\/"), rename, Encoding.JSON_SLASH))
    return spellings


def _lower_percent(quoted: str) -> bytes:
    """With `%c3` for `%C3`."""
    parts = quoted.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])]).encode("ascii")


def _wide(path: bytes, rename: Rename) -> list[Spelling]:
    try:
        return [Spelling(encode(path, encoding), rename, encoding) for encoding in UNIT]
    except UnicodeDecodeError:
        return []


def _probes(spellings: list[Spelling]) -> tuple[bytes, ...]:
    """One probe for spellings that share a long enough end; the others are probes themselves."""
    probes: list[bytes] = []
    for pattern in sorted((spelling.pattern for spelling in spellings), key=len):
        tail = pattern[pattern.find(b"/", 1) + 1 :] if pattern.find(b"/", 1) > 0 else pattern
        tail = tail.lstrip(b"/")
        probe = tail if len(tail) >= 12 else pattern  # noqa: PLR2004 - shorter ones hit too often, see the measurements in the tests
        if not any(known in probe for known in probes):
            probes.append(probe)
    return tuple(probes)
