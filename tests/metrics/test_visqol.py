from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec_bench.metrics import metric
from codec_bench.metrics.model import run_model
from codec_bench.metrics.visqol.lattice import LATTICE, LATTICE_MODEL, lattice_inputs
from codec_bench.metrics.visqol.patches import patches
from codec_bench.metrics.visqol.scores import mean_opinion_score, visqol
from codec_bench.metrics.visqol.similarity import Patch
from codec_bench.records import Status
from tests.metrics.material import DATA, wave

pytestmark = pytest.mark.long

RATE = 16_000


def conformance(name: str) -> np.ndarray:
    samples, rate = soundfile.read(DATA / "visqol" / f"{name}.flac")
    assert rate == 48_000
    return samples


def bands(reference: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    return np.mean([patch.means for patch in patches(reference, decoded, 48_000)], axis=0)


def test_googles_conformance_value() -> None:
    """`kConformanceSpeechCA01TranscodedExponential`, which the program reproduces within 0.01 of itself."""
    found = bands(conformance("CA01_01"), conformance("transcoded_CA01_01"))
    assert found.shape == (21,)
    assert mean_opinion_score(found) == pytest.approx(3.374505555111911, abs=1e-9)


def test_what_the_lattice_takes_is_pooled_over_all_frames() -> None:
    alike = np.random.default_rng(0).uniform(0.2, 1, (12, 21, 20))
    made = [Patch(a.mean(axis=1), a.std(axis=1, ddof=1), np.full(21, float(i))) for i, a in enumerate(alike)]
    found = lattice_inputs(made)
    frames = alike.transpose(1, 0, 2).reshape(21, -1)
    np.testing.assert_allclose(found["fstdnsim"], frames.std(axis=1, ddof=1))
    np.testing.assert_allclose(found["fvnsim"], frames.mean(axis=1))
    np.testing.assert_allclose(found["fvnsim10_"], alike.mean(axis=2).min(axis=0))  # one of twelve is the tenth
    np.testing.assert_allclose(found["fvdegenergy"], 5.5)


LATTICE_SCORE = metric("visqol_lattice")
needs_lattice = pytest.mark.skipif(LATTICE_SCORE.unavailable() is not None, reason=f"{LATTICE.path} is not here")


@needs_lattice
@pytest.mark.parametrize(
    ("decoded", "expected"), [("transcoded_CA01_01", 3.3129234313964844), ("CA01_01", 4.505550384521484)]
)
def test_googles_conformance_values_of_the_lattice(decoded: str, expected: float) -> None:
    """`kConformanceSpeechCA01TranscodedLattice` and `kConformanceCA01PerfectScoreLattice`."""
    pair = patches(conformance("CA01_01"), conformance(decoded), 48_000)
    assert float(run_model(LATTICE_MODEL, [pair], "cpu")[0]) == pytest.approx(expected, abs=1e-5)


def test_googles_perfect_score() -> None:
    """`kConformanceUnscaledPerfectScoreExponential`, times the scale."""
    assert mean_opinion_score(np.ones(21)) / np.float32(1.245063) == pytest.approx(4.015861169223797, abs=1e-6)
    speech = conformance("CA01_01")
    assert float(visqol(speech, speech, 48_000)) == pytest.approx(5, abs=1e-6)


def test_unrelated_signals_get_the_lowest_score() -> None:
    assert mean_opinion_score(np.full(21, 0.2)) == 1
    assert mean_opinion_score(np.full(21, 0.5)) > 2


def test_level_and_delay_do_not_matter_and_noise_does(shared: Path) -> None:
    speech, little, much = (wave(shared, f"espeak_{n}_16k")[: 2 * RATE] for n in ("ref", "noise20", "noise5"))
    score = float(visqol(speech, little, RATE))
    assert 1.5 < score < 4.5
    assert float(visqol(speech, 0.5 * little, RATE)) == pytest.approx(score, abs=1e-4)
    late = np.concatenate([np.zeros(480), little])
    assert float(visqol(speech, late, RATE)) == pytest.approx(score, abs=0.05)
    assert float(visqol(speech, much, RATE)) < score - 0.3


def test_a_word_that_was_dropped_costs_patches_and_not_the_rest() -> None:
    """The alignment follows a piece that is missing in the middle."""
    speech = conformance("CA01_01")
    cut = np.concatenate([speech[:60_000], speech[75_000:]])
    assert 0.5 < bands(speech, cut).mean() < 0.98


@pytest.mark.parametrize(("samples", "status"), [(10_239, Status.TOO_SHORT), (10_240, Status.OK)])
def test_shortest(samples: int, status: Status) -> None:
    tone = np.sin(np.arange(samples) / 5) * 0.3
    assert visqol(tone, tone, RATE).status is status


def test_no_active_patch_is_a_status() -> None:
    """A click, and else a hiss that is far below it; the program reads beyond its arrays."""
    hiss = np.random.default_rng(0).normal(scale=1e-3, size=RATE)
    click = hiss.copy()
    click[-10] = 0.9
    assert visqol(click, hiss, RATE).status is Status.OK, "the first frames always count as active"
    assert visqol(-np.abs(hiss), hiss, RATE).status is Status.NO_SPEECH


def test_what_alignment_leaves_silent_is_a_status() -> None:
    speech = np.zeros(2 * RATE)
    speech[RATE : RATE + 4000] = np.sin(np.arange(4000) / 3)
    lonely = np.zeros(2 * RATE)
    lonely[:100] = 0.5
    assert visqol(speech, lonely, RATE).status in (Status.OK, Status.SILENT)
    assert visqol(speech, np.zeros(RATE), RATE).status is Status.SILENT
