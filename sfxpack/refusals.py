"""Findings that a policy of the request does not accept: a build refuses them, a scan says that it would."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sfxpack.errors import DiscoveryError, naming
from sfxpack.model import Finding, Policy
from sfxpack.ownership import Ownership
from sfxpack.request import Request


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What `fail` of one option means."""

    option: str
    category: str
    """Of the findings it refuses."""
    text: str
    """What is wrong with these files, and the way out."""


_REFUSALS: Final = (
    _Refusal(
        "ambiguous",
        "ambiguous",
        "these files hold the old prefix as part of what may be another path; --ambiguous keep leaves that alone, "
        "--ambiguous relocate changes it",
    ),
    _Refusal(
        "secrets",
        "secret",
        "these files hold passwords, tokens or keys; remove them, leave the files out with --exclude, or choose "
        "--secrets drop, which cuts what it can, or keep",
    ),
)


def refuse(request: Request, findings: Iterable[Finding], owned: Ownership) -> None:
    """Raise what a build does not accept.

    Raises:
        DiscoveryError: naming the files.
    """
    for refusal, files in _refused(request, findings):
        raise DiscoveryError(naming(f"{refusal.text}:", [os.fsdecode(path) for path in sorted(files)]))
    if request.strict and (named := list(_not_as_installed(owned))):
        text = "--strict: not as packages installed them; without --strict they are packed:"
        raise DiscoveryError(naming(text, named))


def warnings(request: Request, findings: Iterable[Finding], owned: Ownership) -> Iterator[str]:
    """What a scan says of the same."""
    for refusal, files in _refused(request, findings):
        count = sum(files.values())
        yield f"--{refusal.option} fail: a build is refused, for {count} places in {len(files)} files"
    if request.strict and (count := sum(1 for _ in _not_as_installed(owned))):
        yield f"--strict: a build is refused, for {count} files or folders that are not as packages installed them"


def _not_as_installed(owned: Ownership) -> Iterator[str]:
    for package in owned.packages:
        yield from (f"{os.fsdecode(path)}  altered, of {package.name}" for path in package.altered)
        yield from (f"{os.fsdecode(path)}  missing, of {package.name}" for path in package.missing)
        yield from (f"{os.fsdecode(path)}  of {package.name}, by {by}" for path, by in package.clobbered)
    yield from (f"{os.fsdecode(item.path)}  in no package" for item in owned.unowned)


def _refused(request: Request, findings: Iterable[Finding]) -> Iterator[tuple[_Refusal, Counter[bytes]]]:
    """Options that are `fail`, and the files each of them refuses with the number of places."""
    known = tuple(findings)
    for refusal in _REFUSALS:
        if getattr(request, refusal.option) is Policy.FAIL:
            files: Counter[bytes] = Counter()
            for finding in known:
                if finding.category == refusal.category:
                    files[finding.path] += finding.count
            if files:
                yield refusal, files
