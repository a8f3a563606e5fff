"""The options that `build` and `scan` share, and the request they make."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from sfxpack import adding
from sfxpack.format.layout import HookKind, Platform
from sfxpack.model import Added, Policy, Pyc
from sfxpack.request import SFXDATA, Program, Request
from sfxpack.selection import PRESETS

_FILTERS: Final = ("exclude", "include", "exclude_from")
_RULES: Final = "sfxpack.rules"
"""Where a command's context keeps the lines that these stand for."""
_FAT32: Final = (1 << 32) - (64 << 10)
"""4 GiB less the largest cluster: fsck.fat (seen in 4.2) empties a file whose last cluster ends there."""
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _platform(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> Platform | None:
    try:
        return Platform.parse(value) if value else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _presets(_ctx: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    names = [name.strip() for value in values for name in value.split(",") if name.strip()]
    for name in names:
        if name != "all" and name not in PRESETS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(PRESETS)}, all")
    return tuple(PRESETS) if "all" in names else tuple(names)


def _added(_ctx: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> tuple[Added, ...]:
    try:
        return tuple(map(adding.parse, values))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def size(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> int:
    """Bytes from `4G`, `3.9 GB` or `fat32`; SFXDATA from `sfxdata`; 0 from nothing."""
    if value is None:
        return 0
    text = value.strip()
    if text.lower() == "fat32":
        return _FAT32
    if text.lower() == "sfxdata":
        return SFXDATA
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(?:([kmgt])(ib?|b)?|b)?", text, re.IGNORECASE)
    found = 0
    if match:
        unit, end = (match[2] or "").lower(), (match[3] or "").lower()
        found = int(Decimal(match[1]) * (1000 if end == "b" else 1024) ** (" kmgt".index(unit) if unit else 0))
    if not found:
        raise click.BadParameter(f"{value!r} is no size; write 4G, 700M, 3.9GB, a number of bytes, fat32 or sfxdata")
    return found


class Filtering(click.Command):
    """A command that keeps the order of --exclude, --include and --exclude-from among each other."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse twice: click says in which order options stood, and their values by option, but never both."""
        if ctx.resilient_parsing:  # a shell asks for completions
            return super().parse_args(ctx, args)
        values, _, order = self.make_parser(ctx).parse_args(list(args))
        left = {name: iter(values.get(name) or ()) for name in _FILTERS}
        lines: list[str] = []
        for parameter in order:
            if parameter.name in left:
                lines += _lines(parameter.name, next(left[parameter.name]))
        ctx.meta[_RULES] = tuple(lines)
        return super().parse_args(ctx, args)


def _lines(option: str, value: str) -> list[str]:
    """The lines of gitignore that an option stands for."""
    if option != "exclude_from":
        if not value.strip() or value.startswith("#"):
            text = "is blank or a comment in a .gitignore file, and matches nothing; write \\# for a name with #"
            raise click.UsageError(f"--{option} {value!r}: {text}")
        return [value if option == "exclude" else f"!{value}"]
    try:
        content = Path(value).read_bytes()
    except OSError as error:
        raise click.UsageError(f"--exclude-from {value}: cannot be read: {error.strerror}") from error
    lines = content.removeprefix(codecs.BOM_UTF8).split(b"\n")
    return [os.fsdecode(line.removesuffix(b"\r")) for line in lines]


def _choice(option: str, values: Sequence[str], text: str) -> Callable[[_Command], _Command]:
    """An option with the first of its values as the default."""
    return click.option(option, type=click.Choice(values), default=values[0], show_default=True, help=text)


ENVIRONMENT: Final = (
    click.argument("environments", nargs=-1, metavar="[ENVIRONMENT]..."),
    click.option("-n", "by_name", metavar="ENV", multiple=True, help="The environment, by name; never a folder here."),
    click.option("-p", "by_path", metavar="PATH", multiple=True, help="The environment, by path."),
)
"""Which environments; read by `read_request`."""
POLICIES: Final = (
    click.option(
        "--old-prefix",
        "old_prefixes",
        multiple=True,
        metavar="P",
        help="Where the environment was made, if it does not lie there; repeatable. [what its files agree on]",
    ),
    click.option(
        "--fix-stale",
        multiple=True,
        metavar="P",
        help="An earlier place that some files still name (listed as stale), besides where it was made; repeatable.",
    ),
    _choice("--ambiguous", ["keep", "relocate", "fail"], "Text where the old prefix may be part of another path."),
    click.option(
        "--add",
        "added",
        multiple=True,
        callback=_added,
        metavar="SRC=DEST",
        help="Take the file or folder SRC along too, as DEST below the prefix, relocated like the rest; a file with "
        "DEST/ under its own name. What is there is never replaced, folders are merged; repeatable. With several "
        "environments DEST begins with the name of one.",
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="PATTERN",
        help="Leave out what matches, as a line in .gitignore would: `*.log`, `/share/doc/`, `test_*`. The last of "
        "--exclude, --include and --exclude-from that matches counts.",
    ),
    click.option("--include", multiple=True, metavar="PATTERN", help="Take what matches after all; `!` in .gitignore."),
    click.option("--exclude-from", multiple=True, metavar="FILE", help="Such lines, from a file like .gitignore."),
    click.option(
        "--slim",
        multiple=True,
        callback=_presets,
        metavar="LIST",
        help=f"Leave out by name: {', '.join(PRESETS)}, or all. Licences stay, and tests that their package imports.",
    ),
    click.option(
        "--slim-base",
        is_flag=True,
        help="Leave out of a venv's base Python its tests, IDLE, lib2to3, Tk, headers, static library and optimised "
        "bytecode, and libraries that only these need. What a module of the venv mentions stays: tkinter, or headers "
        "for what compiles when it runs (triton, torch.compile, cffi, numpy.f2py).",
    ),
    _choice(
        "--pyc",
        [value.value for value in Pyc],
        "Compiled Python whose source is packed; compile leaves it out, and the interpreter that was installed "
        "makes it on the target.",
    ),
    _choice(
        "--editable",
        ["keep", "drop", "fail"],
        "Editable installations: keep packs the projects' files too, in editable/NAME; drop leaves them out.",
    ),
    _choice(
        "--external",
        ["keep", "follow", "fail"],
        "Links that lead out of the environment; follow packs what they lead to, in their place.",
    ),
    _choice(
        "--secrets",
        ["drop", "keep", "fail"],
        "Passwords, tokens and private keys that no package ships: drop cuts them where the file works without "
        "them, and lists the others.",
    ),
    click.option(
        "--strict",
        is_flag=True,
        help="Refuse an environment with files that were altered, are missing, were overwritten by another package, or "
        "are in no package. [they are packed, and listed by package]",
    ),
    _choice(
        "--limit",
        ["loaded", "strict"],
        "strict: data files limit the length of the prefix too, not only what programs load.",
    ),
    _choice(
        "--binary-padding",
        ["conda", "slash"],
        "How paths in conda's own binary files are filled up: with NULs, byte for byte as conda does it, or with "
        "leading slashes, so that nothing behind a path moves (for files reported as unsafe).",
    ),
    click.option("--platform", callback=_platform, help="Platform to pack for. [the environment's]"),
    click.option("-j", "--jobs", type=click.IntRange(1, 1024), help="Threads. [usable cores]"),
)
"""How what is found is treated; read by `read_request`."""

_HOOKS: Final = {
    HookKind.PRE_INSTALL: "Script to run before anything is written; if it fails, nothing is installed.",
    HookKind.POST_INSTALL: "Script to run when the environment is in its place; if it fails, all is undone.",
    HookKind.PRE_UNINSTALL: "Script to run before the environment is removed; if it fails, nothing is removed.",
    HookKind.LICENSE: "Text to accept before anything is written; kept as .sfxpack/LICENSE.",
    HookKind.MESSAGE_BEFORE: "Text to show first.",
    HookKind.MESSAGE_AFTER: "Text to show when all is done.",
}
VENDOR: Final = tuple(
    click.option(f"--{kind.label}", type=click.Path(path_type=Path), metavar="FILE", help=text)
    for kind, text in _HOOKS.items()
)
"""What a vendor adds; read by `read_request`, described in docs/vendors.md."""

PROGRAM: Final = (
    click.option("--icon", type=click.Path(path_type=Path), metavar="FILE.ico", help="Windows: icon of the .exe."),
    click.option("--publisher", default="", metavar="NAME", help="Windows: company that the .exe names as its maker."),
    click.option(
        "--description", default="", metavar="TEXT", help="Windows: what the .exe is, for people. [NAME installer]"
    ),
    click.option(
        "--gui",
        is_flag=True,
        help="Windows: a program without a console, which shells and scripts do not wait for.",
    ),
    click.option(
        "--sign-command",
        default="",
        metavar="COMMAND",
        help="Windows: sign the .exe with COMMAND, in which {in} is the file and {out} the signed one, if it is not "
        "signed in place. No shell reads it.",
    ),
)
"""What holds for `.exe` files alone; read by `read_request`."""


def with_options(options: Sequence[Callable[[_Command], _Command]]) -> Callable[[_Command], _Command]:
    """All of `options` as one decorator, in their order."""

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def read_request(
    environments: Sequence[str],
    by_name: Sequence[str],
    by_path: Sequence[str],
    **options: Any,  # noqa: ANN401 by their names
) -> Request:
    """What the options ask for.

    Raises:
        click.UsageError: they contradict each other.
    """
    ways = [way for way in (environments, by_name, by_path) if way]
    if len(ways) > 1:
        raise click.UsageError("name environments in one way: as arguments, with -n or with -p")
    given = tuple(ways[0]) if ways else ()
    for name in _FILTERS:
        options.pop(name)
    policies: dict[str, Any] = {
        name: Policy(options.pop(name)) for name in ("ambiguous", "editable", "external", "secrets")
    }
    hooks = {kind: options.pop(kind.name.lower(), None) for kind in HookKind}
    program = {field.name: options.pop(field.name) for field in fields(Program) if field.name in options}
    return Request(
        environment=given[0] if given else None,
        more=given[1:],
        by_name=bool(by_name),
        by_path=bool(by_path),
        rules=click.get_current_context().meta[_RULES],
        limit_strict=options.pop("limit") == "strict",
        pyc=Pyc(options.pop("pyc")),
        jobs=options.pop("jobs") or 0,
        hooks=tuple((kind, path) for kind, path in hooks.items() if path),
        program=Program(**program),
        **policies,
        **options,
    )
