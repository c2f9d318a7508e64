"""Who shares the first place, against scipy and statsmodels, and how often the set holds the truly best system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from codec_bench.errors import UsageError
from codec_bench.reports.formats.markdown import markdown
from codec_bench.reports.table import build_table, build_tables
from codec_bench.runs.directory import Run

from .test_table import best, make_run, row

Values = NDArray[np.float64]


def scored(
    folder: Path,
    values: Mapping[str, Values],
    speakers: Sequence[str | None],
    *,
    metric: str = "stoi",
    words: Values | None = None,
    shown: Mapping[str, float] | None = None,
    **data: Any,
) -> Run:
    """A run with these scores, `[utterances]` or `[trainings, utterances]`, whose table has their mean or `shown`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, frames = [], []
    for system, found in values.items():
        grid = np.atleast_2d(found)
        seeds, utterances = np.indices(grid.shape)
        bottoms = np.ones(grid.shape) if words is None else np.broadcast_to(words, grid.shape)
        known = np.isfinite(grid)
        frame = pd.DataFrame({"system": system, "utterance": [f"u{i:04d}" for i in utterances.ravel()]})
        frame = frame.assign(speaker=np.tile(np.array(speakers, object), len(grid)), metric=metric, value=grid.ravel())
        frame = frame.assign(status=np.where(known, "ok", "crashed").ravel(), reason="", denominator=bottoms.ravel())
        frame = frame.assign(numerator=frame["value"] * frame["denominator"])
        frames.append(frame.assign(seed=seeds.ravel()) if np.ndim(found) == 2 else frame)
        pooled = float(np.nansum(grid * bottoms) / bottoms[known].sum())
        cell = row(system, metric, 3.0, (shown or {}).get(system, pooled), n=int(known.any(axis=0).sum()))
        rows.append(cell | {"n_expected": grid.shape[1]})
    pd.concat(frames, ignore_index=True).to_parquet(folder / "scores.parquet", index=False)
    return make_run(folder, rows, {}, **{"utterances": len(speakers), "speakers": len(set(speakers))} | data)


@pytest.mark.slow
def test_the_set_is_that_of_scipys_paired_t_and_statsmodels_holm(tmp_path: Path):
    """With equally many utterances of each speaker, the test is that of the speakers' means."""
    draw = np.random.default_rng(3)
    speakers = [f"s{i % 12}" for i in range(120)]
    shared = draw.normal(size=120)
    bound = 0
    for trial in range(12):
        values = {}
        for number in range(7):
            between = draw.normal(scale=0.3, size=12)[np.arange(120) % 12]
            values[f"c{number}"] = 3 - 0.08 * number + shared + between + draw.normal(scale=0.3, size=120)
        run = scored(tmp_path / str(trial), values, speakers, metric="pesq_wb")
        run.metrics["pesq_wb"]["digits"] = 6
        means = {name: found.reshape(10, 12).mean(axis=0) for name, found in values.items()}
        first = max(means, key=lambda name: means[name].mean())
        others = [name for name in means if name != first]
        p_values = [stats.ttest_rel(means[name], means[first], alternative="less").pvalue for name in others]
        worse = multipletests(p_values, 0.05, "holm")[0]
        wanted = {first, *(name for name, is_worse in zip(others, worse, strict=True) if not is_worse)}
        assert best(build_table(run), "pesq_wb") == wanted
        assert best(build_table(run, bold="best"), "pesq_wb") == {first}
        bound += 1 < len(wanted) < 7
    assert bound > 5  # neither everything nor one alone


def test_error_rates_are_pooled_and_lower_is_better(tmp_path: Path):
    draw = np.random.default_rng(0)
    words = draw.integers(5, 30, 200).astype(float)
    speakers = [f"s{i % 20}" for i in range(200)]
    errors = {"a": 0.10, "b": 0.11, "c": 0.30}
    values = {name: draw.binomial(words.astype(int), rate) / words for name, rate in errors.items()}
    table = build_table(scored(tmp_path, values, speakers, metric="wer", words=words))
    assert best(table, "wer") == {"a", "b"}
    note = "Bold: the best value of its group and all that are not significantly worse (paired t over speakers, Holm"
    assert note in markdown(table)


def test_runs_of_one_table_are_paired(tmp_path: Path):
    draw = np.random.default_rng(1)
    shared = draw.normal(size=60)
    speakers = [f"s{i % 15}" for i in range(60)]
    noise = {name: shift + 0.01 * draw.normal(size=60) for name, shift in (("a", 0.0), ("b", 0.0), ("c", -0.1))}
    one = scored(tmp_path / "one", {"a": shared + noise["a"]}, speakers)
    two = scored(tmp_path / "two", {n: (shared + noise[n])[::-1] for n in "bc"}, speakers[::-1])
    frame = two.scores.assign(utterance=[f"u{59 - int(u[1:]):04d}" for u in two.scores["utterance"]])
    frame.to_parquet(two.path / "scores.parquet", index=False)  # the same utterances in another order
    (table,) = build_tables([one, two])
    # Far less than the utterances differ, and yet beyond chance.
    assert best(table, "stoi") == {"a", "b"}


def test_the_noise_of_training_counts(tmp_path: Path):
    draw = np.random.default_rng(2)
    speakers = [f"s{i}" for i in range(40)]
    right, wrong = 0.8 + 0.02 * draw.normal(size=40), 0.7 + 0.02 * draw.normal(size=40)
    steady = {"a": np.stack([right, right, right]), "b": np.stack([wrong, wrong, wrong])}
    assert best(build_table(scored(tmp_path / "steady", steady, speakers)), "stoi") == {"a"}
    # The same means, but in one of three trainings the other one wins.
    shaky = {"a": np.stack([right + 0.2, right - 0.2, right]), "b": np.stack([wrong - 0.2, wrong + 0.2, wrong])}
    assert best(build_table(scored(tmp_path / "shaky", shaky, speakers)), "stoi") == {"a", "b"}
    alone = {name: found[:1] for name, found in shaky.items()}
    assert best(build_table(scored(tmp_path / "alone", alone, speakers)), "stoi") == {"a"}


def test_where_speakers_are_the_classes_utterances_are_the_unit(tmp_path: Path):
    """Two speakers leave one degree of freedom, 80 utterances many."""
    draw = np.random.default_rng(5)
    values = {"a": 0.8 + 0.1 * draw.normal(size=80), "b": 0.7 + 0.1 * draw.normal(size=80)}
    speakers = [f"s{i % 2}" for i in range(80)]
    values["b"][::2] += 0.05
    run = scored(tmp_path, values, speakers, metric="stoi[sid]")
    assert best(build_table(run), "stoi[sid]") == {"a", "b"}
    run.info["plan"]["tasks"] = [{"task": "sid", "recipe": {"target": "speaker"}}]
    assert best(build_table(run), "stoi[sid]") == {"a"}


@pytest.mark.parametrize("case", ["not a mean", "speed", "ratings", "no file", "one utterance"])
def test_without_scores_to_compare_the_best_value_alone_is_bold(tmp_path: Path, case: str):
    draw = np.random.default_rng(0)
    count = 1 if case == "one utterance" else 30
    values = {name: 0.8 + 0.2 * draw.normal(size=count) for name in "abc"}
    shown = dict(zip("abc", (0.7, 0.8, 0.6), strict=True)) if case == "not a mean" else None
    run = scored(tmp_path, values, [f"s{i}" for i in range(count)], shown=shown)
    if case == "speed":
        run.info["kind"] = "speed"
    if case == "ratings":
        run.metrics["stoi"]["imported"] = True
    if case == "no file":
        (tmp_path / "scores.parquet").unlink()
    table = build_table(run)
    first = max(table.rows, key=lambda r: r.cells["stoi"].value or 0.0).label
    assert best(table, "stoi") == {first}
    few = "fewer than two utterances to compare on"
    why = few if case == "one utterance" else "no means of scores that could be compared"
    assert f"Bold: the best value of its group; {why}." in table.footnotes


def test_a_footnote_names_the_columns_of_which_the_best_value_alone_is_bold(tmp_path: Path):
    draw = np.random.default_rng(0)
    values = {name: 0.8 + 0.2 * draw.normal(size=30) for name in "ab"}
    run = scored(tmp_path, values, [f"s{i}" for i in range(30)])
    more = pd.DataFrame([row(system, "gpe", 3.0, value) for system, value in (("a", 1.0), ("b", 2.0))])
    pd.concat([pd.read_csv(tmp_path / "summary.csv"), more]).to_csv(tmp_path / "summary.csv", index=False)
    described = run.metrics["stoi"] | {"label": "gpe", "name": "gpe", "title": "GPE", "better": "lower"}
    run.info["plan"]["metrics"].append(described)
    table = build_table(Run(tmp_path, run.info))
    assert best(table, "stoi") == {"a", "b"}
    assert best(table, "gpe") == {"a"}
    assert any(
        note.endswith("In GPE the best value alone: no means of scores that could be compared.")
        for note in table.footnotes
    )
    alone = "Bold: the best value of its group; others may not be worse by more than chance."
    assert alone in build_table(Run(tmp_path, run.info), bold="best").footnotes


def test_utterances_that_one_system_lacks_do_not_count(tmp_path: Path):
    """On the utterance that only one of them has, it is far better; on the others it is worse everywhere."""
    draw = np.random.default_rng(4)
    values = {"a": 0.5 + 0.1 * draw.normal(size=60), "b": np.zeros(60)}
    values["b"] = values["a"] - 0.01 - 0.001 * draw.random(60)
    values["b"][0], values["a"][0] = 50.0, np.nan
    run = scored(tmp_path, values, [f"s{i % 20}" for i in range(60)])
    assert best(build_table(run, bold="best"), "stoi") == {"b"}
    assert best(build_table(run), "stoi") == {"a", "b"}  # what is better where both were scored is not worse


def test_damaged_scores_are_one_line(tmp_path: Path):
    run = scored(tmp_path, {name: np.ones(5) * value for name, value in (("a", 0.8), ("b", 0.7))}, [*"abcde"])
    (tmp_path / "scores.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(UsageError, match=r"scores\.parquet cannot be read"):
        build_table(run)


@pytest.mark.slow
def test_the_set_holds_the_best_nearly_always_and_the_best_value_is_it_too_seldom(tmp_path: Path):
    """Thirteen unbalanced speakers as in LibriTTS test-B's first 200, half of the variance between speakers."""
    draw = np.random.default_rng(0)
    sizes = [40, 32, 26, 22, 18, 15, 12, 10, 8, 7, 5, 3, 2]
    who = np.repeat(np.arange(13), sizes)
    speakers = [f"s{number:02d}" for number in who]
    held, right, sizes_of_sets = 0, 0, []
    trials = 100
    for _ in range(trials):
        shared = draw.normal(scale=0.5, size=200)
        values = {}
        for number in range(6):  # from the best on, each 0.05 worse
            noise = draw.normal(scale=0.19, size=13)[who] + draw.normal(scale=0.17, size=200)
            values[f"c{number}"] = 3 - 0.05 * number + shared + noise
        run = scored(tmp_path, values, speakers, metric="pesq_wb")
        found = best(build_table(run), "pesq_wb")
        held += "c0" in found
        right += max(values, key=lambda name: values[name].mean()) == "c0"
        sizes_of_sets.append(len(found))
    assert held / trials >= 0.97
    assert right / trials <= 0.8
    assert np.mean(sizes_of_sets) < 5  # it is no set of all
