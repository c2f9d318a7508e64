"""Checkpoints in the place of published weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.replaceable import ReplaceableCodec, TakesCheckpoint
from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.audio import FloatArray
from codec_bench.errors import UnavailableError
from codec_bench.hub import RemoteFile
from codec_bench.tokens import Code, Tokens


class Two(ReplaceableCodec):
    name = "two"
    files: tuple[str, ...] = ("hf/org/repo/model.pt", "hf/org/repo/sub/config.json")

    @classmethod
    def mode_spec(cls, mode: str | None) -> CodecSpec:
        return CodecSpec("Two", Group.ACOUSTIC, 16_000, 16_000, weights=tuple(map(RemoteFile, cls.files)))

    def _encode(self, samples: FloatArray) -> Code:
        return Tokens(())

    def _decode(self, code: Code) -> FloatArray:
        return np.zeros(0, np.float32)


class Named(Two):
    checkpoint_file = "model.pt"


class One(Two):
    files = ("hf/org/repo/model.pt",)


class Without(Two):
    files = ()


@pytest.fixture(autouse=True)
def _mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in Two.files:
        (tmp_path / "mirror" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror" / path).write_text("published")
    monkeypatch.setenv("CODEC_BENCH_MIRROR", str(tmp_path / "mirror"))


@pytest.mark.parametrize("cls", [Named, One])
def test_a_file_replaces_the_checkpoint(cls: type[Two], tmp_path: Path):
    mine = tmp_path / "mine.ckpt"
    mine.write_text("mine")
    codec = cls()
    assert isinstance(codec, TakesCheckpoint)
    before = codec.fingerprint
    codec.use_checkpoint(mine)
    assert codec.weight_files()["hf/org/repo/model.pt"] == mine
    assert codec.weight_digests()["hf/org/repo/model.pt"] == hashlib.sha256(b"mine").hexdigest()
    assert "hf/org/repo/model.pt" not in [w.path for w in codec.needed_weights()]
    assert codec.fingerprint != before
    mine.write_text("published")
    assert codec.fingerprint == before  # what counts is what is in the file


def test_a_folder_replaces_what_it_has(tmp_path: Path):
    (tmp_path / "mine/sub").mkdir(parents=True)
    (tmp_path / "mine/sub/config.json").write_text("mine")
    codec = Two()
    codec.use_checkpoint(tmp_path / "mine")
    assert {k: p.read_text() for k, p in codec.weight_files().items()} == {
        "hf/org/repo/model.pt": "published",
        "hf/org/repo/sub/config.json": "mine",
    }


@pytest.mark.parametrize(
    ("cls", "file", "message"),
    [
        (Two, True, "has several files: name a folder"),
        (Two, False, "has none of the files of two: model.pt, sub/config.json"),
        (Without, True, "is loaded from no files"),
    ],
)
def test_a_checkpoint_that_replaces_nothing_is_an_error(cls: type[Two], file: bool, message: str, tmp_path: Path):
    path = tmp_path / "mine"
    path.touch() if file else path.mkdir()
    with pytest.raises(UnavailableError, match=message):
        cls().use_checkpoint(path)
    if cls.files:
        with pytest.raises(UnavailableError, match=r"the checkpoint .*nowhere does not exist$"):
            cls().use_checkpoint(tmp_path / "nowhere")
