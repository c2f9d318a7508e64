"""Codecs of NeMo, on a stand-in of the package in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.nemo_codec.codec import CODECS
from codec_bench.errors import UnavailableError, UsageError
from tests.adapters.isolated.checks import check, noise
from tests.adapters.isolated.standins import nemo_codec as standin


@pytest.mark.parametrize("name", ["nemo-nanocodec-1.78k", "nemo-audio-codec-22khz"])
def test_codes_and_audio_are_those_of_the_networks(mirror: Path, name: str) -> None:
    import io
    import tarfile

    import torch
    from torch.nn import functional

    codec = CODECS[name]()
    hop = codec.spec.codebooks[0].hop
    codec.load()
    recording = noise(22_051, 22_050)
    with tarfile.open(mirror / codec.spec.weights[0].path) as archive:
        member = archive.extractfile("./model_weights.ckpt")
        assert member is not None
        state = torch.load(io.BytesIO(member.read()), weights_only=True)
    padded = torch.from_numpy(np.pad(recording.samples, (0, -22_051 % hop)))[None, None]
    encoded = functional.conv1d(padded, state["audio_encoder.layer.weight"], stride=hop)
    tables = list(state["vector_quantizer.tables"])
    groups = torch.split(encoded[0], 4)
    codes = [torch.cdist(group.T, table).argmin(-1) for group, table in zip(groups, tables, strict=True)]
    vectors = torch.cat([table[book] for table, book in zip(tables, codes, strict=True)], 1)
    audio = functional.conv_transpose1d(vectors.T[None], state["audio_decoder.layer.weight"], stride=hop)
    code = check(codec, 22_050, codes, audio[0, 0], recording)
    assert codec.latents(code)["quantized"].shape == vectors.shape
    codec.close()


def test_groups_cannot_be_left_out(mirror: Path) -> None:
    with pytest.raises(UsageError, match="13 codebooks, not 4"):
        CODECS["nemo-nanocodec-1.78k"](codebooks=4)


def test_a_checkpoint_of_another_rate_is_refused(mirror: Path) -> None:
    path = mirror / CODECS["nemo-nanocodec-1.89k"].weights()[0].path
    whole = path.read_bytes()
    standin.checkpoint(path, CODECS["nemo-nanocodec-1.89k"], hop=1764)
    with pytest.raises(UnavailableError, match="1764 samples per frame, not 1024"):
        CODECS["nemo-nanocodec-1.89k"]().load()
    path.write_bytes(whole)


def test_a_configuration_builds_nothing_but_networks(mirror: Path) -> None:
    path = mirror / CODECS["nemo-nanocodec-0.6k"].weights()[0].path
    whole = path.read_bytes()
    standin.checkpoint(path, CODECS["nemo-nanocodec-0.6k"], decoder="os.system")
    with pytest.raises(UnavailableError, match=r"names os\.system"):
        CODECS["nemo-nanocodec-0.6k"]().load()
    path.write_bytes(whole)


def test_bitrates_are_those_of_the_model_cards() -> None:
    found = {cls.name: cls.mode_spec(None).bitrate() or 0 for cls in standin.CLASSES}
    assert {name: round(bitrate / 1000, 2) for name, bitrate in found.items()} == {
        "nemo-nanocodec-1.89k": 1.89,
        "nemo-nanocodec-1.78k": 1.78,
        "nemo-nanocodec-0.6k": 0.6,
        "nemo-audio-codec-22khz": 6.87,  # their card says 6.9
    }
