"""The messages between processes: what goes in comes out, and nothing else is believed."""

from __future__ import annotations

import ast
import io
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from codec_bench.processes import protocol
from codec_bench.processes.protocol import DTYPES, ProtocolError, pack, unpack


def reader(data: bytes) -> Callable[[int], bytes]:
    stream = io.BytesIO(data)

    def read(size: int) -> bytes:
        found = stream.read(size)
        if len(found) < size:
            raise EOFError
        return found

    return read


def message(header: object) -> bytes:
    text = json.dumps(header).encode()
    return b"CBP2" + struct.pack("<I", len(text)) + text


ARRAYS = st.sampled_from(DTYPES).flatmap(lambda t: hnp.arrays(t, hnp.array_shapes(min_dims=0, min_side=0)))


@pytest.mark.long
@settings(max_examples=50)
@given(arrays=st.dictionaries(st.text(), ARRAYS, max_size=3), text=st.text())
def test_a_message_comes_out_as_it_went_in(arrays: dict[str, np.ndarray], text: str):
    header, found = unpack(reader(b"".join(pack({"op": text}, arrays))))
    assert header == {"op": text}
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        found[name][...] = 0  # may be written to


def test_integers_and_orders_become_what_a_message_can_hold():
    arrays = {
        "short": np.array([1, -2], np.int16),
        "swapped": np.array([1, 2], ">i8"),
        "flags": np.array([True, False]),
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    }
    _, found = unpack(reader(b"".join(pack({}, arrays))))
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    assert found["short"].dtype == found["swapped"].dtype == found["flags"].dtype == np.int64


@pytest.mark.parametrize(
    "value", [np.array([None]), np.array(["text"]), np.zeros(2, complex), np.zeros(2, "f2"), object()]
)
def test_nothing_is_sent_that_would_have_to_be_pickled(value: object):
    with pytest.raises(ProtocolError, match="array x is"):
        pack({}, {"x": value})


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"CBP2" + struct.pack("<I", (1 << 28) + 1),
        b"CBP2" + struct.pack("<I", 3) + b"\xff\xfe{",
        message([]),
        message({"op": "load"}),
        message({"arrays": [["x", "<f4"]]}),
        message({"arrays": [["x", "|O", [1]]]}),
        message({"arrays": [["x", "<f4", [-1]]]}),
        message({"arrays": [["x", "<f8", [1 << 40]]]}),
        message({"arrays": [["x", "<f8", [0] + [1 << 40] * 9]]}),
    ],
    ids=range(10),
)
def test_what_is_no_message_is_refused_before_anything_is_allocated(data: bytes):
    with pytest.raises(ProtocolError):
        unpack(reader(data))


@pytest.mark.parametrize("place", [20, 60, 100])
def test_what_somebody_else_writes_into_a_message_is_noticed(place: int):
    whole = b"".join(pack({"op": "x"}, {"x": np.arange(200, dtype=np.uint8)}))
    assert unpack(reader(whole))[1]["x"][3] == 3
    with pytest.raises(ProtocolError):
        unpack(reader(whole[:place] + b"\0" * 8 + whole[place:]))


def test_arrays_are_limited_together(monkeypatch: pytest.MonkeyPatch):
    arrays = {"x": np.zeros(60, np.uint8), "y": np.zeros(60, np.uint8)}
    data = b"".join(pack({}, arrays))
    monkeypatch.setattr(protocol, "MAX_BYTES", 100)
    with pytest.raises(ProtocolError, match="more than 100 bytes"):
        unpack(reader(data))
    with pytest.raises(ProtocolError, match="a message of"):
        pack({}, arrays)


@pytest.mark.parametrize("name", ["protocol", "serve", "support"])
def test_the_other_side_is_written_for_python_3_9_and_imports_nothing_of_ours(name: str):
    text = Path(protocol.__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 9))
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert imports
    assert not any("codec_bench" in ast.unparse(n) for n in imports)
