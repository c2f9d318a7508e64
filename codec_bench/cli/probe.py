"""`codec-bench probe`: what a small model can read from frozen tokens."""

from __future__ import annotations

from codec_bench.cli.commands import command
from codec_bench.cli.finish import tell
from codec_bench.probes.config import ProbeConfig


@command(ProbeConfig)
def probe(config: ProbeConfig, as_json: bool) -> None:
    """Train small probes on frozen tokens, with log-mel spectrograms and random tokens as bounds; print the table."""
    from codec_bench.probes.run import probe as carry_out

    probed = carry_out(config)
    tell(probed.runs, as_json, failures=probed.skipped, log=config.log)
