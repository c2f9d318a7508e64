"""A system as a whole, on tokens that are made up: stability, maps, failures, and the run directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.systems import parse_systems
from codec_bench.audio import Audio, read_audio, resample
from codec_bench.coding.items import resolved
from codec_bench.errors import UnavailableError
from codec_bench.records import NotScorable, Status, Utterance
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
from codec_bench.token_statistics.sources import CodecTokens
from codec_bench.token_statistics.stability import SHIFT, Slice, edits, equal_tokens
from codec_bench.token_streams import tokens_of
from tests.small_runs import DEMO
from tests.token_statistics.streams import MadeUp, items_by, random_of, tokens_with

QUIET = lambda stage, utterances: None  # noqa: E731


def test_equal_tokens_are_those_at_the_same_place():
    equal, total = equal_tokens(tokens_with([1, 2, 3], [4, 4, 4]), tokens_with([1, 3, 3], [4, 4]))
    assert (equal.tolist(), total.tolist()) == ([2, 2], [3, 3])


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [([1, 2, 3], [1, 9, 3], 1), ([1, 1, 2], [1, 2], 1), ([1, 2, 3, 4], [2, 3, 4, 5], 2), ([], [1], 1)],
)
def test_edits_are_insertions_deletions_and_substitutions(one: list[int], other: list[int], wanted: int):
    """The first is that of google-research/mseb, the second of NAST without merging repeats."""
    found, total = edits(tokens_with(one, one), tokens_with(other, one))
    assert (found.tolist(), total.tolist()) == ([wanted, 0], [len(one)] * 2)


def test_a_slice_begins_with_a_frame_and_is_held_against_its_place(tmp_path: Path):
    """The encoder of this codec looks one sample back, so that alone the first token of a slice differs."""
    item = resolved(Utterance("u", DEMO / "audio" / "slt-01.flac"))
    recording = read_audio(item.utterance.path)
    systems = parse_systems(["test-residual@3", "codec2@1200"])
    source = CodecTokens(systems, tmp_path, "cpu")
    try:
        source.identify()
        for system in systems:
            codec, label = system.source, system.label
            assert isinstance(codec, Codec)
            whole = source.tokens(label, item)
            part = Slice.of(whole, item.digest)
            assert part.frames == round(0.2 * len(whole.streams[0].codes))
            hop = int(codec.spec.input_rate / part.rate)
            samples = resample(recording, codec.spec.input_rate).samples[part.first * hop :][: part.frames * hop]
            alone = part.alone(source.changed(label, item, "slice"))
            codec.load()
            encoded = tokens_of(codec.encode(Audio(samples, codec.spec.input_rate)))
            equal, total = equal_tokens(part.alone(encoded), alone)
            assert equal.tolist() == total.tolist() == [part.frames] * len(whole.streams)
            equal, total = equal_tokens(part.cut(whole), alone)
            assert 0 < equal.sum() < total.sum()
            if label.startswith("test"):
                assert (total - equal).max() <= 1
        quicker = source.changed("codec2@1200", item, "speed").streams[0].codes
        assert len(quicker) == pytest.approx(len(source.tokens("codec2@1200", item).streams[0].codes) / 1.1, abs=1.1)
        noisy = source.changed("codec2@1200", item, "noise")
        assert (
            0 < equal_tokens(source.tokens("codec2@1200", item), noisy)[0].sum() < equal_tokens(noisy, noisy)[0].sum()
        )
    finally:
        source.close()
    with pytest.raises(NotScorable, match="less than a second"):
        Slice.of(tokens_with([1] * 49), "digest")


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
    same = [(1.0, 320)]
    of_slices = found.stability.pop("slice")
    assert found.stability == {"reencode": same, "shift": [(0.75, 320)], "gain": same, "noise": same}
    assert of_slices[0][1] == 4 * 16
    assert found.edits == {"shift": [(0.25, 320)], "gain": [(0, 320)], "noise": [(0, 320)], "speed": [(0, 320)]}
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
