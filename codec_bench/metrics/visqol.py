"""ViSQOL v3 in speech mode: how alike the gammatone spectrograms of two signals are, after they have been aligned.

A port to NumPy of Google's C++ program (version 3.3.3) with its exponential mapping, scaled so that identity is 5. That
is the variant whose ground truth is 5.00 in papers. The program's default since 3.3 is a lattice network,
`visqol_lattice`, whose scores lie 1.6 lower on speech codecs and whose identity is 4.51; its audio mode, 4.73 for
identity, is not here.

Source: Chinen et al., "ViSQOL v3: An open source production ready objective speech and audio metric", QoMEX 2020;
github.com/google/visqol.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.hub import RemoteFile, locate
from codec_bench.metrics import register_metric
from codec_bench.metrics.model import Model, ModelOutput, Packaged, PublishedModel, run_model
from codec_bench.metrics.signal import Signal
from codec_bench.records import NotScorable, Status
from codec_bench.stats import Floats

WINDOW_SECONDS, HOPS_PER_WINDOW = 0.08, 4
BANDS, LOWEST_HZ, HIGHEST_HZ = 21, 50.0, 8000.0
PATCH_FRAMES = 20
FIRST_FRAME = PATCH_FRAMES // 2 - 1
SEARCH_FRAMES = 60 * PATCH_FRAMES
FLOOR_DB, DYNAMIC_RANGE_DB = -45.0, 45.0
ACTIVE_RMS, HANGOVER_FRAMES = 5000.0, 2

_EAR_Q, _MIN_BANDWIDTH_HZ = 9.26449, 24.7  # Glasberg and Moore
_CENTRE, _EDGE, _CORNER = 0.619485845753726, 0.0838251475442633, 0.0113033910173052
_LUMINANCE, _STRUCTURE = 0.01**2, 0.03**2 / 2
_FRAMES_AT_ONCE = 4


@dataclass(frozen=True)
class Patch:
    """What a patch of the reference and its counterpart have in common, each `[bands]`, lowest band first.

    Attributes:
        means: Mean similarity over its frames; 1 where a band is the same.
        deviations: Standard deviation of that, of one degree of freedom less.
        levels: Mean level of the decoded signal in decibels above the floor.
        frames: How many frames the program counts in it: by its duration, which rounding can make one too many.
    """

    means: Floats
    deviations: Floats
    levels: Floats
    frames: int = PATCH_FRAMES


def mean_opinion_score(similarities: Floats) -> float:
    """MOS-LQO of a mean similarity per band, `[bands]`: the exponential fit to TCD-VoIP, scaled, within [1, 5]."""
    fit = -262.847869 + math.exp(0.0154302525 * (float(similarities.mean()) + 361.063949))
    return min(max(float(np.float32(1.245063)) * fit, 1.0), 5.0)


LATTICE = RemoteFile(
    "models/visqol/lattice_tcditugenmeetpackhref_ls2_nl60_lr12_bs2048_learn.005_ep2400_train1_7_raw.tflite",
    sha256="4bd031d6c95594ae2cd1d471aa6611bff26b3bbf816528431ff1741bcd798dc6",
    size=2_233_840,
    source="https://raw.githubusercontent.com/google/visqol/38d0b0163e441047d4429bf07ad09e5b9031d02c/model/"
    "lattice_tcditugenmeetpackhref_ls2_nl60_lr12_bs2048_learn.005_ep2400_train1_7_raw.tflite",
)
_LATTICE_FILE = Packaged(LATTICE, "visqol", "model")
_QUANTILE, _MEDIAN, _UNRELATED = 0.1, 0.5, 0.15


def _load_lattice(device: str) -> Any:
    """The signature of the network, on one thread as in the program."""
    from ai_edge_litert.interpreter import Interpreter

    content = (_LATTICE_FILE.installed or locate(LATTICE)).read_bytes()
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter.get_signature_runner("predict")


def lattice_inputs(patches: Sequence[Patch]) -> dict[str, Floats]:
    """What the lattice network takes of each band, `[bands]`, by the names of its inputs.

    Returns:
        `fvnsim`, the mean similarity; `fvnsim10_`, that of the tenth of the patches that are least alike; `fstdnsim`,
        the deviation over all frames of all patches; `fvdegenergy`, the mean level of the decoded signal.
    """
    means = np.array([patch.means for patch in patches])
    mean, count = means.mean(axis=0), sum(patch.frames for patch in patches)
    squares = [(p.frames - 1) * p.deviations**2 + p.frames * p.means**2 for p in patches]
    variance = (np.sum(squares, axis=0) - count * mean**2) / (count - 1)
    return {
        "fvnsim": mean,
        "fvnsim10_": np.sort(means, axis=0)[: max(1, int(len(means) * _QUANTILE))].mean(axis=0),
        "fstdnsim": np.sqrt(np.maximum(variance, 0.0)),
        "fvdegenergy": np.mean([patch.levels for patch in patches], axis=0),
    }


def lattice_score(network: Any, patches: Sequence[Patch]) -> float:
    """MOS-LQO by the lattice network, for its median."""
    features = lattice_inputs(patches)
    if features["fvnsim"].mean() < _UNRELATED:
        return 1.0
    inputs = {f"{name}{band}": v for name, values in features.items() for band, v in enumerate(values)}
    inputs["tau"] = np.float64(_MEDIAN)
    found = network(**{name: np.array([value], np.float32) for name, value in inputs.items()})
    return float(found["predictions"].item())


def _apply_lattice(network: Any, pairs: Sequence[Any]) -> list[ModelOutput]:
    return [np.asarray(lattice_score(network, patches)) for patches in pairs]


LATTICE_MODEL = PublishedModel(
    "visqol/lattice",
    _load_lattice,
    _apply_lattice,
    weights=_LATTICE_FILE,
    packages=("ai-edge-litert",),
    modules=("ai_edge_litert",),
    extra="visqol",
    licence="Apache-2.0",
    published=LATTICE,
)


@register_metric(
    "visqol",
    unit="MOS-LQO",
    better="higher",
    range=(1.0, 5.0),
    title="ViSQOL",
    packages=("scipy",),
    tolerates_lag=True,
    note="ViSQOL v3 in speech mode at 16 kHz with the exponential mapping scaled to 5 (own port of Google's 3.3.3).",
)
def visqol(reference: Signal, decoded: Signal) -> float:
    """Predicted opinion score of ViSQOL v3 in speech mode, exponential mapping.

    Args:
        reference: Original at 16 kHz.
        decoded: Reconstruction at 16 kHz; its level and its delay are matched to the reference first.

    Returns:
        MOS-LQO from 1 to 5; 5 for identity.

    Raises:
        NotScorable: Shorter than 0.64 s, one patch of spectrogram and the half before it; or no patch of the reference
            is active.
    """
    return mean_opinion_score(np.mean([patch.means for patch in _patches_of(reference, decoded)], axis=0))


@register_metric(
    "visqol_lattice",
    unit="MOS-LQO",
    better="higher",
    range=(None, None),
    title="ViSQOL (lattice)",
    packages=("scipy",),
    tolerates_lag=True,
    note="ViSQOL v3 in speech mode at 16 kHz with the lattice network, the default of Google's program since 3.3; "
    "1.6 below the exponential mapping on speech codecs, 4.51 for a perfect copy.",
)
def visqol_lattice(reference: Signal, decoded: Signal, *, mapping: Model = LATTICE_MODEL) -> float:
    """Predicted opinion score of ViSQOL v3 in speech mode, lattice network; otherwise as `visqol`.

    Returns:
        MOS-LQO, about 1 to 4.51, which is that of identity.

    Raises:
        NotScorable: As for `visqol`.
        UnavailableError: The network, or what runs it, is missing: the extra `visqol` has both.
    """
    (score,) = run_model(mapping, [_patches_of(reference, decoded)], "cpu")
    return float(np.asarray(score))


def _patches_of(reference: Signal, decoded: Signal) -> list[Patch]:
    return patches(reference.samples.astype(np.float64), decoded.samples.astype(np.float64), reference.rate)


def patches(reference: Floats, decoded: Floats, rate: int) -> list[Patch]:
    """The active patches of the reference, in their order.

    The signals, `[n]` and `[m]` in [-1, 1], have a rate of at least 16,000 Hz.

    Raises:
        NotScorable: As for `visqol`.
    """
    decoded = _moved(_Piece(decoded, rate, None, decoded), _lag(reference, decoded)).samples
    size = _window_size(rate)
    shortest = size + (FIRST_FRAME + PATCH_FRAMES - 1) * (size // HOPS_PER_WINDOW)
    if min(len(reference), len(decoded)) < shortest:
        raise NotScorable(f"shorter than the {shortest / rate:.2f} s that ViSQOL needs", Status.TOO_SHORT)
    if not decoded.any():
        raise NotScorable("the decoded signal is silent once its delay is cut off", Status.SILENT)
    decoded = decoded * np.sqrt(np.mean(reference**2) / np.mean(decoded**2))
    whole = _Piece.of(reference, rate), _Piece.of(decoded, rate)
    first, second = _comparable(*(piece.spectrogram for piece in whole))
    starts = _active_patches(reference, first.shape[1], rate)
    while starts and starts[-1] - PATCH_FRAMES // 2 > second.shape[1]:
        starts.pop()
    if not starts:
        raise NotScorable("no patch of the reference is active", Status.NO_SPEECH)
    matches = _matches([first[:, s : s + PATCH_FRAMES] for s in starts], starts, second)
    return [_realigned(start, match, *whole) for start, match in zip(starts, matches, strict=True)]


@dataclass(frozen=True)
class _Piece:
    """A signal, or what is cut out of one, with the spectrogram of the whole, of which that of a piece may be a part.

    Attributes:
        samples: `[n]`.
        rate: Of them.
        begin: Where the piece begins in the whole; None where more than the whole is in it.
        of_whole: Of the whole, `[bands, frames]`.
    """

    samples: Floats
    rate: int
    begin: int | None
    of_whole: Floats

    @classmethod
    def of(cls, signal: Floats, rate: int) -> _Piece:
        return cls(signal, rate, 0, _spectrogram(signal, rate))

    def cut(self, begin: int, end: int) -> _Piece:
        """From one sample to another one of the piece."""
        return replace(self, samples=self.samples[begin:end], begin=None if self.begin is None else self.begin + begin)

    def after(self, zeros: int) -> _Piece:
        """With zeros in front."""
        return replace(self, samples=np.concatenate([np.zeros(zeros), self.samples]), begin=None) if zeros else self

    @property
    def spectrogram(self) -> Floats:
        """`[bands, frames]`; each frame is by itself, so that those of the whole are taken where they are the same."""
        size = _window_size(self.rate)
        hop = size // HOPS_PER_WINDOW
        if self.begin is None or self.begin % hop:
            return _spectrogram(self.samples, self.rate)
        return self.of_whole[:, self.begin // hop :][:, : (len(self.samples) - size) // hop + 1]


_Match = tuple[int | None, Patch]
"""Where the decoded patch begins that goes with one of the reference, None where it was lost; how alike they are."""


def _realigned(start: int, match: _Match, reference: _Piece, decoded: _Piece) -> Patch:
    """The patch after both were aligned by the sample, where that makes them more alike."""
    decoded_start, before = match
    rate = reference.rate
    hop = _window_size(rate) // HOPS_PER_WINDOW
    # Times are the program's: their rounding decides which sample is the first.
    frame = hop / rate
    begin = start * frame
    end = begin + frame * PATCH_FRAMES
    before = replace(before, frames=math.ceil((end - begin) / frame))
    if decoded_start is None:
        return before
    first, second, lag = _aligned_and_cut(
        _piece(reference, begin, end),
        _piece(decoded, decoded_start * frame, decoded_start * frame + frame * PATCH_FRAMES),
    )
    if min(len(first.samples), len(second.samples)) <= _window_size(rate):
        return before
    one, other = _comparable(first.spectrogram, second.spectrogram)
    frames = min(one.shape[1], other.shape[1])
    after = _patch(one[:, :frames], other[:, :frames])
    if after.means.mean() < before.means.mean():
        return before
    begin += max(lag, 0.0)
    return replace(after, frames=math.ceil((begin + len(first.samples) / rate - begin) / frame))


def _patch(reference: Floats, decoded: Floats) -> Patch:
    """How alike two patches `[bands, frames]` are."""
    alike = _Neurograms(decoded[None]).similarities(reference)[0]
    return Patch(alike.mean(axis=1), alike.std(axis=1, ddof=1), decoded.mean(axis=1))


def _piece(whole: _Piece, start: float, end: float) -> _Piece:
    """A piece of a signal by seconds; silence that lacks at its end is put in front, as the program does."""
    length, rate = len(whole.samples), whole.rate
    return whole.cut(int(start * rate), min(length - 1, int(end * rate))).after(max(0, int(end * rate - length)))


# Alignment


def _aligned_and_cut(reference: _Piece, decoded: _Piece) -> tuple[_Piece, _Piece, float]:
    """Both from where both have begun, to one length, and by how many seconds the decoded one was early."""
    early = _lag(reference.samples, decoded.samples)
    decoded, lag = _moved(decoded, early), early / reference.rate
    wanted, there = len(reference.samples), len(decoded.samples)
    if wanted > there:
        return reference.cut(0, there), decoded, lag
    if wanted < there:
        first = max(0, int(lag * reference.rate))
        return reference.cut(first, wanted), decoded.cut(first, wanted), lag
    return reference, decoded, lag


def _moved(piece: _Piece, early: int) -> _Piece:
    """A piece that is so many samples `early`, or late where that is negative, as it is on time."""
    return piece.cut(max(-early, 0), len(piece.samples)).after(max(early, 0))


def _lag(reference: Floats, decoded: Floats) -> int:
    """By how many samples the decoded signal is early; 0 where that would be more than half of the reference."""
    from scipy import fft

    length = max(len(reference), len(decoded))
    size = 1 << (2 * length - 1).bit_length()
    spectrum = fft.rfft(_rectified(reference), size) * np.conj(fft.rfft(_rectified(decoded), size))
    correlation = fft.irfft(spectrum, size)
    lags = np.concatenate([correlation[size - (length - 1) :], correlation[:length]])
    lag = int(np.argmax(lags)) - (length - 1)
    return 0 if abs(lag) > len(reference) / 2 else lag


def _rectified(signal: Floats) -> Floats:
    """What the program takes for the envelope.

    Its inverse transform keeps the real part of the analytic signal only, so that this is the rectified signal.
    """
    from scipy import fft

    mean = signal.mean()
    size = max(1 << (len(signal) - 1).bit_length(), 32)
    spectrum = 2 * fft.rfft(signal - mean, size)
    spectrum[0] /= 2
    spectrum[-1] *= 0.5 if len(signal) == size else 0.0
    return np.asarray(np.abs(fft.irfft(spectrum, size)[: len(signal)]) + mean)


# Spectrogram


def _window_size(rate: int) -> int:
    return round(rate * WINDOW_SECONDS)


def _spectrogram(signal: Floats, rate: int) -> Floats:
    """Root mean square of gammatone bands, `[bands, frames]`; the filters restart with each frame."""
    from scipy import fft

    size = _window_size(rate)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / (size - 1))
    frames = np.lib.stride_tricks.sliding_window_view(signal, size)[:: size // HOPS_PER_WINDOW]
    responses = _responses(rate)
    blocks = []
    room = np.empty((_FRAMES_AT_ONCE, *responses.shape), np.complex128)
    for begin in range(0, len(frames), _FRAMES_AT_ONCE):
        spectra = fft.rfft(frames[begin : begin + _FRAMES_AT_ONCE] * hann, 2 * size)
        products = np.multiply(spectra[:, None], responses, out=room[: len(spectra)])
        filtered = fft.irfft(products, 2 * size, overwrite_x=True)[..., :size]
        blocks.append(np.sqrt(np.mean(np.square(filtered, out=filtered), axis=-1)))
    return np.concatenate(blocks).T


@cache
def _responses(rate: int) -> NDArray[np.complex128]:
    """Spectra of the filters' impulse responses over a frame, `[bands, bins]`, lowest band first.

    Source: Slaney, "An efficient implementation of the Patterson-Holdsworth auditory filter bank", Apple TR 35, 1993.
    """
    from scipy import fft, signal

    size, period = _window_size(rate), 1 / rate
    offset = _EAR_Q * _MIN_BANDWIDTH_HZ
    steps = np.arange(BANDS, 0, -1) / BANDS
    highest = min(HIGHEST_HZ, rate / 2) + offset
    centres = highest * np.exp(steps * np.log((LOWEST_HZ + offset) / highest)) - offset
    decay = np.exp(-1.019 * 2 * np.pi * (centres / _EAR_Q + _MIN_BANDWIDTH_HZ) * period)
    angle = 2 * np.pi * centres * period
    zeros = [sign * math.sqrt(3 + twist * 2**1.5) for twist in (1, -1) for sign in (1, -1)]
    turn, pole = np.exp(2j * angle), decay * np.exp(1j * angle)
    gain = np.abs(
        np.prod([2 * period * (pole * (np.cos(angle) - z * np.sin(angle)) - turn) for z in zeros], axis=0)
        / (2 * (decay * (1 + turn) - decay**2 - turn)) ** 4
    )
    impulse = np.eye(1, size)[0]
    responses = []
    for band in range(BANDS):
        cos, sin, r = np.cos(angle[band]), np.sin(angle[band]), decay[band]
        sections = [[period, -period * r * (cos + z * sin), 0.0, 1.0, -2 * r * cos, r**2] for z in zeros]
        responses.append(signal.sosfilt(sections, impulse) / gain[band])
    return np.asarray(fft.rfft(responses, 2 * size))


def _comparable(reference: Floats, decoded: Floats) -> tuple[Floats, Floats]:
    """Both in decibels above the floor that they have in common."""
    first, second = (
        np.maximum(10 * np.log10(np.where(s == 0, np.finfo(np.float64).eps, s)), FLOOR_DB) for s in (reference, decoded)
    )
    frames = min(first.shape[1], second.shape[1])
    floor = np.maximum(first[:, :frames].max(axis=0), second[:, :frames].max(axis=0)) - DYNAMIC_RANGE_DB
    for spectrogram in (first, second):
        spectrogram[:, :frames] = np.maximum(spectrogram[:, :frames], floor)
    lowest = min(first.min(), second.min())
    return first - lowest, second - lowest


def _active_patches(reference: Floats, frames: int, rate: int) -> list[int]:
    """First frames of the patches in which at least one frame is active."""
    if reference.max() <= 0:
        return []
    hop = _window_size(rate) // HOPS_PER_WINDOW
    count = (frames - FIRST_FRAME) // PATCH_FRAMES
    # The program takes a frame's number for a sample's, and so looks almost from the start.
    looked_at = (reference / reference.max())[FIRST_FRAME : FIRST_FRAME + count * PATCH_FRAMES * hop]
    samples = np.trunc(np.clip(looked_at * 2**15, -(2**15), 2**15 - 1)).reshape(-1, hop)
    is_loud = np.sqrt(np.mean(samples**2, axis=1)) >= ACTIVE_RMS
    is_active = is_loud.copy()
    is_active[:HANGOVER_FRAMES] = True
    for late in range(1, HANGOVER_FRAMES + 1):
        is_active[late:] |= is_loud[:-late]
    patches = is_active.reshape(count, PATCH_FRAMES).any(axis=1)
    return [FIRST_FRAME + PATCH_FRAMES * int(index) for index in np.flatnonzero(patches)]


# Similarity


class _Neurograms:
    """Patches `[n, bands, frames]` of the decoded signal, and their local means and variances."""

    def __init__(self, patches: Floats) -> None:
        self.patches = patches
        self.means = _smooth(patches)
        self.variances = _smooth(patches**2) - self.means**2

    def similarities(self, reference: Floats, part: slice = slice(None)) -> Floats:
        """Neurogram similarity index of a patch `[bands, frames]` and each of `part`: `[n, bands, frames]`."""
        mean = _smooth(reference)
        variance = _smooth(reference**2) - mean**2
        means, patches = self.means[part], self.patches[part]
        both = mean * means
        intensity = (2 * both + _LUMINANCE) / (mean**2 + means**2 + _LUMINANCE)
        # Rounding makes the variance of silence a little negative at times.
        deviation = np.sqrt(np.maximum(variance * self.variances[part], 0.0))
        structure = (_smooth(reference * patches) - both + _STRUCTURE) / (deviation + _STRUCTURE)
        return np.asarray(intensity * structure)


def _smooth(patches: Floats) -> Floats:
    """Weighted mean over 3 x 3 points, the outermost repeated beyond the edge."""
    padded = np.pad(patches, [(0, 0)] * (patches.ndim - 2) + [(1, 1), (1, 1)], "edge")
    aside = padded[..., :-2, :] + padded[..., 2:, :]
    middle = padded[..., 1:-1, :]
    return np.asarray(
        _CENTRE * middle[..., 1:-1]
        + _EDGE * (middle[..., :-2] + middle[..., 2:] + aside[..., 1:-1])
        + _CORNER * (aside[..., :-2] + aside[..., 2:])
    )


def _matches(patches: list[Floats], starts: list[int], decoded: Floats) -> list[_Match]:
    """The sequence of decoded patches that is most like that of the reference; None if one has no counterpart.

    Decoded patches begin within 24 s of those of the reference, each behind that before.
    """
    frames = decoded.shape[1]
    padded = np.pad(decoded, ((0, 0), (0, PATCH_FRAMES - 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, PATCH_FRAMES, axis=1)
    neurograms = _Neurograms(np.ascontiguousarray(windows.transpose(1, 0, 2)))
    total, came_from = np.zeros((len(starts), frames)), np.zeros((len(starts), frames), np.int64)
    for index, (patch, start) in enumerate(zip(patches, starts, strict=True)):
        low, high = max(0, start - SEARCH_FRAMES), min(frames, start + SEARCH_FRAMES + 1)
        here = neurograms.similarities(patch, slice(low, high)).mean(axis=(1, 2))
        total[index, low:high], came_from[index, low:high] = here, -1
        if index:
            before = total[index - 1]
            best, source = _best_before(before, max(0, starts[index - 1] - SEARCH_FRAMES), frames)
            here = here + best[low:high]
            is_lost = before[low:high] > here
            total[index, low:high] = np.where(is_lost, before[low:high], here)
            came_from[index, low:high] = np.where(is_lost, np.arange(low, high), source[low:high])
    low = max(0, starts[-1] - SEARCH_FRAMES)
    position = low + int(np.argmax(total[-1, low : starts[-1] + SEARCH_FRAMES + 1]))
    found: list[_Match] = []
    for index in reversed(range(len(starts))):
        source_of = int(came_from[index, position])
        pair = _patch(patches[index], neurograms.patches[position])
        is_lost_there = source_of == position
        found.append((None, replace(pair, means=np.zeros(BANDS))) if is_lost_there else (position, pair))
        position = source_of
    return found[::-1]


def _best_before(scores: Floats, low: int, frames: int) -> tuple[Floats, NDArray[np.int64]]:
    """Largest of `scores[low:i]` for every `i`, and the last place where it is; minus infinity where there is none."""
    highest = np.maximum.accumulate(scores[low:])
    places = np.maximum.accumulate(np.where(scores[low:] == highest, np.arange(low, frames), -1))
    best, source = np.full(frames, -np.inf), np.full(frames, -1, np.int64)
    best[low + 1 :], source[low + 1 :] = highest[:-1], places[:-1]
    return best, source
