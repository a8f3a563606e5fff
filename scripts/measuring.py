"""Running commands in turn and saying what they took: seconds, processor seconds, peak memory."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from scripts.workplace import ScriptError, environment


@dataclass(frozen=True, slots=True)
class Usage:
    """What one run took."""

    wall: float
    cpu: float
    """User and system seconds of all its processes."""
    peak: int
    """Bytes of memory of its largest process."""


WATCH = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
wall = time.perf_counter() - started
with open(sys.argv[1], "w") as report:
    print(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, file=report)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A small program of its own: a new process begins with the peak of the one that starts it."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A command to be timed, what makes its place ready and what is looked at afterwards."""

    name: str
    command: Sequence[str | Path]
    output: Path
    """File or folder it makes; removed before and after each run."""
    folder: bool = False
    """Make `output` as an empty folder first."""
    done: Callable[[Path], None] = lambda _: None
    """Looks at `output` before it is removed."""


def measure(contender: Contender, log: Path) -> Usage:
    """Run it once; what is before and after is not timed.

    Peak memory is what the kernel says of the process and of those it waited for.
    """
    remove(contender.output)
    contender.output.parent.mkdir(parents=True, exist_ok=True)
    if contender.folder:
        contender.output.mkdir()
    usage = watch(contender.command, contender.output.parent, log)
    contender.done(contender.output)
    remove(contender.output)
    return usage


def watch(command: Sequence[str | Path], folder: Path, log: Path) -> Usage:
    """Run a command in a folder; say what it took.

    Raises:
        ScriptError: it does not succeed.
    """
    words = [str(part) for part in command]
    with log.open("wb") as file, tempfile.NamedTemporaryFile("r") as report:
        done = subprocess.run(
            [sys.executable, "-I", "-c", WATCH, report.name, *words],
            check=False,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        taken = report.read().split()
    if done.returncode != 0:
        said = log.read_text(errors="replace")[-4000:]
        raise ScriptError(f"{said}\n`{shlex.join(words)}` ended with {done.returncode}")
    return Usage(float(taken[0]), float(taken[1]), int(taken[2]) * 1024)


def take_turns(contenders: Sequence[Contender], rounds: int, log: Path) -> dict[str, list[Usage]]:
    """Run all of them once unmeasured, then `rounds` times in turn, the other way round every second time."""
    results: dict[str, list[Usage]] = {contender.name: [] for contender in contenders}
    for contender in contenders:
        measure(contender, log)
    for number in range(rounds):
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            results[contender.name].append(measure(contender, log))
            print(".", end="", flush=True)
    return results


def middle(usages: Sequence[Usage]) -> Usage:
    """Medians of seconds, and the highest peak."""
    return Usage(
        median(usage.wall for usage in usages),
        median(usage.cpu for usage in usages),
        max(usage.peak for usage in usages),
    )


def paired_ratio(ours: Sequence[Usage], theirs: Sequence[Usage]) -> float:
    """Median over the pairs of how many times the other's seconds we took."""
    return median(a.wall / b.wall for a, b in zip(ours, theirs, strict=True))


def paired_share(whole: Sequence[Usage], without: Sequence[Usage]) -> tuple[float, float]:
    """Median over the pairs of the part of wall and processor seconds that is there only in `whole`."""
    pairs = list(zip(whole, without, strict=True))
    return (
        median((a.wall - b.wall) / a.wall for a, b in pairs),
        median((a.cpu - b.cpu) / a.cpu for a, b in pairs),
    )


def remove(path: Path) -> None:
    """Remove a file or a tree, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def files_of(root: Path) -> Iterator[Path]:
    """Every file and link below a folder."""
    for folder, folders, names in os.walk(root):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        yield from (Path(folder, name) for name in (*names, *links))


def extent(root: Path) -> tuple[int, int]:
    """Bytes and number of files below a folder; a file with several names counts once."""
    seen: dict[tuple[int, int], int] = {}
    number = 0
    for path in files_of(root):
        status = path.lstat()
        seen[status.st_dev, status.st_ino] = status.st_size
        number += 1
    return sum(seen.values()), number


def differing(one: Path, other: Path) -> list[str]:
    """Files, below two installations of one artifact, whose contents differ; not `.sfxpack`."""
    paths = (path.relative_to(one) for path in files_of(one) if path.is_file() and not path.is_symlink())
    kept = (path for path in paths if path.parts[0] != ".sfxpack")
    return sorted(str(path) for path in kept if (one / path).read_bytes() != (other / path).read_bytes())
