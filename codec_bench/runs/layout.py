"""What `run.json` holds, as far as those who read it rely on it; it may have been written by others, or be damaged."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Number = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    """What else is there is left as it is."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Identity(_Part):
    modules: dict[str, str | None] = {}
    files: dict[str, str | None] = {}
    packages: dict[str, str | None] = {}
    variables: dict[str, str | None] = {}
    state: str | None = None
    is_lasting: bool = True


class _Entry(_Part):
    label: Name
    fingerprint: str | None = None
    note: str = ""
    licence: str = ""
    source: str = ""


class _System(_Entry):
    group: str
    system: str | None = None
    condition: str | None = None
    reference: str | None = None
    title: str = ""
    frame_rate_hz: Number | None = None
    tokens_per_second: Number | None = None
    nominal_bitrate: Number | None = None
    stated_bitrate: Number | None = None
    codebooks: int | None = None
    codebooks_used: int | None = None
    parameters: int | None = None
    causal: bool | None = None
    streaming: bool | None = None
    weights: dict[str, str | None] = {}
    identity: _Identity | None = None


class _Metric(_Entry):
    name: Name
    title: str
    unit: str
    better: Literal["higher", "lower", ""]
    digits: Annotated[int, Field(ge=0, le=12)]
    family: str
    fingerprint: str
    version: int
    pooling: str = "utterances"
    packages: dict[str, str | None] = {}
    weights: dict[str, str | None] = {}
    uses: dict[str, Any] = {}
    identity: list[_Identity] = []

    @model_validator(mode="after")
    def _is_called_by_its_name(self) -> _Metric:
        if not self.label.startswith(self.name):
            raise ValueError("its label begins with its name")
        return self


class _Condition(_Entry):
    fingerprint: str
    note: str


class _Dataset(_Part):
    name: Name
    utterances: Annotated[int, Field(ge=0)]
    speakers: Annotated[int, Field(ge=0)]
    manifest_sha256: str
    title: str = ""
    licence: str = ""
    synthetic: bool = False
    notes: list[str] = []


class _Plan(_Part):
    dataset: _Dataset
    systems: list[_System]
    metrics: list[_Metric]
    conditions: list[_Condition] = []
    seed: int | None = None
    align: str = ""

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> _Plan:
        for entries in (self.systems, self.metrics):
            labels = [entry.label for entry in entries]
            if len(set(labels)) < len(labels):
                raise ValueError("two entries have one label")
        return self


class _Git(_Part):
    commit: str
    dirty: bool


class _Provenance(_Part):
    codec_bench: str
    resampler: str
    python: str = ""
    command: list[str] = []
    packages: dict[str, str | None] = {}
    git: _Git | None = None


class _Session(_Part):
    started: str = ""
    ended: str = ""
    stopped: str | None = None


class _Coverage(_Part):
    statuses: dict[str, dict[str, int]] = {}
    failures: list[str]


class _Intervals(_Part):
    method: str = ""
    level: Number = 0.95
    unit: str = ""
    resamples: int = 0
    seed: int = 0
    clusters: int = 0
    effective: Number = 0.0

    @model_validator(mode="after")
    def _is_said_in_full(self) -> _Intervals:
        given = self.model_fields_set
        for kind, needed in (("resamples", {"level", "unit", "seed"}), ("clusters", {"level", "unit", "effective"})):
            if kind in given and not needed <= given:
                raise ValueError(f"intervals with {kind} also have {', '.join(sorted(needed - given))}")
        return self


class _Imported(_Part):
    column: Name


class _Info(_Part):
    kind: Literal["reconstruction", "probe", "tokens", "speed"] = "reconstruction"
    status: Literal["running", "stopped", "finished", "failed"]
    config: dict[str, Any]
    plan: _Plan
    provenance: _Provenance
    sessions: list[_Session] = []
    warnings: list[str] = []
    coverage: _Coverage | None = None
    intervals: _Intervals = _Intervals()
    devices: dict[str, str] = {}
    imports: list[_Imported] = []

    @model_validator(mode="after")
    def _says_what_came_out(self) -> _Info:
        if self.status in ("finished", "failed") and self.coverage is None:
            raise ValueError("it has ended, and does not say how much has values")
        return self


def problem_of(info: object) -> str:
    """Where the content of a `run.json` is none that codec-bench writes, and why; empty if it is one.

    >>> problem_of({"status": "finished"})
    'at config: field required'
    """
    try:
        _Info.model_validate(info)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        return f"{f'at {where}: ' if where else ''}{message[:1].lower()}{message[1:]}"
    return ""
