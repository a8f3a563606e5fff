"""Hatchling's build hook: puts native stubs into what is built, compiling them only if those at hand are not current.

An sdist and a wheel carry the stubs of all targets. An editable installation reads the source tree, so it needs only
the host's stub there; the environment variable SFXPACK_TARGETS names others (a comma list of platforms, or `all`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from stubs.builder import StubBuilder  # noqa: E402 an isolated build knows no other way to this checkout


class StubHook(BuildHookInterface[Any]):
    """Builds stale stubs, then names the files to add."""

    def dependencies(self) -> list[str]:
        """Ask for the compiler, and for pip to fetch the C libraries, if some stub is not current.

        Hatchling does not say here whether the build will be editable, so an editable one that needs nothing but a
        current host stub may still be given a compiler.
        """
        builder = StubBuilder(ROOT)
        return ["pip", f"ziglang=={builder.zig}"] if builder.stale(builder.targets) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the stubs current and add them, with templates and notices where a wheel has no tree around it."""
        builder = StubBuilder(ROOT)
        editable = version == "editable"
        targets = builder.choose(os.environ.get("SFXPACK_TARGETS") or None) if editable else builder.targets
        stale = builder.stale(targets)
        if stale:
            builder.build(stale)
        if editable:
            return
        built = [builder.notices, builder.records, *(builder.directory / target.file for target in builder.targets)]
        inside = "sfxpack/_data" if self.target_name == "wheel" else "build"
        for path in built:
            build_data["force_include"][str(path)] = f"{inside}/{path.relative_to(ROOT / 'build').as_posix()}"
        if self.target_name == "wheel":
            build_data["force_include"][str(ROOT / "templates")] = f"{inside}/templates"
