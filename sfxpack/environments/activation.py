"""`bin/activate`, as sfxpack makes it: for sh, bash and zsh, independent of where the environment lies."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sfxpack import resources
from sfxpack.environments import condapack
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry

PATH: Final = b"bin/activate"
_MARK: Final = b"# made by sfxpack"
"""Stands in the second line of the scripts sfxpack makes."""
_ROOT: Final = b"/sfxpack/writes/the/prefix/here\n"
"""The line of the script that stands for the prefix; a here-document's, where no character is special."""
_VARIABLES: Final = b"# sfxpack puts the environment's own variables here\n"
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNSET: Final = "***unset***"
"""What `conda env config vars unset` leaves as the value."""
_LAST_OF_VENV: Final = re.compile(rb"^[ \t]*hash -r[^\n]*\n(?:[ \t]*fi[ \t]*\n)?", re.MULTILINE)
"""The end of what venv, virtualenv and uv write; what stands after it somebody appended."""
_APPENDED: Final = b"\n# From the end of the activate script that this one replaces:\n"


def entry(root: Path, appended: bytes = b"", variables: Mapping[str, str] | None = None) -> Entry:
    """The script for an environment that lies at `root`, whose path the finders meet as text.

    Args:
        root: the environment.
        appended: what stands at the script's end besides.
        variables: what it exports.

    Raises:
        ResourceError: sfxpack's own template is missing.
    """
    script = (resources.template_directory() / "activate.sh").read_bytes()
    exports = (
        f"    _sfxpack_export {name} {shlex.quote(value)}\n" for name, value in sorted((variables or {}).items())
    )
    data = script.replace(_ROOT, os.fsencode(root) + b"\n").replace(_VARIABLES, os.fsencode("".join(exports)))
    if appended:
        data += _APPENDED + appended
    return Entry(PATH, EntryKind.FILE, 0o644, len(data), 0, data=data)


def variables(root: Path) -> dict[str, str]:
    """What `conda activate` exports: the variables of packages, then those of `conda env config vars`."""
    found: dict[str, object] = {}
    for path in sorted((root / "etc" / "conda" / "env_vars.d").glob("*.json")):
        found.update(_object(path))
    stated = _object(root / "conda-meta" / "state").get("env_vars")
    if isinstance(stated, dict):
        found.update(stated)
    return {name: str(value) for name, value in found.items() if _VARIABLE.fullmatch(name) and value != _UNSET}


def _object(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def is_own(root: Path) -> bool:
    """Whether the script there is one that sfxpack made, or that conda-pack did, which knows less."""
    content = _read(root)
    return _MARK in content[:200] or condapack.is_activate(content)


def exists(root: Path) -> bool:
    """Whether there is a script already."""
    return os.path.lexists(root / os.fsdecode(PATH))


def appended(root: Path) -> bytes:
    """What somebody wrote at the end of a venv's own script, without leading and trailing blank lines; or empty."""
    content = _read(root)
    if _MARK in content[:200]:
        return content.partition(_APPENDED)[2]
    ends = [match.end() for match in _LAST_OF_VENV.finditer(content)]
    text = content[ends[-1] :].strip(b"\n") if ends else b""
    return text + b"\n" if text else b""


def _read(root: Path) -> bytes:
    try:
        return (root / os.fsdecode(PATH)).read_bytes()
    except OSError:
        return b""
