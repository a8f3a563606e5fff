"""Make a conda environment of what lies in a venv, with py-rattler and without a channel.

    python scripts/condaenv.py VENV PACKAGES ENVIRONMENT

Every distribution in VENV becomes a `.conda` file in PACKAGES (kept for the next time), its interpreter another, as
conda-build would have written them: the prefix of text files is a placeholder of 255 bytes, `.pyc` files are as they
are. py-rattler then installs all of them as ENVIRONMENT. It is meant for packing and measuring; whether every program
of it runs depends on where the interpreter came from.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import rattler
import zstandard

PLACEHOLDER = ("/opt/build/host_env_" + "placehold_" * 24)[:255]
SUBDIR = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}.get(platform.machine(), f"linux-{platform.machine()}")
NOT_PACKED = {"site-packages", "dist-packages", "test"}
LARGEST_TEXT = 10_000_000

Files = Mapping[str, Path]
"""Path below the prefix -> file to take."""


@dataclass(frozen=True, slots=True)
class Package:
    """What becomes one `.conda` file."""

    name: str
    version: str
    files: Files
    links: Mapping[str, str] = field(default_factory=dict)
    """Path below the prefix -> text of the link."""

    @property
    def stem(self) -> str:
        """Name of the file without its suffix."""
        return f"{self.name}-{self.version}-0"

    def index(self) -> dict[str, Any]:
        """Return what stands in its info/index.json."""
        index = {"name": self.name, "version": self.version, "build": "0", "build_number": 0}
        return index | {"subdir": SUBDIR, "depends": []}


@dataclass(frozen=True, slots=True)
class Interpreter:
    """What a venv's Python says of itself."""

    version: str
    base: Path
    """sys.base_prefix"""
    stdlib: Path
    executable: Path
    library: Path
    """libpython, or a path that does not exist."""
    packages: Path
    """site-packages of the venv."""


ASK = """
import json, os, sys, sysconfig
library = os.path.join(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or "none")
print(json.dumps([sys.version.split()[0], sys.base_prefix, sysconfig.get_path("stdlib"),
    os.path.realpath(sys.executable), library, sysconfig.get_path("purelib")]))
"""


def ask(venv: Path) -> Interpreter:
    """Ask a venv's interpreter."""
    done = subprocess.run([venv / "bin/python", "-c", ASK], check=True, capture_output=True, text=True)
    version, *paths = json.loads(done.stdout)
    return Interpreter(version, *map(Path, paths))


def python_package(interpreter: Interpreter) -> Package:
    """The interpreter and its standard library."""
    minor = interpreter.version.rsplit(".", 1)[0]
    files = {f"bin/python{minor}": interpreter.executable}
    if interpreter.library.suffix != ".a" and interpreter.library.is_file():
        files[f"lib/{interpreter.library.name}"] = interpreter.library
    for folder, folders, names in os.walk(interpreter.stdlib):
        folders[:] = [name for name in folders if name not in NOT_PACKED]
        below = Path(folder).relative_to(interpreter.stdlib)
        files |= {str(f"lib/python{minor}" / below / name): Path(folder, name) for name in names}
    files = {path: file for path, file in files.items() if file.is_file()}
    links = dict.fromkeys(("bin/python", "bin/python3"), f"python{minor}")
    return Package("python", interpreter.version, files, links)


def packages(venv: Path, interpreter: Interpreter) -> Iterator[Package]:
    """Every distribution that pip installed."""
    root = venv.resolve()
    for folder in sorted(interpreter.packages.resolve().glob("*.dist-info")):
        metadata = HeaderParser().parsestr((folder / "METADATA").read_text(encoding="utf-8"))
        rows = csv.reader((folder / "RECORD").read_text(encoding="utf-8").splitlines())
        paths = (Path(os.path.normpath(folder.parent / row[0])) for row in rows)
        inside = {str(path.relative_to(root)): path for path in paths if path.is_relative_to(root) and path.is_file()}
        name = re.sub(r"[-_.]+", "-", metadata["Name"]).lower()
        yield Package(name, metadata["Version"], inside)


def content(path: Path, prefixes: tuple[bytes, ...]) -> bytes | None:
    """A text file with the placeholder for its prefix; None if there is nothing to replace."""
    if path.stat().st_size > LARGEST_TEXT or path.suffix == ".pyc":
        return None
    data = path.read_bytes()
    if b"\0" in data or not any(prefix in data for prefix in prefixes):
        return None
    for prefix in prefixes:
        data = data.replace(prefix, PLACEHOLDER.encode())
    return data


def digest(path: Path) -> str:
    """SHA-256 of a file of any size."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            sha256.update(chunk)
    return sha256.hexdigest()


@contextmanager
def zstd_tar(container: zipfile.ZipFile, name: str) -> Iterator[tarfile.TarFile]:
    """A member of a `.conda` file that is a compressed tar archive."""
    with container.open(name, "w", force_zip64=True) as member:  # noqa: SIM117 closed in this order
        with zstandard.ZstdCompressor(level=1, threads=-1).stream_writer(member) as stream:
            with tarfile.open(fileobj=stream, mode="w|") as archive:
                yield archive


def write(package: Package, target: Path, prefixes: tuple[bytes, ...]) -> None:
    """Write one `.conda` file; its name appears when it is whole."""
    part = target.with_suffix(".part")
    described = []
    with zipfile.ZipFile(part, "w") as container:
        container.writestr("metadata.json", '{"conda_pkg_format_version": 2}')
        with zstd_tar(container, f"pkg-{package.stem}.tar.zst") as archive:
            for path, file in sorted(package.files.items()):
                described.append(add(archive, path, file, prefixes))
            for path, text in package.links.items():
                described.append(add_link(archive, path, text))
        with zstd_tar(container, f"info-{package.stem}.tar.zst") as archive:
            add_bytes(archive, "info/index.json", json.dumps(package.index()).encode())
            add_bytes(archive, "info/paths.json", json.dumps({"paths_version": 1, "paths": described}).encode())
            add_bytes(archive, "info/files", "".join(f"{entry['_path']}\n" for entry in described).encode())
    part.rename(target)


def add(archive: tarfile.TarFile, path: str, file: Path, prefixes: tuple[bytes, ...]) -> dict[str, Any]:
    """Add one file; return what paths.json says of it."""
    entry: dict[str, Any] = {"_path": path, "path_type": "hardlink"}
    header = archive.gettarinfo(str(file.resolve()), path)
    header.type, header.linkname = tarfile.REGTYPE, ""
    header.size = file.stat().st_size
    replaced = content(file, prefixes)
    if replaced is None:
        with file.open("rb") as source:
            archive.addfile(header, source)
        return entry | {"sha256": digest(file), "size_in_bytes": header.size}
    header.size = len(replaced)
    archive.addfile(header, io.BytesIO(replaced))
    entry |= {"sha256": hashlib.sha256(replaced).hexdigest(), "size_in_bytes": header.size}
    return entry | {"file_mode": "text", "prefix_placeholder": PLACEHOLDER}


def add_link(archive: tarfile.TarFile, path: str, text: str) -> dict[str, Any]:
    """Add a symlink; return what paths.json says of it."""
    header = tarfile.TarInfo(path)
    header.type, header.linkname = tarfile.SYMTYPE, text
    archive.addfile(header)
    return {"_path": path, "path_type": "softlink", "sha256": hashlib.sha256(b"").hexdigest(), "size_in_bytes": 0}


def add_bytes(archive: tarfile.TarFile, path: str, data: bytes) -> None:
    """Add a file that is made here."""
    header = tarfile.TarInfo(path)
    header.size = len(data)
    archive.addfile(header, io.BytesIO(data))


def record(package: Package, file: Path) -> rattler.RepoDataRecord:
    """What a channel would say of the file."""
    index = file.with_suffix(".json")
    index.write_text(json.dumps(package.index()), encoding="utf-8")
    about = rattler.PackageRecord.from_index_json(index, size=file.stat().st_size, sha256=digest(file))
    return rattler.RepoDataRecord(about, file.name, file.as_uri(), file.parent.as_uri())


def make(venv: Path, store: Path, environment: Path) -> None:
    """Make what packages are not there yet, then the environment; the package cache lies beside it."""
    interpreter = ask(venv)
    prefixes = tuple(os.fsencode(path) for path in dict.fromkeys((venv, venv.resolve(), interpreter.base)))
    prefixes = tuple(prefix for prefix in prefixes if prefix.count(b"/") > 1)
    store.mkdir(parents=True, exist_ok=True)
    records = []
    for package in (python_package(interpreter), *packages(venv, interpreter)):
        target = store / f"{package.stem}.conda"
        if not target.exists():
            write(package, target, prefixes)
        records.append(record(package, target))
    cache = environment.with_name("pkgs")
    asyncio.run(rattler.install(records, target_prefix=environment, cache_dir=cache, show_progress=False))


if __name__ == "__main__":
    make(*(Path(argument).absolute() for argument in sys.argv[1:4]))
    sys.stdout.flush()
    os._exit(0)  # py-rattler's threads may still be in Python when it ends, and then it dies by a signal
