"""LLM-Codec, on a stand-in of its source tree that runs in an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.llm_codec.codec import LlmCodec
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.tokens import Tokens
from tests.adapters.isolated.checks import noise


@pytest.fixture(scope="module")
def codec(machine: Path) -> Iterator[LlmCodec]:
    codec = LlmCodec()
    codec.load()
    yield codec
    codec.close()


def direct(path: Path, samples: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Codes, their embedding and audio without noise, from the checkpoint's tensors alone."""
    import torch
    from torch.nn.functional import avg_pool1d, conv1d, conv_transpose1d, linear, normalize

    state = torch.load(path, weights_only=True)["codec_model"]
    x = torch.from_numpy(np.pad(samples, (0, -len(samples) % 3840)))[None, None]
    z = conv1d(x, state["encoder.block.0.weight"], state["encoder.block.0.bias"], stride=480)[0]
    total, books = torch.zeros_like(z), []
    for number, stride in enumerate((4, 2, 1)):
        name = f"quantizer.quantizers.{number}."
        table = linear(state[name + "codebook.weight"], state[name + "cb_proj.weight"], state[name + "cb_proj.bias"])
        pooled = avg_pool1d(z, stride, stride)
        codes = (normalize(table) @ normalize(pooled, dim=0)).argmax(0)
        quantized = table[codes].T.repeat_interleave(stride, dim=-1)
        z, total = z - quantized, total + quantized
        books.append(codes.numpy())
    audio = conv_transpose1d(total[None], state["decoder.model.0.weight"], state["decoder.model.0.bias"], stride=480)
    return books, total.T.numpy(), audio[0, 0].numpy()


def test_codes_latents_and_audio_are_those_of_the_networks(codec: LlmCodec) -> None:
    recording = noise(20_000)
    code = codec.encode(recording)
    assert isinstance(code, Tokens)
    books, embedded, audio = direct(codec.weight_files()[LlmCodec.weights()[0].path], recording.samples)
    assert [len(book) for book in books] == [12, 24, 48]
    assert all(np.array_equal(s.codes, book) for s, book in zip(code.streams, books, strict=True))
    np.testing.assert_allclose(codec.latents(code)["quantized"], embedded, atol=1e-5)
    decoded = codec.decode(code).samples
    noisy = decoded - audio[: len(decoded)]
    assert 0.009 < noisy.std() < 0.011  # the decoder adds noise,
    assert np.array_equal(codec.decode(code).samples, decoded)  # the same to each recording


@pytest.mark.parametrize("length", [1, 700, 3 * 16_000])
def test_any_length_is_decoded_to_itself(codec: LlmCodec, length: int) -> None:
    assert len(codec.decode(codec.encode(noise(length)))) == length


def test_bitrate_is_that_of_the_paper() -> None:
    assert LlmCodec().spec.bitrate() == pytest.approx(845.5, abs=0.05)
    with pytest.raises(UsageError, match="decodes 3 codebooks"):
        LlmCodec(codebooks=2)


def test_a_checkpoint_without_the_embeddings_is_refused(codec: LlmCodec, tmp_path: Path) -> None:
    import torch

    torch.save({"codec_model": {"encoder.block.0.bias": torch.zeros(6)}}, tmp_path / "bare.pth")
    other = LlmCodec()
    other.use_checkpoint(tmp_path / "bare.pth")
    with pytest.raises(UnavailableError, match="no codebooks"):
        other.load()
