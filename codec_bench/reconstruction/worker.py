"""What scores, in processes that `processes.pool` starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from codec_bench.alignment import LAG_RATE, aligned, lag_ms, lag_samples
from codec_bench.audio import Audio
from codec_bench.cache import ArrayCache
from codec_bench.coding.signals import describe, load_made, load_signal
from codec_bench.errors import CodecBenchError
from codec_bench.faults import contained, explained, trace_of
from codec_bench.metrics import Metric, metric
from codec_bench.metrics.signal import Recording
from codec_bench.records import NotScorable, Score, Status

MISMATCH_SECONDS = 0.25
MISMATCH_SHARE = 0.1
"""A pair whose lengths differ by more than both is not compared. Real codecs were seen to differ by up to 0.06 s."""


SCORER = "codec_bench.reconstruction.worker:Scorer"
"""For `processes.pool`."""


class Scorer:
    """Scores pairs, with a folder of caches; metrics and their models live as long as the process."""

    def __init__(self, cache: str) -> None:
        self._audio = ArrayCache(Path(cache, "audio"))
        self._features = ArrayCache(Path(cache, "features"))
        self._metrics: dict[str, Metric | Score] = {}

    def answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """All metrics of one job, which share what they derive from the two signals.

        Args:
            job: `reference` and `decoded` (see `load_signal`), `text`, `language`, `metrics` (spellings), `codes` (what
                `Metric.code` was when the run was planned), `generated` (whether the reference is a prompt),
                `by_levels` (see `lag_samples`). Where the decoded audio is to be moved by its lag before metrics that
                mind one, also `aligned`: the content address of the moved signal.

        Returns:
            `scores` in the order of `metrics`, and `facts`: what was seen of the `reference` and the `decoded` signal,
            how late the second one is (`lag_ms`), and the `decode_seconds` that it took where a codec of ours made it.
        """
        try:
            reference = self._recording(
                load_signal(job["reference"], self._audio), job["reference"]["identity"], is_reference=True
            )
            same = job["decoded"]["identity"] == job["reference"]["identity"]
            facts: dict[str, Any] = {}
            decoded = reference
            if not same:
                audio, facts = load_made(job["decoded"], self._audio)
                decoded = self._recording(audio, job["decoded"]["identity"])
        except NotScorable as outcome:
            return unscored(job, outcome)
        mismatch = "" if job["generated"] else length_mismatch(reference.audio, decoded.audio)
        facts |= {"reference": describe(reference.audio), "decoded": describe(decoded.audio)}
        lag = None
        if not job["generated"]:
            lag = 0 if same else None if mismatch else lag_between(reference, decoded, job["by_levels"])
            facts["lag_ms"] = None if lag is None else lag_ms(lag, decoded.audio.rate)
        moved = decoded
        if "aligned" in job:
            moved = self._recording(aligned(decoded.audio, lag, reference.audio), job["aligned"])
        scores = []
        for name, code in zip(job["metrics"], job["codes"], strict=True):
            made = self._metric(name, code)
            if isinstance(made, Score):
                scores.append(_plain(made))
            elif mismatch and "reference" in made.inputs:
                scores.append(_plain(Score.failed(Status.LENGTH, mismatch)))
            else:
                heard = moved if made.minds_lag else decoded
                scores.append(_plain(made.score(reference, heard, job["text"], job["language"])))
        return {"scores": scores, "facts": facts}

    def _metric(self, name: str, code: str) -> Metric | Score:
        """A metric; or where a plug-in cannot be had here, or is another one, the score of all pairs."""
        if name not in self._metrics:
            self._metrics[name] = _plug_in(name, code) if code else metric(name)
        return self._metrics[name]

    def _recording(self, audio: Audio, identity: str, is_reference: bool = False) -> Recording:
        return Recording(audio, identity, self._features, is_reference)


def _plug_in(name: str, code: str) -> Metric | Score:
    try:
        made = contained(metric, name)
        if made.code == code:
            return made
    except Exception as error:  # noqa: BLE001 - whatever a plug-in raises costs its own scores
        told = str(error) if isinstance(error, CodecBenchError) else explained(error)
        return Score.failed(
            Status.ERROR, f"{name} is not to be had in the process that scores: {told}", trace_of(error)
        )
    return Score.failed(Status.CHANGED, f"the code of {name} was changed after the run was planned: run again")


def lag_between(reference: Recording, decoded: Recording, by_levels: bool) -> int | None:
    """By how many of its own samples decoded audio is late; see `alignment.lag_samples`."""
    return lag_samples(reference.at(LAG_RATE), decoded.at(LAG_RATE), decoded.audio.rate, by_levels=by_levels)


def unscored(job: Mapping[str, Any], outcome: NotScorable) -> dict[str, Any]:
    """The reply to a job of which no metric can be computed."""
    failed = Score.failed(outcome.status, outcome.reason)
    return {"scores": [_plain(failed)] * len(job["metrics"]), "facts": {}}


def length_mismatch(reference: Audio, decoded: Audio) -> str:
    """Why two signals cannot be the same utterance; empty if they can.

    Metrics cut the longer signal, which is right for a last frame and hides half a file that was never written.
    """
    difference = abs(reference.seconds - decoded.seconds)
    if difference <= max(MISMATCH_SECONDS, MISMATCH_SHARE * reference.seconds):
        return ""
    return f"the decoded audio lasts {decoded.seconds:.2f} s, the recording {reference.seconds:.2f} s"


def _plain(score: Score) -> dict[str, Any]:
    return asdict(score) | {"status": score.status.value}
