"""BigCodec, FACodec, HiFi-Codec, TiCodec and BigVGAN on stand-ins of their source trees.

The stand-ins insist on the shapes that the real networks take (`assert`), and are computed here once more from their
checkpoints with plain tensor operations.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec_bench.adapters.isolated.academicodec import codec as academicodec
from codec_bench.adapters.isolated.base import IsolatedCodec
from codec_bench.adapters.isolated.bigcodec import codec as bigcodec
from codec_bench.adapters.isolated.bigvgan import codec as bigvgan
from codec_bench.adapters.isolated.facodec import codec as facodec
from codec_bench.audio import Audio
from codec_bench.errors import UsageError
from codec_bench.tokens import Tokens
from tests.adapters.isolated.standins import academicodec as academicodec_standin
from tests.adapters.isolated.standins import bigcodec as bigcodec_standin
from tests.adapters.isolated.standins import bigvgan as bigvgan_standin
from tests.adapters.isolated.standins import facodec as facodec_standin

STANDINS = (academicodec_standin, bigcodec_standin, bigvgan_standin, facodec_standin)
HIFI = academicodec.HIFI_CODECS


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("github")
    mirror = root / "mirror"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_HOME", str(root / "home"))
        patch.setenv("CODEC_BENCH_MIRROR", str(mirror))
        for standin in STANDINS:
            standin.prepare(mirror, patch)
        yield mirror


@pytest.fixture(autouse=True)
def _places(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_HOME", str(mirror.parent / "home"))
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(mirror))


def noise(samples: int, rate: int) -> Audio:
    return Audio(np.random.default_rng(0).uniform(-0.5, 0.5, samples).astype(np.float32), rate)


def state_of(mirror: Path, codec: IsolatedCodec, number: int = 0) -> Any:
    import torch

    return torch.load(mirror / codec.spec.weights[number].path, weights_only=True)


def residual(x: Any, tables: list[Any]) -> list[Any]:
    """Codes of `[frames, dimension]`, one table after the other."""
    import torch

    codes = []
    for table in tables:
        codes.append(torch.cdist(x, table).argmin(-1))
        x = x - table[codes[-1]]
    return codes


def check(codec: IsolatedCodec, rate: int, codes: list[Any], audio: Any, recording: Audio) -> Tokens:
    """Codes and audio are those that were computed directly; every length comes back; nothing is left behind."""
    code = codec.encode(recording)
    assert isinstance(code, Tokens)
    assert len(code.streams) == len(codes)
    for stream, expected in zip(code.streams, codes, strict=True):
        assert np.array_equal(stream.codes, expected.numpy())
    decoded = codec.decode(code)
    np.testing.assert_allclose(decoded.samples, audio.numpy()[: len(recording)], atol=1e-5)
    for length in (1, 999, 60 * rate):
        assert len(codec.decode(codec.encode(noise(length, rate)))) == length
    assert np.array_equal(codec.decode(code).samples, decoded.samples)
    return code


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


@pytest.mark.parametrize("cls", HIFI.values())
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


def test_bigvgan_sends_a_spectrogram_and_no_codes(mirror: Path) -> None:
    import torch
    from torch.nn import functional

    codec = bigvgan.BigVgan()
    codec.load()
    recording = noise(24_000, 24_000)
    padded = torch.from_numpy(np.pad(recording.samples, (0, -24_000 % 256)))[None]
    spectrum = torch.stft(padded, 198, 256, window=torch.hann_window(198), return_complex=True).abs()
    mel = torch.log(spectrum[:, :100, : padded.shape[1] // 256] + 1e-5)
    weight = state_of(mirror, codec, 1)["generator"]["layer.weight"]
    audio = torch.tanh(functional.conv_transpose1d(mel, weight, stride=256))
    code = check(codec, 24_000, [], audio[0, 0], recording)
    assert code.side["mel"].shape == (100, 94)
    assert code.bits == 0
    assert codec.spec.bitrate() is None
    codec.close()
