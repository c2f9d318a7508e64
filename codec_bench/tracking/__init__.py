"""Finished runs and comparisons in experiment trackers: Weights & Biases, MLflow, TensorBoard, trackio.

`findings.py` says what there is to show, without any tracker; each other file hands that to one of them. A tracker is
somebody else's program and often somebody else's server, so whatever it does ends here: it costs its own entry alone.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

from codec_bench.comparison import Comparison
from codec_bench.errors import CodecBenchError, UnavailableError, first_line
from codec_bench.extras import cannot_import
from codec_bench.faults import Stopped, contained
from codec_bench.options import tracker_of
from codec_bench.runs.directory import Run, load_run
from codec_bench.tracking.findings import Findings, of_comparison, of_run

logger = logging.getLogger(__name__)

Result = Run | Comparison


class TrackerError(CodecBenchError):
    """A tracker did not take what it was given."""


def log(result: Result | str | Path, *trackers: str) -> None:
    """Gives a finished run or a comparison to trackers: numbers with intervals, table, plots, audio, provenance.

    Args:
        result: A run, its directory, or what `compare` of `codec_bench.comparison` returned.
        *trackers: `wandb`, `mlflow`, `tensorboard` or `trackio`, with a place after a colon where it is not the
            tracker's own: `wandb:ENTITY/PROJECT`, `mlflow:sqlite:///runs.db`, `tensorboard:DIR`, `trackio:PROJECT`.

    Raises:
        UsageError: There is no such tracker, or no finished run.
        UnavailableError: Its package is not installed.
        TrackerError: It failed; those that were named before it have the result.
    """
    named = [tracker_of(tracker) for tracker in trackers]
    findings = _findings(load_run(result) if isinstance(result, str | Path) else result)
    for name, place in named:
        _give(findings, name, place)


def log_safely(results: Iterable[Result], trackers: Sequence[str]) -> None:
    """The same for several, where what matters is done: what fails is a warning with its reason."""
    if not trackers:
        return
    for result in results:
        for tracker in trackers:
            try:
                log(result, tracker)
            except CodecBenchError as error:
                again = (
                    f"; `codec-bench log {result.path} --to {tracker}` tries again" if isinstance(result, Run) else ""
                )
                logger.warning("not logged to %s: %s%s", tracker.partition(":")[0], error, again)


def _findings(result: Result) -> Findings:
    return of_run(result) if isinstance(result, Run) else of_comparison(result)


def _give(findings: Findings, name: str, place: str) -> None:
    module = import_module(f"codec_bench.tracking.{name}")
    if lack := cannot_import(module.PACKAGES, name):
        raise UnavailableError(lack)
    try:
        # Standard output belongs to tables and JSON, and trackers greet there.
        with redirect_stdout(sys.stderr):
            contained(module.write, findings, place)
    except (Exception, Stopped) as error:
        logger.debug("%s failed", name, exc_info=True)
        raise TrackerError(f"{name} failed: {type(error).__name__}: {first_line(error)}") from error
