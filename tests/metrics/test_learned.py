"""What holds for all learned metrics: naming them is cheap, and weights other than their own give no number."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from codec_bench.errors import UnavailableError
from codec_bench.metrics import metric
from codec_bench.metrics.model import free_models

pytestmark = pytest.mark.long

NAMES = (
    "sigmos", "nisqa.noi", "nisqa_tts", "utmos", "mosnet", "fad", "spk_sim", "spk_sim[wavlm-large]", "campplus_sim",
    "ecapa_sim", "emo_sim", "emo_sim[plus-large]", "vuv_f1_crepe", "audiobox.pq", "utmosv2",
)  # fmt: skip
"""One for each network whose weights are fetched; those of DNSMOS come with a package."""


@pytest.fixture(autouse=True)
def _nothing_loaded() -> None:
    free_models()


def refused(name: str, reason: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000)
    with pytest.raises(UnavailableError, match=reason):
        metric(name)(noise, noise, 16_000)


@pytest.mark.parametrize("name", NAMES)
def test_without_weights_the_command_that_brings_them(name: str) -> None:
    if (reason := metric(name).unsupported()) is not None:
        pytest.skip(reason)
    assert f"codec-bench fetch metric:{name}" in (metric(name).unavailable() or "")
    refused(name, Path(metric(name).weights[0].path).name)


@pytest.mark.parametrize("name", NAMES)
def test_another_file_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if (reason := metric(name).unsupported()) is not None:
        pytest.skip(reason)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    for file in metric(name).weights:
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.path).write_text("version https://git-lfs.github.com/spec/v1")
    refused(name, "another file" if metric(name).weights[0].sha256 else "holds no weights of .*; delete it and fetch")


def test_naming_metrics_imports_nothing_heavy_and_world_is_quiet() -> None:
    code = (
        "import sys; from codec_bench.metrics import METRICS, pitch\n"
        "all(map(METRICS.get, METRICS.names()))\n"
        "heavy = 'torch librosa scipy soxr onnxruntime speechmos h5py transformers pyworld parselmouth pesq'\n"
        "print({'resemblyzer', *heavy.split()} & set(sys.modules))\n"
        "pitch.world()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")
