"""Where secrets stand in files of an environment."""

from __future__ import annotations

import configparser
import json

import pytest

from sfxpack import credentials
from sfxpack.credentials import find, is_suspect

PASSWORD = b"hunter2-s3cret"
GITHUB = b"ghp_" + b"a1B2" * 9
PEM = b"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"


def cut(path: bytes, content: bytes) -> bytes:
    """What is left of a file."""
    for secret in sorted(find(path, content), key=lambda secret: -secret.start):
        content = content[: secret.start] + content[secret.end :] if secret.safe else content
    return content


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        (b"pip.conf", b"index-url = https://me:%s@pkgs.example/simple\n", b"index-url = https://pkgs.example/simple\n"),
        (b"pip.conf", b"index-url = https://${USER}:${PASS}@x/simple\n", None),
        (b"pip.conf", b"index-url = https://${USER}:%s@x/simple\n", b"index-url = https://x/simple\n"),
        (b"pip.conf", b"index-url = https://me:at@%s@x/simple\n", b"index-url = https://x/simple\n"),
        (b"pip.conf", b"proxy = me:at@%s@proxy:8080\n", b"proxy = proxy:8080\n"),
        (b"pip.conf", b"proxy = http://me:%s@proxy:8080\n", b"proxy = http://proxy:8080\n"),
        (b"etc/pip.conf", b"[global]\nextra-index-url=https://%s@x/s\n", b"[global]\nextra-index-url=https://x/s\n"),
        (b".condarc", b"channels:\n  - https://x/t/%s/conda\n", b"channels:\n  - https://x/conda\n"),
        (b".condarc", b"channels: ['https://me:%s@x/conda']\n", b"channels: ['https://x/conda']\n"),
        (b".npmrc", b"//r/:_authToken=%s\nfund=false\n", b"//r/:_authToken=\nfund=false\n"),
        (b".npmrc", b"//r/:_authToken=${NPM}\n", None),
        (b".pypirc", b"[pypi]\nusername = me\npassword: %s\n", b"[pypi]\nusername = me\npassword: \n"),
        (b".git/config", b"url = https://me:%s@x/r.git\n", b"url = https://x/r.git\n"),
        (b".pypirc", b"[pypi]\npassword = two words %s\n", b"[pypi]\npassword = \n"),
        (b".pypirc", b'[pypi]\npassword = "quoted"%s\r\n', b"[pypi]\npassword = \r\n"),
        (b".yarnrc.yml", b'npmAuthToken: "%s"\n', b'npmAuthToken: ""\n'),
        (b".cargo/credentials.toml", b'token = "%s" # mine\n', b'token = "" # mine\n'),
        (b".git/config", b"extraheader = AUTHORIZATION: basic %s\n", b"extraheader = \n"),
        (b".git/config", b"url = ssh://git@x/r.git\n", None),
        (b".git/config", b"url = https://git@x/r.git\n", None),
        (b"uv.toml", b'url = "https://me:%s@x/simple"\n', b'url = "https://x/simple"\n'),
        (b"pyproject.toml", b'db = "postgres://app@db/x"\ntoken = "NAME"\n', None),
        (b"requirements-dev.txt", b"git+https://%s@x/r.git\n", b"git+https://x/r.git\n"),
    ],
)
def test_what_is_cut_of_settings(path: bytes, content: bytes, expected: bytes | None) -> None:
    text = content.replace(b"%s", PASSWORD)
    assert is_suspect(path, text)
    assert cut(path, text) == (text if expected is None else expected)


def test_a_token_that_is_cut_is_not_told_of_as_left() -> None:
    (found,) = find(b"pip.conf", b"index-url = https://__token__:%s@x/simple\n" % GITHUB)
    assert found.safe


def test_settings_stay_valid() -> None:
    text = b"[global]\nindex-url = https://me:%s@x/simple\n[install]\nuser = false\n" % PASSWORD
    parser = configparser.ConfigParser()
    parser.read_string(cut(b"pip.conf", text).decode())
    assert parser["global"]["index-url"] == "https://x/simple"
    pypirc = b"[pypi]\nusername = __token__\npassword = %s\n[other]\nrepository = https://x\n" % PASSWORD
    parser = configparser.ConfigParser()
    parser.read_string(cut(b".pypirc", pypirc).decode())
    assert parser["pypi"]["password"] == ""
    assert parser["other"]["repository"] == "https://x"


@pytest.mark.parametrize(
    ("path", "content", "what"),
    [
        (b"etc/server.pem", PEM, "private key"),
        (b"x/key", b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3\n", "private key"),
        (b"x.json", json.dumps({"private_key": PEM.decode()}).encode(), "private key"),
        (b"x.ppk", b"PuTTY-User-Key-File-3: ssh-ed25519\n", "private key"),
        (b"settings.yaml", b"token_of_ci: " + GITHUB + b"\n", "what looks like a token"),
        (b"etc/conda/activate.d/x.sh", b"export X=" + GITHUB + b"\n", "what looks like a token"),
        (b"x/.docker/config.json", b'{"auths": {"x": {"auth": "eDp5"}}}', "keys of an account"),
        (b"application_default_credentials.json", b'{"client_secret": "x"}', "keys of an account"),
        (b"app/.env", b"DB_URL=postgres://me:x@db/x\n", "password or token in a URL"),
        (b"app/.env", b"A=b\nexport DB_PASSWORD='x'\n", "environment variable DB_PASSWORD"),
        (b"lib/R/etc/Renviron.site", b"GITHUB_PAT=x\n", "environment variable GITHUB_PAT"),
        (b"etc/conda/activate.d/x.sh", b"  export MY_KEY=x\n", "environment variable MY_KEY"),
        (b"etc/conda/activate.d/x.csh", b"setenv MY_KEY x\n", "environment variable MY_KEY"),
        (b"etc/conda/activate.d/x.fish", b"set -gx MY_KEY x\n", "environment variable MY_KEY"),
        (b"bin/activate", b"API_TOKEN=x\n", "environment variable API_TOKEN"),
        (b"etc/conda/env_vars.d/x.json", b'{"DB": "postgres://me:x@db/x"}', "environment variable DB"),
        (b"conda-meta/state", b'{"env_vars": {"API_KEY": "x", "HOME_OF": "y"}}', "environment variable API_KEY"),
        (b"etc/conda/env_vars.d/x.json", b'{"MY_PASSWORD": "x"}', "environment variable MY_PASSWORD"),
    ],
)
def test_what_is_told_of_and_stays(path: bytes, content: bytes, what: str) -> None:
    assert is_suspect(path, content)
    assert [secret.what.startswith(what) for secret in find(path, content)] == [True]
    assert cut(path, content) == content


@pytest.mark.parametrize("path", [b".netrc", b"home/_netrc", b".git-credentials", b"x/.aws/credentials"])
def test_files_that_hold_nothing_else(path: bytes) -> None:
    assert credentials.is_nothing_else(path)
    assert [secret.what for secret in find(path, b"machine x login me password y\n")]
    assert find(path, b"\n") == ()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (b"lib/x.py", b'KEY = "-----BEGIN PUBLIC KEY-----"\n'),
        (b"lib/x.py", b"url = 'https://me:secret@host/'\n"),
        (b"README.md", b"password = hunter2\n"),
        (b"x.sh", b"echo '-----BEGIN PRIVATE KEY-----'\n-----BEGIN PRIVATE KEY-----\n...\n"),
        (b".docker/config.json", b'{"credsStore": "pass"}'),
        (b"etc/conda/activate.d/x.sh", b'export API_KEY="$OTHER"\nunset TOKEN x\nTOKENIZERS_PARALLELISM=no\n'),
        (b"etc/conda/activate.d/x.sh", b"export SSL_KEY_FILE=/etc/x\n"),
        (b"conda-meta/state", b'{"env_vars": {"API_KEY": "***unset***", "TOKEN": ""}}'),
        (b"conda-meta/state", b"{"),
        (b"conda-meta/state", b"[]"),
        (b"pip.conf", b"index-url = https://pypi.org/simple\ntrusted-host = me@x\n"),
        (b"x.json", b'{"url": "https://x/t/abc/y"}'),
    ],
)
def test_what_is_none(path: bytes, content: bytes) -> None:
    assert find(path, content) == ()


def test_large_files_are_not_looked_at() -> None:
    assert not is_suspect(b"pip.conf", b"x" * (credentials.LARGEST + 1))
    assert not is_suspect(b"lib/x.so", PEM + bytes(credentials.LARGEST))
    assert is_suspect(b"lib/x.so", PEM)


def test_keys_of_the_standard_librarys_tests_are_public() -> None:
    assert not is_suspect(b"lib/python3.11/test/certdata/keycert.pem", PEM)
    assert is_suspect(b"lib/python3.11/site-packages/x/test/key.pem", PEM)
