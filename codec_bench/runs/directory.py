"""A run directory: what it holds, and how it is read.

Every command that computes something leaves one: `run` and `score` (kind `reconstruction`), `probe`, `tokens`, `speed`.
All hold `run.json` (what was planned, by what, and how it ended) and `summary.csv` (one row per system and column, with
interval and coverage), so that one table and one report can show any of them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from codec_bench.errors import UsageError, first_line
from codec_bench.files import digest, first_of_one_key, folded, read_json
from codec_bench.runs.layout import problem_of

SCHEMA = 2
"""Version of the run directory's layout. 1: had no `kind`, since every run was a reconstruction."""

Kind = Literal["reconstruction", "probe", "tokens", "speed"]

MAX_SLUG_BYTES = 255
"""What file systems take as the name of a folder."""

_MOVE_AWAY = "move it away, and repeat the command of the run: what was computed is in the cache"

MANIFEST = "utterances.csv"
"""What was measured, by content."""


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
        return read_table(self.path / "summary.csv")

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
        UsageError: There is no run, it is not finished, or it was written by a newer codec-bench.

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
    if info["status"] in ("running", "stopped"):
        stopped = (info.get("sessions") or [{}])[-1].get("stopped")
        reason = f" ({stopped})" if stopped else ""
        raise UsageError(f"the run in {path} is not finished{reason}: repeat its command to continue it")
    return Run(Path(path), info)


def read_info(path: Path) -> dict[str, Any] | None:
    """The content of `run.json`, or None if there is none.

    Raises:
        UsageError: It cannot be read, or a newer codec-bench wrote it.
    """
    file = path / "run.json"
    try:
        info = read_json(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        told = (isinstance(error, OSError) and error.strerror) or first_line(error)
        raise UsageError(f"{file} cannot be read ({told}): {_MOVE_AWAY}") from error
    schema = info.get("schema") if isinstance(info, dict) else None
    if type(schema) is not int:
        raise UsageError(f"{file} is no run of codec-bench: {_MOVE_AWAY}")
    if schema > SCHEMA:
        raise UsageError(f"{file} was written by a newer codec-bench (schema {schema}): update codec-bench")
    if problem := problem_of(info):
        raise UsageError(f"{file} is damaged {problem}; {_MOVE_AWAY}")
    return {"kind": "reconstruction"} | info  # which schema 1 did not say


def _read(path: Path, reader: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = reader(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    return frame


def read_table(path: Path) -> pd.DataFrame:
    """A CSV file of a run directory, in which a system may be called `NA` or `001`.

    Raises:
        UsageError: It cannot be read.
    """
    texts = {"system": str, "metric": str, "group": str}
    return _read(path, lambda file: pd.read_csv(file, keep_default_na=False, na_values=[""], dtype=texts))


def lasting(entry: Mapping[str, Any]) -> Any:
    """What of an entry of a plan must be the same for its run to be continued.

    That is its fingerprint; of a codec of the user's, its code alone, for what it holds once it is loaded may differ
    from load to load, and then everything is computed anew.
    """
    identity = entry.get("identity")
    if identity is None or "state" not in identity:
        return entry.get("fingerprint", entry)
    return {name: part for name, part in identity.items() if name not in ("state", "parameters", "is_lasting")}


def slug(label: str) -> str:
    """A label as a folder name; `check_folders` tells whether labels have one each.

    >>> slug("files:recon/mimi"), slug("opus@6000+noise@10")
    ('files_recon_mimi', 'opus@6000_noise@10')
    """
    name = "".join(c if c.isalnum() or c in "-_.@" else "_" for c in label).strip("._") or "_"
    return name if len(name.encode()) <= MAX_SLUG_BYTES else f"{name[:40]}-{digest(label.encode())[:12]}"


def check_folders(labels: Iterable[str]) -> None:
    """Checks that labels can be told apart and have a folder each, on any file system.

    Raises:
        UsageError: Two are the same, or differ only in case, Unicode form or characters that folders cannot have.
    """
    meeting = first_of_one_key(labels, lambda label: folded(slug(unicodedata.normalize("NFC", label))))
    if meeting is None:
        return
    first, label = meeting
    if first == label:
        raise UsageError(f"two rows are called {label!r}: give one of them another name")
    raise UsageError(
        f"the audio of {first!r} and {label!r} would lie in one folder, {slug(label)}: give one of them another name "
        "(--name, or name: in a --config file)"
    )
