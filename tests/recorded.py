"""What the records of an installed tree say of it that is not true; shares no code with sfxpack.

Follows paths as the operating system does, reads RECORD with `csv` and `conda-meta` with `json`.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from base64 import urlsafe_b64encode
from pathlib import Path

Mismatch = tuple[str, str, str]
"""Record, path of the file, what is wrong: `altered`, `size` or `missing`."""


def mismatches(prefix: Path) -> dict[Mismatch, tuple[object, ...]]:
    """Every row of every `conda-meta/*.json` and `*.dist-info/RECORD` below a prefix that does not hold.

    With what it says: the size alone where nothing else is wrong.
    """
    found: dict[Mismatch, tuple[object, ...]] = {}
    for record in (prefix / "conda-meta").glob("*.json"):
        for item in json.loads(record.read_text())["paths_data"]["paths"]:
            verdict = _conda(prefix / item["_path"], item)
            if verdict:
                stated = (item.get("sha256"), item.get("sha256_in_prefix"), item.get("size_in_bytes"))
                key = (str(record.relative_to(prefix)), item["_path"], verdict)
                found[key] = stated[2:] if verdict == "size" else stated
    for record in prefix.rglob("*.dist-info/RECORD"):
        base = record.parent.parent.relative_to(prefix)
        with record.open(newline="") as lines:
            for name, digest, size in csv.reader(lines):
                path = os.path.normpath(base / name)
                verdict = _recorded(prefix / path, digest, size)
                if verdict:
                    key = (str(record.relative_to(prefix)), path, verdict)
                    found[key] = (size,) if verdict == "size" else (digest, size)
    return found


def row(folder: Path, path: Path, algorithm: str = "sha256") -> str:
    """A row of a RECORD in a folder below `folder`, true of a file."""
    content = path.read_bytes()
    return f"{os.path.relpath(path, folder)},{_digest(content, algorithm)},{len(content)}"


def _digest(content: bytes, algorithm: str) -> str:
    return f"{algorithm}={urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b'=').decode()}"


def _recorded(file: Path, digest: str, size: str) -> str:
    if not file.exists():
        return "missing"
    content = file.read_bytes()
    if digest and digest != _digest(content, digest.partition("=")[0]):
        return "altered"
    return "size" if size and int(size) != len(content) else ""


def _conda(file: Path, item: dict[str, object]) -> str:
    """A link's digest is of its text, or of what it leads to; what the package held says nothing where conda edited."""
    if not os.path.lexists(file):
        return "missing"
    expected = item.get("sha256_in_prefix")
    if item.get("path_type") == "softlink":
        text = hashlib.sha256(os.fsencode(os.readlink(file))).hexdigest()
        return "" if expected in (None, text, hashlib.sha256(file.read_bytes()).hexdigest()) else "altered"
    expected = expected or (None if "prefix_placeholder" in item else item.get("sha256"))
    content = file.read_bytes()
    if expected and expected != hashlib.sha256(content).hexdigest():
        return "altered"
    return "size" if item.get("size_in_bytes", len(content)) != len(content) else ""
