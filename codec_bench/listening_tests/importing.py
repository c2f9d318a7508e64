"""From the results of webMUSHRA to numbers about systems, kept in the run that was exported."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from codec_bench.errors import UsageError
from codec_bench.files import file_digest, write_atomically
from codec_bench.listening_tests.columns import remove_column, write_column
from codec_bench.listening_tests.key import Key
from codec_bench.listening_tests.results import Choice, Rating, read_choices, read_ratings
from codec_bench.listening_tests.screening import Rules, screen
from codec_bench.listening_tests.statistics import Discrimination, Opinion, discrimination, opinion
from codec_bench.runs import provenance
from codec_bench.runs.columns import ColumnSpec
from codec_bench.runs.directory import Run, load_run
from codec_bench.stats import Estimate

FAMILY = "Listening tests"
FILES = {"mushra": "ratings", "abx": "abx"}
"""Stem of the files that an import leaves in the run."""


@dataclass(frozen=True)
class Imported:
    """What an import found.

    Attributes:
        kind: `mushra` or `abx`.
        rows: One entry per system, anchor or pair, for people: heading and text.
        listeners: Counted listeners.
        excluded: Excluded ones with their reasons.
        warnings: What the user should know.
        files: What was written.
        column: Whether the run's tables have a column now.
    """

    kind: str
    rows: list[dict[str, str]]
    listeners: int
    excluded: list[str]
    warnings: list[str]
    files: list[Path]
    column: bool


def import_results(
    run: Run, results: Path, key: Key, rules: Rules | None = None, listener: str | None = None
) -> Imported:
    """Reads the results of a test and writes them into the run that it was made from.

    Writes `ratings.csv` and `ratings.json` (MUSHRA) or `abx.csv` and `abx.json`, and the column `mushra` or `abx` of
    `summary.csv`, `scores.parquet` and `run.json`. A second import replaces the first one. Listeners get
    numbers: what they entered is not kept.

    Args:
        run: The run that was exported.
        results: `mushra.csv` or `paired_comparison.csv` of webMUSHRA.
        key: `key.json` of the export.
        rules: Post-screening of MUSHRA; the hidden reference by default.
        listener: Column that tells listeners apart.

    Raises:
        UsageError: The files do not belong together or cannot be read, or no listener is left.
    """
    key.check_belongs_to(run)
    if key.kind == "mushra":
        return _import_mushra(run, results, key, rules or Rules(), listener)
    return _import_abx(run, results, key, listener)


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


def _import_mushra(run: Run, results: Path, key: Key, rules: Rules, column: str | None) -> Imported:
    ratings, warnings = read_ratings(results, key, column)
    listeners = screen(ratings, key.anchors[-1] if key.anchors else None, rules)
    if rules.anchor and not key.anchors:
        raise UsageError("the test has no anchor, so that no listener can be excluded for one")
    numbers = _numbers([who.name for who in listeners])
    kept = {who.name for who in listeners if not who.reasons}
    if not kept:
        raise UsageError(
            f"post-screening excludes all {len(listeners)} listeners, the first because they "
            f"{listeners[0].reasons[0]}; --no-screening counts all"
        )
    counted = [rating for rating in ratings if rating.listener in kept]
    opinions: dict[str, Opinion] = {}
    for label in _labels(run, key):
        own = [rating for rating in counted if rating.stimulus.system == label]
        if own:
            opinions[label] = opinion(
                [r.score for r in own], [r.listener for r in own], [r.trial.utterance for r in own]
            )
    items = _by_item(counted)
    source = _source(results, key) | {
        "listeners": len(kept),
        "excluded": len(listeners) - len(kept),
        "items": len({rating.trial.utterance for rating in ratings}),
    }
    report = {
        "kind": "mushra",
        "source": source,
        "screening": {"rules": asdict(rules), "threshold": 90, "share_of_items": 0.15},
        "interval": "95 %, Student's t over listeners' means over items",
        "systems": {label: asdict(found) for label, found in opinions.items()},
        "items": [
            {"system": system, "utterance": utterance, "mean": fmean(scores), "ratings": len(scores)}
            for (system, utterance), scores in items.items()
        ],
        "listeners": [asdict(who) | {"name": numbers[who.name]} for who in listeners],
        "warnings": warnings,
    }
    _write_column_of_opinions(run, key, opinions, items, source)
    files = _write(run, "ratings", report, _rating_frame(ratings, kept, numbers))
    rows = [_opinion_row(label, found) for label, found in opinions.items()]
    excluded = [f"{numbers[who.name]}: {'; '.join(who.reasons)}" for who in listeners if who.reasons]
    return Imported("mushra", rows, len(kept), excluded, warnings, files, True)


def _labels(run: Run, key: Key) -> list[str]:
    """Systems in the order of the run, then the anchors."""
    heard = {key.trials[0].reference.system, *key.systems}
    return [*(label for label in run.systems if label in heard), *reversed(key.anchors)]


def _by_item(ratings: Sequence[Rating]) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for rating in ratings:
        found[rating.stimulus.system, rating.trial.utterance].append(rating.score)
    return dict(sorted(found.items()))


def _write_column_of_opinions(
    run: Run,
    key: Key,
    opinions: dict[str, Opinion],
    items: dict[tuple[str, str], list[float]],
    source: dict[str, Any],
) -> None:
    anchors = "".join(f", {label} {opinions[label].mean:.1f}" for label in key.anchors if label in opinions)
    column = ColumnSpec(
        "mushra",
        "MUSHRA",
        FAMILY,
        better="higher",
        digits=1,
        note=(
            f"Opinion of {source['listeners']} listeners on {source['items']} items, 0 to 100 (ITU-R BS.1534-3); "
            f"{source['excluded']} listeners excluded{anchors}; ± is Student's t over listeners."
        ),
        content={"results": source["sha256"], "key": source["key"]},
    )
    values = {
        label: Estimate(found.mean, found.low, found.high, found.items, source["items"], found.listeners)
        for label, found in opinions.items()
        if label in run.systems
    }
    utterances = {pair: fmean(scores) for pair, scores in items.items()}
    write_column(run, column, values, source["items"], utterances, source)


def _opinion_row(label: str, found: Opinion) -> dict[str, str]:
    return {
        "system": label,
        "mean": f"{found.mean:.1f}",
        "95 %": "–" if found.low is None or found.high is None else f"{found.low:.1f} .. {found.high:.1f}",
        "median": f"{found.median:.1f}",
        "listeners": str(found.listeners),
        "items": str(found.items),
        "ratings": str(found.ratings),
    }


def _rating_frame(ratings: Sequence[Rating], kept: set[str], numbers: dict[str, str]) -> pd.DataFrame:
    """Every rating, those of excluded listeners too."""
    rows = [
        {
            "listener": numbers[r.listener], "counted": r.listener in kept, "utterance": r.trial.utterance,
            "speaker": r.trial.speaker, "role": r.stimulus.role, "system": r.stimulus.system, "score": r.score,
            "page_seconds": r.seconds,
        }
        for r in ratings
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    return frame.sort_values(["listener", "utterance", "system"], kind="stable", ignore_index=True)


def _import_abx(run: Run, results: Path, key: Key, column: str | None) -> Imported:
    choices, warnings = read_choices(results, key, column)
    numbers = _numbers(sorted({choice.listener for choice in choices}))
    recording = next(label for label, system in run.systems.items() if system["group"] == "reference")
    pairs: dict[tuple[str, str], list[Choice]] = defaultdict(list)
    order = list(run.systems)
    for choice in choices:
        first, second = sorted((choice.trial.reference.system, choice.trial.stimuli[0].system), key=order.index)
        pairs[first, second].append(choice)
    found = {
        pair: discrimination([c.answer for c in own], [c.listener for c in own], [c.trial.utterance for c in own])
        for pair, own in sorted(pairs.items(), key=lambda entry: [order.index(label) for label in entry[0]])
    }
    by_listener = {
        numbers[name]: asdict(
            discrimination(
                [c.answer for c in choices if c.listener == name],
                [name for c in choices if c.listener == name],
                [c.trial.utterance for c in choices if c.listener == name],
            )
        )
        for name in numbers
    }
    source = _source(results, key) | {
        "listeners": len(numbers),
        "items": len({choice.trial.utterance for choice in choices}),
    }
    report = {
        "kind": "abx",
        "source": source,
        "test": "exact binomial against guessing, one-sided; interval: 95 %, Wilson",
        "pairs": [{"first": first, "second": second, **asdict(value)} for (first, second), value in found.items()],
        "listeners": by_listener,
        "warnings": warnings,
    }
    shares = {second: value for (first, second), value in found.items() if first == recording and value.answers}
    if shares:
        _write_column_of_shares(run, pairs, recording, shares, source)
    rows = [
        {
            "listener": numbers[c.listener], "utterance": c.trial.utterance, "speaker": c.trial.speaker,
            "x": c.trial.reference.system, "other": c.trial.stimuli[0].system, "answer": c.answer,
            "page_seconds": c.seconds,
        }
        for c in choices
    ]  # fmt: skip
    files = _write(run, "abx", report, pd.DataFrame(rows))
    table = [_share_row(first, second, value) for (first, second), value in found.items()]
    return Imported("abx", table, len(numbers), [], warnings, files, bool(shares))


def _write_column_of_shares(
    run: Run,
    pairs: dict[tuple[str, str], list[Choice]],
    recording: str,
    shares: dict[str, Discrimination],
    source: dict[str, Any],
) -> None:
    """Per cent of right answers of each system against the recording; 50 is as good as the recording."""
    column = ColumnSpec(
        "abx",
        "ABX",
        FAMILY,
        better="lower",
        unit="%",
        digits=1,
        note=(
            f"Right answers of {source['listeners']} listeners who were asked which of two is the recording, "
            f"{source['items']} items; 50 is guessing; ± is half of Wilson's interval over answers."
        ),
        content={"results": source["sha256"], "key": source["key"]},
    )
    values: dict[str, Estimate] = {}
    utterances: dict[tuple[str, str], float] = {}
    for system, found in shares.items():
        if found.share is not None and found.low is not None and found.high is not None:
            parts = (100 * found.share, 100 * found.low, 100 * found.high)
            values[system] = Estimate(*parts, found.items, source["items"], found.listeners)
        by_item: dict[str, list[bool]] = defaultdict(list)
        for choice in pairs[recording, system]:
            if choice.answer != "undecided":
                by_item[choice.trial.utterance].append(choice.answer == "correct")
        utterances |= {(system, item): 100 * fmean(right) for item, right in by_item.items()}
    write_column(run, column, values, source["items"], utterances, source)


def _share_row(first: str, second: str, found: Discrimination) -> dict[str, str]:
    known = found.share is not None and found.low is not None and found.high is not None
    return {
        "pair": f"{first} / {second}",
        "right": f"{100 * found.share:.1f} %" if found.share is not None else "–",
        "95 %": f"{100 * (found.low or 0):.1f} .. {100 * (found.high or 0):.1f}" if known else "–",
        "p": "–" if found.p_value is None else f"{found.p_value:.2g}",
        "answers": f"{found.right}/{found.answers}",
        "undecided": str(found.undecided),
        "listeners": str(found.listeners),
        "items": str(found.items),
    }


def _numbers(names: Sequence[str]) -> dict[str, str]:
    """Numbers instead of what listeners entered."""
    return {name: f"L{number:03d}" for number, name in enumerate(names, 1)}


def _source(results: Path, key: Key) -> dict[str, Any]:
    return {
        "kind": key.kind,
        "test_id": key.test_id,
        "file": results.name,
        "sha256": file_digest(results),
        "key": key.fingerprint,
        "imported": provenance.now(),
    }


def _write(run: Run, stem: str, report: dict[str, Any], frame: pd.DataFrame) -> list[Path]:
    table, text = run.path / f"{stem}.csv", run.path / f"{stem}.json"
    write_atomically(table, frame.to_csv(index=False, lineterminator="\n").encode())
    plain = json.dumps(report, indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(text, f"{plain}\n".encode())
    return [table, text]
