"""PAST, on stand-ins of its source trees that run in an environment of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec_bench.adapters.isolated.past.codec import CODECS, Past
from codec_bench.errors import UnavailableError
from tests.adapters.isolated.checks import check, noise, residual
from tests.adapters.isolated.standins import past as standin


@pytest.mark.parametrize("cls", standin.CLASSES)
def test_codes_and_audio_are_those_of_the_networks(mirror: Path, cls: type[Past]) -> None:
    import torch
    from torch.nn import functional

    codec = cls()
    codec.load()
    recording = noise(16_100, 16_000)
    torch.manual_seed(0)  # what standin.WRITE draws: the checkpoint needs OmegaConf to be read
    kernel, layer = torch.randn(6, 1, 320) / 10, torch.randn(6, 6)
    tables, inverse = list(torch.randn(8, 1024, 6)), torch.randn(6, 1, 320) / 100
    padded = torch.from_numpy(np.pad(recording.samples, (0, -16_100 % 320)))[None, None]
    codes = residual(functional.conv1d(padded, kernel, stride=320)[0].T @ layer.T, tables)

    def decoded(count: int) -> torch.Tensor:
        summed = sum(table[book] for table, book in zip(tables[:count], codes[:count], strict=True))
        return functional.conv_transpose1d(summed.T[None], inverse, stride=320)[0, 0]

    code = check(codec, 16_000, codes, decoded(8), recording)
    np.testing.assert_allclose(codec.decode(code, 2).samples, decoded(2).numpy()[:16_100], atol=1e-5)
    assert codec.spec.bitrate() == 4000
    assert codec.latents(code)["quantized"].shape == (51, 6)
    codec.close()


def test_a_checkpoint_of_another_rate_is_refused(mirror: Path) -> None:
    path = mirror / CODECS["past"].weights()[0].path
    whole = path.read_bytes()
    standin.checkpoint(CODECS["past"].environment, path, rate=24_000)
    with pytest.raises(UnavailableError, match="of another kind"):
        CODECS["past"]().load()
    path.write_bytes(whole)


def test_only_tensors_and_configurations_are_unpickled(mirror: Path) -> None:
    import pickle

    import torch

    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (pytest.fail, ("it was run",))

    path = mirror / CODECS["past"].weights()[0].path
    whole = path.read_bytes()
    torch.save({"xp.cfg": Harm(), "best_state": {"model": {}}}, path, pickle_module=pickle)
    with pytest.raises(UnavailableError, match="UnpicklingError"):
        CODECS["past"]().load()
    path.write_bytes(whole)
