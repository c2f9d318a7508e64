from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from codec_bench.audio import Audio, read_audio, resample
from codec_bench.metrics import metric
from codec_bench.metrics.fcpe import HOP, fcpe
from codec_bench.metrics.resampling import SINC_SHARP
from codec_bench.metrics.signal import Recording
from codec_bench.records import Status
from tests.metrics.material import DATA, wave

pytestmark = pytest.mark.skipif(metric("gpe[fcpe]").unavailable() is not None, reason="torchfcpe is not installed")
RATE = 16_000


@pytest.fixture(scope="module")
def package() -> Any:
    """torchfcpe asks for an attention of another package, which the published network does not have."""
    for name in ("local_attention", "einops"):
        if name not in sys.modules:
            try:
                __import__(name)
            except ImportError:
                module = ModuleType(name)
                module.LocalAttention = module.rearrange = module.repeat = None  # type: ignore[attr-defined]
                sys.modules[name] = module
    return pytest.importorskip("torchfcpe").spawn_bundled_infer_model("cpu")


def theirs(package: Any, samples: np.ndarray, rate: int = RATE) -> np.ndarray:
    return package(torch.from_numpy(samples)[None, :, None], rate)[0, :, 0].numpy()


@pytest.mark.long
@pytest.mark.parametrize(("begin", "samples"), [(0, 48_000), (17_000, 700), (17_000, HOP)])
def test_tracks_are_those_of_torchfcpe(package: Any, shared: Any, begin: int, samples: int) -> None:
    speech = wave(shared, "espeak_noise20_16k")[begin : begin + samples]
    track = fcpe.function(Audio(speech, RATE))
    assert track.shape == (samples // HOP + 1,)
    np.testing.assert_allclose(track, theirs(package, speech), atol=5e-3)
    assert (track > 0).any()


@pytest.mark.long
@pytest.mark.parametrize("rate", [8000, 22_050, 24_000, 44_100, 48_000])
def test_files_at_other_rates_are_heard_as_torchfcpe_hears_them(package: Any, rate: int) -> None:
    """It counts frames by the samples of the file: it repeats the last one above 16 kHz, and leaves some out below."""
    audio = resample(read_audio(DATA / "visqol/CA01_01.flac"), rate)
    audio = Audio(audio.samples[rate // 2 : 2 * rate], rate)
    track, expected = Recording(audio).feature(fcpe, RATE), theirs(package, audio.samples, rate)
    frames = min(len(track), len(expected)) - 1
    assert frames > 70
    # Above the band of a file at 8 kHz is nothing but rounding, which the network hears: 0.9 Hz of 280.
    np.testing.assert_allclose(track[:frames], expected[:frames], rtol=5e-3 if rate < RATE else 1e-4, atol=5e-3)
    assert fcpe.resampler is SINC_SHARP


def test_errors_of_a_copy_and_what_has_no_pitch() -> None:
    speech = read_audio(DATA / "visqol/CA01_01.flac").samples[:72_000]
    assert float(metric("gpe[fcpe]")(speech, speech, 48_000)) == 0
    assert float(metric("vuv_f1[fcpe]")(speech, speech, 48_000)) == 1
    assert metric("gpe[fcpe]")(speech[:300], speech[:300], 48_000).status is Status.TOO_SHORT
