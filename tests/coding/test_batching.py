"""Codecs code several recordings at once where that is faster: the same results, and a failure costs one recording."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.spec import CodecSpec, Group
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
from codec_bench.tokens import Bitstream, Code, Codebook, Stream, Tokens
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
    return resolve_items(load_dataset("demo", limit=6), []).items


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
    assert re.fullmatch(r"ValueError: this one cannot be coded \(test_batching\.py:\d+\)", outcome.reason)
    assert outcome.status is Status.ENCODE_FAILED
    for item in items[:2] + items[3:]:
        assert made.reconstructor.audio(row, item).samples.any()


class Pcm(Codec):
    """16-bit samples as tokens; of a user, for this module is no part of codec-bench."""

    name = "pcm"
    spec = CodecSpec("PCM", Group.ACOUSTIC, 16_000, 16_000, (Codebook(65_536, hop=1),), cacheable=True)

    def __init__(self) -> None:
        super().__init__()
        self.codes = np.zeros(10**6, np.int64)
        self.decoded = np.zeros(10**6, np.float32)

    def _encode(self, samples: FloatArray) -> Any:
        return self.tokens([np.round(np.clip(samples, -1, 1) * 32_767).astype(np.int64) + 32_768])

    def _decode(self, code: Code) -> Any:
        return ((self.books(code)[0] - 32_768) / 32_767).astype(np.float32)


class Buffers(Pcm):
    """Returns its own memory, which each call fills anew."""

    def _encode(self, samples: FloatArray) -> Any:
        codes = self.codes[: len(samples)]
        codes[:] = super()._encode(samples).streams[0].codes
        return self.tokens([codes])

    def _decode(self, code: Code) -> Any:
        made = super()._decode(code)
        self.decoded[: len(made)] = made
        return self.decoded[: len(made)]


class BuffersOfTokens(Buffers):
    """The same without `tokens`."""

    def _encode(self, samples: FloatArray) -> Any:
        super()._encode(samples)
        return Tokens((Stream(self.codes[: len(samples)], self.spec.codebooks[0], Fraction(16_000)),))


class Offset(BuffersOfTokens):
    """Has the recordings of a batch begin at different places of one buffer, which overlap."""

    def _encode_batch(self, batch: Sequence[FloatArray]) -> Any:
        made = []
        for start, samples in enumerate(batch):
            codes = self.codes[start : start + len(samples)]
            codes[:] = super()._encode(samples).streams[0].codes.copy()
            made.append(Tokens((Stream(codes, self.spec.codebooks[0], Fraction(16_000)),)))
        return made


class EncodesIntoOne(BuffersOfTokens):
    def _encode_batch(self, batch: Sequence[FloatArray]) -> Any:
        return [self._encode(samples) for samples in batch]


class DecodesIntoOne(Buffers):
    def _decode_batch(self, batch: Sequence[Code]) -> Any:
        return [self._decode(code) for code in batch]


class Backwards(Pcm):
    def _decode_batch(self, batch: Sequence[Code]) -> Any:
        return [self._decode(code)[::-1] for code in batch]


class Rounds(Pcm):
    """As a network does in a batch: one token in fifty is the next one."""

    def _encode_batch(self, batch: Sequence[FloatArray]) -> Any:
        made = [self._encode(samples).streams[0].codes for samples in batch]
        return [self.tokens([codes + (np.arange(len(codes)) % 50 == 0)]) for codes in made]


@pytest.mark.parametrize("kind", [Pcm, Buffers, BuffersOfTokens, Rounds])
@pytest.mark.parametrize("batch_seconds", [0, 1000])
def test_results_in_reused_memory_are_those_of_each_recording(
    items: tuple[Item, ...], tmp_path: Path, kind: type[Pcm], batch_seconds: float
):
    row = Row(System("users", kind()))
    made = coder(tmp_path, batch_seconds)
    assert problems(made, row, items[:3]) == {}
    for item in items[:3]:
        heard = resample(read_audio(item.utterance.path), 16_000).samples
        assert np.abs(made.audio(row, item).samples - heard).max() < 5e-5  # one step of 16 bits and a half
    assert not made.notes


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Offset, r"pcm: of the code of `_encode_batch`, \d+% is as `_encode` makes it: has each"),
        (Backwards, "pcm: the audio of `_decode_batch` is another than that of `_decode`: has each"),
    ],
)
def test_a_batch_that_gives_something_else_than_each_recording_alone_is_said(
    items: tuple[Item, ...], tmp_path: Path, kind: type[Pcm], said: str
):
    made = coder(tmp_path, 1000)
    assert problems(made, Row(System("users", kind())), items[:3]) == {}
    (note,) = made.notes
    assert re.match(said, note)


@pytest.mark.parametrize(("kind", "what"), [(EncodesIntoOne, "encode"), (DecodesIntoOne, "decode")])
def test_a_batch_in_one_buffer_is_coded_one_by_one(items: tuple[Item, ...], tmp_path: Path, kind: type[Pcm], what: str):
    row = Row(System("users", kind()))
    made = coder(tmp_path, 1000)
    assert problems(made, row, items[:3]) == {}
    for item in items[:3]:
        heard = resample(read_audio(item.utterance.path), 16_000).samples
        assert np.abs(made.audio(row, item).samples - heard).max() < 5e-5
    said = f"pcm: the results of `_{what}_batch` share memory: the recordings are {what}d one by one"
    assert list(made.notes) == [said]


class Chances(Pcm):
    def _decode(self, code: Code) -> Any:
        made = super()._decode(code)
        return made + 0.1 * np.random.default_rng().standard_normal(len(made)).astype(np.float32)


@pytest.mark.parametrize("batch_seconds", [0, 1000])
def test_what_differs_from_call_to_call_is_said_in_batches_too(
    items: tuple[Item, ...], tmp_path: Path, batch_seconds: float
):
    made = coder(tmp_path, batch_seconds)
    assert problems(made, Row(System("users", Chances())), items[:2]) == {}
    (note,) = made.notes
    assert note.startswith("pcm: `decode` of the same input differs from call to call")
