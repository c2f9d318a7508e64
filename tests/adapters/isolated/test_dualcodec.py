"""DualCodec, on a stand-in of its source tree that runs in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.dualcodec.codec import DualCodec12
from codec_bench.tokens import Tokens
from tests.adapters.isolated.checks import noise, residual
from tests.adapters.isolated.standins import dualcodec as standin


@pytest.mark.parametrize("cls", standin.CLASSES)
def test_codes_and_audio_are_those_of_the_networks(mirror: Path, cls: type[DualCodec12]) -> None:
    import torch
    import torchaudio  # type: ignore[import-untyped]
    from safetensors.torch import load_file
    from torch.nn import functional
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertModel

    codec = cls()
    codec.load()
    hop = int(codec.spec.codebooks[0].hop)
    places = [mirror / weight.path for weight in codec.spec.weights]
    state, statistics = load_file(places[0]), torch.load(places[1], weights_only=True)
    semantic, *acoustic = [*state["semantic_vq.tables"], *state["acoustic_vq.tables"]]
    extractor = SeamlessM4TFeatureExtractor.from_pretrained(places[2].parent)
    encoder = Wav2Vec2BertModel.from_pretrained(places[2].parent).eval()  # type: ignore[no-untyped-call]
    factor = hop // 480
    for extra in (0, 1):
        recording = noise(24_000 - 24_000 % hop + extra, 24_000)
        frames = 24_000 // hop + extra
        lower = torchaudio.functional.resample(torch.from_numpy(recording.samples), 24_000, 16_000)
        inputs = extractor(lower.numpy(), sampling_rate=16_000, return_tensors="pt")
        with torch.inference_mode():
            hidden = encoder(**inputs, output_hidden_states=True).hidden_states[17]
        features = (hidden[0] - statistics["mean"]) / statistics["var"].sqrt()
        assert frames * factor - len(features) in (1, factor + 1)  # upstream drops the last frame or the last two
        features = torch.cat([features, features[-1:].expand(frames * factor - len(features), -1)])
        codes = residual(features.view(frames, factor, -1).mean(1), [semantic])
        padded = torch.from_numpy(np.pad(recording.samples, (0, frames * hop - len(recording))))[None, None]
        encoded = functional.conv1d(padded, state["encoder.weight"], stride=hop)[0].T
        codes += residual(encoded - semantic[codes[0]], acoustic)

        code = codec.encode(recording)
        assert isinstance(code, Tokens)
        assert len(code.streams) == len(cls.spec.codebooks)
        for stream, expected in zip(code.streams, codes, strict=True):
            assert np.array_equal(stream.codes, expected.numpy())
        for count in (1, 2, len(cls.spec.codebooks)):
            summed = sum(t[c] for t, c in zip([semantic, *acoustic][:count], codes, strict=False))
            audio = functional.conv_transpose1d(summed.T[None], state["decoder.weight"], stride=hop)[0, 0]
            np.testing.assert_allclose(codec.decode(code, count).samples, audio[: len(recording)], atol=1e-5)
    for length in (1, 999, 72_000):
        assert len(codec.decode(codec.encode(noise(length, 24_000)))) == length
    codec.close()


def test_bitrates_are_those_of_the_paper() -> None:
    twelve, twentyfive = (cls.mode_spec(None) for cls in standin.CLASSES)
    assert [twelve.bitrate(1), twelve.bitrate(6), twelve.bitrate()] == [175, 925, 1225]
    assert [twentyfive.bitrate(1), twentyfive.bitrate()] == [350, 3100]
