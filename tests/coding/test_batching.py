"""Codecs code several recordings at once where that is faster: the same results, and a failure costs one recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.systems import System
from codec_bench.audio import FloatArray, read_audio, resample
from codec_bench.coding.batching import by_length, halved, parts
from codec_bench.coding.dispatch import Dispatcher
from codec_bench.coding.items import Item, resolve_items
from codec_bench.coding.local import LocalCoders
from codec_bench.coding.rows import Row
from codec_bench.datasets.loading import load_dataset
from codec_bench.errors import UnavailableError
from codec_bench.records import Status
from codec_bench.testing.codecs import Identity
from codec_bench.tokens import Bitstream, Code
from tests.coding.coded import problems


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


def coder(folder: Path, batch_seconds: float) -> Dispatcher:
    return Dispatcher(folder, LocalCoders(folder, "cpu", batch_seconds))


def test_a_batch_that_does_not_fit_is_halved_and_nothing_is_coded_twice(
    items: tuple[Item, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    codec = Batched()
    row = Row(System("batched", codec))
    made, single = coder(tmp_path, 1000), coder(tmp_path / "single", 0)
    assert problems(made, row, items) == {}
    assert "it runs in this process" in caplog.text  # no name stands for an object
    assert codec.sizes == [6, 3, 3]
    assert problems(single, row, items) == {}
    assert codec.sizes == [6, 3, 3], "0 seconds means one at a time"
    for item in items:
        assert np.array_equal(made.audio(row, item).samples, single.audio(row, item).samples)
        facts, alone = (c.reconstructor.facts(row, item) for c in (made, single))
        assert all(facts[k] == alone[k] for k in ("bits", "side_bits", "coded_seconds"))
    assert problems(made, row, items) == {}
    assert codec.sizes == [6, 3, 3], "the caches have it all"


def test_one_recording_that_fails_costs_itself_and_says_why(items: tuple[Item, ...], tmp_path: Path):
    refused = resample(read_audio(items[2].utterance.path), 16_000)
    row = Row(System("batched", Batched(refuses=len(refused))))
    made = coder(tmp_path, 1000)
    failed = problems(made, row, items)
    assert list(failed) == [items[2].utterance.id]
    outcome = failed[items[2].utterance.id]
    assert outcome.reason == "ValueError: this one cannot be coded (test_batching.py:44)"
    assert outcome.status is Status.ENCODE_FAILED
    for item in items[:2] + items[3:]:
        assert made.reconstructor.audio(row, item).samples.any()
