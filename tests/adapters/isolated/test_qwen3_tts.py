"""Qwen3-TTS-Tokenizer, on a stand-in of its source tree that runs in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.qwen3_tts.codec import Qwen3TtsTokenizer12
from codec_bench.errors import UnavailableError, UsageError
from tests.adapters.isolated.checks import check, noise, residual


def test_codes_and_audio_are_those_of_the_networks(mirror: Path) -> None:
    import torch
    from safetensors.torch import load_file
    from torch.nn import functional

    codec = Qwen3TtsTokenizer12()
    codec.load()
    recording = noise(24_000, 24_000)
    state = load_file(mirror / codec.spec.weights[1].path)
    padded = torch.from_numpy(np.pad(recording.samples, (0, -24_000 % 1920)))[None, None]
    tables = list(state["decoder.quantizer.tables"])
    codes = residual(functional.conv1d(padded, state["encoder.weight"], stride=1920)[0].T, tables)
    summed = sum(table[book] for table, book in zip(tables, codes, strict=True)).T[None]
    audio = functional.conv_transpose1d(summed, state["decoder.layer.weight"], stride=1920)[0, 0]
    code = check(codec, 24_000, codes, audio, recording)
    assert code.bits / code.seconds == pytest.approx(2200)
    assert codec.latents(code)["quantized"].shape == (13, 6)
    codec.close()
    with pytest.raises(UsageError, match="16 codebooks, not 8"):
        Qwen3TtsTokenizer12(codebooks=8)


def test_a_checkpoint_without_a_tensor_is_refused(mirror: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = mirror / Qwen3TtsTokenizer12.weights()[1].path
    whole = path.read_bytes()
    state = load_file(path)
    del state["encoder.weight"]
    save_file(state, str(path))
    with pytest.raises(UnavailableError, match=r"lacks 1 tensors, e\.g\. encoder\.weight"):
        Qwen3TtsTokenizer12().load()
    path.write_bytes(whole)
