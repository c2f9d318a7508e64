"""Published and measured values: one cell per row and column, and whether they agree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeGuard

from codec_bench.reproduction.facts import fact_of
from codec_bench.reproduction.paper import PublishedColumn, PublishedRow, PublishedTable, Value
from codec_bench.runs.directory import Run


class Agreement(str, Enum):
    """How a measured value relates to the published one."""

    WITHIN = "within tolerance"
    OUTSIDE = "outside tolerance"
    NOT_RUN = "not run"
    UNJUDGED = "not judged"


@dataclass(frozen=True)
class JudgedCell:
    """One row and column, by their names `row` and `key`.

    Attributes:
        published: As the paper has it; None if it has none.
        measured: Here; None if nothing was measured. `low` and `high` are the interval around it.
        reason: Why they are not compared, or why nothing was measured.
        n: Utterances with a value, of `expected` ones.
        metric: What was measured, `wer[pocketsphinx]`.
    """

    row: str
    key: str
    column: PublishedColumn
    published: Value
    measured: Value
    verdict: Agreement
    reason: str = ""
    low: float | None = None
    high: float | None = None
    n: int = 0
    expected: int = 0
    metric: str = ""

    @property
    def difference(self) -> float | None:
        """Measured minus published; None if one of them is missing or not a number."""
        if not is_number(self.measured) or not is_number(self.published):
            return None
        return self.measured - self.published

    @property
    def inside_interval(self) -> bool | None:
        """Whether the published value lies in the interval around the measured one; None if there is none."""
        if self.low is None or self.high is None or not is_number(self.published):
            return None
        rounding = 0.5 * 10.0**-self.column.digits
        return self.low - rounding <= self.published <= self.high + rounding


@dataclass(frozen=True)
class Absence:
    """A row that was not measured, and why."""

    row: str
    reason: str


@dataclass(frozen=True)
class Reproduction:
    """What came out for one table.

    Attributes:
        absent: Rows that were not measured.
        notes: What makes the comparison less than one to one; loud.
        commands: What would measure the table, where this command does not.
        obstacle: What keeps all of it from being measured; empty if nothing does.
    """

    table: PublishedTable
    cells: tuple[JudgedCell, ...]
    absent: tuple[Absence, ...] = ()
    notes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()
    obstacle: str = ""

    @property
    def outside(self) -> tuple[JudgedCell, ...]:
        """The cells that are outside of their tolerance."""
        return tuple(cell for cell in self.cells if cell.verdict is Agreement.OUTSIDE)

    @property
    def measured(self) -> tuple[JudgedCell, ...]:
        """The cells with a measured value."""
        return tuple(cell for cell in self.cells if cell.measured is not None)


def judge(
    column: PublishedColumn, published: Value, measured: Value, doubt: str = "", other: str = ""
) -> tuple[Agreement, str]:
    """Compares a measured value with the published one.

    Args:
        column: Which column; its tolerance counts.
        published: The paper's value.
        measured: The value here.
        doubt: Why the published one cannot be relied on; empty if it can.
        other: Why both were not measured in the same way; empty if they were.

    Returns:
        A verdict, with a reason where it is neither within nor outside.

    >>> column = PublishedColumn(title="PESQ", metric="pesq_wb", tolerance=0.05, because="two decimals are printed")
    >>> judge(column, 1.82, 1.806)[0].value, judge(column, 1.82, 1.567)[0].value
    ('within tolerance', 'outside tolerance')
    """
    if measured is None:
        return Agreement.NOT_RUN, "nothing was scored"
    reason = f"doubtful: {doubt}" if doubt else "the paper has no value" if published is None else other
    if not reason and column.tolerance is None:
        reason = "no tolerance is known"
    if isinstance(published, str) or isinstance(measured, str):
        reason = reason or "it is no number"
    if reason or published is None or column.tolerance is None:
        return Agreement.UNJUDGED, reason
    # Differences of decimals carry rounding errors: a value at the edge must not fall out by the last bit.
    agrees = abs(float(measured) - float(published)) <= column.tolerance + 1e-9
    return (Agreement.WITHIN if agrees else Agreement.OUTSIDE), ""


def judged_cell(
    table: PublishedTable,
    row: PublishedRow | None,
    key: str,
    measured: Value,
    *,
    name: str = "",
    other: str = "",
    missing: str = "nothing was scored",
    **found: Any,
) -> JudgedCell:
    """Puts a measured value next to the published one.

    Args:
        table: What was published.
        row: Row of the table; None for a system that is not in it.
        key: Name of the column.
        measured: The value here; None if there is none.
        name: Name of the row; by default its label.
        other: Why both were not measured in the same way; empty if they were.
        missing: Why there is no measured value.
        found: Other fields of the cell: its interval, counts and metric.
    """
    column = table.columns[key]
    published, doubt = (None, "") if row is None else (table.published(row)[key], row.doubtful.get(key, ""))
    verdict, reason = judge(column, published, measured, doubt, other)
    if measured is None:
        reason = missing
    elif row is None:
        reason = "not in the table"
    label = name or ("" if row is None else table.label(row))
    return JudgedCell(label, key, column, published, measured, verdict, reason, **found)


def summary_cell(
    table: PublishedTable,
    row: PublishedRow | None,
    key: str,
    line: Mapping[Any, Any],
    *,
    name: str = "",
    other: str = "",
) -> JudgedCell:
    """The cell that a row of `summary.csv` measures; arguments as for `judged_cell`."""
    scale = table.columns[key].scale
    value, low, high = (_finite(line[part], scale) for part in ("value", "ci_low", "ci_high"))
    return judged_cell(
        table, row, key, value, name=name, other=other, low=low, high=high,
        n=int(line["n"]), expected=int(line["n_expected"]), metric=str(line["metric"]),
    )  # fmt: skip


def fact_cells(table: PublishedTable) -> list[JudgedCell]:
    """The cells that follow from the descriptions of the codecs: no audio is needed."""
    missing = "the description of the codec does not say"
    return [
        judged_cell(table, row, key, fact_of(row.system, column.fact), missing=missing, metric=column.fact)
        for row in table.rows
        for key, column in table.columns.items()
        if column.fact is not None and row.system is not None
    ]


def is_number(value: Value) -> TypeGuard[float]:
    """Whether a value is a quantity: neither missing, nor yes or no, nor words."""
    return not isinstance(value, bool | str | None)


def _finite(value: Any, scale: float) -> float | None:
    return None if value is None or math.isnan(value) else float(value) * scale
