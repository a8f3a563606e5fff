"""conda environments, by whatever tool made them: `conda-meta` says what each file is.

The package cache is never looked at: it may be gone, and the files on disk are what works.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sfxpack.environments import activation, activation_windows, condapack
from sfxpack.environments.condarc import is_environment
from sfxpack.environments.spelling import Spellings, product_name
from sfxpack.model import CondaFile, Entry, Environment, Finding

_BASE_ONLY: Final = (b"pkgs", b"envs", b"conda-bld")
"""Folders of a base environment that are no part of it: the package cache, other environments, what was built."""
_LINKED: Final = (b"bin/activate", b"bin/conda", b"bin/deactivate")
"""Links to its own scripts that conda made in environments until 4.4."""


def is_conda(root: Path) -> bool:
    """Whether conda's records are there; a venv inside a conda project has none."""
    return is_environment(root) and (not (root / "pyvenv.cfg").is_file() or any((root / "conda-meta").glob("*.json")))


def environment(root: Path, spellings: Spellings, warnings: tuple[str, ...]) -> Environment:
    """Read the records.

    Raises:
        ResourceError: sfxpack's own template of `bin/activate` is missing.
    """
    notes = list(warnings)
    files: dict[bytes, CondaFile] = {}
    subdirs = set()
    for path in sorted((root / "conda-meta").glob("*.json")):
        record = _load(path, notes)
        subdirs.add(record.get("subdir", ""))
        files.update(_files(record, path.stem))
    omitted = _omissions(root, files)
    if omitted:
        names = ", ".join(f"{os.fsdecode(name)}/" for name in sorted(omitted))
        notes.append(f"left out of the base environment: {names}")
    linked = frozenset(path for path in _LINKED if path not in files and _leads_out(root, path))
    if added := condapack.added(root) - files.keys():
        names = ", ".join(os.fsdecode(name) for name in sorted(added))
        notes.append(f"left out, as conda-pack's work is done when the environment is installed: {names}")
    is_windows = any(str(subdir).startswith("win") for subdir in subdirs)
    return Environment(
        kind="conda",
        root=root,
        name=product_name(root),
        renames=spellings.renames(),
        conda=files,
        placeholders=tuple(sorted({file.placeholder for file in files.values() if file.placeholder})),
        additions=_activation(root, is_windows=is_windows, is_linked=activation.PATH in linked),
        omissions=omitted | added | linked,
        warnings=tuple(notes),
    )


def _activation(root: Path, *, is_windows: bool, is_linked: bool) -> tuple[Entry, ...]:
    """The scripts that activate it, unless others are there; IS_LINKED: those that conda linked work nowhere else."""
    variables = activation.variables(root)
    if is_windows:
        return activation_windows.entries(variables) if activation_windows.is_free(root) else ()
    ours = not activation.exists(root) or activation.is_own(root) or is_linked
    return (activation.entry(root, variables=variables),) if ours else ()


def is_packaged(stale: Finding, environment: Environment) -> bool:
    """Whether a file names its package's placeholder because it still is the package's, and moves as such."""
    record = environment.conda.get(stale.path)
    if record is None or not record.file_mode or record.placeholder != os.fsencode(stale.detail):
        return False
    content = (environment.root / os.fsdecode(stale.path)).read_bytes()
    return hashlib.sha256(content).hexdigest() == record.sha256


def _load(path: Path, notes: list[str]) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        notes.append(
            f"{path}: cannot be read as a record ({error}); its files are packed as if conda did not know them"
        )
        return {}
    return record if isinstance(record, dict) else {}


def _files(record: dict[str, Any], name: str) -> Iterator[tuple[bytes, CondaFile]]:
    """What one record says; records without `paths_data` say no more than which files there are."""
    package = str(record.get("name") or name)
    paths = (record.get("paths_data") or {}).get("paths")
    if paths is None:
        for path in record.get("files") or ():
            yield _bytes(path), CondaFile("", "", "", b"", "hardlink", package)
        return
    for item in paths:
        if not (isinstance(item, dict) and isinstance(item.get("_path"), str)):
            continue
        yield (
            _bytes(item["_path"]),
            CondaFile(
                sha256=item.get("sha256") or "",
                sha256_in_prefix=item.get("sha256_in_prefix") or "",
                file_mode=item.get("file_mode") or "",
                placeholder=_bytes(item.get("prefix_placeholder") or ""),
                path_type=item.get("path_type") or "",
                package=package,
                offsets=item.get("offsets"),
                shebang_length=item.get("shebang_length"),
            ),
        )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _omissions(root: Path, files: dict[bytes, CondaFile]) -> frozenset[bytes]:
    """A base environment's folders, unless a package put something there."""
    owned = {path.partition(b"/")[0] for path in files}
    return frozenset(
        name for name in _BASE_ONLY if name not in owned and (root / os.fsdecode(name)).is_dir() and _is_base(root)
    )


def _leads_out(root: Path, path: bytes) -> bool:
    """Whether a path is a link to something outside the environment."""
    link = root / os.fsdecode(path)
    return link.is_symlink() and not Path(os.path.realpath(link)).is_relative_to(os.path.realpath(root))


def _is_base(root: Path) -> bool:
    """Whether it is one that others lie below: it has a conda, or a package cache, or environments with records."""
    if (root / "condabin").is_dir() or any((root / "pkgs" / name).exists() for name in ("urls.txt", "urls", "cache")):
        return True
    return any((root / "conda-meta").glob("conda-[0-9]*.json")) or any((root / "envs").glob("*/conda-meta"))
