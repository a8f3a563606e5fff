"""What records tell of the build machine: folders of its user, cache paths; and passwords and tokens, if wanted."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

from sfxpack import credentials
from sfxpack.model import Edit
from sfxpack.paths import is_below

_VALUE: Final = rb'"((?:[^"\\]|\\.)*)"'
_BUILD_PATHS: Final = re.compile(
    rb'"(?:source|extracted_package_dir|package_tarball_full_path|manifest_path)"\s*:\s*' + _VALUE, re.DOTALL
)
"""Where conda's and rattler's caches lay, and the project of pixi."""
_SOURCES: Final = re.compile(rb'"(?:url|channel|schannel|base_url|requested_spec)"\s*:\s*' + _VALUE, re.DOTALL)
_SPECS: Final = re.compile(rb'"requested_specs"\s*:\s*\[((?:[^\]"]|' + _VALUE + rb")*)\]", re.DOTALL)
_STRING: Final = re.compile(_VALUE, re.DOTALL)
_LOCAL: Final = re.compile(r"(file:)(?://[^/]*)?(/(?:(?!::)[^\s'\"\[\],])*)|^()(/(?:(?!::)[^'\"\[\],])*)")
"""A `file:` URL, or a path at the start; not the `::` after a channel."""
_LOCAL_FOLDER: Final = re.compile(rb"file:(?://[^/\s]*)?(/(?:(?!::)[^\s'\"\[\],])*/)(?=[^\s/'\":])")
"""All of a `file:` URL's path but its last component."""
_COMMAND: Final = re.compile(rb"^# cmd: .*$", re.MULTILINE)
_ARGUMENT: Final = re.compile(rb"(?<![^\s='\"])(/[^\s'\"]*/)[^\s/'\"]+")
"""A path in a command: its folders, and all of it."""


def is_record(path: bytes) -> bool:
    """Whether a file tells where packages came from."""
    return path.startswith(b"conda-meta/") or path.endswith(b".dist-info/direct_url.json")


def scrub(
    path: bytes,
    content: bytes,
    roots: Collection[bytes] = (),
    *,
    package_sha256: str = "",
    secrets: bool = True,
) -> tuple[Edit, ...]:
    """Blank what a file of `conda-meta` or a `direct_url.json` tells of the build machine.

    Args:
        path: below the prefix; other files are left alone.
        content: of the file.
        roots: paths of the build machine that lie below the new prefix: `direct_url.json` and commands may name them.
        secrets: whether passwords and tokens are cut too.
        package_sha256: of the file in conda's package, in hex: if it is the same, its folders are not of this machine.
    """
    conda = path.startswith(b"conda-meta/")
    edits: list[Edit] = []
    if path == b"conda-meta/history":
        edits = [*_folders_of_history(content, roots), *(_secrets(content, conda=True) if secrets else ())]
        return tuple(sorted(edits, key=lambda edit: edit.start))
    if conda and (path.endswith(b".json") or path == b"conda-meta/pixi"):
        edits += [Edit(*match.span(1), b"") for match in _BUILD_PATHS.finditer(content) if match[1]]
        edits += _changed(content, _sources(content), lambda text: _LOCAL.sub(_last, text), secrets=secrets)
    elif path.endswith(b".dist-info/direct_url.json"):
        if hashlib.sha256(content).hexdigest() != package_sha256:
            spans = (match.span(1) for match in _SOURCES.finditer(content))
            edits += _changed(
                content,
                spans,
                lambda text: text if _is_inside(text, roots) else _LOCAL.sub(_last, text),
                secrets=secrets,
            )
    elif not conda or path == b"conda-meta/state":
        return ()
    taken = [(edit.start, edit.end) for edit in edits]
    if secrets:
        edits += [edit for edit in _secrets(content, conda=conda) if not _overlaps(edit, taken)]
    return tuple(sorted(edits, key=lambda edit: edit.start))


def _secrets(content: bytes, *, conda: bool) -> Iterator[Edit]:
    return (Edit(secret.start, secret.end, b"") for secret in credentials.in_urls(content, conda=conda))


def _sources(content: bytes) -> Iterator[tuple[int, int]]:
    """Where the strings stand that say where a package came from."""
    for match in _SOURCES.finditer(content):
        yield match.span(1)
    for match in _SPECS.finditer(content):
        for spec in _STRING.finditer(content, *match.span(1)):
            yield spec.span(1)


def _changed(
    content: bytes, spans: Iterator[tuple[int, int]], change: Callable[[str], str], *, secrets: bool
) -> Iterator[Edit]:
    """An edit for every JSON string that `change` changes."""
    for start, end in spans:
        try:
            text = json.loads(content[start - 1 : end + 1], strict=False)
        except ValueError:
            continue
        new = change(text)
        if new != text:
            text = json.dumps(new)[1:-1]
            yield Edit(start, end, _cut(text.encode()) if secrets else text.encode())


def _cut(text: bytes) -> bytes:
    """A text of `conda-meta` without its secrets."""
    for edit in reversed([*_secrets(text, conda=True)]):
        text = text[: edit.start] + text[edit.end :]
    return text


def _last(match: re.Match[str]) -> str:
    """The URL or path with its last component alone."""
    scheme, path = (match[1], match[2]) if match[1] else ("", match[4])
    name = re.split(r"/|%2[Ff]", path.rstrip("/"))[-1]
    return f"{scheme}{'//' if scheme else ''}/{name}{'/' if name and path.endswith('/') else ''}"


def _is_inside(url: str, roots: Collection[bytes]) -> bool:
    """Whether a `file:` URL names something below one of `roots`."""
    path = unquote_to_bytes(re.sub(r"^file:(//[^/]*)?", "", url).encode("utf-8", "surrogateescape"))
    if re.match(rb"/[A-Za-z]:", path):
        path, roots = path[1:].lower(), [root.replace(b"\\", b"/").lower() for root in roots]
    return any(is_below(path, root) for root in roots)


def _folders_of_history(content: bytes, roots: Collection[bytes]) -> Iterator[Edit]:
    """Folders of local channels, of the program that wrote it, and of arguments."""
    for match in _LOCAL_FOLDER.finditer(content):
        yield Edit(*match.span(1), b"/")
    for line in _COMMAND.finditer(content):
        for match in _ARGUMENT.finditer(content, *line.span()):
            if not any(is_below(match[0], root) for root in roots):
                yield Edit(*match.span(1), b"")


def _overlaps(edit: Edit, taken: list[tuple[int, int]]) -> bool:
    return any(start < edit.end and edit.start < end for start, end in taken)
