"""Whatever a file holds: neutral content and the old prefix give it back, and only sites depend on the prefix."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import marshal
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from sfxpack import neutral, reference, sites
from sfxpack.classify import HEAD, classify
from sfxpack.format.layout import Encoding, Strategy
from sfxpack.model import CondaFile, Environment, Found, Kind, Neutral
from sfxpack.sites.spelling import doubled, encode
from tests.property.strategies import SETTINGS, prefixes, tidy_prefixes
from tests.sitekit import environment

NAMES = [b"bin/x", b"lib/x.py", b"x.json", b"x.pc", b"lib/x.so", b"a.pyc", b"Makefile"]
HEADS = [
    b"",
    b"#!",
    b"#!/bin/sh\n",
    b"%PDF-1.4\n",
    b"\x7fELF\2\1\1",
    b"\0",
    b'{"a": "',
    b"PK\3\4",
    b"# coding: latin-1\n\xe9",
]


@st.composite
def contents(draw: st.DrawFn, root: bytes) -> bytes:
    """The old path in all spellings among what may stand around it."""
    spelled = [root, root, doubled(root) or root, b"//" + root, *(encode(root, encoding) for encoding in Encoding)]
    pieces = st.one_of(
        st.sampled_from(spelled),
        st.sampled_from(
            [b"/", b"/lib", b":", b" ", b"\n", b"\0", b"'", b'"', b"=", b"-L", b"x", b"}", b".", b"file://", b"\0\0\0"]
        ),
        st.binary(max_size=6),
        st.text(max_size=6).map(lambda text: text.encode(errors="replace")),
    )
    return draw(st.sampled_from(HEADS)) + b"".join(draw(st.lists(pieces, max_size=25)))


def find(path: bytes, content: bytes, where: Environment) -> Found:
    kind = classify(path, content[:HEAD], content)
    return sites.find(path, kind, content, where, sites.needles(where), sites.Options())


def put_back(content: bytes, result: Neutral, found: Found) -> Neutral:
    """With what cannot render to what was there replaced by it, so that the oracle can be asked."""
    assert not found.edits
    kept = [site for site in found.sites if not site.renamed]
    again = Found(tuple(kept))
    del result
    return neutral.neutralise(content, again)


@given(st.data(), prefixes(), st.sampled_from(NAMES))
@SETTINGS
def test_old_prefix_gives_back_what_was_there(data: st.DataObject, root: bytes, path: bytes) -> None:
    content = data.draw(contents(root))
    found = find(path, content, environment(root))
    result = neutral.neutralise(content, found)
    neutral.prove(content, result, found, root)
    assert reference.render(put_back(content, result, found), reference.Target(root)) == content


@given(st.data(), prefixes(), prefixes(), st.sampled_from(NAMES))
@SETTINGS
def test_no_byte_outside_a_site_depends_on_the_prefix(
    data: st.DataObject, root: bytes, new: bytes, path: bytes
) -> None:
    content = data.draw(contents(root))
    found = find(path, content, environment(root))
    result = neutral.neutralise(content, found)
    try:
        moved = reference.render(result, reference.Target(new))
    except ValueError:
        assert any(site.strategy is Strategy.SLASH for site in found.sites)
        return
    at = 0
    before = 0
    for site in found.sites:
        literal = content[before : site.start]
        at = moved.index(literal, at) + len(literal)
        before = site.end
    assert moved.endswith(content[before:])


@given(st.data(), tidy_prefixes(), tidy_prefixes())
@SETTINGS
def test_text_is_what_replacing_gives(data: st.DataObject, root: bytes, new: bytes) -> None:
    separators = st.sampled_from([b" ", b"\n", b":", b"=", b"'", b",", b"\t"])
    words = st.lists(
        st.tuples(separators, st.sampled_from([root, root + b"/lib", b"-L" + root, b"word", b"7"])), max_size=12
    )
    content = b"".join(separator + word for separator, word in data.draw(words)) + b"\n"
    assume(root != b"/lib")
    found = find(b"README", content, environment(root))
    result = neutral.neutralise(content, found)
    neutral.prove(content, result, found, root)
    assert reference.render(result, reference.Target(new)) == content.replace(root, new)


@given(st.data(), prefixes(), prefixes())
@SETTINGS
def test_json_loads_to_the_moved_value(data: st.DataObject, root: bytes, new: bytes) -> None:
    old_text, new_text = root.decode(), new.decode()
    leaves = st.sampled_from(["@", "@/bin", "x", "a:@:b", "@/x y"])
    value = data.draw(
        st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(leaves, inner, max_size=3))
    )
    ascii_only = data.draw(st.booleans())

    def at(prefix: str) -> Any:  # noqa: ANN401 - JSON
        return json.loads(json.dumps(value).replace("@", json.dumps(prefix)[1:-1]))

    content = json.dumps(at(old_text), ensure_ascii=ascii_only).encode()
    found = find(b"x.json", content, environment(root))
    result = neutral.neutralise(content, found)
    neutral.prove(content, result, found, root)
    assert json.loads(reference.render(result, reference.Target(new))) == at(new_text)


@given(st.data(), prefixes(), prefixes())
@SETTINGS
def test_bytecode_loads_to_the_moved_value(data: st.DataObject, root: bytes, new: bytes) -> None:
    leaves = st.one_of(
        st.sampled_from(["@", "@/bin", "x", "a:@:b", "@/" + "y" * 250, "é@/x".replace("é", "é ")]),
        st.sampled_from([b"@", b"@/lib", b"x"]),
        st.integers(),
        st.floats(allow_nan=False),
        st.none(),
        st.booleans(),
        st.complex_numbers(allow_nan=False),
    )
    value = data.draw(
        st.recursive(
            leaves,
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.lists(inner, max_size=4).map(tuple)
                | st.dictionaries(st.sampled_from(["k", "@/k", 1]), inner, max_size=3)
                | st.frozensets(st.sampled_from(["s", "@/s", b"@"]), max_size=3)
            ),
            max_leaves=20,
        )
    )

    def at(value: Any, prefix: bytes) -> Any:  # noqa: ANN401 - what marshal takes
        if isinstance(value, str):
            return value.replace("@", prefix.decode())
        if isinstance(value, bytes):
            return value.replace(b"@", prefix)
        if isinstance(value, dict):
            return {at(key, prefix): at(item, prefix) for key, item in value.items()}
        if isinstance(value, (list, tuple, frozenset)):
            return type(value)(at(item, prefix) for item in value)
        return value

    content = importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(at(value, root))
    found = find(b"a.pyc", content, environment(root))
    result = neutral.neutralise(content, found)
    neutral.prove(content, result, found, root)
    moved = reference.render(result, reference.Target(new))
    assert marshal.loads(moved[16:]) == at(value, new)  # noqa: S302 - our own
    if not found.sites:
        assert moved == content


@given(st.data(), tidy_prefixes(), tidy_prefixes(), st.sampled_from(["text", "binary"]))
@SETTINGS
def test_condas_files_are_as_conda_writes_them(data: st.DataObject, root: bytes, new: bytes, mode: str) -> None:
    placeholder = b"/build/_h_env" + b"_placehold" * 5
    pieces = st.sampled_from([b"@", b"@", b"@/lib", b":", b"\n", b"\0", b"x", b"/", b"'"])
    package = b"".join(data.draw(st.lists(pieces, max_size=15)))
    assume(root not in package.replace(b"@", b"") and placeholder not in root)
    assume(mode == "binary" or b"\0" not in package)

    def installed(prefix: bytes) -> bytes:
        if mode == "text":
            return package.replace(b"@", prefix)
        parts = package.split(b"\0")
        done = [
            part.replace(b"@", prefix) + bytes(part.count(b"@") * (len(placeholder) - len(prefix))) for part in parts
        ]
        return b"\0".join(done)

    content = installed(root)
    assume(content.count(root) == package.count(b"@"))
    digest = hashlib.sha256(package.replace(b"@", placeholder)).hexdigest()
    where = environment(root, conda={b"x": CondaFile(digest, "", mode, placeholder, "hardlink", "x")})
    found = find(b"x", content, where)
    assert {finding.category for finding in found.findings} <= {"unsafe"}
    result = neutral.neutralise(content, found)
    neutral.prove(content, result, found, root)
    assert reference.render(result, reference.Target(new)) == installed(new)


@given(st.binary(max_size=200), st.sampled_from(list(Kind)))
@SETTINGS
def test_any_bytes_are_taken_as_any_kind(noise: bytes, kind: Kind) -> None:
    where = environment(b"/e")
    content = importlib.util.MAGIC_NUMBER + b"\0" * 12 + noise + b"/e/" + noise
    found = sites.find(b"x", kind, content, where, sites.needles(where), sites.Options())
    result = neutral.neutralise(content, found)
    neutral.prove(content, result, found, b"/e")
