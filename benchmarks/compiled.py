"""What `torch.compile` gives codecs of the published sizes with random weights, on recordings of different lengths.

A run codes each recording once, and hardly two have one length: compiling has to cost less than it saves on a data set
and its sounds have to be those of the codec as its authors run it. Here the networks of EnCodec (24 kHz) and
Mimi code recordings of nine lengths, as they are and compiled for any length, on one thread (or on a GPU where one is).

Prints one JSON object per codec: seconds for a second of audio both ways, the ratio, seconds until the first recordings
are through, after how much audio that has paid, the share of equal tokens and the largest difference of samples decoded
from the same tokens, over their peak.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: as in a coding process

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from limits import publish
from torch import Tensor
from transformers import EncodecConfig, EncodecModel, MimiConfig, MimiModel

RATE, BOOKS = 24_000, 8
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
LENGTHS = [3.1, 5.7, 2.2, 8.4, 4.9, 6.3, 1.6, 7.2, 3.8]
"""Seconds."""


@dataclass(frozen=True)
class Coder:
    """How a network encodes `[samples]` into `[books, frames]` and decodes that."""

    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]


def encodec() -> tuple[torch.nn.Module, Coder]:
    """The network of `facebook/encodec_24khz`, as transformers has it."""
    model = EncodecModel(EncodecConfig()).eval().to(DEVICE)
    return model, Coder(
        lambda sound: model.encode(sound[None, None], bandwidth=6.0).audio_codes[0, 0],
        lambda codes: model.decode(codes[None, None], [None]).audio_values[0, 0],
    )


def mimi() -> tuple[torch.nn.Module, Coder]:
    """The network of `kyutai/mimi`, as transformers has it."""
    model = MimiModel(MimiConfig()).eval().to(DEVICE)
    return model, Coder(
        lambda sound: model.encode(sound[None, None], num_quantizers=BOOKS).audio_codes[0],
        lambda codes: model.decode(codes[None]).audio_values[0, 0],
    )


def compiled(model: torch.nn.Module) -> None:
    """Has the heavy parts of a network compiled in place, for inputs of any length."""
    for part in ("encoder", "decoder"):
        setattr(model, part, torch.compile(getattr(model, part), dynamic=True))


def seconds_of(coder: Coder, sounds: Sequence[Tensor]) -> float:
    """The time to encode and decode recordings."""
    started = time.perf_counter()
    for sound in sounds:
        coder.decode(coder.encode(sound))
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


@torch.inference_mode()
def main() -> None:
    """Measures both codecs."""
    generator = torch.Generator().manual_seed(0)
    sounds = [(torch.randn(int(RATE * s), generator=generator) / 10).to(DEVICE) for s in LENGTHS]
    for name, made in (("encodec", encodec), ("mimi", mimi)):
        torch.manual_seed(0)
        model, coder = made()
        seconds_of(coder, sounds[:2])
        codes = [coder.encode(sound) for sound in sounds[:3]]
        decoded = [coder.decode(code) for code in codes]
        plain = min(seconds_of(coder, sounds) for _ in range(2))
        compiled(model)
        first = seconds_of(coder, sounds)  # until every length has been met
        fast = min(seconds_of(coder, sounds) for _ in range(2))
        alike = torch.cat([(coder.encode(s) == c).flatten().float() for s, c in zip(sounds, codes, strict=False)])
        differences = [(coder.decode(c) - d).abs().max() / d.abs().max() for c, d in zip(codes, decoded, strict=True)]
        audio = sum(LENGTHS)
        saved = (plain - fast) / audio
        publish(
            f"torch.compile, {name}",
            [],
            device=DEVICE,
            plain_rtf=plain / audio,
            compiled_rtf=fast / audio,
            ratio=fast / plain,
            compiling_seconds=first - fast,
            pays_after_audio_seconds=(first - fast) / saved if saved > 0 else None,
            equal_tokens=alike.mean().item(),
            largest_difference=max(differences).item(),
        )


if __name__ == "__main__":
    main()
