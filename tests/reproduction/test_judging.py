"""When a measured value agrees with a published one, and when nobody may say so."""

from __future__ import annotations

import pytest

from codec_bench.reproduction import PublishedColumn, find_tables
from codec_bench.reproduction.facts import fact_of
from codec_bench.reproduction.judging import Agreement, JudgedCell, fact_cells, judge

PESQ = PublishedColumn(title="PESQ", metric="pesq_wb", better="higher", digits=2, tolerance=0.05, because="so")


@pytest.mark.parametrize(("published", "measured", "verdict"), [
    (1.82, 1.82, Agreement.WITHIN), (1.82, 1.87, Agreement.WITHIN), (1.82, 1.77, Agreement.WITHIN),
    (1.82, 1.8701, Agreement.OUTSIDE), (1.82, 1.7699, Agreement.OUTSIDE), (True, True, Agreement.WITHIN),
    (1.82, None, Agreement.NOT_RUN), (None, 1.82, Agreement.UNJUDGED), (None, None, Agreement.NOT_RUN),
])  # fmt: skip
def test_tolerance(published: float | None, measured: float | None, verdict: Agreement) -> None:
    assert judge(PESQ, published, measured)[0] is verdict


def test_better_than_published_is_outside_too() -> None:
    assert judge(PESQ, 1.82, 3.0)[0] is Agreement.OUTSIDE


def test_doubt_and_other_protocols_are_not_judged() -> None:
    assert judge(PESQ, 4.5, 4.64, doubt="raw scale") == (Agreement.UNJUDGED, "doubtful: raw scale")
    assert judge(PESQ, 1.82, 9.0, other="wer[x], not wer[y]") == (Agreement.UNJUDGED, "wer[x], not wer[y]")
    assert judge(PublishedColumn(title="?"), 1.0, 1.0)[0] is Agreement.UNJUDGED


def test_yes_and_no_are_compared_as_such() -> None:
    streaming = PublishedColumn(title="streaming", fact="streaming", tolerance=0, because="yes or no")
    assert judge(streaming, True, False)[0] is Agreement.OUTSIDE
    cell = JudgedCell("r", "streaming", streaming, True, False, Agreement.OUTSIDE)
    assert (cell.difference, cell.inside_interval) == (None, None)


def test_difference_and_interval() -> None:
    cell = JudgedCell("r", "pesq", PESQ, 1.82, 1.806, Agreement.WITHIN, low=1.74, high=1.86)
    assert cell.difference == pytest.approx(-0.014)
    assert cell.inside_interval is True
    # 1.824 is printed as 1.82, so an interval from 1.824 on may hold what was published.
    assert JudgedCell("r", "pesq", PESQ, 1.82, 1.9, Agreement.OUTSIDE, low=1.824, high=2.0).inside_interval is True
    assert JudgedCell("r", "pesq", PESQ, 1.82, 1.9, Agreement.OUTSIDE, low=1.826, high=2.0).inside_interval is False


@pytest.mark.parametrize(("system", "fact", "value"), [
    ("mimi@4", "bitrate_bps", 550.0), ("mimi@4", "token_rate", 50.0), ("mimi@4", "codebooks", 4.0),
    ("mimi@4", "frame_rate_hz", 12.5), ("mimi@4", "streaming", True), ("snac-24khz", "bitrate_bps", 984.375),
    ("opus@6000", "token_rate", None), ("opus@6000", "codebooks", None), ("bigvgan", "bitrate_bps", None),
    ("focalcodec-50hz", "parameters_m", None),
])  # fmt: skip
def test_facts_of_descriptions(system: str, fact: str, value: object) -> None:
    assert fact_of(system, fact) == value  # type: ignore[arg-type]


def test_the_efficiency_table_needs_no_audio_and_its_rates_agree() -> None:
    """All rates of MagiCodec's table 1 follow from the codecs; parameters and streaming are matters of opinion."""
    (table,) = find_tables("magicodec:table1")
    cells = fact_cells(table)
    assert len(cells) == 11 * 6
    for cell in cells:
        if cell.key in ("bitrate", "frame-rate", "token-rate", "codebooks"):
            assert cell.verdict is Agreement.WITHIN, cell
    wrong = {(c.row, c.key) for c in cells if c.verdict is Agreement.OUTSIDE}
    parameters = {("DAC", "parameters"), ("WavTokenizer", "parameters")}  # the latter with a decoder that is never used
    assert wrong == {*parameters, ("SNAC", "streaming"), ("Vocos", "streaming")}
