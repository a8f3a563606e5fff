"""What scripts/bench measures with: the tree, the folder to work in, and what there is to say of the machine."""

from __future__ import annotations

import json
import platform
import shutil
import sys
from pathlib import Path

from scripts import measuring
from scripts.workplace import ScriptError, Timer, make_venv, pip_install, run

PACKAGES = ("numpy", "pandas", "scikit-learn", "jupyter")
TORCH = "torch==2.13.0"
FOR_GPU = ("nvidia-", "cuda-", "triton")
"""Starts of the names of packages that only a PyTorch for GPUs wants."""
MEMORY_FS = Path("/dev/shm")  # noqa: S108 not a file but where tmpfs is
RESERVE = 2 << 30
"""Bytes of memory left alone."""
TIMES_TREE = 6
"""How many times the size of the tree is needed for working."""


def check_programs() -> None:
    """Refuse to begin without what is measured against."""
    missing = [program for program in ("tar", "zstd") if shutil.which(program) is None]
    if missing:
        raise ScriptError(f"{' and '.join(missing)} missing; on Debian: apt-get install {' '.join(missing)}")


def make_tree(cache: Path, packages: list[str] | None) -> Path:
    """Make the venv to pack, or take the one made before of the same packages."""
    tree, stamp = cache / "tree", cache / "tree.json"
    wanted = json.dumps([sys.version, *(packages or [*PACKAGES, TORCH])])
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return tree
    timer = Timer.start("make the tree from the package index")
    measuring.remove(tree)
    measuring.remove(cache / "conda-packages-tree")
    python = make_venv(tree)
    if packages is None:
        packages = [*PACKAGES, *([TORCH] if is_for_cpu(python) else [])]
    pip_install(python, *packages)
    stamp.write_text(wanted, encoding="utf-8")
    timer.stop()
    return tree


def is_for_cpu(python: Path) -> bool:
    """Whether the index gives a PyTorch for the CPU; if not, say how to get one."""
    log = run([python, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", TORCH])
    report = json.loads(log[log.index("{") : log.rindex("}") + 1])
    names = [item["metadata"]["name"].lower() for item in report["install"]]
    for_gpu = [name for name in names if name.startswith(FOR_GPU)]
    if for_gpu:
        print(f"\n{TORCH} from your index is not a CPU build, it brings {', '.join(for_gpu[:3])} ...: left out.")
        print("To have it: set PIP_FIND_LINKS to a folder with a CPU wheel of it, or PIP_EXTRA_INDEX_URL to the")
        print(f"index of CPU builds that PyTorch's installation page names; then: rm -r {python.parent.parent}")
    return not for_gpu


def working_folder(given: Path | None, cache: Path, tree: Path) -> Path:
    """Return where to measure: memory if there is room for it."""
    if given:
        return given.absolute()
    need = TIMES_TREE * measuring.extent(tree)[0]
    memory = Path("/proc/meminfo").read_text(encoding="ascii").split("MemAvailable:")[1].split()[0]
    if MEMORY_FS.is_dir() and min(shutil.disk_usage(MEMORY_FS).free, int(memory) * 1024 - RESERVE) > need:
        return MEMORY_FS
    print(f"no room for {need / 1e9:.0f} GB in memory: measuring in {cache}, times will depend on the disk")
    return cache


def machine(work: Path, cores: int, load: float) -> str:
    """Return what the figures depend on, without names of this machine."""
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    model = next((line.split(":", 1)[1].strip() for line in information if line.startswith("model name")), "unknown")
    filesystem = run(["stat", "-f", "-c", "%T", work]).strip()
    processor = f"{cores} cores of {model} ({platform.machine()})"
    return f"{processor}, load {load:.1f} when it began, files on {filesystem}"


def tools() -> str:
    """Return which programs of the system are compared with."""
    return f"{first_line('tar', '--version')}, {first_line('zstd', '--version').strip('* ')}"


def first_line(*command: str) -> str:
    """Return the first line a command prints."""
    return run(command).splitlines()[0]


def contents(tree: Path) -> str:
    """Return what is in a venv."""
    size, files = measuring.extent(tree)
    code = "import importlib.metadata as m; [print(d.name.lower(), d.version) for d in m.distributions()]"
    versions = dict(line.split() for line in run([tree / "bin/python", "-c", code]).splitlines())
    named = [name for name in (*PACKAGES, "torch") if name in versions]
    python = run([tree / "bin/python", "-c", "import platform; print(platform.python_version())"]).strip()
    what = ", ".join([f"Python {python}", *(f"{name} {versions[name]}" for name in named)])
    return f"a venv of {what}: {len(versions)} distributions, {size / 1e9:.2f} GB in {files:,} files"
