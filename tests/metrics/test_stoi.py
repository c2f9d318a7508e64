from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pystoi
import pytest

from codec_bench.audio import Audio
from codec_bench.metrics import metric
from codec_bench.metrics import stoi as stoi_module
from codec_bench.metrics.signal import Recording
from codec_bench.metrics.stoi import MIN_SAMPLES
from codec_bench.records import Status
from tests.metrics.material import codec_pairs, golden_pairs, noise

RATE = 16_000
NAMES = ("stoi", "estoi")


@pytest.mark.parametrize("samples", [MIN_SAMPLES, 8000, 16_001, 30_000])
@pytest.mark.parametrize("name", NAMES)
def test_equals_the_package(name: str, samples: int) -> None:
    reference, decoded = noise(samples), noise(samples) + noise(samples, 1)
    expected = pystoi.stoi(reference, decoded, RATE, extended=name == "estoi")
    assert float(metric(name)(reference, decoded, RATE)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_identity_is_one_and_nothing_exceeds_it(shared: Path, name: str) -> None:
    _, reference, _ = golden_pairs(shared, name)[0]
    assert float(metric(name)(reference, reference, RATE)) == pytest.approx(1.0, abs=1e-9)
    assert float(metric(name)(reference, reference, RATE)) <= 1.0


def test_the_longer_signal_is_cut(shared: Path) -> None:
    _, reference, decoded = golden_pairs(shared, "stoi")[3]
    longer = np.append(decoded, noise(961))
    assert float(metric("stoi")(reference, longer, RATE)) == float(metric("stoi")(reference, decoded, RATE))


@pytest.mark.parametrize("name", NAMES)
def test_what_has_no_score_is_a_status_and_never_a_number(name: str) -> None:
    voice, rest = noise(RATE), np.zeros(RATE, np.float32)
    pairs = {
        "compared part is silent": (np.append(rest, voice), voice, Status.SILENT),
        "decoded starts after the end": (voice, np.append(rest, voice), Status.SILENT),
        "too short": (voice[: MIN_SAMPLES - 1], voice, Status.TOO_SHORT),
        "shorter than a frame": (voice[:100], voice, Status.TOO_SHORT),
        "little that is not silent": (np.append(voice[:4000], rest), np.append(voice[:4000], rest), Status.TOO_SHORT),
    }
    for what, (reference, decoded, status) in pairs.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            score = metric(name)(reference, decoded, RATE)
        assert (score.value, score.status) == (None, status), what
        assert score.reason, what


def test_the_shortest_length_is_that_of_the_package() -> None:
    with pytest.warns(RuntimeWarning, match="Not enough STFT frames"):
        assert pystoi.stoi(noise(MIN_SAMPLES - 1), noise(MIN_SAMPLES - 1), RATE) == 1e-5
    assert pystoi.stoi(noise(MIN_SAMPLES), noise(MIN_SAMPLES), RATE) == pytest.approx(1.0)


def test_extended_scores_repeat_where_the_package_rolls_dice() -> None:
    reference = noise(2 * RATE)
    decoded = np.where(np.arange(2 * RATE) < RATE, reference, 0)  # digital silence: the package's noise decides
    assert pystoi.stoi(reference, decoded, RATE, extended=True) != pystoi.stoi(reference, decoded, RATE, extended=True)
    scores = {float(metric("estoi")(reference, decoded, RATE)) for _ in range(3)}
    assert len(scores) == 1
    assert 0.3 < scores.pop() < 0.7


def test_the_callers_random_numbers_stay_what_they_were() -> None:
    np.random.seed(7)
    expected = np.random.standard_normal()
    np.random.seed(7)
    metric("estoi")(noise(RATE), noise(RATE, 1), RATE)
    assert np.random.standard_normal() == expected


@pytest.mark.parametrize("name", NAMES)
def test_digital_silence_is_scored_as_the_package_does_it(shared: Path, name: str) -> None:
    _, reference, decoded = golden_pairs(shared, "stoi")[1]
    decoded = decoded.copy()
    decoded[len(decoded) // 3 : len(decoded) // 2] = 0
    np.random.seed(0)
    expected = pystoi.stoi(reference, decoded, RATE, extended=name == "estoi")
    # Where a segment is silent but for rounding, the extended form is decided by rounding, in the package too.
    assert float(metric(name)(reference, decoded, RATE)) == pytest.approx(
        expected, abs=1e-4 if name == "estoi" else 1e-6
    )


def test_equals_the_package_on_real_codecs(shared: Path) -> None:
    worst = 0.0
    for signals in codec_pairs(shared, "LLM-Codec", 2):
        length = min(map(len, signals))
        cut = [s[:length].astype(np.float64) for s in signals]
        for name in NAMES:
            expected = pystoi.stoi(*cut, RATE, extended=name == "estoi")
            worst = max(worst, abs(float(metric(name)(*signals, RATE)) - expected))
    assert worst < 1e-6


def test_both_forms_share_what_they_derive(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    original = stoi_module.band_envelopes
    monkeypatch.setattr(stoi_module, "band_envelopes", lambda *a: calls.append(1) or original(*a))
    reference, decoded = (Recording(Audio(noise(20_000, seed), RATE)) for seed in (0, 1))
    for name in NAMES:
        metric(name).score(reference, decoded)
    assert len(calls) == 2  # once per signal
