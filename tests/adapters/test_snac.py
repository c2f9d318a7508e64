"""SNAC gives what its package gives, the same each time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from codec_bench.adapters.snac import SNACS, Snac
from codec_bench.adapters.torch_codec import SEED
from codec_bench.audio import Audio
from codec_bench.errors import CodecError, UnavailableError, UsageError
from tests.adapters.small_packages import SNAC, SNAC_MUSIC, build

CODEC = Snac

PUBLISHED = {**SNAC, "encoder_dim": 48, "decoder_dim": 1024}


@pytest.fixture(scope="module")
def audio() -> Audio:
    noise = np.random.default_rng(5).standard_normal(30_001) * np.linspace(0, 0.5, 30_001)
    return Audio(noise.astype(np.float32), 24_000)


def test_codes_and_audio_are_those_of_the_package(codec: Snac, mirror: Path, audio: Audio):
    import snac

    package = snac.SNAC.from_pretrained(str((mirror / Snac.spec.weights[0].path).parent))
    with torch.inference_mode():
        expected = package.encode(torch.from_numpy(audio.samples)[None, None])
        torch.manual_seed(SEED)
        decoded = package.decode(expected)[0, 0, : len(audio)].numpy()
    code = codec.encode(audio)
    assert [len(stream.codes) for stream in code.streams] == [15, 30, 60]
    for stream, book in zip(code.streams, expected, strict=True):
        assert np.array_equal(stream.codes, book[0].numpy())
    assert len(np.unique(code.streams[2].codes)) > 10
    assert np.array_equal(codec.decode(code).samples, decoded)


def test_the_noise_of_the_decoder_is_the_same_each_time(codec: Snac, audio: Audio):
    code = codec.encode(audio)
    first = codec.decode(code)
    torch.randn(7)
    assert np.array_equal(codec.decode(code).samples, first.samples)
    codes = [torch.from_numpy(stream.codes) for stream in code.streams]
    assert not torch.equal(codec._samples(codes), codec._samples(codes))  # without a seed it is not


@pytest.mark.parametrize(("length", "frames"), [(1, 1), (2048, 1), (2049, 2), (10 * 24_000, 118)])
def test_all_lengths_are_coded(codec: Snac, length: int, frames: int):
    code = codec.encode(Audio(np.full(length, 0.1, np.float32), 24_000))
    assert [len(stream.codes) for stream in code.streams] == [frames, 2 * frames, 4 * frames]
    assert len(codec.decode(code)) == length


def test_the_embeddings_of_all_codebooks_are_added(codec: Snac, audio: Audio):
    latents = codec.latents(codec.encode(audio))["quantized"]
    model = codec._model
    with torch.inference_mode():
        expected, _ = model.quantizer(model.encoder(model.preprocess(torch.from_numpy(audio.samples)[None, None])))
    assert latents.shape == (60, model.latent_dim)
    assert np.allclose(latents, expected[0].T.numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("codec_class", "config"),
    [(Snac, PUBLISHED), (SNACS["snac-32khz"], {**SNAC_MUSIC, "encoder_dim": 64, "decoder_dim": 1536})],
)
def test_the_published_size_has_the_stated_parameters(codec_class: type[Snac], config: dict):
    import snac

    with torch.device("meta"):
        model = snac.SNAC(**config)
    assert sum(p.numel() for p in model.parameters()) == codec_class.spec.parameters


def test_those_for_music_send_whole_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import snac

    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path))
    build("snac-44khz", tmp_path)
    codec = SNACS["snac-44khz"]()
    codec.load()
    package = snac.SNAC.from_pretrained(str(tmp_path / "hf/hubertsiuzdak/snac_44khz"))
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, 20_001).astype(np.float32)
    code = codec.encode(Audio(samples, 44_100))
    with torch.inference_mode():
        expected = package.encode(torch.from_numpy(samples)[None, None])
        torch.manual_seed(SEED)
        decoded = package.decode(expected)[0, 0, : len(samples)].numpy()
    assert [len(stream.codes) for stream in code.streams] == [8, 16, 32, 64]
    for stream, book in zip(code.streams, expected, strict=True):
        assert np.array_equal(stream.codes, book[0].numpy())
    assert np.array_equal(codec.decode(code).samples, decoded)
    assert codec.spec.bitrate() == pytest.approx(2584, abs=1)


def test_it_has_one_setting(codec: Snac, audio: Audio):
    for refused in (1, 2, 4):
        with pytest.raises(UsageError, match="decodes 3 codebooks"):
            Snac(codebooks=refused)
    with pytest.raises(UsageError, match="has no setting"):
        Snac("fast")
    with pytest.raises(CodecError, match="decodes 3 codebooks, not 2"):
        codec.decode(codec.encode(audio), 2)


@pytest.mark.parametrize(
    "changed", [{"sampling_rate": 32_000}, {"vq_strides": [2, 1]}, {"encoder_rates": [2, 4, 8, 4]}, {"x": 1}]
)
def test_another_model_is_refused(mirror: Path, tmp_path: Path, changed: dict, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(mirror))
    (tmp_path / "config.json").write_text(json.dumps(SNAC | changed))
    codec = Snac()
    codec.use_checkpoint(tmp_path)
    with pytest.raises(UnavailableError, match=r"^config\.json (is not a configuration of|belongs to another model:) "):
        codec.load()


def test_a_checkpoint_that_would_run_code_is_refused(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(mirror))
    torch.save({"weight": Path("x")}, tmp_path / "other.bin")
    codec = Snac()
    codec.use_checkpoint(tmp_path / "other.bin")
    with pytest.raises(UnavailableError, match=r"^pytorch_model\.bin is not a file of tensors"):
        codec.load()
