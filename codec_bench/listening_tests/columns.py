"""Listeners' ratings as a column of a run, so that its tables show them next to the metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from codec_bench.csv_files import read_frame
from codec_bench.errors import UsageError
from codec_bench.records import Score, Status
from codec_bench.runs.columns import ColumnSpec
from codec_bench.runs.directory import Run
from codec_bench.runs.frames import Bitrate, Heading, ScoreRow, SummaryRow, floats_of, score_frame, summary_frame
from codec_bench.runs.writer import rewriting
from codec_bench.stats import Estimate


def write_column(
    run: Run,
    column: ColumnSpec,
    values: Mapping[str, Estimate],
    items: int,
    utterances: Mapping[tuple[str, str], float],
    source: Mapping[str, Any],
) -> None:
    """Puts a column into a run, in the place of an earlier one; its files are replaced one by one, `run.json` last.

    Args:
        run: The run.
        column: What it is.
        values: By label of the system, people as clusters; the others get a row without a value.
        items: Utterances of the test.
        utterances: Mean over listeners by system and utterance.
        source: What `run.json` keeps of where the column comes from.
    """
    with rewriting(run) as writer:
        summary, scores = _without(run, writer.info, column.label)
        none = Estimate(None, None, None, 0, items, 0)
        rows = []
        for system, first in summary.groupby("system", sort=False).first().iterrows():
            bitrate = Bitrate(first["bitrate_kbps"], first["bitrate_source"])
            heading = Heading(str(system), first["group"], bitrate, first["frame_rate_hz"])
            rows.append(heading.row(column.label, column.unit, values.get(str(system), none)))
        writer.info["plan"]["metrics"].append(column.describe() | {"imported": True})
        writer.info["imports"] = [*writer.info.get("imports", []), {"column": column.label, **source}]
        writer.results(_with_scores(scores, column.label, utterances), _with_rows(summary, rows))


def remove_column(run: Run, label: str) -> bool:
    """Takes an imported column out of a run; says whether there was one."""
    if label not in {entry["column"] for entry in run.info.get("imports", [])}:
        return False
    with rewriting(run) as writer:
        summary, scores = _without(run, writer.info, label)
        writer.results(scores, summary)
    return True


def _without(run: Run, info: dict[str, Any], label: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Summary and scores as they are without a column, which is taken out of `info`."""
    info["plan"]["metrics"] = [metric for metric in info["plan"]["metrics"] if metric["label"] != label]
    info["imports"] = [entry for entry in info.get("imports", []) if entry["column"] != label]
    if not info["imports"]:
        del info["imports"]
    summary, scores = _exact_summary(run.path / "summary.csv"), run.scores
    return summary[summary["metric"] != label], scores[scores["metric"] != label]


def _exact_summary(path: Path) -> pd.DataFrame:
    """The summary such that writing it again gives the same file."""
    try:
        # As text first: before pandas 3 its own reader of numbers may change the last digit.
        summary = read_frame(path, dtype=str, keep_default_na=False)
        for name in [name for name in floats_of(SummaryRow) if name in summary]:  # older runs lack some
            summary[name] = [float(text) if text else math.nan for text in summary[name]]
        for name in ("n", "n_expected", "clusters"):
            summary[name] = [int(text) for text in summary[name]]
    except (ValueError, KeyError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    return summary


def _with_rows(summary: pd.DataFrame, rows: list[SummaryRow]) -> pd.DataFrame:
    """Each system's new row after its others."""
    order = {system: number for number, system in enumerate(summary["system"].unique())}
    both = pd.concat([summary, summary_frame(rows)], ignore_index=True)
    return both.sort_values("system", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def _with_scores(scores: pd.DataFrame, label: str, utterances: Mapping[tuple[str, str], float]) -> pd.DataFrame:
    """A score for every pair: a value if people rated it, otherwise a status."""
    pairs = scores[["system", "utterance", "speaker"]].drop_duplicates(["system", "utterance"])
    rows = []
    for system, utterance, speaker in pairs.itertuples(index=False, name=None):
        value = utterances.get((str(system), str(utterance)))
        score = Score.failed(Status.UNDEFINED, "not rated in the listening test") if value is None else Score.of(value)
        rows.append(ScoreRow.of(system, utterance, speaker, label, score, seconds=0.0))
    both = pd.concat([scores, score_frame(rows)], ignore_index=True)
    return both.sort_values(["system", "utterance", "metric"], kind="stable", ignore_index=True)
