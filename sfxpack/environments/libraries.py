"""Which shared libraries programs load on this machine, found as ld.so finds them (ld.so(8))."""

from __future__ import annotations

import glob
import mmap
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sfxpack import elf
from sfxpack.elf import DT_RPATH, DT_RUNPATH, Elf

_SYSTEM: Final = re.compile(
    rb"(?:ld-linux[^/]*|ld64|ld|linux-vdso|linux-gate)\.so\.\d+|ld-musl-[^/]*|libc\.musl-[^/]*|libc\.so"
    rb"|(?:libc|libm|libdl|libpthread|librt|libutil|libresolv|libanl|libmvec|libthread_db|libBrokenLocale|libcidn"
    rb"|libnss_[a-z]+|libc_malloc_debug)\.so\.\d+|libnsl\.so\.1"
)
"""The C library and its loader: they belong to the system and only work together with it."""
_DEEPEST: Final = 4
"""Files of ld.so.conf that include each other."""
_DEFAULT: Final = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")


@dataclass(frozen=True, slots=True)
class Library:
    """What matters of one ELF file, on the machine that builds."""

    path: str
    """Real path."""
    kind: tuple[bool, str, int]
    needed: tuple[bytes, ...]
    rpath: tuple[bytes, ...]
    runpath: tuple[bytes, ...]


@dataclass(slots=True)
class Closure:
    """The libraries that a set of files needs, directly and through others."""

    found: dict[bytes, Library] = field(default_factory=dict)
    """By the name they are asked for; those of the C library are not among them."""
    missing: dict[bytes, str] = field(default_factory=dict)
    """Names that were not found, and a file that asks for each."""


def is_system(name: bytes) -> bool:
    """Whether a library belongs to the C library."""
    return _SYSTEM.fullmatch(name) is not None


def read(path: str) -> Library | None:
    """Read an ELF file's dynamic section; None for everything else, damaged files included."""
    try:
        with open(path, "rb") as file:
            if file.read(4) != elf.MAGIC:
                return None
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return _library(path, elf.parse(content))
    except (OSError, ValueError):
        return None


def _library(path: str, parsed: Elf | None) -> Library | None:
    if parsed is None:
        return None
    return Library(
        os.path.realpath(path), parsed.kind, parsed.needed, parsed.search(DT_RPATH), parsed.search(DT_RUNPATH)
    )


def closure(main: Library, others: Iterable[Library], variables: Mapping[str, str]) -> Closure:
    """Resolve everything that `main` and what it loads later need.

    As in a process, a name stands for the file that was found for it first.
    """
    resolver = _Resolver(main, variables)
    result = Closure()
    waiting: list[tuple[Library, tuple[Library, ...]]] = [(library, ()) for library in (main, *others)]
    position = 0
    while position < len(waiting):
        library, loaders = waiting[position]
        position += 1
        for name in library.needed:
            if is_system(name) or name in result.found or name in result.missing:
                continue
            found = resolver.resolve(name, library, loaders)
            if found is None:
                result.missing[name] = library.path
            else:
                result.found[name] = found
                waiting.append((found, (library, *loaders)))
    return result


def locate(name: bytes, library: Library, variables: Mapping[str, str]) -> Library | None:
    """What this machine loads when `library` asks for a name."""
    return _Resolver(library, variables).resolve(name, library, ())


class _Resolver:
    """The search of ld.so for files of one word size and machine."""

    def __init__(self, main: Library, variables: Mapping[str, str]) -> None:
        self._main = main
        self._environment = [os.fsencode(path) for path in variables.get("LD_LIBRARY_PATH", "").split(":") if path]
        self._system = list(dict.fromkeys([*_configured("/etc/ld.so.conf"), *_multiarch(), *_DEFAULT]))

    def resolve(self, name: bytes, library: Library, loaders: tuple[Library, ...]) -> Library | None:
        """The file that is loaded when `library`, itself loaded by `loaders`, asks for a name."""
        if b"/" in name:
            return self._usable(os.fsdecode(name))
        for directory in self._directories(library, loaders):
            found = self._usable(os.path.join(directory, os.fsdecode(name)))
            if found:
                return found
        return None

    def _directories(self, library: Library, loaders: tuple[Library, ...]) -> Iterator[str]:
        if not library.runpath:
            for loader in (library, *loaders, self._main):
                if not loader.runpath:
                    yield from expanded(loader.rpath, loader.path)
        yield from expanded(self._environment, library.path)
        yield from expanded(library.runpath, library.path)
        yield from self._system

    def _usable(self, path: str) -> Library | None:
        found = read(path)
        return found if found and found.kind == self._main.kind else None


def expanded(directories: Iterable[bytes], path: str) -> Iterator[str]:
    """Directories of a search path as they are for the file at `path`, `$ORIGIN` and `$LIB` replaced."""
    origin = os.path.dirname(path)
    for directory in directories:
        text = re.sub(r"\$(?:ORIGIN\b|\{ORIGIN\})", lambda _: origin, os.fsdecode(directory))
        if re.search(r"\$(?:LIB\b|\{LIB\})", text):
            yield from (re.sub(r"\$(?:LIB\b|\{LIB\})", name, text) for name in ("lib64", "lib"))
        else:
            yield text


def _configured(path: str, depth: int = 0) -> Iterator[str]:
    """Directories of ld.so.conf, which the loader's cache is made from."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        text = line.partition("#")[0].strip()
        if text.startswith("include ") and depth < _DEEPEST:
            for pattern in text.split()[1:]:
                for file in sorted(glob.glob(os.path.join(os.path.dirname(path), pattern))):
                    yield from _configured(file, depth + 1)
        elif text.startswith("/"):
            yield text


def _multiarch() -> list[str]:
    """Debian's directories by machine; those of other machines are passed over by what the files say."""
    return sorted(path for root in ("/lib", "/usr/lib") for path in glob.glob(f"{root}/*-linux-*/") if path)
