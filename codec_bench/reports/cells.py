"""What a table is made of, whatever run it comes from and however it is printed."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from codec_bench.grids import Grid, Marked
from codec_bench.runs.directory import ARROWS

NOTHING = "–"
"""Shown where there is no value."""

BEST = ("bold", "**{}**")
"""How the best of a section look on a terminal and in Markdown."""


@dataclass(frozen=True)
class TableColumn:
    """A metric as a column; `better` is empty if no direction is, so that nothing is marked as best."""

    label: str
    name: str
    title: str
    unit: str
    better: str
    digits: int
    family: str

    @property
    def variant(self) -> str:
        """`pocketsphinx` of `wer[pocketsphinx]`; empty without a variant."""
        return self.label[len(self.name) :].removeprefix("[").removesuffix("]")

    @property
    def full_title(self) -> str:
        """`WER[pocketsphinx]`."""
        return self.title + self.label[len(self.name) :]

    @property
    def heading(self) -> str:
        """`WER[pocketsphinx] % ↓`."""
        return " ".join(part for part in (self.full_title, self.unit, ARROWS.get(self.better, "")) if part)


@dataclass(frozen=True)
class Cell:
    """A value with its interval and coverage.

    Attributes:
        shows_ends: Whether the interval is printed by its ends, as is that of a share, which may not lie around it.
        is_best: Whether it is marked as (one of) the best of its section.
        is_exact: Whether the value says only that two signals are the same; how large it is depends on rounding.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    expected: int
    digits: int
    shows_ends: bool = False
    is_best: bool = False
    is_exact: bool = False

    @property
    def number(self) -> str:
        """`1.806`, a dash, or `exact`."""
        if self.is_exact:
            return "exact"
        return NOTHING if self.value is None else self._printed(self.value)

    @property
    def interval(self) -> str:
        """`±0.052`, or `[1.20, 3.54]`; empty without one."""
        if self.value is None or self.low is None or self.high is None or self.is_exact:
            return ""
        if self.shows_ends:
            return f"[{self._printed(self.low)}, {self._printed(self.high)}]"
        return f"±{self._printed((self.high - self.low) / 2)}"

    @property
    def is_lopsided(self) -> bool:
        """Whether the value is seen not to be the middle of its interval."""
        if self.value is None or self.low is None or self.high is None:
            return False
        return abs(self.low + self.high - 2 * self.value) > 10.0**-self.digits / 2

    @property
    def coverage(self) -> str:
        """`38` where only 38 of more utterances have a value; empty for all of them, and for none."""
        return str(self.n) if self.value is not None and self.n != self.expected else ""

    def shown(self, intervals: bool = True) -> str:
        """`1.806 ±0.052`, followed by `(38)` if only 38 utterances have a value; `1.806` without intervals."""
        interval = f" {self.interval}" if intervals and self.interval else ""
        return self.number + interval + (f" ({self.coverage})" if self.coverage else "")

    def _printed(self, number: float) -> str:
        return f"{number:.{self.digits}f}"


@dataclass(frozen=True)
class Efficiency:
    """What a system costs and how it can be used; None if unknown or not applicable.

    Attributes:
        tokens_per_second: Sum over the codebooks that are decoded; None for a bitstream, which has no tokens.
        causal: Whether output never depends on later input beyond the frame.
        streaming: Whether it can be run frame by frame as it is.
    """

    tokens_per_second: float | None = None
    codebooks: int | None = None
    parameters: int | None = None
    causal: bool | None = None
    streaming: bool | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """As printed under `EFFICIENCY_HEADINGS`."""
        return (
            _trimmed(self.tokens_per_second),
            NOTHING if self.codebooks is None else str(self.codebooks),
            NOTHING if self.parameters is None else f"{self.parameters / 1e6:.1f} M",
            _yes(self.causal),
            _yes(self.streaming),
        )


SETTING_HEADINGS = ("kbps", "Hz")
EFFICIENCY_HEADINGS = ("tokens/s", "codebooks", "parameters", "causal", "streaming")


@dataclass(frozen=True)
class TableRow:
    """A system, under a condition or clean.

    Attributes:
        label: As printed; unique in its table.
        bitrate: kbit/s.
        bitrate_source: `computed`, `counted` or `stated`.
        frame_rate: Hz, of the fastest codebook.
        cells: One per column, by the column's label.
        condition: What was done to the recordings; empty for a clean row.
        group: `reference`, `semantic`, `acoustic`, `classic` or `continuous`.
        system: The label in the run's own files; differs from `label` where two runs have the same system.
        run: Folder of the run.
        known_answers: What verification said of the codec on the machine that ran it; empty where there is none.
    """

    label: str
    bitrate: float | None
    bitrate_source: str
    frame_rate: float | None
    cells: dict[str, Cell]
    condition: str = ""
    group: str = ""
    system: str = ""
    run: str = ""
    title: str = ""
    efficiency: Efficiency = field(default_factory=Efficiency)
    known_answers: str = ""

    @property
    def is_failed(self) -> bool:
        """Whether the codec fails a known answer."""
        return self.known_answers == "failed"

    @property
    def is_reference(self) -> bool:
        """Whether it is the recordings, or something else that codes nothing."""
        return self.group == "reference"

    @property
    def setting(self) -> str:
        """The label without the condition.

        >>> TableRow("a@1+noise@10", 6.0, "", None, {}, condition="noise@10", system="a@1+noise@10").setting
        'a@1'
        """
        return self._system.removesuffix(f"+{self.condition}") + self._run

    @property
    def codec(self) -> str:
        """The codec; a row of two runs with different values counts as two.

        >>> TableRow("opus@6000 (runs/b)", 6.0, "", None, {}, system="opus@6000").codec
        'opus (runs/b)'
        """
        return self._system.removesuffix(f"+{self.condition}").partition("@")[0] + self._run

    @property
    def name(self) -> str:
        """The codec, whichever run the row is of."""
        return self.codec.removesuffix(self._run)

    @property
    def family(self) -> str:
        """`opus`, `opus+noise@10`: rows of a run that differ in the setting of the codec alone."""
        condition = f"+{self.condition}" if self.condition else ""
        return self.name + condition + self._run

    @property
    def _system(self) -> str:
        return self.system or self.label

    @property
    def _run(self) -> str:
        """` (name)` where two runs of the table have the same system."""
        return self.label.removeprefix(self._system)

    @property
    def bitrate_text(self) -> str:
        """kbit/s; marked where it is stated and not counted, and where the codec fails a known answer."""
        mark = ("†" if self.bitrate_source == "stated" else "") + ("‡" if self.is_failed else "")
        return f"{NOTHING if self.bitrate is None else f'{self.bitrate:.2f}'}{mark}"

    @property
    def frame_rate_text(self) -> str:
        """Hz, without trailing zeros."""
        return _trimmed(self.frame_rate)

    def settings(self, efficiency: bool = False) -> tuple[str, ...]:
        """What stands between the system and its values: bitrate, frame rate, and on request what it costs."""
        return (self.bitrate_text, self.frame_rate_text, *(self.efficiency.texts if efficiency else ()))


def setting_headings(efficiency: bool = False) -> tuple[str, ...]:
    """Headings of `TableRow.settings`."""
    return SETTING_HEADINGS + (EFFICIENCY_HEADINGS if efficiency else ())


@dataclass(frozen=True)
class Section:
    """Systems that are compared with each other."""

    title: str
    rows: tuple[TableRow, ...]


@dataclass(frozen=True)
class Table:
    """One table, independent of how it is printed.

    Attributes:
        caption: Data set, and whether its speech is synthetic.
        blocks: Titles with the columns that are printed side by side.
        footnotes: What every reader must know; `notes` leaves out what does not apply.
        definitions: What each column is, for those who look it up.
        kind: Kind of the runs: `reconstruction`, `probe`, `tokens` or `speed`.
        runs: Folders of the runs that the rows come from.
        setup: The footnote that says what the numbers were made with.
        interval_notes: The footnotes that explain the intervals.
        extras: What was asked for besides: rate and distortion, rankings.
        extra_notes: The footnotes that explain these.
    """

    caption: str
    blocks: tuple[tuple[str, tuple[TableColumn, ...]], ...]
    sections: tuple[Section, ...]
    footnotes: tuple[str, ...]
    definitions: tuple[str, ...]
    kind: str = "reconstruction"
    dataset: str = ""
    runs: tuple[str, ...] = ()
    setup: str = ""
    interval_notes: tuple[str, ...] = ()
    extras: tuple[Grid, ...] = ()
    extra_notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[TableColumn, ...]:
        """All columns in the order in which they are printed."""
        return tuple(column for _, columns in self.blocks for column in columns)

    @property
    def rows(self) -> tuple[TableRow, ...]:
        """All rows in the order in which they are printed."""
        return tuple(row for section in self.sections for row in section.rows)

    def printed_blocks(self, efficiency: bool) -> list[tuple[str, tuple[TableColumn, ...]]]:
        """The blocks; on request first one without metrics, for what systems cost."""
        return [*([("Efficiency", ())] if efficiency else []), *self.blocks]

    def grids(self, intervals: bool = True, efficiency: bool = False, width: int | None = None) -> Iterator[Grid]:
        """The blocks for a terminal or Markdown, the best of each section marked.

        Args:
            intervals: Whether each value has its interval.
            efficiency: Whether tokens per second, codebooks, parameters, causal and streaming are a block of their own.
            width: Columns of a terminal; a block that is wider has no intervals.
        """
        for title, columns in self.printed_blocks(efficiency):
            whole = self._grid(title, columns, intervals)
            fits = width is None or whole.is_within(width)
            yield whole if fits else self._grid(title, columns, intervals=False)
        yield from self.extras

    def _repr_html_(self) -> str:
        """The table for a notebook."""
        grids = "".join(f"<p>{html.escape(grid.title)}</p>{grid.html()}" for grid in self.grids())
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes())
        return f"<p><b>{html.escape(self.caption)}</b></p>{grids}<ul>{notes}</ul>"

    def lacks_intervals(self, width: int, efficiency: bool = False) -> bool:
        """Whether a terminal of so many columns has no room for the intervals of a block."""
        return any(
            not self._grid("", columns, intervals=True).is_within(width)
            for _, columns in self.printed_blocks(efficiency)
            if any(row.cells[column.label].interval for row in self.rows for column in columns)
        )

    def _grid(self, title: str, columns: Sequence[TableColumn], intervals: bool) -> Grid:
        """One block."""
        headings = ("system", *setting_headings(not columns), *(column.heading for column in columns))
        rows: list[Sequence[str | Marked]] = []
        for section in self.sections:
            rows.append([Marked(section.title, "dim italic", "*{}*")])
            for row in section.rows:
                cells = [row.cells[column.label] for column in columns]
                values = [Marked(cell.shown(intervals), *(BEST if cell.is_best else ())) for cell in cells]
                rows.append([row.label, *row.settings(not columns), *values])
        return Grid(headings, rows, title, right=range(1, len(headings)), whole=(0,))

    def notes(self, intervals: bool = True) -> tuple[str, ...]:
        """The footnotes; without intervals, without those that explain them."""
        return tuple(note for note in self.footnotes if intervals or note not in self.interval_notes)


def _trimmed(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def _yes(value: bool | None) -> str:
    return NOTHING if value is None else "yes" if value else "no"
