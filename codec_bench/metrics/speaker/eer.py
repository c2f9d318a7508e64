"""Equal error rate of speaker verification: how well voices are still told apart when a codec has coded them.

It belongs to a set, not to an utterance: trials are pairs of its utterances, as Codec-SUPERB has them, where both sides
are decoded; `eer_enrolled` compares decoded speech with originals. Trials are all pairs of one speaker, and as many of
two, drawn with a seed, from any set whose speakers are known. They are drawn of the set, whatever systems make of it,
so that all have the same; a system without a score for an utterance lacks its trials. It has no interval.

Source: Wu et al., "Codec-SUPERB @ SLT 2024", 2024, who take the trials of VoxCeleb1 and another ECAPA-TDNN, so its
published figures are other ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from codec_bench.metrics import register_metric
from codec_bench.metrics.base import CorpusFunction, Metric
from codec_bench.metrics.secs import partial_embeddings
from codec_bench.metrics.signal import Array, Feature, Signal
from codec_bench.metrics.similarity import RATE, cosine
from codec_bench.metrics.speaker.ecapa import ecapa_feature
from codec_bench.records import NotScorable, Status
from codec_bench.stats import Floats

SPEAKERS = 10
"""With fewer the trials are of the same few voices, and a rate says little."""

SEED = 0


def equal_error_rate(scores: Floats, is_target: NDArray[np.bool_]) -> float:
    """The rate at which as many trials of one speaker are refused as trials of two are accepted.

    Rates between those of neighbouring thresholds are interpolated. The program that Codec-SUPERB uses takes the larger
    of both at the nearest threshold of a thinned curve; on normal scores that was up to 2.3 trials apart.

    Args:
        scores: `[trials]`, higher for voices that are alike.
        is_target: `[trials]`, whether one speaker speaks in both; some are, and some are not.

    Returns:
        From 0 to 1.

    >>> scores = np.array([0.9, 0.8, 0.75, 0.6, 0.55, 0.4, 0.35, 0.3, 0.2, 0.1])
    >>> equal_error_rate(scores, np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 0], bool))
    0.2
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # equal scores share a threshold
    hits, alarms = (np.append(0, np.cumsum(kind[order])[ends]) for kind in (is_target, ~is_target))
    refused, accepted = 1 - hits / hits[-1], alarms / alarms[-1]
    place = int(np.argmax(accepted >= refused))
    before, after = (accepted[i] - refused[i] for i in (place - 1, place))
    share = before / (before - after)
    return float(accepted[place - 1] + share * (accepted[place] - accepted[place - 1]))


def trials_of(speakers: Sequence[str | None]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Pairs of utterances: all of one speaker, and as many of two as far as there are.

    Args:
        speakers: Who speaks in each utterance.

    Returns:
        `[trials, 2]`, the earlier utterance first, and whether one speaker speaks in both.

    Raises:
        NotScorable: A speaker is unknown, there are too few, or none speaks twice.
    """
    names = [name for name in speakers if name is not None]
    if len(names) < len(speakers):
        raise NotScorable("trials need to know who speaks in each utterance")
    counts = Counter(names)
    if len(counts) < SPEAKERS:
        raise NotScorable(f"trials need {SPEAKERS} speakers, and there are {len(counts)}", Status.TOO_SHORT)
    places = {name: [i for i, other in enumerate(names) if other == name] for name in counts}
    same = [(a, b) for found in places.values() for i, a in enumerate(found) for b in found[i + 1 :]]
    if not same:
        raise NotScorable("no speaker speaks in two utterances", Status.TOO_SHORT)
    wanted = min(len(same), len(names) * (len(names) - 1) // 2 - len(same))
    random, drawn = np.random.default_rng(SEED), dict[tuple[int, int], None]()
    while len(drawn) < wanted:
        for first, second in random.integers(len(names), size=(wanted, 2)).tolist():
            if first < second and names[first] != names[second]:
                drawn[first, second] = None
    others = [*drawn][:wanted]
    return np.array([*same, *others]), np.arange(len(same) + len(others)) < len(same)


def scored_trials(
    speakers: Sequence[str | None], is_scored: Sequence[bool]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The trials of a set, as `trials_of` has them, without those of utterances that have no score.

    Raises:
        NotScorable: The set has none, or those that are left are of too few speakers or of one kind.
    """
    trials, is_target = trials_of(speakers)
    heard = {speaker for speaker, scored in zip(speakers, is_scored, strict=True) if scored}
    if len(heard) < SPEAKERS:
        raise NotScorable(f"trials need {SPEAKERS} speakers, of whom {len(heard)} have a score", Status.TOO_SHORT)
    is_made = np.asarray(is_scored)[trials].all(axis=1)
    trials, is_target = trials[is_made], is_target[is_made]
    if is_target.all() or not is_target.any():
        kind = "two speakers" if is_target.all() else "one speaker"
        raise NotScorable(f"no trial of {kind} is left of utterances with a score", Status.TOO_SHORT)
    return trials, is_target


def _rate(is_enrolled: bool) -> CorpusFunction:
    def rate(pairs: Iterable[tuple[Array, Array] | None], speakers: Sequence[str | None]) -> float:
        found = [None if pair is None else (_direction(pair[0]), _direction(pair[1])) for pair in pairs]
        trials, is_target = scored_trials(speakers, [pair is not None for pair in found])
        nothing = next(np.full_like(one, np.nan) for one, _ in filter(None, found))  # in no trial that is left
        originals, decoded = (np.stack(side) for side in zip(*(p or (nothing, nothing) for p in found), strict=True))
        first = (originals if is_enrolled else decoded)[trials[:, 0]]
        return equal_error_rate((first * decoded[trials[:, 1]]).sum(axis=1), is_target)

    return rate


def _places(speakers: Sequence[str | None]) -> NDArray[np.intp]:
    return trials_of(speakers)[0]


def _direction(embedding: Array) -> Floats:
    """An embedding, or the mean of several, at unit length."""
    mean = np.atleast_2d(embedding).mean(axis=0, dtype=np.float64)
    return np.asarray(mean / np.linalg.norm(mean))


def _registered(name: str, title: str, sides: str, is_enrolled: bool) -> Metric:
    register = register_metric(
        name,
        unit="%",
        better="lower",
        range=(0, 100),
        rate=RATE,
        title=title,
        digits=2,
        variants={"resemblyzer": {"embedding": partial_embeddings}},
        tolerates_lag=True,
        corpus=_rate(is_enrolled),
        trials=_places,
        note=f"Equal error rate of speaker verification by ECAPA-TDNN (speechbrain/spkrec-ecapa-voxceleb), {sides}; "
        "[resemblyzer] by Resemblyzer. All pairs of one speaker and as many of two, the same for every row: of all "
        "utterances of the set, whether they have scores or not, and trials of those that have none are missing; from "
        "10 speakers on, without an interval. A score of an utterance is half of 1 minus the cosine between its "
        "embeddings.",
    )

    def moved(reference: Signal, decoded: Signal, *, embedding: Feature = ecapa_feature) -> float:
        """What is known of one utterance: how far its voice moved, 0 for a perfect copy, 1 for the opposite.

        Args:
            reference: Original at 16 kHz.
            decoded: Reconstruction at 16 kHz.
            embedding: Makes `[d]` or `[n, d]` of a signal.

        Returns:
            From 0 to 1. The value of a system is the rate of trials, not the mean of these.

        Raises:
            NotScorable: A signal is silent, or too short.
        """
        one, other = (np.atleast_2d(signal[embedding]).mean(axis=0) for signal in (reference, decoded))
        return (1 - cosine(one, other)) / 2

    return register(moved)


eer = _registered("eer", "EER", "where both sides of a trial are decoded, as in Codec-SUPERB", is_enrolled=False)
eer_enrolled = _registered(
    "eer_enrolled",
    "EER (enrolled)",
    "decoded speech against original speech of its or another speaker",
    is_enrolled=True,
)
