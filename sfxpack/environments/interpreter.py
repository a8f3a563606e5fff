"""The base Python of a venv, as a set of files below a folder of their own inside the environment.

Its executable, standard library with `lib-dynload`, headers, and every shared library that these need and that is not
part of the C library. `site-packages` and `dist-packages` stay behind: a venv does not see them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sfxpack.environments import tcl, vendor
from sfxpack.environments.files import Collector
from sfxpack.environments.locate import SHARED_ROOTS, SYSTEM_ROOTS
from sfxpack.errors import DiscoveryError, UnreadableError
from sfxpack.format.layout import EntryKind
from sfxpack.model import Entry, Rename

_NAME: Final = re.compile(r"(?:python|pypy)\d+\.\d+t?")
"""A standard library's folder, in the base as in the venv."""
_NOT_ITS_OWN: Final = frozenset({"site-packages", "dist-packages"})
_BESIDE: Final = (
    "ssl",
    "share/terminfo",
    "share/zoneinfo",
    "lib/tcl8*",
    "lib/tk8*",
    "lib/tcl9*",
    "lib/tk9*",
    "lib/itcl*",
    "lib/thread*",
    "lib/ossl-modules",
    "lib/engines-*",
    "lib/libpython*.so*",
    "lib/libpypy*.so*",
)
"""What libraries of a base with a prefix of its own look for there; a system's libraries look in the system."""


@dataclass(frozen=True, slots=True)
class Base:
    """What comes along."""

    directory: str
    """Its folder below the prefix."""
    executable: bytes
    """Path of the interpreter below the prefix."""
    source: str
    """Real path of the interpreter on this machine."""
    additions: tuple[Entry, ...]
    renames: tuple[Rename, ...]
    warnings: tuple[str, ...]


def find(root: Path, settings: Mapping[str, str], directory: str, variables: Mapping[str, str] = os.environ) -> Base:
    """Collect the base Python of a venv.

    Args:
        root: the venv.
        settings: what `pyvenv.cfg` says, keys in lower case.
        directory: where it goes below the prefix.
        variables: the process's environment variables.

    Raises:
        DiscoveryError: it is not there, or its files cannot be read.
    """
    name = _library_name(root, settings)
    program = _program(root, settings, name)
    prefix = _prefix(root, program, settings, name)
    collector = Collector()
    target = os.fsencode(directory)
    executable = target + b"/bin/" + os.fsencode(os.path.basename(program))
    collector.file(program, executable)
    for alias in ("python", "python3" if name.startswith("python") else "pypy3", name):
        collector.link(target + b"/bin/" + os.fsencode(alias), os.path.basename(executable))
    parts = [*_parts(prefix, name), *(() if _is_shared(prefix, variables) else _beside(prefix, name))]
    for source, path in sorted(parts, key=lambda part: (os.path.islink(part[0]), part)):
        where = target + b"/" + os.fsencode(path)
        real = os.path.dirname(where) + b"/" + os.fsencode(os.path.basename(os.path.realpath(source)))
        if os.path.isdir(source):
            collector.tree(source, where, _NOT_ITS_OWN)
        elif real != where and real in collector.entries:
            collector.link(where, os.path.basename(real))
        else:
            collector.file(source, where)
    collector.check()
    closure, warnings = vendor.add_libraries(collector, executable, target + b"/lib", variables)
    tcl.add_scripts(collector, root, target, closure.found.items())
    collector.check()
    return Base(
        directory=directory,
        executable=executable,
        source=program,
        additions=tuple(collector.entries.values()),
        renames=tuple(_renames(collector, prefix, name, variables)),
        warnings=warnings,
    )


def _library_name(root: Path, settings: Mapping[str, str]) -> str:
    """The name of the standard library's folder: that of the venv's, `python3.11`."""
    found = {path.parent.name for path in root.glob("lib*/p*/site-packages")}
    names = sorted(name for name in found if _NAME.fullmatch(name))
    version = settings.get("version") or settings.get("version_info") or ""
    short = ".".join(version.split(".")[:2])
    fitting = [name for name in names if name.rstrip("t").endswith(short)] if short else names
    if len(fitting) == 1:
        return fitting[0]
    if re.fullmatch(r"\d+\.\d+", short):
        return f"python{short}"
    raise DiscoveryError(
        f"{root}: cannot tell which Python it is for: neither its lib/pythonX.Y nor `version` in pyvenv.cfg says so; "
        "make the venv again"
    )


def _program(root: Path, settings: Mapping[str, str], name: str) -> str:
    """Real path of the base's executable: what the venv's interpreter leads to, or what `pyvenv.cfg` names."""
    home = settings.get("home", "")
    aliases = ("python", "python3", "pypy", "pypy3", name)
    links = [path for path in (str(root / "bin" / alias) for alias in aliases) if os.path.islink(path)]
    named = [settings[key] for key in ("base-executable", "executable") if settings.get(key)]
    beside = [os.path.join(home, alias) for alias in (name, "python3", "pypy3", "python") if home]
    inside = os.path.realpath(root) + os.sep
    for candidate in (*links, *named, *beside):
        real = os.path.realpath(candidate)
        if os.path.isfile(real) and not real.startswith(inside) and not _is_script(real):
            return real
    gone = links[0] if links else home
    leads = os.path.realpath(gone) if gone else "nothing"
    raise DiscoveryError(
        f"{root}: its base Python is not on this machine (pyvenv.cfg: home = {home or 'missing'}; leads to {leads}); "
        "install that Python again, or make the venv anew with one that is there"
    )


def _is_script(path: str) -> bool:
    """Whether it is a wrapper (pyenv's shims are) or cannot be read at all."""
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"#!"
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror}; make it readable for this user") from error


def _prefix(root: Path, program: str, settings: Mapping[str, str], name: str) -> str:
    """The base's prefix: the folder that has the standard library's landmark, searched where getpath looks first."""
    home = settings.get("home", "")
    candidates = [os.path.dirname(home)] if home else []
    candidates.append(os.path.dirname(os.path.dirname(program)))
    for candidate in candidates:
        if any(os.path.isfile(os.path.join(candidate, lib, name, "os.py")) for lib in ("lib", "lib64")):
            return os.path.normpath(candidate)
    raise DiscoveryError(
        f"{root}: its base Python's standard library is not there: no lib/{name}/os.py in {', '.join(candidates)}; "
        "install that Python completely (Debian: libpython3-stdlib), or make the venv anew with one that is"
    )


def _parts(prefix: str, name: str) -> Iterator[tuple[str, str]]:
    """(absolute path, path below the base's new folder) of what belongs to one Python of a prefix."""
    base = Path(prefix)
    same = os.path.realpath(base / "lib64") == os.path.realpath(base / "lib")
    for folder in ("lib",) if same else ("lib", "lib64"):
        stdlib = base / folder / name
        if stdlib.is_dir() and any(item not in _NOT_ITS_OWN for item in os.listdir(stdlib)):
            yield str(stdlib), f"{folder}/{name}"
    for headers in sorted((base / "include").glob(f"{name}*")):
        if re.fullmatch(re.escape(name) + "[a-z]*", headers.name):
            yield str(headers), f"include/{headers.name}"
    # Debian's pyconfig.h includes <MULTIARCH/pythonX.Y/pyconfig.h>, which is found beside it.
    for headers in sorted((base / "include").glob(f"*-linux-*/{name}")):
        yield str(headers), f"include/{name}/{headers.parent.name}/{name}"
    # Debian and Fedora keep the wheels of ensurepip there (WHEEL_PKG_DIR); without them no venv is made with pip.
    wheels = base / "share/python-wheels"
    if wheels.is_dir():
        yield str(wheels), "share/python-wheels"


def _beside(prefix: str, name: str) -> Iterator[tuple[str, str]]:
    """As `_parts`, what only a prefix of its own has."""
    base = Path(prefix)
    for path in (path for pattern in (*_BESIDE, f"lib/{name.replace('.', '')}.zip") for path in base.glob(pattern)):
        yield str(path), str(path.relative_to(base))


def _is_shared(prefix: str, variables: Mapping[str, str]) -> bool:
    """Whether a prefix holds much besides its Python, so that paths in it need not mean what comes along."""
    home = os.path.normpath(variables.get("HOME") or "/")
    return prefix in (home, os.path.join(home, ".local")) or os.fsencode(prefix) in SYSTEM_ROOTS | SHARED_ROOTS


def _renames(collector: Collector, prefix: str, name: str, variables: Mapping[str, str]) -> Iterator[Rename]:
    """Where the base's parts lie now; of a base with a prefix of its own the prefix too."""
    executable = next(iter(collector.entries))
    target = executable.partition(b"/")[0]
    for spelling in dict.fromkeys((prefix, os.path.realpath(prefix))):
        if not _is_shared(spelling, variables):
            yield Rename(os.fsencode(spelling), b"/" + target)
            continue
        for source, part in _parts(spelling, name):
            yield Rename(os.fsencode(source), b"/" + target + b"/" + os.fsencode(part))
        yield Rename(os.path.join(os.fsencode(spelling), b"bin", os.path.basename(executable)), b"/" + executable)
    for path, entry in collector.entries.items():
        if entry.kind is EntryKind.FILE and path.startswith((target + b"/lib/libpython", target + b"/lib/libpypy")):
            yield Rename(entry.source, b"/" + path)
