"""`codec-bench run`: reconstruct a data set with codecs and score it."""

from __future__ import annotations

from codec_bench.cli.commands import command
from codec_bench.cli.finish import tell
from codec_bench.reconstruction.config import RunConfig


@command(RunConfig)
def run(config: RunConfig, as_json: bool) -> None:
    """Reconstruct a data set with codecs, score it, and print the table grouped by bitrate."""
    from codec_bench import api

    tell(api.run_suite(config).values(), as_json, bands=config.bands)
