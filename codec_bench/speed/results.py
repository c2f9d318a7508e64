"""From what was measured to the files of a run directory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from codec_bench.csv_files import write_frame
from codec_bench.records import Status
from codec_bench.runs.frames import Coverage, Heading, ScoreRow, SummaryRow
from codec_bench.speed.columns import SpeedColumn
from codec_bench.speed.config import SpeedConfig
from codec_bench.speed.measure import SpeedMeasurement
from codec_bench.stats import Estimate

ROUND_COLUMNS = [
    "system", "length", "repeat", "seconds", "encode_seconds", "encode_cpu", "decode_seconds", "decode_cpu", "bits",
    "coded_seconds",
]  # fmt: skip
"""Columns of `rounds.csv`: wall and processor seconds of every timed round."""

BUSY = 0.8
"""A single thread that has the processor for less than this share of the time waits for others."""

MORE_THREADS = 1.2
"""Processor time out of wall time and threads above which a library ignores the number of threads."""

SHORTEST = 0.01
"""Seconds of wall time below which the two clocks say nothing about each other."""


def summary_of(
    systems: Mapping[str, Mapping[str, Any]], results: Mapping[str, SpeedMeasurement], columns: Sequence[SpeedColumn]
) -> list[SummaryRow]:
    """The rows of each system: the median of the repeats with their quartiles."""
    rows = []
    for label, result in results.items():
        heading = Heading.of(systems[label], result.payload)
        for column in columns:
            values = [s.value for s in result.scores[column.label] if s.value is not None]
            low, middle, high = np.percentile(values, [25, 50, 75]).tolist() if values else (None, None, None)
            spread = (low, high) if len(values) > 1 else (None, None)
            found = Estimate(middle, *spread, len(values), column.repeats, len(values))
            rows.append(heading.row(column.label, column.unit, found))
    return rows


def scores_of(results: Mapping[str, SpeedMeasurement], columns: Sequence[SpeedColumn]) -> list[ScoreRow]:
    """One row per repeat; a column that has no value has one row, which says why."""
    return [
        ScoreRow.of(system, f"repeat-{number}", None, column.label, score)
        for system, result in results.items()
        for column in columns
        for number, score in enumerate(result.scores[column.label], 1)
    ]


def write_rounds(out: Path, results: Mapping[str, SpeedMeasurement]) -> None:
    """Writes `rounds.csv`."""
    rounds = [{"system": label} | made for label, found in results.items() for made in found.rounds]
    write_frame(out / "rounds.csv", pd.DataFrame(rounds, columns=ROUND_COLUMNS))


def coverage(results: Mapping[str, SpeedMeasurement]) -> Coverage:
    """How many systems have which status in each column, and which systems failed."""
    found = Coverage()
    for system, result in results.items():
        failed: dict[str, str] = {}
        for label, scores in result.scores.items():
            status = scores[0].status
            found.count(label, status)
            if status.is_failure:
                failed.setdefault(f"{status.value}: {scores[0].reason}", label)
        found.failures += [f"{system}: {label} ({reason})" for reason, label in failed.items()]
    return found


def notes_of(config: SpeedConfig, results: Mapping[str, SpeedMeasurement], provenance: Mapping[str, Any]) -> list[str]:
    """What a reader must know about the numbers: the machine, how it was measured, and what is missing, and why."""
    threads = f"{config.threads} thread{'s' if config.threads > 1 else ''}"
    devices = dict.fromkeys(
        f"{made['device_name']} ({made['device']})" for r in results.values() if (made := r.machine).get("device_name")
    )
    precision = {label: r.machine.get("precision") for label, r in results.items() if r.machine.get("precision")}
    kinds = sorted({kind for kind in precision.values() if kind})
    tf32 = any(any((r.machine.get("tf32") or {}).values()) for r in results.values())
    notes = [
        f"Measured on {provenance['cpu'] or 'a processor without a name'} ({provenance['cores']} cores), {threads}"
        + (f", and {', '.join(devices)}" if devices else ", no GPU")
        + (f"; weights in {', '.join(kinds)}" if kinds else "")
        + (", TF32 allowed" if tf32 else "")
        + "; one recording at a time, at the codec's own rate: reading and resampling are not timed.",
        f"Times are medians; rounds that count: {config.repeats}, before them: {config.warmup}. Each system has "
        "a process of its own.",
    ]
    missing: dict[tuple[str, str], list[str]] = {}
    for system, result in results.items():
        for label, scores in result.scores.items():
            if scores[0].status is not Status.OK:
                found = missing.setdefault((label.partition("[")[0], scores[0].reason), [])
                found += [system] if system not in found else []
    by_reason: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (name, reason), labels in missing.items():
        by_reason.setdefault((reason, tuple(labels)), []).append(name)
    notes += [f"No {', '.join(names)} of {', '.join(of)}: {reason}." for (reason, of), names in by_reason.items()]
    return notes


def load_warning(threads: int) -> str:
    """What to say about a machine that has something else to do; empty for an idle one."""
    if not hasattr(os, "getloadavg"):
        return ""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load + threads <= cores:
        return ""
    return (
        f"the machine is busy: its load is {load:.1f} before anything is measured, with {cores} cores and {threads} "
        "to be used: times will be too long"
    )


def time_warnings(results: Mapping[str, SpeedMeasurement], threads: int) -> list[str]:
    """What wall and processor time say about each other."""
    found = []
    for system, result in results.items():
        if result.machine.get("device") != "cpu" or result.machine.get("isolated"):
            continue
        wall = sum(r["encode_seconds"] + r.get("decode_seconds", 0.0) for r in result.rounds)
        cpu = sum(r["encode_cpu"] + r.get("decode_cpu", 0.0) for r in result.rounds)
        if wall < SHORTEST:
            continue
        if cpu < BUSY * wall:
            found.append(
                f"{system}: the processor worked for {cpu / wall:.0%} of the time: it waited for others or for "
                "something else, so its times are too long"
            )
        elif cpu > MORE_THREADS * threads * wall:
            found.append(f"{system}: it used {cpu / wall:.1f} threads, though it was limited to {threads}")
    return found
