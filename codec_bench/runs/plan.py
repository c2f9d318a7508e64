"""What a run will do, resolved before anything is computed, and the files that say so."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from codec_bench.adapters.codec import Codec, CodecSpec, Group, Prepared, TakesCheckpoint
from codec_bench.adapters.prepared import Files, GroundTruth
from codec_bench.adapters.systems import System, fetch_weights, parse_systems
from codec_bench.datasets.dataset import Dataset
from codec_bench.datasets.generated import Generated, load_prompts
from codec_bench.datasets.loading import load_dataset
from codec_bench.datasets.manifest import load_transcripts
from codec_bench.errors import UsageError
from codec_bench.files import digest, file_digest
from codec_bench.fingerprint import address
from codec_bench.metrics import Metric
from codec_bench.records import Status, Utterance
from codec_bench.runs.coding_times import describe_times
from codec_bench.runs.columns import describe_metric, fetch_models_of, references_of, resolve_metrics
from codec_bench.runs.conditions import Alteration, Clean, Condition, parse_conditions
from codec_bench.runs.config import PreparedFiles, RunConfig


@dataclass(frozen=True, slots=True)
class Item:
    """An utterance of a plan.

    Attributes:
        utterance: As the data set gave it, with the transcript that the run uses.
        digest: SHA-256 of the audio file; empty where the file cannot be read.
        problem: Why it cannot be read.
        status: The kind of problem.
    """

    utterance: Utterance
    digest: str
    problem: str = ""
    status: Status = Status.OK

    @property
    def identity(self) -> str:
        """Content address of the recording."""
        return f"file:{self.digest}"


@dataclass(frozen=True)
class Row:
    """A row of the table: a system under a condition.

    Attributes:
        system: The codec at one setting, or audio that exists already.
        condition: What is done to the recordings.
        altered_reference: Whether the decoded audio is scored against the altered recording, not the clean one.
    """

    system: System
    condition: Condition = field(default_factory=Clean)
    altered_reference: bool = False

    @property
    def label(self) -> str:
        """`opus@6000`, `opus@6000+noise@10`."""
        return f"{self.system.label}+{self.condition.label}" if self.condition.label else self.system.label

    @property
    def source(self) -> Codec | Prepared:
        """The codec or the prepared audio."""
        return self.system.source

    @property
    def spec(self) -> CodecSpec:
        """What the codec is."""
        return self.system.spec

    @property
    def codebooks(self) -> int | None:
        """How many codebooks are decoded."""
        return self.system.codebooks

    @property
    def fingerprint(self) -> str:
        """Content address of everything that decides the scores, given the recordings and the metrics."""
        if isinstance(self.condition, Clean):
            return self.system.fingerprint
        reference = "altered" if self.altered_reference else "clean"
        return address(system=self.system.fingerprint, condition=self.condition.fingerprint, reference=reference)

    @property
    def note(self) -> str:
        """What was done and what it is compared with; empty for a clean row."""
        if not isinstance(self.condition, Alteration):
            return self.condition.note
        return f"{self.condition.note}; against the {'altered' if self.altered_reference else 'clean'} recording"


@dataclass(frozen=True)
class Plan:
    """Systems x utterances x metrics.

    Attributes:
        dataset: Where the utterances come from.
        items: The utterances, in the order of the data set.
        systems: The rows, reference first, each system clean and then under its conditions.
        metrics: The columns.
        seed: Of the bootstrap.
        warnings: What the user should know before anything is computed.
        conditions: Those that rows have, in the order in which they were asked for; the clean one is not counted.
        generated: Whether the audio is generated speech: the reference is a prompt, or nothing.
        speed: Whether the times that coding took are columns.
    """

    dataset: Dataset
    items: tuple[Item, ...]
    systems: tuple[Row, ...]
    metrics: tuple[Metric, ...]
    seed: int
    warnings: tuple[str, ...] = field(default=())
    conditions: tuple[Condition, ...] = ()
    generated: bool = False
    speed: bool = False

    @property
    def manifest(self) -> bytes:
        """`utterances.csv`: what was evaluated, by content."""
        return manifest_of(self.items)

    def describe(self) -> dict[str, Any]:
        """The plan as `run.json` keeps it: enough to continue it and to report it without the data."""
        return {
            "dataset": describe_dataset(self.dataset, self.items),
            "systems": [describe_system(s) for s in self.systems],
            "conditions": [c.describe() for c in self.conditions],
            "metrics": [describe_metric(m) for m in self.metrics] + (describe_times() if self.speed else []),
            "seed": self.seed,
            "generated": self.generated,
        }


def make_plan(config: RunConfig, dataset: str) -> Plan:
    """Resolves names, finds files and hashes them.

    Args:
        config: What was asked for.
        dataset: Which of its data sets.

    Raises:
        UsageError: Something in the configuration cannot be done.
    """
    warnings: list[str] = []
    # All names are resolved before anything is downloaded.
    if config.engine == "local":  # a Ray cluster has its own GPUs
        check_device(config.device)
    loaded = _load_dataset(config, dataset)
    metrics = resolve_metrics(config.metrics, config.asr, warnings, config.normaliser, references_of(config))
    systems = resolve_systems(config)
    conditions = parse_conditions(config.condition, config.seed, config.noise_dir, config.room_dir)
    fetch_models_of(metrics)
    fetch_weights_of(systems)
    items = resolve_items(loaded, warnings, only=config.only, limit=config.limit, text=config.text)
    bound = [condition.bound(items) for condition in conditions]
    rows = resolve_rows(systems, bound, config.condition_reference == "altered", warnings)
    used = tuple(c for c in bound if any(row.condition is c for row in rows))
    told = tuple(warnings)
    return Plan(loaded, items, rows, metrics, config.seed, told, used, generated=config.generated, speed=config.speed)


def _load_dataset(config: RunConfig, name: str) -> Dataset:
    if not config.generated:
        return load_dataset(name, data_root=config.data_root, audio_root=config.audio_root)
    prompts = None if config.prompts is None else load_prompts(config.prompts, config.prompt_root, config.only)
    return Generated(Path(name), prompts)


def resolve_items(
    loaded: Dataset,
    warnings: list[str],
    *,
    only: Sequence[str] | None = None,
    limit: int | None = None,
    text: Path | None = None,
) -> tuple[Item, ...]:
    """Brings a data set here, takes the wanted utterances in its order, and hashes their recordings.

    Args:
        loaded: What `load_dataset` returned.
        warnings: What the user should know is added here.
        only: Ids to take; all by default.
        limit: Only the first so many.
        text: TSV file with transcripts that replace those of the data set.

    Raises:
        UsageError: No utterance is left, or none of the recordings can be read.
    """
    loaded.fetch()
    ids = None if only is None else set(only)
    utterances = list(islice((u for u in loaded.utterances() if ids is None or u.id in ids), limit))
    if not utterances:
        raise UsageError(f"data set {loaded.name!r} has none of the wanted utterances")
    if text is not None:
        utterances = with_transcripts(utterances, text, warnings)
    with ThreadPoolExecutor(min(8, (os.cpu_count() or 1) * 2)) as threads:
        items = tuple(threads.map(_item, utterances))
    unreadable = [i for i in items if i.problem]
    if len(unreadable) == len(items):
        raise UsageError(f"none of the {len(items)} audio files can be read: {unreadable[0].problem}")
    return items


def _item(utterance: Utterance) -> Item:
    try:
        return Item(utterance, file_digest(utterance.path))
    except FileNotFoundError:
        return Item(utterance, "", f"{utterance.path} does not exist", Status.MISSING)
    except OSError as error:
        return Item(utterance, "", f"{utterance.path} cannot be read: {error.strerror}", Status.UNREADABLE)


def resolve_systems(config: RunConfig) -> tuple[System, ...]:
    """Systems by name, the reference first."""
    names = [c for c in config.codec if isinstance(c, str)]
    systems = [System(GroundTruth.name, GroundTruth())] if config.ground_truth and not config.generated else []
    systems += parse_systems(names, config.codebooks)
    for entry in config.codec:
        if isinstance(entry, PreparedFiles):
            if entry.group not in {g.value for g in Group}:
                raise UsageError(f"group {entry.group!r} is none of {', '.join(g.value for g in Group)}")
            files = Files(entry.files, name=entry.name, bitrate_kbps=entry.bitrate, group=Group(entry.group))
            systems.append(System(files.name, files))
    codecs = {id(s.source): s.source for s in systems if isinstance(s.source, Codec)}
    if config.checkpoint is not None:
        use_checkpoint(list(codecs.values()), config.checkpoint)
    return tuple({s.label: s for s in systems}.values())


def resolve_rows(
    systems: Sequence[System], conditions: Sequence[Condition], altered_reference: bool, warnings: list[str]
) -> tuple[Row, ...]:
    """Each system clean and under every condition that can be put on it.

    The recordings themselves have a row for each alteration, always against the clean recordings: what is lost before
    any codec. Audio that was made elsewhere has its clean row only.
    """
    rows = []
    for system in systems:
        rows.append(Row(system))
        for condition in conditions:
            alters = isinstance(condition, Alteration)
            if isinstance(system.source, Codec):
                rows.append(Row(system, condition, alters and altered_reference))
            elif isinstance(system.source, GroundTruth) and alters:
                rows.append(Row(system, condition))
        if conditions and not isinstance(system.source, Codec | GroundTruth):
            warnings.append(
                f"{system.label} has its clean row only: what was decoded elsewhere cannot be coded under a condition"
            )
    return tuple(rows)


def check_device(device: str) -> None:
    """Raises where a GPU is asked for that is not there.

    Raises:
        UsageError: There is no such GPU.
    """
    if not device.startswith("cuda"):
        return
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device.partition(":")[2] or 0) >= count:
        raise UsageError(f"there is no device {device!r}: torch sees {count} CUDA devices; --device cpu runs anywhere")


def fetch_weights_of(systems: Sequence[System]) -> None:
    """Brings the files of every codec once."""
    for codec in {id(s.source): s.source for s in systems if isinstance(s.source, Codec)}.values():
        fetch_weights(codec)


def use_checkpoint(codecs: Sequence[Codec], path: Path) -> None:
    """Replaces the weights of the one kind of codec that takes a checkpoint.

    Raises:
        UsageError: None of the codecs does, or several kinds do.
    """
    takers = [c for c in codecs if isinstance(c, TakesCheckpoint)]
    if not takers:
        names = ", ".join(dict.fromkeys(c.name for c in codecs)) or "files"
        raise UsageError(f"--checkpoint was given, but {names} takes none")
    for codec in takers:
        codec.use_checkpoint(path)


def with_transcripts(utterances: Sequence[Utterance], path: Path, warnings: list[str]) -> list[Utterance]:
    """The utterances with the texts of a TSV file; those that it does not name keep none."""
    from dataclasses import replace

    texts = load_transcripts(path)
    known = [u for u in utterances if u.id in texts]
    if not known:
        raise UsageError(
            f"{path} has a text for none of the {len(utterances)} utterances (first id: {utterances[0].id})"
        )
    if len(known) < len(utterances):
        warnings.append(f"{path} has no text for {len(utterances) - len(known)} of {len(utterances)} utterances")
    return [replace(u, text=texts.get(u.id)) for u in utterances]


def manifest_of(items: Sequence[Item]) -> bytes:
    """`utterances.csv`: utterances by content."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "speaker", "language", "sha256", "text"])
    for item in items:
        u = item.utterance
        writer.writerow([u.id, u.speaker or "", u.language or "", item.digest, u.text or ""])
    return text.getvalue().encode()


def describe_dataset(dataset: Dataset, items: Sequence[Item]) -> dict[str, Any]:
    """A data set as `run.json` keeps it, for runs of every kind."""
    return {
        "name": dataset.name,
        "title": dataset.title,
        "licence": dataset.licence,
        "source": dataset.source,
        "synthetic": dataset.synthetic,
        "notes": dataset.notes(),
        "utterances": len(items),
        "speakers": len({i.utterance.speaker for i in items if i.utterance.speaker}),
        "manifest_sha256": digest(manifest_of(items)),
    }


def describe_system(system: Row) -> dict[str, Any]:
    """A row of the table as `run.json` keeps it, for runs of every kind."""
    spec = system.spec
    stated = getattr(system.source, "stated_bitrate", None)
    used = len(spec.codebooks[: system.codebooks])  # none for a bitstream
    return {
        "label": system.label,
        "system": system.system.label,
        "condition": system.condition.label or None,
        "reference": "altered" if system.altered_reference else "clean",
        "note": system.note,
        "title": spec.title,
        "group": spec.group.value,
        "fingerprint": system.fingerprint,
        "codebooks": system.codebooks,
        "codebooks_used": used or None,
        "frame_rate_hz": spec.frame_rate,
        "tokens_per_second": float(sum(spec.token_rate(i) for i in range(used))) if used else None,
        "nominal_bitrate": spec.bitrate(system.codebooks),
        "stated_bitrate": stated,
        "input_rate": spec.input_rate,
        "output_rate": spec.output_rate,
        "delay_samples": spec.delay,
        "parameters": spec.parameters,
        "causal": spec.causal,
        "streaming": spec.streaming,
        "licence": spec.licence,
        "weights_licence": spec.weights_licence,
        "source": spec.source,
        "weights": system.source.weight_digests() if isinstance(system.source, Codec) else {},
    }
