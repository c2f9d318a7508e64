"""The cache of arrays: whole entries or none, whoever writes at the same time."""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import multiprocessing
import os
import pickle
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from codec_bench.audio import Audio
from codec_bench.cache import _MAGIC, ArrayCache
from codec_bench.errors import DiskFullError, UsageError
from codec_bench.fingerprint import address
from codec_bench.metrics.pitch import dio
from codec_bench.metrics.signal import Recording, feature_address
from codec_bench.tokens import Codebook, Stream, Tokens

KEY = address(what="an entry")


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {"samples": random.normal(size=2000).astype(np.float32), "codes": random.integers(0, 9, (3, 50))}


def assert_same(found: dict[str, np.ndarray] | None, put: dict[str, np.ndarray]) -> None:
    assert found is not None
    assert list(found) == list(put)
    for name, array in put.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(tmp_path / "cache")


def files(cache: ArrayCache) -> list[Path]:
    return [p for p in cache.root.rglob("*") if p.is_file()]


def test_what_was_put_in_comes_out(cache: ArrayCache) -> None:
    assert KEY not in cache
    assert cache.get(KEY) is None
    cache.put(KEY, arrays())
    assert KEY in cache
    assert_same(cache.get(KEY), arrays())
    assert files(cache) == [cache.path(KEY)]


@pytest.mark.parametrize(
    "value",
    [np.array(1.5), np.array("text"), np.zeros((0, 3)), np.array([True]), np.array([np.nan, np.inf], np.float32)],
    ids=["a number", "text", "empty", "bool", "not finite"],
)
def test_kinds_of_arrays(cache: ArrayCache, value: np.ndarray) -> None:
    cache.put(KEY, {"value": value})
    assert_same(cache.get(KEY), {"value": value})


def damaged(data: bytes, how: str) -> bytes:
    at = len(data) // 2
    return {
        "cut": data[:at],
        "one bit": data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :],
        "zeros at the end": data[:at] + bytes(len(data) - at),
        "longer": data + b"x",
        "empty": b"",
        "header only": data[: len(_MAGIC) + 10],
        "other format": b"codec-bench/0\n" + data[len(_MAGIC) :],
        "something else": b"hello",
    }[how]


@pytest.mark.parametrize(
    "how", ["cut", "one bit", "zeros at the end", "longer", "empty", "header only", "other format", "something else"]
)
def test_a_damaged_entry_is_noticed_removed_and_can_be_made_again(
    cache: ArrayCache, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache.put(KEY, arrays())
    path = cache.path(KEY)
    path.write_bytes(damaged(path.read_bytes(), how))
    with caplog.at_level(logging.WARNING):
        assert cache.get(KEY) is None
    assert f"{path} is damaged" in caplog.text
    assert not path.exists()
    assert KEY not in cache
    cache.put(KEY, arrays())
    assert_same(cache.get(KEY), arrays())


def test_an_entry_that_cannot_be_read_counts_as_absent(cache: ArrayCache, caplog: pytest.LogCaptureFixture) -> None:
    cache.path(KEY).mkdir(parents=True)
    with caplog.at_level(logging.WARNING):
        assert cache.get(KEY) is None
    assert "cannot be read" in caplog.text


class Bomb:
    """What a pickle could do."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("exploded"),)  # type: ignore[return-value]


def test_a_pickle_is_never_loaded(cache: ArrayCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    np.savez(buffer, value=np.array([Bomb()], object))
    for body in (buffer.getvalue(), pickle.dumps(Bomb())):
        path = cache.path(KEY)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_MAGIC + hashlib.sha256(body).digest() + body)  # whole, by its checksum
        assert cache.get(KEY) is None
        assert not path.exists()
    assert not Path("exploded").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing_behind(cache: ArrayCache, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    cache.put(KEY, arrays(1))
    write = Path.write_bytes

    def half(path: Path, data: bytes) -> int:
        write(path, data[: len(data) // 2])
        raise OSError(number, "no room")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(DiskFullError, match="no space left"):
        cache.put(KEY, arrays(2))
    assert files(cache) == [cache.path(KEY)]
    assert_same(cache.get(KEY), arrays(1))


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    sealed = Path("/proc/codec-bench-cache")
    if not sealed.parent.is_dir():
        pytest.skip("no folder here that even root cannot write")
    with pytest.raises(UsageError, match="cannot be written"):
        ArrayCache(sealed).put(KEY, arrays())


def write_many(root: str, keys: list[str], seeds: list[int], barrier: object) -> None:
    """What one process does: put every key many times, and read whatever is there in between."""
    cache = ArrayCache(Path(root))
    barrier.wait()  # type: ignore[attr-defined]
    for round_number in range(15):
        for key, seed in zip(keys, seeds, strict=True):
            cache.put(key, arrays(seed))
            entry = cache.get(keys[round_number % len(keys)])
            if entry is not None:
                assert entry["samples"].shape == (2000,)


@pytest.mark.long
def test_two_processes_at_once(cache: ArrayCache, capfd: pytest.CaptureFixture[str]) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    seeds = list(range(4))
    keys = [address(n=n) for n in seeds]
    workers = [context.Process(target=write_many, args=(str(cache.root), keys, seeds, barrier)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    for key, seed in zip(keys, seeds, strict=True):
        assert_same(cache.get(key), arrays(seed))
    assert len(files(cache)) == 4
    assert "damaged" not in capfd.readouterr().err


CODE = Tokens((Stream(np.array([3, 1]), Codebook(16, 320), Fraction(50)),), 640, 16_000).to_arrays()
SOUND = {"samples": np.zeros(9, np.float32), "rate": np.array(16_000), "decode_seconds": np.array(0.5)}
FRAMES = {"values": np.array([[1], [2]]), "rate": np.array(50.0), "sizes": np.array([16])}
GOOD = {
    "codes": CODE | {"encode_seconds": np.array(0.5)},
    "audio": SOUND,
    "features": {"value": np.zeros(3)},
    "frames": FRAMES,
}
OTHER_THINGS: list[tuple[str, dict[str, np.ndarray]]] = [
    *((kind, {"x": np.zeros(3)}) for kind in GOOD),
    *((kind, {}) for kind in GOOD),
    ("codes", GOOD["codes"] | {"header": np.array("{")}),
    ("codes", GOOD["codes"] | {"header": np.array("[]")}),
    ("codes", GOOD["codes"] | {"header": np.array(str(CODE["header"]).replace("[50, 1]", "[50, 0]"))}),
    ("codes", GOOD["codes"] | {"book_0": np.array([3, 16])}),
    ("codes", GOOD["codes"] | {"encode_seconds": np.array("fast")}),
    ("audio", SOUND | {"samples": np.zeros((3, 3))}),
    ("audio", SOUND | {"samples": np.zeros(3)}),
    ("audio", SOUND | {"rate": np.array(0)}),
    ("audio", SOUND | {"rate": np.array([1, 2])}),
    ("audio", SOUND | {"decode_seconds": np.array(np.nan)}),
    ("features", {"status": np.array("weird"), "reason": np.array("")}),
    ("features", {"value": np.zeros(3, "datetime64[s]")}),
    ("frames", FRAMES | {"values": np.array([[1], [16]])}),
    ("frames", FRAMES | {"values": np.zeros(3)}),
    ("frames", FRAMES | {"sizes": np.array([16, 16])}),
    ("frames", FRAMES | {"rate": np.array(0.0)}),
]


@pytest.mark.parametrize("kind", GOOD)
def test_an_entry_of_its_kind_is_found(kind: str, tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path / kind)
    cache.put(KEY, GOOD[kind])
    assert_same(cache.get(KEY), GOOD[kind])


@pytest.mark.parametrize(("kind", "held"), OTHER_THINGS)
def test_an_entry_that_is_sealed_and_holds_other_things_is_made_again(
    kind: str, held: dict[str, np.ndarray], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = ArrayCache(tmp_path / kind)
    cache.put(KEY, held)
    assert cache.get(KEY) is None
    assert "is damaged; it is made again" in caplog.text
    assert KEY not in cache


@pytest.mark.parametrize("body", [b"", b"text", b"\x93NUMPY", b"PK\x03\x04" + bytes(90)])
def test_a_sealed_file_of_another_format_is_made_again(body: bytes, tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path / "audio")
    cache.put(KEY, SOUND)
    cache.path(KEY).write_bytes(_MAGIC + hashlib.sha256(body).digest() + body)
    assert cache.get(KEY) is None


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_put_out_of_the_way(make: Callable[[Path], None], tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path / "audio")
    cache.put(KEY, SOUND)
    cache.path(KEY).unlink()
    make(cache.path(KEY))
    assert cache.get(KEY) is None
    cache.put(KEY, SOUND)
    assert_same(cache.get(KEY), SOUND)


def test_a_track_of_another_length_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = ArrayCache(tmp_path / "features")
    audio = Audio(np.sin(np.arange(16_000) / 20).astype(np.float32), 16_000)
    track = Recording(audio, "file:x", cache, is_reference=True).feature(dio, 16_000)
    cache.put(feature_address("file:x", dio, 16_000), {"value": np.zeros(2)})
    again = Recording(audio, "file:x", cache, is_reference=True).feature(dio, 16_000)
    np.testing.assert_array_equal(again, track)
    assert "is of another signal" in caplog.text
