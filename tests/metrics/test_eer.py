from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codec_bench
from codec_bench.metrics import metric
from codec_bench.metrics.speaker.eer import equal_error_rate, trials_of
from codec_bench.records import NotScorable
from tests.metrics.test_resampling import speech

GOLDEN = np.array([0.9, 0.8, 0.75, 0.6, 0.55, 0.4, 0.35, 0.3, 0.2, 0.1])


def of_two_speakers_each(count: int = 10) -> list[str]:
    return [f"s{i % count}" for i in range(2 * count)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=2, max_size=40))
def test_the_rate_is_where_the_curve_of_scikit_learn_crosses(trials: list[tuple[int, bool]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores, targets = (np.array(column) for column in zip(*trials, strict=True))
    if targets.all() or not targets.any():
        return
    accepted, hits, _ = metrics.roc_curve(targets, scores, drop_intermediate=False)
    found = equal_error_rate(scores.astype(float), targets)
    # On the polygon of the curve the point where false alarms equal misses.
    crossing = [
        (a0 + t * (a1 - a0))
        for a0, a1, h0, h1 in zip(accepted, accepted[1:], hits, hits[1:], strict=False)
        if (d0 := a0 + h0 - 1) <= 0 <= (d1 := a1 + h1 - 1) and d1 > d0
        for t in [-d0 / (d1 - d0)]
    ]
    assert found == pytest.approx(crossing[0], abs=1e-12)


def test_known_rates() -> None:
    targets = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 0], bool)
    assert equal_error_rate(GOLDEN, targets) == pytest.approx(0.2)  # computed elsewhere
    assert equal_error_rate(GOLDEN, GOLDEN > 0.5) == 0
    assert equal_error_rate(GOLDEN, GOLDEN < 0.5) == 1
    assert equal_error_rate(np.zeros(10), targets) == 0.5


def test_trials_are_all_pairs_of_one_speaker_and_as_many_of_two() -> None:
    speakers = [*of_two_speakers_each(), "s0", "s0"]
    trials, is_target = trials_of(speakers)
    assert is_target.sum() == 9 + 6 == (~is_target).sum()
    assert len({tuple(pair) for pair in trials.tolist()}) == len(trials)
    assert all(first < second for first, second in trials)
    assert [speakers[a] == speakers[b] for a, b in trials] == is_target.tolist()
    assert np.array_equal(trials_of(speakers)[0], trials)


@pytest.mark.parametrize(
    ("speakers", "message"),
    [
        ([*of_two_speakers_each(), None], "who speaks"),
        (of_two_speakers_each(9), "10 speakers, and there are 9"),
        ([f"s{i}" for i in range(20)], "no speaker speaks in two"),
    ],
)
def test_sets_without_trials_are_refused(speakers: list[str | None], message: str) -> None:
    with pytest.raises(NotScorable, match=message):
        trials_of(speakers)


def test_voices_that_a_codec_swaps_are_told_apart_among_themselves_and_not_from_originals() -> None:
    """Ten voices that are orthogonal; decoded, each has the next one's."""
    speakers = of_two_speakers_each()
    originals = np.eye(10, dtype=np.float32)[[int(name[1:]) for name in speakers]]
    decoded = np.roll(originals, 1, axis=1)
    for name, given_pairs, expected in (
        ("eer", zip(originals, decoded, strict=True), 0),
        ("eer_enrolled", zip(originals, originals, strict=True), 0),
    ):
        assert metric(name).corpus_value(list(given_pairs), speakers) == expected
    assert metric("eer_enrolled").corpus_value([*zip(originals, decoded, strict=True)], speakers) >= 50


def test_a_set_in_memory_has_a_rate_where_speakers_are_named() -> None:
    recording = speech(16_000).samples
    signals = [np.roll(recording, 1600 * i)[:16_000] for i in range(20)]
    found = codec_bench.evaluate(signals, signals, 16_000, "eer[resemblyzer]", speakers=of_two_speakers_each())
    (value,) = found.summary.values()
    assert 0 <= (value.value or -1) <= 100
    assert value.low is None
    unnamed = codec_bench.evaluate(signals, signals, 16_000, "eer[resemblyzer]")
    assert [estimate.value for estimate in unnamed.summary.values()] == [None]
