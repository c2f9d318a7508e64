"""Level and band of the signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codec_bench.audio import Audio
from codec_bench.coding.conditions.condition import Alteration, Altered
from codec_bench.stats import Floats


@dataclass(frozen=True)
class Gain(Alteration):
    """`gain@DB`: another level; what exceeds full scale is clipped, as it is in a recording that was made too loud."""

    name = "gain"
    takes = "a gain in dB"
    low = -80.0
    high = 40.0

    @property
    def note(self) -> str:
        """What was done."""
        return f"level changed by {self.value:+g} dB{', clipped at full scale' if self.value > 0 else ''}"

    def _changed(self, recording: Audio, identity: str) -> Floats:
        return np.asarray(10 ** (self.value / 20) * recording.samples.astype(np.float64))

    def _limited(self, changed: Floats, rate: int, full_scale: float) -> Altered:
        """Clipped: attenuated, it would be the recording again."""
        samples = np.clip(changed, -full_scale, full_scale).astype(np.float32)
        return Altered(Audio(samples, rate), clipped=int((np.abs(changed) > full_scale).sum()))


@dataclass(frozen=True)
class Band(Alteration):
    """`band@HZ`: nothing above a frequency.

    A linear-phase low-pass (Hamming window, 32 ms long, -6 dB at HZ, about 100 Hz wide) whose delay is removed. A
    recording that has nothing above HZ, because of its rate, stays as it is, and the run says so.
    """

    name = "band"
    takes = "a cut-off in Hz"
    low = 100.0
    high = 96_000.0
    packages = ("scipy",)

    @property
    def note(self) -> str:
        """What was done."""
        return f"low-pass, -6 dB at {self.value:g} Hz, no delay"

    def _changed(self, recording: Audio, identity: str) -> Floats | None:
        from scipy.signal import fftconvolve, firwin

        if self.value >= recording.rate / 2:
            return None
        half = round(0.016 * recording.rate)
        response = firwin(2 * half + 1, self.value, fs=recording.rate)
        filtered = fftconvolve(recording.samples.astype(np.float64), response)
        return np.asarray(filtered[half : half + len(recording)])
