"""Files conda manages: proved, then exactly as conda replaces."""

from __future__ import annotations

import hashlib
import io
import json
import mmap
import tempfile
from collections.abc import Callable
from dataclasses import replace

import pytest

from sfxpack import plan, reference, sites
from sfxpack.format.layout import Encoding, SiteFlag, Strategy
from sfxpack.model import CondaFile, Environment, Kind, Rename
from sfxpack.sites.spelling import encode
from tests.sitekit import ROOT, categories, cut, environment, find, move

PLACEHOLDER = b"/build/_h_env" + b"_placehold" * 10


def installed(package: bytes, mode: str, prefix: bytes) -> bytes:
    """What libmamba writes: plain replacement in text; in binaries whole C strings, padded, to the end of the file."""
    if mode == "text":
        return package.replace(PLACEHOLDER, prefix)
    result = io.BytesIO()
    at = 0
    while (hit := package.find(PLACEHOLDER, at)) >= 0:
        end = package.find(b"\0", hit)
        end = len(package) if end < 0 else end
        text = package[hit:end].replace(PLACEHOLDER, prefix)
        result.write(package[at:hit] + text + bytes(end - hit - len(text)))
        at = end
    result.write(package[at:])
    return result.getvalue()


def installed_by_conda(package: bytes, prefix: bytes) -> bytes:
    """What conda writes of a binary: in each encoding strings that end in its NUL, padded behind that.

    Restated from the description in conda/ceps#180, "Binary replacement".
    """
    for codec in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        old, new = PLACEHOLDER.decode().encode(codec), prefix.decode().encode(codec)
        nul = "\0".encode(codec)
        done, rest = b"", package
        while (hit := rest.find(old)) >= 0 and (nul_at := rest.find(nul, hit + len(old))) >= 0:
            end = nul_at + len(nul)
            text = rest[hit:end]
            done += rest[:hit] + text.replace(old, new) + bytes(text.count(old) * (len(old) - len(new)))
            rest = rest[end:]
        package = done + rest
    return package


def managed(
    package: bytes,
    mode: str,
    path: bytes,
    *,
    digests: str = "both",
    root: bytes = ROOT,
    install: Callable[[bytes, bytes], bytes] | None = None,
) -> Environment:
    now = install(package, root) if install else installed(package, mode, root)
    record = CondaFile(
        hashlib.sha256(package).hexdigest() if digests in ("both", "package") else "",
        hashlib.sha256(now).hexdigest() if digests in ("both", "installed") else "",
        mode,
        PLACEHOLDER,
        "hardlink",
        "x",
    )
    return environment(root, conda={path: record}, placeholders=(PLACEHOLDER,))


PREFIXES = [b"/n", b"/opt/env", b"/srv/" + b"l" * 60, b"/" + b"m" * (len(PLACEHOLDER) - 1)]
BINARIES = [
    b"\0@/lib\0after",
    b"start @/lib\0\0\0@\0",
    b'\0OPENSSLDIR: "@/ssl"\0x\0',
    b"\0@/lib/pkgconfig:@/share/pkgconfig\0next\0",
    b"\0-Wl,-rpath,@/lib -L@/lib x@y\0@/z\0",
    b"\0@/at the end",
    b"@",
    b"\0prefix@suffix\0/not@another/path@\0",
    b"\0@@/lib@@\0",
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("template", BINARIES)
@pytest.mark.parametrize("digests", ["both", "package", "installed"])
def test_binaries_are_as_conda_would_write_them(template: bytes, prefix: bytes, digests: str) -> None:
    package = template.replace(b"@", PLACEHOLDER)
    where = managed(package, "binary", b"lib/x.so", digests=digests)
    content = installed(package, "binary", ROOT)
    assert move(content, prefix, b"lib/x.so", where) == installed(package, "binary", prefix)
    assert {site.strategy for site in find(content, b"lib/x.so", where).sites} == {Strategy.CSTRING}


@pytest.mark.parametrize("template", BINARIES)
def test_capacity_is_that_of_the_placeholder(template: bytes) -> None:
    package = template.replace(b"@", PLACEHOLDER)
    where = managed(package, "binary", b"x")
    content = installed(package, "binary", ROOT)
    result = cut(content, find(content, b"x", where))
    with pytest.raises(ValueError, match="fit"):
        reference.render(result, reference.Target(b"/" + b"m" * len(PLACEHOLDER)))
    for _, site in result.sites:
        text = site.neutral.rstrip(b"\0")
        assert len(site.neutral) - len(text) == len(site.hits) * len(PLACEHOLDER)


@pytest.mark.parametrize("mode", ["binary", "text"])
@pytest.mark.parametrize("template", [*BINARIES, b"a=@/lib"])
def test_a_placeholder_that_no_installer_replaced(template: bytes, mode: str) -> None:
    """conda-pack takes files from the package cache: they become what they should have been."""
    package = template.replace(b"@", PLACEHOLDER)
    where = managed(package, mode, b"x")
    assert move(package, b"/new", b"x", where) == installed(package, mode, b"/new")
    given = replace(where, renames=(Rename(PLACEHOLDER, b""), Rename(ROOT, b"")))
    assert move(package, b"/new", b"x", given) == installed(package, mode, b"/new")
    below = managed(package, mode, b"x", root=PLACEHOLDER[:6])
    assert move(package, b"/new", b"x", below) == installed(package, mode, b"/new")
    assert not find(package, b"x", managed(package, mode, b"x", digests="installed")).sites
    assert not find(package + b"edited", b"x", where).sites


@pytest.mark.parametrize("encoding", [Encoding.UTF16LE, Encoding.UTF16BE, Encoding.UTF32LE, Encoding.UTF32BE])
def test_wide_placeholders_that_no_installer_replaced(encoding: Encoding) -> None:
    package = bytes(8) + encode(b"-I" + PLACEHOLDER + b"/y:" + PLACEHOLDER + b"/z\0", encoding) + b"end"
    moved = move(package, b"/n", b"x", managed(package, "binary", b"x"))
    assert moved == installed_by_conda(package, b"/n")


def test_what_is_recorded_of_a_packages_file_is_compared_once() -> None:
    package = b"\0" + PLACEHOLDER + b"/lib\0"
    ranges = [[1, len(package) - 1]]
    (record,) = managed(package, "binary", b"x").conda.values()
    for offsets, findings in (([{"encoding": "utf-8", "ranges": ranges}], {}), ([], {"offsets": 1})):
        where = environment(conda={b"x": replace(record, offsets=offsets)})
        assert categories(find(package, b"x", where)) == findings


@pytest.mark.parametrize(
    "template",
    [
        b"a=@/lib x@y /z@/w @@\n",
        b"#!/bin/sh\nexec @/bin/x\n",
        b"url = file://@/x\n",
        b"A = '@/lib'\n",
    ],
)
@pytest.mark.parametrize("prefix", [*PREFIXES, b"/with a blank"])
@pytest.mark.parametrize("path", [b"share/x", b"lib/x.py"])
def test_text_is_as_conda_would_write_it(template: bytes, prefix: bytes, path: bytes) -> None:
    package = template.replace(b"@", PLACEHOLDER)
    content = installed(package, "text", ROOT)
    assert move(content, prefix, path, managed(package, "text", path)) == installed(package, "text", prefix)


WIDE = [Encoding.UTF16LE, Encoding.UTF16BE, Encoding.UTF32LE, Encoding.UTF32BE]


def wide_package(encoding: Encoding) -> bytes:
    """Strings at aligned places, the first of one prefix, the others of two, beside a plain one."""
    texts = ("%s/x\0", "-I%s/y:%s/z\0", "%s%s\u0100\0")
    parts = [encode((text.replace("%s", PLACEHOLDER.decode())).encode(), encoding) for text in texts]
    return bytes(8) + (b"\1" * 8).join(parts) + PLACEHOLDER + b"/plain\0end"


@pytest.mark.parametrize("prefix", [*PREFIXES, "/opt/\u00e9/\u0100x".encode()])
@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("digests", ["package", "installed"])
def test_wide_strings_are_as_conda_would_write_them(encoding: Encoding, digests: str, prefix: bytes) -> None:
    package = wide_package(encoding)
    where = managed(package, "binary", b"x", digests=digests, install=installed_by_conda)
    content = installed_by_conda(package, ROOT)
    found = find(content, b"x", where)
    assert [(site.strategy, site.encoding) for site in found.sites] == [
        *[(Strategy.CSTRING, encoding)] * 3,
        (Strategy.CSTRING, Encoding.PLAIN),
    ]
    moved = move(content, prefix, b"x", where)
    if prefix.isascii() or encoding in (Encoding.UTF16LE, Encoding.UTF32LE):
        assert moved == installed_by_conda(package, prefix)
    else:  # conda takes these bytes for little-endian ones, as of ASCII both read the same, and breaks the prefix
        assert moved.count(encode(prefix, encoding)) == 5
    assert min(map(plan.site_limit, found.sites)) == len(PLACEHOLDER)


@pytest.mark.parametrize("encoding", WIDE)
def test_wide_strings_that_an_installer_left_stay_byte_for_byte(encoding: Encoding) -> None:
    package = wide_package(encoding)
    content = installed(package, "binary", ROOT)
    assert content.count(encode(PLACEHOLDER, encoding)) == 5
    where = managed(package, "binary", b"x")
    assert move(content, b"/n", b"x", where) == installed(package, "binary", b"/n")
    base = PLACEHOLDER[:6]  # packages built below a base environment hold its path in their placeholder
    where = managed(package, "binary", b"x", root=base)
    assert move(installed(package, "binary", base), b"/n", b"x", where) == installed(package, "binary", b"/n")


@pytest.mark.parametrize("encoding", WIDE)
def test_wide_strings_keep_their_tail_with_slashes(encoding: Encoding) -> None:
    package = wide_package(encoding)
    where = managed(package, "binary", b"x", install=installed_by_conda)
    options = sites.Options(binary_padding="slash")
    moved = move(installed_by_conda(package, ROOT), b"/n", b"x", where, options)
    padded = reference.slash(bytes(len(PLACEHOLDER)), b"/n", Encoding.PLAIN, soft=False)
    assert moved == package.replace(PLACEHOLDER, padded).replace(
        encode(PLACEHOLDER, encoding), encode(padded, encoding)
    )


def test_wide_text_grows_as_conda_lets_it() -> None:
    package = b"\xff\xfe" + encode(b"a=" + PLACEHOLDER + b"/x\n", Encoding.UTF16LE)
    content = package.replace(encode(PLACEHOLDER, Encoding.UTF16LE), encode(ROOT, Encoding.UTF16LE))
    where = environment(conda={b"x": CondaFile(hashlib.sha256(package).hexdigest(), "", "text", PLACEHOLDER, "", "x")})
    moved = move(content, b"/much/longer/than/it/was", b"x", where)
    assert moved == content.replace(
        encode(ROOT, Encoding.UTF16LE), encode(b"/much/longer/than/it/was", Encoding.UTF16LE)
    )


@pytest.mark.parametrize("encoding", [Encoding.UTF16LE, Encoding.UTF16BE, Encoding.UTF32LE, Encoding.UTF32BE])
@pytest.mark.parametrize("shift", [b"", b"x", b"xx"])
def test_wide_text_is_read_in_its_own_byte_order(encoding: Encoding, shift: bytes) -> None:
    def at(prefix: bytes) -> bytes:
        texts = ("\u0100%s%s", "=%s\u0100", "%s\n")
        return shift + b"".join(encode(text.replace("%s", prefix.decode()).encode(), encoding) for text in texts)

    record = CondaFile(hashlib.sha256(at(PLACEHOLDER)).hexdigest(), "", "text", PLACEHOLDER, "", "x")
    new = "/n\u00e9\u0101".encode()
    assert move(at(ROOT), new, b"x", environment(conda={b"x": record})) == at(new)


def test_text_stays_readable_where_conda_would_break_it() -> None:
    package = b'{"a": "' + PLACEHOLDER + b'/x"}'
    moved = move(installed(package, "text", ROOT), b'/a"b', b"x.json", managed(package, "text", b"x.json"))
    assert json.loads(moved) == {"a": '/a"b/x'}


def test_first_lines_are_shebangs() -> None:
    package = b"#!" + PLACEHOLDER + b"/bin/python\nx = '" + PLACEHOLDER + b"'\n"
    where = managed(package, "text", b"bin/x")
    found = find(installed(package, "text", ROOT), b"bin/x", where)
    assert [(site.strategy, site.encoding) for site in found.sites] == [
        (Strategy.SHEBANG, Encoding.PLAIN),
        (Strategy.TEXT, Encoding.PYTHON),
    ]
    entry = CondaFile("0" * 64, "", "", b"", "unix_python_entry_point", "x")
    where = environment(conda={b"bin/x": entry})
    found = find(b"#!/opt/env/bin/python\n", b"bin/x", where)
    assert ([site.strategy for site in found.sites], found.findings) == ([Strategy.SHEBANG], ())


def test_makefiles_of_packages_are_marked() -> None:
    package = b"prefix=" + PLACEHOLDER + b"\n"
    (site,) = find(installed(package, "text", ROOT), b"x.pc", managed(package, "text", b"x.pc")).sites
    assert site.flags == SiteFlag.UNQUOTED


def test_a_file_that_is_not_the_packages_is_treated_as_unmanaged() -> None:
    package = b"\0" + PLACEHOLDER + b"/lib\0"
    where = managed(package, "binary", b"x")
    content = installed(package, "binary", ROOT) + b"edited"
    found = find(content, b"x", where)
    assert ([site.strategy for site in found.sites], categories(found)) == ([Strategy.SLASH], {"unmanaged": 1})
    text = b"x=" + PLACEHOLDER + b" y\n"
    content = installed(text, "text", ROOT) + b"z=x/opt/env\n"
    found = find(content, b"y", managed(text, "text", b"y"))
    assert categories(found) == {"unmanaged": 1, "ambiguous": 1}


def test_a_digest_alone_does_not_prove_the_capacity() -> None:
    content = b"\0/opt/env/lib\0no room for padding\0"
    record = CondaFile("", hashlib.sha256(content).hexdigest(), "binary", PLACEHOLDER, "hardlink", "x")
    found = find(content, b"x", environment(conda={b"x": record}))
    assert categories(found) == {"unmanaged": 1}


def test_the_other_name_of_the_prefix_is_tried() -> None:
    package = b"\0" + PLACEHOLDER + b"/lib\0"
    where = managed(package, "binary", b"x", root=b"/real/place")
    where = environment(ROOT, (Rename(b"/real/place", b""),), where.conda)
    content = installed(package, "binary", b"/real/place")
    (site,) = find(content, b"x", where).sites
    assert (site.strategy, site.renamed) == (Strategy.CSTRING, True)
    assert move(content, b"/n", b"x", where) == installed(package, "binary", b"/n")


@pytest.mark.parametrize("template", BINARIES)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_slash_padding_on_request(template: bytes, prefix: bytes) -> None:
    package = template.replace(b"@", PLACEHOLDER)
    options = sites.Options(binary_padding="slash")
    moved = move(installed(package, "binary", ROOT), prefix, b"x", managed(package, "binary", b"x"), options)
    padded = reference.slash(bytes(len(PLACEHOLDER)), prefix, Encoding.PLAIN, soft=False)
    assert moved == package.replace(PLACEHOLDER, padded)


@pytest.mark.parametrize(("edited", "prefix"), [(False, ROOT), (True, ROOT), (False, PLACEHOLDER)])
def test_large_files_are_proved_from_their_mapping(edited: bool, prefix: bytes) -> None:  # noqa: FBT001 - a row
    package = bytes(300_000) + b"\0" + PLACEHOLDER + b"/lib\0" + bytes(300_000) + PLACEHOLDER + b"/x\xff\0"
    where = managed(package, "binary", b"x")
    content = installed(package, "binary", prefix) + b"edited" * edited
    needles = sites.needles(where)
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            survey = sites.survey(b"x", Kind.BINARY, mapped, needles, sites.Options(), where.conda[b"x"])
    found = [
        sites.find_window(content, 0, range(at, min(at + 100_000, len(content))), survey)
        for at in range(0, len(content), 100_000)
    ]
    whole = sites.find(b"x", Kind.BINARY, content, where, needles, sites.Options())
    assert tuple(site for part in found for site in part.sites) == whole.sites
    assert tuple(finding for part in found for finding in part.findings) == whole.findings
    assert categories(whole) == {"unmanaged" if edited else "unsafe": 1}
