"""Signals in fewer bytes than four a sample, from which they come back to the last bit.

What classic codecs decode is 16-bit audio in the clothes of float32, for which FLAC needs about a quarter of the room.
What a network or a resampler computes fills all 24 bits that a float32 has beside its exponent, and noise cannot be
compressed: there only the exponents are worth something, and bytes of one significance lie together for Zstandard to
find them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SUBTYPES = {16: ("PCM_16", np.int16), 24: ("PCM_24", np.int32)}
"""By the bits of a sample: how FLAC names them, and what soundfile takes them in (24 bits in the upper ones of 32)."""

_ANY_RATE = 16_000
"""FLAC asks for one; the entry that the signal belongs to has the right one."""

_LEVEL = 1
"""Of Zstandard: higher ones take several times as long for a hundredth of the size."""


def packed(samples: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """A signal as arrays that `unpacked` makes the same signal of.

    Args:
        samples: float32 `[n]`, any values.

    Returns:
        `flac` with `bits` where all samples are numbers of 16 or 24 bits; `zstd` with `count` where that is smaller
        than the samples; else `samples` as they are.
    """
    if (bits := _bits(samples)) is not None:
        return {"flac": _as_bytes(_flac(samples, bits)), "bits": np.array(bits)}
    from pyarrow import Codec

    body = Codec("zstd", compression_level=_LEVEL).compress(
        np.ascontiguousarray(samples).view(np.uint8).reshape(-1, 4).T.tobytes(), asbytes=True
    )
    if len(body) >= samples.nbytes:
        return {"samples": samples}
    return {"zstd": _as_bytes(body), "count": np.array(len(samples))}


def unpacked(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """The signal that was packed, float32 `[n]`.

    Args:
        arrays: What `packed` returned; others beside them are not looked at.

    Raises:
        ValueError: They are none.
        KeyError: There is no signal among them.
    """
    if "flac" in arrays:
        return _from_flac(arrays["flac"], int(arrays["bits"]))
    if "zstd" in arrays:
        return _from_zstd(arrays["zstd"], int(arrays["count"]))
    return arrays["samples"]


def _bits(samples: NDArray[np.float32]) -> int | None:
    """Bits of the whole numbers that samples are, or None if they are others; FLAC has no negative zero."""
    if not len(samples) or not np.isfinite(samples).all():
        return None
    least, most = float(samples.min()), float(samples.max())
    for bits in _SUBTYPES:
        scaled = samples * np.float32(2 ** (bits - 1))  # exact: a power of two
        if least < -1 or most * 2 ** (bits - 1) > 2 ** (bits - 1) - 1 or not np.array_equal(np.rint(scaled), scaled):
            continue
        return None if np.signbit(samples[samples == 0]).any() else bits
    return None


def _flac(samples: NDArray[np.float32], bits: int) -> bytes:
    import soundfile

    subtype, kind = _SUBTYPES[bits]
    width = 8 * np.dtype(kind).itemsize
    numbers = (samples.astype(np.float64) * 2.0 ** (width - 1)).astype(kind)
    file = io.BytesIO()
    soundfile.write(file, numbers, _ANY_RATE, format="FLAC", subtype=subtype)
    return file.getvalue()


def _from_flac(body: NDArray[Any], bits: int) -> NDArray[np.float32]:
    import soundfile

    if bits not in _SUBTYPES or body.dtype != np.uint8:
        raise ValueError("no FLAC of ours")
    kind = _SUBTYPES[bits][1]
    try:
        numbers, _ = soundfile.read(io.BytesIO(body.tobytes()), dtype=np.dtype(kind).name)
    except soundfile.LibsndfileError as error:
        raise ValueError(str(error)) from error
    return np.asarray(numbers * 2.0 ** (1 - 8 * np.dtype(kind).itemsize), np.float32)


def _from_zstd(body: NDArray[Any], count: int) -> NDArray[np.float32]:
    from pyarrow import ArrowInvalid, Codec

    if count < 0:
        raise ValueError(f"{count} samples")
    try:
        shuffled = Codec("zstd").decompress(body.tobytes(), 4 * count, asbytes=True)
    except (ArrowInvalid, OSError) as error:  # OSError is what pyarrow makes of a wrong frame
        raise ValueError(str(error)) from error
    return np.frombuffer(shuffled, np.uint8).reshape(4, -1).T.copy().view(np.float32).reshape(-1)


def _as_bytes(body: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(body, np.uint8)
