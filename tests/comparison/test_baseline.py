"""Runs and baselines: nothing is lost, bytes are stable, what is damaged is refused, old files stay readable."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

import codec_bench
from codec_bench.comparison import compare, load_baseline, load_measurements, save_baseline
from codec_bench.comparison.baseline import baseline_text
from codec_bench.comparison.loading import measurements_of
from codec_bench.comparison.measurements import Measurements
from codec_bench.errors import UsageError

from .conftest import Make

pytestmark = pytest.mark.long

DATA = Path(__file__).parent / "data"
OLD_RUN = Path(__file__).parent.parent / "runs" / "data" / "schema_1"


@pytest.fixture
def stored(make: Make, tmp_path: Path) -> Path:
    made = make(
        {
            "codec": {"pesq_wb": [2.123456789012, "silent", 2], "wer[a]": [(1, 9), (0, 3), "no_text"]},
            "codec+noise@10": {"pesq_wb": [1.5, 1, 1 / 3], "wer[a]": ["crashed"] * 3},
        },
        speakers=["ann", "bob", None],
        conditions={"noise@10": "x"},
    )
    save_baseline(made, tmp_path / "b.json")
    return tmp_path / "b.json"


def test_a_run_equals_its_own_baseline(noise_run: Path, tmp_path: Path):
    run = load_measurements(noise_run)
    for name in ("b.json", "b.json.gz"):
        save_baseline(run, tmp_path / "deep" / name)
        kept = load_measurements(tmp_path / "deep" / name)
        for part in ("kind", "columns", "systems", "conditions", "speakers", "scores"):
            assert getattr(kept, part) == getattr(run, part), part
        found = compare(kept, run)
        assert found.exit_code == 0
        assert {r.paired.low for r in found.results} == {0}
    assert (tmp_path / "deep" / "b.json.gz").stat().st_size < (tmp_path / "deep" / "b.json").stat().st_size / 2


def test_values_are_kept_to_nine_digits_and_failures_as_their_status(stored: Path):
    kept = load_baseline(stored)
    outcomes = kept.of("codec", "pesq_wb")
    assert [o.numerator for o in outcomes.values()] == [2.12345679, 0, 2]
    assert [o.status for o in outcomes.values()] == ["ok", "silent", "ok"]
    assert kept.of("codec", "wer[a]")["u000"].denominator == 9
    assert kept.speakers == {"u000": "ann", "u001": "bob", "u002": None}
    assert kept.systems["codec+noise@10"].condition == "noise@10"


def test_the_file_has_a_line_per_system_and_utterance_and_stable_bytes(stored: Path, make: Make):
    text = stored.read_text()
    assert ' "u001": ["silent", [0, 3]]' in text
    again = load_baseline(stored)
    assert baseline_text(again) == text
    reordered = replace(
        again,
        scores={s: dict(reversed(m.items())) for s, m in reversed(again.scores.items())},
        systems=dict(reversed(again.systems.items())),
        columns=dict(reversed(again.columns.items())),
        speakers=dict(reversed(again.speakers.items())),
    )
    for name, run in (("1.json.gz", again), ("2.json.gz", reordered)):
        save_baseline(run, stored.with_name(name))
    assert stored.with_name("1.json.gz").read_bytes() == stored.with_name("2.json.gz").read_bytes()
    assert load_baseline(stored.with_name("1.json.gz")).scores == again.scores


def test_a_file_of_every_schema_stays_readable():
    old = load_measurements(DATA / "baseline_schema_1.json")
    assert set(old.systems) >= {"ground-truth", "opus@6000", "opus@6000+gain@-6"}
    run: Measurements = load_measurements(OLD_RUN)
    assert old.scores == run.scores
    found = compare(old, run)
    assert not found.obstacles
    assert {r.paired.difference for r in found.results} == {0}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda d: d.update(codec_bench_baseline=99), "written by a newer codec-bench"),
        (lambda d: d.pop("codec_bench_baseline"), "is not a baseline: codec-bench baseline save"),
        (lambda d: d["scores"]["codec"].pop("u001"), "other utterances"),
        (lambda d: d["scores"].pop("codec"), "do not name the same systems"),
        (lambda d: d["scores"]["codec"]["u001"].append(1), "3 scores for 2 metrics"),
        (lambda d: d["scores"]["codec"].update(u001=["fine", 1]), "'fine' is not a status"),
        (lambda d: d["scores"]["codec"].update(u001=[1, [1, 0]]), "positive denominator"),
        (lambda d: d["scores"]["codec"].update(u001=[None, 1]), "damaged at scores.codec.u001"),
        (lambda d: d["metrics"][0].update(better="up"), "'higher', 'lower'"),
        (lambda d: d.pop("dataset"), "damaged at dataset"),
        (lambda d: d.update(more=1), "damaged at more"),
        (lambda d: d["speakers"].pop("u000"), "2 utterances where the data set has 3"),
    ],
)
def test_what_is_damaged_is_refused_in_one_line(stored: Path, change, named: str):
    data = json.loads(stored.read_text())
    change(data)
    stored.write_text(json.dumps(data))
    with pytest.raises(UsageError) as caught:
        load_baseline(stored)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[1]", b"\xff\xfe", b"\x1f\x8bgarbage", gzip.compress(b"{}", mtime=0)[:-5],
        b'{"codec_bench_baseline": NaN}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_baseline_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "b.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"b\.json"):
        load_measurements(path)


def test_infinite_scores_are_refused(stored: Path):
    stored.write_text(stored.read_text().replace("2.12345679", "1e999"))
    with pytest.raises(UsageError, match="damaged"):
        load_baseline(stored)


def test_a_run_without_scores_per_utterance_is_refused(noise_run: Path, tmp_path: Path):
    (tmp_path / "run.json").write_bytes((noise_run / "run.json").read_bytes())
    with pytest.raises(UsageError, match=r"keeps no scores per utterance \(scores\.parquet\)"):
        load_measurements(tmp_path)


def test_a_value_of_the_whole_set_is_not_paired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CODEC_BENCH_HOME", str(tmp_path / "home"))
    metrics = ["si_sdr", "fad[resemblyzer]"]
    run = codec_bench.run("codec2@3200", "demo", metrics=metrics, limit=1, jobs=1, out=tmp_path / "run", report=False)
    assert set(run.metrics) == set(metrics)
    found = measurements_of(run)
    assert set(found.columns) == {"si_sdr"}
    assert all(set(scores) == {"si_sdr"} for scores in found.scores.values())
