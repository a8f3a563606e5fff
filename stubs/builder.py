"""Compiles the native stubs named in `targets.toml` and keeps account of what they were compiled from.

    build/third-party/   zstd and libsodium
    build/zig-cache/     the compiler's own: every object by the digest of what went into it
    build/stubs/         the stubs, and `stubs.json`, which says from which sources each of them was made
    build/NOTICES        the licences of what they contain

A stub is current when the digest recorded for it is that of the sources in the tree. To find this out takes nothing but
the standard library, so a wheel can be made from an sdist, which carries its stubs, with no compiler and no network.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stubs import thirdparty
from stubs.thirdparty import StubBuildError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


INJECTION = ("stubs/faults/calls.c", "stubs/faults/inject.c")
"""What makes system calls fail in the build for faults: the first has a function for each."""


RESOURCES = "stubs/src/win32/sfx.rc"
"""What programs of Windows carry besides code: manifest, icon, version."""


@dataclass(frozen=True, slots=True)
class Target:
    """One `[targets.PLATFORM]` of `targets.toml`, where the fields are explained."""

    platform: str
    triple: str
    cpu: str
    file: str
    budget: int
    link: list[str]
    stub: list[str]
    libsodium: list[str]
    zstd: list[str]

    @property
    def is_windows(self) -> bool:
        """Whether it is compiled for Windows."""
        return self.platform.startswith("windows-")

    def takes(self, file: Path) -> bool:
        """Whether a C file is for this system; its name says so if it is not for all."""
        return ("_posix" if self.is_windows else "_win32") not in file.stem


def _shipped(target: Target) -> tuple[str, ...]:
    """The mode of what is shipped, and of what stands in for it: with another one the C library is compiled again."""
    # Nothing unwinds a stack: the tables are 40 KB, 13 of them of the C library, out of reach for its flags.
    # The C library for Windows does not compile without.
    return ("-O", "fast", "-fstrip", *(() if target.is_windows else ("-fno-unwind-tables",)))


class StubBuilder:
    """The stubs of one source tree."""

    def __init__(self, root: Path) -> None:
        """Read the targets; nothing is fetched or compiled before `build`."""
        self._root = root
        recipe: dict[str, Any] = tomllib.loads((root / "stubs" / "targets.toml").read_text(encoding="utf-8"))
        self._flags: dict[str, list[str]] = recipe["flags"]
        self.zig: str = recipe["zig"]
        """Version of the ziglang wheel all stubs are compiled by."""
        self.targets = tuple(Target(platform, **table) for platform, table in recipe["targets"].items())
        self.directory = root / "build" / "stubs"
        self.records = self.directory / "stubs.json"
        self.notices = root / "build" / "NOTICES"

    def choose(self, platforms: str | None) -> tuple[Target, ...]:
        """Return the targets in a comma list, those of `all`, or, if there is no list, the host's own."""
        if platforms == "all":
            return self.targets
        known = {target.platform: target for target in self.targets}
        if platforms is None:
            host = sysconfig.get_platform()
            return (known[host],) if host in known else ()
        wanted = [platform.strip() for platform in platforms.split(",")]
        unknown = [platform for platform in wanted if platform not in known]
        if unknown:
            message = f"no such target: {', '.join(unknown)}; stubs/targets.toml has {', '.join(known)}"
            raise StubBuildError(message)
        return tuple(known[platform] for platform in wanted)

    def stale(self, targets: Iterable[Target]) -> tuple[Target, ...]:
        """Return those of the targets whose stub is missing, altered, or made from other sources than the tree's."""
        if not self.notices.is_file():
            return tuple(targets)
        digest, records = self._source_digest(), self._read_records()
        return tuple(target for target in targets if records.get(target.platform) != self._record(target, digest))

    def build(self, targets: Sequence[Target]) -> None:
        """Compile the stubs of these targets, and record what they were made from."""
        self._prepare()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.notices.write_text(thirdparty.notices(self._root), encoding="utf-8")
        digest, records = self._source_digest(), self._read_records()
        for target in targets:
            output = self.directory / target.file
            self._compile(target, output, *_shipped(target))
            size = output.stat().st_size
            if size > target.budget:
                message = f"{output} has {size:,} bytes, the budget of {target.platform} is {target.budget:,}"
                raise StubBuildError(message)
            records[target.platform] = self._record(target, digest)
            self.records.write_text(json.dumps(records, indent=2, sort_keys=True) + "\n", encoding="ascii")

    def build_for_debugging(self, target: Target) -> Path:
        """Compile a stub that has its symbols and reports undefined behaviour; it is neither recorded nor shipped."""
        self._prepare()
        output = self._root / "build" / "debug" / target.file
        output.parent.mkdir(parents=True, exist_ok=True)
        self._compile(target, output, "-O", "debug")
        return output

    def build_for_faults(self, target: Target) -> Path:
        """Compile a stub whose system calls fail on request (`stubs/faults`); neither recorded nor shipped."""
        self._prepare()
        output = self._root / "build" / "faults" / target.file
        output.parent.mkdir(parents=True, exist_ok=True)
        self._compile(target, output, *_shipped(target), injects=True)
        return output

    def _prepare(self) -> None:
        """Refuse another compiler than the pinned one, since its stubs would differ, and fetch the libraries."""
        try:
            version = metadata.version("ziglang")
        except metadata.PackageNotFoundError:
            version = "none"
        if version != self.zig:
            message = f"stubs are compiled by ziglang {self.zig}, {sys.executable} has {version}: "
            message += f"run `{sys.executable} -m pip install ziglang=={self.zig}`"
            raise StubBuildError(message)
        thirdparty.fetch(self._root)

    def _compile(self, target: Target, output: Path, *mode: str, injects: bool = False) -> None:
        """Compile and link everything in one call of zig, which compiles only what its cache does not hold.

        Run in the root with relative paths, so that no folder of this machine can reach the stub. INJECTS: with faults.
        """
        libraries = thirdparty.directory(self._root).relative_to(self._root)
        zstd, libsodium = libraries / "zstd", libraries / "libsodium" / "src" / "libsodium"
        include = libsodium / "include"
        renamed = [f"-D{call}=sfx_inject_{call}" for call in self._injected()] if injects else []
        groups = {
            Path("stubs", "src"): [
                *self._flags["stub"],
                *target.stub,
                *renamed,
                f"-isystem{zstd}",
                f"-isystem{include}",
            ],
            zstd: [*self._flags["zstd"], *target.zstd],
            libsodium: [*self._flags["libsodium"], *target.libsodium, f"-I{include / 'sodium'}", f"-I{include}"],
        }
        command = [str(thirdparty.zig_directory() / "zig"), "build-exe", "-target", target.triple, "-mcpu", target.cpu]
        command += [*mode, "--gc-sections", "-lc", *target.link, f"-femit-bin={output.relative_to(self._root)}"]
        for folder, flags in groups.items():
            files = sorted(path for path in (self._root / folder).rglob("*.c") if target.takes(path))
            command += ["-cflags", *self._flags["all"], *flags, "--"]
            command += [str(path.relative_to(self._root)) for path in files]
        if target.is_windows:
            command.append(RESOURCES)
        if injects:
            flags = [*self._flags["all"], "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra"]
            command += ["-cflags", *flags, "--", *INJECTION]
        caches = self._root / "build" / "zig-cache"
        environment = os.environ | {
            "ZIG_GLOBAL_CACHE_DIR": str(caches / "global"),
            "ZIG_LOCAL_CACHE_DIR": str(caches / "local"),
        }
        if subprocess.run(command, cwd=self._root, env=environment, check=False).returncode != 0:
            message = f"cannot compile the stub for {target.platform}: see the compiler's messages above"
            raise StubBuildError(message)

    def _injected(self) -> list[str]:
        """Return the calls that the build for faults can make fail: those that have a function for it."""
        text = (self._root / INJECTION[0]).read_text(encoding="utf-8")
        return sorted(set(re.findall(r"^\S.*sfx_inject_(\w+)\(", text, re.MULTILINE)))

    def _record(self, target: Target, source: str) -> dict[str, str]:
        """Return what `stubs.json` holds for a stub as it lies in `build/stubs`."""
        stub = self.directory / target.file
        content = hashlib.sha256(stub.read_bytes()).hexdigest() if stub.is_file() else "missing"
        return {"file": target.file, "source": source, "sha256": content}

    def _read_records(self) -> dict[str, dict[str, str]]:
        """Return the records of all stubs that have a target."""
        if not self.records.is_file():
            return {}
        records: dict[str, dict[str, str]] = json.loads(self.records.read_text(encoding="ascii"))
        platforms = {target.platform for target in self.targets}
        return {platform: record for platform, record in records.items() if platform in platforms}

    def _source_digest(self) -> str:
        """Return the digest of all that decides what the stubs are: their C, the targets, the pins, this package."""
        folder = self._root / "stubs"
        digest = hashlib.sha256()
        pins = (folder / "targets.toml", folder / "sources.txt")
        sources = (path for path in (folder / "src").rglob("*") if path.is_file())
        for path in sorted((*pins, *folder.glob("*.py"), *sources)):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()
