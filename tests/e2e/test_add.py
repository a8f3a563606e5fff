"""`--add SRC=DEST`: what comes along besides is relocated like the rest, and replaces nothing."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sfxpack.inspect import open_artifact
from tests import environments
from tests.installers import tool
from tests.prefixes import make_prefix, write
from tests.running import SFXPACK, build, run
from tests.search import remaining


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_prefix(tmp_path / "original")


def refused(root: Path, folder: Path, *options: object) -> str:
    """What is said of a build that is wrong; nothing is written."""
    done = run(*SFXPACK, "build", "-p", root, "-o", folder / "x.sh", *options, status=2)
    assert not (folder / "x.sh").exists()
    return done.stderr


def entries(path: Path) -> set[str]:
    with open_artifact(path) as opened:
        return {os.fsdecode(entry.path) for entry in opened.index.entries}


def test_an_application_in_a_venv(tmp_path: Path) -> None:
    """Its own path, through a link too, and the environment's are those of the new place; nobody misses a record."""
    venv = environments.make_venv(tmp_path / "venv", Path(sys.executable), "--without-pip")
    app, way = tmp_path / "src/app", tmp_path / "way"
    way.symlink_to(app)
    write(app / "run", f"#!{venv}/bin/python\nimport sys\nsys.path[:0] = ['{app}/lib']\nimport core\n", 0o755)
    write(app / "lib/core.py", f"print(open('{way}/data/text').read(), __file__)\n")
    write(app / "data/text", "seen")
    (app / "absolute").symlink_to(app / "data/text")
    (app / "relative").symlink_to("data/text")
    os.link(app / "data/text", app / "data/same")
    (app / "data/empty").mkdir()
    conf = write(tmp_path / "app.conf", f"home = {venv}\nself = {tmp_path}/app.conf\n", 0o640)
    adds = ("--add", f"{way}=opt/app", "--add", f"{conf}=etc/", "--add", f"{conf}=etc/conf.d/10.conf")
    result = build(venv, tmp_path / "x.sh", "--strict", "--slim", "all", "--slim-base", *adds)
    assert [(item["path"], item["files"]) for item in result["added"]] == [
        ("opt/app", 6), ("etc", 1), ("etc/conf.d/10.conf", 1)
    ]  # fmt: skip
    assert result["ownership"]["unowned"] == []
    (tmp_path / "src").rename(tmp_path / "hidden")
    venv.rename(tmp_path / "hidden venv")
    for name in ("new place", "second"):
        prefix = tmp_path / name
        if name == "second":
            tool(tmp_path / "new place", "relocate", prefix)
        else:
            run(tmp_path / "x.sh", "--prefix", prefix)
        where = prefix / "opt/app"
        assert run(where / "run", env={"PYTHONDONTWRITEBYTECODE": "1"}).stdout == f"seen {where}/lib/core.py\n"
        assert (where / "absolute").resolve() == (where / "relative").resolve() == where / "data/text"
        assert (where / "data/same").samefile(where / "data/text")
        assert (where / "data/empty").is_dir()
        assert (prefix / "etc/app.conf").read_text() == f"home = {prefix}\nself = {prefix}/etc/app.conf\n"
        assert (prefix / "etc/app.conf").stat().st_mode & 0o777 == 0o640
        tool(prefix, "verify")
        for old in (venv, app, way):
            assert remaining(prefix / "opt", str(old)) == {}


def test_what_is_shown(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "data"
    write(source / "a", "x" * 1500)
    write(source / "b.log", "x" * 100)
    adds = ("--add", f"{source}=share/data", "--add", f"{source}/a=.", "--exclude", "*.log")
    plain = {**os.environ, "NO_COLOR": "1"}
    for command in (["build", "--dry-run"], ["build", "-o", tmp_path / "x.sh"], ["scan"]):
        said = run(*SFXPACK, *command, "-p", root, *adds, env=plain).stdout
        rows = [line.split(maxsplit=1)[1].strip() for line in said.splitlines() if line.startswith("added ")]
        assert rows == ["share/data: 1 file, 1.5 KB", "the prefix itself: 1 file, 1.5 KB"]
    for command in (["build", "--dry-run"], ["build", "-o", tmp_path / "y.sh"], ["scan"]):
        value = json.loads(run(*SFXPACK, *command, "-p", root, *adds, "--json").stdout)
        assert value["added"] == [
            {"path": "share/data", "files": 1, "size": 1500},
            {"path": "", "files": 1, "size": 1500},
        ]
    assert {"share/data/a", "a"} < entries(tmp_path / "x.sh")
    assert "share/data: 1 file, 1.5 KB" in run(*SFXPACK, "inspect", tmp_path / "x.sh", env=plain).stdout
    assert "share/data/b.log" not in entries(tmp_path / "x.sh")
    assert str(source).encode() not in (tmp_path / "x.sh").read_bytes()


def test_nothing_is_replaced(root: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "src/hello", "mine").parent
    file = source / "hello"
    (root / "lib64").symlink_to("lib")
    for add, said in (
        (f"{file}=bin/hello", "bin/hello: is a file of the environment"),
        (f"{source}=bin", "bin/hello: is a file of the environment"),
        (f"{file}=bin", "bin: is a folder of the environment"),
        (f"{file}=relative", "relative: is a link to share/greeting of the environment"),
        (f"{file}=lib64/x", "lib64: is a link to lib of the environment"),
        (f"{file}=bin/hello/x", "bin/hello: is a file of the environment"),
    ):
        assert said in refused(root, tmp_path, "--add", add)
    both = ("--add", f"{file}=new/x", "--add", f"{source}/hello=./new//x")
    assert f"new/x: is a file of --add {file}=new/x" in refused(root, tmp_path, *both)
    write(tmp_path / "more/other", "too")
    build(root, tmp_path / "x.sh", "--add", f"{source}=share", "--add", f"{tmp_path}/more=share")
    assert {"share/hello", "share/other", "share/greeting"} < entries(tmp_path / "x.sh")


def test_bad_input(root: Path, tmp_path: Path) -> None:
    assert "is not SRC=DEST" in refused(root, tmp_path, "--add", "nothing")
    assert "is not a path below the prefix" in refused(root, tmp_path, "--add", f"{root}=/etc")
    none = refused(root, tmp_path, "--add", f"{tmp_path}/none=x")
    assert f"--add {tmp_path}/none=x: {tmp_path}/none: No such file or directory" in none
    assert "is the environment itself" in refused(root, tmp_path, "--add", f"{root}=copy")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "s"))
        assert "is neither a file nor a folder" in refused(root, tmp_path, "--add", f"{tmp_path}/s=s")


def test_unreadable_files_are_all_named(root: Path, tmp_path: Path, require: Callable[[str], str]) -> None:
    bound = [require("setpriv"), "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    for name in ("first", "second"):
        write(tmp_path / "src" / name, "x", 0o000)
    command = [*bound, *SFXPACK, "build", "-p", root, "-o", tmp_path / "x.sh", "--add"]
    said = run(*command, f"{tmp_path}/src=x", status=8).stderr
    assert f"{tmp_path}/src/first" in said
    assert f"{tmp_path}/src/second" in said
    assert f"{tmp_path}/src/first" in run(*command, f"{tmp_path}/src/first=x", status=8).stderr


def test_a_folder_that_holds_the_environment_and_the_output(tmp_path: Path) -> None:
    """As of a project with its venv in it: both stay out, twice."""
    project = tmp_path / "project"
    root = make_prefix(project / "env")
    write(project / "main.py", f"HOME, ENV = {str(project)!r}, {str(root)!r}\n")
    for _ in range(2):
        said = run(*SFXPACK, "build", "./env", "-o", "x.sh", "--force", "--add", ".=app", cwd=project).stdout
        assert "warning: --add .=app: the environment lies in that folder, and is not added to itself" in said
    prefix = tmp_path / "new"
    run(project / "x.sh", "--prefix", prefix)
    assert [path.name for path in (prefix / "app").iterdir()] == ["main.py"]
    assert (prefix / "app/main.py").read_text() == f"HOME, ENV = '{prefix}/app', '{prefix}'\n"


def test_part_of_the_environment_under_another_name(root: Path, tmp_path: Path) -> None:
    for name in ("x.sh", "y.sh"):
        build(root, tmp_path / name, "--add", f"{root}/lib=copy", "--add", f"{root}/share/greeting=here")
    assert (tmp_path / "x.sh").read_bytes() == (tmp_path / "y.sh").read_bytes()
    prefix = tmp_path / "new"
    run(tmp_path / "x.sh", "--prefix", prefix)
    assert (prefix / "here").read_text() == "hello\n"
    assert not (prefix / "here").samefile(prefix / "share/greeting")
    assert (prefix / "copy/pkgconfig/x.pc").read_text().startswith(f"prefix={prefix}\n")
    tool(prefix, "verify")


def test_with_several_environments(root: Path, tmp_path: Path) -> None:
    other = make_prefix(tmp_path / "other")
    data = write(tmp_path / "data/text", f"{root} {other} {tmp_path}/data/text\n").parent
    pair = (root, f"serve={other}")
    said = run(*SFXPACK, "build", *pair, "-o", tmp_path / "x.sh", "--add", f"{data}=data", status=2).stderr
    assert "DEST must begin with the name of an environment: original, serve" in said
    result = build(root, tmp_path / "x.sh", f"serve={other}", "--add", f"{data}=serve/data")
    assert [item["path"] for item in result["added"]] == ["serve/data"]
    prefix = tmp_path / "new"
    run(tmp_path / "x.sh", "--prefix", prefix)
    assert (prefix / "serve/data/text").read_text() == f"{root} {prefix}/serve {prefix}/serve/data/text\n"
    assert "one environment at a time" in run(*SFXPACK, "scan", *pair, "--add", f"{data}=serve/x", status=2).stderr
