from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec_bench.metrics import metric
from codec_bench.metrics.warpq import costs
from codec_bench.records import Status
from tests.metrics.material import codec_pairs, noise

RATE = 16_000
PACKAGE = {
    "EnCodec": (2.371, 2.484, 2.508, 2.511, 2.415, 2.343, 2.455, 2.376, 2.647, 2.341),
    "LLM-Codec": (2.386, 2.361, 2.384, 2.374, 2.260, 2.174, 2.475, 2.314, 2.282, 2.386),
}
"""What warpq 1.5.2 gives the first ten pairs, which it rounds."""


@pytest.mark.long
@pytest.mark.parametrize("system", list(PACKAGE))
def test_equals_the_package(shared: Path, system: str) -> None:
    for (reference, decoded), expected in zip(codec_pairs(shared, system, 10), PACKAGE[system], strict=True):
        assert float(metric("warpq")(reference, decoded, RATE)) == pytest.approx(expected, abs=0.00051)


def test_costs_equal_librosa(librosa: Any) -> None:
    random = np.random.default_rng(0)
    reference, patches = random.normal(size=(50, 4)), random.normal(size=(3, 9, 4))
    expected = []
    for patch in patches:
        cost, _ = librosa.sequence.dtw(
            patch.T, reference.T, metric="euclidean", step_sizes_sigma=np.array([[1, 0], [0, 3], [1, 3]]),
            weights_mul=np.ones(3), subseq=True,
        )  # fmt: skip
        expected.append(cost[-1].min() / 9)
    np.testing.assert_allclose(costs(patches, reference), expected, atol=1e-12)


def test_no_speech_is_no_score() -> None:
    assert metric("warpq")(noise(5000), noise(5000), RATE).status is Status.NO_SPEECH
