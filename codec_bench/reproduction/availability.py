"""Which rows and columns of a table can be measured here, and why the others cannot."""

from __future__ import annotations

from collections.abc import Sequence

from codec_bench.adapters.prepared import GroundTruth
from codec_bench.adapters.published_only import WHY, PublishedOnly
from codec_bench.adapters.standing import Standing, State, codec_standing
from codec_bench.adapters.systems import fetch_weights
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.hub import fetch_all
from codec_bench.metrics import metric
from codec_bench.reproduction.facts import codec_of
from codec_bench.reproduction.paper import Protocol, PublishedRow, PublishedTable

COMMANDS = {"probe": "codec-bench probe", "tokens": "codec-bench tokens", "speed": "codec-bench speed"}
"""What measures the tables that `codec-bench run` does not."""

AS_FILES = ("audio that was made of it can be scored with --files", "codec-bench score takes its speech")
"""What can still be done where only the authors can run a system; of reconstructions, and of synthesis."""


def standing(table: PublishedTable, row: PublishedRow) -> Standing:
    """What it takes to have the system of a row here; data sets and metrics are not looked at.

    >>> from codec_bench.reproduction import find_tables
    >>> standing(find_tables("magicodec:table2")[0], find_tables("magicodec:table2")[0].rows[10]).state.value
    'only as files'
    """
    if reason := _unpublished(table, row):
        can_be_scored = table.measured_by_run or table.kind == "generation"
        return Standing(State.FILES if can_be_scored else State.NOWHERE, reason)
    if table.kind == "efficiency" or row.system == GroundTruth.name:
        return Standing(State.HERE)  # a description is all that is needed, or the recordings
    return codec_standing(type(codec_of(str(row.system))))


def _unpublished(table: PublishedTable, row: PublishedRow) -> str:
    """Why nobody but the authors can run a row; empty if it is not so."""
    if row.system is None:
        return table.reason(row)
    if table.kind == "efficiency" or row.system == GroundTruth.name:
        return ""
    codec = codec_of(row.system)
    if isinstance(codec, PublishedOnly):
        return WHY[codec.name]
    if table.measured_by_run and not codec.spec.decodes:
        return f"{codec.name} has no decoder"
    return ""


def never_reason(table: PublishedTable, row: PublishedRow) -> str:
    """Why a row cannot be measured here now, whatever weights are downloaded; empty if it can."""
    found = standing(table, row)
    if found.state is State.FILES:
        return f"{found.reason}; {AS_FILES[table.kind == 'generation']}"
    return "" if found.state is State.FETCH else found.reason


def fetch_row(table: PublishedTable, row: PublishedRow) -> str:
    """Fetches what a row needs; why that is unavailable, or an empty string."""
    reason = never_reason(table, row)
    if reason or row.system in (None, GroundTruth.name):
        return reason
    try:
        fetch_weights(codec_of(str(row.system)))
    except UnavailableError as error:
        return str(error)
    return ""


def fetch_metric(label: str) -> str:
    """Fetches what a metric needs; why that is unavailable, or an empty string."""
    try:
        made = metric(label)
        if reason := made.unsupported():
            return reason
        fetch_all(made.weights, f"metric:{label}")
    except UnavailableError as error:
        return str(error)
    except UsageError as error:
        return f"{label}: {error}"
    return ""


def command_of(table: PublishedTable) -> str:
    """What measures a table: `codec-bench reproduce`, another command, or `nothing here`."""
    if table.kind == "efficiency" or (table.measured_by_run and (table.protocol.dataset or table.datasets)):
        return "codec-bench reproduce"
    if table.measured_by_run:
        return "codec-bench reproduce, with --dataset"
    found = commands(table)
    return " ".join(found[0].split()[:2]) if found else "nothing here"


def datasets_of(table: PublishedTable) -> list[str]:
    """The data sets that a table is about."""
    own = [table.protocol.dataset] if table.protocol.dataset else []
    columns = [column.dataset for column in table.columns.values() if column.dataset]
    return list(dict.fromkeys([*own, *table.datasets.values(), *columns]))


def commands(table: PublishedTable) -> list[str]:
    """The commands that would measure a table of another kind; empty if none does.

    >>> from codec_bench.reproduction import find_tables
    >>> commands(find_tables("magicodec:table4")[0])[0].partition(" --head ")[2]
    'gpt2 --task phone --dataset librispeech-phones'
    """
    if table.kind == "generation":
        asr = f" --asr {table.protocol.asr}" if table.protocol.asr else ""
        return [f"codec-bench score --decoded DIR --text TRANSCRIPTS.tsv --prompts PROMPTS{asr}"]
    start = COMMANDS.get(table.kind)
    rows = [row for row in table.rows if row.system]
    if start is None or not rows:
        return []
    lines = []
    for option, codecs in _by_option(rows).items():
        line = f"{start} --codec {','.join(codecs)}{option}{_of_protocol(table.protocol, option)}"
        columns = table.columns.values()
        if table.kind == "probe":
            pairs = list(dict.fromkeys((column.task, column.dataset) for column in columns if column.task))
            names = [f"{task}={dataset}" if len(pairs) > 1 else dataset for task, dataset in pairs]
            lines.append(f"{line} --task {','.join(dict(pairs))} --dataset {','.join(names)}")
        elif table.kind == "speed":
            lengths = ",".join(f"{column.seconds:g}" for column in columns if column.seconds)
            lines.append(f"{line} --seconds {lengths}")
        else:
            lines.append(f"{line} --dataset {table.protocol.dataset or 'librispeech-test-clean'}")
    return lines


def _of_protocol(protocol: Protocol, before: str) -> str:
    """The options of a probe that all rows of a table share, behind those that its rows have of their own."""
    given = {"--input": protocol.input, "--head": protocol.head, "--seeds": protocol.seeds or ""}
    options = [f" {name} {value}" for name, value in given.items() if value and name not in before]
    return "".join(options) + (" --augment" if protocol.augment else "")


def _by_option(rows: Sequence[PublishedRow]) -> dict[str, list[str]]:
    """Codecs by the options of the command that measures them, of which each row needs its own, but for layers.

    >>> from codec_bench.reproduction import find_tables
    >>> _by_option(find_tables("longcat:table2")[0].rows)
    {' --input hidden:2,6,10,14,18,22,26': ['longcat']}
    """
    layers: dict[str, list[str]] = {}
    found: dict[str, list[str]] = {}
    for row in rows:
        codec, option = _codec_and_option(row)
        if (layer := _layer(row)) is not None:
            layers.setdefault(codec, []).append(layer)
        elif codec not in found.setdefault(option, []):
            found[option].append(codec)
    for codec, of_codec in layers.items():
        found.setdefault(f" --input hidden:{','.join(of_codec)}", []).append(codec)
    return found


def _layer(row: PublishedRow) -> str | None:
    """The hidden layer that a row is about; None if it is about something else."""
    kind, _, layer = row.input.partition(":")
    return layer if kind == "hidden" else None


def run_label(row: PublishedRow) -> str:
    """How runs call the system of a row that has one.

    >>> from codec_bench.reproduction import find_tables
    >>> [run_label(row) for row in find_tables("longcat:table3")[0].rows if row.system]
    ['longcat[hidden 26]', 'longcat@1']
    """
    codec, option = _codec_and_option(row)
    if (layer := _layer(row)) is not None:
        return f"{codec}[hidden {layer}]"
    return f"{codec}@{row.codebooks}" if option else codec


def _codec_and_option(row: PublishedRow) -> tuple[str, str]:
    """A codec as a command names it, and `--codebooks` where the row is about fewer than the system decodes."""
    system = str(row.system)
    if system == GroundTruth.name:
        return system, ""
    codec = codec_of(system)
    decoded = codec.codebooks or len(codec.spec.codebooks)
    if row.codebooks is None or row.codebooks == decoded:
        return system, ""
    return codec.name, f" --codebooks {row.codebooks}"
