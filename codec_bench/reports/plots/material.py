"""What pictures are drawn from: a table of runs, and the other files in their run directories."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
from matplotlib.figure import Figure

from codec_bench.csv_files import read_frame
from codec_bench.options import BANDS
from codec_bench.reports.cells import Cell, Table, TableColumn, TableRow
from codec_bench.reports.intervals import described
from codec_bench.reports.plots import style
from codec_bench.reports.plots.style import Look
from codec_bench.reports.table import build_tables
from codec_bench.runs.directory import Run, slug


@dataclass(frozen=True)
class Picture:
    """A figure with its name and the text that belongs below it.

    Attributes:
        name: Stem of its files; the same for the same kind of picture in every report.
        title: What it shows.
        caption: How it was made: data, intervals, normalisation, what was left out.
    """

    name: str
    title: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class PlottedRow:
    """A row of a table, with the run that it comes from and how it is drawn."""

    row: TableRow
    run: Run
    look: Look

    @property
    def label(self) -> str:
        """As shown; unique in a table."""
        return self.row.label

    def cell(self, column: TableColumn) -> Cell | None:
        """Its value in a column, where there is one."""
        cell = self.row.cells.get(column.label)
        return cell if cell is not None and cell.value is not None else None

    def scores(self, column: TableColumn) -> pd.DataFrame:
        """The scored utterances in one metric; empty for runs that keep no scores per utterance."""
        if not (self.run.path / "scores.parquet").exists():
            return pd.DataFrame(columns=["utterance", "speaker", "value", "numerator", "denominator"])
        frame = self.run.scores
        chosen = (frame.system == self.row.system) & (frame.metric == column.label) & (frame.status == "ok")
        return frame[chosen]


@dataclass(frozen=True)
class PlotData:
    """One table, which is drawn in pictures of its own; `bands` are edges of the bitrate groups in kbit/s."""

    table: Table
    runs: tuple[Run, ...]
    entries: tuple[PlottedRow, ...]
    bands: Sequence[float]

    @property
    def coded(self) -> list[PlottedRow]:
        """The rows that are not a reference."""
        return [e for e in self.entries if not e.row.is_reference]

    @property
    def clean(self) -> list[PlottedRow]:
        """The coded rows under no condition."""
        return [e for e in self.coded if not e.row.condition]

    @property
    def main(self) -> tuple[TableColumn, ...]:
        """The main metrics, or those of the first block if there are none."""
        return self.table.blocks[0][1] if self.table.blocks else ()

    @cached_property
    def conditions(self) -> list[str]:
        """The conditions of coded rows, the clean one (empty) first."""
        return sorted(dict.fromkeys(e.row.condition for e in self.coded), key=lambda c: c != "")

    @property
    def intervals(self) -> str:
        """What the intervals are: `95 % intervals, t over 37 speakers`."""
        return described(self.runs[0]).replace(": ", ", ", 1) or "the intervals of the table"

    def frame(self, file: str, columns: Sequence[str]) -> pd.DataFrame | None:
        """An optional table that runs keep next to their summary.

        Args:
            file: Name in the run directory.
            columns: What it must have; more are allowed.

        Returns:
            The rows of all runs that have the file, with the labels of this table as `system` and the look of each as
            `look`; None if no run has it.

        Raises:
            UsageError: A file is there and cannot be read, or lacks a column.
        """
        found = []
        for run in self.runs:
            path = run.file(file)
            if not path.exists():
                continue
            text = {"system": str, "utterance": str, "label": str, "method": str}  # a class may be called "NA"
            frame = read_frame(path, columns, keep_default_na=False, na_values=[""], dtype=text)
            found.append(frame.assign(system=[self.label(run, s) for s in frame.system]))
        frames = [f for f in found if len(f)]
        return pd.concat(frames, ignore_index=True) if frames else None

    def label(self, run: Run, system: str) -> str:
        """The label in this table of a system of a run; what is not a system keeps its name."""
        here = (str(run.path), system)
        return next((e.label for e in self.entries if (e.row.run, e.row.system) == here), system)

    def look(self, label: str) -> Look:
        """How something is drawn; what is not a system (a text, a labelling) looks like a reference."""
        return next((e.look for e in self.entries if e.label == label), style.plain_look())

    def picture(self, name: str, title: str, caption: str, figure: Figure) -> Picture:
        """A picture of the table, which says above itself what it shows and of which data."""
        style.headline(figure, title, self.table.caption)
        return Picture(name, title, caption, figure)

    def order(self, labels: Iterable[str]) -> list[str]:
        """Labels in the order of the table, what is not a system behind them."""
        known = [e.label for e in self.entries]
        unique = list(dict.fromkeys(labels))
        return sorted(unique, key=lambda label: known.index(label) if label in known else len(known))


Drawer = Callable[[PlotData], Iterator[Picture]]
"""One kind of picture: it draws what its data allow, and nothing where they are not there."""


def stem(*parts: str) -> str:
    """A file name for a picture of what has these titles.

    >>> stem("lengths", "Pitch and voicing"), stem("Main metrics"), stem("spectrograms", "wer[pocketsphinx]")
    ('lengths_pitch_and_voicing', 'main_metrics', 'spectrograms_wer_pocketsphinx')
    """
    return re.sub("_+", "_", slug("_".join(parts).lower()))


def gather(runs: Sequence[Run], bands: Sequence[float] | None = None) -> Iterator[PlotData]:
    """The tables of finished runs, whose codecs have the same looks in all of them; bands as for `write_plots`."""
    by_path = {str(run.path): run for run in runs}
    if bands is None:
        bands = ((runs[0].info.get("config") or {}).get("bands") if runs else None) or BANDS
    tables = build_tables(runs, bands, bold="best")  # pictures mark nothing
    # Looks are given in the order in which systems were requested.
    asked = [(path, system) for path, run in by_path.items() for system in run.systems]
    looks = style.looks_of(
        row for table in tables for row in sorted(table.rows, key=lambda row: asked.index((row.run, row.system)))
    )
    for table in tables:
        entries = tuple(PlottedRow(row, by_path[row.run], looks[row.label]) for row in table.rows)
        yield PlotData(table, tuple(by_path[path] for path in table.runs), entries, bands)
