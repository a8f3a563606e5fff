"""Signing a `.exe` by the vendor's own tool: osslsigncode, signtool, one of a cloud."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sfxpack.errors import SigningError, UsageError

_PLACE: Final = re.compile(r"\{(in|out)\}")
_EXAMPLE: Final = "--sign-command 'osslsigncode sign -certs CERTS -key KEY -in {in} -out {out}'"
_SHOWN: Final = 4000
"""Characters of what the tool said, from the end."""


def parse(command: str) -> tuple[str, ...]:
    """The words of a command, before anything is built.

    Raises:
        UsageError: it cannot be read, names no `{in}`, or there is no such program.
    """
    lexer = shlex.shlex(command, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    if os.name == "nt":
        lexer.escape = ""  # it separates folders there
    try:
        words = tuple(lexer)
    except ValueError as error:
        raise UsageError(f"--sign-command {command}: {error}; write {_EXAMPLE}") from error
    places = {match[1] for word in words for match in _PLACE.finditer(word)}
    if "in" not in places:
        raise UsageError(f"--sign-command {command}: says nowhere which file, with {{in}}; write {_EXAMPLE}")
    if shutil.which(words[0]) is None:
        raise UsageError(f"--sign-command: {words[0]}: there is no such program; install it or give its path")
    return words


def sign(words: Sequence[str], path: Path) -> None:
    """Sign a file; with `{out}` among the words the tool writes another one, which takes the file's place.

    Raises:
        SigningError: the tool failed, or wrote nothing.
    """
    signed = path.with_name(f"{path.stem}.signed{path.suffix}")
    places = {"in": str(path), "out": str(signed)}
    command = [_PLACE.sub(lambda match: places[match[1]], word) for word in words]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        said = done.stdout.decode(errors="replace").strip()[-_SHOWN:]
        if done.returncode:
            raise SigningError(f"--sign-command: {words[0]} ended with {done.returncode}; nothing was written:\n{said}")
        if any("{out}" in word for word in words):
            signed.replace(path)
    except FileNotFoundError as error:
        raise SigningError(f"--sign-command: {words[0]} wrote no {{out}}; nothing was written") from error
    except OSError as error:
        raise SigningError(f"--sign-command: {words[0]}: {error.strerror}; nothing was written") from error
    finally:
        with contextlib.suppress(OSError):
            signed.unlink()
