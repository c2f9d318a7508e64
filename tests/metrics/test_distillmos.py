from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec_bench.audio import Audio, read_audio
from codec_bench.metrics import metric
from codec_bench.metrics.distillmos import CROP, RATE, SHORTEST, crops
from codec_bench.metrics.resampling import SINC, SOXR_HQ
from codec_bench.records import Status
from tests.metrics.material import DATA

SCORE = metric("distillmos")
pytestmark = pytest.mark.skipif(SCORE.unavailable() is not None, reason="the package distillmos is not installed")


def golden(shared: Path, per_system: int | None = None) -> None:
    """Values of the package distillmos 0.9.1 for recordings of LibriTTS and what two codecs made of them."""
    values = json.loads((shared / "golden/metrics/distillmos.json").read_text())
    assert sum(len(scores) for scores in values.values()) == 92
    for system, scores in values.items():
        for name, expected in list(scores.items())[:per_system]:
            samples = soundfile.read(shared / f"data/testB_pairs/{system}/{name}.flac", dtype="float32")[0]
            assert float(SCORE(decoded=samples, rate=RATE)) == pytest.approx(expected, abs=1e-3), (system, name)


@pytest.mark.long
def test_golden_values(shared: Path) -> None:
    golden(shared, 1)


@pytest.mark.slow
def test_all_golden_values(shared: Path) -> None:
    golden(shared)


def test_crops_cover_a_long_signal_and_begin_a_second_apart_at_most() -> None:
    for samples in (1, CROP, CROP + 1, 3 * CROP + 77):
        begins = crops(Audio(np.zeros(samples, np.float32), RATE))
        assert begins[0] == 0
        assert begins[-1] == max(samples - CROP, 0)
        assert all(0 < step <= 16_001 for step in np.diff(begins))


@pytest.mark.parametrize(
    ("samples", "status"),
    [
        (np.zeros(4 * RATE), Status.SILENT),
        (np.full(SHORTEST - 1, 0.1), Status.TOO_SHORT),
        (np.full(RATE, np.nan), Status.NOT_FINITE),
    ],
)
def test_nonsense_has_no_score(samples: np.ndarray, status: Status) -> None:
    assert SCORE(decoded=samples.astype(np.float32), rate=RATE).status is status


@pytest.mark.long
def test_a_file_at_another_rate_is_heard_through_the_authors_resampler() -> None:
    audio = read_audio(DATA / "visqol/transcoded_CA01_01.flac")
    scores = [float(SCORE(decoded=made(audio, RATE).samples, rate=RATE)) for made in (SINC, SOXR_HQ)]
    assert float(SCORE(decoded=audio.samples, rate=audio.rate)) == scores[0] != scores[1]
