"""Kanade, on a stand-in of its source tree that runs in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.kanade.codec import CODECS, WAVLM, Kanade
from codec_bench.errors import UnavailableError
from codec_bench.tokens import Tokens
from tests.adapters.isolated.checks import noise
from tests.adapters.isolated.standins import kanade as standin


@pytest.mark.parametrize("cls", standin.CLASSES)
def test_codes_voice_and_audio_are_those_of_the_networks(mirror: Path, cls: type[Kanade]) -> None:
    import torch
    from safetensors.torch import load_file
    from torch.nn import functional
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone

    codec = cls()
    codec.load()
    recording = noise(24_100, 24_000)
    state = load_file(mirror / codec.spec.weights[0].path)
    wavlm = torch.load(mirror / WAVLM.path, weights_only=True)["weight"]
    hop = int(codec.spec.codebooks[0].hop)
    full = recording.samples / np.abs(recording.samples).max()
    padded = torch.from_numpy(np.pad(full, (0, -24_100 % hop)))[None, None]
    features = functional.avg_pool1d(functional.conv1d(padded, wavlm, stride=480), hop // 480)[0].T
    table = state["local_quantizer.table"]
    codes = torch.cdist(features @ state["local_encoder.layer.weight"].T, table).argmin(-1)
    voice = features.mean(0)
    code = codec.encode(recording)
    assert isinstance(code, Tokens)
    assert np.array_equal(code.streams[0].codes, codes.numpy())
    np.testing.assert_allclose(code.side["voice"], voice.numpy(), atol=1e-6)
    assert code.side_bits == 6 * 32
    assert codec.latents(code)["quantized"].shape == (len(codes), 6)

    stretched = functional.interpolate((table[codes] + voice).T[None], size=len(codes) * hop // 256 + 1)
    mel = state["mel.weight"] @ stretched
    vocoder = cls.spec.weights[2:]
    if len(vocoder) == 1:
        layer = torch.load(mirror / vocoder[0].path, weights_only=True)["generator.layer.weight"]
        audio = functional.conv_transpose1d(mel, layer, stride=256)[0, 0]
        torch.manual_seed(0)
        audio = audio + torch.randn_like(audio[None])[0] / 10
    else:
        saved = torch.load(mirror / vocoder[1].path, weights_only=True)
        backbone = VocosBackbone(input_channels=standin.BANDS, dim=8, intermediate_dim=8, num_layers=1)
        head = ISTFTHead(dim=8, n_fft=1024, hop_length=256, padding="center")
        for part, made in (("backbone.", backbone), ("head.", head)):
            made.load_state_dict({k.removeprefix(part): v for k, v in saved.items() if k.startswith(part)})
        with torch.inference_mode():
            audio = head(backbone(mel))[0]
    decoded = codec.decode(code).samples
    count = min(len(audio), len(decoded))
    assert count > 24_000
    np.testing.assert_allclose(decoded[:count], audio[:count], atol=1e-4)
    assert np.array_equal(codec.decode(code).samples, decoded)
    for length in (1, 999, 3 * 24_000):
        assert len(codec.decode(codec.encode(noise(length, 24_000)))) == length
    codec.close()


def test_a_checkpoint_with_other_tensors_is_refused(mirror: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = mirror / CODECS["kanade-25hz"].weights()[0].path
    whole = path.read_bytes()
    state = load_file(path)
    del state["mel.weight"]
    save_file(state, str(path))
    with pytest.raises(UnavailableError, match=r"other tensors, e\.g\. mel\.weight"):
        CODECS["kanade-25hz"]().load()
    path.write_bytes(whole)


def test_bitrates_are_those_of_the_paper() -> None:
    found = [round(cls.mode_spec(None).bitrate() or 0) for cls in standin.CLASSES]
    assert found == [341, 171, 341]
