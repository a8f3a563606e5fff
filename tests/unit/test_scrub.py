"""What records tell of the build machine is blanked, and nothing else."""

from __future__ import annotations

import hashlib
import json

import pytest

from sfxpack import neutral
from sfxpack.model import Found
from sfxpack.scrub import scrub

ROOTS = (b"/opt/env",)


def blanked(path: str, content: bytes) -> bytes:
    return neutral.neutralise(content, Found((), scrub(path.encode(), content, ROOTS))).content


@pytest.mark.parametrize(
    ("path", "url", "expected"),
    [
        ("x.dist-info/direct_url.json", "https://user:pass@host/x.whl", "https://host/x.whl"),
        ("x.dist-info/direct_url.json", "https://token@host/x.git", "https://host/x.git"),
        ("x.dist-info/direct_url.json", "ssh://git@host/x.git", "ssh://git@host/x.git"),
        ("x.dist-info/direct_url.json", "ssh://me:secret@host/x.git", "ssh://host/x.git"),
        ("x.dist-info/direct_url.json", "https://${USER}:${PASS}@host/x", "https://${USER}:${PASS}@host/x"),
        ("x.dist-info/direct_url.json", "https://host/group/t/x.git", "https://host/group/t/x.git"),
        ("x.dist-info/direct_url.json", "file:///opt/env/x@1", "file:///opt/env/x@1"),
        ("x.dist-info/direct_url.json", "file:///opt/env", "file:///opt/env"),
        ("x.dist-info/direct_url.json", "file:///opt/%65nv/src", "file:///opt/%65nv/src"),
        ("x.dist-info/direct_url.json", "file:///opt/environment/x", "file:///x"),
        ("x.dist-info/direct_url.json", "file:///home/me/wheels/x-1.whl", "file:///x-1.whl"),
        ("x.dist-info/direct_url.json", "file://localhost/home/me/x%20y/", "file:///x%20y/"),
        ("x.dist-info/direct_url.json", "file:///home%2Fme%2fx.whl", "file:///x.whl"),
        ("conda-meta/x.json", "https://host/t/abc/main", "https://host/main"),
        ("conda-meta/x.json", "https://host/some/t/abc", "https://host/some"),
        ("conda-meta/x.json", "https://host/api/t/tk-1/main/x.conda", "https://host/api/main/x.conda"),
        ("conda-meta/x.json", "https://me:pw@host/t/tk-1/main", "https://host/main"),
        ("conda-meta/x.json", "https://host/test/t.conda", "https://host/test/t.conda"),
        ("conda-meta/x.json", "https://conda.anaconda.org/conda-forge", "https://conda.anaconda.org/conda-forge"),
        ("conda-meta/x.json", "file:///home/me/ch/linux-64/x-1.conda", "file:///x-1.conda"),
        ("conda-meta/x.json", "file:/home/me/x-1.conda", "file:///x-1.conda"),
        ("conda-meta/x.json", "file:///opt/env/conda-bld/noarch/x-1.conda", "file:///x-1.conda"),
        ("other.json", "https://user:pass@host/x.whl", "https://user:pass@host/x.whl"),
        ("other.json", "file:///home/me/x.whl", "file:///home/me/x.whl"),
    ],
)
@pytest.mark.parametrize("escaped", [False, True])
def test_urls(path: str, url: str, expected: str, escaped: bool) -> None:  # noqa: FBT001 - a row
    content = json.dumps({"url": url, "other": "x@y"})
    if escaped:
        content = content.replace("/", "\\/")
    assert json.loads(blanked(path, content.encode())) == {"url": expected, "other": "x@y"}


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("channel", "file:///home/me/channel/", "file:///channel/"),
        ("channel", "/home/me/channel", "/channel"),
        ("channel", "conda-forge", "conda-forge"),
        ("schannel", "file:///home/me/ch", "file:///ch"),
        ("requested_spec", "file:///home/me/ch/linux-64::x=1", "file:///linux-64::x=1"),
        ("requested_spec", "/home/me/ch::x", "/ch::x"),
        ("requested_spec", "https://me:pw@host/t/ab/ch::x", "https://host/ch::x"),
        ("requested_spec", "x[url='file:///home/me/x.conda',md5=1]", "x[url='file:///x.conda',md5=1]"),
        ("requested_spec", 'x[channel="file:///home/me/ch"]', 'x[channel="file:///ch"]'),
        (
            "requested_spec",
            "x[url='file:///home/x.conda',channel='https://u:p@h/t/k/ch']",
            "x[url='file:///x.conda',channel='https://h/ch']",
        ),
        ("requested_spec", "python >=3.9,<4", "python >=3.9,<4"),
        (
            "requested_specs",
            ["file:///home/m/ch::x[md5=1]", "y/z", "/my h/c::y"],
            ["file:///ch::x[md5=1]", "y/z", "/c::y"],
        ),
        ("requested_specs", [], []),
        ("extracted_package_dir", "/home/me/pkgs/x-1", ""),
        ("package_tarball_full_path", "/home/me/pkgs/x-1.conda", ""),
        ("link", {"source": "/home/me/pkgs/x-1", "type": 1}, {"source": "", "type": 1}),
        ("paths_data", {"paths": [{"prefix_placeholder": "/home/me/_h_env"}]}, None),
    ],
)
def test_members_of_a_record_of_conda(key: str, value: object, expected: object) -> None:
    content = json.dumps({"name": "x", key: value}, indent=2).encode()
    wanted = value if expected is None else expected
    assert json.loads(blanked("conda-meta/x-1.json", content)) == {"name": "x", key: wanted}


def test_the_history_of_conda() -> None:
    content = (
        b"# cmd: /home/me/conda/bin/conda create -p /opt/env -f /home/me/e.yml --channel=/home/me/ch x/y\n"
        b"# update specs: ['https://me:pw@host/t/ab-c/main::x', 'file:///home/me/ch::y']\n"
        b"+https://host/t/ab-c/main/linux-64::x-1-0\n+file:///home/me/ch/linux-64::y-1-0\n/t/x/\n"
        b"+file://localhost/t/me/ch::z-1-0\n"
    )
    assert blanked("conda-meta/history", content) == (
        b"# cmd: conda create -p /opt/env -f e.yml --channel=ch x/y\n"
        b"# update specs: ['https://host/main::x', 'file:///ch::y']\n"
        b"+https://host/main/linux-64::x-1-0\n+file:///linux-64::y-1-0\n/t/x/\n"
        b"+file://localhost/ch::z-1-0\n"
    )


@pytest.mark.parametrize("name", ["pinned", "initial-state.explicit.txt"])
def test_other_files_of_conda(name: str) -> None:
    content = b"@EXPLICIT\nhttps://me:p@w@host/t/tk-1/main/x.conda\n"
    assert blanked(f"conda-meta/{name}", content) == b"@EXPLICIT\nhttps://host/main/x.conda\n"


def test_variables_that_the_user_set_stay() -> None:
    content = b'{"env_vars": {"DB": "postgres://me:pw@db/x"}}'
    assert blanked("conda-meta/state", content) == content


def test_the_project_of_pixi() -> None:
    content = json.dumps({"manifest_path": "/home/me/app/pixi.toml", "environment_name": "default"}).encode()
    assert json.loads(blanked("conda-meta/pixi", content)) == {"manifest_path": "", "environment_name": "default"}


def test_what_a_package_brought_along_stays() -> None:
    content = b'{"dir_info": {}, "url": "file:///home/conda/feedstock_root/build_artifacts/x_1/work"}'
    path = b"lib/python3.11/site-packages/x-1.dist-info/direct_url.json"
    assert scrub(path, content, ROOTS, package_sha256=hashlib.sha256(content).hexdigest()) == ()
    assert scrub(path, content, ROOTS, package_sha256=hashlib.sha256(b"").hexdigest()) != ()
