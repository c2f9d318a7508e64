"""Tests with one file and one question a page: degradation category rating (DCR) and the rhyme test (DRT)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from codec_bench.listening_tests.columns import write_column
from codec_bench.listening_tests.imported import FAMILY, Imported, content_of, numbered, source_of, write_files
from codec_bench.listening_tests.key import Key
from codec_bench.listening_tests.mushra import (
    INTERVAL,
    answers_of,
    by_place,
    difference_rows,
    estimates_of,
    items_of,
    means_of,
    opinion_rows,
    opinions_of,
)
from codec_bench.listening_tests.results import Rating, read_answers
from codec_bench.listening_tests.rhymes import choice_of, features_of
from codec_bench.listening_tests.statistics import differences
from codec_bench.runs.columns import ColumnSpec
from codec_bench.runs.directory import Run


@dataclass(frozen=True)
class _Kind:
    """What a column is called, and what its values are; `{}` is filled with listeners and items."""

    heading: str
    digits: int
    note: str


_KINDS = {
    "dcr": _Kind(
        "DMOS", 2,
        "Degradation against the recording by {} listeners on {} items, 5 (inaudible) to 1 (very annoying), ITU-T "
        "P.800 Annex D; the recordings' own value is that of null pairs; ± is 95 %, Student's t, as listeners and "
        "items are both drawn.",
    ),
    "drt": _Kind(
        "DRT", 1,
        "Words understood by {} listeners in {} recordings, 100 (right - wrong) / all, ITU-T P.807: 0 is guessing; "
        "± is 95 %, Student's t, as listeners and items are both drawn.",
    ),
}  # fmt: skip


def import_answers(run: Run, results: Path, key: Key, column: str | None) -> Imported:
    """Reads the answers of a DCR or DRT test into its run; see `importing.import_results`."""
    kind = _KINDS[key.kind]
    ratings, warnings = read_answers(results, key, column)
    names = sorted({rating.listener for rating in ratings})
    opinions = opinions_of(ratings, list(run.systems))
    apart = differences(by_place(ratings, [label for label in opinions if label in key.systems]))
    means = means_of(ratings)
    items = len({rating.trial.utterance for rating in ratings})
    source = source_of(results, key, listeners=len(names), items=items)
    report = {
        "kind": key.kind,
        "source": source,
        "interval": INTERVAL,
        "systems": {label: asdict(found) for label, found in opinions.items()},
        "differences": [asdict(found) for found in apart],
        **({"features": _by_feature(key, ratings)} if key.kind == "drt" else {}),
        "items": items_of(means),
        "warnings": warnings,
    }
    values = estimates_of(opinions, items)
    note = kind.note.format(len(names), items)
    spec = ColumnSpec(
        key.kind, kind.heading, FAMILY, better="higher", digits=kind.digits, note=note, content=content_of(source)
    )
    write_column(run, spec, values, items, {place: fmean(scores) for place, scores in means.items()}, source)
    files = write_files(run, key.kind, report, answers_of(ratings, numbered(names), names))
    rows, lines = opinion_rows(opinions, kind.digits), difference_rows(apart, kind.digits)
    return Imported(key.kind, rows, len(names), [], warnings, files, True, lines)


def _by_feature(key: Key, ratings: Sequence[Rating]) -> Mapping[str, Mapping[str, float]]:
    """The score of each system in the words that differ in one feature."""
    found: dict[str, dict[str, float]] = {}
    choices = {trial.id: choice_of(key, trial) for trial in key.trials}
    for feature in features_of(choices.values()):
        own = [rating for rating in ratings if choices[rating.trial.id].feature == feature]
        by_system: dict[str, list[float]] = {}
        for rating in own:
            by_system.setdefault(rating.stimulus.system, []).append(rating.score)
        found[feature] = {system: fmean(scores) for system, scores in by_system.items()}
    return found
