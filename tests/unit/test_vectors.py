"""Both readers give every vector its verdict, and every installed one its tree."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import pytest

from sfxpack.errors import ArtifactError
from sfxpack.format import artifact
from sfxpack.format.layout import Verdict
from tests.oracle import listing

VECTORS = sorted((Path(__file__).parent.parent / "vectors").glob("*.vec"))


@dataclass(frozen=True)
class Vector:
    expect: str
    at: int
    prefix: bytes
    tree: str
    payload: bytes


def read(path: Path) -> Vector:
    head, _, payload = path.read_bytes().partition(b"\n\n")
    keys = dict(line.split(b": ", 1) for line in head.splitlines())
    return Vector(
        keys[b"expect"].decode(), int(keys[b"at"]), keys.get(b"prefix", b""), keys.get(b"tree", b"").decode(), payload
    )


def python_says(vector: Vector, path: Path) -> tuple[str, str]:
    path.write_bytes(vector.payload)
    try:
        with artifact.read(path, vector.at) as opened:
            contents = list(opened.contents())
    except ArtifactError as error:
        return error.verdict, ""
    if not vector.prefix:
        return "ok", ""
    return "ok", blake2b(listing(opened.index, contents, vector.prefix), digest_size=32).hexdigest()


def stub_says(runner: Path, path: Path) -> tuple[str, str]:
    done = subprocess.run([runner, path], capture_output=True, text=True, check=True)
    lines = [*done.stdout.splitlines(), ""]
    return lines[0], lines[1]


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_both_readers_agree(path: Path, tmp_path: Path, vector_runner: Path) -> None:
    vector = read(path)
    assert python_says(vector, tmp_path / "artifact") == (vector.expect, vector.tree)
    assert stub_says(vector_runner, path) == (vector.expect, vector.tree)


def test_every_verdict_has_a_vector() -> None:
    assert {read(path).expect for path in VECTORS} == {verdict.name.lower() for verdict in Verdict}
