"""Carries out `codec-bench speed`: from names to a run directory."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.streams import Streams
from codec_bench.adapters.systems import System, parse_systems, ready
from codec_bench.coding.devices import check_device, chosen_device
from codec_bench.coding.items import manifest_of
from codec_bench.coding.rows import Row, codecs_of, describe_system, use_checkpoint
from codec_bench.coding.verified import ensure_verified
from codec_bench.errors import UsageError
from codec_bench.runs.directory import Run
from codec_bench.runs.frames import score_frame, summary_frame
from codec_bench.runs.progress import RunProgress
from codec_bench.runs.writer import Request, same, writing
from codec_bench.speed.columns import SpeedColumn, columns_of
from codec_bench.speed.config import SpeedConfig
from codec_bench.speed.excerpts import Excerpts, Speech, load_speech
from codec_bench.speed.measure import SpeedMeasurement, SystemMeasurement
from codec_bench.speed.results import (
    coverage,
    load_warning,
    notes_of,
    scores_of,
    summary_of,
    time_warnings,
    write_rounds,
)

NEUTRAL = ("out", "timeout", "report", "verify", "unverified")
"""Options that change nothing that is measured."""


FAR = 1.25
"""Ratio of counted and stated parameters from which on one of the two is doubted."""


def run_speed(config: SpeedConfig) -> Run:
    """Measures what codecs cost and writes a run directory of kind `speed`.

    Times are not kept in any cache: repeating the command measures again, and replaces a run of the same options.

    Raises:
        UsageError: Something in the request cannot be done.
        CodecBenchError: The run had to stop.
    """
    check_device(config.device)
    systems = _systems(config)
    speech, warnings = load_speech(config.audio, max(config.seconds), config.data_root, config.audio_root)
    ready(systems)
    ensure_verified(systems, config)
    columns = columns_of(
        config,
        streams=any(isinstance(system.source, Streams) for system in systems),
        gpu=any(
            chosen_device(config.device, c).startswith("cuda") for s in systems if isinstance(c := s.source, Codec)
        ),
    )
    described = {system.label: describe_system(Row(system)) for system in systems}
    asked = config.describe()
    busy = load_warning(config.threads)
    request = Request(
        kind="speed",
        config=asked,
        plan={
            "dataset": dict(speech.dataset),
            "systems": list(described.values()),
            "conditions": [],
            "metrics": [column.describe() for column in columns],
            "seed": 0,
            "rounds": {"repeats": config.repeats, "warmup": config.warmup, "threads": config.threads},
        },
        manifest=manifest_of(speech.items),
        difference=same(options={name: asked[name] for name in asked if name not in NEUTRAL}),
        name=("speed", *described),
        warnings=[*warnings, *([busy] if busy else [])],
        threads=config.threads,
        replaces=True,
    )
    with writing(request, config.out or request.default_folder()) as writer:
        results = _measure(config, systems, columns, speech)
        writer.results(score_frame(scores_of(results, columns)), summary_frame(summary_of(described, results, columns)))
        write_rounds(writer.path, results)
        writer.warn([*time_warnings(results, config.threads), *parameter_warnings(results)])
        machines = {label: result.machine for label, result in results.items()}
        notes = notes_of(config, results, writer.info["provenance"])
        return writer.finish(
            intervals={"method": "first to third quartile of the rounds", "level": 0.5},
            coverage=coverage(results),
            devices={
                label: " ".join(filter(None, (machine.get("device"), machine.get("device_name"))))
                for label, machine in machines.items()
            },
            machine=machines,
            notes=notes + [f"Warning: {text}." for text in writer.info["warnings"]],
        )


def parameter_warnings(results: Mapping[str, SpeedMeasurement]) -> list[str]:
    """Says where the parameters that were counted are far from those that the makers state: one of them is wrong."""
    found = []
    for label, result in results.items():
        counts = result.machine.get("parameters") or {}
        counted, stated = counts.get("counted"), counts.get("stated")
        if counted and stated and not 1 / FAR <= counted / stated <= FAR:
            found.append(f"{label}: {counted / 1e6:.1f} M parameters were counted, and {stated / 1e6:.1f} M are stated")
    return found


def _systems(config: SpeedConfig) -> list[System]:
    systems = parse_systems(config.codec, config.codebooks, needs_audio=False)
    for system in systems:
        if not isinstance(system.source, Codec):
            raise UsageError(f"{system.label} has no speed: it is audio that exists already")
    if config.checkpoint is not None:
        use_checkpoint(codecs_of(systems), config.checkpoint)
    return systems


def _measure(
    config: SpeedConfig, systems: list[System], columns: list[SpeedColumn], speech: Speech
) -> dict[str, SpeedMeasurement]:
    """Measures one system after the other, so that none disturbs another."""
    wanted = {column.label: column.repeats for column in columns}
    steps = len(config.seconds) * config.repeats + 2
    results = {}
    with (
        tempfile.TemporaryDirectory(prefix="codec-bench-speed-") as folder,
        RunProgress(steps * len(systems), "rounds") as progress,
    ):
        excerpts = Excerpts(speech, Path(folder))
        for system in systems:
            progress.stage(f"measuring {system.label}")
            results[system.label] = SystemMeasurement(system, config, wanted, excerpts, progress.advance).run()
    return results
