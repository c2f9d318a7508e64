from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.metrics import metric
from codec_bench.metrics.plcmos import log_power
from codec_bench.records import Status
from tests.metrics.material import wave

SCORE = metric("plcmos")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(SCORE.unavailable() is not None, reason="the package speechmos is not installed"),
]


@pytest.fixture(scope="module")
def package() -> object:
    return pytest.importorskip("speechmos.plcmos").PLCMOS()


@pytest.mark.parametrize(("begin", "samples"), [(0, 101_398), (20_000, 16_000), (30_000, 1281)])
def test_equal_to_its_package_with_the_same_raters(package: object, shared: Path, begin: int, samples: int) -> None:
    speech = wave(shared, "espeak_noise20_16k")[begin : begin + samples]
    np.testing.assert_allclose(log_power(speech), package.stft_transform(speech), atol=1e-5)
    np.random.seed(0)
    assert float(SCORE(decoded=speech, rate=16_000)) == pytest.approx(package(speech)["plcmos"], abs=1e-5)


def test_zeros_lie_below_everything_else_and_do_not_end_it(package: object, shared: Path) -> None:
    speech = wave(shared, "espeak_ref_16k")[20_000:40_000].copy()
    speech[5000:9000] = 0
    np.testing.assert_allclose(log_power(speech), package.stft_transform(speech), atol=1e-5)
    assert float(SCORE(decoded=speech, rate=16_000)) == float(SCORE(decoded=speech, rate=16_000))
    assert SCORE(decoded=np.zeros(16_000, np.float32), rate=16_000).status is Status.SILENT
    assert SCORE(decoded=speech[:1280], rate=16_000).status is Status.TOO_SHORT
