"""What every codec does: calls of any rate and length, made of an adapter's for audio at the codec's own rate.

An adapter says in `spec` what the codec is, or in `specs` what it is at each mode, and implements `_encode` and
`_decode`. Resampling, delay, length, prefixes and checks are done around them here, once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.contract import (
    arrays_of,
    books_of,
    check_code,
    check_hidden,
    check_length,
    check_number,
    mono,
    own,
    share_memory,
)
from codec_bench.adapters.fingerprints import HasFingerprint
from codec_bench.audio import Audio, FloatArray, fit, length_at, resample
from codec_bench.errors import CodecError, UsageError
from codec_bench.lending import read_only, unchanged
from codec_bench.tokens import Bitstream, Code, IntArray, Stream, Tokens


class Codec(HasFingerprint, ABC):
    """A codec at one mode.

    What an adapter says of it stands with `HasSettings` (name, spec, modes), `HasRequirements` (modules, weights) and
    `HasFingerprint` (version, packages).

    Class attributes:
        takes_precision: Whether `bf16` and `fp16` may stand behind its setting; to be said of what was tried alone,
            since a quantiser that counts in half precision gives other entries than it found.
        framing_bits: Which bits of a packet are no payload, besides padding at its end; 0 is the highest bit of the
            first byte.

    Args:
        mode: One of the modes (or whatever else `mode_spec` takes); None for a codec that has no modes.
        codebooks: How many codebooks `decode` uses by default; None for all.
    """

    takes_precision: ClassVar[bool] = False
    framing_bits: ClassVar[tuple[int, ...]] = ()

    is_loaded: bool = False
    """Whether `load` was called for a program that goes on using the object."""

    def __init__(self, mode: str | None = None, codebooks: int | None = None) -> None:
        self._shapes: set[str] = set()
        super().__init__(mode, codebooks)

    # --- what an adapter does ----------------------------------------------------------------------------------

    def load(self, device: str = "cpu") -> None:
        """Loads the model; called once before the first `encode` or `decode`.

        Args:
            device: `cpu`, `cuda` or `cuda:1`.

        Raises:
            UnavailableError: An extra or a weight is missing.
        """

    def close(self) -> None:
        """Frees what `load` took."""

    @abstractmethod
    def _encode(self, samples: FloatArray) -> Code:
        """Encodes float32 `[n]`, n >= 1, finite, at `spec.input_rate`. State is that of a new call each time."""

    @abstractmethod
    def _decode(self, code: Code) -> FloatArray:
        """Decodes to float32 `[m]` at `spec.output_rate`, delay and padding included."""

    def _encode_batch(self, batch: Sequence[FloatArray]) -> Sequence[Code]:
        """Encodes several recordings; to be overridden where that is faster, with results equal to single ones."""
        return [self._owned(self._encode(samples)) for samples in batch]

    def _decode_batch(self, batch: Sequence[Code]) -> Sequence[FloatArray]:
        """Decodes several codes; to be overridden where that is faster, with results equal to single ones."""
        return [self._owned(self._decode(code)) for code in batch]

    def hidden_layers(self) -> int:
        """How many hidden layers of its encoder the codec offers; asked before `load`, when its files are there."""
        return 0

    def _hidden(self, samples: FloatArray, layers: Sequence[int]) -> Mapping[int, NDArray[np.float32]]:
        """Outputs of layers of the encoder, `[frames, dimension]` each, at the frame rate of the spec.

        Args:
            samples: As for `_encode`.
            layers: Rising, from 1 to `hidden_layers()`; what the others hold need not be kept.
        """
        raise NotImplementedError(f"{self.name} says that it has hidden layers, and has no `_hidden`")

    def latents(self, tokens: Tokens) -> Mapping[str, NDArray[np.float32]]:
        """Continuous representations of tokens, by name, each `[frames, dimension]`; for probes.

        Raises:
            UsageError: The adapter offers none.
        """
        raise UsageError(f"{self.name} offers no latents")

    # --- what it makes its results with ------------------------------------------------------------------------

    def books(self, code: Code) -> list[IntArray]:
        """The codes of the codebooks that a code has.

        Raises:
            CodecError: It is a bitstream.
        """
        if not isinstance(code, Tokens):
            raise CodecError(f"{self.name} decodes tokens, not a bitstream")
        return [stream.codes for stream in code.streams]

    def stacked_books(self, code: Code) -> IntArray:
        """The codes of codebooks of one rate: `[codebooks, frames]`.

        Raises:
            CodecError: It is a bitstream, or the codebooks differ in length.
        """
        books = self.books(code)
        if len(lengths := {len(book) for book in books}) != 1:
            raise CodecError(f"the codebooks of {self.name} have one length, not {sorted(lengths)}")
        return np.stack(books)

    def tokens(self, codes: IntArray | list[IntArray]) -> Tokens:
        """Tokens from `[codebooks, frames]` codes, or from one array per codebook.

        Raises:
            CodecError: They have another shape, another number of codebooks, or are not integers of their range.
        """
        books = [self._owned(book) for book in books_of(codes, self.spec)]
        return Tokens(tuple(Stream(c, self.spec.codebooks[i], self.spec.token_rate(i)) for i, c in enumerate(books)))

    def bitstream(self, packets: list[bytes], bits: int, header: bytes = b"") -> Bitstream:
        """A bitstream of packets of one frame each, `spec.hop` samples long."""
        if self.spec.hop is None:
            raise ValueError(f"the spec of {self.name} gives no hop")
        return Bitstream(tuple(packets), bits, len(packets) * self.spec.hop / self.spec.input_rate, header=header)

    # --- what users call ---------------------------------------------------------------------------------------

    @final
    def encode(self, audio: Audio) -> Code:
        """Encodes one recording of any rate and length.

        Args:
            audio: Mono audio; resampled to the codec's input rate.

        Returns:
            Tokens or a bitstream that remember the recording's length.

        Raises:
            NotScorable: The audio is empty or holds NaN or infinite samples.
            CodecError: The codec failed.
        """
        samples = self._prepared(audio)
        with self._lending([samples], "encode") as given:
            code = self._encode(given[0])
        return self._checked(code, samples, audio)

    @final
    def encode_batch(self, audios: Sequence[Audio]) -> list[Code]:
        """Encodes recordings of any rates and lengths; the same as `encode` on each, and faster where a codec batches.

        Raises:
            NotScorable: One of them is empty or holds NaN or infinite samples.
            CodecError: The codec failed.
        """
        batch = [self._prepared(audio) for audio in audios]
        with self._lending(batch, "encode") as given:
            codes = self._encode_batch(given)
        check_number(codes, batch, "encode")
        self._check_apart(codes, "encode")
        return [self._checked(*made) for made in zip(codes, batch, audios, strict=True)]

    def _prepared(self, audio: Audio) -> FloatArray:
        """Samples at the codec's rate, with what the delay pushes out at the end."""
        audio.check("the input")
        samples = resample(audio, self.spec.input_rate).samples
        tail = -(-max(self.spec.delay, 0) * self.spec.input_rate // self.spec.output_rate)
        return fit(samples, max(len(samples) + tail, self.spec.min_samples))

    def _checked(self, code: Any, samples: FloatArray, audio: Audio) -> Code:
        """A code that keeps the contract, with the length of its recording."""
        checked = check_code(self._owned(code), self.spec, len(samples), self.codebooks)
        return replace(checked, samples=len(audio), sample_rate=audio.rate)

    @final
    def decode(self, code: Code, codebooks: int | None = None) -> Audio:
        """Decodes to exactly the length of the recording that was encoded, at the codec's output rate.

        Args:
            code: What `encode` returned.
            codebooks: Use only this many codebooks, first ones first; None uses the codec's own setting.

        Raises:
            CodecError: The codec failed, or its output ends early.
        """
        if not self.spec.decodes:
            raise CodecError(f"{self.name} has no decoder")
        part = self._chosen(code, codebooks)
        with self._lending(arrays_of([part]), "decode"):
            decoded = self._decode(part)
        return self.finished(code, part, decoded)

    @final
    def decode_batch(self, codes: Sequence[Code], codebooks: int | None = None) -> list[Audio]:
        """Decodes several recordings; the same as `decode` on each, and faster where a codec batches.

        Raises:
            CodecError: The codec failed, or an output ends early.
        """
        parts = [self._chosen(code, codebooks) for code in codes]
        with self._lending(arrays_of(parts), "decode"):
            decoded = self._decode_batch(parts)
        check_number(decoded, parts, "decode")
        self._check_apart(decoded, "decode")
        return [self.finished(*made) for made in zip(codes, parts, decoded, strict=True)]

    def _chosen(self, code: Code, codebooks: int | None) -> Code:
        """The part of a code that is decoded."""
        wanted = self.codebooks if codebooks is None else codebooks
        if not isinstance(code, Tokens):
            return code.prefix(wanted)
        part = code.prefix(wanted if wanted is None else min(wanted, len(code.streams)))
        if self.spec.codebooks and (reason := self.cannot_decode(len(part.streams))):
            raise CodecError(reason)
        return part

    @final
    def finished(self, code: Code, part: Code, decoded: Any) -> Audio:
        """What `_decode`, or a stream, made of a part of a code: without the delay, at the length of the recording."""
        samples, note = mono(self._owned(decoded))
        if note:
            self._shapes.add(note)
        early = max(-self.spec.delay, 0)
        samples = np.concatenate([np.zeros(early, np.float32), samples[max(self.spec.delay, 0) :]])
        rate = self.spec.output_rate
        length = length_at(code.samples, code.sample_rate, rate)
        check_length(len(samples), length, part.seconds * rate, self.spec)
        return Audio(np.ascontiguousarray(fit(samples, length)), rate)

    @final
    def hidden(self, audio: Audio, layers: Sequence[int] = ()) -> dict[int, NDArray[np.float32]]:
        """What layers of the encoder make of a recording of any rate, in one pass; for probes.

        Args:
            audio: Mono audio; resampled to the codec's input rate.
            layers: From 1 on; the last one where none is named.

        Returns:
            float32 `[frames, dimension]` by layer, at the frame rate of the spec.

        Raises:
            NotScorable: The audio is empty or holds NaN or infinite samples.
            UsageError: There is no such layer.
            CodecError: The codec failed, or returned something else.
        """
        wanted = self.chosen_layers(layers)
        samples = self._prepared(audio)
        with self._lending([samples], "hidden") as given:
            found = self._hidden(given[0], wanted)
        return {layer: check_hidden(self._owned(found.get(layer)), layer, self.spec, len(samples)) for layer in wanted}

    @final
    def chosen_layers(self, layers: Sequence[int]) -> tuple[int, ...]:
        """Hidden layers by number, each once, rising; the last one where none is named.

        Raises:
            UsageError: There is no such layer.
        """
        count = self.hidden_layers()
        if not count:
            raise UsageError(f"{self.name} offers no hidden layers")
        wanted = tuple(sorted(set(layers))) or (count,)
        if wrong := [layer for layer in wanted if not 1 <= layer <= count]:
            raise UsageError(f"{self.name} has hidden layers 1 to {count}, no layer {wrong[0]}")
        return wanted

    @final
    def use_precision(self, precision: str) -> None:
        """Has its networks compute in `bf16` or `fp16` from now on; to be called before `load`.

        Raises:
            UsageError: It cannot.
        """
        if not self.takes_precision:
            raise UsageError(
                f"{self.name} does not compute in {precision}: that is for codecs whose networks run in this process "
                "by PyTorch, and that were tried in it (`takes_precision`)"
            )
        self.close()
        self.precision = precision

    @property
    def notes(self) -> list[str]:
        """What was made to fit of what the codec returned so far, for people."""
        return sorted(self._shapes)

    # --- what keeps plug-ins from changing what others have ----------------------------------------------------

    def _owned(self, made: Any) -> Any:
        """What `_encode` or `_decode` returned; of a plug-in a copy, which its next call cannot overwrite."""
        return own(made) if self.plug_in else made

    def _check_apart(self, results: Sequence[Any], what: str) -> None:
        """Raises where a plug-in returned several results of a batch in one buffer."""
        if self.plug_in and share_memory(results):
            self._shapes.add(f"the results of `_{what}_batch` share memory: the recordings are {what}d one by one")
            raise CodecError(
                f"the results of `_{what}_batch` share memory, so that only the last one is left: copy them"
            )

    @contextmanager
    def _lending(self, arrays: Sequence[NDArray[Any]], what: str) -> Iterator[Sequence[NDArray[Any]]]:
        """Gives arrays to a method: to that of a plug-in as views, since other calls and other systems get them too."""
        if not self.plug_in:
            yield arrays
            return
        with unchanged(arrays, f"`_{what}`", CodecError):
            yield [read_only(array) for array in arrays]
