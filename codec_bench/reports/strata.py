"""Metrics by the pitch of the voice: a mean over all speakers hides that low bitrates suit some better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from codec_bench.csv_files import read_frame
from codec_bench.grids import Grid
from codec_bench.reports.cells import Cell, TableColumn, TableRow
from codec_bench.reports.ties import Contest
from codec_bench.runs.directory import Run

EDGES = (120.0, 180.0, 250.0)
"""Hz of the recording's median F0 between two strata."""

FEWEST = 10
"""Recordings that a stratum has at least."""

PITCH = "f0_hz"
"""Column of `reconstructions.csv`: median F0 of the recording's voiced frames."""


def pitch_grids(
    contest: Contest, rows: Sequence[TableRow], columns: Sequence[TableColumn]
) -> tuple[list[Grid], list[str]]:
    """The clean systems' values over voices of like pitch, the worst stratum named, and the note below them.

    Nothing where the pitch is not known (a run without pitch metrics), or fewer than two strata have enough recordings.

    Args:
        contest: The scores.
        rows: Of the table.
        columns: Those that are shown so.
    """
    strata = strata_of(_pitches(contest.runs))
    systems = [row for row in rows if not row.condition and not row.is_reference]
    lines: list[list[str]] = []
    for column in columns if len(strata) > 1 else ():
        found = [(row, [contest.over(row, column, names) for names in strata.values()]) for row in systems]
        shown = [(row, values) for row, values in found if any(cell is not None for cell in values)]
        lines += [[column.full_title]] if shown else []
        lines += [[row.label, *_texts(values, column, list(strata))] for row, values in shown]
    if not lines:
        return [], []
    headings = ("system", *strata, "worst")
    grid = Grid(headings, lines, "By pitch of the voice", range(1, len(headings) - 1), (0,))
    counts = ", ".join(f"{len(names)} {stratum}" for stratum, names in strata.items())
    note = (
        f"Pitch of the voice: median F0 of the recording's voiced frames; recordings: {counts}. Strata of fewer than "
        f"{FEWEST} are left out."
    )
    return [grid], [note]


def strata_of(pitches: Mapping[str, float]) -> dict[str, frozenset[str]]:
    """Utterances by stratum, the lowest first; without the strata that hold too few.

    >>> list(strata_of({str(hertz): float(hertz) for hertz in range(171, 280)}))
    ['180-250 Hz', '≥ 250 Hz']
    """
    found = {}
    for low, high in zip((0.0, *EDGES), (*EDGES, math.inf), strict=True):
        names = frozenset(name for name, hertz in pitches.items() if low <= hertz < high)
        if len(names) >= FEWEST:
            title = f"< {high:g} Hz" if not low else f"≥ {low:g} Hz" if math.isinf(high) else f"{low:g}-{high:g} Hz"
            found[title] = names
    return found


def _pitches(runs: Sequence[Run]) -> dict[str, float]:
    """The pitch of every recording that a run says it of."""
    found: dict[str, float] = {}
    for run in runs:
        path = run.path / "reconstructions.csv"
        if run.kind == "reconstruction" and path.is_file():
            frame = read_frame(path, ["system", "utterance"])
            if PITCH in frame:
                known = frame.dropna(subset=[PITCH])
                found |= dict(zip(known["utterance"].astype(str), known[PITCH].astype(float), strict=True))
    return found


def _texts(values: Sequence[Cell | None], column: TableColumn, strata: Sequence[str]) -> list[str]:
    """The values as tables show them, and the name of the worst stratum."""
    known = {name: cell.value for name, cell in zip(strata, values, strict=True) if cell and cell.value is not None}
    pick = min if column.better == "higher" else max
    worst = pick(known, key=lambda stratum: known[stratum]) if column.better and len(known) > 1 else ""
    return [*("–" if cell is None else cell.shown() for cell in values), worst]
