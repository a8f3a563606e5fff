"""What `scripts/faults` takes from the tests: disturbances from outside of the stub, and how many there were."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

FAULTS, FAILURES = "tests/cli/test_faults.py", "tests/cli/test_installer_failures.py"
GROUPS = (
    ("umask 077, in every scene", rf"{FAULTS}::test_unusual_surroundings\[.*umask"),
    ("a clock that stands in 1970, in every scene", rf"{FAULTS}::test_unusual_surroundings\[.*1970"),
    ("the artifact, or all its parts, truncated while it is read", rf"{FAULTS}::test_artifact_truncated"),
    ("something appears at the prefix meanwhile", rf"{FAULTS}::test_what_(appears|another)"),
    ("a tmpfs that becomes full", rf"{FAULTS}::test_a_disk_that_becomes_full\[.*tmpfs\]"),
    ("a tmpfs whose inodes end", rf"{FAULTS}::test_a_disk_that_becomes_full\[.*inodes\]"),
    ("an ext4 (loop) that becomes full", rf"{FAULTS}::test_a_disk_that_becomes_full\[.*ext4\]"),
    ("a vfat (loop) that becomes full", rf"{FAULTS}::test_a_disk_that_becomes_full\[.*vfat\]"),
    ("strace lets a call of the shipped stub fail (EIO)", rf"{FAILURES}::test_every_call_may_fail"),
    (
        "strace kills the shipped stub at a call",
        rf"{FAILURES}::test_(killed_at_every_call|killed_replacing|without_exch)",
    ),
    ("SIGINT, SIGTERM, SIGHUP while it extracts", rf"{FAILURES}::test_interrupted"),
    ("killed after a part of its time", rf"{FAILURES}::test_killed_at_any_time"),
)
WANTED = (
    "surroundings", "truncated", "appears", "another_run", "becomes_full", "may_fail", "at_every_call", "at_any_time",
    "replacing_inside", "exchange", "interrupted",
)  # fmt: skip
MOST_CALLS = "12"
"""Of each system call that strace disturbs."""


@dataclass
class Group:
    """Runs of one kind."""

    what: str
    runs: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def take(root: Path, folder: Path) -> list[Group]:
    """Run the tests; what they did."""
    report = folder / "report.xml"
    names = sorted({pattern.split("[")[0].split("::")[0] for _, pattern in GROUPS})
    wanted = " or ".join(WANTED)
    options = ["-q", f"--junitxml={report}", "-o", "junit_family=xunit1", f"--basetemp={folder / 'tests'}"]
    command = [sys.executable, "-m", "pytest", *options]
    environment = {**os.environ, "SFXPACK_MOST_CALLS": MOST_CALLS}
    subprocess.run([*command, *names, "-k", wanted], cwd=root, check=False, env=environment)
    groups = [Group(what) for what, _ in GROUPS]
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 pytest's own report
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        for group, (_, pattern) in zip(groups, GROUPS, strict=True):
            if re.match(pattern, name):
                _count(group, case, name)
    return groups


def _count(group: Group, case: ET.Element, name: str) -> None:
    properties = {item.get("name"): item.get("value") for item in case.iter("property")}
    skipped = case.find("skipped")
    if skipped is not None:
        group.left_out[_reason(skipped.get("message") or "")] += 1
    elif case.find("failure") is not None or case.find("error") is not None:
        group.wrong.append(name)
    else:
        group.runs += int(properties.get("runs") or 1)


def _reason(message: str) -> str:
    """Without the path of the place."""
    return re.sub(r"mount: \S+: ", "", message).splitlines()[0].rstrip(".")


def table(groups: list[Group]) -> str:
    """A line for each kind."""
    lines = ["| disturbed by | runs | left out |", "|---|---:|---|"]
    for group in groups:
        reasons = "; ".join(f"{count}: {reason}" for reason, count in group.left_out.items())
        lines.append(f"| {group.what} | {group.runs} | {reasons} |")
    return "\n".join(lines) + "\n"
