"""Values of existing runs, next to a published table: probes, token statistics, speed, reconstructions."""

from __future__ import annotations

from collections.abc import Sequence

from codec_bench.errors import UsageError
from codec_bench.reproduction.availability import run_label
from codec_bench.reproduction.judging import Absence, JudgedCell, Reproduction, fact_cells, judged_cell, summary_cell
from codec_bench.reproduction.paper import PublishedColumn, PublishedRow, PublishedTable
from codec_bench.runs.directory import Run

KINDS = {"probe": "probe", "tokens": "tokens", "speed": "speed", "reconstruction": "reconstruction",
         "ablation": "reconstruction"}  # fmt: skip
"""Kind of run that measures a kind of table."""


def compare_runs(table: PublishedTable, runs: Sequence[Run], rows: Sequence[PublishedRow]) -> Reproduction:
    """Puts the values of finished runs next to a table; nothing is computed.

    A row takes the values of the system that it names, or of one that is called as the row is, and a column those of
    the run over its data set; where only one column asks for a value, a run over other data gives it, too, and is not
    judged.

    Runs are of the kind that measures the table; where two have a value, the last one counts.

    Raises:
        UsageError: A run is of another kind, or has no system of the table.
    """
    wanted = KINDS.get(table.kind)
    for run in runs:
        if run.kind != wanted:
            raise UsageError(f"{run.path} is a run of kind {run.kind}; {table.id} is about {wanted or table.kind}")
    cells = {(cell.row, cell.key): cell for cell in fact_cells(table) if cell.row in {table.label(r) for r in rows}}
    for row in rows:
        for key, column in table.columns.items():
            found = [cell for run in runs if (cell := _cell(table, row, key, column, run)) is not None]
            if found:
                cells[table.label(row), key] = found[-1]
    seen = {cell.row for cell in cells.values() if cell.expected}
    if not seen:
        raise UsageError(_nothing_in(table, runs, rows))
    absent = [Absence(table.label(r), table.reason(r) or "not in the runs") for r in rows if table.label(r) not in seen]
    about = [(run.path, run.info["plan"]["dataset"]) for run in runs]
    notes = [f"values of {path}: {data['name']}, {data['utterances']} utterances" for path, data in about]
    return Reproduction(table, tuple(cells.values()), tuple(absent), tuple(notes), (), tuple(runs))


def _cell(table: PublishedTable, row: PublishedRow, key: str, column: PublishedColumn, run: Run) -> JudgedCell | None:
    """The value of one run, or None if it has none."""
    label = column.metric or column.result
    system = _system(table, row, run)
    if system is None or not label:
        return None
    name, published_on = run.info["plan"]["dataset"]["name"], column.dataset or table.dataset(row)
    rivals = sum(other.result == column.result for other in table.columns.values()) if column.dataset else 1
    if published_on is not None and name != published_on and (rivals > 1 or table.datasets):
        return None
    summary = run.summary
    lines = summary[(summary["system"] == system) & (summary["metric"] == label)]
    if lines.empty:
        return None
    other = "" if published_on in (None, name) else f"on {name}, not {published_on}"
    cell = summary_cell(table, row, key, lines.iloc[0].to_dict(), other=other)
    if column.codebook is None:
        return cell
    value = _of_codebook(run, system, label, column.codebook)
    if value is None:
        return None
    return judged_cell(table, row, key, value, other=other, n=cell.n, expected=cell.expected, metric=label)


def _system(table: PublishedTable, row: PublishedRow, run: Run) -> str | None:
    """What a run calls the system of a row: as codecs are called, or as the table calls it."""
    if row.system is not None and run_label(row) in run.systems:
        return run_label(row)
    return next((label for label in run.systems if table.row_of(label) == table.label(row)), None)


def _nothing_in(table: PublishedTable, runs: Sequence[Run], rows: Sequence[PublishedRow]) -> str:
    """One line for runs that have nothing of a table, with what was probably meant."""
    systems = list(dict.fromkeys(label for run in runs for label in run.systems))
    if near := [(label, found) for label in systems if (found := table.nearest_row(label)) is not None]:
        return f"{table.id} has no row {near[0][0]!r}; did you mean {near[0][1]!r}?"
    known = ", ".join(dict.fromkeys(run_label(row) if row.system else table.label(row) for row in rows))
    others = f"they have {', '.join(systems)}"
    return f"none of the runs has a system and a column of {table.id}: it is about {known}; {others}"


def _of_codebook(run: Run, system: str, label: str, codebook: int) -> float | None:
    """The value of one codebook, of `codebooks.csv`."""
    try:
        books = run.table("codebooks.csv")
        lines = books[(books["system"] == system) & (books["codebook"] == codebook)]
        return None if lines.empty else float(lines.iloc[0][label])
    except (ValueError, KeyError) as error:
        raise UsageError(f"{run.path / 'codebooks.csv'} cannot be read: {error}") from error
