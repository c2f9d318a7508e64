"""MUSHRA ratings as opinions of systems, and of which of two is better."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from codec_bench.errors import UsageError
from codec_bench.listening_tests.columns import write_column
from codec_bench.listening_tests.imported import (
    FAMILY,
    Imported,
    Lines,
    content_of,
    interval_text,
    numbered,
    p_text,
    source_of,
    write_files,
)
from codec_bench.listening_tests.key import Key
from codec_bench.listening_tests.results import Rating, read_ratings
from codec_bench.listening_tests.screening import EASY, SHARE, THRESHOLD, Rules, Screening, screen
from codec_bench.listening_tests.statistics import Difference, Opinion, differences, opinion
from codec_bench.runs.columns import ColumnSpec
from codec_bench.runs.directory import Run
from codec_bench.stats import LEVEL, Estimate

INTERVAL = "95 %, Student's t, listeners and items both drawn (crossed random effects, Satterthwaite)"


def import_ratings(run: Run, results: Path, key: Key, rules: Rules, column: str | None) -> Imported:
    """Reads the ratings of a MUSHRA test into its run; see `importing.import_results`."""
    ratings, warnings = read_ratings(results, key, column)
    anchor = rules.anchor_of(key.anchors)
    screening = screen(ratings, reference=rules.reference, anchor=anchor)
    warnings += [
        f"{found.above} of {found.rated} listeners rated {anchor} above 90 on {found.utterance}, more than a quarter: "
        "nobody is excluded for that item"
        for found in screening.set_aside
    ]
    kept = _kept(screening)
    numbers = numbered([who.name for who in screening.listeners])
    counted = [rating for rating in ratings if rating.listener in kept]
    # Systems in the order of the run, then the anchors.
    opinions = opinions_of(counted, [*run.systems, *reversed(key.anchors)])
    apart = differences(by_place(counted, [label for label in opinions if label in key.systems]))
    means = means_of(counted)
    excluded = [f"{numbers[who.name]}: {'; '.join(who.reasons)}" for who in screening.listeners if who.reasons]
    items = len({rating.trial.utterance for rating in ratings})
    source = source_of(results, key, listeners=len(kept), excluded=len(excluded), items=items)
    report = {
        "kind": "mushra",
        "source": source,
        "screening": {
            "rules": {"reference": rules.reference, "anchor": anchor},
            "threshold": THRESHOLD,
            "share_of_items": SHARE,
            "share_of_listeners": EASY,
            "items_set_aside": [asdict(found) for found in screening.set_aside],
        },
        "interval": INTERVAL,
        "systems": {label: asdict(found) for label, found in opinions.items()},
        "differences": [asdict(found) for found in apart],
        "items": items_of(means),
        "listeners": [asdict(who) | {"name": numbers[who.name]} for who in screening.listeners],
        "warnings": warnings,
    }
    values = estimates_of({label: opinions[label] for label in opinions if label in run.systems}, items)
    content = content_of(source) | {"screening": f"{rules.reference} {anchor}"}
    note = _note(source, key, opinions, apart)
    spec = ColumnSpec("mushra", "MUSHRA", FAMILY, better="higher", digits=1, note=note, content=content)
    write_column(run, spec, values, items, {place: fmean(scores) for place, scores in means.items()}, source)
    files = write_files(run, "mushra", report, answers_of(ratings, numbers, kept))
    return Imported(
        "mushra", opinion_rows(opinions), len(kept), excluded, warnings, files, True, difference_rows(apart)
    )


def _kept(screening: Screening) -> set[str]:
    kept = {who.name for who in screening.listeners if not who.reasons}
    if not kept:
        raise UsageError(
            f"post-screening excludes all {len(screening.listeners)} listeners, the first because they "
            f"{screening.listeners[0].reasons[0]}; --no-screening counts all"
        )
    return kept


def estimates_of(opinions: Mapping[str, Opinion], items: int) -> dict[str, Estimate]:
    """Opinions of systems as values of a column, of so many items expected."""
    return {
        label: Estimate(found.mean, found.low, found.high, found.items, items, found.listeners, found.effective)
        for label, found in opinions.items()
    }


def items_of(means: Mapping[tuple[str, str], Sequence[float]]) -> list[dict[str, Any]]:
    """What a report says of every system and utterance; `means` as `means_of` returns them."""
    return [
        {"system": system, "utterance": utterance, "mean": fmean(scores), "ratings": len(scores)}
        for (system, utterance), scores in means.items()
    ]


def opinions_of(ratings: Sequence[Rating], labels: Sequence[str]) -> dict[str, Opinion]:
    """What listeners say of each system that was rated."""
    by_system: dict[str, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    for rating in ratings:
        by_system[rating.stimulus.system][rating.listener, rating.trial.utterance].append(rating.score)
    # Where each system has pages of its own, reference and anchors are rated on all of them: one opinion an utterance.
    return {
        label: opinion([fmean(scores) for scores in own.values()], *zip(*own, strict=True))
        for label in labels
        if (own := by_system[label])
    }


def by_place(ratings: Sequence[Rating], labels: Sequence[str]) -> dict[str, dict[tuple[str, str], float]]:
    """Ratings of systems by listener and page: both of a pair stand on one page."""
    found: dict[str, dict[tuple[str, str], float]] = {label: {} for label in labels}
    for rating in ratings:
        if rating.stimulus.system in found:
            found[rating.stimulus.system][rating.listener, rating.trial.utterance] = rating.score
    return found


def means_of(ratings: Sequence[Rating]) -> dict[tuple[str, str], list[float]]:
    """Ratings by system and utterance."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for rating in ratings:
        found[rating.stimulus.system, rating.trial.utterance].append(rating.score)
    return dict(sorted(found.items()))


def _note(source: Mapping[str, Any], key: Key, opinions: Mapping[str, Opinion], apart: Sequence[Difference]) -> str:
    anchors = "".join(f", {label} {opinions[label].mean:.1f}" for label in key.anchors if label in opinions)
    tested = [found.p_holm for found in apart if found.p_holm is not None]
    differ = sum(p < 1 - LEVEL for p in tested)
    pairs = f"; {differ} of {len(tested)} pairs of systems differ (paired, Holm, 5 %)" if tested else ""
    return (
        f"Opinion of {source['listeners']} listeners on {source['items']} items, 0 to 100 (ITU-R BS.1534-3); "
        f"{source['excluded']} listeners excluded{anchors}; ± is 95 %, Student's t, as listeners and items are both "
        f"drawn{pairs}."
    )


def answers_of(ratings: Sequence[Rating], numbers: Mapping[str, str], kept: Container[str]) -> pd.DataFrame:
    """Every answer, by the numbers of the listeners."""
    answers = pd.DataFrame(
        {
            "listener": numbers[r.listener], "counted": r.listener in kept, "utterance": r.trial.utterance,
            "speaker": r.trial.speaker, "role": r.stimulus.role, "system": r.stimulus.system, "score": r.score,
            "page_seconds": r.seconds,
        }
        for r in ratings
    )  # fmt: skip
    return answers.sort_values(["listener", "utterance", "system"], kind="stable", ignore_index=True)


def opinion_rows(opinions: Mapping[str, Opinion], digits: int = 1) -> Lines:
    """Lines of a table for people."""
    return [
        {
            "system": label, "mean": f"{found.mean:.{digits}f}", "95 %": interval_text(found.low, found.high, digits),
            "median": f"{found.median:.{digits}f}", "listeners": str(found.listeners), "items": str(found.items),
            "ratings": str(found.ratings),
        }
        for label, found in opinions.items()
    ]  # fmt: skip


def difference_rows(apart: Sequence[Difference], digits: int = 1) -> Lines:
    """Lines of a table for people."""
    return [
        {
            "pair": f"{found.first} - {found.second}",
            "difference": "–" if found.mean is None else f"{found.mean:+.{digits}f}",
            "95 %": interval_text(found.low, found.high, digits), "p (Holm)": p_text(found.p_holm),
            "ratings": str(found.pairs),
        }
        for found in apart
    ]  # fmt: skip
