"""What a codec must return: checked where its code ends and ours begins, with the likely cause in the message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.spec import CodecSpec
from codec_bench.arrays import described
from codec_bench.arrays import plain_array as any_array
from codec_bench.audio import FloatArray
from codec_bench.errors import CodecError
from codec_bench.tokens import Bitstream, Code, IntArray, Tokens

MAX_PEAK = 100.0
"""40 dB above full scale: what exceeds that was never meant as [-1, 1]."""

COMMON_RATES = (8_000, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def plain_array(value: Any, what: str) -> NDArray[Any]:
    """An array from what a codec returned; see `arrays.plain_array`.

    Raises:
        CodecError: It is something else.
    """
    try:
        return any_array(value, what)
    except ValueError as error:
        raise CodecError(str(error)) from error


def books_of(codes: Any, spec: CodecSpec) -> list[IntArray]:
    """The codes of each codebook, int64 `[frames]`, from what an adapter hands to `Codec.tokens`.

    Args:
        codes: `[codebooks, frames]`, or one `[frames]` per codebook.
        spec: What the codec says of itself.

    Raises:
        CodecError: The shape does not fit the codebooks, or the codes are not integers of their range.
    """
    stated = len(spec.codebooks)
    if not isinstance(codes, list | tuple):
        codes = plain_array(codes, "what `_encode` made")
        if codes.ndim != 2:
            hint = "take codes[0]: a batch of one" if codes.ndim == 3 and len(codes) == 1 else _WANTED
            raise CodecError(f"codes are [codebooks, frames], not {codes.shape}: {hint}")
    books = [plain_array(book, f"codebook {i + 1}") for i, book in enumerate(codes)]
    shape = (len(books), *(books[0].shape if books else ()))
    if any(book.ndim != 1 for book in books):
        squeezed = len(books) == 1 and books[0].ndim == 2
        hint = "take codes[0]: a batch of one" if squeezed else _WANTED
        raise CodecError(f"codes are [codebooks, frames], not {shape}: {hint}")
    if len(books) > stated:
        if stated == shape[-1]:
            raise CodecError(f"codes are [codebooks, frames] = [{stated}, {len(books)}], not {shape}: transpose them")
        raise CodecError(f"the spec states {stated} codebook{'s' * (stated != 1)}, and {len(books)} came")
    return [_checked_book(book, i, spec) for i, book in enumerate(books)]


_WANTED = "one row per codebook, first codebook first"


def _checked_book(book: NDArray[Any], index: int, spec: CodecSpec) -> IntArray:
    size = spec.codebooks[index].size
    if book.dtype.kind not in "iu":
        hint = (
            "indices were looked up in the codebook, or divided" if book.dtype.kind == "f" else "these are no indices"
        )
        raise CodecError(f"codebook {index + 1} holds {book.dtype}, not integers: {hint}")
    if book.size and not (0 <= int(book.min()) and int(book.max()) < size):
        low, high = int(book.min()), int(book.max())
        hint = "is `size` right?" if low >= 0 else "is a mask or padding left in them?"
        if -size <= low and high < 2 * size:
            hint += " Was input beyond [-1, 1], which recordings may have, clipped?"
        raise CodecError(f"codebook {index + 1} has {size} entries, and its codes are from {low} to {high}: {hint}")
    return np.ascontiguousarray(book, np.int64)


def check_code(code: Any, spec: CodecSpec, samples: int, wanted: int | None = None) -> Code:
    """What `_encode` returned, if it is what the codec says that it sends.

    Args:
        code: What it returned.
        spec: What the codec says of itself.
        samples: Length of what it was given, at `spec.input_rate`.
        wanted: How many codebooks the setting asks for; fewer than all may be sent then.

    Raises:
        CodecError: Another type, other codebooks, codes out of range, or as many tokens as another length would have.
    """
    if isinstance(code, Bitstream):
        # An encoder that looks ahead sends a packet more, in which the last samples come out.
        _check_lasting(code.seconds * spec.input_rate, 2 * (spec.hop or 0), samples, spec, "packets")
        return _checked_bits(code, code.bits, "bits")
    if not isinstance(code, Tokens):
        raise CodecError(
            f"`_encode` returned {described(code)}, not what `self.tokens(codes)` or `self.bitstream(...)` makes"
        )
    stated = len(spec.codebooks)
    if len(code.streams) not in {stated, wanted or stated}:
        raise CodecError(f"the spec states {stated} codebook{'s' * (stated != 1)}, and {len(code.streams)} came")
    longest = max((book.hop for book in spec.codebooks), default=0)
    for index, (stream, book) in enumerate(zip(code.streams, spec.codebooks, strict=False)):
        _checked_book(stream.codes, index, spec)
        what, frame = f"tokens of codebook {index + 1}", max(book.hop, longest)
        if spec.variable_rate:
            _check_lasting(float(len(stream.codes) / stream.rate) * spec.input_rate, frame, samples, spec, what)
        else:
            _check_lasting(len(stream.codes) * book.hop, frame, samples, spec, what, book.hop)
    return _checked_bits(code, code.side_bits, "side_bits")


def check_hidden(found: Any, layer: int, spec: CodecSpec, samples: int) -> FloatArray:
    """What a hidden layer holds, if it is frames at the rate of the spec.

    Args:
        found: What `_hidden` returned of it.
        layer: Its number.
        spec: What the codec says of itself.
        samples: Length of what it was given, at `spec.input_rate`.

    Raises:
        CodecError: It is not `[frames, dimension]`, or as many frames as another length would have, or not finite.
    """
    what = f"hidden layer {layer}"
    array = plain_array(found, what)
    if array.ndim != 2 or array.dtype.kind != "f":
        hint = "take [0]: a batch of one" if array.ndim == 3 and len(array) == 1 else "one row per frame"
        raise CodecError(f"{what} is floats [frames, dimension], not {array.dtype} {array.shape}: {hint}")
    if not np.isfinite(array).all():
        raise CodecError(f"{what} holds values that are not finite")
    rate = spec.frame_rate
    if rate is None:
        raise CodecError(f"{what} has frames, and the spec gives no frame rate: neither `codebooks` nor `hop`")
    hop = round(spec.input_rate / rate)
    _check_lasting(len(array) * hop, hop, samples, spec, f"frames of {what}")
    return np.ascontiguousarray(array, np.float32)


def _checked_bits(code: Code, bits: float, what: str) -> Code:
    if not (np.isfinite(bits) and bits >= 0):
        raise CodecError(f"{what} is {bits}: a payload is 0 bits or more")
    for name, value in getattr(code, "side", {}).items():
        if np.asarray(value).dtype.hasobject:
            raise CodecError(f"the side information {name!r} is an array of Python objects, not of numbers")
    return code


def _check_lasting(lasting: float, frame: int, samples: int, spec: CodecSpec, what: str, hop: int = 0) -> None:
    """Raises where tokens or packets last longer or shorter than what was encoded, by more than a frame."""
    if abs(lasting - samples) <= frame + spec.padding:
        return
    rate = spec.input_rate
    text = f"the {what} last {lasting / rate:.2f} s, and {samples / rate:.2f} s were encoded"
    if hop and lasting:
        came = lasting / hop * rate / samples
        text += f": {rate / hop:g} tokens/s are stated, {came:.4g} came; is `hop` {hop * samples / lasting:.0f}?"
    raise CodecError(text)


def mono(decoded: Any) -> tuple[FloatArray, str]:
    """Decoded audio as float32 `[n]`, and what was done to its shape, empty if nothing.

    Raises:
        CodecError: It is not one signal of floats.
    """
    array = plain_array(decoded, "what `_decode` returned")
    if array.dtype.kind != "f":
        kind = array.dtype.kind
        hint = f"divide by {np.iinfo(array.dtype).max + 1}" if kind == "i" else "return floats in [-1, 1]"
        raise CodecError(f"`_decode` returned {array.dtype} {array.shape}, not floats in [-1, 1]: {hint}")
    peak = float(np.abs(array).max(initial=0.0))
    if MAX_PEAK < peak < np.inf:
        raise CodecError(f"`_decode` returned samples up to {peak:.4g}, not floats in [-1, 1]: divide by 32768?")
    if array.ndim == 1:
        return array.astype(np.float32, copy=False), ""
    if array.ndim == 0 or array.size != array.shape[-1]:
        hint = "average the channels, or take one" if array.ndim == 2 else "one signal is decoded at a time"
        raise CodecError(f"`_decode` returns samples [n], not {array.shape}: {hint}")
    return array.reshape(-1).astype(np.float32, copy=False), f"`_decode` returns {array.ndim} dimensions, read as [n]"


def check_length(samples: int, wanted: int, coded: float, spec: CodecSpec) -> None:
    """Raises where decoded audio is much shorter than the recording, or much longer than what was coded.

    Args:
        samples: That came, at `spec.output_rate`, without the delay.
        wanted: That the recording has at this rate.
        coded: That the tokens or packets stand for, padding included.
        spec: What the codec says of itself, its slack among it.

    Raises:
        CodecError: The length is wrong.
    """
    rate, longest = spec.output_rate, max(wanted, coded)
    if wanted - spec.slack * rate <= samples <= longest + spec.slack * rate:
        return
    if samples < wanted:
        text = f"the decoded audio ends {(wanted - samples) / rate:.2f} s early"
    else:
        text = f"the decoded audio lasts {(samples - longest) / rate:.2f} s too long"
    ratio = samples / wanted if wanted else 0.0
    near = [r for r in COMMON_RATES if r != rate and ratio and abs(ratio * rate / r - 1) < 0.02]
    hint = f": is `output_rate` {near[0]}?" if near else ""
    raise CodecError(f"{text}: {samples} samples where {wanted} are expected, {ratio:.2f} times as many{hint}")


def own(made: Any) -> Any:
    """A copy of what a plug-in returned, which may be a buffer that its next call fills anew."""
    if isinstance(made, Tokens):
        streams = tuple(replace(stream, codes=stream.codes.copy()) for stream in made.streams)
        return replace(made, streams=streams, side={name: np.array(value) for name, value in made.side.items()})
    if isinstance(made, np.ndarray):
        return made.copy()
    return made.detach().clone() if hasattr(made, "detach") and hasattr(made, "clone") else made


def share_memory(results: Sequence[Any]) -> bool:
    """Whether results of a batch begin at one place, so that the last of them overwrote the others."""
    places: list[int] = []
    for made in results:
        parts: list[Any] = [stream.codes for stream in made.streams] if isinstance(made, Tokens) else [made]
        places += [part.ctypes.data for part in parts if isinstance(part, np.ndarray) and part.size]
        places += [part.data_ptr() for part in parts if hasattr(part, "data_ptr") and part.numel()]
    return len(set(places)) < len(places)


def arrays_of(codes: Sequence[Code]) -> list[NDArray[Any]]:
    """The arrays that a decoder is given."""
    arrays: list[NDArray[Any]] = []
    for code in codes:
        if isinstance(code, Tokens):
            arrays += [stream.codes for stream in code.streams]
            arrays += [value for value in code.side.values() if isinstance(value, np.ndarray)]
    return arrays


def check_number(results: Any, given: Sequence[Any], what: str) -> None:
    """Raises where a batch has another number of results than of inputs.

    Raises:
        CodecError: It has.
    """
    if not isinstance(results, list | tuple) or len(results) != len(given):
        came = len(results) if isinstance(results, list | tuple) else described(results)
        raise CodecError(f"`_{what}_batch` returned {came} for {len(given)} recordings, not a list with one for each")
