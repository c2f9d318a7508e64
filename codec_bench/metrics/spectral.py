"""Distances between magnitude spectrograms, equal to those of `auraloss` and of DAC but without torch.

Those of auraloss are made of two terms: spectral convergence, the Frobenius norm of the difference over that of the
reference, and the mean absolute difference of natural-log magnitudes. Those of DAC are mean absolute differences, of
decimal logarithms and of magnitudes as they are. LSD is in decibels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import FloatArray
from codec_bench.metrics import register_metric
from codec_bench.metrics.signal import Signal
from codec_bench.records import NotScorable, Status
from codec_bench.stats import Floats

POWER_FLOOR = 1e-8
"""Smallest power of a bin, as in auraloss: silence differs from silence by nothing."""

_BLOCK = 256  # frames at a time, so that memory does not grow with the length


@dataclass(frozen=True)
class Resolution:
    """One short-time Fourier transform.

    Attributes:
        fft: Transform size in samples.
        hop: Samples between frames.
        window: Length of the periodic Hann window, centred in the transform.
        mels: Number of Slaney mel bands; 0 keeps the linear bins.
    """

    fft: int
    hop: int
    window: int
    mels: int = 0


STFT = Resolution(fft=2048, hop=512, window=2048)
MEL = Resolution(fft=2048, hop=256, window=2048, mels=128)
MULTI_STFT = (Resolution(1024, 120, 600), Resolution(2048, 240, 1200), Resolution(512, 50, 240))
DAC_MEL = tuple(Resolution(size, size // 4, size, 5 * size // 32) for size in (32, 64, 128, 256, 512, 1024, 2048))
DAC_MEL_EVAL = (Resolution(2048, 512, 2048, 150), Resolution(512, 128, 512, 80))
DAC_STFT = (Resolution(2048, 512, 2048), Resolution(512, 128, 512))
DAC_FLOOR = 1e-5
"""Smallest magnitude of which DAC takes the logarithm."""

LSD_RANGE_DB = 80.0
"""LSD raises what is further below the loudest bin of the recording, or silence would decide it."""

MULTI_MEL = tuple(replace(resolution, mels=80) for resolution in MULTI_STFT)

_distance = partial(register_metric, better="lower", range=(0.0, None), family="spectral")


@_distance(
    "mel_distance",
    title="Mel dist.",
    note="Spectral convergence + mean |ln| difference of 128 Slaney mel bands of the magnitude (FFT 2048, hop 256), "
    "the mel distance of Stable-Codec.",
)
def mel_distance(reference: Signal, decoded: Signal) -> float:
    """Mel distance of Stable-Codec: the two terms over 128 mel bands of the magnitude.

    Args:
        reference: Original at 16 kHz, more than 1024 samples.
        decoded: Reconstruction.

    Returns:
        Distance, 0 for identity, without an upper bound; not symmetric (convergence is relative to the reference).

    Raises:
        NotScorable: Too short or silent.

    Source: Parker et al., "Scaling Transformers for Low-Bitrate High-Quality Speech Coding", 2024 (Stable-Codec);
    `auraloss.freq.MelSTFTLoss(16000, 2048, 256, 2048, n_mels=128)`.
    """
    return sum(_terms(reference, decoded, MEL))


@_distance(
    "stft_distance",
    title="STFT dist.",
    note="Spectral convergence + mean |ln| difference of STFT magnitudes (FFT 2048, hop 512), the STFT distance of "
    "Stable-Codec.",
)
def stft_distance(reference: Signal, decoded: Signal) -> float:
    """STFT distance of Stable-Codec: the two terms over the bins of one transform; otherwise as `mel_distance`.

    Source: `auraloss.freq.STFTLoss(2048, 512, 2048)`.
    """
    return sum(_terms(reference, decoded, STFT))


@_distance(
    "mr_stft",
    title="MR-STFT",
    note="auraloss MultiResolutionSTFTLoss, defaults (FFT 1024/2048/512, hop 120/240/50, window 600/1200/240); the "
    "LongCat paper defines its MR-STFT nowhere, so values cannot be compared with it.",
)
def multi_resolution_stft(reference: Signal, decoded: Signal) -> float:
    """Multi-resolution STFT distance: the two terms, averaged over three resolutions; otherwise as `mel_distance`.

    Source: Yamamoto et al., "Parallel WaveGAN", 2020; `auraloss.freq.MultiResolutionSTFTLoss()`.
    """
    return sum(sum(_terms(reference, decoded, resolution)) for resolution in MULTI_STFT) / len(MULTI_STFT)


@_distance(
    "mr_mel",
    title="MR-Mel",
    note="Mean |ln| difference of 80 Slaney mel bands of the magnitude, averaged over the resolutions of MR-STFT; the "
    "LongCat paper defines its MR-MEL nowhere, so values cannot be compared with it.",
)
def multi_resolution_mel(reference: Signal, decoded: Signal) -> float:
    """Multi-resolution log-mel L1 distance in nepers: the second term of 80 mel bands, averaged over three resolutions.

    Symmetric; otherwise as `mel_distance`.

    Source: `auraloss.freq.MultiResolutionSTFTLoss(w_sc=0, scale="mel", n_bins=80, sample_rate=16000)`.
    """
    return sum(_terms(reference, decoded, resolution)[1] for resolution in MULTI_MEL) / len(MULTI_MEL)


@_distance(
    "mel_dac",
    title="Mel (DAC)",
    note="Mel loss that DAC is trained and validated with: mean |log10| difference of 5 to 320 Slaney mel bands of the "
    "magnitude, FFT 32 to 2048, hop a quarter, summed over the seven; here at 16 kHz.",
)
def mel_distance_dac(reference: Signal, decoded: Signal) -> float:
    """DAC's multi-scale mel loss, of its training configuration.

    Args:
        reference: Original at 16 kHz, more than 1024 samples.
        decoded: Reconstruction.

    Returns:
        Distance, 0 for identity, without an upper bound; symmetric.

    Raises:
        NotScorable: Too short or silent.

    Source: Kumar et al., "High-Fidelity Audio Compression with Improved RVQGAN", 2023; `dac/nn/loss.py` and
    `conf/base.yml` of descript-audio-codec.
    """
    return _of_dac(reference, decoded, DAC_MEL, exponent=1, linear=0)


@_distance(
    "mel_dac_eval",
    title="Mel (DAC eval)",
    note="Mel distance of DAC's evaluate.py and of Codec-SUPERB: mean |log10| difference of the squared magnitude and "
    "mean difference of the magnitude, of 150 and 80 mel bands (FFT 2048 and 512), summed; here at 16 kHz.",
)
def mel_distance_dac_eval(reference: Signal, decoded: Signal) -> float:
    """The defaults of DAC's `MelSpectrogramLoss`, which its evaluation takes; another scale than `mel_dac`."""
    return _of_dac(reference, decoded, DAC_MEL_EVAL, exponent=2, linear=1)


@_distance(
    "stft_dac",
    title="STFT (DAC)",
    note="STFT distance of DAC's evaluate.py: as mel_dac_eval, of the bins of FFT 2048 and 512; here at 16 kHz.",
)
def stft_distance_dac(reference: Signal, decoded: Signal) -> float:
    """The defaults of DAC's `MultiScaleSTFTLoss`; otherwise as `mel_distance_dac`."""
    return _of_dac(reference, decoded, DAC_STFT, exponent=2, linear=1)


@_distance(
    "lsd",
    unit="dB",
    title="LSD",
    note="Log-spectral distance: root mean square over bins of the difference of levels in dB, mean over frames (FFT "
    "2048, hop 512, Hann); both floored 80 dB below the loudest bin of the recording. Papers differ in all of these.",
)
def log_spectral_distance(reference: Signal, decoded: Signal) -> float:
    """Log-spectral distance in dB; 0 for identity. A gain of 6 dB is a distance of 6 dB.

    Args:
        reference: Original at 16 kHz, more than 1024 samples.
        decoded: Reconstruction.

    Raises:
        NotScorable: Too short or silent.

    Source: Gray and Markel, "Distance measures for speech processing", IEEE TASSP, 1976.
    """
    _check_length(reference, STFT)
    loudest = max(float(block.max()) for block in _magnitudes(reference, STFT, 0.0))
    floor = loudest * 10 ** (-LSD_RANGE_DB / 20)
    pairs = zip(_magnitudes(reference, STFT, 0.0), _magnitudes(decoded, STFT, 0.0), strict=True)
    levels = [20 * np.log10(np.maximum(dec, floor) / np.maximum(ref, floor)) for ref, dec in pairs]
    return float(np.concatenate([np.sqrt(np.mean(np.square(part), axis=1)) for part in levels]).mean())


def _of_dac(reference: Signal, decoded: Signal, scales: tuple[Resolution, ...], exponent: int, linear: int) -> float:
    total = 0.0
    for scale in scales:
        _check_length(reference, scale)
        sums, count = np.zeros(2), 0
        for pair in zip(_magnitudes(reference, scale, 0.0), _magnitudes(decoded, scale, 0.0), strict=True):
            ref, dec = (np.maximum(part, DAC_FLOOR) for part in pair)
            sums += (np.abs(np.log10(dec / ref)).sum(), np.abs(pair[1] - pair[0]).sum())
            count += ref.size
        total += float(sums @ (exponent, linear)) / count
    return total


@cache
def slaney_filterbank(rate: int, fft: int, mels: int, top_hz: int = 0) -> NDArray[np.float32]:
    """Triangular mel filters of equal area, as `librosa.filters.mel` makes them by default.

    Args:
        rate: Sampling rate in Hz.
        fft: Transform size in samples.
        mels: Number of bands between 0 Hz and `top_hz`.
        top_hz: Upper edge of the highest band, by default half the sampling rate; bands above that are empty.

    Returns:
        float32 `[mels, fft // 2 + 1]`, read-only.

    Source: Slaney, Auditory Toolbox, 1998: linear below 1 kHz (200/3 Hz per mel), above it 27 mels per factor 6.4.
    """
    step = np.log(6.4) / 27
    highest = top_hz or rate / 2
    top = 15 + np.log(highest / 1000) / step if highest > 1000 else highest * 3 / 200
    scale = np.linspace(0, top, mels + 2)
    edges = np.where(scale < 15, scale * 200 / 3, 1000 * np.exp((scale - 15) * step))
    ramps = edges[:, None] - np.fft.rfftfreq(fft, 1 / rate)
    widths = np.diff(edges)[:, None]
    triangles = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    bank: NDArray[np.float32] = (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)
    bank.flags.writeable = False
    return bank


def mel_power(samples: FloatArray, rate: int, window: int, hop: int, mels: int) -> Floats:
    """Mel power spectrogram as librosa makes it by default, but with ends that are padded with zeros.

    Args:
        samples: `[n]`.
        rate: Sampling rate in Hz.
        window: Length of the periodic Hann window and of the transform in samples; frames are centred.
        hop: Samples between frames.
        mels: Number of Slaney mel bands.

    Returns:
        float64 `[1 + n // hop, mels]` for an even window.
    """
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, window // 2), window)[::hop]
    return np.asarray(np.square(np.abs(np.fft.rfft(frames * hann))) @ slaney_filterbank(rate, window, mels).T)


@cache
def _sparse_filterbank(rate: int, fft: int, mels: int) -> Any:
    """The filters as a sparse matrix `[bins, mels]`: 1 % of it is not zero, and no BLAS threads decide the rounding."""
    from scipy.sparse import csc_array

    return csc_array(slaney_filterbank(rate, fft, mels).T)


def _terms(reference: Signal, decoded: Signal, resolution: Resolution) -> tuple[float, float]:
    """Spectral convergence and mean absolute difference of log magnitudes."""
    _check_length(reference, resolution)
    difference = energy = logs = 0.0
    count = 0
    for ref, dec in zip(_magnitudes(reference, resolution), _magnitudes(decoded, resolution), strict=True):
        difference += float(np.sum(np.square(ref - dec)))
        energy += float(np.sum(np.square(ref)))
        logs += float(np.sum(np.abs(np.log(dec / ref))))
        count += ref.size
    return float(np.sqrt(difference / energy)), logs / count


def _check_length(signal: Signal, resolution: Resolution) -> None:
    if signal.length <= resolution.fft // 2:
        need = f"needs more than {resolution.fft // 2} samples"
        raise NotScorable(f"{signal.length} samples: a transform of {resolution.fft} {need}", Status.TOO_SHORT)


def _magnitudes(signal: Signal, resolution: Resolution, floor: float = POWER_FLOOR) -> Iterator[FloatArray]:
    """Magnitudes `[frames, bins or mels]`, a block of frames at a time; frames are centred, the ends reflected."""
    from scipy.fft import rfft

    fft, hop, length = resolution.fft, resolution.hop, resolution.window
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    # Only the magnitude counts, so the window need not stand in the middle of the transform: frames are as long as
    # the window, which starts (fft - length) // 2 samples later than the transform would.
    padded = np.pad(signal.samples, fft // 2, mode="reflect")[(fft - length) // 2 :]
    starts = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop][: 1 + signal.length // hop]
    for first in range(0, len(starts), _BLOCK):
        spectrum = rfft(starts[first : first + _BLOCK] * window, n=fft)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        magnitude = np.sqrt(np.maximum(power, np.float32(floor)))
        yield magnitude @ _sparse_filterbank(signal.rate, fft, resolution.mels) if resolution.mels else magnitude
