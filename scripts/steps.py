"""The checks of a checkout, as a list; scripts/test runs the cheap ones, scripts/check all."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from scripts.workplace import ROOT, ScriptError, Timer, environment, run

GENERATED = ("stubs/src/layout.h", "sfxpack/format/SPEC.md", "tests/vectors")


@dataclass(frozen=True, slots=True)
class Step:
    """One command that succeeds or not."""

    name: str
    command: tuple[str | Path, ...]
    slow: bool = False
    """Left out by `scripts/check --fast`, and not repeated by `scripts/test`."""
    env: dict[str, str] = field(default_factory=dict)

    def passes(self) -> bool:
        """Run it; print a line with its time, and its output if it fails."""
        timer = Timer.start(self.name)
        try:
            run(self.command, env=environment(self.env))
        except ScriptError as failure:
            timer.stop("FAILED")
            print(failure, flush=True)
            return False
        timer.stop("ok")
        return True


def python_scripts() -> list[str]:
    """Return the scripts that are Python by their first line, for tools that go by the suffix."""
    files = (path for path in (*(ROOT / "scripts").iterdir(), *(ROOT / "stubs" / "tests").iterdir()) if not path.suffix)
    scripts = [path for path in files if path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env python3")]
    return sorted(str(path.relative_to(ROOT)) for path in scripts)


def cheap(python: Path) -> list[Step]:
    """Format, lint, types, shell scripts, generated files: less than a minute together."""
    scripts = python_scripts()
    bin_folder = python.parent
    return [
        Step("format", (python, "-m", "ruff", "format", "--check", ".", *scripts)),
        Step("lint", (python, "-m", "ruff", "check", ".", *scripts)),
        Step("types", (python, "-m", "mypy", "sfxpack", "stubs", "tests", "hatch_build.py", "scripts", *scripts)),
        Step("shell scripts", (bin_folder / "shellcheck", ".ci/run")),
        Step("layout.h and SPEC.md are what layout.py and schema.py give", (python, "scripts/gen_layout", "--check")),
        Step("test vectors are what gen_vectors gives", (python, "scripts/gen_vectors", "--check")),
    ]


def c_tests(python: Path) -> list[Step]:
    """The C tests as compiled for release, then under each sanitizer."""
    runner = (python, "stubs/tests/run")
    oracle = (python, "-m", "pytest", "-q", "tests/property/test_relocator.py")
    return [
        Step("C tests", runner),
        *(
            Step(f"C tests, {name}", (*runner, "--sanitize", option), slow=True)
            for name, option in (("undefined behaviour", "undefined"), ("threads", "thread"), ("addresses", "address"))
        ),
        *(
            Step(f"relocator and oracle, {name}", oracle, slow=True, env={"SFXPACK_SANITIZE": option})
            for name, option in (("undefined behaviour", "undefined"), ("addresses", "address"))
        ),
    ]


def header(python: Path) -> Step:
    """Shellcheck of the header as rendered, over names, platforms and dialects."""
    command = (python, "-m", "pytest", "-q", "tests/unit/test_header.py", "-k", "shellcheck")
    return Step("shellcheck of the rendered header", command, env={"SFXPACK_REQUIRE": "1"})


def pytest(python: Path, *arguments: str) -> Step:
    """The tests."""
    return Step(" ".join(("pytest", *arguments)), (python, "-m", "pytest", "-q", *arguments))


def committed() -> list[Step]:
    """Generated files in the tree are those that will be committed; nothing to see outside a git checkout."""
    if not (ROOT / ".git").exists():
        return []
    command = ("git", "diff", "--exit-code", "--stat", "--", *GENERATED)
    return [Step("no generated file differs from git's", command)]
