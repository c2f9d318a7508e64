"""Scores published audio again, with the metrics as they are here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from codec_bench.audio import Audio, read_audio
from codec_bench.errors import CodecBenchError
from codec_bench.files import read_file
from codec_bench.metrics import METRICS, Metric, metric
from codec_bench.metrics.signal import Recording
from codec_bench.publishing.checking import Problem
from codec_bench.publishing.folder import Entry
from codec_bench.publishing.packing import GROUND_TRUTH
from codec_bench.publishing.result import PublishedMetric, Result
from codec_bench.publishing.scores import read_scores, values_of

SHARE = 1e-3
"""By how much a score may differ of itself: published audio has 24 bits, and packages differ between machines."""


@dataclass
class Recomputed:
    """What came of it: how many scores were computed again, which metrics could not be, and what differs."""

    scores: int
    left_out: dict[str, str]
    problems: list[Problem]


def recompute(folder: Path, entries: Sequence[Entry], count: int) -> Recomputed:
    """Scores up to `count` utterances of each result again, where it and its recordings have published audio."""
    made = Recomputed(0, {}, [])
    results = [(e.path, e.result) for e in entries if e.result is not None and e.result.samples]
    recordings: dict[tuple[str, str], Path] = {}
    for place, result in results:
        if result.label == GROUND_TRUTH:
            for sample in result.samples:
                key = (result.dataset.manifest_sha256, sample.utterance)
                recordings[key] = folder / place.parent / sample.decoded
    for place, result in results:
        if result.label == GROUND_TRUTH or result.scores is None or result.aligned or result.generated:
            continue
        if result.condition is not None and result.condition.reference == "altered":
            continue
        values = values_of(read_scores(read_file(folder / place.parent / result.scores.name)))
        metrics = list(_metrics(result, made.left_out))
        for sample in result.samples[:count]:
            reference = recordings.get((result.dataset.manifest_sha256, sample.utterance))
            if reference is not None:
                pair = (read_audio(reference), read_audio(folder / place.parent / sample.decoded))
                for problem in _rescored(place, sample.utterance, pair, metrics, values, made):
                    made.problems.append(problem)
    return made


def _metrics(result: Result, left_out: dict[str, str]) -> Iterator[tuple[PublishedMetric, Metric]]:
    """The metrics that can be computed again; why the others cannot goes to `left_out`."""
    for published in result.metrics:
        if published.name not in METRICS.names() or published.pooling != "utterances":
            left_out[published.label] = "it is none of codec-bench, or of a whole data set"
            continue
        try:
            ours = metric(published.label)
            reason = ours.unavailable()
        except CodecBenchError as error:
            left_out[published.label] = str(error)
            continue
        if "text" in ours.inputs:
            left_out[published.label] = "it needs transcripts, which are not published"
        elif ours.version != published.version:
            left_out[published.label] = f"it was of version {published.version}, and is of {ours.version} here"
        elif reason is not None:
            left_out[published.label] = reason
        else:
            yield published, ours


def _rescored(
    place: PurePosixPath,
    utterance: str,
    pair: tuple[Audio, Audio],
    metrics: Sequence[tuple[PublishedMetric, Metric]],
    values: Mapping[str, Mapping[str, float]],
    made: Recomputed,
) -> Iterator[Problem]:
    reference, decoded = (Recording(audio) for audio in pair)
    for published, ours in metrics:
        stated = values.get(published.label, {}).get(utterance)
        if stated is None:
            continue
        score = ours.score(reference, decoded)
        made.scores += 1
        if score.value is None:
            yield Problem(place, f"{published.label} of {utterance} has no value here: {score.reason}")
            continue
        found = score.value / ours.scale
        if not math.isclose(found, stated, rel_tol=SHARE, abs_tol=2 * 10.0**-published.digits / ours.scale):
            yield Problem(
                place, f"{published.label} of {utterance} is {stated:g}, and its published audio gives {found:g} here"
            )
