"""`codec-bench tokens`: what the tokens of codecs say by themselves."""

from __future__ import annotations

from codec_bench.cli.commands import command
from codec_bench.cli.finish import report, tell
from codec_bench.token_statistics.config import TokensConfig


@command(TokensConfig)
def tokens(config: TokensConfig, as_json: bool) -> None:
    """Analyse tokens: use of codebooks, entropy, n-grams, dependence, modelability, stability, a map."""
    from codec_bench.token_statistics.command import codebook_grid, run_tokens

    run = run_tokens(config)
    report(run, config.report)
    tell([run], as_json, after=lambda run: codebook_grid(run).print(as_markdown=True), log=config.log)
