"""What people said as a column of a run, so that its tables show it beside the metrics."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from codec_bench.errors import UsageError
from codec_bench.records import Status
from codec_bench.runs.directory import Run, write_info, write_scores, write_summary

FLOATS = ("bitrate_kbps", "frame_rate_hz", "value", "ci_low", "ci_high")
"""Columns of `summary.csv` that hold numbers with decimals, or nothing."""


@dataclass(frozen=True)
class RatedValue:
    """A cell of the column.

    Attributes:
        value: In the unit of the column.
        low: Lower end of the interval, or None.
        high: Upper end.
        items: Utterances behind it.
        listeners: People behind it.
    """

    value: float
    low: float | None
    high: float | None
    items: int
    listeners: int


def write_column(
    run: Run,
    column: Mapping[str, Any],
    values: Mapping[str, RatedValue],
    items: int,
    utterances: Mapping[tuple[str, str], float],
    source: Mapping[str, Any],
) -> None:
    """Puts a column into a run, in the place of an earlier one of its label.

    Args:
        run: The run; its files are replaced one by one, `run.json` last.
        column: From `describe_column`.
        values: By label of the system; the others get a row without a value.
        items: Utterances of the test.
        utterances: Mean over listeners by system and utterance.
        source: What `run.json` keeps of where the column comes from.
    """
    label = column["label"]
    info, summary, scores = _without(run, label)
    rows = []
    for system, first in summary.groupby("system", sort=False).first().iterrows():
        cell = values.get(str(system))
        rows.append(
            {
                "system": system,
                **{name: first[name] for name in ("group", "bitrate_kbps", "frame_rate_hz", "bitrate_source")},
                "metric": label,
                "value": cell.value if cell else None,
                "ci_low": cell.low if cell else None,
                "ci_high": cell.high if cell else None,
                "n": cell.items if cell else 0,
                "n_expected": items,
                "clusters": cell.listeners if cell else 0,
                "unit": column["unit"],
            }
        )
    info["plan"]["metrics"].append(dict(column) | {"imported": True})
    info["imports"] = [*info.get("imports", []), {"column": label, **source}]
    write_scores(run.path, _with_scores(scores, label, utterances))
    write_summary(run.path, _with_rows(summary, rows))
    write_info(run.path, info)


def remove_column(run: Run, label: str) -> bool:
    """Takes an imported column out of a run; says whether there was one."""
    if label not in {entry["column"] for entry in run.info.get("imports", [])}:
        return False
    info, summary, scores = _without(run, label)
    write_scores(run.path, scores)
    write_summary(run.path, summary)
    write_info(run.path, info)
    return True


def _without(run: Run, label: str) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """`run.json`, summary and scores as they are without the column."""
    info = copy.deepcopy(dict(run.info))
    info["plan"]["metrics"] = [metric for metric in info["plan"]["metrics"] if metric["label"] != label]
    info["imports"] = [entry for entry in info.get("imports", []) if entry["column"] != label]
    if not info["imports"]:
        del info["imports"]
    summary, scores = _exact_summary(run.path / "summary.csv"), run.scores
    return info, summary[summary["metric"] != label], scores[scores["metric"] != label]


def _exact_summary(path: Path) -> pd.DataFrame:
    """The summary such that writing it again gives the same file."""
    try:
        # As text first: before pandas 3 its own reader of numbers may change the last digit.
        summary = pd.read_csv(path, dtype=str, keep_default_na=False)
        for name in FLOATS:
            summary[name] = [float(text) if text else math.nan for text in summary[name]]
        for name in ("n", "n_expected", "clusters"):
            summary[name] = [int(text) for text in summary[name]]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    return summary


def _with_rows(summary: pd.DataFrame, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Each system's new row behind its others."""
    added = pd.DataFrame(rows, columns=list(summary.columns))
    for name in FLOATS:
        added[name] = added[name].astype("float64")
    order = {system: number for number, system in enumerate(summary["system"].unique())}
    both = pd.concat([summary, added], ignore_index=True)
    return both.sort_values("system", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def _with_scores(scores: pd.DataFrame, label: str, utterances: Mapping[tuple[str, str], float]) -> pd.DataFrame:
    """A score for every pair: a value where people rated it, else a status."""
    pairs = scores[["system", "utterance", "speaker"]].drop_duplicates(["system", "utterance"])
    rows = []
    for system, utterance, speaker in pairs.itertuples(index=False, name=None):
        value = utterances.get((str(system), str(utterance)))
        rated = value is not None
        rows.append(
            {
                "system": system,
                "utterance": utterance,
                "speaker": speaker,
                "metric": label,
                "value": value,
                "status": (Status.OK if rated else Status.UNDEFINED).value,
                "reason": "" if rated else "not rated in the listening test",
                "numerator": value,
                "denominator": 1.0 if rated else None,
                "seconds": 0.0,
            }
        )
    added = pd.DataFrame(rows, columns=list(scores.columns))
    for name in ("value", "numerator", "denominator", "seconds"):
        added[name] = added[name].astype("float64")
    both = pd.concat([scores, added], ignore_index=True)
    return both.sort_values(["system", "utterance", "metric"], kind="stable", ignore_index=True)
