from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from codec_bench.audio import Audio
from codec_bench.metrics import metric
from codec_bench.metrics.model import free_models
from codec_bench.records import Status
from tests.metrics.test_resampling import RATES, speech

pytestmark = pytest.mark.long


def write_stand_ins(mirror: Path) -> None:
    """Networks with the signature of the published ones: a score `[1, 1]`, and an embedding `[1, 3]` of unit length."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    square = helper.make_node("ReduceL2", ["wav"], ["energy"], axes=[-1], keepdims=1)
    sizes = [
        helper.make_node("ReduceMax", ["wav"], ["highest"], axes=[-1], keepdims=1),
        helper.make_node("ReduceMean", ["wav"], ["mean"], axes=[-1], keepdims=1),
        helper.make_node("ReduceMin", ["wav"], ["lowest"], axes=[-1], keepdims=1),
        helper.make_node("Concat", ["lowest", "highest", "mean"], ["all"], axis=1),
        helper.make_node("LpNormalization", ["all"], ["out"], axis=1, p=2),
    ]
    for name, nodes, output in (
        ("adapt_nr_telephone", [square], "energy"),
        ("fixed_nmr_telephone", sizes, "out"),
    ):
        graph = helper.make_graph(
            nodes,
            name,
            [helper.make_tensor_value_info("wav", TensorProto.FLOAT, [1, "samples"])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, "features"])],
        )
        path = mirror / f"models/scoreq/{name}.onnx"
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    free_models()
    write_stand_ins(tmp_path)
    yield tmp_path
    free_models()


def by_package(mirror: Path, name: str, audio: Audio) -> np.ndarray:
    """What scoreq 1.0.1 gives its network for a file, and what that gives."""
    import onnxruntime
    from torch.nn.functional import pad
    from torchaudio.transforms import Resample

    wave = torch.from_numpy(audio.samples)[None]
    wave = wave if audio.rate == 16_000 else Resample(audio.rate, 16_000)(wave)
    wave = pad(wave, (0, -wave.shape[1] % 320))
    session = onnxruntime.InferenceSession(str(mirror / f"models/scoreq/{name}.onnx"))
    return session.run(None, {session.get_inputs()[0].name: wave.numpy()})[0]


def test_files_of_all_rates_as_the_package_has_them(mirror: Path) -> None:
    for rate in (*RATES, 16_000):
        other = Audio(np.abs(speech(rate).samples), rate)
        expected = by_package(mirror, "adapt_nr_telephone", speech(rate)).item()
        assert float(metric("scoreq")(decoded=speech(rate).samples, rate=rate)) == pytest.approx(expected, rel=1e-5)
        first, second = (by_package(mirror, "fixed_nmr_telephone", audio) for audio in (speech(rate), other))
        distance = metric("scoreq_ref")(other.samples, speech(rate).samples, rate)
        assert float(distance) == pytest.approx(float(np.linalg.norm(first - second)), abs=1e-4)
        assert float(distance) > 0.1
    assert float(metric("scoreq_ref")(other.samples, other.samples, 16_000)) == 0


def test_too_short_and_each_domain_has_its_own_network(mirror: Path) -> None:
    assert metric("scoreq")(decoded=np.full(399, 0.1), rate=16_000).status is Status.TOO_SHORT
    assert "adapt_nr_synthetic" in (metric("scoreq[synthetic]").unavailable() or "")
    assert "fixed_nmr_synthetic" in (metric("scoreq_ref[synthetic]").unavailable() or "")
