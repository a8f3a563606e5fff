"""Command line: arguments -> request -> call; the only module that prints or picks exit codes."""

from __future__ import annotations

import dataclasses
import gc
import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from sfxpack import __version__, inspect_report, report, scan_report
from sfxpack.build import build as build_artifact
from sfxpack.errors import SfxpackError, UsageError
from sfxpack.extract import extract as extract_artifact
from sfxpack.format.layout import Exit
from sfxpack.inspect import inspect as inspect_artifact
from sfxpack.model import DEFAULT_LEVEL
from sfxpack.options import ENVIRONMENT, POLICIES, PROGRAM, VENDOR, Filtering, read_request, size, with_options
from sfxpack.preview import preview
from sfxpack.scan import scan as scan_environment
from sfxpack.subject import each
from sfxpack.verify import verify as verify_artifact

EXAMPLE = """\
  sfxpack scan myenv                          what a build would do, and what it would need
  sfxpack build myenv                         pack a conda environment, a venv or any prefix
  ./myenv-linux-x86_64.sh --prefix /opt/env   install it, on any Linux, without network or Python
"""
_SHOW_PROGRESS_FROM = 64 * 1024 * 1024
"""Bytes of an environment; smaller ones are packed within two seconds."""


class _Group(click.Group):
    """Turns our errors into a message and an exit code; alone, shows a short help with an example."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 click's own signature
        try:
            return super().invoke(ctx)
        except SfxpackError as error:
            click.echo(f"sfxpack: {error}", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(Exit.IO)


@click.group(cls=_Group, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="sfxpack", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Turn an environment into one file that installs it anywhere, already relocated."""
    if ctx.invoked_subcommand is None:
        click.echo("sfxpack: one self-extracting file from a conda environment, a venv or any prefix.\n")
        click.echo(EXAMPLE)
        click.echo("More: sfxpack --help, sfxpack build --help")


@cli.command(cls=Filtering)
@with_options(ENVIRONMENT)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File to write. [NAME[-RELEASE]-PLATFORM.sh, .exe]"
)
@click.option("--name", default="", help="Name of the product. [the environment's]")
@click.option("--release", default="", help="Release of the product.")
@click.option(
    "--default-prefix",
    default="",
    metavar="P",
    help="Where the installer proposes to install. [~/NAME; %LOCALAPPDATA%\\Programs\\NAME]",
)
@click.option("--level", type=click.IntRange(1, 22), default=DEFAULT_LEVEL, show_default=True, help="zstd level.")
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@click.option(
    "--split",
    callback=size,
    metavar="SIZE",
    help="Write files of fewer bytes than SIZE, which belong together: FILE, FILE.part01, ... SIZE is 4G, 700M, 3.9GB "
    "(K, M, G: powers of 1024; kB, MB, GB: of 1000) or fat32: what FAT32 takes. For Windows also sfxdata: the program "
    "alone, all else in FILE.sfxdata, as is done anyway where a .exe would reach 4 GiB, which Windows does not start.",
)
@click.option("--dry-run", is_flag=True, help="List what would go in, by size, and write nothing.")
@with_options(VENDOR)
@with_options(PROGRAM)
@with_options(POLICIES)
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
@click.option("-v", "--verbose", is_flag=True, help="List every finding.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def build(*, dry_run: bool, quiet: bool, verbose: bool, as_json: bool, **options: Any) -> None:  # noqa: ANN401 as below
    """Pack ENVIRONMENT: a name, a path, or nothing for the active one or that of the project.

    Several are packed into one file that installs each below its own name: PREFIX/NAME. NAME is that of the
    environment's folder, unless it is given as NAME=ENVIRONMENT.

    \b
    Examples:
      sfxpack build myenv
      sfxpack build ./venv -o out/app.sh --name app --release 2.1 --default-prefix /opt/app
      sfxpack build -p /opt/tools --level 19
      sfxpack build myenv --split fat32 -o /media/stick/myenv.sh
      sfxpack build myenv --slim tests,docs --exclude '*.log' --dry-run
      sfxpack build train serve=./deploy/venv --name models
    """  # noqa: D301 click looks for the character
    request = read_request(**options)
    if dry_run:
        found = preview(request)
        if as_json:
            click.echo(json.dumps(report.preview_as_json(found)))
        else:
            report.print_preview(found, Console(highlight=False), verbose=verbose)
        return
    gc.disable()  # a build makes hundreds of thousands of values without a cycle; looking for one takes 5 % of the time
    if quiet or as_json:
        result = build_artifact(request)
    else:
        with _Bar("packing") as progress:
            result = build_artifact(request, progress)
    if as_json:
        click.echo(json.dumps(report.as_json(result)))
    elif not quiet:
        report.print_result(result, Console(highlight=False), verbose=verbose)


@cli.command(cls=Filtering, short_help="Show what a build would do and what its result would need.")
@with_options(ENVIRONMENT)
@with_options(POLICIES)
@click.option("-v", "--verbose", is_flag=True, help="List every site, finding and file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, described in docs/scan.md; with -v every site.")
def scan(*, verbose: bool, as_json: bool, **options: Any) -> None:  # noqa: ANN401 read by read_request
    """Show what a build of ENVIRONMENT would do and what it would need, without building; of several, one by one.

    Lists the libraries that are missing, how long the new prefix may be and which files say so, what cannot be moved,
    and the options that would change any of it. Writes nothing and runs nothing; exit 0 whatever is found.

    \b
    Examples:
      sfxpack scan myenv
      sfxpack scan -p /opt/tools -v
      sfxpack scan ./venv --json | jq .libraries
    """  # noqa: D301 click looks for the character
    request = read_request(**options)
    if request.added and request.more:
        raise UsageError("--add: scan one environment at a time with it")
    requests = [request for _, request in each(request)]
    gc.disable()  # as in build
    if as_json:
        values = [scan_report.as_json(scan_environment(request), verbose=verbose) for request in requests]
        click.echo(json.dumps(values if len(values) > 1 else values[0]))
        return
    for number, request in enumerate(requests):
        with _Bar("scanning") as progress:
            result = scan_environment(request, progress)
        if number:
            click.echo()
        scan_report.print_scan(result, Console(highlight=False), verbose=verbose)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def inspect(file: Path, *, as_json: bool) -> None:
    """Show what FILE installs, without running it, on any host."""
    facts = inspect_artifact(file)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(facts)))
    else:
        inspect_report.print_inspection(facts, Console(highlight=False))


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
def verify(file: Path) -> None:
    """Check every byte of FILE, and of its parts; exit 3 if one is not as it was made."""
    build_name = verify_artifact(file)
    click.echo(f"{file}: sound, build {build_name[:16]}")


@cli.command(short_help="Write what FILE installs into a folder, for any prefix.")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--as", "prefix", metavar="PREFIX", help="Render it for this prefix. [DIRECTORY; C:\\NAME]")
def extract(file: Path, directory: Path, prefix: str | None) -> None:
    """Write the tree FILE would install into DIRECTORY, which is absent or empty.

    Works for artifacts of every platform.
    """
    extract_artifact(file, directory, prefix)


class _Bar:
    """A progress bar on a terminal for what takes longer than a moment; nothing elsewhere."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: Progress | None = None

    def __enter__(self) -> Callable[[int, int], None]:
        task: Any = None

        def update(done: int, total: int) -> None:
            nonlocal task
            if self._bar is None and total >= _SHOW_PROGRESS_FROM and sys.stderr.isatty():
                columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
                self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
                self._bar.start()
                task = self._bar.add_task(self._label, total=total)
            if self._bar is not None:
                self._bar.update(task, completed=done)

        return update

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


class _EndedError(SystemExit):
    """A signal asked to end."""


def _end(number: int, _frame: object) -> NoReturn:
    """End by an exception, so that an unfinished file is removed on the way."""
    raise _EndedError(128 + number)


def _leave(status: int) -> NoReturn:
    """End now: after a signal some threads may never end (`Workers`), and the interpreter would wait for them."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main() -> None:
    """Entry point of the console script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files are any bytes
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end)
    try:
        sys.exit(cli.main(prog_name="sfxpack", standalone_mode=False))
    except click.Abort:
        click.echo("sfxpack: interrupted; nothing was written", err=True)
        status: int = Exit.INTERRUPTED
    except _EndedError as ended:
        status = ended.args[0]
    except click.ClickException as error:
        error.show()
        sys.exit(Exit.USAGE)
    _leave(status)  # not above: what the exception holds is cleaned up first, the unfinished file too
