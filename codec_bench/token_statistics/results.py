"""From what was found to the files of a run directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from codec_bench.coding.items import Item
from codec_bench.files import write_atomically
from codec_bench.reconstruction.summary import FAILED, SCORE_COLUMNS
from codec_bench.records import Status
from codec_bench.runs.directory import SUMMARY_COLUMNS, write_scores, write_summary
from codec_bench.stats import cluster_names, estimate
from codec_bench.token_statistics.analysis import SystemResult
from codec_bench.token_statistics.columns import Column
from codec_bench.token_statistics.embedding_map import MIN_UTTERANCES, label_of, project
from codec_bench.token_statistics.key_counts import Spectrum
from codec_bench.token_statistics.zipf import fit_zipf

TABLES = {
    "codebooks": [
        "system", "codebook", "size", "rate_hz", "tokens", "used", "dead", "utilisation", "entropy_bits",
        "normalised_entropy", "perplexity", "huffman_bits", "nominal_bits",
    ],
    "usage": ["system", "codebook", "rank", "count"],
    "ngrams": ["system", "n", "rank", "count"],
    "zipf": ["system", "n", "tokens", "types", "types_without_hapaxes", "slope", "r_squared", "ml_exponent"],
    "mutual_information": [
        "system", "first", "second", "frames", "cells", "mi_bits_uncorrected", "mi_bits", "entropy_first",
        "entropy_second",
    ],
    "stability": ["system", "codebook", "change", "equal", "tokens"],
    "embedding_map": ["system", "utterance", "label", "x", "y", "method", "embedding"],
}  # fmt: skip
"""The files `NAME.csv` of a run directory of kind `tokens`, and their columns. Codebooks are numbered from 1."""


def write_tables(
    out: Path,
    results: Mapping[str, SystemResult],
    texts: Mapping[str, Sequence[Spectrum]],
    items: Sequence[Item],
    label: str | None,
    method: str,
    seed: int,
) -> None:
    """Writes the files of `TABLES`.

    Args:
        out: The run directory.
        results: By system.
        texts: Spectra of the n-grams of words and phones.
        items: The utterances.
        label: Column with the labels of the map; None for no map.
        method: How the map is made.
        seed: Of the map.
    """
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
    for system, result in results.items():
        for number, u in enumerate(result.use, 1):
            rows["codebooks"].append(
                (system, number, u.book.size, float(u.rate), u.tokens, u.used, u.dead, u.utilisation, u.entropy_bits,
                 u.normalised_entropy, u.perplexity, u.huffman_bits, u.book.bits)
            )  # fmt: skip
            rows["usage"] += [(system, number, *point) for point in Spectrum.of(u.counts).curve()]
        for d in result.dependences:
            rows["mutual_information"].append(
                (system, d.first, d.second, d.frames, d.cells, d.plug_in, d.corrected, *d.entropies)
            )
        for change, shares in result.stability.items():
            rows["stability"] += [(system, number, change, *found) for number, found in enumerate(shares, 1)]
        if label is not None and len(result.vectors) >= MIN_UTTERANCES:
            indices = sorted(result.vectors)
            places = project(np.stack([result.vectors[i] for i in indices]), method, seed)
            for i, (x, y) in zip(indices, places.tolist(), strict=True):
                u_ = items[i].utterance
                rows["embedding_map"].append((system, u_.id, label_of(u_, label), x, y, method, result.embedding))
    for system, spectra in [*texts.items(), *((s, r.spectra) for s, r in results.items())]:
        for n, spectrum in enumerate(spectra, 1):
            kept = spectrum.without_hapaxes()
            rows["ngrams"] += [(system, n, *point) for point in kept.curve()]
            fit = fit_zipf(spectrum)
            found = (fit.slope, fit.r_squared, fit.exponent) if fit is not None else (None, None, None)
            rows["zipf"].append((system, n, spectrum.total, spectrum.distinct, kept.distinct, *found))
    for name, columns in TABLES.items():
        text = pd.DataFrame(rows[name], columns=columns).to_csv(index=False, lineterminator="\n")
        write_atomically(out / f"{name}.csv", text.encode())


def write_results(
    out: Path,
    systems: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, SystemResult],
    texts: Mapping[str, SystemResult],
    columns: Sequence[Column],
    items: Sequence[Item],
    seed: int,
) -> None:
    """Writes `summary.csv` and `scores.parquet`.

    Args:
        out: The run directory.
        systems: What each row is, by label, words and phones first.
        results: By system.
        texts: Words and phones as systems that have n-grams and nothing else.
        columns: The columns.
        items: The utterances.
        seed: Of the bootstrap.
    """
    rows: list[list[Any]] = []
    for system, described in systems.items():
        result = results.get(system, texts.get(system))
        assert result is not None, "each system has a result"
        bitrate, source = _bitrate(described, result)
        for column in columns:
            head = (system, described["group"], bitrate, described["frame_rate_hz"], column.label)
            unit = column.description["unit"]
            scores = result.scores.get(column.label)
            if column.value is not None:
                value = column.value(result) if result.counted else None
                n = result.counted if value is not None else 0
                rows.append([*head, value, None, None, n, len(items), 0, unit, source])
            elif scores is None:  # words and phones
                rows.append([*head, None, None, None, 0, len(items), 0, unit, source])
            else:
                # Of the utterances of this column: the test part may have too few speakers to draw from.
                asked = [items[i].utterance for i in scores.expected.tolist()]
                units = cluster_names([u.id for u in asked], [u.speaker for u in asked])
                clusters = dict(zip(scores.expected.tolist(), units, strict=True))
                good = [i for i in scores.expected.tolist() if not scores.has_failed(i)]
                parts = [scores.get(i) for i in good]
                found = estimate(
                    [s.numerator for s in parts],
                    [s.denominator for s in parts],
                    [clusters[i] for i in good],
                    expected=len(scores.expected),
                    scale=scores.scale,
                    seed=seed,
                )
                rows.append(
                    [*head, found.value, found.low, found.high, found.n, found.expected, found.clusters, unit, source]
                )
    frame = pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
    numbers = ["bitrate_kbps", "frame_rate_hz", "value", "ci_low", "ci_high"]
    frame[numbers] = frame[numbers].astype("float64")
    write_summary(out, frame)
    write_scores(out, _score_frame(results, items))


def _score_frame(results: Mapping[str, SystemResult], items: Sequence[Item]) -> pd.DataFrame:
    rows = []
    for system, result in results.items():
        for label, scores in result.scores.items():
            for index in scores.expected.tolist():
                u, s = items[index].utterance, scores.get(index)
                parts = (s.numerator, s.denominator) if s.status is Status.OK else (None, None)
                rows.append((system, u.id, u.speaker, label, s.value, s.status.value, s.reason, *parts, None))
    frame = pd.DataFrame(rows, columns=SCORE_COLUMNS)
    numbers = ["value", "numerator", "denominator", "seconds"]
    frame[numbers] = frame[numbers].astype("float64")
    return frame.sort_values(["system", "utterance", "metric"], ignore_index=True)


def coverage_of(results: Mapping[str, SystemResult], items: Sequence[Item], max_failed: float) -> dict[str, Any]:
    """How many utterances have which status, and which systems failed too often; as `run.json` keeps it."""
    statuses: dict[str, dict[str, int]] = {}
    failures = []
    for system, result in results.items():
        failed: dict[int, str] = {}
        for label, scores in result.scores.items():
            counts = statuses.setdefault(label, {})
            for index in scores.expected.tolist():
                score = scores.get(index)
                counts[score.status.value] = counts.get(score.status.value, 0) + 1
                if score.status.value in FAILED:
                    failed.setdefault(index, f"{score.status.value}: {score.reason}")
        if failed and (len(failed) > max_failed * len(items) or not result.counted):
            index, reason = min(failed.items())
            first = items[index].utterance.id
            failures.append(f"{system}: {len(failed)} of {len(items)} utterances failed, first {first} ({reason})")
    return {"statuses": statuses, "max_failed": max_failed, "failures": failures}


def cautions(results: Mapping[str, SystemResult], columns: Sequence[Column]) -> list[str]:
    """What a reader must know about numbers that rest on too little."""
    found = []
    for system, result in results.items():
        few = [n for n, u in enumerate(result.use, 1) if u.tokens < 10 * u.book.size]
        if few:
            u = result.use[few[0] - 1]
            found.append(
                f"{system}: {len(few)} of {len(result.use)} codebooks have fewer than 10 tokens per entry (codebook "
                f"{few[0]}: {u.tokens} tokens, {u.book.size} entries): unused entries and low entropy are partly those "
                "of a small data set"
            )
        thin = [d for d in result.dependences if d.frames < 5 * d.cells]
        if thin:
            found.append(
                f"{system}: mutual information of {len(thin)} of {len(result.dependences)} pairs of codebooks rests on "
                "fewer than 5 frames per pair of entries that occurs, for which the correction is too small"
            )
        absent = [
            c.label for c in columns if c.label.startswith("zipf") and c.value is not None and c.value(result) is None
        ]
        if absent:
            found.append(f"{system}: no {', '.join(absent)}: too few n-grams occur more than once")
    return found


def _bitrate(described: Mapping[str, Any], result: SystemResult) -> tuple[float | None, str]:
    """kbit/s of a system, and where the figure comes from."""
    if described["nominal_bitrate"] is not None:
        return float(described["nominal_bitrate"]) / 1000, "computed"
    if result.seconds:
        return round(result.bits / result.seconds / 1000, 9), "counted"
    return None, ""
