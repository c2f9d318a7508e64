"""EnCodec of the published size with random weights, which cost what trained ones cost, for `coding_jobs.py`."""

from __future__ import annotations

import os
from typing import Any

import torch

from codec_bench.adapters import CodecSpec, Group
from codec_bench.adapters.torch_codec import TorchCodec
from codec_bench.tokens import Codebook

RATE, HOP, BOOKS = 24_000, 320, 8


class EncodecSized(TorchCodec):
    """The network of `facebook/encodec_24khz` (14.9 M parameters), as transformers has it, at 6 kbit/s.

    `ENCODEC_SIZED_GB` leaves it so much of a GPU's memory, so that large batches do not fit.
    """

    name = "encodec-sized"
    prefixes = (BOOKS,)
    spec = CodecSpec("EnCodec's size", Group.ACOUSTIC, RATE, RATE, (Codebook(1024, hop=HOP),) * BOOKS)

    def _load(self, folder: Any) -> torch.nn.Module:
        from transformers import EncodecConfig, EncodecModel

        if "ENCODEC_SIZED_GB" in os.environ:
            share = 1e9 * float(os.environ["ENCODEC_SIZED_GB"]) / torch.cuda.get_device_properties(0).total_memory
            torch.cuda.set_per_process_memory_fraction(share)
        torch.manual_seed(0)
        return EncodecModel(EncodecConfig())

    def _codes(self, samples: torch.Tensor) -> torch.Tensor:
        return self._model.encode(samples[None, None], bandwidth=6.0).audio_codes[0, 0]

    def _samples(self, codes: list[torch.Tensor]) -> torch.Tensor:
        return self._model.decode(torch.stack(codes)[None, None], [None]).audio_values[0, 0]
