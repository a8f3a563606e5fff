"""Python installations to make venvs of: a stand-in, made in a moment, and copies of a real one at another place."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from sfxpack import elfedit


def make_base(root: Path, compiler: str) -> Path:
    """A stand-in for a Python installation: all parts that come along, and some that do not; quick to make.

    Its program needs `libdirect.so.1`, that one `libindirect.so.1`, and a module `libother.so.2`, all in `root/deps`.
    """
    stdlib = root / "lib/python3.11"
    files = {
        stdlib / "os.py": "# landmark\n",
        stdlib / "json/__init__.py": "",
        stdlib / "site-packages/foreign.py": "",
        stdlib / "dist-packages/foreign.py": "",
        root / "lib/python3.10/os.py": "",
        root / "lib/unrelated.txt": "",
        root / "etc/sitecustomize.py": "# configured\n",
        root / "include/python3.11/Python.h": "",
        root / "include/x86_64-linux-gnu/python3.11/pyconfig.h": "",
        root / "ssl/cacert.pem": "",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (stdlib / "sitecustomize.py").symlink_to("../../etc/sitecustomize.py")
    (stdlib / "again.py").symlink_to(stdlib / "json/__init__.py")
    (stdlib / "loop").symlink_to(".")
    (stdlib / "dangling.py").symlink_to("/nowhere/x.py")
    for folder in ("bin", "deps", "lib/python3.11/lib-dynload"):
        (root / folder).mkdir()

    def link(code: str, output: str, *options: str) -> None:
        command = [compiler, "-x", "c", "-", "-o", root / output, f"-L{root}/deps", *options]
        subprocess.run([str(word) for word in command], input=code, text=True, check=True)

    def library(code: str, name: str, *options: str, folder: str = "deps") -> None:
        link(code, f"{folder}/{name}", "-shared", "-fPIC", f"-Wl,-soname,{name}", *options)

    rpath = f"-Wl,--enable-new-dtags,-rpath,{root}/deps"
    library("int indirect(void) { return 40; }", "libindirect.so.1")
    library(
        "int indirect(void); int direct(void) { return indirect() + 1; }",
        "libdirect.so.1",
        "-l:libindirect.so.1",
        rpath,
    )
    library("int other(void) { return 1; }", "libother.so.2")
    dynload = "lib/python3.11/lib-dynload"
    library("int other(void); int module(void) { return other(); }", "_m.so", "-l:libother.so.2", rpath, folder=dynload)
    main = """
        #include <dlfcn.h>
        #include <stdio.h>
        int direct(void);
        int main(int count, char **words) {
            void *module = count > 1 ? dlopen(words[1], RTLD_NOW) : 0;
            int (*call)(void) = module ? (int (*)(void))dlsym(module, "module") : 0;
            if (count > 1 && !call) { puts(dlerror()); return 1; }
            printf("%d\\n", direct() + (call ? call() : 0));
        }
    """
    link(main, "bin/python3.11", "-l:libdirect.so.1", f"-Wl,-rpath-link,{root}/deps", rpath)
    (root / "bin/python3").symlink_to("python3.11")
    return root


def make_venv_by_hand(root: Path, base: Path, **settings: str) -> Path:
    """A venv of a base that cannot make one."""
    (root / "lib/python3.11/site-packages").mkdir(parents=True)
    (root / "bin").mkdir()
    (root / "bin/python3").symlink_to(base / "bin/python3.11")
    (root / "bin/python").symlink_to("python3")
    (root / "bin/activate").write_text(f'VIRTUAL_ENV="{root}"\nexport VIRTUAL_ENV\nhash -r 2> /dev/null\n')
    (root / "lib64").symlink_to("lib")
    values = {"home": f"{base}/bin", "include-system-site-packages": "false", "version": "3.11.2", **settings}
    (root / "pyvenv.cfg").write_text("".join(f"{key} = {value}\n" for key, value in values.items()))
    return root


def copy_python(source: Path, target: Path, prefix: Path | None = None) -> Path:
    """Copy a Python so that it works at its new place, as Pythons do that are built to be unpacked anywhere.

    It finds itself by its landmark and its library by a relative path, a copy of its program in a venv by an absolute
    one; sysconfig names `prefix`, by default `target`.
    """
    name = (source / "bin/python3").resolve().name
    without = shutil.ignore_patterns("site-packages", "test", "tests", "idlelib", "config-*", "__pycache__", "*.a")
    for folder in (f"lib/{name}", f"include/{name}"):
        shutil.copytree(source / folder, target / folder, symlinks=True, ignore=without)
    (target / f"lib/{name}/site-packages").mkdir()
    (target / "bin").mkdir()
    for path in (*source.glob("lib/libpython3*.so*"), source / f"bin/{name}"):
        shutil.copy2(path, target / path.relative_to(source), follow_symlinks=False)
    (target / "bin/python3").symlink_to(name)
    for file in (target / f"bin/{name}", *target.glob("lib/libpython3.*.so.*")):
        file.write_bytes(
            elfedit.set_rpath(file.read_bytes(), b"$ORIGIN/../lib:" + os.fsencode(prefix or target) + b"/lib")
        )
    for file in target.glob(f"lib/{name}/_sysconfigdata*.py"):
        file.write_bytes(file.read_bytes().replace(os.fsencode(source), os.fsencode(prefix or target)))
    return target


def keep_as_uv_does(source: Path, folder: Path, version: str) -> Path:
    """Copy a Python to where uv would keep it below `folder`, with the name that stays when the last digits change."""
    managed = copy_python(source, folder / f"cpython-{version}-linux-x86_64-gnu")
    short = version.rpartition(".")[0]
    (folder / f"cpython-{short}-linux-x86_64-gnu").symlink_to(managed.name)
    (managed / f"lib/python{short}/EXTERNALLY-MANAGED").touch()
    return managed
