"""Reading what a vendor adds: what is refused, and how it is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sfxpack import hooks
from sfxpack.errors import UsageError
from sfxpack.format.layout import MAX_HOOK, HookKind
from sfxpack.request import Request
from sfxpack.subject import subjects
from tests.windows import windows_program

SCRIPT, TEXT = HookKind.POST_INSTALL, HookKind.LICENSE


def read(tmp_path: Path, kind: HookKind, content: bytes) -> bytes:
    path = tmp_path / "given"
    path.write_bytes(content)
    (hook,) = hooks.read([(kind, path)])
    return hook.text


def test_in_the_order_of_kinds(tmp_path: Path) -> None:
    path = tmp_path / "given"
    path.write_bytes(b"#!/bin/sh\n")
    found = hooks.read([(kind, path) for kind in reversed(HookKind)])
    assert [hook.kind for hook in found] == list(HookKind)


@pytest.mark.parametrize(
    ("kind", "content", "text"),
    [
        (SCRIPT, b"#!/bin/sh", b"#!/bin/sh"),
        (SCRIPT, b"#! bin/python -I\nprint('\x1b')\n", b"#! bin/python -I\nprint('\x1b')\n"),
        (TEXT, b"one\r\ntwo\r\n", b"one\ntwo\n"),
        (TEXT, b"\xef\xbb\xbfone\x0c\ttwo", b"one\x0c\ttwo"),
        (TEXT, "für alle".encode(), "für alle".encode()),
        (TEXT, b"x" * MAX_HOOK, b"x" * MAX_HOOK),
    ],
)
def test_taken(tmp_path: Path, kind: HookKind, content: bytes, text: bytes) -> None:
    assert read(tmp_path, kind, content) == text


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        (SCRIPT, b"", "is empty"),
        (TEXT, b" \n", "is empty"),
        (SCRIPT, b"echo\n", "must start with #!"),
        (SCRIPT, b"\xef\xbb\xbf#!/bin/sh\n", "must start with #!"),
        (SCRIPT, b"#! \necho\n", "line 1: names no interpreter"),
        (SCRIPT, b"#!/bin/sh\necho\r\n", "line 2: ends in CR LF"),
        (SCRIPT, b"#!/bin/sh\n\0", "line 2: a NUL"),
        (TEXT, b"one\n\xff", "line 2: not UTF-8"),
        (TEXT, b"one\ntwo\x1b[2J", "line 2: a control character"),
        (TEXT, "\x9b2J".encode(), "line 1: a control character"),
        (TEXT, b"one\rtwo", "line 1: a control character"),
        (TEXT, b"x" * (MAX_HOOK + 1), "is larger than 1 MiB; shorten it"),
        (SCRIPT, b"#!/bin/sh\n" + b"x" * MAX_HOOK, "is larger than 1 MiB; put what it runs into the environment"),
    ],
)
def test_refused(tmp_path: Path, kind: HookKind, content: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"--{kind.label} {tmp_path}/given: {said}")):
        read(tmp_path, kind, content)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(UsageError, match=f"--license {path}: cannot be read: {said}"):
            hooks.read([(TEXT, path)])


def check(tmp_path: Path, kind: HookKind, text: str, program: bytes = b"", name: str = "bin/python") -> None:
    root = tmp_path / "env"
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(program)
    path = tmp_path / "given"
    path.write_text(text)
    found = hooks.check(hooks.read([(kind, path)]), subjects(Request(str(root), by_path=True)))
    assert [hook.text for hook in found] == [text.encode()]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (SCRIPT, "#!bin/python\n"),
        (SCRIPT, "#!/bin/sh\necho {root}-other {root}.d /mnt{root}\n"),
        (HookKind.PRE_INSTALL, "#!/bin/sh\n"),
        (TEXT, "see {root}2\n"),
    ],
)
def test_paths_that_may_stand_in_it(tmp_path: Path, kind: HookKind, text: str) -> None:
    check(tmp_path, kind, text.format(root=tmp_path / "env"))


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (
            SCRIPT,
            "#!/bin/sh\n\ncd '{root}'/lib\n",
            "line 3: names {root}, where the environment lies .* write .SFXPACK_PREFIX",
        ),
        (SCRIPT, "#!{root}/bin/python\n", "line 1: names {root}"),
        (TEXT, "It was made in {root}.", "line 1: names {root}.*leave it out"),
        (SCRIPT, "#!bin/python9\n", "line 1: bin/python9: is not in the environment"),
        (SCRIPT, "#!python\n", "line 1: python: is not in the environment"),
        (HookKind.PRE_INSTALL, "#!bin/python\n", "line 1: bin/python: the environment is not there before"),
    ],
)
def test_paths_that_may_not(tmp_path: Path, kind: HookKind, text: str, said: str) -> None:
    root = tmp_path / "env"
    with pytest.raises(UsageError, match=said.format(root=root)):
        check(tmp_path, kind, text.format(root=root))


@pytest.mark.parametrize("line", ["#!cmd", "#!Scripts/python.exe", "#!Scripts\\python.exe", "#!C:\\Tools\\x.exe"])
def test_interpreters_on_windows(tmp_path: Path, line: str) -> None:
    check(tmp_path, SCRIPT, line + "\n", windows_program(), "Scripts/python.exe")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("#!/bin/sh", "is not there on Windows"),
        ("#!bin/x", "below its folder .#!python.exe., #!cmd or"),
        (": cmd", "must start with #!"),
    ],
)
def test_what_cannot_run_on_windows(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check(tmp_path, SCRIPT, line + "\n", windows_program(), "Scripts/python.exe")
