"""Signals that reference implementations have scored, and weights of no meaning that are the same everywhere."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from codec_bench.audio import Audio
from codec_bench.metrics.signal import Recording

DATA = Path(__file__).parent / "data"


@cache
def golden(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "golden" / "metrics" / "golden.json").read_text())


@cache
def wave(shared: Path, name: str) -> np.ndarray:
    return soundfile.read(shared / "golden" / "metrics" / f"{name}.wav", dtype="float32")[0]


def golden_pairs(shared: Path, key: str) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """A value of a reference implementation, the reference and the degraded signal at 16 kHz."""
    pairs = [pair for pair in golden(shared)["pairs"] if key in pair]
    assert len(pairs) == 8
    return [(pair[key], wave(shared, pair["ref"]), wave(shared, pair["deg"])) for pair in pairs]


@cache
def codec_pairs(shared: Path, system: str, count: int | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Recordings of LibriTTS and what a real codec made of them, 16 kHz."""
    folder = shared / "data" / "testB_pairs"
    files = sorted((folder / system).glob("*.flac"))
    assert len(files) == 30
    return [
        tuple(soundfile.read(path, dtype="float32")[0] for path in (folder / "GT" / file.name, file))
        for file in files[:count]
    ]


@cache
def codec_recordings(shared: Path, system: str) -> list[tuple[Recording, Recording]]:
    """The same pairs, with the features that were computed of them."""
    return [tuple(Recording(Audio(samples, 16_000)) for samples in pair) for pair in codec_pairs(shared, system)]


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=samples).astype(np.float32) * np.float32(0.1)


def drawn(shapes: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
    """Each tensor is drawn by the digest of its name."""
    made: dict[str, torch.Tensor] = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            made[name] = torch.zeros(shape, dtype=torch.long)
            continue
        values = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()))).random(shape)
        if len(shape) > 1:
            values = (2 * values - 1) * np.sqrt(6 / np.prod(shape[1:]))
        elif name.endswith(("running_var", "weight")):
            values = 0.5 + values
        else:
            values = (2 * values - 1) * 0.1
        made[name] = torch.from_numpy(np.asarray(values, np.float32))
    return made
