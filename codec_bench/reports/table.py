"""From finished runs to tables: which rows and columns, in which order; nothing is averaged silently."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Literal

import pandas as pd

from codec_bench.errors import UsageError
from codec_bench.metrics import HEADLINE
from codec_bench.metrics.base import EXACT
from codec_bench.options import BANDS
from codec_bench.registry import unknown
from codec_bench.reports.cells import Cell, Efficiency, Section, Table, TableColumn, TableRow
from codec_bench.reports.footnotes import bold_note, caption, definitions, footnotes, interval_notes, setup
from codec_bench.reports.generations import generation_grids
from codec_bench.reports.merging import RunGroup, group_runs, run_names
from codec_bench.reports.rate_distortion import rate_distortion_grids
from codec_bench.reports.sections import sections_of
from codec_bench.reports.standings import ranking_grids
from codec_bench.reports.strata import pitch_grids
from codec_bench.reports.ties import Contest
from codec_bench.runs.directory import Run

__all__ = [
    "BANDS",
    "Bold",
    "Cell",
    "Efficiency",
    "Section",
    "Table",
    "TableColumn",
    "TableRow",
    "build_table",
    "build_tables",
]

Bold = Literal["ties", "best"]
"""What is bold in a group: all that may be the best, or the best value alone."""

MAIN = (*HEADLINE, "sigmos", "nisqa", "utmos")
"""The columns of the LongCat paper's tables 5 to 7, which come first."""

FAMILY_TITLES = {
    "quality": "Quality and intelligibility",
    "mos": "Predicted opinion scores",
    "speaker": "Speaker similarity",
    "emotion": "Emotion similarity",
    "pitch": "Pitch and voicing",
    "spectral": "Spectral",
    "distribution": "Distance between distributions",
}


def build_table(run: Run, bands: Sequence[float] = BANDS, bold: Bold = "ties") -> Table:
    """The table of one finished run.

    Args:
        run: Of any kind.
        bands: Edges of the bitrate groups in kbit/s, falling; see `sections_of`.
        bold: Whether what is not significantly worse than the best of its group is bold too, or the best value alone.

    Raises:
        UsageError: A file of the run cannot be read.
    """
    return _table(RunGroup((run,)), bands, bold)


def build_tables(
    runs: Sequence[Run],
    bands: Sequence[float] = BANDS,
    bold: Bold = "ties",
    *,
    bd_rate: str | None = None,
    ranking: bool = False,
) -> list[Table]:
    """As few tables as comparability allows.

    Runs of one kind on the same utterances, whose common columns were measured in the same way, share one; see
    `merging.difference`. A footnote says why a run on the same data set has a table of its own. The rest is as for
    `build_table`.

    Args:
        runs: Of any kinds.
        bands: As for `build_table`.
        bold: As for `build_table`.
        bd_rate: Codec that rates and distortions of others are compared with; see `rate_distortion`.
        ranking: Whether the systems of each bitrate group are ranked; see `standings`.

    Raises:
        UsageError: A file of a run cannot be read, or no table has the codec `bd_rate` at a bitrate.
    """
    groups = group_runs(runs)
    of_anchor = [g for g in groups if bd_rate is not None and _has_codec(g, bd_rate)]
    if bd_rate is not None and not of_anchor:
        systems = [(label, s["group"]) for run in runs for label, s in run.systems.items()]
        codecs = {label.partition("@")[0] for label, group in systems if group != "reference"}
        raise UsageError(unknown("codec in these runs", bd_rate, sorted(codecs)))
    return [_table(group, bands, bold, bd_rate if group in of_anchor else None, ranking) for group in groups]


def _has_codec(group: RunGroup, name: str) -> bool:
    return any(label.partition("@")[0] == name for run in group.runs for label in run.systems)


def _table(
    group: RunGroup, bands: Sequence[float], bold: Bold, anchor: str | None = None, ranking: bool = False
) -> Table:
    runs = group.runs
    described = {label: metric for run in runs for label, metric in run.metrics.items()}
    keys = [field.name for field in fields(TableColumn)]
    columns = [TableColumn(**{key: metric[key] for key in keys}) for metric in described.values()]
    rows = _with_ends(_merged(runs, columns), columns)
    conditions = dict.fromkeys(c["label"] for run in runs for c in run.info["plan"].get("conditions", []))
    contest = Contest(runs) if bold == "ties" else None
    sections = sections_of(rows, columns, list(conditions), bands, contest)
    notes = interval_notes(runs)
    has_best = any(cell.is_best for section in sections for row in section.rows for cell in row.cells.values())
    marks, made_with = bold_note(runs, columns, contest) if has_best else "", setup(runs)
    more = [
        generation_grids(rows, columns),
        pitch_grids(Contest(runs), rows, [c for c in columns if c.name in MAIN and c.family in FAMILY_TITLES]),
    ]
    if anchor is not None:
        more.append(rate_distortion_grids(Contest(runs), rows, columns, anchor))
    if ranking:
        more.append(ranking_grids(Contest(runs), sections, columns))
    explained = tuple(note for _, notes_of in more for note in notes_of)
    return Table(
        caption=caption(runs),
        blocks=tuple(_blocks(columns)),
        sections=sections,
        footnotes=(*notes, *([marks] if marks else []), *footnotes(runs, rows, group.apart), *explained, made_with),
        definitions=tuple(definitions(runs)),
        kind=runs[0].kind,
        dataset=runs[0].info["plan"]["dataset"]["name"],
        runs=tuple(str(run.path) for run in runs),
        setup=made_with,
        interval_notes=notes,
        extras=tuple(grid for grids, _ in more for grid in grids),
        extra_notes=explained,
    )


def _merged(runs: Sequence[Run], columns: Sequence[TableColumn]) -> list[TableRow]:
    """The rows of all runs; the recordings have one row where their values agree, other systems one for each run."""
    rows: list[tuple[str, TableRow]] = []
    for run, name in zip(runs, run_names(runs), strict=True):
        for row in _rows(run, columns):
            same = (i for i, (_, r) in enumerate(rows) if row.group == "reference" and _agree(r, row, runs))
            if (i := next(same, None)) is None:
                rows.append((name, row))
            else:
                # A column that one of the runs lacks has the value of the other one.
                cells = {m: cell if cell.expected else row.cells[m] for m, cell in rows[i][1].cells.items()}
                rows[i] = (rows[i][0], replace(rows[i][1], cells=cells))
    labels = [row.label for _, row in rows]
    while len(set(labels)) < len(labels):  # again where a system is called as another one is now
        counts = Counter(labels)
        labels = [
            f"{label} ({name})" if counts[label] > 1 else label for label, (name, _) in zip(labels, rows, strict=True)
        ]
    return [replace(row, label=label) for label, (_, row) in zip(labels, rows, strict=True)]


def _agree(one: TableRow, other: TableRow, runs: Sequence[Run]) -> bool:
    """Whether two rows are the same system with the same values, wherever both have been measured."""
    by_path = {str(run.path): run for run in runs}
    made = [by_path[row.run].systems[row.system].get("fingerprint") for row in (one, other)]
    both = [label for label, cell in one.cells.items() if cell.expected and other.cells[label].expected]
    measured = [[(row.cells[m].value, row.cells[m].n, row.cells[m].expected) for m in both] for row in (one, other)]
    return one.label == other.label and made[0] == made[1] and measured[0] == measured[1]


def _rows(run: Run, columns: Sequence[TableColumn]) -> list[TableRow]:
    """The rows of one run; a column that it lacks has a cell without value, of 0 utterances expected."""
    rows: dict[str, TableRow] = {}
    digits = {c.label: c.digits for c in columns}
    for r in run.summary.to_dict("records"):
        label = str(r["system"])
        if label not in rows:
            described = run.systems[label]
            rows[label] = TableRow(
                label,
                _none(r["bitrate_kbps"]),
                "" if pd.isna(r["bitrate_source"]) else str(r["bitrate_source"]),
                _none(r["frame_rate_hz"]),
                {c.label: Cell(None, None, None, 0, 0, c.digits) for c in columns},
                condition=described.get("condition") or "",
                group=described["group"],
                system=label,
                run=str(run.path),
                title=described.get("title", ""),
                efficiency=_efficiency(described),
                known_answers=described.get("verification", {}).get("state", ""),
            )
        value, low, high = (_none(r[key]) for key in ("value", "ci_low", "ci_high"))
        metric = str(r["metric"])
        is_exact = value is not None and value >= EXACT.get(metric, math.inf)
        rows[label].cells[metric] = Cell(
            value, low, high, int(r["n"]), int(r["n_expected"]), digits[metric], is_exact=is_exact
        )
    return list(rows.values())


def _with_ends(rows: Sequence[TableRow], columns: Sequence[TableColumn]) -> list[TableRow]:
    """Decides for each column how intervals are printed: by their ends for percentages, and where one is lopsided."""
    found = [dict(row.cells) for row in rows]
    for column in columns:
        if column.unit == "%" or any(cells[column.label].is_lopsided for cells in found):
            for cells in found:
                cells[column.label] = replace(cells[column.label], shows_ends=True)
    return [replace(row, cells=cells) for row, cells in zip(rows, found, strict=True)]


def _efficiency(described: Mapping[str, Any]) -> Efficiency:
    """Facts about a system as `describe_system` wrote them.

    Runs of before `tokens_per_second` was written have no figure for a codec whose codebooks may differ in rate.
    """
    return Efficiency(
        tokens_per_second=described.get("tokens_per_second"),
        codebooks=described.get("codebooks_used", described.get("codebooks")),
        parameters=described.get("parameters"),
        causal=described.get("causal"),
        streaming=described.get("streaming"),
    )


def _blocks(columns: Sequence[TableColumn]) -> Iterable[tuple[str, tuple[TableColumn, ...]]]:
    """The paper's columns first, then the rest by family, so that each block fits a page."""
    main = tuple(c for name in MAIN for c in columns if c.name == name and c.family in FAMILY_TITLES)
    blocks = [("Main metrics", main)]
    for family in dict.fromkeys([*FAMILY_TITLES, *(c.family for c in columns)]):
        rest = tuple(c for c in columns if c.family == family and c not in main)
        blocks.append((FAMILY_TITLES.get(family, family), rest))
    return [(title, members) for title, members in blocks if members]


def _none(value: Any) -> float | None:
    return None if value is None or math.isnan(value) else float(value)
