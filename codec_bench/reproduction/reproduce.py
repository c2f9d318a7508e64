"""Runs the rows of a published table that can run here, under the protocol of the table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from codec_bench import api
from codec_bench.adapters.prepared import DecodedFiles, GroundTruth
from codec_bench.adapters.systems import parse_systems
from codec_bench.datasets.loading import load_dataset
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.metrics import metric
from codec_bench.metrics.asr import backend
from codec_bench.metrics.wer import with_normaliser
from codec_bench.options import DataFolders
from codec_bench.reconstruction.config import PreparedFiles, RunConfig, Scoring
from codec_bench.registry import unknown
from codec_bench.reproduction.availability import commands, fetch_metric, fetch_row, never_reason
from codec_bench.reproduction.config import ReproduceConfig
from codec_bench.reproduction.judging import Absence, Agreement, JudgedCell, Reproduction, fact_cells, measured_cells
from codec_bench.reproduction.paper import PublishedRow, PublishedTable
from codec_bench.runs.directory import Run

COMPLETE = 0.95
"""With a smaller share of the paper's utterances than this, a note says that differences are not one to one."""


@dataclass(frozen=True)
class PlannedSystem:
    """A system of a run, and its row of the table; None if it has none."""

    name: str
    row: PublishedRow | None
    system: str | PreparedFiles

    @property
    def label(self) -> str:
        """The label of the system in the run."""
        return self.system if isinstance(self.system, str) else self.name


def reproduce(table: PublishedTable, config: ReproduceConfig) -> Reproduction:
    """Measures what can be measured of a table.

    Rows that cannot run are listed with a reason rather than raised.

    Raises:
        UsageError: A name in the request is unknown.
        CodecBenchError: A run could not go on.
    """
    files = {_row_name(table, name): folder for name, folder in config.files.items()}
    chosen = chosen_rows(table, config.row)
    facts = [cell for cell in fact_cells(table) if cell.row in {table.label(row) for row in chosen}]
    if not table.measured_by_run:
        if files or config.codec:
            raise UsageError(f"{table.id} is a table of kind {table.kind}, which audio files cannot be scored for")
        return Reproduction(table, tuple(facts), _reasons(table, chosen), (), tuple(commands(table)))
    cells, notes = list(facts), _override_notes(table, config)
    absent: list[Absence] = []
    obstacles: list[str] = []
    runs: list[Run] = []
    labels, left_out, other = _metrics(table, config)
    groups = _by_dataset(table, chosen, files, config)
    for dataset, (rows, extra) in groups.items():
        never = {table.label(row): never_reason(table, row) for row in rows if table.label(row) not in files}
        obstacle = _obstacle(table, dataset, labels, left_out)
        if obstacle or (not extra and all(never.get(table.label(row)) for row in rows)):
            absent += [Absence(table.label(row), never.get(table.label(row)) or obstacle) for row in rows]
            continue
        if obstacle := _dataset_obstacle(table, str(dataset), config):
            absent += [Absence(table.label(row), never.get(table.label(row)) or obstacle) for row in rows]
            obstacles.append(obstacle)
            continue
        targets = _targets(table, rows, extra, files, absent, notes)
        if not any(t.system != GroundTruth.name for t in targets) and not any(t.row for t in targets):
            continue
        run = _run(table, str(dataset), targets, labels, config, len(groups) > 1, notes)
        runs.append(run)
        _part_notes(table, run, config, notes)
        for target in targets:
            cells += measured_cells(table, labels, target.row, target.name, run, target.label, other)
            cells += _left_out_cells(table, target, left_out)
    return Reproduction(
        table, _in_order(table, cells), tuple(absent), tuple(dict.fromkeys(notes)), tuple(commands(table)), tuple(runs),
        obstacle="; ".join(obstacles),
    )  # fmt: skip


def _in_order(table: PublishedTable, cells: Iterable[JudgedCell]) -> tuple[JudgedCell, ...]:
    """Cells by row and column, as the table has them; what is beside the table comes last."""
    rows = {table.label(row): i for i, row in enumerate(table.rows)}
    columns = {key: i for i, key in enumerate(table.columns)}
    return tuple(sorted(cells, key=lambda cell: (rows.get(cell.row, len(rows)), cell.row, columns[cell.key])))


def _obstacle(
    table: PublishedTable, dataset: str | None, labels: Mapping[str, str], left_out: Mapping[str, str]
) -> str:
    """Why no row can be measured, whatever its codec; empty if nothing prevents it."""
    if dataset is None:
        return f"{table.protocol.why}: name another data set with --dataset"
    reasons = "; ".join(f"{table.columns[key].title}: {reason}" for key, reason in left_out.items())
    return "" if labels else f"none of the columns can be measured here ({reasons})"


def _dataset_obstacle(table: PublishedTable, dataset: str, config: ReproduceConfig) -> str:
    """Fetches the data set, before any weights; why it is unavailable, or an empty string."""
    try:
        load_dataset(dataset, data_root=config.data_root, audio_root=config.audio_root).fetch()
    except UnavailableError as error:
        return f"data set {dataset} is missing: {error}; --dataset names other recordings"
    return ""


def nothing_ran(result: Reproduction) -> str:
    """Why nothing at all could be measured, as one line; empty where something was."""
    if result.measured:
        return ""
    if result.commands:
        return f"nothing of {result.table.id} is measured by this command; what would measure it: {result.commands[0]}"
    reasons = [result.obstacle, *(absence.reason for absence in result.absent)]
    why = next((reason for reason in reasons if reason), "no row was asked for")
    return f"nothing of {result.table.id} can be measured here: {why}"


def _row_name(table: PublishedTable, given: str) -> str:
    """The row that a user means: its name, or the only one that begins with it; otherwise a name of its own."""
    labels = [table.label(row) for row in table.rows]
    folded = {_fold(label): label for label in labels}
    if _fold(given) in folded:
        return folded[_fold(given)]
    begins = [label for key, label in folded.items() if key.startswith(_fold(given))]
    return begins[0] if len(begins) == 1 else given


def _fold(name: str) -> str:
    return re.sub(r"[\s_]+", " ", name).strip().casefold()


def chosen_rows(table: PublishedTable, names: Iterable[str]) -> list[PublishedRow]:
    """The rows of these names, or all.

    Raises:
        UsageError: The table has no such row.
    """
    if not names:
        return list(table.rows)
    by_label = {table.label(row): row for row in table.rows}
    wanted = [_row_name(table, name) for name in names]
    strange = [name for name in wanted if name not in by_label]
    if strange:
        raise UsageError(unknown(f"row of {table.id}", strange[0], list(by_label)))
    return [by_label[name] for name in dict.fromkeys(wanted)]


def _by_dataset(
    table: PublishedTable, chosen: Sequence[PublishedRow], files: Mapping[str, str], config: ReproduceConfig
) -> dict[str | None, tuple[list[PublishedRow], list[PlannedSystem]]]:
    """Rows by data set, and the systems beside the table, which are measured on each."""
    labels = {table.label(row) for row in table.rows}
    beside = [
        PlannedSystem(name, None, _prepared(name, folder, None)) for name, folder in files.items() if name not in labels
    ]
    beside += [PlannedSystem(system.label, None, system.label) for system in parse_systems(config.codec)]
    groups: dict[str | None, tuple[list[PublishedRow], list[PlannedSystem]]] = {}
    asked = [row for row in chosen if not config.dataset or not table.datasets or row.section == chosen[0].section]
    for row in asked:
        groups.setdefault(config.dataset or table.dataset(row), ([], beside))[0].append(row)
    return groups


def _prepared(name: str, folder: str, row: PublishedRow | None) -> PreparedFiles:
    return PreparedFiles(files=folder, name=name, bitrate=None if row is None else row.kbps)


def _targets(
    table: PublishedTable,
    rows: Sequence[PublishedRow],
    extra: Sequence[PlannedSystem],
    files: Mapping[str, str],
    absent: list[Absence],
    notes: list[str],
) -> list[PlannedSystem]:
    """What is run, after fetching what it needs; rows that are not run are added to `absent`."""
    targets = []
    for row in rows:
        name = table.label(row)
        if name in files:
            targets.append(PlannedSystem(name, row, _prepared(name, files[name], row)))
        elif reason := fetch_row(table, row):
            absent.append(Absence(name, reason))
        else:
            targets.append(PlannedSystem(name, row, str(row.system)))
            notes += [f"{name}: {doubt}" for fact, doubt in row.doubtful.items() if fact == "system"]
    return [*targets, *extra]


def _metrics(table: PublishedTable, config: ReproduceConfig) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Which metric measures which column, why others are not measured, and which are not measured as published."""
    labels, left_out, other = {}, {}, {}
    for key, column in table.columns.items():
        if not column.metric:
            continue
        made = metric(column.metric)
        if config.metrics and not {made.name, made.label, key} & set(config.metrics):
            left_out[key] = "left out by --metrics"
            continue
        if "text" in made.inputs:
            if config.asr and config.asr != "auto":
                backend(config.asr)
                made = metric(made.name).with_variant(config.asr)
            made = with_normaliser(made, config.normaliser)
        if made.label != column.metric:
            other[key] = f"{made.label}, not the {column.metric} of the paper"
        if reason := fetch_metric(made.label):
            left_out[key] = reason
        else:
            labels[key] = made.label
    return labels, left_out, other


def _left_out_cells(table: PublishedTable, target: PlannedSystem, left_out: Mapping[str, str]) -> list[JudgedCell]:
    cells = []
    for key, reason in left_out.items():
        published = None if target.row is None else table.published(target.row)[key]
        cells.append(JudgedCell(target.name, key, table.columns[key], published, None, Agreement.NOT_RUN, reason))
    return cells


def _run(
    table: PublishedTable,
    dataset: str,
    targets: Sequence[PlannedSystem],
    labels: Mapping[str, str],
    config: ReproduceConfig,
    several: bool,
    notes: list[str],
) -> Run:
    systems = [t.system for t in targets if t.system != GroundTruth.name]
    prepared = [s for s in systems if isinstance(s, PreparedFiles)]
    truth = any(t.system == GroundTruth.name for t in targets)
    options = config.given({*Scoring.model_fields, *DataFolders.model_fields} - {"asr", "metrics"})
    if prepared:
        common = frozenset.intersection(*(DecodedFiles(entry.files).ids for entry in prepared))
        if not common:
            raise UsageError("the folders of --files have no file name in common, so there is nothing to compare")
        options["only"] = sorted(common)
        notes.append(f"only utterances that all folders of --files have were taken ({len(common)} names)")
    if not systems:
        # A run needs a codec; that of the recordings is their own row.
        systems, truth = [GroundTruth.name], False
    if several and config.out is not None:
        options["out"] = config.out / dataset
    asked = RunConfig(
        codec=systems,
        dataset=[dataset],
        metrics=[*dict.fromkeys(labels.values()), *_other_metrics(config, labels)],
        ground_truth=truth,
        **options,
    )
    return api.run_suite(asked)[dataset]


def _other_metrics(config: ReproduceConfig, labels: Mapping[str, str]) -> list[str]:
    """Requested metrics without a column in the table: they are in the run directory only."""
    known = {made.name for made in map(metric, labels.values())} | set(labels) | set(labels.values())
    return [name for name in config.metrics if name not in known]


def _override_notes(table: PublishedTable, config: ReproduceConfig) -> list[str]:
    notes = []
    if config.dataset is not None:
        published = table.protocol.dataset or ", ".join(table.datasets.values()) or "a data set of its own"
        notes.append(f"DATA SET REPLACED: {config.dataset} instead of {published}")
    if config.text is not None:
        notes.append(f"TRANSCRIPTS REPLACED: {config.text}")
    return notes


def _part_notes(table: PublishedTable, run: Run, config: ReproduceConfig, notes: list[str]) -> None:
    """Says how many utterances there were where the paper had others or more."""
    count, wanted = run.info["plan"]["dataset"]["utterances"], table.protocol.utterances
    partial = wanted is not None and count < COMPLETE * wanted
    if partial or config.limit is not None:
        of_all = f" of the paper's {wanted}" if wanted is not None else ""
        notes.append(
            f"ONLY A PART: {count}{of_all} utterances were scored, so differences from the paper are not one to one; "
            "look at the interval, which says how far another choice of utterances could have moved a value"
        )
    notes += [str(warning) for warning in run.info["warnings"]]
    notes += run.failures


def _reasons(table: PublishedTable, rows: Sequence[PublishedRow]) -> tuple[Absence, ...]:
    """Why each row was not measured by this command."""
    if table.kind == "efficiency":
        return ()
    by_other = f"measured by {'codec-bench ' + table.kind}" if commands(table) else table.why or table.protocol.why
    found = ((table.label(row), never_reason(table, row)) for row in rows)
    return tuple(Absence(name, reason or by_other) for name, reason in found)
