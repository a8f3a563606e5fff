"""Which folder a name or path means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sfxpack.environments import condarc, known
from sfxpack.environments.locate import Located, locate
from sfxpack.errors import DiscoveryError, UsageError
from sfxpack.request import Request
from tests import environments


def conda_environment(path: Path) -> Path:
    (path / "conda-meta").mkdir(parents=True)
    return path


def venv(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "pyvenv.cfg").write_text("home = /nowhere\n")
    return path


def find(name: str | None, folder: Path, **variables: str) -> Located:
    return find_request(Request(name), folder, **variables)


def find_request(request: Request, folder: Path, **variables: str) -> Located:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return locate(request, {"HOME": str(home), **variables}, folder)


def test_a_path(tmp_path: Path) -> None:
    root = conda_environment(tmp_path / "e")
    for spelling in ("./e", str(root), f"{root}/", f"{tmp_path}/./e", f"{tmp_path}//e", f"{tmp_path}/x/../e"):
        assert find(spelling, tmp_path).root == root


def test_an_absolute_spelling_through_a_link_is_kept(tmp_path: Path) -> None:
    conda_environment(tmp_path / "real/e")
    (tmp_path / "link").symlink_to("real")
    assert find(f"{tmp_path}/link/e", tmp_path).root == tmp_path / "link/e"


def test_a_folder_here_without_a_separator(tmp_path: Path) -> None:
    root = venv(tmp_path / "e")
    assert find("e", tmp_path).root == root
    assert find(".", root).root == root


@pytest.mark.parametrize("where", ["environments.txt", "condarc", "envs-path", "mamba", "exe", "sibling", "root"])
def test_a_name_is_found_where_conda_keeps_environments(tmp_path: Path, where: str) -> None:
    root = conda_environment(tmp_path / "kept/envs/science")
    kept = tmp_path / "kept"
    home = tmp_path / "home"
    (home / ".conda").mkdir(parents=True)
    variables = {}
    if where == "environments.txt":
        (home / ".conda/environments.txt").write_text(f"/gone/envs/other\n{root}\n")
    elif where == "condarc":
        (home / ".condarc").write_text(f"channels:\n  - x\nenvs_dirs:\n  - {kept}/envs  # mine\npkgs_dirs: []\n")
    elif where == "envs-path":
        variables["CONDA_ENVS_PATH"] = f"/nowhere{os.pathsep}{kept}/envs"
    elif where == "mamba":
        variables["MAMBA_ROOT_PREFIX"] = str(kept)
    elif where == "exe":
        variables["CONDA_EXE"] = f"{kept}/bin/conda"
    elif where == "sibling":
        variables["CONDA_PREFIX"] = f"{kept}/envs/other"
    elif where == "root":
        variables["CONDA_PREFIX"] = str(kept)
    assert find("science", tmp_path, **variables).root == root
    assert find_request(Request("science", by_name=True), tmp_path, **variables).root == root


def test_the_base_environment_by_its_name(tmp_path: Path) -> None:
    root = conda_environment(tmp_path / "miniforge3")
    assert find("base", tmp_path, CONDA_EXE=f"{root}/bin/conda").root == root


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("envs_dirs:\n  - /a\n  - '/b c'\nother:\n  - /x\n", ("/a", "/b c")),
        ('envs_dirs: [/a, "/b"]\n', ("/a", "/b")),
        ("envs_dirs:\n- /a # here\n- ~/b\n", ("/a", "~/b")),
        ("envs_path: /a\n", ("/a",)),
        ("envs_dirs: [\n  /a,  # one\n  '/b''c',\n]\n", ("/a", "/b'c")),
        ("places: &p [/a]\nenvs_dirs: *p\n", ("/a",)),
        ("envs_dirs: /a #!final\n", ("/a",)),
        ("envs_dirs:\n", ()),
        ("envs_dirs: [1, {a: b}, /a]\n", ("/a",)),
        ("- envs_dirs\n", ()),
        ("envs_dirs: [/a\nchannels: {\n", ()),
        ("channels:\n  - envs_dirs\n", ()),
        ("", ()),
    ],
)
def test_envs_dirs_of_a_condarc(text: str, expected: tuple[str, ...]) -> None:
    assert condarc.envs_dirs(text) == expected


def test_variables_and_home_in_a_condarc(tmp_path: Path) -> None:
    (tmp_path / ".condarc").write_text("envs_dirs:\n  - ~/one\n  - $WORK/two\n")
    first = conda_environment(tmp_path / "one/a")
    second = conda_environment(tmp_path / "w/two/b")
    found = known.environments({"WORK": str(tmp_path / "w")}, tmp_path, tmp_path)
    assert found == {"a": (first,), "b": (second,)}


@pytest.mark.parametrize(
    "file",
    [
        ".condarc",
        ".mambarc",
        ".conda/condarc",
        ".conda/condarc.d/mine.yml",
        ".config/conda/.condarc",
        "xdg/conda/condarc.d/mine.yaml",
        "active/.condarc",
        "miniforge3/condarc.d/mine.yml",
        "named",
    ],
)
def test_where_conda_reads_its_configuration(tmp_path: Path, file: str) -> None:
    root = conda_environment(tmp_path / "kept/science")
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(f"envs_dirs: [{tmp_path}/kept]\n")
    variables = {
        "XDG_CONFIG_HOME": f"{tmp_path}/xdg",
        "CONDA_PREFIX": f"{tmp_path}/active",
        "CONDA_EXE": f"{tmp_path}/miniforge3/condabin/conda",
        "CONDARC": "~/named",
    }
    variables = {key: value.replace("~", str(tmp_path)) for key, value in variables.items()}
    assert known.environments(variables, tmp_path, tmp_path)["science"] == (root,)


def test_a_registered_environment_tells_of_its_root(tmp_path: Path) -> None:
    base = conda_environment(tmp_path / "miniforge3")
    one, two = conda_environment(base / "envs/one"), conda_environment(base / "envs/two")
    (tmp_path / "home/.conda").mkdir(parents=True)
    (tmp_path / "home/.conda/environments.txt").write_text(f"{one}\n{base}\n")
    assert find("base", tmp_path).root == base
    assert find("two", tmp_path).root == two
    with pytest.raises(UsageError, match="no environment called 'miniforge3'"):
        find_request(Request("miniforge3", by_name=True), tmp_path)


@pytest.mark.parametrize(
    ("folder", "below", "variable"),
    [
        (".virtualenvs", "", ""),
        ("work", "", "WORKON_HOME"),
        (".local/share", "virtualenvs", ""),
        ("data", "virtualenvs", "XDG_DATA_HOME"),
        (".cache/pypoetry", "virtualenvs", ""),
        ("cache", "virtualenvs", "POETRY_CACHE_DIR"),
        ("poetry", "", "POETRY_VIRTUALENVS_PATH"),
        (".pyenv", "versions", ""),
        ("pyenv", "versions", "PYENV_ROOT"),
    ],
)
def test_venvs_that_a_tool_keeps_in_one_place(tmp_path: Path, folder: str, below: str, variable: str) -> None:
    kept = tmp_path / "home" / folder
    root = venv(kept / below / "tool-a1B2-py3.11")
    (kept / below / "3.11.7/bin").mkdir(parents=True)
    variables = {variable: str(kept)} if variable else {}
    assert find("tool-a1B2-py3.11", tmp_path, **variables).root == root
    with pytest.raises(UsageError, match=r"no environment called '3\.11\.7'"):
        find("3.11.7", tmp_path, **variables)


def test_a_venv_of_pyenv_is_one_though_it_has_two_names(tmp_path: Path) -> None:
    versions = tmp_path / "home/.pyenv" / "versions"
    venv(versions / "3.11.7/envs/web")
    (versions / "web").symlink_to("3.11.7/envs/web")
    assert find("web", tmp_path).root == versions / "web"


def test_environments_of_pixi(tmp_path: Path) -> None:
    tool = conda_environment(tmp_path / "home/.pixi/envs/jq")
    test = conda_environment(tmp_path / "project/.pixi/envs/test")
    (tmp_path / "project/src/deep").mkdir(parents=True)
    assert find("jq", tmp_path).root == tool
    assert find("test", tmp_path / "project/src/deep").root == test
    assert find("test", tmp_path, PIXI_PROJECT_ROOT=str(tmp_path / "project")).root == test
    detached = tmp_path / "cache/envs/project-123/envs"
    conda_environment(detached / "default")
    (tmp_path / "detached/.pixi").mkdir(parents=True)
    (tmp_path / "detached/.pixi/envs").symlink_to(detached)
    assert find("./detached", tmp_path).root == tmp_path / "detached/.pixi/envs/default"


def test_a_folder_and_an_environment_of_one_name(tmp_path: Path) -> None:
    there = conda_environment(tmp_path / "root/envs/e")
    here = conda_environment(tmp_path / "e")
    variables = {"MAMBA_ROOT_PREFIX": str(tmp_path / "root")}
    with pytest.raises(UsageError, match=r"both a folder here and an environment .*\./e or -n e"):
        find("e", tmp_path, **variables)
    assert find("./e", tmp_path, **variables).root == here
    assert find_request(Request("e", by_path=True), tmp_path, **variables).root == here
    assert find_request(Request("e", by_name=True), tmp_path, **variables).root == there


def test_the_same_folder_twice_is_not_ambiguous(tmp_path: Path) -> None:
    root = conda_environment(tmp_path / "root/envs/e")
    assert find("e", root.parent, MAMBA_ROOT_PREFIX=str(tmp_path / "root")).root == root


def test_two_environments_of_one_name(tmp_path: Path) -> None:
    conda_environment(tmp_path / "one/envs/e")
    conda_environment(tmp_path / "two/envs/e")
    with pytest.raises(UsageError, match=r"several environments are called 'e'.*two/envs/e.*one/envs/e"):
        find("e", tmp_path, MAMBA_ROOT_PREFIX=str(tmp_path / "one"), CONDA_ROOT=str(tmp_path / "two"))


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    envs = tmp_path / "root/envs"
    for name in ("another", "science", "two"):
        conda_environment(envs / name)
    with pytest.raises(UsageError) as caught:
        find("sciense", tmp_path, MAMBA_ROOT_PREFIX=str(tmp_path / "root"))
    assert str(caught.value).splitlines() == [
        "no environment called 'sciense' and no folder of that name here; known names:",
        f"  science  {envs}/science",
        f"  another  {envs}/another",
        f"  two  {envs}/two",
    ]
    with pytest.raises(UsageError, match="no environment that has a name was found"):
        find("three", tmp_path)
    for number in range(30):
        conda_environment(envs / f"e{number}")
    with pytest.raises(UsageError, match=r"and 13 more$"):
        find("three", tmp_path, MAMBA_ROOT_PREFIX=str(tmp_path / "root"))


def test_the_active_environment(tmp_path: Path) -> None:
    first, second = conda_environment(tmp_path / "c"), venv(tmp_path / "v")
    assert find(None, tmp_path, CONDA_PREFIX=str(first)).root == first
    assert find(None, tmp_path, VIRTUAL_ENV=str(second)).root == second


@pytest.mark.parametrize("inner", ["c", "v"])
def test_of_two_active_ones_the_inner(tmp_path: Path, inner: str) -> None:
    first, second = conda_environment(tmp_path / "c"), venv(tmp_path / "v")
    order = (first, second) if inner == "c" else (second, first)
    path = os.pathsep.join(f"{root}/bin" for root in order)
    located = find(None, tmp_path, CONDA_PREFIX=str(first), VIRTUAL_ENV=str(second), PATH=path)
    assert located.root == tmp_path / inner
    assert "two environments are active" in located.warnings[0]


def test_nothing_is_active(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no environment is active"):
        find(None, tmp_path)
    with pytest.raises(DiscoveryError, match="CONDA_PREFIX names this folder, but it does not exist"):
        find(None, tmp_path, CONDA_PREFIX=str(tmp_path / "gone"))


def test_a_project_folder_stands_for_its_environment(tmp_path: Path) -> None:
    root = venv(tmp_path / "project/.venv")
    located = find("./project", tmp_path)
    assert located.root == root
    assert "project folder" in located.warnings[0]
    conda_environment(tmp_path / "project/.pixi/envs/test")
    with pytest.raises(UsageError, match=r"several environments.*\.venv.*\.pixi/envs/test"):
        find("./project", tmp_path)
    assert find("test", tmp_path / "project").root == tmp_path / "project/.pixi/envs/test"


def test_in_a_project_its_environment_is_meant_where_none_is_active(tmp_path: Path) -> None:
    root = venv(tmp_path / "project/.venv")
    inside = tmp_path / "project/src/deep"
    inside.mkdir(parents=True)
    located = find(None, inside)
    assert located.root == root
    assert located.warnings == (f"{tmp_path}/project is a project folder: packing its environment {root}",)
    active = venv(tmp_path / "v")
    assert find(None, inside, VIRTUAL_ENV=str(active)).root == active


def test_a_project_whose_environment_uv_keeps_elsewhere(tmp_path: Path) -> None:
    root = venv(tmp_path / "project/env")
    assert find("project", tmp_path, UV_PROJECT_ENVIRONMENT="env").root == root
    assert find(None, tmp_path / "project", UV_PROJECT_ENVIRONMENT=str(root)).root == root


def test_bad_places(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(DiscoveryError, match="gone: does not exist; give"):
        find("./gone", tmp_path)
    with pytest.raises(DiscoveryError, match="file: is not a folder; give"):
        find("./file", tmp_path)
    with pytest.raises(DiscoveryError, match="file: is not a folder; give"):
        find("file", tmp_path)
    with pytest.raises(DiscoveryError, match="is a link that leads nowhere"):
        find("./link", tmp_path)
    with pytest.raises(UsageError, match="name is empty"):
        find("", tmp_path)


@pytest.mark.parametrize("root", ["/", "/usr", "/usr/"])
def test_a_system_root_is_refused(tmp_path: Path, root: str) -> None:
    with pytest.raises(DiscoveryError, match="is a system's own prefix"):
        find(root, tmp_path)


def test_a_folder_that_cannot_be_listed() -> None:
    with environments.open_folder() as folder:
        root = conda_environment(folder / "e")
        root.chmod(0)
        request, below = Request("./e"), Request("./e/below")
        told = environments.error_as_nobody(lambda: locate(request, {"HOME": "/"}, folder))
        assert told == f"{root}: cannot be listed: permission denied; make it readable for this user"
        told = environments.error_as_nobody(lambda: locate(below, {"HOME": "/"}, folder))
        assert told == f"{root}/below: cannot be reached: Permission denied"
        root.chmod(0o755)
