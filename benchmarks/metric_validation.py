"""How well metrics agree with listeners: correlation with the MUSHRA ratings of Stahl et al. (2024).

Give it the folder of the data set (`ratings_formated_filtered.csv`, `audio/stim_NN/`). Every metric that can run here
scores every rated stimulus against its hidden reference, through an ordinary run. Printed are Spearman's and Kendall's
rank correlation with the mean rating, per stimulus and per condition (means over stimuli), each with a 95 % interval
from a bootstrap that draws the 16 sentences. A metric for which lower is better counts with its sign turned. Beside
them stands what others have published.

    python benchmarks/metric_validation.py DIR [--metrics pesq_wb,nisqa,...] [--markdown]
    python benchmarks/metric_validation.py --markdown RESULT.json [RESULT.json ...]
"""

from __future__ import annotations

import argparse
import ast
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

import codec_bench
from codec_bench.metrics import METRICS, metric

DRAWS = 1000
RECOGNISER = "whisper:tiny.en"
FURTHER = ("gpe[fcpe]", "vuv_f1[fcpe]", "gpe[praat]", "secs[raw]", "fad[resemblyzer]")
"""Variants that stand for a metric of their own."""

PUBLISHED = {
    "nisqa": "0.76 ITU-T P.23, codecs of telephony [1]",
    "visqol": "0.77 ODAQ, audio mode [2]",
    "pesq_wb": "0.74 ODAQ [2]",
    "si_sdr": "0.44 ODAQ [2]",
    "dnsmos": "0.38 ODAQ [2]",
}
"""Pearson's correlations with listeners, per condition or aggregated: [1] README of SCOREQ (Ragano et al., 2024), P23
EXP1; [2] README of the ODAQ benchmark, 240 items of general audio. Neither has neural codecs like the ones here."""


def ratings(folder: Path) -> pd.DataFrame:
    """One row per rated stimulus of a codec: sentence, condition, file stem, mean rating."""
    table = pd.read_csv(folder / "ratings_formated_filtered.csv").dropna(subset="file")  # anchors have no file
    table["sentence"] = table.file.str.partition("/")[0]
    table["stem"] = [Path(file).stem for file in table.file]
    table["rating"] = [float(np.mean(ast.literal_eval(text))) for text in table.ratings]
    table = table[table.stem != "ref"]  # the hidden reference, which every metric finds perfect
    there = [(folder / "audio" / row.sentence / f"{row.stem}.flac").is_file() for row in table.itertuples()]
    return table[there].reset_index(drop=True)


def scores(folder: Path, table: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """One row per condition, sentence and metric."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for stem in ["ref", *sorted(set(table.stem))]:
            (work / stem).mkdir()
            for sentence in sorted(set(table.sentence)):
                source = folder / "audio" / sentence / f"{stem}.flac"
                if source.is_file():
                    (work / stem / f"{sentence}.flac").symlink_to(source.resolve())
        systems = [{"files": str(work / stem), "name": stem} for stem in sorted(set(table.stem) - {"ref"})]
        run = codec_bench.run(
            systems,
            str(work / "ref"),
            metrics=metrics,
            out=work / "run",
            report=False,
            max_failed=1.0,
        )
        return run.scores.copy()


def correlations(merged: pd.DataFrame, sign: float, random: np.random.Generator) -> dict[str, list[float]]:
    """Value, lower and upper end for each kind of correlation."""
    value, rating = merged.value.to_numpy(np.float64), merged.rating.to_numpy(np.float64)
    condition = merged.condition.astype("category").cat.codes.to_numpy()
    rows = [np.flatnonzero(merged.sentence == name) for name in sorted(set(merged.sentence))]

    def measured(drawn: NDArray[np.intp]) -> list[float]:
        counts = np.bincount(condition[drawn])
        means = [np.bincount(condition[drawn], weights=part[drawn]) / counts for part in (value, rating)]
        return [
            sign * float(function(*part).statistic)
            for part in ((value[drawn], rating[drawn]), means)
            for function in (spearmanr, kendalltau)
        ]

    drawn = [
        measured(np.concatenate([rows[i] for i in random.integers(len(rows), size=len(rows))])) for _ in range(DRAWS)
    ]
    low, high = np.nanpercentile(np.array(drawn), [2.5, 97.5], axis=0)
    kinds = ("spearman_stimulus", "kendall_stimulus", "spearman_condition", "kendall_condition")
    values = measured(np.arange(len(merged)))
    return {kind: [values[i], float(low[i]), float(high[i])] for i, kind in enumerate(kinds)}


def everything() -> list[str]:
    """Every metric that needs no transcript, which the data set has none of."""
    named = [f"{name}[{RECOGNISER}]" if METRICS.get(name).takes_recogniser else name for name in METRICS.names()]
    return [name for name in (*named, *FURTHER) if "text" not in metric(name).inputs]


def validated(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """The correlations of metrics, of all that can run here where none is named."""
    table = ratings(folder)
    wanted = list(names) or [name for name in everything() if metric(name).unavailable() is None]
    found = scores(folder, table, wanted)
    random = np.random.default_rng(0)
    result = {}
    for name in wanted:
        made = metric(name)
        part = found[(found.metric == name) & (found.status == "ok")].rename(
            columns={"system": "stem", "utterance": "sentence"}
        )
        merged = table.merge(part[["stem", "sentence", "value"]], on=["stem", "sentence"])
        if len(merged) < 10:
            result[name] = {"n": len(merged)}
            continue
        sign = 1.0 if made.better == "higher" else -1.0
        result[name] = {"n": len(merged), "n_expected": len(table), **correlations(merged, sign, random)}
    return {"stimuli": len(table), "sentences": table.sentence.nunique(), "metrics": result}


def main() -> None:
    """Prints JSON, or a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "sources", nargs="+", type=Path, help="the folder of the data set, or results to print together"
    )
    parser.add_argument("--metrics", default="")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    if arguments.sources[0].is_dir():
        found = validated(arguments.sources[0], [name for name in arguments.metrics.split(",") if name])
    else:
        found = {"metrics": {}}
        for path in arguments.sources:
            found["metrics"] |= json.loads(path.read_text())["metrics"]
    if not arguments.markdown:
        print(json.dumps(found, indent=1))
        return
    kinds = [f"{name}, {of}" for of in ("stimuli", "conditions") for name in ("Spearman", "Kendall")]
    print(f"| metric | n | {' | '.join(kinds)} | published, Pearson |")
    print("|---|---:|---:|---:|---:|---:|---|")
    ordered = sorted(found["metrics"].items(), key=lambda entry: -entry[1].get("spearman_stimulus", [-2.0])[0])
    for name, entry in ordered:
        cells = [
            f"{v:.2f} [{low:.2f}, {high:.2f}]"
            for v, low, high in (entry[k] for k in entry if "_" in k and k != "n_expected")
        ]
        print(f"| `{name}` | {entry['n']} | {' | '.join(cells)} | {PUBLISHED.get(name, '')} |")


if __name__ == "__main__":
    main()
