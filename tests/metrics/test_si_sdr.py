from __future__ import annotations

from typing import Any

import auraloss
import numpy as np
import pytest
import torch

from codec_bench.metrics import metric
from codec_bench.records import Status
from tests.metrics.material import noise

RATE = 16_000


def by_auraloss(reference: Any, decoded: Any) -> float:
    """The loss that Stable-Codec uses, in 64 bits."""
    loss = auraloss.time.SISDRLoss()
    return -float(loss(*(torch.as_tensor(np.asarray(s, np.float64))[None, None] for s in (decoded, reference))))


def by_torchmetrics(reference: Any, decoded: Any) -> float:
    tensors = (torch.as_tensor(np.asarray(s, np.float32)) for s in (decoded, reference))
    # Its import takes seconds.
    from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

    return float(scale_invariant_signal_distortion_ratio(*tensors, zero_mean=True))


@pytest.mark.parametrize("samples", [17, 1000, 48_123])
@pytest.mark.parametrize("offset", [0.0, 0.05])
def test_equals_torchmetrics_and_auraloss(samples: int, offset: float) -> None:
    reference = noise(samples)
    decoded = 0.7 * reference + 0.3 * noise(samples, 1) + np.float32(offset)
    value = float(metric("si_sdr")(reference, decoded, RATE))
    assert value == pytest.approx(by_torchmetrics(reference, decoded), abs=1e-4)
    assert value == pytest.approx(by_auraloss(reference, decoded), abs=1e-4)


def test_known_value_and_sign() -> None:
    time = np.arange(RATE) / RATE
    reference, error = np.sin(2 * np.pi * 100 * time), np.sin(2 * np.pi * 200 * time)
    assert float(metric("si_sdr")(reference, reference + 0.1 * error, RATE)) == pytest.approx(20, abs=1e-3)
    assert float(metric("si_sdr")(reference, reference + 2 * error, RATE)) == pytest.approx(-6.0206, abs=1e-3)


def test_scale_sign_and_offset_do_not_matter() -> None:
    reference = noise(RATE)
    decoded = reference + 0.5 * noise(RATE, 1)
    plain = float(metric("si_sdr")(reference, decoded, RATE))
    for changed in (3 * decoded, -decoded, decoded + 0.2):
        assert float(metric("si_sdr")(reference, changed, RATE)) == pytest.approx(plain, abs=1e-4)


def test_identity_is_finite() -> None:
    assert 80 < float(metric("si_sdr")(noise(RATE), noise(RATE), RATE)) < 130


@pytest.mark.parametrize("constant", [0.1, -0.3, 1 / 3])
def test_a_constant_has_no_score(constant: float) -> None:
    flat = np.full(RATE, constant, np.float32)
    for pair in ((flat, noise(RATE)), (noise(RATE), flat), (flat, flat)):
        score = metric("si_sdr")(*pair, RATE)
        assert (score.value, score.status) == (None, Status.UNDEFINED)
