"""Items of a batch get what they get alone, whatever stands beside them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from codec_bench.adapters.longcat.model import MAX_FRAMES, LongCatDecoder, LongCatEncoder, pieces
from codec_bench.inference import exact_inference

pytestmark = pytest.mark.long

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]
DECODERS = ["16k_4codebooks", "24k_4codebooks", "24k_2codebooks"]


def recordings(golden: Mapping[str, NDArray[Any]], seed: int, count: int = 7) -> list[NDArray[np.float32]]:
    """Parts of the golden recording with noise, of lengths from one sample on."""
    rng = np.random.default_rng(seed)
    lengths = [1, 961, *rng.integers(1, 40_000, count - 2).tolist()]
    voice = np.tile(golden["wav16k"], 4)
    found = []
    for n in rng.permutation(lengths).tolist():
        start = int(rng.integers(0, len(voice) - n))
        noise = rng.normal(0, 0.02, n)
        found.append((voice[start : start + n] * rng.uniform(0.1, 1) + noise).astype(np.float32))
    return found


@pytest.fixture(scope="module")
def loaded(weights: Path) -> dict[str, tuple[LongCatEncoder, dict[str, LongCatDecoder]]]:
    """Models by device, made when asked for."""
    made = {}
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        encoder = LongCatEncoder(
            weights / "LongCatAudioCodec_encoder.pt", weights / "LongCatAudioCodec_encoder_cmvn.npy", device
        )
        made[device] = (
            encoder,
            {n: LongCatDecoder(weights / f"LongCatAudioCodec_decoder_{n}.pt", device) for n in DECODERS},
        )
    return made


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("seed", range(4))
def test_codes(loaded: Any, golden: Mapping[str, NDArray[Any]], device: str, seed: int):
    encoder = loaded[device][0]
    items = recordings(golden, seed)
    together = encoder.encode_batch(items)
    assert [c.shape for c in together] == [(4, -(-len(item) // 960)) for item in items]
    for item, codes in zip(items, together, strict=True):
        assert np.array_equal(codes, encoder.encode(item))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", DECODERS)
def test_audio(loaded: Any, device: str, name: str):
    decoder = loaded[device][1][name]
    rng = np.random.default_rng(1)
    items = [random_codes(rng, decoder, n) for n in (1, 2, 31, 4, 17, 30, 0)]
    together = decoder.decode_batch(items)
    for codes, audio in zip(items, together, strict=True):
        alone = decoder.decode(codes)
        assert audio.shape == alone.shape == (codes.shape[1] * decoder.hop,)
        assert np.abs(audio - alone).max(initial=0) < 1e-5
    assert np.abs(together[2]).max() > 0.1


def test_features_inside_a_batch(encoder: LongCatEncoder, golden: Mapping[str, NDArray[Any]]):
    """The states before quantisation, which show what a code would hide; and that padding would be heard otherwise."""
    long, short = golden["wav16k"], golden["wav16k"][3000:9000]
    with exact_inference():
        samples, frames = encoder._batch([long, short])
        masked = encoder._semantic(samples, frames)[1, :7].numpy()
        unmasked = encoder._semantic(samples)[1, :7].numpy()
    alone = encoder.hidden_states(short)
    assert alone.shape == (7, 32)
    assert np.abs(masked - alone).max() < 1e-5
    assert np.abs(unmasked - alone).max() > 1e-2


@pytest.mark.parametrize("name", DECODERS)
def test_padding_behind_an_item_would_be_heard(decoders: dict[str, LongCatDecoder], name: str):
    decoder = decoders[name]
    codes = random_codes(np.random.default_rng(2), decoder, 12)
    padded = np.concatenate([codes, np.zeros((len(codes), 9), np.int64)], axis=1)
    assert np.abs(decoder.decode(padded)[: 12 * decoder.hop] - decoder.decode(codes)).max() > 1e-3


def test_equal_lengths(encoder: LongCatEncoder, golden: Mapping[str, NDArray[Any]]):
    items = [golden["wav16k"][i : i + 8000] for i in (0, 2000, 8000)]
    for item, codes in zip(items, encoder.encode_batch(items), strict=True):
        assert np.array_equal(codes, encoder.encode(item))


def test_small_groups_change_nothing(encoder: LongCatEncoder, golden: Mapping[str, NDArray[Any]]):
    items = recordings(golden, 9)
    grouped = encoder.encode_batch(items, seconds=3.0)
    assert all(np.array_equal(a, b) for a, b in zip(grouped, encoder.encode_batch(items), strict=True))


def test_long_items_are_cut_as_they_are_alone(encoder: LongCatEncoder):
    rng = np.random.default_rng(3)
    items = [rng.normal(0, 0.1, n).astype(np.float32) for n in (31 * 16_000, 5000)]
    for item, codes in zip(items, encoder.encode_batch(items), strict=True):
        assert np.array_equal(codes, encoder.encode(item))


@pytest.mark.parametrize("samples", [1, 960, 480_000, 480_001, 960_000, 960_001, 2_000_003])
def test_pieces(samples: int):
    cuts = pieces(samples)
    assert cuts[0][0] == 0
    assert cuts[-1][1] == samples
    assert all(a % 960 == 0 for a, _ in cuts)
    assert all(end == begin for (_, end), (begin, _) in pairwise(cuts))
    frames = [-(-(b - a) // 960) for a, b in cuts]
    assert max(frames) <= MAX_FRAMES
    assert max(frames) - min(frames) <= 1
    assert len(frames) == -(-samples // 480_000)


@pytest.mark.parametrize(("name", "context"), [("16k_4codebooks", (10, 10)), ("24k_4codebooks", (15, 3))])
def test_windows_are_as_wide_as_they_must_be(weights: Path, name: str, context: tuple[int, int]):
    path = weights / f"LongCatAudioCodec_decoder_{name}.pt"
    decoder, windowed = LongCatDecoder(path), LongCatDecoder(path, window=7)
    assert decoder.network.context == context
    rng = np.random.default_rng(4)
    items = [random_codes(rng, decoder, n) for n in (45, 1, 20, 7)]
    whole = decoder.decode_batch(items)
    for expected, audio in zip(whole, windowed.decode_batch(items), strict=True):
        assert np.abs(audio - expected).max() < 1e-5
    for narrower in ((context[0] - 1, context[1]), (context[0], context[1] - 1)):
        windowed.network.context = narrower
        assert np.abs(windowed.decode(items[0]) - whole[0]).max() > 2e-5


def test_a_frame_that_no_item_reaches_changes_nothing(decoders: dict[str, LongCatDecoder]):
    """Windows that lie behind the end of the shorter items."""
    decoder = decoders["16k_4codebooks"]
    items = [random_codes(np.random.default_rng(5), decoder, n) for n in (520, 3)]
    together = decoder.decode_batch(items)
    assert np.abs(together[1] - decoder.decode(items[1])).max() < 1e-5
    assert len(together[0]) == 520 * 960


def random_codes(rng: np.random.Generator, decoder: LongCatDecoder, frames: int) -> NDArray[np.int64]:
    return np.stack([rng.integers(0, 8192, frames), *rng.integers(0, 8100, (decoder.codebooks - 1, frames))])
