"""Files that are not what they should be: each is refused with one line that says what is wrong with it."""

from __future__ import annotations

import collections
import io
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codec_bench.adapters.longcat.checkpoint import (
    DECODER_16K,
    DECODER_24K,
    ENCODER,
    CheckpointKind,
    Tensors,
    identify,
    read_cmvn,
)
from codec_bench.adapters.longcat.model import LongCatDecoder, LongCatEncoder
from codec_bench.errors import UnavailableError

ENCODER_FILE = "LongCatAudioCodec_encoder.pt"
CMVN_FILE = "LongCatAudioCodec_encoder_cmvn.npy"
DECODER_FILES = {
    "LongCatAudioCodec_decoder_16k_4codebooks.pt": CheckpointKind(DECODER_16K, 3),
    "LongCatAudioCodec_decoder_24k_4codebooks.pt": CheckpointKind(DECODER_24K, 3),
    "LongCatAudioCodec_decoder_24k_2codebooks.pt": CheckpointKind(DECODER_24K, 1),
}
FILES = [ENCODER_FILE, *DECODER_FILES]
NETWORKS = FILES[:-1]
"""The last has the network of the one before it."""


def load(path: Path, weights: Path, name: str) -> LongCatEncoder | LongCatDecoder:
    """Loads a file as what the published file of that name is."""
    return LongCatEncoder(path, weights / CMVN_FILE) if name == ENCODER_FILE else LongCatDecoder(path)


def changed(weights: Path, name: str, tmp_path: Path, changes: dict[str, Any]) -> Path:
    """A copy of a file with some tensors replaced; None takes one out."""
    tensors = torch.load(weights / name, weights_only=True) | changes
    path = tmp_path / "changed.pt"
    torch.save({key: value for key, value in tensors.items() if value is not None}, path)
    return path


@pytest.mark.parametrize(("name", "kind"), [(ENCODER_FILE, CheckpointKind(ENCODER, 3)), *DECODER_FILES.items()])
def test_a_file_is_known_by_its_tensors(weights: Path, tmp_path: Path, name: str, kind: CheckpointKind):
    renamed = tmp_path / "model.bin"
    shutil.copy(weights / name, renamed)
    assert identify(renamed) == kind


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORKS)
def test_every_tensor_is_needed(weights: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    tensors = torch.load(weights / name, weights_only=True)
    for key in tensors:
        left = {k: t for k, t in tensors.items() if k != key}
        monkeypatch.setattr(Tensors, "open", lambda path, left=left: Tensors(path, left))
        with pytest.raises(UnavailableError, match=re.escape(f"{name}: tensor {key} is missing")):
            load(weights / name, weights, name)


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORKS)
def test_every_shape_is_checked(weights: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    """Tensors that sizes are read off cannot be told from those that depend on them; all others are named."""
    size_givers = re.compile(
        r"(encoder\.block\.0|decoder\.model\.0|dequant|affine|subsampling/conv0|proj_[ab]|linear1"
        r"|block\.[1-4]\.block\.4|model\.[1-4]\.block\.1|encoder\.block\.6)\.(weight(_v)?)$"
    )
    tensors = torch.load(weights / name, weights_only=True)
    for key, tensor in tensors.items():
        for axis in range(tensor.dim()):
            wrong = torch.cat([tensor, tensor.narrow(axis, 0, 1)], dim=axis)
            monkeypatch.setattr(
                Tensors, "open", lambda path, key=key, wrong=wrong: Tensors(path, tensors | {key: wrong})
            )
            with pytest.raises(UnavailableError) as caught:
                load(weights / name, weights, name)
            assert str(caught.value).startswith(f"{weights / name}: tensor ")
            assert f"tensor {key} has the shape" in str(caught.value) or size_givers.search(key), key


@pytest.mark.parametrize("name", FILES)
def test_a_tensor_too_many(weights: Path, tmp_path: Path, name: str):
    path = changed(weights, name, tmp_path, {"extra.weight": torch.zeros(3)})
    with pytest.raises(UnavailableError, match=r"changed.pt: tensor extra.weight does not belong to the"):
        load(path, weights, name)


def test_the_differences_that_are_allowed(weights: Path, tmp_path: Path):
    stale = {"semantic_tokenizer.gpu_feature.fbank.window": torch.zeros(400)}
    path = changed(weights, ENCODER_FILE, tmp_path, stale)
    assert load(path, weights, ENCODER_FILE).codebooks == 4


def test_statistics_in_the_file_must_be_those_beside_it(weights: Path, tmp_path: Path):
    name = "semantic_tokenizer.feature_extractor.cmvn.cmvn_mean"
    mean = torch.from_numpy(read_cmvn(weights / CMVN_FILE)[0].astype(np.float32))
    assert load(changed(weights, ENCODER_FILE, tmp_path, {name: mean}), weights, ENCODER_FILE)
    path = changed(weights, ENCODER_FILE, tmp_path, {name: mean + 1})
    with pytest.raises(UnavailableError, match=f"{name} contradicts the CMVN file"):
        load(path, weights, ENCODER_FILE)


def test_an_encoder_is_no_decoder_and_the_reverse(weights: Path):
    with pytest.raises(UnavailableError, match=r"encoder.pt is the encoder, not a decoder"):
        LongCatDecoder(weights / ENCODER_FILE)
    for name in DECODER_FILES:
        with pytest.raises(UnavailableError, match=rf"{name} is the .* kHz decoder with .*, not the encoder"):
            LongCatEncoder(weights / name, weights / CMVN_FILE)


@pytest.mark.parametrize("kept", [0, 10, 1000, 100_000, -1])
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_cut_short(weights: Path, tmp_path: Path, name: str, kept: int):
    path = tmp_path / "short.pt"
    path.write_bytes((weights / name).read_bytes()[:kept])
    with pytest.raises(UnavailableError, match=r"short.pt is not a PyTorch checkpoint, or one that was cut short"):
        load(path, weights, name)


def saved(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def archive() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no model\n" * 100, "not a PyTorch checkpoint"),
        (archive(), "a zip file without data.pkl"),
        (saved([1, 2]), "neither the encoder nor a decoder"),
        (saved({"other.weight": torch.zeros(2)}), "neither the encoder nor a decoder"),
    ],
    ids=["text", "npz", "list", "other model"],
)
def test_another_file(weights: Path, tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "other.pt"
    path.write_bytes(content)
    for name in FILES:
        with pytest.raises(UnavailableError, match=message):
            load(path, weights, name)


def test_a_file_that_is_not_there(weights: Path, tmp_path: Path):
    with pytest.raises(UnavailableError, match=r"none.pt cannot be read: No such file"):
        LongCatDecoder(tmp_path / "none.pt")
    with pytest.raises(UnavailableError, match=r"none.npy is not a .npy file"):
        LongCatEncoder(weights / ENCODER_FILE, tmp_path / "none.npy")


@pytest.mark.parametrize("name", FILES)
def test_a_nested_dictionary(weights: Path, tmp_path: Path, name: str):
    tensors = torch.load(weights / name, weights_only=True)
    path = tmp_path / "nested.pt"
    torch.save({"epoch": 3, "state_dict": tensors}, path)
    with pytest.raises(UnavailableError, match=r"nested.pt: 'epoch' is int, not a float tensor; .* flat"):
        load(path, weights, name)


def test_a_tensor_of_integers(weights: Path, tmp_path: Path):
    name = "LongCatAudioCodec_decoder_24k_2codebooks.pt"
    path = changed(weights, name, tmp_path, {"decoder.model.0.bias": torch.zeros(64, dtype=torch.int64)})
    with pytest.raises(UnavailableError, match=r"'decoder.model.0.bias' is torch.int64, not a float tensor"):
        load(path, weights, name)


def test_an_ordered_dictionary_in_half_precision(weights: Path, tmp_path: Path):
    """How trainers save; computed in float32 all the same."""
    name = "LongCatAudioCodec_decoder_24k_2codebooks.pt"
    tensors = torch.load(weights / name, weights_only=True)
    torch.save(collections.OrderedDict((k, t.half()) for k, t in tensors.items()), tmp_path / "half.pt")
    codes = np.random.default_rng(0).integers(0, 8100, (2, 9))
    half, full = (LongCatDecoder(path).decode(codes) for path in (tmp_path / "half.pt", weights / name))
    assert 0 < np.abs(half - full).max() < 0.05


class _Runs:
    def __reduce__(self) -> Any:
        return os.mkdir, (self.folder,)

    folder = ""


def test_a_file_never_runs_code(weights: Path, tmp_path: Path):
    evil = _Runs()
    evil.folder = str(tmp_path / "made")
    name = "LongCatAudioCodec_decoder_24k_2codebooks.pt"
    path = changed(weights, name, tmp_path, {"zz": evil})
    with pytest.raises(UnavailableError, match=r"changed.pt cannot be loaded"):
        load(path, weights, name)
    assert not (tmp_path / "made").exists()


def test_a_decoder_of_another_frame_length(weights: Path, tmp_path: Path):
    """Strides that do not multiply to 60 ms."""
    name = "LongCatAudioCodec_decoder_24k_2codebooks.pt"
    key = "decoder.model.1.block.1.weight_v"
    tensor = torch.load(weights / name, weights_only=True)[key]
    path = changed(weights, name, tmp_path, {key: tensor[:, :, :7]})
    with pytest.raises(UnavailableError, match=r"give 1260 samples per frame"):
        load(path, weights, name)


def test_a_width_whose_heads_nobody_knows(weights: Path, tmp_path: Path):
    key = "semantic_tokenizer.model.subsampling.affine."
    wide = {f"{key}weight": torch.zeros(48, 2432), f"{key}bias": torch.zeros(48)}
    norm = {f"semantic_tokenizer.model.subsampling.norm.{part}": torch.zeros(48) for part in ("weight", "bias")}
    path = changed(weights, ENCODER_FILE, tmp_path, wide | norm)
    with pytest.raises(UnavailableError, match=r"a transformer of width 48; known are 1280, 32"):
        load(path, weights, ENCODER_FILE)


@pytest.mark.parametrize(
    ("statistics", "message"),
    [
        (np.ones(81), "not a .npy file of CMVN statistics"),
        (np.ones((2, 81), np.int64), "not a .npy file of CMVN statistics"),
        (np.ones((3, 81)), r"has the shape \[3, 81\]"),
        (np.zeros((2, 81)), "0.0 frames"),
        (np.full((2, 81), np.nan), "holds no CMVN statistics"),
        (np.stack([np.full(81, 5.0), np.full(81, 1.0)]), "a variance is negative"),
        (np.array([{"a": 1}], dtype=object), "not a .npy file of CMVN statistics"),
    ],
)
def test_cmvn_statistics(tmp_path: Path, statistics: Any, message: str):
    path = tmp_path / "cmvn.npy"
    np.save(path, statistics, allow_pickle=True)
    with pytest.raises(UnavailableError, match=message):
        read_cmvn(path)


def test_cmvn_statistics_of_another_number_of_bands(weights: Path, tmp_path: Path):
    statistics = np.load(weights / CMVN_FILE)
    np.save(tmp_path / "cmvn.npy", np.concatenate([statistics[:, :40], statistics[:, -1:]], axis=1))
    with pytest.raises(UnavailableError, match=r"affine.weight has the shape \[32, 2432\], not \[any, 1152\]"):
        LongCatEncoder(weights / ENCODER_FILE, tmp_path / "cmvn.npy")
