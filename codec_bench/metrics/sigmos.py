"""SIGMOS: opinion scores of seven sides of speech quality after ITU-T P.804, predicted by Microsoft's network.

Source: Naderi, Cutler and Ristea, "Multi-dimensional speech quality assessment in crowdsourcing", 2023
(arXiv:2309.07385), which the authors' code names; weights: `ICASSP2024/sigmos` of microsoft/SIG-Challenge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from codec_bench.audio import Audio, FloatArray
from codec_bench.hub import RemoteFile, locate
from codec_bench.metrics import Metric
from codec_bench.metrics.model import Model, ModelOutput, model_feature
from codec_bench.metrics.opinions import opinion_score
from codec_bench.metrics.resampling import FFT
from codec_bench.records import NotScorable, Status

RATE = 48_000
WINDOW, HOP = 960, 480  # 20 and 10 ms
COMPRESSION = 0.3
"""Exponent of the magnitudes."""

MIN_FRAMES = 16
"""Four poolings halve the frames; with fewer, none are left."""

OUTPUTS = ("col", "disc", "loud", "noise", "reverb", "sig", "ovrl")
"""What the network gives, in its order."""

WEIGHTS = RemoteFile(
    "models/sigmos/model-sigmos_1697718653_41d092e8-epo-200.onnx",
    sha256="f939dcc1945055a435565b4369e27dafd0f87df3cea4e2ff6eb81225e52cc53b",
    size=26_264_942,
    source="https://github.com/microsoft/SIG-Challenge/raw/c1b66b0ff24bd2253bcdff03c23d11a4715f3b61/ICASSP2024/sigmos/"
    "model-sigmos_1697718653_41d092e8-epo-200.onnx",
)


def spectral_features(samples: FloatArray) -> FloatArray:
    """What the network sees: a short-time spectrum whose magnitudes are compressed.

    Args:
        samples: float32 `[n]` at 48 kHz, not empty.

    Returns:
        float32 `[1, 3, ceil(n / 480) + 1, 481]`: magnitude ** 0.3, and real and imaginary part of that magnitude with
        the phase of the signal.
    """
    from scipy.fft import rfft

    last = len(samples) % HOP or HOP
    padded = np.pad(samples, (WINDOW - HOP, WINDOW - last))
    window = np.sqrt(np.hanning(WINDOW + 1)[:-1]).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    spectrum = rfft(frames * window).astype(np.complex64)
    power = np.maximum(spectrum.real**2 + spectrum.imag**2, np.float32(1e-12))
    gain = power ** ((COMPRESSION - 1) / 2)
    parts = (power ** (COMPRESSION / 2), gain * spectrum.real, gain * spectrum.imag)
    return np.stack(parts).astype(np.float32)[np.newaxis]


def _load(device: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if device == "cpu":
        options.intra_op_num_threads = options.inter_op_num_threads = 1
    providers = _providers(device, onnxruntime.get_available_providers())
    return onnxruntime.InferenceSession(locate(WEIGHTS), options, providers=providers)


def _providers(device: str, available: Sequence[str]) -> list[Any]:
    """Where it runs: on the GPU where the installed onnxruntime can, in full precision so that scores agree."""
    if device == "cpu" or "CUDAExecutionProvider" not in available:
        return ["CPUExecutionProvider"]
    index = int(device.partition(":")[2] or 0)
    return [("CUDAExecutionProvider", {"device_id": index, "use_tf32": 0}), "CPUExecutionProvider"]


def _apply(session: Any, audios: Sequence[Audio]) -> list[ModelOutput]:
    # One after the other: padding would change them.
    return [_scores(session, audio) for audio in audios]


def _scores(session: Any, audio: Audio) -> ModelOutput:
    features = spectral_features(FFT(audio, RATE).samples)
    if features.shape[2] < MIN_FRAMES:
        return NotScorable("SIGMOS needs more than 0.14 s", Status.TOO_SHORT)
    (output, *_) = session.run(None, {entry.name: features for entry in session.get_inputs()})
    return np.asarray(output[0], np.float32)


MODEL = Model(
    "sigmos",
    _load,
    _apply,
    weights=(WEIGHTS,),
    packages=("onnxruntime", "scipy"),
    modules=("onnxruntime",),
    extra="sigmos",
    licence="MIT",
)

feature = model_feature(MODEL)
"""The scores of a whole signal, float32 `[7]` in the order of `OUTPUTS`."""


def _score(name: str, output: str, title: str, what: str) -> Metric:
    """One of the scores, 1 (bad) to 5 (excellent), of a signal of more than 0.14 s at its own rate.

    Its bandwidth counts, as its level does.
    """
    note = f"SIGMOS of the ICASSP 2024 Speech Signal Improvement Challenge (v1), at 48 kHz: {what}."
    return opinion_score(
        name, OUTPUTS.index(output), title, note, scores=feature, rate=0, range=(1.0, 5.0), hears_polarity=True
    )


overall = _score("sigmos", "ovrl", "SIGMOS", "overall quality")
signal_quality = _score("sigmos.sig", "sig", "SIGMOS sig", "quality of the speech itself")
noisiness = _score("sigmos.noise", "noise", "SIGMOS noise", "absence of noise")
coloration = _score("sigmos.col", "col", "SIGMOS col", "absence of coloration")
discontinuity = _score("sigmos.disc", "disc", "SIGMOS disc", "absence of discontinuities")
loudness = _score("sigmos.loud", "loud", "SIGMOS loud", "fitness of the loudness")
reverberation = _score("sigmos.reverb", "reverb", "SIGMOS reverb", "absence of reverberation")
