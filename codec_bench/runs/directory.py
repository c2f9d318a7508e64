"""A run directory: what it holds, and how it is read.

Every command that computes something leaves one: `run` and `score` (kind `reconstruction`), `probe`, `tokens`, `speed`.
All hold `run.json` (what was planned, by what, and how it ended) and `summary.csv` (one row per system and column, with
interval and coverage), so that one table and one report can show any of them.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from codec_bench.csv_files import read_frame
from codec_bench.datasets.manifest import check_id
from codec_bench.errors import UsageError, first_line
from codec_bench.files import check_inside, digest, first_of_one_key, folded, open_file, read_json
from codec_bench.grids import Grid
from codec_bench.runs.layout import problem_of

SCHEMA = 2
"""Version of the run directory's layout. 1: had no `kind`, since every run was a reconstruction."""

Kind = Literal["reconstruction", "probe", "tokens", "speed"]

MAX_SLUG_BYTES = 255
"""What file systems take as the name of a folder."""

_MOVE_AWAY = "move it away, and repeat the command of the run: what was computed is in the cache"

MANIFEST = "utterances.csv"
"""What was measured, by content."""

_KEPT = {"audio": ".wav", "tokens": ".npz"}
_SUMMARY_NUMBERS = ("bitrate_kbps", "frame_rate_hz", "value", "ci_low", "ci_high", "n", "n_expected")
_SCORE_TEXTS = ("system", "utterance", "speaker", "metric", "status", "reason")


@dataclass(frozen=True, repr=False)
class Run:
    """A run directory.

    Attributes:
        path: The directory.
        info: `run.json`: plan, provenance, status, coverage.
    """

    path: Path
    info: Mapping[str, Any]

    def __repr__(self) -> str:
        """`Run('runs/mine', demo, 3 systems, 2 metrics, done)`."""
        of = (("system", self.systems), ("metric", self.metrics))
        counts = ", ".join(f"{len(entries)} {what}{'s' * (len(entries) != 1)}" for what, entries in of)
        return f"Run({str(self.path)!r}, {self.info['plan']['dataset']['name']}, {counts}, {self.info['status']})"

    def _repr_html_(self) -> str:
        """The summary for a notebook: a row per system, a column per metric; the report has more."""
        texts: dict[str, dict[str, str]] = {}
        for row in self.summary.to_dict("records"):
            system, label = str(row["system"]), str(row["metric"])
            rate = row["bitrate_kbps"]
            cells = texts.setdefault(system, {"system": system, "kbps": "–" if pd.isna(rate) else f"{rate:.2f}"})
            made = self.metrics[label]
            cells[" ".join(filter(None, (label, made["unit"], ARROWS.get(made["better"], ""))))] = _cell(row, made)
        headings = list(dict.fromkeys(heading for cells in texts.values() for heading in cells))
        grid = Grid(headings, [[cells.get(heading, "–") for heading in headings] for cells in texts.values()])
        return f"<p>{html.escape(repr(self))}</p>{grid.html()}"

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per system, utterance and metric: value, or status and reason."""
        path = self.file("scores.parquet")
        try:
            with open_file(path) as file:
                frame: pd.DataFrame = pd.read_parquet(file)
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be read: {first_line(error)}") from error
        _check_columns(path, frame, _SCORE_TEXTS, ("value", "numerator", "denominator"))
        return frame

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per system and metric: value, interval, n of n expected."""
        frame = self.table("summary.csv")
        path = self.path / "summary.csv"
        _check_columns(path, frame, ("system", "group", "metric", "bitrate_source"), _SUMMARY_NUMBERS)
        for name, known in (("system", self.systems), ("metric", self.metrics)):
            if unknown := set(frame[name].astype(str)) - set(known):
                raise UsageError(f"{path} cannot be used: run.json has no {name} {min(unknown)!r}")
        return frame

    @cached_property
    def utterances(self) -> pd.DataFrame:
        """What was measured, all of it text: `id`, `speaker`, `language`, `sha256` and `text`, empty where unknown."""
        path = self.file(MANIFEST)
        frame = read_frame(path, ["id"], dtype=str, keep_default_na=False)
        for name in frame["id"]:
            check_id(name, path)
        return frame.reindex(columns=["id", "speaker", "language", "sha256", "text"], fill_value="")

    def table(self, name: str) -> pd.DataFrame:
        """A CSV file of the directory, in which a system may be called `NA` or `001`.

        Raises:
            UsageError: It cannot be read.
        """
        texts = {"system": str, "metric": str, "group": str}
        return read_frame(self.file(name), keep_default_na=False, na_values=[""], dtype=texts)

    def kept(self, kind: Literal["audio", "tokens"], system: str, utterance: str) -> Path:
        """The file of a pair that `--keep-audio` kept, whether it is there or not.

        Raises:
            UsageError: The id is none, or the file lies elsewhere.
        """
        check_id(utterance, self.path)
        return self.file(f"{kind}/{slug(system)}/{utterance}{_KEPT[kind]}")

    def file(self, name: str) -> Path:
        """A file of the directory, whether it is there or not. The run may be somebody else's.

        Raises:
            UsageError: It is a link out of the directory.
        """
        path = self.path / name
        check_inside(path, self.path)
        return path

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


ARROWS = {"higher": "↑", "lower": "↓"}
"""Which way a metric is better."""


def _cell(row: Mapping[Any, Any], made: Mapping[str, Any]) -> str:
    """A value with its interval, and how many utterances are in it where some are not."""
    if pd.isna(row["value"]):
        return "–"
    value, low, high = (f"{row[name]:.{made['digits']}f}" for name in ("value", "ci_low", "ci_high"))
    interval = "" if pd.isna(row["ci_low"]) else f" [{low}, {high}]"
    return value + interval + (f" ({row['n']:.0f} of {row['n_expected']:.0f})" if row["n"] != row["n_expected"] else "")


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
        info: Any = read_json(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        told = (isinstance(error, OSError) and error.strerror) or first_line(error)
        raise UsageError(f"{file} cannot be read ({told}): {_MOVE_AWAY}") from error
    schema = info.get("schema") if isinstance(info, dict) else None
    if not isinstance(info, dict) or type(schema) is not int:
        raise UsageError(f"{file} is no run of codec-bench: {_MOVE_AWAY}")
    if schema > SCHEMA:
        raise UsageError(f"{file} was written by a newer codec-bench (schema {schema}): update codec-bench")
    if problem := problem_of(info):
        raise UsageError(f"{file} is damaged {problem}; {_MOVE_AWAY}")
    return {"kind": "reconstruction"} | info  # which schema 1 did not say


def _check_columns(path: Path, frame: pd.DataFrame, texts: Iterable[str], numbers: Iterable[str]) -> None:
    """Checks that a table has its columns, and numbers where it should have them.

    Raises:
        UsageError: It has not.
    """
    if missing := [name for name in (*texts, *numbers) if name not in frame]:
        raise UsageError(f"{path} cannot be used: it has no column {missing[0]!r}")
    for name in numbers:
        if not (pd.api.types.is_numeric_dtype(frame[name]) or frame[name].isna().all()):
            raise UsageError(f"{path} cannot be used: its column {name!r} holds other things than numbers")


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
