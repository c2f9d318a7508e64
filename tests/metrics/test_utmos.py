from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from codec_bench.audio import Audio
from codec_bench.errors import UnavailableError
from codec_bench.metrics import utmos, utmos_network
from codec_bench.metrics.model import free_models
from codec_bench.records import NotScorable, Status

RATE = 16_000

BY_SPEECHMOS = {400: 0.9389727, 719: 0.8909042, 720: 1.0937293, 8000: 1.4240332, 16000: 1.5416952}
"""What SpeechMOS 1.2.0, cut to two layers, gave with `checkpoint()` for the first samples of `chirp()`."""


def chirp() -> Any:
    return np.sin(np.arange(RATE) ** 2 * 1e-4).astype(np.float32)


def shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes in the published checkpoint, from those of the network."""
    with torch.device("meta"):
        found = {name: tuple(tensor.shape) for name, tensor in utmos.network().state_dict().items()}
    convolution = "wav2vec2.encoder.pos_conv.0.weight"
    shape = found.pop(convolution)
    return found | {f"{convolution}_g": (1, 1, 128), f"{convolution}_v": shape, "wav2vec2.mask_emb": (768,)}


def checkpoint() -> dict[str, torch.Tensor]:
    draw = np.random.RandomState(7)
    made = {}
    for name, shape in sorted(shapes().items()):
        values = draw.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) if len(shape) > 1 else 4)
        near_one = "norm.weight" in name or name.endswith("_g") or "0.2.weight" in name
        made[name] = torch.from_numpy((values + near_one).astype(np.float32))
    return made


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def small() -> Iterator[Any]:
    """The network and its checkpoint with two layers of twelve, to save time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utmos_network, "LAYERS", 2)
        state = checkpoint()
        made = utmos.network()
        made.load_state_dict(utmos.folded(state))
        yield made, state


def test_the_checkpoint_is_that_of_the_authors() -> None:
    """102,772,865 parameters; the names of the tensors are those of SpeechMOS 1.2.0."""
    expected = shapes()
    assert sum(int(np.prod(shape)) for shape in expected.values()) == 102_772_865
    assert len(expected) == 65 + 10 * 16
    assert expected["wav2vec2.encoder.layers.11.self_attn.q_proj.weight"] == (768, 768)
    assert expected["wav2vec2.feature_extractor.conv_layers.0.2.weight"] == (512,)
    assert expected["wav2vec2.feature_extractor.conv_layers.6.0.weight"] == (512, 512, 2)
    assert expected["blstm.weight_ih_l0_reverse"] == (2048, 1024)
    assert expected["projection.2.weight"] == (1, 2048)
    assert expected["judge_emb"] == (1, 128)


@pytest.mark.long
@pytest.mark.parametrize("samples", list(BY_SPEECHMOS))
def test_the_network_is_that_of_speechmos(small: Any, samples: int) -> None:
    (score,) = utmos._apply(small[0], [Audio(chirp()[:samples], RATE)])
    assert float(score) == pytest.approx(BY_SPEECHMOS[samples], abs=1e-4)


def test_real_speech_as_speechmos_scores_it(small: Any, shared: Path) -> None:
    speech = soundfile.read(shared / "golden" / "metrics" / "espeak_ref_16k.wav", dtype="float32")[0]
    for part, expected in ((speech[16_000:32_000], 1.5505300), (speech[:48_000], 1.6143166)):
        (score,) = utmos._apply(small[0], [Audio(part, RATE)])
        assert float(score) == pytest.approx(expected, abs=1e-4)


def test_a_batch_scores_as_its_signals_alone(small: Any) -> None:
    audios = [Audio(np.roll(chirp(), 4000 * k)[:6000], RATE) for k in range(3)]
    together = utmos._apply(small[0], audios)
    alone = [utmos._apply(small[0], [audio])[0] for audio in audios]
    np.testing.assert_allclose(np.array(together), np.array(alone), atol=1e-5)
    assert len(set(np.array(alone).round(4).tolist())) == 3


def test_padding_changes_the_score(small: Any) -> None:
    """Why only equal lengths may be stacked."""
    (alone,) = utmos._apply(small[0], [Audio(chirp()[:6000], RATE)])
    (padded,) = utmos._apply(small[0], [Audio(np.pad(chirp()[:6000], (0, 6000)), RATE)])
    assert abs(float(alone) - float(padded)) > 1e-3
    assert utmos.MODEL.equal_lengths


def test_too_short(small: Any) -> None:
    (short,) = utmos._apply(small[0], [Audio(chirp()[:399], RATE)])
    assert isinstance(short, NotScorable)
    assert short.status is Status.TOO_SHORT


@pytest.mark.long
def test_a_checkpoint_is_loaded(small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    monkeypatch.setattr(utmos, "WEIGHTS", replace(utmos.WEIGHTS, sha256=None))
    path = tmp_path / utmos.WEIGHTS.path
    path.parent.mkdir(parents=True)
    torch.save(small[1], path)
    free_models()
    try:
        score = utmos.utmos(None, chirp(), RATE)
        assert (score.status, score.value) == (Status.OK, pytest.approx(BY_SPEECHMOS[16000], abs=1e-4))
    finally:
        free_models()


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    path = tmp_path / utmos.WEIGHTS.path
    path.parent.mkdir(parents=True)
    torch.save({}, path)
    with pytest.raises(UnavailableError, match="another file"):
        utmos.utmos(None, chirp(), RATE)


def test_without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path))
    assert "codec-bench fetch metric:utmos" in (utmos.utmos.unavailable() or "")
    assert utmos.utmos.unsupported() is None


def test_what_the_metric_says() -> None:
    assert utmos.utmos.inputs == {"decoded"}
    assert [(feature.name, rate) for feature, rate in utmos.utmos.models] == [("utmos", RATE)]
    assert utmos.MODEL.is_heavy
    assert utmos.utmos.range == (None, None)
