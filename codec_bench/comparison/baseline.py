"""Baselines: what a comparison needs of a run, as a small text file to commit with the code.

JSON with one line per system and utterance, in a fixed order, so that two versions of a baseline differ where scores
differ. A score is a number (denominator 1), a pair `[numerator, denominator]`, or the status why there is none; its
place in the line is that of the metric in `metrics`. Numbers have nine significant digits.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from codec_bench.comparison.measurements import ComparedMetric, Measurements, SystemRow, UtteranceScore, rounded
from codec_bench.errors import UsageError, first_line
from codec_bench.files import write_atomically
from codec_bench.gzip_files import MAGIC, gunzipped, gzipped
from codec_bench.records import Status

SCHEMA = 1
"""Version of the file format. Files of all earlier versions stay readable; one of each is kept in the tests."""

MAX_BYTES = 1 << 29
"""Largest unpacked size of a baseline file."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
StoredScore = Finite | tuple[Finite, Positive] | str


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Dataset(_Stored):
    name: str
    title: str = ""
    utterances: int = Field(ge=1)
    speakers: int = Field(default=0, ge=0)
    manifest_sha256: str
    synthetic: bool = False


class _File(_Stored):
    """The file, as it is checked when it is read."""

    codec_bench_baseline: int
    kind: str
    dataset: _Dataset
    metrics: list[ComparedMetric] = Field(min_length=1)
    systems: list[SystemRow] = Field(min_length=1)
    conditions: dict[str, str]
    codec_bench: str
    resampler: str
    packages: dict[str, str | None]
    speakers: dict[str, str | None] = Field(min_length=1)
    scores: dict[str, dict[str, list[StoredScore]]]

    @model_validator(mode="after")
    def _hangs_together(self) -> _File:
        statuses = {s.value for s in Status if s is not Status.OK}
        labels = [s.label for s in self.systems]
        if len(set(labels)) < len(labels) or set(labels) != set(self.scores):
            raise ValueError("systems and scores do not name the same systems")
        if len({m.label for m in self.metrics}) < len(self.metrics):
            raise ValueError("a metric is there twice")
        if len(self.speakers) != self.dataset.utterances:
            raise ValueError(f"{len(self.speakers)} utterances where the data set has {self.dataset.utterances}")
        for system, rows in self.scores.items():
            if set(rows) != set(self.speakers):
                raise ValueError(f"{system} has scores for other utterances than the baseline names")
            for utterance, cells in rows.items():
                if len(cells) != len(self.metrics):
                    raise ValueError(f"{system}, {utterance}: {len(cells)} scores for {len(self.metrics)} metrics")
                if bad := [c for c in cells if isinstance(c, str) and c not in statuses]:
                    raise ValueError(f"{system}, {utterance}: {bad[0]!r} is not a status")
        return self


def save_baseline(measured: Measurements, path: Path) -> None:
    """Writes a baseline; a path that ends in `.json.gz` becomes a compressed file.

    Raises:
        UsageError: The name has another ending, or cannot be written.
    """
    if not path.name.endswith((".json", ".json.gz")):
        raise UsageError(f"--out {path}: a baseline is a .json or a .json.gz file")
    data = baseline_text(measured).encode()
    write_atomically(path, gzipped(data) if path.name.endswith(".gz") else data)


def baseline_text(measured: Measurements) -> str:
    """The content of a baseline file; the same for the same scores, whatever wrote them."""
    columns = [measured.columns[label] for label in sorted(measured.columns)]
    utterances = sorted(measured.speakers)
    dataset = _Dataset(**{k: measured.dataset[k] for k in _Dataset.model_fields if k in measured.dataset})
    head: dict[str, Any] = {
        "codec_bench_baseline": SCHEMA,
        "kind": measured.kind,
        "dataset": dataset.model_dump(),
        "conditions": {label: measured.conditions[label] for label in sorted(measured.conditions)},
        "codec_bench": measured.provenance.get("codec_bench", ""),
        "resampler": measured.provenance.get("resampler", ""),
    }
    packages = sorted(measured.provenance.get("packages", {}).items())
    parts = [f'"{key}": {_plain(value)}' for key, value in head.items()]
    parts.append(_lines("packages", [f"{_plain(name)}: {_plain(version)}" for name, version in packages], "{}"))
    parts.append(_lines("metrics", [_plain(asdict(c)) for c in columns], "[]"))
    systems = [measured.systems[label] for label in sorted(measured.systems)]
    parts.append(_lines("systems", [_plain(asdict(s)) for s in systems], "[]"))
    parts.append(_lines("speakers", [f"{_plain(u)}: {_plain(measured.speakers[u])}" for u in utterances], "{}"))
    blocks = []
    for system in systems:
        rows = [
            f"{_plain(u)}: {_plain([_cell(measured.of(system.label, c.label).get(u)) for c in columns])}"
            for u in utterances
        ]
        blocks.append(_lines(system.label, rows, "{}"))
    parts.append('"scores": {\n' + ",\n".join(blocks) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def load_baseline(path: Path) -> Measurements:
    """Reads and checks a baseline.

    Raises:
        UsageError: It cannot be read, is not a baseline, holds impossible values, or was written by a newer
            codec-bench.
    """
    try:
        content = path.read_bytes()
        if content.startswith(MAGIC):
            content = gunzipped(content, MAX_BYTES)
        if len(content) > MAX_BYTES:
            raise UsageError(f"{path} is larger than any baseline ({MAX_BYTES >> 20} MiB)")
        data = json.loads(content.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as a baseline: {first_line(error)}") from error
    schema = data.get("codec_bench_baseline") if isinstance(data, dict) else None
    if not isinstance(schema, int):
        raise UsageError(f"{path} is not a baseline: codec-bench baseline save RUN --out FILE makes one")
    if schema > SCHEMA:
        raise UsageError(f"{path} was written by a newer codec-bench (baseline schema {schema}): update codec-bench")
    try:
        file_content = _File.model_validate(data, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][:4])
        message = first["msg"].removeprefix("Value error, ")
        if first["loc"][:1] == ("scores",) and len(first["loc"]) > 3:
            message = "a score is a finite number, [numerator, positive denominator], or a status"
        raise UsageError(f"{path} is damaged{f' at {where}' if where else ''}: {message}") from None
    return _measurements(path, file_content)


def _measurements(path: Path, content: _File) -> Measurements:
    scores = {
        system: {m.label: {u: _score(cells[i]) for u, cells in rows.items()} for i, m in enumerate(content.metrics)}
        for system, rows in content.scores.items()
    }
    return Measurements(
        source=str(path),
        kind=content.kind,
        dataset=content.dataset.model_dump(),
        columns={m.label: m for m in content.metrics},
        systems={s.label: s for s in content.systems},
        conditions=content.conditions,
        speakers=content.speakers,
        scores=scores,
        provenance={"codec_bench": content.codec_bench, "resampler": content.resampler, "packages": content.packages},
    )


def _score(cell: StoredScore) -> UtteranceScore:
    if isinstance(cell, str):
        return UtteranceScore(0.0, 0.0, cell)
    return UtteranceScore(*cell) if isinstance(cell, tuple) else UtteranceScore(cell, 1.0)


def _cell(score: UtteranceScore | None) -> float | list[float] | str:
    if score is None:
        return Status.MISSING.value
    if score.status != "ok":
        return score.status
    top = _short(score.numerator)
    return top if score.denominator == 1 else [top, _short(score.denominator)]


def _short(number: float) -> float:
    """As few digits as say the same; counts stay whole numbers."""
    short = rounded(number)
    return int(short) if short.is_integer() and abs(short) < 2**53 else short


def _lines(key: str, rows: list[str], brackets: str) -> str:
    return f"{_plain(key)}: {brackets[0]}\n" + ",\n".join(f" {row}" for row in rows) + f"\n{brackets[1]}"


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
