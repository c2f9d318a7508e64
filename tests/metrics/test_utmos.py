from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codec_bench.audio import Audio
from codec_bench.metrics import utmos
from codec_bench.metrics.checkpoints import Weights
from codec_bench.metrics.model import free_models
from codec_bench.records import NotScorable, Status
from tests.metrics.material import wave

RATE = 16_000

BY_SPEECHMOS = {400: 0.9389727, 719: 0.8909042, 720: 1.0937293, 8000: 1.4240332, 16000: 1.5416952}
"""What SpeechMOS 1.2.0, cut to two layers, gave with `checkpoint()` for the first samples of `chirp()`."""


def chirp() -> Any:
    return np.sin(np.arange(RATE) ** 2 * 1e-4).astype(np.float32)


def shapes(layers: int = 12) -> dict[str, tuple[int, ...]]:
    """Names and shapes in the published checkpoint."""
    extractor, encoder = "wav2vec2.feature_extractor.conv_layers", "wav2vec2.encoder"
    linear = {
        "wav2vec2.post_extract_proj": (768, 512), "projection.0": (2048, 1024), "projection.2": (1, 2048),
    }  # fmt: skip
    norms = {f"{extractor}.0.2": 512, "wav2vec2.layer_norm": 512, f"{encoder}.layer_norm": 768}
    for layer in (f"{encoder}.layers.{index}" for index in range(layers)):
        linear |= {f"{layer}.self_attn.{name}": (768, 768) for name in ("q_proj", "k_proj", "v_proj", "out_proj")}
        linear |= {f"{layer}.fc1": (3072, 768), f"{layer}.fc2": (768, 3072)}
        norms |= {f"{layer}.self_attn_layer_norm": 768, f"{layer}.final_layer_norm": 768}
    found: dict[str, tuple[int, ...]] = {f"{name}.weight": shape for name, shape in linear.items()}
    found |= {f"{name}.bias": shape[:1] for name, shape in linear.items()}
    found |= {f"{name}.{kind}": (size,) for name, size in norms.items() for kind in ("weight", "bias")}
    for index, kernel in enumerate((10, 3, 3, 3, 3, 2, 2)):
        found[f"{extractor}.{index}.0.weight"] = (512, 512 if index else 1, kernel)
    for end in ("", "_reverse"):
        found |= {f"blstm.weight_ih_l0{end}": (2048, 1024), f"blstm.weight_hh_l0{end}": (2048, 512)}
        found |= {f"blstm.bias_ih_l0{end}": (2048,), f"blstm.bias_hh_l0{end}": (2048,)}
    positions = f"{encoder}.pos_conv.0"
    found |= {
        f"{positions}.weight_g": (1, 1, 128),
        f"{positions}.weight_v": (768, 48, 128),
        f"{positions}.bias": (768,),
    }
    return found | {"wav2vec2.mask_emb": (768,), "domain_emb": (1, 128), "judge_emb": (1, 128)}


def checkpoint() -> dict[str, torch.Tensor]:
    """With two layers of twelve, to save time."""
    draw = np.random.RandomState(7)
    made = {}
    for name, shape in sorted(shapes(2).items()):
        values = draw.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) if len(shape) > 1 else 4)
        near_one = "norm.weight" in name or name.endswith("_g") or "0.2.weight" in name
        made[name] = torch.from_numpy((values + near_one).astype(np.float32))
    return made


@pytest.fixture(scope="module")
def small() -> Iterator[tuple[Weights, dict[str, torch.Tensor]]]:
    """Its weights and its checkpoint."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utmos, "LAYERS", 2)
        state = checkpoint()
        yield utmos.folded(state), state


def test_the_checkpoint_is_that_of_the_authors() -> None:
    """102,772,865 parameters; the names of the tensors are those of SpeechMOS 1.2.0."""
    expected = shapes()
    assert sum(int(np.prod(shape)) for shape in expected.values()) == 102_772_865
    assert len(expected) == 65 + 10 * 16


@pytest.mark.long
@pytest.mark.parametrize("samples", list(BY_SPEECHMOS))
def test_the_network_is_that_of_speechmos(small: Any, samples: int) -> None:
    (score,) = utmos._apply(small[0], [Audio(chirp()[:samples], RATE)])
    assert float(score) == pytest.approx(BY_SPEECHMOS[samples], abs=1e-4)


def test_real_speech_as_speechmos_scores_it(small: Any, shared: Path) -> None:
    speech = wave(shared, "espeak_ref_16k")
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
    monkeypatch.setitem(utmos.WEIGHTS.__dict__, "sha256", None)
    path = tmp_path / utmos.WEIGHTS.path
    path.parent.mkdir(parents=True)
    torch.save(small[1], path)
    free_models()
    try:
        score = utmos.utmos(None, chirp(), RATE)
        assert (score.status, score.value) == (Status.OK, pytest.approx(BY_SPEECHMOS[16000], abs=1e-4))
    finally:
        free_models()
