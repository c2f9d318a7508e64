"""What a published result is: the file that people hand in, and its JSON Schema.

A result says all that makes its numbers checkable, and nothing that is nobody else's business: no paths, no host, no
secrets. Numbers are finite; what has no value says how many utterances have which status instead.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from codec_bench.fingerprint import address

SCHEMA = 1
"""Version of the files. A reader takes this one and all earlier ones."""

SCHEMA_ID = f"urn:codec-bench:result:{SCHEMA}"

DIGEST_LENGTH = 12
"""Hexadecimal digits of a digest that names a folder."""

Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(min_length=1, max_length=300)]
Text = Annotated[str, Field(max_length=4000)]
Kind = Literal["reconstruction", "probe", "tokens", "speed"]


class Part(BaseModel):
    """What all parts of a result have in common: no unknown fields, no conversions, finite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class Program(Part):
    """Which codec-bench made it: `commit` and `dirty` are of a checkout, None for an installed package."""

    version: Name
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None
    dirty: bool | None


class Book(Part):
    """A codebook: its entries, tokens per second, and the bits that each token counts."""

    size: Annotated[int, Field(ge=1)]
    tokens_per_second: Annotated[float, Field(gt=0)]
    bits: Annotated[float, Field(ge=0)]


class KnownAnswers(Part):
    """Whether the codec gave the answers that are published for its weights, where it ran."""

    state: Name
    text: Text


class PublishedSystem(Part):
    """A codec at one setting.

    Attributes:
        label: `longcat@4`, as a command line names it.
        codec: `longcat`.
        fingerprint: Content address of everything that decides what it produces.
        weights: SHA-256 of its files by name.
        commits: Revisions of the repositories that they came from.
        books: The codebooks that are decoded; empty for a bitstream and for a variable rate.
        is_plug_in: Whether its code is the user's own, so that nobody else has it by name.
    """

    label: Name
    codec: Name
    title: Text
    group: Literal["reference", "semantic", "acoustic", "classic", "continuous"]
    fingerprint: Sha256
    weights: dict[str, str | None]
    commits: dict[str, str | None]
    books: list[Book]
    frame_rate_hz: Annotated[float, Field(gt=0)] | None
    tokens_per_second: Annotated[float, Field(gt=0)] | None
    input_rate: Count
    output_rate: Count
    delay_samples: int
    polarity: Literal[1, -1]
    parameters: Count | None
    causal: bool | None
    streaming: bool | None
    licence: Text
    weights_licence: Text
    source: Text
    is_plug_in: bool
    known_answers: KnownAnswers | None

    @property
    def digest(self) -> str:
        """What the folder of its results is called: another setting, other weights or other code give another one."""
        made = address(system=self.label, fingerprint=self.fingerprint, weights=self.weights)
        return made[:DIGEST_LENGTH]


class PublishedData(Part):
    """Which recordings; `manifest_sha256` is of their contents, transcripts and speakers."""

    name: Name
    title: Text
    licence: Text
    source: Text
    synthetic: bool
    utterances: Annotated[int, Field(ge=1)]
    speakers: Count
    manifest_sha256: Sha256
    part: Text = ""


class PublishedCondition(Part):
    """What was done to recordings or codes, and whether scores are against the clean or the altered recording."""

    label: Name
    note: Text
    fingerprint: Sha256
    reference: Literal["clean", "altered"]


class PublishedBitrate(Part):
    """What is sent. `bits` over `seconds`, of all utterances, is what was counted."""

    kbps: Annotated[float, Field(gt=0)] | None
    source: Literal["computed", "counted", "stated", ""]
    bits: Annotated[float, Field(ge=0)] | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None


class PublishedMetric(Part):
    """A column: its definition, its value, and how much of the plan has one.

    Attributes:
        version: Raised whenever values of the metric change.
        fingerprint: Content address of the definition: version, parameters, packages, weights.
        uses: What it takes from elsewhere: recogniser, text normaliser, pitch tracker, model.
        value: In `unit`; None where no utterance has one.
        low: Lower end of the 95 % interval, or None without one.
        n: Utterances with a value, of `expected`.
        missing: How many of the others have which status.
        pooling: `utterances` for sums of numerators over sums of denominators; otherwise the value is of the whole set.
    """

    label: Name
    name: Name
    title: Text
    unit: Text
    better: Literal["higher", "lower", ""]
    digits: Annotated[int, Field(ge=0, le=12)]
    family: Text
    version: Annotated[int, Field(ge=1)]
    fingerprint: Sha256
    resampler: Text
    uses: dict[str, str]
    packages: dict[str, str | None]
    weights: dict[str, str | None]
    pooling: Name
    value: float | None
    low: float | None
    high: float | None
    n: Count
    expected: Annotated[int, Field(ge=1)]
    missing: dict[str, Count]

    @property
    def heading(self) -> str:
        """`WER[nemo]`."""
        return self.title + self.label[len(self.name) :]


class Lag(Part):
    """How late decoded audio is: the median, and on how many utterances that was clear."""

    median_ms: float
    known: Count
    utterances: Count


class Machine(Part):
    """What it ran on."""

    python: Name
    platform: Text
    cpu: Text
    cores: Count | None
    device: Text
    packages: dict[str, str | None]


class PublishedFile(Part):
    """A file beside the result."""

    name: Annotated[str, Field(pattern=r"^[^/\\]+(/[^/\\]+)?$")]
    sha256: Sha256
    bytes: Count


class Sample(Part):
    """An utterance to listen to: names of the files of recording and decoded audio."""

    utterance: Name
    decoded: Name


class Result(Part):
    """A system on a data set under a condition: what `results/<codec>/<digest>/<dataset>[+condition].json` holds."""

    codec_bench_result: Literal[1]
    kind: Kind
    program: Program
    system: PublishedSystem
    dataset: PublishedData
    condition: PublishedCondition | None
    bitrate: PublishedBitrate
    metrics: Annotated[list[PublishedMetric], Field(min_length=1)]
    interval_unit: Text
    resampler: Text
    seed: int
    generated: bool
    aligned: bool
    lag: Lag | None
    warnings: list[Text]
    machine: Machine
    command: list[Text]
    date: Name
    scores: PublishedFile | None
    audio: list[PublishedFile] = []
    samples: list[Sample] = []

    @field_validator("date")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        if datetime.fromisoformat(value).tzinfo is None:
            raise ValueError("the date has no time zone: write UTC, 2026-01-31T12:00:00+00:00")
        return value

    @model_validator(mode="after")
    def _hangs_together(self) -> Result:
        labels = [m.label for m in self.metrics]
        if len(set(labels)) < len(labels):
            raise ValueError(f"metric {next(x for x in labels if labels.count(x) > 1)} is there twice")
        return self

    @property
    def label(self) -> str:
        """`opus@6000+noise@10`."""
        return f"{self.system.label}+{self.condition.label}" if self.condition else self.system.label

    def describe(self) -> dict[str, Any]:
        """As JSON has it."""
        return self.model_dump(mode="json")


class ClaimedValue(Part):
    """A published value: the metric that measures it here (or empty), and how far a measured one may be from it.

    `dataset` is that of its column, where columns have their own.
    """

    title: Text
    metric: Text
    unit: Text
    better: Literal["higher", "lower", ""]
    value: float
    digits: Annotated[int, Field(ge=0, le=12)]
    tolerance: Annotated[float, Field(ge=0)] | None
    because: Text = ""
    doubt: Text = ""
    dataset: Text = ""


class Claim(Part):
    """What somebody published of a system: `results/<codec>/claimed/<paper>-<table>.json` holds a list of these.

    Attributes:
        system: How it is named here, `llm-codec`; None where nothing here runs it.
        why: Why nothing does.
        row: Its name in the table.
        table: `longcat:table5`.
    """

    system: Name | None
    why: Text
    row: Name
    table: Name
    paper: Text
    url: Text
    dataset: Text
    kbps: Annotated[float, Field(gt=0)] | None
    frame_rate_hz: Annotated[float, Field(gt=0)] | None
    values: Annotated[list[ClaimedValue], Field(min_length=1)]


class Claims(Part):
    """A file of claims."""

    codec_bench_claims: Literal[1]
    claims: Annotated[list[Claim], Field(min_length=1)]


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a result, made from the models above."""
    schema = Result.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}


_PRIVATE = (
    re.compile(r"(?<![\w./~-])/(?:home|Users|root|tmp|mnt|data|work|opt|var|srv|scratch|private|media|nfs|gpfs)/\S*"),
    re.compile(r"(?<![\w/])~\w*/\S*"),
    re.compile(r"\b[A-Za-z]:\\\S*"),
    re.compile(r"(?<=://)[^/\s@]+@"),
)
"""What a result has no room for: paths of a machine, passwords in addresses."""


def private_part(text: str) -> str:
    """The path or secret that a text holds; empty if it holds none.

    >>> private_part("wer[whisper:/home/me/model]"), private_part("https://example.org/a/b"), private_part("a/b")
    ('/home/me/model]', '', '')
    """
    return next((found[0] for pattern in _PRIVATE if (found := pattern.search(text))), "")


def texts_of(value: Any) -> list[str]:
    """All texts in plain data, keys included."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts_of(part)]
    return [text for part in value for text in texts_of(part)] if isinstance(value, list) else []
