"""S3Tokenizer gives the tokens that its package gives, from the file that is published: an ONNX model."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
import torch

from codec_bench.adapters.s3tokenizer import S3TokenizerV1, S3TokenizerV1At25Hz, S3TokenizerV2, S3TokenizerV3
from codec_bench.audio import Audio, FloatArray
from codec_bench.errors import CodecError, UnavailableError, UsageError
from tests.adapters.small_packages import build, s3tokenizer_model

CLASSES = (S3TokenizerV1, S3TokenizerV1At25Hz, S3TokenizerV2, S3TokenizerV3)
by_name = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.name)


@pytest.fixture(scope="module")
def codecs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, S3TokenizerV1]:
    root = tmp_path_factory.mktemp("mirror")
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was asked"))
        for cls in CLASSES:
            codec = made[cls.name] = cls()
            file = build(cls.name, root)
            assert file is not None
            codec.use_checkpoint(file)
            codec.load()
    return made


def noise(length: int) -> FloatArray:
    samples = np.random.default_rng(5).standard_normal(length) * np.sin(np.linspace(0, length / 2000, length))
    return (0.3 * samples).astype(np.float32)


def of_the_package(name: str, samples: FloatArray) -> list[int]:
    import s3tokenizer

    mels, lengths = s3tokenizer.padding([s3tokenizer.log_mel_spectrogram(torch.from_numpy(samples))])
    codes, lengths = s3tokenizer_model(name).quantize(mels, lengths)
    return codes[0, : lengths[0].item()].tolist()


@by_name
@pytest.mark.parametrize("seconds", [0.5, 3.33])
def test_tokens_are_those_of_the_package(codecs: dict[str, S3TokenizerV1], cls: type[S3TokenizerV1], seconds: float):
    samples = noise(round(seconds * 16_000))
    stream = codecs[cls.name].encode(Audio(samples, 16_000)).streams[0]
    assert stream.codes.tolist() == of_the_package(cls.name, samples)
    mels = len(samples) // 160
    assert len(stream.codes) == -(-mels * stream.rate // 100)
    assert len(np.unique(stream.codes)) > 3


@pytest.mark.long
@pytest.mark.parametrize(
    ("cls", "seconds", "covered"),
    [(S3TokenizerV1, 60, 60), (S3TokenizerV1At25Hz, 53, 51), (S3TokenizerV2, 60, 60), (S3TokenizerV3, 53, 51)],
)
def test_long_recordings_are_coded_in_windows(
    codecs: dict[str, S3TokenizerV1], cls: type[S3TokenizerV1], seconds: int, covered: int
):
    """Windows begin every 26 s; the package drops one of less than 2 s, and with it the 2 s before it."""
    samples = noise(seconds * 16_000)
    stream = codecs[cls.name].encode(Audio(samples, 16_000)).streams[0]
    assert stream.codes.tolist() == of_the_package(cls.name, samples)
    assert len(stream.codes) == covered * stream.rate


@by_name
@pytest.mark.parametrize(("length", "mels"), [(1, 1), (160, 1), (201, 1), (320, 2), (479, 2), (480, 3)])
def test_short_recordings_have_a_token(
    codecs: dict[str, S3TokenizerV1], cls: type[S3TokenizerV1], length: int, mels: int
):
    codec = codecs[cls.name]
    code = codec.encode(Audio(noise(length), 16_000))
    assert len(code.streams[0].codes) == -(-mels * code.streams[0].rate // 100)
    assert code.samples == length


@by_name
def test_tokens_repeat_and_are_not_decoded(codecs: dict[str, S3TokenizerV1], cls: type[S3TokenizerV1]):
    codec = codecs[cls.name]
    audio = Audio(noise(20_000), 16_000)
    code = codec.encode(audio)
    torch.randn(5)
    assert np.array_equal(codec.encode(audio).streams[0].codes, code.streams[0].codes)
    assert not codec.spec.decodes
    with pytest.raises(CodecError, match=f"{codec.name} has no decoder"):
        codec.decode(code)
    with pytest.raises(CodecError, match=f"{codec.name} has no decoder"):
        codec.decode_batch([code])


def test_the_embeddings_are_those_of_the_codebook(codecs: dict[str, S3TokenizerV1]):
    codec = codecs["s3tokenizer-v1-50hz"]
    code = codec.encode(Audio(noise(20_000), 16_000))
    codebook = s3tokenizer_model(codec.name).quantizer.codebook.numpy()
    assert np.array_equal(codec.latents(code)["quantized"], codebook[code.streams[0].codes])
    with pytest.raises(UsageError, match="offers no latents"):
        codecs["s3tokenizer-v2-25hz"].latents(code)


@by_name
def test_the_published_size_has_the_stated_parameters(cls: type[S3TokenizerV1]):
    from s3tokenizer.model import S3Tokenizer
    from s3tokenizer.model_v2 import S3TokenizerV2 as PackageV2
    from s3tokenizer.model_v3 import S3TokenizerV3 as PackageV3

    package = {S3TokenizerV2: PackageV2, S3TokenizerV3: PackageV3}.get(cls, S3Tokenizer)
    with torch.device("meta"):
        model = package(Path(cls.spec.weights[0].path).stem)
    assert sum(p.numel() for p in model.parameters()) == cls().spec.parameters


@by_name
def test_the_files_are_those_that_the_package_names(cls: type[S3TokenizerV1]):
    import s3tokenizer

    name = Path(cls.spec.weights[0].path).stem
    (weight,) = cls.weights()
    assert weight.url == s3tokenizer._MODELS[name]
    assert weight.sha256 == s3tokenizer._SHA256S[name]


@by_name
def test_it_has_no_settings(cls: type[S3TokenizerV1]):
    with pytest.raises(UsageError, match="it has no settings"):
        cls("50")
    with pytest.raises(UsageError, match="decodes 1 codebooks, not 2"):
        cls(codebooks=2)


@by_name
def test_the_file_of_another_version_is_refused(tmp_path: Path, cls: type[S3TokenizerV1]):
    for other in CLASSES:
        if cls.spec.parameters == other.spec.parameters:
            continue  # the two of version 1 have the same tensors
        codec = cls()
        file = build(other.name, tmp_path / other.name)
        assert file is not None
        codec.use_checkpoint(file)
        with pytest.raises(
            UnavailableError, match=r"^speech_tokenizer_v\w+\.onnx (is not|does not fit|belongs to another)"
        ) as caught:
            codec.load()
        assert "\n" not in str(caught.value)


@by_name
def test_what_is_no_model_is_refused(tmp_path: Path, cls: type[S3TokenizerV1]):
    for content in (b"", b"no weights at all", b"\x08\x07"):
        (tmp_path / "file.onnx").write_bytes(content)
        codec = cls()
        codec.use_checkpoint(tmp_path / "file.onnx")
        with pytest.raises(UnavailableError, match=r"^speech_tokenizer_v\w+\.onnx is not S3Tokenizer") as caught:
            codec.load()
        assert "\n" not in str(caught.value)
