from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from codec_bench.audio import Audio
from codec_bench.metrics import Metric, sigmos
from codec_bench.metrics.model import free_models
from codec_bench.metrics.resampling import FFT
from codec_bench.records import Status
from tests.metrics.material import golden

METRICS: dict[str, Metric] = {
    "col": sigmos.coloration,
    "disc": sigmos.discontinuity,
    "loud": sigmos.loudness,
    "noise": sigmos.noisiness,
    "reverb": sigmos.reverberation,
    "sig": sigmos.signal_quality,
    "ovrl": sigmos.overall,
}
WEIGHT = np.random.RandomState(5).standard_normal((3, 7)).astype(np.float32)
BIAS = np.linspace(-2, 2, 7, dtype=np.float32)


def speech(shared: Path, name: str = "espeak_ref_16k") -> Audio:
    samples, rate = soundfile.read(shared / "golden" / "metrics" / f"{name}.wav", dtype="float32")
    return Audio(samples, rate)


def chirp(samples: int, rate: int) -> Any:
    return 0.5 * np.sin((np.arange(samples) / rate) ** 2 * 4000)


def write_stand_in(path: Path) -> None:
    """A network with the signature, the four poolings and the last layer of the real one, but without the rest."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    nodes, last = [], "input"
    for k in range(4):
        nodes.append(helper.make_node("MaxPool", [last], [f"pooled{k}"], kernel_shape=[2, 2], strides=[2, 2]))
        last = f"pooled{k}"
    nodes += [
        helper.make_node("ReduceMean", [last], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Gemm", ["mean", "weight", "bias"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["sigmoid"]),
        helper.make_node("Mul", ["sigmoid", "four"], ["scaled"]),
        helper.make_node("Add", ["scaled", "one"], ["output"]),
    ]
    constants = {"weight": WEIGHT, "bias": BIAS, "four": np.float32(4), "one": np.float32(1)}
    graph = helper.make_graph(
        nodes,
        "sigmos",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch_size", 3, "time", 481])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch_size", 7])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    path.parent.mkdir(parents=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))


def by_hand(features: Any) -> Any:
    """What the stand-in gives, float32 `[7]`."""
    frames, bins = features.shape[2] // 16, 481 // 16
    blocks = features[0, :, : 16 * frames, : 16 * bins].reshape(3, frames, 16, bins, 16)
    return 4 / (1 + np.exp(-(blocks.max(axis=(2, 4)).mean(axis=(1, 2)) @ WEIGHT + BIAS))) + 1


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    monkeypatch.setattr(sigmos, "WEIGHTS", replace(sigmos.WEIGHTS, sha256=None))
    path = tmp_path / sigmos.WEIGHTS.path
    write_stand_in(path)
    free_models()
    yield path
    free_models()


def test_golden_features(shared: Path) -> None:
    expected = golden(shared)["sigmos_frontend_features"]
    features = sigmos.spectral_features(FFT(speech(shared), 48_000).samples)
    assert list(features.shape) == expected["shape"]
    assert features.dtype == np.float32
    assert features.mean() == pytest.approx(expected["mean"], abs=expected["tolerance"])
    assert features.std() == pytest.approx(expected["std"], abs=expected["tolerance"])
    values = list(expected["values_0_c_200_20"].values())
    np.testing.assert_allclose(features[0, :, 200, 20], values, atol=expected["tolerance"])


@pytest.mark.parametrize("name", ["espeak_ref_16k", "espeak_ref_24k"])
def test_resampled_as_librosa_does(librosa: Any, shared: Path, name: str) -> None:
    audio = speech(shared, name)
    for cut in (0, 1, 7):
        part = Audio(audio.samples[cut:], audio.rate)
        expected = librosa.resample(
            part.samples.astype(np.float64), orig_sr=audio.rate, target_sr=48_000, res_type="fft"
        )
        np.testing.assert_allclose(FFT(part, 48_000).samples, expected, atol=1e-6)


@pytest.mark.parametrize("rate", [11_025, 22_050, 44_100, 96_000])
def test_lengths_at_other_rates_are_those_of_librosa(librosa: Any, rate: int) -> None:
    for samples in (1000, 1001, 4409):
        x = chirp(samples, rate)
        expected = librosa.resample(x, orig_sr=rate, target_sr=48_000, res_type="fft")
        np.testing.assert_allclose(FFT(Audio(x.astype(np.float32), rate), 48_000).samples, expected, atol=1e-5)


def test_48_khz_is_taken_as_it_is() -> None:
    audio = Audio(chirp(4800, 48_000).astype(np.float32), 48_000)
    assert FFT(audio, 48_000).samples is audio.samples


@pytest.mark.parametrize(("samples", "frames"), [(1, 2), (480, 2), (481, 3), (960, 3), (48_000, 101)])
def test_frames(samples: int, frames: int) -> None:
    assert sigmos.spectral_features(np.ones(samples, np.float32)).shape == (1, 3, frames, 481)


@pytest.mark.long
def test_scores_are_the_outputs_of_the_network(weights: Path, shared: Path) -> None:
    audio = speech(shared)
    expected = by_hand(sigmos.spectral_features(FFT(audio, 48_000).samples))
    assert len(set(expected.round(3).tolist())) == 7
    for output, index in zip(("col", "disc", "loud", "noise", "reverb", "sig", "ovrl"), range(7), strict=True):
        score = METRICS[output](None, audio.samples, audio.rate)
        assert (score.status, score.value) == (Status.OK, pytest.approx(float(expected[index]), abs=1e-5)), output


@pytest.mark.long
def test_the_rate_is_that_of_the_decoded_signal(weights: Path, shared: Path) -> None:
    """Resampling to a fixed rate before would take away what the network hears."""
    high = speech(shared, "espeak_ref_24k")
    expected = by_hand(sigmos.spectral_features(FFT(high, 48_000).samples))[6]
    assert sigmos.overall(None, high.samples, 24_000).value == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.long
def test_too_short(weights: Path) -> None:
    for samples, status in ((6720, Status.TOO_SHORT), (6721, Status.OK)):
        assert sigmos.overall(None, chirp(samples, 48_000), 48_000).status is status
    assert sigmos.overall(None, np.zeros(48_000), 48_000).status is Status.SILENT


def test_a_gpu_is_used_where_onnxruntime_can() -> None:
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert sigmos._providers("cpu", both) == ["CPUExecutionProvider"]
    assert sigmos._providers("cuda", both[1:]) == ["CPUExecutionProvider"]
    (name, options), _ = sigmos._providers("cuda:1", both)
    assert (name, options["device_id"]) == (both[0], 1)
    assert sigmos._providers("cuda", both)[0][1]["device_id"] == 0
