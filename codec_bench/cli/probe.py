"""`codec-bench probe`: what a small model can read from frozen tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codec_bench.cli import options as o
from codec_bench.cli.finish import tell


def probe(
    codec: Annotated[list[str], typer.Option(help="CODEC[@SETTING][,...]; may be repeated. See `list codecs`.")],
    task: Annotated[list[str], typer.Option(help="TASK[,...]; may be repeated. See `list tasks`.")],
    dataset: Annotated[str, typer.Option(help="NAME, FILE.tsv or DIR.")],
    input_: Annotated[
        str, typer.Option("--input", help="tokens, embeddings (the codebooks' vectors), latents or latents:NAME.")
    ] = "tokens",
    codebooks: Annotated[str | None, typer.Option(help="Numbers of codebooks: 2,3,4.")] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each probe.")] = 3,
    head: Annotated[str | None, typer.Option(help="Another head than the task's own: see `list tasks`.")] = None,
    split: Annotated[
        str, typer.Option(help="auto: the official one, else drawn; speakers or utterances: such parts are drawn.")
    ] = "auto",
    limit: o.Limit = None,
    jobs: Annotated[int | None, typer.Option(help="Training processes; all cores by default, one on a GPU.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    data_root: Annotated[Path | None, typer.Option(help="Folder of an extracted data set.")] = None,
    audio_root: Annotated[Path | None, typer.Option(help="Folder that a manifest's paths are relative to.")] = None,
    seed: Annotated[int, typer.Option(help="First seed of the trainings, and that of splits and bootstrap.")] = 0,
    max_failed: Annotated[float, typer.Option(help="Share of utterances that may fail.")] = 0.05,
    out: Annotated[
        Path | None, typer.Option(help="Run directory; runs/<date>-probe-<tasks>-<dataset> by default.")
    ] = None,
    as_json: o.Json = False,
) -> None:
    """Train small probes on frozen tokens, beside the log-mel spectrogram and random tokens, and print the table."""
    from codec_bench.probes.config import ProbeConfig, names, numbers
    from codec_bench.probes.run import probe as carry_out

    config = ProbeConfig(
        codec=names(codec),
        task=names(task),
        dataset=dataset,
        input=input_,
        codebooks=numbers(codebooks),
        seeds=seeds,
        head=head,
        split=split,
        seed=seed,
        limit=limit,
        jobs=jobs,
        device=device,
        data_root=data_root,
        audio_root=audio_root,
        max_failed=max_failed,
        out=out,
    )
    run = carry_out(config)
    tell([run], as_json)
