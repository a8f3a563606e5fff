"""The old paths in every spelling a file may hold, and the prefilter over them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from sfxpack.format.layout import Encoding
from sfxpack.model import Environment, Rename
from sfxpack.sites.memory import Holds, holds_for

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
_RARE: Final = 8
"""Bytes of a component that is worth searching for alone: shorter ones are in too many files."""
_MARK: Final = 16
"""Bytes at the end of a placeholder by which files that may hold it are told."""


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


def decode(text: bytes, encoding: Encoding) -> str:
    """What `text` says in UTF-8 or a wide encoding.

    Raises:
        UnicodeDecodeError: it is none.
    """
    return text.decode(_CODEC.get(encoding, "utf-8"))


def doubled(path: bytes) -> bytes:
    """`path` with one more slash after its first component, as SLASH pads by one; empty if it is the only one."""
    cut = path.find(b"/", 1)
    return path[:cut] + b"/" + path[cut:] if cut > 0 else b""


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
    """JSON, Python and URL spellings that differ from the plain one."""
    wide: tuple[Spelling, ...]
    """UTF-16 and UTF-32; they occur where NULs are."""
    opaque: tuple[bytes, ...]
    """Spellings no site can hold: percent-encoded with the slashes."""
    shadows: tuple[bytes, ...]
    """conda's placeholders that start with an old path, wide ones too: never sites themselves."""
    recorded: tuple[bytes, ...]
    """conda's placeholders that are old paths: sites but in `conda-meta`, which tells what packages were built with."""
    placeholders: tuple[bytes, ...]
    """The others."""
    marks: tuple[bytes, ...]
    """Ends of the placeholders."""
    probes: tuple[bytes, ...]
    """At least one of them is in everything that is not wide."""
    wide_probes: tuple[bytes, ...]
    """The same for wide spellings; each serves both byte orders."""

    def contains(self, content: bytes) -> bool:
        """Whether a spelling may be in `content`: the prefilter over every file. May be wrong only in saying yes."""
        holds = holds_for(len(content))
        for probe in self.probes:
            if holds(content, probe) and self._narrow(content, holds):
                return True
        if b"\0" in content:
            for probe in self.wide_probes:
                if holds(content, probe) and any(holds(content, spelling.pattern) for spelling in self.wide):
                    return True
        return False

    def of_records(self) -> Needles:
        """For the files of `conda-meta`."""
        return replace(self, shadows=self.shadows + self.recorded) if self.recorded else self

    def holds_placeholder(self, content: bytes) -> bool:
        """Whether one of conda's placeholders is in `content`."""
        return any(mark in content for mark in self.marks) and any(text in content for text in self.placeholders)

    def _narrow(self, content: bytes, holds: Holds) -> bool:
        patterns = (spelling.pattern for spelling in (*self.plain, *self.escaped))
        return any(holds(content, pattern) for pattern in (*patterns, *self.opaque))


def needles(environment: Environment) -> Needles:
    """The spellings of all renames of `environment`."""
    root = bytes(environment.root)
    renames = {rename.old: rename for rename in (Rename(root, b""), *environment.renames)}
    plain: list[Spelling] = []
    escaped: dict[bytes, Spelling] = {}
    wide: list[Spelling] = []
    for rename in renames.values():
        for path in filter(None, (rename.old, doubled(rename.old))):
            plain.append(Spelling(path, rename, Encoding.PLAIN))
            for spelling in _escaped(path, rename):
                escaped.setdefault(spelling.pattern, spelling)
            wide += _wide(path, rename)
    for spelling in plain:
        escaped.pop(spelling.pattern, None)
    placeholders = tuple(text for text in environment.placeholders if text not in renames)
    opaque = {text for old in renames for text in (quote(old, safe=""), _lower(quote(old, safe="")))}
    components = {old: _component(old, renames) for old in renames}
    probes = [text for old, part in components.items() for text in ([part] if part else _all(old))]
    shadows = [text for text in placeholders if text.startswith(tuple(renames))]
    tails = [part or old[max(old.find(b"/", 1), 0) :] for old, part in components.items()]
    return Needles(
        root=root,
        plain=tuple(sorted(plain, key=lambda spelling: (-len(spelling.pattern), spelling.pattern))),
        escaped=tuple(escaped.values()),
        wide=tuple(wide),
        opaque=tuple(sorted(text.encode("ascii") for text in opaque)),
        shadows=(*shadows, *(wide.pattern for text in shadows for wide in _wide(text, Rename(text, b"")))),
        recorded=tuple(text for text in environment.placeholders if text in renames),
        placeholders=placeholders,
        marks=tuple(sorted({text[-_MARK:] for text in placeholders})),
        probes=tuple(dict.fromkeys(probes)),
        wide_probes=tuple(dict.fromkeys(text for tail in tails for text in _wide_probes(tail))),
    )


def _escaped(path: bytes, rename: Rename) -> Iterable[Spelling]:
    """As our own rendering spells it, then as others may."""
    for encoding in (Encoding.JSON, Encoding.JSON_SLASH, Encoding.PYTHON, Encoding.PERCENT):
        yield Spelling(encode(path, encoding), rename, encoding)
    for safe in ("/", "/+@:,;=!$&'()*"):  # urllib's choice; what RFC 3986 allows in a path
        for text in (quote(path, safe=safe), _lower(quote(path, safe=safe))):
            yield Spelling(text.encode("ascii"), rename, Encoding.PERCENT)
    try:
        dumped = json.dumps(path.decode("utf-8"))[1:-1].encode("ascii")
    except UnicodeDecodeError:
        return
    yield Spelling(dumped, rename, Encoding.JSON)
    yield Spelling(dumped.replace(b"/", b"\\/"), rename, Encoding.JSON_SLASH)


def _lower(quoted: str) -> str:
    """With `%c3` for `%C3`."""
    first, *others = quoted.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in others)])


def _wide(path: bytes, rename: Rename) -> list[Spelling]:
    try:
        return [Spelling(encode(path, encoding), rename, encoding) for encoding in UNIT]
    except UnicodeDecodeError:
        return []


def _component(old: bytes, renames: Iterable[bytes]) -> bytes:
    """A component of `old` that every spelling has unchanged, the one that serves most paths; empty if none is rare."""
    parts = [part for part in old.split(b"/") if len(part) >= _RARE and quote(part, safe="").encode() == part]
    return max(parts, key=lambda part: (sum(part in other for other in renames), len(part), part), default=b"")


def _wide_probes(text: bytes) -> list[bytes]:
    """What the wide spellings of `text` have in common in both byte orders."""
    rename = Rename(text, b"")
    return [spelling.pattern.strip(b"\0") for spelling in _wide(text, rename)]


def _all(old: bytes) -> list[bytes]:
    """Every spelling of `old` but the wide ones."""
    rename = Rename(old, b"")
    paths = [path for path in (old, doubled(old)) if path]
    escaped = [spelling.pattern for path in paths for spelling in _escaped(path, rename)]
    opaque = quote(old, safe="")
    return list(dict.fromkeys([*paths, *escaped, opaque.encode("ascii"), _lower(opaque).encode("ascii")]))
