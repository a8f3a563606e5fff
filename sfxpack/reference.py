"""The naive oracle of the tests: renders neutral content for a prefix, straight from SPEC.md. Never on the build path.

Shares no code with the finders or with `neutral`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sfxpack.format import layout
from sfxpack.format.layout import Derived, Encoding, EntryKind, Platform, PycDetail, ShebangForm, SiteFlag, Strategy
from sfxpack.format.tables import Index, IndexEntry, IndexSite
from sfxpack.model import Neutral

_ESCAPED: Final = {Encoding.JSON: b'"\\', Encoding.JSON_SLASH: b'"\\/', Encoding.PYTHON: b"\\'\""}
_CODECS: Final = {
    Encoding.UTF16LE: "utf-16-le",
    Encoding.UTF16BE: "utf-16-be",
    Encoding.UTF32LE: "utf-32-le",
    Encoding.UTF32BE: "utf-32-be",
}


@dataclass(frozen=True)
class Installed:
    """A file that others depend on, as it is in the end."""

    content: bytes
    mtime: int = 0


@dataclass(frozen=True)
class Target:
    """Where and for what system a tree is installed."""

    prefix: bytes
    platform: Platform = Platform.LINUX_X86_64
    files: Mapping[bytes, Installed] = field(default_factory=dict)
    """By path: the targets of derived values."""


def render(neutral: Neutral, target: Target) -> bytes:
    """A file as installed."""
    result = b""
    position = 0
    for offset, site in neutral.sites:
        span = 0 if site.strategy is Strategy.DERIVED else len(site.neutral)
        index_site = IndexSite(
            offset, span, site.strategy, site.encoding, site.hits, site.flags, site.detail, line=site.neutral
        )
        result += neutral.content[position:offset]
        text = neutral.content[offset : offset + span]
        if site.strategy is Strategy.DERIVED:
            result += _derived(Derived(site.derived or 0), target.files[site.target], neutral.content[:4])
        else:
            result += render_site(index_site, text, target.prefix, target.platform)
        position = offset + span
    return result + neutral.content[position:]


def render_tree(
    index: Index, contents: Sequence[bytes], prefix: bytes, platform: Platform = Platform.LINUX_X86_64
) -> dict[int, bytes]:
    """Content of every file and text of every link, by the position of the entry."""
    done: dict[int, bytes] = {}
    trees = index.trees

    def prefix_of(entry: IndexEntry) -> bytes:
        top = entry.path.split(b"/")[0]
        separator = b"\\" if platform.system == "windows" else b"/"
        return prefix + separator + top if top in trees else prefix

    def of(position: int) -> bytes:
        if position not in done:
            entry = index.entries[position]
            if entry.kind is EntryKind.HARD_LINK:
                return of(entry.target)
            neutral = entry.link if entry.kind is EntryKind.LINK else contents[entry.target]
            done[position] = _entry(
                entry, neutral, prefix_of(entry), platform, lambda at: Installed(of(at), _mtime(index, at))
            )
        return done[position]

    for position, entry in enumerate(index.entries):
        if entry.kind in (EntryKind.FILE, EntryKind.LINK):
            of(position)
    return done


def _mtime(index: Index, position: int) -> int:
    entry = index.entries[position]
    return index.entries[entry.target].mtime if entry.kind is EntryKind.HARD_LINK else entry.mtime


def _entry(
    entry: IndexEntry, neutral: bytes, prefix: bytes, platform: Platform, installed: Callable[[int], Installed]
) -> bytes:
    result = b""
    position = 0
    for site in entry.sites:
        result += neutral[position : site.offset]
        position = site.offset + site.span
        if site.strategy is Strategy.DERIVED:
            result += _derived(Derived(site.encoding), installed(site.target), neutral[:4])
        else:
            result += render_site(site, neutral[site.offset : position], prefix, platform)
    result += neutral[position:]
    if entry.kind is EntryKind.LINK and len(result) > layout.MAX_PATH:
        raise ValueError("does not fit")
    return result


def render_site(site: IndexSite, span: bytes, prefix: bytes, platform: Platform) -> bytes:
    """One site that is not derived, by SPEC's table of strategies.

    Raises:
        ValueError: the prefix does not fit.
    """
    if site.strategy is Strategy.SHEBANG:
        if span != site.line:
            raise ValueError("not the line")
        limit = layout.MAX_SHEBANG_MACOS if platform.system == "macos" else layout.MAX_SHEBANG_LINUX
        return shebang(site.line, site.hits, prefix, ShebangForm(site.detail), limit)
    if site.strategy is Strategy.CSTRING:
        text = insert(span, site.hits, spell(prefix, Encoding(site.encoding)))
        if any(text[len(span) :]):
            raise ValueError("does not fit")
        return text[: len(span)]
    prefix = formed(prefix, site.flags)
    if site.strategy is Strategy.SLASH:
        soft = bool(site.flags & SiteFlag.SOFT)
        if platform.system == "windows":
            return windows_slash(span, prefix, site, soft=soft)
        return slash(span, prefix, Encoding(site.encoding), soft=soft)
    if site.strategy is Strategy.PYC:
        text = prefix if site.detail & PycDetail.BYTES else marshalled(prefix)
        return pyc(insert(span, site.hits, text), site.detail, ascii_prefix=prefix.isascii())
    return insert(span, site.hits, spell(prefix, Encoding(site.encoding)))


def formed(prefix: bytes, flags: int) -> bytes:
    """SPEC, "Forms"."""
    if flags & SiteFlag.VERBATIM:
        prefix = b"\\\\?\\UNC" + prefix[1:] if prefix.startswith(b"\\\\") else b"\\\\?\\" + prefix
    return prefix.replace(b"\\", b"/") if flags & SiteFlag.FORWARD else prefix


def insert(span: bytes, hits: tuple[int, ...], text: bytes) -> bytes:
    """`span` with `text` at each hit, from the last to the first."""
    for hit in reversed(hits):
        span = span[:hit] + text + span[hit:]
    return span


def spell(prefix: bytes, encoding: Encoding) -> bytes:
    """SPEC, "Encodings"."""
    if encoding in _ESCAPED:
        return b"".join(b"\\" + bytes([b]) if b in _ESCAPED[encoding] else bytes([b]) for b in prefix)
    if encoding is Encoding.PERCENT:
        drive = prefix[:2] if re.match(rb"[^/]:", prefix) else b""
        return b"".join(
            bytes([b]) if re.match(rb"[A-Za-z0-9\-._~/]", bytes([b])) or (drive and at == 1) else b"%%%02X" % b
            for at, b in enumerate(prefix)
        )
    return prefix.decode("utf-8").encode(_CODECS[encoding]) if encoding in _CODECS else prefix


def marshalled(prefix: bytes) -> bytes:
    """SPEC, "PYC": the bytes of a `str` made of a file name."""
    return prefix.decode("utf-8", "surrogateescape").encode("utf-8", "surrogatepass")


def slash(span: bytes, prefix: bytes, encoding: Encoding, *, soft: bool) -> bytes:
    """SPEC, "SLASH"."""
    if any(span):
        raise ValueError("not zeros")
    one = spell(b"/", encoding)
    text = spell(prefix, encoding)
    if len(text) > len(span):
        if not soft:
            raise ValueError("does not fit")
        return one * (len(span) // len(one))
    missing = (len(span) - len(text)) // len(one)
    if missing == 1:
        first, *others = prefix[1:].split(b"/")
        return spell(b"/" + first + b"/" + b"".join(b"/" + other for other in others), encoding)
    return one * missing + text


def windows_slash(span: bytes, prefix: bytes, site: IndexSite, *, soft: bool) -> bytes:
    """SPEC, "SLASH", where the platform is Windows."""
    if any(span):
        raise ValueError("not zeros")
    encoding = Encoding(site.encoding)
    unit = len(b"/".decode().encode(_CODECS[encoding])) if encoding in _CODECS else 1
    mark = b"/" if site.flags & SiteFlag.FORWARD else b"\\"
    one = mark.decode().encode(_CODECS[encoding]) if encoding in _CODECS else mark
    text = spell(prefix, encoding)
    if len(text) > len(span):
        if not soft:
            raise ValueError("does not fit")
        return one * (len(span) // unit)
    units = [text[at : at + unit] for at in range(0, len(text), unit)]
    places = [at for at, found in enumerate(units) if found == one]
    wanted = 4 if units[0] == one else 1
    place = places[wanted - 1] if len(places) >= wanted else len(units)
    units[place:place] = [one] * ((len(span) - len(text)) // unit)
    return b"".join(units)


def pyc(text: bytes, detail: int, *, ascii_prefix: bool) -> bytes:
    """SPEC, "PYC"."""
    interned = bool(detail & PycDetail.INTERNED)
    size = len(text).to_bytes(4, "little")
    if detail & PycDetail.BYTES:
        kind = b"s"
    elif not (detail & PycDetail.ASCII and ascii_prefix):
        kind = b"t" if interned else b"u"
    elif len(text) < 0x100:  # noqa: PLR2004 - SPEC
        kind, size = (b"Z" if interned else b"z"), size[:1]
    else:
        kind = b"A" if interned else b"a"
    return bytes([kind[0] + (0x80 if detail & PycDetail.REF else 0)]) + size + text


def shebang(span: bytes, hits: tuple[int, ...], prefix: bytes, form: ShebangForm, limit: int) -> bytes:
    """SPEC, "SHEBANG"."""
    line = insert(span, hits, prefix)
    if len(line) <= limit and not re.search(rb"[\s\"'\\$`\x7f-\xff]", prefix):
        return line
    mark = b"\0"  # a prefix in the middle of being inserted: no line holds one
    parts = re.split(rb"[ \t]+", insert(span, hits, mark)[2:].lstrip(b" \t"), maxsplit=1)
    path = parts[0].replace(mark, prefix)
    interpreter = _quoted(path, form)
    rest = parts[1].rstrip(b" \t").replace(mark, prefix) if len(parts) > 1 else b""
    arguments = b" " + _quoted(rest, form) if rest else b""
    name = path.rpartition(b"/")[2]
    if form is ShebangForm.PYTHON:
        return b"#!/bin/sh\n'''exec' " + interpreter + arguments + b" \"$0\" \"$@\"\n' '''"
    if form is ShebangForm.SHELL:
        once = b'if test -z "${SFXPACK_REEXEC-}"; then SFXPACK_REEXEC=1; export SFXPACK_REEXEC; exec '
        return b"#!/bin/sh\n" + once + interpreter + arguments + b' "$0" "$@"; fi; unset SFXPACK_REEXEC'
    if form is ShebangForm.PERL:
        language = b"ruby" if name.startswith(b"ruby") else b"perl"
        return b"#!/bin/sh\nexec " + interpreter + b' -x "$0" "$@"\n#!' + language + (b" " + rest if rest else b"")
    if form is ShebangForm.NODE:
        return b"#!/bin/sh\n':' //; exec " + interpreter + arguments + b' "$0" "$@"'
    words = b' "' + re.sub(rb'([\\"$])', rb"\\\1", rest) + b'"' if rest else b""
    return b"#!/usr/bin/env " + (b"-S " if rest else b"") + name + words


def _quoted(word: bytes, form: ShebangForm) -> bytes:
    """SPEC, "SHEBANG": a word for a shell."""
    if form is ShebangForm.PYTHON:
        escaped = word.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        return b'"' + escaped.replace(b"$", b"\"'$'\"").replace(b"`", b"\"'`'\"") + b'"'
    return b'"' + re.sub(rb'([\\"$`])', rb"\\\1", word) + b'"'


def _derived(kind: Derived, file: Installed, head: bytes) -> bytes:
    """SPEC, "DERIVED"."""
    digest = hashlib.sha256(file.content)
    if kind is Derived.SIZE_DECIMAL:
        return str(len(file.content)).encode()
    if kind is Derived.SIZE_LE32:
        return (len(file.content) % 2**32).to_bytes(4, "little")
    if kind is Derived.MTIME_LE32:
        return (file.mtime % 2**32).to_bytes(4, "little")
    if kind is Derived.SHA256_HEX:
        return digest.hexdigest().encode()
    if kind is Derived.SHA256_RECORD:
        return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=")
    return _siphash(int.from_bytes(head, "little"), file.content, (1, 3) if kind is Derived.SIPHASH13 else (2, 4))


def _siphash(key: int, data: bytes, rounds: tuple[int, int]) -> bytes:
    """Aumasson and Bernstein, "SipHash: a fast short-input PRF", with k1 = 0."""
    state = [key ^ 0x736F6D6570736575, 0x646F72616E646F6D, key ^ 0x6C7967656E657261, 0x7465646279746573]

    def half(one: int, two: int, turn: int, *, swap: bool) -> None:
        state[one] = (state[one] + state[two]) % 2**64
        state[two] = _rotate(state[two], turn) ^ state[one]
        if swap:
            state[one] = _rotate(state[one], 32)

    def sip_rounds(count: int) -> None:
        for _ in range(count):
            half(0, 1, 13, swap=True)
            half(2, 3, 16, swap=False)
            half(2, 1, 17, swap=True)
            half(0, 3, 21, swap=False)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) % 256])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        state[3] ^= word
        sip_rounds(rounds[0])
        state[0] ^= word
    state[2] ^= 0xFF
    sip_rounds(rounds[1])
    return (state[0] ^ state[1] ^ state[2] ^ state[3]).to_bytes(8, "little")


def _rotate(word: int, count: int) -> int:
    return (word << count | word >> (64 - count)) % 2**64
