"""Views of the file system: a root directory with a C library and little else."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def host_libraries() -> tuple[Path, ...]:
    """The files of this machine's C library and its loader, and nothing else."""
    listed = subprocess.run(["ldd", "/bin/sh"], check=True, capture_output=True, text=True).stdout
    loader = next(Path(word) for word in listed.split() if "/ld-" in word or "/ld6" in word)
    library = next(Path(line.split("=>")[1].split()[0]) for line in listed.splitlines() if "libc.so.6" in line)
    names = ("c.so.6", "m.so.6", "dl.so.2", "pthread.so.0", "rt.so.1", "util.so.1", "resolv.so.2", "nss_files.so.2")
    libraries = (library.with_name(f"lib{name}") for name in names)
    return (loader, *(path for path in libraries if path.exists()))


def make_view(root: Path, busybox: str = "") -> Path:
    """A file system with a C library and nothing else, or with a shell and tools by busybox: no Python, no OpenSSL."""
    for path in host_libraries():
        target = root / str(path).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for name in ("tmp", "dev", "proc", "etc", "bin"):
        (root / name).mkdir(exist_ok=True)
    if busybox:
        shutil.copy(busybox, root / "bin/busybox")
        for name in subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split():
            if not os.path.lexists(root / "bin" / name):
                (root / "bin" / name).symlink_to("busybox")
    return root


def run_in_view(view: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program with a view as its root directory, /proc and /dev in it; needs `unshare` and mounts, not root."""
    variables = {"HOME": "/tmp", "LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}  # noqa: S108 the view's
    script = 'for name in proc dev; do mount --rbind "/$name" "$1/$name"; done; exec chroot "$@"'
    return subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-eufc", script, "sh", view, *command],
        check=False,
        capture_output=True,
        text=True,
        env=variables,
    )
