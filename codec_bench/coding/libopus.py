"""Opus's own concealment: the decoder of the libopus that PyAV brings, which PyAV cannot tell that a packet is lost."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.metadata import files

import numpy as np
from numpy.typing import NDArray

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.pyav import Opus
from codec_bench.audio import Audio, fit, length_at
from codec_bench.errors import CodecError
from codec_bench.tokens import Bitstream


def conceals(codec: Codec) -> bool:
    """Whether a codec is Opus, and its library can be called here."""
    return isinstance(codec, Opus) and library() is not None


@cache
def library() -> ctypes.CDLL | None:
    """The libopus in PyAV's wheel; None where there is none."""
    for file in files("av") or []:
        if file.name.startswith("libopus-") or file.name.startswith("libopus."):
            try:
                found = ctypes.CDLL(str(file.locate()))
            except OSError:
                continue
            found.opus_decoder_create.restype = ctypes.c_void_p
            found.opus_decoder_create.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]
            found.opus_decode_float.argtypes = [
                ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_int
            ]  # fmt: skip
            found.opus_decoder_destroy.argtypes = [ctypes.c_void_p]
            return found
    return None


def decoded(codec: Codec, code: Bitstream, lost: NDArray[np.bool_]) -> tuple[Audio, int]:
    """Decodes packets of which some are lost.

    A packet that the decoder refuses, or that would last another time, is lost too.

    Returns:
        Audio of the recording's length, without the encoder's look-ahead, and how many packets were refused.

    Raises:
        CodecError: There is no decoder.
    """
    opus = library()
    assert opus is not None, "the caller has asked"
    spec, frame = codec.spec, codec.spec.hop or 0
    error = ctypes.c_int()
    decoder = opus.opus_decoder_create(spec.output_rate, 1, ctypes.byref(error))
    if error.value or not decoder:
        raise CodecError(f"libopus makes no decoder: error {error.value}")
    pieces, refused = [], 0
    try:
        for packet, is_lost in zip(code.packets, lost, strict=True):
            samples = np.zeros(frame, np.float32)
            room = samples.ctypes.data
            done = -1
            if not is_lost:
                done = opus.opus_decode_float(decoder, packet, len(packet), room, frame, 0)
                refused += done != frame
            if done != frame:
                samples[:] = 0
                opus.opus_decode_float(decoder, None, 0, room, frame, 0)
            pieces.append(samples)
    finally:
        opus.opus_decoder_destroy(decoder)
    length = length_at(code.samples, code.sample_rate, spec.output_rate)
    return Audio(fit(np.concatenate(pieces)[Opus.skipped :], length), spec.output_rate), refused
