"""From the results of webMUSHRA to numbers about systems, kept in the run that was exported."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
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
from codec_bench.listening_tests.statistics import Discrimination, discrimination, opinion
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
        rows: One entry per system, anchor or pair, for people: heading and text.
        listeners: How many are counted.
        excluded: Excluded ones with their reasons.
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

    `results` is `mushra.csv` or `paired_comparison.csv` of webMUSHRA, `listener` the column that tells listeners apart,
    and `rules` are the post-screening of MUSHRA, by default the hidden reference.

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
    by_system: dict[str, list[Rating]] = defaultdict(list)
    by_item: dict[tuple[str, str], list[float]] = defaultdict(list)
    for rating in ratings:
        if rating.listener in kept:
            by_system[rating.stimulus.system].append(rating)
            by_item[rating.stimulus.system, rating.trial.utterance].append(rating.score)
    # Systems in the order of the run, then the anchors.
    labels = [*run.systems, *reversed(key.anchors)]
    opinions = {
        label: opinion([r.score for r in own], [r.listener for r in own], [r.trial.utterance for r in own])
        for label in labels
        if (own := by_system[label])
    }
    means = {item: fmean(scores) for item, scores in sorted(by_item.items())}
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
            {"system": item[0], "utterance": item[1], "mean": mean, "ratings": len(by_item[item])}
            for item, mean in means.items()
        ],
        "listeners": [asdict(who) | {"name": numbers[who.name]} for who in listeners],
        "warnings": warnings,
    }
    anchors = "".join(f", {label} {opinions[label].mean:.1f}" for label in key.anchors if label in opinions)
    note = (
        f"Opinion of {source['listeners']} listeners on {source['items']} items, 0 to 100 (ITU-R BS.1534-3); "
        f"{source['excluded']} listeners excluded{anchors}; ± is Student's t over listeners."
    )
    values = {
        label: Estimate(found.mean, found.low, found.high, found.items, source["items"], found.listeners)
        for label, found in opinions.items()
        if label in run.systems
    }
    spec = ColumnSpec("mushra", "MUSHRA", FAMILY, better="higher", digits=1, note=note, content=_content(source))
    write_column(run, spec, values, source["items"], means, source)
    frame = pd.DataFrame(
        {
            "listener": numbers[r.listener], "counted": r.listener in kept, "utterance": r.trial.utterance,
            "speaker": r.trial.speaker, "role": r.stimulus.role, "system": r.stimulus.system, "score": r.score,
            "page_seconds": r.seconds,
        }
        for r in ratings
    ).sort_values(["listener", "utterance", "system"], kind="stable", ignore_index=True)  # fmt: skip
    rows = [
        {
            "system": label, "mean": f"{found.mean:.1f}", "95 %": _interval(found.low, found.high),
            "median": f"{found.median:.1f}", "listeners": str(found.listeners), "items": str(found.items),
            "ratings": str(found.ratings),
        }
        for label, found in opinions.items()
    ]  # fmt: skip
    excluded = [f"{numbers[who.name]}: {'; '.join(who.reasons)}" for who in listeners if who.reasons]
    return Imported("mushra", rows, len(kept), excluded, warnings, _write(run, "ratings", report, frame), True)


def _import_abx(run: Run, results: Path, key: Key, column: str | None) -> Imported:
    choices, warnings = read_choices(results, key, column)
    numbers = _numbers(sorted({choice.listener for choice in choices}))
    order = list(run.systems)
    pairs: dict[tuple[int, int], list[Choice]] = defaultdict(list)
    for choice in choices:
        first, second = sorted(order.index(s.system) for s in (choice.trial.reference, choice.trial.stimuli[0]))
        pairs[first, second].append(choice)
    found = {(order[first], order[second]): own for (first, second), own in sorted(pairs.items())}
    told_apart = {pair: _discrimination(own) for pair, own in found.items()}
    source = _source(results, key) | {
        "listeners": len(numbers),
        "items": len({choice.trial.utterance for choice in choices}),
    }
    report = {
        "kind": "abx",
        "source": source,
        "test": "exact binomial against guessing, one-sided; interval: 95 %, Wilson",
        "pairs": [{"first": a, "second": b, **asdict(value)} for (a, b), value in told_apart.items()],
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
        _write_column_of_shares(run, own, shares, source)
    frame = pd.DataFrame(
        {
            "listener": numbers[c.listener], "utterance": c.trial.utterance, "speaker": c.trial.speaker,
            "x": c.trial.reference.system, "other": c.trial.stimuli[0].system, "answer": c.answer,
            "page_seconds": c.seconds,
        }
        for c in choices
    )  # fmt: skip
    rows = [_share_row(first, second, value) for (first, second), value in told_apart.items()]
    return Imported("abx", rows, len(numbers), [], warnings, _write(run, "abx", report, frame), bool(shares))


def _discrimination(choices: Sequence[Choice]) -> Discrimination:
    return discrimination(
        [c.answer for c in choices], [c.listener for c in choices], [c.trial.utterance for c in choices]
    )


def _write_column_of_shares(
    run: Run, choices: Mapping[str, Sequence[Choice]], shares: Mapping[str, Discrimination], source: dict[str, Any]
) -> None:
    """Per cent of right answers of each system against the recording; 50 is as good as the recording."""
    note = (
        f"Right answers of {source['listeners']} listeners who were asked which of two is the recording, "
        f"{source['items']} items; 50 is guessing; ± is half of Wilson's interval over answers."
    )
    values: dict[str, Estimate] = {}
    right: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for system, found in shares.items():
        if found.share is not None and found.low is not None and found.high is not None:
            parts = (100 * found.share, 100 * found.low, 100 * found.high)
            values[system] = Estimate(*parts, found.items, source["items"], found.listeners)
        for choice in choices[system]:
            if choice.answer != "undecided":
                right[system, choice.trial.utterance].append(choice.answer == "correct")
    spec = ColumnSpec("abx", "ABX", FAMILY, better="lower", unit="%", digits=1, note=note, content=_content(source))
    utterances = {item: 100 * fmean(answers) for item, answers in right.items()}
    write_column(run, spec, values, source["items"], utterances, source)


def _share_row(first: str, second: str, found: Discrimination) -> dict[str, str]:
    ends = [None if end is None else 100 * end for end in (found.low, found.high)]
    return {
        "pair": f"{first} / {second}",
        "right": f"{100 * found.share:.1f} %" if found.share is not None else "–",
        "95 %": _interval(*ends),
        "p": "–" if found.p_value is None else f"{found.p_value:.2g}",
        "answers": f"{found.right}/{found.answers}",
        "undecided": str(found.undecided),
        "listeners": str(found.listeners),
        "items": str(found.items),
    }


def _interval(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{low:.1f} .. {high:.1f}"


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


def _content(source: Mapping[str, Any]) -> dict[str, str]:
    """What decides the values of a column."""
    return {"results": source["sha256"], "key": source["key"]}


def _write(run: Run, stem: str, report: dict[str, Any], frame: pd.DataFrame) -> list[Path]:
    table, text = run.path / f"{stem}.csv", run.path / f"{stem}.json"
    write_atomically(table, frame.to_csv(index=False, lineterminator="\n").encode())
    plain = json.dumps(report, indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(text, f"{plain}\n".encode())
    return [table, text]
