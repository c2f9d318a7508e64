"""The run itself: for every system and every utterance, encode, decode, score; nothing twice, nothing lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from codec_bench.adapters.codec import Codec
from codec_bench.alignment import ALIGNED
from codec_bench.cache import ArrayCache
from codec_bench.coding.batching import parts
from codec_bench.coding.items import Item
from codec_bench.coding.rows import Row
from codec_bench.fingerprint import address
from codec_bench.metrics import Metric
from codec_bench.metrics.signal import Feature, feature_address
from codec_bench.processes.pool import ATTEMPTS
from codec_bench.processes.process import ProcessCrash, WorkerError
from codec_bench.reconstruction.engines.engine import Engine
from codec_bench.reconstruction.facts import are_usable, facts_address
from codec_bench.reconstruction.losses import Losses
from codec_bench.reconstruction.outcome import Outcome
from codec_bench.reconstruction.plan import Plan
from codec_bench.reconstruction.store import ScoreStore
from codec_bench.records import NotScorable, Score, Status
from codec_bench.runs.failures import Failures
from codec_bench.runs.progress import RunProgress

logger = logging.getLogger(__name__)

LOOKED_UP = 1000
"""Utterances whose scores are looked up together: few enough that their addresses take no memory to speak of."""


LOOKED_AHEAD = 20_000
"""Pairs of a plan up to which all are looked up before the first is computed, so that progress begins at what is
stored; of more, that takes too long.
"""


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the store has of a system on an utterance."""

    item: Item
    kept: str  # where the facts are
    scores: Mapping[str, Score]  # by label
    missing: Mapping[str, Metric]  # by address
    facts: dict[str, Any] | None

    @property
    def is_complete(self) -> bool:
        """Whether nothing has to be done."""
        return not self.missing and self.facts is not None


@dataclass(frozen=True, slots=True)
class _Pair:
    """One system on one utterance: what is missing, and where it will be kept."""

    system: Row
    item: Item
    missing: Mapping[str, Metric]  # by address
    kept: str  # where the facts are
    facts: dict[str, Any] = field(default_factory=dict)


class Runner:
    """Executes a plan.

    Args:
        plan: What to do.
        cache: Folder of the caches and the score store; this process alone writes the scores.
        engine: Does the work.
        keep: Whether what is decoded is wanted afterwards, also where a store has its scores.
        failures: Keeps tracebacks; None drops them.
    """

    def __init__(
        self, plan: Plan, cache: Path, engine: Engine, *, keep: bool = False, failures: Failures | None = None
    ) -> None:
        self._plan = plan
        self._cache = cache
        self._engine = engine
        self._keeps = keep
        self._failures = failures
        self.reconstructor = engine.coding.reconstructor
        names = [i.utterance.id for i in plan.items]
        self.outcome = Outcome([row.label for row in plan.rows], names, [m.label for m in plan.metrics])
        self._waiting: dict[Future[dict[str, Any]], _Pair] = {}
        self._losses = Losses()
        self._features = ArrayCache(cache / "features")
        self._later: list[tuple[Row, Item, tuple[tuple[str, Metric], ...]]] = []
        self._announced = 0  # pairs that progress counts a second time, and which did not come yet

    @property
    def devices(self) -> dict[str, str]:
        """Where each codec ran, by name."""
        return self._engine.coding.devices

    def run(self) -> None:
        """Computes what no cache has; all of it is in `outcome` then.

        Raises:
            DiskFullError: No room left; what was scored is kept.
            CodecBenchError: A metric cannot run here at all.
        """
        started = time.perf_counter()
        with (
            ScoreStore(self._cache / "scores.sqlite") as self._store,
            RunProgress(len(self._plan.rows) * len(self._plan.items)) as self._progress,
            self._engine,
        ):
            lacking = self._looked_ahead()
            for system in self._plan.rows:
                self._progress.stage(f"decoding {system.label}")
                unfinished = self._unfinished(system, lacking[system.label])
                for pair, problem in self._engine.coding.coded(system, unfinished):
                    self._submit(pair, problem)
                if self._keeps:
                    everything = (_Pair(system, item, {}, "") for item in self._plan.items if not item.problem)
                    for _ in self._engine.coding.coded(system, everything):
                        pass
            self._engine.free_codecs()  # scoring and the models of metrics get the room of the codecs
            self._progress.more(-self._announced)
            self._finish("scoring the last pairs")
            self._run_models()
            for system, item, missing in self._later:
                key = system.label, item.utterance.id
                kept = facts_address(item, self.outcome.references[key], self.outcome.decoded[key])
                self._send(_Pair(system, item, dict(missing), kept, self.outcome.facts[key]))
            self._finish("scoring with learned models" if self._later else "scoring the last pairs")
        self._spent("coding", self._engine.coding.seconds)
        self._spent("total", time.perf_counter() - started)

    @cached_property
    def _staged(self) -> frozenset[str]:
        """Metrics whose models are applied to all signals at once; asked when there is one to score."""
        learned = [metric for metric in self._plan.metrics if metric.models]
        on_gpu = bool(learned) and self._engine.model_device != "cpu"  # no other metric makes torch look for a GPU
        return frozenset(m.label for m in learned if on_gpu or any(feature.model.is_heavy for feature, _ in m.models))

    def _run_models(self) -> None:
        """Applies each model to all signals that wait for it, one model at a time."""
        wanted: dict[tuple[str, int], tuple[Metric, Feature]] = {}
        for _, _, missing in self._later:
            for _, metric in missing:
                for feature, rate in metric.models:
                    wanted.setdefault((feature.fingerprint, rate), (metric, feature))
        told = partial(self._progress.part, unit="signals")
        for (fingerprint, rate), (metric, feature) in wanted.items():
            started = time.perf_counter()
            self._progress.stage(f"applying {feature.name}")
            self._engine.apply(metric, feature, rate, self._sources(fingerprint, rate), told)
            self._spent(f"model {feature.name}", time.perf_counter() - started)

    def _sources(self, fingerprint: str, rate: int) -> Iterator[Mapping[str, Any]]:
        """The signals that wait for a feature, a few of them several times."""
        takers = {
            metric.label: tuple(
                "aligned" if side == "decoded" and self._aligns(metric) else side
                for side in ("reference", "decoded")
                if side in metric.inputs
            )
            for metric in self._plan.metrics
            if any((feature.fingerprint, at) == (fingerprint, rate) for feature, at in metric.models)
        }
        for system, item, missing in self._later:
            sides = dict.fromkeys(side for _, metric in missing for side in takers.get(metric.label, ()))
            sources = self._sources_of(system, item)
            yield from (sources[side] for side in sides)

    def _sources_of(self, system: Row, item: Item) -> Mapping[str, Mapping[str, Any]]:
        """What loads both signals of a pair, and as `aligned` the decoded one without its lag."""
        key = system.label, item.utterance.id
        reference, decoded = self.outcome.references[key], self.outcome.decoded[key]
        found = self.reconstructor.sources(system, item, reference, decoded)
        moved = {
            "identity": aligned_identity(reference, decoded),
            "aligned_to": found["reference"],
            "by_levels": not system.compares_other,
        }
        return found | {"aligned": found["decoded"] | (moved if reference != decoded else {})}

    def _aligns(self, metric: Metric) -> bool:
        """Whether a metric is given decoded audio without its lag."""
        return self._plan.align and metric.minds_lag

    def _finish(self, stage: str) -> None:
        """Waits for all pairs that were sent."""
        self._progress.stage(stage)
        while self._waiting:
            self._collect()

    def _looked_ahead(self) -> dict[str, Sequence[Item]]:
        """The utterances that may lack scores, by system: all of a long plan, of others those that do."""
        if len(self._plan.rows) * len(self._plan.items) > LOOKED_AHEAD:
            return {row.label: self._plan.items for row in self._plan.rows}
        return {row.label: [found.item for found in self._lacking(row, self._plan.items)] for row in self._plan.rows}

    def _unfinished(self, system: Row, items: Sequence[Item]) -> Iterator[_Pair]:
        """The pairs of a system that lack scores; everything that is known is noted on the way."""
        for found in self._lacking(system, items):
            self._take(system, found)
            yield _Pair(system, found.item, found.missing, found.kept)

    def _lacking(self, system: Row, items: Sequence[Item]) -> Iterator[_Stored]:
        """What is known of the pairs of a system that lack something; those that lack nothing are noted."""
        for part in parts(items, LOOKED_UP):
            usable = []
            for item in part:
                try:
                    reference, decoded = self._identities(system, item)
                except NotScorable as outcome:
                    self._fail(system, item, self._plan.metrics, outcome)
                    self._progress.advance(stored=True)
                else:
                    self.outcome.references[system.label, item.utterance.id] = reference
                    self.outcome.decoded[system.label, item.utterance.id] = decoded
                    usable.append((item, reference, decoded))
            for found in self._looked_up(system, usable):
                if found.is_complete:
                    self._take(system, found)
                    self._progress.advance(stored=True)
                else:
                    yield found

    def _take(self, system: Row, found: _Stored) -> None:
        """Notes what the store has of a pair."""
        name = found.item.utterance.id
        for label, score in found.scores.items():
            self.outcome.scores[system.label, name, label] = score
        self.outcome.reused += len(found.scores)
        self.outcome.facts[system.label, name] = found.facts or {}

    def _identities(self, system: Row, item: Item) -> tuple[str, str]:
        """Content addresses of what a pair compares.

        Raises:
            NotScorable: The utterance cannot be used, or the system has no audio of it.
        """
        if item.problem:
            raise NotScorable(item.problem, item.status)
        decoded = self.reconstructor.identity(system, item)
        return self.reconstructor.reference_identity(system, item), decoded

    def _looked_up(self, system: Row, pairs: Sequence[tuple[Item, str, str]]) -> Iterator[_Stored]:
        """What the store has of pairs, each with the content addresses of its reference and its decoded audio."""
        addresses = {
            (item.utterance.id, metric.label): score_address(
                metric, item, *self._heard(metric, reference, decoded), generated=self._plan.generated
            )
            for item, reference, decoded in pairs
            for metric in self._plan.metrics
        }
        known = self._store.scores(addresses.values())
        kept = {item.utterance.id: facts_address(item, reference, decoded) for item, reference, decoded in pairs}
        is_coded = isinstance(system.source, Codec)
        stored = self._store.facts(kept.values())
        for item, *identities in pairs:
            name = item.utterance.id
            scores, missing = {}, {}
            for metric in self._plan.metrics:
                key = addresses[name, metric.label]
                if key in known and self._has_embeddings(metric, known[key], identities):
                    scores[metric.label] = known[key]
                else:
                    missing[key] = metric
            facts = stored.get(kept[name])
            is_usable = facts is not None and are_usable(kept[name], facts, is_coded=is_coded)
            yield _Stored(item, kept[name], scores, missing, facts if is_usable else None)

    def _heard(self, metric: Metric, reference: str, decoded: str) -> tuple[str, str]:
        """Content addresses of the two signals that a metric is given."""
        return reference, aligned_identity(reference, decoded) if self._aligns(metric) else decoded

    def _has_embeddings(self, metric: Metric, score: Score, identities: Iterable[str]) -> bool:
        """Whether what the value of the corpus is computed from is there; that cache alone may have been pruned."""
        if metric.corpus is None or score.status is not Status.OK:
            return True
        keys = (feature_address(identity, metric.embedding, metric.rate) for identity in identities)
        return all(self._features.get(key) is not None for key in keys)

    def _submit(self, pair: _Pair, problem: NotScorable | None) -> None:
        """Finds the decoded audio of a pair, and hands the pair to the scoring processes."""
        try:
            if problem is not None:
                raise problem
            self.reconstructor.make_reference(pair.system, pair.item)
            facts = self.reconstructor.facts(pair.system, pair.item)
        except NotScorable as outcome:
            self._fail(pair.system, pair.item, pair.missing.values(), outcome)
            self._progress.advance()
            return
        staged = {key: metric for key, metric in pair.missing.items() if metric.label in self._staged}
        if staged:
            if not self._later:  # so will most of those to come
                self._progress.more(self._progress.left)
                self._announced = self._progress.left // 2
            self._announced -= 1
            self._later.append((pair.system, pair.item, tuple(staged.items())))
            self.outcome.facts[pair.system.label, pair.item.utterance.id] = facts
        now = {key: metric for key, metric in pair.missing.items() if key not in staged}
        self._send(replace(pair, missing=now, facts=facts))

    def _send(self, pair: _Pair) -> None:
        """Hands a pair to the scoring processes, and waits while too many are under way."""
        self._hand_over(pair)
        while len(self._waiting) >= self._engine.ahead:
            self._collect()

    def _hand_over(self, pair: _Pair) -> None:
        """Queues a pair without the metrics that were given up."""
        label = pair.system.label
        for metric in pair.missing.values():
            if (outcome := self._losses.given_up(label, metric)) is not None:
                self._fail(pair.system, pair.item, [metric], outcome)
        self._queue(pair, self._losses.groups(label, pair.missing))

    def _queue(self, pair: _Pair, groups: Sequence[Mapping[str, Metric]]) -> None:
        """Queues a pair in groups of metrics."""
        self._progress.more(len(groups) - 1)
        for missing in groups:
            part = replace(pair, missing=missing)
            attempts = 1 if len(missing) > 1 else ATTEMPTS  # several are tried again apart
            self._waiting[self._engine.submit(self._job(part), attempts)] = part

    def _job(self, pair: _Pair) -> dict[str, Any]:
        """What a scoring process is asked for; see `reconstruction.worker.Scorer.answer`."""
        utterance = pair.item.utterance
        sources = self._sources_of(pair.system, pair.item)
        job = {
            "reference": sources["reference"],
            "decoded": sources["decoded"],
            "text": utterance.text,
            "language": utterance.language,
            "generated": self._plan.generated,
            "by_levels": not pair.system.compares_other,
            "metrics": [metric.spelling for metric in pair.missing.values()],
            "codes": [metric.code for metric in pair.missing.values()],
        }
        if self._plan.align and "aligned_to" in sources["aligned"]:
            job["aligned"] = sources["aligned"]["identity"]
        return job

    def _collect(self) -> None:
        """Waits for at least one reply and stores what came back."""
        done, _ = wait(self._waiting, return_when=FIRST_COMPLETED)
        for future in done:
            pair = self._waiting.pop(future)
            try:
                reply = future.result()
            except CancelledError:  # a metric of it is asked for apart now, or no more
                self._hand_over(pair)
                continue
            except (ProcessCrash, WorkerError) as error:
                if len(pair.missing) > 1:
                    self._queue(pair, self._losses.apart(pair.missing))
                    self._take_back()
                    continue
                self._lose(pair, error)
            else:
                self._losses.scored(pair.system.label, pair.missing)
                self._keep(pair, reply)
            self._progress.advance()

    def _lose(self, pair: _Pair, error: ProcessCrash | WorkerError) -> None:
        """Notes that a pair was lost to its metric."""
        for metric in pair.missing.values():
            self._fail(pair.system, pair.item, [metric], self._losses.lose(pair.system.label, metric, error))
        self._take_back()

    def _take_back(self) -> None:
        """Cancels what waits and would be asked for otherwise now."""
        for future, waiting in self._waiting.items():
            if self._losses.groups(waiting.system.label, waiting.missing) != [waiting.missing]:
                future.cancel()

    def _keep(self, pair: _Pair, reply: Mapping[str, Any]) -> None:
        """Stores the scores of a pair before anything else happens to them."""
        scores = {
            key: Score(**(plain | {"status": Status(plain["status"])}))
            for key, plain in zip(pair.missing, reply["scores"], strict=True)
        }
        facts = pair.facts | reply["facts"]
        self._store.put(scores, pair.kept, facts if reply["facts"] else None)
        name = pair.item.utterance.id
        self.outcome.facts[pair.system.label, name] = facts
        for metric, score in zip(pair.missing.values(), scores.values(), strict=True):
            self.outcome.scores[pair.system.label, name, metric.label] = score
            self._spent(f"metric {metric.label}", score.seconds)
            self._note(metric.label, (pair.system.label, name), score.trace)
        self.outcome.scored += len(scores)

    def _fail(self, system: Row, item: Item, metrics: Iterable[Metric], outcome: NotScorable) -> None:
        """Notes why a pair has no scores."""
        name = item.utterance.id
        logger.debug("%s on %s: %s", system.label, name, outcome.reason)
        self._note(system.label, (name,), outcome.trace)
        for metric in metrics:
            self.outcome.scores[system.label, name, metric.label] = Score.failed(outcome.status, outcome.reason)

    def _note(self, who: str, where: Iterable[str], trace: str) -> None:
        if self._failures is not None:
            self._failures.note(who, where, trace)

    def _spent(self, stage: str, seconds: float) -> None:
        self.outcome.seconds[stage] = self.outcome.seconds.get(stage, 0.0) + seconds


def score_address(metric: Metric, item: Item, reference: str, decoded: str, *, generated: bool = False) -> str:
    """Where a score is kept: the metric and everything that it looks at, by content.

    Signals are told by content address. Where the audio was `generated`, the reference is a prompt, which may have
    another length.
    """
    utterance = item.utterance
    every = {"reference": reference, "decoded": decoded, "text": utterance.text, "language": utterance.language}
    seen: dict[str, Any] = {name: every[name] for name in metric.inputs}
    if generated and "reference" in seen:
        seen["generated"] = True
    return address(metric=metric.fingerprint, **seen, **metric.kept_for)


def aligned_identity(reference: str, decoded: str) -> str:
    """Content address of decoded audio without its lag behind the recording that it is compared with."""
    if reference == decoded:
        return decoded
    return address(aligned=ALIGNED, reference=reference, decoded=decoded)
