"""Carries out `codec-bench speed`: from names to a run directory."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.systems import System, parse_systems
from codec_bench.coding.devices import check_device
from codec_bench.coding.items import manifest_of
from codec_bench.coding.rows import Row, describe_system, fetch_weights_of, use_checkpoint
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.files import write_atomically
from codec_bench.runs import provenance
from codec_bench.runs.directory import Run, new_info, read_info, slug, write_info
from codec_bench.runs.progress import RunProgress
from codec_bench.speed.columns import Column, columns_of
from codec_bench.speed.config import SpeedConfig
from codec_bench.speed.excerpts import Excerpts, Speech, load_speech
from codec_bench.speed.latency import Streams
from codec_bench.speed.measure import Measurement, SpeedMeasurement, device_of
from codec_bench.speed.results import coverage_of, load_warning, notes_of, time_warnings, write_results

logger = logging.getLogger(__name__)


def run_speed(config: SpeedConfig) -> Run:
    """Measures what codecs cost and writes a run directory of kind `speed`.

    Times are not kept in any cache: repeating the command measures again, and replaces a run of the same options.

    Raises:
        UsageError: Something in the request cannot be done.
        CodecBenchError: The run could not go on.
    """
    check_device(config.device)
    systems = _systems(config)
    speech, warnings = load_speech(config.audio, max(config.seconds), config.data_root, config.audio_root)
    fetch_weights_of(systems)
    columns = columns_of(
        config,
        streams=any(isinstance(system.source, Streams) for system in systems),
        gpu=any(device_of(system, config.device).startswith("cuda") for system in systems),
    )
    plan = {
        "dataset": dict(speech.dataset),
        "systems": [describe_system(Row(system)) for system in systems],
        "conditions": [],
        "metrics": [column.description for column in columns],
        "seed": 0,
        "rounds": {"repeats": config.repeats, "warmup": config.warmup, "threads": config.threads},
    }
    out = config.out or _default_folder(systems)
    previous = read_info(out)
    if previous is not None and (previous["kind"], _kept(previous["config"])) != ("speed", _kept(config.describe())):
        raise UsageError(f"{out} holds another run: choose another --out")
    busy = load_warning(config.threads)
    info = new_info("speed", config.describe(), plan, [*warnings, *([busy] if busy else [])], previous)
    info["provenance"]["threads_per_worker"] = config.threads
    write_atomically(out / "utterances.csv", manifest_of(speech.items))
    write_info(out, info)
    for warning in info["warnings"]:
        logger.warning(warning)
    try:
        results = _measure(config, systems, columns, speech)
    except (KeyboardInterrupt, CodecBenchError) as error:
        stopped = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
        info["sessions"][-1] |= {"ended": provenance.now(), "stopped": stopped}
        write_info(out, info)
        raise
    return _finish(out, info, config, columns, results)


def _systems(config: SpeedConfig) -> list[System]:
    systems = parse_systems(config.codec, config.codebooks, needs_audio=False)
    for system in systems:
        if not isinstance(system.source, Codec):
            raise UsageError(f"{system.label} has no speed: it is audio that exists already")
    if config.checkpoint is not None:
        codecs = {id(s.source): s.source for s in systems if isinstance(s.source, Codec)}
        use_checkpoint(list(codecs.values()), config.checkpoint)
    return systems


def _measure(
    config: SpeedConfig, systems: list[System], columns: list[Column], speech: Speech
) -> dict[str, SpeedMeasurement]:
    """Measures one system after the other, so that none disturbs another."""
    wanted = {column.label: column.repeats for column in columns}
    steps = len(config.seconds) * (config.warmup + config.repeats) + 2
    results = {}
    with (
        tempfile.TemporaryDirectory(prefix="codec-bench-speed-") as folder,
        RunProgress(steps * len(systems)) as progress,
    ):
        excerpts = Excerpts(speech, Path(folder))
        for system in systems:
            progress.stage(f"measuring {system.label}")
            results[system.label] = Measurement(system, config, wanted, excerpts, progress.advance).run()
    return results


def _finish(
    out: Path, info: dict[str, Any], config: SpeedConfig, columns: list[Column], results: Mapping[str, SpeedMeasurement]
) -> Run:
    """Writes what reports and people read."""
    described = {system["label"]: system for system in info["plan"]["systems"]}
    write_results(out, described, results, columns)
    more = time_warnings(results, config.threads)
    for warning in more:
        logger.warning(warning)
    info["warnings"] += more
    info["intervals"] = {"method": "first to third quartile of the rounds", "level": 0.5}
    info["coverage"] = coverage_of(results)
    info["devices"] = {
        label: " ".join(filter(None, (r.machine.get("device"), r.machine.get("device_name"))))
        for label, r in results.items()
    }
    info["machine"] = {label: r.machine for label, r in results.items()}
    info["notes"] = notes_of(config, results, info["provenance"]) + [f"Warning: {text}." for text in info["warnings"]]
    info["sessions"][-1] |= {"ended": provenance.now()}
    info["status"] = "failed" if info["coverage"]["failures"] else "finished"
    write_info(out, info)
    return Run(out, info)


def _kept(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options that decide what is measured."""
    return {name: value for name, value in config.items() if name not in ("out", "timeout", "report")}


def _default_folder(systems: list[System]) -> Path:
    """`runs/<date>-speed-<codecs>`, with a number behind it where a run is there already."""
    codecs = dict.fromkeys(system.label.partition("@")[0] for system in systems)
    name = "-".join([date.today().isoformat(), "speed", *map(slug, codecs)])[:120]
    for number in range(1, 1000):
        folder = Path("runs") / (name if number == 1 else f"{name}-{number}")
        if read_info(folder) is None:
            return folder
    raise UsageError("runs/ holds a thousand runs of this name: give --out")
