"""CSV files that start no formula in a spreadsheet, and what is read back of them."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec_bench.csv_files import csv_of, guarded, read_frame, rows_of, unguarded, write_frame
from codec_bench.errors import UsageError

FORMULAS = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "'=1", "''-x", "=cmd|' /C calc'!A0"]
HARMLESS = ["", "a=1", "'tis", " =1", "1-1", "NA", "'"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_a_spreadsheet_would_run_begins_with_an_apostrophe_and_comes_back(text: str):
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_stay_as_they_are(text: str):
    assert guarded(text) == text == unguarded(text)


@given(st.text(alphabet="'=+-@\tax1"))
def test_every_text_comes_back_and_none_begins_a_formula(text: str):
    assert unguarded(guarded(text)) == text
    assert guarded(text)[:1] not in {"=", "+", "-", "@", "\t"}


def test_numbers_stay_numbers(tmp_path: Path):
    frame = pd.DataFrame({"system": ["-a", "b"], "value": [-1.5, 2.0], "n": [-3, 4], "=head": [None, "+x"]})
    write_frame(tmp_path / "t.csv", frame)
    assert (tmp_path / "t.csv").read_text() == "system,value,n,'=head\n'-a,-1.5,-3,\nb,2.0,4,'+x\n"
    again = read_frame(tmp_path / "t.csv", ["system", "=head"], keep_default_na=False, na_values=[""])
    assert again.fillna("none").values.tolist() == frame.fillna("none").values.tolist()
    assert list(again) == list(frame)


def test_rows_come_back(tmp_path: Path):
    rows = [["id", "text"], ["-rf", "=1+1\nand\r\na second line"], ["a,b", '"quoted"']]
    assert rows_of(csv_of(rows)) == rows
    written = list(csv.reader(csv_of(rows).decode().splitlines(keepends=True)))
    assert [row[0] for row in written] == ["id", "'-rf", "a,b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\0", "cannot be read"),
        (b"", "cannot be read"),
        (b'a,b\n"1,2\n', "cannot be read"),
        (b"a,b\n1,2,3\n1,2,3,4\n", "cannot be read"),
        (b"a,b\n1,2\n", "it has no column id"),
        (None, "No such file"),
    ],
    ids=["not text", "empty", "half a cell", "rows of several lengths", "no such column", "missing"],
)
def test_what_cannot_be_read_is_one_line(content: bytes | None, message: str, tmp_path: Path):
    if content is not None:
        (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UsageError, match=message) as error:
        read_frame(tmp_path / "t.csv", ["id"])
    assert "\n" not in str(error.value)


def test_a_fifo_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(UsageError, match="not a regular file"):
        read_frame(tmp_path / "t.csv")
