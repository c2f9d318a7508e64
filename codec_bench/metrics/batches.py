"""Signals as people hold them: arrays or tensors of any device and precision, alone or in padded batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.arrays import described, plain_array
from codec_bench.audio import Audio, FloatArray
from codec_bench.errors import UsageError
from codec_bench.metrics.signal import Recording


def recording_of(samples: Any, rate: int | None, what: str) -> Recording | None:
    """One signal as metrics take it; None for None.

    Raises:
        UsageError: It is no signal of floats, is several, or has no rate.
    """
    if samples is None:
        return None
    found = recordings_of(samples, rate, what)
    if len(found) != 1:
        raise UsageError(f"{what} holds {len(found)} signals: codec_bench.evaluate(...) scores batches")
    return found[0]


def recordings_of(given: Any, rate: int | None, what: str, lengths: Any = None) -> list[Recording]:
    """Signals as metrics take them.

    Args:
        given: As for `split`, or `Audio`, one or several, each of which knows its rate.
        rate: Sampling rate in Hz of all others.
        what: What they are, for messages.
        lengths: As for `split`.

    Raises:
        UsageError: They are something else, have no rate, or the lengths do not fit.
    """
    alone = [given] if isinstance(given, Audio) else given
    if isinstance(alone, list | tuple) and alone and all(isinstance(entry, Audio) for entry in alone):
        if lengths is not None:
            raise UsageError("Audio has its length: leave out lengths")
        return [Recording(audio) for audio in alone]
    at = checked_rate(rate)
    return [Recording(Audio(samples, at)) for samples in split(given, what, lengths)]


def checked_rate(rate: Any) -> int:
    """A sampling rate, which nothing but its owner knows: values at a wrong one look like values.

    Raises:
        UsageError: There is none, or it cannot be one.
    """
    if rate is None:
        raise UsageError("the sampling rate is missing: give Hz, e.g. (reference, decoded, 16_000) or rate=16_000")
    if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or rate <= 0:
        raise UsageError(f"a sampling rate is a whole number of Hz, e.g. 16_000, not {rate!r:.60}")
    return int(rate)


def split(given: Any, what: str, lengths: Any = None) -> list[FloatArray]:
    """The signals of a batch, each float32 `[n]`.

    Args:
        given: Floats in [-1, 1]: one signal `[n]` or `[1, n]`, a batch `[B, n]` or `[B, 1, n]`, or a list of signals
            that may differ in length.
        what: What they are, for messages.
        lengths: Samples of each that count, `[B]`; what stands behind them is padding. All by default.

    Raises:
        UsageError: It is something else, or the lengths do not fit.
    """
    if isinstance(given, list | tuple) and given and not all(isinstance(entry, int | float) for entry in given):
        rows = [_one(entry, f"{what} {place}") for place, entry in enumerate(given)]
    else:
        rows = _rows(_floats(given, what), what)
    if lengths is None:
        return rows
    counts = _counts(lengths, len(rows))
    for place, (row, count) in enumerate(zip(rows, counts, strict=True)):
        if count > len(row):
            raise UsageError(f"lengths[{place}] is {count}, and {what} {place} has {len(row)} samples")
    return [row[:count] for row, count in zip(rows, counts, strict=True)]


def _floats(given: Any, what: str) -> NDArray[Any]:
    try:
        array = plain_array(given, what)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if array.dtype.kind in "iu" and array.size:
        raise UsageError(f"samples are floats in [-1, 1], not {array.dtype}: divide by {np.iinfo(array.dtype).max + 1}")
    if array.dtype.kind not in "fiu":
        raise UsageError(f"{what} is {described(given)} of {array.dtype}, not floats in [-1, 1]")
    return np.ascontiguousarray(array, np.float32)


def _rows(array: NDArray[Any], what: str) -> list[FloatArray]:
    if array.ndim == 3 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 1:
        return [array]
    if array.ndim == 2:
        return list(array)
    hint = ": average the channels, or take one" if array.ndim == 3 else ""
    raise UsageError(f"{what} is [n], [1, n], [B, n] or [B, 1, n], not {list(array.shape)}{hint}")


def _one(given: Any, what: str) -> FloatArray:
    rows = _rows(_floats(given, what), what)
    if len(rows) != 1:
        raise UsageError(f"{what} is one signal of a list, [n] or [1, n], and not {len(rows)} signals")
    return rows[0]


def _counts(lengths: Any, wanted: int) -> Sequence[int]:
    try:
        array = np.atleast_1d(plain_array(lengths, "lengths"))
    except ValueError as error:
        raise UsageError(str(error)) from error
    if array.shape != (wanted,):
        raise UsageError(f"lengths has one number of samples per signal, [{wanted}], not {list(array.shape)}")
    if array.dtype.kind not in "iu" or (array < 0).any():
        hint = ": multiply shares by the padded length" if array.dtype.kind == "f" else ""
        raise UsageError(f"lengths are whole numbers of samples, not {array.tolist()!r:.80}{hint}")
    return [int(count) for count in array]
