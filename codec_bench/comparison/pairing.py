"""Which row of the baseline a row of the candidate is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codec_bench.comparison.measurements import REFERENCE, Measurements, SystemRow
from codec_bench.errors import UsageError
from codec_bench.registry import unknown


@dataclass(frozen=True)
class RowPair:
    """Two rows that are compared."""

    baseline: SystemRow
    candidate: SystemRow

    @property
    def label(self) -> str:
        """`opus@6000`, or `opus@6000 → opus@5000` where the names differ."""
        names = (self.baseline.label, self.candidate.label)
        return names[0] if names[0] == names[1] else " → ".join(names)


def find_pairs(
    baseline: Measurements, candidate: Measurements, asked: Sequence[str] = ()
) -> tuple[list[RowPair], list[str]]:
    """Pairs the rows of two runs; a condition is part of a row's name.

    Args:
        baseline: The earlier run.
        candidate: The later one.
        asked: `A=B`: row A of the baseline with row B of the candidate. A system without a condition stands for its
            rows under all conditions that both have. Without any: where each run has one system besides the reference,
            these two; otherwise all rows that both have.

    Returns:
        The pairs, a line for each row that has no partner, and how such rows are compared.

    Raises:
        UsageError: A row that does not exist, or no pair at all.
    """
    if asked:
        found = [pair for text in asked for pair in _asked(baseline, candidate, text)]
        return list(dict.fromkeys(found)), []
    left, right = _rows(baseline), _rows(candidate)
    one = [{row.system for row in rows} for rows in (left, right)]
    if all(len(systems) == 1 for systems in one):
        partners = {row.condition: row for row in right}
        pairs = [RowPair(row, partners[row.condition]) for row in left if row.condition in partners]
    else:
        by_label = {row.label: row for row in right}
        pairs = [RowPair(row, by_label[row.label]) for row in left if row.label in by_label]
    if not pairs:
        raise UsageError(
            f"no system is in both: the baseline has {_names(left)}, the candidate {_names(right)}; say which belong "
            "together with --pair A=B"
        )
    used = {id(row) for pair in pairs for row in (pair.baseline, pair.candidate)}
    alone = [[row.label for row in rows if id(row) not in used] for rows in (left, right)]
    notes = [
        f"{label} is in the {side} only and is not compared"
        for side, labels in zip(("baseline", "candidate"), alone, strict=True)
        for label in labels
    ]
    if all(alone):
        notes.append(f"rows of other names are compared with --pair A=B, e.g. --pair '{alone[0][0]}={alone[1][0]}'")
    return pairs, notes


def _rows(measured: Measurements) -> list[SystemRow]:
    return [row for row in measured.systems.values() if row.system != REFERENCE]


def _names(rows: Sequence[SystemRow]) -> str:
    return ", ".join(row.label for row in rows) or "none"


def _asked(baseline: Measurements, candidate: Measurements, text: str) -> list[RowPair]:
    # A name may hold an equals sign itself, so every one of them is tried.
    places = [i for i, sign in enumerate(text) if sign == "="]
    if not places:
        raise UsageError(f"--pair {text!r}: write A=B, a system of the baseline and one of the candidate")
    splits = [(text[:i].strip(), text[i + 1 :].strip()) for i in places]
    left, right = next((s for s in splits if s[0] in baseline.systems and s[1] in candidate.systems), splits[0])
    rows = []
    for side, measured, name in (("baseline", baseline, left), ("candidate", candidate, right)):
        if name not in measured.systems:
            raise UsageError(f"--pair {text!r}: {unknown(f'system of the {side}', name, list(measured.systems))}")
        rows.append(measured.systems[name])
    first, second = rows
    if first.condition or second.condition:
        return [RowPair(first, second)]
    others = {row.condition: row for row in candidate.systems.values() if row.system == second.system}
    mine = [row for row in baseline.systems.values() if row.system == first.system]
    return [RowPair(row, others[row.condition]) for row in mine if row.condition in others]
