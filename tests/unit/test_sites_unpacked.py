"""First lines that conda-pack rewrote come back where a record proves them."""

from __future__ import annotations

import hashlib

import pytest

from sfxpack import sites
from sfxpack.format.layout import ShebangForm, Strategy
from sfxpack.model import CondaFile, Rename
from sfxpack.sites import unpacked
from tests.environments import PLACEHOLDER
from tests.sitekit import ROOT, environment

NEEDLES = sites.needles(environment(renames=(Rename(b"/made/here", b""),)))
REST = b"\nimport sys\n"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def record(sha256: str = "", placeholder: bytes = b"", path_type: str = "hardlink") -> CondaFile:
    return CondaFile(sha256, "", "text" if placeholder else "", placeholder, path_type, "x")


@pytest.mark.parametrize("old", [ROOT, b"/made/here"])
@pytest.mark.parametrize("blank", [b"", b" "])
def test_a_recorded_digest_proves_it(old: bytes, blank: bytes) -> None:
    stated = {"0" * 64, digest(b"#!" + blank + old + b"/bin/python3.11 -I" + REST)}
    found = unpacked.find(b"#!/usr/bin/env python3.11 -I" + REST, None, NEEDLES, stated)
    (site,) = found.sites
    assert (site.strategy, site.neutral) == (Strategy.SHEBANG, b"#!" + blank + b"/bin/python3.11 -I")
    assert (site.start, site.end, site.hits) == (0, len(b"#!/usr/bin/env python3.11 -I"), (2 + len(blank),))
    assert (site.detail, site.renamed) == (ShebangForm.PYTHON, True)


def test_the_packages_digest_proves_it() -> None:
    package = b"#!" + PLACEHOLDER + b"/bin/perl" + REST
    known = record(digest(package), PLACEHOLDER)
    assert unpacked.find(b"#!/usr/bin/env perl" + REST, known, NEEDLES, ()).sites
    assert not unpacked.find(b"#!/usr/bin/env perl" + REST + b"edited", known, NEEDLES, ()).sites


def test_an_entry_point_starts_the_environments_python() -> None:
    known = record(path_type="unix_python_entry_point")
    assert unpacked.find(b"#!/usr/bin/env python3.11" + REST, known, NEEDLES, ()).sites
    assert not unpacked.find(b"#!/usr/bin/env bash" + REST, known, NEEDLES, ()).sites


def test_a_script_that_was_so_stays() -> None:
    content = b"#!/usr/bin/env python" + REST
    assert not unpacked.find(content, None, NEEDLES, {digest(content)}).sites
    assert not unpacked.find(content, record(digest(content)), NEEDLES, {digest(content)}).sites
    assert not unpacked.find(content, None, NEEDLES, ()).sites


def test_only_scripts_in_bin_were_rewritten() -> None:
    assert unpacked.is_candidate(b"bin/x", b"#!/usr/bin/env python\n")
    assert not unpacked.is_candidate(b"lib/x.py", b"#!/usr/bin/env python\n")
    assert not unpacked.is_candidate(b"bin/x", b"#!/usr/bin/python\n")
    assert not unpacked.find(b"#!/usr/bin/env /a/python" + REST, None, NEEDLES, ()).sites
