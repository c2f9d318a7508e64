"""`codec-bench run`: reconstruct a data set with codecs and score it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codec_bench.cli import options as o
from codec_bench.cli.finish import finish


def run(
    codec: Annotated[
        list[str] | None,
        typer.Option(help="CODEC[@SETTING][,...] or files:DIR; may be repeated. See `list codecs`."),
    ] = None,
    codebooks: Annotated[str | None, typer.Option(help="Numbers of codebooks: 2,3,4.")] = None,
    dataset: Annotated[str | None, typer.Option(help="NAME, FILE.tsv or DIR; libritts-test-b by default.")] = None,
    metrics: o.Metrics = None,
    limit: o.Limit = None,
    jobs: o.Jobs = None,
    coding_jobs: Annotated[
        int | None, typer.Option(help="Processes that code, for codecs without a GPU; 1 by default.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="local or ray: where codecs and metrics run.")] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="HOST:PORT or auto: a running Ray cluster; without it, one is started here.")
    ] = None,
    device: o.Device = None,
    batch_seconds: Annotated[
        float | None, typer.Option(help="Seconds of audio coded together on a GPU; 0: one recording at a time.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Other weights for the codec: a file or a folder.")] = None,
    asr: o.Asr = None,
    normaliser: o.Normaliser = None,
    condition: Annotated[
        str | None,
        typer.Option(
            help="Rows more per system: noise@SNR_DB, reverb[@T60_SECONDS], gain@DB, band@HZ, segment@SECONDS, "
            "concat@SECONDS; several with commas."
        ),
    ] = None,
    condition_reference: Annotated[
        str | None, typer.Option(help="clean or altered: what altered recordings are scored against; clean by default.")
    ] = None,
    noise_dir: Annotated[Path | None, typer.Option(help="Folder with noise for noise@SNR_DB.")] = None,
    room_dir: Annotated[Path | None, typer.Option(help="Folder with impulse responses for reverb.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the system of a files:DIR.")] = None,
    bitrate: Annotated[float | None, typer.Option(help="kbit/s of a files:DIR, as its makers state it.")] = None,
    group: Annotated[str | None, typer.Option(help="semantic, acoustic or classic, for a files:DIR.")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Folder of an extracted data set.")] = None,
    audio_root: Annotated[Path | None, typer.Option(help="Folder that a manifest's paths are relative to.")] = None,
    text: o.Text = None,
    bands: o.Bands = None,
    seed: o.Seed = None,
    speed: Annotated[
        bool, typer.Option("--speed", help="Columns with the time that coding took; see also `codec-bench speed`.")
    ] = False,
    keep_audio: o.KeepAudio = None,
    max_failed: o.MaxFailed = None,
    timeout: o.Timeout = None,
    out: o.Out = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with these options; those given here win.")] = None,
    save_config: Annotated[Path | None, typer.Option(help="Write these options to a YAML file and go on.")] = None,
    no_ground_truth: o.NoGroundTruth = False,
    no_report: o.NoReport = False,
    as_json: o.Json = False,
) -> None:
    """Reconstruct a data set with codecs, score it, and print the table grouped by bitrate."""
    options = o.given(
        codec=described(codec or [], name, bitrate, group) or None,
        codebooks=codebooks,
        dataset=dataset,
        metrics=metrics,
        limit=limit,
        jobs=jobs,
        coding_jobs=coding_jobs,
        engine=engine,
        ray_address=ray_address,
        device=device,
        batch_seconds=batch_seconds,
        checkpoint=checkpoint,
        asr=asr,
        normaliser=normaliser,
        condition=condition,
        condition_reference=condition_reference,
        noise_dir=noise_dir,
        room_dir=room_dir,
        data_root=data_root,
        audio_root=audio_root,
        text=text,
        bands=bands,
        seed=seed,
        speed=True if speed else None,
        keep_audio=keep_audio,
        max_failed=max_failed,
        timeout=timeout,
        out=out,
        ground_truth=False if no_ground_truth else None,
        report=False if no_report else None,
    )
    finish(options, config, save_config, as_json)


def described(
    codecs: list[str], name: str | None, bitrate: float | None, group: str | None
) -> list[str | dict[str, object]]:
    """Codec names, with the description of the one `files:DIR` among them where options describe it."""
    from codec_bench.errors import UsageError

    parts = [part.strip() for text in codecs for part in text.split(",") if part.strip()]
    facts = o.given(name=name, bitrate=bitrate, group=group)
    files = [part for part in parts if part.startswith("files:")]
    if not facts:
        return list(parts)
    if len(files) != 1:
        raise UsageError("--name, --bitrate and --group describe one files:DIR; describe several in a --config file")
    return [{"files": part.removeprefix("files:"), **facts} if part in files else part for part in parts]
