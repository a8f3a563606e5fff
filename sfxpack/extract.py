"""The tree of an artifact as its target would get it, made by the host's stub: there is one relocator."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from sfxpack import resources
from sfxpack.errors import StubError
from sfxpack.inspect import open_artifact


def extract(path: Path, directory: Path, prefix: str | None = None) -> None:
    r"""Write the whole tree into `directory`, which is absent or empty, as it would be at `prefix`.

    Args:
        path: an artifact of any platform.
        directory: where to.
        prefix: absolute, as the artifact's system writes it; if not given `directory` itself, for Windows `C:\NAME`.

    Raises:
        UsageError, ArtifactError: as `open_artifact`.
        StubError: the stub refused; carries its message and exit code.
    """
    with open_artifact(path) as opened:
        at, platform = opened.locator.locator_offset, opened.locator.platform
        name = os.fsdecode(opened.index.product.name)
    own = f"C:\\{name}" if platform.system == "windows" else str(directory.absolute())
    stub = resources.stub(resources.host_platform())
    command = [
        *(str(stub), "--artifact", str(path.absolute()), "--at", str(at)),
        *("--tree", str(directory.absolute()), "--as", prefix or own),
    ]
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True, errors="replace")
    if done.returncode:
        raise StubError(done.stderr.strip() or f"the stub ended with status {done.returncode}", done.returncode)
