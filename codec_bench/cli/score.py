"""`codec-bench score`: score audio that exists already: reconstructions, or generated speech."""

from __future__ import annotations

import sys

import typer

from codec_bench.cli.commands import command
from codec_bench.cli.finish import tell
from codec_bench.reconstruction.config import ScoreConfig


@command(ScoreConfig)
def score(config: ScoreConfig, as_json: bool) -> None:
    """Score a folder of audio: reconstructions against their recordings, generated speech against text and prompts."""
    from codec_bench import api
    from codec_bench.reconstruction.joining import match

    joined = match(config.decoded, config.reference, config.prompts)
    for warning in joined.warnings:
        sys.stderr.write(f"WARNING: {warning}\n")
    tell(api.run_suite(config.run_config(joined.common)).values(), as_json, bands=config.bands)
    if config.strict and joined.warnings:
        sys.stderr.write("codec-bench: files without a partner (--strict)\n")
        raise typer.Exit(1)
