"""Codecs code several recordings at once where that is faster: the same results, and a failure costs one recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.systems import System, parse_systems
from codec_bench.audio import FloatArray, read_audio, resample
from codec_bench.coding.batching import by_length, halved, parts
from codec_bench.coding.items import Item, resolve_items
from codec_bench.coding.reconstruct import Reconstructor
from codec_bench.coding.rows import Row
from codec_bench.datasets.loading import load_dataset
from codec_bench.errors import UnavailableError
from codec_bench.records import NotScorable, Status
from codec_bench.testing.codecs import Identity
from codec_bench.tokens import Bitstream, Code


class Batched(Identity):
    """Remembers the size of each batch, and runs out of memory above three recordings."""

    name = "batched"

    def __init__(self, refuses: int | None = None) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.refuses = refuses

    def _encode_batch(self, batch: Sequence[FloatArray]) -> Sequence[Code]:
        self.sizes.append(len(batch))
        if len(batch) > 3:
            raise RuntimeError("CUDA out of memory")
        return [self._encode(samples) for samples in batch]

    def _encode(self, samples: FloatArray) -> Bitstream:
        if self.refuses is not None and len(samples) == self.refuses:
            raise ValueError("this one cannot be coded")
        return super()._encode(samples)


def test_batches_hold_like_lengths_and_no_more_than_the_budget():
    made = list(by_length([5.0, 1.0, 2.0, 1.5, 30.0, 4.0], float, 10.0))
    assert made == [[1.0, 1.5, 2.0], [4.0, 5.0], [30.0]]
    assert list(parts(range(5), 2)) == [[0, 1], [2, 3], [4]]


def test_what_fails_costs_one_item_and_what_cannot_run_at_all_ends():
    tried: list[int] = []

    def function(items: Sequence[int]) -> list[int]:
        tried.append(len(items))
        if 7 in items:
            raise ValueError("seven")
        return [2 * i for i in items]

    assert halved(function, [1, 2, 7, 4], lambda error: -1) == [2, 4, -1, 8]
    assert tried == [4, 2, 2, 1, 1]

    def never(items: Sequence[int]) -> list[int]:
        raise UnavailableError("no GPU")

    with pytest.raises(UnavailableError):
        halved(never, [1, 2], lambda error: -1)


@pytest.fixture
def items() -> tuple[Item, ...]:
    return resolve_items(load_dataset("demo"), [], limit=6)


def test_a_batch_that_does_not_fit_is_halved_and_nothing_is_coded_twice(items: tuple[Item, ...], tmp_path: Path):
    codec = Batched()
    row = Row(System("batched", codec))
    made = Reconstructor(tmp_path, "cpu", batch_seconds=1000)
    made.prepare(row, items)
    assert codec.sizes == [6, 3, 3]
    single = Reconstructor(tmp_path / "single", "cpu", batch_seconds=0)
    single.prepare(row, items)
    assert codec.sizes == [6, 3, 3], "0 seconds means one at a time"
    for item in items:
        assert np.array_equal(made.audio(row, item).samples, single.audio(row, item).samples)
        facts, alone = (r.decoded(row, item).facts for r in (made, single))
        assert all(facts[k] == alone[k] for k in ("bits", "side_bits", "coded_seconds") if k in alone)
    made.prepare(row, items)
    assert codec.sizes == [6, 3, 3], "the caches have it all"


def test_one_recording_that_fails_costs_itself_and_says_why(items: tuple[Item, ...], tmp_path: Path):
    refused = resample(read_audio(items[2].utterance.path), 16_000)
    codec = Batched(refuses=len(refused))
    row = Row(System("batched", codec))
    made = Reconstructor(tmp_path, "cpu", batch_seconds=1000)
    made.prepare(row, items)
    for index, item in enumerate(items):
        if index == 2:
            with pytest.raises(NotScorable, match="this one cannot be coded") as outcome:
                made.decoded(row, item)
            assert outcome.value.status is Status.ENCODE_FAILED
        else:
            assert made.audio(row, item).samples.any()


def test_a_real_model_gives_the_same_in_batches(
    longcat_mirror: Path, items: tuple[Item, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(longcat_mirror))
    (system,) = parse_systems(["longcat"], [3])
    row = Row(system)
    made, single = (Reconstructor(tmp_path / str(s), "cpu", batch_seconds=s) for s in (60, 0))
    made.prepare(row, items)
    for item in items:
        codes = [r.codes(row, item)[0] for r in (made, single)]
        for ours, alone in zip(*(code.streams for code in codes), strict=True):
            assert np.array_equal(ours.codes, alone.codes)
        np.testing.assert_allclose(made.audio(row, item).samples, single.audio(row, item).samples, atol=1e-5)
