"""The C libraries of the stub: fetched by hash, unpacked, and their notices.

zstd and libsodium come out of the source distributions of the Python packages that carry them, so the Python package
index, which an installation of sfxpack needs anyway, is the only thing ever asked. The repository holds no copy.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath


class StubBuildError(Exception):
    """A stub cannot be built; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Library:
    """One C library inside a source distribution."""

    name: str
    project: str
    """Package of `sources.txt` that carries it."""
    folder: str
    """Where it lies in that package's archive."""


LIBRARIES = (
    Library("zstd", project="zstandard", folder="zstd"),
    Library("libsodium", project="pynacl", folder="src/libsodium"),
)


def directory(root: Path) -> Path:
    """Return where the unpacked libraries lie, one folder each by name."""
    return root / "build" / "third-party"


def fetch(root: Path) -> None:
    """Download and unpack the libraries, unless those of the present `sources.txt` are there."""
    pins = root / "stubs" / "sources.txt"
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()
    unpacked = directory(root)
    stamp = unpacked / "sources.sha256"
    if stamp.is_file() and stamp.read_text(encoding="ascii") == digest:
        return

    archives = root / "build" / "sources"
    shutil.rmtree(archives, ignore_errors=True)
    shutil.rmtree(unpacked, ignore_errors=True)
    projects = ",".join(library.project for library in LIBRARIES)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", projects]
    command += ["--require-hashes", "--requirement", str(pins), "--dest", str(archives)]
    if subprocess.run(command, check=False).returncode != 0:
        message = f"cannot fetch the sources named in {pins}: see pip's message above; it needs pip and a package index"
        raise StubBuildError(message)
    for library in LIBRARIES:
        _unpack(archives, library, unpacked / library.name)
    _write_version_header(unpacked / "libsodium")
    stamp.write_text(digest, encoding="ascii")


def notices(root: Path) -> str:
    """Return the copyright notices and licences of everything that is linked into a stub."""
    unpacked, zig = directory(root), zig_directory()
    sections = (
        ("zstd, the decompressor", unpacked / "zstd" / "LICENSE"),
        ("libsodium, digests and signatures", unpacked / "libsodium" / "LICENSE"),
        ("musl, the C library", zig / "lib" / "libc" / "musl" / "COPYRIGHT"),
        ("Zig, compiler-rt and parts of the C library", zig / "LICENSE"),
        ("LLVM compiler-rt, from which Zig's is ported", zig / "lib" / "libtsan" / "LICENSE.TXT"),
    )
    text = "The native stub of sfxpack, which is in every file it makes, contains:\n"
    for title, path in sections:
        body = path.read_text(encoding="utf-8").strip("\n")
        text += f"\n{'=' * 80}\n{title}\n{'=' * 80}\n\n{body}\n"
    return text


def zig_directory() -> Path:
    """Return where the ziglang wheel keeps the compiler, its libraries and their licences."""
    spec = find_spec("ziglang")
    if spec is None or spec.origin is None:
        message = f"no ziglang for {sys.executable}: install the version that stubs/targets.toml names with its pip"
        raise StubBuildError(message)
    return Path(spec.origin).parent


def _unpack(archives: Path, library: Library, destination: Path) -> None:
    """Unpack the library's folder; by hand, because `extractall(filter=)` is missing in early 3.10 and 3.11."""
    (path,) = archives.glob(f"{library.project}-*.tar.gz")
    with tarfile.open(path) as archive:
        for member in archive:
            inside = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            source = archive.extractfile(member) if member.isfile() else None
            if source is None or not inside.is_relative_to(library.folder):
                continue
            target = destination / inside.relative_to(library.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read())


def _write_version_header(libsodium: Path) -> None:
    """Fill in libsodium's `version.h.in`, the one thing of its configure that does not depend on the target."""
    configure = (libsodium / "configure.ac").read_text(encoding="utf-8")
    values = dict(re.findall(r"^(SODIUM_LIBRARY_VERSION_M\w+)=(\d+)$", configure, re.MULTILINE))
    (values["VERSION"],) = re.findall(r"^AC_INIT\(\[libsodium\],\[([\d.]+)\]", configure, re.MULTILINE)
    template = libsodium / "src" / "libsodium" / "include" / "sodium" / "version.h.in"
    header = re.sub(r"@(\w+)@", lambda match: values.get(match[1], ""), template.read_text(encoding="ascii"))
    template.with_suffix("").write_text(header, encoding="ascii")
