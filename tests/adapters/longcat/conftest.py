"""The authors' own results, and the small weights that made them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from codec_bench.adapters.longcat.model import LongCatDecoder, LongCatEncoder

DECODERS = {"16k_4codebooks": 3, "24k_4codebooks": 3, "24k_2codebooks": 1}
"""Acoustic codebooks of each decoder."""


@pytest.fixture(scope="session")
def reference(shared: Path) -> Path:
    """The folder with golden values and manifests."""
    return shared / "golden/longcat"


@pytest.fixture(scope="session")
def golden(reference: Path) -> Mapping[str, NDArray[Any]]:
    """What the authors' code computed from the small weights."""
    with np.load(reference / "golden_tiny.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="session")
def golden_stream(reference: Path) -> Mapping[str, NDArray[Any]]:
    """What the authors' streaming code computed from the small weights."""
    with np.load(reference / "golden_stream_tiny.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="session")
def mirror(longcat_mirror: Path) -> Path:
    """A mirror that holds the small weights under the published names."""
    return longcat_mirror


@pytest.fixture(scope="session")
def weights(mirror: Path) -> Path:
    """The folder of the small weights."""
    return mirror / "hf/meituan-longcat/LongCat-Audio-Codec/ckpts"


@pytest.fixture(scope="session")
def encoder(weights: Path) -> LongCatEncoder:
    return LongCatEncoder(weights / "LongCatAudioCodec_encoder.pt", weights / "LongCatAudioCodec_encoder_cmvn.npy")


@pytest.fixture(scope="session")
def decoders(weights: Path) -> dict[str, LongCatDecoder]:
    return {name: LongCatDecoder(weights / f"LongCatAudioCodec_decoder_{name}.pt") for name in DECODERS}
