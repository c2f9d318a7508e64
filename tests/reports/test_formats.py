"""CSV and HTML of a table, read back by programs that we did not write."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from codec_bench.reports.formats.csv import tidy_csv
from codec_bench.reports.formats.html import html_page, html_table
from codec_bench.reports.formats.latex import latex
from codec_bench.reports.formats.markdown import markdown
from codec_bench.reports.table import Table, build_table

from .test_table import make_run, row

EVIL = "a,\"b\"<script>alert('1')</script>&amp;"


@pytest.fixture
def table(tmp_path: Path) -> Table:
    rows = [
        row(EVIL, "stoi", 3, 0.91234567890123, n=400), row("b", "stoi", 3, 0.8), row("c", "stoi", 3, 0.7),
        row(EVIL, "wer", 3, None), row("b", "wer", 3, 2.0), row("c", "wer", 3, 3.0),
    ]  # fmt: skip
    return build_table(make_run(tmp_path, rows, {}, name="<img src=x>"))


class Cells(HTMLParser):
    """The rows of all tables as text, and the names of all elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.elements: set[str] = set()
        self.text = ""
        self._is_in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._is_in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._is_in_cell = self._is_in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._is_in_cell:
            self.rows[-1][-1] += data


def test_csv_has_a_row_per_system_and_all_digits(table: Table):
    frame = pd.read_csv(io.StringIO(tidy_csv([table]))).set_index("system")
    assert set(frame.index) == {EVIL, "b", "c"}
    assert frame.loc[EVIL, "stoi"] == 0.91234567890123
    parts = [f"wer{part}" for part in ("", "_low", "_high", "_n", "_expected")]
    assert frame.loc["b", parts].tolist() == [2.0, 1.95, 2.05, 500, 500]
    assert pd.isna(frame.loc[EVIL, "wer"])
    assert frame.loc[EVIL, ["wer_n", "stoi_n"]].tolist() == [0, 400]
    assert frame.loc["b", ["kind", "dataset", "section", "bitrate_kbps"]].tolist() == [
        "reconstruction", "<img src=x>", "2-4 kbps, semantic", 3.0,
    ]  # fmt: skip


def test_a_codec_that_fails_a_known_answer_is_marked_in_every_format(tmp_path: Path):
    run = make_run(tmp_path, [row("a", "stoi", 3, 0.9), row("b", "stoi", 3, 0.8)], {})
    run.info["plan"]["systems"][0]["verification"] = {"state": "failed", "text": "FAILED a known answer"}
    table = build_table(run)
    frame = pd.read_csv(io.StringIO(tidy_csv([table])), keep_default_na=False).set_index("system")
    assert frame["known_answers"].to_dict() == {"a": "failed", "b": ""}
    for text, mark in (
        (html_table(table), "3.00‡"), (markdown(table), "3.00‡"), (latex([table]), r"3.00$\ddagger$"),
    ):  # fmt: skip
        assert text.count(mark) == 1


def test_several_tables_are_one_csv(table: Table, tmp_path: Path):
    (tmp_path / "other").mkdir()
    other = build_table(make_run(tmp_path / "other", [row("b", "gpe", 1, 1.0)], {}, name="other"))
    frame = pd.read_csv(io.StringIO(tidy_csv([table, other])))
    assert frame[["table", "dataset"]].drop_duplicates().values.tolist() == [[1, "<img src=x>"], [2, "other"]]
    assert frame.loc[frame.table == 2, ["gpe", "stoi_n"]].fillna(-1).values.tolist() == [[1.0, -1]]


def test_html_shows_the_same_cells_and_nothing_of_it_is_markup(table: Table):
    page = Cells(html_page([table]))
    assert ["system", "kbps", "Hz", "WER ↓", "STOI ↑"] in page.rows
    assert [EVIL, "3.00", "16.67", "–", "0.912 ±0.050 (400)"] in page.rows
    assert ["b", "3.00", "16.67", "2.00 ±0.05", "0.800 ±0.050"] in page.rows
    assert not page.elements & {"script", "img"}
    assert "<b>2.00</b> <small>±0.05</small>" in html_table(table)
    assert "<td>3.00 <small>±0.05</small></td>" in html_table(table)


def test_html_without_intervals_and_with_costs(table: Table):
    page = Cells(html_table(table, intervals=False, efficiency=True))
    assert ["b", "3.00", "16.67", "2.00", "0.800"] in page.rows
    assert ["b", "3.00", "16.67", "–", "–", "–", "–", "–"] in page.rows
    assert "±" not in page.text
