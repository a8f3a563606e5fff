"""Debian's source packages, without a change to the system: apt-get with lists and sources of its own."""

from __future__ import annotations

import glob
import platform
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from scripts.workplace import ScriptError, run

ETC = Path("/etc/apt")


def check_needs(name: str, needs: Sequence[str]) -> None:
    """Refuse to begin without what a tree is made with: programs, or patterns of files.

    Raises:
        ScriptError: it names what is missing.
    """
    wanted = ("cc", "make", *needs)
    missing = [need for need in wanted if not (glob.glob(need) if need.startswith("/") else shutil.which(need))]
    if missing:
        raise ScriptError(f"{name} needs {', '.join(missing)}; apt-file says which package has a file")


def sources(names: Sequence[str], work: Path) -> Path:
    """Return a folder with each source package, as its authors published it, in a folder of its name."""
    folder = work / "sources"
    wanted = [name for name in names if not (folder / name).is_dir()]
    if not wanted:
        return folder
    downloads = work / "downloads"
    apt = _apt(work)
    downloads.mkdir(parents=True, exist_ok=True)
    # The release as it was published: mirrors need not have the sources of later security updates.
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    run([*apt, "source", "--download-only", "--tar-only", *(f"{name}/{release}" for name in wanted)], cwd=downloads)
    for name in wanted:
        pattern = re.compile(re.escape(name) + r"_[^_]*\.orig\.tar\.(gz|bz2|xz)")
        (archive,) = (path for path in downloads.iterdir() if pattern.fullmatch(path.name))
        unpacked = folder / f"{name}.part"
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir(parents=True)
        run(["tar", "-xf", archive, "--strip-components=1"], cwd=unpacked)
        unpacked.rename(folder / name)
    return folder


def _apt(work: Path) -> list[str | Path]:
    """Return apt-get with the system's package sources, asked for source packages."""
    apt = work / "apt"
    for name in ("parts", "lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True, exist_ok=True)
    for path in (ETC / "sources.list", *ETC.glob("sources.list.d/*.sources"), *ETC.glob("sources.list.d/*.list")):
        if path.is_file():
            text = re.sub(r"^(Types:.*|deb) ?", _of_sources, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
            (apt / "parts" / path.name.replace("sources.list", "main.list")).write_text(text, encoding="utf-8")
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": apt / "parts",
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "",
    }
    command: list[str | Path] = [
        "apt-get",
        "-q",
        *(word for key in options for word in ("-o", f"{key}={options[key]}")),
    ]
    run([*command, "update"])
    return command


def _of_sources(match: re.Match[str]) -> str:
    return "deb-src " if match[1] == "deb" else "Types: deb-src"
