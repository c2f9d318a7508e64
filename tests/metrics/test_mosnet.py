from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codec_bench.audio import Audio
from codec_bench.errors import UnavailableError
from codec_bench.metrics import mosnet
from codec_bench.metrics.checkpoints import Weights
from codec_bench.metrics.model import free_models
from codec_bench.records import NotScorable, Status
from tests.metrics.material import wave

RATE = 16_000
CONVOLUTIONS = [(i, o) for o, first in ((16, 1), (32, 16), (64, 32), (128, 64)) for i in (first, o, o)]
SHAPES: list[tuple[int, ...]] = [
    *(shape for i, o in CONVOLUTIONS for shape in ((3, 3, i, o), (o,))),
    *((512, 512), (128, 512), (512,)) * 2,
    *((256, 128), (128,), (128, 1), (1,)),
]
"""Of the weights in the order in which Keras 3.12 keeps those of the authors' model."""

LAYERS = [
    *(("conv2d" if not k else f"conv2d_{k}", ["kernel:0", "bias:0"]) for k in range(12)),
    ("reshape_1", []),
    ("bidirectional", [f"{d}_lstm/{w}:0" for d in ("forward", "backward") for w in ("kernel", "recurrent", "bias")]),
    ("time_distributed_1", ["kernel:0", "bias:0"]),
    ("dropout", []),
    ("frame", ["kernel:0", "bias:0"]),
]

BY_KERAS = {1: 2.8595753, 2: 2.8574805, 50: 2.7671628}
"""What Keras 3.12 on torch gave with the authors' definition and `weights()` for the first frames of `noise()`."""


def weights() -> list[Any]:
    draw = np.random.RandomState(7)
    return [
        (draw.standard_normal(s) * np.sqrt(2 / (np.prod(s[:-1]) if len(s) > 1 else 4))).astype(np.float32)
        for s in SHAPES
    ]


def noise() -> Any:
    return np.abs(np.random.RandomState(8).standard_normal((50, 257))).astype(np.float32)


def loaded() -> Weights:
    return mosnet.weights_from(weights())


def write(path: Path, arrays: list[Any], is_model: bool = True, as_bytes: bool = True) -> None:
    """A file as Keras writes it: of the whole model, or of its weights alone."""
    h5py = pytest.importorskip("h5py")
    spell = (lambda names: np.array([n.encode() for n in names])) if as_bytes else list
    left = iter(arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if is_model else file
        root.attrs["layer_names"] = spell([layer for layer, _ in LAYERS])
        for layer, names in LAYERS:
            group = root.create_group(layer)
            group.attrs["weight_names"] = spell([f"{layer}/{name}" for name in names])
            for name in names:
                group[f"{layer}/{name}"] = next(left)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    free_models()
    yield tmp_path / mosnet.WEIGHTS.path
    free_models()


@pytest.mark.parametrize("frames", list(BY_KERAS))
def test_the_network_is_that_of_keras(frames: int) -> None:
    (score,) = mosnet.opinions(loaded(), torch.from_numpy(noise()[None, :frames]))
    assert float(score) == pytest.approx(BY_KERAS[frames], abs=1e-5)


def test_real_speech_as_keras_scores_it(shared: Path) -> None:
    (score,) = mosnet._apply(loaded(), [Audio(wave(shared, "espeak_ref_16k"), RATE)])
    assert float(score) == pytest.approx(2.6694, abs=5e-5)


@pytest.mark.slow
def test_the_spectrogram_is_that_of_librosa(librosa: Any, shared: Path) -> None:
    from scipy.signal.windows import hamming

    speech = wave(shared, "espeak_ref_16k")
    for samples in (speech, speech[8000:9024], speech[8000:9281]):  # librosa errs in shorter ones
        expected = librosa.stft(samples, n_fft=512, hop_length=256, win_length=512, window=hamming, pad_mode="reflect")
        ours = mosnet.spectrogram(samples)
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, np.abs(expected).T, atol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize(("is_model", "as_bytes"), [(True, True), (False, True), (True, False)])
def test_files_of_keras_are_read(mirror: Path, is_model: bool, as_bytes: bool) -> None:
    write(mirror, weights(), is_model, as_bytes)
    assert [a.shape for a in mosnet.keras_weights(mirror)] == SHAPES
    x = np.sin(np.arange(RATE) ** 2 * 1e-4)
    (expected,) = mosnet._apply(loaded(), [Audio(x.astype(np.float32), RATE)])
    score = mosnet.mosnet(None, x, RATE)
    assert (score.status, score.value) == (Status.OK, pytest.approx(float(expected), abs=1e-5))


@pytest.mark.long
@pytest.mark.parametrize(("what", "expected"), [
    ("other", "no weights of MOSNet"), ("short", "33 arrays of weights, expected 34"),
    ("plain", "no weights of MOSNet"),
])  # fmt: skip
def test_another_file_is_refused(mirror: Path, what: str, expected: str) -> None:
    h5py = pytest.importorskip("h5py")
    arrays = weights()
    if what == "other":
        arrays[0] = arrays[0][..., :8]
    if what == "short":
        arrays = [np.zeros(1)] * 34
    write(mirror, arrays)
    if what == "short":
        with h5py.File(mirror, "a") as file:
            file["model_weights/frame"].attrs["weight_names"] = [b"frame/kernel:0"]
    if what == "plain":
        with h5py.File(mirror, "w") as file:
            file["mag_sgram"] = np.zeros(3)
    with pytest.raises(UnavailableError, match=expected):
        mosnet.mosnet(None, np.sin(np.arange(RATE)), RATE)


def test_a_batch_scores_as_its_signals_alone() -> None:
    draw = np.random.RandomState(3)
    audios = [Audio((0.1 * draw.standard_normal(9000)).astype(np.float32), RATE) for _ in range(4)]
    made = loaded()
    together = mosnet._apply(made, audios)
    alone = [mosnet._apply(made, [audio])[0] for audio in audios]
    np.testing.assert_allclose(np.array(together), np.array(alone), atol=1e-5)
    assert len(set(np.array(alone).tolist())) == 4
    assert mosnet.MODEL.equal_lengths


def test_too_short() -> None:
    made = loaded()
    x = np.sin(np.arange(257, dtype=np.float32))
    (short,) = mosnet._apply(made, [Audio(x[:256], RATE)])
    assert isinstance(short, NotScorable)
    assert short.status is Status.TOO_SHORT
    (enough,) = mosnet._apply(made, [Audio(x, RATE)])
    assert np.isfinite(enough).all()
