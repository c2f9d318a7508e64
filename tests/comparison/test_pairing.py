"""Which row is compared with which."""

from __future__ import annotations

import pytest

from codec_bench.comparison.pairing import find_pairs
from codec_bench.errors import UsageError

from .conftest import Make

VALUES = {"pesq_wb": [2.0, 2.1]}


def labels(make: Make, left: list[str], right: list[str], *asked: str) -> list[str]:
    pairs, _ = find_pairs(make(dict.fromkeys(left, VALUES)), make(dict.fromkeys(right, VALUES)), asked)
    return [pair.label for pair in pairs]


def test_one_system_each_belongs_together_whatever_its_name(make: Make):
    assert labels(make, ["ground-truth", "a@2"], ["ground-truth", "b"]) == ["a@2 → b"]
    assert labels(make, ["a", "a+noise@10"], ["b", "b+noise@10"]) == ["a → b", "a+noise@10 → b+noise@10"]


def test_several_systems_are_paired_by_name_and_the_rest_is_named(make: Make):
    left, right = (make(dict.fromkeys(names, VALUES)) for names in (["a", "b", "c"], ["b", "c", "d"]))
    pairs, notes = find_pairs(left, right)
    assert [pair.label for pair in pairs] == ["b", "c"]
    assert notes == [
        "a is in the baseline only and is not compared",
        "d is in the candidate only and is not compared",
        "rows of other names are compared with --pair A=B, e.g. --pair 'a=d'",
    ]
    assert find_pairs(left, make(dict.fromkeys("ab", VALUES)))[1] == ["c is in the baseline only and is not compared"]


def test_pairs_can_be_asked_for(make: Make):
    assert labels(make, ["a", "b"], ["c", "d"], "a=d", "b=c", "a=d") == ["a → d", "b → c"]
    both = ["a", "a+noise@10", "b", "b+noise@10"]
    assert labels(make, both, both, "a=b") == ["a → b", "a+noise@10 → b+noise@10"]
    assert labels(make, both, both, "a+noise@10=b+noise@10") == ["a+noise@10 → b+noise@10"]
    assert labels(make, ["x=y"], ["z", "w"], "x=y=z") == ["x=y → z"]


def test_what_cannot_be_paired_says_how_it_could(make: Make):
    for left, right, asked, named in (
        (["opus@6000"], ["codec2"], ["opus6000=codec2"], "unknown system of the baseline 'opus6000'; did you mean"),
        (["a"], ["codec2", "b"], ["a=codec3"], "unknown system of the candidate 'codec3'; did you mean 'codec2'?"),
        (["a"], ["b"], ["a"], "write A=B"),
        (["a", "b"], ["c", "d"], [], "baseline has a, b, the candidate c, d; say which belong together with --pair"),
        (["ground-truth"], ["ground-truth", "a"], [], "the baseline has none, the candidate a"),
    ):
        with pytest.raises(UsageError) as caught:
            labels(make, left, right, *asked)
        assert named in str(caught.value)
        assert "\n" not in str(caught.value)
