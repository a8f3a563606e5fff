"""A venv packed with `--slim-base` does all that it did, where its base Python was never installed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests import environments, views
from tests.running import SFXPACK, build, run

PREFIX = "/opt/slim"
IMPORT_ALL = """
import importlib, json, os, sys, sysconfig
folders = [sysconfig.get_path("stdlib")]
folders.append(os.path.join(folders[0], "lib-dynload"))
names = sys.argv[1:]
if not names:
    for folder in folders:
        for place, below, files in os.walk(folder):
            below[:] = [name for name in below if name.isidentifier() and name != "__pycache__"]
            inside = os.path.relpath(place, folder).replace(os.sep, ".").strip(".")
            stems = {file.split(".")[0] for file in files if file.endswith((".py", ".so"))}
            stems -= {"__main__", "antigravity"}
            names += [".".join(filter(None, (inside, stem))) for stem in sorted(stems)]
failed = []
for name in names:
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed.append(name)
sys.stdout = sys.__stdout__
print("\\n" + json.dumps({"names": names, "failed": failed}))
"""


def imported(output: str) -> tuple[list[str], set[str]]:
    found = json.loads(output.splitlines()[-1])
    return found["names"], set(found["failed"])


def test_all_that_is_left_works(tmp_path: Path, make_view: Callable[[Path], Path], stub: Path) -> None:
    assert stub.is_file()
    view = make_view(tmp_path / "view")
    original = environments.make_venv(tmp_path / "venv", Path(os.path.realpath(sys.executable)))
    build(original, view / "slim.sh", "--slim-base")
    whole, slim = (
        json.loads(run(*SFXPACK, "build", original, "--dry-run", "--json", *options).stdout)
        for options in ((), ("--slim-base",))
    )
    assert whole["size"] - slim["size"] == sum(saving["size"] for saving in slim["savings"]) > 0
    assert "left out   --slim-base (" in run(*SFXPACK, "inspect", view / "slim.sh").stdout
    hidden = original.rename(tmp_path / "hidden")

    def in_view(*command: str) -> str:
        done = views.run_in_view(view, *command)
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done.stdout

    in_view("/bin/sh", "/slim.sh", "--prefix", PREFIX)
    python = f"{PREFIX}/bin/python"
    names, failed = imported(in_view(python, "-c", IMPORT_ALL))
    assert len(names) > 300
    there = run(hidden / "bin/python", "-c", IMPORT_ALL, *names, env=environments.clean_variables()).stdout
    assert failed <= imported(there)[1]
    environments.make_wheel(view / "tmp/pure-1.0-py3-none-any.whl")
    in_view(f"{PREFIX}/bin/pip", "install", "--no-index", "/tmp/pure-1.0-py3-none-any.whl")  # noqa: S108 the view's
    assert in_view(f"{PREFIX}/bin/pure-hello") == "pure\n"
    in_view(python, "-m", "sysconfig")
    in_view(python, "-m", "venv", "/nested")
    assert in_view("/nested/bin/python", "-c", "import pip, sys; print(sys.prefix)") == "/nested\n"
    in_view(f"{PREFIX}/.sfxpack/sfx", "verify")
