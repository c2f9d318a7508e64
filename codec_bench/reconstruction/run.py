"""Reconstructs and scores: from a plan to a run directory."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from codec_bench.adapters.spec import Group
from codec_bench.cache import ArrayCache
from codec_bench.datasets.manifest import id_problem
from codec_bench.hub import caches
from codec_bench.reconstruction.config import RunConfig
from codec_bench.reconstruction.continuing import difference
from codec_bench.reconstruction.corpus import corpus_values, trial_notes
from codec_bench.reconstruction.coverage import coverage
from codec_bench.reconstruction.engines.making import make_engine
from codec_bench.reconstruction.keeping import keep_audio
from codec_bench.reconstruction.plan import Plan
from codec_bench.reconstruction.runner import Runner
from codec_bench.reconstruction.summary import (
    alignment_notes,
    channel_notes,
    lags,
    length_differences,
    levels,
    polarity_notes,
    score_frames,
    summary_rows,
    write_hypotheses,
    write_reconstructions,
)
from codec_bench.reconstruction.written_numbers import written_numbers
from codec_bench.runs.directory import Run, slug
from codec_bench.runs.failures import Failures
from codec_bench.runs.frames import describe_intervals, summary_frame
from codec_bench.runs.writer import Request, RunWriter, writing


def reconstruct(config: RunConfig, plan: Plan, *, is_one_of_several: bool = False) -> Run:
    """Carries out the plan of one data set and writes its run directory, all but the report.

    Where it `is_one_of_several`, that is a folder of the data set's name in the folder of all of them.

    Raises:
        UsageError: The directory holds a run of another plan, or cannot be written.
        CodecBenchError: The run had to stop.
    """
    with caches(fresh=config.no_cache) as cache:
        engine = make_engine(config, cache)
        try:
            plan = replace(plan, warnings=(*plan.warnings, *engine.identify([row.system for row in plan.rows])))
            request = _request(config, plan)
            out = config.out or request.default_folder()
            with writing(request, out / folder_of(plan.dataset.name) if is_one_of_several else out) as writer:
                failures = Failures(writer.path, shows=config.debug, keep_paths=config.keep_paths)
                runner = Runner(plan, cache, engine, keep=config.keep_audio, failures=failures)
                runner.run()
                writer.warn(engine.coding.notes)
                return _finish(config, plan, runner, writer, cache)
        finally:
            engine.coding.close()


def folder_of(dataset: str) -> str:
    """The folder of a data set's run in that of several: its name, where a folder can have it.

    >>> folder_of("my set"), folder_of("a/../../b")
    ('my set', 'a_.._.._b')
    """
    return slug(dataset) if id_problem(dataset) else dataset


def _request(config: RunConfig, plan: Plan) -> Request:
    """A plan as a run directory keeps it."""
    systems = [row.system.label for row in plan.rows if row.spec.group is not Group.REFERENCE]
    described = plan.describe()
    return Request(
        kind="reconstruction",
        config=config.describe(),
        plan=described,
        manifest=plan.manifest,
        difference=partial(difference, plan, described),
        name=(*systems, plan.dataset.name),
        warnings=plan.warnings,
    )


def _finish(config: RunConfig, plan: Plan, runner: Runner, writer: RunWriter, cache: Path) -> Run:
    """Writes what reports are made of."""
    out, outcome = writer.path, runner.outcome
    features = ArrayCache(cache / "features")
    corpus, of_corpora = corpus_values(plan, outcome, features)
    writer.results(score_frames(plan, outcome), summary_frame(summary_rows(plan, outcome, corpus)))
    write_reconstructions(out, plan, outcome, features)
    write_hypotheses(out, plan, outcome, features)
    if config.keep_audio:
        keep_audio(out, plan, runner.reconstructor)
    lengths, of_lengths = length_differences(plan, outcome)
    loudness, of_levels = levels(plan, outcome)
    late, of_lags = lags(plan, outcome)
    writer.warn([*of_lengths, *of_levels, *of_lags, *of_corpora, *written_numbers(out, plan)])
    return writer.finish(
        intervals=describe_intervals([i.utterance.speaker for i in plan.items]),
        coverage=coverage(plan, outcome, config.max_failed),
        lengths=lengths,
        levels=loudness,
        lags=late,
        notes=[
            *alignment_notes(plan, late),
            *polarity_notes(plan),
            *channel_notes(plan, outcome),
            *trial_notes(plan, outcome),
        ],
        devices=runner.devices,
        session={
            "scores_computed": outcome.scored,
            "scores_from_cache": outcome.reused,
            "seconds": {stage: round(seconds, 3) for stage, seconds in sorted(outcome.seconds.items())},
        },
    )
