"""Pieces of signals, and their alignment by the sample."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from codec_bench.metrics.visqol.spectrogram import hop_size, spectrogram, window_size
from codec_bench.stats import Floats


@dataclass(frozen=True)
class Piece:
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
    def of(cls, signal: Floats, rate: int) -> Piece:
        """The whole."""
        return cls(signal, rate, 0, spectrogram(signal, rate))

    def cut(self, begin: int, end: int) -> Piece:
        """From one sample to another one of the piece."""
        return replace(self, samples=self.samples[begin:end], begin=None if self.begin is None else self.begin + begin)

    def after(self, zeros: int) -> Piece:
        """With zeros in front."""
        return replace(self, samples=np.concatenate([np.zeros(zeros), self.samples]), begin=None) if zeros else self

    def between(self, start: float, end: float) -> Piece:
        """What is between two times; silence that lacks at the end is put in front, as the program does."""
        length, rate = len(self.samples), self.rate
        return self.cut(int(start * rate), min(length - 1, int(end * rate))).after(max(0, int(end * rate - length)))

    def moved(self, early: int) -> Piece:
        """As it is on time, where it is so many samples `early`, or late where that is negative."""
        return self.cut(max(-early, 0), len(self.samples)).after(max(early, 0))

    @property
    def spectrogram(self) -> Floats:
        """`[bands, frames]`; each frame is by itself, so that those of the whole are taken where they are the same."""
        hop = hop_size(self.rate)
        if self.begin is None or self.begin % hop:
            return spectrogram(self.samples, self.rate)
        return self.of_whole[:, self.begin // hop :][:, : (len(self.samples) - window_size(self.rate)) // hop + 1]


def aligned_and_cut(reference: Piece, decoded: Piece) -> tuple[Piece, Piece, float]:
    """Both from where both have begun, to one length, and by how many seconds the decoded one was early."""
    early = early_by(reference.samples, decoded.samples)
    decoded, lag = decoded.moved(early), early / reference.rate
    wanted, there = len(reference.samples), len(decoded.samples)
    if wanted > there:
        return reference.cut(0, there), decoded, lag
    if wanted < there:
        first = max(0, int(lag * reference.rate))
        return reference.cut(first, wanted), decoded.cut(first, wanted), lag
    return reference, decoded, lag


def early_by(reference: Floats, decoded: Floats) -> int:
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
