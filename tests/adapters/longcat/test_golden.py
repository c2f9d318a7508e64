"""Every vector that the authors' code gave, within the limits that come with the vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from codec_bench.adapters.longcat.model import LongCatDecoder, LongCatEncoder
from codec_bench.adapters.longcat.streaming import StreamingDecoder
from codec_bench.inference import exact_inference

Golden = Mapping[str, NDArray[Any]]

NEAR_TIE = 2e-4
AUDIO_ERROR = 2e-4
HOP_24K = 1440


def test_mel_energies(encoder: LongCatEncoder, golden: Golden):
    with exact_inference():
        samples, _ = encoder._batch([golden["wav16k"]])
        mel = encoder._semantic.frontend(samples)[0].numpy()
    assert mel.shape == golden["fbank_cmvn"].shape == (106, 80)
    assert np.abs(mel - golden["fbank_cmvn"]).max() < 5e-4


def test_hidden_states(encoder: LongCatEncoder, golden: Golden):
    hidden = encoder.hidden_states(golden["wav16k"])
    assert hidden.dtype == np.float32
    assert hidden.shape == golden["semantic_feats"].shape
    assert np.abs(hidden - golden["semantic_feats"]).max() < 1e-4


def test_acoustic_latents(encoder: LongCatEncoder, golden: Golden):
    with exact_inference():
        samples, _ = encoder._batch([golden["wav16k"]])
        latents = encoder._acoustic(samples)[0].numpy()
    assert latents.shape == golden["acoustic_z"].shape
    assert np.abs(latents - golden["acoustic_z"]).max() < 1e-5


def test_codes(encoder: LongCatEncoder, golden: Golden):
    codes = encoder.encode(golden["wav16k"])
    assert codes.shape == (4, 18)
    assert codes.dtype == np.int64
    assert_same_codes(codes[0], golden["semantic"][0], golden["semantic_margin"] < NEAR_TIE)
    near_tie = np.zeros(18, bool)
    for k in range(3):
        near_tie |= (golden["acoustic_margin_a"][k] < NEAR_TIE) | (golden["acoustic_margin_b"][k] < NEAR_TIE)
        assert_same_codes(codes[1 + k], golden["acoustic"][0, k], near_tie)
    assert near_tie.sum() <= 4  # else the comparison says little


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_codebooks_are_a_prefix(encoder: LongCatEncoder, golden: Golden, count: int):
    codes = encoder.encode(golden["wav16k"], 1 + count)
    assert np.array_equal(codes, encoder.encode(golden["wav16k"])[: 1 + count])
    assert np.array_equal(codes[1:], golden[f"acoustic_n{count}"][0])


def test_codes_of_48_khz_input_given_the_authors_resampling(encoder: LongCatEncoder, golden: Golden):
    """Their resampler is a windowed sinc, ours is soxr; from there on, all is the same."""
    codes = encoder.encode(golden["wav48k_resampled16k"])
    assert np.array_equal(codes[0], golden["semantic_48k"][0])
    assert np.array_equal(codes[1:], golden["acoustic_48k"][0])


def test_lengths(encoder: LongCatEncoder, decoders: dict[str, LongCatDecoder], golden: Golden):
    rng = np.random.default_rng(0)
    for samples, semantic, acoustic, decoded in golden["lengths"].tolist():
        codes = encoder.encode(rng.normal(0, 0.1, samples).astype(np.float32))
        assert codes.shape == (4, semantic) == (4, acoustic)
        assert decoders["24k_4codebooks"].decode(codes).shape == (decoded,)


@pytest.mark.parametrize(
    ("name", "count"),
    [(n, k) for n in ("16k_4codebooks", "24k_4codebooks") for k in (1, 2, 3)] + [("24k_2codebooks", 1)],
)
def test_audio(decoders: dict[str, LongCatDecoder], golden: Golden, name: str, count: int):
    audio = decoders[name].decode(np.concatenate([golden["semantic"], golden["acoustic"][0, :count]]))
    expected = golden[f"dec_{name}_n{count}"]
    assert audio.dtype == np.float32
    assert audio.shape == expected.shape
    assert np.abs(audio - expected).max() < AUDIO_ERROR
    assert np.abs(expected).max() > 0.5


def test_offline_audio_of_the_stream(decoders: dict[str, LongCatDecoder], golden_stream: Golden):
    audio = decoders["24k_4codebooks"].decode(stream_codes(golden_stream))
    assert np.abs(audio - golden_stream["offline_24k"]).max() < 1e-5


def test_our_stream_is_the_offline_audio(decoders: dict[str, LongCatDecoder], golden_stream: Golden):
    session = StreamingDecoder(decoders["24k_4codebooks"])
    codes = stream_codes(golden_stream)
    parts = [session.push(codes[:, i : i + 1]) for i in range(codes.shape[1])]
    audio = np.concatenate([*parts, session.flush()])
    assert np.abs(audio - golden_stream["offline_24k"]).max() < 1e-5


def test_the_authors_stream_with_its_indices_put_right(decoders: dict[str, LongCatDecoder], golden_stream: Golden):
    """It differs from the offline audio in one way: it keeps 7 frames of the past where 15 are needed."""
    memory = remember(decoders["24k_4codebooks"], stream_codes(golden_stream))
    expected = golden_stream["upstream_forward_stream_corrected_24k"]
    audio = authors_stream(decoders["24k_4codebooks"], memory, to_the_end=True)
    assert audio.shape == expected.shape
    assert np.abs(audio - expected).max() < 1e-5
    assert np.abs(golden_stream["offline_24k"] - expected).max() > 0.1


def test_the_authors_stream_as_it_is(decoders: dict[str, LongCatDecoder], golden_stream: Golden):
    """It feeds frame 3 twice and never the last one, and leaves out the last three frames of audio."""
    codes = stream_codes(golden_stream)
    fed = codes[:, [0, 1, 2, 3, *range(3, codes.shape[1] - 1)]]
    decoder = decoders["24k_4codebooks"]
    audio = authors_stream(decoder, remember(decoder, fed), to_the_end=False)
    assert np.abs(audio - golden_stream["upstream_demo_24k"]).max() < 1e-5


def assert_same_codes(codes: NDArray[np.int64], expected: NDArray[np.int64], excused: NDArray[np.bool_]) -> None:
    assert np.array_equal(codes[~excused], expected[~excused])


def stream_codes(golden_stream: Golden) -> NDArray[np.int64]:
    return np.concatenate([golden_stream["semantic"][None], golden_stream["acoustic"]])


def remember(decoder: LongCatDecoder, codes: NDArray[np.int64]) -> torch.Tensor:
    with exact_inference():
        return decoder.network.remember(decoder.tensor(codes[None]))


def authors_stream(decoder: LongCatDecoder, memory: torch.Tensor, to_the_end: bool) -> NDArray[np.float32]:
    """Windows of 7 past frames and the new ones, zeros before the first; the fourth frame from the end is heard."""
    with exact_inference():
        padded = torch.nn.functional.pad(memory, (7, 0))
        windows = [padded[..., :11], *(padded[..., i - 8 : i] for i in range(12, padded.shape[-1] + 1))]
        rendered = [decoder.network.render(window)[0].numpy() for window in windows]
    parts = [audio[-4 * HOP_24K : -3 * HOP_24K] for audio in rendered]
    return np.concatenate([*parts, rendered[-1][-3 * HOP_24K :]] if to_the_end else parts)
