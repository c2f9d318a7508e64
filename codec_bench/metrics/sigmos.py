"""SIGMOS: opinion scores of seven sides of speech quality after ITU-T P.804, predicted by Microsoft's network.

Source: Naderi, Cutler and Ristea, "Multi-dimensional speech quality assessment in crowdsourcing", 2023
(arXiv:2309.07385), which the authors' code names; weights: `ICASSP2024/sigmos` of microsoft/SIG-Challenge.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from codec_bench.audio import Audio, FloatArray
from codec_bench.hub import RemoteFile, locate
from codec_bench.metrics import register_metric
from codec_bench.metrics.model import Model, Result, model_feature
from codec_bench.metrics.signal import Feature, Signal
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


def resampled(audio: Audio) -> FloatArray:
    """A signal at 48 kHz, resampled as the authors do: the spectrum of the whole signal is cut or filled with zeros.

    Equal to `librosa.resample(..., res_type="fft")`, which keeps the band edge that soxr rolls off; the network hears
    the difference of bandwidth.

    Args:
        audio: Signal at any rate.

    Returns:
        float32 `[ceil(n * 48000 / rate)]`.
    """
    if audio.rate == RATE:
        return audio.samples
    from scipy.signal import resample

    length = -(-len(audio) * RATE // audio.rate)
    return np.asarray(resample(audio.samples.astype(np.float64), length), np.float32)


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
    """The network as a session of ONNX Runtime, with one thread on a CPU."""
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


def _apply(session: Any, audios: Sequence[Audio]) -> list[Result]:
    """The scores of each signal, one after the other: padding would change them."""
    return [_scores(session, audio) for audio in audios]


def _scores(session: Any, audio: Audio) -> Result:
    features = spectral_features(resampled(audio))
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

_NOTE = "SIGMOS of the ICASSP 2024 Speech Signal Improvement Challenge (v1), at 48 kHz"


_score = partial(
    register_metric,
    unit="MOS",
    better="higher",
    range=(1.0, 5.0),
    rate=0,
    family="mos",
    digits=2,
)
"""What all of its scores have in common."""


@_score(
    "sigmos",
    title="SIGMOS",
    note=f"{_NOTE}: overall quality.",
)
def overall(decoded: Signal, *, scores: Feature = feature) -> float:
    """Overall quality, MOS_OVRL, predicted from the decoded signal alone.

    Args:
        decoded: Reconstruction at its own rate, longer than 0.14 s; its bandwidth and its level count.
        scores: The model.

    Returns:
        1 (bad) to 5 (excellent).

    Raises:
        NotScorable: Too short.
        UnavailableError: onnxruntime or the weights are missing.
    """
    return float(decoded[scores][OUTPUTS.index("ovrl")])


@_score(
    "sigmos.sig",
    title="SIGMOS sig",
    note=f"{_NOTE}: quality of the speech itself.",
)
def signal_quality(decoded: Signal, *, scores: Feature = feature) -> float:
    """Quality of the speech itself, MOS_SIG; arguments, range and errors as for `overall`."""
    return float(decoded[scores][OUTPUTS.index("sig")])


@_score(
    "sigmos.noise",
    title="SIGMOS noise",
    note=f"{_NOTE}: absence of noise.",
)
def noisiness(decoded: Signal, *, scores: Feature = feature) -> float:
    """Absence of noise, MOS_NOISE; arguments, range and errors as for `overall`."""
    return float(decoded[scores][OUTPUTS.index("noise")])


@_score(
    "sigmos.col",
    title="SIGMOS col",
    note=f"{_NOTE}: absence of coloration.",
)
def coloration(decoded: Signal, *, scores: Feature = feature) -> float:
    """Absence of coloration, MOS_COL; arguments, range and errors as for `overall`."""
    return float(decoded[scores][OUTPUTS.index("col")])


@_score(
    "sigmos.disc",
    title="SIGMOS disc",
    note=f"{_NOTE}: absence of discontinuities.",
)
def discontinuity(decoded: Signal, *, scores: Feature = feature) -> float:
    """Absence of discontinuities, MOS_DISC; arguments, range and errors as for `overall`."""
    return float(decoded[scores][OUTPUTS.index("disc")])


@_score(
    "sigmos.loud",
    title="SIGMOS loud",
    note=f"{_NOTE}: fitness of the loudness.",
)
def loudness(decoded: Signal, *, scores: Feature = feature) -> float:
    """Fitness of the loudness, MOS_LOUD; arguments, range and errors as for `overall`."""
    return float(decoded[scores][OUTPUTS.index("loud")])


@_score(
    "sigmos.reverb",
    title="SIGMOS reverb",
    note=f"{_NOTE}: absence of reverberation.",
)
def reverberation(decoded: Signal, *, scores: Feature = feature) -> float:
    """Absence of reverberation, MOS_REVERB; arguments, range and errors as for `overall`."""
    return float(decoded[scores][OUTPUTS.index("reverb")])
