"""Runs the rows of a published table that can run here, under the protocol of the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codec_bench import api
from codec_bench.adapters.prepared import DecodedFiles, GroundTruth
from codec_bench.adapters.systems import parse_systems
from codec_bench.audio import audio_files
from codec_bench.datasets.loading import load_dataset
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.metrics import metric
from codec_bench.metrics.asr import backend
from codec_bench.metrics.wer import with_normaliser
from codec_bench.options import DataFolders, escaped
from codec_bench.reconstruction.config import PreparedFiles, RunConfig, ScoringOptions
from codec_bench.registry import unknown
from codec_bench.reproduction.availability import commands, fetch_metric, fetch_row, never_reason
from codec_bench.reproduction.config import ReproduceConfig
from codec_bench.reproduction.judging import Absence, JudgedCell, Reproduction, fact_cells, judged_cell, summary_cell
from codec_bench.reproduction.paper import PublishedRow, PublishedTable, folded_name
from codec_bench.runs.directory import Run

COMPLETE = 0.95
"""With a smaller share of the paper's utterances than this, a note says that differences are not one to one."""


@dataclass(frozen=True)
class PlannedSystem:
    """A system of a run, and its row of the table; None if it has none."""

    name: str
    row: PublishedRow | None
    system: str | PreparedFiles


def reproduce(table: PublishedTable, config: ReproduceConfig) -> Reproduction:
    """Measures what can be measured of a table.

    Rows that cannot run are listed with a reason rather than raised.

    Raises:
        UsageError: A name in the request is unknown, or all but that of a row.
        CodecBenchError: A run had to stop.
    """
    files = {_row_name(table, name): folder for name, folder in config.files.items()}
    for name in files:
        if table.row_of(name) is None and (near := table.nearest_row(name)) is not None:
            raise UsageError(
                f"{table.id} has no row {name!r}; did you mean {near!r}? A system of your own needs a name that is "
                "less like it"
            )
    if not table.measured_by_run and (files or config.codec):
        raise UsageError(f"{table.id} is a table of kind {table.kind}, which audio files cannot be scored for")
    for folder in files.values():
        audio_files(Path(folder))  # before anything is downloaded
    chosen = chosen_rows(table, config.row)
    facts = [cell for cell in fact_cells(table) if cell.row in {table.label(row) for row in chosen}]
    if not table.measured_by_run:
        return Reproduction(table, tuple(facts), _reasons(table, chosen), (), tuple(commands(table)))
    work = _TableWork(table, config, files, _columns(table, config), facts, _override_notes(table, config))
    groups = _by_dataset(table, chosen, files, config)
    for dataset, (rows, beside) in groups.items():
        work.measure(dataset, rows, beside, alone=len(groups) == 1)
    # As the table has them; what is not in the table comes last.
    places = {table.label(row): i for i, row in enumerate(table.rows)}
    order = [*table.columns]
    cells = sorted(work.cells, key=lambda c: (places.get(c.row, len(places)), c.row, order.index(c.key)))
    return Reproduction(
        table,
        tuple(cells),
        tuple(work.absent),
        tuple(dict.fromkeys(work.notes)),
        tuple(commands(table)),
        tuple(work.runs),
        "; ".join(work.obstacles),
    )


@dataclass(frozen=True)
class _ColumnMetrics:
    """By column: the metric that measures it, why none does, and why it is not measured as the paper did."""

    labels: dict[str, str]
    left_out: dict[str, str]
    other: dict[str, str]
    spellings: dict[str, str] = field(default_factory=dict)
    """What gives each of them, by label."""


@dataclass
class _TableWork:
    """A table while it is measured, one data set after the other; `obstacles` say why data sets could not be had."""

    table: PublishedTable
    config: ReproduceConfig
    files: Mapping[str, str]
    """Folders with reconstructions, by name of the row or of a system of its own."""
    columns: _ColumnMetrics
    cells: list[JudgedCell]
    notes: list[str]
    absent: list[Absence] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    def measure(
        self, dataset: str | None, rows: Sequence[PublishedRow], beside: Sequence[PlannedSystem], *, alone: bool
    ) -> None:
        """Measures rows and systems that are not in the table on a data set; `alone` if it is the only one."""
        label = self.table.label
        never = {label(row): never_reason(self.table, row) for row in rows if label(row) not in self.files}
        can_run = bool(beside) or not all(never.get(label(row)) for row in rows)
        obstacle = self._obstacle(dataset)
        if can_run and not obstacle:
            obstacle = self._fetch_dataset(str(dataset))
        if obstacle or not can_run:
            self.absent += [Absence(label(row), never.get(label(row)) or obstacle) for row in rows]
            return
        targets = [*self._runnable(rows), *beside]
        if all(target.system == GroundTruth.name and target.row is None for target in targets):
            return
        run = self._run(str(dataset), targets, alone)
        self.runs.append(run)
        self._note_run(run)
        for target in targets:
            self.cells += self._cells(run, target)

    def _obstacle(self, dataset: str | None) -> str:
        """Why no row can be measured, whatever its codec; empty if nothing prevents it."""
        if dataset is None:
            return f"{self.table.protocol.why}: name another data set with --dataset"
        left_out = self.columns.left_out.items()
        reasons = "; ".join(f"{self.table.columns[key].title}: {reason}" for key, reason in left_out)
        return "" if self.columns.labels else f"none of the columns can be measured here ({reasons})"

    def _fetch_dataset(self, dataset: str) -> str:
        """Fetches the data set, before any weights; why it is unavailable, or an empty string."""
        try:
            load_dataset(dataset, data_root=self.config.data_root, audio_root=self.config.audio_root).fetch()
        except UnavailableError as error:
            self.obstacles.append(f"data set {dataset} is missing: {error}; --dataset names other recordings")
            return self.obstacles[-1]
        return ""

    def _runnable(self, rows: Sequence[PublishedRow]) -> Iterator[PlannedSystem]:
        """The rows that run, after fetching what they need; the others are added to `absent`."""
        for row in rows:
            name = self.table.label(row)
            if name in self.files:
                yield PlannedSystem(name, row, _prepared(name, self.files[name], row))
            elif reason := fetch_row(self.table, row):
                self.absent.append(Absence(name, reason))
            else:
                self.notes += [f"{name}: {row.doubtful['system']}"] if "system" in row.doubtful else []
                yield PlannedSystem(name, row, str(row.system))

    def _run(self, dataset: str, targets: Sequence[PlannedSystem], alone: bool) -> Run:
        systems = [t.system for t in targets if t.system != GroundTruth.name]
        prepared = [s for s in systems if isinstance(s, PreparedFiles)]
        options = self.config.given({*ScoringOptions.model_fields, *DataFolders.model_fields} - {"asr", "metrics"})
        if prepared:
            common = frozenset.intersection(*(DecodedFiles(entry.files).ids for entry in prepared))
            if not common:
                raise UsageError("the folders of --files have no file name in common, so there is nothing to compare")
            options["only"] = sorted(common)
            self.notes.append(f"only utterances that all folders of --files have were taken ({len(common)} names)")
        if not alone and self.config.out is not None:
            options["out"] = self.config.out / dataset
        asked = RunConfig(
            codec=systems or [GroundTruth.name],  # a run needs a codec; that of the recordings is their own row
            dataset=[escaped(dataset)],
            metrics=[*self.columns.spellings.values(), *_other_metrics(self.config, self.columns)],
            ground_truth=bool(systems) and len(systems) < len(targets),
            **options,
        )
        return api.run_suite(asked)[dataset]

    def _note_run(self, run: Run) -> None:
        """Notes the warnings of a run, and that it has fewer utterances than the paper."""
        count, wanted = run.info["plan"]["dataset"]["utterances"], self.table.protocol.utterances
        if self.config.limit or self.config.sample or (wanted is not None and count < COMPLETE * wanted):
            of_all = f" of the paper's {wanted}" if wanted is not None else ""
            self.notes.append(
                f"ONLY A PART: {count}{of_all} utterances were scored, so differences from the paper are not one to "
                "one; look at the interval, which says how far another choice of utterances could have moved a value"
            )
        self.notes += [*map(str, run.info["warnings"]), *run.failures]

    def _cells(self, run: Run, target: PlannedSystem) -> Iterator[JudgedCell]:
        """The cells of one system of a run, with those that no metric measures."""
        columns, row, name = self.columns, target.row, target.name
        system = target.system if isinstance(target.system, str) else name
        lines = {line["metric"]: line for line in run.summary.to_dict("records") if line["system"] == system}
        for key, label in columns.labels.items():
            yield summary_cell(self.table, row, key, lines[label], name=name, other=columns.other.get(key, ""))
        for key, reason in columns.left_out.items():
            yield judged_cell(self.table, row, key, None, name=name, missing=reason)


def _columns(table: PublishedTable, config: ReproduceConfig) -> _ColumnMetrics:
    found = _ColumnMetrics({}, {}, {})
    for key, column in table.columns.items():
        if not column.metric:
            continue
        made = metric(column.metric)
        if config.metrics and not {made.name, made.label, key} & set(config.metrics):
            found.left_out[key] = "left out by --metrics"
            continue
        if made.takes_recogniser:
            if config.asr and config.asr != "auto":
                backend(config.asr)
                made = metric(made.name).with_variant(config.asr)
            made = with_normaliser(made, config.normaliser)
        if made.label != column.metric:
            found.other[key] = f"{made.label}, not the {column.metric} of the paper"
        if reason := fetch_metric(made.spelling):
            found.left_out[key] = reason
        else:
            found.spellings[made.label] = made.spelling
            found.labels[key] = made.label
    return found


def nothing_ran(result: Reproduction) -> str:
    """Why nothing at all could be measured, as one line; empty if something was."""
    if result.measured:
        return ""
    if result.commands:
        return f"nothing of {result.table.id} is measured by this command; what would measure it: {result.commands[0]}"
    reasons = [result.obstacle, *(absence.reason for absence in result.absent)]
    why = next((reason for reason in reasons if reason), "no row was asked for")
    return f"nothing of {result.table.id} can be measured here: {why}"


def _row_name(table: PublishedTable, given: str) -> str:
    """The row that a user means: its name, or the only one that begins with it; otherwise a name of its own."""
    if (label := table.row_of(given)) is not None:
        return label
    begins = [label for label in map(table.label, table.rows) if folded_name(label).startswith(folded_name(given))]
    return begins[0] if len(begins) == 1 else given


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
    """Rows by data set, and the systems that are not in the table, which are measured on each."""
    labels = {table.label(row) for row in table.rows}
    beside = [
        PlannedSystem(name, None, _prepared(name, folder, None)) for name, folder in files.items() if name not in labels
    ]
    beside += [PlannedSystem(system.label, None, system.spelling) for system in parse_systems(config.codec)]
    groups: dict[str | None, tuple[list[PublishedRow], list[PlannedSystem]]] = {}
    asked = [row for row in chosen if not config.dataset or not table.datasets or row.section == chosen[0].section]
    for row in asked:
        groups.setdefault(config.dataset or table.dataset(row), ([], beside))[0].append(row)
    return groups


def _prepared(name: str, folder: str, row: PublishedRow | None) -> PreparedFiles:
    return PreparedFiles(files=folder, name=name, bitrate=None if row is None else row.kbps)


def _other_metrics(config: ReproduceConfig, columns: _ColumnMetrics) -> list[str]:
    """Requested metrics without a column in the table: they are in the run directory only."""
    labels = columns.labels
    known = {made.name for made in map(metric, columns.spellings.values())} | set(labels) | set(labels.values())
    return [name for name in config.metrics if name not in known]


def _override_notes(table: PublishedTable, config: ReproduceConfig) -> list[str]:
    notes = []
    if config.dataset is not None:
        published = table.protocol.dataset or ", ".join(table.datasets.values()) or "a data set of its own"
        notes.append(f"DATA SET REPLACED: {config.dataset} instead of {published}")
    if config.text is not None:
        notes.append(f"TRANSCRIPTS REPLACED: {config.text}")
    return notes


def _reasons(table: PublishedTable, rows: Sequence[PublishedRow]) -> tuple[Absence, ...]:
    """Why each row was not measured by this command."""
    if table.kind == "efficiency":
        return tuple(Absence(table.label(row), table.reason(row)) for row in rows if row.system is None)
    by_other = f"measured by {'codec-bench ' + table.kind}" if commands(table) else table.why or table.protocol.why
    found = ((table.label(row), never_reason(table, row)) for row in rows)
    return tuple(Absence(name, reason or by_other) for name, reason in found)
