from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from codec_bench.metrics import metric
from codec_bench.metrics.model import free_models
from codec_bench.metrics.squim import OBJECTIVE, SHORTEST, SUBJECTIVE
from codec_bench.records import Status
from tests.metrics.test_resampling import speech, torchaudio

models = pytest.importorskip("torchaudio.models")
pytestmark = pytest.mark.long


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    (tmp_path / OBJECTIVE.path).parent.mkdir(parents=True)
    free_models()
    yield tmp_path
    free_models()


def test_measures_are_those_of_torchaudio(mirror: Path) -> None:
    torch.manual_seed(0)
    network = models.squim_objective_base().eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == 7_387_658
    torch.save(network.state_dict(), mirror / OBJECTIVE.path)
    before = torch.get_rng_state()
    audio = speech(24_000)
    with torch.inference_mode():
        expected = network(torch.from_numpy(torchaudio(audio, 16_000))[None])
    for index, name in enumerate(("stoi", "pesq", "si_sdr")):
        score = metric(f"squim.{name}")(decoded=audio.samples, rate=24_000)
        assert float(score) == pytest.approx(float(expected[index]), abs=1e-4), name
    assert torch.equal(torch.get_rng_state(), before)
    assert metric("squim.pesq")(decoded=np.zeros(16_000), rate=16_000).status is Status.SILENT
    assert metric("squim.pesq")(decoded=audio.samples[: SHORTEST - 1], rate=16_000).status is Status.TOO_SHORT


@pytest.mark.slow
def test_the_opinion_is_that_of_torchaudio(mirror: Path) -> None:
    torch.manual_seed(0)
    network = models.squim_subjective_base().eval()
    torch.save(network.state_dict(), mirror / SUBJECTIVE.path)
    decoded, reference = speech(24_000), speech(48_000)
    with torch.inference_mode():
        waves = [torch.from_numpy(torchaudio(audio, 16_000))[None] for audio in (decoded, reference)]
        expected = float(network(*waves))
    from codec_bench.metrics.signal import Recording

    score = metric("squim.mos").score(Recording(reference), Recording(decoded))
    assert float(score) == pytest.approx(expected, abs=1e-3)
