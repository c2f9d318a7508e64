"""What happens to a code between encoder and decoder: several generations, lost packets, flipped bits, wrong tokens.

A condition of this kind leaves the recording alone and shares the code of the clean row. It says what is done to the
code as a *step*: plain data that reaches the process that decodes, where `coding.passage` does it. The steps are part
of the address of the decoded audio.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from codec_bench.adapters.books import Books
from codec_bench.coding.conditions.condition import Condition, Piece, Read
from codec_bench.errors import UsageError
from codec_bench.files import digest, read_file
from codec_bench.fingerprint import address

if TYPE_CHECKING:
    from codec_bench.coding.items import Item

Step = Mapping[str, Any]
"""A step as it is sent: `kind`, `version`, what it takes, and `draw`, what chance is seeded with."""

PACKET_MS = 20.0
"""How long a packet of tokens lasts where nothing else is said."""


@dataclass(frozen=True)
class Channel(Condition):
    """A condition of the code.

    Attributes:
        details: What is written behind the value, after a colon.
        seed: Seed of the run.
    """

    details: str = ""
    seed: int = 0
    takes_details: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Raises a `UsageError` for details that it does not take."""
        if self.details and not self.takes_details:
            raise UsageError(f"condition {self.name} takes a value alone, not {self.details!r} behind it")

    @property
    def label(self) -> str:
        """`loss@10:2`."""
        return super().label + (f":{self.details}" if self.details else "")

    def _parts(self) -> dict[str, Any]:
        return {"details": self.details, "seed": self.seed}

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """What the step takes."""

    def step(self, recording: str) -> Step:
        """What is done to the code of a recording; of all values of a kind, chance draws the same for it."""
        draw = address(draw=self.name, seed=self.seed, recording=recording)
        return {"kind": self.name, "version": self.version, "draw": draw, **self._settings()}

    def address(self, item: Item) -> str:
        """Where the decoded audio is: that of the one piece."""
        return Piece.place_of(item.digest, (self.step(item.digest),))

    def pieces(self, item: Item, read: Read) -> list[Piece]:
        """The recording, whose code takes one step."""
        return [Piece(item.digest, lambda: read(item), (self.step(item.digest),))]


def heard_under(label: str) -> str:
    """What of the label of a condition decides what is encoded, all but what happens to the code afterwards.

    >>> heard_under("noise@10+loss@5:2"), heard_under("repeat@3")
    ('noise@10', '')
    """
    of_code = {kind.name for kind in (Repeat, TokenNoise, Keep, Chunk, Flip, Loss)}
    return "+".join(part for part in label.split("+") if part.partition("@")[0] not in of_code)


class Repeat(Channel):
    """`repeat@N`: N generations: what is decoded is encoded and decoded again, N times in all."""

    name = "repeat"
    takes = "a whole number of generations"
    low = 1.0
    high = 100.0

    @property
    def note(self) -> str:
        """What was done."""
        return f"encoded and decoded {self.value:g} times in a row"

    def _settings(self) -> dict[str, Any]:
        return {"times": int(self.value)}


class TokenNoise(Channel):
    """`token-noise@P[:BOOKS]`: each token is with P percent another one of its codebook, all others equally likely.

    Of a codec that sends packets, each byte is a token.
    """

    name = "token-noise"
    takes = "a percentage of tokens"
    low = 0.0
    high = 100.0
    takes_details = "codebooks"

    def __post_init__(self) -> None:
        """Raises a `UsageError` for what names no codebooks."""
        if self.details:
            Books(self.details)

    @property
    def note(self) -> str:
        """What was done."""
        where = f" of codebooks {self.details}" if self.details else ""
        return f"{self.value:g} % of the tokens{where} (of packets: of their bytes) replaced by others at random"

    def unfit(self, codebooks: int, semantic: Sequence[int], streams: bool = True) -> str:
        """It has no such codebooks, or none that could be named."""
        if not self.details:
            return ""
        if not codebooks:
            return f"it sends packets and has no codebooks {self.details}"
        try:
            Books(self.details).of(codebooks, semantic, "it")
        except UsageError as error:
            return str(error)
        return ""

    def _settings(self) -> dict[str, Any]:
        return {"share": self.value / 100, "books": self.details}


class Keep(Channel):
    """`keep@K`: only the first K codebooks arrive."""

    name = "keep"
    takes = "a whole number of codebooks"
    low = 1.0
    high = 1000.0

    @property
    def note(self) -> str:
        """What was done."""
        return f"the first {self.value:g} codebooks alone were decoded; the bitrate is that of all"

    def unfit(self, codebooks: int, semantic: Sequence[int], streams: bool = True) -> str:
        """It has fewer codebooks."""
        return "" if self.value <= codebooks else f"it has {codebooks or 'no'} codebooks, not {self.value:g}"

    def _settings(self) -> dict[str, Any]:
        return {"books": int(self.value)}


class Chunk(Channel):
    """`chunk@MS`: the tokens are decoded as a stream, in pieces of MS milliseconds and at least a frame.

    A codec that states that it streams gives what it gives of the whole recording.
    """

    name = "chunk"
    takes = "milliseconds"
    low = 1.0
    high = 60_000.0

    @property
    def note(self) -> str:
        """What was done."""
        return f"decoded as a stream, in pieces of {self.value:g} ms and at least a frame"

    def unfit(self, codebooks: int, semantic: Sequence[int], streams: bool = True) -> str:
        """Its adapter decodes no streams, or none of packets."""
        if not streams:
            return "its adapter decodes whole recordings, not streams"
        return "" if codebooks else "it sends packets, and only tokens are decoded in pieces"

    def _settings(self) -> dict[str, Any]:
        return {"milliseconds": self.value}


class Flip(Channel):
    """`flip@BER`: each payload bit is wrong with this probability.

    Tokens are written as binary numbers of as many bits as their codebook needs; what lies beyond its last entry is
    that entry. Of packets that carry fewer bits than their bytes hold, the first ones are the payload, after those that
    an adapter calls `framing_bits`. What cannot be decoded then is lost, and concealed as under `loss`.
    """

    name = "flip"
    version = 2  # 1 flipped the bits in front of AMR's, GSM's and G.723.1's payload
    takes = "a bit error rate"
    low = 0.0
    high = 0.5

    @property
    def note(self) -> str:
        """What was done."""
        return f"payload bits flipped with probability {self.value:g}; packets that cannot be decoded then are lost"

    def _settings(self) -> dict[str, Any]:
        return {"rate": self.value}


@dataclass(frozen=True)
class Loss(Channel):
    """`loss@P[:BURST][:MS]`: P percent of the packets are lost, in bursts of BURST packets on average.

    The losses are those of a Markov chain of two states that loses everything in one of them and nothing in the other
    (Gilbert 1960); without BURST they are independent. A packet is one of the codec's, or of MS milliseconds, 20 by
    default, and at least one frame of every codebook. It is concealed by the codec itself where that can be asked
    (Opus, through libopus), else by the tokens of the last packet that arrived.

    Attributes:
        trace: Losses of a file in the place of drawn ones; `1` is lost.
    """

    name = "loss"
    takes = "a percentage of packets"
    low = 0.0
    high = 90.0
    default = 10.0
    takes_details = "a burst, and milliseconds"
    trace: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Raises a `UsageError` for details that are no burst and no duration, or that no chain has."""
        if not re.fullmatch(r"(\d+(\.\d+)?)?(:\d+(\.\d+)?)?", self.details) or self.details.endswith(":"):
            raise UsageError(f"loss takes P[:BURST][:MS], e.g. 10:2 or 10:2:40, not {self.value:g}:{self.details}")
        if not self.trace:
            gilbert(self.value / 100, self._burst)
        if self._milliseconds <= 0:
            raise UsageError("a packet of loss lasts more than 0 ms")

    def _parts(self) -> dict[str, Any]:
        return super()._parts() | {"trace_sha256": digest(self.trace.encode()) if self.trace else None}

    @property
    def _burst(self) -> float | None:
        burst = self.details.partition(":")[0]
        return float(burst) if burst else None

    @property
    def _milliseconds(self) -> float:
        return float(self.details.partition(":")[2] or PACKET_MS)

    @property
    def label(self) -> str:
        """`loss@10:2`; `loss[12 characters of its digest]` with a trace."""
        return f"{self.name}[{digest(self.trace.encode())[:12]}]" if self.trace else super().label

    @property
    def note(self) -> str:
        """What was done."""
        if self.trace:
            which = f"packets lost as in a trace of {len(self.trace)}, from a place of each recording's own"
        else:
            bursts = "independently" if self._burst is None else f"in bursts of {self._burst:g} on average"
            which = f"{self.value:g} % of the packets lost, {bursts}"
        return f"{which}; concealed by the codec itself where it can, else by the last packet"

    def _settings(self) -> dict[str, Any]:
        chances = (
            {"trace": self.trace}
            if self.trace
            else dict(zip(("to_bad", "to_good", "share"), gilbert(self.value / 100, self._burst), strict=True))
        )
        return {"milliseconds": self._milliseconds, **chances}


def gilbert(share: float, burst: float | None) -> tuple[float, float, float]:
    """Chances of going from good to bad and from bad to good, and of beginning in bad.

    Args:
        share: Of the packets that are lost.
        burst: Mean number of packets that are lost in a row; None for independent losses.

    Raises:
        UsageError: No chain has so short bursts at this rate, or a burst is shorter than a packet.

    >>> [round(chance, 6) for chance in gilbert(0.2, 3)]
    [0.083333, 0.333333, 0.2]
    """
    mean = 1 / (1 - share) if burst is None else burst
    to_bad = share / (1 - share) / mean if mean else 2.0
    if mean < 1 or to_bad > 1:
        raise UsageError(f"no losses of {100 * share:g} % have bursts of {mean:g} packets on average: take longer ones")
    return to_bad, 1 / mean, share


def read_trace(path: Path) -> str:
    """A loss trace: 0 or 1 per line, 1 is lost, as Opus's generator and ITU-T G.191 write them.

    Raises:
        UsageError: It cannot be read, or holds something else.
    """
    try:
        text = read_file(path).decode("ascii", "replace")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    found = "".join(text.split())
    if not found or set(found) - {"0", "1"}:
        raise UsageError(f"{path} is no loss trace: it holds something else than 0 and 1")
    return found


def random_of(step: Step) -> np.random.Generator:
    """What a step draws from: PCG64, seeded with its `draw`."""
    return np.random.Generator(np.random.PCG64(int(step["draw"], 16)))


def lost_packets(step: Step, count: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which of the packets are lost, `[count]`.

    One number is drawn for each packet, whatever the chances are, so that at one burst length what is lost at a low
    rate is lost at a higher one.
    """
    random = random_of(step)
    if "trace" in step:
        losses = np.frombuffer(step["trace"].encode(), np.uint8) == ord("1")
        start = int(random.integers(len(losses)))
        return np.take(losses, np.arange(start, start + count), mode="wrap")
    lost = np.zeros(count, bool)
    is_bad = False
    for i, number in enumerate(random.random(count)):
        chance = step["share"] if i == 0 else 1 - step["to_good"] if is_bad else step["to_bad"]
        lost[i] = is_bad = number < chance
    return lost
