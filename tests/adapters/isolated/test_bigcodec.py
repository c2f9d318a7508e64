"""BigCodec, on a stand-in of its source tree that runs in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.bigcodec import codec as bigcodec
from tests.adapters.isolated.checks import check, noise, residual, state_of


@pytest.mark.parametrize("extra", [0, 1, 199])
def test_bigcodec(mirror: Path, extra: int) -> None:
    import torch
    from torch.nn import functional

    codec = bigcodec.BigCodec()
    codec.load()
    recording = noise(16_000 + extra, 16_000)
    state = state_of(mirror, codec)
    padded = torch.from_numpy(np.pad(recording.samples, (0, 200 - extra)))[None, None]  # a frame more when it fits
    encoded = functional.conv1d(padded, state["CodecEnc"]["block.weight"], state["CodecEnc"]["block.bias"], 200)
    table = state["generator"]["table.weight"]
    codes = residual(encoded[0].T, [table])
    audio = functional.conv_transpose1d(table[codes[0]].T[None], state["generator"]["model.weight"], stride=200)
    code = check(codec, 16_000, codes, audio[0, 0], recording)
    assert len(code.streams[0].codes) == 81
    assert codec.latents(code)["quantized"].shape == (81, 6)
    codec.close()
