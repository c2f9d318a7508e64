"""HiFi-Codec and TiCodec, on a stand-in of their source tree that runs in an environment of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.academicodec import codec as academicodec
from codec_bench.errors import UsageError
from tests.adapters.isolated.checks import check, noise, residual, state_of


@pytest.mark.parametrize("cls", academicodec.HIFI_CODECS.values())
def test_hifi_codec(mirror: Path, cls: type[academicodec.HiFiCodec]) -> None:
    import torch
    from torch.nn import functional

    codec = cls()
    codec.load()
    rate, hop = codec.spec.input_rate, codec.spec.codebooks[0].hop
    recording = noise(rate + 7, rate)
    state = state_of(mirror, codec)
    padded = torch.from_numpy(np.pad(recording.samples, (0, -len(recording) % hop)))[None, None]
    encoded = functional.conv1d(padded, *state["encoder"].values(), hop)
    tables = list(state["quantizer"].values())
    codes = residual(encoded[0].T, tables)
    summed = sum(table[code] for table, code in zip(tables, codes, strict=True)).T[None]
    audio = functional.conv_transpose1d(summed, state["generator"]["layer.weight"], stride=hop)
    code = check(codec, rate, codes, audio[0, 0], recording)
    assert code.bits / code.seconds == pytest.approx(codec.spec.bitrate(), rel=1e-12)
    codec.close()
    with pytest.raises(UsageError, match="4 codebooks, not 2"):
        cls(codebooks=2)


@pytest.mark.parametrize("mode", academicodec.TiCodec.modes)
def test_ticodec_sends_eight_codes_once(mirror: Path, mode: str) -> None:
    import torch
    from torch.nn import functional

    codec = academicodec.TiCodec(mode)
    codec.load()
    recording = noise(24_000, 24_000)
    state = state_of(mirror, codec)
    x = torch.from_numpy(recording.samples)[None, None]
    encoded = functional.conv1d(x, *state["encoder"].values(), 320)
    tables = [table for name, table in state["quantizer"].items() if name.startswith("tables")]
    shared = [table for name, table in state["quantizer"].items() if name.startswith("shared")]
    codes = residual(encoded[0].T, tables)
    pooled = encoded.mean(-1)[0]
    tokens = [(table[:, 0] - value).abs().argmin() for table, value in zip(shared, pooled, strict=True)]
    style = torch.stack([table[token, 0] for table, token in zip(shared, tokens, strict=True)])
    summed = sum(table[code] for table, code in zip(tables, codes, strict=True)).T[None]
    audio = functional.conv_transpose1d(summed + style[None, :, None], state["generator"]["layer.weight"], stride=320)
    code = check(codec, 24_000, codes, audio[0, 0], recording)
    assert code.side["global"].tolist() == [int(token) for token in tokens]
    assert code.side_bits == 80
    assert code.bits == 80 + 75 * 10 * int(mode[2])
    codec.close()
