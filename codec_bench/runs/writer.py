"""The life of a run on disk, for every kind of run: begin or continue, fail or finish. Only this writes `run.json`."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from codec_bench.csv_files import csv_of, rows_of
from codec_bench.discretion import discreet, discreet_info, discreet_text
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.files import write_atomically
from codec_bench.hub import home
from codec_bench.inventory import caches_in_use
from codec_bench.locks import HeldError, locked
from codec_bench.runs import provenance
from codec_bench.runs.directory import MANIFEST, SCHEMA, Kind, Run, lasting, read_info, slug
from codec_bench.runs.frames import Coverage, write_scores, write_summary
from codec_bench.stopping import Terminated, stoppable

logger = logging.getLogger(__name__)

Difference = Callable[[Run], str]
"""What a new run would change in an existing one, in words; empty if it continues it."""


@dataclass(frozen=True)
class Request:
    """What shall be computed, as the run directory keeps it.

    Attributes:
        kind: Kind of measurement.
        config: What was asked for, as plain data.
        plan: What that means: `dataset`, `systems`, `conditions`, `metrics`, `seed`, and what the kind adds.
        manifest: `utterances.csv`.
        difference: Decides whether this continues an existing run of its kind.
        name: What the default folder is named after; of systems, the codec.
        warnings: What the user should know before anything is computed.
        threads: Threads of each process that is measured, or scores.
        replaces: Whether the same plan is measured again, so that the default folder is always a new one.
    """

    kind: Kind
    config: Mapping[str, Any]
    plan: Mapping[str, Any]
    manifest: bytes
    difference: Difference
    name: Sequence[str]
    warnings: Sequence[str] = ()
    threads: int = 1
    replaces: bool = False

    def refusal(self, path: Path, previous: Mapping[str, Any]) -> str:
        """Why the run in a directory cannot be continued; empty if it can."""
        previous = discreet(previous)
        if previous["kind"] != self.kind:
            return f"{path} holds a {previous['kind']} run: choose another --out"
        what = self.difference(Run(path, previous))
        return f"{path} holds a run of another plan: {what}; choose another --out" if what else ""

    def default_folder(self) -> Path:
        """`runs/<date>-<name>`, followed by a number if that folder holds another run.

        Raises:
            UsageError: There are a thousand of them, or one cannot be read.
        """
        parts = dict.fromkeys(slug(part.partition("@")[0]) for part in self.name)
        name = "-".join([date.today().isoformat(), *parts])[:120]
        for number in range(1, 1000):
            folder = Path("runs") / (name if number == 1 else f"{name}-{number}")
            previous = read_info(folder)
            if previous is None or not (self.replaces or self.refusal(folder, previous)):
                return folder
        raise UsageError("runs/ holds a thousand runs of this name: give --out")


def same(plan: Mapping[str, Any] | None = None, options: Mapping[str, Any] | None = None) -> Difference:
    """Goes on with a run of the same plan and options.

    Args:
        plan: Plan of the new run; its data, systems, columns and what else has a fingerprint must be the same, and
            whatever the kind adds, but not what people read of them.
        options: Entries of the new run's config that decide what comes out and that the plan does not show.
    """

    def difference(previous: Run) -> str:
        # Whatever was left out of the one is left out of the other.
        before = discreet(previous.info)
        old = {} if plan is None else _content(before["plan"])
        new = {} if plan is None else _content(discreet(json.loads(json.dumps(plan))))
        old |= {name: before["config"].get(name) for name in options or {}}
        new |= discreet(json.loads(json.dumps(options or {})))
        names = [name for name in old | new if old.get(name) != new.get(name)]
        return f"it differs in {', '.join(names)}" if names else ""

    return difference


def _content(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What a plan computes: fingerprints instead of descriptions."""
    content = {
        name: [[e.get("label", e.get("task")), lasting(e)] for e in part]
        if isinstance(part, list) and all(isinstance(entry, dict) for entry in part)
        else part
        for name, part in plan.items()
    }
    return content | {"dataset": [plan["dataset"]["manifest_sha256"], plan["dataset"]["utterances"]]}


@dataclass
class RunWriter:
    """A run that is being written, and what its `run.json` will say."""

    path: Path
    info: dict[str, Any]
    finished: bool = field(default=False, init=False)

    def warn(self, warnings: Iterable[str]) -> None:
        """Tells the user something, now and in every report."""
        for warning in warnings:
            self.info["warnings"].append(warning)
            logger.warning("%s", warning)

    def results(self, scores: pd.DataFrame | Iterable[pd.DataFrame], summary: pd.DataFrame) -> None:
        """Writes `scores.parquet` and `summary.csv`."""
        frames = [scores] if isinstance(scores, pd.DataFrame) else scores
        write_scores(self.path, map(self._discreet, frames))
        write_summary(self.path, summary)

    def _discreet(self, scores: pd.DataFrame) -> pd.DataFrame:
        """Scores without what their reasons hold that is nobody else's business."""
        keep_paths = bool(self.info["config"].get("keep_paths"))
        reasons = [reason for reason in scores["reason"].unique() if isinstance(reason, str)]
        made = {reason: discreet_text(reason, keep_paths=keep_paths) for reason in reasons}
        changed = {reason: new for reason, new in made.items() if reason != new}
        return scores.assign(reason=scores["reason"].replace(changed)) if changed else scores

    def finish(
        self,
        *,
        intervals: Mapping[str, Any],
        coverage: Coverage,
        devices: Mapping[str, str],
        session: Mapping[str, Any] | None = None,
        **facts: Any,
    ) -> Run:
        """Says in `run.json` what came out; the last thing that a run does.

        Args:
            intervals: How they were made.
            coverage: How much has values; a failure in it makes the run a failed one.
            devices: Where each system ran, by label.
            session: What this invocation did.
            **facts: What else a reader of this kind of run must know.
        """
        found = coverage.describe()
        self.info |= {"intervals": dict(intervals), "coverage": found, **facts, "devices": dict(devices)}
        self.info["sessions"][-1] |= {"ended": provenance.now(), **(session or {})}
        self.info["status"] = "failed" if found["failures"] else "finished"
        write_info(self.path, self.info)
        self.finished = True
        return Run(self.path, discreet_info(self.info))

    def stop(self, error: BaseException) -> None:
        """Says in `run.json` why the run did not come to its end."""
        self.info["status"] = "stopped"
        self.info["sessions"][-1] |= {"ended": provenance.now(), "stopped": _reason(error)}
        try:
            write_info(self.path, self.info)
        except CodecBenchError:
            logger.debug("run.json could not be updated", exc_info=True)


@contextmanager
def writing(request: Request, path: Path) -> Iterator[RunWriter]:
    """Begins a run in a directory, or continues an existing one, and records how it ends.

    The directory is locked. `run.json` says at once that the run is running, and where the block does not come to its
    end that it was stopped, and why: an interruption, by a signal too (see `stopping`), or an error.
    Everything of what was computed that a cache keeps is there when the same is run again; a bound on the caches is
    kept before and after, never between.

    Raises:
        UsageError: The directory holds another run, is being written by another process, or cannot be written.
        DiskFullError: No room left on the disk.
    """
    with stoppable(), _held(path), caches_in_use(home()):
        previous = read_info(path)
        if previous is not None and (refusal := request.refusal(path, previous)):
            raise UsageError(refusal)
        if previous is None:
            _check_empty(path)
        writer = RunWriter(path, new_info(request, previous))
        try:
            write_atomically(path / MANIFEST, csv_of(rows_of(request.manifest)))
            write_info(path, writer.info)
            for warning in request.warnings:
                logger.warning("%s", warning)
            yield writer
            assert writer.finished, "a kind of run says what came out"
        except BaseException as error:
            writer.stop(error)
            raise


def _check_empty(path: Path) -> None:
    """Checks that a folder holds nothing but what a run that begins leaves, and perhaps its options.

    Raises:
        UsageError: It belongs to somebody else.
    """
    ours = {MANIFEST, "failures"}
    foreign = sorted(p.name for p in path.iterdir() if p.name not in ours and p.name[0] != "." and p.suffix != ".yaml")
    if foreign:
        named = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
        raise UsageError(f"{path} is no run, and holds other files ({named}): choose another --out")


@contextmanager
def rewriting(run: Run) -> Iterator[RunWriter]:
    """Changes a finished run: what the block does to `info` is written at its end, unless it fails.

    Raises:
        UsageError: The directory is being written by another process, or cannot be written.
    """
    with _held(run.path):
        writer = RunWriter(run.path, copy.deepcopy(dict(run.info)))
        yield writer
        write_info(run.path, writer.info)


def new_info(request: Request, previous: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`run.json` of a run that begins, or continues an existing one."""
    return {
        "schema": SCHEMA,
        "kind": request.kind,
        "status": "running",
        "config": dict(request.config),
        "plan": dict(request.plan),
        "provenance": provenance.collect() | {"threads_per_worker": request.threads},
        "sessions": [*(previous or {}).get("sessions", []), {"started": provenance.now()}],
        "warnings": list(request.warnings),
    }


def write_info(path: Path, info: Mapping[str, Any]) -> None:
    """Writes `run.json`."""
    text = json.dumps(discreet_info(info), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    # Half a surrogate pair, as in a path that is not UTF-8, is written as JSON has it.
    write_atomically(path / "run.json", text.encode("utf-8", "backslashreplace"))


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Keeps others from writing a run directory; the system lets go of what a dead process held."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(path / ".lock"))
        except HeldError as error:
            raise UsageError(
                f"{error.holder} is writing the run in {path}: wait for it, or choose another --out"
            ) from None
        yield


def _reason(error: BaseException) -> str:
    """Why a run stopped, in one line."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, Terminated):
        return f"terminated by {error.signal}"
    text = " ".join(str(error).split())
    return text if isinstance(error, CodecBenchError) else f"{type(error).__name__}: {text}".removesuffix(": ")
