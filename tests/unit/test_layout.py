"""layout.py, schema.py, layout.h and SPEC.md say the same; every field is looked at by both readers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sfxpack.errors import ArtifactError
from sfxpack.format import artifact, schema
from sfxpack.format.fields import Record, field_size
from sfxpack.format.layout import Derived, Encoding, EntryKind, HookKind, RequirementKind, Strategy
from sfxpack.format.tables import IndexEntry, IndexHook, IndexRequirement, IndexSite
from tests import testkit as kit
from tests.testkit import Sample

ROOT = Path(__file__).parent.parent.parent
FREE = {
    ("locator", "may_ignore"),
    ("locator", "platform"),  # the next one
    ("locator", "stub_size"),  # the padding is the same
    ("locator", "digest"),  # made again
    ("part", "digest"),  # the same
    ("product", "prefix_limit"),
    ("product", "prefix_limit_entry"),  # no entry, then the first one
    ("block", "level"),  # all of one block may be of any level
    ("entry", "mtime"),  # any second below 2**40
    ("requirement", "value"),
    ("hook", "kind"),  # the next one
    ("wide", "encoding"),  # the other byte order
    ("pyc", "detail"),
    ("shebang", "detail"),  # another form
    ("text", "encoding"),
    ("slash", "encoding"),
    ("slash", "flags"),
    ("siphash", "encoding"),  # the other hash
}
"""Fields of which every value, or the next one, is sound."""
SITES = ("cstring", "wide", "pyc", "slash", "shebang", "text", "siphash")
"""Those of the sample, in order."""


@pytest.mark.parametrize("script", ["gen_layout", "gen_vectors"])
def test_generated_files_are_current(script: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / script, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def full_sample() -> Sample:
    """A sample with a record of every kind, whose every field matters."""
    line = b"#!/bin/sh"
    entries = (
        kit.directory(b"d"),
        kit.file(
            b"d/a", 0, IndexSite(0, 9, Strategy.CSTRING), IndexSite(9, 8, Strategy.CSTRING, Encoding.UTF16LE, hits=(2,))
        ),
        IndexEntry(EntryKind.HARD_LINK, b"d/h", 0o644, 1, 5),
        kit.file(
            b"d/p", 1, IndexSite(1, 2, Strategy.PYC, hits=(1,), detail=15), IndexSite(3, 2, Strategy.SLASH, hits=())
        ),
        kit.file(b"d/s", 2, kit.shebang(line, 2), IndexSite(len(line), 0, Strategy.TEXT)),
        kit.file(b"d/x", 3, IndexSite(4, 0, Strategy.DERIVED, Derived.SIPHASH13, (), target=1)),
        kit.link(b"l", b"d/a"),
    )
    base = kit.sample(entries, (b"/lib".ljust(17, b"\0"), b"alpha", line, b"head"), levels=(0, 0, 0, 1))
    requirement = IndexRequirement(max(RequirementKind), 1, 1, b"d/a")
    return kit.with_index(base, requirements=(requirement,), hooks=(IndexHook(HookKind.LICENSE, b"terms"),))


def records(sample: Sample) -> Iterator[tuple[str, Record, int]]:
    """The first record of each table, each site, and where they stand in the raw index."""
    index = sample.index
    at = 0
    for record, count in (
        (schema.INDEX_HEADER, 1),
        (schema.PRODUCT, 1),
        (schema.BLOCK, len(index.blocks)),
        (schema.CONTENT, len(index.contents)),
        (schema.ENTRY, len(index.entries)),
    ):
        yield record.name, record, at
        at += record.size * count
    for name in SITES:
        yield name, schema.SITE, at
        at += schema.SITE.size
    hits = sum(len(site.hits) for entry in index.entries for site in entry.sites)
    yield "requirement", schema.REQUIREMENT, at + 4 * hits
    yield "hook", schema.HOOK, at + 4 * hits + schema.REQUIREMENT.size


def verdict(sample: Sample, path: Path) -> str:
    kit.write_files(path, sample.files())
    try:
        with artifact.read(path, kit.AT) as opened:
            list(opened.contents())
    except ArtifactError as error:
        return error.verdict
    return "ok"


def changes(record: Record, at: int) -> Iterator[tuple[str, kit.Bytes]]:
    """Each field of the record at `at` with all bits set, and one larger."""
    for field in record.fields:
        offset, size = at + record.offset(field.name), field_size(field)
        for value in (b"\xff" * size, None):

            def change(raw: bytes, offset: int = offset, size: int = size, value: bytes | None = value) -> bytes:
                old = int.from_bytes(raw[offset : offset + size], "little")
                new = value or ((old + 1) % 256**size).to_bytes(size, "little")
                return raw[:offset] + new + raw[offset + size :]

            yield field.name, change


def mutations() -> Iterator[tuple[str, str, Sample]]:
    sample = full_sample()
    for field, change in changes(schema.LOCATOR, 0):
        yield "locator", field, replace(sample, change_locator=change)
    split = replace(sample, split=(20, 300))
    for field, change in changes(schema.LOCATOR, 0):
        if field in ("part_count", "first_size", "part_size"):
            yield "split locator", field, replace(split, change_locator=change)
    for field, change in changes(schema.PART, 0):
        yield "part", field, replace(split, change_part=change)
    for name, record, at in records(sample):
        for field, change in changes(record, at):
            yield name, field, replace(sample, change_index=change)


MUTATIONS = list(mutations())


def test_the_sample_is_sound(tmp_path: Path) -> None:
    assert verdict(full_sample(), tmp_path / "artifact") == "ok"
    assert verdict(replace(full_sample(), split=(20, 300)), tmp_path / "artifact") == "ok"


@pytest.mark.parametrize(
    ("record", "field", "sample"), MUTATIONS, ids=[f"{m[0]}-{m[1]}-{n % 2}" for n, m in enumerate(MUTATIONS)]
)
def test_a_changed_field_is_rejected_or_free(
    record: str, field: str, sample: Sample, tmp_path: Path, vector_runner: Path
) -> None:
    said = verdict(sample, tmp_path / "artifact")
    vector = tmp_path / "mutation.vec"
    files = sample.files()
    head = b"expect: %s\nat: %d\n%s\n" % (said.encode(), kit.AT, kit.parts_key(files))
    vector.write_bytes(head + kit.joined(files))
    done = subprocess.run([vector_runner, vector], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == said
    texts = {
        "release",
        "default_prefix",
        "creator",
        "report",
        "notices",
        "activation",
        "compile",
        "path",
        "name",
        "link",
        "text",
    }
    changes_text_only = field in texts  # another part of the string table, which may be as sound
    assert said != "ok" or (record, field) in FREE or changes_text_only
