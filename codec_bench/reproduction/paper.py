"""A published table as data: its rows, its columns, the protocol behind it, and what is doubtful about it.

The figures lie in `papers/*.yaml`, one file per paper. What is loaded is checked and does not change afterwards.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.registry import unknown

PAPERS = resources.files("codec_bench.reproduction") / "papers"

TableKind = Literal["reconstruction", "probe", "tokens", "speed", "generation", "efficiency", "ablation"]
Fact = Literal[
    "bitrate_bps", "parameters_m", "frame_rate_hz", "token_rate", "codebooks", "streaming", "causal", "delay_ms"
]
Value = bool | float | str | None

ROW_FACTS = ("system", "kbps", "frame_rate", "codebooks", "tokens_per_second")
"""What can be doubtful about a row besides its columns."""

ALMOST = 0.85
"""Likeness of two names from which on one is the other with a slip, by `difflib`."""


def folded_name(name: str) -> str:
    """A name of a row without case, and with single spaces.

    >>> folded_name(" EnCodec_(Q = 8) ")
    'encodec (q = 8)'
    """
    return re.sub(r"[\s_]+", " ", name).strip().casefold()


class Part(BaseModel):
    """What all parts of a paper have in common: no unknown fields, and no change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishedColumn(Part):
    """A column.

    Attributes:
        metric: The metric that measures it here, `wer[nemo]`; empty if none does.
        fact: What a codec's description says without any measurement.
        result: The column of a probe, token or speed run that measures it, `accuracy[sid]`.
        codebook: Which codebook, if such a run has a value for each.
        scale: By which such a value is multiplied, for the unit of the paper.
        digits: Decimals that the paper prints.
        tolerance: How far a measured value may be from the published one, in the column's unit.
        because: Why so far.
        dataset: Data set of a probe.
        seconds: Length of the recordings of a speed measurement.
    """

    title: str
    metric: str = ""
    fact: Fact | None = None
    result: str = ""
    codebook: int | None = Field(default=None, ge=1)
    scale: float = Field(default=1.0, gt=0)
    unit: str = ""
    better: Literal["higher", "lower", ""] = ""
    digits: int = Field(default=3, ge=0)
    tolerance: float | None = Field(default=None, ge=0)
    because: str = ""
    task: str = ""
    dataset: str = ""
    seconds: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _complete(self) -> PublishedColumn:
        if (self.metric or self.fact) and (self.tolerance is None or not self.because):
            raise ValueError("a column that is measured needs a tolerance and its reason (because)")
        return self

    @property
    def heading(self) -> str:
        """`WER % ↓`."""
        return " ".join(filter(None, (self.title, self.unit, {"higher": "↑", "lower": "↓", "": ""}[self.better])))

    def text(self, value: Value) -> str:
        """A value as the paper prints it."""
        if value is None:
            return "–"
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "yes" if value else "no"
        return f"{value:.{self.digits}f}"


class Protocol(Part):
    """How a table was measured.

    Attributes:
        dataset: Name of a data set; None if there is none, or where sections or columns have their own.
        why: Why there is none.
        utterances: How many the paper evaluates; None if it does not say.
        sample_rate: Hz at which signals are compared; 0 where each metric has its own.
        input: What probes read where a row does not say it, as `--input` has it.
        head: What probes train, as `--head` has it.
        seeds: How often they are trained; 0 where the paper does not say.
        augment: Whether they are trained with augmentation.
        unstated: What the paper does not say.
    """

    dataset: str | None = None
    why: str = ""
    utterances: int | None = Field(default=None, ge=1)
    sample_rate: int = Field(ge=0)
    asr: str = ""
    tracker: str = ""
    input: str = ""
    head: str = ""
    seeds: int = Field(default=0, ge=0)
    augment: bool = False
    unstated: tuple[str, ...] = ()


class PublishedRow(Part):
    """A row.

    Attributes:
        name: As published, followed by the setting if a table has several rows of one name.
        system: What runs it here, `mimi@8`; None if nothing does.
        why: Why nothing does.
        kbps: As published; `frame_rate` (frames/s of the fastest codebook), `codebooks` and `tokens_per_second` (sum
            over all codebooks), too.
        sizes: Entries of each codebook.
        input: What a probe reads of the system, as `--input` has it; empty for its tokens.
        values: One per column; None if the paper has none.
        spread: Standard deviations, where the paper has some.
        doubtful: Reasons, by column or by one of `ROW_FACTS`: that figure cannot be relied on.
    """

    name: str
    section: str = ""
    system: str | None = None
    why: str = ""
    kbps: float | None = Field(default=None, gt=0)
    frame_rate: float | None = Field(default=None, gt=0)
    codebooks: int | None = Field(default=None, ge=1)
    tokens_per_second: float | None = Field(default=None, gt=0)
    sizes: tuple[int, ...] = ()
    input: str = ""
    values: tuple[Value, ...]
    spread: tuple[float | None, ...] = ()
    doubtful: Mapping[str, str] = Field(default_factory=dict)
    note: str = ""


class PublishedTable(Part):
    """A table or figure.

    Attributes:
        paper: Name of the paper.
        number: `table5`, `figure6`.
        caption: What it shows, in our words.
        datasets: Data sets of the sections, where each has its own.
        why: Why rows without a system have none, where they do not say it themselves.
    """

    paper: str
    number: str
    caption: str
    where: str
    kind: TableKind
    protocol: Protocol
    columns: Mapping[str, PublishedColumn]
    rows: tuple[PublishedRow, ...] = Field(min_length=1)
    datasets: Mapping[str, str] = Field(default_factory=dict)
    why: str = ""
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> PublishedTable:
        labels = [self.label(row) for row in self.rows]
        if len(set(labels)) < len(labels):
            raise ValueError(f"two rows have the name {next(n for n in labels if labels.count(n) > 1)!r}")
        for row in self.rows:
            if len(row.values) != len(self.columns) or len(row.spread) not in (0, len(self.columns)):
                raise ValueError(f"row {row.name!r} has {len(row.values)} values for {len(self.columns)} columns")
            if row.system is None and not (row.why or self.why):
                raise ValueError(f"row {row.name!r} has no system and does not say why")
            if strange := set(row.doubtful) - {*self.columns, *ROW_FACTS}:
                raise ValueError(f"row {row.name!r} doubts {min(strange)!r}, which is not a column")
            if self.datasets and row.section not in self.datasets:
                raise ValueError(f"row {row.name!r} has a section without data set")
        return self

    @property
    def id(self) -> str:
        """`longcat:table5`."""
        return f"{self.paper}:{self.number}"

    @property
    def measured_by_run(self) -> bool:
        """Whether reconstructing and scoring a data set gives its columns."""
        return any(column.metric for column in self.columns.values())

    def label(self, row: PublishedRow) -> str:
        """The name of a row, with its section where other rows have the same name."""
        alike = sum(other.name == row.name for other in self.rows)
        return f"{row.name} ({row.section})" if alike > 1 and row.section else row.name

    def row_of(self, name: str) -> str | None:
        """The label of the row that a name means, whatever its case and spaces; None if it means none."""
        return next((label for label in map(self.label, self.rows) if folded_name(label) == folded_name(name)), None)

    def nearest_row(self, name: str) -> str | None:
        """The label of the row that a name was probably meant to be: all but the same, with the same numbers in it.

        Systems that are not in the table are given names of their own, e.g. another setting of one that is.
        """
        numbers = re.findall(r"[\d.]+", name)
        near = [label for label in map(self.label, self.rows) if re.findall(r"[\d.]+", label) == numbers]
        by_name = {folded_name(label): label for label in near}
        found = difflib.get_close_matches(folded_name(name), list(by_name), n=1, cutoff=ALMOST)
        return by_name[found[0]] if found else None

    def dataset(self, row: PublishedRow) -> str | None:
        """The data set that a row was measured on."""
        return self.datasets.get(row.section, self.protocol.dataset)

    def reason(self, row: PublishedRow) -> str:
        """Why a row cannot be run by anyone; empty if it has a system."""
        return "" if row.system else row.why or self.why

    def published(self, row: PublishedRow) -> dict[str, Value]:
        """The values of a row by column."""
        return dict(zip(self.columns, row.values, strict=True))


class Paper(Part):
    """A paper, named as the command line has it.

    Attributes:
        tables: By number.
        left_out: Tables and figures with results that are not held: why, by number.
    """

    name: str
    title: str
    citation: str
    url: str
    tables: Mapping[str, PublishedTable]
    left_out: Mapping[str, str] = Field(default_factory=dict)


def paper_names() -> list[str]:
    """The papers there are, in alphabetical order.

    >>> paper_names()
    ['longcat', 'magicodec', 'stable-codec', 'wavtokenizer']
    """
    return sorted(f.name.removesuffix(".yaml") for f in PAPERS.iterdir() if f.name.endswith(".yaml"))


@lru_cache(maxsize=16)
def load_paper(name: str) -> Paper:
    """A paper by name.

    Raises:
        UsageError: There is no such paper.
        CodecBenchError: Its file is wrong.

    >>> load_paper("longcat").tables["table5"].rows[6].name
    'LLM-Codec'
    """
    if name not in paper_names():
        raise UsageError(unknown("paper", name, paper_names()))
    return parse_paper((PAPERS / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")


def parse_paper(text: str, source: str) -> Paper:
    """Reads the YAML of a paper's file, which messages call `source`.

    Protocols and columns are named once per paper, and tables refer to them.

    Raises:
        CodecBenchError: It is not valid YAML, or something in it is missing or inconsistent.
    """
    try:
        content = yaml.safe_load(text)
        columns, protocols = content.pop("columns"), content.pop("protocols")
        content.pop("reasons", None)  # only the place of sentences that cells share
        for number, table in content["tables"].items():
            table["columns"] = {key: columns[key] for key in table["columns"]}
            table["protocol"] = protocols[table["protocol"]]
            table |= {"paper": content["name"], "number": number}
        return Paper(**content)
    except yaml.YAMLError as error:
        raise CodecBenchError(f"{source} is not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise CodecBenchError(f"{source}: {where}: {problem['msg'].removeprefix('Value error, ')}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise CodecBenchError(f"{source} lacks a part, or refers to one that it does not have: {error}") from error


def find_tables(name: str) -> list[PublishedTable]:
    """The tables that `PAPER` or `PAPER:TABLE` names.

    Raises:
        UsageError: There is no such paper or table.

    >>> [table.id for table in find_tables("longcat:table5")]
    ['longcat:table5']
    """
    paper_name, colon, number = name.partition(":")
    paper = load_paper(paper_name)
    if not colon:
        return list(paper.tables.values())
    wanted = f"table{number}" if number.isdigit() else number
    if wanted in paper.left_out:
        raise UsageError(f"{paper_name}:{wanted} is not held: {paper.left_out[wanted]}")
    if wanted not in paper.tables:
        raise UsageError(unknown(f"table of {paper_name}", number, list(paper.tables)))
    return [paper.tables[wanted]]
