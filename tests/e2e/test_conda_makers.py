"""conda environments as their makers leave them: pixi, micromamba, a base environment, scripts run after linking."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import environments, prefixes
from tests.environments import PLACEHOLDER, Package
from tests.installers import tool
from tests.running import build, run
from tests.search import remaining

MENU = json.dumps({"menu_name": "Tool", "menu_items": [{"command": [f"{PLACEHOLDER.decode()}/bin/tool"]}]})
PACKAGES = (*environments.sample_packages(), Package("menu", {"Menu/tool.json": MENU.encode()}))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, require_module: Callable[[str, str], None]) -> Path:
    """For channel and cache."""
    require_module("rattler", "py-rattler")
    return tmp_path_factory.mktemp("made-from")


def install(root: Path, artifact: Path, prefix: Path, source: Path | None = None) -> dict[str, object]:
    """Pack SOURCE, in which ROOT lies, install it elsewhere without the original, and run what is in it."""
    result = build(source or root, artifact)
    root.rename(root.with_name("hidden"))
    run(artifact, "--prefix", prefix)
    assert run(prefix / "bin/pure-hello").stdout == "pure\n"
    assert json.loads((prefix / "Menu/tool.json").read_text())["menu_items"][0]["command"] == [f"{prefix}/bin/tool"]
    assert remaining(prefix, str(root)) == {}
    tool(prefix, "verify")
    return result


def test_a_project_of_pixi(work: Path, tmp_path: Path) -> None:
    root = environments.make_conda(tmp_path / "project/.pixi/envs/default", PACKAGES, work)
    said = {"manifest_path": f"{tmp_path}/project/pixi.toml", "environment_name": "default", "pixi_version": "0.50.0"}
    prefixes.write(root / "conda-meta/pixi", json.dumps(said))
    prefixes.write(root / "conda-meta/pixi_env_prefix", str(root))
    (root / "conda-meta/history").unlink(missing_ok=True)
    result = install(root, tmp_path / "x.sh", tmp_path / "e", tmp_path / "project")
    assert result["name"] == "project"
    assert json.loads((tmp_path / "e/conda-meta/pixi").read_text()) == {**said, "manifest_path": ""}
    assert (tmp_path / "e/conda-meta/pixi_env_prefix").read_text() == f"{tmp_path}/e"
    assert remaining(tmp_path / "e", str(tmp_path / "project")) == {}


def test_of_micromamba_without_history_and_cache(work: Path, tmp_path: Path) -> None:
    root = environments.make_conda(tmp_path / "envs/mm", PACKAGES, work)
    (root / "conda-meta/history").unlink(missing_ok=True)
    for record in (root / "conda-meta").glob("*.json"):
        said = json.loads(record.read_text())
        said["link"] = {"source": str(tmp_path / "pkgs" / record.stem), "type": 1}
        record.write_text(json.dumps(said, indent=4))
    install(root, tmp_path / "x.sh", tmp_path / "e")
    assert remaining(tmp_path / "e", str(tmp_path / "pkgs")) == {}


def test_a_base_environment(work: Path, tmp_path: Path) -> None:
    conda = Package("conda", {"bin/activate": b"#!/bin/sh\n. '" + PLACEHOLDER + b"/etc/profile.d/conda.sh'\n"}, "24.1")
    root = environments.make_conda(tmp_path / "base", (*PACKAGES, conda), work / "base")
    prefixes.write(root / "condabin/conda", f"#!{root}/bin/python\n", 0o755)
    prefixes.write(root / "pkgs/urls.txt", "https://host/t/secret/x.conda\n")
    shutil.copytree(root / "conda-meta", root / "envs/other/conda-meta")
    prefixes.write(root / "conda-bld/linux-64/mine-1.conda", "a package")
    prefixes.write(root / ".condarc", "channels: [conda-forge]\n")
    result = install(root, tmp_path / "x.sh", tmp_path / "e")
    assert "left out of the base environment: conda-bld/, envs/, pkgs/" in str(result["warnings"])
    top = {path.name for path in (tmp_path / "e").iterdir()}
    assert not top & {"pkgs", "envs", "conda-bld"}
    assert top >= {".condarc", "condabin", "conda-meta"}
    assert (tmp_path / "e/bin/activate").read_text() == f"#!/bin/sh\n. '{tmp_path}/e/etc/profile.d/conda.sh'\n"
    assert (tmp_path / "e/condabin/conda").read_text() == f"#!{tmp_path}/e/bin/python\n"


def test_what_scripts_left_that_ran_after_linking(work: Path, tmp_path: Path) -> None:
    """Text, data in which the prefix has room, links, variables of `conda env config vars`; no package owns them."""
    root = environments.make_conda(tmp_path / "envs/demo", PACKAGES, work)
    prefixes.write(root / ".messages.txt", f"registered in {root}/share\n")
    prefixes.write(root / "etc/fonts.conf", f"<dir>{root}/share/fonts</dir>\n")
    cache = prefixes.write(root / "var/cache/loaders.cache", b"\0\7" + bytes(root) + b"/lib/loader.so\0\1\xff")
    prefixes.write(root / "bin/.tool-post-link.sh", f"#!/bin/sh\necho {root} > '{root}/.messages.txt'\n", 0o755)
    (root / "share/current").symlink_to(root / "share/tool")
    state = {"version": 1, "env_vars": {"TOOL_DATA": f"{root}/share", "GONE": "***unset***"}}
    prefixes.write(root / "conda-meta/state", json.dumps(state))
    prefix = tmp_path / "e"
    install(root, tmp_path / "x.sh", prefix)
    assert (prefix / ".messages.txt").read_text() == f"registered in {prefix}/share\n"
    assert (prefix / "etc/fonts.conf").read_text() == f"<dir>{prefix}/share/fonts</dir>\n"
    moved = (prefix / cache.relative_to(root)).read_bytes()
    assert (len(moved), moved.count(bytes(prefix) + b"/lib/loader.so\0\1\xff")) == (len(bytes(root)) + 19, 1)
    assert (prefix / "share/current").resolve() == prefix / "share/tool"
    assert json.loads((prefix / "conda-meta/state").read_text())["env_vars"]["TOOL_DATA"] == f"{prefix}/share"
    script = '. "$1/bin/activate"; echo "$TOOL_DATA ${GONE-nothing}"; deactivate; echo "${TOOL_DATA-nothing}"'
    assert run("bash", "-c", script, "bash", prefix).stdout == f"{prefix}/share nothing\nnothing\n"
