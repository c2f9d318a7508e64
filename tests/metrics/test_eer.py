from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codec_bench
from codec_bench.audio import Audio
from codec_bench.metrics import metric
from codec_bench.metrics.speaker.eer import equal_error_rate, scored_trials, trials_of
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


def voices(seed: int, speakers: list[str]) -> np.ndarray:
    """An embedding for each utterance: its speaker's, and much that is not."""
    random = np.random.default_rng(seed)
    centres = {name: random.normal(size=8) for name in dict.fromkeys(speakers)}
    return np.array([centres[name] + 1.5 * random.normal(size=8) for name in speakers], np.float32)


def by_scikit_learn(embeddings: np.ndarray, trials: np.ndarray, is_target: np.ndarray) -> float:
    """The rate of these trials, which are all different, where the curve of scikit-learn is nearest to its crossing."""
    metrics = pytest.importorskip("sklearn.metrics")
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    scores = (unit[trials[:, 0]] * unit[trials[:, 1]]).sum(axis=1)
    accepted, hits, _ = metrics.roc_curve(is_target, scores, drop_intermediate=False)
    nearest = np.argmin(np.abs(accepted + hits - 1))
    return 50 * float(accepted[nearest] + 1 - hits[nearest])


@pytest.mark.parametrize("name", ["eer", "eer_enrolled"])
def test_trials_are_those_of_the_set_whatever_has_scores(name: str) -> None:
    speakers = [f"s{i % 12}" for i in range(60)]
    embeddings = voices(0, speakers)
    whole = [(one, one) for one in embeddings]
    trials, is_target = trials_of(speakers)
    for gap in ((), (7,), (0, 13, 59), tuple(range(0, 60, 12))):  # the last: all utterances of one speaker
        kept = ~np.isin(trials, gap).any(axis=1)
        pairs = [None if place in gap else pair for place, pair in enumerate(whole)]
        expected = by_scikit_learn(embeddings, trials[kept], is_target[kept])
        assert 0 < expected < 50
        step = 100 / min(is_target[kept].sum(), (~is_target[kept]).sum())
        assert metric(name).corpus_value(pairs, speakers) == pytest.approx(expected, abs=step)
        found = metric(name).trials_made(speakers, [pair is not None for pair in pairs])
        assert found == (kept.sum(), len(trials))
        left, kinds = scored_trials(speakers, [pair is not None for pair in pairs])
        assert np.array_equal(left, trials[kept])
        assert np.array_equal(kinds, is_target[kept])


def test_what_is_left_of_trials_must_be_of_ten_speakers_and_of_both_kinds() -> None:
    speakers = of_two_speakers_each()
    with pytest.raises(NotScorable, match="10 speakers, of whom 9 have a score"):
        scored_trials(speakers, [name != "s3" for name in speakers])
    with pytest.raises(NotScorable, match="no trial of one speaker"):
        scored_trials(speakers, [place < 10 for place in range(20)])


def test_a_set_in_memory_with_an_item_without_a_score_keeps_the_other_trials() -> None:
    recording = speech(16_000).samples
    signals = [np.roll(recording, 1600 * i)[:16_000] for i in range(20)]
    silent = [*signals[:19], np.zeros(16_000, np.float32)]
    speakers = of_two_speakers_each()
    found = codec_bench.evaluate(signals, silent, 16_000, "eer[resemblyzer]", speakers=speakers)
    (value,) = found.summary.values()
    assert (value.n, value.expected) == (19, 20)
    made = metric("eer[resemblyzer]")
    pairs = [(made.embedding.function(Audio(one, 16_000)),) * 2 for one in signals[:19]]
    assert value.value == pytest.approx(made.corpus_value([*pairs, None], speakers), abs=1e-9)
