"""The encoder and the decoders as objects that turn arrays into arrays, one by one or in batches of unequal length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codec_bench.adapters.longcat.acoustic import ACOUSTIC_ENTRIES, AcousticEncoder, GroupedQuantizer
from codec_bench.adapters.longcat.checkpoint import DECODER_24K, ENCODER, Tensors, identify, read_cmvn
from codec_bench.adapters.longcat.decoder import WaveformDecoder
from codec_bench.adapters.longcat.frontend import RATE, Frontend
from codec_bench.adapters.longcat.layers import Ends
from codec_bench.adapters.longcat.semantic import SEMANTIC_ENTRIES, SemanticTokenizer
from codec_bench.audio import FloatArray
from codec_bench.errors import CodecError, UnavailableError
from codec_bench.inference import exact_inference
from codec_bench.tokens import IntArray

HOP = 960
"""Input samples per frame: 60 ms."""

MAX_FRAMES = 500
"""Frames that the encoder takes at once: 30 s, the longest input that its authors trained for and allow."""


def pieces(samples: int) -> list[tuple[int, int]]:
    """Cuts a recording into the fewest pieces of at most 30 s, which differ by at most one frame in length.

    Pieces of equal length leave no short rest, which the transformer would have to code without context.

    Returns:
        Begin and end of each piece in samples at 16 kHz. Cuts are at multiples of 960; the last end is `samples`.

    >>> pieces(16_000), pieces(480_001)
    ([(0, 16000)], [(0, 240000), (240000, 480001)])
    """
    frames = -(-samples // HOP)
    count = -(-frames // MAX_FRAMES)
    edges = [i * frames // count * HOP for i in range(count)]
    return list(zip(edges, [*edges[1:], samples], strict=True))


class LongCatEncoder:
    """16 kHz audio to tokens: one semantic codebook of 8192 entries, then acoustic ones of 8100.

    Args:
        checkpoint: The encoder's file.
        cmvn: Its mel statistics, a `.npy` file.
        device: `cpu`, `cuda` or `cuda:1`.

    Attributes:
        codebooks: How many codebooks there are, the semantic one included.

    Raises:
        UnavailableError: A file is missing or is another file; the message names the first wrong tensor.
    """

    def __init__(self, checkpoint: Path, cmvn: Path, device: str = "cpu", precision: str = "") -> None:
        kind = identify(checkpoint)
        if kind.role != ENCODER:
            raise UnavailableError(f"{checkpoint} is the {kind}, not the encoder")
        tensors = Tensors.open(checkpoint)
        with torch.no_grad():
            self._semantic = SemanticTokenizer(tensors, Frontend(*read_cmvn(cmvn)))
            self._acoustic = AcousticEncoder(tensors, HOP)
            self._quantizer = GroupedQuantizer(tensors, self._acoustic.width)
            tensors.finish("encoder")
            for part in (self._semantic, self._acoustic, self._quantizer):
                part.eval().to(device)
        self.codebooks = 1 + len(self._quantizer.stages)
        self.device = torch.device(device)
        self.inference = partial(exact_inference, precision=precision, device=device)

    def encode(self, samples: FloatArray, codebooks: int | None = None) -> IntArray:
        """Encodes one recording, piece by piece where it lasts longer than 30 s, to int64 `[codebooks, ceil(n / 960)]`.

        Args:
            samples: float32 `[n]` at 16 kHz, nominally in [-1, 1], n >= 1; padded with zeros to a multiple of 960.
            codebooks: How many codebooks to search; None for all. Fewer are a prefix of all.
        """
        parts = [self._encode([samples[a:b]], codebooks)[0] for a, b in pieces(len(samples))]
        return np.concatenate(parts, axis=1)

    def encode_batch(
        self, recordings: Sequence[FloatArray], codebooks: int | None = None, seconds: float = 120.0
    ) -> list[IntArray]:
        """Encodes recordings of any lengths together; each gets what `encode` gives it.

        Args:
            recordings: Each as for `encode`.
            codebooks: As for `encode`.
            seconds: How much audio, padding included, is in memory at a time; an item of 30 s is always taken.
                A second takes about 20 MB with the published weights.

        Returns:
            One array per recording, as from `encode`.
        """
        cuts = [(i, a, b) for i, samples in enumerate(recordings) for a, b in pieces(len(samples))]
        cuts.sort(key=lambda cut: cut[1] - cut[2])  # longest first: neighbours need little padding
        parts: dict[tuple[int, int], IntArray] = {}
        for group in _groups([b - a for _, a, b in cuts], seconds * RATE):
            chosen = [cuts[i] for i in group]
            codes = self._encode([recordings[i][a:b] for i, a, b in chosen], codebooks)
            parts |= {(i, a): code for (i, a, _), code in zip(chosen, codes, strict=True)}
        return [
            np.concatenate([parts[i, a] for a, _ in pieces(len(samples))], axis=1)
            for i, samples in enumerate(recordings)
        ]

    def hidden_states(self, samples: FloatArray) -> FloatArray:
        """What the semantic codebook quantises: states of the last transformer layer, float32 `[frames, width]`."""
        last = len(self._semantic.layers)
        return self.hidden_layers(samples, [last])[last]

    def hidden_layers(self, samples: FloatArray, layers: Sequence[int]) -> dict[int, FloatArray]:
        """States of transformer layers, numbered from 1, in one pass that ends with the last of them.

        Args:
            samples: As for `encode`.
            layers: At least one; what the others hold is not kept.

        Returns:
            float32 `[frames, width]` by layer.
        """
        parts: dict[int, list[Tensor]] = {layer: [] for layer in layers}
        with self.inference():
            for begin, end in pieces(len(samples)):
                states = self._semantic.states(*self._batch([samples[begin:end]]))
                for layer, state in islice(enumerate(states, 1), max(parts)):
                    if layer in parts:
                        parts[layer].append(state[0].cpu())
        return {layer: _array(torch.cat(found)) for layer, found in parts.items()}

    def centroids(self, codes: IntArray) -> FloatArray:
        """What semantic codes `[frames]` stand for in the space of `hidden_states` scaled to length 1.

        Returns:
            float32 `[frames, width]`; centroids are means of unit vectors and shorter than these.
        """
        index = torch.from_numpy(np.ascontiguousarray(codes)).to(self.device)
        return _array(self._semantic.centroids[:, index].t())

    def _encode(self, recordings: Sequence[FloatArray], codebooks: int | None) -> list[IntArray]:
        """Encodes recordings of at most 30 s in one batch."""
        wanted = self.codebooks if codebooks is None else codebooks
        if not 1 <= wanted <= self.codebooks:
            raise CodecError(f"the encoder has 1 to {self.codebooks} codebooks, not {wanted}")
        with self.inference():
            samples, frames = self._batch(recordings)
            codes = self._semantic.quantize(self._semantic(samples, frames))[:, None]
            if wanted > 1:
                ends = None if frames is None else Ends(frames, codes.shape[-1])
                latents = self._acoustic(samples, ends)
                codes = torch.cat([codes, self._quantizer.search(latents, wanted - 1)], dim=1)
        lengths = [-(-len(samples) // HOP) for samples in recordings]
        return [row[:, :length].copy() for row, length in zip(codes.cpu().numpy(), lengths, strict=True)]

    def _batch(self, recordings: Sequence[FloatArray]) -> tuple[Tensor, Tensor | None]:
        """Samples `[batch, frames * 960]`, and the lengths in frames unless all are equal."""
        lengths = [-(-len(samples) // HOP) for samples in recordings]
        padded = np.zeros((len(recordings), max(lengths) * HOP), np.float32)
        for row, samples in zip(padded, recordings, strict=True):
            row[: len(samples)] = samples
        frames = torch.tensor(lengths, device=self.device) if len(set(lengths)) > 1 else None
        return torch.from_numpy(padded).to(self.device), frames


class LongCatDecoder:
    """Tokens to 16 or 24 kHz audio.

    Args:
        checkpoint: A decoder's file.
        device: `cpu`, `cuda` or `cuda:1`.
        dtype: `float32`, or `bfloat16` or `float16` to halve the memory that every frame has to read.
        window: Frames whose samples are made at a time. The LSTMs run over everything, the convolutions over windows
            with all the neighbours that they can see, so this bounds memory and changes nothing.

    Attributes:
        codebooks: The largest number of codebooks that it takes; 2 is the smallest.
        rate: Sampling rate of the audio in Hz.
        hop: Samples per frame.
        causal: Whether it can decode a stream.

    Raises:
        UnavailableError: The file is missing or is another file; the message names the first wrong tensor.
    """

    def __init__(self, checkpoint: Path, device: str = "cpu", dtype: str = "float32", window: int = MAX_FRAMES) -> None:
        kind = identify(checkpoint)
        if kind.role == ENCODER:
            raise UnavailableError(f"{checkpoint} is the encoder, not a decoder")
        tensors = Tensors.open(checkpoint)
        self.causal = kind.role == DECODER_24K
        with torch.no_grad():
            self.network = WaveformDecoder(tensors, self.causal)
            tensors.finish(str(kind))
            self.hop = self.network.hop
            self.rate = 24_000 if self.causal else 16_000
            if self.hop * RATE != self.rate * HOP:
                tensors.fail("decoder.model.*.block.1.weight_v", f"give {self.hop} samples per frame of a {kind.role}")
            self.network.eval().to(device, getattr(torch, dtype))
        self.codebooks = 1 + len(self.network.quantizer.stages)
        self.device = torch.device(device)
        self.window = window

    def decode(self, codes: IntArray) -> FloatArray:
        """Decodes one recording: int64 `[codebooks, n]`, two codebooks or more, to float32 `[n * hop]` in (-1, 1).

        Raises:
            CodecError: The decoder takes no such number of codebooks, or a code names no entry.
        """
        return self.decode_batch([codes])[0]

    def decode_batch(self, recordings: Sequence[IntArray]) -> list[FloatArray]:
        """Decodes recordings of any lengths and one number of codebooks together; each gets what `decode` gives it.

        Raises:
            CodecError: As for `decode`.
        """
        lengths = [codes.shape[-1] for codes in recordings]
        if not any(lengths):
            return [np.zeros(0, np.float32) for _ in recordings]
        batch = np.zeros((len(recordings), len(recordings[0]), max(lengths)), np.int64)
        for row, codes in zip(batch, recordings, strict=True):
            self.check(codes)
            if len(codes) != len(row):
                raise CodecError(f"recordings of {len(row)} and of {len(codes)} codebooks in one batch")
            row[:, : codes.shape[1]] = codes
        with exact_inference():
            memory = self.network.remember(self.tensor(batch))
            frames = torch.tensor(lengths, device=self.device) if len(set(lengths)) > 1 else None
            samples = torch.cat([part.float().cpu() for part in self._render(memory, frames)], dim=1).numpy()
        return [row[: length * self.hop].copy() for row, length in zip(samples, lengths, strict=True)]

    def embeddings(self, codes: IntArray) -> list[FloatArray]:
        """What each codebook of int64 `[codebooks, n]` stands for, float32 `[n, dimension]` each.

        Raises:
            CodecError: As for `decode`.
        """
        self.check(codes, smallest=1)
        with exact_inference():
            return [_array(part[0].t().float()) for part in self.network.embed(self.tensor(codes[None]))]

    def check(self, codes: IntArray, smallest: int = 2) -> None:
        """Raises `CodecError` for codes that the decoder cannot take; on a GPU, they would end the process."""
        if codes.ndim != 2 or not smallest <= len(codes) <= self.codebooks:
            counts = " or ".join(str(count) for count in range(smallest, self.codebooks + 1))
            raise CodecError(f"this decoder takes codes [{counts} codebooks, frames], not {list(codes.shape)}")
        for book, row in enumerate(codes):
            entries = ACOUSTIC_ENTRIES if book else SEMANTIC_ENTRIES
            if row.size and not (row.min() >= 0 and row.max() < entries):
                raise CodecError(f"codes are in [0, {entries}), not in [{row.min()}, {row.max()}]")

    def tensor(self, codes: IntArray) -> Tensor:
        """Codes on the decoder's device."""
        return torch.from_numpy(np.ascontiguousarray(codes, np.int64)).to(self.device)

    def _render(self, memory: Tensor, frames: Tensor | None) -> Iterator[Tensor]:
        """Samples `[batch, n * hop]`, window by window."""
        total = memory.shape[-1]
        past, future = self.network.context
        for begin in range(0, total, self.window):
            end = min(begin + self.window, total)
            first, last = max(begin - past, 0), min(end + future, total)
            ends = None if frames is None else Ends(frames - first, last - first)
            samples = self.network.render(memory[..., first:last], ends)
            yield samples[:, (begin - first) * self.hop : (end - first) * self.hop]


def _groups(lengths: Sequence[int], limit: float) -> Iterator[list[int]]:
    """Splits items, longest first, into runs whose padded size stays within the limit."""
    group: list[int] = []
    for i in range(len(lengths)):
        if group and lengths[group[0]] * (len(group) + 1) > limit:
            yield group
            group = []
        group.append(i)
    if group:
        yield group


def _array(tensor: Tensor) -> NDArray[Any]:
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())
