"""The run itself: for every system and every utterance, encode, decode, score; nothing twice, nothing lost."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from codec_bench.cache import ArrayCache
from codec_bench.fingerprint import address
from codec_bench.metrics import Metric
from codec_bench.metrics.signal import Feature, feature_address
from codec_bench.records import NotScorable, Score, Status
from codec_bench.runs.batching import parts
from codec_bench.runs.models import compute
from codec_bench.runs.plan import Item, Plan, Row
from codec_bench.runs.pool import WorkerCrash, WorkerPool
from codec_bench.runs.progress import RunProgress
from codec_bench.runs.reconstruct import Reconstructor
from codec_bench.runs.store import ScoreStore
from codec_bench.runs.worker import load_signal

logger = logging.getLogger(__name__)

CODED_AHEAD = 64
"""Pairs that may be coded together: enough for batches of like lengths, few enough that scoring never waits long."""

JOBS_AHEAD = 4
"""Decoded pairs that wait per scoring process: enough to keep it busy, few enough to bound memory."""


@dataclass
class Outcome:
    """What a run found.

    Attributes:
        scores: By system label, utterance id and metric label.
        facts: What is known about each reconstruction, by system label and utterance id.
        decoded: Content address of each decoded signal, by system label and utterance id.
        references: Content address of what it was compared with.
        scored: Scores that were computed now.
        reused: Scores that the cache had.
        seconds: Wall time of this invocation, and the time spent per stage summed over processes.
    """

    scores: dict[tuple[str, str, str], Score] = field(default_factory=dict)
    facts: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    decoded: dict[tuple[str, str], str] = field(default_factory=dict)
    references: dict[tuple[str, str], str] = field(default_factory=dict)
    scored: int = 0
    reused: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Pair:
    """One system on one utterance: what is missing, and where it will be kept."""

    system: Row
    item: Item
    missing: Mapping[str, Metric]  # by address
    kept: str  # where the facts are
    facts: dict[str, Any]


class Runner:
    """Executes a plan.

    Args:
        plan: What to do.
        cache: Folder of the caches and the score store.
        jobs: Scoring processes.
        device: Where codecs run.
        timeout: Seconds that scoring one pair may take.
        batch_seconds: Seconds of audio that are coded together; see `Reconstructor`.
    """

    def __init__(
        self, plan: Plan, cache: Path, jobs: int, device: str, timeout: float, batch_seconds: float | None = None
    ) -> None:
        self._plan = plan
        self._cache = cache
        self._jobs = jobs
        self._timeout = timeout
        self.outcome = Outcome()
        self.reconstructor = Reconstructor(cache, device, batch_seconds)
        self._waiting: dict[Future[dict[str, Any]], _Pair] = {}
        self._device = device
        self._staged = {metric.label for metric in plan.metrics if self._stages(metric)}
        self._features = ArrayCache(cache / "features")
        self._later: list[tuple[_Pair, dict[str, Any]]] = []

    def run(self) -> None:
        """Computes what no cache has; all of it is in `outcome` then.

        Raises:
            DiskFullError: No room left; what was scored is kept.
            CodecBenchError: A metric cannot run here at all.
        """
        started = time.perf_counter()
        try:
            with (
                ScoreStore(self._cache / "scores.sqlite") as self._store,
                WorkerPool(self._jobs, self._cache, self._timeout) as self._pool,
                RunProgress(len(self._plan.systems) * len(self._plan.items)) as self._progress,
            ):
                for system in self._plan.systems:
                    for pairs in parts(self._unfinished(system), CODED_AHEAD):
                        self._progress.stage(f"decoding {system.label}")
                        self._prepare(system, pairs)
                        for pair in pairs:
                            self._submit(pair)
                self._finish("scoring the last pairs")
                self.reconstructor.close()  # the models of metrics get the memory of the codecs
                self._run_models()
                for pair, job in self._later:
                    self._send(pair, job)
                self._finish("scoring with learned models")
        finally:
            self.reconstructor.close()
        self._spent("total", time.perf_counter() - started)

    def _stages(self, metric: Metric) -> bool:
        """Whether a metric's models are applied to all signals at once, here, before it is scored."""
        if not metric.models:
            return False  # nothing that has to ask torch for a GPU
        return model_device(self._device) != "cpu" or any(feature.model.is_heavy for feature, _ in metric.models)

    def _run_models(self) -> None:
        """Applies each model to all signals that wait for it, one model at a time."""
        audio = ArrayCache(self._cache / "audio")
        wanted: dict[tuple[str, int], tuple[Feature, list[Mapping[str, Any]]]] = {}
        for pair, job in self._later:
            for metric in pair.missing.values():
                for feature, rate in metric.models:
                    _, sources = wanted.setdefault((feature.fingerprint, rate), (feature, []))
                    sources += [job[side] for side in ("reference", "decoded") if side in metric.inputs]
        for (_, rate), (feature, sources) in wanted.items():
            started = time.perf_counter()
            self._progress.stage(f"applying {feature.name}")
            device = model_device(self._device)
            compute(feature, rate, sources, lambda source: load_signal(source, audio), self._features, device)
            self._spent(f"model {feature.name}", time.perf_counter() - started)

    def _finish(self, stage: str) -> None:
        """Waits for all pairs that were sent."""
        self._progress.stage(stage)
        while self._waiting:
            self._collect()

    def _unfinished(self, system: Row) -> Iterable[_Pair]:
        """The pairs of a system that still lack scores; everything that is known is noted on the way."""
        identities: dict[str, tuple[str, str]] = {}
        for item in self._plan.items:
            try:
                if item.problem:
                    raise NotScorable(item.problem, item.status)
                decoded = self.reconstructor.identity(system, item)
                reference = self.reconstructor.reference_identity(system, item)
                identities[item.utterance.id] = (reference, decoded)
                self.outcome.references[system.label, item.utterance.id] = reference
                self.outcome.decoded[system.label, item.utterance.id] = decoded
            except NotScorable as outcome:
                self._fail(system, item, self._plan.metrics, outcome)
                self._progress.advance()
        items = [item for item in self._plan.items if item.utterance.id in identities]
        addresses = {
            (item.utterance.id, metric.label): score_address(
                metric, item, *identities[item.utterance.id], generated=self._plan.generated
            )
            for item in items
            for metric in self._plan.metrics
        }
        known = self._store.scores(addresses.values())
        kept = {item.utterance.id: facts_address(item, *identities[item.utterance.id]) for item in items}
        facts = self._store.facts(kept.values())
        for item in items:
            name = item.utterance.id
            missing = {}
            for metric in self._plan.metrics:
                key = addresses[name, metric.label]
                if key in known and self._has_embeddings(metric, known[key], identities[name]):
                    self.outcome.scores[system.label, name, metric.label] = known[key]
                    self.outcome.reused += 1
                else:
                    missing[key] = metric
            self.outcome.facts[system.label, name] = facts.get(kept[name], {})
            if missing or kept[name] not in facts:
                yield _Pair(system, item, missing, kept[name], {})
            else:
                self._progress.advance()

    def _has_embeddings(self, metric: Metric, score: Score, identities: Iterable[str]) -> bool:
        """Whether what the value of the corpus is computed from is there; somebody may have pruned that cache alone."""
        if metric.corpus is None or score.status is not Status.OK:
            return True
        return all(feature_address(i, metric.embedding, metric.rate) in self._features for i in identities)

    def _prepare(self, system: Row, pairs: Iterable[_Pair]) -> None:
        """Codes pairs together where the device makes that worth while; the scoring processes are busy meanwhile."""
        started = time.perf_counter()
        self.reconstructor.prepare(system, [pair.item for pair in pairs])
        self._spent("coding", time.perf_counter() - started)

    def _submit(self, pair: _Pair) -> None:
        """Decodes a pair and hands it to the scoring processes."""
        started = time.perf_counter()
        try:
            reference = self.reconstructor.reference(pair.system, pair.item)
            decoded = self.reconstructor.decoded(pair.system, pair.item)
        except NotScorable as outcome:
            self._fail(pair.system, pair.item, pair.missing.values(), outcome)
            self._progress.advance()
            return
        finally:
            self._spent("coding", time.perf_counter() - started)
        pair.facts.update(decoded.facts)
        utterance = pair.item.utterance
        job = {
            "reference": reference,
            "decoded": decoded.source,
            "text": utterance.text,
            "language": utterance.language,
            "generated": self._plan.generated,
        }
        staged = {key: metric for key, metric in pair.missing.items() if metric.label in self._staged}
        if staged:
            self._later.append((replace(pair, missing=staged), job))
            self._progress.more(1)
        self._send(replace(pair, missing={k: m for k, m in pair.missing.items() if k not in staged}), job)

    def _send(self, pair: _Pair, job: Mapping[str, Any]) -> None:
        """Hands a pair to the scoring processes."""
        metrics = [metric.spelling for metric in pair.missing.values()]
        self._waiting[self._pool.submit({**job, "metrics": metrics})] = pair
        while len(self._waiting) >= JOBS_AHEAD * self._jobs:
            self._collect()

    def _collect(self) -> None:
        """Waits for at least one reply and stores what came back."""
        done, _ = wait(self._waiting, return_when=FIRST_COMPLETED)
        for future in done:
            pair = self._waiting.pop(future)
            try:
                reply = future.result()
            except (WorkerCrash, CancelledError) as error:
                self._fail(pair.system, pair.item, pair.missing.values(), NotScorable(str(error), Status.CRASHED))
            else:
                self._keep(pair, reply)
            self._progress.advance()

    def _keep(self, pair: _Pair, reply: Mapping[str, Any]) -> None:
        """Stores the scores of a pair before anything else happens to them."""
        scores = {
            key: Score(**(plain | {"status": Status(plain["status"])}))
            for key, plain in zip(pair.missing, reply["scores"], strict=True)
        }
        facts = pair.facts | reply["signals"]
        self._store.put(scores, pair.kept, facts if reply["signals"] else None)
        name = pair.item.utterance.id
        self.outcome.facts[pair.system.label, name] = facts
        for metric, score in zip(pair.missing.values(), scores.values(), strict=True):
            self.outcome.scores[pair.system.label, name, metric.label] = score
            self._spent(f"metric {metric.label}", score.seconds)
        self.outcome.scored += len(scores)

    def _fail(self, system: Row, item: Item, metrics: Iterable[Metric], outcome: NotScorable) -> None:
        """Notes why a pair has no scores."""
        name = item.utterance.id
        logger.debug("%s on %s: %s", system.label, name, outcome.reason)
        for metric in metrics:
            self.outcome.scores[system.label, name, metric.label] = Score.failed(outcome.status, outcome.reason)

    def _spent(self, stage: str, seconds: float) -> None:
        self.outcome.seconds[stage] = self.outcome.seconds.get(stage, 0.0) + seconds


def model_device(wanted: str) -> str:
    """The device for learned models of metrics: the one that was asked for, or for `auto` the first GPU."""
    if wanted != "auto":
        return wanted
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def score_address(metric: Metric, item: Item, reference: str, decoded: str, *, generated: bool = False) -> str:
    """Where a score is kept: the metric and everything that it looks at, by content.

    Args:
        metric: What is scored.
        item: The utterance, for its text and language.
        reference: Content address of the signal that stands for the original.
        decoded: Content address of the decoded signal.
        generated: Whether the reference is a prompt, which may have another length.
    """
    seen: dict[str, Callable[[], Any]] = {
        "reference": lambda: reference,
        "decoded": lambda: decoded,
        "text": lambda: item.utterance.text,
        "language": lambda: item.utterance.language,
    }
    parts = {name: seen[name]() for name in sorted(metric.inputs)}
    if generated and "reference" in parts:
        parts["generated"] = True
    return address(metric=metric.fingerprint, **parts)


def facts_address(item: Item, reference: str, decoded: str) -> str:
    """Where the facts about a reconstruction are kept; they tell of the reference too, which may be an altered one."""
    return decoded if reference == item.identity else address(reference=reference, decoded=decoded)


def worker_count(jobs: int | None) -> int:
    """How many scoring processes to start: all cores that this process may use, unless told."""
    if jobs is not None:
        return jobs
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
