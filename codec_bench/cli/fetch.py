"""`codec-bench fetch`: download ahead of a run what it will need."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from codec_bench.terminal import say

if TYPE_CHECKING:
    from codec_bench.hub import RemoteFile


def fetch(names: Annotated[list[str], typer.Argument(help="codec:NAME, metric:NAME or dataset:NAME [...]")]) -> None:
    """Download weights of codecs and metrics, and data sets; says how large they are before it starts."""
    from codec_bench.errors import UsageError

    kinds = {"codec": _fetch_codec, "metric": _fetch_metric, "dataset": _fetch_dataset}
    parts = [name.partition(":") for name in names]
    for kind, _, name in parts:
        if kind not in kinds or not name:
            raise UsageError(
                f"{kind!r} cannot be fetched: write codec:NAME, metric:NAME or dataset:NAME, e.g. codec:lyra"
            )
    for kind, _, name in parts:
        kinds[kind](name)


def _fetch_codec(name: str) -> None:
    from codec_bench.adapters import CODECS
    from codec_bench.environments import Environment

    codec = CODECS.get(name)
    environment = getattr(codec, "environment", None)
    files = [*codec.weights(), *(environment.remotes if isinstance(environment, Environment) else ())]
    _fetch_files(f"codec:{name}", files)
    if isinstance(environment, Environment) and not environment.is_ready:
        sys.stderr.write(f"codec:{name} runs in an environment of its own: codec-bench env create codec:{name}\n")


def _fetch_metric(name: str) -> None:
    from codec_bench.metrics import metric

    _fetch_files(f"metric:{name}", metric(name).weights)


def _fetch_files(what: str, files: Sequence[RemoteFile]) -> None:
    from codec_bench.hub import describe_size, fetch_all

    if not files:
        say(f"{what} needs no files")
    for path in fetch_all(files, what):
        say(f"{path}\t{describe_size(path.stat().st_size)}")


def _fetch_dataset(name: str) -> None:
    from codec_bench.datasets.loading import load_dataset

    dataset = load_dataset(name)
    dataset.fetch()
    say(f"dataset:{name}\t{sum(1 for _ in dataset.utterances())} utterances")
