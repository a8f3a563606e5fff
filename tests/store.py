"""A store of packages in the shape of Spack's: padded, hashed folders, loader paths from one to another, a view."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.prefixes import write
from tests.running import run

PADDING = "/".join(("__spack_path_placeholder__",) * 3)
LIBRARY = """
const char *greeting(void) { return "hello"; }
"""
PROGRAM = """
#include <stdio.h>
const char *greeting(void);
int main(void)
{
    char line[99] = "nothing";
    FILE *file = fopen(PREFIX "/share/app/words.txt", "r");
    if (file != NULL)
        fgets(line, sizeof line, file);
    printf("%s, %s", greeting(), line);
    return 0;
}
"""


@dataclass(frozen=True)
class Store:
    """Two packages, each in a folder of its own, and a view of both."""

    top: Path
    root: Path
    """Padded, as long as binaries are to have room for."""
    one: Path
    app: Path
    view: Path


def link_all(view: Path, package: Path) -> None:
    """As a view does: a folder for each folder, a link for each file."""
    for path in sorted(package.rglob("*")):
        place = view / path.relative_to(package)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.symlink_to(path)


def make_store(folder: Path) -> Store:
    """Compile the packages and link the view."""
    top = folder / "store"
    root = top / PADDING
    one = root / "linux-debian12-x86_64/gcc-12.2.0/one-1.3-abcdefghijklmnopqrstuvwxyz234567"
    app = one.parent / "app-2.0-765432zyxwvutsrqponmlkjihgfedcba"
    for path in (one / "lib/pkgconfig", app / "bin", app / "share/app"):
        path.mkdir(parents=True)
    (folder / "one.c").write_text(LIBRARY)
    (folder / "app.c").write_text(PROGRAM)
    library = one / "lib/libone.so.1.3"
    run("gcc", "-shared", "-fPIC", "-Wl,-soname,libone.so.1", "-o", library, folder / "one.c")
    for name in ("libone.so.1", "libone.so"):
        (one / "lib" / name).symlink_to(library.name)
    (one / "lib/pkgconfig/one.pc").write_text(f"prefix={one}\nLibs: -L{one}/lib -lone\n")
    options = [f'-DPREFIX="{app}"', f"-L{one}/lib", f"-Wl,-rpath,{one}/lib"]
    run("gcc", *options, "-o", app / "bin/app", folder / "app.c", "-lone")
    (app / "share/app/words.txt").write_text("world\n")
    installs = {path.name.rpartition("-")[2]: {"path": str(path), "installed": True} for path in (one, app)}
    write(root / ".spack-db/index.json", json.dumps({"database": {"installs": installs}}))
    view = folder / "view"
    link_all(view, one)
    link_all(view, app)
    return Store(top, root, one, app, view)
