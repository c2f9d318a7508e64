"""How fast quality is lost when a codec codes its own output: half-lives over `repeat@N`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from codec_bench.grids import Grid
from codec_bench.reports.cells import NOTHING, TableColumn, TableRow

FLOORS = {"stoi": 0.0, "estoi": 0.0, "pesq_wb": 1.0, "pesq_nb": 1.0, "visqol": 1.0, "utmos": 1.0, "sigmos": 1.0,
          "nisqa": 1.0, "secs": 0.0, "spk_sim": 0.0}  # fmt: skip
"""What a metric has for something that is nothing like the recording: the end of its scale."""


def generation_grids(rows: Sequence[TableRow], columns: Sequence[TableColumn]) -> tuple[list[Grid], list[str]]:
    """Half-lives of the systems that have rows of several generations, and the note below them."""
    found: dict[str, dict[float, TableRow]] = {}
    for row in rows:
        name, _, value = row.condition.partition("@")
        if not row.is_reference and (not row.condition or name == "repeat"):
            found.setdefault(row.setting, {})[float(value) if value else 1.0] = row
    measured = [c for c in columns if c.name in FLOORS and c.better == "higher"]
    systems = {label: by_number for label, by_number in found.items() if len(by_number) > 1}
    if not systems or not measured:
        return [], []
    last = max(max(numbers) for numbers in systems.values())
    lines = []
    for label, numbers in systems.items():
        points = {c.label: {n: row.cells[c.label].value for n, row in sorted(numbers.items())} for c in measured}
        lines.append([label, *(_text(half_life(points[c.label], FLOORS[c.name]), points[c.label]) for c in measured)])
    headings = ("system", *(c.full_title for c in measured))
    grid = Grid(headings, lines, "Half-life in generations", range(1, len(headings)), (0,))
    note = (
        f"Half-life: the generation at which half of what the first one had above the metric's floor is lost, between "
        f"measured generations on a logarithmic axis; measured up to {last:g}."
    )
    return [grid], [note]


def half_life(values: dict[float, float | None], floor: float) -> float | None:
    """The generation at which half is lost; infinite if it never is, None without values of the first one.

    >>> half_life({1.0: 0.9, 2.0: 0.45, 4.0: 0.3}, 0.0), half_life({1.0: 0.9, 2.0: 0.8}, 0.0)
    (2.0, inf)
    """
    known = {n: value for n, value in sorted(values.items()) if value is not None}
    if 1.0 not in known or known[1.0] <= floor:
        return None
    half = floor + (known[1.0] - floor) / 2
    before, value_before = 1.0, known[1.0]
    for number, value in known.items():
        if value <= half:
            share = (value_before - half) / (value_before - value)
            return float(before * (number / before) ** share)
        before, value_before = number, value
    return math.inf


def _text(life: float | None, values: dict[float, float | None]) -> str:
    if life is None:
        return NOTHING
    return f"{life:.1f}" if math.isfinite(life) else f"> {max(n for n, v in values.items() if v is not None):g}"
