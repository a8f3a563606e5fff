"""Small prefixes made from nothing, with every kind of place that holds their own path."""

from __future__ import annotations

import json
import os
import pickle
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

C_LIBRARY = 'const char *where(void) { return PREFIX "/share/data"; }\n'
C_PROGRAM = """\
#include <stdio.h>
const char *where(void);
int main(void) { puts(where()); return 0; }
"""


def write(path: Path, content: str | bytes, mode: int = 0o644) -> Path:
    """A file and its directories."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def make_prefix(root: Path) -> Path:
    """A prefix without compiled programs: scripts, data, links, bytecode."""
    interpreter = root / "bin/python3"
    write(root / "bin/hello", f'#!/bin/sh\ncat "{root}/share/greeting"\n', 0o755)
    interpreter.symlink_to(sys.executable)
    write(root / "bin/tool", f"#!{interpreter}\nprint({str(root)!r})\n", 0o755)
    write(root / "share/greeting", "hello\n")
    write(root / "share/kernel.json", json.dumps({"argv": [f"{root}/bin/python3", "-m", "x"], "env": {"P": str(root)}}))
    write(root / "share/url.json", json.dumps({"url": root.as_uri() + "/src"}))
    write(root / "share/data.pkl", pickle.dumps({"home": f"{root}/share"}, protocol=4))
    write(root / "share/wide.dat", b"\1\0" + f"{root}/share".encode("utf-16-le") + b"\0\0")
    write(root / "share/plain.txt", "nothing to see\n" * 50)
    write(root / "share/copy.txt", "nothing to see\n" * 50)
    write(root / "share/empty", "")
    libs = f"Libs: -L{root}/lib -Wl,-rpath,{root}/lib\n"
    write(root / "lib/pkgconfig/x.pc", f"prefix={root}\nlibdir=${{prefix}}/lib\n{libs}")
    module = write(root / "lib/mod.py", f"HERE = {str(root)!r}\nOTHER = {str(root) + '/x'!r}\n")
    os.utime(module, (1_500_000_000, 1_500_000_000))
    target = root / "lib/__pycache__" / f"mod.{sys.implementation.cache_tag}.pyc"
    py_compile.compile(str(module), cfile=str(target), dfile=str(module), doraise=True)
    (root / "absolute").symlink_to(root / "share/greeting")
    (root / "relative").symlink_to("share/greeting")
    (root / "dangling").symlink_to("nowhere")
    os.link(root / "share/greeting", root / "share/second-name")
    (root / "empty-directory").mkdir()
    return root


def add_program(root: Path) -> None:
    """A library that names the prefix and a program that finds it by RUNPATH."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (package gcc)")
    source = root.parent / "source"
    write(source / "where.c", C_LIBRARY)
    write(source / "main.c", C_PROGRAM)
    (root / "lib").mkdir(exist_ok=True, parents=True)
    (root / "bin").mkdir(exist_ok=True)
    library = ["-shared", "-fPIC", f'-DPREFIX="{root}"', "-o", f"{root}/lib/libwhere.so", f"{source}/where.c"]
    subprocess.run([compiler, *library], check=True)
    program = ["-o", f"{root}/bin/where", f"{source}/main.c", f"-L{root}/lib", "-lwhere", f"-Wl,-rpath,{root}/lib"]
    subprocess.run([compiler, *program], check=True)
    shutil.rmtree(source)
