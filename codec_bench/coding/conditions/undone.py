"""What is changed before coding and changed back after decoding: a codec that minds neither gives the same."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from codec_bench.audio import Audio, FloatArray, length_at
from codec_bench.coding.conditions.condition import Condition, Piece, Read
from codec_bench.coding.signals import load_recording
from codec_bench.fingerprint import address

if TYPE_CHECKING:
    from codec_bench.coding.items import Item


@dataclass(frozen=True)
class Undone(Condition):
    """A change of the recording that is taken back in the decoded audio."""

    def pieces(self, item: Item, read: Read) -> list[Piece]:
        """The changed recording."""
        place = address(changed=self.fingerprint, recording=item.digest)
        return [Piece(place, lambda: self.changed(read(item)))]

    @abstractmethod
    def changed(self, recording: Audio) -> Audio:
        """What the codec hears."""


class Shift(Undone):
    """`shift@SAMPLES`: so many samples of silence come first, at the rate of the recording, and are cut off again.

    Where that is no whole number of samples at the rate of the decoded audio, the cut is at the nearest.
    """

    name = "shift"
    takes = "a whole number of samples"
    low = 0.0
    high = 960_000.0

    @property
    def note(self) -> str:
        """What was done."""
        return f"{self.value:g} samples of silence in front of the recording, cut off again after decoding"

    def changed(self, recording: Audio) -> Audio:
        """The recording behind zeros."""
        silence: FloatArray = np.zeros(int(self.value), np.float32)
        return Audio(np.concatenate([silence, recording.samples]), recording.rate)

    def assembled(self, item: Item, decoded: Sequence[Audio]) -> Audio:
        """What follows the silence."""
        (audio,) = decoded
        first = length_at(int(self.value), load_recording(item).rate, audio.rate)
        return Audio(np.ascontiguousarray(audio.samples[first:]), audio.rate)


class Level(Undone):
    """`level@DB`: another level, which is undone after decoding; nothing is clipped.

    A recording that would exceed full scale is made louder only as far as that goes.
    """

    name = "level"
    takes = "a change of level in dB"
    low = -80.0
    high = 40.0

    @property
    def note(self) -> str:
        """What was done."""
        return f"level changed by {self.value:+g} dB, but not above full scale, and back after decoding"

    def gain(self, recording: Audio) -> float:
        """The factor that is applied."""
        wanted = float(10 ** (self.value / 20))
        return min(wanted, max(1.0, recording.peak) / recording.peak) if recording.peak > 0 and wanted > 1 else wanted

    def changed(self, recording: Audio) -> Audio:
        """The recording at the other level."""
        return Audio((self.gain(recording) * recording.samples.astype(np.float64)).astype(np.float32), recording.rate)

    def assembled(self, item: Item, decoded: Sequence[Audio]) -> Audio:
        """The decoded audio at the level of the recording."""
        (audio,) = decoded
        samples = audio.samples.astype(np.float64) / self.gain(load_recording(item))
        return Audio(samples.astype(np.float32), audio.rate)
