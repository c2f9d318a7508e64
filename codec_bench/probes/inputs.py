"""What probes read: tokens of codecs, what these stand for, hidden layers, and the two rows to compare them with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.books import Books, parse_numbers
from codec_bench.audio import RESAMPLER, Audio, resample
from codec_bench.coding.addresses import kept_for
from codec_bench.coding.dispatch import Dispatcher
from codec_bench.coding.items import Item
from codec_bench.coding.part import PartOfTokens
from codec_bench.coding.rows import Row, describe_reference
from codec_bench.coding.signals import load_recording
from codec_bench.errors import UsageError
from codec_bench.fingerprint import address
from codec_bench.metrics.spectral import slaney_filterbank
from codec_bench.probes.frames import Frames, FrameSource, altered_by
from codec_bench.probes.hidden import hidden_sources
from codec_bench.records import NotScorable, Status
from codec_bench.tokens import Tokens

DEFAULT_LATENTS = ("quantized", "semantic_embedding")
"""What `latents` without a name takes, the first that a codec has; otherwise its only one."""


@dataclass(frozen=True)
class Encoded:
    """An utterance that is to be encoded, as `coding.dispatch.Task` has it."""

    item: Item


class TokenFrames(FrameSource):
    """The tokens of a system, or of some of its codebooks; slower ones are repeated to the rate of the fastest.

    Raises:
        UsageError: It has no such codebooks.
    """

    def __init__(self, row: Row, coding: Dispatcher, books: Books | None = None) -> None:
        self.part = PartOfTokens(row, books)
        super().__init__(self.part.label, self._address("tokens"))
        self._coding = coding

    def _address(self, kind: str, **more: Any) -> str:
        """Content address of what decides the frames of a kind."""
        part = {"books": self.part.books.text} if self.part.books else {}
        return address(**{kind: self.part.row.fingerprint}, **part, **more, **kept_for(self.part.row.source))

    def describe(self) -> dict[str, Any]:
        """The row as `run.json` keeps it."""
        return self.part.describe()

    def code(self, item: Item) -> Tokens:
        """The tokens of an utterance, cut to the codebooks of the row.

        Raises:
            UsageError: The codec sends no tokens.
            NotScorable: Coding failed.
        """
        codes = self._coding.codes(self.part.row, item)
        if not codes:
            raise UsageError(f"{self.label} is audio that exists already: a probe needs a codec")
        try:
            return self.part.of(codes[0])
        except UsageError as error:
            raise UsageError(f"{self.label} cannot be probed: {error}") from error

    def frames(self, item: Item) -> Frames:
        """The token indices, `[frames, codebooks]`."""
        tokens = self.code(item)
        values, rate = aligned(tokens)
        return Frames(values, rate, tuple(stream.codebook.size for stream in tokens.streams))

    def prepared(self, items: Iterable[Item]) -> Iterator[tuple[Item, NotScorable | None]]:
        """Each utterance when it is encoded: others are, while its frames are made and kept."""
        for one, problem in self._coding.coded(self.part.row, map(Encoded, items), decode=False):
            yield one.item, problem


class LatentFrames(TokenFrames):
    """The numbers that a codec's tokens stand for.

    Those of `Codec.latents` with this name, the main ones where it is empty, or with `each` those of all codebooks, or
    of some, joined side by side.
    """

    def __init__(self, row: Row, coding: Dispatcher, name: str, each: bool, books: Books | None = None) -> None:
        super().__init__(row, coding, books)
        self.fingerprint = self._address("latents", name=name, each=each)
        self._name = name
        self._each = each

    def frames(self, item: Item) -> Frames:
        """The vectors, `[frames, dimension]`."""
        codes = self._coding.codes(self.part.row, item)
        if not codes or not isinstance(codes[0], Tokens):
            raise UsageError(f"{self.label} has no codebooks, so no latents: use --input tokens")
        tokens = codes[0]
        parts = dict(self._coding.latents(self.part.row, item))
        chosen = [parts[name] for name in self._chosen(list(parts), len(tokens.streams))]
        length = max(len(part) for part in chosen)
        at = [np.arange(length) * len(part) // length for part in chosen]  # slower ones are repeated
        joined = np.concatenate([p[i] for p, i in zip(chosen, at, strict=True)], axis=1, dtype=np.float32)
        # What is continuous has no tokens that tell how long they last.
        return Frames(joined, length / tokens.seconds if tokens.streams else self.part.row.spec.frame_rate or 0.0)

    def _chosen(self, names: list[str], count: int) -> list[str]:
        books = [name for name in names if name.startswith("codebook_")]
        if self.part.books is not None:
            wanted = [f"codebook_{i}" for i in self.part.numbers(count)]
            if missing := [name for name in wanted if name not in books]:
                raise UsageError(f"{self.label} has no vectors of {missing[0]} alone; it has {', '.join(names)}")
            return wanted
        if self._each and books:
            return books
        if self._name and self._name not in names:
            raise UsageError(f"{self.label} has no latents {self._name!r}; it has {', '.join(names)}")
        main = [self._name] if self._name else [name for name in DEFAULT_LATENTS if name in names][:1]
        if not main and len(names) != 1:
            raise UsageError(f"{self.label} has several latents: choose with --input latents:NAME ({', '.join(names)})")
        return main or names


class LogMel(FrameSource):
    """The ceiling: 80 mel bands of the recording itself, every 10 ms.

    Power spectrum of 25 ms Hann windows at 16 kHz, Slaney bands, log10, at most 8 (80 dB) below the loudest. Nothing is
    normalised by the utterance: its level and its mean spectrum, which codecs keep, tell emotions and sounds apart. As
    all continuous frames, bands are standardised by the training part.

    Args:
        row: Under which condition the recording is altered; by default it is not.
        coding: What alters it.
    """

    RATE, HOP, WINDOW, FFT, BANDS = 16_000, 160, 400, 512, 80

    def __init__(self, row: Row | None = None, coding: Dispatcher | None = None) -> None:
        mel = [self.RATE, self.HOP, self.WINDOW, self.FFT, self.BANDS, 2]
        super().__init__("log-mel", address(logmel=mel, resampler=RESAMPLER, **altered_by(row)))
        self._row = row
        self._coding = coding

    def frames(self, item: Item) -> Frames:
        """`[frames, 80]`."""
        if self._row is None or self._coding is None:
            audio = load_recording(item)
        else:
            audio = self._coding.reconstructor.heard(self._row, item)
        audio.check(item.utterance.id)
        return Frames(self.spectrogram(audio), self.RATE / self.HOP)

    def describe(self) -> dict[str, Any]:
        """The row as `run.json` keeps it."""
        return _baseline(self, "Log-mel spectrogram", "ceiling: 80 log-mel bands of the recording")

    @classmethod
    def spectrogram(cls, audio: Audio) -> NDArray[np.float32]:
        """The log-mel spectrogram `[frames, 80]` of a recording; frame `t` is centred on sample `160 t`."""
        samples = resample(audio, cls.RATE).samples.astype(np.float64)
        padded = np.pad(samples, (cls.FFT // 2, cls.FFT // 2))
        count = max(1, -(-len(samples) // cls.HOP))
        starts = np.arange(count) * cls.HOP
        window = np.zeros(cls.FFT)
        edge = (cls.FFT - cls.WINDOW) // 2
        window[edge : edge + cls.WINDOW] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(cls.WINDOW) / cls.WINDOW)
        blocks = np.lib.stride_tricks.sliding_window_view(np.pad(padded, (0, cls.FFT)), cls.FFT)[starts]
        power = np.abs(np.fft.rfft(blocks * window, axis=1)) ** 2
        mel = np.log10(np.maximum(power @ slaney_filterbank(cls.RATE, cls.FFT, cls.BANDS).T, 1e-10))
        return np.asarray(np.maximum(mel, mel.max() - 8), np.float32)


class RandomTokens(FrameSource):
    """The floor: tokens drawn uniformly, with the codebooks, the rate and the lengths of a system."""

    def __init__(self, like: TokenFrames, seed: int) -> None:
        super().__init__("random-tokens", address(random=like.fingerprint, seed=seed))
        self._like = like
        self._seed = [seed, *(byte for text in altered_by(like.part.row).values() for byte in bytes.fromhex(text))]

    def frames(self, item: Item) -> Frames:
        """Uniform indices, `[frames, codebooks]`."""
        like = TokenFrames.frames(self._like, item)
        generator = np.random.default_rng([*self._seed, *bytes.fromhex(item.digest)])
        drawn = np.stack([generator.integers(0, size, len(like.values)) for size in like.sizes], axis=1)
        return Frames(np.asarray(drawn, np.int64), like.rate, like.sizes)

    def prepared(self, items: Iterable[Item]) -> Iterator[tuple[Item, NotScorable | None]]:
        """Each utterance when the system whose tokens these are like has encoded it."""
        return self._like.prepared(items)

    def describe(self) -> dict[str, Any]:
        """The row as `run.json` keeps it."""
        return _baseline(self, "Random tokens", "floor: uniform tokens, shaped as the first system's")


def _baseline(source: FrameSource, title: str, note: str) -> dict[str, Any]:
    """A row that is not a codec, as `run.json` keeps it."""
    return describe_reference(source.label, title, source.fingerprint, note) | {
        "input_rate": LogMel.RATE,
        "output_rate": LogMel.RATE,
        "delay_samples": 0,
        "parameters": None,
        "causal": None,
        "streaming": None,
        "licence": "",
        "source": "",
    }


def aligned(tokens: Tokens) -> tuple[NDArray[np.int64], float]:
    """All codebooks at the rate of the fastest; tokens of slower ones are repeated for as long as they last.

    Returns:
        int64 `[frames, codebooks]`, and the frames per second.

    >>> from codec_bench.tokens import Codebook, Stream
    >>> slow = Stream(np.array([7, 8]), Codebook(16, 640), Fraction(25))
    >>> fast = Stream(np.array([1, 2, 3]), Codebook(16, 320), Fraction(50))
    >>> aligned(Tokens((slow, fast)))[0].T.tolist()
    [[7, 7, 8], [1, 2, 3]]
    """
    fastest = max(tokens.streams, key=lambda stream: stream.rate)
    length = len(fastest.codes)
    if not length:
        raise NotScorable("the codec sends no tokens for this recording", Status.EMPTY)
    columns = []
    for stream in tokens.streams:
        if not len(stream.codes):
            raise NotScorable("one of the codebooks has no tokens for this recording", Status.EMPTY)
        ratio = Fraction(stream.rate) / fastest.rate
        index = (np.arange(length) * ratio.numerator) // ratio.denominator
        columns.append(stream.codes[np.minimum(index, len(stream.codes) - 1)])
    return np.stack(columns, axis=1), float(fastest.rate)


def all_sources(rows: Sequence[Row], kind: str, name: str, coding: Dispatcher, seed: int) -> list[FrameSource]:
    """What gives the frames of the two rows that are always there, and of each other row of the table; as `sources_of`.

    Random tokens are shaped as those of the first row, and drawn from `seed`.
    """
    of_systems = sources_of(rows, kind, name, coding)
    books = of_systems[0].part.books if isinstance(of_systems[0], TokenFrames) else None
    like = TokenFrames(rows[0], coding, books)
    return [LogMel(rows[0], coding), RandomTokens(like, seed), *of_systems]


def sources_of(rows: Sequence[Row], kind: str, name: str, coding: Dispatcher) -> list[FrameSource]:
    """What gives the frames of each row of the table, from the two parts of `--input`.

    Raises:
        UsageError: A codec has no such codebooks or layers.
    """
    if kind == "hidden":
        layers = parse_numbers(name) if name else ()
        return [source for row in rows for source in hidden_sources(row, layers, coding)]
    if kind == "latents":
        return [LatentFrames(row, coding, name, each=False) for row in rows]
    books = Books(name) if name else None
    if kind == "embeddings":
        return [LatentFrames(row, coding, "", each=True, books=books) for row in rows]
    return [TokenFrames(row, coding, books) for row in rows]
