"""Several runs in one table: only what was measured in the same way on the same utterances."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codec_bench.reports.merging import difference, group_runs, run_names
from codec_bench.reports.table import build_tables
from codec_bench.runs.directory import Run

from .test_table import make_run, row

Make = Callable[..., Run]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a run in a folder, with one value per system and metric and a ground truth."""

    def made(name: str, values: dict[str, dict[str, float]], /, **data: Any) -> Run:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        values = {"ground-truth": dict.fromkeys(next(iter(values.values())), 1.0)} | values
        rows = [
            row(s, m, None if s == "ground-truth" else 1.5, v) for s, cells in values.items() for m, v in cells.items()
        ]
        return make_run(folder, rows, {"ground-truth": "reference"}, **data)

    return made


def labels(tables: list[Any]) -> list[list[str]]:
    return [[row.label for row in table.rows] for table in tables]


def test_runs_over_the_same_utterances_share_a_table_and_its_best(make: Make):
    runs = [make("one", {"a": {"stoi": 0.8}}), make("two", {"b": {"stoi": 0.9}})]
    (table,) = build_tables(runs)
    assert labels([table]) == [["ground-truth", "a", "b"]]  # the recordings once
    assert {r.label: r.cells["stoi"].is_best for r in table.sections[1].rows} == {"a": False, "b": True}
    assert [Path(r.run).name for r in table.sections[1].rows] == ["one", "two"]
    assert table.runs == tuple(str(run.path) for run in runs)


def test_a_system_in_two_runs_is_named_after_them(make: Make):
    old, new = make("old", {"a@1": {"stoi": 0.8}}), make("new", {"a@1": {"stoi": 0.9}, "b": {"stoi": 0.7}})
    tables = build_tables([old, new])
    assert labels(tables) == [["ground-truth", "a@1 (new)", "a@1 (old)", "b"]]
    rows = {r.label: r for r in tables[0].rows}
    assert rows["a@1 (old)"].cells["stoi"].value == 0.8
    assert (rows["a@1 (old)"].system, rows["a@1 (old)"].codec) == ("a@1", "a (old)")


def test_recordings_with_other_values_keep_their_rows(make: Make):
    one, two = make("one", {"a": {"stoi": 0.8}}), make("two", {"ground-truth": {"stoi": 0.99}, "b": {"stoi": 0.9}})
    assert labels(build_tables([one, two]))[0][:2] == ["ground-truth (one)", "ground-truth (two)"]


def test_columns_are_those_of_all_runs_and_gaps_are_explained(make: Make):
    runs = [make("one", {"a": {"stoi": 0.8, "wer": 3.0}}), make("two", {"b": {"stoi": 0.9, "pesq_wb": 2.0}})]
    (table,) = build_tables(runs)
    assert [c.label for c in table.columns] == ["wer", "pesq_wb", "stoi"]
    cells = {row.label: {m: cell.shown() for m, cell in row.cells.items()} for row in table.rows}
    assert cells["a"] == {"wer": "3.00 ±0.05", "pesq_wb": "–", "stoi": "0.800 ±0.050"}
    assert cells["ground-truth"] == {"wer": "1.00 ±0.05", "pesq_wb": "1.00 ±0.05", "stoi": "1.000 ±0.050"}
    assert "Not asked for in one: pesq_wb." in table.footnotes
    assert "Not asked for in two: wer." in table.footnotes


def changed(run: Run, **parts: Any) -> Run:
    for path, value in parts.items():
        *folders, last = path.split("__")
        place: Any = run.info
        for key in folders:
            place = place[int(key)] if isinstance(place, list) else place[key]
        place[last] = value
    return run


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"plan__dataset__manifest_sha256": "b" * 64}, "has other utterances"),
        ({"plan__dataset": {"name": "set", "utterances": 6, "speakers": 1}}, "has other utterances (6, not 500)"),
        ({"plan__metrics__0__fingerprint": "another"}, "has another version or setting of stoi"),
        ({"provenance__resampler": "sinc"}, "has another resampler"),
        ({"plan__probe": {"steps": 10}}, "has other settings (steps 10, not none)"),
        ({"plan__metrics__0__label": "estoi"}, "has no column in common with it"),
    ],
)
def test_what_was_measured_differently_is_apart_and_says_why(make: Make, change: dict[str, Any], reason: str):
    one, two = make("one", {"a": {"stoi": 0.8}}), changed(make("two", {"b": {"stoi": 0.9}}), **change)
    assert difference(one, two) == reason
    groups = group_runs([one, two])
    assert [[r.path.name for r in g.runs] for g in groups] == [["one"], ["two"]]
    assert groups[1].apart == f"Not in one table with one: two {reason}."


def test_the_reason_is_a_footnote(make: Make):
    other = changed(make("two", {"b": {"stoi": 0.9}}), plan__dataset__manifest_sha256="b" * 64)
    tables = build_tables([make("one", {"a": {"stoi": 0.8}}), other])
    assert labels(tables) == [["ground-truth", "a"], ["ground-truth", "b"]]
    assert "Not in one table with one: two has other utterances." in tables[1].footnotes


def test_another_data_set_and_another_kind_need_no_explanation(make: Make):
    speed = changed(make("fast", {"a": {"stoi": 0.8}}), kind="speed")
    other = make("other", {"a": {"stoi": 0.8}}, name="other set")
    tables = build_tables([speed, other, make("one", {"a": {"stoi": 0.8}})])
    found = [(t.kind, t.dataset) for t in tables]
    assert found == [("reconstruction", "other set"), ("reconstruction", "set"), ("speed", "set")]
    assert not any("Not in one table" in note for t in tables for note in t.footnotes)


def test_speeds_of_two_machines_are_not_compared(make: Make):
    runs = [changed(make(n, {n: {"stoi": 1.0}}), kind="speed", provenance__cpu=n, provenance__host="h") for n in "ab"]
    assert difference(*runs) == "was measured on another machine"
    assert difference(runs[0], changed(runs[1], provenance__cpu="a")) == ""


def test_conditions_must_mean_the_same(make: Make):
    runs = [make(n, {f"{n}+noise@10": {"stoi": 0.5}}) for n in "ab"]
    for run, seed in zip(runs, (0, 1), strict=True):
        run.systems[f"{run.path.name}+noise@10"] |= {"condition": "noise@10", "reference": "clean"}
        changed(run, plan__conditions=[{"label": "noise@10", "note": "noise", "fingerprint": f"seed {seed}"}])
    assert difference(*runs) == "has another version or reference of the condition noise@10"
    changed(runs[1], plan__conditions=runs[0].info["plan"]["conditions"])
    assert difference(*runs) == ""
    assert labels(build_tables(runs)) == [["ground-truth", "a+noise@10", "b+noise@10"]]


def test_a_run_given_twice_counts_once(make: Make):
    run = make("one", {"a": {"stoi": 0.8}})
    assert labels(build_tables([run, Run(run.path / ".", run.info)])) == [["ground-truth", "a"]]


def test_names_tell_folders_apart(tmp_path: Path):
    runs = [Run(tmp_path / name, {}) for name in ("x/a", "y/a", "y/b")]
    assert run_names(runs) == ["x/a", "y/a", "y/b"]
    assert run_names(runs[1:]) == ["a", "b"]


def test_versions_that_differ_name_their_runs(make: Make):
    one, two = make("one", {"a": {"stoi": 0.8}}), make("two", {"b": {"stoi": 0.9}})
    for run, version in ((one, "0.4.0"), (two, "0.4.1")):
        run.metrics["stoi"]["packages"] = {"pystoi": version, "numpy": "2"}
    assert "numpy 2, pystoi 0.4.0 in one, pystoi 0.4.1 in two" in build_tables([one, two])[0].setup
