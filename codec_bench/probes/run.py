"""Probe runs, from their options to run directories."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.systems import System, parse_systems, ready, split_precision, split_setting
from codec_bench.cache import ArrayCache
from codec_bench.coding.conditions import Condition
from codec_bench.coding.devices import check_device, torch_device
from codec_bench.coding.dispatch import Dispatcher
from codec_bench.coding.items import Item, describe_dataset, manifest_of
from codec_bench.coding.local import local_dispatcher
from codec_bench.coding.rows import Row
from codec_bench.coding.verified import ensure_verified
from codec_bench.errors import UsageError
from codec_bench.hub import caches
from codec_bench.identity import new_invocation
from codec_bench.probes.augmentation import variants_of
from codec_bench.probes.columns import measures_of
from codec_bench.probes.config import INPUTS, ProbeConfig, parse_input
from codec_bench.probes.frames import Extracted, Frames, FrameSource
from codec_bench.probes.inputs import LogMel, TokenFrames, all_sources
from codec_bench.probes.plan import SetPlan, plan_sets, split_by_access, wanted_sets
from codec_bench.probes.results import Results, write_json
from codec_bench.probes.study import Study, TaskPlan
from codec_bench.processes.pool import worker_count
from codec_bench.runs.directory import Run, slug
from codec_bench.runs.frames import Heading
from codec_bench.runs.progress import RunProgress
from codec_bench.runs.writer import Request, same, writing


@dataclass(frozen=True)
class Probed:
    """What came of a request.

    Attributes:
        runs: The finished runs, one for each data set: `summary` with one row per system and measure, `scores` with one
            per test utterance and seed.
        skipped: Tasks of no run, each with the reason; those that are skipped on the data set of a run are among the
            failures of that run.
    """

    runs: tuple[Run, ...]
    skipped: tuple[str, ...]


def probe(config: ProbeConfig) -> Probed:
    """Trains the probes of a configuration and writes a run directory for each data set.

    Raises:
        UsageError: Something in the request cannot be done; found before anything is trained.
        CodecBenchError: A run had to stop.
    """
    with caches(fresh=config.no_cache) as cache:
        check_device(config.device)
        new_invocation()
        wanted = wanted_sets(config)
        variants = variants_of(config.recipes, config.seed, config.noise_dir, config.room_dir)
        systems = chosen_systems(config)
        prepared = [system.label for system in systems if not isinstance(system.source, Codec)]
        if prepared:
            raise UsageError(f"{prepared[0]} is audio, not tokens: a probe needs a codec, e.g. --codec lyra")
        obtainable, missing = split_by_access(wanted)
        ready(systems)
        ensure_verified(systems, config)
        plans, skipped = plan_sets(config, obtainable)
        several = len(wanted) > 1
        runs = tuple(probe_set(config, plan, systems, variants, cache, is_one_of_several=several) for plan in plans)
        return Probed(runs, (*missing, *skipped))


def probe_set(
    config: ProbeConfig,
    made: SetPlan,
    systems: Sequence[System],
    variants: Mapping[str, Condition],
    cache: Path,
    *,
    is_one_of_several: bool,
) -> Run:
    """Trains the probes of a data set and writes their run directory.

    Where it `is_one_of_several`, that is a folder of the data set's name in `--out`.
    """
    kinds = {kind for task in made.tasks if task.recipe.augmentation for kind in task.recipe.augmentation.kinds}
    coding = local_dispatcher(cache, config.device)
    warnings = [*made.warnings, *coding.identify(systems)]
    inputs = inputs_of(config, systems, {kind: variants[kind] for kind in variants if kind in kinds}, coding)
    request = request_of(config, made, inputs, warnings)
    device = torch_device(config.device)
    out = config.out or request.default_folder()
    if is_one_of_several and config.out is not None:
        out /= slug(made.dataset.name)
    items = made.selected.items
    with (
        writing(request, out) as writer,
        Study(made.tasks, config.training_seeds, cache, training_jobs(config.jobs, device), device) as study,
    ):
        extracted, lacking = carry_out(study, inputs, items, cache)
        results = Results(study.units, study.tasks, items, extracted, config.training_seeds)
        headings = [
            heading(source, inputs.described[source.label], extracted[source.label], cache)
            for source in inputs.sources
            if source.label in extracted
        ]
        writer.results(results.score_frame(), results.summary_frame(headings))
        write_json(writer.path / "confusion.json", results.confusions())
        write_json(writer.path / "probes.json", results.trainings())
        writer.warn([*coding.notes, *lacking])
        coverage = results.coverage(config.max_failed)
        coverage.failures += made.skipped
        kind, _ = parse_input(config.input)
        return writer.finish(
            intervals=results.intervals(),
            notes=[
                f"What probes read (--input {config.input}): {INPUTS[kind]}; of log-mel, the bands.",
                *results.notes(),
                *(f"Variants to train on, {k}: {c.note}." for k, c in inputs.variants.items()),
            ],
            coverage=coverage,
            devices=coding.devices | {"probes": device},
            session={"trainings": study.trained, "trainings_from_cache": study.reused},
        )


@dataclass(frozen=True)
class Inputs:
    """What the rows of a table read.

    Attributes:
        sources: One for each row.
        variants: What alters recordings to train on, by kind.
        varied: What such recordings give, by kind: a source for each of `sources`.
        described: The rows as `run.json` keeps them, by label.
        coding: What encodes for all of them.
    """

    sources: Sequence[FrameSource]
    variants: Mapping[str, Condition]
    varied: Mapping[str, Sequence[FrameSource]]
    described: Mapping[str, Mapping[str, Any]]
    coding: Dispatcher


def inputs_of(
    config: ProbeConfig, systems: Sequence[System], variants: Mapping[str, Condition], coding: Dispatcher
) -> Inputs:
    """What the rows read, from recordings and from their variants.

    Raises:
        UsageError: A codec has no such input.
    """
    kind, name = parse_input(config.input)
    rows = [Row(system) for system in systems]
    sources = all_sources(rows, kind, name, coding, config.seed)
    varied = {
        variant: all_sources([replace(row, condition=condition) for row in rows], kind, name, coding, config.seed)
        for variant, condition in variants.items()
    }
    return Inputs(sources, variants, varied, {source.label: source.describe() for source in sources}, coding)


def request_of(config: ProbeConfig, made: SetPlan, inputs: Inputs, warnings: Sequence[str]) -> Request:
    """What is asked of a run directory: its plan, and what else `run.json` keeps."""
    items, tasks = made.selected.items, made.tasks
    plan = {
        "dataset": describe_dataset(made.dataset, items, made.selected.sample),
        "systems": list(inputs.described.values()),
        "conditions": [],
        "metrics": [column.describe() for task in tasks for column in measures_of(task, config.seeds)],
        "seed": config.seed,
        "input": config.input,
        "training_seeds": list(config.training_seeds),
        "tasks": [describe_task(task) for task in tasks],
    }
    if inputs.variants:
        plan["variants"] = [condition.describe() for condition in inputs.variants.values()]
    return Request(
        kind="probe",
        config=config.describe(),
        plan=plan,
        manifest=manifest_of(items),
        difference=same(plan, {"split": config.describe()["split"]}),
        name=("probe", *(task.recipe.task for task in tasks), made.dataset.name),
        warnings=list(warnings),
    )


def chosen_systems(config: ProbeConfig) -> list[System]:
    """The systems that are probed; without a setting, a part of the tokens is one of all codebooks.

    Raises:
        UsageError: There are no such systems, or numbers of codebooks are given for what lies before the codebooks.
    """
    kind, name = parse_input(config.input)
    sweeps = kind == "latents" or (kind != "hidden" and not name)
    systems = parse_systems(config.codec, config.codebooks, needs_audio=False, sweeps=sweeps)
    if kind == "hidden":
        if config.codebooks:
            raise UsageError(f"--input {config.input} lies before the codebooks: leave out --codebooks")
        for system in systems:
            if isinstance(system.source, Codec) and not system.source.modes and system.spelling in config.codec:
                setting, _ = split_precision(split_setting(system.spelling)[1])
                if setting is not None:
                    raise UsageError(f"--input {config.input} lies before the codebooks: leave out @{setting}")
    return systems


def describe_task(task: TaskPlan) -> dict[str, Any]:
    """A task as `run.json` keeps it."""
    return {
        "task": task.recipe.task,
        "recipe": task.recipe.described(),
        "fingerprint": task.recipe.fingerprint,
        "split": task.division.rule,
        "folds": [
            {"fold": f.name, "train": len(f.train), "dev": len(f.dev), "test": len(f.test)} for f in task.division.folds
        ],
        "classes": None if task.recipe.is_sequence else len(set(task.targets.of.values())),
    }


def carry_out(
    study: Study, inputs: Inputs, items: Sequence[Item], cache: Path
) -> tuple[dict[str, Extracted], list[str]]:
    """Makes all frames, also those of the variants, and trains meanwhile.

    A row whose frames are those of an earlier one could have no other values, and is left out.

    Returns:
        The frames of each row; and which variants could not be had, and which rows are left out.
    """
    frames = ArrayCache(cache / "frames")
    trained = {kind: study.trained_on(items, kind) for kind in inputs.varied}
    recordings = len(inputs.sources) * (len(items) + sum(map(len, trained.values())))
    finished = count(1)
    with RunProgress(recordings, "recordings") as progress:
        progress.stage("frames")
        extracted: dict[str, Extracted] = {}
        lacking: list[str] = []
        for place, source in enumerate(inputs.sources):
            own = source.extract(items, frames, progress.advance)
            variants = {
                kind: varied[place].extract(trained[kind], frames, progress.advance)
                for kind, varied in inputs.varied.items()
            }
            if (other := alike(own, extracted, frames)) is not None:
                lacking.append(f"{source.label} is the row {other}: their frames are the same, so nothing was trained")
                continue
            extracted[source.label] = own
            lacking += [text for k in inputs.varied if (text := lack(source.label, k, own, variants[k]))]
            study.add(source, own, variants)
        inputs.coding.close()
        progress.stage("training")
        told = partial(progress.part, total=study.total, unit="trainings", since_start=True)
        told(0)
        study.run(lambda: told(next(finished)))
    return extracted, lacking


def alike(own: Extracted, others: Mapping[str, Extracted], frames: ArrayCache) -> str | None:
    """The first of other rows that has the very same frames; None if none has."""

    def same_frames(other: Mapping[str, str]) -> bool:
        if not own.addresses or own.addresses.keys() != other.keys():
            return False
        pairs = ((frames.get(place), frames.get(other[name])) for name, place in own.addresses.items())
        return all(a is not None and b is not None and np.array_equal(a["values"], b["values"]) for a, b in pairs)

    return next((label for label, found in others.items() if same_frames(found.addresses)), None)


def lack(label: str, kind: str, plain: Extracted, varied: Extracted) -> str:
    """Of how many recordings a row has no variants though it has frames, and why; empty if it has all."""
    failed = {name: outcome for name, outcome in varied.failed.items() if name in plain.addresses}
    if not failed:
        return ""
    name, first = next(iter(failed.items()))
    return f"{label}: {len(failed)} recordings have no variant {kind}, first {name} ({first.reason})"


def heading(source: FrameSource, described: Mapping[str, Any], extracted: Extracted, cache: Path) -> Heading:
    """Bitrate and frame rate of a row."""
    frames = ArrayCache(cache / "frames")

    def counted() -> tuple[float, float]:
        for key in extracted.addresses.values() if isinstance(source, TokenFrames) else ():
            entry = frames.get(key)
            if entry is not None and (found := Frames.from_arrays(entry)).sizes:
                return found.rate * sum(math.log2(size) for size in found.sizes), 1.0
        return 0.0, 0.0

    made = Heading.of(described, counted)
    return replace(made, frame_rate_hz=LogMel.RATE / LogMel.HOP) if isinstance(source, LogMel) else made


def training_jobs(wanted: int | None, device: str) -> int:
    """Training processes: all cores, or one on a GPU, unless a number is wanted."""
    return 1 if wanted is None and device != "cpu" else worker_count(wanted)
