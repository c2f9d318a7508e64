"""From what was found to the files of a run directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from codec_bench.coding.items import Item
from codec_bench.csv_files import write_frame
from codec_bench.runs.frames import Coverage, Heading, ScoreRow, SummaryRow
from codec_bench.stats import Estimate, cluster_names, estimate, share_of
from codec_bench.token_statistics.analysis import SystemResult
from codec_bench.token_statistics.columns import TokenColumn
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
    "stability": ["system", "codebook", "change", "equal", "tokens", "unit_edit_distance"],
    "embedding_map": ["system", "utterance", "label", "x", "y", "method", "embedding"],
}  # fmt: skip
"""The files `NAME.csv` of a run directory of kind `tokens`, and their columns. Codebooks are numbered from 1."""


def write_tables(
    out: Path,
    results: Mapping[str, SystemResult],
    items: Sequence[Item],
    label: str | None,
    method: str,
    seed: int,
) -> None:
    """Writes the files of `TABLES`; the label is the column with the labels of the map, None for no map."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for system, result in results.items():
        of = {"system": system}
        for number, u in enumerate(result.use, 1):
            rows["codebooks"].append(
                of | {
                    "codebook": number, "size": u.book.size, "rate_hz": float(u.rate), "tokens": u.tokens,
                    "used": u.used, "dead": u.dead, "utilisation": u.utilisation, "entropy_bits": u.entropy_bits,
                    "normalised_entropy": u.normalised_entropy, "perplexity": u.perplexity,
                    "huffman_bits": u.huffman_bits, "nominal_bits": u.book.bits,
                }
            )  # fmt: skip
            for rank, count in Spectrum.of(u.counts).curve():
                rows["usage"].append(of | {"codebook": number, "rank": rank, "count": count})
        for d in result.dependences:
            rows["mutual_information"].append(
                of | {
                    "first": d.first, "second": d.second, "frames": d.frames, "cells": d.cells,
                    "mi_bits_uncorrected": d.plug_in, "mi_bits": d.corrected, "entropy_first": d.entropies[0],
                    "entropy_second": d.entropies[1],
                }
            )  # fmt: skip
        for change in dict.fromkeys([*result.stability, *result.edits]):
            by_place, by_edits = (dict(enumerate(m.get(change, ()), 1)) for m in (result.stability, result.edits))
            for number in by_place or by_edits:
                equal, tokens = by_place.get(number, (None, by_edits.get(number, (None, 0))[1]))
                line = {"codebook": number, "change": change, "equal": equal, "tokens": tokens}
                rows["stability"].append(of | line | {"unit_edit_distance": by_edits.get(number, (None,))[0]})
        if label is not None and len(result.vectors) >= MIN_UTTERANCES:
            indices = sorted(result.vectors)
            places = project(np.stack([result.vectors[i] for i in indices]), method, seed)
            for i, (x, y) in zip(indices, places.tolist(), strict=True):
                utterance = items[i].utterance
                rows["embedding_map"].append(
                    of | {
                        "utterance": utterance.id, "label": label_of(utterance, label), "x": x, "y": y,
                        "method": method, "embedding": result.embedding,
                    }
                )  # fmt: skip
        for n, spectrum in enumerate(result.spectra, 1):
            kept = spectrum.without_hapaxes()
            rows["ngrams"] += [of | {"n": n, "rank": rank, "count": count} for rank, count in kept.curve()]
            types = {"types": spectrum.distinct, "types_without_hapaxes": kept.distinct}
            fit = fit_zipf(spectrum)
            line = {"slope": fit.slope, "r_squared": fit.r_squared, "ml_exponent": fit.exponent} if fit else {}
            rows["zipf"].append(of | {"n": n, "tokens": spectrum.total} | types | line)
    for name, columns in TABLES.items():
        write_frame(out / f"{name}.csv", pd.DataFrame(rows[name], columns=columns))


def summary_of(
    systems: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, SystemResult],
    columns: Sequence[TokenColumn],
    items: Sequence[Item],
) -> list[SummaryRow]:
    """One row per system and column; words and phones, which come first, have n-grams and nothing else."""
    return [
        heading.row(column.label, column.unit, _value(results[label], column, items))
        for label, described in systems.items()
        for heading in [Heading.of(described, results[label].payload)]
        for column in columns
    ]


def _value(result: SystemResult, column: TokenColumn, items: Sequence[Item]) -> Estimate:
    """The value of a system in a column; words and phones have none in most."""
    scores = result.scores.get(column.label)
    if column.value is not None or scores is None:
        value = column.value(result) if column.value is not None and result.counted else None
        return Estimate(value, None, None, 0 if value is None else result.counted, len(items), 0)
    # Of the utterances of this column: the test part may have but one speaker.
    asked = [items[i].utterance for i in scores]
    clusters = cluster_names([u.id for u in asked], [u.speaker for u in asked])
    good = [(s, cluster) for s, cluster in zip(scores.values(), clusters, strict=True) if s.value is not None]
    return estimate(
        [s.numerator for s, _ in good],
        [s.denominator for s, _ in good],
        [cluster for _, cluster in good],
        expected=len(scores),
        scale=good[0][0].scale if good else 1.0,
        share=share_of(column.unit, column.better),
    )


def scores_of(results: Mapping[str, SystemResult], items: Sequence[Item]) -> list[ScoreRow]:
    """One row per system, utterance and column that is made of utterances."""
    return [
        ScoreRow.of(system, items[index].utterance.id, items[index].utterance.speaker, label, score)
        for system, result in results.items()
        for label, scores in result.scores.items()
        for index, score in scores.items()
    ]


def coverage(results: Mapping[str, SystemResult], items: Sequence[Item], max_failed: float) -> Coverage:
    """How many utterances have which status, and which systems failed too often."""
    found = Coverage(max_failed)
    for system, result in results.items():
        scores = (
            (item.utterance.id, label, score.status, score.reason)
            for index, item in enumerate(items)
            for label, column in result.scores.items()
            if (score := column.get(index)) is not None
        )
        found.add(system, scores, len(items))
    return found


def cautions(results: Mapping[str, SystemResult], columns: Sequence[TokenColumn]) -> list[str]:
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
        absent = [c.label for c in columns if c.name == "zipf" and c.value and c.value(result) is None]
        if absent:
            found.append(f"{system}: no {', '.join(absent)}: too few n-grams occur more than once")
    return found
