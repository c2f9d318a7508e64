"""Decodes codes that go through something before: see `conditions.channel`, whose steps are done here."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.books import Books
from codec_bench.adapters.codec import Codec
from codec_bench.adapters.streams import decoded_in_pieces
from codec_bench.audio import Audio
from codec_bench.coding import libopus
from codec_bench.coding.conditions.channel import Step, lost_packets, random_of
from codec_bench.errors import CodecError
from codec_bench.records import NotScorable
from codec_bench.tokens import Bitstream, Code, Tokens

Mask = NDArray[np.bool_]
CHANNEL = "channel_"
"""In front of the names of `Passage.facts` where decoded audio is kept."""


@dataclass
class Passage:
    """A code on its way through steps.

    Attributes:
        codec: Decodes it; loaded.
        codebooks: How many are decoded; None for the codec's own setting.
        facts: What happened to it, in numbers.
        aside: Seconds of wall time that went into something else than the decoding that the audio is of: earlier
            generations, and what pieces are held against.
    """

    codec: Codec
    codebooks: int | None
    facts: dict[str, float] = field(default_factory=dict)
    aside: float = 0.0
    _packet: Fraction = Fraction(0)

    def audio(self, code: Code, steps: Sequence[Step]) -> Audio:
        """Decodes a code after all steps, the first one first.

        Raises:
            NotScorable: The codec has nothing that a step could be done to.
            CodecError: It fails.
        """
        code = code.prefix(self.codebooks)
        lost: Mask | None = None
        for step in steps:
            if step["kind"] == "repeat":
                return self._generations(code, step["times"])
            if step["kind"] == "chunk":
                return self._in_pieces(code, step["milliseconds"] / 1000)
            if step["kind"] == "loss":
                again = self._lost(code, step)
                lost = again if lost is None else lost | again
            else:
                code = _STEPS[step["kind"]](self, code, step)
        changed = isinstance(code, Bitstream) and any(step["kind"] in ("flip", "token-noise") for step in steps)
        if lost is None and not changed:
            return self._decoded(code)
        return self._concealed(code, lost)

    def _decoded(self, code: Code) -> Audio:
        wanted = len(code.streams) if isinstance(code, Tokens) and self.codec.spec.codebooks else None
        return self.codec.decode(code, wanted)

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """What is done in it is no part of decoding."""
        started = time.perf_counter()
        yield
        self.aside += time.perf_counter() - started

    # --- steps ---------------------------------------------------------------------------------------------------

    def _generations(self, code: Code, times: int) -> Audio:
        first = before = code
        level: float | None = None
        with self._aside():
            for number in range(times - 1):
                made = self._decoded(code)
                level = made.level_db if not number else level
                before, code = code, self.codec.encode(made).prefix(self.codebooks)
        audio = self._decoded(code)
        if times > 1:
            self.facts |= {"equal_to_first": equal_share(first, code), "equal_to_previous": equal_share(before, code)}
            if level is not None and audio.level_db is not None:
                self.facts["level_drift_db"] = round(audio.level_db - level, 6)
            if isinstance(first, Tokens) and isinstance(code, Tokens):
                self.facts |= {"entropy_of_first": entropy(first), "entropy_of_last": entropy(code)}
        return audio

    def _in_pieces(self, code: Code, seconds: float) -> Audio:
        """Times are those of when it was decoded, as `decode_seconds` is."""
        made = decoded_in_pieces(self.codec, code, seconds)
        with self._aside():
            off = np.abs(made.audio.samples - self._decoded(code).samples).max(initial=0)
        factors = [took / made.piece for took in made.compute] or [0.0]
        self.facts |= {
            "pieces": len(made.compute),
            "piece_ms": round(1000 * made.piece, 3),
            "largest_difference": float(off),
            "first_samples_ms": round(1000 * made.first, 3),
            "piece_rtf": round(float(np.median(factors)), 6),
            "slowest_piece_rtf": round(max(factors), 6),
        }
        return made.audio

    def _noise(self, code: Code, step: Step) -> Code:
        random = random_of(step)
        if isinstance(code, Bitstream):
            if step["books"]:
                raise NotScorable(f"{self.codec.name} sends packets: it has no codebooks {step['books']}")
            found = np.frombuffer(b"".join(code.packets), np.uint8)
            noisy = _substituted(found.astype(np.int64), 256, step["share"], random)
            self._changed(found != noisy)
            return replace(code, packets=_cut(noisy.astype(np.uint8).tobytes(), code.packets))
        count = len(code.streams)
        named = Books(step["books"]) if step["books"] else None
        books = named.of(count, self.codec.spec.semantic_codebooks, self.codec.name) if named else range(count)
        streams = list(code.streams)
        for i, stream in enumerate(streams):  # each draws, so that what is drawn for one depends on no choice
            noisy = _substituted(stream.codes, stream.codebook.size, step["share"], random)
            if i in books:
                streams[i] = replace(stream, codes=noisy)
        self._changed(np.concatenate([a.codes != b.codes for a, b in zip(code.streams, streams, strict=True)]))
        return replace(code, streams=tuple(streams))

    def _keep(self, code: Code, step: Step) -> Code:
        count = len(code.streams) if isinstance(code, Tokens) else 0
        if step["books"] > count:
            raise NotScorable(f"{self.codec.name} has {count} codebooks here: {step['books']} cannot be kept")
        return code.prefix(step["books"])

    def _flip(self, code: Code, step: Step) -> Code:
        random = random_of(step)
        if isinstance(code, Bitstream):
            payload, framing = code.bits / max(1, len(code.packets)), list(self.codec.framing_bits)
            is_fixed = len({len(packet) for packet in code.packets}) == 1
            packets = []
            flipped = 0
            for packet in code.packets:
                bits = np.unpackbits(np.frombuffer(packet, np.uint8))
                wrong = random.random(len(bits)) < step["rate"]
                wrong[framing] = False
                if is_fixed:
                    wrong[math.ceil(payload) + len(framing) :] = False  # what fills the last byte is no payload
                flipped += int(wrong.sum())
                packets.append(np.packbits(bits ^ wrong).tobytes())
            self.facts["flipped_bits"] = flipped
            return replace(code, packets=tuple(packets))
        streams = []
        flipped = 0
        for stream in code.streams:
            width = (stream.codebook.size - 1).bit_length()
            wrong = random.random((len(stream.codes), width)) < step["rate"]
            flipped += int(wrong.sum())
            mask = wrong.astype(np.int64) @ (1 << np.arange(width, dtype=np.int64)[::-1])
            codes = np.minimum(stream.codes ^ mask, stream.codebook.size - 1)
            streams.append(replace(stream, codes=codes))
        self.facts["flipped_bits"] = flipped
        return replace(code, streams=tuple(streams))

    def _lost(self, code: Code, step: Step) -> Mask:
        """Which packets are lost: of a bitstream its own ones, else of tokens."""
        if isinstance(code, Bitstream):
            lasting = 1000 * code.seconds / max(1, len(code.packets))
            together = max(1, math.ceil(step["milliseconds"] / lasting - 1e-6))
            groups = -(-len(code.packets) // together)
            lost = np.repeat(lost_packets(step, groups), together)[: len(code.packets)]
        else:
            self._packet = packet_seconds(code, step["milliseconds"])
            lasting, together = 1000 * float(self._packet), 1
            lost = lost_packets(step, math.ceil(round(code.seconds / float(self._packet), 6)))
        self.facts |= {"packet_ms": round(lasting * together, 3)} | loss_facts(lost[::together])
        return lost

    # --- what is lost ----------------------------------------------------------------------------------------------

    def _concealed(self, code: Code, lost: Mask | None) -> Audio:
        if isinstance(code, Tokens):
            assert lost is not None, "changed tokens are tokens"
            self.facts["conceals_itself"] = 0
            return self._decoded(repeated_tokens(code, lost, self._packet))
        gone = np.zeros(len(code.packets), bool) if lost is None else lost
        if libopus.conceals(self.codec):
            audio, undecodable = libopus.decoded(self.codec, code, gone)
            self.facts |= {"conceals_itself": 1, "undecodable_packets": undecodable}
            return audio
        self.facts["conceals_itself"] = 0
        try:
            return self._decoded(repeated_packets(code, gone))
        except CodecError:
            broken = np.array([not here and not self._is_decodable(code, i) for i, here in enumerate(gone)], bool)
            if not broken.any() or (gone | broken).all():
                raise
        self.facts["undecodable_packets"] = int(broken.sum())
        return self._decoded(repeated_packets(code, gone | broken))

    def _is_decodable(self, code: Bitstream, place: int) -> bool:
        """Whether the decoder takes a packet, twice so that it has something to put out."""
        count = len(code.packets)
        part = replace(
            code, packets=(code.packets[place],) * 2, bits=2 * code.bits // count, seconds=2 * code.seconds / count,
            samples=max(1, code.samples // count),
        )  # fmt: skip
        try:
            self.codec.decode(part)
        except CodecError:
            return False
        return True

    def _changed(self, changed: Mask) -> None:
        self.facts["changed_tokens"] = round(float(changed.mean()), 6) if changed.size else 0.0


_STEPS: dict[str, Callable[[Passage, Code, Step], Code]] = {
    "token-noise": Passage._noise,
    "keep": Passage._keep,
    "flip": Passage._flip,
}


def _substituted(codes: NDArray[np.int64], size: int, share: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Codes of which a share are others; what is wrong at a small share is so, in the same way, at a larger one."""
    numbers, steps = random.random(len(codes)), random.integers(1, max(2, size), len(codes))
    return np.where(numbers < share, (codes + steps) % size, codes)


def _cut(payload: bytes, like: Sequence[bytes]) -> tuple[bytes, ...]:
    """Bytes as packets of the lengths of others."""
    ends = np.cumsum([len(packet) for packet in like]).tolist()
    return tuple(payload[start:end] for start, end in zip([0, *ends][:-1], ends, strict=True))


def equal_share(one: Code, other: Code) -> float:
    """Which part of two codes is the same: of tokens by position, mean over codebooks; of packets whole ones."""
    if isinstance(one, Bitstream) or isinstance(other, Bitstream):
        parts = [(list(getattr(one, "packets", ())), list(getattr(other, "packets", ())))]
    else:
        parts = [(a.codes.tolist(), b.codes.tolist()) for a, b in zip(one.streams, other.streams, strict=True)]
    shares = [sum(a == b for a, b in zip(x, y, strict=False)) / max(len(x), len(y), 1) for x, y in parts]
    return round(sum(shares) / len(shares), 6) if shares else 1.0


def entropy(code: Tokens) -> float:
    """Entropy of single tokens by their frequency in one code, in bits per token, mean over codebooks.

    As no codebook is larger than the code is long, it is less than that of a corpus, and only to be compared with that
    of a code of the same length.
    """
    found = []
    for stream in code.streams:
        shares = np.unique(stream.codes, return_counts=True)[1] / max(1, len(stream.codes))
        found.append(float(-(shares * np.log2(shares)).sum()))
    return round(sum(found) / len(found), 6)


def loss_facts(lost: Mask) -> dict[str, float]:
    """Realised loss: packets, of these lost ones, and bursts."""
    starts = int(lost[:1].sum() + (lost[1:] & ~lost[:-1]).sum())
    return {"packets": len(lost), "lost_packets": int(lost.sum()), "bursts": starts}


def packet_seconds(code: Tokens, milliseconds: float) -> Fraction:
    """How long a packet of tokens lasts: at least so many milliseconds, and whole frames of every codebook."""
    wanted = Fraction(milliseconds).limit_denominator(1_000_000) / 1000
    rates = [stream.rate for stream in code.streams]
    slowest = 1 / min(rates)
    return slowest * math.ceil(wanted / slowest)


def repeated_packets(code: Bitstream, lost: Mask) -> Bitstream:
    """A bitstream whose lost packets are the last one before that arrived, or the first that did."""
    packets = code.packets
    return replace(code, packets=tuple(packets[i] for i in _last_arrived(lost)))


def repeated_tokens(code: Tokens, lost: Mask, packet: Fraction) -> Tokens:
    """The same of tokens in packets of so many seconds; a shorter packet at the end repeats what it has room for."""
    sources = _last_arrived(lost)
    streams = []
    for stream in code.streams:
        per_packet = packet * stream.rate
        starts = [math.ceil(i * per_packet) for i in range(len(lost) + 1)]
        codes = stream.codes.copy()
        for i, source in enumerate(sources):
            first, end = starts[i], min(starts[i + 1], len(codes))
            if source != i and first < end:
                had = stream.codes[starts[source] : starts[source + 1]]
                codes[first:end] = np.resize(had, end - first) if len(had) else codes[first:end]
        streams.append(replace(stream, codes=codes))
    return replace(code, streams=tuple(streams))


def _last_arrived(lost: Mask) -> list[int]:
    """For each packet which one is decoded in its place."""
    arrived = np.flatnonzero(~lost)
    if not len(arrived):
        raise NotScorable("all packets are lost")
    last = np.searchsorted(arrived, np.arange(len(lost)), side="right") - 1
    return [int(place) for place in arrived[np.maximum(last, 0)]]
