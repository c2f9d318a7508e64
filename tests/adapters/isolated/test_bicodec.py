"""BiCodec, on a stand-in of its source tree that runs in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.bicodec.codec import BiCodec
from codec_bench.audio import Audio
from codec_bench.errors import UnavailableError
from codec_bench.tokens import Tokens
from tests.adapters.isolated.checks import noise
from tests.adapters.isolated.standins import bicodec as standin


def test_codes_voice_and_audio_are_those_of_the_networks(mirror: Path) -> None:
    import torch
    from safetensors.torch import load_file
    from torch.nn import functional
    from transformers import Wav2Vec2Model

    codec = BiCodec()
    codec.load()
    folder = (mirror / BiCodec.spec.weights[0].path).parent
    state = load_file(folder / "BiCodec/model.safetensors")
    table = state["quantizer.table"]
    encoder = Wav2Vec2Model.from_pretrained(folder / "wav2vec2-large-xlsr-53").eval()  # type: ignore[no-untyped-call]
    for length in (16_000, 100_100):
        recording = noise(length, 16_000)
        loud = recording.samples * (0.2 / np.abs(recording.samples).max())
        values = (loud - loud.mean()) / np.sqrt(loud.var() + 1e-7)
        frames = -(-length // 320)
        padded = torch.from_numpy(np.pad(values, (0, frames * 320 + 80 - length)).astype(np.float32))[None]
        with torch.inference_mode():
            hidden = encoder(padded, output_hidden_states=True).hidden_states
        features = (hidden[11] + hidden[14] + hidden[16])[0] / 3
        expected = torch.cdist(features @ state["encoder.weight"][:, :, 0].T, table).argmin(-1)
        voice = np.abs(np.resize(loud, 96_000)).reshape(32, 3000).max(1)
        tokens = (torch.from_numpy(voice) * 4000).int()

        code = codec.encode(recording)
        assert isinstance(code, Tokens)
        codes = torch.from_numpy(code.streams[0].codes)
        assert len(codes) == frames
        assert (codes == expected).float().mean() > 0.95  # another order of the same sums moves a few
        assert code.side["global"].tolist() == tokens.tolist()
        assert code.side_bits == 384
        vectors = table[codes] @ state["prenet.weight"][:, :, 0].T
        vectors = vectors + state["speaker_encoder.project.weight"] @ (tokens / 4096)
        audio = functional.conv_transpose1d(vectors.T[None], state["decoder.weight"], stride=320)[0, 0]
        np.testing.assert_allclose(codec.decode(code).samples, audio[:length], atol=1e-5)
        assert codec.latents(code)["quantized"].shape == (frames, standin.WIDTH)
    for length in (1, 999):
        assert len(codec.decode(codec.encode(noise(length, 16_000)))) == length
    silence = codec.encode(Audio(np.zeros(5000, np.float32), 16_000))
    assert np.isfinite(codec.decode(silence).samples).all()
    codec.close()


def test_a_checkpoint_without_a_tensor_is_refused(mirror: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = mirror / BiCodec.spec.weights[2].path
    whole = path.read_bytes()
    state = load_file(path)
    del state["prenet.weight"]
    save_file(state, str(path))
    with pytest.raises(UnavailableError, match=r"lacks 1 tensors, e\.g\. prenet\.weight"):
        BiCodec().load()
    path.write_bytes(whole)
