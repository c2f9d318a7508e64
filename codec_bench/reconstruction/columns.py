"""Which metrics a run computes: its columns, resolved from names before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

from codec_bench.alignment import ALIGNED
from codec_bench.errors import UnavailableError, UsageError
from codec_bench.hub import commits_of, fetch_all
from codec_bench.metrics import DEFAULT, GENERATED, HEADLINE, METRICS, RECOMMENDED, Metric, metric
from codec_bench.metrics.asr import backend, default_backend
from codec_bench.metrics.wer import with_normaliser
from codec_bench.reconstruction.config import RunConfig
from codec_bench.runs.columns import ColumnSpec
from codec_bench.verification import describe, target_of_metric

TIMES = tuple(
    ColumnSpec(
        label,
        title,
        "Coding times",
        "lower",
        digits=4,
        note="processing time out of the time of the audio, median over utterances; taken when the audio was made, "
        "with whatever else the machine did then, loading left out (codec-bench speed measures with care)",
    )
    for label, title in (("rtf_encode", "encode RTF"), ("rtf_decode", "decode RTF"))
)
"""The columns that `coding_times` fills."""


class References(Enum):
    """What decoded audio can be compared with."""

    RECORDINGS = "recordings"
    """The recordings of which it is a reconstruction."""
    PROMPTS = "prompts"
    """Generated speech: other utterances of the same speaker."""
    NONE = "none"
    """Generated speech alone."""

    def problem(self, made: Metric) -> str | None:
        """Why a metric has nothing to compare with; None if it has."""
        if self is not References.RECORDINGS and made.needs_recording:
            return f"{made.name} compares with a recording of the same utterance, and generated speech has none"
        if self is References.NONE and "reference" in made.inputs:
            return f"{made.name} compares generated speech with prompts: name them with --prompts"
        return None


def references_of(config: RunConfig) -> References:
    """What the audio of a run can be compared with."""
    if not config.generated:
        return References.RECORDINGS
    return References.NONE if config.prompts is None else References.PROMPTS


def resolve_metrics(
    names: Sequence[str],
    asr: str,
    warnings: list[str],
    normaliser: str = "basic",
    references: References = References.RECORDINGS,
) -> tuple[Metric, ...]:
    """Metrics by name, with the recogniser and the normaliser written into those that need them.

    Args:
        names: `default`, `recommended`, `all`, `headline`, or names.
        asr: Recogniser, or `auto`.
        warnings: Gets a line for everything left out because it is unavailable.
        normaliser: Text normaliser of the transcripts.
        references: What the audio is compared with; metrics that need more are not part of `default` and its like.

    Raises:
        UsageError: A named metric is not known, or has nothing to compare with.
        UnavailableError: A named metric cannot run here.
    """
    if asr != "auto":
        backend(asr)
    found: dict[str, Metric] = {}
    absent: dict[str, tuple[str, list[str]]] = {}  # by download
    for name, is_named in _wanted(names, references).items():
        made = metric(name)
        if not made.variant and made.takes_recogniser:
            if asr == "auto":
                asr, notice = default_backend()
                warnings += [notice] if notice else []
            made = with_normaliser(made.with_variant(asr), normaliser)
        if (reason := made.unsupported()) is not None and is_named:
            raise UnavailableError(f"metric {made.label} cannot run here: {reason}")
        if not is_named and (reason := made.unavailable()) is not None:
            absent.setdefault(made.name.partition(".")[0], (reason, []))[1].append(made.label)
        elif found.setdefault(made.label, made).function is not made.function:
            raise UsageError(
                f"{found[made.label].spelling} and {made.spelling} would be one column, {made.label}: register one of "
                "them under another name"
            )
    for made in found.values():
        _ = made.code  # as it is now, whatever is edited while the run goes on
    warnings += [
        f"{label}: what this metric reads is not known: its scores are kept for this run only; name its `files`"
        for label, made in found.items()
        if made.kept_for
    ]
    warnings += [f"left out: {', '.join(labels)} ({reason})" for reason, labels in absent.values()]
    return tuple(found.values())


def _wanted(names: Sequence[str], references: References) -> dict[str, bool]:
    """Which metrics are meant, and whether each was named: then it is an error where it cannot run."""
    default = DEFAULT if references is References.RECORDINGS else GENERATED
    groups: dict[str, Iterable[str]] = {"default": default, "recommended": RECOMMENDED, "all": METRICS.names()}
    wanted: dict[str, bool] = {}
    for name in names:
        if (group := groups.get(name)) is not None:
            wanted = {n: False for n in group if references.problem(metric(n)) is None} | wanted
        elif name == "headline":
            wanted |= {n: True for n in HEADLINE if references.problem(metric(n)) is None}
        elif (problem := references.problem(metric(name))) is not None:
            raise UsageError(problem)
        else:
            wanted[name] = True
    return wanted


def fetch_models_of(metrics: Sequence[Metric]) -> None:
    """Brings the files of learned models.

    Raises:
        UnavailableError: One of them is unavailable.
    """
    for made in metrics:
        try:
            fetch_all(made.weights, f"metric:{made.label}")
        except UnavailableError as error:
            raise UnavailableError(f"metric {made.label} cannot run here: {error}") from error


def describe_metric(made: Metric, *, align: bool = False) -> dict[str, Any]:
    """A column as `run.json` keeps it; with `align`, the values of metrics that mind a lag are others."""
    aligns = align and made.minds_lag
    return {
        "label": made.label,
        "name": made.name,
        "title": made.title,
        "unit": made.unit,
        "better": made.better,
        "digits": made.digits,
        "family": made.family,
        "rate": made.rate,
        "resampler": made.resampler,
        "note": made.note,
        "pooling": "corpus" if made.corpus is not None else "utterances",
        "version": made.version,
        "fingerprint": f"{made.fingerprint}/{ALIGNED}" if aligns else made.fingerprint,
        "uses": made.uses,
        "packages": made.package_versions,
        "weights": {path: digest for model in made.learned for path, digest in model.weight_digests().items()},
        "commits": commits_of(made.weights),
        **({"identity": made.sources} if made.sources else {}),
        "licence": ", ".join(dict.fromkeys(model.licence for model in made.learned if model.licence)),
        **({"verification": describe(target)} if (target := target_of_metric(made)).checks and made.learned else {}),
    }
