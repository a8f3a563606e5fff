"""Passwords, tokens and keys in files of an environment: where they stand, and whether a file works without them.

Contents in, places out. What a package ships is public, so only files that no package vouches for are looked at
(`content`). Names of tools' files: pip, conda, npm, uv and git's documentation; netrc(5).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

LARGEST: Final = 256 * 1024
"""Bytes from which a file is no key and no settings."""


@dataclass(frozen=True, slots=True)
class Secret:
    """One place."""

    what: str
    """For people; never the secret itself."""
    start: int = 0
    end: int = 0
    """What can be cut: the file stays valid; nothing if the two are equal."""

    @property
    def safe(self) -> bool:
        """Whether it can be cut."""
        return self.end > self.start


_URL: Final = re.compile(rb":(?:\\?/){2}([^/@\"\\\s]+@)?([^/@\"\\\s]+)([^\"'\s,]*)")
"""User and password, host, and the rest; JSON may escape `/`."""
_TOKEN: Final = re.compile(rb"\\?/t\\?/[A-Za-z0-9-]+(?=\\?/|['\",:\s]|$)")
"""As conda takes it out of a URL's path, wherever it stands (conda.common.url, `split_anaconda_token`)."""
_ALL_OF_IT: Final = re.compile(rb"(?:.*/)?(?:[._]netrc|\.git-credentials|\.aws/credentials)")
"""Files that hold nothing else."""
_SETTINGS: Final = re.compile(
    rb"(?:.*/)?(?:pip\.(?:conf|ini)|\.?condarc|\.?mambarc|\.gitconfig|\.git/config|\.?npmrc|\.yarnrc(?:\.yml)?|\.pypirc"
    rb"|uv\.toml|pixi\.toml|pyproject\.toml|config\.toml|\.docker/config\.json|requirements[^/]*\.txt"
    rb"|environment\.ya?ml|[^/]*\.env|\.env[^/]*)"
)
"""Files in which URLs may have passwords, and which have lines for passwords and tokens."""
_LINE: Final = re.compile(
    rb"^[ \t]*(?:\S*:)?(?:_authToken|_auth|_password|npmAuthToken|npmAuthIdent|password|token)[ \t]*[=:][ \t]*"
    rb"(?!\$)(\"[^\"\n]+\"|'[^'\n]+'|[^\s\"'$][^\s]*)",
    re.MULTILINE | re.IGNORECASE,
)
_KEY: Final = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|^PuTTY-User-Key-File-", re.MULTILINE)
_KEY_MARKS: Final = (b"PRIVATE KEY", b"PuTTY-User-Key-File-")
_SHAPES: Final = re.compile(
    rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,}|glpat-[\w-]{20}|AKIA[0-9A-Z]{16}|hf_[A-Za-z0-9]{34}"
    rb"|pypi-AgEIcHlwaS5vcmc[\w-]{50,}|xox[abprs]-[\w-]{20,}|npm_[A-Za-z0-9]{36}|sk-ant-[\w-]{40,})"
)
"""Tokens that can be told by their beginning: GitHub, GitLab, Amazon, Hugging Face, PyPI, Slack, npm, Anthropic."""
_SHAPED_IN: Final = re.compile(
    rb"(?:.*/)?(?:activate(?:\.d/.*)?|env_vars\.d/.*\.json|conda-meta/state|[^/]*\.(?:ini|cfg|conf|toml|ya?ml|json|sh|env))"
)
_VARIABLES: Final = re.compile(rb"(?:.*/)?(?:conda-meta/state|etc/conda/env_vars\.d/[^/]*\.json)")
_NAME: Final = re.compile(r"TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIAL|API_?KEY|ACCESS_?KEY", re.IGNORECASE)
_NETWORK: Final = "password or token in a URL"


def is_suspect(path: bytes, content: bytes) -> bool:
    """Whether a file may hold any: a cheap test that nearly all fail."""
    if len(content) > LARGEST:
        return False
    named = _ALL_OF_IT.fullmatch(path) or _SETTINGS.fullmatch(path) or _SHAPED_IN.fullmatch(path)
    return named is not None or any(mark in content for mark in _KEY_MARKS)


def is_nothing_else(path: bytes) -> bool:
    """Whether a file is there for its passwords alone."""
    return _ALL_OF_IT.fullmatch(path) is not None


def find(path: bytes, content: bytes) -> tuple[Secret, ...]:
    """Secrets of a file that no package vouches for, in their order."""
    if is_nothing_else(path):
        return (Secret("passwords or keys, and nothing else"),) if content.strip() else ()
    found: list[Secret] = []
    if _SETTINGS.fullmatch(path):
        found += in_urls(content, conda=b"conda" in path or b"mamba" in path)
        found += (Secret("password or token", *match.span(1)) for match in _LINE.finditer(content))
    if _KEY.search(content):
        found.append(Secret("private key"))
    if _SHAPED_IN.fullmatch(path) and _SHAPES.search(content):
        found.append(Secret("what looks like a token"))
    if _VARIABLES.fullmatch(path):
        found += (Secret(f"environment variable {name}, which activation exports") for name in _variables(content))
    return tuple(sorted(_apart(found), key=lambda secret: secret.start))


def in_record(path: bytes, content: bytes) -> tuple[Secret, ...]:
    """Secrets of a file of `conda-meta` or a `direct_url.json`."""
    conda = path.startswith(b"conda-meta/")
    variables = find(path, content) if _VARIABLES.fullmatch(path) else ()
    return (*in_urls(content, conda=conda), *variables)


def in_urls(content: bytes, *, conda: bool) -> Iterator[Secret]:
    """Users' passwords and conda's tokens in URLs; in files that are not `conda`'s, a token right behind the host."""
    if not any(mark in content for mark in (b"@", b"/t/", b"\\/t\\/")):
        return
    for match in _URL.finditer(content):
        if content.endswith(b"file", 0, match.start()):
            continue
        ssh = content.endswith(b"ssh", 0, match.start())
        if match[1] and not match[1].startswith(b"${") and (not ssh or b":" in match[1]):
            yield Secret(_NETWORK, *match.span(1))  # PEP 610: variables stay, and so does `git@` of ssh
        token = (_TOKEN.search if conda else _TOKEN.match)(content, *match.span(3))
        if token and (conda or token.end() < match.end()):
            yield Secret(_NETWORK, *token.span())


def _variables(content: bytes) -> Iterator[str]:
    """Names of variables that say that they hold a secret."""
    try:
        value = json.loads(content)
    except ValueError:
        return
    inner = value.get("env_vars", value) if isinstance(value, dict) else {}
    yield from (name for name in inner if isinstance(inner, dict) and _NAME.search(name))


def _apart(found: list[Secret]) -> Iterator[Secret]:
    """Without what lies in another."""
    taken = [(secret.start, secret.end) for secret in found if secret.safe]
    for secret in found:
        inside = any(a <= secret.start and secret.end <= b and (a, b) != (secret.start, secret.end) for a, b in taken)
        if not (secret.safe and inside):
            yield secret
