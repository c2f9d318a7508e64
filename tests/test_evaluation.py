"""Signals in memory: shapes, devices, precisions, padding; values are those of a run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

import codec_bench
from codec_bench.audio import Audio
from codec_bench.errors import UsageError
from codec_bench.stats import estimate

RATE = 16_000


@pytest.fixture(scope="module")
def pairs() -> tuple[np.ndarray, np.ndarray]:
    """Three seconds of three voices, and the same with noise, `[3, n]`."""
    utterances = list(codec_bench.load_dataset("demo").utterances())[::9][:3]
    clean = np.stack([codec_bench.read_audio(u.path).samples[4800:28_800] for u in utterances])
    noise = np.random.default_rng(0).standard_normal(clean.shape).astype(np.float32)
    return clean, clean + 0.01 * noise


@pytest.mark.as_user
def test_items_and_the_aggregate_are_those_of_the_metric(pairs: tuple[np.ndarray, np.ndarray]):
    clean, noisy = pairs
    found = codec_bench.evaluate(clean, noisy, RATE, ["stoi", "gpe", "si_sdr"], speakers=["a", "b", "b"])
    for label in ("stoi", "gpe", "si_sdr"):
        metric = codec_bench.metric(label)
        alone = [metric(one, other, RATE) for one, other in zip(clean, noisy, strict=True)]
        assert found.values(label) == [score.value for score in alone]
        expected = estimate(
            [s.numerator for s in alone], [s.denominator for s in alone], ["a", "b", "b"], expected=3,
            scale=metric.scale, share="errors" if label == "gpe" else "",
        )  # fmt: skip
        assert found.summary[label] == expected
    frame = found.frame
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["item", "metric", "value", "status", "reason"]
    assert len(frame) == 9
    assert "3 of 3" in found._repr_html_()


@pytest.mark.as_user
@pytest.mark.parametrize(
    "shape",
    [
        lambda x: x,
        lambda x: torch.from_numpy(x)[:, None],
        lambda x: torch.from_numpy(x).double().requires_grad_(),
        lambda x: torch.from_numpy(x).requires_grad_() * 1.0,
        lambda x: [torch.from_numpy(x[0]), x[1], torch.from_numpy(x[2])[None]],
        lambda x: np.asfortranarray(x, np.float64),
        lambda x: [Audio(row, RATE) for row in x],
    ],
    ids=["[B, n]", "[B, 1, n]", "float64 with gradient", "of a graph", "list", "strided", "Audio"],
)
def test_any_shape_and_kind_gives_the_same(pairs: tuple[np.ndarray, np.ndarray], shape):
    clean, noisy = pairs
    plain = codec_bench.evaluate(clean, noisy, RATE, ["si_sdr"]).values("si_sdr")
    assert codec_bench.evaluate(shape(clean), shape(noisy), RATE, ["si_sdr"]).values("si_sdr") == plain


@pytest.mark.as_user
def test_half_precision_is_read_and_one_signal_is_a_batch_of_one(pairs: tuple[np.ndarray, np.ndarray]):
    clean, noisy = pairs
    for kind in (torch.float16, torch.bfloat16):
        half = torch.from_numpy(noisy[:1]).to(kind)
        found = codec_bench.evaluate(clean[0], half, RATE, "si_sdr")
        assert found["si_sdr"] == float(codec_bench.metric("si_sdr")(clean[0], half.float()[0], RATE))


@pytest.mark.as_user
def test_padding_is_left_out(pairs: tuple[np.ndarray, np.ndarray]):
    clean, noisy = pairs
    cut = [20_000, 24_000, 12_345]
    padded = noisy.copy()
    for row, length in zip(padded, cut, strict=True):
        row[length:] = 0.5
    found = codec_bench.evaluate(clean, torch.from_numpy(padded), RATE, ["stoi"], lengths=torch.tensor(cut))
    alone = [codec_bench.metric("stoi")(c[:n], d[:n], RATE).value for c, d, n in zip(clean, noisy, cut, strict=True)]
    assert found.values("stoi") == alone


@pytest.mark.as_user
def test_an_exact_copy_is_called_exact_at_any_level(pairs: tuple[np.ndarray, np.ndarray]):
    clean, noisy = pairs
    copied = codec_bench.evaluate(clean, 0.25 * clean, RATE, ["si_sdr"])
    assert repr(copied) == "Evaluation(si_sdr=exact)"
    assert "<td>exact</td><td>dB</td><td>higher</td><td></td>" in copied._repr_html_()
    assert "exact" not in codec_bench.evaluate(clean, noisy, RATE, ["si_sdr"])._repr_html_()


def test_what_has_no_value_is_counted_and_explained(pairs: tuple[np.ndarray, np.ndarray]):
    clean, noisy = pairs
    silent = noisy.copy()
    silent[1] = 0
    found = codec_bench.evaluate(clean, silent, RATE, ["stoi"])
    assert (found.summary["stoi"].n, found.summary["stoi"].expected) == (2, 3)
    assert np.isnan(found.values("stoi")[1])
    assert found.problems == ["stoi: no value for item 1: the decoded signal is silent in the part that is compared"]
    assert "stoi=" in repr(found)
    assert "(2 of 3)" in repr(found)


def test_words_are_compared_with_a_recogniser(pairs: tuple[np.ndarray, np.ndarray]):
    utterance = next(codec_bench.load_dataset("demo").utterances())
    speech = codec_bench.read_audio(utterance.path)
    found = codec_bench.evaluate(None, speech, metrics=["wer[pocketsphinx]"], text=utterance.text, language="en")
    assert found["wer[pocketsphinx]"] < 30


def test_a_distribution_is_compared_as_one(pairs: tuple[np.ndarray, np.ndarray]):
    clean = np.tile(pairs[0], (1, 4))
    found = codec_bench.evaluate(clean, clean, RATE, ["fad[resemblyzer]"])
    assert found.summary["fad[resemblyzer]"].value in (None, pytest.approx(0, abs=1e-6))


@pytest.mark.as_user
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: codec_bench.metric("pesq_wb")(x, x), "the sampling rate is missing"),
        (lambda x: codec_bench.evaluate(x, x, metrics=["stoi"]), "the sampling rate is missing"),
        (lambda x: codec_bench.evaluate(x, x, 16_000.5, ["stoi"]), "a whole number of Hz"),
        (lambda x: codec_bench.evaluate(x, x, RATE), "name metrics, e.g."),
        (lambda x: codec_bench.evaluate(x, x, RATE, ["pesq-wb"]), "did you mean 'pesq_wb'"),
        (lambda x: codec_bench.evaluate(x[:2], x, RATE, ["stoi"]), "reference holds 2 signals, decoded 3"),
        (lambda x: codec_bench.evaluate(x, (32_767 * x).astype(np.int16), RATE, ["stoi"]), "divide by 32768"),
        (lambda x: codec_bench.evaluate(x, x[:, None].repeat(2, 1), RATE, ["stoi"]), "average the channels"),
        (lambda x: codec_bench.evaluate(x, x, RATE, ["stoi"], lengths=[1, 2]), "one number of samples per signal"),
        (lambda x: codec_bench.evaluate(x, x, RATE, ["stoi"], lengths=[0.5] * 3), "multiply shares"),
        (lambda x: codec_bench.evaluate(x, x, RATE, ["stoi"], lengths=[10**6] * 3), "has 24000 samples"),
        (lambda x: codec_bench.evaluate(x, x, RATE, ["stoi"], text="one"), "one transcript per item, 3"),
        (lambda x: codec_bench.metric("stoi")(x, x, RATE), "evaluate"),
        (lambda x: codec_bench.evaluate(x, {"a": 1}, RATE, ["stoi"]), "not an array of numbers"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_one_line_with_the_next_step(pairs: tuple[np.ndarray, np.ndarray], call, message: str):
    with pytest.raises(UsageError, match=message) as caught:
        call(pairs[0])
    assert "\n" not in str(caught.value)
