from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from codec_bench.audio import Audio
from codec_bench.errors import UnavailableError
from codec_bench.metrics.model import Model, free_models, run_model
from codec_bench.metrics.similarity import cosine
from codec_bench.metrics.speaker import campplus, ecapa, wavlm_large
from codec_bench.metrics.speaker.campplus import campplus_similarity, kaldi_fbank
from codec_bench.metrics.speaker.ecapa import ecapa_similarity
from codec_bench.metrics.speaker.wavlm import WAVLM_MODEL, WAVLM_SV, speaker_similarity
from codec_bench.records import NotScorable, Status
from tests.metrics.material import DATA, drawn

pytestmark = pytest.mark.long

RATE = 16_000
MODELS = {
    "campplus": campplus.CAMPPLUS_MODEL,
    "ecapa": ecapa.ECAPA_MODEL,
    "wavlm_large": wavlm_large.WAVLM_LARGE_MODEL,
}
METRICS = {
    "campplus": campplus_similarity,
    "ecapa": ecapa_similarity,
    "wavlm_large": speaker_similarity.with_variant("wavlm-large"),
}


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return soundfile.read(DATA / "visqol" / "CA01_01.flac", dtype="float32")[0][20_000:60_000]


def golden(name: str) -> dict[str, Any]:
    return json.loads((DATA / "speaker" / f"{name}.json").read_text())


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A mirror of other files than those of `checkpoints`."""
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    free_models()
    yield tmp_path
    free_models()


def checkpoint(name: str, tensors: dict[str, torch.Tensor]) -> Any:
    """Tensors as the published file holds them."""
    return {"model": tensors | {"loss_calculator.weight": torch.zeros(3)}} if name == "wavlm_large" else tensors


def publish(mirror: Path, model: Model, tensors: Any) -> None:
    (file,) = model.weights
    path = mirror / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(tensors, path)


@pytest.fixture(scope="module", autouse=True)
def _files_of_any_digest() -> Iterator[None]:
    file = wavlm_large.WAVLM_LARGE
    published = {name: getattr(file, name) for name in ("sha256", "size")}
    for name in published:
        object.__setattr__(file, name, None)
    yield
    for name, value in published.items():
        object.__setattr__(file, name, value)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A mirror with all networks, which stay loaded."""
    root = tmp_path_factory.mktemp("checkpoints")
    for name, model in MODELS.items():
        publish(root, model, checkpoint(name, drawn(golden(name)["shapes"])))
    free_models()
    yield root
    free_models()


@pytest.fixture
def published(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(checkpoints))


def test_kaldi_features_equal_torchaudio(speech: np.ndarray) -> None:
    kaldi = pytest.importorskip("torchaudio.compliance.kaldi")
    for samples in (speech, speech[:400], 0.001 * speech[:1000], np.full(2000, 0.1, np.float32)):
        expected = kaldi.fbank(torch.from_numpy(samples)[None], num_mel_bins=80, sample_frequency=RATE, dither=0)
        # torchaudio computes in single precision, which shows where nothing is but rounding.
        np.testing.assert_allclose(kaldi_fbank(samples), expected.numpy(), atol=2e-3)


@pytest.mark.parametrize("name", list(MODELS))
def test_embedding_of_the_authors_network(name: str, published: None, speech: np.ndarray) -> None:
    expected = golden(name)
    (embedding,) = run_model(MODELS[name], [Audio(speech, RATE)], "cpu")
    assert isinstance(embedding, np.ndarray)
    assert (embedding.dtype, embedding.shape) == (np.float32, (256 if name == "wavlm_large" else 192,))
    scale = float(np.abs(expected["embedding"]).max())
    np.testing.assert_allclose(embedding / scale, np.array(expected["embedding"]) / scale, atol=1e-4)


@pytest.mark.parametrize("name", list(MODELS))
def test_a_batch_equals_single_signals(name: str, published: None, speech: np.ndarray) -> None:
    signals = [Audio(speech[start : start + 12_000], RATE) for start in (0, 9000)]
    batch = run_model(MODELS[name], signals, "cpu")
    for one, signal in zip(batch, signals, strict=True):
        (alone,) = run_model(MODELS[name], [signal], "cpu")
        assert isinstance(one, np.ndarray)
        assert isinstance(alone, np.ndarray)
        np.testing.assert_allclose(one, alone, atol=1e-5 * float(np.abs(alone).max()))


@pytest.mark.parametrize(("name", "shortest"), [("campplus", 720), ("ecapa", 640), ("wavlm_large", 720)])
def test_shortest(name: str, shortest: int, published: None, speech: np.ndarray) -> None:
    assert METRICS[name](speech[: shortest - 1], speech[: shortest - 1], RATE).status is Status.TOO_SHORT
    assert float(METRICS[name](speech[:shortest], speech[:shortest], RATE)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "damage"),
    [("campplus", "other names"), ("campplus", "other shapes"), ("wavlm_large", "other names")],
)
def test_another_file_is_refused(name: str, damage: str, mirror: Path, speech: np.ndarray) -> None:
    tensors = drawn(golden(name)["shapes"])
    if damage == "other names":
        tensors = {f"model.{key}": value for key, value in tensors.items()}
    if damage == "other shapes":
        tensors = {key: value[:-1] if value.ndim > 1 else value for key, value in tensors.items()}
    publish(mirror, MODELS[name], checkpoint(name, tensors))
    with pytest.raises(UnavailableError, match="fetch it again"):
        METRICS[name](speech, speech, RATE)


def test_cosine() -> None:
    first, second = np.array([1.0, 0.0], np.float32), np.array([3.0, 4.0], np.float32)
    assert cosine(first, second) == pytest.approx(0.6)
    assert cosine(first, -first) == -1
    for bad in (np.zeros(2, np.float32), np.array([np.nan, 1], np.float32)):
        with pytest.raises(NotScorable):
            cosine(first, bad)


@pytest.fixture
def wavlm(mirror: Path) -> Any:
    """A small WavLM with x-vector layers in the layout of the published files, of which the weights mean nothing."""
    transformers = pytest.importorskip("transformers")
    config = transformers.WavLMConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, xvector_output_dim=24, tdnn_dim=(32,) * 5,
        use_weighted_layer_sum=True,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.WavLMForXVector(config).eval()
    folder = mirror / "hf" / "microsoft" / "wavlm-base-plus-sv"
    folder.mkdir(parents=True)
    config.save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True).save_pretrained(folder)
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    tensors = {}
    for name, tensor in model.state_dict().items():
        (former,) = [name.replace(new, old[new]) for new in old if new in name] or [name]
        tensors[former] = tensor
    torch.save(tensors, folder / "pytorch_model.bin")
    return model


def test_wavlm_embedding_equals_transformers(wavlm: Any, speech: np.ndarray) -> None:
    (embedding,) = run_model(WAVLM_MODEL, [Audio(speech, RATE)], "cpu")
    with torch.no_grad():
        expected = wavlm(torch.from_numpy(speech)[None]).embeddings[0].numpy()
    np.testing.assert_allclose(embedding, expected, atol=1e-5)
    signals = [Audio(speech[start : start + 16_000], RATE) for start in (0, 12_000)]
    for one, signal in zip(run_model(WAVLM_MODEL, signals, "cpu"), signals, strict=True):
        (alone,) = run_model(WAVLM_MODEL, [signal], "cpu")
        np.testing.assert_allclose(np.asarray(one), np.asarray(alone), atol=1e-5)


def test_wavlm_similarity(wavlm: Any, speech: np.ndarray) -> None:
    assert float(speaker_similarity(speech, speech, RATE)) == pytest.approx(1, abs=1e-6)
    assert speaker_similarity(speech[:5200], speech[:5200], RATE).status is Status.OK
    assert speaker_similarity(speech[:5199], speech[:5199], RATE).status is Status.TOO_SHORT


def test_wavlm_that_lacks_a_tensor_is_refused(wavlm: Any, mirror: Path, speech: np.ndarray) -> None:
    path = mirror / WAVLM_SV[-1].path
    tensors = torch.load(path, weights_only=True)
    del tensors["projector.weight"]
    torch.save(tensors, path)
    with pytest.raises(UnavailableError, match="lacks 1 tensors"):
        speaker_similarity(speech, speech, RATE)
