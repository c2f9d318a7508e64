"""What is compared, whether it comes from a run directory or from a stored baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from codec_bench.errors import UsageError
from codec_bench.registry import unknown
from codec_bench.runs.directory import Run, load_run, slug

REFERENCE = "ground-truth"
"""The system that the recordings themselves are."""

NEEDED = ("system", "utterance", "speaker", "metric", "value", "status", "numerator", "denominator")


@dataclass(frozen=True)
class UtteranceScore:
    """One metric of one system on one utterance.

    Attributes:
        numerator: Of the score; 0 without a value.
        denominator: Of the score; 0 without a value.
        status: `ok` exactly where there is a value.
    """

    numerator: float
    denominator: float
    status: str = "ok"


@dataclass(frozen=True)
class ComparedMetric:
    """A metric of a run.

    Attributes:
        label: `wer[pocketsphinx]`.
        name: `wer`.
        title: For people.
        unit: Of the value; empty for plain numbers.
        better: `higher`, `lower`, or empty where neither is.
        digits: Decimals that are worth printing.
        version: Of the definition.
        fingerprint: Content address of the definition: version, parameters, packages.
        scale: `value = scale * numerator / denominator`; 100 for percent.
    """

    label: str
    name: str
    title: str
    unit: str
    better: str
    digits: int
    version: int
    fingerprint: str
    scale: float = 1.0

    @property
    def variant(self) -> str:
        """What stands in the brackets of the label, e.g. the recogniser."""
        return self.label[len(self.name) :].removeprefix("[").removesuffix("]")

    @property
    def heading(self) -> str:
        """`WER[pocketsphinx]`."""
        return self.title + self.label[len(self.name) :]


@dataclass(frozen=True)
class SystemRow:
    """A system, clean or under a condition.

    Attributes:
        label: `opus@6000+noise@10`.
        system: `opus@6000`.
        condition: `noise@10`, or empty.
        reference: `clean` or `altered`: which recordings it is scored against.
        fingerprint: Content address of codec, weights, setting and condition.
    """

    label: str
    system: str
    condition: str
    reference: str
    fingerprint: str


@dataclass(frozen=True)
class Measurements:
    """Scores of a run per utterance, and what must be equal for two runs to be comparable.

    Attributes:
        source: Where they come from, for messages.
        kind: Of the run: `reconstruction`, ...
        dataset: `name`, `utterances`, `speakers`, `manifest_sha256`, ...
        columns: Metrics by label.
        systems: Rows by label.
        conditions: Fingerprints of the conditions by label.
        speakers: Of each utterance, or None where it is not known.
        scores: By system, metric and utterance. An utterance that is missing was not asked for.
        provenance: `codec_bench`, `resampler`, `packages`.
        audio: Folder with decoded audio, or None where it was not kept.
    """

    source: str
    kind: str
    dataset: Mapping[str, Any]
    columns: Mapping[str, ComparedMetric]
    systems: Mapping[str, SystemRow]
    conditions: Mapping[str, str]
    speakers: Mapping[str, str | None]
    scores: Mapping[str, Mapping[str, Mapping[str, UtteranceScore]]]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    audio: Path | None = None

    def of(self, system: str, metric: str) -> Mapping[str, UtteranceScore]:
        """Scores by utterance; empty where there are none."""
        return self.scores.get(system, {}).get(metric, {})

    def audio_of(self, system: str, utterance: str) -> Path | None:
        """The decoded audio of an utterance where it was kept."""
        if self.audio is None:
            return None
        path = self.audio / slug(system) / f"{utterance}.wav"
        return path if path.is_file() else None

    @property
    def described(self) -> str:
        """One line: where from, and how much."""
        data = self.dataset
        return f"{self.source} ({data['name']}: {data['utterances']} utterances)"


def load_measurements(path: str | Path) -> Measurements:
    """Reads a run directory or a baseline file.

    Args:
        path: Directory of a finished run, or a file that `codec-bench baseline save` wrote.

    Raises:
        UsageError: It is neither, or cannot be read.
    """
    from codec_bench.comparison.baseline import load_baseline

    path = Path(path)
    if path.is_dir():
        return measurements_of(load_run(path))
    if path.is_file():
        return load_baseline(path)
    near = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
    if near:
        raise UsageError(f"{path} does not exist: {unknown('run or baseline', path.name, near)}")
    raise UsageError(f"{path} does not exist: give a run directory, or a file of codec-bench baseline save")


def measurements_of(run: Run) -> Measurements:
    """The per-utterance scores of a run; metrics whose value belongs to the whole set, such as FAD, are left out.

    Raises:
        UsageError: The run keeps no scores per utterance.
    """
    if not (run.path / "scores.parquet").is_file():
        raise UsageError(
            f"{run.path} is a run of kind {run.kind}, which keeps no scores per utterance (scores.parquet): "
            "there is nothing to pair"
        )
    frame = run.scores
    if absent := [c for c in NEEDED if c not in frame]:
        raise UsageError(f"{run.path / 'scores.parquet'} has no column {absent[0]!r}: it is not of a codec-bench run")
    plan = run.info["plan"]
    scales = _scales(frame)
    columns = {
        m["label"]: ComparedMetric(
            **{key: m[key] for key in ("label", "name", "title", "unit", "better", "digits", "version", "fingerprint")},
            scale=scales.get(m["label"], 100.0 if m["unit"] == "%" else 1.0),
        )
        for m in plan["metrics"]
        # The value of a whole set is no mean of scores (FAD): its parts cannot be paired and tested.
        if m.get("pooling", "utterances") == "utterances"
    }
    frame = frame[frame["metric"].isin(list(columns))]
    systems = {
        s["label"]: SystemRow(
            s["label"],
            s.get("system") or s["label"],
            s.get("condition") or "",
            s.get("reference") or "clean",
            s.get("fingerprint", ""),
        )
        for s in plan["systems"]
    }
    audio = run.path / "audio"
    return Measurements(
        source=str(run.path),
        kind=run.kind,
        dataset=plan["dataset"],
        columns=columns,
        systems=systems,
        conditions={c["label"]: c["fingerprint"] for c in plan.get("conditions", [])},
        speakers={str(u): s if isinstance(s, str) and s else None for u, s in _speakers(frame)},
        scores=_outcomes(frame),
        provenance=run.info["provenance"],
        audio=audio if audio.is_dir() else None,
    )


def rounded(number: float) -> float:
    """Nine significant digits: far below what any metric resolves.

    Baselines keep so many; runs are read with as many, so that a run and its own baseline are equal.
    """
    return float(f"{number:.9g}")


def _speakers(frame: pd.DataFrame) -> list[tuple[Any, Any]]:
    unique = frame[["utterance", "speaker"]].drop_duplicates("utterance").sort_values("utterance")
    return list(zip(unique["utterance"], unique["speaker"], strict=True))


def _scales(frame: pd.DataFrame) -> dict[str, float]:
    """Of each metric that has a score from which it can be told; a run does not state it."""
    good = frame[(frame["status"] == "ok") & (frame["numerator"] != 0)].drop_duplicates("metric")
    return {
        str(metric): float(f"{value * bottom / top:.6g}")
        for metric, value, top, bottom in zip(
            good["metric"], good["value"], good["numerator"], good["denominator"], strict=True
        )
    }


def _outcomes(frame: pd.DataFrame) -> dict[str, dict[str, dict[str, UtteranceScore]]]:
    scores: dict[str, dict[str, dict[str, UtteranceScore]]] = {}
    columns = [frame[c] for c in ("system", "metric", "utterance", "numerator", "denominator", "status")]
    for system, metric, utterance, top, bottom, status in zip(*columns, strict=True):
        ok = status == "ok" and math.isfinite(top) and math.isfinite(bottom) and bottom > 0
        found = UtteranceScore(rounded(top), rounded(bottom)) if ok else UtteranceScore(0.0, 0.0, str(status))
        scores.setdefault(str(system), {}).setdefault(str(metric), {})[str(utterance)] = found
    return scores
