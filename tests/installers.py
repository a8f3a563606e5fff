"""Artifacts around the host's stub, made from values, and ways to run them."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from sfxpack.format import encode, layout, pe, schema
from sfxpack.format.digest import digest
from sfxpack.format.layout import Derived, EntryKind, Platform, Strategy
from sfxpack.format.tables import IndexEntry, IndexSite, Locator
from sfxpack.resources import host_platform
from tests.testkit import Sample, cut, directory, file, frame, sample, write_files

TIMEOUT = 120
"""Seconds, of anything that is run."""
MTIME = 1_600_000_000
"""Of every file and directory of testkit's."""
LARGE = bytes(range(256)) * 40
"""Content that spans blocks."""
NO_PROCESS = 2**22 + 5
"""A process number that no Linux gives."""


@dataclass(frozen=True)
class Installer:
    """An artifact on disk, run as its header would run it."""

    path: Path
    at: int
    stub: Path

    def command(self, *options: object) -> list[str]:
        """The command line."""
        return [str(self.stub), "--artifact", str(self.path), "--at", str(self.at), *map(str, options)]

    def run(
        self,
        *options: object,
        status: int = 0,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end and check its exit status."""
        done = subprocess.run(
            self.command(*options),
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            stdin=stdin,
        )
        assert done.returncode == status, f"{done.args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


def tool(prefix: Path, *options: object, status: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run the `sfx` of an installation; STATUS None: with any exit status."""
    command = [str(prefix / ".sfxpack/sfx"), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert status in {None, done.returncode}, f"{done.args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def lock_text(**changes: object) -> str:
    """A lock that this process holds, with changes."""
    start = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    values = {
        "host": socket.gethostname(),
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "space": os.readlink("/proc/self/ns/pid"),
        "pid": os.getpid(),
        "start": start,
        "time": "1",
        "end": "",
    }
    return "".join(f"{key}={value}\n" for key, value in {**values, **changes}.items())


@dataclass(frozen=True)
class Maker:
    """Joins samples with a stub."""

    stub: Path
    folder: Path
    platform: Platform = field(default_factory=lambda: Platform.parse(host_platform()))

    def make(self, values: Sample, name: str = "app.sh", split: tuple[int, int] = (0, 0)) -> Installer:
        """Write an artifact; `split` as in Sample."""
        stub = self.stub.read_bytes()
        windows = self.platform.system == "windows"
        header = b"" if windows else bytes(layout.ALIGNMENT)
        front = header + stub
        at = -(-len(front) // layout.ALIGNMENT) * layout.ALIGNMENT
        front = front.ljust(at, b"\0")
        unsigned = pe.unsigned(front[: pe.HEAD]) + front[pe.HEAD :] if windows else front
        raw = encode.index(values.index)
        index = frame(raw)
        offset = at + schema.LOCATOR.size + sum(map(len, values.frames))
        locator = Locator(
            platform=self.platform,
            stub_offset=len(header),
            stub_size=len(stub),
            locator_offset=at,
            index_offset=offset,
            index_size=len(index),
            index_raw_size=len(raw),
            total_size=offset + len(index),
            front_digest=digest(unsigned),
            index_digest=digest(index),
        )
        after, size = split
        if size:
            first = at + schema.LOCATOR.size + after
            count = -(-(locator.total_size - first) // size)
            locator = replace(locator, part_count=count, first_size=first, part_size=size)
        path = self.folder / name
        stream = b"".join([front, encode.locator(locator), *values.frames, index])
        write_files(path, cut(stream, locator) if size else (stream,))
        return Installer(path, at, self.stub)


def with_product(values: Sample, **changes: object) -> Sample:
    """The sample with other fields of its product."""
    product = replace(values.index.product, **changes)  # type: ignore[arg-type] # names of Product's fields
    return replace(values, index=replace(values.index, product=product))


def text(offset: int, *, flags: int = 0) -> IndexSite:
    """A TEXT site without literal bytes."""
    return IndexSite(offset, 0, Strategy.TEXT, flags=flags)


def derived(offset: int, value: Derived, target: int) -> IndexSite:
    """A DERIVED site."""
    return IndexSite(offset, 0, Strategy.DERIVED, value, hits=(), target=target)


def small(release: bytes = b"1") -> Sample:
    """Every kind of entry: scripts, links, a hard link, a file over three blocks, a pyc with its source, a RECORD."""
    pyc = b"\xa7\r\r\n" + bytes(4) + b"code" + release
    contents = (
        b"#!/bin/sh\necho /greeting\n",  # 0
        b"",
        LARGE,
        b"HOME = ''\n",
        pyc,
        b"mod.py,sha256=,\n",
        b"release " + release,
    )
    entries = (
        directory(b"bin"),
        file(b"bin/hello", 0, text(15), mode=0o755),
        IndexEntry(EntryKind.LINK, b"bin/mod", link=b"/lib/mod.py", sites=(text(0),)),
        directory(b"empty"),
        directory(b"lib"),
        IndexEntry(EntryKind.DIRECTORY, b"lib/__pycache__", 0o755, 0, MTIME),
        file(
            b"lib/__pycache__/mod.cpython-311.pyc",
            4,
            derived(8, Derived.MTIME_LE32, 9),
            derived(8, Derived.SIZE_LE32, 9),
        ),
        file(b"lib/RECORD", 5, derived(14, Derived.SHA256_RECORD, 9), derived(15, Derived.SIZE_DECIMAL, 9)),
        file(b"lib/large.bin", 2, text(5), text(5000)),
        file(b"lib/mod.py", 3, text(8)),
        directory(b"share"),
        file(b"share/empty", 1),
        file(b"share/release", 6, mode=0o444),
        IndexEntry(EntryKind.HARD_LINK, b"share/same", 0o444, 12, MTIME),
    )
    ordered = sorted(range(len(entries)), key=lambda at: entries[at].path.split(b"/"))
    moved = {old: new for new, old in enumerate(ordered)}
    sorted_entries = tuple(_retarget(entries[old], moved) for old in ordered)
    order = (0, 1, 2, 3, 6, 4, 5)
    position = {old: new for new, old in enumerate(order)}
    sorted_entries = tuple(
        replace(entry, target=position[entry.target]) if entry.kind is EntryKind.FILE else entry
        for entry in sorted_entries
    )
    blocks = (contents[0] + LARGE[:4000], LARGE[4000:4999], LARGE[4999:] + contents[3] + contents[6], pyc, contents[5])
    neutral = tuple(contents[at] for at in order)
    result = sample(sorted_entries, neutral, levels=(0, 0, 0, 1, 2), blocks=blocks)
    return with_product(
        result, name=b"app", release=release, creator=b"sfxpack 0", activation=b"bin/activate", notices=b"all rights\n"
    )


def _retarget(entry: IndexEntry, moved: dict[int, int]) -> IndexEntry:
    """The entry after all entries have moved to other positions."""
    sites = tuple(
        replace(site, target=moved[site.target]) if site.strategy is Strategy.DERIVED else site for site in entry.sites
    )
    target = moved[entry.target] if entry.kind is EntryKind.HARD_LINK else entry.target
    return replace(entry, sites=sites, target=target)


def many(count: int, size: int) -> Sample:
    """COUNT files of SIZE random bytes, one block each, in ten folders: enough to be interrupted."""
    folders = tuple(directory(b"d%d" % number) for number in range(10))
    entries: list[IndexEntry] = []
    for number, folder in enumerate(folders):
        entries.append(folder)
        entries.extend(file(b"d%d/f%06d" % (number, at), at) for at in range(number, count, 10))
    return with_product(sample(tuple(entries), tuple(os.urandom(size) for _ in range(count))), name=b"app")


def snapshot(root: Path) -> dict[str, tuple[int, object]]:
    """Everything below a folder but `.sfxpack`: permission bits, and content, link text or nothing."""
    found: dict[str, tuple[int, object]] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.split("/", 1)[0] == ".sfxpack":
            continue
        status = path.lstat()
        mode = stat.S_IMODE(status.st_mode)
        if path.is_symlink():
            found[name] = (0, os.fsencode(path.readlink()))
        elif path.is_dir():
            found[name] = (mode, None)
        else:
            found[name] = (mode, path.read_bytes())
    return found


@contextmanager
def mounted(target: Path, *options: str, source: object = "tmpfs") -> Iterator[None]:
    """A file system, by default one in memory; the test is skipped where mounting is not allowed."""
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None:
        pytest.skip("mount is missing")
    kind = ("-t", "tmpfs") if source == "tmpfs" else ()
    done = subprocess.run([mount, *kind, *options, str(source), target], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run([unmount, target], check=True)
