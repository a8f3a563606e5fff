"""Records say of an installation what they said of the original: what was true stays true, what was wrong stays so."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests import environments
from tests.conftest import missing
from tests.environments import PLACEHOLDER, Package
from tests.prefixes import write
from tests.programs import PROGRAMS
from tests.recorded import Mismatch, mismatches, row
from tests.running import build, run
from tests.search import remaining

MODULES = ("timed", "checked", "unchecked")
"""Compiled in the three ways of PEP 552; those with a hash lie in a folder of their own."""
COMPILE = """
import os, py_compile, sys
modes = py_compile.PycInvalidationMode
for path, mode in zip(sys.argv[1:], (modes.TIMESTAMP, modes.CHECKED_HASH, modes.UNCHECKED_HASH)):
    os.utime(path, (1_600_000_000, 1_600_000_000))
    py_compile.compile(path, doraise=True, invalidation_mode=mode)
"""
IMPORT = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/hashed"]
import timed, checked, unchecked
if {module.HERE for module in (timed, checked, unchecked)} != {sys.argv[2]}:
    sys.exit("not what the source says")
"""
CALLS = "openat,open,creat,rename,renameat,renameat2,unlink,unlinkat"


@dataclass(frozen=True, slots=True)
class Packed:
    """An environment and what was made of it."""

    root: Path
    made_from: Path
    """Folder of what the environment was made from."""
    artifact: Path
    result: dict[str, Any]
    before: dict[Mismatch, tuple[object, ...]]

    def install(self, prefix: Path) -> Path:
        run(self.artifact, "--prefix", prefix)
        return prefix


def pack(root: Path, made_from: Path, output: Path) -> Packed:
    before = mismatches(root)
    return Packed(root, made_from, output, build(root, output), before)


def add_modules(site: Path, root: Path) -> list[Path]:
    """Modules that name the prefix, and what the environment's Python compiles from them."""
    folders = (site, site / "hashed", site / "hashed")
    sources = [
        write(folder / f"{name}.py", f"HERE = {str(root)!r}\n") for folder, name in zip(folders, MODULES, strict=True)
    ]
    run(root / "bin/python", "-c", COMPILE, *sources, env=environments.clean_variables())
    return [*sources, *(next(path.parent.glob(f"__pycache__/{path.stem}.*")) for path in sources)]


def packages() -> tuple[Package, ...]:
    """The samples, and files that name the prefix or do not."""
    names = ("true", "edited", "size", "row", "gone")
    files = {f"share/owned/{name}": PLACEHOLDER + name.encode() for name in names}
    files |= {f"share/owned/{name}-plain": name.encode() for name in names}
    owned = Package("owned", files, links={"share/owned/link": "true"})
    return (*environments.sample_packages(), owned)


def spoil(root: Path) -> None:
    """Edit, remove and misrecord files of the package `owned`."""
    for name in ("edited", "edited-plain"):
        (root / "share/owned" / name).write_text("mine")
    for name in ("gone", "gone-plain"):
        (root / "share/owned" / name).unlink()
    record = root / "conda-meta/owned-1.0-0.json"
    value = json.loads(record.read_text())
    for item in value["paths_data"]["paths"]:
        if "/size" in item["_path"]:
            item["size_in_bytes"] = 1
        if "/row" in item["_path"]:
            item["sha256_in_prefix"] = "0" * 64
    record.write_text(json.dumps(value))


def add_by_hand(root: Path, elsewhere: Path) -> None:
    """A package as pip leaves it, with rows that are wrong in all ways; some digests are SHA-512."""
    site = root / "lib/python3.11/site-packages"
    files = add_modules(site, root)
    script = write(root / "bin/byhand", f"#!{root}/bin/python\nimport timed\n", 0o755)
    plain = write(site / "plain.py", "x = 1\n")
    url = write(site / "byhand-1.dist-info/direct_url.json", json.dumps({"url": f"{elsewhere.as_uri()}/byhand.whl"}))
    wrong = [write(site / f"wrong-{name}", f"{root}" if name == "moved" else "kept") for name in ("moved", "kept")]
    inner = write(site / "x/_vendor/inner-1.dist-info/RECORD", row(site / "x/_vendor", files[0]) + "\n")
    (root / "bin/second").hardlink_to(script)
    (root / "lib64").symlink_to("lib")
    linked = root / "lib64" / files[0].relative_to(root / "lib")
    rows = [row(site, path) for path in (*files, script, url, inner, root / "bin/second", linked)]
    rows += [row(site, plain, "sha512"), row(site, files[0], "sha512")]
    rows += [row(site, path) + "1" for path in wrong]
    rows += [f"{path.name},sha256={'A' * 43},{path.stat().st_size}" for path in wrong]
    rows += ["gone.py,,", f"{plain.name},,", "byhand-1.dist-info/RECORD,,"]
    write(site / "byhand-1.dist-info/RECORD", "\n".join(rows) + "\n")
    write(site / "byhand-1.dist-info/RECORD.jws", "{}")


@pytest.fixture(scope="module")
def conda(tmp_path_factory: pytest.TempPathFactory, require_module: Callable[[str, str], None]) -> Packed:
    require_module("rattler", "py-rattler")
    folder = tmp_path_factory.mktemp("conda")
    root = environments.make_conda(folder / "envs" / "demo", packages(), folder / "made-from")
    spoil(root)
    add_by_hand(root, folder / "made-from")
    return pack(root, folder / "made-from", folder / "demo.sh")


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """A venv of the system's Python with two packages by pip; a file of one was edited."""
    if not all(program.path() for program in PROGRAMS if program.package == "python3-venv"):
        missing("the system's Python makes no venvs: apt-get install python3-venv")
    folder = tmp_path_factory.mktemp("venv")
    root = environments.make_venv(folder / "original")
    (folder / "wheels").mkdir()
    wheel = environments.make_wheel(folder / "wheels/pure-1.0-py3-none-any.whl")
    pip = (root / "bin/python", "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "--no-index", wheel, env=environments.clean_variables())
    (site,) = root.glob("lib/python3*/site-packages")
    for edited in (site / "pip/py.typed", root / "bin/pure-hello"):
        edited.write_text(edited.read_text() + "# edited\n")
    add_modules(site, root)
    return pack(root, folder / "wheels", folder / "venv.sh")


@pytest.fixture(scope="module", params=["conda", "venv"])
def packed(request: pytest.FixtureRequest) -> Packed:
    found: Packed = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module", params=["equal", "with blank, " + "n" * 60])
def prefix(request: pytest.FixtureRequest, packed: Packed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it was installed: a path as long as the original's, a long one; two tests install at a short one."""
    if request.param == "equal":
        return packed.install(packed.root.with_name("=" * len(packed.root.name)))
    return packed.install(tmp_path_factory.mktemp("i") / request.param)


def test_mismatches_are_those_of_the_original(packed: Packed, prefix: Path) -> None:
    assert mismatches(prefix) == packed.before
    inside = json.loads((prefix / ".sfxpack/report.json").read_text())["findings"]["mismatch"]["files"]
    for found in (packed.result["findings"], inside):
        reported = {(item["record"], item["path"], item["detail"]) for item in found if "record" in item}
        assert reported == packed.before.keys()


def test_what_is_wrong_is_found(conda: Packed, venv: Packed) -> None:
    owned, byhand = "conda-meta/owned-1.0-0.json", "lib/python3.11/site-packages/byhand-1.dist-info/RECORD"
    kinds = {"edited": "altered", "size": "size", "row": "altered", "gone": "missing"}
    expected = {(owned, f"share/owned/{name}{end}", kind) for name, kind in kinds.items() for end in ("", "-plain")}
    site = byhand.partition("/byhand")[0]
    expected |= {(byhand, f"{site}/wrong-{name}", kind) for name in ("moved", "kept") for kind in ("altered", "size")}
    assert conda.before.keys() == expected | {(byhand, f"{site}/gone.py", "missing")}
    signed = [found["path"] for found in conda.result["findings"] if found["category"] == "signature"]
    assert signed == [f"{byhand}.jws"]
    assert {(path.rpartition("/")[2], kind) for _, path, kind in venv.before} == {
        ("py.typed", "altered"),
        ("pure-hello", "altered"),
    }


def test_conda_reads_its_records(conda: Packed, tmp_path: Path) -> None:
    prefix = conda.install(tmp_path / "e")
    assert mismatches(prefix) == conda.before
    read = import_module("rattler").PrefixRecord.from_path
    for path in sorted((prefix / "conda-meta").glob("*.json")):
        old, new = read(conda.root / "conda-meta" / path.name), read(path)
        assert (new.name, new.version, new.files) == (old.name, old.version, old.files)
        assert new.url == f"file:///{old.file_name}"


def test_nothing_names_what_the_environment_was_made_from(packed: Packed, prefix: Path) -> None:
    assert remaining(prefix, str(packed.made_from)) == {}
    (old,) = packed.root.glob("lib/python3*/site-packages/*.dist-info/direct_url.json")
    before = json.loads(old.read_text())
    assert before["url"].startswith(packed.made_from.as_uri())
    after = json.loads((prefix / old.relative_to(packed.root)).read_text())
    assert after == {**before, "url": f"file:///{before['url'].rpartition('/')[2]}"}


def touched(strace: str, log: Path, *command: object) -> set[str]:
    """Compiled files that a command opens for writing, renames or removes."""
    variables = environments.clean_variables()
    assert "PYTHONDONTWRITEBYTECODE" not in variables
    run(strace, "-f", "-qq", "-e", f"trace={CALLS}", "-o", log, *command, env=variables)
    found = set()
    for line in log.read_text().splitlines():
        writes = re.search(r" (?:rename|unlink|creat)|O_WRONLY|O_RDWR|O_CREAT", line)
        found |= set(re.findall(r'"([^"]*\.pyc)', line)) if writes else set()
    return found


@pytest.fixture(scope="module")
def strace(require: Callable[[str], str]) -> str:
    program = require("strace")
    tried = subprocess.run([program, "-qq", "-o", "/dev/null", "true"], check=False, capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"processes cannot be traced here: {tried.stderr.strip()}")
    return program


def test_bytecode_is_used_and_never_written_again(prefix: Path, strace: str, tmp_path: Path) -> None:
    """Not by imports, nor by compileall, which knows no hashes and compiles such files again wherever they lie."""
    (site,) = prefix.glob("lib/python3*/site-packages")
    python = (strace, tmp_path / "log", prefix / "bin/python")
    for options in ((), ("-W", "error")):
        assert touched(*python, *options, "-c", IMPORT, site, prefix) == set()
    there = {str(path) for path in prefix.rglob("*.pyc")}
    assert touched(*python, "-m", "compileall", "-q", "-x", "/hashed/", prefix) & there == set()
    write(site / "fresh.py", "")
    compiled = touched(*python, "-c", "import sys; sys.path.insert(0, sys.argv[1]); import fresh", site)
    assert compiled == {str(next(site.glob("__pycache__/fresh.*")))}


def test_pip_knows_what_it_installed(venv: Packed, tmp_path: Path) -> None:
    prefix = venv.install(tmp_path / "e")
    assert mismatches(prefix) == venv.before
    pip = (prefix / "bin/python", "-m", "pip", "--disable-pip-version-check")
    variables = environments.clean_variables()
    (site,) = prefix.glob("lib/python3*/site-packages")
    run(*pip, "check", env=variables)
    before = set(prefix.rglob("*"))
    listed = run(*pip, "show", "-f", "pure", env=variables).stdout.partition("Files:\n")[2].split()
    files = {Path(os.path.normpath(site / name)) for name in listed}
    assert {prefix / "bin/pure-hello", site / "pure.py"} < files < before
    run(*pip, "uninstall", "-y", "pure", env=variables)
    assert before - set(prefix.rglob("*")) == files | {site / "pure-1.0.dist-info"}
