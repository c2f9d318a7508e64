"""Rows of published tables as known answers of codecs: coarse, and over whole data sets, but there for many."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from codec_bench.reproduction.config import ReproduceConfig
from codec_bench.reproduction.paper import PublishedRow, PublishedTable, load_paper, paper_names
from codec_bench.reproduction.reproduce import nothing_ran, reproduce
from codec_bench.verification import Outcome, Result, Target


@dataclass(frozen=True)
class TableRow:
    """A row of a table that `reproduce` measures with a codec."""

    target: str
    table: PublishedTable
    row: PublishedRow

    @property
    def result(self) -> Result:
        """What it says where it is not measured: the command, the figures, and how far others may be from them."""
        return Result(
            self.target,
            Outcome.NOT_RUN,
            f"row {self.row.name!r} of {self.table.id}, {self.row.system}",
            expected=self._figures(tolerances=False),
            found=f"codec-bench reproduce {self.table.id} --row {shlex.quote(self.row.name)} measures it",
            tolerance=self._figures(tolerances=True),
            source=f"{self.table.paper}, {self.table.where}",
        )

    def _figures(self, *, tolerances: bool) -> str:
        found = []
        for key, value in self.table.published(self.row).items():
            column = self.table.columns[key]
            if column.metric and value is not None:
                found.append(f"{column.title} {column.tolerance:g}" if tolerances else f"{column.title} {value:g}")
        return ", ".join(found)

    def measured(self) -> Iterator[Result]:
        """Measures it: one result for each figure.

        Raises:
            CodecBenchError: It cannot be measured.
        """
        made = reproduce(self.table, ReproduceConfig(table=self.table.id, row=[self.row.name], report=False))
        what = f"row {self.row.name!r} of {self.table.id}"
        if reason := nothing_ran(made):
            yield Result(self.target, Outcome.NOT_HAD, what, found=reason, source=self.result.source)
            return
        for cell in made.measured:
            outcome = Outcome.DIFFERS if cell in made.outside else Outcome.PASSED
            yield Result(
                self.target,
                outcome,
                f"{cell.column.title}, {what}",
                expected=f"{cell.published}",
                found=f"{cell.measured:.4g}",
                tolerance=f"{cell.column.tolerance:g}",
                source=self.result.source,
                reveals="a wrong file or setting, which shows as a collapse of all figures; or another protocol",
            )


def rows_of(target: Target) -> list[TableRow]:
    """The rows that `reproduce` can measure with a codec at any of its settings."""
    name = target.name.removeprefix("codec:").partition("@")[0]
    found: dict[tuple[str, str], TableRow] = {}
    for table in (table for paper in paper_names() for table in load_paper(paper).tables.values()):
        if table.kind != "reconstruction" or not table.measured_by_run:
            continue
        for row in table.rows:
            if (row.system or "").partition("@")[0] == name:
                found.setdefault((table.id, row.name), TableRow(target.name, table, row))
    return list(found.values())
