"""Virtual environments, by venv, virtualenv or uv: the base Python they only point to is brought along.

It goes to a folder of its own, not into the environment's `lib`: with `home` naming another folder `sys.prefix` and
`sys.base_prefix` stay different, so that site, sysconfig, pip and Debian's patches to them behave as in the venv.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sfxpack.environments import activation, interpreter
from sfxpack.environments.interpreter import Base
from sfxpack.environments.spelling import Spellings, product_name
from sfxpack.errors import DiscoveryError, UnreadableError
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Environment

BROUGHT_ALONG: Final = re.compile(rb"base-python(?:-\d+)?/")
"""Where a base Python lies that came along, in the environment as installed."""
_PYTHON: Final = re.compile(r"(?:python|pypy)(?:\d+(?:\.\d+)?t?)?")
"""Names of an interpreter in a venv's `bin`."""
_BASE_DIRECTORIES: Final = frozenset({"base-prefix", "base-exec-prefix"})
_BASE_PROGRAMS: Final = frozenset({"executable", "base-executable"})


def is_venv(root: Path) -> bool:
    """Whether Python would take it for one."""
    return os.path.isfile(root / "pyvenv.cfg")


def environment(root: Path, spellings: Spellings, warnings: tuple[str, ...]) -> Environment:
    """Read `pyvenv.cfg` and list the base Python's files.

    Raises:
        DiscoveryError: the venv uses the packages of its base, or its base Python is not there.
        ResourceError: sfxpack's own template of `bin/activate` is missing.
    """
    text = _read(root)
    settings = _settings(text)
    if settings.get("include-system-site-packages", "").lower() == "true":
        raise DiscoveryError(
            f"{root}: uses packages outside of itself (include-system-site-packages = true in pyvenv.cfg), and those "
            "cannot be told from the rest of the system; make a venv without --system-site-packages, install there "
            "what `pip freeze --local` (`uv pip freeze`) lists here and what else your programs import, and pack that"
        )
    notes = list(warnings)
    appended = activation.appended(root)
    if appended:
        notes.append("bin/activate: is replaced; what somebody appended to the old one is kept at the new one's end")
    additions = [activation.entry(root, appended)]
    home = settings.get("home", "")
    if home and spellings.contains(home):
        base = None
    else:
        base = interpreter.find(root, settings, _free_name(root))
        notes.extend(base.warnings)
        additions += [*base.additions, *_links(root, base), _configuration(root, text, base)]
    return Environment(
        kind="venv",
        root=root,
        name=product_name(root),
        renames=spellings.renames(base.renames if base else ()),
        additions=tuple(additions),
        warnings=tuple(notes),
    )


def _read(root: Path) -> str:
    path = root / "pyvenv.cfg"
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror}; make it readable for this user") from error


def _settings(text: str) -> dict[str, str]:
    """Keys and values as Python's getpath reads them: `key = value`, keys in any case, the first one counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            found.setdefault(key.strip().lower(), value.strip())
    return found


def _free_name(root: Path) -> str:
    """The folder for the base Python; another name if the environment has something there."""
    names = ("base-python", *(f"base-python-{number}" for number in range(2, 1000)))
    return next(name for name in names if not os.path.lexists(root / name))


def _links(root: Path, base: Base) -> Iterator[Entry]:
    """The venv's interpreters and their library, links out of it or copies, as links to what is brought along."""
    target = b"../" + base.executable
    for path in sorted((root / "bin").iterdir()):
        if not _PYTHON.fullmatch(path.name):
            continue
        if path.is_symlink():
            text = os.readlink(path)
            inside = not os.path.isabs(text) and os.path.dirname(os.path.normpath(os.path.join("bin", text))) == "bin"
            if inside or os.path.realpath(path) != base.source:
                continue
        yield Entry(b"bin/" + os.fsencode(path.name), EntryKind.LINK, 0, 0, path.lstat().st_mtime_ns, link=target)
    # virtualenv copies the library beside an interpreter that it copies.
    brought = {entry.path for entry in base.additions}
    for path in sorted((root / "lib").glob("lib*py*.so*")):
        own, other = (os.fsencode(f"{folder}lib/{path.name}") for folder in ("", f"{base.directory}/"))
        if other in brought:
            yield Entry(own, EntryKind.LINK, 0, 0, path.lstat().st_mtime_ns, link=b"../" + other)


def _configuration(root: Path, text: str, base: Base) -> Entry:
    """`pyvenv.cfg` that names the base brought along, by the root's path: the finders meet it as text."""
    folder = f"{root}/{base.directory}"
    program = f"{root}/{os.fsdecode(base.executable)}"
    lines = []
    for line in text.splitlines():
        key = line.partition("=")[0].strip().lower()
        if key == "home":
            lines.append(f"home = {folder}/bin")
        elif key in _BASE_DIRECTORIES:
            lines.append(f"{key} = {folder}")
        elif key in _BASE_PROGRAMS:
            lines.append(f"{key} = {program}")
        elif key == "command":
            lines.append(f"command = {program} -m venv {root}")
        else:
            lines.append(line)
    data = os.fsencode("".join(f"{line}\n" for line in lines))
    path = root / "pyvenv.cfg"
    return Entry(b"pyvenv.cfg", EntryKind.FILE, 0o644, len(data), path.stat().st_mtime_ns, data=data)
