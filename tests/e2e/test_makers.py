"""Venvs by other makers on other Pythons work where neither was ever installed; `scripts/matrix` tries every pair."""

from __future__ import annotations

import json
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import bases, environments, views
from tests.running import SFXPACK, run

PREFIX = "/opt/" + "d" * 60
SOURCE = Path(sys.base_prefix)
TOOLS = Path(sys.executable).parent
WHERE = "import os, ssl, sqlite3, sys; print(sys.prefix, os.path.normpath(sys.base_prefix), sys.executable)"
AT_LOCAL = 'mount --bind "$1" /usr/local; shift; exec "$@"'
IN_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-eufc", AT_LOCAL, "sh")


def place_python(kind: str, folder: Path) -> tuple[Path, tuple[object, ...]]:
    """A Python of a kind, and what comes before a command that sees it."""
    if kind == "uv":
        managed = bases.keep_as_uv_does(SOURCE, folder / "python", platform.python_version())
        return managed / "bin/python3", ()
    if kind == "conda":
        (bases.copy_python(SOURCE, folder / "conda") / "conda-meta").mkdir()
        return folder / "conda/bin/python3", ()
    local = bases.copy_python(SOURCE, folder / "local", Path("/usr/local"))
    return Path("/usr/local/bin/python3"), (*IN_NAMESPACE, local)


@pytest.mark.parametrize(
    ("maker", "kind"),
    [
        (("uv", "venv", "--quiet", "--relocatable", "--python"), "uv"),
        (("virtualenv", "--quiet", "--python"), "local"),
        (("python", "-m", "venv", "--copies"), "conda"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_it_runs_where_there_is_no_python(
    maker: tuple[str, ...],
    kind: str,
    tmp_path: Path,
    make_view: Callable[[Path], Path],
    require_module: Callable[[str, str], None],
    stub: Path,
) -> None:
    assert stub.is_file()
    require_module(maker[0].replace("python", "sys"), maker[0])
    if Path("/usr") == SOURCE:
        pytest.skip(
            "the Python of these tests is the system's: pip of its venvs comes from elsewhere, it cannot be copied"
        )
    view = make_view(tmp_path / "view")
    python, before = place_python(kind, tmp_path)
    venv = tmp_path / "venv"
    wheel = environments.make_wheel(tmp_path / "pure-1.0-py3-none-any.whl")
    variables = environments.clean_variables() | {"UV_OFFLINE": "1", "UV_NO_CONFIG": "1"}

    def outside(*command: object) -> str:
        return run(*before, *command, env=variables).stdout

    if maker[0] == "python":
        outside(python, *maker[1:], venv)
    else:
        outside(TOOLS / maker[0], *maker[1:], python, venv)
    if maker[0] == "uv":
        outside(TOOLS / "uv", "pip", "install", "--quiet", "--no-index", "--python", venv / "bin/python", wheel)
    else:
        outside(venv / "bin/pip", "install", "--no-index", wheel)
    result = json.loads(run(*before, *SFXPACK, "build", venv, "-o", view / "venv.sh", "--json").stdout)
    assert result["ownership"]["packages"] == []
    shutil.rmtree(venv)

    def inside(*command: str) -> str:
        done = views.run_in_view(view, *command)
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done.stdout

    inside("/bin/sh", "/venv.sh", "--prefix", PREFIX)
    inside(f"{PREFIX}/.sfxpack/sfx", "verify")
    program = f"{PREFIX}/bin/python"
    assert inside(program, "-c", WHERE) == f"{PREFIX} {PREFIX}/base-python {program}\n"
    inside("/bin/busybox", "ln", "-s", f"{PREFIX}/bin/pure-hello", "/bin/linked")
    for command in (f"{PREFIX}/bin/pure-hello", "linked", f". {PREFIX}/bin/activate; pure-hello"):
        assert inside("/bin/sh", "-euc", command) == "pure\n"
    inside(program, "-m", "venv", "/nested")
    assert inside("/nested/bin/python", "-c", "import pip, sys; print(sys.prefix)") == "/nested\n"
