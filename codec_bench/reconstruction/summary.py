"""From scores to the frames that a run directory keeps; nothing here depends on the order of computation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codec_bench.adapters.contract import MAX_PEAK
from codec_bench.adapters.spec import Group
from codec_bench.cache import ArrayCache
from codec_bench.coding.rows import Row, describe_system
from codec_bench.csv_files import csv_of, write_frame
from codec_bench.files import write_atomically
from codec_bench.metrics.asr import hypothesis
from codec_bench.metrics.pitch import is_track, median_pitch
from codec_bench.metrics.wer import normaliser_of, recogniser_of
from codec_bench.reconstruction.coding_times import time_rows, with_time_scores
from codec_bench.reconstruction.outcome import Outcome
from codec_bench.reconstruction.plan import Plan
from codec_bench.records import Status
from codec_bench.runs.frames import Heading, ScoreRow, SummaryRow, names_of
from codec_bench.stats import cluster_names, estimate, share_of

HYPOTHESES = ("system", "utterance", "recogniser", "text", "heard", "text_compared", "heard_compared")
"""Columns of `hypotheses.csv`: transcript and what was heard, both also as they were compared."""

SECS = "secs"
"""The metric that hears the level although it is about voices."""

SIGNALS = ("reference", "input", "decoded")
"""What a pair has facts about; `input` is what the codec was given where that is not the recording."""

CHANNEL = "channel"
"""What it has facts about where its code went through something."""

PITCH = "f0_hz"
"""What `reconstructions.csv` calls the median F0 of a recording."""

BLOCK = 10_000
"""Utterances whose scores are put together at a time."""

CorpusValues = Mapping[tuple[str, str], float]

MAX_LEVEL_CHANGE_DB = 20.0
"""A codec that changes the level by more than this is reported."""

HEARD_LEVEL_DB = 3.0
"""From which change of the level on SECS is lower for that alone: 0.01 to 0.02 of an exact copy."""

STREAM_TOLERANCE = 1e-5
"""Samples of a stream that differ by no more from those of a whole recording are the same: sums in another order."""

MAX_LAG_MS = 2.0
"""A codec whose output is late or early by at least this on most utterances is reported."""


def score_frames(plan: Plan, outcome: Outcome) -> Iterator[pd.DataFrame]:
    """All scores, sorted: the file is the same whatever the order of codecs, metrics and utterances was.

    They come in frames of one system and `BLOCK` utterances, put together by columns: a run may have millions of rows.
    """
    utterances = [item.utterance for item in plan.items]
    places = sorted(range(len(utterances)), key=lambda place: utterances[place].id)
    blocks = [places[i : i + BLOCK] for i in range(0, len(places), BLOCK)]
    metrics = sorted(metric.label for metric in plan.metrics)
    for row in sorted(plan.rows, key=lambda row: row.label):
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
            names = names_of(ScoreRow)
            for name in names[len(frame) :]:
                frame[name] = np.stack([part[name] for part in found], axis=1).ravel()
            scores = pd.DataFrame(frame, columns=names)
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


def summary_rows(plan: Plan, outcome: Outcome, corpus: CorpusValues) -> list[SummaryRow]:
    """One row per row of the table and column; `corpus` has the values that are not a mean of scores."""
    names = [i.utterance.id for i in plan.items]
    clusters = dict(zip(names, cluster_names(names, [i.utterance.speaker for i in plan.items]), strict=True))
    headings = {row.label: heading(row, outcome) for row in plan.rows}
    rows = []
    for label, head in headings.items():
        for metric in plan.metrics:
            scored = outcome.scores.column(label, metric.label)
            good = [place for place, status in enumerate(scored["status"]) if status is Status.OK]
            found = estimate(
                scored["numerator"][good].tolist(),
                scored["denominator"][good].tolist(),
                [clusters[names[place]] for place in good],
                expected=len(names),
                scale=metric.scale,
                share=share_of(metric.unit, metric.better),
            )
            if metric.corpus is not None:
                found = replace(found, value=corpus.get((label, metric.label)), low=None, high=None)
            rows.append(head.row(metric.label, metric.unit, found))
    return rows + (time_rows(plan, outcome, headings) if plan.speed else [])


def heading(row: Row, outcome: Outcome) -> Heading:
    """What `summary.csv` says of a row besides its values."""

    def counted() -> tuple[float, float]:
        facts = [f for _, f in outcome.facts.of(row.label) if "bits" in f]
        return sum(f["bits"] for f in facts), sum(f["coded_seconds"] for f in facts)

    return Heading.of(describe_system(row), counted)


def length_differences(plan: Plan, outcome: Outcome) -> tuple[dict[str, float], list[str]]:
    """Largest difference in seconds between recording and decoded audio per system; both are cut to the shorter one.

    Generated speech has none: its prompts are other utterances.

    Returns:
        The differences, and a warning for each system where more than a tenth of a second was cut.
    """
    if plan.generated:
        return {}, []
    largest: dict[str, float] = {}
    for row in plan.rows:
        cut = [_seconds(facts["reference"]) - _seconds(facts["decoded"]) for facts in _scored(outcome, row)]
        if cut:
            largest[row.label] = round(max(map(abs, cut)), 6)
    return largest, [
        f"{label}: decoded audio and recording differ by up to {seconds:.2f} s in length; both were cut to the shorter"
        for label, seconds in largest.items()
        if seconds > 0.1
    ]


def _seconds(signal: Mapping[str, Any]) -> float:
    return float(signal["samples"] / signal["rate"])


def _scored(outcome: Outcome, row: Row) -> list[dict[str, Any]]:
    """The facts of the pairs of a row that came as far as scoring, in the order of the utterances."""
    return [facts for _, facts in outcome.facts.of(row.label) if "decoded" in facts]


def levels(plan: Plan, outcome: Outcome) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Mean RMS level in dB relative to full scale of the recordings and of each system's output.

    Returns:
        The levels, and a warning for each system whose output is far louder or quieter than what it was given: samples
        that were scaled twice still get plausible scores from metrics that normalise the level. One for SECS, which is
        lower where levels differ. Also a warning for each row whose altered recordings were attenuated, clipped, or not
        changed at all.
    """
    found: dict[str, dict[str, float]] = {}
    warnings = []
    for row in plan.rows:
        pairs = sorted((name, facts) for name, facts in outcome.facts.of(row.label) if "decoded" in facts)
        means: dict[str, float] = {}
        for side in SIGNALS:
            if known := [db for _, facts in pairs if (db := facts.get(side, {}).get("level_db")) is not None]:
                means[side] = round(sum(known) / len(known), 2)
        if means:
            found[row.label] = means
        given = means.get("input", means.get("reference"))
        if plan.generated or given is None or "decoded" not in means:
            continue  # the level of a prompt says nothing about that of the utterance
        if abs(change := means["decoded"] - given) > MAX_LEVEL_CHANGE_DB:
            how = "quieter" if change < 0 else "louder"
            warnings.append(
                f"{row.label}: decoded audio is {abs(change):.0f} dB {how} than the recordings; was it scaled twice?"
            )
    return found, [
        *_out_of_scale(plan, outcome), *warnings, *_heard_levels(plan, found), *_side_effects(plan, outcome)
    ]  # fmt: skip


def _heard_levels(plan: Plan, found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A warning where SECS compares voices of different levels."""
    labels = [metric.label for metric in plan.metrics if metric.name == SECS]
    changes = {
        label: means["decoded"] - means["reference"]
        for label, means in found.items()
        if {"decoded", "reference"} <= set(means)
    }
    off = [f"{label} {db:+.0f} dB" for label, db in changes.items() if abs(db) >= HEARD_LEVEL_DB]
    if not labels or not off:
        return []
    return [
        f"{', '.join(labels)} is lower where levels differ, whatever the voice (an exact copy 12 dB quieter has 0.88 "
        f"to 0.97): decoded against what it is compared with, {', '.join(off)}"
    ]


def _out_of_scale(plan: Plan, outcome: Outcome) -> list[str]:
    """A warning where recordings are floats in the scale of integers, which codecs clip."""
    peaks = {
        name: facts["reference"]["peak"]
        for row in plan.rows
        for name, facts in outcome.facts.of(row.label)
        if (facts.get("reference", {}).get("peak") or 0.0) > MAX_PEAK
    }
    if not peaks:
        return []
    highest = f"samples up to {max(peaks.values()):.4g} where full scale is 1"
    return [f"{len(peaks)} of {len(plan.items)} recordings have {highest}: codecs clip them; divide by 32768?"]


def lags(plan: Plan, outcome: Outcome) -> tuple[dict[str, dict[str, float]], list[str]]:
    """How late the decoded audio of each row is, as far as that was clear.

    Returns:
        By row the median in ms (`median_ms`), the number of utterances with a clear lag (`known`), of those that are
        `MAX_LAG_MS` or more late (`late`) or early (`early`), and of all that were scored (`utterances`). And a warning
        for each row that is late, or early, on most of these, unless its audio was aligned.
    """
    found: dict[str, dict[str, float]] = {}
    warnings = []
    misled = _enumerated(metric.title for metric in plan.metrics if metric.minds_lag)
    for label in (row.label for row in plan.rows):
        seen = [facts["lag_ms"] for _, facts in outcome.facts.of(label) if "lag_ms" in facts]
        known = [lag for lag in seen if lag is not None]
        if not known:
            continue
        late, early = [lag for lag in known if lag >= MAX_LAG_MS], [-lag for lag in known if lag <= -MAX_LAG_MS]
        found[label] = {
            "median_ms": round(float(np.median(known)), 3),
            "known": len(known),
            "late": len(late),
            "early": len(early),
            "utterances": len(seen),
        }
        off, how = (late, "late") if len(late) >= len(early) else (early, "early")
        if misled and not plan.align and 2 * len(off) > len(seen):
            warnings.append(
                f"{label}: decoded audio is {_most_of(off)} ms {how} on {len(off)} of {len(seen)}: {misled} of "
                "misaligned signals; --align moves it back"
            )
    return found, warnings


def alignment_notes(plan: Plan, lags_of: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What was done to decoded audio before it was compared, for everybody who reads the table."""
    misled = _enumerated(metric.title for metric in plan.metrics if metric.minds_lag)
    if not (plan.align and misled):
        return []
    moved = "; ".join(
        f"{row.label} {_rounded(lags_of[row.label]['median_ms'])} ms"
        for row in plan.rows
        if row.label in lags_of and row.spec.group is not Group.REFERENCE
    )
    return [
        f"Aligned: {misled} of decoded audio that was moved by its lag behind the recording, one lag for each file"
        + (f" (median: {moved})." if moved else ".")
    ]


def polarity_notes(plan: Plan) -> list[str]:
    """Which rows are upside down, and which columns hear that."""
    turned = [row.label for row in plan.rows if row.spec.polarity < 0]
    if not turned:
        return []
    hearing = [metric.label for metric in plan.metrics if metric.hears_polarity]
    heard = f"heard by {', '.join(hearing)}" if hearing else "which no column hears"
    return [f"Waveform upside down, as the codec makes it: {', '.join(turned)}; {heard}."]


def channel_notes(plan: Plan, outcome: Outcome) -> list[str]:
    """What really happened to the codes under each condition: chance gives other rates than those asked for."""
    found: dict[str, list[str]] = {}
    for row in plan.rows:
        facts = [f[CHANNEL] for _, f in outcome.facts.of(row.label) if f.get(CHANNEL)]
        if facts:
            found.setdefault(row.condition.label, []).append(f"{row.system.label} {_happened(facts)}")
    return [f"{label}, as it came out: {'; '.join(systems)}." for label, systems in found.items()]


def _happened(facts: Sequence[Mapping[str, Any]]) -> str:
    """`9.6 % of 1234 packets of 20 ms lost in bursts of 2.1, concealed by libopus`."""

    def total(name: str) -> float:
        return float(sum(f.get(name, 0) for f in facts))

    told = []
    packets = total("packets")
    if packets:
        burst = total("lost_packets") / max(1, total("bursts"))
        lost = f"{total('lost_packets') / packets:.1%} of {packets:g} packets of {facts[0]['packet_ms']:g} ms lost"
        told.append(f"{lost} in bursts of {burst:.2f}")
    if "pieces" in facts[0]:
        told.append(_streamed(facts))
    if "flipped_bits" in facts[0]:
        told.append(f"{total('flipped_bits'):g} bits flipped")
    if any("undecodable_packets" in f for f in facts):
        told.append(f"{total('undecodable_packets'):g} packets undecodable")
    if packets or total("undecodable_packets"):
        told.append("concealed by " + ("the codec itself" if facts[0]["conceals_itself"] else "the last packet"))
    for name, what in (
        ("changed_tokens", "of the tokens changed"),
        ("equal_to_first", "of the tokens or packets as in the first generation"),
        ("equal_to_previous", "as in the one before"),
    ):
        if name in facts[0]:
            told.append(f"{total(name) / len(facts):.1%} {what}")
    if drifts := [f["level_drift_db"] for f in facts if "level_drift_db" in f]:
        told.append(f"level {np.mean(drifts):+.1f} dB since the first generation")
    if known := [f for f in facts if "entropy_of_first" in f]:
        first, last = (np.mean([f[f"entropy_of_{which}"] for f in known]) for which in ("first", "last"))
        told.append(f"entropy of an utterance's tokens {first:.2f} bit, at last {last:.2f}")
    return ", ".join(told)


def _streamed(facts: Sequence[Mapping[str, Any]]) -> str:
    """`in 120 pieces of 60 ms: 8 of 8 as in one piece, ...; first samples after 241 ms; ...`."""
    off = [f["largest_difference"] for f in facts]
    equal = sum(value <= STREAM_TOLERANCE for value in off)
    first, rtf = (np.median([f[name] for f in facts]) for name in ("first_samples_ms", "piece_rtf"))
    slowest = max(f["slowest_piece_rtf"] for f in facts)
    pieces = f"{sum(f['pieces'] for f in facts):g} pieces of {facts[0]['piece_ms']:g} ms"
    return (
        f"in {pieces}: {equal} of {len(off)} as in one piece, samples off by up to {max(off):.1g}; first samples after "
        f"{first:.0f} ms; real-time factor of a piece {rtf:.2g}, of the slowest {slowest:.2g}"
    )


def _enumerated(titles: Iterable[str]) -> str:
    """`STOI is`, `STOI, SI-SDR and MCD are`; empty for none."""
    *others, last = dict.fromkeys(titles) or [""]
    return f"{', '.join(others)} and {last} are" if others else last and f"{last} is"


def _most_of(lags_ms: Sequence[float]) -> str:
    """Their median, or what most of them lie between where they differ."""
    low, middle, high = np.quantile(lags_ms, (0.1, 0.5, 0.9))
    return _rounded(middle) if high - low < MAX_LAG_MS else f"{_rounded(low)} to {_rounded(high)}"


def _rounded(milliseconds: float) -> str:
    return f"{milliseconds:.0f}" if abs(milliseconds) >= 10 else f"{milliseconds:.1f}".removesuffix(".0")


def _side_effects(plan: Plan, outcome: Outcome) -> list[str]:
    """What conditions did besides what they are for; once for each, as all systems get the same recordings."""
    inputs: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in plan.rows:
        for name, facts in outcome.facts.of(row.label):
            if "input" in facts:
                inputs.setdefault(row.condition.label, {})[name] = facts["input"]
    warnings = []
    for label, found in inputs.items():
        of_all = f"of {len(found)}"
        if lower := [f["turned_down_db"] for f in found.values() if f["turned_down_db"]]:
            warnings.append(
                f"{label}: {len(lower)} {of_all} altered recordings were attenuated, by up to {max(lower):.1f} dB, so "
                "that they do not clip"
            )
        if clipped := [f["clipped"] / f["samples"] for f in found.values() if f["clipped"]]:
            warnings.append(
                f"{label}: {len(clipped)} {of_all} altered recordings are clipped, up to {max(clipped):.2%} of the "
                "samples of one"
            )
        if unchanged := sum(f["unchanged"] for f in found.values()):
            warnings.append(
                f"{label}: {unchanged} {of_all} recordings stayed as they are, because of their sampling rate"
            )
    return warnings


def write_reconstructions(out: Path, plan: Plan, outcome: Outcome, features: ArrayCache) -> None:
    """Writes `reconstructions.csv`: payload bits, duration, level, lag and coding time of every pair.

    Where pitch metrics looked at a recording, also its median F0, from the `features` that are kept.
    """
    tracks = [f for metric in plan.metrics for f in metric.features if is_track(f)]
    pitches = {
        item.utterance.id: hertz
        for item in (plan.items if tracks and not plan.generated else ())
        if not item.problem and (hertz := median_pitch(item.identity, features, tracks[0])) is not None
    }

    def pairs() -> Iterator[dict[str, Any]]:
        for row in plan.rows:
            for item in plan.items:
                facts = outcome.facts[row.label, item.utterance.id]
                flat: dict[str, Any] = {"system": row.label, "utterance": item.utterance.id}
                flat |= {name: value for name, value in facts.items() if not isinstance(value, Mapping)}
                if facts and item.utterance.id in pitches:
                    flat[PITCH] = pitches[item.utterance.id]
                if plan.align and "lag_ms" in facts:
                    flat["aligned_by_ms"] = facts["lag_ms"] or 0.0
                for side in (*SIGNALS, CHANNEL):
                    flat |= {f"{side}_{name}": value for name, value in facts.get(side, {}).items()}
                yield flat

    columns = list(dict.fromkeys(name for pair in pairs() for name in pair))
    rows = ([pair.get(name) for name in columns] for pair in pairs())
    write_atomically(out / "reconstructions.csv", csv_of([columns, *rows]))


def write_hypotheses(out: Path, plan: Plan, outcome: Outcome, cache: ArrayCache) -> None:
    """Writes `hypotheses.csv`: what each recogniser heard in the signals that it scored, and both texts as compared."""
    recognisers = {(recogniser_of(m), normaliser_of(m)): None for m in plan.metrics if m.takes_recogniser}
    rows = []
    for row in plan.rows:
        for item in plan.items:
            name, text = item.utterance.id, item.utterance.text
            identity = outcome.decoded.get((row.label, name))
            if identity is None or text is None:
                continue
            for recogniser, normalise in recognisers:
                if (heard := hypothesis(identity, cache, recogniser)) is not None:
                    rows.append((row.label, name, recogniser.label, text, heard, normalise(text), normalise(heard)))
    if recognisers:
        write_frame(out / "hypotheses.csv", pd.DataFrame(rows, columns=list(HYPOTHESES)))
