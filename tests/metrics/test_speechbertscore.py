from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codec_bench.audio import Audio
from codec_bench.metrics import metric
from codec_bench.metrics.model import free_models
from codec_bench.metrics.speechbertscore import WAVLM_LARGE, bert_score
from codec_bench.records import Status
from tests.metrics.test_resampling import RATES, speech

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mirror")


@pytest.fixture(scope="module")
def wavlm(mirror: Path) -> Any:
    """A narrow WavLM of the kind and depth of the large one, in the layout of its files, whose weights mean nothing."""
    transformers = pytest.importorskip("transformers")
    config = transformers.WavLMConfig(
        hidden_size=32, num_hidden_layers=24, num_attention_heads=2, intermediate_size=64, conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, do_stable_layer_norm=True,
        feat_extract_norm="layer",
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.WavLMModel(config).eval()
    folder = (mirror / WAVLM_LARGE[0].path).parent
    folder.mkdir(parents=True)
    config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return model


@pytest.fixture(autouse=True)
def _found(mirror: Path, wavlm: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(mirror))
    free_models()
    yield
    free_models()


def by_package(wavlm: Any, reference: Audio, decoded: Audio) -> np.ndarray:
    """Precision, recall and F1 as discrete-speech-metrics computes them."""
    from torchaudio.transforms import Resample

    def features(audio: Audio) -> torch.Tensor:
        wave = torch.from_numpy(audio.samples)[None]
        wave = wave if audio.rate == 16_000 else Resample(audio.rate, 16_000)(wave)
        with torch.inference_mode():
            return wavlm(wave, output_hidden_states=True).hidden_states[14][0]

    one, other = features(decoded), features(reference)
    similarity = one @ other.T / (one.norm(dim=1, keepdim=True) * other.norm(dim=1)[None])
    precision, recall = (similarity.max(dim=axis)[0].mean().item() for axis in (1, 0))
    return np.array([precision, recall, 2 * precision * recall / (precision + recall)])


def test_files_of_all_rates_as_the_package_has_them(wavlm: Any) -> None:
    for rate in (RATES[0], 16_000):
        decoded = Audio(speech(rate).samples[:rate], rate)
        other = Audio(np.tanh(4 * decoded.samples[: -rate // 10]), rate)
        names = [f"speechbertscore{variant}" for variant in ("", "[recall]", "[f1]")]
        found = [float(metric(name)(other.samples, decoded.samples, rate)) for name in names]
        np.testing.assert_allclose(found, by_package(wavlm, other, decoded), atol=1e-5)
        assert found[0] < 0.9999
        assert found[0] != found[1]
    assert float(metric("speechbertscore")(decoded.samples, decoded.samples, 16_000)) == pytest.approx(1, abs=1e-6)


def test_scores_of_frames_are_those_of_the_package() -> None:
    """Golden values: `bert_score` of discrete-speech-metrics at 350e1906 on these frames."""
    places = np.arange(5 * 3 + 7 * 3, dtype=np.float32)
    frames = np.sin(places**2).astype(np.float32).reshape(-1, 3)
    found = bert_score(frames[:5], frames[5:])
    np.testing.assert_allclose([*found.values()], [0.7579542, 0.6972725, 0.7263482], atol=1e-6)


def test_what_is_too_short_says_so() -> None:
    assert metric("speechbertscore")(np.full(399, 0.1), np.full(399, 0.1), 16_000).status is Status.TOO_SHORT
