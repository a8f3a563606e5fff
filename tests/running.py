"""Running sfxpack and what it made, as a user would."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SFXPACK = (sys.executable, "-m", "sfxpack")
TIMEOUT = 300
"""Seconds, of anything that is run: a test that hangs fails under its name."""


def run(*command: object, status: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 passed on
    """Run a program and check its exit status."""
    options = {"capture_output": True, "text": True, "check": False, "timeout": TIMEOUT, **options}
    done = subprocess.run([str(word) for word in command], **options)  # noqa: PLW1510 it is among them
    assert done.returncode == status, f"{done.args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def build(root: object, output: Path, *options: object) -> dict[str, Any]:
    """Build quietly; the result as JSON."""
    result: dict[str, Any] = json.loads(run(*SFXPACK, "build", root, "-o", output, "--json", *options).stdout)
    return result
