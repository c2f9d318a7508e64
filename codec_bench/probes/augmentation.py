"""Variants of recordings that probes are trained on: another speed, noise, a room, each drawn for each recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from codec_bench.audio import RESAMPLER, Audio, resample
from codec_bench.coding.conditions import Condition, Piece
from codec_bench.coding.conditions.condition import Drawn, Read, Sounds
from codec_bench.coding.conditions.noise import AdditiveNoise
from codec_bench.coding.conditions.rooms import Reverb, need_pyroomacoustics
from codec_bench.coding.items import Item
from codec_bench.errors import UsageError
from codec_bench.fingerprint import address
from codec_bench.probes.recipes import Augmentation, Recipe
from codec_bench.stats import Floats


@dataclass(frozen=True)
class AnySpeed(Condition):
    """Played faster or slower, pitch and all: one of some factors for each recording."""

    name = "any-speed"
    takes = "no value"
    low = high = 0.0
    packages = ("soxr",)

    value: float = 0.0
    factors: tuple[float, ...] = ()
    seed: int = 0

    @property
    def note(self) -> str:
        """What is done."""
        return f"{' or '.join(f'{factor:g}' for factor in self.factors)} times as fast"

    def _parts(self) -> dict[str, Any]:
        return {"factors": self.factors, "seed": self.seed, "resampler": RESAMPLER}

    def pieces(self, item: Item, read: Read) -> list[Piece]:
        """The recording at its speed."""
        return [Piece(self.address(item), lambda: self.played(read(item), item.digest))]

    def played(self, recording: Audio, identity: str) -> Audio:
        """A recording at another speed; its digest, `identity`, decides at which."""
        number = int(address(draw=self.name, seed=self.seed, recording=identity), 16)
        factor = self.factors[number % len(self.factors)]
        faster = Audio(recording.samples, round(recording.rate * factor))
        return Audio(resample(faster, recording.rate).samples, recording.rate)


@dataclass(frozen=True)
class AnyValue(Drawn):
    """An alteration at a value that is drawn for each recording, evenly between two ends."""

    takes = "no value"
    low = high = 0.0
    kind: ClassVar[type[Drawn]]

    value: float = 0.0
    ends: tuple[float, float] = (0.0, 0.0)

    def _parts(self) -> dict[str, Any]:
        return super()._parts() | {"ends": self.ends, "of": self.kind.version}

    def _changed(self, recording: Audio, identity: str) -> Floats | None:
        value = round(float(self._random(identity).uniform(*self.ends)), 3)
        return self.kind(value, self.seed, self.sounds)._changed(recording, identity)


class AnyNoise(AnyValue):
    """Noise at any of some signal-to-noise ratios."""

    name = "any-noise"
    packages = AdditiveNoise.packages
    kind = AdditiveNoise

    @property
    def note(self) -> str:
        """What is done."""
        kind = "speech-shaped noise" if self.sounds is None else f"noise from {len(self.sounds.files)} files"
        return f"{kind} at {self.ends[0]:g} to {self.ends[1]:g} dB SNR"


class AnyRoom(AnyValue):
    """A room of any of some reverberation times."""

    name = "any-room"
    packages = Reverb.packages
    kind = Reverb

    @property
    def note(self) -> str:
        """What is done."""
        if self.sounds is not None:
            return f"rooms from {len(self.sounds.files)} impulse responses"
        return f"simulated shoebox rooms, T60 {self.ends[0]:g} to {self.ends[1]:g} s"


def variants_of(
    recipes: Sequence[Recipe], seed: int, noise_dir: Path | None = None, room_dir: Path | None = None
) -> dict[str, Condition]:
    """What makes the variants that some recipes ask for, by kind.

    Raises:
        UsageError: A folder that nothing uses or that has no audio.
        UnavailableError: Rooms cannot be simulated.
    """
    asked = [recipe.augmentation for recipe in recipes if recipe.augmentation]
    kinds = {kind for augmentation in asked for kind in augmentation.waveform_kinds}
    for kind, option, folder in (("noise", "--noise-dir", noise_dir), ("reverb", "--room-dir", room_dir)):
        if folder is not None and kind not in kinds:
            raise UsageError(f"{option} was given, but no task has --augmentation {kind}")
    if "reverb" in kinds and room_dir is None:
        need_pyroomacoustics()
    how = asked[0] if asked else Augmentation(())
    noises, rooms = (None if folder is None else Sounds.of(folder) for folder in (noise_dir, room_dir))
    made: dict[str, Condition] = {
        "speed": AnySpeed(factors=how.speeds, seed=seed),
        "noise": AnyNoise(seed=seed, sounds=noises, ends=how.snr_db),
        "reverb": AnyRoom(seed=seed, sounds=rooms, ends=how.t60_seconds),
    }
    return {kind: condition for kind, condition in made.items() if kind in kinds}


def masks(
    augmentation: Augmentation, lengths: Sequence[int], width: int, rate: float, random: np.random.Generator
) -> Floats:
    """What frame vectors `[sum of lengths, width]` are multiplied with: stretches of frames and of dimensions are 0.

    Args:
        augmentation: How many, and how long.
        lengths: Frames of each utterance.
        width: Dimensions.
        rate: Frames per second.
        random: Draws them.
    """
    keep = np.ones((sum(lengths), width))
    begin = 0
    for length in lengths:
        mine = keep[begin : begin + length]
        for _ in range(int(random.integers(augmentation.chunks[0], augmentation.chunks[1] + 1))):
            size = min(random.uniform(*augmentation.chunk_seconds) * rate, augmentation.chunk_share * length)
            size = max(1, round(size))
            start = int(random.integers(length - size + 1))
            mine[start : start + size] = 0
        for _ in range(int(random.integers(augmentation.bands[0], augmentation.bands[1] + 1))):
            size = max(1, round(augmentation.band_width * width))
            start = int(random.integers(width - size + 1))
            mine[:, start : start + size] = 0
        begin += length
    return keep
