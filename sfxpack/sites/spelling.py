"""The old paths in every spelling a file may hold, and the prefilter over them."""

from __future__ import annotations

import json
import mmap
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from sfxpack.format.layout import Encoding, SiteFlag
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
"""Bytes of a component that is worth searching for on behalf of several paths: shorter ones are in too many files."""
_MARK: Final = 16
"""Bytes at the end of a placeholder by which files that may hold it are told."""


def encode(path: bytes, encoding: Encoding, form: int = 0) -> bytes:
    """`path` as it stands at a site (SPEC, "Encodings", "Forms"); `form`: flags of the site.

    Raises:
        UnicodeDecodeError: the encoding is wide and `path` is not UTF-8.
    """
    if form:
        path = _formed(path, form)
    if encoding is Encoding.PLAIN:
        return path
    if encoding is Encoding.PERCENT:
        drive, path = (path[:2], path[2:]) if path[1:2] == b":" and path[:1] != b"/" else (b"", path)
        return drive + quote(path, safe="/").encode("ascii")
    if encoding in _CODEC:
        return path.decode("utf-8").encode(_CODEC[encoding])
    for byte in _ESCAPED[encoding]:
        path = path.replace(bytes([byte]), b"\\" + bytes([byte]))
    return path


def _formed(path: bytes, form: int) -> bytes:
    if form & SiteFlag.VERBATIM:
        path = b"\\\\?\\UNC" + path[1:] if path.startswith(b"\\\\") else b"\\\\?\\" + path
    return path.replace(b"\\", b"/") if form & SiteFlag.FORWARD else path


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
    form: int = 0
    """FORWARD, VERBATIM, as flags of a site."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A quick look for old paths that have a component in common."""

    parts: tuple[bytes, ...]
    """Components that each of the paths has and no spelling but the wide ones changes, the longest first."""
    patterns: tuple[bytes, ...]
    """All spellings but the wide ones."""
    wide_parts: tuple[bytes, ...]
    """One of them is in everything wide; each serves both byte orders."""
    wide: tuple[bytes, ...]

    def is_in(self, content: bytes, holds: Holds) -> bool:
        """Whether one of the paths is, in whatever spelling but the wide ones."""
        return all(holds(content, part) for part in self.parts) and any(holds(content, text) for text in self.patterns)

    def is_wide_in(self, content: bytes, holds: Holds) -> bool:
        """The same for wide spellings."""
        return any(holds(content, part) for part in self.wide_parts) and any(holds(content, text) for text in self.wide)


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
    probes: tuple[Probe, ...]

    def contains(self, content: bytes) -> bool:
        """Whether a spelling may be in `content`: the prefilter over every file. May be wrong only in saying yes."""
        holds = holds_for(len(content))
        return any(probe.is_in(content, holds) for probe in self.probes) or (
            b"\0" in content and any(probe.is_wide_in(content, holds) for probe in self.probes)
        )

    def within(self, content: bytes | mmap.mmap) -> Needles:  # noqa: ARG002 - for trees of other systems
        """What to search for in one file."""
        return self

    def of_records(self) -> Needles:
        """For the files of `conda-meta`."""
        return replace(self, shadows=self.shadows + self.recorded) if self.recorded else self

    def holds_placeholder(self, content: bytes) -> bool:
        """Whether one of conda's placeholders is in `content`."""
        return any(mark in content for mark in self.marks) and any(text in content for text in self.placeholders)


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
    shadows = [text for text in placeholders if text.startswith(tuple(renames))]
    return Needles(
        root=root,
        plain=tuple(sorted(plain, key=lambda spelling: (-len(spelling.pattern), spelling.pattern))),
        escaped=tuple(escaped.values()),
        wide=tuple(wide),
        opaque=tuple(sorted({text for old in renames for text in _opaque(old)})),
        shadows=(*shadows, *(wide.pattern for text in shadows for wide in _wide(text, Rename(text, b"")))),
        recorded=tuple(text for text in environment.placeholders if text in renames),
        placeholders=placeholders,
        marks=tuple(sorted({text[-_MARK:] for text in placeholders})),
        probes=_probes(renames),
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


def _probes(renames: Mapping[bytes, Rename]) -> tuple[Probe, ...]:
    """A probe for each group of paths: as few as there can be, since each goes over every byte of the environment."""
    groups: dict[bytes, list[bytes]] = {}

    def worth(part: bytes) -> tuple[int, int, bytes]:
        return sum(part in _parts(old) for old in renames) if len(part) >= _RARE else 0, len(part), part

    for old in renames:
        groups.setdefault(max(_parts(old), key=worth, default=old), []).append(old)
    return tuple(_probe([renames[old] for old in group]) for group in groups.values())


def _probe(group: list[Rename]) -> Probe:
    shared = set.intersection(*(_parts(rename.old) for rename in group))
    common = posixpath.commonpath([rename.old for rename in group])
    common = common[max(common.find(b"/", 1), 0) :]  # from the slash on that may be doubled
    text = max([common, *shared], key=len)
    paths = [(path, rename) for rename in group for path in (rename.old, doubled(rename.old)) if path]
    escaped = [spelling.pattern for path, rename in paths for spelling in _escaped(path, rename)]
    opaque = [text for rename in group for text in _opaque(rename.old)]
    return Probe(
        parts=tuple(sorted(shared, key=lambda part: (-len(part), part))),
        patterns=tuple(dict.fromkeys([*(path for path, _ in paths), *escaped, *opaque])),
        wide_parts=tuple(dict.fromkeys(spelling.pattern.strip(b"\0") for spelling in _wide(text, group[0]))),
        wide=tuple(spelling.pattern for path, rename in paths for spelling in _wide(path, rename)),
    )


def _parts(old: bytes) -> set[bytes]:
    """Components that percent-encoding and the escapes leave as they are."""
    return {part for part in old.split(b"/") if part and quote(part, safe="").encode() == part}


def _opaque(old: bytes) -> tuple[bytes, bytes]:
    """Percent-encoded with the slashes."""
    text = quote(old, safe="")
    return text.encode("ascii"), _lower(text).encode("ascii")
