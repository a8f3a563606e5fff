"""Both readers give every vector its verdict, and every installed one its tree."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import pytest
import zstandard

from sfxpack.errors import ArtifactError
from sfxpack.format import artifact
from sfxpack.format.layout import MAX_PATH, Strategy, Verdict
from sfxpack.format.tables import IndexSite
from tests import testkit as kit
from tests.oracle import listing

VECTORS = sorted((Path(__file__).parent.parent / "vectors").glob("*.vec"))


@dataclass(frozen=True)
class Vector:
    expect: str
    at: int
    prefix: bytes
    tree: str
    files: kit.Files


def read(path: Path) -> Vector:
    head, _, payload = path.read_bytes().partition(b"\n\n")
    keys = dict(line.split(b": ", 1) for line in head.splitlines())
    return Vector(
        keys.get(b"expect", b"").decode(),
        int(keys[b"at"]),
        keys.get(b"prefix", b""),
        keys.get(b"tree", b"").decode(),
        kit.uncut(payload, keys.get(b"parts", b"").decode()),
    )


def python_says(vector: Vector, path: Path) -> tuple[str, str]:
    kit.write_files(path, vector.files)
    try:
        with artifact.read(path, vector.at) as opened:
            contents = list(opened.contents())
    except ArtifactError as error:
        return error.verdict, ""
    if not vector.prefix:
        return "ok", ""
    return "ok", blake2b(
        listing(opened.index, contents, vector.prefix, opened.locator.platform), digest_size=32
    ).hexdigest()


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


def both_say(payload: bytes, folder: Path, runner: Path) -> tuple[str, str]:
    vector = folder / "made.vec"
    vector.write_bytes(b"at: %d\n\n" % kit.AT + payload)
    return python_says(read(vector), folder / "artifact")[0], stub_says(runner, vector)[0]


def test_no_window_is_too_large(tmp_path: Path, vector_runner: Path) -> None:
    base = kit.sample(())
    large = kit.with_index(base, product=replace(base.index.product, report=b" " * (150 << 20)))
    compressor = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=28))

    def again(data: bytes) -> bytes:
        wide = compressor.compress(zstandard.decompress(data))
        assert zstandard.get_frame_parameters(wide).window_size > 1 << 27
        return wide

    assert both_say(replace(large, change_frame=again).artifact(), tmp_path, vector_runner) == ("ok", "ok")


@pytest.mark.parametrize(("size", "expected"), [(MAX_PATH - 2, "ok"), (MAX_PATH - 1, "refused")])
def test_a_link_that_no_system_takes(size: int, expected: str, tmp_path: Path, vector_runner: Path) -> None:
    sample = kit.sample((kit.link(b"l", b"x" * size, IndexSite(0, 0, Strategy.TEXT)),))
    vector = tmp_path / "made.vec"
    vector.write_bytes(b"at: %d\nprefix: /p\n\n" % kit.AT + sample.artifact())
    assert stub_says(vector_runner, vector)[0] == expected
    if expected == "refused":
        with pytest.raises(ValueError, match="does not fit"):
            listing(sample.index, [], b"/p")
