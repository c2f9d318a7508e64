"""Packed signals come back to the last bit, and real ones take as little room as is promised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from codec_bench.cache import ArrayCache
from codec_bench.lossless import packed, unpacked

NOISE = np.random.default_rng(0)


def whole(bits: int, count: int = 1000) -> NDArray[np.float32]:
    top = 2 ** (bits - 1)
    return np.asarray(NOISE.integers(-top, top, count) / top, np.float32)


@pytest.mark.parametrize(
    ("samples", "form"),
    [
        (whole(16), "flac"),
        (whole(24), "flac"),
        (np.array([-1.0, 1 - 2**-15], np.float32), "flac"),
        (NOISE.normal(0, 0.1, 100_000).astype(np.float32), "zstd"),
        (np.array([1.0, 0.5], np.float32), "samples"),  # 1.0 is beyond the largest number of 16 bits
        (np.array([0.0, -0.0], np.float32), "samples"),
        (np.array([np.nan, np.inf, -np.inf, 1e-45, 3e38], np.float32), "samples"),
        (np.tile(np.array([np.nan, -0.0, 1e-45, 3e38], np.float32), 1000), "zstd"),
        (np.zeros(0, np.float32), "samples"),
    ],
)
def test_a_signal_comes_back_to_the_last_bit(samples: NDArray[np.float32], form: str) -> None:
    arrays = packed(samples)
    assert form in arrays
    found = unpacked(arrays)
    assert (found.dtype, found.shape, found.tobytes()) == (samples.dtype, samples.shape, samples.tobytes())


def test_speech_of_16_bits_takes_less_than_60_percent(shared: Path) -> None:
    for path in sorted((shared / "data").rglob("*.wav"))[:5]:
        samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
        arrays = packed(np.ascontiguousarray(samples[:, 0]))
        assert sum(a.nbytes for a in arrays.values()) < 0.6 * samples[:, 0].nbytes
        assert unpacked(arrays).tobytes() == samples[:, 0].tobytes()


@pytest.mark.parametrize("entry", [whole(16), NOISE.normal(0, 0.1, 5000).astype(np.float32)], ids=["flac", "zstd"])
def test_an_entry_of_the_cache_is_read_as_it_was_put(entry: NDArray[np.float32], tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path / "audio")
    cache.put("ab12", {"samples": entry, "rate": np.array(16_000), "decode_seconds": np.array(0.5)})
    assert cache.path("ab12").stat().st_size < entry.nbytes
    found = cache.get("ab12")
    assert found is not None
    assert set(found) == {"samples", "rate", "decode_seconds"}
    assert found["samples"].tobytes() == entry.tobytes()


def test_entries_of_earlier_versions_are_read(tmp_path: Path) -> None:
    plain, now = ArrayCache(tmp_path / "others"), ArrayCache(tmp_path / "audio")
    plain.put("ab12", {"samples": whole(16), "rate": np.array(16_000)})  # other folders have arrays as they are
    now.path("ab12").parent.mkdir(parents=True)
    now.path("ab12").write_bytes(plain.path("ab12").read_bytes())
    found = now.get("ab12")
    assert found is not None
    assert len(found["samples"]) == 1000


@pytest.mark.parametrize(
    "wrong",
    [
        {"flac": np.zeros(99, np.uint8), "bits": np.array(16)},
        {"flac": np.zeros(99, np.uint8), "bits": np.array(17)},
        {"flac": packed(whole(16))["flac"].astype(np.float32), "bits": np.array(16)},
        {"zstd": np.zeros(99, np.uint8), "count": np.array(100)},
        {"zstd": packed(NOISE.normal(size=5000).astype(np.float32))["zstd"], "count": np.array(10**6)},
        {"zstd": packed(NOISE.normal(size=5000).astype(np.float32))["zstd"], "count": np.array(10)},
        {"zstd": np.zeros(99, np.uint8), "count": np.array(-1)},
        {"bits": np.array(16)},
    ],
)
def test_a_sealed_entry_of_something_else_is_made_again(wrong: dict[str, NDArray[np.generic]], tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path / "audio")
    cache.put("ab12", wrong | {"rate": np.array(16_000)})
    assert cache.get("ab12") is None
    assert "ab12" not in cache
