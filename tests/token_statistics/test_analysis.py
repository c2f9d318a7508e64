"""A system as a whole, on tokens that are made up: stability, maps, failures, and the run directory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codec_bench.audio import Audio
from codec_bench.errors import UnavailableError
from codec_bench.records import Status, Utterance
from codec_bench.runs.frames import summary_frame
from codec_bench.token_statistics.analysis import AnalysisOptions, analyse
from codec_bench.token_statistics.columns import columns_of
from codec_bench.token_statistics.embedding_map import (
    histogram_embedding,
    label_column,
    principal_components,
    project,
)
from codec_bench.token_statistics.results import cautions, coverage, summary_of
from codec_bench.token_statistics.stability import SHIFT, equal_tokens
from tests.token_statistics.streams import MadeUp, items_by, random_of, tokens_with

QUIET = lambda stage, utterances: None  # noqa: E731


def test_equal_tokens_are_those_at_the_same_place():
    equal, total = equal_tokens(tokens_with([1, 2, 3], [4, 4, 4]), tokens_with([1, 3, 3], [4, 4]))
    assert (equal.tolist(), total.tolist()) == ([2, 2], [3, 3])


def test_a_shift_of_a_millisecond_is_one_of_so_many_samples():
    recording = Audio(np.linspace(0.1, 0.9, 1000, dtype=np.float32), 16_000)
    moved = SHIFT.altered(recording, "digest").audio.samples
    assert len(moved) == 1000
    assert not moved[:16].any()
    assert np.array_equal(moved[16:], recording.samples[:-16])


def test_a_codec_that_hears_no_difference_is_perfectly_stable_and_one_that_does_is_not():
    items = items_by(["ann", "bob", "cid", "dan", "eve", "fay"])
    options = AnalysisOptions(stability=(0, 2, 3, 5))

    def other(tokens, change: str):
        codes = tokens.streams[0].codes.copy()
        codes[::4] = (codes[::4] + 1) % 16
        return tokens_with(codes) if change == "shift" else tokens

    source = MadeUp(lambda item: random_of(item, 16, 80), other)
    found = analyse(source, "made-up", items, options, QUIET)
    assert found.stability == {"reencode": [(1.0, 320)], "shift": [(0.75, 320)], "gain": [(1.0, 320)]}
    assert {i: score.value for i, score in found.scores["stability[shift]"].items()} == dict.fromkeys((0, 2, 3, 5), 75)


def test_a_failed_utterance_has_a_status_and_counts_nowhere():
    items = list(items_by(["ann"] * 8))
    items[3] = replace(items[3], problem="it is gone", status=Status.MISSING)
    found = analyse(MadeUp(lambda item: random_of(item, 4, 50)), "made-up", items, AnalysisOptions(), QUIET)
    assert (found.counted, found.use[0].tokens) == (7, 350)
    score = found.scores["entropy_bitrate"][3]
    assert (score.value, score.status, score.reason) == (None, Status.MISSING, "it is gone")
    covered = coverage({"made-up": found}, items, 0.05)
    assert covered.statuses["entropy_bitrate"] == {"ok": 7, "missing": 1}
    assert covered.failures == ["made-up: 1 of 8 utterances failed, first u0003 (missing: it is gone)"]


def test_little_data_is_said():
    items = items_by(["ann"] * 3)
    found = analyse(MadeUp(lambda item: random_of(item, 1024, 50, 2)), "made-up", items, AnalysisOptions(), QUIET)
    few, thin = cautions({"made-up": found}, [])
    assert "fewer than 10 tokens per entry (codebook 1: 150 tokens, 1024 entries)" in few
    assert "1 of 1 pairs" in thin


def test_histograms_are_means_of_one_hot_vectors():
    assert histogram_embedding(tokens_with([0, 0, 1, 3], [2, 2, 2, 2], size=4)).tolist() == [
        0.5, 0.25, 0, 0.25, 0, 0, 1, 0,
    ]  # fmt: skip


def test_principal_components_are_those_of_scikit_learn():
    from sklearn.decomposition import PCA

    vectors = np.random.default_rng(0).standard_normal((30, 8)) * np.arange(1, 9)
    wanted = PCA(2).fit_transform(vectors)
    assert np.abs(project(vectors, "pca")) == pytest.approx(np.abs(wanted), abs=1e-9)
    assert principal_components(vectors, 3).shape == (30, 3)


def test_a_map_keeps_groups_apart_and_is_the_same_each_time():
    draw = np.random.default_rng(0)
    groups = np.repeat([0, 1], 20)
    vectors = draw.standard_normal((40, 10)) + 20 * groups[:, None]
    placed = project(vectors, "tsne", seed=1)
    assert np.array_equal(placed, project(vectors, "tsne", seed=1))
    distances = np.linalg.norm(placed[:, None] - placed[None], axis=2) + np.diag(np.full(40, np.inf))
    assert (groups[distances.argmin(axis=1)] == groups).all()


def test_labels_of_a_map():
    labelled = [
        Utterance("a", None, speaker="ann", labels={"label": "yes"}),
        Utterance("b", None, labels={"label": "no"}),
    ]
    assert label_column(labelled, None) == "label"
    assert label_column([Utterance("a", None, speaker="ann")], None) == "speaker"
    with pytest.raises(UnavailableError, match="--label colour; there are: label, language, speaker"):
        label_column(labelled, "colour")


def test_a_column_of_two_speakers_is_over_these_two():
    items = items_by([f"speaker-{i % 6}" for i in range(24)])
    made = MadeUp(lambda item: random_of(item, 16, 80), lambda t, _: tokens_with(t.streams[0].codes * 0))
    found = analyse(made, "made-up", items, AnalysisOptions(stability=(0, 1, 6, 7, 12, 13)), QUIET)  # two speakers
    described = {"label": "made-up", "group": "acoustic", "frame_rate_hz": 50.0, "nominal_bitrate": 200.0}
    columns = columns_of(AnalysisOptions(stability=(0,)))
    rows = summary_of({"made-up": described}, {"made-up": found}, columns, items)
    table = summary_frame(rows).set_index("metric")
    assert table.clusters["entropy_bitrate"] == 6
    row = table.loc["stability[shift]"]
    assert (row.clusters, row.n, row.n_expected) == (2, 6, 6)
    assert row.ci_low < row.value < row.ci_high
