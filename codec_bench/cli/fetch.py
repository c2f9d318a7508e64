"""`codec-bench fetch`: download ahead of a run what it will need."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codec_bench.cli.options import DryRun
from codec_bench.terminal import say

if TYPE_CHECKING:
    from codec_bench.hub import RemoteFile


def fetch(
    names: Annotated[list[str], typer.Argument(help="codec:NAME, metric:NAME or dataset:NAME [...]")],
    update: Annotated[
        bool, typer.Option("--update", help="Look on Hugging Face for newer files than were downloaded first.")
    ] = False,
    lists: Annotated[
        bool, typer.Option("--list", help="Only list the files for another machine: path, bytes, SHA-256, address.")
    ] = False,
    is_dry: DryRun = False,
    carried: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Take files that another machine downloaded; no network is used."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Compare what was fetched with known answers.")
    ] = True,
) -> None:
    """Download weights of codecs and metrics, and data sets; says how large they are before it starts.

    For a machine without a network: --list there, download the files elsewhere, --from DIR there.
    """
    from codec_bench.errors import UsageError

    kinds = {"codec": _fetch_codec, "metric": _fetch_metric, "dataset": _fetch_dataset}
    parts = [name.partition(":") for name in names]
    for kind, _, name in parts:
        if kind not in kinds or not name:
            raise UsageError(
                f"{kind!r} cannot be fetched: write codec:NAME, metric:NAME or dataset:NAME, e.g. codec:lyra"
            )
    if lists:
        from codec_bench.preflight import listed_files

        say(listed_files(names), end="")
        return
    if is_dry:
        from codec_bench.preflight import described, needs_of

        say(described(needs_of(names)))
        return
    if carried is not None:
        _carry(names, carried)
    for kind, _, name in parts:
        kinds[kind](name, update)
    if verify:
        _verify([f"{kind}:{name}" for kind, _, name in parts if kind != "dataset"])


def _carry(names: Sequence[str], folder: Path) -> None:
    """Brings the files of `--list` from a folder, where they lie as in a mirror or side by side."""
    from codec_bench.hub import bring
    from codec_bench.preflight import needs_of

    for need in needs_of(names):
        for path in bring(need.absent, folder):
            sys.stderr.write(f"{need.what}: {path}\n")


def _verify(names: Sequence[str]) -> None:
    """Verifies what can run now, if it was not verified yet; what fails is said, and ends the command with 1."""
    from codec_bench.coding.devices import torch_device
    from codec_bench.verification import State, ensure, state_of, target_of

    targets = [target for name in names for target in target_of(name) if target.plugin.unavailable() is None]
    ensure(targets, torch_device("auto"), allows_failed=True)
    found = [(target, *state_of(target)) for target in targets if target.weights]
    for target, _, text in found:
        sys.stderr.write(f"{target.name}: {text}\n")
    if any(state is State.FAILED for _, state, _ in found):
        raise typer.Exit(1)


def _fetch_codec(name: str, update: bool) -> None:
    from codec_bench.adapters import CODECS
    from codec_bench.environments import Environment

    codec = CODECS.get(name)
    environment = getattr(codec, "environment", None)
    files = [*codec.weights(), *(environment.remotes if isinstance(environment, Environment) else ())]
    _fetch_files(f"codec:{name}", files, update)
    if isinstance(environment, Environment) and not environment.is_ready:
        sys.stderr.write(f"codec:{name} runs in an environment of its own: codec-bench env create codec:{name}\n")


def _fetch_metric(name: str, update: bool) -> None:
    from codec_bench.metrics import metric

    _fetch_files(f"metric:{name}", metric(name).weights, update)


def _fetch_files(what: str, files: Sequence[RemoteFile], update: bool) -> None:
    from codec_bench.hub import describe_size, fetch_all, renew

    if not files:
        say(f"{what} needs no files")
    if update:
        renew(files)
    for path in fetch_all(files, what):
        say(f"{path}\t{describe_size(path.stat().st_size)}")


def _fetch_dataset(name: str, update: bool) -> None:
    from codec_bench.datasets.loading import load_dataset

    dataset = load_dataset(name)
    dataset.fetch()
    say(f"dataset:{name}\t{sum(1 for _ in dataset.utterances())} utterances")
