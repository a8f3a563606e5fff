"""The scripts without which Tcl's libraries, and with them tkinter, do not start."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sfxpack.environments.files import Collector
from sfxpack.environments.libraries import Library

_LIBRARY: Final = re.compile(rb"lib(tcl|tk)(\d+\.\d+)[^/]*\.so[^/]*")
_FOLDERS: Final = ("/usr/share/tcltk", "/usr/lib64", "/usr/lib", "/usr/share", "/usr/local/lib")
"""Where systems keep them, beside the library's own folder."""


def add_scripts(collector: Collector, root: Path, base: bytes, found: Iterable[tuple[bytes, Library]]) -> None:
    """Add the scripts of the Tcl and Tk libraries among those found.

    They go to the environment's own `lib`: Tcl looks there, in the folder beside the program's, before all else that
    moves along (init.tcl, tclInit).

    Args:
        collector: what comes along so far.
        root: the environment; scripts of its own stay.
        base: the base Python's folder below the prefix, which may have them already.
        found: libraries by name.
    """
    for name, library in found:
        match = _LIBRARY.fullmatch(name)
        if not match:
            continue
        folder = os.fsdecode(match[1] + match[2])
        path = b"lib/" + os.fsencode(folder)
        if os.path.lexists(root / "lib" / folder):
            continue
        if base + b"/" + path in collector.entries:
            collector.link(path, b"../" + base + b"/" + path)
            continue
        places = (os.path.join(place, folder) for place in (os.path.dirname(library.path), *_FOLDERS))
        landmark = "init.tcl" if match[1] == b"tcl" else "tk.tcl"
        source = next((place for place in places if os.path.isfile(os.path.join(place, landmark))), None)
        if source:
            collector.tree(source, path)
