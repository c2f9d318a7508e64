"""A published MUSHRA test (Stahl et al. 2024: 21 people, 16 sentences, 7 codecs) through our import.

The authors' second file lacks the people whom they screened: whoever rated the reference below 90 in more than one of
their eight trials, which is the rule of BS.1534-3 (more than 15 %).
"""

from __future__ import annotations

import ast
from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from codec_bench.listening_tests.key import Key, Stimulus, Trial
from codec_bench.listening_tests.results import Rating, read_ratings
from codec_bench.listening_tests.screening import Rules, screen
from codec_bench.listening_tests.statistics import opinion

from .conftest import MUSHRA_HEADER, write_csv


def long_form(path: Path) -> pd.DataFrame:
    """One row per rating."""
    rows = [
        (r.signal, r.condition, str(person), score)
        for r in pd.read_csv(path).itertuples()
        for person, score in zip(ast.literal_eval(r.participant_ids), ast.literal_eval(r.ratings), strict=True)
    ]
    return pd.DataFrame(rows, columns=["signal", "condition", "person", "score"])


@pytest.fixture(scope="module")
def published(shared: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    folder = shared / "data" / "mushra_stahl2024"
    return long_form(folder / "ratings_formated.csv"), long_form(folder / "ratings_formated_filtered.csv")


@pytest.fixture(scope="module")
def ratings(published: tuple[pd.DataFrame, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> list[Rating]:
    """All ratings, written as webMUSHRA writes them and read again."""
    everything, _ = published
    conditions = sorted(everything["condition"].unique())
    names = {condition: f"s{number}" for number, condition in enumerate(conditions)}
    roles = dict.fromkeys(conditions, "system") | {"Reference": "reference", "Anchor": "anchor"}
    trials = []
    for number, signal in enumerate(sorted(everything["signal"].unique())):
        made = {c: Stimulus(names[c], c, roles[c], 0.0, "") for c in conditions}  # type: ignore[arg-type]
        others = tuple(made[c] for c in conditions if c != "Reference")
        trials.append(Trial(f"trial{number}", signal, "", 24_000, 4.0, made["Reference"], others))
    systems = tuple(c for c in conditions if roles[c] == "system")
    key = Key("mushra", "stahl", {}, systems, ("Anchor",), tuple(trials))
    pages = {trial.utterance: trial.id for trial in trials}
    rows: list[list[object]] = [
        ["stahl", r.person, f"uuid-{r.person}", pages[r.signal],
         "reference" if r.condition == "Reference" else names[r.condition], r.score, 1000, ""]
        for r in everything.itertuples()
    ]  # fmt: skip
    path = write_csv(tmp_path_factory.mktemp("stahl") / "mushra.csv", MUSHRA_HEADER, rows)
    found, warnings = read_ratings(path, key, "listener")
    assert warnings == []
    assert len(found) == len(everything) == 1512
    return found


def test_screening_excludes_whom_the_authors_excluded(
    ratings: list[Rating], published: tuple[pd.DataFrame, pd.DataFrame]
):
    everything, filtered = published
    listeners = screen(ratings, "Anchor", Rules())
    kept = {who.name for who in listeners if not who.reasons}
    assert len(listeners) == everything["person"].nunique() == 21
    assert kept == set(filtered["person"])
    assert len(kept) == 19
    reasons = {who.name: who.reasons for who in listeners if who.reasons}
    assert reasons == {
        "17": ("rated the hidden reference below 90 on 2 of 8 items",),
        "6": ("rated the hidden reference below 90 on 5 of 8 items",),
    }
    # One of eight is 12.5 % and passes: three people are there because of that.
    assert sum(who.reference_below == 1 for who in listeners) == 3
    assert not any(who.reasons for who in screen(ratings, "Anchor", Rules(reference=False)))


def test_means_and_intervals_are_those_of_pandas_and_scipy(
    ratings: list[Rating], published: tuple[pd.DataFrame, pd.DataFrame]
):
    _, filtered = published
    people = set(filtered["person"])
    for condition, own in filtered.groupby("condition"):
        mine = [r for r in ratings if r.stimulus.system == condition and r.listener in people]
        found = opinion([r.score for r in mine], [r.listener for r in mine], [r.trial.utterance for r in mine])
        assert found.mean == pytest.approx(own["score"].mean())  # all rated eight items each
        means = own.groupby("person")["score"].mean()
        interval = stats.ttest_1samp(means, 0).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
        assert (found.listeners, found.items, found.ratings) == (19, 16, len(own))


@pytest.mark.parametrize("label", ["Anchor", "AudioDec"])  # the second is a good codec in the place of an anchor
def test_the_anchor_rule_excludes_who_rates_it_above_90(
    ratings: list[Rating], published: tuple[pd.DataFrame, pd.DataFrame], label: str
):
    everything, _ = published
    listeners = screen(ratings, label, Rules(reference=False, anchor=True))
    excluded = {who.name for who in listeners if who.reasons}
    share = everything[everything["condition"] == label].groupby("person")["score"].apply(lambda s: (s > 90).mean())
    assert excluded == set(share.index[share > 0.15])
    assert 0 < len(excluded) < 21
