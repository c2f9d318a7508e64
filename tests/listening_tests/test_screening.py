"""The rules of BS.1534-3, section 4.1.2, at their edges."""

from __future__ import annotations

import pytest

from codec_bench.errors import UsageError
from codec_bench.listening_tests.key import Role, Stimulus, Trial
from codec_bench.listening_tests.results import Rating
from codec_bench.listening_tests.screening import Rules, SetAside, screen

ROLES: dict[str, Role] = {"ground-truth": "reference", "opus@6000": "system", "anchor-7k": "anchor"}


def ratings(scores: dict[str, list[float]], system: str) -> list[Rating]:
    """One page per item; `scores` are by listener."""
    stimulus = Stimulus("s", system, ROLES[system], 0.0, "")
    pages = [Trial(f"trial{i}", f"u{i}", "", 16_000, 3.0, stimulus, ()) for i in range(20)]
    return [
        Rating(who, page, stimulus, score, None)
        for who, own in scores.items()
        for page, score in zip(pages, own, strict=False)
    ]


def test_15_per_cent_is_not_yet_more_than_15_per_cent():
    high = {"three": [95.0] * 3 + [50] * 17, "four": [50.0] * 16 + [95] * 4} | {f"l{i}": [50.0] * 20 for i in range(6)}
    found = screen(ratings(high, "anchor-7k"), anchor="anchor-7k")
    reasons = {who.name: who.reasons for who in found.listeners if who.reasons}
    assert reasons == {"four": ("rated anchor-7k above 90 on 4 of 20 items",)}
    low = {"three": [85.0] * 3 + [100] * 17, "four": [85.0] * 4 + [100] * 16}
    found = screen(ratings(low, "ground-truth"))
    reasons = {who.name: who.reasons for who in found.listeners if who.reasons}
    assert reasons == {"four": ("rated the hidden reference below 90 on 4 of 20 items",)}


def test_90_is_neither_below_nor_above():
    assert not any(who.reasons for who in screen(ratings({"a": [90.0] * 9}, "ground-truth")).listeners)
    assert not any(who.reasons for who in screen(ratings({"a": [90.0] * 9}, "anchor-7k"), anchor="anchor-7k").listeners)


def test_an_item_that_more_than_a_quarter_rate_above_90_excludes_nobody():
    """A quarter of eight, on the second item, is not yet more."""
    scores = {f"l{i}": [95.0 if i < 3 else 50, 95.0 if i < 2 else 50, 50.0, 50.0] for i in range(8)}
    found = screen(ratings(scores, "anchor-7k"), anchor="anchor-7k")
    assert found.set_aside == (SetAside("u0", 3, 8),)
    assert [who.name for who in found.listeners if who.reasons] == ["l0", "l1"]
    assert [(who.anchor_above, who.anchor_rated) for who in found.listeners[1:3]] == [(1, 3), (0, 3)]


def test_an_anchor_that_is_the_recording_excludes_nobody():
    """A low-pass at 7 kHz leaves a recording of 8000 samples a second as it is."""
    found = screen(ratings({f"l{i}": [100.0] * 5 for i in range(6)}, "anchor-7k"), anchor="anchor-7k")
    assert not any(who.reasons for who in found.listeners)
    assert len(found.set_aside) == 5


def test_both_reasons_are_said():
    both = ratings({"bad": [20.0] * 4, **{f"l{i}": [100.0] * 4 for i in range(5)}}, "ground-truth")
    both += ratings({"bad": [95.0] * 4, **{f"l{i}": [60.0] * 4 for i in range(5)}}, "anchor-7k")
    (bad,) = [who for who in screen(both, anchor="anchor-7k").listeners if who.reasons]
    assert bad.reasons == (
        "rated the hidden reference below 90 on 4 of 4 items",
        "rated anchor-7k above 90 on 4 of 4 items",
    )


def test_which_anchor_a_rule_is_about():
    assert Rules().anchor_of(["anchor-3.5k", "anchor-7k"]) == "anchor-7k"
    assert Rules().anchor_of(["anchor-3.5k"]) is None
    assert Rules(anchor="highest").anchor_of(["anchor-3.5k"]) == "anchor-3.5k"
    assert Rules(anchor="none").anchor_of(["anchor-3.5k", "anchor-7k"]) is None
    with pytest.raises(UsageError, match="the test has no anchor"):
        Rules(anchor="highest").anchor_of([])
