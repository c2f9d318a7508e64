"""What a run will do, resolved before anything is computed, and the files that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codec_bench.adapters.codec import Codec
from codec_bench.adapters.prepared import Broken, DecodedFiles, GroundTruth
from codec_bench.adapters.streams import Streams
from codec_bench.adapters.systems import System, check_names, parse_systems, ready
from codec_bench.alignment import ALIGNED
from codec_bench.coding.conditions import Alteration, Condition, bound, parse_conditions
from codec_bench.coding.devices import check_device
from codec_bench.coding.items import Item, describe_dataset, manifest_of, resolve_items
from codec_bench.coding.rows import Row, codecs_of, describe_system, use_checkpoint
from codec_bench.coding.verified import ensure_verified
from codec_bench.datasets.corpus import Corpus
from codec_bench.datasets.dataset import Dataset
from codec_bench.datasets.generated import Generated, load_prompts
from codec_bench.datasets.loading import load_dataset
from codec_bench.datasets.parts import Part
from codec_bench.errors import UsageError
from codec_bench.metrics import Metric
from codec_bench.reconstruction.columns import TIMES, describe_metric, fetch_models_of, references_of, resolve_metrics
from codec_bench.reconstruction.config import PreparedFiles, RunConfig
from codec_bench.reconstruction.given import NOTHING, Given
from codec_bench.runs.directory import check_folders


@dataclass(frozen=True)
class Plan:
    """Systems x utterances x metrics.

    Attributes:
        dataset: Where the utterances come from.
        items: The utterances, in the order of the data set.
        rows: Rows of the table, reference first, each system clean and then under its conditions.
        metrics: The columns.
        seed: Seed of what is drawn: samples, conditions.
        warnings: What the user should know before anything is computed.
        conditions: Those that rows have, in the order requested; the clean one is not counted.
        generated: Whether the audio is generated speech: the reference is a prompt, or nothing.
        speed: Whether the times that coding took are columns.
        align: Whether metrics that mind a lag are given decoded audio without it.
        sample: What the utterances were drawn from, if they were; see `Selection`.
    """

    dataset: Dataset
    items: tuple[Item, ...]
    rows: tuple[Row, ...]
    metrics: tuple[Metric, ...]
    seed: int
    warnings: tuple[str, ...] = field(default=())
    conditions: tuple[Condition, ...] = ()
    generated: bool = False
    speed: bool = False
    align: bool = False
    sample: Mapping[str, Any] = field(default_factory=dict)

    @property
    def manifest(self) -> bytes:
        """`utterances.csv`: what was evaluated, by content."""
        return manifest_of(self.items)

    def describe(self) -> dict[str, Any]:
        """The plan as `run.json` keeps it: enough to continue it and to report it without the data."""
        return {
            "dataset": describe_dataset(self.dataset, self.items, self.sample),
            "systems": [describe_system(row) for row in self.rows],
            "conditions": [c.describe() for c in self.conditions],
            "metrics": [
                *(describe_metric(metric, align=self.align) for metric in self.metrics),
                *(column.describe() for column in TIMES if self.speed),
            ],
            "seed": self.seed,
            "generated": self.generated,
        } | ({"align": ALIGNED} if self.align else {})


def make_plan(config: RunConfig, dataset: str, given: Given = NOTHING) -> Plan:
    """Resolves names, finds files and hashes them, for one data set of a run.

    Args:
        config: The options.
        dataset: Which of its data sets.
        given: Objects of the caller's that some of the names stand for.

    Raises:
        UsageError: Something in the configuration cannot be done.
    """
    warnings: list[str] = []
    if config.align and config.generated:
        raise UsageError("--align needs recordings, and generated speech has none that it could be late behind")
    # All names are resolved before anything is downloaded.
    if config.engine == "local":  # a Ray cluster has its own GPUs
        check_device(config.device)
    loaded = given.datasets.get(dataset) or _load_dataset(config, dataset)
    metrics = resolve_metrics(config.metrics, config.asr, warnings, config.normaliser, references_of(config))
    systems = resolve_systems(config, given)
    conditions = parse_conditions(
        config.condition, config.seed, config.noise_dir, config.room_dir,
        music_dir=config.music_dir, loss_trace=config.loss_trace,
    )  # fmt: skip
    fetch_models_of(metrics)
    systems = ready(systems, keeps_broken=True)
    ensure_verified(systems, config, metrics)
    part = Part(config.limit, config.sample, config.seed)
    selected = resolve_items(loaded, warnings, only=config.only, part=part, text=config.text)
    chosen = [bound(condition, selected.items) for condition in conditions]
    warnings += [
        f"{c.label}: what this condition reads is not known: results are kept for this run only; name its `files`"
        for c in conditions
        if c.kept_for
    ]
    rows = resolve_rows(systems, chosen, config.condition_reference == "altered", warnings)
    used = tuple(c for c in chosen if any(row.condition is c for row in rows))
    told = tuple(warnings)
    return Plan(
        loaded, selected.items, rows, metrics, config.seed, told, used, sample=selected.sample,
        generated=config.generated, speed=config.speed, align=config.align,
    )  # fmt: skip


def _load_dataset(config: RunConfig, name: str) -> Dataset:
    if not config.generated:
        made = load_dataset(name, data_root=config.data_root, audio_root=config.audio_root)
        if isinstance(made, Corpus):
            made.takes_part = config.data_root is not None and config.limit is not None
        return made
    prompts = None if config.prompts is None else load_prompts(config.prompts, config.prompt_root, config.only)
    return Generated(Path(name), prompts)


def resolve_systems(config: RunConfig, given: Given = NOTHING) -> tuple[System, ...]:
    """Systems by name, the reference first, and the objects of the caller's."""
    names = [c for c in config.codec if isinstance(c, str) and c not in given.systems]
    systems = [System(GroundTruth.name, GroundTruth())] if config.ground_truth and not config.generated else []
    parsed = parse_systems(names, config.codebooks, keeps_broken=True) if names or not given.systems else []
    systems += [s for s in parsed if not (systems and s.label == GroundTruth.name)]
    systems += [system for group in given.systems.values() for system in group]
    check_names(systems)
    described = [c for c in config.codec if isinstance(c, PreparedFiles)]
    for entry in [entry for place, entry in enumerate(described) if entry not in described[:place]]:
        if entry.name == GroundTruth.name:
            raise UsageError(f"{GroundTruth.name} is the row of the recordings: give {entry.files} another --name")
        files = DecodedFiles(entry.files, name=entry.name, bitrate_kbps=entry.bitrate, group=entry.group)
        systems.append(System(files.name, files))
    if config.checkpoint is not None:
        use_checkpoint(codecs_of(systems), config.checkpoint)
    return tuple(systems)


def resolve_rows(
    systems: Sequence[System], conditions: Sequence[Condition], altered_reference: bool, warnings: list[str]
) -> tuple[Row, ...]:
    """Each system clean and under every condition that can be put on it.

    The recordings themselves have a row for each alteration, always against the clean recordings: what is lost before
    any codec. Audio that was made elsewhere has its clean row only.

    Raises:
        UsageError: Two rows have one label, or would have one folder.
    """
    rows = []
    for system in systems:
        rows.append(Row(system))
        for condition in conditions:
            alters = isinstance(condition, Alteration)
            if isinstance(system.source, Codec):
                books = len(system.spec.codebooks[: system.codebooks])
                if reason := condition.unfit(books, system.spec.semantic_codebooks, isinstance(system.source, Streams)):
                    warnings.append(f"{system.label} has no row under {condition.label}: {reason}")
                    continue
                rows.append(Row(system, condition, alters and altered_reference))
            elif isinstance(system.source, GroundTruth) and alters:
                rows.append(Row(system, condition))
        if conditions and not isinstance(system.source, Codec | GroundTruth | Broken):
            warnings.append(
                f"{system.label} has its clean row only: what was decoded elsewhere cannot be coded under a condition"
            )
    check_folders(row.label for row in rows)
    return tuple(rows)
