"""Archives of arrays, read as `numpy.load` reads them."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from codec_bench import npz
from codec_bench.npz import read_npz

ARRAYS: dict[str, NDArray[Any]] = {
    "samples": np.linspace(-1, 1, 801, dtype=np.float32),
    "rate": np.array(16_000),
    "seconds": np.array(0.1),
    "header": np.array('{"kind": "tokens", "text": "\u00e9\u4e16"}'),
    "empty": np.zeros(0, np.int64),
    "no_text": np.array(""),
    "texts": np.array(["a", "bcd"]),
    "yes": np.array(True),
    "bytes": np.frombuffer(b"\x00\xff", np.uint8),
    "square": np.arange(12, dtype=np.int16).reshape(3, 4),
    "columns": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "nothing": np.zeros((3, 0, 2)),
    "other_end": np.arange(3, dtype=">i4"),
    "complex": np.array([1 + 2j], np.complex64),
    "PK\u00e9": np.frombuffer(b"PK\x03\x04PK\x01\x02", np.uint8),
}


def packed(arrays: dict[str, Any], save: Any = np.savez) -> bytes:
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def assert_same(found: dict[str, NDArray[Any]], data: bytes) -> None:
    with np.load(io.BytesIO(data)) as expected:
        assert list(found) == expected.files
        for name, array in found.items():
            assert array.dtype == expected[name].dtype
            assert array.shape == expected[name].shape
            assert array.flags.writeable
            assert array.flags.f_contiguous == expected[name].flags.f_contiguous
            np.testing.assert_array_equal(array, expected[name])


def test_what_numpy_writes_is_read_without_it(monkeypatch: pytest.MonkeyPatch):
    """All but texts of length 0, of which `numpy.frombuffer` can make nothing."""
    data = packed({name: array for name, array in ARRAYS.items() if name != "no_text"})
    found = npz._members(b"head" + data, 4)
    assert_same(found, data)


@pytest.mark.parametrize("name", ARRAYS)
def test_each_kind_of_array(name: str):
    data = packed({name: ARRAYS[name], "after": np.arange(3)})
    assert_same(read_npz(b"head" + data, 4), data)


def test_what_is_written_otherwise_is_read_too():
    for data in (packed(ARRAYS, np.savez_compressed), packed({"records": np.zeros(2, "i4,f8")})):
        with pytest.raises((npz._Unusual, TypeError, ValueError)):
            npz._members(data, 0)
        assert_same(read_npz(data), data)


def test_what_is_no_archive_of_arrays():
    whole = packed({"a": np.arange(100)})
    with pytest.raises(ValueError, match="allow_pickle"):
        read_npz(packed({"a": np.array([{}], object)}))
    for data in (b"", b"PK", b"text", whole[:30], whole[:200], whole[30:]):
        with pytest.raises((ValueError, EOFError, KeyError, zipfile.BadZipFile)):
            read_npz(data)


def test_bytes_that_changed_never_give_more_than_an_error():
    """The checksum of an entry is compared before; this is for entries that were sealed around other things."""
    whole = bytearray(packed({"a": np.arange(10), "b": np.array(1.5)}))
    for place in range(0, len(whole), 3):
        changed = whole.copy()
        changed[place] ^= 0xFF
        try:
            read_npz(bytes(changed))
        except (ValueError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError, TypeError, OSError):
            continue
