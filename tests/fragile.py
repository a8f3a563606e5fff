"""Programs that break where a path in them is replaced as a C string, its tail moved up and NULs put behind it.

Each says `hello` where all it was compiled with is right.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.prefixes import write
from tests.running import run
from tests.views import host_libraries

TAIL = "share/in/folders/of/some/length/greeting"
"""Long enough for the compiler to align it to 8 bytes, as the longer string that ends in it is."""
MERGED = """
#include <stdio.h>
#include <string.h>
static const char *volatile whole = PREFIX "/" MIDDLE TAIL, *volatile tail = TAIL;
int main(void) {
    char line[64] = "";
    FILE *file = fopen(whole, "r");
    if (!file || !fgets(line, sizeof line, file) || strlen(tail) != sizeof TAIL - 1) return 1;
    fputs(line, stdout);
    return 0;
}
"""
LIBRARY = "int lib(void) { return 42; } int other(void) { return lib(); }"
"""GNU ld takes the end of a RUNPATH `PREFIX/lib` for the name of `lib`."""
SYMBOL = """
#include <dlfcn.h>
#include <stdio.h>
int other(void);
int main(void) {
    void *library = dlopen("libmoved.so", RTLD_NOW);
    int (*call)(void) = library ? (int (*)(void))dlsym(library, "lib") : 0;
    return !call || call() != 42 || other() != 42 || puts("hello") < 0;
}
"""
ROOT = """
#include <stdio.h>
int NAME(void);
int main(void) { return NAME() != 42 || puts("hello") < 0; }
"""
"""The RUNPATH is the prefix itself, so its end serves as the name of a function called as the prefix is."""
ABSOLUTE = '#include <stdio.h>\nint other(void); int main(void) { return other() != 42 || puts("hello") < 0; }'
LENGTHS = """
#include <cstdio>
#include <string>
#include <string_view>
using namespace std::literals;
extern const std::string_view view;
extern const std::string text;
const std::string_view view = PREFIX "/share"sv;
const std::string text = PREFIX "/share"s;
static bool reads(const std::string &path) {
    std::FILE *file = std::fopen(path.c_str(), "r");
    return file && std::fgetc(file) == 'h';
}
int main() { return !reads(text + "/greeting") || !reads(std::string(view) + "/greeting") || std::puts("hello") < 0; }
"""
RUST = """
fn main() {
    let path = concat!(env!("MADE_FOR"), "/share/greeting");
    print!("{}", std::fs::read_to_string(path).expect("no greeting"));
}
"""
PATHS = """
#include <stdio.h>
#define PATH(text) { text, sizeof text - 1 }
static const struct { const char *text; size_t size; } inc[] = { PATH(PREFIX "/lib/perl"), PATH(PREFIX "/share") };
int main(void) {
    for (int i = 0; i < 2; i++) {
        fwrite(inc[i].text, 1, inc[i].size, stdout);
        putchar(10);
    }
    return 0;
}
"""
SCRIPT = """\
#!{perl}
use strict;
our @paths;
BEGIN {{ open(my $pipe, '-|', '{root}/bin/paths') or die; chomp(@paths = <$pipe>); }}
use lib @paths;
use Moved;
print Moved::greeting();
"""
BY_RUST = "rusty"
PROGRAMS = ("merged", "symbol", "root", "lengths", "inc", BY_RUST)
STURDY = ("absolute",)
"""What peers can move: a program whose loader and library are named by absolute paths."""


def make(root: Path, require: Callable[[str], str]) -> Path:
    """A prefix with all of them; the one by Rust only where there is a Rust compiler. Its name is one in C too."""
    define = f'-DPREFIX="{root}"'
    for folder in ("bin", "lib"):
        (root / folder).mkdir(parents=True)
    write(root / "share/greeting", "hello\n")

    def compiled(compiler: str, language: str, code: str, output: str, *options: str) -> None:
        command = [require(compiler), "-x", language, "-", "-x", "none", "-O2", define, "-o", root / output, *options]
        run(*command, input=code)

    middle = "m" * (1 + -(len(str(root)) + 3) % 8) + "/"
    write(root / middle / TAIL, "hello\n")
    compiled("gcc", "c", MERGED, "bin/merged", f'-DMIDDLE="{middle}"', f'-DTAIL="{TAIL}"')
    runpath = f"-Wl,--enable-new-dtags,-rpath,{root}/lib"
    compiled("gcc", "c", LIBRARY, "lib/libmoved.so", "-shared", "-fPIC", runpath)
    compiled("gcc", "c", SYMBOL, "bin/symbol", f"-L{root}/lib", "-lmoved", "-ldl", runpath)
    named = (f"-DNAME={root.name}", f"-Wl,--enable-new-dtags,-rpath,{root}")
    compiled("gcc", "c", "int NAME(void) { return 42; }", "libroot.so", "-shared", "-fPIC", *named)
    compiled("gcc", "c", ROOT, "bin/root", f"-L{root}", "-lroot", *named)
    shutil.copy(host_libraries()[0], root / "lib/loader.so")
    compiled("gcc", "c", LIBRARY, "lib/absolute.so", "-shared", "-fPIC")
    loader = f"-Wl,--dynamic-linker={root}/lib/loader.so"
    compiled("gcc", "c", ABSOLUTE, "bin/absolute", f"{root}/lib/absolute.so", loader)
    compiled("g++", "c++", LENGTHS, "bin/lengths", "-std=c++17")
    compiled("gcc", "c", PATHS, "bin/paths")
    write(root / "lib/perl/Moved.pm", 'package Moved;\nsub greeting { "hello\\n" }\n1;\n')
    write(root / "bin/inc", SCRIPT.format(perl=require("perl"), root=root), 0o755)
    if rust := shutil.which("rustc"):
        command = [rust, "--edition", "2021", "-O", "-C", "strip=symbols", "-o", root / "bin" / BY_RUST, "-"]
        run(*command, input=RUST, env={**os.environ, "MADE_FOR": str(root)})
    return root


def nul_padded(content: bytes, old: bytes, new: bytes) -> bytes:
    """What conda and others do to a binary: in every C string the path, then NULs to its old length."""
    strings = re.compile(re.escape(old) + rb"[^\0]*")
    return strings.sub(lambda match: match[0].replace(old, new).ljust(len(match[0]), b"\0"), content)


def move_as_peers_do(root: Path, made_for: Path, target: Path) -> Path:
    """A copy of `root`, with `made_for` replaced by `target`."""
    old, new = os.fsencode(made_for), os.fsencode(target)
    shutil.copytree(root, target)
    for path in target.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            path.write_bytes(nul_padded(content, old, new) if b"\0" in content else content.replace(old, new))
    return target
