"""A run directory: where it is, what it holds, and whether a plan may continue it.

Every command that computes something leaves one: `run` and `score` (kind `reconstruction`), `probe`, `tokens`, `speed`.
All hold `run.json` (what was planned, by what, and how it ended) and `summary.csv` (one row per system and column, with
interval and coverage), so that one table and one report can show any of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from codec_bench.errors import UsageError
from codec_bench.files import atomically, write_atomically
from codec_bench.fingerprint import address
from codec_bench.runs import provenance

if TYPE_CHECKING:
    pass

SCHEMA = 2
"""Version of the run directory's layout. 1: had no `kind`, since every run was a reconstruction."""

Kind = Literal["reconstruction", "probe", "tokens", "speed"]

SUMMARY_COLUMNS = [
    "system", "group", "bitrate_kbps", "frame_rate_hz", "metric", "value", "ci_low", "ci_high", "n", "n_expected",
    "clusters", "unit", "bitrate_source",
]  # fmt: skip
"""Of `summary.csv`, for runs of every kind; `metric` is the label of a column that `plan.metrics` describes."""


@dataclass(frozen=True)
class Run:
    """A run directory.

    Attributes:
        path: The directory.
        info: `run.json`: plan, provenance, status, coverage.
    """

    path: Path
    info: Mapping[str, Any]

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per system, utterance and metric: value, or status and reason."""
        return _read(self.path / "scores.parquet", pd.read_parquet)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per system and metric: value, interval, n of n expected."""
        return _read(self.path / "summary.csv", pd.read_csv)

    @property
    def kind(self) -> str:
        """`reconstruction`, `probe`, `tokens` or `speed`."""
        return str(self.info["kind"])

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """What each column is, by label."""
        return {m["label"]: m for m in self.info["plan"]["metrics"]}

    @property
    def systems(self) -> dict[str, dict[str, Any]]:
        """What each row is, by label."""
        return {s["label"]: s for s in self.info["plan"]["systems"]}

    @property
    def failures(self) -> list[str]:
        """Why the run counts as failed, one line each; empty for a good run."""
        return list(self.info["coverage"]["failures"])


def load_run(path: str | Path) -> Run:
    """Reads a finished run.

    Args:
        path: The run directory.

    Raises:
        UsageError: There is no run, or it is not finished, or a newer codec-bench wrote it.

    >>> import codec_bench, tempfile
    >>> options = {"metrics": ["si_sdr"], "limit": 1, "jobs": 1, "report": False}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = codec_bench.run("codec2@1200", "demo", out=folder, **options)
    ...     scores = codec_bench.load_run(folder).scores
    >>> scores[["system", "metric", "status"]].values.tolist()
    [['codec2@1200', 'si_sdr', 'ok'], ['ground-truth', 'si_sdr', 'ok']]
    """
    info = read_info(Path(path))
    if info is None:
        raise UsageError(f"{path} is not a run directory: it has no run.json")
    if info["status"] == "running":
        raise UsageError(f"the run in {path} is not finished: repeat its command to continue it")
    return Run(Path(path), info)


def read_info(path: Path) -> dict[str, Any] | None:
    """The content of `run.json`, or None where there is none.

    Raises:
        UsageError: It cannot be read, or a newer codec-bench wrote it.
    """
    file = path / "run.json"
    try:
        info: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    if info.get("schema", 0) > SCHEMA:
        raise UsageError(f"{file} was written by a newer codec-bench (schema {info['schema']}): update codec-bench")
    return {"kind": "reconstruction"} | info  # which schema 1 did not say


def new_info(
    kind: Kind,
    config: Mapping[str, Any],
    plan: Mapping[str, Any],
    warnings: Sequence[str],
    previous: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`run.json` of a run that begins, or goes on.

    Args:
        kind: What is computed.
        config: What was asked for, as plain data.
        plan: What that means: `dataset`, `systems`, `conditions`, `metrics` and `seed`; see `Plan.describe`.
        warnings: What the user should know.
        previous: The `run.json` that is there already.
    """
    return {
        "schema": SCHEMA,
        "kind": kind,
        "status": "running",
        "config": dict(config),
        "plan": dict(plan),
        "provenance": provenance.collect(),
        "sessions": [*(previous or {}).get("sessions", []), {"started": provenance.now()}],
        "warnings": list(warnings),
    }


def describe_column(
    label: str,
    title: str,
    *,
    better: Literal["higher", "lower", ""],
    family: str,
    unit: str = "",
    digits: int = 3,
    note: str = "",
    version: int = 1,
) -> dict[str, Any]:
    """A column of `summary.csv` that is no registered metric, as `plan.metrics` keeps it.

    Args:
        label: Unique in the run; `accuracy[sid]`: the name, and a variant in brackets.
        title: Heading for people, without the variant.
        better: Which direction is better; empty where neither is, so that nothing is marked as best.
        family: Title of the block of columns that are shown together.
        unit: Behind the title.
        digits: Decimals in tables.
        note: One line for footnotes: definition and source.
        version: Raised whenever values change.
    """
    return {
        "label": label,
        "name": label.partition("[")[0],
        "title": title,
        "unit": unit,
        "better": better,
        "digits": digits,
        "family": family,
        "note": note,
        "version": version,
        "fingerprint": address(column=label, version=version),
    }


def write_summary(path: Path, summary: pd.DataFrame) -> None:
    """Writes `summary.csv` and the same as JSON."""
    write_atomically(path / "summary.csv", summary.to_csv(index=False, lineterminator="\n").encode())
    plain = json.loads(summary.to_json(orient="records"))
    write_atomically(path / "summary.json", (json.dumps(plain, indent=1, allow_nan=False) + "\n").encode())


def write_scores(path: Path, scores: pd.DataFrame | Iterable[pd.DataFrame]) -> None:
    """Writes `scores.parquet`.

    Args:
        path: The run directory.
        scores: All rows, or frames of the same columns and types that are written one after the other.
    """
    import pyarrow as pa
    from pyarrow import parquet as pq

    frames = iter([scores] if isinstance(scores, pd.DataFrame) else scores)
    first = next(frames)
    found = pa.Schema.from_pandas(first, preserve_index=False)
    # A column without any value in the first frame, e.g. of unknown speakers, may have some in the next.
    schema = pa.schema([f.with_type(pa.string()) if pa.types.is_null(f.type) else f for f in found], found.metadata)
    with atomically(path / "scores.parquet") as part, pq.ParquetWriter(part, schema) as writer:
        for frame in chain([first], frames):
            writer.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False))


def write_info(path: Path, info: Mapping[str, Any]) -> None:
    """Writes `run.json`."""
    text = json.dumps(info, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    write_atomically(path / "run.json", text.encode())


def _read(path: Path, reader: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = reader(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    return frame


def slug(label: str) -> str:
    """A label as a folder name."""
    return "".join(c if c.isalnum() or c in "-_.@" else "_" for c in label).strip("._") or "_"
