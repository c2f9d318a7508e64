"""CodecSlime: frames merged by their place, or not at all."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.codecslime.adapter import CodecSlimeFsq, CodecSlimeVq
from tests.adapters.isolated.standins import Expected, Samples, Wrong, analysed, nearest, synthesised, write

CLASSES = (CodecSlimeVq, CodecSlimeFsq)
SETTINGS = ((CodecSlimeVq, "40hz"), (CodecSlimeFsq, "80hz"))
LENGTHS = (16_000, 16_001)

API = """
import torch
from safetensors.torch import load_file
from torch import nn

SIZES = {"vq8k": 8192, "fsq18k": 18225}


class Decoder(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(size, 4))
        self.conv = nn.ConvTranspose1d(4, 1, 200, 200, bias=False)

    def codes_to_embeddings(self, codes):
        assert codes.dim() == 3 and codes.shape[-1] == 1
        return self.table[codes[..., 0]].transpose(1, 2)


class CodecSlime:
    def __init__(self, variant, checkpoint, device):
        self.model = nn.Module()
        self.model.conv = nn.Conv1d(1, 4, 200, 200, bias=False)
        self.model.decoder = Decoder(SIZES[variant])
        self.model.load_state_dict(load_file(str(checkpoint), device=str(device)))

    def encode(self, waveform, frame_rate=40.0):
        assert waveform.dim() == 1
        padded = nn.functional.pad(waveform, (0, -len(waveform) % 200))
        frames = self.model.conv(padded[None, None])[0].T
        count = max(1, round(len(frames) * frame_rate / 80))
        durations = torch.full((count,), len(frames) // count)
        durations[: len(frames) % count] += 1
        if durations[-1] > 1 and count > 1:
            durations[0], durations[-1] = durations[0] + 1, durations[-1] - 1
        merged = torch.stack([part.mean(0) for part in frames.split(durations.tolist())])
        return torch.cdist(merged, self.model.decoder.table).argmin(-1)[:, None], durations, len(waveform)

    def decode(self, codes, durations, length=None):
        embedded = self.model.decoder.codes_to_embeddings(codes[None, :, None])
        return self.model.decoder.conv(embedded.repeat_interleave(durations, -1)).flatten()
"""

SOURCES = {"X-LANCE/codecslime": {"src/codecslime/__init__.py": "", "src/codecslime/api.py": API}}


def weights(mirror: Path) -> None:
    for cls, size in ((CodecSlimeVq, 8192), (CodecSlimeFsq, 18_225)):
        checkpoint(mirror / cls.mode_spec("40hz").weights[0].path, size)


def checkpoint(path: Path, size: int) -> None:
    tensors = {
        "conv.weight": torch.randn(4, 1, 200) / 5,
        "decoder.table": torch.randn(size, 4),
        "decoder.conv.weight": torch.randn(4, 1, 200) / 10,
    }
    write(path, tensors)


def expected(mirror: Path, codec: IsolatedCodec, samples: Samples) -> Expected:
    state = load_file(mirror / codec.spec.weights[0].path)
    table, frames = state["decoder.table"], analysed(samples, state["conv.weight"])
    merges = codec.mode == "40hz"
    count = round(len(frames) / 2) if merges else len(frames)
    lengths = [len(frames) // count + (i < len(frames) % count) for i in range(count)]
    if merges:
        lengths[0], lengths[-1] = lengths[0] + 1, lengths[-1] - 1
    merged = torch.stack([part.mean(0) for part in frames.split(lengths)])

    def decoded(codes: list[torch.Tensor]) -> torch.Tensor:
        repeats = codes[1] + 1 if merges else torch.ones_like(codes[0])
        return synthesised(table[codes[0]].repeat_interleave(repeats, 0), state["decoder.conv.weight"])

    codes = [nearest(merged, table), torch.tensor(lengths) - 1]
    return Expected(codes if merges else codes[:1], decoded, latents=lambda codes: {"quantized": table[codes[0]]})


WRONG = (Wrong((CodecSlimeVq, "40hz"), 0, lambda path: checkpoint(path, 18_225), "size mismatch"),)
