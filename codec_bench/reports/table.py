"""The grouped table: systems by bitrate band and kind, best and second best marked, nothing averaged in silence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pandas as pd

from codec_bench.metrics import HEADLINE
from codec_bench.runs.directory import Run

BANDS = (2.0, 0.85, 0.65)
"""Edges in kbit/s of the groups in the LongCat paper's tables."""

RANKED_COVERAGE = 0.95
"""A value over a smaller share of the utterances is shown, but takes no part in best and second best."""

GROUP_ORDER = ("semantic", "acoustic", "classic")
MAIN = (*HEADLINE, "sigmos", "nisqa", "utmos")
"""The columns of the LongCat paper's tables 5 to 7, which come first."""

FAMILY_TITLES = {
    "quality": "Quality and intelligibility",
    "mos": "Predicted opinion scores",
    "speaker": "Speaker similarity",
    "pitch": "Pitch and voicing",
    "spectral": "Spectral",
}
ARROWS = {"higher": "↑", "lower": "↓"}


@dataclass(frozen=True)
class Column:
    """A metric as a column."""

    label: str
    name: str
    title: str
    unit: str
    better: str
    digits: int
    family: str

    @property
    def heading(self) -> str:
        """`WER[pocketsphinx] % ↓`."""
        variant = self.label[len(self.name) :]
        return " ".join(part for part in (self.title + variant, self.unit, ARROWS.get(self.better, "")) if part)


@dataclass(frozen=True)
class Cell:
    """A value with its interval and coverage; rank 1 is the best of its section, 2 the second best."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    expected: int
    digits: int
    rank: int = 0

    @property
    def text(self) -> str:
        """`1.806 ±0.052`, with `(38)` behind it where only 38 utterances have a value."""
        if self.value is None:
            return "–"
        text = f"{self.value:.{self.digits}f}"
        if self.low is not None and self.high is not None:
            text += f" ±{(self.high - self.low) / 2:.{self.digits}f}"
        return text if self.n == self.expected else f"{text} ({self.n})"


@dataclass(frozen=True)
class Row:
    """A system, under a condition or clean."""

    label: str
    bitrate: float | None
    bitrate_source: str
    frame_rate: float | None
    cells: dict[str, Cell]
    condition: str = ""

    @property
    def codec(self) -> str:
        """`opus`: without setting and condition."""
        return self.label.removesuffix(f"+{self.condition}").partition("@")[0]

    @property
    def family(self) -> str:
        """`opus`, `opus+noise@10`: rows that differ in the setting of the codec alone."""
        return f"{self.codec}+{self.condition}" if self.condition else self.codec

    @property
    def bitrate_text(self) -> str:
        """kbit/s; a figure that somebody stated, and nobody counted, carries a mark."""
        if self.bitrate is None:
            return "–"
        return f"{self.bitrate:.2f}{'†' if self.bitrate_source == 'stated' else ''}"

    @property
    def frame_rate_text(self) -> str:
        """Hz, without trailing zeros."""
        return "–" if self.frame_rate is None else f"{self.frame_rate:.2f}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Section:
    """Systems that are compared with each other."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """A run's table, independent of how it is printed.

    Attributes:
        caption: Data set, and whether its speech is synthetic.
        blocks: Titles with the columns that are printed side by side.
        sections: Systems that are compared with each other.
        footnotes: What every reader must know.
        definitions: What each column is, for those who look it up.
    """

    caption: str
    blocks: tuple[tuple[str, tuple[Column, ...]], ...]
    sections: tuple[Section, ...]
    footnotes: tuple[str, ...]
    definitions: tuple[str, ...]


def build_table(run: Run, bands: Sequence[float] = BANDS) -> Table:
    """Groups a run's summary.

    Args:
        run: A finished run.
        bands: Edges of the bitrate groups in kbit/s, falling. The first group lies above the first edge; every other
            one includes its lower edge, as the paper has 0.65 kbit/s in `0.65-0.85`.

    Rows under a condition follow the clean ones, in sections of their own: best is the best under that condition.
    """
    columns = [
        Column(m["label"], m["name"], m["title"], m["unit"], m["better"], m["digits"], m["family"])
        for m in run.metrics.values()
    ]
    rows = _rows(run, columns)
    sections: list[Section] = []
    for condition in ["", *(c["label"] for c in run.info["plan"].get("conditions", []))]:
        members = [r for r in rows if r.condition == condition]
        sections += _sections(run, members, columns, bands, f", {condition}" if condition else "")
    definitions = [f"{m['label']}: {m['note']}" for m in run.metrics.values() if m["note"]]
    definitions += _weights(run)
    provenance = run.info["provenance"]
    definitions.append(f"codec-bench {provenance['codec_bench']}, resampler {provenance['resampler']}.")
    return Table(
        _caption(run), tuple(_blocks(columns)), tuple(sections), tuple(_footnotes(run, rows)), tuple(definitions)
    )


def _sections(
    run: Run, rows: Sequence[Row], columns: Sequence[Column], bands: Sequence[float], suffix: str
) -> list[Section]:
    """The rows of one condition by bitrate and kind, the reference first."""
    groups = {r.label: run.systems[r.label]["group"] for r in rows}
    reference = tuple(r for r in rows if groups[r.label] == "reference")
    sections = [Section(f"reference{suffix}", reference)] if reference else []
    for band in [*band_names(bands), "bitrate not known"]:
        for group in GROUP_ORDER:
            members = [r for r in rows if groups[r.label] == group and band_of(r.bitrate, bands) == band]
            members.sort(key=lambda r: (-(r.bitrate or 0), r.label))
            if members:
                sections.append(Section(f"{band}, {group}{suffix}", tuple(_ranked(members, columns))))
    return sections


def band_names(bands: Sequence[float]) -> list[str]:
    """Names of the bitrate groups, highest first.

    >>> band_names([2, 0.85, 0.65])
    ['> 2 kbps', '0.85-2 kbps', '0.65-0.85 kbps', '< 0.65 kbps']
    """
    if not bands:
        return ["all bitrates"]
    middle = [f"{low:g}-{high:g} kbps" for high, low in pairwise(bands)]
    return [f"> {bands[0]:g} kbps", *middle, f"< {bands[-1]:g} kbps"]


def band_of(bitrate: float | None, bands: Sequence[float]) -> str:
    """The group of a bitrate in kbit/s.

    >>> [band_of(kbps, [2, 0.85, 0.65]) for kbps in (2.0, 0.85, 0.65, 0.43)]
    ['0.85-2 kbps', '0.85-2 kbps', '0.65-0.85 kbps', '< 0.65 kbps']
    """
    names = band_names(bands)
    if bitrate is None:
        return "bitrate not known"
    if not bands:
        return names[0]
    exact = round(bitrate, 9)
    if exact > bands[0]:
        return names[0]
    return next((n for n, low in zip(names[1:], bands[1:], strict=False) if exact >= low), names[-1])


def _rows(run: Run, columns: Sequence[Column]) -> list[Row]:
    digits = {c.label: c.digits for c in columns}
    rows: dict[str, Row] = {}
    for r in run.summary.to_dict("records"):
        label = str(r["system"])
        if label not in rows:
            source = "" if pd.isna(r["bitrate_source"]) else str(r["bitrate_source"])
            condition = run.systems[label].get("condition") or ""
            rows[label] = Row(label, _none(r["bitrate_kbps"]), source, _none(r["frame_rate_hz"]), {}, condition)
        value, low, high = (_none(r[key]) for key in ("value", "ci_low", "ci_high"))
        metric = str(r["metric"])
        rows[label].cells[metric] = Cell(value, low, high, int(r["n"]), int(r["n_expected"]), digits[metric])
    return list(rows.values())


def _ranked(rows: Sequence[Row], columns: Sequence[Column]) -> list[Row]:
    """Marks the best and the second best printed value of each column; equal values share a mark."""
    marked = [dict(r.cells) for r in rows]
    if len(rows) > 1:
        for column in (c for c in columns if c.better):
            values = {
                i: round(cell.value, column.digits)
                for i, row in enumerate(rows)
                if (cell := row.cells[column.label]).value is not None and cell.n >= RANKED_COVERAGE * cell.expected
            }
            order = sorted(set(values.values()), reverse=column.better == "higher")[:2]
            for i, value in values.items():
                if value in order:
                    marked[i][column.label] = replace(rows[i].cells[column.label], rank=1 + order.index(value))
    return [replace(row, cells=cells) for row, cells in zip(rows, marked, strict=True)]


def _blocks(columns: Sequence[Column]) -> list[tuple[str, tuple[Column, ...]]]:
    """The paper's columns first, then the rest by family, so that each block fits a page."""
    main = tuple(c for name in MAIN for c in columns if c.name == name)
    blocks = [("Main metrics", main)]
    for family in dict.fromkeys([*FAMILY_TITLES, *(c.family for c in columns)]):
        blocks.append(
            (FAMILY_TITLES.get(family, family), tuple(c for c in columns if c.family == family and c not in main))
        )
    return [(title, members) for title, members in blocks if members]


def _caption(run: Run) -> str:
    data = run.info["plan"]["dataset"]
    speakers = f", {data['speakers']} speakers" if data["speakers"] else ""
    note = " SYNTHETIC SPEECH: not comparable with any published number." if data["synthetic"] else ""
    return f"{data['name']}: {data['utterances']} utterances{speakers}.{note}"


def _footnotes(run: Run, rows: Sequence[Row]) -> list[str]:
    """What a reader must know to use the numbers."""
    how = run.info["intervals"]
    notes = [
        f"± is half a {how['level']:.0%} bootstrap interval ({how['resamples']} draws of {how['unit']}, seed "
        f"{how['seed']}); a figure in brackets is the number of utterances with a value where it is not all of them. "
        "Bold: best of its group; underlined: second best."
    ]
    if any(r.bitrate_source == "stated" for r in rows):
        notes.append("† bitrate as stated by whoever made the files; all others are computed or counted.")
    notes += run.info["plan"]["dataset"].get("notes", [])
    notes += _conditions(run)
    statuses = run.info["coverage"]["statuses"]
    missing = [
        f"{metric}: " + ", ".join(f"{n} × {status}" for status, n in counts.items() if status != "ok")
        for metric, counts in statuses.items()
        if set(counts) != {"ok"}
    ]
    if missing:
        notes.append("Not scored (over all systems): " + "; ".join(missing) + ".")
    return notes


def _conditions(run: Run) -> list[str]:
    """What was done for the rows under a condition, and what they are compared with."""
    conditions = run.info["plan"].get("conditions", [])
    notes = [f"+{c['label']}: {c['note']}." for c in conditions]
    altered = [s for s in run.systems.values() if s.get("reference") == "altered"]
    if altered:
        notes.append(
            "Rows with an altered recording are scored against the altered one; those of the ground truth are the "
            "altered recordings against the clean ones."
        )
    elif conditions:
        notes.append(
            "All rows are scored against the clean recordings; those of the ground truth under a condition are the "
            "altered recordings, before any codec."
        )
    return notes


def _weights(run: Run) -> list[str]:
    """Which files made the numbers of the codecs that have weights."""
    found: dict[str, dict[str, str]] = {}
    for label, system in run.systems.items():
        found.setdefault(system.get("system", label).partition("@")[0], {}).update(system.get("weights", {}))
    return [
        f"{name}: weights " + ", ".join(f"{path.rsplit('/', 1)[-1]} {digest[:12]}" for path, digest in files.items())
        for name, files in found.items()
        if files
    ]


def _none(value: Any) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def markdown(table: Table) -> str:
    """The table as Markdown, with bold and underlined marks."""
    parts = [f"**{_escape(table.caption)}**"]
    for title, columns in table.blocks:
        headings = ["system", "kbps", "Hz", *(c.heading for c in columns)]
        lines = [f"### {title}", "", _line(headings), _line(["---", *["---:"] * (len(headings) - 1)])]
        for section in table.sections:
            lines.append(_line([f"*{_escape(section.title)}*", *[""] * (len(headings) - 1)]))
            for row in section.rows:
                values = [_markdown_cell(row.cells[c.label]) for c in columns]
                lines.append(_line([_escape(row.label), row.bitrate_text, row.frame_rate_text, *values]))
        parts.append("\n".join(lines))
    parts.append("\n".join(f"- {_escape(note)}" for note in (*table.footnotes, *table.definitions)))
    return "\n\n".join(parts) + "\n"


def _markdown_cell(cell: Cell) -> str:
    return {1: f"**{cell.text}**", 2: f"<u>{cell.text}</u>"}.get(cell.rank, cell.text)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escape(text: str) -> str:
    """Text that stays text in Markdown: system names and data sets come from users."""
    for sign in "\\`*_<>|[]":
        text = text.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return text
