"""EnCodec for music, with the networks of transformers: pieces of a second that overlap, each with its level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.adapters.torch_codec import as_samples
from codec_bench.adapters.transformers.codec import CONFIG_FILE, WEIGHTS_FILE, TransformersCodec
from codec_bench.audio import FloatArray
from codec_bench.errors import CodecError
from codec_bench.hub import hugging_face
from codec_bench.tokens import Code, Codebook, IntArray, Tokens

RATE = 48_000
HOP = 320
PIECE, STRIDE = 48_000, 47_520
"""Samples that are coded at once, and after which the next piece begins."""

FRAMES = PIECE // HOP


class Encodec48k(TransformersCodec):
    """EnCodec at 48 kHz, 150 frames/s, 1 to 16 codebooks; 2, 4, 8 and 16 are the official 3 to 24 kbit/s.

    The model is stereo: both channels get the recording, and the mean of what it decodes is taken. Pieces of a second
    begin every 0.99 s; each is divided by its level, which is sent as a float of 32 bits. What is sent counts: the
    frames of overlaps, and the levels. That is 1 % and 32 bit/s more than the official figures. As in the authors'
    program, and not as transformers has it, the last piece is as long as what is left.

    Source:
        A. Defossez et al., "High Fidelity Neural Audio Compression", TMLR 2023
    """

    name: ClassVar[str] = "encodec-48khz"
    prefixes: ClassVar[tuple[int, ...]] = (2, 4, 8, 16)
    model_class: ClassVar[str] = "EncodecModel"
    spec = CodecSpec(
        title="EnCodec (48 kHz)",
        group=Group.ACOUSTIC,
        input_rate=RATE,
        output_rate=RATE,
        codebooks=(Codebook(1024, HOP),) * 16,
        variable_rate=True,
        counted_otherwise=(("without overlaps and levels", 24_000.0),),
        parameters=14_856_294,
        causal=False,
        streaming=False,
        licence="Apache-2.0",
        weights_licence="not stated",
        source="https://github.com/facebookresearch/encodec",
        weights=hugging_face("facebook/encodec_48khz", CONFIG_FILE, WEIGHTS_FILE),
    )
    published: ClassVar[Mapping[str, Any]] = {
        "sampling_rate": RATE,
        "audio_channels": 2,
        "normalize": True,
        "chunk_length_s": 1.0,
        "overlap": 0.01,
        "num_quantizers": 16,
    }

    def _encode(self, samples: FloatArray) -> Code:
        codes, found = [], []
        with self._inference():
            for start in range(0, len(samples), STRIDE):
                piece = self._tensor(samples[start : start + PIECE])
                found.append(piece.square().mean().sqrt() + 1e-8)
                codes.append(self._codes(piece / found[-1]))
        levels = np.array([float(level) for level in found], np.float32)
        made = self.tokens(np.concatenate(codes, axis=1))
        rate = Fraction(len(made.streams[0].codes) * RATE, len(samples))
        streams = tuple(replace(stream, rate=rate) for stream in made.streams)
        return Tokens(streams, side={"level": levels}, side_bits=32 * len(levels))

    @override
    def _codes(self, samples: Any) -> list[IntArray]:
        stereo = samples[None, None].expand(1, 2, -1)
        codes = self._model.quantizer.encode(self._model.encoder(stereo), 24.0)[:, 0]
        return list(codes.cpu().numpy().astype(np.int64))

    @override
    def _samples(self, codes: list[Any]) -> Any:
        import torch

        return self._model.decoder(self._model.quantizer.decode(torch.stack(codes)[:, None]))[0].mean(0)

    @override
    def _encode_batch(self, batch: Sequence[FloatArray]) -> list[Code]:
        return [self._encode(samples) for samples in batch]

    def _decode(self, code: Code) -> FloatArray:
        books = np.stack(self.books(code))
        levels = code.side.get("level", np.zeros(0)) if isinstance(code, Tokens) else np.zeros(0)
        rest = books.shape[1] - FRAMES * (len(levels) - 1)
        if not 0 <= rest <= FRAMES:
            raise CodecError(f"{self.name} needs the level of each piece of the recording")
        # Of a recording that ends within half a frame of a new piece, the piece before that is a frame short.
        ends = [FRAMES * place - (rest == 0) for place in range(1, len(levels))]
        decoded = []
        with self._inference():
            for codes, level in zip(np.split(books, ends, axis=1), levels, strict=True):
                decoded.append(as_samples(self._samples(list(self._tensor(codes)))) * level)
        return overlapped(decoded)

    @override
    def _decode_batch(self, batch: Sequence[Code]) -> list[FloatArray]:
        return [self._decode(code) for code in batch]


def overlapped(pieces: Sequence[FloatArray]) -> FloatArray:
    """The mean of pieces that begin every `STRIDE` samples, weighted by the distance from their nearer end."""
    length = STRIDE * (len(pieces) - 1) + len(pieces[-1])
    total, weights = np.zeros(length, np.float32), np.zeros(length, np.float32)
    places = np.linspace(0, 1, len(pieces[0]) + 2, dtype=np.float32)[1:-1]
    triangle = np.float32(0.5) - np.abs(places - np.float32(0.5))
    for place, piece in enumerate(pieces):
        part, weight = slice(STRIDE * place, STRIDE * place + len(piece)), triangle[: len(piece)]
        total[part] += weight * piece
        weights[part] += weight
    return total / weights
