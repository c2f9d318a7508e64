"""`codec-bench fetch`: download ahead of a run what it will need."""

from __future__ import annotations

from typing import Annotated

import typer


def fetch(names: Annotated[list[str], typer.Argument(help="codec:NAME [...]")]) -> None:
    """Download the weights of codecs; says how large they are before it starts."""
    from codec_bench.adapters import CODECS
    from codec_bench.errors import UsageError
    from codec_bench.hub import describe_size, fetch_all

    wanted = []
    for name in names:
        kind, _, codec = name.partition(":")
        if kind != "codec" or not codec:
            raise UsageError(f"{name!r} cannot be fetched: write codec:NAME, e.g. codec:lyra")
        wanted.append((name, CODECS.get(codec).weights()))
    for name, weights in wanted:
        if not weights:
            typer.echo(f"{name} needs no files")
        for path in fetch_all(weights, name):
            typer.echo(f"{path}\t{describe_size(path.stat().st_size)}")
