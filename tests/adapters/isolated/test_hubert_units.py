"""HuBERT units: a small HuBERT of transformers, a k-means of scikit-learn, and a stand-in of textlesslib's vocoder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.hubert_units.codec import HubertUnits
from codec_bench.errors import UnavailableError
from codec_bench.tokens import Tokens
from tests.adapters.isolated.checks import noise

joblib = pytest.importorskip("joblib")
pytest.importorskip("sklearn")
transformers = pytest.importorskip("transformers")


def test_units_and_audio_are_those_of_the_models(machine: Path) -> None:
    import torch

    codec = HubertUnits("km500")
    codec.load()
    recording = noise(40_000)
    code = codec.encode(recording)
    assert isinstance(code, Tokens)
    mirror = machine / "mirror"
    hubert = transformers.HubertModel.from_pretrained(mirror / "hf" / "facebook" / "hubert-base-ls960").eval()
    taken = {}
    hubert.encoder.layers[8].register_forward_hook(lambda *call: taken.update(out=call[2]))
    with torch.no_grad():
        hubert(torch.from_numpy(recording.samples)[None])
    features = taken["out"][0] if isinstance(taken["out"], tuple) else taken["out"]
    kmeans = joblib.load(mirror / "textless" / "hubert_base_ls960_L9_km500.bin")
    units = kmeans.predict(features.reshape(-1, 16).numpy())
    assert len(units) == 124
    assert np.array_equal(code.streams[0].codes, units)
    assert len(set(units.tolist())) > 1
    np.testing.assert_allclose(codec.latents(code)["centroids"], kmeans.cluster_centers_[units])
    vocoder = mirror / "textless" / "hubert_base_ls960_L9_km500_hifigan" / "generator.pt"
    state = torch.load(vocoder, weights_only=True)["generator"]
    x = state["dict.weight"][units] + state["spkr.weight"][0] + state["style.weight"][0]
    audio = torch.tanh(x @ state["layer.weight"].T).flatten().numpy()
    decoded = codec.decode(code).samples
    np.testing.assert_allclose(decoded[: len(audio)], audio, atol=1e-5)
    for length in (1, 700, 3 * 16_000):
        assert len(codec.decode(codec.encode(noise(length)))) == length
    codec.close()


def test_bitrate() -> None:
    assert HubertUnits("km500").spec.bitrate() == pytest.approx(448.3, abs=0.05)


class Evil:
    """Says what to run when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("made-by-a-pickle",)


@pytest.mark.parametrize("content", [Evil(), np.array([Evil()], dtype=object)], ids=["object", "array"])
def test_a_quantizer_cannot_run_anything(content: object, tmp_path: Path) -> None:
    path = tmp_path / "hubert_base_ls960_L9_km500.bin"
    joblib.dump(content, path)
    codec = HubertUnits("km500")
    codec.use_checkpoint(tmp_path)
    with pytest.raises(UnavailableError, match=r"which no k-means needs|array of objects"):
        codec.load()
