"""Values of options."""

from __future__ import annotations

import click
import pytest

from sfxpack.options import size
from sfxpack.request import SFXDATA


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("4G", 1 << 32),
        ("4g", 1 << 32),
        ("4GiB", 1 << 32),
        ("4 Gi", 1 << 32),
        ("fat32", (4 << 30) - (64 << 10)),
        ("sfxdata", SFXDATA),
        ("FAT32 ", (4 << 30) - (64 << 10)),
        ("3.9GB", 3_900_000_000),
        ("700M", 700 << 20),
        ("1.5k", 1536),
        ("20kB", 20_000),
        ("1 TB", 10**12),
        ("512b", 512),
    ],
)
def test_a_size(text: str, expected: int) -> None:
    context = click.Context(click.Command("x"))
    assert size(context, click.Option(["--x"]), text) == expected


@pytest.mark.parametrize("text", ["", "0", "0.1", "-1", "G", "4GG", "4 E", "1e9", "four", "4,7G"])
def test_no_size(text: str) -> None:
    with pytest.raises(click.BadParameter, match="4G, 700M"):
        size(click.Context(click.Command("x")), click.Option(["--x"]), text)
