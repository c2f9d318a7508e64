"""Values of metrics that belong to a whole set of utterances and are not a mean of scores."""

from __future__ import annotations

from collections.abc import Iterator

from codec_bench.cache import ArrayCache
from codec_bench.coding.items import Item
from codec_bench.coding.rows import Row
from codec_bench.metrics import Metric
from codec_bench.metrics.signal import Array, feature_address
from codec_bench.reconstruction.outcome import Outcome
from codec_bench.reconstruction.plan import Plan
from codec_bench.records import NotScorable, Status


def corpus_values(plan: Plan, outcome: Outcome, cache: ArrayCache) -> tuple[dict[tuple[str, str], float], list[str]]:
    """The value of each system for each such metric, from what scoring left in the cache of features.

    Returns:
        Values by system and metric label, without those that are not defined, and a warning for each of these.
    """
    values: dict[tuple[str, str], float] = {}
    warnings = []
    for metric in plan.metrics:
        if metric.corpus is None:
            continue
        for row in plan.rows:
            try:
                pairs = _pairs(plan, outcome, cache, row, metric)
                values[row.label, metric.label] = metric.corpus_value(pairs, _speakers(plan))
            except NotScorable as error:
                warnings.append(f"{metric.label} of {row.label} has no value: {error.reason}")
    return values, warnings


def trial_notes(plan: Plan, outcome: Outcome) -> list[str]:
    """How many trials there are where utterances are compared with each other, and which rows lack some of them."""
    notes = []
    for metric in plan.metrics:
        if metric.trials is None:
            continue
        lacking = []
        for row in plan.rows:
            is_scored = [_is_scored(outcome, row, item, metric) for item in plan.items]
            try:
                made, expected = metric.trials_made(_speakers(plan), is_scored)
            except NotScorable:
                break  # the set has none, which `corpus_values` warns of
            if made < expected:
                scored = f"{sum(is_scored):,} of {len(is_scored):,} utterances have a score"
                lacking.append(f"{row.label} has {made:,} of {expected:,} ({scored})")
        else:
            missing = f", of which some are missing: {', '.join(lacking)}" if lacking else ""
            notes.append(f"{metric.label}: the same {expected:,} trials for every row{missing}.")
    return notes


def _speakers(plan: Plan) -> list[str | None]:
    return [item.utterance.speaker for item in plan.items]


def _pairs(
    plan: Plan, outcome: Outcome, cache: ArrayCache, row: Row, metric: Metric
) -> Iterator[tuple[Array, Array] | None]:
    """Both embeddings of each pair, one pair at a time, in the order of the data set; None where there is no score."""
    for item in plan.items:
        if not _is_scored(outcome, row, item, metric):
            yield None
            continue
        name = item.utterance.id
        key = row.label, name
        reference, decoded = outcome.references[key], outcome.decoded[key]
        yield _kept(cache, reference, metric, name), _kept(cache, decoded, metric, name)


def _is_scored(outcome: Outcome, row: Row, item: Item, metric: Metric) -> bool:
    return outcome.scores[row.label, item.utterance.id, metric.label].status is Status.OK


def _kept(cache: ArrayCache, identity: str, metric: Metric, name: str) -> Array:
    entry = cache.get(feature_address(identity, metric.embedding, metric.rate))
    if entry is None or "value" not in entry:
        raise NotScorable(f"the embedding of {name} was lost from the cache; run again")
    return entry["value"]
