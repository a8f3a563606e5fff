"""Passwords, tokens and keys do not travel where that is safe, and are named where it is not."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import environments
from tests.environments import Package
from tests.prefixes import write
from tests.running import SFXPACK, build, run

SECRET = "hunter2-s3cret"  # noqa: S105 not one
CUT = ("pip.conf", ".condarc", "conda-meta/history", "conda-meta/initial.txt", ".npmrc", "etc/pip.conf")
LEFT = ("etc/server.pem", "conda-meta/state", "etc/conda/activate.d/own.sh", "bin/activate")
GONE = (".netrc",)
FOLLOW = ("--external", "follow")
"""`etc/pip.conf` is a link to the user's own."""
PUBLIC = "-----BEGIN PRIVATE KEY-----\npublished, for tests\n"


@pytest.fixture
def tree(tmp_path: Path, require_module: Callable[[str, str], None]) -> Path:
    require_module("rattler", "py-rattler")
    shipped = Package("web", {"share/web/test.key": PUBLIC.encode(), "site-packages/web/x.pem": PUBLIC.encode()})
    root = environments.make_conda(tmp_path / "env", (environments.stand_in_python(), shipped))
    write(root / "pip.conf", f"[global]\nindex-url = https://me:{SECRET}@pkgs.example/simple\n")
    write(root / ".condarc", f"channels:\n  - https://conda.example/t/{SECRET}/main\n")
    write(root / "conda-meta/history", f"# update specs: ['https://me:{SECRET}@x/main::web']\n")
    write(root / "conda-meta/initial.txt", f"@EXPLICIT\nhttps://x/t/{SECRET}/main/noarch/web-1.0-0.conda\n")
    write(tmp_path / "home/pip.conf", f"[global]\nproxy = me:{SECRET}@proxy:80\n")
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/pip.conf").symlink_to(tmp_path / "home/pip.conf")
    write(root / ".npmrc", f"//registry/:_authToken={SECRET}\n")
    write(root / "etc/server.pem", f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n")
    write(
        root / "conda-meta/state",
        json.dumps({"env_vars": {"APP_KEY": SECRET, "APP_DB": f"postgres://me:{SECRET}@db/app"}}),
    )
    write(root / "etc/conda/activate.d/own.sh", f"export APP_TOKEN='{SECRET}'\n")
    write(root / ".netrc", f"machine x login me password {SECRET}\n")
    site = root / "lib/python3.11/site-packages"
    key = PUBLIC.encode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(key).digest()).rstrip(b"=").decode()
    write(site / "piped/test.key", PUBLIC)
    compiled = "__pycache__/keys.cpython-311.pyc"
    write(site / "piped/keys.py", PUBLIC)
    write(site / "piped" / compiled, PUBLIC)
    names = ("test.key", "keys.py")
    rows = [f"piped/{name},sha256={digest},{len(key)}\n" for name in names]
    write(site / "piped-1.0.dist-info/RECORD", f"{''.join(rows)}piped/{compiled},,\n")
    return root


def named(findings: list[dict[str, str]], category: str) -> set[str]:
    return {finding["path"] for finding in findings if finding["category"] == category}


def test_dropped_where_safe_named_where_not(tree: Path, tmp_path: Path) -> None:
    result = build(tree, tmp_path / "x.sh", *FOLLOW)
    assert named(result["findings"], "scrubbed") == {*CUT, *GONE}
    assert named(result["findings"], "secret") == set(LEFT)
    assert SECRET not in json.dumps(result)
    assert SECRET not in run(*SFXPACK, "inspect", "--json", tmp_path / "x.sh").stdout
    prefix = tmp_path / "new"
    hidden = tree.rename(tmp_path / "hidden")
    run(tmp_path / "x.sh", "--prefix", prefix)
    holding = run("grep", "-rl", SECRET, prefix).stdout.split()
    assert {str(Path(path).relative_to(prefix)) for path in holding} == set(LEFT)
    assert (prefix / "pip.conf").read_text() == "[global]\nindex-url = https://pkgs.example/simple\n"
    assert (prefix / ".condarc").read_text() == "channels:\n  - https://conda.example/main\n"
    assert not (prefix / ".netrc").exists()
    run(prefix / ".sfxpack/sfx", "verify")
    said = run(*SFXPACK, "scan", "-p", hidden, "--old-prefix", tree, "-v", *FOLLOW).stdout
    assert SECRET not in said
    assert all(f"\n  {path}  " in said for path in (*CUT, *LEFT, *GONE))
    said = run(*SFXPACK, "scan", "-p", hidden, "--old-prefix", tree).stdout
    assert all(f"\n  {path}  " in said for path in LEFT)


def test_refused_and_named_without_the_secret(tree: Path, tmp_path: Path) -> None:
    refused = run(*SFXPACK, "build", "-p", tree, "-o", tmp_path / "x.sh", "--secrets", "fail", *FOLLOW, status=2).stderr
    assert all(f"\n  {path}\n" in refused for path in (*CUT, *LEFT, *GONE))
    assert SECRET not in refused
    assert not (tmp_path / "x.sh").exists()


def test_kept_where_asked(tree: Path, tmp_path: Path) -> None:
    result = build(tree, tmp_path / "x.sh", "--secrets", "keep", *FOLLOW)
    assert named(result["findings"], "secret") == {*CUT, *LEFT, *GONE}
    prefix = tmp_path / "new"
    run(tmp_path / "x.sh", "--prefix", prefix)
    for path in (*CUT, *LEFT, *GONE):
        assert SECRET in (prefix / path).read_text()


def test_a_venv(tmp_path: Path) -> None:
    """What somebody appended to the script of activation comes along; its base Python holds no secret."""
    root = environments.make_venv(tmp_path / "venv", environments.DEBIAN_PYTHON, "--without-pip")
    with (root / "bin/activate").open("a") as script:
        script.write(f"export APP_TOKEN={SECRET}\n")
    write(root / "app/.env", f"DB_PASSWORD={SECRET}\n")
    found = json.loads(run(*SFXPACK, "scan", root, "--json").stdout)["findings"]
    assert named(found, "secret") == {"bin/activate", "app/.env"}
    assert named(found, "scrubbed") == set()
