"""What finding sites costs on top of reading the files, in processor seconds of one thread.

    python scripts/finding.py ENVIRONMENT [PAIRS]

Prints one line of JSON. Reading opens, checks, reads and closes every file that a build would read; finding does the
same and looks into each of them as a build does, but neither neutralises nor digests nor compresses. The two take
turns, after a reading that does not count and brings the files into memory.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sfxpack import classify, plan, sites
from sfxpack.content import LARGE, Context, find
from sfxpack.entries import read
from sfxpack.model import Entry, Found
from sfxpack.names import Names
from sfxpack.records import Files
from sfxpack.request import Request
from sfxpack.sites.window import OVERLAP
from sfxpack.subject import subjects

WINDOW = 8 * 1024 * 1024


@dataclass(slots=True)
class Finding:
    """One environment; what was found in it the last time."""

    files: tuple[Entry, ...]
    context: Context
    found: int = 0
    """Sites and edits."""
    inside: float = 0.0
    """Processor seconds for what is in compressed files; part of finding."""

    def read_all(self) -> None:
        """Read every file, large ones in windows."""
        for entry in self.files:
            if entry.size <= LARGE:
                read(entry)
            else:
                with open(entry.source, "rb", buffering=0) as file:
                    while file.read(WINDOW):
                        pass

    def find_all(self) -> None:
        """Read every file and find its sites."""
        self.found = 0
        for entry in self.files:
            found = find(entry, read(entry), self.context) if entry.size <= LARGE else self._find_large(entry)
            self.found += len(found.sites) + len(found.edits)

    def look_inside(self) -> None:
        """Read compressed files and look at what they hold; only this is timed."""
        contents = [(entry.path, read(entry)) for entry in self.files if entry.size <= LARGE]
        archives = [(path, content) for path, content in contents if classify.is_archive(content)]
        self.inside = processor_seconds(
            lambda: [sites.look_inside(path, content, self.context.needles) for path, content in archives]
        )

    def _find_large(self, entry: Entry) -> Found:
        context, tail, hit = self.context, b"", False
        with open(entry.source, "rb", buffering=0) as file:
            while window := file.read(WINDOW):
                hit = hit or context.needles.contains(tail + window)
                tail = window[-OVERLAP:]
        return find(entry, read(entry), context) if hit else Found()


def processor_seconds(call: Callable[[], object]) -> float:
    """User and system seconds a call takes."""
    started = time.process_time()
    call()
    return time.process_time() - started


def main() -> None:
    """Measure and print."""
    found = subjects(Request(sys.argv[1], by_path=True))[0]
    entries, environment = found.tree.entries, found.environment
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 5  # noqa: PLR2004 an optional argument
    order, hard_links = plan.reading_order(entries)
    files = Files(Names({entry.path: entry for entry in entries}, hard_links, environment.renames), {})
    finding = Finding(order, Context(environment, sites.needles(environment), found.options, files, {}, {}))
    gc.disable()  # as the command does
    finding.read_all()
    results = []
    for number in range(pairs):
        calls = [finding.read_all, finding.find_all]
        seconds = [processor_seconds(call) for call in (calls if number % 2 == 0 else reversed(calls))]
        results.append(seconds if number % 2 == 0 else seconds[::-1])
    finding.look_inside()
    facts = {"files": len(order), "bytes": sum(entry.size for entry in order), "found": finding.found}
    print(json.dumps({**facts, "pairs": results, "inside": finding.inside, "load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
