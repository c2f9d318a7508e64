"""When a comparison passes, fails, and says that it cannot tell."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codec_bench.comparison import compare, load_gate, load_measurements
from codec_bench.comparison.gate import Gate, Settings
from codec_bench.comparison.markdown import markdown
from codec_bench.comparison.measurements import REFERENCE, Measurements

from .conftest import COLUMNS, Make

PESQ = 2 + np.random.default_rng(0).normal(0, 0.3, 40)
NOISE = np.random.default_rng(1).normal(0, 0.05, 40)
NOISE -= NOISE.mean()
WER = [(e, 10) for e in np.random.default_rng(2).integers(0, 4, 40)]


def verdicts(found: object) -> dict[str, str]:
    return {r.column.label: r.verdict.value for r in found.results}


def reasons(found: object, metric: str = "pesq_wb") -> str:
    return "; ".join(r for result in found.results if result.column.label == metric for r in result.reasons)


@pytest.fixture
def gate(tmp_path: Path):
    def made(text: str) -> Gate:
        path = tmp_path / "gate.yaml"
        path.write_text(text)
        return load_gate(path)

    return made


@pytest.mark.long
def test_a_real_codec_that_is_3_db_worse_fails_and_the_other_way_round_passes(noise_run: Path):
    run = load_measurements(noise_run)
    names = [f"test-noise@{snr}" for snr in (15, 12)]
    worse = compare(run, run, pairs=["=".join(names)])
    assert worse.exit_code == 1
    assert verdicts(worse) == dict.fromkeys(["pesq_wb", "si_sdr"], "regression")
    si_sdr = next(r for r in worse.results if r.column.label == "si_sdr")
    assert si_sdr.paired is not None
    assert si_sdr.paired.difference == pytest.approx(-3, abs=0.02)
    assert len(si_sdr.worst) == 5
    audio = [Path(p) for p in si_sdr.worst[0].audio]
    assert [p.is_file() for p in audio] == [True, True]
    assert {p.stem for p in audio} == {si_sdr.worst[0].utterance}
    assert compare(run, run, pairs=["=".join(reversed(names))]).exit_code == 0


def test_with_few_utterances_nothing_passes_but_what_is_broken_fails(make: Make):
    before = make({"codec": {"pesq_wb": PESQ[:12]}})
    found = compare(before, before)
    assert found.exit_code == 3
    assert "too few utterances: 12 scored in both, at least 20 are needed; " in reasons(found)
    assert compare(before, make({"codec": {"pesq_wb": PESQ[:12] - 1 + NOISE[:12]}})).exit_code == 1


@pytest.mark.parametrize("text", ["", "mcd: {max_increase: 2, unit: percent, min_utterances: 1}"])
def test_one_utterance_decides_nothing_whatever_the_gate_says(make: Make, gate, text: str):
    before, after = (make({"codec": {"mcd": [value]}}) for value in (5.0, 9.0))
    found = compare(before, after, gate(text) if text else None)
    assert found.exit_code == 3
    assert f"too few utterances: 1 scored in both, at least {2 if text else 20} are needed; " in reasons(found, "mcd")


def test_a_baseline_without_any_score_is_no_baseline(make: Make):
    """More data would not help, and any candidate would get by."""
    found = compare(make({"codec": {"pesq_wb": ["silent"] * 30}}), make({"codec": {"pesq_wb": PESQ[:30]}}))
    assert found.exit_code == 2
    assert "the baseline has no score in this metric (30 × silent)" in reasons(found)


@pytest.mark.parametrize(
    ("shift", "noise", "expected"),
    [
        (-0.05, 1, "regression"),
        (-0.02, 1, "undecided"),  # significant, but not beyond the limit: never a regression
        (-0.02, 0.1, "pass"),  # the whole interval is within the limit
        (-0.05, 8, "undecided"),  # beyond the limit, but may be chance
        (0, 8, "undecided"),  # nothing seen, nothing excluded
        (0.5, 1, "pass"),
    ],
)
def test_the_rule(make: Make, shift: float, noise: float, expected: str):
    before = make({"codec": {"pesq_wb": PESQ}})
    found = compare(before, make({"codec": {"pesq_wb": PESQ + shift + noise * NOISE}}))
    assert verdicts(found) == {"pesq_wb": expected}
    assert found.verdict.value == expected
    why = {-0.02: "neither shown nor excluded", -0.05: "may be chance", 0: "utterances would decide"}
    assert expected != "undecided" or why[shift] in reasons(found)


def test_lower_is_better_turns_the_sign(make: Make):
    before = make({"codec": {"mcd": PESQ}})
    assert compare(before, make({"codec": {"mcd": PESQ + 0.5 + NOISE}})).exit_code == 1
    assert compare(before, make({"codec": {"mcd": PESQ - 0.5 + NOISE}})).exit_code == 0


def test_a_baseline_that_is_0_without_one_speaker_has_no_percentage(make: Make, gate):
    errors, speakers = [(0, 10)] * 20 + [(3, 10)] * 10, ["ann"] * 10 + ["bob"] * 10 + ["cid"] * 10
    before = make({"codec": {"wer[a]": errors}}, speakers=speakers)
    after = make({"codec": {"wer[a]": [(e + 1, 10) for e, _ in errors]}}, speakers=speakers)
    found = compare(before, after, gate("wer: {max_increase: 5, unit: percent}"))
    assert found.exit_code == 2
    assert "the baseline is 0 without one of the speakers, so" in reasons(found, "wer[a]")


def test_a_limit_in_percent_is_of_the_baseline(make: Make, gate):
    before, after = make({"codec": {"mcd": PESQ}}), make({"codec": {"mcd": PESQ * 1.05}})
    assert compare(before, after, gate("mcd: {max_increase: 4, unit: percent}")).exit_code == 1
    assert compare(before, after, gate("mcd: {max_increase: 6, unit: percent}")).exit_code == 0
    zero = make({"codec": {"mcd": [0] * 40}})
    found = compare(zero, after, gate("mcd: {max_increase: 6, unit: percent}"))
    assert found.exit_code == 2
    assert "the baseline is 0" in reasons(found, "mcd")


def test_points_are_points_of_a_percentage(make: Make, gate):
    before = make({"codec": {"wer[a]": [(1, 10)] * 40}})
    after = make({"codec": {"wer[a]": [(1, 10)] * 30 + [(2, 10)] * 10}})  # 10 % and 12.5 %
    for text, code in (("wer: {max_increase: 2.4, unit: points}", 1), ("wer: {max_increase: 5, unit: points}", 0)):
        assert compare(before, after, gate(text)).exit_code == code


def test_what_is_not_required_does_not_stop_the_gate(make: Make, gate):
    before = make({"codec": {"pesq_wb": PESQ, "mcd": PESQ}})
    after = make({"codec": {"pesq_wb": PESQ, "mcd": PESQ + 20 * NOISE}})
    limits = "pesq_wb: {max_decrease: 0.03}\nmcd: {max_increase: 0.1, required: %s}"
    assert compare(before, after, gate(limits % "true")).exit_code == 3
    assert compare(before, after, gate(limits % "false")).exit_code == 0
    # Where nothing at all is decided, the gate is not passed.
    assert compare(before, after, gate("mcd: {max_increase: 0.1, required: false}")).exit_code == 3


def test_a_regression_outranks_what_cannot_be_decided(make: Make):
    before = make({"codec": {"pesq_wb": PESQ, "mcd": PESQ}})
    after = make({"codec": {"pesq_wb": PESQ - 0.5 + NOISE, "mcd": PESQ + 20 * NOISE}})
    assert compare(before, after).exit_code == 1


def test_the_correction_counts_all_pairs_and_metrics(make: Make):
    scores = {"pesq_wb": PESQ, "mcd": PESQ}
    worse = {"pesq_wb": PESQ - 0.08 + 5 * NOISE, "mcd": PESQ}
    alone = compare(make({"a": scores}), make({"a": worse}))
    many = {f"c{i}": scores for i in range(9)}
    among = compare(make({"a": scores, **many}), make({"a": worse, **many}))
    assert (alone.tests, among.tests) == (2, 20)
    p_alone, p_among = (
        next(r.corrected for r in found.results if r.column.label == "pesq_wb" and r.pair.label == "a")
        for found in (alone, among)
    )
    assert p_among == pytest.approx(10 * p_alone)  # the smallest of all: times the number of tests
    assert (alone.exit_code, among.exit_code) == (1, 3)


def test_lost_coverage_is_a_regression(make: Make):
    before = make({"codec": {"pesq_wb": PESQ}})
    after = make({"codec": {"pesq_wb": ["silent", "crashed", "crashed", *PESQ[3:]]}})
    found = compare(before, after)
    assert found.exit_code == 1
    assert "3 of the 40 utterances" in reasons(found)
    assert "1 × silent, 2 × crashed" in reasons(found)
    assert found.results[0].paired.n == 37
    assert compare(after, before).exit_code == 0  # more coverage than before is not an obstacle
    assert compare(before, after, Gate(Settings(defaults=True, max_coverage_drop=0.1))).exit_code == 0


def test_values_are_those_of_the_utterances_that_both_scored(make: Make):
    before = make({"codec": {"pesq_wb": [*([2.0] * 39), 4.0]}})
    after = make({"codec": {"pesq_wb": [*([2.0] * 39), "no_speech"]}})
    result = compare(before, after, Gate(Settings(defaults=True, max_coverage_drop=0.1))).results[0]
    assert (result.paired.baseline, result.paired.candidate, result.paired.n, result.expected) == (2.0, 2.0, 39, 40)


def changed(run: Measurements, metric: str, **facts: object) -> Measurements:
    return replace(run, columns={**run.columns, metric: replace(run.columns[metric], **facts)})


def test_other_data_cannot_be_compared(make: Make):
    run = make({"codec": {"pesq_wb": PESQ}})
    for other, named in (
        (make({"codec": {"pesq_wb": PESQ}}, manifest="x"), "different utterances of set"),
        (make({"codec": {"pesq_wb": PESQ}}, manifest="x", name="other"), "different data sets: the baseline has set"),
        (replace(run, kind="probe"), "kind reconstruction, the candidate of kind probe"),
    ):
        found = compare(run, other)
        assert found.exit_code == 2
        assert named in found.obstacles[0]
    # The name of a data set alone says nothing: the same manifest is the same data.
    assert compare(run, make({"codec": {"pesq_wb": PESQ}}, name="renamed")).exit_code == 0


def test_metrics_that_mean_something_else_are_named(make: Make):
    run = make({"codec": {"pesq_wb": PESQ, "wer[a]": WER}})
    newer = replace(changed(run, "pesq_wb", fingerprint="x"), provenance={"packages": {"pesq": "0.0.5"}})
    for other, metric, named in (
        (changed(run, "pesq_wb", version=2), "pesq_wb", "different versions of the metric: 1 and 2"),
        (changed(run, "pesq_wb", unit="dB"), "pesq_wb", "another unit or direction"),
        (newer, "pesq_wb", "packages that differ: pesq 0.0.4 → 0.0.5"),
    ):
        found = compare(replace(run, provenance={"packages": {"pesq": "0.0.4"}}), other)
        assert found.exit_code == 2
        assert named in reasons(found, metric)
        assert verdicts(found)["wer[a]"] == "pass"


def test_a_metric_or_recogniser_that_is_missing_is_named(make: Make, gate):
    run = make({"codec": {"pesq_wb": PESQ, "wer[a]": WER}})
    less = make({"codec": {"wer[a]": WER}})
    found = compare(run, less)
    assert found.exit_code == 2
    assert "the candidate does not have this metric" in reasons(found)
    columns = {"pesq_wb": COLUMNS["pesq_wb"], "wer[b]": replace(COLUMNS["wer[a]"], label="wer[b]")}
    other = make({"codec": {"pesq_wb": PESQ, "wer[b]": WER}}, columns=columns)
    found = compare(run, other, gate("wer: {max_increase: 1}"))
    assert found.exit_code == 2
    assert reasons(found, "wer[a]") == "different recogniser: wer[a] in the baseline, wer[b] in the candidate"
    found = compare(run, run, gate("pesq_wb: {}\nnisqa: {max_decrease: 0.1}"))
    assert found.exit_code == 2
    assert reasons(found, "nisqa") == "no run has this metric"
    found = compare(less, run, gate("pesq_wb: {}"))
    assert (found.exit_code, reasons(found)) == (2, "the baseline does not have this metric")


@pytest.mark.parametrize(
    "text",
    ["wer: {}", "wer: {max_increase: 0.2, unit: points}", "secs: {}", "mcd: {max_increase: 2, unit: percent}"],
)
def test_a_metric_that_only_the_gate_has_is_missing_and_no_mistake(make: Make, gate, text: str):
    run = make({"codec": {"pesq_wb": PESQ}})
    found = compare(run, run, gate(f"pesq_wb: {{}}\n{text}"))
    assert found.exit_code == 2
    assert "no run has this metric" in reasons(found, text.partition(":")[0])
    optional = text.replace("{", "{required: false, ").replace(", }", "}")
    assert compare(run, run, gate(f"pesq_wb: {{}}\n{optional}")).exit_code == 0


def test_recordings_that_score_differently_mean_that_the_measuring_changed(make: Make):
    truth = [4.6] * 40
    before = make({REFERENCE: {"pesq_wb": truth}, "codec": {"pesq_wb": PESQ}})
    after = make({REFERENCE: {"pesq_wb": [4.5] * 40}, "codec": {"pesq_wb": PESQ - 0.1}})
    found = compare(before, after)
    assert found.exit_code == 2
    assert "the recordings themselves score 4.6000 in the baseline and 4.5000" in reasons(found)


def test_conditions_must_be_the_same(make: Make):
    run = make({"codec": {"pesq_wb": PESQ}, "codec+noise@10": {"pesq_wb": PESQ}}, conditions={"noise@10": "x"})
    assert [r.pair.label for r in compare(run, run).results] == ["codec", "codec+noise@10"]
    found = compare(run, replace(run, conditions={"noise@10": "y"}))
    assert [r.verdict.value for r in found.results] == ["pass", "incomparable"]
    assert "the condition noise@10 was made in another way" in reasons(found)
    crossed = compare(run, run, pairs=["codec=codec+noise@10"])
    assert "different conditions: clean and noise@10" in reasons(crossed)
    noisy = replace(run.systems["codec+noise@10"], reference="altered")
    altered = replace(run, systems={**run.systems, "codec+noise@10": noisy})
    said = reasons(compare(run, altered))
    assert "scored against clean recordings in the baseline, altered ones in the candidate" in said


def test_speakers_are_the_unit_where_there_are_two(make: Make):
    for count, unit in ((1, "utterances"), (2, "speakers"), (10, "speakers")):
        run = make({"codec": {"pesq_wb": PESQ}}, speakers=[f"s{i % count}" for i in range(40)])
        result = compare(run, run).results[0]
        assert result.unit == unit
        assert result.paired.clusters == (40 if unit == "utterances" else count)


def test_many_systems_by_ten_speakers_can_all_be_worse(make: Make):
    """All swaps of ten speakers are 1024, which no correction for 60 tests would survive."""
    speakers = [f"s{i % 10}" for i in range(40)]
    before = make({f"c{i}": {"pesq_wb": PESQ} for i in range(60)}, speakers=speakers)
    after = make({f"c{i}": {"pesq_wb": PESQ - 0.5 + NOISE} for i in range(60)}, speakers=speakers)
    assert compare(before, after).exit_code == 1


def test_without_any_limit_nothing_is_compared(make: Make):
    columns = {"odd": replace(COLUMNS["mcd"], label="odd", name="odd")}
    run = make({"codec": {"odd": PESQ}}, columns=columns)
    found = compare(run, run)
    assert found.exit_code == 2
    assert "no metric that is in the runs has a limit" in found.obstacles[0]
    assert verdicts(found) == {"odd": "shown"}


SPEAKERS = [f"s{i // 5}" for i in range(40)]


def test_one_ruined_speaker_is_shown_and_may_be_gated(make: Make, gate):
    ruined = np.where(np.arange(40) < 5, -0.8, 0.1) + NOISE / 10
    before = make({"codec": {"pesq_wb": PESQ}}, speakers=SPEAKERS)
    after = make({"codec": {"pesq_wb": PESQ + ruined}}, speakers=SPEAKERS)
    mean = compare(before, after, gate("pesq_wb: {max_decrease: 0.5}"))
    assert mean.exit_code == 0
    assert mean.results[0].speakers[0].speaker == "s0"
    assert mean.results[0].speakers[0].difference == pytest.approx(-0.8, abs=0.02)
    limit = "pesq_wb: {max_decrease: 0.5, worst_speaker: {max_decrease: 0.3}}"
    found = compare(before, after, gate(limit))
    assert (found.exit_code, found.tests) == (1, 2)
    assert "the worst speaker got worse by more than 0.3" in reasons(found)
    assert compare(before, before, gate(limit)).exit_code == 0


def test_a_speaker_who_differs_by_chance_is_no_regression(make: Make, gate):
    noisy = PESQ + 0.1 + np.random.default_rng(4).normal(0, 0.3, 40)
    before = make({"codec": {"pesq_wb": PESQ}}, speakers=SPEAKERS)
    after = make({"codec": {"pesq_wb": noisy}}, speakers=SPEAKERS)
    found = compare(before, after, gate("pesq_wb: {max_decrease: 0.5, worst_speaker: {max_decrease: 0.05}}"))
    assert abs(found.results[0].speakers[0].difference) > 0.05
    assert found.exit_code == 0


def test_a_set_of_the_size_that_is_asked_for_decides(make: Make):
    """What is said of 6 speakers, tried with as many as it says: most of such sets decide."""

    def made(speakers: int, seed: int) -> tuple[Measurements, Measurements]:
        generator = np.random.default_rng(seed)
        names = [f"s{i // 5}" for i in range(5 * speakers)]
        level = generator.normal(2, 0.3, 5 * speakers)
        change = np.repeat(generator.normal(0, 0.05, speakers), 5) + generator.normal(0, 0.05, 5 * speakers)
        return tuple(make({"codec": {"pesq_wb": values}}, speakers=names) for values in (level, level + change))

    few = compare(*made(6, 1))
    assert few.exit_code == 3
    wanted = int(re.search(r"about (\d+) speakers with 5 utterances each", reasons(few)).group(1))
    assert 10 < wanted < 200
    decided = [compare(*made(wanted, seed)).exit_code == 0 for seed in range(2, 42)]
    assert 0.6 < np.mean(decided) <= 1


def test_results_over_utterances_say_so(make: Make):
    run = make({"codec": {"pesq_wb": PESQ}}, speakers=["ann"] * 40)
    found = compare(run, run)
    assert found.exit_code == 0
    assert "pass, of these speakers" in markdown(found)
    assert "about these speakers only" in markdown(found)


def test_lost_scores_do_not_hide_what_else_got_worse(make: Make):
    """Three per cent lost, the rest worse by half a point."""
    speakers = [f"s{i % 13}" for i in range(200)]
    level = np.tile(PESQ, 5)
    before = make({"codec": {"pesq_wb": level, "mcd": level}}, speakers=speakers)
    after = make({"codec": {"pesq_wb": [*["crashed"] * 6, *(level[6:] - 0.5)], "mcd": level}}, speakers=speakers)
    for drop in (0.0, 0.05):
        found = compare(before, after, Gate(Settings(defaults=True, max_coverage_drop=drop)))
        assert found.exit_code == 1
        assert found.results[0].corrected < 0.001
