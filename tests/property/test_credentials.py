"""Whatever the password: nothing of it is left, and the file can be read as before."""

from __future__ import annotations

import configparser
import string

import yaml
from hypothesis import given
from hypothesis import strategies as st

from sfxpack.credentials import find
from tests.property.strategies import SETTINGS

SHORTEST = 8
"""Characters, so that a password is no part of what stands around it."""
IN_URLS = st.text(string.ascii_letters + string.digits + "@:!$%&'()*+,;=-._~[]{}|^`<>", min_size=SHORTEST)
IN_LINES = st.text(string.printable.strip() + " ", min_size=SHORTEST).map(str.strip).filter(lambda text: len(text) > 1)


def cut(path: bytes, text: str) -> str:
    """What a build leaves of a file."""
    content = text.encode()
    for secret in reversed(find(path, content)):
        content = content[: secret.start] + content[secret.end :] if secret.safe else content
    return content.decode()


@SETTINGS
@given(IN_URLS)
def test_in_a_url_of_an_ini_file(password: str) -> None:
    left = cut(b"pip.conf", f"[global]\nindex-url = https://me:{password}@host/simple\nuser = no\n")
    parser = configparser.RawConfigParser()
    parser.read_string(left)
    assert dict(parser["global"]) == {"index-url": "https://host/simple", "user": "no"}


@SETTINGS
@given(IN_LINES)
def test_in_a_line_of_an_ini_file(password: str) -> None:
    left = cut(b".pypirc", f"[pypi]\nusername = me\npassword = {password}\n[next]\n")
    parser = configparser.RawConfigParser()
    parser.read_string(left)
    assert parser["pypi"]["username"] == "me"
    assert password not in left or (password.startswith("${") and password.endswith("}"))
    assert parser.has_section("next")


@SETTINGS
@given(IN_URLS.filter(lambda text: not set(text) & set("'{}[],&*#?|<>%@`!")))
def test_in_a_url_of_a_yaml_file(password: str) -> None:
    left = cut(b".condarc", f"channels:\n  - 'https://me:{password}@host/t/abc/main'\n  - defaults\n")
    assert yaml.safe_load(left) == {"channels": ["https://host/main", "defaults"]}
