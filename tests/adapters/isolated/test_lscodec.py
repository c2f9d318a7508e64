"""LSCodec, on a stand-in of its source tree that runs in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.lscodec.codec import CODECS, LsCodec
from codec_bench.errors import UnavailableError
from codec_bench.tokens import Tokens
from tests.adapters.isolated.checks import noise
from tests.adapters.isolated.standins import lscodec as standin


def direct(mirror: Path, cls: type[LsCodec], samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes, their vectors and audio at 24 kHz from the files' tensors alone."""
    import torch

    folder = (mirror / cls.spec.weights[0].path).parent
    encoder, vocoder = (
        torch.load(folder / f"lscodec_{part}.pt", weights_only=True)["model"]["generator"]
        for part in ("encoder", "vocoder")
    )
    wavlm = torch.load(mirror / "wavlm" / "WavLM-Large.pt", weights_only=True)["model"]
    hop = cls.spec.codebooks[0].hop
    windows = np.lib.stride_tricks.sliding_window_view(samples, 400)[::hop].copy()
    z = torch.from_numpy(windows) @ encoder["conv.weight"][:, 0].T + encoder["conv.bias"]
    table = torch.from_numpy(np.load(folder / "codebook.npy"))[0]
    codes = torch.cdist(z, table).argmin(-1)
    normal = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-5)
    frames = torch.from_numpy(normal[: len(normal) // 320 * 320].reshape(-1, 320))
    prompt = (frames @ wavlm["layer.weight"].T + wavlm["layer.bias"]).mean(0)
    voice = prompt @ vocoder["frontend.prompt.weight"].T + vocoder["frontend.prompt.bias"]
    vectors = table[codes].repeat_interleave(hop // 320, dim=0) + voice
    return codes.numpy(), table[codes].numpy(), (vectors @ vocoder["backend.layer.weight"].T).flatten().numpy()


@pytest.mark.parametrize("cls", CODECS.values())
def test_codes_latents_and_audio_are_those_of_the_networks(cls: type[LsCodec], machine: Path) -> None:
    codec = cls()
    codec.load()
    recording = noise(30_000)
    code = codec.encode(recording)
    assert isinstance(code, Tokens)
    codes, vectors, audio = direct(machine / "mirror", cls, recording.samples)
    assert np.array_equal(code.streams[0].codes, codes)
    assert code.side_bits == 0  # the prompt is not sent
    np.testing.assert_allclose(codec.latents(code)["quantized"], vectors)
    decoded = codec.decode(code).samples
    assert len(decoded) == 45_000
    shared = min(len(audio), 45_000)
    np.testing.assert_allclose(decoded[:shared], audio[:shared], atol=1e-4)
    for length in (1, 700, 3 * 16_000):
        assert len(codec.decode(codec.encode(noise(length)))) == length * 3 // 2 + (length * 3 % 2 > 0)
    codec.close()


def test_bitrates_are_those_of_the_codebooks() -> None:
    assert CODECS["lscodec-50hz"]().spec.bitrate() == pytest.approx(411.4, abs=0.05)
    assert CODECS["lscodec-25hz"]().spec.bitrate() == 250


def test_layers_that_are_no_numbers_are_not_evaluated(machine: Path, tmp_path: Path) -> None:
    text = standin.ENCODER_CONFIG.replace("[(6, 400, %d)]", "print(1)")
    (tmp_path / "encoder_config.yml").write_text(text, encoding="utf-8")
    codec = CODECS["lscodec-50hz"]()
    codec.use_checkpoint(tmp_path)
    with pytest.raises(UnavailableError, match="no lists of numbers"):
        codec.load()
