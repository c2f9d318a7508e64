"""Whether tokens stay the same where the audio hardly changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from codec_bench.audio import RESAMPLER, Audio, resample
from codec_bench.coding.conditions import Alteration, Condition, Gain, Piece
from codec_bench.coding.conditions.condition import Read
from codec_bench.coding.conditions.noise import AdditiveNoise
from codec_bench.coding.items import Item
from codec_bench.fingerprint import address
from codec_bench.records import NotScorable, Status
from codec_bench.tokens import IntArray, Tokens


@dataclass(frozen=True)
class Shifted(Alteration):
    """The recording delayed by this many milliseconds: zeros are prepended, and as many samples are cut off the end."""

    name = "shift"
    takes = "milliseconds"
    low = 0.0
    high = 1000.0

    @property
    def note(self) -> str:
        """What was done."""
        return f"later by {self.value:g} ms"

    def _changed(self, recording: Audio, identity: str) -> NDArray[np.float64]:
        samples = round(self.value / 1000 * recording.rate)
        later = np.concatenate([np.zeros(samples), recording.samples.astype(np.float64)])
        return np.asarray(later[: len(recording)])


@dataclass(frozen=True)
class Reencoded(Condition):
    """What the codec made of the recording, in the place of the recording.

    Attributes:
        identity: Content address of the decoded audio of an utterance.
        decoded: The decoded audio itself.
    """

    name = "reencoded"
    takes = "no value"
    low = high = 0.0
    value: float = 0.0
    identity: Callable[[Item], str] = lambda item: item.identity
    decoded: Callable[[Item], Audio] | None = None

    @property
    def note(self) -> str:
        """What was done."""
        return "decoded, and encoded again"

    def address(self, item: Item) -> str:
        """The address of the decoded audio."""
        return self.identity(item)

    def pieces(self, item: Item, read: Read) -> list[Piece]:
        """The decoded audio."""
        decoded = self.decoded or read
        return [Piece(self.identity(item), lambda: decoded(item))]


@dataclass(frozen=True)
class Faster(Condition):
    """The recording played this many times as fast, its pitch with it."""

    name = "speed"
    takes = "a factor"
    low = 0.5
    high = 2.0

    @property
    def note(self) -> str:
        """What was done."""
        return f"{self.value:g} times as fast"

    def pieces(self, item: Item, read: Read) -> list[Piece]:
        """The faster recording."""
        return [Piece(address(changed=self.fingerprint, recording=item.digest), lambda: self._faster(read(item)))]

    def _faster(self, recording: Audio) -> Audio:
        return resample(Audio(recording.samples, round(self.value * recording.rate)), recording.rate)


@dataclass(frozen=True)
class Slice:
    """Whole frames of a recording, by the slowest codebook.

    Attributes:
        first: The first of them.
        frames: How many.
        rate: Frames per second.
    """

    first: int
    frames: int
    rate: Fraction

    @classmethod
    def of(cls, tokens: Tokens, digest: str) -> Slice:
        """A fifth of the tokens of a recording, from a place that its digest decides.

        Raises:
            NotScorable: They last less than a second, or the codebooks' rates are no multiples of the slowest.
        """
        rate = min(stream.rate for stream in tokens.streams)
        if any((stream.rate / rate).denominator > 1 for stream in tokens.streams):
            raise NotScorable("its codebooks have no frames in common", Status.UNDEFINED)
        held = min(len(s.codes) // int(s.rate / rate) for s in tokens.streams)
        frames = round(SLICE * held)
        if held < rate or not frames:
            raise NotScorable("the recording lasts less than a second: too short for a slice", Status.TOO_SHORT)
        random = np.random.Generator(np.random.PCG64(int(address(draw="slice", recording=digest), 16)))
        return cls(int(random.integers(held - frames + 1)), frames, rate)

    def cut(self, tokens: Tokens) -> Tokens:
        """The tokens of the slice, of those of the whole recording."""
        return self._part(tokens, self.first)

    def alone(self, tokens: Tokens) -> Tokens:
        """The tokens of the slice, of those that it has alone: encoders may add a frame at the end."""
        return self._part(tokens, 0)

    def _part(self, tokens: Tokens, first: int) -> Tokens:
        streams = []
        for stream in tokens.streams:
            each = int(stream.rate / self.rate)
            streams.append(replace(stream, codes=stream.codes[first * each : (first + self.frames) * each]))
        return replace(tokens, streams=tuple(streams))


@dataclass(frozen=True)
class Sliced(Condition):
    """A part of the recording alone, cut at the rate of the codec, so that it begins with a frame.

    Attributes:
        rate: Of the codec's input in Hz.
        part: Which.
    """

    name = "slice"
    takes = "no value"
    low = high = 0.0
    value: float = 0.0
    rate: int = 16_000
    part: Slice = field(default_factory=lambda: Slice(0, 1, Fraction(50)))

    @property
    def note(self) -> str:
        """What was done."""
        return "a part of the recording alone"

    def _bounds(self) -> tuple[int, int]:
        """First sample and end.

        Raises:
            NotScorable: A frame is no whole number of samples.
        """
        hop = self.rate / self.part.rate
        if hop.denominator > 1:
            raise NotScorable("its frames are no whole number of samples", Status.UNDEFINED)
        return self.part.first * int(hop), (self.part.first + self.part.frames) * int(hop)

    def address(self, item: Item) -> str:
        """Content address of the samples."""
        start, stop = self._bounds()
        return address(slice_of=item.digest, rate=self.rate, start=start, stop=stop, resampler=RESAMPLER)

    def pieces(self, item: Item, read: Read) -> list[Piece]:
        """The part."""
        start, stop = self._bounds()

        def part() -> Audio:
            return Audio(resample(read(item), self.rate).samples[start:stop].copy(), self.rate)

        return [Piece(self.address(item), part)]


SLICE = 0.2
"""Share of a recording that is encoded alone (arXiv 2409.19283)."""

SHIFT = Shifted(1.0)
QUIETER = Gain(-6.0)
NOISY = AdditiveNoise(10.0)
FASTER = Faster(1.1)
CHANGES = {
    "reencode": "decoded audio encoded again",
    "shift": "the recording 1 ms later",
    "gain": "the recording 6 dB quieter",
    "noise": "the recording with speech-shaped noise at 10 dB",
    "speed": "the recording 10 % faster, its pitch with it",
    "slice": "a fifth of the recording, whole frames from a random place, encoded alone",
}
"""What is done to the audio, by the name of the variant."""

BY_POSITION = ("reencode", "shift", "gain", "noise", "slice")
"""Changes after which a token can be compared with that at its place."""

BY_EDITS = ("shift", "gain", "noise", "speed")
"""Changes whose sequences are compared by the edits that turn one into the other."""


def edits(tokens: Tokens, other: Tokens) -> tuple[IntArray, IntArray]:
    """Levenshtein distances of the sequences of the same codebooks, and lengths of the first ones, `[codebooks]` each.

    Summed over a corpus, their ratio is the unit edit distance (Gat et al., arXiv 2209.15483), here of sequences as
    they are: a token that is repeated counts each time.

    Raises:
        ValueError: The codebooks differ in number.
    """
    pairs = [(a.codes.tolist(), b.codes.tolist()) for a, b in zip(tokens.streams, other.streams, strict=True)]
    distances = [Levenshtein.distance(one, two) for one, two in pairs]
    return np.array(distances, np.int64), np.array([len(one) for one, _ in pairs], np.int64)


def equal_tokens(tokens: Tokens, other: Tokens) -> tuple[IntArray, IntArray]:
    """How many tokens from the same codebooks are the same at the same place, and how many there are.

    Returns:
        int64 `[codebooks]` each. A token that only one of the two has is not equal.

    Raises:
        ValueError: The codebooks differ in number.
    """
    equal, total = [], []
    for a, b in zip(tokens.streams, other.streams, strict=True):
        shared = min(len(a.codes), len(b.codes))
        equal.append(int((a.codes[:shared] == b.codes[:shared]).sum()))
        total.append(max(len(a.codes), len(b.codes)))
    return np.array(equal, np.int64), np.array(total, np.int64)
