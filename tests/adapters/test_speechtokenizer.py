"""SpeechTokenizer gives what its package gives, at every number of codebooks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from codec_bench.adapters.speechtokenizer import SpeechTokenizer, _model_class
from codec_bench.audio import Audio
from codec_bench.errors import UnavailableError, UsageError
from tests.adapters.small_packages import SPEECHTOKENIZER

CODEC = SpeechTokenizer

PUBLISHED = {**SPEECHTOKENIZER, "n_filters": 64, "dimension": 1024, "semantic_dimension": 768}


@pytest.fixture(scope="module")
def audio() -> Audio:
    noise = np.random.default_rng(5).standard_normal(16_001) * np.linspace(0, 0.5, 16_001)
    return Audio(noise.astype(np.float32), 16_000)


@pytest.mark.parametrize("count", SpeechTokenizer.prefixes)
def test_codes_and_audio_are_those_of_the_package(codec: SpeechTokenizer, mirror: Path, audio: Audio, count: int):
    folder = (mirror / SpeechTokenizer.spec.weights[0].path).parent
    package = (
        _model_class().load_from_checkpoint(str(folder / "config.json"), str(folder / "SpeechTokenizer.pt")).eval()
    )
    with torch.inference_mode():
        expected = package.encode(torch.from_numpy(audio.samples)[None, None], n_q=count)
        decoded = package.decode(expected)[0, 0, : len(audio)].numpy()
    code = codec.encode(audio)
    codes = np.stack([stream.codes for stream in code.streams])
    assert codes.shape == (8, 51)
    assert np.array_equal(codes[:count], expected[:, 0].numpy())
    assert min(len(np.unique(book)) for book in codes) > 10
    assert np.array_equal(codec.decode(code, count).samples, decoded)


@pytest.mark.long
@pytest.mark.parametrize(("length", "frames"), [(1, 1), (320, 1), (321, 2), (60 * 16_000, 3000)])
def test_all_lengths_are_coded(codec: SpeechTokenizer, length: int, frames: int):
    code = codec.encode(Audio(np.full(length, 0.1, np.float32), 16_000))
    assert {len(stream.codes) for stream in code.streams} == {frames}
    assert len(codec.decode(code)) == length


def test_the_embeddings_are_those_of_the_package(codec: SpeechTokenizer, audio: Audio):
    latents = codec.latents(codec.encode(audio).prefix(3))["quantized"]
    with torch.inference_mode():
        expected = sum(codec._model.forward_feature(torch.from_numpy(audio.samples)[None, None], layers=[0, 1, 2]))
    assert latents.shape == (51, SPEECHTOKENIZER["dimension"])
    assert np.allclose(latents, expected[0].T.numpy(), atol=1e-5)


def test_the_published_size_has_the_stated_parameters():
    with torch.device("meta"):
        model = _model_class()(PUBLISHED)
    assert sum(p.numel() for p in model.parameters()) == SpeechTokenizer().spec.parameters


@pytest.mark.long
def test_the_trainer_is_left_alone():
    code = """if True:
        import sys
        from codec_bench.adapters.speechtokenizer import _model_class
        _model_class()
        heavy = {"speechtokenizer.trainer", "torchaudio", "accelerate", "beartype", "tensorboard"}
        print(sorted(heavy & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("setting", [0, 9])
def test_other_numbers_of_codebooks_are_refused(setting: int):
    with pytest.raises(UsageError, match="1 to 8 codebooks"):
        SpeechTokenizer(codebooks=setting)


@pytest.mark.parametrize("changed", [{"strides": [8, 5, 4, 4]}, {"n_q": 4}, {"sample_rate": 24_000}])
def test_another_model_is_refused(mirror: Path, tmp_path: Path, changed: dict, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(mirror))
    folder = tmp_path / "speechtokenizer_hubert_avg"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(SPEECHTOKENIZER | changed))
    codec = SpeechTokenizer()
    codec.use_checkpoint(tmp_path)
    with pytest.raises(UnavailableError, match=r"^config\.json belongs to another model"):
        codec.load()
