"""The Python interface: plan, run, write, report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codec_bench import verification
from codec_bench.coding.devices import torch_device
from codec_bench.errors import UsageError
from codec_bench.files import folded
from codec_bench.identity import new_invocation
from codec_bench.reconstruction.config import RunConfig
from codec_bench.reconstruction.plan import make_plan
from codec_bench.reconstruction.run import folder_of, reconstruct
from codec_bench.reports.report import write_report
from codec_bench.runs.directory import Run, load_run
from codec_bench.tracking import log_safely
from codec_bench.verification import Result, all_here, target_of


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
        CodecBenchError: The run had to stop, e.g. the disk is full.

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
    """Carries out a configuration: a run per data set, by its name, in folders of their names where there are several.

    Raises:
        UsageError: Something in the request cannot be done; found before anything is computed.
        CodecBenchError: A run had to stop.
    """
    new_invocation()
    plans = {name: make_plan(config, name) for name in config.dataset}
    several = len(plans) > 1
    _check_names({name: folder_of(plan.dataset.name) for name, plan in plans.items()})
    runs = {}
    for name in tuple(plans):
        # Nobody holds the plan and what came of it any longer when the report is made, which needs as much memory.
        runs[name] = run = reconstruct(config, plans.pop(name), is_one_of_several=several)
        formats = ("md", "html") if config.report else ("md",)
        write_report([run], run.path, formats=formats, plots=config.report, bands=config.bands, plot_kinds=("bitrate",))
        log_safely([run], config.log)
    return runs


def verify(*names: str, device: str = "auto") -> list[Result]:
    """Compares codecs, metrics and recognisers with what their authors published that they give.

    Args:
        *names: `"codec:lyra"`, `"metric:nisqa"`; all that can run here where none is named.
        device: Where models run: `auto`, `cpu`, `cuda` or `cuda:1`.

    Returns:
        One result for each check.

    Raises:
        UsageError: There is no such codec or metric.

    >>> import codec_bench
    >>> [result.outcome.value for result in codec_bench.verify("metric:si_sdr")]
    ['pass']
    """
    targets = [target for name in names for target in target_of(name)] if names else all_here()
    found = verification.verify(targets, torch_device(device))
    return [result for _, record in found if record is not None for result in record.results]


def _check_names(names: Mapping[str, str]) -> None:
    """Checks that the runs over several data sets, whose names these are by what was asked for, have a folder each."""
    seen: dict[str, str] = {}
    for asked, name in names.items():
        first = seen.setdefault(folded(name), asked)
        if first != asked:
            raise UsageError(
                f"the data sets {first} and {asked} have one name, {name}: run them one by one, with an --out for each"
            )


def summary_json(run: Run) -> str:
    """The summary as JSON, for programs."""
    return json.dumps(json.loads(run.summary.to_json(orient="records")), indent=1, allow_nan=False)


__all__ = ["Run", "load_run", "run", "run_suite", "summary_json", "verify"]
