"""Who is trained on and who is tested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from codec_bench.coding.items import Item, resolve_items
from codec_bench.datasets.loading import load_dataset
from codec_bench.errors import UsageError
from codec_bench.files import digest
from codec_bench.probes.splits import Division, Fold, check_leaks, check_speakers, components, divide
from codec_bench.records import Utterance


def item(name: str, speaker: str | None = None, content: str | None = None, **labels: str) -> Item:
    return Item(
        Utterance(name, Path(f"{name}.wav"), speaker=speaker, labels=labels), digest((content or name).encode())
    )


def people(speakers: int = 10, each: int = 4) -> list[Item]:
    return [item(f"{s}-{k}", f"spk{s}") for s in range(speakers) for k in range(each)]


def by_label(items: list[Item]) -> dict[str, str]:
    return {i.utterance.id: i.utterance.labels.get("label") or i.utterance.speaker or "x" for i in items}


def check(division: Division, items: list[Item], *, speakers: bool) -> None:
    """What holds for every division."""
    tested: list[str] = []
    of: Mapping[str, str | None] = {i.utterance.id: i.utterance.speaker for i in items}
    for fold in division.folds:
        parts = [set(fold.train), set(fold.dev), set(fold.test)]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts))
        if speakers:
            names = [{of[i] for i in part} for part in parts]
            assert not (names[0] & names[1] or names[0] & names[2] or names[1] & names[2])
        tested += fold.test
    assert len(tested) == len(set(tested))


def test_drawn_splits_keep_speakers_apart():
    items = people()
    single = divide(items, by_label(items), speaker_disjoint=True)
    check(single, items, speakers=True)
    assert len(single.folds[0].test) == 8
    folds = divide(items, by_label(items), speaker_disjoint=True, folds=5)
    check(folds, items, speakers=True)
    assert sorted(i for fold in folds.folds for i in fold.test) == sorted(i.utterance.id for i in items)


def test_the_draw_depends_on_the_seed_and_not_on_the_order():
    items = people()
    made = divide(items, by_label(items), speaker_disjoint=True, seed=1)
    assert made == divide(items[::-1], by_label(items), speaker_disjoint=True, seed=1)
    assert made != divide(items, by_label(items), speaker_disjoint=True, seed=2)


def test_speaker_identification_splits_the_utterances_of_each_speaker():
    items = people(4, 10)
    made = divide(items, by_label(items), speaker_disjoint=False)
    check(made, items, speakers=False)
    for part, size in (("train", 6), ("dev", 2), ("test", 2)):
        names = [name.partition("-")[0] for name in getattr(made.folds[0], part)]
        assert {s: names.count(s) for s in names} == {str(s): size for s in range(4)}


def test_official_splits_are_used_and_lend_a_development_part():
    items = [replace_split(i, "test" if i.utterance.id.endswith("-0") else "train") for i in people(4, 10)]
    made = divide(items, by_label(items), speaker_disjoint=False)
    check(made, items, speakers=False)
    assert set(made.folds[0].test) == {f"{s}-0" for s in range(4)}
    assert len(made.folds[0].dev) == 8
    shared = divide(items, by_label(items), speaker_disjoint=True)
    assert "4 of the 4 speakers" in shared.warnings[0]
    forced = divide(items, by_label(items), speaker_disjoint=True, rule="speakers")
    check(forced, items, speakers=True)
    assert not forced.warnings


def replace_split(made: Item, split: str) -> Item:
    return replace(made, utterance=replace(made.utterance, labels={**made.utterance.labels, "split": split}))


def test_official_folds_are_cross_validation():
    items = [item(f"u{k}", fold=str(1 + k % 5), label=str(k % 3)) for k in range(30)]
    made = divide(items, by_label(items), speaker_disjoint=True, folds=2)
    check(made, items, speakers=False)
    assert [fold.name for fold in made.folds] == [f"fold {k}" for k in range(1, 6)]
    first, last = made.folds[0], made.folds[-1]
    assert first.dev == made.folds[1].test and last.dev == first.test


def test_what_belongs_together_stays_together():
    items = [
        item("a", content="same"),
        item("b", content="same"),
        item("c"),
        item("c-slow", augmented_from="c"),
        item("d"),
    ]
    assert components(items, with_speakers=False) == [("a", "b"), ("c", "c-slow"), ("d",)]


LEAKS = {
    "recording": (item("a", content="same"), item("b", content="same")),
    "samples": (item("a", pcm_sha256="77"), item("b", pcm_sha256="77")),
    "clip 19898": (item("a", source_id="1-19898-A (ESC-50 target 41)"), item("b", source_id="1-19898-B")),
    "origin long": (item("a", src_file="long"), item("b", src_file="long")),
    "origin a": (item("a"), item("b", augmented_from="a")),
}


@pytest.mark.parametrize("key", LEAKS)
def test_a_recording_on_both_sides_is_an_error(key: str):
    a, b = LEAKS[key]
    clean = item("c")
    with pytest.raises(UsageError, match=key):
        check_leaks(Fold("split", ("a",), ("c",), ("b",)), [a, b, clean])
    check_leaks(Fold("split", ("a", "b"), ("c",), ()), [a, b, clean])


def test_an_official_split_with_a_leak_is_refused():
    items = [
        replace_split(item(f"u{k}", f"s{k}", content=f"{k % 7}"), "test" if k >= 7 else "train") for k in range(14)
    ]
    with pytest.raises(UsageError, match="only have to recognise it"):
        divide(items, by_label(items), speaker_disjoint=True)


def test_a_speaker_on_both_sides_is_an_error():
    with pytest.raises(UsageError, match="speaker ann"):
        check_speakers(Fold("split", ("a",), (), ("b",)), [item("a", "ann"), item("b", "ann")])


def test_two_speakers_are_too_few():
    items = people(2)
    with pytest.raises(UsageError, match="too few"):
        divide(items, by_label(items), speaker_disjoint=True)


def test_real_sets_divide_as_their_makers_or_we_say(shared: Path):
    folder = shared / "data" / "manifests"
    items = {
        n: list(resolve_items(load_dataset(str(folder / f"{n}.tsv")), []).items)
        for n in ("events", "emotion", "digits")
    }
    events = divide(items["events"], by_label(items["events"]), speaker_disjoint=True, folds=5)
    assert [len(fold.test) for fold in events.folds] == [40] * 5
    assert events.rule.startswith("the 5 official folds")
    emotion = divide(items["emotion"], by_label(items["emotion"]), speaker_disjoint=True, folds=4)
    check(emotion, items["emotion"], speakers=True)
    assert sum(len(fold.test) for fold in emotion.folds) == 256
    digits = divide(items["digits"], by_label(items["digits"]), speaker_disjoint=False)
    assert (len(digits.folds[0].train), len(digits.folds[0].dev), len(digits.folds[0].test)) == (480, 120, 300)
