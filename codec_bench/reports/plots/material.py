"""What pictures are drawn from: a table of runs, and the other files in their run directories."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from codec_bench.errors import UsageError
from codec_bench.options import BANDS
from codec_bench.reports.cells import Cell, Table, TableColumn, TableRow
from codec_bench.reports.plots.style import Look, Palette
from codec_bench.reports.table import build_tables
from codec_bench.runs.directory import Run, slug


@dataclass(frozen=True)
class Picture:
    """A figure with its name and the text that belongs below it.

    Attributes:
        name: Stem of its files; the same for the same kind of picture in every report.
        title: What it shows.
        caption: How it was made: data, intervals, normalisation, what was left out.
        figure: What was drawn.
    """

    name: str
    title: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class PlottedRow:
    """A row of a table, with the run that it comes from.

    Attributes:
        row: Label, bitrate and values.
        run: The run.
        look: How it is drawn.
    """

    row: TableRow
    run: Run
    look: Look

    @property
    def label(self) -> str:
        """As shown; unique in a table."""
        return self.row.label

    @property
    def is_reference(self) -> bool:
        """Whether it is the recordings, or something else that codes nothing."""
        return self.row.group == "reference"

    @property
    def family(self) -> str:
        """Rows that differ in the setting of the codec alone, and come from one run, share it."""
        name = codec_of(self.row)
        return f"{name}+{self.row.condition}" if self.row.condition else name

    @property
    def setting(self) -> str:
        """The label without the condition."""
        return setting_of(self.row)

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
    """One table, which is drawn in pictures of its own.

    Attributes:
        table: Rows and columns.
        runs: The runs of the table.
        entries: Its rows in order.
        bands: Edges of the bitrate groups in kbit/s.
    """

    table: Table
    runs: tuple[Run, ...]
    entries: tuple[PlottedRow, ...]
    bands: Sequence[float]

    @property
    def coded(self) -> list[PlottedRow]:
        """The rows that are not a reference."""
        return [e for e in self.entries if not e.is_reference]

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
    def seed(self) -> int:
        """Seed of the bootstrap."""
        return int(self.runs[0].info["plan"].get("seed") or 0)

    @property
    def intervals(self) -> str:
        """What the intervals are: `95% bootstrap intervals (2000 draws of speakers)`."""
        how = self.runs[0].info.get("intervals") or {}
        if not {"level", "resamples", "unit"} <= set(how):
            return "the intervals of the table"
        return f"{how['level']:.0%} bootstrap intervals ({how['resamples']} draws of {how['unit']})"

    def entry(self, run: Run, system: str) -> PlottedRow | None:
        """The row of a system of a run; None for what is not a system."""
        path = str(run.path)
        return next((e for e in self.entries if (e.row.run, e.row.system) == (path, system)), None)

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
            path = run.path / file
            if not path.exists():
                continue
            try:
                # A class may be called "NA".
                text = {"system": str, "utterance": str, "label": str, "method": str}
                frame = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=text)
            except (OSError, ValueError) as error:
                raise UsageError(f"{path} cannot be read: {error}") from error
            if missing := [c for c in columns if c not in frame]:
                raise UsageError(f"{path} cannot be drawn: it has no column {missing[0]}")
            found.append(frame.assign(system=[self.label(run, s) for s in frame.system]))
        frames = [f for f in found if len(f)]
        return pd.concat(frames, ignore_index=True) if frames else None

    def label(self, run: Run, system: str) -> str:
        """The label in this table of a system of a run; what is not a system keeps its name."""
        entry = self.entry(run, system)
        return system if entry is None else entry.label

    def look(self, label: str) -> Look:
        """How something is drawn; what is not a system (a text, a labelling) looks like a reference."""
        return next((e.look for e in self.entries if e.label == label), Palette.other())

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


def codec_of(row: TableRow) -> str:
    """The codec that decides how a row is drawn; a row of two runs with different values counts as two.

    >>> codec_of(TableRow("opus@6000 (runs/b)", 6.0, "", None, {}, system="opus@6000"))
    'opus (runs/b)'
    """
    return row.codec + row.label.removeprefix(row.system or row.label)


def setting_of(row: TableRow) -> str:
    """The label without the condition.

    >>> setting_of(TableRow("opus@6000+noise@10", 6.0, "", None, {}, condition="noise@10", system="opus@6000+noise@10"))
    'opus@6000'
    """
    system = row.system or row.label
    return system.removesuffix(f"+{row.condition}") + row.label.removeprefix(system)


def gather(runs: Sequence[Run], bands: Sequence[float] | None = None) -> Iterator[PlotData]:
    """The tables of runs, whose codecs have the same looks in all of them.

    Args:
        runs: Finished runs, in the order in which they shall be shown.
        bands: Edges of the bitrate groups in kbit/s, falling; those of the first run by default.
    """
    by_path = {str(run.path): run for run in runs}
    if bands is None:
        bands = _bands(runs[0]) if runs else BANDS
    tables = build_tables(runs, bands)
    rows = [[row for section in table.sections for row in section.rows] for table in tables]
    asked = [
        (codec_of(row), setting_of(row), row.label, row.group == "reference")
        for group in rows
        for row in sorted(group, key=lambda r: _position(r, by_path))
    ]
    palette = Palette(asked)
    for table, group in zip(tables, rows, strict=True):
        entries = tuple(PlottedRow(row, by_path[row.run], palette.look(row.label)) for row in group)
        yield PlotData(table, tuple(by_path[path] for path in table.runs), entries, bands)


def _bands(run: Run) -> Sequence[float]:
    config: dict[str, Any] = run.info.get("config") or {}
    return config.get("bands") or BANDS


def _position(row: TableRow, by_path: dict[str, Run]) -> tuple[int, int]:
    """The place of a row in the order in which systems were requested."""
    return list(by_path).index(row.run), list(by_path[row.run].systems).index(row.system)
