"""Programs that conda's way of moving breaks: the builder says so, and slashes make them whole again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import compiled, environments
from tests.environments import PLACEHOLDER, Package
from tests.running import SFXPACK, build, run

PREFIX = PLACEHOLDER.decode()
RPATH = f"-Wl,-rpath,{PREFIX}/lib"
LITERALS = """
#include <stdio.h>
const char *texts[] = {"%s/share/tool", "tool", "%s/etc"};
int main(void) { for (int i = 0; i < 3; i++) puts(texts[i]); }
"""
USER = '#include <stdio.h>\nint lib(void); int main(void) { printf("%d\\n", lib()); }'
LENGTHS = b"\0@/share\x05other literals\0"
"""As languages whose strings know their length lay them out."""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], str]) -> Package:
    """Compiled programs."""
    compiler = require("gcc")
    folder = tmp_path_factory.mktemp("compiled")
    library = compiled.shared_library(folder / "library", compiler, RPATH, code="int lib(void) { return 7; }")
    library = library.rename(library.with_name("libseven.so"))
    link = (f"-L{library.parent}", "-lseven", RPATH)
    programs = {
        "bin/merged": compiled.program(
            folder / "merged", compiler, LITERALS % (PREFIX, PREFIX), "-Os", "-fPIE", "-pie"
        ),
        "bin/user": compiled.program(folder / "user", compiler, USER, *link),
        "bin/sound": compiled.program(folder / "sound", compiler, f'const char *p = "{PREFIX}"; int main(void) {{}}'),
        "lib/libseven.so": library,
    }
    files = {path: file.read_bytes() for path, file in programs.items()}
    files["lib/lengths.bin"] = LENGTHS.replace(b"@", PLACEHOLDER)
    return Package("compiled", files, programs=tuple(files))


@pytest.fixture(scope="module")
def root(
    tmp_path_factory: pytest.TempPathFactory, package: Package, require_module: Callable[[str, str], None]
) -> Path:
    """An environment as rattler made it."""
    require_module("rattler", "py-rattler")
    folder = tmp_path_factory.mktemp("conda")
    return environments.make_conda(folder / "envs" / "demo", (package,), folder / "made-from")


def unsafe(result: dict[str, object]) -> dict[str, str]:
    findings = result["findings"]
    assert isinstance(findings, list)
    return {f["path"]: f["detail"] for f in findings if f["category"] == "unsafe"}


def test_what_conda_breaks_is_named(root: Path, tmp_path: Path) -> None:
    assert run(root / "bin/merged").stdout.splitlines()[1] != "tool"
    assert subprocess.run([root / "bin/user"], check=False, capture_output=True).returncode != 0
    assert unsafe(build(root, tmp_path / "x.sh")) == {
        "bin/merged": "pointers point into the part of a string that moves",
        "bin/user": "names point into the part of a string that moves",
        "lib/lengths.bin": "strings without a NUL at their end",
        "lib/libseven.so": "names point into the part of a string that moves",
    }
    said = run(*SFXPACK, "build", root, "-o", tmp_path / "y.sh").stdout
    assert "--binary-padding slash" in " ".join(said.split())


def test_loader_paths_are_what_rattler_writes(root: Path, package: Package, tmp_path: Path) -> None:
    build(root, tmp_path / "x.sh")
    prefix = environments.make_conda(tmp_path / "e", (package,))
    theirs = {path: (prefix / path).read_bytes() for path in package.files}
    prefix.rename(tmp_path / "kept")
    run(tmp_path / "x.sh", "--prefix", prefix)
    assert {path: (prefix / path).read_bytes() for path in package.files} == theirs
    assert os.fsencode(prefix) + b"/lib\0" in theirs["lib/libseven.so"]


@pytest.mark.parametrize("size", [0, 200, len(PLACEHOLDER)])
def test_slashes_make_them_whole(root: Path, tmp_path: Path, size: int) -> None:
    result = build(root, tmp_path / "x.sh", "--binary-padding", "slash")
    assert (result["prefix_limit"], unsafe(result)) == (len(PLACEHOLDER), {})
    prefix = tmp_path / ("n" * max(size - len(os.fsencode(tmp_path)) - 1, 1))
    run(tmp_path / "x.sh", "--prefix", prefix)
    first, second, third = run(prefix / "bin/merged").stdout.splitlines()
    assert (second, len(first)) == ("tool", len(f"{PREFIX}/share/tool"))
    assert os.path.normpath(first).endswith(f"{prefix}/share/tool")
    assert os.path.normpath(third).endswith(f"{prefix}/etc")
    assert run(prefix / "bin/user").stdout == "7\n"
    assert run(prefix / ".sfxpack/sfx", "verify").returncode == 0
