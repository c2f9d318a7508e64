"""Results become a column of the run, and leave no trace when they are taken out."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import codec_bench
from codec_bench.errors import UsageError
from codec_bench.files import file_digest
from codec_bench.listening_tests.config import AbxTest, MushraTest
from codec_bench.listening_tests.export import export
from codec_bench.listening_tests.importing import import_results, remove_results
from codec_bench.listening_tests.key import Key
from codec_bench.listening_tests.screening import Rules
from codec_bench.reports.table import build_table
from codec_bench.runs.directory import Run, load_run
from codec_bench.runs.writer import write_info

from .conftest import SYSTEMS, abx_csv, mushra_csv

pytestmark = pytest.mark.long

HEARD = ["opus@6000", "codec2@3200"]
BASE = {"ground-truth": 98.0, "opus@6000": 60.0, "codec2@3200": 40.0, "anchor-3.5k": 20.0}
SHIFT = {"ann": -1.0, "bob": 0.0, "cid": 2.0, "deaf": -20.0}


def score(who: str, utterance: str, system: str) -> float:
    return BASE[system] + SHIFT[who]


@pytest.fixture(scope="module")
def exported(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Key:
    out = tmp_path_factory.mktemp("mushra") / "test"
    return export(MushraTest(run=finished, out=out, items=4, training=1, systems=HEARD)).key


@pytest.fixture(scope="module")
def results(exported: Key, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("results") / "mushra.csv"
    return mushra_csv(path, exported, ["ann", "bob", "cid", "deaf"], score)


def abx(run: Run, out: Path, **options: Any) -> Key:
    return export(AbxTest(run=run.path, out=out, **options)).key


def test_the_run_has_the_column(run: Run, exported, results: Path):
    before = {name: run.summary[run.summary["metric"] == name] for name in run.metrics}
    found = import_results(run, results, exported)
    assert (found.listeners, len(found.excluded)) == (3, 1)
    assert found.excluded[0] == "L004: rated the hidden reference below 90 on 4 of 4 items"
    made = load_run(run.path)
    rows = made.summary[made.summary["metric"] == "mushra"].set_index("system")
    # By hand: the three means are 59, 60, 62; their standard error is 0.8819, t(2) at 97.5 % is 4.3027.
    assert rows.loc["opus@6000", "value"] == pytest.approx(60 + 1 / 3)
    assert rows.loc["opus@6000", "ci_high"] - rows.loc["opus@6000", "value"] == pytest.approx(3.7945, abs=1e-3)
    assert rows.loc["ground-truth", "value"] == pytest.approx(98 + 1 / 3)
    assert rows.loc["opus@6000", ["n", "n_expected", "clusters"]].tolist() == [4, 4, 3]
    assert pd.isna(rows.loc["opus@16000", "value"])
    assert rows.loc["opus@16000", "n"] == 0
    for name, old in before.items():
        new = made.summary[made.summary["metric"] == name]
        pd.testing.assert_frame_equal(new.reset_index(drop=True), old.reset_index(drop=True))
    scores = made.scores[made.scores["metric"] == "mushra"]
    rated = {trial.utterance for trial in exported.trials if not trial.training}
    good = scores[scores["status"] == "ok"]
    assert set(zip(good["system"], good["utterance"], strict=True)) == {
        (system, utterance) for system in ["ground-truth", *HEARD] for utterance in rated
    }
    assert len(scores) == 4 * 24
    assert good.set_index("system").loc["opus@6000", "value"].tolist() == pytest.approx([60 + 1 / 3] * 4)
    entry = made.info["imports"][0]
    assert (entry["column"], entry["sha256"]) == ("mushra", file_digest(results))


def test_the_table_shows_it_and_the_files_have_every_rating_and_no_names(run: Run, exported, results: Path):
    import_results(run, results, exported)
    table = build_table(load_run(run.path))
    _, columns = next(block for block in table.blocks if block[0] == "Listening tests")
    assert [column.heading for column in columns] == ["MUSHRA ↑"]
    cells = {row.label: row.cells["mushra"].shown() for row in table.rows}
    assert cells["opus@6000"] == "60.3 ±3.8"
    assert cells["opus@16000"] == "–"
    assert any("3 listeners on 4 items" in note and "anchor-3.5k 20.3" in note for note in table.definitions)
    frame = pd.read_csv(run.path / "ratings.csv")
    assert len(frame) == 4 * 4 * 4
    assert frame.groupby("listener")["counted"].first().tolist() == [True, True, True, False]  # L001 to L004
    report = json.loads((run.path / "ratings.json").read_text())
    assert report["systems"]["anchor-3.5k"]["mean"] == pytest.approx(20 + 1 / 3)
    assert len(report["items"]) == 4 * 4
    for path in ("ratings.csv", "ratings.json", "run.json"):
        assert "uuid-" not in (run.path / path).read_text()
        assert "deaf" not in (run.path / path).read_text()


def test_a_second_import_takes_the_place_of_the_first(run: Run, exported, results: Path, tmp_path: Path):
    import_results(run, results, exported)
    first = load_run(run.path)
    other = mushra_csv(tmp_path / "later.csv", exported, ["ann", "bob"], score)
    import_results(first, other, exported, Rules(reference=False))
    second = load_run(run.path)
    assert len(second.summary) == len(first.summary)
    assert len(second.scores) == len(first.scores)
    assert [entry["file"] for entry in second.info["imports"]] == ["later.csv"]
    assert second.metrics["mushra"]["fingerprint"] != first.metrics["mushra"]["fingerprint"]


def test_differences_stand_beside_the_means(run: Run, exported, tmp_path: Path):
    """By hand: two systems, three people on four items, a difference that depends on the person and on the item."""
    utterances = sorted({trial.utterance for trial in exported.trials if not trial.training})
    apart = np.add.outer([10.0, 14, 18], [-3.0, 0, 0, 3])

    def varied(who: str, utterance: str, system: str) -> float:
        if system != "opus@6000" or utterance not in utterances:
            return BASE[system]
        return BASE["codec2@3200"] + apart["abc".index(who[0]), utterances.index(utterance)]

    found = import_results(run, mushra_csv(tmp_path / "varied.csv", exported, ["ann", "bob", "cid"], varied), exported)
    # No interaction: MS of listeners 4 * 16 = 64, of items 3 * 6 = 18, of the rest 0.
    df = 82**2 / (64**2 / 2 + 18**2 / 3)
    half = max(stats.t.ppf(0.975, df) * (82 / 12) ** 0.5, stats.t.ppf(0.975, 2) * (64 / 12) ** 0.5)
    (row,) = found.differences
    order = [label for label in run.systems if label in HEARD]
    sign = 1 if order[0] == "opus@6000" else -1
    low, high = sorted((sign * 14 - half, sign * 14 + half))
    assert row["pair"] == " - ".join(order)
    assert (row["difference"], row["95 %"]) == (f"{sign * 14:+.1f}", f"{low:.1f} .. {high:.1f}")
    (kept,) = json.loads((run.path / "ratings.json").read_text())["differences"]
    assert (kept["mean"], kept["low"], kept["high"]) == pytest.approx((sign * 14, low, high))
    assert kept["p_value"] == kept["p_holm"]
    assert (kept["listeners"], kept["items"], kept["pairs"]) == (3, 4, 12)
    differ = int(kept["p_holm"] < 0.05)
    assert f"{differ} of 1 pairs of systems differ" in load_run(run.path).metrics["mushra"]["note"]


def test_a_run_whose_summary_lacks_a_later_column_takes_results(run: Run, exported, results: Path):
    path = run.path / "summary.csv"
    pd.read_csv(path, dtype=str, keep_default_na=False).drop(columns="effective_clusters").to_csv(path, index=False)
    import_results(load_run(run.path), results, exported)
    rows = load_run(run.path).summary.set_index(["metric", "system"])
    assert rows.loc[("mushra", "opus@6000"), "effective_clusters"] == pytest.approx(3)
    assert pd.isna(rows.loc[("si_sdr", "opus@6000"), "effective_clusters"])


def test_other_screening_is_another_column(run: Run, exported, results: Path):
    import_results(run, results, exported)
    first = load_run(run.path).metrics["mushra"]
    import_results(load_run(run.path), results, exported, Rules(reference=False))
    assert load_run(run.path).metrics["mushra"]["fingerprint"] != first["fingerprint"]


def test_taking_it_out_restores_the_run(run: Run, exported, results: Path):
    files = ["summary.csv", "summary.json"]
    before = {name: (run.path / name).read_bytes() for name in files}
    info, scores = json.loads((run.path / "run.json").read_text()), run.scores
    import_results(run, results, exported)
    assert remove_results(load_run(run.path)) == ["mushra"]
    assert {name: (run.path / name).read_bytes() for name in files} == before
    assert json.loads((run.path / "run.json").read_text()) == info
    pd.testing.assert_frame_equal(load_run(run.path).scores, scores)
    assert not list(run.path.glob("ratings.*"))
    assert remove_results(load_run(run.path)) == []


def test_a_run_with_results_is_not_overwritten(
    run: Run, exported, results: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CODEC_BENCH_HOME", str(home))
    again = {"metrics": ["si_sdr"], "keep_audio": True, "jobs": 1, "report": False, "out": run.path}
    import_results(run, results, exported)
    with pytest.raises(UsageError, match=r"imported mushra results \(codec-bench ratings .* --remove takes them out\)"):
        codec_bench.run(",".join(SYSTEMS), "demo", **again)
    remove_results(load_run(run.path))
    assert codec_bench.run(",".join(SYSTEMS), "demo", **again).info["status"] == "finished"


def test_results_of_another_run_are_refused(run: Run, exported, results: Path):
    info = json.loads((run.path / "run.json").read_text())
    for system in info["plan"]["systems"]:
        if system["label"] == "opus@6000":
            system["fingerprint"] = "another"
    write_info(run.path, info)
    with pytest.raises(UsageError, match=r"'opus@6000' of .* is another version than the one that people heard"):
        import_results(load_run(run.path), results, exported)
    info["plan"]["dataset"]["manifest_sha256"] = "another"
    write_info(run.path, info)
    with pytest.raises(UsageError, match="made from a run with other utterances"):
        import_results(load_run(run.path), results, exported)


def test_without_a_listener_left_there_is_no_result(run: Run, exported, tmp_path: Path):
    before = (run.path / "run.json").read_bytes()
    path = mushra_csv(tmp_path / "mushra.csv", exported, ["deaf"], score)
    with pytest.raises(UsageError, match=r"excludes all 1 listeners.* below 90 on 4 of 4 items; --no-screening"):
        import_results(run, path, exported)
    assert (run.path / "run.json").read_bytes() == before
    found = import_results(run, path, exported, Rules(reference=False))
    assert found.listeners == 1
    assert {row["95 %"] for row in found.rows} == {"–"}


def test_abx_against_the_recording_is_a_column(run: Run, tmp_path: Path):
    key = abx(run, tmp_path / "abx", items=4, systems=HEARD)
    people = ["ann", "bob", "cid", "dan"]
    wrong = {("ann", "opus@6000"), ("bob", "opus@6000")}
    path = abx_csv(tmp_path / "p.csv", key, people, lambda who, _, s: "incorrect" if (who, s) in wrong else "correct")
    found = import_results(run, path, key)
    assert found.column
    made = load_run(run.path)
    rows = made.summary[made.summary["metric"] == "abx"].set_index("system")
    assert rows.loc["opus@6000", "value"] == 50
    assert rows.loc["codec2@3200", "value"] == 100
    # All 16 answers are right: what four people, or four items, say for sure.
    assert rows.loc["codec2@3200", "ci_low"] == pytest.approx(100 * 0.025 ** (1 / 4))
    assert "both drawn" in made.metrics["abx"]["note"]
    pairs = {pair["second"]: pair for pair in json.loads((run.path / "abx.json").read_text())["pairs"]}
    assert pairs["codec2@3200"]["p_value"] == pytest.approx(0.5**16)
    assert pairs["codec2@3200"]["p_holm"] == pytest.approx(2 * 0.5**16)
    assert pairs["codec2@3200"]["drawn"] == ["listeners", "items"]
    assert len(pd.read_csv(run.path / "abx.csv")) == 32


def test_abx_between_systems_is_no_column(run: Run, tmp_path: Path):
    key = abx(run, tmp_path / "abx", items=4, pairs="systems")
    path = abx_csv(tmp_path / "p.csv", key, ["ann", "bob"], lambda *_: "correct")
    found = import_results(run, path, key)
    assert not found.column
    assert [row["pair"] for row in found.rows] == [" / ".join(pair) for pair in combinations(SYSTEMS, 2)]
    assert {row["answers"] for row in found.rows} == {"8/8"}
    assert "abx" not in load_run(run.path).metrics


def test_both_kinds_live_side_by_side(run: Run, exported, results: Path, tmp_path: Path):
    import_results(run, results, exported)
    key = abx(run, tmp_path / "abx", items=2, systems=HEARD)
    import_results(load_run(run.path), abx_csv(tmp_path / "p.csv", key, ["ann"], lambda *_: "correct"), key)
    made = load_run(run.path)
    assert {"mushra", "abx"} <= set(made.metrics)
    assert build_table(made)
    assert remove_results(made) == ["mushra", "abx"]
