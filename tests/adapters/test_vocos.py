"""Vocos decodes EnCodec's codes as its package does, without the download that the package starts with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from codec_bench.adapters.vocos import COUNTS, VocosEncodec
from codec_bench.audio import Audio
from codec_bench.errors import CodecError, UnavailableError, UsageError
from tests.adapters.small_packages import VOCOS

CODEC = VocosEncodec

ENCODEC = "hf/facebook/encodec_24khz"
VOCOS_FOLDER = "hf/charactr/vocos-encodec-24khz"


@pytest.fixture(scope="module")
def audio() -> Audio:
    noise = np.random.default_rng(5).standard_normal(12_001) * np.linspace(0, 0.5, 12_001)
    return Audio(noise.astype(np.float32), 24_000)


@pytest.fixture(scope="module")
def reference(mirror: Path) -> Any:
    """EnCodec in transformers."""
    from transformers import EncodecModel

    return EncodecModel.from_pretrained(mirror / ENCODEC, local_files_only=True).eval()


@pytest.fixture(scope="module")
def package(mirror: Path, reference: Any) -> Any:
    """The package's model as the package makes it; only what it would download is taken from the reference."""
    from encodec import EncodecModel
    from vocos import Vocos

    own, published = EncodecModel.encodec_model_24khz(pretrained=False).state_dict(), reference.state_dict()
    state: dict[str, torch.Tensor] = {}
    for part in ("encoder", "quantizer", "decoder"):  # within each, both have their tensors in the order of the layers
        names, tensors = ([n for n in names if n.startswith(part)] for names in (own, published))
        state |= {name: published[tensor] for name, tensor in zip(names, tensors, strict=True)}
    assert all(state[name].shape == own[name].shape for name in own)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EncodecModel, "_get_pretrained", staticmethod(lambda *_: state))
        model = Vocos.from_hparams(str(mirror / VOCOS_FOLDER / "config.yaml"))
    extractor = model.feature_extractor.encodec.state_dict()
    weights = torch.load(mirror / VOCOS_FOLDER / "pytorch_model.bin", weights_only=True)
    model.load_state_dict(weights | {f"feature_extractor.encodec.{name}": t for name, t in extractor.items()})
    return model.eval()


@pytest.mark.long
def test_the_codes_are_those_of_encodec_in_transformers(codec: VocosEncodec, reference: Any, audio: Audio):
    with torch.inference_mode():
        expected = reference.encode(torch.from_numpy(audio.samples)[None, None], bandwidth=12.0).audio_codes[0, 0]
    codes = np.stack([stream.codes for stream in codec.encode(audio).streams])
    assert codes.shape == (16, 38)
    assert np.array_equal(codes, expected.numpy())
    assert min(len(np.unique(book)) for book in codes) > 5


@pytest.mark.long
@pytest.mark.parametrize(("bandwidth", "count"), list(enumerate(COUNTS)))
def test_the_audio_is_that_of_the_package(codec: VocosEncodec, package: Any, audio: Audio, bandwidth: int, count: int):
    expected = package(torch.from_numpy(audio.samples)[None], bandwidth_id=torch.tensor([bandwidth]))[0].numpy()
    decoded = codec.decode(codec.encode(audio), count)
    assert not decoded.is_silent
    assert np.array_equal(decoded.samples, expected[: len(audio)])


@pytest.mark.long
def test_weights_under_their_older_names_are_the_same(mirror: Path, codec: VocosEncodec, tmp_path: Path, audio: Audio):
    from safetensors.torch import load_file, save_file

    tensors = load_file(mirror / ENCODEC / "model.safetensors")
    original = ".parametrizations.weight.original"
    renamed = {
        n.replace(f"{original}0", ".weight_g").replace(f"{original}1", ".weight_v"): t for n, t in tensors.items()
    }
    assert renamed.keys() != tensors.keys()
    save_file(renamed, tmp_path / "model.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEC_BENCH_MIRROR", str(mirror))
        other = VocosEncodec()
        other.use_checkpoint(tmp_path)
        other.load()
        assert other.fingerprint != codec.fingerprint
    assert np.array_equal(other.encode(audio).streams[15].codes, codec.encode(audio).streams[15].codes)


@pytest.mark.parametrize(("length", "frames"), [(1, 1), (320, 1), (321, 2), (24_000, 75)])
def test_all_lengths_are_coded(codec: VocosEncodec, length: int, frames: int):
    code = codec.encode(Audio(np.full(length, 0.1, np.float32), 24_000))
    assert {len(stream.codes) for stream in code.streams} == {frames}
    assert len(codec.decode(code, 2)) == length


def test_the_embeddings_are_those_of_encodec(codec: VocosEncodec, reference: Any, audio: Audio):
    code = codec.encode(audio).prefix(4)
    codes = torch.from_numpy(np.stack([stream.codes for stream in code.streams]))
    with torch.inference_mode():
        expected = reference.quantizer.decode(codes[:, None])[0].T
    assert np.allclose(codec.latents(code)["quantized"], expected.numpy(), atol=1e-5)


def test_the_published_size_has_the_stated_parameters():
    from encodec import EncodecModel
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone

    with torch.device("meta"):
        backbone = VocosBackbone(128, 384, 1152, 8, adanorm_num_embeddings=4)
        head = ISTFTHead(384, 1280, 320)
        encoder = EncodecModel.encodec_model_24khz(pretrained=False).encoder
    parts = sum(p.numel() for part in (backbone, head, encoder) for p in part.parameters())
    assert parts + 16 * 1024 * 128 == VocosEncodec().spec.parameters


@pytest.mark.parametrize("count", [1, 3, 15, 17, 32])
def test_counts_without_a_bandwidth_are_refused(count: int):
    with pytest.raises(UsageError, match="decodes 2, 4, 8 or 16 codebooks"):
        VocosEncodec(codebooks=count)


def test_a_prefix_without_a_bandwidth_is_not_decoded(codec: VocosEncodec, audio: Audio):
    with pytest.raises(CodecError, match="decodes 2, 4, 8 or 16 codebooks, not 3"):
        codec.decode(codec.encode(audio), 3)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("head", {"class_path": "os.system"}),
        ("feature_extractor", {"class_path": "vocos.feature_extractors.MelSpectrogramFeatures"}),
        ("feature_extractor", {"init_args": {"bandwidths": [6.0, 12.0]}}),
        ("head", {"init_args": {"dim": 24, "n_fft": 1024, "hop_length": 256}}),
        ("backbone", {"init_args": {"width": 3}}),
    ],
)
def test_another_model_is_refused(
    mirror: Path, tmp_path: Path, part: str, change: dict, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(mirror))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**VOCOS, part: VOCOS[part] | change}))
    codec = VocosEncodec()
    codec.use_checkpoint(tmp_path)
    with pytest.raises(UnavailableError, match=r"^config\.yaml (is not a configuration of|belongs to another model:) "):
        codec.load()


def test_yaml_that_would_run_code_is_refused(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(mirror))
    (tmp_path / "config.yaml").write_text("head: !!python/object/apply:os.getcwd []\n")
    codec = VocosEncodec()
    codec.use_checkpoint(tmp_path)
    with pytest.raises(UnavailableError, match=r"^config\.yaml is not a configuration of Vocos: ConstructorError$"):
        codec.load()
