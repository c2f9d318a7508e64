"""The Python interface, and the one place that knows how a run is put together from its parts."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from codec_bench.cache import ArrayCache
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.files import write_atomically
from codec_bench.hub import home
from codec_bench.reconstruction.config import RunConfig
from codec_bench.reconstruction.continuing import check_continues, default_folder
from codec_bench.reconstruction.corpus import corpus_values
from codec_bench.reconstruction.engines import make_engine
from codec_bench.reconstruction.keeping import keep_audio
from codec_bench.reconstruction.plan import Plan, make_plan
from codec_bench.reconstruction.runner import Runner
from codec_bench.reconstruction.summary import (
    coverage,
    intervals,
    length_differences,
    levels,
    write_hypotheses,
    write_reconstructions,
    write_results,
)
from codec_bench.reports.report import write_report
from codec_bench.runs import provenance
from codec_bench.runs.directory import Run, load_run, new_info, read_info, write_info

logger = logging.getLogger(__name__)


def run(codec: Any = None, dataset: Any = None, *, config: str | Path | None = None, **options: Any) -> Run:
    """Reconstructs a data set with codecs and scores it; what is in the cache is not computed again.

    Args:
        codec: One name or several: `"opus@6000"`, `["codec2", "files:recon/mimi"]`.
        dataset: `"demo"`, `"FILE.tsv"`, a folder, or another data set's name.
        config: A YAML file with options; those given here win.
        **options: All other fields of `RunConfig`: `metrics`, `limit`, `jobs`, `out`, ...

    Returns:
        The finished run; `.summary` and `.scores` are data frames.

    Raises:
        UsageError: Something in the request cannot be done.
        CodecBenchError: The run could not go on, e.g. the disk is full.

    >>> import codec_bench, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = codec_bench.run("codec2@3200", "demo", metrics=["stoi"], limit=2, jobs=1, out=f"{folder}/run")
    ...     row = run.summary.set_index("system").loc["codec2@3200"]
    >>> float(row.bitrate_kbps), int(row.n), bool(0.5 < row.value < 1)
    (3.2, 2, True)
    """
    given = options | {k: v for k, v in (("codec", codec), ("dataset", dataset)) if v is not None}
    made = RunConfig(**given) if config is None else RunConfig.load(Path(config), given)
    if len(made.dataset) > 1:
        raise UsageError("run() takes one data set; use run_suite() for several")
    return run_suite(made)[made.dataset[0]]


def run_suite(config: RunConfig) -> dict[str, Run]:
    """Carries out a configuration: one run per data set, in folders of their names where there are several.

    Returns:
        The finished runs by data set.

    Raises:
        UsageError: Something in the request cannot be done; found before anything is computed.
        CodecBenchError: A run could not go on.
    """
    plans = {name: make_plan(config, name) for name in config.dataset}
    folders = {name: config.out or default_folder(plan) for name, plan in plans.items()}
    if len(plans) > 1:
        folders = {name: folder / plans[name].dataset.name for name, folder in folders.items()}
    runs = {}
    for name, folder in folders.items():
        # Nobody holds the plan and what came of it any longer when the report is made, which needs as much memory.
        runs[name] = finished = execute(config, plans.pop(name), folder)
        formats = ("md", "html") if config.report else ("md",)
        write_report(
            [finished], folder, formats=formats, plots=config.report, bands=config.bands, plot_kinds=("bitrate",)
        )
    return runs


def execute(config: RunConfig, plan: Plan, out: Path) -> Run:
    """Carries out a plan and writes its run directory, all but the report.

    Raises:
        UsageError: The directory holds a run of another plan, or cannot be written.
    """
    previous = read_info(out)
    if previous is not None:
        manifest = out / "utterances.csv"
        check_continues(previous["plan"], manifest.read_text(encoding="utf-8") if manifest.exists() else "", plan, out)
    info = new_info("reconstruction", config.describe(), plan.describe(), plan.warnings, previous)
    write_atomically(out / "utterances.csv", plan.manifest)
    write_info(out, info)
    for warning in plan.warnings:
        logger.warning(warning)
    cache = home() / "cache"
    runner = Runner(plan, cache, make_engine(config, cache))
    try:
        runner.run()
    except (KeyboardInterrupt, CodecBenchError) as error:
        stopped = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
        info["sessions"][-1] |= {"ended": provenance.now(), "stopped": stopped}
        try:
            write_info(out, info)
        except CodecBenchError:
            logger.debug("run.json could not be updated", exc_info=True)
        raise
    return _finish(config, plan, runner, out, info)


def _finish(config: RunConfig, plan: Plan, runner: Runner, out: Path, info: dict[str, Any]) -> Run:
    """Writes what reports are made of."""
    outcome = runner.outcome
    features = ArrayCache(home() / "cache" / "features")
    corpus, of_corpora = corpus_values(plan, outcome, features)
    write_results(out, plan, outcome, corpus)
    info["intervals"] = intervals(plan)
    info["coverage"] = coverage(plan, outcome, config.max_failed)
    info["lengths"], warnings = length_differences(plan, outcome)
    info["levels"], more = levels(plan, outcome)
    warnings += [*more, *of_corpora]
    info["warnings"] += warnings
    for warning in warnings:
        logger.warning(warning)
    info["sessions"][-1] |= {
        "ended": provenance.now(),
        "scores_computed": outcome.scored,
        "scores_from_cache": outcome.reused,
        "seconds": {stage: round(seconds, 3) for stage, seconds in sorted(outcome.seconds.items())},
    }
    info["devices"] = runner.reconstructor.devices
    info["status"] = "failed" if info["coverage"]["failures"] else "finished"
    write_reconstructions(out, plan, outcome)
    write_hypotheses(out, plan, outcome, features)
    if config.keep_audio:
        keep_audio(out, plan, runner.reconstructor)
    write_info(out, info)
    return Run(out, info)


def summary_json(run: Run) -> str:
    """The summary as JSON, for programs."""
    return json.dumps(json.loads(run.summary.to_json(orient="records")), indent=1, allow_nan=False)


__all__ = ["Run", "execute", "load_run", "run", "run_suite", "summary_json"]
