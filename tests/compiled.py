"""Small compiled files."""

from __future__ import annotations

import subprocess
from pathlib import Path


def shared_library(folder: Path, compiler: str, *options: str, code: str = "int f(void) { return 41; }") -> Path:
    """A shared library `x.so`, from C."""
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "x.so"
    command = [compiler, "-x", "c", "-", "-x", "none", "-shared", "-fPIC", "-o", output, *options]
    subprocess.run([str(word) for word in command], input=code, text=True, check=True)
    return output


def program(folder: Path, compiler: str, code: str, *options: str) -> Path:
    """A program `x`, from C."""
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "x"
    subprocess.run([compiler, "-x", "c", "-", "-x", "none", "-o", output, *options], input=code, text=True, check=True)
    return output
