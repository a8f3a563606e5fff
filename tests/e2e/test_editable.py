"""Editable installations of every kind run at another place, their projects and the environment gone."""

from __future__ import annotations

import json
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import environments
from tests.installers import tool
from tests.prefixes import write
from tests.running import SFXPACK, build, run

PYPROJECT = """
[build-system]
requires = []
build-backend = "{backend}"
[project]
name = "{name}"
version = "1"
description = "says its name"
[project.scripts]
{name} = "{module}:main"
"""
SETUP = """
from setuptools import setup
setup(name="{name}", version="1", packages=["{module}"], entry_points={{"console_scripts": ["{name}={module}:main"]}})
"""
MODULE = '"""Says its name."""\ndef main():\n    print("{name} from", __file__)\n'
MESON = """
project('{name}', 'c')
py = import('python').find_installation(pure: false)
py.extension_module('_x', 'x.c', install: true, subdir: '{module}', dependencies: py.dependency())
py.install_sources('{module}/__init__.py', subdir: '{module}')
"""
EXTENSION = """
#include <Python.h>
static PyMethodDef methods[] = {{0}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "_x", "", -1, methods};
PyMODINIT_FUNC PyInit__x(void) { return PyModule_Create(&module); }
"""
BACKENDS = {
    "setuptools": "setuptools.build_meta",
    "hatch": "hatchling.build",
    "flit": "flit_core.buildapi",
    "meson": "mesonpy",
    "poetry": "poetry.core.masonry.api",
    "pdm": "pdm.backend",
}


def project(folder: Path, kind: str) -> Path:
    """A project in a folder of its name: `setuptools-src-strict` is by setuptools, in `src`, ..."""
    name, module = kind, kind.replace("-", "_")
    text = {"name": name, "module": module, "backend": BACKENDS.get(kind.split("-", maxsplit=1)[0], "")}
    root = folder / name
    if "linked" in kind:
        root.parent.mkdir(exist_ok=True)
        root.symlink_to(folder.with_name("elsewhere") / name)
        root = root.readlink()
    source = f"{module}.py" if "single" in kind else f"{module}/__init__.py"
    write(root / ("src" if "src" in kind else "") / source, MODULE.format(**text))
    if kind == "legacy":
        write(root / "setup.py", SETUP.format(**text))
    else:
        write(root / "pyproject.toml", PYPROJECT.format(**text))
    if "single" in kind:
        with (root / "pyproject.toml").open("a") as file:
            file.write(f"[tool.setuptools]\npy-modules = ['{module}']\n")
    if "exact" in kind:
        with (root / "pyproject.toml").open("a") as file:
            file.write("[tool.hatch.build]\ndev-mode-exact = true\n")
    if kind == "meson":
        write(root / "meson.build", MESON.format(**text))
        write(root / "x.c", EXTENSION)
        with (root / module / "__init__.py").open("a") as file:
            file.write("from meson import _x\n")
    write(root / ".git/config", "a secret")
    return folder / name


def variables(venv: Path) -> dict[str, str]:
    """The backends are those of the Python that runs the tests."""
    path = os.pathsep.join((f"{venv}/bin", sysconfig.get_path("scripts"), os.environ["PATH"]))
    return environments.clean_variables() | {"PYTHONPATH": sysconfig.get_path("purelib"), "PATH": path}


def install(venv: Path, root: Path) -> None:
    """As a developer does."""
    if root.name == "legacy":
        run(venv / "bin/python", "setup.py", "-q", "develop", "--no-deps", cwd=root, env=variables(venv))
        return
    options = ["--config-settings", "editable_mode=strict"] if root.name.endswith("strict") else []
    command = [venv / "bin/pip", "install", "-q", "--no-build-isolation", "--no-deps", "--no-index", *options]
    run(*command, "-e", root, env=variables(venv))


KINDS = (
    *("setuptools-flat", "setuptools-src", "setuptools-src-strict", "setuptools-single", "setuptools-linked", "legacy"),
    *("hatch-src", "hatch-exact", "flit", "poetry", "pdm", "meson"),
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, require_module: Callable[[str, str], None]) -> tuple[Path, Path]:
    """The projects and the environment that they are installed in."""
    backends = {"hatchling": "hatchling", "flit_core": "flit-core", "mesonpy": "meson-python"}
    for module, package in {**backends, "poetry.core": "poetry-core", "pdm.backend": "pdm-backend"}.items():
        require_module(module, package)
    folder = tmp_path_factory.mktemp("editable")
    venv = environments.make_venv(folder / "env", Path(sys.executable))
    # The finder of hatch-exact is the library's: an environment of a developer has it.
    site = next(venv.glob("lib/python3*/site-packages"))
    shutil.copytree(Path(sysconfig.get_path("purelib"), "editables"), site / "editables")
    for kind in KINDS:
        install(venv, project(folder / "projects", kind))
    return folder / "projects", venv


def test_all_kinds_run_elsewhere(places: tuple[Path, Path], tmp_path: Path) -> None:
    projects, venv = places
    result = build(venv, tmp_path / "x.sh")
    told = {
        finding["detail"].split(" is packed")[0] for finding in result["findings"] if finding["category"] == "editable"
    }
    assert told == {os.path.realpath(projects / kind) for kind in KINDS}
    assert result["ownership"]["packages"] == []
    assert {Path(item["path"]).parent.name for item in result["ownership"]["unowned"]} == {"editables"}
    hidden = projects.parent.rename(projects.parent.with_name("hidden"))
    try:
        prefix = tmp_path / "new place"
        run(tmp_path / "x.sh", "--prefix", prefix)
        for kind in KINDS:
            where = "lib/python" if kind == "meson" else f"editable/{kind}/"
            assert run(prefix / "bin" / kind).stdout.startswith(f"{kind} from {prefix}/{where}")
        listed = json.loads(run(prefix / "bin/python", "-m", "pip", "list", "--editable", "--format", "json").stdout)
        assert {item["editable_project_location"] for item in listed} == {
            str(prefix / "editable" / kind) for kind in KINDS if kind != "meson"
        }
        tool(prefix, "verify")
        assert not list(prefix.rglob(".git"))
        assert not run("grep", "-rlI", projects, prefix, status=1).stdout
    finally:
        hidden.rename(projects.parent)


def test_dropped_and_refused(places: tuple[Path, Path], tmp_path: Path) -> None:
    projects, venv = places
    refused = run(*SFXPACK, "build", "-p", venv, "-o", tmp_path / "x.sh", "--editable", "fail", status=2).stderr
    assert all(f"\n  {os.path.realpath(projects / kind)}, by lib/python" in refused for kind in KINDS)
    build(venv, tmp_path / "x.sh", "--editable", "drop")
    prefix = tmp_path / "new"
    run(tmp_path / "x.sh", "--prefix", prefix)
    assert not (prefix / "editable").exists()
    names = {item["name"] for item in json.loads(run(prefix / "bin/pip", "list", "--format", "json").stdout)}
    assert names & set(KINDS) == set()
    assert not [kind for kind in KINDS if (prefix / "bin" / kind).exists() and kind != "legacy"]
    assert run(prefix / "bin/python", "-c", "import flit", status=1).stderr.endswith("No module named 'flit'\n")
    tool(prefix, "verify")


def test_a_project_that_keeps_its_environment(tmp_path: Path) -> None:
    """The usual layout, built from within it; a second time too, with the first artifact lying there."""
    root = project(tmp_path, "setuptools-src")
    venv = environments.make_venv(root / ".venv", Path(sys.executable))
    write(root / "data/table.csv", "1,2\n")
    install(venv, root)
    for release in ("1", "2"):
        run(*SFXPACK, "build", "-q", ".", "--release", release, cwd=root)
    artifact = next(root.glob("setuptools-src-2-*.sh"))
    shutil.move(artifact, tmp_path / "x.sh")
    shutil.rmtree(root)
    prefix = tmp_path / "new"
    run(tmp_path / "x.sh", "--prefix", prefix)
    assert f"{prefix}/editable/setuptools-src/src" in run(prefix / "bin/setuptools-src").stdout
    assert (prefix / "editable/setuptools-src/data/table.csv").read_text() == "1,2\n"
    assert {path.name for path in (prefix / "editable/setuptools-src").iterdir()} == {"data", "pyproject.toml", "src"}


def test_a_folder_that_a_conda_environment_imports_from(
    tmp_path: Path, require_module: Callable[[str, str], None]
) -> None:
    """As `conda develop` writes it down, or somebody by hand."""
    require_module("rattler", "py-rattler")
    root = environments.make_conda(tmp_path / "made/env")
    write(tmp_path / "made/project/mine.py", "print(__file__)")
    write(root / "lib/python3.11/site-packages/conda.pth", f"{tmp_path}/made/project\n")
    build(root, tmp_path / "x.sh")
    (tmp_path / "made").rename(tmp_path / "hidden")
    prefix = tmp_path / "new"
    run(tmp_path / "x.sh", "--prefix", prefix)
    code = f"import site; site.addsitedir({str(prefix / 'lib/python3.11/site-packages')!r}); import mine"
    assert run(prefix / "bin/python", "-c", code).stdout == f"{prefix}/editable/project/mine.py\n"
    tool(prefix, "verify")


def test_a_short_path_of_a_project_means_other_things_in_other_files(tmp_path: Path) -> None:
    """As `/app` in a container: the pointer follows, a route of a web page does not."""
    app = Path(tempfile.mkdtemp(prefix="", dir="/tmp"))
    tree = tmp_path / "tree"
    site = tree / "lib/python3.11/site-packages"
    write(site / "shop.pth", f"{app}\n")
    write(site / "web/routes.js", f"route('{app}')\n")
    try:
        write(app / "shop.py", "def main():\n    print(__file__)\n")
        build(tree, tmp_path / "x.sh")
    finally:
        shutil.rmtree(app)
    prefix = tmp_path / "new"
    run(tmp_path / "x.sh", "--prefix", prefix)
    installed = prefix / "lib/python3.11/site-packages"
    assert (installed / "shop.pth").read_text() == f"{prefix}/editable/{app.name}\n"
    assert (installed / "web/routes.js").read_text() == f"route('{app}')\n"
    assert (prefix / f"editable/{app.name}/shop.py").is_file()
