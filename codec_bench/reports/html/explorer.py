"""Scores, statuses and texts of every utterance in the compact form that the page reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from codec_bench.csv_files import read_frame
from codec_bench.languages import is_unspaced
from codec_bench.metrics import ERROR_RATES
from codec_bench.reports.html.differences import differences
from codec_bench.reports.html.embedding import compact
from codec_bench.runs.directory import Run

JsonObject = dict[str, Any]

HEARD = ("system", "utterance", "recogniser", "text", "heard", "text_compared", "heard_compared")
"""Columns of `hypotheses.csv`."""


def explorer(run: Run) -> JsonObject:
    """Everything about the utterances of a reconstruction run.

    Returns:
        `utterances`: columns `id`, `speaker`, `language`, `text`; `systems` and `metrics` in the order of the run;
        `scores[system][metric][utterance]`: a value or None; `problems[system][metric]`: index of the reason by
        utterance, for those without a value; `reasons`: pairs of status and reason; `texts`: what recognisers heard.

    Raises:
        UsageError: A file of the run is missing or damaged.
    """
    utterances = run.utterances
    names = list(utterances["id"])
    scored = set(run.scores["metric"])
    described = {label: m for label, m in run.metrics.items() if label in scored}  # others are of the whole set
    systems, metrics = list(run.systems), list(described)
    scores, problems, reasons = _scores(run, systems, metrics, names)
    return {
        "utterances": {c: list(utterances[c]) for c in ("id", "speaker", "language", "text")},
        "systems": [{"label": s, "group": run.systems[s].get("group", "")} for s in systems],
        "metrics": [
            {k: m[k] for k in ("label", "better", "digits", "unit")}
            | {"title": m["title"] + m["label"][len(m["name"]) :]}
            for m in described.values()
        ],
        "scores": scores,
        "problems": problems,
        "reasons": reasons,
        "texts": _heard(run, systems, utterances) if (run.path / "hypotheses.csv").is_file() else [],
    }


def _scores(
    run: Run, systems: Sequence[str], metrics: Sequence[str], names: Sequence[str]
) -> tuple[list[list[list[float | int | None]]], list[list[dict[int, int]]], list[tuple[str, str]]]:
    """Values as `[systems][metrics][utterances]`, and why the others have none."""
    place = {name: i for i, name in enumerate(names)}
    values: list[list[list[float | int | None]]] = [[[None] * len(names) for _ in metrics] for _ in systems]
    problems: list[list[dict[int, int]]] = [[{} for _ in metrics] for _ in systems]
    reasons: dict[tuple[str, str], int] = {}
    of_system, of_metric = ({n: i for i, n in enumerate(labels)} for labels in (systems, metrics))
    columns = [run.scores[c] for c in ("system", "metric", "utterance", "value", "status", "reason")]
    for system, metric, utterance, value, status, reason in zip(*columns, strict=True):
        if system not in of_system or metric not in of_metric or utterance not in place:
            continue
        s, m, u = of_system[system], of_metric[metric], place[utterance]
        if status == "ok":
            values[s][m][u] = compact(value)
        else:
            problems[s][m][u] = reasons.setdefault((status, reason or ""), len(reasons))
    return values, problems, list(reasons)


def _heard(run: Run, systems: Sequence[str], utterances: pd.DataFrame) -> list[JsonObject]:
    """For each recogniser and text normaliser: the transcripts as compared, and what was heard of each system."""
    # Words such as `null` and `nan` are words.
    frame = read_frame(run.file("hypotheses.csv"), HEARD, dtype=str, keep_default_na=False)
    frame["turn"] = frame.groupby(["system", "utterance", "recogniser"]).cumcount()
    languages = dict(zip(utterances["id"], utterances["language"], strict=True))
    places = {name: i for i, name in enumerate(utterances["id"])}
    of_system = {name: i for i, name in enumerate(systems)}
    counted = _counted(run)
    found = []
    for recogniser, turn in frame[["recogniser", "turn"]].drop_duplicates().itertuples(index=False):
        rows = frame[(frame["recogniser"] == recogniser) & (frame["turn"] == turn)]
        normaliser = (_normalisers(run, recogniser)[turn:] or [""])[0]
        texts = zip(rows["text"], rows["utterance"], strict=True)
        by_characters = np.array([is_unspaced(text, languages.get(u)) for text, u in texts], bool)
        references: dict[int, str] = {}
        heard: list[dict[int, Any]] = [{} for _ in systems]
        unspaced: set[int] = set()
        disagreeing = 0
        for characters in (False, True):
            part = rows[by_characters == characters]
            pairs = differences(list(part["text_compared"]), list(part["heard_compared"]), characters=characters)
            variant = recogniser + ("" if normaliser in ("", "basic") else f"+{normaliser}")
            metric = f"{'cer' if characters else 'wer'}[{variant}]"
            for row, pair in zip(part.to_dict("records"), pairs, strict=True):
                if row["utterance"] not in places or row["system"] not in of_system:
                    continue
                u, s, glue = places[row["utterance"]], of_system[row["system"]], "" if characters else " "
                unspaced |= {u} if characters else set()
                references[u] = glue.join(pair.reference)
                compared = glue.join(pair.heard)
                # Flat, and the text as heard only where the normaliser changed it: there are many of these.
                changes = [number for change in pair.changes for number in change]
                heard[s][u] = [compared, changes, pair.errors, "" if row["heard"] == compared else row["heard"]]
                errors = counted.get((metric, row["system"], row["utterance"]))
                disagreeing += errors is not None and errors != pair.errors
        found.append(
            {
                "recogniser": recogniser, "normaliser": normaliser, "references": references,
                "characters": sorted(unspaced), "heard": heard, "disagreeing": disagreeing,
            }
        )  # fmt: skip
    return found


def _counted(run: Run) -> dict[tuple[str, str, str], float]:
    """Errors that WER and CER counted, by metric, system and utterance."""
    scores = run.scores
    wanted = scores[(scores["status"] == "ok") & scores["metric"].str.startswith(("wer[", "cer["))]
    keys = zip(wanted["metric"], wanted["system"], wanted["utterance"], strict=True)
    return dict(zip(keys, wanted["numerator"], strict=True))


def _normalisers(run: Run, recogniser: str) -> list[str]:
    """In the order in which `hypotheses.csv` has them for one pair: that of the metrics."""
    found: dict[str, None] = {}
    for label, metric in run.metrics.items():
        variant = label[len(metric["name"]) + 1 : -1]
        if metric["name"] in ERROR_RATES and (variant + "+").startswith(recogniser + "+"):
            found[variant[len(recogniser) + 1 :] or "basic"] = None
    return list(found)
