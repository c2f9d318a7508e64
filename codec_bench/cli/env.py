"""`codec-bench env`: environments of codecs whose dependencies clash with ours: make, list, remove."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codec_bench import terminal
from codec_bench.cli import new_app
from codec_bench.cli.options import DryRun, Json
from codec_bench.grids import Grid
from codec_bench.terminal import say

if TYPE_CHECKING:
    from codec_bench.environments import Announce

env = new_app(help="Create, list or remove the environments of codecs whose dependencies clash.", no_args_is_help=True)

NONE_NEEDED = "no codec needs an environment of its own"


@env.command()
def create(
    names: Annotated[list[str], typer.Argument(help="NAME, codec:NAME or all [...]")], is_dry: DryRun = False
) -> None:
    """Make environments: fetch and unpack sources, install packages. What is there and up to date is left."""
    from codec_bench.errors import CodecBenchError
    from codec_bench.needed_environments import announcement, still_lacking, wanted_environments

    wanted = wanted_environments(names)
    if not wanted:
        sys.stderr.write(f"{NONE_NEEDED}\n")
    if text := announcement([used for used in wanted.values() if used.environment.is_unmade]):
        sys.stderr.write(f"codec-bench: {text}\n")
    if is_dry:
        for name, used in wanted.items():
            say(f"{name}: {'ready' if used.environment.is_ready else 'to be made'}")
        return
    failures: list[CodecBenchError] = []
    for used in wanted.values():
        made = used.environment
        if made.is_ready and not made.lacks_checks(used.checks):
            say(f"{made.name} is ready: {made.folder}")
            continue
        try:
            with _progress(made.name) as (report, detail):
                made.create(report, detail, used.checks)
        except CodecBenchError as error:
            if len(wanted) == 1:
                raise
            failures.append(error)
            sys.stderr.write(f"codec-bench: {error}\n")
            continue
        say(f"{made.name} is ready: {made.folder}")
        sys.stderr.write("".join(f"{made.name}: {line}\n" for line in still_lacking(used)))
    if failures:
        raise typer.Exit(failures[0].exit_code)


@env.command("list")
def list_environments(as_json: Json = False) -> None:
    """List environments, what needs them, and whether they are there."""
    from codec_bench.needed_environments import environment_facts

    rows = environment_facts()
    if as_json:
        say(json.dumps(rows, indent=1, allow_nan=False))
    elif rows:
        Grid.of([_for_people(row) for row in rows]).print()
    else:
        sys.stderr.write(f"{NONE_NEEDED}\n")


@env.command()
def remove(
    names: Annotated[list[str], typer.Argument(help="NAME or codec:NAME [...]")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove environments; `env create` makes them again."""
    from codec_bench.errors import UsageError
    from codec_bench.files import folder_size
    from codec_bench.hub import describe_size
    from codec_bench.needed_environments import wanted_environments

    wanted = wanted_environments(names, left_over=True)
    there = [used.environment for used in wanted.values() if used.environment.folder.exists()]
    for used in wanted.values():
        if not used.environment.folder.exists():
            say(f"{used.environment.name} does not exist")
    if not there:
        return
    if not yes:
        what = ", ".join(f"{e.name} ({describe_size(folder_size(e.folder))})" for e in there)
        if not sys.stdin.isatty():
            raise UsageError(f"{what} would be removed: add --yes")
        if not typer.confirm(f"Remove {what}?", err=True):
            return
    for environment in there:
        environment.remove()
        say(f"{environment.name} is removed")


def _for_people(fact: Mapping[str, Any]) -> dict[str, Any]:
    own = f"{len(fact['packages'])} installed" if fact["packages"] else ""
    return {
        "environment": fact["environment"],
        "needed by": " ".join([*fact["codecs"], *fact["metrics"]]),
        "python": fact["python"] + (" + ours" if fact["inherits"] else ""),
        "state": fact["state"],
        "size": _size(fact),
        "packages": own,
        "sources": " ".join(f"{repository}@{commit[:7]}" for repository, commit in fact["sources"].items()),
    }


def _size(fact: Mapping[str, Any]) -> str:
    """What it takes, or about what it would take."""
    from codec_bench.hub import describe_size

    if fact["size_bytes"]:
        return describe_size(fact["size_bytes"])
    return f"about {describe_size(fact['expected_bytes'])}" if fact["expected_bytes"] else ""


@contextmanager
def _progress(name: str) -> Iterator[tuple[Announce, Announce]]:
    """Prints each step on standard error, and what the installer says in a last line of a terminal."""
    from rich.markup import escape

    console = terminal.console(stderr=True)

    def line(text: str) -> None:
        console.print(f"{name}: {text}", markup=False, highlight=False, soft_wrap=True)

    if not console.is_terminal:
        yield line, lambda _: None
        return
    with console.status(name) as status:
        yield line, lambda text: status.update(escape(text[: console.width - 4]))
