"""Passwords, tokens and keys in files of an environment: where they stand, and whether a file works without them.

Contents in, places out. What a package ships is public, so only files that no package vouches for are looked at
(`content`). Names of tools' files: pip, conda, npm, uv and git's documentation; netrc(5).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
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


_URL: Final = re.compile(rb":(?:\\?/){2}([^/?#\"\\\s]+@)?([^/@\"\\\s]+)([^\"'\s,]*)")
"""User and password, up to the last `@` as browsers and pip read it, host, and the rest; JSON may escape `/`."""
_TOKEN: Final = re.compile(rb"\\?/t\\?/[A-Za-z0-9-]+(?=\\?/|['\",:\s]|$)")
"""As conda takes it out of a URL's path, wherever it stands (conda.common.url, `split_anaconda_token`)."""
_HARMLESS: Final = re.compile(rb"git@|\$(?:\w+|\{[\w-]+\})(?::\$(?:\w+|\{[\w-]+\}))?@")
"""A user that everybody is, or variables (PEP 610)."""
_ALL_OF_IT: Final = re.compile(rb"(?:.*/)?(?:[._]netrc|\.git-credentials|\.aws/credentials|\.pgpass)")
"""Files that hold nothing else."""
_ASKING: Final = re.compile(
    rb"(?:.*/)?(?:pip\.(?:conf|ini)|\.?condarc|\.?mambarc|\.gitconfig|\.git/config|\.?npmrc|\.yarnrc(?:\.yml)?|\.pypirc"
    rb"|\.cargo/credentials(?:\.toml)?)"
)
"""Settings of tools that ask for what they do not find; they have lines for passwords and tokens."""
_LISTING: Final = re.compile(
    rb"(?:.*/)?(?:uv\.toml|pixi\.toml|pyproject\.toml|config\.toml|requirements[^/]*\.txt|environment\.ya?ml)"
)
"""Files that list where packages come from."""
_LINE: Final = re.compile(
    rb"^[ \t]*(?:\S*:)?(?:_authToken|_auth|_password|npmAuthToken|npmAuthIdent|password|token|extraheader)[ \t]*[=:]"
    rb"[ \t]*(?![\"']?\$\{[^}\n]*\}[\"']?[ \t\r]*$)(?:([\"'])([^\n]+?)\1[ \t\r]*(?:[#;][^\n]*)?|(\S[^\n]*?)[ \t\r]*)$",
    re.MULTILINE | re.IGNORECASE,
)
"""All between the quotes, or all of the line: passwords have blanks too; not the name of a variable alone."""
_PROXY: Final = re.compile(rb"^[ \t]*(?:https?[-_])?proxy[ \t]*[=:][ \t]*[\"']?([^\s/:]+:[^\s/]+@)", re.MULTILINE)
"""pip and npm take a proxy without a scheme."""
_ACCOUNTS: Final = re.compile(
    rb"(?:.*/)?(?:\.docker/config\.json|application_default_credentials\.json|kaggle\.json|\.rattler/credentials\.json"
    rb"|\.mamba/auth/authentication\.json)"
)
"""Files of accounts, which something here may need: Docker, Google Cloud, Kaggle, pixi, mamba."""
_MEMBER: Final = re.compile(
    rb'"(?:auth|identitytoken|client_secret|refresh_token|key|password|(?:Conda|Bearer)?token)"\s*:\s*"[^"]',
    re.IGNORECASE,
)
_KEY: Final = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\\[nr]|\s)+[A-Za-z0-9+/]|^PuTTY-User-Key-File-",
    re.MULTILINE,
)
"""With what follows: programs name the first line alone."""
_KEY_MARKS: Final = (b"PRIVATE KEY", b"PuTTY-User-Key-File-")
_PUBLISHED: Final = re.compile(rb"(?:.*/)?lib/(?:python|pypy)[0-9.]+t?/test/.*")
"""Keys that the standard library's own tests use, where no record vouches for them."""
_SHAPES: Final = re.compile(
    rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,}|glpat-[\w-]{20}|AKIA[0-9A-Z]{16}|hf_[A-Za-z0-9]{34}"
    rb"|pypi-AgEIcHlwaS5vcmc[\w-]{50,}|xox[abprs]-[\w-]{20,}|npm_[A-Za-z0-9]{36}|sk-ant-[\w-]{40,})"
)
"""Tokens that can be told by their beginning: GitHub, GitLab, Amazon, Hugging Face, PyPI, Slack, npm, Anthropic."""
_SHAPED_IN: Final = re.compile(rb".*\.(?:ini|cfg|conf|toml|ya?ml|json|sh)")
_OBJECTS: Final = re.compile(rb"conda-meta/state|etc/conda/env_vars\.d/[^/]*\.json")
"""Variables that activation exports, as JSON."""
_SCRIPTS: Final = re.compile(rb"(?:.*/)?(?:activate(?:\.d/.*)?|[^/]*\.env|\.env[^/]*|\.?Renviron(?:\.site)?)")
"""Files with lines for variables."""
_NAMED: Final = (_ALL_OF_IT, _ASKING, _LISTING, _ACCOUNTS, _OBJECTS, _SCRIPTS, _SHAPED_IN)
_ASSIGNMENT: Final = re.compile(
    rb"^[ \t]*(?:(?:export[ \t]+|\$env:|\$)?(\w+)[ \t]*=|(?:setenv|set[ \t]+-\w+|_sfxpack_export)[ \t]+(\w+)[ \t])"
    rb"[ \t]*[\"']?[^\s\"'$`]",
    re.MULTILINE | re.IGNORECASE,
)
"""In sh, csh, fish, xonsh, PowerShell and our own `bin/activate`; of a value, not of another variable."""
_NAME: Final = re.compile(
    r"(?!.*_(?:FILE|PATH|DIR)$).*(?:TOKEN(?!IZ)|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIAL|(?:API|ACCESS)KEY"
    r"|(?:^|_)(?:KEY|PASS|PWD|PAT)$)",
    re.IGNORECASE,
)
_UNSET: Final = "***unset***"
"""What `conda env config vars unset` leaves as the value."""
_NETWORK: Final = "password or token in a URL"
_STATED: Final = "password or token"


def is_suspect(path: bytes, content: bytes) -> bool:
    """Whether a file may hold any: a cheap test that nearly all fail."""
    if len(content) > LARGEST:
        return False
    if _is_named(path):
        return True
    return any(mark in content for mark in _KEY_MARKS) and not _PUBLISHED.fullmatch(path)


def is_nothing_else(path: bytes) -> bool:
    """Whether a file is there for its passwords alone."""
    return _ALL_OF_IT.fullmatch(path) is not None


def find(path: bytes, content: bytes) -> tuple[Secret, ...]:
    """Secrets of a file that no package vouches for, in their order."""
    if is_nothing_else(path):
        return (Secret("passwords or keys, and nothing else"),) if content.strip() else ()
    found: list[Secret] = []
    if _ASKING.fullmatch(path):
        found += (Secret(_STATED, *match.span(2 if match[2] else 3)) for match in _LINE.finditer(content))
        found += (Secret(_NETWORK, *match.span(1)) for match in _PROXY.finditer(content))
    if _ASKING.fullmatch(path) or _LISTING.fullmatch(path):
        found += _apart(in_urls(content, conda=b"conda" in path or b"mamba" in path), found)
    if _SCRIPTS.fullmatch(path) and any(in_urls(content, conda=False)):
        found.append(Secret(_NETWORK))
    if _ACCOUNTS.fullmatch(path) and _MEMBER.search(content):
        found.append(Secret("keys of an account"))
    if _KEY.search(content):
        found.append(Secret("private key"))
    if _is_named(path):
        shaped = (Secret("what looks like a token", *match.span()) for match in _SHAPES.finditer(content))
        found += (Secret(secret.what) for secret in _apart(shaped, found))
    found += (Secret(f"environment variable {name}") for name in _variables(path, content))
    return tuple(sorted(found, key=lambda secret: secret.start))


def _is_named(path: bytes) -> bool:
    return any(named.fullmatch(path) for named in _NAMED)


def in_record(path: bytes, content: bytes) -> tuple[Secret, ...]:
    """Secrets of a file of `conda-meta` or a `direct_url.json`."""
    if _OBJECTS.fullmatch(path):
        return find(path, content)
    return tuple(in_urls(content, conda=path.startswith(b"conda-meta/")))


def in_urls(content: bytes, *, conda: bool) -> Iterator[Secret]:
    """Users' passwords and conda's tokens in URLs; in files that are not `conda`'s, a token right behind the host."""
    if not any(mark in content for mark in (b"@", b"/t/", b"\\/t\\/")):
        return
    for match in _URL.finditer(content):
        if content.endswith(b"file", 0, match.start()):
            continue
        network = content.endswith((b"http", b"https"), 0, match.start())
        if match[1] and not _HARMLESS.fullmatch(match[1]) and (network or b":" in match[1]):
            yield Secret(_NETWORK, *match.span(1))  # a user alone is a token over HTTP, and a name elsewhere
        token = (_TOKEN.search if conda else _TOKEN.match)(content, *match.span(3))
        if token and (conda or token.end() < match.end()):
            yield Secret(_NETWORK, *token.span())


def _variables(path: bytes, content: bytes) -> Iterator[str]:
    """Names of variables that say that they hold a secret, or whose values are URLs with a password."""
    if _SCRIPTS.fullmatch(path):
        names = (match[1] or match[2] for match in _ASSIGNMENT.finditer(content))
        yield from (text for name in names if _NAME.match(text := name.decode("latin-1")))
    if _OBJECTS.fullmatch(path):
        for name, value in _object(content).items():
            secret = _NAME.match(name) or any(in_urls(str(value).encode("utf-8", "surrogateescape"), conda=True))
            if secret and value not in ("", _UNSET):
                yield name


def _object(content: bytes) -> dict[str, object]:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    inner = value.get("env_vars", value) if isinstance(value, dict) else {}
    return inner if isinstance(inner, dict) else {}


def _apart(found: Iterable[Secret], taken: Iterable[Secret]) -> list[Secret]:
    """Without what overlaps something that is cut."""
    cut = [(secret.start, secret.end) for secret in taken if secret.safe]
    return [secret for secret in found if not any(a < secret.end and secret.start < b for a, b in cut)]
