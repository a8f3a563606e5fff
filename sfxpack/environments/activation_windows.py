"""`activate.bat`, `deactivate.bat` and `Activate.ps1` in `Scripts`, as sfxpack makes them for Windows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sfxpack import resources
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry

PATH: Final = b"Scripts/activate.bat"
_NAMES: Final = ("activate.bat", "deactivate.bat", "Activate.ps1")
_MARK: Final = b"made by sfxpack"
"""Stands in the first line of the scripts sfxpack makes."""
_PUT: Final = "sfxpack puts the environment's own variables here\n"
_RESTORE: Final = "@rem sfxpack restores the environment's own variables here\n"
_UTF8: Final = (
    '@for /f "tokens=2 delims=:." %%i in (\'chcp\') do @set "_SFXPACK_NAME=%%i"\n@chcp 65001 >nul\n',
    "@chcp %_SFXPACK_NAME% >nul\n",
)
"""Around lines that are not ASCII, which cmd reads in the code page of the console."""


def is_free(root: Path) -> bool:
    """Whether no scripts are there but those that sfxpack made."""
    found = [path for path in (root / "Scripts" / name for name in _NAMES) if os.path.lexists(path)]
    return all(_MARK in path.read_bytes()[:100] for path in found)


def entries(variables: Mapping[str, str] | None = None) -> tuple[Entry, ...]:
    """The scripts.

    Args:
        variables: what they set besides.

    Raises:
        ResourceError: sfxpack's own templates are missing.
    """
    return tuple(_entry(name, variables or {}) for name in _NAMES)


def _entry(name: str, variables: Mapping[str, str]) -> Entry:
    text = (resources.template_directory() / name).read_text(encoding="ascii")
    if name.endswith(".ps1"):
        data = text.replace(f"# {_PUT}", "".join(_of_powershell(*item) for item in sorted(variables.items())))
        encoding = "utf-8-sig"  # without its mark PowerShell 5 takes a script for the code page of the system
    else:
        lines = {f"@rem {_PUT}": _put(variables), _RESTORE: "".join(map(_restored, sorted(variables)))}
        data = text
        for mark, replacement in lines.items():
            data = data.replace(mark, replacement)
        encoding = "utf-8"
    content = data.replace("\n", "\r\n").encode(encoding, "surrogateescape")
    return Entry(b"Scripts/" + name.encode(), EntryKind.FILE, 0o644, len(content), 0, data=content)


def _put(variables: Mapping[str, str]) -> str:
    if not variables:
        return ""
    before, after = _UTF8
    return before + "".join(_of_cmd(*item) for item in sorted(variables.items())) + after


def _of_cmd(name: str, value: str) -> str:
    doubled = value.replace("%", "%%")
    return f'@set "_SFXPACK_OLD_{name}=%{name}%"\n@set "{name}={doubled}"\n'


def _restored(name: str) -> str:
    return f'@set "{name}=%_SFXPACK_OLD_{name}%"\n@set "_SFXPACK_OLD_{name}="\n'


def _of_powershell(name: str, value: str) -> str:
    doubled = value.replace("'", "''")
    return f"    _sfxpack_set '{name}' '{doubled}'\n"
