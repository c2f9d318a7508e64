"""The benchmark of what metrics do when nothing changes: its statistics, and one recording from end to end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats as scipys

from codec_bench import load_dataset
from tests.benchmark_modules import load_benchmark


@pytest.fixture(scope="module")
def noise_floor() -> Any:
    return load_benchmark("noise_floor")


def test_the_share_between_speakers_is_that_of_the_analysis_of_variance(noise_floor: Any):
    generator = np.random.default_rng(1)
    values = generator.normal(0, 1, (12, 1)) + generator.normal(0, 1, (12, 4))
    f = scipys.f_oneway(*values).statistic
    owners = [f"s{i // 4}" for i in range(48)]
    assert noise_floor.between_speakers(values.ravel(), owners) == pytest.approx((f - 1) / (f - 1 + 4))


def test_movements_of_means_and_of_rates(noise_floor: Any):
    """Of a mean, the differences as they are; of a rate, their pooled value."""
    speakers = {"u1": "a", "u2": "a", "u3": "b"}
    before = {"u1": (1.0, 1.0), "u2": (2.0, 1.0), "u3": (3.0, 1.0)}
    after = {"u1": (1.5, 1.0), "u2": (2.0, 1.0), "u3": (4.0, 1.0)}
    found = noise_floor.movement(before, after, speakers, 1.0)
    assert found["moved"] == pytest.approx(0.5)
    assert found["sd"] == pytest.approx(0.5)
    rates = noise_floor.movement(
        {"u1": (1.0, 10.0), "u2": (0.0, 30.0)}, {"u1": (1.0, 10.0), "u2": (2.0, 30.0)}, speakers, 100.0
    )
    assert (rates["value"], rates["moved"]) == pytest.approx((2.5, 5.0))


def test_a_recording_through_opus(noise_floor: Any):
    """An output that comes a sample later is another one to SI-SDR, and the same to STOI; level is nothing to both."""
    utterance = next(iter(load_dataset("demo").utterances()))
    changes = [noise_floor.LATER, "0.1 dB softer"]
    lines = noise_floor.scored(utterance, ["opus@8000"], ["stoi", "si_sdr"], changes)
    value = {(line["change"], label): parts[0] for line in lines for label, parts in line["scores"].items()}
    assert {line["change"] for line in lines} == {"unchanged", *changes}
    assert abs(value[noise_floor.LATER, "si_sdr"] - value["unchanged", "si_sdr"]) > 0.3
    assert value[noise_floor.LATER, "stoi"] == pytest.approx(value["unchanged", "stoi"], abs=0.01)
    assert value["0.1 dB softer", "si_sdr"] == pytest.approx(value["unchanged", "si_sdr"], abs=1.0)
