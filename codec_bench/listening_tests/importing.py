"""From the results of webMUSHRA to numbers about systems, kept in the run that was exported."""

from __future__ import annotations

from pathlib import Path

from codec_bench.listening_tests.abx import import_choices
from codec_bench.listening_tests.columns import remove_column
from codec_bench.listening_tests.imported import FILES, Imported
from codec_bench.listening_tests.key import Key
from codec_bench.listening_tests.mushra import import_ratings
from codec_bench.listening_tests.one_file import import_answers
from codec_bench.listening_tests.screening import Rules
from codec_bench.runs.directory import Run, load_run


def import_results(
    run: Run, results: Path, key: Key, rules: Rules | None = None, listener: str | None = None
) -> Imported:
    """Reads the results of a test and writes them into the run that it was made from.

    Writes `ratings.csv` and `ratings.json` (MUSHRA), or a table and a report of the name of the kind (`abx`, `dcr`,
    `drt`), and the column `mushra`, `abx`, `dcr` or `drt` of `summary.csv`, `scores.parquet` and `run.json`. A second
    import replaces the first one. Listeners get numbers: what they entered is not kept.

    `results` is `mushra.csv`, `paired_comparison.csv` or `lss.csv` of webMUSHRA, `listener` the column that tells
    listeners apart, and `rules` are the post-screening of MUSHRA, by default that of BS.1534-3.

    Raises:
        UsageError: The files do not belong together or cannot be read, or no listener is left.
    """
    key.check_belongs_to(run)
    if key.kind == "mushra":
        return import_ratings(run, results, key, rules or Rules(), listener)
    if key.kind in ("dcr", "drt"):
        return import_answers(run, results, key, listener)
    return import_choices(run, results, key, listener)


def remove_results(run: Run) -> list[str]:
    """Takes all imported columns and their files out of a run; names the columns."""
    removed = []
    for kind, stem in FILES.items():
        if remove_column(run, kind):
            removed.append(kind)
            run = load_run(run.path)
        for suffix in (".csv", ".json"):
            (run.path / f"{stem}{suffix}").unlink(missing_ok=True)
    return removed
