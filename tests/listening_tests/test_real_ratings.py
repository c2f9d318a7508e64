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
from statsmodels.stats.multitest import multipletests

from codec_bench.listening_tests.key import Key, Stimulus, Trial
from codec_bench.listening_tests.results import Rating, read_ratings
from codec_bench.listening_tests.screening import screen
from codec_bench.listening_tests.statistics import Opinion, differences, opinion

from .conftest import MUSHRA_HEADER, write_csv
from .layouts import mixed_model


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
    listeners = screen(ratings).listeners
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
    assert not any(who.reasons for who in screen(ratings, reference=False).listeners)


def opinion_of(ratings: list[Rating], condition: str, people: set[str]) -> tuple[Opinion, pd.DataFrame]:
    mine = [r for r in ratings if r.stimulus.system == condition and r.listener in people]
    columns = ([r.score for r in mine], [r.listener for r in mine], [r.trial.utterance for r in mine])
    return opinion(*columns), pd.DataFrame(dict(zip(("score", "who", "item"), columns, strict=True)))


@pytest.mark.long
def test_means_and_intervals_are_those_of_pandas_and_a_mixed_model(
    ratings: list[Rating], published: tuple[pd.DataFrame, pd.DataFrame]
):
    """The model weighs answers by the variances that it finds; ours counts each listener once."""
    _, filtered = published
    for condition, own in filtered.groupby("condition"):
        found, frame = opinion_of(ratings, str(condition), set(filtered["person"]))
        assert found.mean == pytest.approx(own["score"].mean())  # all rated eight items each
        assert (found.listeners, found.items, found.ratings) == (19, 16, len(own))
        mean, error, variances = mixed_model(list(frame["score"]), list(frame["who"]), list(frame["item"]))
        assert found.mean == pytest.approx(mean, abs=0.4)
        assert found.high is not None
        half = found.high - found.mean
        assert stats.t.ppf(0.975, 151) * error * 0.95 < half < stats.t.ppf(0.975, 12) * error * 1.05
        assert found.variances is not None
        assert found.variances[2] == pytest.approx(variances[2], rel=0.05)


def test_items_widen_the_interval_of_a_codec_that_suits_some_of_them(ratings: list[Rating]):
    """AudioDec: +-7.6 over listeners, as if these 16 sentences were all that there are, becomes +-12.8."""
    people = {who.name for who in screen(ratings).listeners if not who.reasons}
    found, frame = opinion_of(ratings, "AudioDec", people)
    alone = stats.ttest_1samp(frame.groupby("who")["score"].mean(), 0).confidence_interval(0.95)
    assert (alone.high - alone.low) / 2 == pytest.approx(7.55, abs=0.01)
    assert found.high is not None
    assert found.high - found.mean == pytest.approx(12.79, abs=0.01)


@pytest.mark.long
def test_differences_of_the_published_codecs(ratings: list[Rating]):
    """Each from a fit of its own; more bits and more bandwidth of one codec are better beyond doubt."""
    people = {who.name for who in screen(ratings).listeners if not who.reasons}
    scores: dict[str, dict[tuple[str, str], float]] = {}
    for r in ratings:
        if r.stimulus.role == "system" and r.listener in people:
            scores.setdefault(r.stimulus.system, {})[r.listener, r.trial.utterance] = r.score
    found = {(each.first, each.second): each for each in differences(dict(sorted(scores.items())))}
    assert len(found) == 21
    for (first, second), each in found.items():
        apart = pd.Series(scores[first]) - pd.Series(scores[second])
        assert each.pairs == len(apart) == 152
        assert each.mean == pytest.approx(apart.mean())
        _, error, _ = mixed_model(list(apart), *map(list, zip(*apart.index, strict=True)))
        assert each.high is not None
        assert each.mean is not None
        assert stats.t.ppf(0.975, 151) * error * 0.9 < each.high - each.mean < stats.t.ppf(0.975, 12) * error * 1.2
    p_values = [each.p_value for each in found.values()]
    assert [each.p_holm for each in found.values()] == pytest.approx(multipletests(p_values, method="holm")[1])
    for pair in [("Lyra 3", "Lyra 6"), ("Proposed 5.51", "Proposed 5.51 16kHz")]:
        assert found[pair].p_holm is not None
        assert found[pair].p_holm < 0.05
    # The intervals of these two opinions lie apart by their means, 66.7 and 54.3, but not by these sentences.
    assert found["AudioDec", "Proposed 1.38"].p_holm is not None
    assert found["AudioDec", "Proposed 1.38"].p_holm > 0.05


@pytest.mark.parametrize("label", ["Anchor", "AudioDec"])  # the second is a good codec in the place of an anchor
def test_the_anchor_rule_excludes_who_rates_it_above_90(
    ratings: list[Rating], published: tuple[pd.DataFrame, pd.DataFrame], label: str
):
    everything, _ = published
    found = screen(ratings, reference=False, anchor=label)
    own = everything[everything["condition"] == label].assign(above=lambda frame: frame["score"] > 90)
    often = own.groupby("signal")["above"].mean()
    aside = set(often.index[often > 0.25])
    assert {item.utterance for item in found.set_aside} == aside
    share = own[~own["signal"].isin(aside)].groupby("person")["above"].mean()
    excluded = {who.name for who in found.listeners if who.reasons}
    assert excluded == set(share.index[share > 0.15])
    assert 0 < len(excluded) < 21
    # An item that many like is no reason to exclude them.
    naive = own.groupby("person")["above"].mean()
    assert len(excluded) <= (naive > 0.15).sum()
    assert bool(aside) == (label == "AudioDec")
