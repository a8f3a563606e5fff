"""Lines of a `.gitignore` file and what they match (gitignore(5)); on bytes, as git does it.

The libraries for this let `!name` win back what lies below a folder `name`, which git does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sfxpack.errors import UsageError

_CLASSES: Final = {
    b"alpha": rb"a-zA-Z",
    b"digit": rb"0-9",
    b"alnum": rb"a-zA-Z0-9",
    b"upper": rb"A-Z",
    b"lower": rb"a-z",
    b"space": rb"\t-\r ",
    b"blank": rb"\t ",
    b"punct": rb"!-/:-@\[-`{-~",
    b"xdigit": rb"0-9a-fA-F",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"graph": rb"!-~",
    b"print": rb" -~",
}
_NEVER: Final = rb"(?!)"
_BRACKET: Final = re.compile(rb"\[([!^]?)((?:\]|\\.|\[:[a-z]+:\]|[^\]\\])(?:\\.|\[:[a-z]+:\]|[^\]\\])*)\]", re.DOTALL)
_ITEM: Final = re.compile(rb"\[:([a-z]+):\]|\\?(.)(?:-\\?([^\]]))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line."""

    wins_back: bool
    """The line starts with `!`."""
    directories: bool
    """It ends with `/`: it means nothing else."""
    by_name: bool
    """It holds no other `/`: it means the last component of a path, wherever that is."""
    pattern: re.Pattern[bytes]

    def matches(self, path: bytes, *, directory: bool) -> bool:
        """Whether a path below the prefix is what the line says; nothing is said of what lies below it."""
        if self.directories and not directory:
            return False
        return self.pattern.fullmatch(path.rpartition(b"/")[2] if self.by_name else path) is not None


def parse(line: bytes) -> Rule | None:
    """Read a line; None for a comment or a blank one.

    Raises:
        UsageError: it has no pattern, or ends with a backslash.
    """
    text = re.sub(rb"(?<!\\) +\Z", b"", line)
    if not text or text.startswith(b"#"):
        return None
    wins_back = text.startswith(b"!")
    bare = text[wins_back:]
    directories = bare.endswith(b"/")
    bare = bare.removesuffix(b"/")
    by_name = b"/" not in bare
    bare = bare.removeprefix(b"/")
    if not bare or re.search(rb"(?<!\\)(?:\\\\)*\\$", bare):
        raise UsageError(f"{line.decode(errors='backslashreplace')!r}: is no pattern of a .gitignore file")
    return Rule(wins_back, directories, by_name, re.compile(_glob(bare) if by_name else _translated(bare), re.DOTALL))


def line_of(path: bytes) -> bytes:
    """The line that means one path and no other."""
    return b"/" + re.sub(rb"([\\*?\[ ])", rb"\\\1", path)


def excluded(rules: Iterable[Rule], path: bytes) -> bool:
    """Whether the rules leave out a file, or a directory above it."""
    known = tuple(rules)[::-1]
    parts = path.split(b"/")
    for count in range(1, len(parts) + 1):
        part, directory = b"/".join(parts[:count]), count < len(parts)
        first = next((rule for rule in known if rule.matches(part, directory=directory)), None)
        if first is not None and not first.wins_back:
            return True
    return False


def _translated(pattern: bytes) -> bytes:
    """A regular expression for a whole path."""
    parts = pattern.split(b"/")
    found = b""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if len(part) > 1 and not part.strip(b"*"):
            found += b".+" if last else b"(?:.+/)?"
        else:
            found += _glob(part) + (b"" if last else b"/")
    return found


def _glob(part: bytes) -> bytes:
    """One component."""
    found, at = b"", 0
    while at < len(part):
        byte = part[at : at + 1]
        if byte == b"*":
            found += b"[^/]*"
        elif byte == b"?":
            found += b"[^/]"
        elif byte == b"[":
            match = _BRACKET.match(part, at)
            if match is None:
                return _NEVER
            found += b"(?!/)" + _bracket(match)
            at = match.end() - 1
        elif byte == b"\\":
            at += 1
            found += re.escape(part[at : at + 1])
        else:
            found += re.escape(byte)
        at += 1
    return found


def _bracket(match: re.Match[bytes]) -> bytes:
    items = b""
    for name, first, last in _ITEM.findall(match[2]):
        if name:
            if name not in _CLASSES:
                return _NEVER
            items += _CLASSES[name]
        elif last and first > last:
            continue  # an empty range
        else:
            items += re.escape(first) + (b"-" + re.escape(last) if last else b"")
    if not items:
        return b"." if match[1] else _NEVER
    return b"[" + (b"^" if match[1] else b"") + items + b"]"
