"""From scores to the frames that a run directory keeps; nothing here depends on the order of computation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codec_bench.cache import ArrayCache
from codec_bench.files import write_atomically
from codec_bench.metrics.asr import hypothesis
from codec_bench.metrics.wer import normaliser_of, recogniser_of
from codec_bench.reconstruction.coding_times import with_time_rows, with_time_scores
from codec_bench.reconstruction.outcome import Outcome
from codec_bench.reconstruction.plan import Plan
from codec_bench.records import Status
from codec_bench.runs.directory import SUMMARY_COLUMNS, write_scores, write_summary
from codec_bench.stats import LEVEL, RESAMPLES, cluster_names, cluster_unit, estimate

SCORE_COLUMNS = [
    "system", "utterance", "speaker", "metric", "value", "status", "reason", "numerator", "denominator", "seconds",
]  # fmt: skip

HYPOTHESIS_COLUMNS = ["system", "utterance", "recogniser", "text", "heard", "text_compared", "heard_compared"]

FAILED = {
    s.value
    for s in Status
    if s.is_transient or s in (Status.EMPTY, Status.NOT_FINITE, Status.LENGTH)
}  # fmt: skip
"""Statuses that count as a failure of the run, not as a property of the definition (silence, no transcript, ...)."""


SIGNALS = ("reference", "input", "decoded")
"""What a pair has facts about; `input` is what the codec was given where that is not the recording."""

BLOCK = 10_000
"""Utterances whose scores are put together at a time."""

CorpusValues = Mapping[tuple[str, str], float]

MAX_LEVEL_CHANGE_DB = 20.0
"""A codec that changes the level by more than this is reported."""


def write_results(path: Path, plan: Plan, outcome: Outcome, corpus: CorpusValues) -> None:
    """Writes `scores.parquet` and `summary.csv`; their rows do not depend on the order in which scores were made.

    Args:
        path: The run directory.
        plan: What was asked for.
        outcome: What came out.
        corpus: Values that are no mean of scores, by system and metric label.
    """
    write_scores(path, score_frames(plan, outcome))
    summary = summary_frame(plan, outcome, corpus)
    write_summary(path, with_time_rows(plan, outcome, summary) if plan.speed else summary)


def score_frames(plan: Plan, outcome: Outcome) -> Iterator[pd.DataFrame]:
    """All scores, sorted: the file is the same whatever the order of codecs, metrics and utterances was.

    They come in frames of one system and `BLOCK` utterances, put together by columns: a run may have millions of rows.
    """
    utterances = [item.utterance for item in plan.items]
    places = sorted(range(len(utterances)), key=lambda place: utterances[place].id)
    blocks = [places[i : i + BLOCK] for i in range(0, len(places), BLOCK)]
    metrics = sorted(metric.label for metric in plan.metrics)
    for row in sorted(plan.systems, key=lambda row: row.label):
        columns = [outcome.scores.column(row.label, metric) for metric in metrics]
        for block in blocks:
            size = len(block) * len(metrics)
            frame = {
                "system": np.full(size, row.label, object),
                "utterance": np.repeat(np.array([utterances[place].id for place in block], object), len(metrics)),
                "speaker": np.repeat(np.array([utterances[place].speaker for place in block], object), len(metrics)),
                "metric": np.tile(np.array(metrics, object), len(block)),
            }
            found = [_score_columns(column, block) for column in columns]
            for name in SCORE_COLUMNS[len(frame) :]:
                frame[name] = np.stack([part[name] for part in found], axis=1).ravel()
            scores = pd.DataFrame(frame, columns=SCORE_COLUMNS)
            yield with_time_scores(plan, outcome, row, block, scores) if plan.speed else scores


def _score_columns(column: Mapping[str, Any], block: Sequence[int]) -> dict[str, NDArray[Any]]:
    """The scores of some utterances by one metric; what has no value has no numbers either."""
    status = [column["status"][place] for place in block]
    ok = np.array([one is Status.OK for one in status])
    numerator, denominator = (np.where(ok, column[name][block], np.nan) for name in ("numerator", "denominator"))
    return {
        "value": column["scale"][block] * numerator / denominator,
        "status": np.array([one.value for one in status], object),
        "reason": np.array([column["reason"][place] for place in block], object),
        "numerator": numerator,
        "denominator": denominator,
        "seconds": column["seconds"][block],
    }


def summary_frame(plan: Plan, outcome: Outcome, corpus: CorpusValues) -> pd.DataFrame:
    """One row per system and metric."""
    names = [i.utterance.id for i in plan.items]
    clusters = dict(zip(names, cluster_names(names, [i.utterance.speaker for i in plan.items]), strict=True))
    rows = []
    for system in plan.systems:
        bitrate, source = bitrate_of(plan, outcome, system.label)
        for metric in plan.metrics:
            scored = outcome.scores.column(system.label, metric.label)
            good = [place for place, status in enumerate(scored["status"]) if status is Status.OK]
            found = estimate(
                scored["numerator"][good].tolist(),
                scored["denominator"][good].tolist(),
                [clusters[names[place]] for place in good],
                expected=len(names),
                scale=metric.scale,
                seed=plan.seed,
            )
            if metric.corpus is not None:
                found = replace(found, value=corpus.get((system.label, metric.label)), low=None, high=None)
            rows.append(
                (
                    system.label, system.spec.group.value, bitrate, system.spec.frame_rate, metric.label, found.value,
                    found.low, found.high, found.n, found.expected, found.clusters, metric.unit, source,
                )
            )  # fmt: skip
    frame = pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
    numbers = ["bitrate_kbps", "frame_rate_hz", "value", "ci_low", "ci_high"]
    frame[numbers] = frame[numbers].astype("float64")
    return frame


def intervals(plan: Plan) -> dict[str, Any]:
    """How the intervals were made."""
    unit = cluster_unit([i.utterance.speaker for i in plan.items])
    return {"method": "percentile bootstrap", "unit": unit, "level": LEVEL, "resamples": RESAMPLES, "seed": plan.seed}


def bitrate_of(plan: Plan, outcome: Outcome, label: str) -> tuple[float | None, str]:
    """kbit/s of a system, and where the figure comes from.

    Returns:
        `computed` from codebook rates and sizes; `counted` payload bits over the seconds they last, pooled over the
        utterances; `stated` by whoever made the files; or None and an empty string.
    """
    system = next(s for s in plan.systems if s.label == label)
    stated = getattr(system.source, "stated_bitrate", None)
    if stated is not None:
        return stated / 1000, "stated"
    nominal = system.spec.bitrate(system.codebooks)
    if nominal is not None:
        return nominal / 1000, "computed"
    facts = [f for _, f in outcome.facts.of(label) if "bits" in f]
    seconds = sum(f["coded_seconds"] for f in facts)
    # Rounded to a millionth of a bit/s: durations are floats, and a constant rate must come out as it is.
    return (round(sum(f["bits"] for f in facts) / seconds / 1000, 9), "counted") if seconds else (None, "")


def coverage(plan: Plan, outcome: Outcome, max_failed: float) -> dict[str, Any]:
    """How much of the plan has values, what failed, and whether that is too much.

    Args:
        plan: What was asked for.
        outcome: What came out.
        max_failed: Share of a system's utterances that may fail.
    """
    statuses: dict[str, dict[str, int]] = {}
    failures = []
    for system in plan.systems:
        failed: dict[str, str] = {}
        scored = 0
        columns = [(metric.label, outcome.scores.column(system.label, metric.label)) for metric in plan.metrics]
        for place, item in enumerate(plan.items):
            for label, column in columns:
                status = column["status"][place]
                counts = statuses.setdefault(label, {})
                counts[status.value] = counts.get(status.value, 0) + 1
                scored += status is Status.OK
                if status.value in FAILED:
                    failed.setdefault(item.utterance.id, f"{status.value}: {column['reason'][place]}")
        share = len(failed) / len(plan.items)
        if failed and (share > max_failed or not scored):
            name, reason = next(iter(failed.items()))
            failures.append(
                f"{system.label}: {len(failed)} of {len(plan.items)} utterances failed, first {name} ({reason})"
            )
    return {"statuses": statuses, "max_failed": max_failed, "failures": failures}


def length_differences(plan: Plan, outcome: Outcome) -> tuple[dict[str, float], list[str]]:
    """Largest difference in seconds between recording and decoded audio per system; both are cut to the shorter one.

    Generated speech has none: its prompts are other utterances.

    Returns:
        The differences, and a warning for each system where more than a tenth of a second was cut.
    """
    if plan.generated:
        return {}, []
    largest: dict[str, float] = {}
    for label in (system.label for system in plan.systems):
        for _, facts in outcome.facts.of(label):
            if "decoded" in facts:
                seconds = [facts[side]["samples"] / facts[side]["rate"] for side in ("reference", "decoded")]
                largest[label] = max(largest.get(label, 0.0), abs(seconds[0] - seconds[1]))
    rounded = {s.label: round(largest[s.label], 6) for s in plan.systems if s.label in largest}
    return rounded, [
        f"{label}: decoded audio and recording differ by up to {seconds:.2f} s in length; both were cut to the shorter"
        for label, seconds in rounded.items()
        if seconds > 0.1
    ]


def levels(plan: Plan, outcome: Outcome) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Mean RMS level in dB relative to full scale of the recordings and of each system's output.

    Returns:
        The levels, and a warning for each system whose output is far louder or quieter than what it was given: samples
        that were scaled twice still get plausible scores from metrics that normalise the level. Also a warning for each
        row whose altered recordings were attenuated, clipped, or not changed at all.
    """
    found: dict[str, dict[str, float]] = {}
    warnings = []
    for system in plan.systems:
        levels_of: dict[str, list[float]] = {side: [] for side in SIGNALS}
        for _, known in sorted((name, _levels_in(f)) for name, f in outcome.facts.of(system.label) if "decoded" in f):
            for side, level in known:
                levels_of[side].append(level)
        means: dict[str, float] = {}
        for side, values in levels_of.items():
            if values:
                means[side] = round(sum(values) / len(values), 2)
        if means:
            found[system.label] = means
        given = means.get("input", means.get("reference"))
        if plan.generated:
            continue  # the level of a prompt says nothing about that of the utterance
        if given is not None and "decoded" in means and abs(change := means["decoded"] - given) > MAX_LEVEL_CHANGE_DB:
            how = "quieter" if change < 0 else "louder"
            warnings.append(
                f"{system.label}: decoded audio is {abs(change):.0f} dB {how} than the recordings; was it scaled twice?"
            )
    return found, warnings + _side_effects(plan, outcome)


def _levels_in(facts: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The level of each signal that has one."""
    return [(side, facts[side]["level_db"]) for side in SIGNALS if facts.get(side, {}).get("level_db") is not None]


def _side_effects(plan: Plan, outcome: Outcome) -> list[str]:
    """What conditions did besides what they are for; once for each, as all systems get the same recordings."""
    inputs: dict[str, dict[str, Mapping[str, Any]]] = {}
    for system in plan.systems:
        for name, facts in outcome.facts.of(system.label):
            if "input" in facts:
                inputs.setdefault(system.condition.label, {})[name] = facts["input"]
    warnings = []
    for label, found in inputs.items():
        lower = [f["turned_down_db"] for f in found.values() if f["turned_down_db"]]
        if lower:
            warnings.append(
                f"{label}: {len(lower)} of {len(found)} altered recordings were attenuated, by up to "
                f"{max(lower):.1f} dB, so that they do not clip"
            )
        if clipped := [f["clipped"] / f["samples"] for f in found.values() if f["clipped"]]:
            warnings.append(
                f"{label}: {len(clipped)} of {len(found)} altered recordings are clipped, up to {max(clipped):.2%} of "
                "the samples of one"
            )
        if unchanged := sum(f["unchanged"] for f in found.values()):
            warnings.append(
                f"{label}: {unchanged} of {len(found)} recordings stayed as they are, because of their sampling rate"
            )
    return warnings


def write_reconstructions(out: Path, plan: Plan, outcome: Outcome) -> None:
    """Writes `reconstructions.csv`: payload bits, duration, level and coding time of every pair."""
    columns: dict[str, list[Any]] = {
        "system": [],
        "utterance": [],
    }  # a dictionary per row would take five times as much
    for system in plan.systems:
        for item in plan.items:
            row = len(columns["system"])
            facts: Mapping[str, Any] = outcome.facts[system.label, item.utterance.id]
            flat = {"system": system.label, "utterance": item.utterance.id}
            flat |= {k: v for k, v in facts.items() if not isinstance(v, Mapping)}
            for side in SIGNALS:
                flat |= {f"{side}_{k}": v for k, v in facts.get(side, {}).items()}
            for name, value in flat.items():
                if name not in columns:
                    columns[name] = [math.nan] * row
                columns[name].append(value)
            for values in columns.values():
                values.extend([math.nan] * (row + 1 - len(values)))
    write_atomically(out / "reconstructions.csv", pd.DataFrame(columns).to_csv(index=False).encode())


def write_hypotheses(out: Path, plan: Plan, outcome: Outcome, cache: ArrayCache) -> None:
    """Writes `hypotheses.csv`: what each recogniser heard in the signals that it scored, and both texts as compared."""
    recognisers = {(recogniser_of(m), normaliser_of(m)): None for m in plan.metrics if "text" in m.inputs}
    rows = []
    for system in plan.systems:
        for item in plan.items:
            identity, text = outcome.decoded.get((system.label, item.utterance.id)), item.utterance.text
            if identity is None or text is None:
                continue
            for recogniser, normalise in recognisers:
                heard = hypothesis(identity, cache, recogniser)
                if heard is not None:
                    texts = (text, heard, normalise(text), normalise(heard))
                    rows.append((system.label, item.utterance.id, recogniser.label, *texts))
    if recognisers:
        frame = pd.DataFrame(rows, columns=HYPOTHESIS_COLUMNS)
        write_atomically(out / "hypotheses.csv", frame.to_csv(index=False, lineterminator="\n").encode())
