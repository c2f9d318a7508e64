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
from codec_bench.metrics import metric, utmosv2
from codec_bench.metrics.model import free_models, run_model
from codec_bench.metrics.utmosv2 import RATE, SEED, SEGMENT, SHORTEST, SPEECH, WEIGHTS, drawn
from codec_bench.records import Status
from tests.metrics.material import DATA
from tests.metrics.material import drawn as weights_drawn
from tests.metrics.test_resampling import speech

pytestmark = pytest.mark.long

GOLDEN: dict[str, Any] = json.loads((DATA / "utmosv2.json").read_text())
"""What the package `utmosv2` gives for files at several rates; the file says of which networks."""


def checkpoint() -> dict[str, torch.Tensor]:
    """Narrow networks in the layout of the published file, whose weights mean nothing."""
    first = "spec_long.backbones.0."
    equal = {name: shape for name, shape in GOLDEN["shapes"].items() if name.startswith(first)}
    others = {
        name.replace(first, f"{first[:-2]}{index}."): shape for index in (1, 2, 3) for name, shape in equal.items()
    }
    return weights_drawn(GOLDEN["shapes"] | others)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    monkeypatch.setattr(utmosv2, "REPETITIONS", 1)
    for name in ("sha256", "size"):
        monkeypatch.setitem(WEIGHTS.__dict__, name, None)
    (tmp_path / WEIGHTS.path).parent.mkdir(parents=True)
    torch.save(checkpoint(), tmp_path / WEIGHTS.path)
    free_models()
    yield tmp_path
    free_models()


def scored(rate: int) -> float:
    return float(metric("utmosv2")(decoded=speech(rate).samples, rate=rate))


def test_a_file_as_the_package_has_it_whatever_the_callers_random_numbers_are(mirror: Path) -> None:
    np.random.seed(5)
    before = np.random.get_state()[1].tolist(), torch.get_rng_state()
    assert scored(24_000) == pytest.approx(GOLDEN["rates"]["24000"], abs=2e-6)
    assert np.random.get_state()[1].tolist() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


@pytest.mark.slow
def test_files_of_all_rates_and_more_draws_as_the_package_has_them(
    mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rate, expected in GOLDEN["rates"].items():
        assert scored(int(rate)) == pytest.approx(expected, abs=2e-6), rate
    monkeypatch.setattr(utmosv2, "REPETITIONS", 2)
    assert scored(24_000) == pytest.approx(GOLDEN["twice"], abs=2e-6)


@pytest.mark.slow
def test_a_score_does_not_depend_on_its_neighbours(mirror: Path) -> None:
    audio, other = speech(RATE), Audio(speech(RATE).samples[:SHORTEST], RATE)
    alone, batch = run_model(utmosv2.MODEL, [audio], "cpu"), run_model(utmosv2.MODEL, [other, audio], "cpu")
    np.testing.assert_array_equal(np.asarray(alone[0]), np.asarray(batch[1]))


def test_draws_are_those_of_the_package() -> None:
    """By numpy's global generator in the order of the package: speech, then two segments each with four others."""
    samples = np.arange(4 * RATE, dtype=np.float32)
    np.random.seed(SEED)
    begins, shares = [np.random.randint(0, len(samples) - SPEECH)], []
    for _ in range(2):
        begins.append(np.random.randint(0, len(samples) - SEGMENT))
        for _ in range(4):
            begins.append(np.random.randint(0, len(samples) - SEGMENT))
            shares.append(np.random.beta(0.4, 0.4))
    heard, firsts, others, found = drawn(samples, 1)
    assert [heard[0, 0], *np.concatenate([firsts[0, :, None, 0], others[0, :, :, 0]], axis=1).ravel()] == begins
    np.testing.assert_array_equal(found.ravel(), np.float32(shares))
    for one, more in zip(drawn(samples, 1), drawn(samples, 2), strict=True):
        np.testing.assert_array_equal(one, more[:1])
    short = drawn(samples[:100], 1)
    assert (short[0].shape, short[0].max()) == ((1, SPEECH), 99)


def test_what_is_silent_or_too_short_says_so(mirror: Path) -> None:
    assert metric("utmosv2")(decoded=np.zeros(RATE), rate=RATE).status is Status.SILENT
    assert metric("utmosv2")(decoded=np.full(SHORTEST - 1, 0.1), rate=RATE).status is Status.TOO_SHORT


def test_another_file_is_refused(mirror: Path) -> None:
    torch.save({f"model.{name}": tensor for name, tensor in checkpoint().items()}, mirror / WEIGHTS.path)
    with pytest.raises(UnavailableError, match="holds no weights of UTMOSv2"):
        scored(RATE)
