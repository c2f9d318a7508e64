from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec_bench.audio import Audio
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile
from codec_bench.metrics import metric, model
from codec_bench.metrics.dnsmos import (
    P808,
    P835,
    in_speechmos,
    log_mel,
    onnx_model,
    p808_scores,
    p835_scores,
    windows,
)
from codec_bench.metrics.model import PublishedModel, free_models
from codec_bench.metrics.signal import Recording
from tests.metrics.material import golden, wave

pytestmark = pytest.mark.long

RATE = 16_000
KEYS = {"dnsmos": "ovrl_mos", "dnsmos.sig": "sig_mos", "dnsmos.bak": "bak_mos", "dnsmos.p808": "p808_mos"}
needs_files = pytest.mark.skipif(
    in_speechmos(P835).installed is None or in_speechmos(P808).installed is None,
    reason="the files of speechmos are not installed",
)


@needs_files
def test_golden_values_of_p808(shared: Path) -> None:
    singles = {name: values["dnsmos"] for name, values in golden(shared)["single"].items() if "dnsmos" in values}
    assert len(singles) == 7
    for name, values in singles.items():
        assert float(metric("dnsmos.p808")(decoded=wave(shared, name), rate=16_000)) == pytest.approx(
            values["p808_mos"], abs=1e-4
        )


class Recorder:
    """A session that keeps what it is given."""

    def __init__(self, result: Any) -> None:
        self.inputs: list[Any] = []
        self._result = result

    def run(self, outputs: Any, inputs: dict[str, Any]) -> Any:
        self.inputs.append(inputs["input_1"])
        return [np.array([self._result], np.float32)]


@pytest.mark.parametrize("seconds", [0.3, 4.0, 9.009, 9.01, 10.0, 17.01])
def test_windows_equal_those_of_speechmos(librosa: Any, seconds: float) -> None:
    module = pytest.importorskip("speechmos.dnsmos")
    library = module.DNSMOS.__new__(module.DNSMOS)
    library.onnx_sess, library.p808_onnx_sess = Recorder([3.0, 3.5, 2.5]), Recorder([3.0])
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, round(seconds * RATE)).astype(np.float32)
    values = library(samples, RATE, False)
    ours = list(windows(samples))
    assert len(ours) == len(library.onnx_sess.inputs)
    mine = Recorder([3.0, 3.5, 2.5])
    for window, first, second in zip(ours, library.onnx_sess.inputs, library.p808_onnx_sess.inputs, strict=True):
        np.testing.assert_array_equal(window, first[0])
        np.testing.assert_allclose(log_mel(window[:-160]), second[0], atol=1e-5)
        signal, background, overall = p835_scores(mine, window)
        assert (signal, background, overall) == pytest.approx(
            (values["sig_mos"], values["bak_mos"], values["ovrl_mos"]), abs=1e-9
        )
    assert mine.inputs[0].shape == (1, 144_160)


def test_the_windows_that_rounding_drops_are_dropped() -> None:
    """Counted with speechmos 0.0.1.1 on 35.5 s of speech: nine windows, not 26."""
    ramp = (np.arange(int(35.5 * RATE)) / RATE / 40).astype(np.float32)
    starts = [round(float(window[0]) * 40) for window in windows(ramp)]
    assert starts == [0, 1, 2, 3, 4, 5, 6, 24, 25]


def test_a_short_signal_is_doubled_until_it_fills_a_window() -> None:
    short = np.linspace(-0.5, 0.5, 5 * RATE, dtype=np.float32)
    (window,) = windows(short)
    np.testing.assert_array_equal(window, np.tile(short, 2)[:144_160])
    assert len(list(windows(np.ones(1, np.float32)))) == 7  # 2^18 samples are 16 s


def test_samples_beyond_full_scale_are_clipped() -> None:
    loud = 3 * np.sin(np.arange(10 * RATE, dtype=np.float32))
    np.testing.assert_array_equal(*(next(windows(x)) for x in (loud, np.clip(loud, -1, 1))))


def test_front_end_equals_librosa(librosa: Any, shared: Path) -> None:
    samples = np.tile(wave(shared, "flite_ref_16k"), 4)[:144_000]
    mel = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=321, hop_length=160, n_mels=120)
    expected = (librosa.power_to_db(mel, ref=np.max) + 40) / 40
    assert log_mel(samples).shape == (900, 120)
    np.testing.assert_allclose(log_mel(samples), expected.T, atol=1e-4)


@needs_files
def test_a_file_of_an_installed_package_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = in_speechmos(P808).installed
    assert real is not None
    with monkeypatch.context() as patch:
        patch.setattr(model, "find_spec", lambda _: None)
        before = onnx_model("p808", P808, p808_scores)
        assert tuple(before.weights) == (P808,)
        assert "codec-bench fetch metric:x downloads it" in str(before.problem("codec-bench fetch metric:x"))
    copy = tmp_path / "speechmos" / "dnsmos_models" / real.name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(real.read_bytes())
    (tmp_path / "speechmos" / "__init__.py").write_text("raise RuntimeError('nobody imports this')\n")
    for name in [name for name in sys.modules if name.split(".")[0] == "speechmos"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert in_speechmos(P808).installed == copy
    assert in_speechmos(replace(P808, sha256="0" * 64)).installed is None
    made = onnx_model("p808", P808, p808_scores)
    assert (tuple(made.weights), made.problem("")) == ((), None)
    assert len(made(Audio(np.full(RATE, 0.5, np.float32), RATE))) == 1
    assert made.weight_digests() == before.weight_digests() == {P808.path: P808.sha256}
    assert made.fingerprint == before.fingerprint


def test_without_files_and_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    free_models()
    absent = RemoteFile("models/dnsmos/absent.onnx", sha256="0" * 64)
    made = onnx_model("absent", absent, p835_scores)
    with pytest.raises(UnavailableError, match=r"absent\.onnx is in none of"):
        made(Audio(np.ones(RATE, np.float32), RATE))
    assert "pip install 'codec-bench[dnsmos]'" in str(replace(made, modules=("no_such_module",)).unsupported())


def test_four_metrics_of_two_networks() -> None:
    fingerprints = [metric(name).models[0][0].fingerprint for name in KEYS]
    assert len(set(fingerprints)) == 2
    assert len(set(fingerprints[:3])) == 1
    assert len({metric(name).fingerprint for name in KEYS}) == 4
    for name in KEYS:
        ((feature, rate),) = metric(name).models
        assert rate == RATE
        assert isinstance(feature.model, PublishedModel)
        assert feature.model.published == (P808 if name == "dnsmos.p808" else P835)


@needs_files
@pytest.mark.parametrize("name", ["flite_mulaw4_16k", "espeak_noise5_16k"])
def test_golden_values_by_column(shared: Path, name: str) -> None:
    recording = Recording(Audio(wave(shared, name), RATE))  # whose features are computed once
    for column, key in KEYS.items():
        score = metric(column).score(None, recording)
        assert float(score) == pytest.approx(golden(shared)["single"][name]["dnsmos"][key], abs=1e-4), column
