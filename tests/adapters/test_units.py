"""Units are those that scikit-learn finds in a layer of HuBERT, and the vocoder is fairseq's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch

from codec_bench.adapters import CODECS
from codec_bench.adapters.transformers.units import MHubertUnits, read_centroids
from codec_bench.audio import Audio, FloatArray
from codec_bench.errors import UnavailableError
from tests.adapters import small_packages

FAIRSEQ = {
    "hubert-km1000": (
        [-0.006376, -0.119997, 0.02933, 0.025088, -0.149473, -0.152583, -0.165766], 342.62115
    ),
    "mhubert-km500-25hz": (
        [-0.054324, 0.091886, -0.291748, 0.984601, 0.083381, 0.820306, -0.278297, 0.492723, -0.102344, 0.116778,
         -0.404766, 0.899435, -0.064982], 1128.0753
    ),
}  # fmt: skip
"""What `CodeGenerator` of fairseq 3d262bb2 gives for the small vocoders and six units: every 300th sample from the
100th on, and the sum of all magnitudes."""


@pytest.fixture(scope="module", params=FAIRSEQ)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = small_packages.build(request.param, tmp_path_factory.mktemp("mirror"))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def codec(folder: Path) -> Iterator[MHubertUnits]:
    made = CODECS.get(folder.name)()
    assert isinstance(made, MHubertUnits)
    made.use_checkpoint(folder)
    made.load()
    yield made
    made.close()


def noise(length: int) -> FloatArray:
    return np.random.default_rng(3).standard_normal(length).astype(np.float32)


def test_units_are_those_of_scikit_learn(codec: MHubertUnits, folder: Path) -> None:
    from transformers import HubertModel

    hubert = HubertModel.from_pretrained(folder).eval()  # type: ignore[no-untyped-call]
    samples = noise(20_000)
    zeros = torch.zeros(1, 40 if "25hz" in codec.name else 0)
    with torch.no_grad():
        states = hubert(torch.cat([zeros, torch.from_numpy(samples)[None], zeros], 1), output_hidden_states=True)
    clusters = joblib.load(folder / codec.spec.weights[2].path.rpartition("/")[2])
    expected = clusters.predict(states.hidden_states[11][0].numpy())
    code = codec.encode(Audio(samples, 16_000))
    assert np.array_equal(code.streams[0].codes, expected)
    assert len(expected) == (31 if "25hz" in codec.name else 62)
    assert len(set(expected)) > 10
    assert np.array_equal(codec.latents(code)["quantized"], clusters.cluster_centers_[expected].astype(np.float32))


def test_the_vocoder_gives_what_fairseqs_gives(codec: MHubertUnits) -> None:
    book = codec.spec.codebooks[0]
    units = np.random.default_rng(1).integers(0, book.size, 6)
    decoded = codec._decode(codec.tokens([units]))
    values, total = FAIRSEQ[codec.name]
    assert len(decoded) == 6 * book.hop
    np.testing.assert_allclose(decoded[100::300], values, atol=2e-6)
    assert np.abs(decoded).sum() == pytest.approx(total, rel=1e-5)


def test_long_recordings_go_to_hubert_in_pieces(codec: MHubertUnits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec_bench.adapters.transformers.units.PIECE", 6400)
    samples = torch.from_numpy(noise(2 * 6400 + 100))[None]  # with an end that is too short for a unit
    with codec._inference():
        parts = [codec._stacked_codes(part) for part in samples.split(6400, 1)[:2]]
        assert np.array_equal(codec._stacked_codes(samples), np.concatenate(parts, -1))


class Evil:
    """Says what to run when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("made-by-a-pickle",)


@pytest.mark.parametrize(("content", "said"), [
    (Evil(), "which no k-means needs"), (np.array([Evil()], dtype=object), "is no k-means"),
    (np.ones((3, 2)), "no cluster centres"), ("text", "no cluster centres"),
])  # fmt: skip
def test_a_file_that_is_no_k_means_is_refused(content: object, said: str, tmp_path: Path) -> None:
    joblib.dump(content, tmp_path / "km.bin")
    with pytest.raises(UnavailableError, match=said):
        read_centroids(tmp_path / "km.bin")
    (tmp_path / "cut.bin").write_bytes((tmp_path / "km.bin").read_bytes()[:-9])
    with pytest.raises(UnavailableError, match=r"cut\.bin is no k-means"):
        read_centroids(tmp_path / "cut.bin")


@pytest.mark.parametrize(("change", "said"), [
    ({"num_embeddings": 100}, "its units is 100"), ({"multispkr": True}, "its multispkr is True"),
    ({"upsample_rates": [5, 4, 4, 2, 1]}, "its hop is"), ({"embedding_dim": 4}, "does not fit the model"),
    ({"upsample_kernel_sizes": None}, "not that of a unit HiFi-GAN"),
])  # fmt: skip
def test_other_vocoders_are_refused(folder: Path, change: dict[str, object], said: str, tmp_path: Path) -> None:
    codec = CODECS.get(folder.name)()
    assert isinstance(codec, MHubertUnits)
    *_, vocoder, config = (folder / weight.path.rpartition("/")[2] for weight in codec.spec.weights)
    changed = tmp_path / config.name
    changed.write_text(json.dumps(json.loads(config.read_text()) | change))
    with pytest.raises(UnavailableError, match=said):
        codec._vocoder(vocoder, changed)
