"""The naive oracle of the tests: renders neutral content for a prefix, straight from SPEC.md. Never on the build path.

Shares no code with the finders or with `neutral`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sfxpack.format.layout import Derived, Encoding, Platform, PycDetail, ShebangForm, SiteFlag, Strategy
from sfxpack.model import Neutral, Site


@dataclass(frozen=True)
class Final:
    """A file that others depend on, as installed."""

    content: bytes
    mtime: int = 0


def render(
    neutral: Neutral,
    prefix: bytes,
    platform: Platform = Platform.LINUX_X86_64,
    final: Mapping[bytes, Final] | None = None,
) -> bytes:
    """The file as installed at `prefix`; `final` gives the files its derived values are computed from."""
    result = b""
    position = 0
    for offset, site in neutral.sites:
        span_size = 0 if site.strategy is Strategy.DERIVED else len(site.neutral)
        result += neutral.content[position:offset]
        span = neutral.content[offset : offset + span_size]
        result += render_site(site, span, prefix, platform, final or {}, neutral.content[:4])
        position = offset + span_size
    return result + neutral.content[position:]


def render_site(
    site: Site, span: bytes, prefix: bytes, platform: Platform, final: Mapping[bytes, Final], head: bytes
) -> bytes:
    """One site, by SPEC's table of strategies."""
    if site.strategy is Strategy.TEXT:
        return insert(span, site.hits, spell(prefix, site.encoding))
    if site.strategy is Strategy.SHEBANG:
        return shebang(span, site.hits, prefix, ShebangForm(site.detail), 511 if platform.system == "macos" else 127)
    if site.strategy is Strategy.CSTRING:
        text = insert(span, site.hits, prefix)
        if any(text[len(span) :]):
            raise ValueError("does not fit")
        return text[: len(span)]
    if site.strategy is Strategy.SLASH:
        return slash(span, prefix, site.encoding, bool(site.flags & SiteFlag.SOFT))
    if site.strategy is Strategy.PYC:
        return pyc(insert(span, site.hits, prefix), site.detail)
    assert site.derived is not None
    return derived(site.derived, final[site.target], int.from_bytes(head, "little"))


def insert(span: bytes, hits: tuple[int, ...], text: bytes) -> bytes:
    """`span` with `text` at each hit, from the last to the first."""
    for hit in reversed(hits):
        span = span[:hit] + text + span[hit:]
    return span


def spell(prefix: bytes, encoding: Encoding) -> bytes:
    """SPEC, "Encodings"."""
    if encoding in (Encoding.JSON, Encoding.JSON_SLASH, Encoding.PYTHON):
        special = {Encoding.JSON: '"\\', Encoding.JSON_SLASH: '"\\/', Encoding.PYTHON: "\\'\""}[encoding]
        return b"".join(b"\\" + bytes([b]) if chr(b) in special else bytes([b]) for b in prefix)
    if encoding is Encoding.PERCENT:
        return b"".join(bytes([b]) if re.match(rb"[A-Za-z0-9\-._~/]", bytes([b])) else b"%%%02X" % b for b in prefix)
    codec = {
        Encoding.UTF16LE: "utf-16-le",
        Encoding.UTF16BE: "utf-16-be",
        Encoding.UTF32LE: "utf-32-le",
        Encoding.UTF32BE: "utf-32-be",
    }.get(encoding)
    return prefix.decode("utf-8").encode(codec) if codec else prefix


def slash(span: bytes, prefix: bytes, encoding: Encoding, soft: bool) -> bytes:
    """SPEC, "SLASH"."""
    one = spell(b"/", encoding) if encoding is not Encoding.JSON_SLASH else b"/"
    text = spell(prefix, encoding)
    if len(text) > len(span):
        if not soft:
            raise ValueError("does not fit")
        return one * (len(span) // len(one))
    missing = (len(span) - len(text)) // len(one)
    if missing == 1:
        components = prefix.split(b"/")  # the first is empty
        return spell(b"/" + components[1] + b"/" + b"".join(b"/" + c for c in components[2:]), encoding)
    return one * missing + text


def pyc(text: bytes, detail: int) -> bytes:
    """SPEC, "PYC"."""
    ascii_only = all(b < 0x80 for b in text)
    interned = detail & PycDetail.INTERNED
    size = len(text).to_bytes(4, "little")
    if detail & PycDetail.BYTES:
        kind = b"s"
    elif ascii_only and len(text) < 256:
        kind, size = (b"Z" if interned else b"z"), size[:1]
    elif ascii_only:
        kind = b"A" if interned else b"a"
    else:
        kind = b"t" if interned else b"u"
    return bytes([kind[0] + (0x80 if detail & PycDetail.REF else 0)]) + size + text


def shebang(span: bytes, hits: tuple[int, ...], prefix: bytes, form: ShebangForm, limit: int) -> bytes:
    """SPEC, "SHEBANG"."""
    line = insert(span, hits, prefix)
    if len(line) <= limit and not re.search(rb"[\x00-\x20\"'\\$`\x7f-\xff]", prefix):
        return line
    after = 2
    while after < len(span) and span[after : after + 1] in (b" ", b"\t"):
        after += 1
    stop = after
    while stop < len(span) and span[stop : stop + 1] not in (b" ", b"\t"):
        stop += 1
    arguments_at = stop
    while arguments_at < len(span) and span[arguments_at : arguments_at + 1] in (b" ", b"\t"):
        arguments_at += 1
    path = insert(span[after:stop], tuple(hit - after for hit in hits if after <= hit < max(stop, after + 1)), prefix)
    words = insert(span[arguments_at:], tuple(h - arguments_at for h in hits if h >= arguments_at and h >= stop and h >= after + 1), prefix)
    interpreter = b"".join(b"\\" + bytes([b]) if chr(b) in '\\"$`' else bytes([b]) for b in path)
    arguments = b" " + words if words else b""
    name = path.split(b"/")[-1]
    if form is ShebangForm.PYTHON:
        return b"#!/bin/sh\n'''exec' \"" + interpreter + b'"' + arguments + b" \"$0\" \"$@\"\n' '''"
    if form is ShebangForm.SHELL:
        return (
            b'#!/bin/sh\nif test -z "${SFXPACK_REEXEC-}"; then SFXPACK_REEXEC=1; export SFXPACK_REEXEC; exec "'
            + interpreter + b'"' + arguments + b' "$0" "$@"; fi; unset SFXPACK_REEXEC'
        )  # fmt: skip
    if form is ShebangForm.PERL:
        other = b"ruby" if name.startswith(b"ruby") else b"perl"
        return b'#!/bin/sh\nexec "' + interpreter + b'" -x "$0" "$@"\n#!' + other + arguments
    if form is ShebangForm.NODE:
        return b"#!/bin/sh\n':' //; exec \"" + interpreter + b'"' + arguments + b' "$0" "$@"'
    if words:
        return b"#!/usr/bin/env -S " + name + arguments
    return b"#!/usr/bin/env " + name


def derived(kind: Derived, final: Final, key: int) -> bytes:
    """SPEC, "DERIVED"."""
    if kind is Derived.SIZE_DECIMAL:
        return str(len(final.content)).encode()
    if kind is Derived.SIZE_LE32:
        return (len(final.content) % 2**32).to_bytes(4, "little")
    if kind is Derived.MTIME_LE32:
        return (final.mtime % 2**32).to_bytes(4, "little")
    digest = hashlib.sha256(final.content)
    if kind is Derived.SHA256_HEX:
        return digest.hexdigest().encode()
    if kind is Derived.SHA256_RECORD:
        return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=")
    return _siphash(key, final.content, (1, 3) if kind is Derived.SIPHASH13 else (2, 4))


def _siphash(key: int, data: bytes, rounds: tuple[int, int]) -> bytes:
    """Aumasson and Bernstein, "SipHash: a fast short-input PRF", with k1 = 0."""
    state = [key ^ 0x736F6D6570736575, 0x646F72616E646F6D, key ^ 0x6C7967656E657261, 0x7465646279746573]

    def rotate(index: int, count: int) -> None:
        state[index] = (state[index] << count | state[index] >> (64 - count)) % 2**64

    def add(one: int, two: int) -> None:
        state[one] = (state[one] + state[two]) % 2**64

    def sip_round() -> None:
        add(0, 1), add(2, 3)
        rotate(1, 13), rotate(3, 16)
        state[1] ^= state[0]
        state[3] ^= state[2]
        rotate(0, 32)
        add(2, 1), add(0, 3)
        rotate(1, 17), rotate(3, 21)
        state[1] ^= state[2]
        state[3] ^= state[0]
        rotate(2, 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) % 256])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        state[3] ^= word
        for _ in range(rounds[0]):
            sip_round()
        state[0] ^= word
    state[2] ^= 0xFF
    for _ in range(rounds[1]):
        sip_round()
    return (state[0] ^ state[1] ^ state[2] ^ state[3]).to_bytes(8, "little")
