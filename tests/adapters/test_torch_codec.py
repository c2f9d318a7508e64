"""What all PyTorch codecs share, with a model of one convolution."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from codec_bench.adapters import CODECS
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.adapters.systems import load_codec, with_setting
from codec_bench.adapters.torch_codec import TorchCodec, snapshot
from codec_bench.audio import Audio
from codec_bench.errors import CodecError, UnavailableError, UsageError
from codec_bench.hub import RemoteFile
from codec_bench.inference import PRECISIONS
from codec_bench.tokens import Bitstream, Codebook, IntArray, Tokens

RATE = 8000
HOP = 4
CONFIG = RemoteFile("hf/some/codec/sub/config.txt")
WEIGHTS = RemoteFile("hf/some/codec/model.safetensors")


class Dithered(TorchCodec):
    """Rounds the mean of each frame to 16 levels, as loud as its file says, and adds noise when it decodes."""

    name: ClassVar[str] = "dithered"
    takes_precision: ClassVar[bool] = True
    checkpoint_file: ClassVar[str] = "model.safetensors"

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        return CodecSpec(
            title="Dithered",
            group=Group.ACOUSTIC,
            input_rate=RATE,
            output_rate=RATE,
            codebooks=(Codebook(16, HOP),),
            weights=(CONFIG, WEIGHTS),
        )

    def _load(self, folder: Path) -> Any:
        assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == [
            "model.safetensors",
            "sub/config.txt",
        ]
        model = torch.nn.Conv1d(1, 1, HOP, HOP, bias=False)
        model.weight.data.fill_(float((folder / "model.safetensors").read_text()) / HOP)
        return model.train()

    def _codes(self, samples: Any) -> list[IntArray]:
        assert not self._model.training
        assert not torch.is_grad_enabled()
        padded = torch.nn.functional.pad(samples, (0, -len(samples) % HOP))
        codes = (self._model(padded[None])[0] * 8 + 8).round().clamp(0, 15).long()
        return [np.asarray(codes.cpu().numpy(), np.int64)]

    def _samples(self, codes: list[Any]) -> Any:
        assert not torch.is_grad_enabled()
        levels = ((codes[0] - 8) / 8).repeat_interleave(HOP)
        return (levels + 0.01 * torch.randn(levels.shape)).double()


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its two files lie in two folders, as those of a mirror and those that were fetched do."""
    for folder, weight, content in (("one", CONFIG, "config"), ("two", WEIGHTS, "1.0")):
        file = tmp_path / folder / weight.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    monkeypatch.setenv("CODEC_BENCH_MIRROR", f"{tmp_path / 'one'}:{tmp_path / 'two'}")
    return tmp_path


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_products_are_computed_in_the_precision_that_is_asked_for(mirror: Path, precision: str) -> None:
    made, lower = Dithered(), Dithered()
    before = made.fingerprint
    lower.use_precision(precision)
    assert (made.fingerprint, lower.fingerprint == before) == (before, False)
    lower.load()
    with lower._inference():
        found = lower._model(torch.ones(1, 8))
    assert found.dtype == getattr(torch, PRECISIONS[precision])
    decoded = lower.decode(lower.encode(Audio(np.full(400, 0.5, np.float32), RATE)))
    assert (decoded.samples.dtype, len(decoded)) == (np.float32, 400)


def test_what_computes_elsewhere_refuses_a_precision() -> None:
    with pytest.raises(UsageError, match="codec2 does not compute in bf16"):
        load_codec("codec2@1200:bf16")
    with pytest.raises(UsageError, match="bigcodec does not compute in fp16"):
        with_setting(CODECS.get("bigcodec"), "fp16")


@pytest.fixture
def codec(mirror: Path) -> Iterator[Dithered]:
    made = Dithered()
    made.load()
    yield made
    made.close()


RAMP = Audio(np.linspace(-0.9, 0.8, 403, dtype=np.float32), RATE)


def test_codes_and_audio_are_those_of_the_model(codec: Dithered) -> None:
    code = codec.encode(RAMP)
    assert isinstance(code, Tokens)
    (stream,) = code.streams
    frames = np.append(RAMP.samples, np.float32(0)).reshape(-1, HOP).mean(axis=1)
    assert np.array_equal(stream.codes, np.round(frames * 8 + 8).astype(np.int64))
    decoded = codec.decode(code)
    assert decoded.samples.dtype == np.float32
    np.testing.assert_allclose(decoded.samples, ((stream.codes - 8) / 8).repeat(HOP)[:403], atol=0.06)


def test_what_a_decoder_draws_does_not_depend_on_the_calls_before(codec: Dithered) -> None:
    code = codec.encode(RAMP)
    first = codec.decode(code)
    torch.randn(7)
    assert np.array_equal(codec.decode(code).samples, first.samples)
    assert len(np.unique(first.samples)) > 300


def test_it_is_used_after_it_is_loaded_and_before_it_is_closed(codec: Dithered) -> None:
    code = codec.encode(RAMP)
    codec.close()
    for use in (lambda: codec.encode(RAMP), lambda: codec.decode(code), lambda: Dithered().decode(code)):
        with pytest.raises(CodecError, match="dithered is not loaded"):
            use()


def test_a_bitstream_is_not_decoded(codec: Dithered) -> None:
    with pytest.raises(CodecError, match="decodes tokens"):
        codec.decode(Bitstream((b"x",), 8, 1.0, samples=8000, sample_rate=RATE))


def test_files_that_are_missing_are_named(mirror: Path) -> None:
    (mirror / "two" / WEIGHTS.path).unlink()
    with pytest.raises(UnavailableError, match=r"hf/some/codec/model\.safetensors"):
        Dithered().load()


@pytest.mark.parametrize("as_folder", [False, True])
def test_a_checkpoint_replaces_a_file(mirror: Path, codec: Dithered, as_folder: bool) -> None:
    tuned = mirror / "tuned"
    tuned.mkdir()
    (tuned / "model.safetensors").write_text("0.5")
    (mirror / "two" / WEIGHTS.path).unlink()
    other = Dithered()
    other.use_checkpoint(tuned if as_folder else tuned / "model.safetensors")
    assert other.needed_weights() == (CONFIG,)
    other.load()
    left, right = codec.encode(RAMP), other.encode(RAMP)
    assert isinstance(left, Tokens)
    assert isinstance(right, Tokens)
    halved = np.append(RAMP.samples, np.float32(0)).reshape(-1, HOP).mean(axis=1) / 2
    assert np.array_equal(right.streams[0].codes, np.round(halved * 8 + 8).astype(np.int64))
    assert not np.array_equal(left.streams[0].codes, right.streams[0].codes)


def test_a_snapshot_has_the_published_names_and_goes_away(mirror: Path) -> None:
    replacement = mirror / "replacement"
    replacement.write_text("2.0")
    with snapshot({CONFIG.path: mirror / "one" / CONFIG.path, WEIGHTS.path: replacement}) as folder:
        assert (folder / "sub/config.txt").read_text() == "config"
        assert (folder / "model.safetensors").read_text() == "2.0"
    assert not folder.exists()
    assert replacement.exists()
