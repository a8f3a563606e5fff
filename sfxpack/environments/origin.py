"""Where a tree was made that does not lie there any more, by what its own files say (SPEC, "What the encoder decides").

Taken without asking only where the files agree; a place that a few of them name is reported as `stale`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sfxpack.environments import condapack, witnesses
from sfxpack.environments.locate import SHARED_ROOTS, SYSTEM_ROOTS
from sfxpack.environments.spelling import Spellings
from sfxpack.environments.witnesses import Claim
from sfxpack.errors import DiscoveryError
from sfxpack.model import Finding, Origin

_FEW: Final = 5
"""A place competes with the one that most files name if it has more than one file for every `_FEW` of those."""
_MOST_LISTED: Final = 10
"""Places a message lists."""
_PLACEHOLDER: Final = re.compile(rb"_env_placehold|/opt/anaconda1anaconda2anaconda3|/_build_env\Z")
"""Prefixes that packages were built at: no tree was ever used there, and every package has one of its own. Spack makes
its stores at padded paths (`__spack_path_placeholder__`), which are places as any other."""
_WAY_OUT: Final = "add `--old-prefix PATH` for each of these places that it lay at"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from the claims."""

    origin: Origin | None = None
    """The place that counts as the tree's own from now on."""
    stale: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()


def work_out(root: Path, spellings: Spellings, *, given: bool) -> tuple[Spellings, Verdict]:
    """Read what the files of a tree say of its place; the spellings they add are added.

    `given`: the user has said where it was made (`--old-prefix`), so only what else is named is of interest.

    Raises:
        DiscoveryError: no file names the tree's own place, and several others compete.
    """
    top = os.fsencode(root)
    claims = witnesses.claims(witnesses.gather(root), lambda path: os.path.lexists(top + b"/" + path))
    spellings = spellings.with_recorded(os.fsdecode(place) for place in dict.fromkeys(claim.old for claim in claims))
    packed_at = None if given else condapack.made_at(root)
    spellings = spellings.with_foreign([packed_at] if packed_at else [])
    unsettled = [claim for claim in claims if claim.old not in spellings.foreign and is_place(claim, os.path.exists)]
    verdict = decide(unsettled, spellings.paths, given=given)
    if packed_at in spellings.foreign and verdict.origin is None:
        verdict = replace(verdict, origin=Origin(packed_at, 1))
    return spellings.with_foreign([verdict.origin.path] if verdict.origin else []), verdict


def is_place(claim: Claim, exists: Callable[[bytes], bool]) -> bool:
    """Whether the tree may have lain at a place: it is gone, or the same file lies there too.

    Else the file names a program of another installation, as the scripts of a venv could name its base. What sfxpack
    itself noted down is true whatever lies there now.
    """
    if claim.old in SYSTEM_ROOTS | SHARED_ROOTS or os.path.normpath(claim.old) != claim.old:
        return False
    return claim.path == witnesses.STATE or not exists(claim.named) or exists(claim.old + b"/" + claim.path)


def decide(claims: Sequence[Claim], own: Sequence[bytes], *, given: bool) -> Verdict:
    """Weigh the claims of files: those for the tree's `own` places, the root first, and for others.

    Raises:
        DiscoveryError: as `work_out`.
    """
    files = {
        place: [claim.path for claim in claims if claim.old == place]
        for place in dict.fromkeys(claim.old for claim in claims)
        if place not in own
    }
    mine = len({claim.path for claim in claims if claim.old in own})
    taken, warnings = (None, ()) if given else _choose(files, mine, own[0])
    stale = (Finding("stale", path, os.fsdecode(old)) for old, paths in files.items() if old != taken for path in paths)
    return Verdict(Origin(taken, len(files[taken])) if taken else None, tuple(stale), warnings)


def _choose(files: Mapping[bytes, Sequence[bytes]], mine: int, root: bytes) -> tuple[bytes | None, tuple[str, ...]]:
    """The place that counts as the tree's own too, if there is one; `mine` files name the root."""
    told = [place for place, paths in files.items() if witnesses.STATE in paths]
    if told:
        return told[0], ()
    order = sorted((place for place in files if not _PLACEHOLDER.search(place)), key=lambda place: -len(files[place]))
    most = len(files[order[0]]) if order else 0
    if most <= mine:
        return None, ()
    if not any(count * _FEW > most for count in (mine, *(len(files[place]) for place in order[1:]))):
        return order[0], ()
    named = os.fsdecode(root)
    lines = [
        f"  {os.fsdecode(place)}: {_files(len(files[place]))}, {os.fsdecode(files[place][0])} for one"
        for place in order[:_MOST_LISTED]
    ]
    if len(order) > len(lines):
        lines.append(f"  and {len(order) - len(lines)} more")
    if mine:
        head = f"{named}: {_files(mine)} tell that it was made here, but more name other places, which stay as they are"
        return None, ("\n".join([f"{head}; {_WAY_OUT}:", *lines]),)
    leave = f"(`--old-prefix {named}` leaves them all as they are)"
    raise DiscoveryError(
        "\n".join([f"{named}: was made elsewhere, but its files do not agree where; {_WAY_OUT}:", *lines, leave])
    )


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
