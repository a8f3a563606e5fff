"""layout.py, layout.h and SPEC.md say the same; every field is looked at by both readers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sfxpack.errors import ArtifactError
from sfxpack.format import artifact, layout
from sfxpack.format.layout import EntryKind, RequirementKind, Strategy
from sfxpack.format.tables import IndexEntry, IndexRequirement, IndexSite
from tests import testkit as kit
from tests.testkit import Sample

ROOT = Path(__file__).parent.parent.parent
FREE = {
    ("locator", "may_ignore"),
    ("product", "prefix_limit"),
    ("product", "prefix_limit_entry"),  # no entry, then the first one
    ("block", "level"),  # all of one block may be of any level
    ("entry", "mtime"),  # any second below 2**40
    ("requirement", "value"),
    ("site", "detail"),  # of a PYC site, which the sample has
}
"""Fields of which every value, or the next one, is sound."""


@pytest.mark.parametrize("script", ["gen_layout", "gen_vectors"])
def test_generated_files_are_current(script: str) -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def full_sample() -> Sample:
    """A sample with a record of every kind, whose every field matters."""
    sites = (
        IndexSite(1, 2, Strategy.PYC, hits=(1,), detail=15),
        IndexSite(3, 2, Strategy.SLASH, hits=()),
    )
    entries = (
        kit.directory(b"d"),
        kit.file(b"d/a", 0, *sites),
        IndexEntry(EntryKind.HARD_LINK, b"d/h", 0o644, 1, 5),
        kit.link(b"l", b"d/a"),
    )
    base = kit.sample(entries, (b"alpha",))
    requirement = IndexRequirement(RequirementKind.CPU_LEVEL, 1, 1, b"d/a")
    return kit.with_index(base, requirements=(requirement,))


def records(sample: Sample) -> Iterator[tuple[layout.Record, int]]:
    """Each record of the index once, and where it stands in the raw index."""
    index = sample.index
    at = 0
    for record, count in (
        (layout.INDEX_HEADER, 1),
        (layout.PRODUCT, 1),
        (layout.BLOCK, len(index.blocks)),
        (layout.CONTENT, len(index.contents)),
        (layout.ENTRY, len(index.entries)),
        (layout.SITE, 2),
    ):
        yield record, at
        at += record.size * count
    yield layout.REQUIREMENT, at + 4  # one hit


def verdict(sample: Sample, path: Path) -> str:
    path.write_bytes(sample.artifact())
    try:
        with artifact.read(path, kit.AT) as opened:
            list(opened.contents())
    except ArtifactError as error:
        return error.verdict
    return "ok"


def index_mutations() -> Iterator[tuple[str, str, Sample]]:
    sample = full_sample()
    for record, at in records(sample):
        for field in record.fields:
            offset, size = at + record.offset(field.name), layout.field_size(field)
            for _name, value in (("max", b"\xff" * size), ("next", None)):
                def change(raw: bytes, offset: int = offset, size: int = size, value: bytes | None = value) -> bytes:
                    old = int.from_bytes(raw[offset : offset + size], "little")
                    new = value or ((old + 1) % 256**size).to_bytes(size, "little")
                    return raw[:offset] + new + raw[offset + size :]

                yield record.name, field.name, replace(sample, change_index=change)


MUTATIONS = list(index_mutations())


@pytest.mark.parametrize(
    ("record", "field", "sample"), MUTATIONS, ids=[f"{m[0]}-{m[1]}-{n % 2}" for n, m in enumerate(MUTATIONS)]
)
def test_a_changed_field_is_rejected_or_free(
    record: str, field: str, sample: Sample, tmp_path: Path, vector_runner: Path
) -> None:
    said = verdict(sample, tmp_path / "artifact")
    vector = tmp_path / "mutation.vec"
    vector.write_bytes(b"expect: %s\nat: %d\n\n" % (said.encode(), kit.AT) + sample.artifact())
    done = subprocess.run([vector_runner, vector], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == said
    texts = {"release", "default_prefix", "creator", "report", "notices", "activation", "path", "name", "link"}
    changes_text_only = field in texts  # another part of the string table, which may be as sound
    assert said != "ok" or (record, field) in FREE or changes_text_only
