from __future__ import annotations

import gzip

import pytest

from codec_bench.gzip_files import MAGIC, gunzipped, gzipped

CONTENT = b"scores" * 100


def test_a_packed_file_is_gzip_and_says_nothing_of_when_and_where_it_was_made() -> None:
    packed = gzipped(CONTENT)
    assert gzip.decompress(packed) == CONTENT and packed.startswith(MAGIC)
    flags, time, system = packed[3], packed[4:8], packed[9]  # RFC 1952, 2.3.1
    assert (flags, time, system) == (0, bytes(4), 255)


def test_no_more_is_unpacked_than_may_be() -> None:
    packed = gzip.compress(CONTENT)
    assert gunzipped(packed, len(CONTENT)) == CONTENT
    with pytest.raises(ValueError, match="more than 599 bytes"):
        gunzipped(packed, len(CONTENT) - 1)


@pytest.mark.parametrize(
    "damage",
    [b"[1]", MAGIC + b"x", gzip.compress(CONTENT)[:-5], gzip.compress(b"")[:-8] + bytes(range(8))],
    ids=["no gzip", "cut in its head", "cut at its end", "wrong sums"],  # bytes hold the time, which differs by process
)
def test_what_is_damaged_is_one_error(damage: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be unpacked"):
        gunzipped(damage, 1000)
