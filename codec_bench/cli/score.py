"""`codec-bench score`: score audio that exists already: reconstructions, or generated speech."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from codec_bench.cli import options as o
from codec_bench.cli.finish import finish


def score(
    decoded: Annotated[Path, typer.Option(help="Folder with the audio to score; file stems are the ids.")],
    reference: Annotated[
        Path | None,
        typer.Option(help="Folder with the recordings, joined by file stem; none for generated speech."),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(help="Generated speech: file with lines `utterance prompt`, for the similarity of speakers."),
    ] = None,
    prompt_root: Annotated[
        Path | None, typer.Option(help="Folder of the prompts; by default that of the file.")
    ] = None,
    text: o.Text = None,
    name: Annotated[str | None, typer.Option(help="Name of the system; the folder's name by default.")] = None,
    bitrate: Annotated[float | None, typer.Option(help="kbit/s, as the makers of the files state it.")] = None,
    group: Annotated[str | None, typer.Option(help="semantic, acoustic or classic.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 where a file has no partner.")] = False,
    metrics: o.Metrics = None,
    limit: o.Limit = None,
    jobs: o.Jobs = None,
    device: o.Device = None,
    asr: o.Asr = None,
    normaliser: o.Normaliser = None,
    bands: o.Bands = None,
    seed: o.Seed = None,
    keep_audio: o.KeepAudio = None,
    max_failed: o.MaxFailed = None,
    timeout: o.Timeout = None,
    out: o.Out = None,
    no_ground_truth: o.NoGroundTruth = False,
    no_report: o.NoReport = False,
    as_json: o.Json = False,
) -> None:
    """Score a folder of audio: reconstructions against their recordings, generated speech against text and prompts."""
    from codec_bench.reconstruction.joining import match

    joined = match(decoded, reference, prompts)
    for warning in joined.warnings:
        sys.stderr.write(f"WARNING: {warning}\n")
    files = o.given(files=str(decoded), name=name or decoded.resolve().name, bitrate=bitrate, group=group)
    options = o.given(
        codec=[files],
        dataset=[str(decoded if reference is None else reference)],
        only=joined.common,
        generated=reference is None,
        prompts=prompts,
        prompt_root=prompt_root,
        text=text,
        metrics=metrics,
        limit=limit,
        jobs=jobs,
        device=device,
        asr=asr,
        normaliser=normaliser,
        bands=bands,
        seed=seed,
        keep_audio=keep_audio,
        max_failed=max_failed,
        timeout=timeout,
        out=out,
        ground_truth=False if no_ground_truth else None,
        report=False if no_report else None,
    )
    finish(options, None, None, as_json)
    if strict and joined.warnings:
        sys.stderr.write("codec-bench: files without a partner (--strict)\n")
        raise typer.Exit(1)
