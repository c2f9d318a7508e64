"""Whether tokens stay the same where the audio hardly changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import Audio
from codec_bench.coding.conditions import Alteration, Condition, Gain, Piece
from codec_bench.coding.conditions.condition import Read
from codec_bench.coding.items import Item
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


SHIFT = Shifted(1.0)
QUIETER = Gain(-6.0)
CHANGES = {
    "reencode": "decoded audio encoded again",
    "shift": "the recording 1 ms later",
    "gain": "the recording 6 dB quieter",
}
"""What is done to the audio, by the name of the variant."""


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
