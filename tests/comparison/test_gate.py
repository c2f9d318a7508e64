"""Gate files: what they mean, and one line for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec_bench.comparison import compare, load_gate
from codec_bench.comparison.gate import DEFAULTS, Gate
from codec_bench.errors import UsageError
from codec_bench.metrics import METRICS, metric

from .conftest import COLUMNS, Make


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "gate.yaml"
        path.write_text(text)
        return path

    return write


def test_a_file_replaces_the_defaults_unless_it_asks_for_them(written):
    pesq, wer, mcd = (COLUMNS[label] for label in ("pesq_wb", "wer[a]", "mcd"))
    gate = load_gate(written("wer: {max_increase: 0.2, unit: points}\nalpha: 0.01\nmin_utterances: 5"))
    assert gate.limit_of(wer).threshold == 0.2
    assert gate.limit_of(wer).required
    assert gate.limit_of(wer).min_utterances == 5
    assert gate.settings.alpha == 0.01
    assert gate.limit_of(pesq) is None
    both = load_gate(written("defaults: true\npesq_wb: {max_decrease: 0.1, min_utterances: 50}"))
    assert (both.limit_of(pesq).threshold, both.limit_of(pesq).min_utterances) == (0.1, 50)
    assert (both.limit_of(mcd).threshold, both.limit_of(mcd).max_increase) == (DEFAULTS["mcd"].threshold, True)
    assert not Gate().limit_of(wer).required  # the default; what a file names is required
    assert load_gate(written("wer:")).limit_of(wer).required


def test_a_full_label_goes_before_a_name(written):
    gate = load_gate(written("wer: {max_increase: 1}\nwer[a]: {max_increase: 2}"))
    assert gate.limit_of(COLUMNS["wer[a]"]).threshold == 2


def test_a_limit_reads_as_it_is_meant(written):
    gate = load_gate(written("wer: {max_increase: 0.2}\nmcd: {max_increase: 2, unit: percent}\npesq_wb: {}"))
    texts = [gate.limit_of(COLUMNS[label]).described for label in ("wer[a]", "mcd", "pesq_wb")]
    assert texts == ["+0.2", "+2 % rel.", "−0.03"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("pesq_wbb: {max_decrease: 0.1}", "unknown metric or setting 'pesq_wbb'; did you mean 'pesq_wb'"),
        ("alhpa: 0.05", "did you mean 'alpha'"),
        ("pesq_wb: {max_decreas: 0.1}", "unknown key 'max_decreas'; did you mean 'max_decrease'"),
        ("pesq_wb: 0.1", "pesq_wb: write {max_increase: X} or {max_decrease: X}, not 0.1"),
        ("pesq_wb: {max_increase: 0.1}", "higher is better, so what can be limited is max_decrease"),
        ("wer: {max_decrease: 0.1}", "lower is better, so what can be limited is max_increase"),
        ("pesq_wb: {max_decrease: 0.1, unit: points}", "points are for metrics in percent"),
        ("wer: {max_increase: 0.1, unit: percents}", "unknown unit 'percents'; did you mean 'percent'"),
        ("wer: {max_increase: 1, max_decrease: 1}", "not both"),
        ("wer: {max_increase: -1}", "greater than 0"),
        ("wer: {max_increase: .nan}", "nan is no finite number"),
        ("pesq_wb: {max_decrease: true}", "pesq_wb.max_decrease: a number is wanted"),
        ("max_coverage_drop: true\npesq_wb: {}", "max_coverage_drop: a number is wanted"),
        ("min_utterances: true\npesq_wb: {}", "min_utterances: a number is wanted"),
        ("pesq_wb: {unit: percent}", "the default limit is absolute"),
        ("si_sdr: {}\nalpha: 2", "alpha: Input should be less than 0.5"),
        ("- wer", "is not a gate"),
        ("wer: {", "is not valid YAML"),
        ("", "limits no metric"),
        ("a: !!python/object/apply:os.system ['true']", "is not valid YAML"),
    ],
)
def test_mistakes_are_one_line(make: Make, written, text: str, named: str):
    run = make({"codec": {"pesq_wb": [2.0, 2.1], "wer[a]": [(1, 9), (1, 9)]}})
    with pytest.raises(UsageError) as caught:
        compare(run, run, load_gate(written(text)))
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(UsageError, match="cannot be read"):
        load_gate(tmp_path / "gate.yaml")


def test_defaults_are_of_metrics_that_exist_and_have_a_direction():
    assert set(DEFAULTS) <= set(METRICS.names())
    assert all(metric(name).better for name in DEFAULTS)
    assert all(limit.basis for limit in DEFAULTS.values())
