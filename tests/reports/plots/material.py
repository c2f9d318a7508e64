"""Run directories with given scores: what is drawn can be compared with what was put in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from codec_bench.reports.plots import Picture, pictures
from codec_bench.runs.columns import ColumnSpec
from codec_bench.runs.directory import Run, load_run
from codec_bench.stats import cluster_names, estimate, share_of

COLUMNS = {
    "pesq_wb": ("PESQ-wb", "MOS-LQO", "higher", "quality"),
    "stoi": ("STOI", "", "higher", "quality"),
    "wer[toy]": ("WER", "%", "lower", "quality"),
    "secs": ("SECS", "", "higher", "speaker"),
    "nisqa": ("NISQA", "MOS", "higher", "mos"),
    "utmos": ("UTMOS", "MOS", "higher", "mos"),
    "mcd": ("MCD", "dB", "lower", "spectral"),
    "load_seconds": ("load", "s", "lower", "Memory and operations"),
}


@dataclass
class System:
    """A row to be: kbit/s, and what its plan says."""

    label: str
    bitrate: float | None = None
    group: str = "acoustic"
    tokens: float | None = None
    condition: str = ""
    scale: float = 1.0
    missing: Mapping[str, int] = field(default_factory=dict)
    """Utterances without a score, by metric."""


def make_run(
    path: Path,
    systems: Sequence[System],
    metrics: Sequence[str] = ("pesq_wb", "stoi", "wer[toy]"),
    *,
    utterances: int = 12,
    speakers: int = 6,
    seconds: Sequence[float] | None = None,
    kind: str = "reconstruction",
    dataset: str = "set",
    manifest: str = "m",
    **plan: Any,
) -> Run:
    """Writes a run directory with scores drawn at random, and summarises them as a run does."""
    path.mkdir(parents=True, exist_ok=True)
    names = [f"u{i:02d}" for i in range(utterances)]
    who = [f"s{i % speakers}" for i in range(utterances)]
    clusters = dict(zip(names, cluster_names(names, who), strict=True))
    scores, summary = [], []
    for number, system in enumerate(systems):
        for metric in metrics:
            scale = 100.0 if COLUMNS[metric][1] == "%" else 1.0
            draw = np.random.default_rng([number, len(metric), utterances])
            bottoms = draw.integers(5, 15, utterances).astype(float) if scale == 100 else np.ones(utterances)
            tops = bottoms * draw.uniform(0.2, 0.9, utterances) * system.scale
            kept = range(utterances - system.missing.get(metric, 0))
            for i, name in enumerate(names):
                ok = i in kept
                value = scale * tops[i] / bottoms[i] if ok else None
                top, bottom = (tops[i], bottoms[i]) if ok else (None, None)
                status = "ok" if ok else "error"
                scores.append((system.label, name, who[i], metric, value, status, "", top, bottom, 0.0))
            found = estimate(
                [tops[i] for i in kept], [bottoms[i] for i in kept], [clusters[names[i]] for i in kept],
                expected=utterances, scale=scale, share=share_of(COLUMNS[metric][1], COLUMNS[metric][2]),
            )  # fmt: skip
            summary.append(
                (system.label, system.group, system.bitrate, 50.0, metric, found.value, found.low, found.high, found.n,
                 found.expected, found.clusters, COLUMNS[metric][1], "computed" if system.bitrate else "")
            )  # fmt: skip
    frame = pd.DataFrame(
        scores,
        columns=["system", "utterance", "speaker", "metric", "value", "status", "reason", "numerator", "denominator",
                 "seconds"],
    )  # fmt: skip
    frame.to_parquet(path / "scores.parquet", index=False)
    pd.DataFrame(
        summary,
        columns=["system", "group", "bitrate_kbps", "frame_rate_hz", "metric", "value", "ci_low", "ci_high", "n",
                 "n_expected", "clusters", "unit", "bitrate_source"],
    ).to_csv(path / "summary.csv", index=False)  # fmt: skip
    lengths = seconds or [1.0 + i for i in range(utterances)]
    pd.DataFrame(
        [(s.label, n, round(16_000 * t), 16_000) for s in systems for n, t in zip(names, lengths, strict=True)],
        columns=["system", "utterance", "reference_samples", "reference_rate"],
    ).to_csv(path / "reconstructions.csv", index=False)
    info = {
        "schema": 2,
        "kind": kind,
        "status": "finished",
        "config": {"bands": [2.0, 0.85, 0.65]},
        "plan": {
            "dataset": {"name": dataset, "title": dataset, "utterances": utterances, "speakers": speakers,
                        "synthetic": False, "notes": [], "manifest_sha256": manifest},
            "systems": [
                {"label": s.label, "system": s.label.removesuffix(f"+{s.condition}"), "condition": s.condition or None,
                 "group": s.group, "fingerprint": f"{s.label}{s.scale}", "tokens_per_second": s.tokens}
                for s in systems
            ],
            "conditions": [
                {"label": c, "note": c, "fingerprint": c} for c in dict.fromkeys(s.condition for s in systems) if c
            ],
            "metrics": [_describe(m) for m in metrics],
            "seed": 0,
        } | plan,
        "provenance": {"codec_bench": "0", "resampler": "soxr HQ"},
        "intervals": {"method": "t", "level": 0.95, "unit": "speakers", "clusters": speakers, "effective": speakers},
        "coverage": {"statuses": {m: {"ok": utterances} for m in metrics}, "failures": []},
        "warnings": [],
    }  # fmt: skip
    (path / "run.json").write_text(json.dumps(info), encoding="utf-8")
    return load_run(path)


def _describe(metric: str) -> dict[str, Any]:
    title, unit, better, family = COLUMNS[metric]
    return ColumnSpec(metric, title, family, better, unit).describe()  # type: ignore[arg-type]


def drawn(runs: Run | Sequence[Run], kind: str) -> dict[str, Picture]:
    """The pictures of one kind by name."""
    return {p.name: p for p in pictures([runs] if isinstance(runs, Run) else runs, [kind])}


def only(runs: Run | Sequence[Run], kind: str) -> Picture:
    """The one picture of a kind."""
    (picture,) = drawn(runs, kind).values()
    return picture


def panel(figure: Figure, text: str) -> Axes:
    """The axes with these words in a label or the title."""
    found = [
        a
        for a in figure.axes
        if any(text in t for t in (a.get_ylabel(), a.get_xlabel(), a.get_title(), a.get_title("left")))
    ]
    assert found, [a.get_ylabel() for a in figure.axes]
    return found[0]


def cell(run: Run, system: str, metric: str) -> pd.Series[Any]:
    """A row of the summary."""
    return run.summary.set_index(["system", "metric"]).loc[(system, metric)]
