"""A C library and program, installed with libtool as `make install` does, and a Python extension that uses them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.prefixes import write
from tests.running import run

HEADER = "const char *greet_file(void);\n"
LIBRARY = '#include "greet.h"\nconst char *greet_file(void) { return PREFIX "/share/greet/text"; }\n'
PROGRAM = """
#include <stdio.h>
#include <greet.h>
int main(void) {
    char line[64];
    FILE *file = fopen(greet_file(), "r");
    return !file || !fgets(line, sizeof line, file) || fputs(line, stdout) < 0;
}
"""
PKG_CONFIG = """\
prefix={root}
exec_prefix=${{prefix}}
libdir={root}/lib

Name: greet
Description: greets
Version: 1.0
Libs: -L${{libdir}} -lgreet
Cflags: -I${{prefix}}/include
"""
CONFIG = """\
#!/bin/sh
prefix={root}
case $1 in
--prefix) echo "$prefix" ;;
--libs) echo "-L{root}/lib -lgreet" ;;
esac
"""
MODULE = """
#include <Python.h>
#include <greet.h>
static PyObject *file(PyObject *self, PyObject *none) { return PyUnicode_FromString(greet_file()); }
static PyMethodDef methods[] = {{"file", file, METH_NOARGS, ""}, {0}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "greeting", "", -1, methods};
PyMODINIT_FUNC PyInit_greeting(void) { return PyModule_Create(&module); }
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = """
import os, subprocess, sysconfig, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    words = [word for name in ("LDSHARED", "CFLAGS", "CCSHARED") for word in sysconfig.get_config_var(name).split()]
    include = ["-I" + sysconfig.get_path(name) for name in ("include", "platinclude")]
    found = subprocess.check_output(["pkg-config", "--cflags", "--libs", "greet"], text=True).split()
    folders = ["-Wl,-rpath," + word[2:] for word in found if word.startswith("-L")]
    module = "greeting" + sysconfig.get_config_var("EXT_SUFFIX")
    subprocess.check_call([*words, *include, "greeting.c", "-o", module, *found, *folders])
    tag = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
    name = "greeting-1.0-" + tag + ".whl"
    info = "greeting-1.0.dist-info/"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        wheel.write(module)
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: greeting\\nVersion: 1.0\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: false\\nTag: " + tag + "\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""
SETUP = """
from setuptools import Extension, setup
setup(name="greeting", ext_modules=[Extension("greeting", ["greeting.c"], libraries=["greet"])])
"""


def install(root: Path, source: Path, require: Callable[[str], str]) -> None:
    """Build in `source` and install to `root`, by the steps an automake project makes."""
    for name, text in (("greet.h", HEADER), ("greet.c", LIBRARY), ("main.c", PROGRAM)):
        write(source / name, text)
    libtool, compiler = require("libtool"), require("gcc")

    def step(mode: str, *words: object) -> None:
        run(libtool, "--tag=CC", f"--mode={mode}", *words, cwd=source)

    for folder in ("bin", "lib", "include"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    step("compile", compiler, "-O2", f'-DPREFIX="{root}"', "-c", "greet.c", "-o", "greet.lo")
    step("compile", compiler, "-O2", "-I.", "-c", "main.c", "-o", "main.lo")
    step("link", compiler, "-o", "libgreet.la", "greet.lo", "-rpath", root / "lib", "-version-info", "1:0:0")
    step("install", "install", "-c", "libgreet.la", root / "lib/libgreet.la")
    step("link", compiler, "-o", "greet", "main.lo", "libgreet.la")
    step("install", "install", "-c", "greet", root / "bin/greet")
    write(root / "include/greet.h", HEADER)
    write(root / "share/greet/text", "hello\n")
    write(root / "lib/pkgconfig/greet.pc", PKG_CONFIG.format(root=root))
    write(root / "bin/greet-config", CONFIG.format(root=root), 0o755)


def extension(source: Path) -> Path:
    """The sources of the Python extension."""
    files = {"greeting.c": MODULE, "pyproject.toml": PYPROJECT, "backend.py": BACKEND, "setup.py": SETUP}
    for name, text in files.items():
        write(source / name, text)
    return source
