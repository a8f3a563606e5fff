"""Scripts and texts that a vendor puts into the file: read and checked before anything else is."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sfxpack.environments.spelling import is_windows
from sfxpack.errors import UsageError
from sfxpack.format.layout import MAX_HOOK, HookKind
from sfxpack.format.tables import IndexHook
from sfxpack.subject import Subject

WINDOWS_INTERPRETERS: Final = (b"cmd", b"powershell", b"pwsh")
"""What a script names alone on Windows: the stub knows where they are and what they want."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One of them, and where it came from."""

    kind: HookKind
    path: Path
    text: bytes

    @property
    def interpreter(self) -> bytes:
        """What the first line of a script names; empty if it names nothing."""
        line = self.text.partition(b"\n")[0]
        return (line[2:].split() or [b""])[0] if line.startswith(b"#!") else b""

    @property
    def is_windows(self) -> bool:
        """Whether only Windows can run it."""
        return self.kind.is_script and self.interpreter.lower() in WINDOWS_INTERPRETERS

    def refuse(self, why: str, at: int | None = None) -> UsageError:
        """The error that names the option, the file and the line of an offset."""
        line = "" if at is None else f"line {self.text[:at].count(10) + 1}: "
        return UsageError(f"--{self.kind.label} {self.path}: {line}{why}")


def read(files: Iterable[tuple[HookKind, Path]]) -> tuple[Hook, ...]:
    """The files' texts, in the order of their kinds.

    Raises:
        UsageError: a file cannot be read, or be run or shown everywhere.
    """
    found = []
    for kind, path in sorted(files):
        try:
            with path.open("rb") as file:
                hook = Hook(kind, path, file.read(MAX_HOOK + 1))
        except OSError as error:
            raise UsageError(f"--{kind.label} {path}: cannot be read: {error.strerror}") from error
        _check(hook)
        text = hook.text
        if hook.is_windows:
            text = text.replace(b"\r\n", b"\n")
        elif kind.is_script:
            _check_script(hook)
        else:
            text = text.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n")
            _check_text(Hook(kind, path, text))
        found.append(Hook(kind, path, text))
    return tuple(found)


def _check(hook: Hook) -> None:
    if len(hook.text) > MAX_HOOK:
        way = "put what it runs into the environment and call it there" if hook.kind.is_script else "shorten it"
        raise hook.refuse(f"is larger than {MAX_HOOK >> 20} MiB; {way}")
    if not hook.text.strip():
        raise hook.refuse("is empty")
    if b"\0" in hook.text:
        raise hook.refuse("a NUL, which no text has; name another file", hook.text.index(b"\0"))
    try:
        hook.text.decode()
    except UnicodeDecodeError as error:
        raise hook.refuse("not UTF-8; convert it: iconv -f LATIN1 -t UTF-8", error.start) from error


def _check_script(hook: Hook) -> None:
    if not hook.text.startswith(b"#!"):
        raise hook.refuse("must start with #! and an interpreter, as in #!/bin/sh")
    if b"\r\n" in hook.text:
        why = "ends in CR LF, which a shell takes as part of the command; save it with LF: sed -i 's/\\r$//' FILE"
        raise hook.refuse(why, hook.text.index(b"\r\n"))
    if not hook.text.partition(b"\n")[0][2:].strip():
        raise hook.refuse("names no interpreter; begin with #!/bin/sh", 0)


def _check_text(hook: Hook) -> None:
    if found := re.search(rb"[\x01-\x08\x0b\x0d-\x1f\x7f]|\xc2[\x80-\x9f]", hook.text):
        raise hook.refuse("a control character, which would speak to the terminal; remove it", found.start())


def check(hooks: Sequence[Hook], subjects: Sequence[Subject]) -> tuple[IndexHook, ...]:
    """What the index holds of them.

    Raises:
        UsageError: one names a path of this machine's environment, or an interpreter that does not come along.
    """
    old = {rename.old for subject in subjects for rename in subject.environment.renames if not rename.new}
    paths = {subject.place(entry.path) for subject in subjects for entry in subject.tree.entries}
    windows = any(subject.platform.system == "windows" for subject in subjects)
    for hook in hooks:
        _refuse_prefix(hook, sorted(old, key=len, reverse=True))
        if not hook.kind.is_script:
            continue
        absolute = hook.interpreter.startswith(b"/")
        if hook.is_windows != windows and (hook.is_windows or absolute):
            raise _wrong_system(hook, windows=windows)
        if not (hook.is_windows or absolute or (windows and is_windows(hook.interpreter))):
            _check_interpreter(hook, paths, windows=windows)
    return tuple(IndexHook(hook.kind, hook.text) for hook in hooks)


def _wrong_system(hook: Hook, *, windows: bool) -> UsageError:
    name = os.fsdecode(hook.interpreter)
    if windows:
        return hook.refuse(
            f"{name} is not there on Windows; begin with #!cmd, #!powershell or a program of the environment", 0
        )
    return hook.refuse(f"{name} is there on Windows alone; begin with #!/bin/sh", 0)


def _refuse_prefix(hook: Hook, old: Iterable[bytes]) -> None:
    """The old prefix must not get into the file, and a script that names it is wrong wherever it runs."""
    for path in old:
        whole = rb"(?<![A-Za-z0-9._+@%~-])" + re.escape(path) + rb"(?![A-Za-z0-9_+@%~]|[.-][A-Za-z0-9])"
        if found := re.search(whole, hook.text):
            way = (
                "write $SFXPACK_PREFIX, and in the first line a path below it (#!bin/python)"
                if hook.kind.is_script
                else "leave it out; the installer says where it installs"
            )
            raise hook.refuse(
                f"names {os.fsdecode(path)}, where the environment lies on this machine; {way}", found.start()
            )


def _check_interpreter(hook: Hook, paths: Iterable[bytes], *, windows: bool) -> None:
    name = os.fsdecode(hook.interpreter)
    if hook.kind is HookKind.PRE_INSTALL:
        begin = "#!cmd or #!powershell" if windows else "#!/bin/sh"
        raise hook.refuse(f"{name}: the environment is not there before it is installed; begin with {begin}", 0)
    below = hook.interpreter.replace(b"\\", b"/") if windows else hook.interpreter
    if below not in paths:
        ways = "(#!python.exe), #!cmd or #!powershell" if windows else "(#!bin/python), or an absolute one (#!/bin/sh)"
        why = f"is not in the environment; write a path below its folder {ways}"
        raise hook.refuse(f"{name}: {why}", 0)
