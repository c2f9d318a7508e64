"""PLCMOS: speech quality after lost packets were concealed, predicted from the decoded signal alone.

The network imagines a rater, 64 normal numbers, and the score is the mean over fifteen of them. The package draws
others at each call; here they are drawn once, from seed 0, so that a signal has one score and all have the same raters.
The network is in the PyPI package `speechmos`; where that is installed nothing is downloaded.

Source: Diener et al., "PLCMOS - A data-driven non-intrusive metric for the evaluation of packet loss concealment
algorithms", Interspeech 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from codec_bench.audio import Audio, FloatArray
from codec_bench.hub import RemoteFile
from codec_bench.metrics.dnsmos import one_core_session
from codec_bench.metrics.model import ModelOutput, Packaged, PublishedModel, model_feature
from codec_bench.metrics.opinions import single_opinion_score
from codec_bench.metrics.resampling import LIBROSA
from codec_bench.records import NotScorable, Status

RATE = 16_000
WINDOW, HOP = 512, 256
RATERS, TRAITS, SEED = 15, 64, 0
_ZERO_BELOW_LOWEST = 12 * np.log(10)  # 120 dB
_SCALE = 20.0
SHORTEST = 5 * HOP + 1
"""Seven frames, of which the pooling of the network leaves one."""

WEIGHTS = RemoteFile(
    "models/plcmos/plcmos_v2.onnx",
    sha256="c0ad3fc64ef9682b4749c0e96636b41c73b4b30bd123b9348feea06a96895286",
    size=1344808,
    source="https://github.com/microsoft/PLC-Challenge/raw/8fdc5966e99e0fcebcc050ba0c4bf85f861ba493/PLCMOS/models/plcmos_v2.onnx",
)


def log_power(samples: FloatArray) -> FloatArray:
    """The network's input: natural logarithm of the power, over 20.

    Args:
        samples: `[n]` at 16 kHz, clipped to [-1, 1].

    Returns:
        float32 `[1 + ceil(n / 256), 257]`; bins without any power are 120 dB below the lowest that has some.
    """
    frames = -(-len(samples) // HOP) + 1
    padded = np.zeros((frames + 1) * HOP)
    padded[HOP : HOP + len(samples)] = np.clip(samples, -1, 1)
    window = np.hamming(WINDOW + 1)[:-1]
    spectrum = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP] * window)
    power = np.abs(spectrum) ** 2
    lowest = np.log(power[power > 0].min(initial=1.0)) - _ZERO_BELOW_LOWEST
    return np.asarray(np.log(power, out=np.full_like(power, lowest), where=power > 0) / _SCALE, np.float32)


_FILE = Packaged(WEIGHTS, "speechmos", "plcmos_models")


def _apply(session: Any, audios: Sequence[Audio]) -> list[ModelOutput]:
    raters = np.random.RandomState(SEED).normal(size=(RATERS, 1, TRAITS)).astype(np.float32)
    found: list[ModelOutput] = []
    for audio in audios:
        if len(audio) < SHORTEST:
            found.append(NotScorable(f"PLCMOS needs {1000 * SHORTEST / RATE:.0f} ms", Status.TOO_SHORT))
            continue
        heard = log_power(audio.samples)[None, None]
        scores = [session.run(None, {"degraded_audio": heard, "rater_embed": rater})[0].item() for rater in raters]
        found.append(np.asarray(np.mean(scores), np.float32))
    return found


MODEL = PublishedModel(
    "plcmos",
    lambda device: one_core_session(WEIGHTS, _FILE.installed, device),
    _apply,
    weights=_FILE,
    packages=("onnxruntime",),
    modules=("onnxruntime",),
    extra="dnsmos",
    licence="MIT",
    published=WEIGHTS,
)

plcmos = single_opinion_score(
    "plcmos",
    "PLCMOS",
    "PLCMOS v2: quality after packet loss concealment, without a reference; mean over 15 imagined raters, which are "
    "drawn from seed 0 (the package draws others at each call).",
    score=model_feature(MODEL, LIBROSA),
    rate=RATE,
)
"""Quality by PLCMOS v2, for rows with lost packets: about 1 to 5, not clamped."""
