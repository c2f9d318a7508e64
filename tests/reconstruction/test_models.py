"""Learned models are applied once for all signals, in batches, and what they cannot score is a status."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import codec_bench
from codec_bench.audio import Audio, read_audio
from codec_bench.cache import ArrayCache
from codec_bench.datasets.loading import load_dataset
from codec_bench.metrics.model import Model, ModelOutput, model_feature
from codec_bench.metrics.signal import feature_address
from codec_bench.reconstruction.models import batches, compute
from tests.small_runs import DEMO

LENGTHS = (8000, 4000, 16_000, 4000, 32_000)


def tone(samples: int) -> Audio:
    return Audio(np.sin(np.arange(samples) / 10).astype(np.float32), 16_000)


def test_batches_have_like_lengths_and_stay_below_the_limit() -> None:
    model = Model("m", lambda _: None, lambda _, audios: [np.array(0.0)] * len(audios), batch_seconds=2.0)
    signals = [(str(i), tone(n)) for i, n in enumerate(LENGTHS)]
    made = [[len(audio) for _, audio in batch] for batch in batches(signals, model)]
    assert made == [[4000, 4000, 8000], [16_000], [32_000]]
    equal = Model("m", lambda _: None, lambda _, audios: [], equal_lengths=True)
    assert [[len(a) for _, a in b] for b in batches(signals, equal)] == [[4000, 4000], [8000], [16_000], [32_000]]


@pytest.mark.long
def test_a_batch_that_fails_is_halved_and_a_signal_that_fails_is_left(tmp_path: Path) -> None:
    calls = []

    def apply(_: object, audios: Sequence[Audio]) -> list[ModelOutput]:
        calls.append(len(audios))
        if len(audios) > 2 or any(len(audio) == 8000 for audio in audios):
            raise MemoryError("too much")
        return [np.array(float(len(audio))) for audio in audios]

    feature = model_feature(Model("m", lambda _: None, apply))
    signals = {str(i): tone(n) for i, n in enumerate(LENGTHS)}
    sources = [{"identity": name} for name in [*signals, *signals]]
    said: list[tuple[int, int]] = []
    for expected, told in (
        ([5, 2, 3, 1, 2], [(0, 5), (5, 5)]),
        ([1], [(0, 1), (1, 1)]),
    ):  # what is kept is not computed again
        calls.clear()
        said.clear()
        load, cache = lambda source: signals[source["identity"]], ArrayCache(tmp_path)
        compute(feature, 16_000, sources, load, cache, "cpu", lambda *far: said.append(far))
        assert (calls, said) == (expected, told)
    kept = {name: ArrayCache(tmp_path).get(feature_address(name, feature, 16_000)) for name in signals}
    assert {name: entry and float(entry["value"]) for name, entry in kept.items()} == {
        name: None if len(audio) == 8000 else float(len(audio)) for name, audio in signals.items()
    }


@pytest.mark.long
def test_a_run_computes_a_heavy_model_in_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEAVY_LOG", str(tmp_path / "log"))
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    options = {"metrics": ["heavy_metric:loudness", "si_sdr"], "limit": 4, "jobs": 2, "report": False}
    run = codec_bench.run("codec2@3200", "demo", out=tmp_path / "run", **options)
    log = (tmp_path / "log").read_text().split("\n")
    assert len({line for line in log if line.startswith("load")}) == 1
    assert [line for line in log if line.startswith("batch")] == ["batch 8"]
    found = run.scores[run.scores.metric == "loudness"].set_index(["system", "utterance"])
    assert len(found) == 8
    for utterance in load_dataset("demo", limit=4).utterances():
        audio = read_audio(DEMO / "audio" / f"{utterance.id}.flac")
        row = found.loc["ground-truth", utterance.id]
        if audio.seconds > 4:
            assert (row.status, row.reason) == ("undefined", "too long for the model")
        else:
            assert row.value == pytest.approx(2 * float(np.sqrt(np.mean(audio.samples.astype(float) ** 2))))
    again = codec_bench.run("codec2@3200", "demo", out=tmp_path / "again", **options)
    assert (tmp_path / "log").read_text().split("\n") == log  # all scores came from the cache
    assert again.summary.equals(run.summary)
