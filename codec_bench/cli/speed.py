"""`codec-bench speed`: what codecs cost."""

from __future__ import annotations

from codec_bench.cli.commands import command
from codec_bench.cli.finish import report, tell
from codec_bench.speed.config import SpeedConfig


@command(SpeedConfig)
def speed(config: SpeedConfig, as_json: bool) -> None:
    """Measure what codecs cost: real-time factor, latency, memory, parameters, multiply-accumulates."""
    from codec_bench.speed.run import run_speed

    run = run_speed(config)
    report(run, config.report)
    tell([run], as_json, log=config.log)
