"""FACodec, on a stand-in of its source tree that runs in an environment of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec_bench.adapters.isolated.facodec import codec as facodec
from codec_bench.errors import UsageError
from tests.adapters.isolated.checks import check, noise, residual, state_of


def test_facodec_with_and_without_detail(mirror: Path) -> None:
    import torch
    from torch.nn import functional

    codec = facodec.FaCodec()
    codec.load()
    recording = noise(16_100, 16_000)
    encoder, decoder = state_of(mirror, codec, 0), state_of(mirror, codec, 1)
    padded = torch.from_numpy(np.pad(recording.samples, (0, 100)))[None, None]
    encoded = functional.conv1d(padded, encoder["block.weight"], encoder["block.bias"], 200)
    tables = [decoder[f"tables.{i}.weight"] for i in range(6)]
    codes = residual(encoded[0].T, tables)

    def decoded(books: int) -> Any:
        summed = sum(table[code] for table, code in zip(tables[:books], codes[:books], strict=True))
        x = summed.T[None] + encoded.mean(-1)[:, :, None]
        return functional.conv_transpose1d(x, decoder["model.weight"], stride=200)[0, 0]

    code = check(codec, 16_000, codes, decoded(6), recording)
    np.testing.assert_allclose(codec.decode(code, 3).samples, decoded(3).numpy()[:16_100], atol=1e-5)
    np.testing.assert_allclose(code.side["speaker"], encoded.mean(-1)[0].numpy(), atol=1e-6)
    assert code.side_bits == 256 * 32
    codec.close()
    with pytest.raises(UsageError, match="3 or 6 codebooks, not 4"):
        facodec.FaCodec(codebooks=4)
