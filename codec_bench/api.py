"""The Python interface: what each command does, as a function with the command's options as keywords."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import Unpack

from codec_bench import comparison, verification
from codec_bench.coding.devices import torch_device
from codec_bench.comparison import Comparison, Gate, load_gate, load_measurements, measurements_of
from codec_bench.errors import CodecBenchError, UsageError
from codec_bench.files import folded
from codec_bench.identity import new_invocation
from codec_bench.options import BANDS, band_edges, takes
from codec_bench.options import listed as split
from codec_bench.probes.config import ProbeConfig
from codec_bench.reconstruction.config import RunConfig, ScoreConfig
from codec_bench.reconstruction.given import NOTHING, Given, codecs_of, datasets_of, inferring, listed, metrics_of
from codec_bench.reconstruction.joining import match
from codec_bench.reconstruction.plan import make_plan
from codec_bench.reconstruction.run import folder_of, reconstruct
from codec_bench.reports.report import FORMATS, write_report
from codec_bench.reports.table import Bold
from codec_bench.runs.directory import Run, load_run
from codec_bench.speed.config import SpeedConfig
from codec_bench.token_statistics.config import TokensConfig
from codec_bench.tracking import log_safely
from codec_bench.verification import Result, all_here, target_of

if TYPE_CHECKING:
    from codec_bench.adapters.codec import Codec
    from codec_bench.datasets.dataset import Dataset
    from codec_bench.keywords import ProbeKeywords, RunKeywords, ScoreKeywords, SpeedKeywords, TokensKeywords

    OneCodec = str | Path | Codec | type[Codec] | Mapping[str, Any]
    OneDataset = str | Path | Dataset | type[Dataset]

logger = logging.getLogger(__name__)


@takes(RunConfig)
def run(
    codec: OneCodec | Sequence[OneCodec] | None = None,
    dataset: OneDataset | None = None,
    *,
    config: str | Path | None = None,
    **options: Unpack[RunKeywords],
) -> Run:
    """Reconstructs a data set with codecs and scores it; what is in the cache is not computed again.

    Args:
        codec: One or several of: a name (`"opus@6000"`, `"mine:Codec"`); a `Codec` class; a `Codec` object, which is
            used as it is, with the model that it holds, on its device, in this process; a `Path` of decoded audio.
        dataset: `"demo"`, `"FILE.tsv"`, a folder, another data set's name, or a `Dataset` class or object.
        config: A YAML file with options; those given here win.
        **options: Those of `codec-bench run`: `metrics`, `sample`, `jobs`, `out`, ... Metrics may be objects, too.

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
    asked: dict[str, Any] = dict(options)
    if "metrics" in asked:
        asked["metrics"] = metrics_of(listed(asked["metrics"]))
    sets: dict[str, Dataset] = {}
    if dataset is not None:
        asked["dataset"], sets = datasets_of(listed(dataset))
    plain = RunConfig.made(config, asked | {"codec": ["files:."]})  # all but the codecs, before models are loaded
    live: dict[str, Any] = {}
    if codec is not None:
        asked["codec"], live = codecs_of(listed(codec), plain.codebooks, plain.device)
    made = RunConfig.made(config, asked)
    if len(made.dataset) > 1:
        raise UsageError("run() takes one data set; call it for each, or run_suite() for several")
    _check_live(made, live)
    objects = [system.source for systems in live.values() for system in systems]
    with inferring(objects):
        return run_suite(made, Given(live, sets))[made.dataset[0]]


def _check_live(config: RunConfig, live: Mapping[str, Any]) -> None:
    """Raises where an object of this process is to do what only a name can."""
    if live and config.engine != "local":
        raise UsageError(f"{next(iter(live))} is an object of this process: leave out engine={config.engine!r}")
    if live and config.checkpoint is not None:
        raise UsageError(f"{next(iter(live))} is an object, measured as it is: load the checkpoint into it")


def run_suite(config: RunConfig, given: Given = NOTHING) -> dict[str, Run]:
    """Carries out a configuration: a run per data set, by its name, in folders of their names where there are several.

    Args:
        config: The options.
        given: Objects that some of its names stand for.

    Raises:
        UsageError: Something in the request cannot be done; found before anything is computed.
        CodecBenchError: A run had to stop.
    """
    new_invocation()
    plans = {name: make_plan(config, name, given) for name in config.dataset}
    several = len(plans) > 1
    _check_names({name: folder_of(plan.dataset.name) for name, plan in plans.items()})
    runs = {}
    for name in tuple(plans):
        # Nobody holds the plan and what came of it any longer when the report is made, which needs as much memory.
        runs[name] = run = reconstruct(config, plans.pop(name), is_one_of_several=several)
        formats = ("md", "html") if config.report else ("md",)
        write_report(
            [run],
            run.path,
            formats=formats,
            plots=config.report,
            bands=config.bands,
            plot_kinds=("bitrate", "severity"),
        )
        log_safely([run], config.log)
    return runs


@takes(ScoreConfig)
def score(
    reference: str | Path | None,
    decoded: str | Path,
    *,
    config: str | Path | None = None,
    **options: Unpack[ScoreKeywords],
) -> Run:
    """Scores a folder of audio, as `codec-bench score` does; `evaluate` scores what is in memory.

    Args:
        reference: Folder of the recordings, joined by file stem; None for generated speech.
        decoded: Folder of the audio to score.
        config: A YAML file with options; those given here win.
        **options: Those of `codec-bench score`: `name`, `bitrate`, `metrics`, `text`, ...

    Raises:
        UsageError: Something in the request cannot be done.
        CodecBenchError: The run had to stop; with `strict`, a file has no partner.
    """
    asked: dict[str, Any] = dict(options)
    if "metrics" in asked:
        asked["metrics"] = metrics_of(listed(asked["metrics"]))
    made = ScoreConfig.made(config, asked | {"decoded": decoded, "reference": reference})
    joined = match(made.decoded, made.reference, made.prompts)
    for warning in joined.warnings:
        logger.warning("%s", warning)
    if made.strict and joined.warnings:
        raise CodecBenchError(f"{joined.warnings[0]} (strict=True)")
    (found,) = run_suite(made.run_config(joined.common)).values()
    return found


@takes(ProbeConfig)
def probe(
    codec: str | Sequence[str] | None = None,
    task: str | Sequence[str] | None = None,
    *,
    config: str | Path | None = None,
    **options: Unpack[ProbeKeywords],
) -> list[Run]:
    """Trains probes on frozen tokens, as `codec-bench probe` does.

    Args:
        codec: Names of codecs.
        task: What to read from the tokens: `asr`, `sid`, ...
        config: A YAML file with options; those given here win.
        **options: Those of `codec-bench probe`: `dataset`, `input`, `seeds`, ...

    Returns:
        A run for each data set.

    Raises:
        UsageError: Something in the request cannot be done.
        CodecBenchError: A run had to stop, or none of the tasks can be done.
    """
    from codec_bench.probes.run import probe as carry_out

    made = ProbeConfig.made(config, _with(options, codec=codec, task=task))
    probed = carry_out(made)
    if not probed.runs:
        raise CodecBenchError("; ".join(probed.skipped))
    for skipped in probed.skipped:
        logger.warning("%s", skipped)
    log_safely(probed.runs, made.log)
    return list(probed.runs)


@takes(TokensConfig)
def tokens(
    codec: str | Sequence[str] | None = None,
    dataset: str | Path | None = None,
    *,
    config: str | Path | None = None,
    **options: Unpack[TokensKeywords],
) -> Run:
    """Analyses tokens, as `codec-bench tokens` does: codebook use, entropy, n-grams, a language model, a map.

    Args:
        codec: Names of codecs; none with `tokens`, the folder of a run that kept them.
        dataset: The recordings.
        config: A YAML file with options; those given here win.
        **options: Those of `codec-bench tokens`: `books`, `lm`, `map`, ...

    Raises:
        UsageError: Something in the request cannot be done.
        CodecBenchError: The run had to stop.
    """
    from codec_bench.token_statistics.command import run_tokens

    made = TokensConfig.made(config, _with(options, codec=codec, dataset=None if dataset is None else str(dataset)))
    return _reported(run_tokens(made), made)


@takes(SpeedConfig)
def speed(
    codec: str | Sequence[str] | None = None,
    *,
    config: str | Path | None = None,
    **options: Unpack[SpeedKeywords],
) -> Run:
    """Measures what codecs cost, as `codec-bench speed` does: real-time factor, latency, memory, parameters.

    Args:
        codec: Names of codecs; each is measured in a process of its own.
        config: A YAML file with options; those given here win.
        **options: Those of `codec-bench speed`: `seconds`, `threads`, `repeats`, ...

    Raises:
        UsageError: Something in the request cannot be done.
        CodecBenchError: The run had to stop.
    """
    from codec_bench.speed.run import run_speed

    made = SpeedConfig.made(config, _with(options, codec=codec))
    return _reported(run_speed(made), made)


def compare(
    baseline: str | Path | Run,
    candidate: str | Path | Run,
    gate: str | Path | Gate | None = None,
    pair: Sequence[str] = (),
) -> Comparison:
    """Compares a run with an earlier one, utterance by utterance.

    Args:
        baseline: The earlier run, its folder, or a file of `codec-bench baseline save`.
        candidate: The later one.
        gate: Limits per metric, or their YAML file; defaults without it.
        pair: `A=B`: system A of the baseline with system B of the candidate.

    Returns:
        The results and a verdict; `exit_code` is that of the command.

    Raises:
        UsageError: There is no such run, or nothing to pair.
    """
    limits = gate if isinstance(gate, Gate | None) else load_gate(Path(gate))
    before = measurements_of(baseline) if isinstance(baseline, Run) else load_measurements(baseline, is_baseline=True)
    after = measurements_of(candidate) if isinstance(candidate, Run) else load_measurements(candidate)
    return comparison.compare(before, after, limits, [pair] if isinstance(pair, str) else pair)


def report(
    run: str | Path | Run | Sequence[str | Path | Run],
    out: str | Path | None = None,
    *,
    format: str | Sequence[str] = FORMATS,
    plots: bool = True,
    plot_format: str | Sequence[str] = ("png",),
    intervals: bool = True,
    efficiency: bool = False,
    bands: str | Sequence[float] = BANDS,
    bold: Bold = "ties",
    bd_rate: str | None = None,
    ranking: bool = False,
) -> list[Path]:
    """Writes tables, plots and the HTML report of one run, or of several side by side; see `write_report`.

    Args:
        run: Runs or their folders.
        out: Folder; that of the run by default, `report` for several.
        format: Any of `md`, `csv`, `tex`, `html`.
        plots: Whether pictures are drawn.
        plot_format: Any of `png`, `svg`, `pdf`.
        intervals: Whether values have their intervals.
        efficiency: Columns for tokens per second, codebooks, parameters, causal, streaming.
        bands: Edges of the bitrate groups in kbit/s, falling; `paper` for those of the LongCat paper.
        bold: `ties`, or `best` for that alone.
        bd_rate: Codec that the bits of the others are compared with.
        ranking: Whether the systems of each bitrate group are ranked.

    Returns:
        The files, tables first.

    Raises:
        UsageError: A run cannot be read, or there is no such format.
    """
    runs = [entry if isinstance(entry, Run) else load_run(entry) for entry in listed(run)]
    if not runs:
        raise UsageError("name a run, e.g. report('runs/mine')")
    folder = runs[0].path if len(runs) == 1 else Path("report")
    return write_report(
        runs, folder if out is None else Path(out), formats=split(format), plots=plots, intervals=intervals,
        efficiency=efficiency, bands=[float(edge) for edge in band_edges(bands)], bold=bold, bd_rate=bd_rate,
        ranking=ranking, plot_formats=split(plot_format),
    )  # fmt: skip


def _with(options: Mapping[str, Any], **named: Any) -> dict[str, Any]:
    """Options, and arguments that were given."""
    return dict(options) | {name: value for name, value in named.items() if value is not None}


def _reported(run: Run, made: TokensConfig | SpeedConfig) -> Run:
    """A finished run with its report, sent to the trackers that are asked for."""
    write_report([run], run.path, formats=("md", "html") if made.report else ("md",), plots=made.report)
    log_safely([run], made.log)
    return run


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


__all__ = [
    "Comparison",
    "Run",
    "compare",
    "load_run",
    "probe",
    "report",
    "run",
    "run_suite",
    "score",
    "speed",
    "summary_json",
    "tokens",
    "verify",
]
