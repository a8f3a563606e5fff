"""Where the files lie that belong to sfxpack but are not Python: stubs, header templates, third-party notices.

A wheel carries them in `_data`. A checkout has the stubs and notices in `build`, where `scripts/build_stubs` or an
editable installation put them, and the templates at the top. Nothing else in the package knows of either place.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from platform import machine

from sfxpack.errors import ResourceError

_DATA = Path(__file__).parent / "_data"
_CHECKOUT = Path(__file__).parent.parent

_SYSTEMS = {"darwin": "macos", "win32": "windows"}
_MACHINES = {"amd64": "x86_64", "armv8l": "armv7l"}
"""How platforms spell a processor that `platform.machine()` spells otherwise."""


def stub(platform: str) -> Path:
    """Return the native stub of this platform; not every installer leaves it executable, so run a copy of it.

    Raises:
        ResourceError: there is none.
    """
    directory = _built("stubs")
    records = directory / "stubs.json"
    stubs: dict[str, dict[str, str]] = json.loads(records.read_bytes()) if records.is_file() else {}
    if platform not in stubs:
        available = ", ".join(sorted(stubs)) or "none"
        raise ResourceError(f"no stub for {platform}, only: {available}; {_way_out()}")
    return _existing(directory / stubs[platform]["file"])


def template_directory() -> Path:
    """Return the folder of the header's template.

    Raises:
        ResourceError: it is not there.
    """
    return _existing((_DATA if _DATA.is_dir() else _CHECKOUT) / "templates")


def notices() -> str:
    """Return the notices and licences of what is linked into the stubs.

    Raises:
        ResourceError: they are not there.
    """
    return _existing(_built("NOTICES")).read_text(encoding="utf-8")


def host_platform() -> str:
    """Return the platform this Python runs on, named as in `format.layout`, whether sfxpack supports it or not."""
    processor = machine().lower()
    return f"{_SYSTEMS.get(sys.platform, sys.platform)}-{_MACHINES.get(processor, processor)}"


def _built(name: str) -> Path:
    return _DATA / name if _DATA.is_dir() else _CHECKOUT / "build" / name


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ResourceError(f"{path} is missing: {_way_out()}")
    return path


def _way_out() -> str:
    if _DATA.is_dir():
        return "install an sfxpack that has it (`pip install --upgrade --force-reinstall sfxpack`)"
    return f"run {_CHECKOUT / 'scripts' / 'build_stubs'}, or `SFXPACK_TARGETS=all pip install -e {_CHECKOUT}`"
