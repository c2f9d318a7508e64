"""From what was measured to the files of a run directory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from codec_bench.files import write_atomically
from codec_bench.reconstruction.summary import FAILED, SCORE_COLUMNS
from codec_bench.records import Status
from codec_bench.runs.directory import SUMMARY_COLUMNS, write_scores, write_summary
from codec_bench.speed.columns import Column
from codec_bench.speed.config import SpeedConfig
from codec_bench.speed.measure import SpeedMeasurement

ROUND_COLUMNS = [
    "system", "length", "repeat", "seconds", "encode_seconds", "encode_cpu", "decode_seconds", "decode_cpu", "bits",
    "coded_seconds",
]  # fmt: skip
"""Of `rounds.csv`: wall and processor seconds of every timed round."""

BUSY = 0.8
"""A single thread that has the processor for less than this share of the time waits for others."""

MORE_THREADS = 1.2
"""Processor time out of wall time and threads above which a library does not heed the number of threads."""

SHORTEST = 0.01
"""Seconds of wall time below which the two clocks say nothing about each other."""


def write_results(
    out: Path,
    systems: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, SpeedMeasurement],
    columns: Sequence[Column],
) -> None:
    """Writes `summary.csv`, `scores.parquet` and `rounds.csv`.

    Args:
        out: The run directory.
        systems: What each row is, by label.
        results: By label.
        columns: The columns.
    """
    summary = [row for label, found in results.items() for row in _summary(systems[label], found, columns)]
    frame = pd.DataFrame(summary, columns=SUMMARY_COLUMNS)
    numbers = ["bitrate_kbps", "frame_rate_hz", "value", "ci_low", "ci_high"]
    frame[numbers] = frame[numbers].astype("float64")
    write_summary(out, frame)
    write_scores(out, _scores(results, columns))
    rounds = [{"system": label} | made for label, found in results.items() for made in found.rounds]
    text = pd.DataFrame(rounds, columns=ROUND_COLUMNS).to_csv(index=False, lineterminator="\n")
    write_atomically(out / "rounds.csv", text.encode())


def _summary(described: Mapping[str, Any], result: SpeedMeasurement, columns: Sequence[Column]) -> list[list[Any]]:
    """The rows of a system: the median of the repeats with their quartiles."""
    bitrate, source = _bitrate(described, result)
    rows = []
    for column in columns:
        values = [s.value for s in result.scores[column.label] if s.value is not None]
        low, middle, high = np.percentile(values, [25, 50, 75]).tolist() if values else (None, None, None)
        spread = (low, high) if len(values) > 1 else (None, None)
        rows.append(
            [
                described["label"], described["group"], bitrate, described["frame_rate_hz"], column.label, middle,
                *spread, len(values), column.repeats, len(values), column.description["unit"], source,
            ]
        )  # fmt: skip
    return rows


def _scores(results: Mapping[str, SpeedMeasurement], columns: Sequence[Column]) -> pd.DataFrame:
    """One row per repeat; a column that has no value has one row, which says why."""
    rows = []
    for system, result in results.items():
        for column in columns:
            for number, score in enumerate(result.scores[column.label], 1):
                ok = score.status is Status.OK
                parts = (score.numerator, score.denominator) if ok else (None, None)
                repeat = f"repeat-{number}"
                rows.append(
                    (system, repeat, None, column.label, score.value, score.status.value, score.reason, *parts, None)
                )
    frame = pd.DataFrame(rows, columns=SCORE_COLUMNS)
    numbers = ["value", "numerator", "denominator", "seconds"]
    frame[numbers] = frame[numbers].astype("float64")
    return frame.sort_values(["system", "utterance", "metric"], ignore_index=True)


def _bitrate(described: Mapping[str, Any], result: SpeedMeasurement) -> tuple[float | None, str]:
    """kbit/s of a system, and where the figure comes from."""
    if described["nominal_bitrate"] is not None:
        return float(described["nominal_bitrate"]) / 1000, "computed"
    if result.bits is not None and result.bits[1]:
        return round(result.bits[0] / result.bits[1] / 1000, 9), "counted"
    return None, ""


def coverage_of(results: Mapping[str, SpeedMeasurement]) -> dict[str, Any]:
    """How many systems have which status in each column, and which systems failed; as `run.json` keeps it."""
    statuses: dict[str, dict[str, int]] = {}
    failures = []
    for system, result in results.items():
        failed: dict[str, str] = {}
        for label, scores in result.scores.items():
            status = scores[0].status.value
            counts = statuses.setdefault(label, {})
            counts[status] = counts.get(status, 0) + 1
            if status in FAILED:
                failed.setdefault(f"{status}: {scores[0].reason}", label)
        failures += [f"{system}: {label} ({reason})" for reason, label in failed.items()]
    return {"statuses": statuses, "failures": failures}


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
