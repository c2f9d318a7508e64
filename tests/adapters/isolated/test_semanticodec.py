"""SemantiCodec, on a stand-in of its source tree that runs in an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.semanticodec.codec import SemantiCodec
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.tokens import Tokens
from tests.adapters.isolated.checks import noise
from tests.adapters.isolated.standins import semanticodec as standin

MODE = "tr50_v4096"


@pytest.fixture(scope="module")
def codec(machine: Path) -> Iterator[SemantiCodec]:
    codec = SemantiCodec(MODE)
    codec.load()
    yield codec
    codec.close()


def direct(mirror: Path, samples: np.ndarray, frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes `[2, frames]`, their embedding and audio without noise, from the files' tensors alone."""
    import torch

    encoder, decoder, centroids = (mirror / weight.path for weight in SemantiCodec(MODE).spec.weights)
    state = torch.load(encoder, weights_only=True)
    table = torch.from_numpy(np.load(centroids))
    x = torch.from_numpy(np.pad(samples, (0, 163_840 - len(samples)))).reshape(256, 4, 160)[..., :128].mean(1)
    z = torch.nn.functional.linear(x, state["layer.weight"], state["layer.bias"])[:frames]
    semantic = torch.cdist(z, table).argmin(-1)
    acoustic = torch.cdist(z - table[semantic], state["quantizer.weight"]).argmin(-1)
    embedded = torch.cat([state["quantizer.weight"][acoustic], table[semantic]], dim=-1)
    audio = torch.nn.functional.linear(embedded, torch.load(decoder, weights_only=True)["layer.weight"])
    return torch.stack([semantic, acoustic]).numpy(), embedded.numpy(), audio.flatten().numpy()


@pytest.mark.parametrize(("length", "frames"), [(30_000, 48), (1, 4), (2560, 8)])  # a patch has 2560 samples, 4 frames
def test_codes_latents_and_audio_are_those_of_the_networks(
    codec: SemantiCodec, machine: Path, length: int, frames: int
) -> None:
    recording = noise(length)
    code = codec.encode(recording)
    assert isinstance(code, Tokens)
    codes, embedded, audio = direct(machine / "mirror", recording.samples, frames)
    assert np.array_equal(np.stack([stream.codes for stream in code.streams]), codes)
    np.testing.assert_allclose(codec.latents(code)["quantized"], embedded, atol=1e-5)
    decoded = codec.decode(code).samples
    assert len(decoded) == length
    assert 0 < np.abs(decoded - audio[:length]).max() < 0.06  # the decoder starts from noise,
    assert np.array_equal(codec.decode(code).samples, decoded)  # the same for each recording


def test_a_minute_is_decoded_to_itself(codec: SemantiCodec) -> None:
    code = codec.encode(noise(16_000 * 60))
    assert isinstance(code, Tokens)
    assert [len(stream.codes) for stream in code.streams] == [1500, 1500]  # 375 patches
    assert len(codec.decode(code)) == 16_000 * 60


def test_bitrates_are_those_of_the_paper() -> None:
    rates = {mode: SemantiCodec(mode).spec.bitrate() for mode in SemantiCodec.modes}
    assert rates == pytest.approx(
        {
            "tr25_v32768": 350,
            "tr50_v4096": 625,
            "tr50_v8192": 650,
            "tr50_v16384": 675,
            "tr50_v32768": 700,
            "tr100_v32768": 1400,
        }
    )
    with pytest.raises(UsageError, match="tr25_v32768"):
        SemantiCodec("tr25")


def test_a_codebook_of_another_size_is_refused(codec: SemantiCodec, tmp_path: Path) -> None:
    book = SemantiCodec(MODE).spec.weights[2].path.removeprefix("hf/haoheliu/SemantiCodec/")
    (tmp_path / book).parent.mkdir(parents=True)
    np.save(tmp_path / book, np.zeros((2048, standin.DIMENSION), np.float32))
    other = SemantiCodec(MODE)
    other.use_checkpoint(tmp_path)
    with pytest.raises(UnavailableError, match="has 2048 entries, not 4096"):
        other.load()
