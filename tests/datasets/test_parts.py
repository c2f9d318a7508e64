"""Parts of data sets: samples that are balanced over speakers, and limits that say what they cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from codec_bench.coding.items import Selection, resolve_items
from codec_bench.datasets import DATASETS
from codec_bench.datasets.dataset import Dataset, ListedDataset
from codec_bench.datasets.demo_set import Demo
from codec_bench.datasets.kaldi import KaldiDir
from codec_bench.datasets.loading import load_dataset
from codec_bench.datasets.parts import Part
from codec_bench.probes.splits import official_part
from codec_bench.records import Utterance

SETS = st.lists(st.sampled_from(["ann", "bob", "cid", "dan", None]), min_size=1, max_size=40)


def spoken(speakers: list[str | None]) -> list[Utterance]:
    """An utterance for each speaker that is named."""
    return [Utterance(f"u{number}", Path(), speaker=speaker) for number, speaker in enumerate(speakers)]


def sampled(utterances: list[Utterance], count: int, seed: int = 0) -> list[Utterance]:
    return [utterances[place] for place in Part(sample=count, seed=seed).places(utterances)]


@given(SETS, st.integers(1, 45), st.integers(0, 5), st.randoms(use_true_random=False))
def test_a_sample_holds_every_smaller_one_and_minds_no_order(speakers, count: int, seed: int, random):
    utterances = spoken(speakers)
    shuffled = random.sample(utterances, len(utterances))
    ids = {u.id for u in sampled(utterances, count, seed)}
    assert len(ids) == min(count, len(utterances))
    assert ids == {u.id for u in sampled(shuffled, count, seed)}
    assert ids <= {u.id for u in sampled(utterances, count + 1, seed)}


@given(SETS, st.integers(1, 45), st.integers(0, 5))
def test_speakers_have_equal_numbers_as_far_as_they_go(speakers, count: int, seed: int):
    there = Counter(speaker or f"unknown {number}" for number, speaker in enumerate(speakers))
    taken = Counter(u.speaker or f"unknown {u.id[1:]}" for u in sampled(spoken(speakers), count, seed))
    most = max(taken.values())
    for name, number in there.items():
        assert taken[name] in (most, most - 1) or taken[name] == number


@given(SETS, st.integers(1, 45), st.data())
def test_of_a_set_that_lacks_an_utterance_it_is_the_same_but_for_that_one(speakers, count: int, data):
    utterances = spoken(speakers)
    gone = data.draw(st.sampled_from(utterances))
    before = {u.id for u in sampled(utterances, count)}
    after = {u.id for u in sampled([u for u in utterances if u is not gone], count)}
    assert before - after <= {gone.id}
    assert len(after - before) <= 1
    assert gone.id in before or after == before


def test_each_seed_draws_speakers_and_utterances_evenly():
    utterances = spoken(["ann", "bob", "cid", "dan"] * 5)
    drawn = Counter(u.id for seed in range(2000) for u in sampled(utterances, 2, seed))
    # Each of 20 is drawn with p = 0.1; five standard deviations of a binomial.
    assert set(drawn) == {u.id for u in utterances}
    assert max(abs(number - 200) for number in drawn.values()) < 5 * (2000 * 0.1 * 0.9) ** 0.5
    pairs = Counter(tuple(sorted(u.speaker for u in sampled(utterances, 2, seed))) for seed in range(2000))
    assert len(pairs) == 6
    assert max(abs(number - 2000 / 6) for number in pairs.values()) < 5 * (2000 * 5 / 36) ** 0.5


def official(train: int, dev: int, test: int) -> list[Utterance]:
    """A published split of one utterance by each of ten speakers in turn."""
    roles = [role for role, count in (("train", train), ("dev", dev), ("test", test)) for _ in range(count)]
    return [Utterance(f"u{n}", Path(), speaker=f"s{n % 10}", labels={"split": r}) for n, r in enumerate(roles)]


@pytest.mark.parametrize(
    ("count", "expected"), [(1, (1, 0, 0)), (3, (1, 1, 1)), (10, (8, 1, 1)), (20, (16, 2, 2)), (99, (79, 10, 10))]
)
def test_a_sample_for_probes_has_the_shares_of_the_official_parts(count: int, expected: tuple[int, ...]):
    utterances = official(80, 10, 10)
    part = Part(sample=count, division=official_part)
    roles = Counter(utterances[place].labels["split"] for place in part.places(utterances))
    assert tuple(roles[name] for name in ("train", "dev", "test")) == expected


def test_parts_of_a_sample_take_the_same_speakers_first_and_hold_every_smaller_one():
    utterances = official(80, 40, 40)
    found = [set(Part(sample=count, division=official_part).places(utterances)) for count in range(1, 161)]
    assert all(smaller < larger for smaller, larger in pairwise(found))
    who = {r: {utterances[p].speaker for p in found[15] if utterances[p].labels["split"] == r} for r in ("dev", "test")}
    assert who["dev"] == who["test"]
    assert len(who["dev"]) == 4


@pytest.mark.parametrize(
    ("speakers", "limit", "said"),
    [
        (["ann"] * 3 + ["bob"] * 3, 3, "first 3 of 6 utterances are no sample of the speakers: they hold 1 of 2; use"),
        (["ann"] * 3 + ["bob"] * 3, 6, ""),
        (["ann"] * 6, 3, ""),
        ([None] * 6, 3, ""),
    ],
)
def test_a_limit_says_which_speakers_it_holds_where_there_are_some(speakers, limit: int, said: str):
    utterances = spoken(speakers)
    assert Part(limit=limit).places(utterances) == list(range(limit))
    warning = Part(limit=limit).warning(utterances)
    assert said in warning
    assert bool(said) == bool(warning)


class Endless(Dataset):
    """By two speakers, for ever."""

    name = "endless"

    def utterances(self) -> Iterator[Utterance]:
        files = [u.path for u in Demo().utterances()]
        number = 0
        while True:
            yield Utterance(f"u{number}", files[number % 24], speaker="ab"[number % 2])
            number += 1


class Females(Demo):
    """Another set than the list that it inherits."""

    def utterances(self) -> Iterator[Utterance]:
        return (u for u in super().utterances() if u.speaker == "flite-slt")


def chosen(dataset: Dataset, part: Part, only: list[str] | None = None) -> tuple[Selection, list[str]]:
    warnings: list[str] = []
    return resolve_items(dataset, warnings, only=only, part=part), warnings


def test_a_set_without_end_can_be_limited():
    selected, warnings = chosen(Endless(), Part(limit=3))
    assert [item.utterance.id for item in selected.items] == ["u0", "u1", "u2"]
    assert warnings == [
        "the first 3 utterances are no sample of the speakers: they hold 2, of how many is not known; use --sample 3"
    ]


def test_a_set_of_a_user_is_sampled_as_it_is_and_not_as_its_base_lists_it():
    selected, _ = chosen(Females(), Part(sample=3))
    assert {item.utterance.speaker for item in selected.items} == {"flite-slt"}
    assert selected.sample == {"sample": {"of": 5, "speakers_of": 1, "seed": 0}}


def test_a_sample_is_of_the_utterances_that_are_asked_for():
    only = [u.id for u in Demo().utterances() if u.speaker != "flite-rms"]
    selected, warnings = chosen(Demo(), Part(sample=4, seed=3), only)
    assert {item.utterance.id for item in selected.items} <= set(only)
    assert selected.sample == {"sample": {"of": 19, "speakers_of": 4, "seed": 3}}
    assert warnings == []
    assert chosen(Demo(), Part(sample=19), only)[0].sample == {}  # all of them are no sample


@pytest.mark.parametrize("part", [Part(sample=2), Part(limit=2)])
def test_only_what_is_taken_is_cut(tmp_path: Path, part: Part):
    folder = tmp_path / "data"
    folder.mkdir()
    soundfile.write(tmp_path / "long.wav", np.random.default_rng(0).normal(0, 0.1, 80_000), 16_000)
    (folder / "wav.scp").write_text(f"long {tmp_path / 'long.wav'}\n")
    (folder / "segments").write_text("".join(f"u{n} long {n} {n + 1}\n" for n in range(5)))
    (folder / "utt2spk").write_text("".join(f"u{n} s{n % 2}\n" for n in range(5)))
    dataset = load_dataset(folder)
    assert isinstance(dataset, KaldiDir)
    selected, _ = chosen(dataset, part)
    made = list((Path(dataset._clips.folder)).iterdir())
    assert sorted(p.name for p in made) == sorted(item.utterance.path.name for item in selected.items)
    assert len(made) == 2


@pytest.mark.parametrize("name", DATASETS.names())
def test_every_set_that_ships_can_be_listed_before_anything_is_made(name: str):
    made = DATASETS.get(name)
    cls = made if isinstance(made, type) else type(load_dataset(name))
    assert issubclass(cls, ListedDataset)
    assert cls.utterances is ListedDataset.utterances
