"""Environments made in the test: conda's by py-rattler from packages built here, venvs, plain prefixes.

Other tests use these functions; none needs the network.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sfxpack.environments import discover
from sfxpack.errors import SfxpackError
from sfxpack.format.layout import EntryKind
from sfxpack.model import Environment
from sfxpack.request import Request
from sfxpack.tree import Tree, list_tree

PLACEHOLDER = b"/build/host_env_placehold" + b"_placehold" * 23
"""As long as conda's: 255 bytes."""
DEBIAN_PYTHON = Path("/usr/bin/python3")


@dataclass(frozen=True, slots=True)
class Package:
    """A conda package in the making."""

    name: str
    files: Mapping[str, bytes]
    """Content by path; `PLACEHOLDER` in it stands for the prefix."""
    version: str = "1.0"
    links: Mapping[str, str] = field(default_factory=dict)
    """Text by path."""
    depends: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    """Paths that are executable."""
    modes: Mapping[str, str] = field(default_factory=dict)
    """`file_mode` by path where it is not what the content looks like; empty: the placeholder is not replaced."""
    entry_points: tuple[str, ...] = ()
    """Of a `noarch: python` package; its modules are in `site-packages`."""

    @property
    def noarch(self) -> bool:
        """Whether it is a `noarch: python` package."""
        return bool(self.entry_points) or any(path.startswith("site-packages/") for path in self.files)


def stand_in_python() -> Package:
    """A package `python` 3.11 whose interpreter is the one that runs the tests."""
    lines = (
        b"#!/bin/sh",
        b"export PYTHONPATH='" + PLACEHOLDER + b"/lib/python3.11/site-packages'",
        b"exec " + os.fsencode(sys.executable) + b' "$@"\n',
    )
    script = b"\n".join(lines)
    return Package(
        "python",
        {"bin/python3.11": script, "lib/python3.11/site-packages/README.txt": b"packages go here\n"},
        "3.11.0",
        links={"bin/python": "python3.11", "bin/python3": "python3.11"},
        programs=("bin/python3.11",),
    )


def sample_packages() -> tuple[Package, ...]:
    """Text, binary and plain files, links, an entry point, scripts to source."""
    tool = Package(
        "tool",
        {
            "bin/tool": b"#!" + PLACEHOLDER + b"/bin/python\nimport sys\nprint(sys.argv)\n",
            "lib/pkgconfig/tool.pc": b"prefix=" + PLACEHOLDER + b"\nLibs: -L" + PLACEHOLDER + b"/lib\n",
            "lib/tool.bin": b"\0\1" + PLACEHOLDER + b"/share/tool\0after" + PLACEHOLDER + b"\0\0",
            "share/tool/plain.txt": b"no path here\n",
            "etc/conda/activate.d/tool.sh": b"export TOOL_HOME='" + PLACEHOLDER + b"'\n",
            "etc/conda/deactivate.d/tool.sh": b"unset TOOL_HOME\n",
            "etc/conda/env_vars.d/tool.json": b'{"TOOL_LEVEL": "3"}\n',
        },
        links={"share/tool/link.txt": "plain.txt"},
        depends=("python",),
        programs=("bin/tool",),
    )
    pure = Package(
        "pure",
        {"site-packages/pure/__init__.py": b"def main():\n    print('pure')\n"},
        depends=("python",),
        entry_points=("pure-hello = pure:main",),
    )
    return stand_in_python(), tool, pure


def make_channel(folder: Path, packages: Sequence[Package]) -> Path:
    """A channel: a folder with packages and their `repodata.json`."""
    for subdir in ("linux-64", "noarch"):
        (folder / subdir).mkdir(parents=True, exist_ok=True)
        index: dict[str, Any] = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": {}}
        for package in packages:
            if package.noarch is (subdir == "noarch"):
                name = f"{package.name}-{package.version}-0.tar.bz2"
                content = _archive(package)
                (folder / subdir / name).write_bytes(content)
                index["packages"][name] = {
                    **_index(package),
                    "size": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
                }
        (folder / subdir / "repodata.json").write_text(json.dumps(index))
    return folder


def make_conda(root: Path, packages: Sequence[Package] = (), work: Path | None = None) -> Path:
    """A conda environment, as pixi and micromamba would make it.

    Args:
        root: where it goes.
        packages: what is in it; `sample_packages` by default.
        work: a folder for the channel and the package cache; beside the environment by default.
    """
    rattler = import_module("rattler")
    packages = packages or sample_packages()
    folder = work or root.parent / f"{root.name}-made-from"
    channel = make_channel(folder / "channel", packages)

    async def install() -> None:
        names = [package.name for package in packages]
        records = await rattler.solve([channel.as_uri()], names, platforms=["linux-64", "noarch"])
        await rattler.install(
            records, root, cache_dir=folder / "cache", platform=rattler.Subdir("linux-64"), show_progress=False
        )

    asyncio.run(install())
    return root


def make_venv(root: Path, python: Path = DEBIAN_PYTHON, *options: str) -> Path:
    """A venv by a Python's own `venv`."""
    subprocess.run([python, "-m", "venv", *options, root], check=True, capture_output=True, env=clean_variables())
    return root


def clean_variables() -> dict[str, str]:
    """The process's environment without what would lead another Python astray."""
    drop = ("PYTHON", "VIRTUAL_ENV", "CONDA", "MAMBA", "PYENV", "PIP_")
    return {key: value for key, value in os.environ.items() if not key.startswith(drop)}


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are closed to others."""
    with TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder


def error_as_nobody(call: Callable[[], object]) -> str:
    """What a user without rights is told, from a process of its own; who is not root is one already."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        try:
            call()
        except SfxpackError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as pipe:
        return pipe.read()


def has_module(python: Path, name: str) -> bool:
    """Whether a Python can import a module."""
    done = subprocess.run([python, "-c", f"import {name}"], check=False, capture_output=True, env=clean_variables())
    return done.returncode == 0


def found(root: Path) -> tuple[Environment, Tree]:
    """What discovery and scan say of a folder."""
    environment = discover(Request(str(root), by_path=True))
    return environment, list_tree(environment)


def copy_out(environment: Environment, tree: Tree, target: Path, prefix: str) -> None:
    """Write a tree as it would be installed at `prefix`, as far as its text files go: enough to run it.

    For tests of what is in a tree; how it is moved is tested with the real thing.
    """
    target.mkdir(parents=True)
    pairs = [(rename.old, os.fsencode(prefix) + rename.new) for rename in environment.renames]
    for entry in tree.entries:
        path = target / os.fsdecode(entry.path)
        if entry.kind is EntryKind.DIRECTORY:
            path.mkdir(parents=True)
        elif entry.kind is EntryKind.LINK:
            path.symlink_to(os.fsdecode(entry.link))
        else:
            content = Path(os.fsdecode(entry.source)).read_bytes() if entry.data is None else entry.data
            if b"\0" not in content:
                for old, new in pairs:
                    content = content.replace(old, new)
            path.write_bytes(content)
            path.chmod(entry.mode)


def make_wheel(path: Path) -> Path:
    """A wheel `pure` with a module and a console script."""
    info = "pure-1.0.dist-info"
    members = {
        "pure.py": "def main():\n    print('pure')\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: pure\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\npure-hello = pure:main\n",
    }
    members[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*members, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def _index(package: Package) -> dict[str, Any]:
    index: dict[str, Any] = {
        "name": package.name,
        "version": package.version,
        "build": "0",
        "build_number": 0,
        "depends": list(package.depends),
        "subdir": "noarch" if package.noarch else "linux-64",
    }
    return {**index, "noarch": "python"} if package.noarch else index


def _archive(package: Package) -> bytes:
    members: dict[str, bytes] = dict(package.files)
    paths = []
    for path, content in package.files.items():
        item = {"_path": path, "path_type": "hardlink", "size_in_bytes": len(content)}
        item["sha256"] = hashlib.sha256(content).hexdigest()
        usual = ("binary" if b"\0" in content else "text") if PLACEHOLDER in content else ""
        mode = package.modes.get(path, usual)
        if mode:
            item["prefix_placeholder"] = PLACEHOLDER.decode()
            item["file_mode"] = mode
        paths.append(item)
    for path, text in package.links.items():
        target = package.files.get(os.path.normpath(os.path.join(os.path.dirname(path), text)), b"")
        digest = hashlib.sha256(target).hexdigest()
        paths.append({"_path": path, "path_type": "softlink", "sha256": digest, "size_in_bytes": len(target)})
    members["info/index.json"] = json.dumps(_index(package)).encode()
    members["info/paths.json"] = json.dumps({"paths": paths, "paths_version": 1}).encode()
    members["info/files"] = "".join(f"{item['_path']}\n" for item in paths).encode()
    if package.noarch:
        link = {"noarch": {"type": "python", "entry_points": list(package.entry_points)}, "package_metadata_version": 1}
        members["info/link.json"] = json.dumps(link).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:bz2") as archive:
        for path, content in members.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            member.mode = 0o755 if path in package.programs else 0o644
            archive.addfile(member, io.BytesIO(content))
        for path, text in package.links.items():
            member = tarfile.TarInfo(path)
            member.type = tarfile.SYMTYPE
            member.linkname = text
            archive.addfile(member)
    return buffer.getvalue()
