"""DNSMOS: speech quality as noise suppressors are judged, predicted from the decoded signal alone.

P.835 predicts three scales, P.808 one. Both networks take windows of 9.01 s. The files are those of
github.com/microsoft/DNS-Challenge; the PyPI package `speechmos` holds the same ones, and where it is installed nothing
is downloaded. Of that package no code is used: it imports librosa.

Source: Reddy et al., "DNSMOS: A Non-Intrusive Perceptual Objective Speech Quality Metric to Evaluate Noise
Suppressors", ICASSP 2021; "DNSMOS P.835", ICASSP 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import Audio, FloatArray
from codec_bench.hub import RemoteFile, locate
from codec_bench.metrics.model import ModelOutput, Packaged, PublishedModel, model_feature
from codec_bench.metrics.opinions import opinion_score
from codec_bench.metrics.resampling import LIBROSA
from codec_bench.metrics.spectral import mel_power

RATE = 16_000
WINDOW_SECONDS = 9.01
WINDOW = 144_160
LICENCE = "MIT"

SIGNAL, BACKGROUND, OVERALL = 0, 1, 2
"""Where the scales of P.835 are."""

CALIBRATION = (
    (-0.08397278, 1.22083953, 0.0052439),
    (-0.13166888, 1.60915514, -0.39604546),
    (-0.06766283, 1.11546468, 0.04602535),
)
"""By scale, the parabola from the network's output to the mean opinion score, highest power first."""

_ADDRESS = "https://raw.githubusercontent.com/microsoft/DNS-Challenge/591184a9fcb2cbdec02520fed81a32bbbf9d73ff/DNSMOS"
P835 = RemoteFile(
    "models/dnsmos/sig_bak_ovr.onnx",
    sha256="269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd",
    size=1_157_965,
    source=f"{_ADDRESS}/DNSMOS/sig_bak_ovr.onnx",
)
P808 = RemoteFile(
    "models/dnsmos/model_v8.onnx",
    sha256="9246480c58567bc6affd4200938e77eef49468c8bc7ed3776d109c07456f6e91",
    size=224_860,
    source=f"{_ADDRESS}/DNSMOS/model_v8.onnx",
)

_FFT, _HOP, _MELS = 321, 160, 120  # of P.808
_RANGE_DB = 80.0


in_speechmos = partial(Packaged, package="speechmos", folder="dnsmos_models")
"""A file that the package `speechmos` may have."""


def one_core_session(file: RemoteFile, installed: Path | None, device: str) -> Any:
    """A network in a session of onnxruntime.

    Args:
        file: The network.
        installed: Where an installed package has it.
        device: What the process that computes this has.

    Raises:
        UnavailableError: The file is missing.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # The wheel of onnxruntime that is asked for knows no GPU. Where there is one, one process computes this for all,
    # and gets every core; otherwise every scoring process has one.
    options.intra_op_num_threads = 1 if device == "cpu" else 0
    path = installed or locate(file)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def onnx_model(name: str, file: RemoteFile, scores: Callable[[Any, FloatArray], NDArray[np.float64]]) -> PublishedModel:
    """A model whose result is the mean over the windows of a signal, float64 `[scales]`.

    Args:
        name: Name of the model.
        file: The network; where `speechmos` has it, it need not be fetched.
        scores: From a session of onnxruntime and a window, float32 `[144160]`, to its scales.
    """
    packaged = in_speechmos(file)

    def apply(session: Any, audios: Sequence[Audio]) -> list[ModelOutput]:
        # One window at a time: several together take no less time, and more memory.
        return [np.mean([scores(session, window) for window in windows(audio.samples)], axis=0) for audio in audios]

    return PublishedModel(
        name,
        lambda device: one_core_session(file, packaged.installed, device),
        apply,
        weights=packaged,
        packages=("onnxruntime",),
        modules=("onnxruntime",),
        extra="dnsmos",
        licence=LICENCE,
        published=file,
    )


def windows(samples: FloatArray) -> Iterator[FloatArray]:
    """The windows of a signal, float32 `[144160]`, one each second.

    A signal that is shorter than a window is doubled until it is not. Samples beyond full scale are clipped, as in a
    file of 16 bits. The original finds the end of a window in floating point, and drops a window that thereby lacks a
    sample: those that start at 7 to 23 s and at 119 to 121 s. They are missing here, too.

    Args:
        samples: At 16 kHz, at least one.
    """
    samples = np.clip(samples, -1, 1)
    while len(samples) < WINDOW:
        samples = np.concatenate([samples, samples])
    for start in range(int(len(samples) // RATE - WINDOW_SECONDS) + 1):
        window = samples[start * RATE : int((start + WINDOW_SECONDS) * RATE)]
        if len(window) == WINDOW:
            yield window


def p835_scores(session: Any, window: FloatArray) -> NDArray[np.float64]:
    """Signal, background and overall quality of a window, float64 `[3]`, calibrated."""
    (raw,) = session.run(None, {"input_1": window[None]})[0]
    return np.array([np.polyval(parabola, value) for parabola, value in zip(CALIBRATION, raw, strict=True)], np.float64)


def p808_scores(session: Any, window: FloatArray) -> NDArray[np.float64]:
    """Overall quality of a window, float64 `[1]`."""
    (score,) = session.run(None, {"input_1": log_mel(window[:-_HOP])[None]})[0]
    return np.asarray(score, np.float64)


def log_mel(samples: FloatArray) -> FloatArray:
    """What the P.808 network sees: mel power in dB below the loudest band, plus 40, over 40.

    Args:
        samples: float32 `[144000]` at 16 kHz.

    Returns:
        float32 `[900, 120]`, from -1 to 1; centred frames every 10 ms, ends padded with zeros, as librosa makes them.
    """
    decibels = 10 * np.log10(np.maximum(mel_power(samples, RATE, _FFT, _HOP, _MELS), 1e-10))
    below = np.maximum(decibels - decibels.max(), -_RANGE_DB)
    return np.asarray((below + 40) / 40, np.float32)


_NOTE = "windows of 9.01 s each second, shorter signals repeated"
_scale = partial(opinion_score, rate=RATE, version=2)
_p835 = partial(_scale, scores=model_feature(onnx_model("dnsmos/p835", P835, p835_scores), LIBROSA))
_p808 = partial(_scale, scores=model_feature(onnx_model("dnsmos/p808", P808, p808_scores), LIBROSA))

overall = _p835(
    "dnsmos", OVERALL, "DNSMOS OVRL", f"overall quality that DNSMOS P.835 predicts without a reference; {_NOTE}"
)
"""Overall quality by DNSMOS P.835, not personalised: about 1 to 4.5 by the calibration, not clamped."""

signal_quality = _p835("dnsmos.sig", SIGNAL, "DNSMOS SIG", f"quality of the speech itself by DNSMOS P.835; {_NOTE}")
background = _p835("dnsmos.bak", BACKGROUND, "DNSMOS BAK", f"absence of background noise by DNSMOS P.835; {_NOTE}")
overall_p808 = _p808("dnsmos.p808", 0, "DNSMOS P.808", f"overall quality that DNSMOS predicts for P.808; {_NOTE}")
