"""`codec-bench speed`: what codecs cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codec_bench.cli import options as o
from codec_bench.cli.finish import tell


def speed(
    codec: Annotated[
        list[str] | None, typer.Option(help="CODEC[@SETTING][,...]; may be repeated. See `list codecs`.")
    ] = None,
    codebooks: Annotated[str | None, typer.Option(help="Numbers of codebooks: 2,3,4.")] = None,
    seconds: Annotated[str, typer.Option(help="Lengths of the recordings in seconds.")] = "5,30,60",
    audio: Annotated[
        str, typer.Option(help="An audio file, or a data set whose utterances are joined and cut.")
    ] = "demo",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    threads: Annotated[int, typer.Option(help="Threads of torch and of BLAS libraries.")] = 1,
    repeats: Annotated[int, typer.Option(help="Timed rounds per length.")] = 5,
    warmup: Annotated[int, typer.Option(help="Rounds before them, which are not counted.")] = 1,
    timeout: Annotated[float, typer.Option(help="Seconds that loading, or one round, may take.")] = 600.0,
    checkpoint: Annotated[Path | None, typer.Option(help="Other weights for the codec: a file or a folder.")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder of an extracted data set.")] = None,
    audio_root: Annotated[Path | None, typer.Option(help="Folder that a manifest's paths are relative to.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run directory; runs/<date>-speed-<codecs> by default.")] = None,
    no_report: o.NoReport = False,
    as_json: o.Json = False,
) -> None:
    """Measure what codecs cost: real-time factor, latency, memory, parameters, multiply-accumulates."""
    from codec_bench.reports.report import write_report
    from codec_bench.speed.config import SpeedConfig
    from codec_bench.speed.run import run_speed

    chosen = SpeedConfig(
        codec=tuple(part.strip() for text in codec or [] for part in text.split(",") if part.strip()),
        codebooks=tuple(int(number) for number in _numbers("--codebooks", codebooks or "", int)),
        seconds=tuple(_numbers("--seconds", seconds, float)),
        audio=audio,
        data_root=data_root,
        audio_root=audio_root,
        checkpoint=checkpoint,
        device=device,
        threads=threads,
        repeats=repeats,
        warmup=warmup,
        timeout=timeout,
        out=out,
    )
    run = run_speed(chosen)
    write_report([run], run.path, formats=("md",) if no_report else ("md", "html"), plots=not no_report)
    tell([run], as_json)


def _numbers(option: str, text: str, kind: type[float]) -> list[float]:
    from codec_bench.errors import UsageError

    try:
        return [kind(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UsageError(f"{option} is numbers with commas, not {text!r}") from None
