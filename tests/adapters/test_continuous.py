"""Continuous tokenizers against direct calls of transformers, which have small random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codec_bench.adapters.spec import Group
from codec_bench.adapters.transformers.continuous import ContinuousTokenizer, PocketTts, VibeVoice
from codec_bench.audio import Audio, FloatArray
from codec_bench.errors import CodecError, UnavailableError
from codec_bench.reports.cells import TableRow
from codec_bench.reports.sections import sections_of
from codec_bench.runs.frames import Bitrate, bitrate_of
from codec_bench.tokens import Tokens


def config(cls: type[ContinuousTokenizer]) -> Any:
    """Of a small model at the published rates and dimensions."""
    import transformers

    if cls is VibeVoice:
        return transformers.VibeVoiceAcousticTokenizerConfig(num_filters=2, depths=[1] * 7)
    return transformers.PocketTTSAudioTokenizerConfig(
        hidden_size=32,
        num_filters=4,
        upsample_groups=32,
        intermediate_size=32,
        num_attention_heads=4,
        num_key_value_heads=4,
    )


def built(cls: type[ContinuousTokenizer], mirror: Path, made: Any = None) -> Any:
    import transformers

    torch.manual_seed(0)
    model = getattr(transformers, cls.model_class)(made or config(cls)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, (len(parameter) / parameter.numel()) ** 0.5)
    model.save_pretrained((mirror / cls.spec.weights[0].path).parent)
    return model


def recording(samples: int) -> FloatArray:
    return np.random.default_rng(0).uniform(-0.02, 0.02, samples).astype(np.float32)


@pytest.mark.parametrize("cls", [PocketTts, VibeVoice], ids=lambda cls: cls.name)
def test_they_give_what_their_models_give(
    cls: type[ContinuousTokenizer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers

    model = built(cls, tmp_path)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    codec = cls()
    codec.load()
    samples = recording(24_001)
    code = codec.encode(Audio(samples, 24_000))
    assert isinstance(code, Tokens)
    with torch.inference_mode():
        if cls is VibeVoice:
            made = transformers.VibeVoiceAcousticTokenizerFeatureExtractor()(samples, sampling_rate=24_000)  # type: ignore[no-untyped-call]
            given = made["input_values"]
            wanted = model.encode(given, sample=False).latents
            gain = 10 ** (-25 / 20) / np.sqrt(np.mean(samples**2))
            audio = model.decode(wanted).audio.flatten() / gain
        else:
            given = torch.nn.functional.pad(torch.from_numpy(samples), (0, -len(samples) % 1920))[None, None]
            wanted = model.encode(given).latents
            audio = model.decode(wanted).audio_values.flatten()
    found = codec.latents(code)["latents"]
    assert found.shape == (-(-24_001 // codec.spec.hop), wanted.shape[-1])  # type: ignore[operator]
    np.testing.assert_allclose(found, wanted[0], rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
    assert found.std() > 0
    decoded = codec.decode(code).samples
    assert len(decoded) == 24_001
    np.testing.assert_allclose(decoded, audio[:24_001], rtol=1e-3, atol=1e-4 * float(audio.abs().max()))
    assert code.bits == 0
    assert codec.spec.bitrate() is None
    with pytest.raises(CodecError, match="no 'latents'"):
        codec.latents(Tokens(()))
    codec.close()


def test_another_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = config(VibeVoice)
    wrong.hidden_size = 32
    built(VibeVoice, tmp_path, wrong)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    with pytest.raises(UnavailableError, match="hidden_size is 32, not 64"):
        VibeVoice().load()


def test_they_stand_in_no_band_of_bitrates() -> None:
    assert {PocketTts.spec.group, VibeVoice.spec.group} == {Group.CONTINUOUS}
    assert bitrate_of({"group": "continuous"}, lambda: (0.0, 2.0)) == Bitrate()
    rows = [TableRow("b", None, "", 7.5, {}, group="continuous"), TableRow("a", 1.0, "", 50.0, {}, group="acoustic")]
    names = [section.title for section in sections_of(rows, [], [])]
    assert names == ["continuous, no bitrate", "0.85-2 kbps, acoustic"]
