"""A probe run, from its options to a run directory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.systems import System, parse_systems, ready, split_setting
from codec_bench.cache import ArrayCache
from codec_bench.coding.devices import check_device, torch_device
from codec_bench.coding.items import Item, Selection, describe_dataset, manifest_of, resolve_items
from codec_bench.coding.local import local_dispatcher
from codec_bench.coding.rows import Row
from codec_bench.datasets.loading import load_dataset
from codec_bench.datasets.parts import Part, undivided
from codec_bench.errors import UsageError
from codec_bench.hub import caches
from codec_bench.identity import new_invocation
from codec_bench.probes.columns import biased, measures_of
from codec_bench.probes.config import ProbeConfig, parse_input
from codec_bench.probes.frames import Extracted, Frames, FrameSource
from codec_bench.probes.inputs import LogMel, RandomTokens, TokenFrames, sources_of
from codec_bench.probes.recipes import Recipe
from codec_bench.probes.results import Results, write_json
from codec_bench.probes.splits import divide, official_part
from codec_bench.probes.study import Study, TaskPlan
from codec_bench.probes.targets import targets_of
from codec_bench.processes.pool import worker_count
from codec_bench.runs.directory import Run
from codec_bench.runs.frames import Heading
from codec_bench.runs.progress import RunProgress
from codec_bench.runs.writer import Request, same, writing


def probe(config: ProbeConfig) -> Run:
    """Trains the probes of a configuration and writes their run directory.

    Returns:
        The finished run: `summary` with one row per system and measure, `scores` with one per test utterance and seed.

    Raises:
        UsageError: Something in the request cannot be done; found before anything is trained.
        CodecBenchError: The run had to stop.
    """
    with caches(fresh=config.no_cache) as cache:
        return _probe(config, cache)


def _probe(config: ProbeConfig, cache: Path) -> Run:
    check_device(config.device)
    new_invocation()
    recipes = config.recipes
    warnings: list[str] = []
    loaded = load_dataset(config.dataset, data_root=config.data_root, audio_root=config.audio_root)
    systems = chosen_systems(config)
    prepared = [system.label for system in systems if not isinstance(system.source, Codec)]
    if prepared:
        raise UsageError(f"{prepared[0]} is audio, not tokens: a probe needs a codec, e.g. --codec lyra")
    ready(systems)
    division = official_part if config.split == "auto" else undivided
    selected = resolve_items(loaded, warnings, part=Part(config.limit, config.sample, config.seed, division))
    items = selected.items
    tasks = [plan_task(recipe, selected, config, warnings) for recipe in recipes]
    rows = [Row(system) for system in systems]
    coding = local_dispatcher(cache, config.device)
    warnings += coding.identify(systems)
    of_systems = sources_of(rows, *parse_input(config.input), coding)
    books = of_systems[0].part.books if isinstance(of_systems[0], TokenFrames) else None
    baselines = [LogMel(), RandomTokens(TokenFrames(rows[0], coding, books), config.seed)]
    sources = [*baselines, *of_systems]
    described = {source.label: source.describe() for source in sources}
    plan = {
        "dataset": describe_dataset(loaded, items, selected.sample),
        "systems": list(described.values()),
        "conditions": [],
        "metrics": [column.describe() for task in tasks for column in measures_of(task, config.seeds)],
        "seed": config.seed,
        "input": config.input,
        "training_seeds": list(config.training_seeds),
        "tasks": [describe_task(task) for task in tasks],
    }
    request = Request(
        kind="probe",
        config=config.describe(),
        plan=plan,
        manifest=manifest_of(items),
        difference=same(plan, {"split": config.describe()["split"]}),
        name=("probe", *config.task, loaded.name),
        warnings=warnings,
    )
    device = torch_device(config.device)
    study = Study(tasks, config.training_seeds, cache, training_jobs(config.jobs, device), device)
    with writing(request, config.out or request.default_folder()) as writer:
        extracted = carry_out(study, sources, items, cache)
        results = Results(study.units, study.tasks, items, extracted, config.training_seeds)
        headings = [heading(source, described[source.label], extracted[source.label], cache) for source in sources]
        writer.results(results.score_frame(), results.summary_frame(headings))
        write_json(writer.path / "confusion.json", results.confusions())
        write_json(writer.path / "probes.json", results.trainings())
        writer.warn(coding.notes)
        return writer.finish(
            intervals=results.intervals(),
            notes=results.notes(),
            coverage=results.coverage(config.max_failed),
            devices=coding.devices | {"probes": device},
            session={"trainings": study.trained, "trainings_from_cache": study.reused},
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
            if isinstance(system.source, Codec) and not system.source.modes and system.label in config.codec:
                _, setting = split_setting(system.label)
                if setting is not None:
                    raise UsageError(f"--input {config.input} lies before the codebooks: leave out @{setting}")
    return systems


def plan_task(recipe: Recipe, selected: Selection, config: ProbeConfig, warnings: list[str]) -> TaskPlan:
    """The targets and parts of a task.

    Raises:
        UsageError: The data set has none, or one recording is in two parts.
    """
    try:
        targets = targets_of(selected.items, recipe)
        used = [item for item in selected.items if item.utterance.id in targets.of]
        division = divide(
            used,
            targets.of,
            speaker_disjoint=recipe.speaker_disjoint,
            folds=recipe.folds,
            seed=config.seed,
            rule=config.split,
        )
    except UsageError as error:
        drawn = selected.sample and f" (in --sample {config.sample}: a larger one may do)"
        raise UsageError(f"task {recipe.task}: {error}{drawn or ''}") from error
    warnings += targets.warnings
    plan = TaskPlan(recipe, targets, division)
    warnings += [f"{recipe.task}: {text}" for text in (*division.warnings, *biased(plan))]
    return plan


def describe_task(task: TaskPlan) -> dict[str, Any]:
    """A task as `run.json` keeps it."""
    return {
        "task": task.recipe.task,
        "recipe": asdict(task.recipe),
        "fingerprint": task.recipe.fingerprint,
        "split": task.division.rule,
        "folds": [
            {"fold": f.name, "train": len(f.train), "dev": len(f.dev), "test": len(f.test)} for f in task.division.folds
        ],
        "classes": None if task.recipe.is_sequence else len(set(task.targets.of.values())),
    }


def carry_out(study: Study, sources: Sequence[FrameSource], items: Sequence[Item], cache: Path) -> dict[str, Extracted]:
    """Makes all frames, then trains."""
    with RunProgress(len(sources) * len(items)) as progress:
        progress.stage("frames")
        extracted = {}
        for source in sources:
            extracted[source.label] = source.extract(items, ArrayCache(cache / "frames"), progress.advance)
            study.add(source, extracted[source.label])
        progress.more(study.total)
        progress.stage("training")
        study.run(progress.advance)
    return extracted


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
