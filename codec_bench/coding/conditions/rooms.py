"""Reverberation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from codec_bench.audio import Audio, read_channels, resample
from codec_bench.coding.conditions.condition import Drawn, Sounds
from codec_bench.errors import UnavailableError
from codec_bench.records import NotScorable, Status
from codec_bench.stats import Floats

ROOM_METRES = ((5.0, 9.0), (4.0, 7.0), (2.5, 4.0))
"""Length, width and height that a simulated room is drawn from."""

DISTANCE_METRES = (0.5, 2.0)
"""Distance that talker and microphone of a simulated room are drawn from."""

HEIGHT_METRES = (1.1, 1.8)
"""Height of both."""

WALL_METRES = 0.5
"""Nothing stands nearer to a wall."""

CORRECTIONS = 8
"""How often the decay is corrected: once would do if it were an exponential."""


@dataclass(frozen=True)
class Reverb(Drawn):
    """`reverb@T60_SECONDS`: a room.

    The recording is convolved with an impulse response whose direct sound has gain 1 and no delay, so that a perfect
    codec shows no delay against the clean recording; what sounds after the recording's end is cut.

    The response is that of a simulated shoebox room (image sources, pyroomacoustics), drawn for each recording: 5-9 x
    4-7 x 2.5-4 m, talker and microphone 0.5-2 m apart, both 1.1-1.8 m high and 0.5 m or more from the walls. All walls
    absorb alike, as Sabine's formula asks; then an exponential corrects the decay to the reverberation time (-5 to
    -35 dB of Schroeder's integral). Or it comes from a folder with impulse responses: one is drawn; its first channel,
    resampled; the direct sound is the largest sample; the reverberation time is whatever it has.
    """

    name = "reverb"
    takes = "a reverberation time (T60) in seconds"
    low = 0.3
    high = 1.0
    default = 0.5
    packages = ("numpy", "pyroomacoustics", "scipy", "soxr")

    @property
    def label(self) -> str:
        """`reverb@0.5`, or `reverb` where the reverberation time is that of files."""
        return self.name if self.sounds is not None else f"{self.name}@{self.value:g}"

    @property
    def note(self) -> str:
        """What was done."""
        if self.sounds is not None:
            return f"rooms from {len(self.sounds.files)} impulse responses, direct sound at its time and level"
        return f"simulated shoebox rooms, T60 {self.value:g} s, direct sound at its time and level"

    def _changed(self, recording: Audio, identity: str) -> Floats:
        from scipy.signal import fftconvolve

        response, direct = self.response(recording.rate, identity)
        wet = fftconvolve(recording.samples.astype(np.float64), response)
        return np.asarray(wet[direct : direct + len(recording)])

    def response(self, rate: int, identity: str) -> tuple[Floats, int]:
        """An impulse response `[n]` at `rate`, its direct sound at 1, and at which sample that is.

        Raises:
            NotScorable: A file cannot be used.
        """
        random = self._random(identity)
        if self.sounds is None:
            return simulated_room(self.value, rate, random)
        samples = self._from_file(self.sounds, rate, random)
        direct = int(np.argmax(np.abs(samples)))
        return samples / samples[direct], direct

    @staticmethod
    def _from_file(sounds: Sounds, rate: int, random: np.random.Generator) -> Floats:
        path, data = sounds.drawn(random)
        # Not read_audio: the mean over the microphones of an array is the response of no room.
        samples, file_rate = read_channels(data, str(path))
        found = Audio(np.ascontiguousarray(samples[:, 0]), file_rate)
        found.check(str(path))
        if found.is_silent:
            raise NotScorable(f"{path} is silent, so it is not an impulse response", Status.UNREADABLE)
        return resample(found, rate).samples.astype(np.float64)


def simulated_room(seconds: float, rate: int, random: np.random.Generator) -> tuple[Floats, int]:
    """The impulse response of a shoebox room that is drawn, with a reverberation time in seconds.

    Returns:
        The response, float64 `[n]`, with a direct sound of 1, and at which sample that is.
    """
    import pyroomacoustics

    edges = np.array([random.uniform(low, high) for low, high in ROOM_METRES])
    speed = float(pyroomacoustics.constants.get("c"))
    # A direct sound that arrives between two samples would be spread over several, and be late by a part of one.
    delay = max(1, round(random.uniform(*DISTANCE_METRES) * rate / speed))
    angle = random.uniform(0, 2 * math.pi)
    apart = delay * speed / rate * np.array([math.cos(angle), math.sin(angle), 0.0])
    margin = WALL_METRES + np.abs(apart) / 2
    middle = random.uniform(margin, edges - margin)
    middle[2] = random.uniform(*HEIGHT_METRES)
    absorption, order = pyroomacoustics.inverse_sabine(seconds, edges)
    pyroomacoustics.constants.set("num_threads", 1)  # several threads sum in an order of their own
    room = pyroomacoustics.ShoeBox(edges, fs=rate, materials=pyroomacoustics.Material(absorption), max_order=order)
    room.add_source(middle + apart / 2)
    room.add_microphone(middle - apart / 2)
    room.compute_rir()
    direct = delay + int(pyroomacoustics.constants.get("frac_delay_length")) // 2
    response = np.asarray(room.rir[0][0], np.float64)
    response /= response[direct]
    times = np.maximum(np.arange(len(response)) - direct, 0) / rate
    for _ in range(CORRECTIONS):
        response *= 10 ** (-3 * times * (1 / seconds - 1 / decay_seconds(response[direct:], rate)))
    return response, direct


def decay_seconds(response: Floats, rate: int) -> float:
    """Reverberation time (T30 of ISO 3382): the slope of Schroeder's integral from -5 to -35 dB, as a line fits it."""
    left = np.cumsum(np.square(response)[::-1])[::-1]
    level = 10 * np.log10(left / left[0] + 1e-20)
    first, last = (int(np.argmax(level < db)) for db in (-5, -35))
    slope = np.polyfit(np.arange(first, last) / rate, level[first:last], 1)[0]
    return float(-60 / slope)


def need_pyroomacoustics() -> None:
    """Raises an `UnavailableError` where rooms cannot be simulated."""
    try:
        import pyroomacoustics  # noqa: F401
    except ImportError as error:
        raise UnavailableError(
            f"reverb simulates rooms with pyroomacoustics, which cannot be imported ({error}): pip install "
            "'codec-bench[rooms]', or give impulse responses with --room-dir"
        ) from None
