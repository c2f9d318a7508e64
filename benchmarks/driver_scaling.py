"""Time and memory of the process that drives a run, for more and more utterances. Prints one JSON object.

`python benchmarks/driver_scaling.py [COUNT ...]` makes recordings of half a second, runs a test codec on them and
scores SI-SDR, each count in a fresh process with a fresh cache. The peak of resident memory is fitted by a line over
the count; its value at 100,000 utterances is an extrapolation and says so. `wide` is the same with three systems and
five metrics, up to 100,000 utterances themselves: made-up scores are put into an `Outcome`, written as a run does it,
and made into the report with its pictures; all but coding and scoring is real.

`python benchmarks/driver_scaling.py --shared [COUNT ...]` does whole runs of three systems that share a codec, by the
metric of above: what a pair of a system and an utterance takes of the driver's CPU time.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from limits import Limit, publish
from residual import Residual

if TYPE_CHECKING:
    from codec_bench.runs.directory import Run

COUNTS = (100, 1000, 10_000)
TARGET = 100_000
RATE = 16_000


def make(folder: Path, count: int, files: int) -> Path:
    """A manifest of recordings by fifty speakers: half a second of noise each, in so many files."""
    import soundfile

    lines = ["id\tpath\ttranscript\tspeaker"]
    for number in range(files):
        noise = np.random.default_rng(number).normal(0, 0.1, RATE // 2)
        soundfile.write(folder / f"u{number:06d}.wav", noise, RATE)
    for number in range(count):
        lines.append(f"u{number:06d}\tu{number % files:06d}.wav\tsome words\tspeaker{number % 50}")
    manifest = folder / "many.tsv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


def peak_mb() -> float:
    """Peak of the resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def whole_run(manifest: Path, folder: Path, codec: str | list[str] = "test-identity") -> dict[str, float]:
    """A run with one codec and one metric, as users make it."""
    import codec_bench

    before, started, used = peak_mb(), time.perf_counter(), time.process_time()
    codec_bench.run(
        codec, str(manifest), metrics=["si_sdr"], jobs=1, ground_truth=False, report=False, out=folder / "out"
    )
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "driver_cpu_seconds": round(time.process_time() - used, 2),
        "start_mb": round(before, 1),
        "peak_mb": round(peak_mb(), 1),
    }


def shared_run(manifest: Path, folder: Path) -> dict[str, float]:
    """A run with three numbers of codebooks of one codec, which encodes once."""
    return whole_run(manifest, folder, [f"residual:Residual@{count}" for count in Residual.prefixes])


def wide_tables(manifest: Path, folder: Path) -> dict[str, float]:
    """Three systems by five metrics: what the driver keeps, writes and reports, with scores that nobody computed."""
    from codec_bench.reports.report import write_report

    before, started, used = peak_mb(), time.perf_counter(), time.process_time()
    write_report([made_up(manifest, folder)], folder, formats=("md", "html"), plots=True, plot_kinds=("bitrate",))
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "driver_cpu_seconds": round(time.process_time() - used, 2),
        "start_mb": round(before, 1),
        "peak_mb": round(peak_mb(), 1),
    }


CODECS = ["test-identity", "test-lowpass@1000"]
METRICS = ["si_sdr", "stoi", "estoi", "pesq_wb", "gpe"]


def made_up(manifest: Path, folder: Path, codecs: Sequence[str] = CODECS, metrics: Sequence[str] = METRICS) -> Run:
    """A run directory of everything but real scores, as `codec_bench.api` writes it; scores are drawn."""
    from codec_bench.cache import ArrayCache
    from codec_bench.reconstruction.config import RunConfig
    from codec_bench.reconstruction.coverage import coverage
    from codec_bench.reconstruction.outcome import Outcome
    from codec_bench.reconstruction.plan import make_plan
    from codec_bench.reconstruction.summary import (
        length_differences,
        levels,
        score_frames,
        summary_rows,
        write_reconstructions,
    )
    from codec_bench.records import Score
    from codec_bench.runs.frames import describe_intervals, summary_frame
    from codec_bench.runs.writer import Request, writing

    config = RunConfig(codec=[*codecs], dataset=[str(manifest)], metrics=[*metrics])
    plan = make_plan(config, str(manifest))
    names = [item.utterance.id for item in plan.items]
    outcome = Outcome([row.label for row in plan.rows], names, [m.label for m in plan.metrics])
    signal = {"samples": RATE // 2, "rate": RATE, "peak": 0.4213, "level_db": -20.0123}
    draw = np.random.default_rng(0)
    for place, row in enumerate(plan.rows):
        drawn = {m.label: np.clip(draw.normal(0.7 - place / 20, 0.1, len(names)), 0, 1) for m in plan.metrics}
        for number, item in enumerate(plan.items):
            key = row.label, item.utterance.id
            outcome.references[key], outcome.decoded[key] = item.identity, f"{number:064x}"
            coded = {"bits": 256_000, "side_bits": 0, "coded_seconds": 0.5, "encode_seconds": 0.01}
            outcome.facts[key] = coded | {"decode_seconds": 0.01, "reference": signal, "decoded": signal}
            for metric in plan.metrics:
                outcome.scores[(*key, metric.label)] = Score.of(float(drawn[metric.label][number]), metric.scale)
    request = Request("reconstruction", config.describe(), plan.describe(), plan.manifest, lambda _: "", (folder.name,))
    with writing(request, folder) as writer:
        writer.results(score_frames(plan, outcome), summary_frame(summary_rows(plan, outcome, {})))
        write_reconstructions(folder, plan, outcome, ArrayCache(folder / "features"))
        lengths, _ = length_differences(plan, outcome)
        loudness, _ = levels(plan, outcome)
        intervals = describe_intervals([None] * len(names))
        covered = coverage(plan, outcome, 0.05)
        return writer.finish(intervals=intervals, coverage=covered, devices={}, lengths=lengths, levels=loudness)


KINDS = {"run": whole_run, "shared": shared_run, "wide": wide_tables}


def measured(kind: str, count: int) -> dict[str, float]:
    """One measurement in a fresh process with a fresh cache."""
    with tempfile.TemporaryDirectory() as name:
        environment = os.environ | {"CODEC_BENCH_HOME": str(Path(name) / "home"), "OMP_NUM_THREADS": "1"}
        manifest = make(Path(name), count, min(count, 1000) if kind == "wide" else count)
        command = [sys.executable, __file__, "--measure", kind, str(manifest), str(Path(name) / "result")]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def fitted(counts: list[int], measurements: list[dict[str, float]]) -> dict[str, object]:
    """What the measurements say about growth."""
    peaks = [m["peak_mb"] for m in measurements]
    slope, start = np.polyfit(counts, peaks, 1)
    # The start of a process costs the same for any count: growth is the time of what comes on top.
    times = [m["driver_cpu_seconds"] for m in measurements]
    per = [(times[i] - times[i - 1]) / (counts[i] - counts[i - 1]) for i in range(1, len(counts))]
    found: dict[str, object] = {
        "utterances": dict(zip(map(str, counts), measurements, strict=True)),
        "driver_cpu_ms_per_further_utterance": [round(1000 * value, 3) for value in per],
        "cost_ratio": [round(per[i] / per[i - 1], 2) for i in range(1, len(per))],
        "kb_per_utterance": round(1024 * slope, 2),
    }
    if TARGET not in counts:
        found[f"extrapolated_mb_at_{TARGET}"] = round(start + slope * TARGET)
    return found


def main() -> None:
    """Measures each count."""
    if sys.argv[1:2] == ["--measure"]:
        kind, manifest, folder = sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
        print(json.dumps(KINDS[kind](manifest, folder)))
        return
    is_shared = sys.argv[1:2] == ["--shared"]
    counts = [int(argument) for argument in sys.argv[1 + is_shared :]] or list(COUNTS)
    result: dict[str, object] = {"benchmark": "driver scaling"}
    if is_shared:
        found = fitted(counts, [measured("shared", count) for count in counts])
        per = found["driver_cpu_ms_per_further_utterance"]
        pairs = [round(value / len(Residual.prefixes), 3) for value in per]
        limit = Limit("CPU time of the driver for a further pair", pairs[-1], 2.0, "ms")
        publish("driver scaling", [limit], shared=found, driver_cpu_ms_per_further_pair=pairs)
        return
    result["run"] = fitted(counts, [measured("run", count) for count in counts])
    wide = sorted({*counts, TARGET})
    result["wide"] = fitted(wide, [measured("wide", count) for count in wide])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
