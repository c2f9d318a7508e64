"""`codec-bench fetch`: download ahead of a run what it will need."""

from __future__ import annotations

from typing import Annotated

import typer


def fetch(names: Annotated[list[str], typer.Argument(help="codec:NAME or dataset:NAME [...]")]) -> None:
    """Download codecs' weights and data sets; says how large they are before it starts."""
    from codec_bench.errors import UsageError

    kinds = {"codec": _fetch_codec, "dataset": _fetch_dataset}
    parts = [name.partition(":") for name in names]
    for kind, _, name in parts:
        if kind not in kinds or not name:
            raise UsageError(f"{kind!r} cannot be fetched: write codec:NAME or dataset:NAME, e.g. codec:lyra")
    for kind, _, name in parts:
        kinds[kind](name)


def _fetch_codec(name: str) -> None:
    from codec_bench.adapters import CODECS
    from codec_bench.hub import describe_size, fetch_all

    weights = CODECS.get(name).weights()
    if not weights:
        typer.echo(f"codec:{name} needs no files")
    for path in fetch_all(weights, f"codec:{name}"):
        typer.echo(f"{path}\t{describe_size(path.stat().st_size)}")


def _fetch_dataset(name: str) -> None:
    from codec_bench.datasets.loading import load_dataset

    dataset = load_dataset(name)
    dataset.fetch()
    typer.echo(f"dataset:{name}\t{sum(1 for _ in dataset.utterances())} utterances")
