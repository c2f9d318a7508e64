from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codec_bench.audio import Audio
from codec_bench.errors import UnavailableError
from codec_bench.metrics import metric
from codec_bench.metrics.emotion2vec import BASE, PLUS_LARGE, base_embedding, plus_large_embedding
from codec_bench.metrics.model import free_models, run_model
from codec_bench.metrics.signal import Recording
from codec_bench.records import Status
from tests.metrics.material import DATA, drawn
from tests.metrics.test_resampling import RATES, speech

pytestmark = pytest.mark.long

GOLDEN: dict[str, Any] = json.loads((DATA / "emotion2vec/narrow.json").read_text())
FILES = {"base": BASE, "plus-large": PLUS_LARGE}


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    for file in FILES.values():
        for name in ("sha256", "size"):
            monkeypatch.setitem(file.__dict__, name, None)
    free_models()
    yield tmp_path
    free_models()


def publish(mirror: Path, which: str, tensors: dict[str, torch.Tensor]) -> None:
    """Tensors as the published file has them: beside other things, and for plus-large beside a classifier."""
    prefix, more = {"base": ("", {}), "plus-large": ("d2v_model.", {"proj.bias": torch.zeros(9)})}[which]
    named = {f"{prefix}{name}": tensor for name, tensor in tensors.items()}
    path = mirror / FILES[which].path
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model": named | more, "last_optimizer_state": {"state": {0: torch.zeros(2).double()}}}, path)


@pytest.fixture
def narrow(mirror: Path) -> dict[str, torch.Tensor]:
    """Tensors of a narrow network, of which the weights mean nothing."""
    tensors = drawn(GOLDEN["shapes"])
    for which in FILES:
        publish(mirror, which, tensors)
    return tensors


def test_embeddings_are_those_of_funasr_at_all_rates(narrow: dict[str, torch.Tensor]) -> None:
    for rate in (*RATES, 16_000):
        found = Recording(speech(rate)).feature(base_embedding, 16_000)
        assert found.dtype == np.float32
        # FunASR's resampler sums in single precision, ours in double.
        np.testing.assert_allclose(found, GOLDEN["embeddings"][str(rate)], atol=3e-5, err_msg=str(rate))
    other = Recording(speech(16_000)).feature(plus_large_embedding, 16_000)
    np.testing.assert_array_equal(other, Recording(speech(16_000)).feature(base_embedding, 16_000))


def test_similarity_is_the_cosine_of_whole_recordings(narrow: dict[str, torch.Tensor]) -> None:
    made, heard = metric("emo_sim"), speech(16_000).samples
    changed = np.tanh(8 * heard)
    one, other = (Recording(Audio(s, 16_000)).feature(base_embedding, 16_000).astype(float) for s in (heard, changed))
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert expected < 0.9999
    assert float(made(heard, changed, 16_000)) == pytest.approx(expected, abs=1e-6)
    assert float(made(heard, heard, 16_000)) == pytest.approx(1, abs=1e-6)
    assert float(made(heard, 0.5 * heard, 16_000)) == pytest.approx(1, abs=1e-3)  # the level is taken off
    assert made(heard[:399], heard[:399], 16_000).status is Status.TOO_SHORT
    assert made(heard[:400], heard[:400], 16_000).status is Status.OK


def test_a_batch_equals_single_signals(narrow: dict[str, torch.Tensor]) -> None:
    model = base_embedding.model
    assert model is not None
    signals = [Audio(speech(16_000).samples[start : start + 9000], 16_000) for start in (0, 12_000)]
    for one, signal in zip(run_model(model, signals, "cpu"), signals, strict=True):
        (alone,) = run_model(model, [signal], "cpu")
        np.testing.assert_allclose(np.asarray(one), np.asarray(alone), atol=1e-5)


@pytest.mark.parametrize("lost", ["blocks.7.mlp.fc2.weight", "modality_encoders.AUDIO.alibi_scale"])
def test_a_checkpoint_that_lacks_a_tensor_is_refused(lost: str, narrow: dict[str, torch.Tensor], mirror: Path) -> None:
    publish(mirror, "base", {name: tensor for name, tensor in narrow.items() if name != lost})
    heard = speech(16_000).samples
    with pytest.raises(UnavailableError, match=f"no weights of emotion2vec_base: .*{lost}.*fetch it again"):
        metric("emo_sim")(heard, heard, 16_000)


def test_a_file_of_another_digest_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    free_models()
    publish(tmp_path, "base", drawn(GOLDEN["shapes"]))
    heard = speech(16_000).samples
    with pytest.raises(UnavailableError, match="another file"):
        metric("emo_sim")(heard, heard, 16_000)
