"""ABX answers as shares of right ones: which systems people tell from the recording, or from each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from codec_bench.listening_tests.columns import write_column
from codec_bench.listening_tests.imported import (
    FAMILY,
    Imported,
    content_of,
    interval_text,
    numbered,
    p_text,
    source_of,
    write_files,
)
from codec_bench.listening_tests.key import Key
from codec_bench.listening_tests.results import Choice, read_choices
from codec_bench.listening_tests.statistics import BOTH, Discrimination, discrimination, holm_where
from codec_bench.runs.columns import ColumnSpec
from codec_bench.runs.directory import Run
from codec_bench.stats import Estimate

INTERVAL = "95 %, Clopper and Pearson's at the effective number of answers, as listeners and items are both drawn"


def import_choices(run: Run, results: Path, key: Key, column: str | None) -> Imported:
    """Reads the answers of an ABX test into its run; see `importing.import_results`."""
    choices, warnings = read_choices(results, key, column)
    numbers = numbered(sorted({choice.listener for choice in choices}))
    order = list(run.systems)
    pairs: dict[tuple[int, int], list[Choice]] = defaultdict(list)
    for choice in choices:
        first, second = sorted(order.index(s.system) for s in (choice.trial.reference, choice.trial.stimuli[0]))
        pairs[first, second].append(choice)
    found = {(order[first], order[second]): own for (first, second), own in sorted(pairs.items())}
    told_apart = {pair: _discrimination(own) for pair, own in found.items()}
    corrected = holm_where([value.p_value for value in told_apart.values()])
    items = len({choice.trial.utterance for choice in choices})
    source = source_of(results, key, listeners=len(numbers), items=items)
    report = {
        "kind": "abx",
        "source": source,
        "test": "exact binomial against guessing, one-sided; p_holm is corrected for all pairs",
        "interval": INTERVAL,
        "pairs": [
            {"first": a, "second": b, **asdict(value), "p_holm": p}
            for ((a, b), value), p in zip(told_apart.items(), corrected, strict=True)
        ],
        "listeners": {
            number: asdict(_discrimination([c for c in choices if c.listener == name]))
            for name, number in numbers.items()
        },
        "warnings": warnings,
    }
    recording = next(label for label, system in run.systems.items() if system["group"] == "reference")
    shares = {b: value for (a, b), value in told_apart.items() if a == recording and value.answers}
    if shares:
        own = {system: found[recording, system] for system in shares}
        _write_column(run, own, shares, source)
    answers = pd.DataFrame(
        {
            "listener": numbers[c.listener], "utterance": c.trial.utterance, "speaker": c.trial.speaker,
            "x": c.trial.reference.system, "other": c.trial.stimuli[0].system, "answer": c.answer,
            "page_seconds": c.seconds,
        }
        for c in choices
    )  # fmt: skip
    rows = [_row(pair, value, p) for (pair, value), p in zip(told_apart.items(), corrected, strict=True)]
    return Imported("abx", rows, len(numbers), [], warnings, write_files(run, "abx", report, answers), bool(shares))


def _discrimination(choices: Sequence[Choice]) -> Discrimination:
    return discrimination(
        [c.answer for c in choices], [c.listener for c in choices], [c.trial.utterance for c in choices]
    )


def _write_column(
    run: Run, choices: Mapping[str, Sequence[Choice]], shares: Mapping[str, Discrimination], source: dict[str, Any]
) -> None:
    """Per cent of right answers of each system against the recording; 50 is as good as the recording."""
    note = (
        f"Right answers of {source['listeners']} listeners who were asked which of two is the recording, "
        f"{source['items']} items; 50 is guessing; 95 % intervals are those of Clopper and Pearson at the "
        f"effective number of answers{_about(shares)}."
    )
    values: dict[str, Estimate] = {}
    right: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for system, found in shares.items():
        if found.share is not None:
            low, high = _percent(found.low), _percent(found.high)
            values[system] = Estimate(
                100 * found.share, low, high, found.items, source["items"], found.listeners, found.effective or 0.0
            )
        for choice in choices[system]:
            if choice.answer != "undecided":
                right[system, choice.trial.utterance].append(choice.answer == "correct")
    content = content_of(source)
    spec = ColumnSpec("abx", "ABX", FAMILY, better="lower", unit="%", digits=1, note=note, content=content)
    utterances = {item: 100 * fmean(answers) for item, answers in right.items()}
    write_column(run, spec, values, source["items"], utterances, source)


def _about(shares: Mapping[str, Discrimination]) -> str:
    """Whom the intervals of a column speak of."""
    drawn = {found.drawn for found in shares.values()}
    if drawn == {BOTH}:
        return ", as listeners and items are both drawn"
    missing = [unit for unit in BOTH if any(unit not in units for units in drawn)]
    return f", of one of the {' and one of the '.join(missing)} alone where there is no other"


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _row(pair: tuple[str, str], found: Discrimination, p_holm: float | None) -> dict[str, str]:
    return {
        "pair": " / ".join(pair),
        "right": f"{100 * found.share:.1f} %" if found.share is not None else "–",
        "95 %": interval_text(_percent(found.low), _percent(found.high)),
        "p": p_text(found.p_value),
        "p (Holm)": p_text(p_holm),
        "answers": f"{found.right}/{found.answers}",
        "undecided": str(found.undecided),
        "listeners": str(found.listeners),
        "items": str(found.items),
    }
