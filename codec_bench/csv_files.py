"""CSV files that a spreadsheet opens without running anything, and their readers.

A text that begins with a sign of a formula gets an apostrophe on its way out, as spreadsheets write it, and loses it on
its way back. Numbers stay as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from codec_bench.errors import UsageError, first_line
from codec_bench.files import read_file, write_atomically

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""What spreadsheets take for a formula; also behind apostrophes, so that one that was there is told from ours."""


def guarded(cell: Any) -> Any:
    """A cell as a file has it.

    >>> [guarded(cell) for cell in ("=1+1", "'=1", "'tis", -1.5)]
    ["'=1+1", "''=1", "'tis", -1.5]
    """
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def unguarded(cell: Any) -> Any:
    """The inverse of `guarded`, which also takes texts that were never guarded."""
    return cell[1:] if isinstance(cell, str) and cell[:1] == "'" and _FORMULA.match(cell) else cell


def csv_of(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows, the headings among them, as the content of a file; None is an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([guarded(cell) for cell in row] for row in rows)
    return _encoded(text.getvalue())


def csv_of_frame(frame: pd.DataFrame) -> bytes:
    """A frame, without its index, as the content of a file."""
    texts = frame.select_dtypes(exclude=["number", "bool"]).columns
    made = frame.copy()
    made[texts] = made[texts].map(guarded)
    return _encoded(made.rename(columns=guarded).to_csv(index=False, lineterminator="\n"))


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Writes a frame as CSV; raises as `files.atomically` does."""
    write_atomically(path, csv_of_frame(frame))


def rows_of(data: bytes) -> list[list[str]]:
    """The rows of a CSV file, the headings among them, as they were before they were guarded.

    Raises:
        ValueError: It is not UTF-8, or no CSV.
    """
    try:
        return [[unguarded(cell) for cell in row] for row in csv.reader(io.StringIO(data.decode(), newline=""))]
    except csv.Error as error:
        raise ValueError(str(error)) from error


def read_frame(path: Path, needed: Iterable[str] = (), **options: Any) -> pd.DataFrame:
    """A CSV file as a frame.

    Args:
        path: The file.
        needed: Columns that it must have; more are allowed.
        options: Of `pandas.read_csv`.

    Raises:
        UsageError: It cannot be read, or lacks a column.
    """
    try:
        frame: pd.DataFrame = pd.read_csv(io.BytesIO(read_file(path)), **options)
    except (OSError, ValueError) as error:
        told = (isinstance(error, OSError) and error.strerror) or first_line(error)
        raise UsageError(f"{path} cannot be read: {told}") from error
    frame = frame.rename(columns=unguarded)
    if missing := [name for name in needed if name not in frame]:
        raise UsageError(f"{path} cannot be used: it has no column {missing[0]}")
    texts = frame.select_dtypes(exclude=["number", "bool"]).columns
    frame[texts] = frame[texts].map(unguarded)
    return frame


def _encoded(text: str) -> bytes:
    """UTF-8; half a surrogate pair, which no file can hold, as Python writes it."""
    return text.encode("utf-8", "backslashreplace")
