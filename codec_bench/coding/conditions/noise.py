"""Additive noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from codec_bench.audio import Audio, read_audio, resample
from codec_bench.coding.conditions.condition import Drawn, Sounds
from codec_bench.records import NotScorable, Status
from codec_bench.stats import Floats

LTASS_HZ = (
    63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300,
    8000, 10000, 12500, 16000,
)  # fmt: skip

LTASS_DB = (
    38.6, 43.5, 54.4, 57.7, 56.8, 60.2, 60.3, 59.0, 62.1, 62.1, 60.5, 56.8, 53.7, 53.0, 52.0, 48.7, 48.1, 46.8, 45.6,
    44.5, 44.3, 43.7, 43.4, 41.3, 40.7,
)  # fmt: skip
"""Third-octave levels of the long-term average speech spectrum, men and women, of Byrne et al., An international
comparison of long-term average speech spectra, J. Acoust. Soc. Am. 96 (1994)."""


@dataclass(frozen=True)
class AdditiveNoise(Drawn):
    """`noise@SNR_DB`: additive noise.

    The signal-to-noise ratio holds exactly: mean power of the whole recording, pauses included, over that of the noise,
    before anything is attenuated. (It is not an active speech level as in ITU-T P.56; with pauses, the ratio during
    speech is some dB higher.) The noise is stationary and has the long-term average speech spectrum of Byrne et al.
    (1994) between 56 Hz and 18 kHz; or it comes from the files of a folder: one is drawn, several channels are
    averaged, it is resampled, begins at a random place, and wraps around if it is too short.
    """

    name = "noise"
    takes = "an SNR in dB"
    low = -40.0
    high = 100.0
    packages = ("numpy", "scipy", "soxr")

    @property
    def note(self) -> str:
        """What was done."""
        kind = "speech-shaped noise" if self.sounds is None else f"noise from {len(self.sounds.files)} files"
        return f"{kind} at {self.value:g} dB SNR over the whole recording"

    def _changed(self, recording: Audio, identity: str) -> Floats:
        speech = recording.samples.astype(np.float64)
        random = self._random(identity)
        if self.sounds is None:
            noise = speech_shaped_noise(len(speech), recording.rate, random)
        else:
            noise = self._from_file(self.sounds, len(speech), recording.rate, random)
        power = float(np.mean(np.square(noise)))
        if not power > 0:
            raise NotScorable("the noise is silent as long as the recording lasts", Status.UNREADABLE)
        wanted = float(np.mean(np.square(speech))) / 10 ** (self.value / 10)
        return np.asarray(speech + noise * math.sqrt(wanted / power))

    @staticmethod
    def _from_file(sounds: Sounds, length: int, rate: int, random: np.random.Generator) -> Floats:
        path, data = sounds.drawn(random)
        found = read_audio(data, str(path))
        found.check(str(path))
        samples = resample(found, rate).samples.astype(np.float64)
        start = int(random.random() * len(samples))
        return np.take(samples, np.arange(start, start + length), mode="wrap")


def speech_shaped_noise(length: int, rate: int, random: np.random.Generator) -> Floats:
    """Gaussian noise with the long-term average speech spectrum, float64 `[length]`, of no particular level."""
    from scipy.fft import irfft, rfft, rfftfreq

    frequencies = rfftfreq(length, 1 / rate)
    centres = np.array(LTASS_HZ, np.float64)
    density = np.array(LTASS_DB) - 10 * np.log10(centres)  # a third of an octave is as wide as its centre is high
    inside = (frequencies > centres[0] * 2 ** (-1 / 6)) & (frequencies < centres[-1] * 2 ** (1 / 6))
    gain = np.zeros(len(frequencies))
    gain[inside] = 10 ** (np.interp(np.log(frequencies[inside]), np.log(centres), density) / 20)
    return np.asarray(irfft(gain * rfft(random.standard_normal(length)), length), np.float64)


@dataclass(frozen=True)
class Music(AdditiveNoise):
    """`music@SNR_DB`: music from the files of a folder; else as `noise`."""

    name = "music"

    @property
    def note(self) -> str:
        """What was done."""
        return f"music from {len(self.sounds.files) if self.sounds else 0} files at {self.value:g} dB SNR"
