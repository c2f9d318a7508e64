"""`codec-bench env`: environments of codecs whose dependencies clash with ours: make, list, remove."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codec_bench.cli.options import Json
from codec_bench.grids import Grid

if TYPE_CHECKING:
    from codec_bench.environments import Environment, Report

env = typer.Typer(
    help="Make, list or remove the environments of codecs whose dependencies clash.", no_args_is_help=True
)

UNUSED = "unused"
"""State of an environment on disk that nothing needs any more."""

NONE_NEEDED = "no codec needs an environment of its own"


@dataclass(frozen=True)
class Used:
    """An environment and what needs it.

    Attributes:
        environment: What is to be made.
        codecs: Names of the codecs that run in it.
        metrics: Names of the metrics that run in it.
    """

    environment: Environment
    codecs: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


def environments() -> dict[str, Used]:
    """All environments that a codec or a metric declares, by name.

    Raises:
        UsageError: Two that differ have one name.
    """
    from codec_bench.adapters import CODECS
    from codec_bench.metrics import METRICS
    from codec_bench.metrics.asr import BACKENDS

    found: dict[str, Used] = {}
    for name in CODECS.names():
        _note(found, CODECS.get(name), codecs=(name,))
    for name in METRICS.names():
        _note(found, METRICS.get(name), metrics=(name,))
    for name in BACKENDS.names():
        _note(found, BACKENDS.get(name), metrics=(f"wer[{name}]",))
    return found


def _note(found: dict[str, Used], plugin: Any, codecs: tuple[str, ...] = (), metrics: tuple[str, ...] = ()) -> None:
    """Adds what a plug-in declares, where it does."""
    from codec_bench.environments import Environment
    from codec_bench.errors import UsageError

    declared = getattr(plugin, "environment", None)
    if not isinstance(declared, Environment):
        return
    known = found.setdefault(declared.name, Used(declared))
    if known.environment.fingerprint != declared.fingerprint:
        others = ", ".join((*known.codecs, *known.metrics))
        raise UsageError(
            f"{', '.join(codecs + metrics)} and {others} declare different environments named {declared.name}: "
            "rename one of them in its adapter"
        )
    found[declared.name] = Used(known.environment, known.codecs + codecs, known.metrics + metrics)


@env.command()
def create(names: Annotated[list[str], typer.Argument(help="NAME, codec:NAME or all [...]")]) -> None:
    """Make environments: fetch and unpack sources, install packages. What is there and up to date is left."""
    from codec_bench.errors import CodecBenchError

    wanted = _wanted(names)
    if not wanted:
        sys.stderr.write(f"{NONE_NEEDED}\n")
    failures: list[CodecBenchError] = []
    for used in wanted.values():
        made = used.environment
        if made.is_ready:
            typer.echo(f"{made.name} is ready: {made.folder}")
            continue
        try:
            with _progress(made.name) as (report, detail):
                made.create(report, detail)
        except CodecBenchError as error:
            if len(wanted) == 1:
                raise
            failures.append(error)
            sys.stderr.write(f"codec-bench: {error}\n")
            continue
        typer.echo(f"{made.name} is ready: {made.folder}")
        sys.stderr.write("".join(f"{made.name}: {line}\n" for line in _next_steps(used)))
    if failures:
        raise typer.Exit(failures[0].exit_code)


@env.command("list")
def list_environments(as_json: Json = False) -> None:
    """List environments, what needs them, and whether they are there."""
    rows = environment_facts()
    if as_json:
        typer.echo(json.dumps(rows, indent=1, allow_nan=False))
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

    wanted = _wanted(names, left_over=True)
    there = [used.environment for used in wanted.values() if used.environment.folder.exists()]
    for used in wanted.values():
        if not used.environment.folder.exists():
            typer.echo(f"{used.environment.name} does not exist")
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
        typer.echo(f"{environment.name} is removed")


def environment_facts() -> list[dict[str, Any]]:
    """One entry per environment, for programs: sizes in bytes, versions of packages, digests of source trees."""
    from codec_bench.files import folder_size

    known = environments()
    left = _left_over(known)
    rows = []
    for name, used in sorted({**known, **left}.items()):
        made = used.environment
        record = made.record
        rows.append(
            {
                "environment": name,
                "codecs": list(used.codecs),
                "metrics": list(used.metrics),
                "python": record.get("python", made.python or _our_python()),
                "inherits": made.inherits,
                "state": UNUSED if name in left else made.state.value,
                "size_bytes": folder_size(made.folder),
                "requirements": [*made.requirements, *made.without_dependencies],
                "sources": {source.repository: source.commit for source in made.sources},
                "packages": dict(record.get("packages", {})),
                "trees": dict(record.get("sources", {})),
                "folder": str(made.folder),
            }
        )
    return rows


def _for_people(fact: Mapping[str, Any]) -> dict[str, Any]:
    from codec_bench.hub import describe_size

    own = f"{len(fact['packages'])} installed" if fact["packages"] else ""
    return {
        "environment": fact["environment"],
        "needed by": " ".join([*fact["codecs"], *fact["metrics"]]),
        "python": fact["python"] + (" + ours" if fact["inherits"] else ""),
        "state": fact["state"],
        "size": describe_size(fact["size_bytes"]) if fact["size_bytes"] else "",
        "packages": own,
        "sources": " ".join(f"{repository}@{commit[:7]}" for repository, commit in fact["sources"].items()),
    }


def _our_python() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def _wanted(names: Sequence[str], left_over: bool = False) -> dict[str, Used]:
    """The environments of these names.

    Args:
        names: Environments or codecs (`codec:NAME`, also `codec:package.module:Class`), or `all`.
        left_over: Whether environments on disk that nothing needs any more have names, too.

    Raises:
        UsageError: No such environment, or the codec needs none.
    """
    from codec_bench.adapters import CODECS
    from codec_bench.errors import UsageError
    from codec_bench.registry import unknown

    known = environments()
    others = _left_over(known) if left_over else {}
    wanted: dict[str, Used] = {}
    for name in names:
        if name == "all":
            wanted |= known
        elif name.startswith("codec:"):
            codec = name.removeprefix("codec:").partition("@")[0]
            mine: dict[str, Used] = {}
            _note(mine, CODECS.get(codec), codecs=(codec,))
            if not mine:
                raise UsageError(f"{codec} needs no environment of its own")
            wanted |= {key: known.get(key, used) for key, used in mine.items()}
        elif name in known or name in others:
            wanted[name] = known.get(name) or others[name]
        else:
            raise UsageError(unknown("environment", name, [*known, *others]))
    return wanted


def _left_over(known: Mapping[str, Used]) -> dict[str, Used]:
    """Environments on disk that nothing declares any more."""
    from codec_bench.environments import Environment
    from codec_bench.hub import home

    folder = home() / "envs"
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != ".") if folder.is_dir() else []
    found = {}
    for name in names:
        try:
            found[name] = Used(Environment(name))
        except ValueError:  # not one of our names, so it was put there by hand
            continue
    return {name: used for name, used in found.items() if name not in known}


def _next_steps(used: Used) -> list[str]:
    """What the codecs of an environment still lack."""
    from codec_bench.adapters import CODECS

    reasons = {name: CODECS.get(name).unavailable() for name in used.codecs}
    return [f"codec {name}: {reason}" for name, reason in reasons.items() if reason]


@contextmanager
def _progress(name: str) -> Iterator[tuple[Report, Report]]:
    """Prints each step on standard error, and what the installer says in a last line of a terminal."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)

    def line(text: str) -> None:
        console.print(f"{name}: {text}", markup=False, highlight=False, soft_wrap=True)

    if not console.is_terminal:
        yield line, lambda _: None
        return
    with console.status(name) as status:
        yield line, lambda text: status.update(escape(text[: console.width - 4]))
