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
from codec_bench.metrics.audiobox import AXES, CONFIG, MODEL, RATE, SHORTEST, WEIGHTS, axes_of
from codec_bench.metrics.model import free_models, run_model
from codec_bench.metrics.signal import Recording
from codec_bench.records import Status
from tests.metrics.material import DATA, drawn
from tests.metrics.test_resampling import speech

pytestmark = pytest.mark.long

GOLDEN: dict[str, Any] = json.loads((DATA / "audiobox.json").read_text())
"""What the package `audiobox_aesthetics` gives for files at several rates; the file says of which network."""


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A narrow network in the layout of the published files, whose weights mean nothing."""
    save_file = pytest.importorskip("safetensors.torch").save_file
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    for file in (CONFIG, WEIGHTS):
        for name in ("sha256", "size"):
            monkeypatch.setitem(file.__dict__, name, None)
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / CONFIG.path).write_text(json.dumps({"target_transform": GOLDEN["target_transform"]}))
    save_file(drawn(GOLDEN["shapes"]), tmp_path / WEIGHTS.path)
    free_models()
    yield tmp_path
    free_models()


def scores(audio: Audio) -> np.ndarray:
    return Recording(audio).feature(axes_of, RATE)


def test_files_of_all_rates_as_the_package_has_them(mirror: Path) -> None:
    before = torch.get_rng_state()
    found = {rate: scores(speech(int(rate))) for rate in GOLDEN["rates"]}
    for rate, expected in GOLDEN["rates"].items():
        np.testing.assert_allclose(found[rate], expected, atol=2e-5, err_msg=f"{rate} Hz")
    assert torch.equal(torch.get_rng_state(), before)
    for index, axis in enumerate(AXES):
        score = metric(f"audiobox.{axis.lower()}")(decoded=speech(24_000).samples, rate=24_000)
        assert float(score) == pytest.approx(float(found["24000"][index]), abs=1e-6)


def test_the_last_window_is_as_full_as_the_package_has_it(mirror: Path) -> None:
    long = np.tile(speech(RATE).samples, 8)
    signals = [Audio(long[: int(samples)], RATE) for samples in GOLDEN["samples"]]
    batch = run_model(MODEL, signals, "cpu")
    for signal, one, expected in zip(signals, batch, GOLDEN["samples"].values(), strict=True):
        np.testing.assert_allclose(np.asarray(one), expected, atol=2e-5, err_msg=f"{len(signal)} samples")
        np.testing.assert_array_equal(scores(signal), np.asarray(one))  # whatever else is in the batch


def test_what_is_silent_or_too_short_says_so(mirror: Path) -> None:
    pq = metric("audiobox.pq")
    assert pq(decoded=np.zeros(RATE), rate=RATE).status is Status.SILENT
    assert pq(decoded=np.full(SHORTEST - 1, 0.1), rate=RATE).status is Status.TOO_SHORT


def test_another_file_is_refused(mirror: Path) -> None:
    (mirror / WEIGHTS.path).write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(UnavailableError, match=r"model\.safetensors holds no weights of Audiobox"):
        metric("audiobox.pq")(decoded=speech(RATE).samples, rate=RATE)
    (mirror / CONFIG.path).write_text("{}")
    with pytest.raises(UnavailableError, match=r"config\.json holds no weights"):
        metric("audiobox.pq")(decoded=speech(RATE).samples, rate=RATE)
