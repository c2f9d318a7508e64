"""A probe run, from what was asked for to a run directory."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from codec_bench.adapters.codec import Codec, CodecSpec, Group
from codec_bench.adapters.systems import parse_systems
from codec_bench.cache import ArrayCache
from codec_bench.coding.devices import check_device
from codec_bench.coding.items import Item, describe_dataset, manifest_of, resolve_items
from codec_bench.coding.reconstruct import Reconstructor
from codec_bench.coding.rows import Row, describe_system, fetch_weights_of
from codec_bench.datasets.loading import load_dataset
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.files import write_atomically
from codec_bench.fingerprint import address
from codec_bench.hub import home
from codec_bench.probes.columns import describe_columns
from codec_bench.probes.config import ProbeConfig, parse_input
from codec_bench.probes.inputs import (
    Extracted,
    Frames,
    FrameSource,
    LogMel,
    RandomTokens,
    TokenFrames,
    sources_of,
)
from codec_bench.probes.recipes import Recipe
from codec_bench.probes.results import Heading, Results, write_json
from codec_bench.probes.splits import divide
from codec_bench.probes.study import Study, TaskPlan, extract_all
from codec_bench.probes.targets import targets_of
from codec_bench.processes.pool import worker_count
from codec_bench.runs import provenance
from codec_bench.runs.directory import Run, new_info, read_info, slug, write_info, write_scores, write_summary
from codec_bench.runs.progress import RunProgress
from codec_bench.stats import LEVEL, RESAMPLES, cluster_unit

logger = logging.getLogger(__name__)


def probe(config: ProbeConfig) -> Run:
    """Trains the probes of a configuration and writes their run directory.

    Returns:
        The finished run: `summary` with one row per system and measure, `scores` with one per test utterance and seed.

    Raises:
        UsageError: Something in the request cannot be done; found before anything is trained.
        CodecBenchError: The run could not go on.
    """
    check_device(config.device)
    recipes = config.recipes
    warnings: list[str] = []
    loaded = load_dataset(config.dataset, data_root=config.data_root, audio_root=config.audio_root)
    systems = parse_systems(config.codec, config.codebooks, needs_audio=False)
    prepared = [system.label for system in systems if not isinstance(system.source, Codec)]
    if prepared:
        raise UsageError(f"{prepared[0]} is audio, not tokens: a probe needs a codec, e.g. --codec lyra")
    fetch_weights_of(systems)
    items = resolve_items(loaded, warnings, limit=config.limit)
    tasks = [plan_task(recipe, items, config, warnings) for recipe in recipes]
    rows = [Row(system) for system in systems]
    cache = home() / "cache"
    reconstructor = Reconstructor(cache, config.device)
    kind, name = parse_input(config.input)
    sources = [
        *baselines(rows, reconstructor, config.seed),
        *sources_of(rows, kind, name, reconstructor, config.device),
    ]
    plan = {
        "dataset": describe_dataset(loaded, items),
        "systems": [*(describe_baseline(s) for s in sources[:2]), *(describe_system(row) for row in rows)],
        "conditions": [],
        "metrics": [column for task in tasks for column in describe_columns(task, config.seeds)],
        "seed": config.seed,
        "input": config.input,
        "training_seeds": list(config.training_seeds),
        "tasks": [describe_task(task) for task in tasks],
    }
    out = config.out or default_folder(config, plan)
    previous = read_info(out)
    check_same(previous, plan, out)
    info = new_info("probe", config.describe(), plan, warnings, previous)
    write_atomically(out / "utterances.csv", manifest_of(items))
    write_info(out, info)
    for warning in warnings:
        logger.warning(warning)
    device = training_device(config.device)
    study = Study(tasks, config.training_seeds, cache, training_jobs(config.jobs, device), device)
    try:
        extracted = carry_out(study, sources, items, cache)
    except (KeyboardInterrupt, CodecBenchError) as error:
        stopped = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
        info["sessions"][-1] |= {"ended": provenance.now(), "stopped": stopped}
        write_info(out, info)
        raise
    info["devices"] = reconstructor.devices | {"probes": device}
    return finish(out, info, config, study, sources, items, extracted)


def plan_task(recipe: Recipe, items: Sequence[Item], config: ProbeConfig, warnings: list[str]) -> TaskPlan:
    """The targets and parts of a task.

    Raises:
        UsageError: The data set has none, or one recording is in two parts.
    """
    targets = targets_of(items, recipe)
    used = [item for item in items if item.utterance.id in targets.of]
    try:
        division = divide(
            used,
            targets.of,
            speaker_disjoint=recipe.speaker_disjoint,
            folds=recipe.folds,
            seed=config.seed,
            rule=config.split,
        )
    except UsageError as error:
        raise UsageError(f"task {recipe.task}: {error}") from error
    warnings += targets.warnings
    warnings += [f"{recipe.task}: {text}" for text in division.warnings]
    return TaskPlan(recipe, targets, division)


def baselines(rows: Sequence[Row], reconstructor: Reconstructor, seed: int) -> list[FrameSource]:
    """The ceiling and the floor; the floor has the shape of the first system's tokens."""
    return [LogMel(), RandomTokens(TokenFrames(rows[0], reconstructor), seed)]


def describe_baseline(source: FrameSource) -> dict[str, Any]:
    """A row that is no codec, as `run.json` keeps it."""
    mel = isinstance(source, LogMel)
    note = (
        "ceiling: 80 log-mel bands of the recording" if mel else "floor: uniform tokens, shaped as the first system's"
    )
    title = "Log-mel spectrogram" if mel else "Random tokens"
    spec = CodecSpec(title=title, group=Group.REFERENCE, input_rate=LogMel.RATE, output_rate=LogMel.RATE)
    return {
        "label": source.label,
        "system": source.label,
        "condition": None,
        "reference": "clean",
        "note": note,
        "title": spec.title,
        "group": spec.group.value,
        "fingerprint": source.fingerprint,
        "codebooks": None,
        "frame_rate_hz": None,
        "nominal_bitrate": None,
        "stated_bitrate": None,
        "input_rate": spec.input_rate,
        "output_rate": spec.output_rate,
        "delay_samples": 0,
        "parameters": None,
        "causal": None,
        "streaming": None,
        "licence": "",
        "source": "",
        "weights": {},
    }


def describe_task(task: TaskPlan) -> dict[str, Any]:
    """A task as `run.json` keeps it."""
    return {
        "task": task.recipe.task,
        "recipe": task.recipe.describe(),
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
        extracted = extract_all(sources, items, cache, progress.advance)
        for source in sources:
            study.add(source, extracted[source.label])
        progress.more(study.total)
        progress.stage("training")
        study.run(progress.advance)
    return extracted


def finish(
    out: Path,
    info: dict[str, Any],
    config: ProbeConfig,
    study: Study,
    sources: Sequence[FrameSource],
    items: Sequence[Item],
    extracted: dict[str, Extracted],
) -> Run:
    """Writes what reports and people read."""
    results = Results(study.units, study.tasks, items, extracted, config.training_seeds, config.seed)
    labels = [source.label for source in sources]
    frames = ArrayCache(home() / "cache" / "frames")
    scores = results.score_frame(labels)
    write_scores(out, scores)
    write_summary(out, results.summary_frame([heading(source, extracted[source.label], frames) for source in sources]))
    write_json(out / "confusion.json", results.confusions(labels))
    write_json(out / "probes.json", results.trainings())
    tested = {name for task in study.tasks for fold in task.division.folds for name in fold.test}
    unit = cluster_unit([item.utterance.speaker for item in items if item.utterance.id in tested])
    if unit == "speakers" and any(task.recipe.target == "speaker" for task in study.tasks):
        unit = "utterances" if len(study.tasks) == 1 else "speakers, for sid of utterances"
    info["intervals"] = {
        "method": "percentile bootstrap, all seeds of a draw together",
        "unit": unit,
        "level": LEVEL,
        "resamples": RESAMPLES,
        "seed": config.seed,
    }
    info["coverage"] = results.coverage(scores, config.max_failed, labels)
    info["sessions"][-1] |= {
        "ended": provenance.now(),
        "trainings": study.trained,
        "trainings_from_cache": study.reused,
    }
    info["status"] = "failed" if info["coverage"]["failures"] else "finished"
    write_info(out, info)
    return Run(out, info)


def heading(source: FrameSource, extracted: Extracted, frames: ArrayCache) -> Heading:
    """Bitrate and frame rate of a row."""
    if not isinstance(source, TokenFrames):
        return Heading(
            source.label, "reference", None, "", LogMel.RATE / LogMel.HOP if isinstance(source, LogMel) else None
        )
    spec = source.row.spec
    bitrate = spec.bitrate(source.row.codebooks)
    if bitrate is not None:
        return Heading(source.label, spec.group.value, bitrate / 1000, "computed", spec.frame_rate)
    for key in extracted.addresses.values():
        entry = frames.get(key)
        if entry is not None and (found := Frames.from_arrays(entry)).sizes:
            counted = found.rate * sum(math.log2(size) for size in found.sizes)
            return Heading(
                source.label, spec.group.value, float(np.round(counted, 6)) / 1000, "counted", spec.frame_rate
            )
    return Heading(source.label, spec.group.value, None, "", spec.frame_rate)


def training_device(wanted: str) -> str:
    """Where probes are trained: for `auto`, a GPU where there is one."""
    if wanted != "auto":
        return wanted
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def training_jobs(wanted: int | None, device: str) -> int:
    """Training processes: all cores, or one on a GPU, unless a number is wanted."""
    return 1 if wanted is None and device != "cpu" else worker_count(wanted)


def check_same(previous: dict[str, Any] | None, plan: dict[str, Any], out: Path) -> None:
    """Refuses to write over a run of something else.

    Raises:
        UsageError: The directory holds a run of another kind, data set or set of recipes.
    """
    if previous is None:
        return
    if previous["kind"] != "probe":
        raise UsageError(f"{out} holds a {previous['kind']} run; choose another --out")
    if signature(previous["plan"]) != signature(plan):
        raise UsageError(
            f"{out} holds a probe run of another plan (data, systems, tasks or seeds); choose another --out"
        )


def signature(plan: dict[str, Any]) -> str:
    """Content address of what a plan computes."""
    return address(
        manifest=plan["dataset"]["manifest_sha256"],
        systems=[[s["label"], s["fingerprint"]] for s in plan["systems"]],
        tasks=[[t["task"], t["fingerprint"], t["split"]] for t in plan["tasks"]],
        input=plan["input"],
        seeds=plan["training_seeds"],
    )


def default_folder(config: ProbeConfig, plan: dict[str, Any]) -> Path:
    """`runs/<date>-probe-<tasks>-<data set>`, with a number behind it where another plan is there already."""
    name = "-".join(
        [date.today().isoformat(), "probe", *map(slug, dict.fromkeys(config.task)), slug(plan["dataset"]["name"])]
    )[:120]
    for number in range(1, 1000):
        folder = Path("runs") / (name if number == 1 else f"{name}-{number}")
        previous = read_info(folder)
        if previous is None or (previous["kind"] == "probe" and signature(previous["plan"]) == signature(plan)):
            return folder
    raise UsageError("runs/ holds a thousand probe runs of this name: give --out")
