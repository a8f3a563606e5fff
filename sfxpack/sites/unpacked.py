"""First lines that conda-pack rewrote: `#!/usr/bin/env python` starts whichever is the first on the PATH.

The environment's own interpreter comes back only where a record proves that it stood there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from typing import Final

from sfxpack.format.layout import Strategy
from sfxpack.model import CondaFile, Found, Site
from sfxpack.sites import shebang
from sfxpack.sites.spelling import Needles

_ENV: Final = b"#!/usr/bin/env "
_LINE: Final = re.compile(re.escape(_ENV) + rb"([^\s/]+)([^\r\n]*)")
_PYTHON: Final = re.compile(rb"python[0-9.]*")
_ENTRY_POINT: Final = "unix_python_entry_point"


def is_candidate(path: bytes, content: bytes) -> bool:
    """Whether conda-pack may have rewritten the first line: it does so in `bin` alone."""
    return path.startswith(b"bin/") and content.startswith(_ENV)


def find(content: bytes, record: CondaFile | None, needles: Needles, stated: Collection[str]) -> Found:
    """The SHEBANG site of a script without old path, if it had one.

    Args:
        content: of the script.
        record: what conda says of it.
        needles: the places where the tree lay.
        stated: SHA-256 that records have of it.
    """
    line = _LINE.match(content)
    if line is None:
        return Found()
    command = b"/bin/" + line[0][len(_ENV) :]
    for blank in (b"", b" "):
        neutral = b"#!" + blank + command
        if _is_proved(neutral, 2 + len(blank), content[line.end() :], record, needles, stated):
            break
    else:
        if record is None or record.path_type != _ENTRY_POINT or not _PYTHON.fullmatch(line[1]):
            return Found()
        neutral = b"#!" + command
    hit = len(neutral) - len(command)
    detail = shebang.form(neutral)
    return Found((Site(0, line.end(), Strategy.SHEBANG, neutral, (hit,), detail=detail, renamed=True),))


def _is_proved(
    line: bytes, hit: int, rest: bytes, record: CondaFile | None, needles: Needles, stated: Collection[str]
) -> bool:
    """Whether a digest is of the script with an old path in its first line, or with the package's placeholder."""
    places = {(spelling.rename.old, known) for spelling in needles.plain for known in stated}
    if record and record.placeholder:
        places.add((record.placeholder, record.sha256))
    return any(hashlib.sha256(line[:hit] + old + line[hit:] + rest).hexdigest() == known for old, known in places)
