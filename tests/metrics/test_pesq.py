from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pesq as package
import pytest

from codec_bench.metrics import metric
from codec_bench.metrics.pesq import MAX_SECONDS, _pesq, raw_from_lqo
from codec_bench.records import Status
from tests.metrics.material import golden_pairs

RATE = 16_000
NAMES = ("pesq_wb", "pesq_nb", "pesq_raw")


def bursts(seconds: float) -> Any:
    """Noise with a syllabic envelope: enough of a voice for PESQ."""
    time = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(3).normal(size=len(time)) * 0.1
    return noise * np.maximum(0, np.sin(2 * np.pi * 1.5 * time))


@pytest.fixture(scope="module")
def speech(shared: Path) -> tuple[Any, Any]:
    return next((ref, deg) for value, ref, deg in golden_pairs(shared, "pesq_wb") if value < 2)


@pytest.mark.parametrize("seconds", [0.35, 0.6, 1.37, 3.0])
@pytest.mark.parametrize("mode", ["wb", "nb"])
def test_equals_the_package(mode: str, seconds: float) -> None:
    reference = bursts(seconds).astype(np.float32)
    decoded = reference + np.random.default_rng(4).normal(size=len(reference)).astype(np.float32) * np.float32(0.02)
    expected = package.pesq(RATE, reference, decoded, mode)
    assert expected != pytest.approx(package.pesq(RATE, decoded, reference, mode), abs=1e-3), "the order must matter"
    assert float(metric(f"pesq_{mode}")(reference, decoded, RATE)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("name", "best"), [("pesq_wb", 4.6439), ("pesq_nb", 4.5486), ("pesq_raw", 4.5)])
def test_identity_is_the_best_value(speech: tuple[Any, Any], name: str, best: float) -> None:
    reference, _ = speech
    value = float(metric(name)(reference, reference, RATE))
    assert value == pytest.approx(best, abs=1e-4)
    assert value <= (metric(name).range[1] or 0)


@pytest.mark.parametrize("raw", [-0.5, 0.0, 1.0, 2.5, 4.4, 4.5])
def test_raw_inverts_the_mapping_of_p862_1(raw: float) -> None:
    assert raw_from_lqo(0.999 + 4 / (1 + math.exp(4.6607 - 1.4945 * raw))) == pytest.approx(raw, abs=1e-9)


def test_raw_and_narrow_band_share_one_run(speech: tuple[Any, Any]) -> None:
    _pesq.cache_clear()
    reference, decoded = speech
    metric("pesq_nb")(reference, decoded, RATE)
    metric("pesq_raw")(reference, decoded, RATE)
    assert (_pesq.cache_info().misses, _pesq.cache_info().hits) == (1, 1)
    metric("pesq_raw")(reference, 0.5 * reference, RATE)
    assert _pesq.cache_info().misses == 2


@pytest.mark.parametrize("gain", [0.1, 10.0])
def test_level_does_not_matter(speech: tuple[Any, Any], gain: float) -> None:
    reference, decoded = speech
    plain = float(metric("pesq_wb")(reference, decoded, RATE))
    assert float(metric("pesq_wb")(reference, gain * decoded, RATE)) == pytest.approx(plain, abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_what_has_no_score_is_a_status_and_never_a_number(name: str) -> None:
    voice = bursts(1.0)
    blip = voice[3000:7000]  # long enough for PESQ, but it is silent after 0.15 s
    pairs = {
        "compared part is silent": (np.concatenate([np.zeros(RATE), voice]), voice, Status.SILENT),
        "decoded starts after the end": (voice, np.concatenate([np.zeros(RATE), voice]), Status.SILENT),
        "no utterance": (blip, blip, Status.NO_SPEECH),
        "too short": (voice[3000:6999], voice[3000:6999], Status.TOO_SHORT),
        "beyond any scale": (voice * 1e38, voice, Status.UNREADABLE),
    }
    for what, (reference, decoded, status) in pairs.items():
        score = metric(name)(reference, decoded, RATE)
        assert (score.value, score.status) == (None, status), what
        assert score.reason, what


def test_the_package_itself_gives_nan_or_a_code_there() -> None:
    values = package.PesqError.RETURN_VALUES
    voice = bursts(1.0)
    assert math.isnan(package.pesq(RATE, voice, np.zeros(RATE), "wb", on_error=values))
    assert package.pesq(RATE, np.zeros(RATE), voice, "wb", on_error=values) == -7
    assert package.pesq(RATE, voice[:3999], voice[:3999], "wb", on_error=values) == -6


def test_a_quarter_of_a_second_is_enough() -> None:
    assert metric("pesq_wb")(bursts(1.0)[800:4800], bursts(1.0)[800:4800], RATE).status is Status.OK


def test_long_signals_would_overrun_the_tables_of_the_itu_code() -> None:
    longest = np.resize(bursts(4.0), int(MAX_SECONDS * RATE))
    score = metric("pesq_nb")(np.append(longest, 0.1), np.append(longest, 0.1), RATE)
    assert (score.value, score.status) == (None, Status.UNDEFINED)
    assert "60 s" in score.reason
