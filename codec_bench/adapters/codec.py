"""What a codec is, and everything that is the same for all of them.

An adapter says in `spec` what the codec is, or in `specs` what it is at each mode, and implements `_encode` and
`_decode` for audio at the codec's own rate. Resampling, delay, length, prefixes and checks are done around them here,
once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, final, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from codec_bench.adapters.contract import (
    arrays_of,
    books_of,
    check_code,
    check_hidden,
    check_length,
    check_number,
    mono,
    own,
    read_only,
    restored,
    share_memory,
)
from codec_bench.adapters.plug_in import PlugIn
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.audio import RESAMPLER, Audio, FloatArray, fit, length_at, resample
from codec_bench.errors import CodecError, UsageError
from codec_bench.extras import cannot_import
from codec_bench.faults import without_torch_warning
from codec_bench.fingerprint import address, package_versions
from codec_bench.hub import RemoteFile, describe_size, local_digest, locate, missing
from codec_bench.identity import State, source_of, state_of
from codec_bench.records import Utterance
from codec_bench.registry import unknown
from codec_bench.tokens import Bitstream, Code, IntArray, Stream, Tokens

__all__ = ["Codec", "CodecSpec", "Group", "Prepared", "TakesCheckpoint"]


class Codec(ABC):
    """A codec at one mode.

    Class attributes:
        name: Registered name; the system's label begins with it.
        spec: What the codec is, where it has no modes; of an object, what it is at its mode.
        specs: What it is at each mode, where it has modes.
        version: Raised whenever the adapter changes what it produces; it is part of every cache address.
        packages: Distributions whose installed version is part of the fingerprint.
        modes: Standard settings that change what is sent (`1200`, `6000`); empty if the only setting is the number
            of codebooks.
        prefixes: Standard numbers of codebooks.
        any_prefix: Whether every number of codebooks from 1 to all can be decoded, or only `prefixes` and all.
        modules: What has to be importable; looked for without importing it.
        extra: The extra of codec-bench that installs them.
        takes_precision: Whether `bf16` and `fp16` may stand behind its setting; to be said of what was tried alone,
            since a quantiser that counts in half precision gives other entries than it found.
        framing_bits: Which bits of a packet are no payload, besides padding at its end; 0 is the highest bit of the
            first byte.

    Args:
        mode: One of the modes (or whatever else `mode_spec` takes); None for a codec that has no modes.
        codebooks: How many codebooks `decode` uses by default; None for all.
    """

    name: ClassVar[str]
    spec: CodecSpec
    specs: ClassVar[Mapping[str, CodecSpec]] = {}
    version: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ()
    modes: ClassVar[tuple[str, ...]] = ()
    prefixes: ClassVar[tuple[int, ...]] = ()
    any_prefix: ClassVar[bool] = True
    modules: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    takes_precision: ClassVar[bool] = False
    framing_bits: ClassVar[tuple[int, ...]] = ()

    unheld: ClassVar[frozenset[str]] = frozenset(
        {"_plug_in", "_shapes", "_device", "spec", "specs", "live", "is_loaded"}
    )
    """Attributes that say nothing of what the codec produces, or that its address holds in another way."""

    live: str = ""
    """Of an object that a program hands over to be measured as it is: a digest of what it held then."""

    precision: str = ""
    """What its networks compute in where that is not float32: one of `inference.PRECISIONS`; see `use_precision`."""

    is_loaded: bool = False
    """Whether `load` was called for a program that goes on using the object."""

    _plug_in: PlugIn | None = None

    def __init__(self, mode: str | None = None, codebooks: int | None = None) -> None:
        self._shapes: set[str] = set()
        self.mode = mode
        self.spec = self.mode_spec(mode)
        self.codebooks = codebooks
        if codebooks is not None and (reason := self.cannot_decode(codebooks)):
            raise UsageError(reason)

    # --- what an adapter says and does -------------------------------------------------------------------------

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        """What the codec is at a mode: its `spec`, or that of `specs`, unless an adapter takes more modes than these.

        Raises:
            UsageError: There is no such mode; `no_such_mode` makes the message.
        """
        if mode is None and not cls.modes:
            if not hasattr(cls, "spec"):
                raise UsageError(f"the codec class {cls.__qualname__} has neither a `spec` nor `modes` with `specs`")
            return cls.spec
        if mode is None or mode not in cls.specs:
            raise cls.no_such_mode(mode)
        return cls.specs[mode]

    @classmethod
    def checkpoints(cls, specs: Mapping[str, CodecSpec]) -> dict[str, type[Self]]:
        """Codecs by name that differ in their spec alone, as the checkpoints of one architecture do."""
        return {
            name: type(name, (cls,), {"name": name, "spec": spec, "__module__": cls.__module__})
            for name, spec in specs.items()
        }

    @classmethod
    def unsupported(cls) -> str | None:
        """Why the codec cannot run here whatever is downloaded (a missing extra or encoder), with the command that
        helps; None if it can. Cheap: loads no model.
        """
        return cannot_import(cls.modules, cls.extra)

    @classmethod
    def weights(cls) -> tuple[RemoteFile, ...]:
        """The files that the codec needs for all of its modes."""
        specs = [cls.mode_spec(mode) for mode in cls.modes or (None,)]
        return tuple(dict.fromkeys(weight for spec in specs for weight in spec.weights))

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

    def _encode_batch(self, batch: Sequence[FloatArray]) -> Sequence[Code]:
        """Encodes several recordings; to be overridden where that is faster, with results equal to single ones."""
        return [self._owned(self._encode(samples)) for samples in batch]

    def _decode_batch(self, batch: Sequence[Code]) -> Sequence[FloatArray]:
        """Decodes several codes; to be overridden where that is faster, with results equal to single ones."""
        return [self._owned(self._decode(code)) for code in batch]

    # --- what users call ---------------------------------------------------------------------------------------

    @final
    @classmethod
    def unavailable(cls) -> str | None:
        """Why the codec cannot run here now, with the command that helps; None if it can."""
        return cls.unsupported() or cls.lacking(missing(cls.weights()))

    @classmethod
    def lacking(cls, absent: Sequence[RemoteFile]) -> str | None:
        """Why the codec cannot run without some of its files, with the command that helps; None if there are none."""
        if not absent:
            return None
        sizes = [w.size for w in absent]
        total = "" if None in sizes else f", {describe_size(sum(s for s in sizes if s))}"
        one = len(absent) == 1
        what = (
            f"{absent[0].path} is missing{total}"
            if one
            else f"{len(absent)} of its files are missing ({absent[0].path}, ...{total})"
        )
        it = "it" if one else "them"
        return (
            f"{what}: codec-bench fetch codec:{cls.name} downloads {it}, or name a folder that has {it} in "
            "CODEC_BENCH_MIRROR"
        )

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
        with self._keeping([samples], "encode"):
            code = self._encode(read_only(samples) if self.plug_in else samples)
        return self._checked(code, samples, audio)

    @final
    def encode_batch(self, audios: Sequence[Audio]) -> list[Code]:
        """Encodes recordings of any rates and lengths; the same as `encode` on each, and faster where a codec batches.

        Raises:
            NotScorable: One of them is empty or holds NaN or infinite samples.
            CodecError: The codec failed.
        """
        batch = [self._prepared(audio) for audio in audios]
        with self._keeping(batch, "encode"):
            codes = self._encode_batch([read_only(samples) for samples in batch] if self.plug_in else batch)
        check_number(codes, batch, "encode")
        self._check_apart(codes, "encode")
        return [self._checked(*made) for made in zip(codes, batch, audios, strict=True)]

    def _checked(self, code: Any, samples: FloatArray, audio: Audio) -> Code:
        """A code that keeps the contract, with the length of its recording."""
        checked = check_code(self._owned(code), self.spec, len(samples), self.codebooks)
        return replace(checked, samples=len(audio), sample_rate=audio.rate)

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
    def _keeping(self, given: Sequence[NDArray[Any]], what: str) -> Iterator[None]:
        """Sees to it that a plug-in leaves its input as it is: other calls and other systems get the same arrays."""
        if not self.plug_in:
            yield
            return
        before = [array.copy() for array in given]
        try:
            with without_torch_warning():
                yield
        except BaseException:
            restored(given, before)
            raise
        if restored(given, before):
            raise CodecError(f"`_{what}` wrote into its input: work on a copy")

    def _prepared(self, audio: Audio) -> FloatArray:
        """Samples at the codec's rate, with what the delay pushes out at the end."""
        audio.check("the input")
        samples = resample(audio, self.spec.input_rate).samples
        tail = -(-max(self.spec.delay, 0) * self.spec.input_rate // self.spec.output_rate)
        return fit(samples, max(len(samples) + tail, self.spec.min_samples))

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
        with self._keeping(arrays_of([part]), "decode"):
            decoded = self._decode(part)
        return self.finished(code, part, decoded)

    @final
    def decode_batch(self, codes: Sequence[Code], codebooks: int | None = None) -> list[Audio]:
        """Decodes several recordings; the same as `decode` on each, and faster where a codec batches.

        Raises:
            CodecError: The codec failed, or an output ends early.
        """
        parts = [self._chosen(code, codebooks) for code in codes]
        with self._keeping(arrays_of(parts), "decode"):
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

    def cannot_decode(self, codebooks: int) -> str | None:
        """Why this number of codebooks cannot be decoded; None if it can."""
        count = len(self.spec.codebooks)
        if self.any_prefix or not count:
            return self.cannot_encode(codebooks, "decodes")
        counts = sorted({*self.prefixes, count})
        if codebooks in counts:
            return None
        *others, last = map(str, counts)
        choice = " or ".join(filter(None, [", ".join(others), last]))
        return f"{self.name} decodes {choice} codebooks, not {codebooks}"

    @final
    def cannot_encode(self, codebooks: int, verb: str = "sends") -> str | None:
        """Why there are no tokens of this many codebooks, first ones first; None if there are."""
        count = len(self.spec.codebooks)
        if not count:
            return f"{self.name} has no codebooks to choose from, not {codebooks}"
        if 1 <= codebooks <= count:
            return None
        return f"{self.name} {verb} {f'1 to {count}' if count > 1 else 1} codebooks, not {codebooks}"

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
        with self._keeping([samples], "hidden"):
            found = self._hidden(read_only(samples) if self.plug_in else samples, wanted)
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

    def latents(self, tokens: Tokens) -> Mapping[str, NDArray[np.float32]]:
        """Continuous representations of tokens, by name, each `[frames, dimension]`; for probes.

        Raises:
            UsageError: The adapter offers none.
        """
        raise UsageError(f"{self.name} offers no latents")

    @property
    def fingerprint(self) -> str:
        """Content address of everything that decides what the codec produces."""
        return address(
            codec=self.name,
            version=self.version,
            mode=self.mode,
            packages=package_versions(self.packages),
            rates=[self.spec.input_rate, self.spec.output_rate, self.spec.delay],
            weights=self.weight_digests(),
            resampler=[RESAMPLER, package_versions(["soxr"])],
            extra=self._fingerprint_parts(),
            **({"precision": self.precision} if self.precision else {}),
            **({} if self.plug_in is None else {"plug_in": self.plug_in.describe()}),
        )

    @property
    def plug_in(self) -> PlugIn | None:
        """Whose code this is; None for what ships with codec-bench."""
        if self._plug_in is None and (source := source_of(type(self))) is not None:
            self._plug_in = PlugIn(source)
        return self._plug_in

    def held(self) -> State:
        """What the object holds now: parameters, arrays, plain values."""
        modules = self.plug_in.source.modules if self.plug_in else ()
        return state_of(self, skip=self.unheld, modules=modules)

    @property
    def notes(self) -> list[str]:
        """What was made to fit of what the codec returned so far, for people."""
        return sorted(self._shapes)

    def weight_digests(self) -> dict[str, str]:
        """SHA-256 by file of the weights that this object uses: part of the fingerprint, and shown by tables."""
        if self.live:
            return {"(object)": self.live}
        return {w.path: w.sha256 or local_digest(locate(w)) for w in self.needed_weights()}

    def needed_weights(self) -> tuple[RemoteFile, ...]:
        """The files that this object needs: those of its mode, unless a checkpoint replaces some."""
        return self.spec.weights

    def _fingerprint_parts(self) -> Mapping[str, Any]:
        """More that decides what the codec produces, e.g. the version of a bundled C library."""
        return {}

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

    # --- for adapters ------------------------------------------------------------------------------------------

    @classmethod
    def no_such_mode(cls, mode: str | None) -> UsageError:
        """The error for a mode that `mode_spec` does not know."""
        if mode is None and cls.modes:
            return UsageError(f"{cls.name} needs a setting, e.g. {cls.name}@{cls.modes[0]}")
        if not cls.modes:
            takes = f"it takes a number of codebooks, e.g. @{cls.prefixes[0]}" if cls.prefixes else "it has no settings"
            return UsageError(f"{cls.name} has no setting {mode!r}; {takes}")
        return UsageError(unknown(f"setting of {cls.name}", str(mode), list(cls.modes)))

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


@runtime_checkable
class TakesCheckpoint(Protocol):
    """A codec whose weights can be replaced by those of another checkpoint of the same architecture."""

    def use_checkpoint(self, path: Path) -> None:
        """Takes weights from a file, or from the files of a folder, from now on.

        Raises:
            UsageError: There is nothing to take.
        """


class Prepared(ABC):
    """A system whose audio already exists: ground truth, or files decoded elsewhere.

    Attributes:
        name: Label of the system.
        spec: As for a codec; the rates are those of the files, whatever they are.
        stated_bitrate: Bit/s as the user states it, or None.
    """

    name: str
    spec: CodecSpec
    stated_bitrate: float | None = None

    @abstractmethod
    def path(self, utterance: Utterance) -> Path:
        """The audio file for an utterance.

        Raises:
            NotScorable: There is none.
        """

    @property
    def fingerprint(self) -> str:
        """Content address of the kind of system; the audio itself is addressed by its own bytes."""
        return address(prepared=self.name)
