"""What is compared, whether it comes from a run directory or from a stored baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from codec_bench.runs.directory import Run

REFERENCE = "ground-truth"
"""The system that the recordings themselves are."""

Direction = Literal["higher", "lower", ""]
"""Which values are better; empty if neither are."""


Parts = Mapping[str, Mapping[str, str | None]]
"""What a fingerprint is made of: digests or versions by name, by kind."""

_KINDS = {"modules": "code", "files": "files", "packages": "packages", "variables": "variables", "weights": "weights",
          "state": "state"}  # fmt: skip


def changed_parts(before: Parts, after: Parts) -> str:
    """Which parts differ, e.g. `code (helper), files (weights.txt)`; empty where none does, or nothing is known."""
    changed = []
    for kind, title in _KINDS.items():
        old, new = before.get(kind, {}), after.get(kind, {})
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        if names:
            changed.append(f"{title} ({', '.join(names)})")
    return ", ".join(changed)


@dataclass(frozen=True)
class UtteranceScore:
    """One metric of one system on one utterance; without a value both parts are 0, and `status` is not `ok`."""

    numerator: float
    denominator: float
    status: str = "ok"


@dataclass(frozen=True)
class ComparedMetric:
    """A metric of a run.

    Attributes:
        label: `wer[pocketsphinx]`.
        name: `wer`.
        unit: Unit of the value; empty for plain numbers.
        digits: Decimals that are worth printing.
        fingerprint: Content address of the definition: version, parameters, packages.
        scale: `value = scale * numerator / denominator`; 100 for percent.
        parts: What the code of a plug-in is made of; see `SystemRow`.
    """

    label: str
    name: str
    title: str
    unit: str
    better: Direction
    digits: Annotated[int, Field(ge=0, le=12)]
    version: int
    fingerprint: str
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    parts: Parts = field(default_factory=dict, hash=False)

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    @property
    def variant(self) -> str:
        """The part of the label in brackets, e.g. the recogniser."""
        return self.label[len(self.name) :].removeprefix("[").removesuffix("]")

    @property
    def heading(self) -> str:
        """`WER[pocketsphinx]`."""
        return self.title + self.label[len(self.name) :]


@dataclass(frozen=True)
class SystemRow:
    """A system, clean or under a condition.

    Attributes:
        label: `opus@6000+noise@10`.
        system: `opus@6000`.
        condition: `noise@10`, or empty.
        reference: `clean` or `altered`: which recordings it is scored against.
        fingerprint: Content address of codec, weights, setting and condition.
        parts: What the fingerprint is made of, by kind (`weights`, and of a plug-in `modules`, `files`, `packages`,
            `state`), each a digest or version by name.
        is_known: Whether equal fingerprints mean equal codecs; not where a plug-in reads files that it does not name.
    """

    label: str
    system: str
    condition: str
    reference: str
    fingerprint: str
    parts: Parts = field(default_factory=dict, hash=False)
    is_known: bool = True

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Measurements:
    """Scores of a run per utterance, and what must be equal for two runs to be comparable.

    Attributes:
        source: Where they come from, for messages.
        dataset: `name`, `utterances`, `speakers`, `manifest_sha256`, ...
        columns: Metrics by label; `systems` are rows by label.
        conditions: Fingerprints of the conditions by label.
        speakers: Speaker of each utterance, or None if unknown.
        scores: By system, metric and utterance. A missing utterance was not requested.
        provenance: `codec_bench`, `resampler`, `packages`.
        run: The run, if it is one, whose decoded audio may have been kept.
    """

    source: str
    kind: str
    dataset: Mapping[str, Any]
    columns: Mapping[str, ComparedMetric]
    systems: Mapping[str, SystemRow]
    conditions: Mapping[str, str]
    speakers: Mapping[str, str | None]
    scores: Mapping[str, Mapping[str, Mapping[str, UtteranceScore]]]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    run: Run | None = None

    def of(self, system: str, metric: str) -> Mapping[str, UtteranceScore]:
        """Scores by utterance; empty if there are none."""
        return self.scores.get(system, {}).get(metric, {})

    def audio_of(self, system: str, utterance: str) -> Path | None:
        """The decoded audio of an utterance where it was kept."""
        path = None if self.run is None else self.run.kept("audio", system, utterance)
        return path if path is not None and path.is_file() else None

    @property
    def described(self) -> str:
        """One line: where from, and how much."""
        data = self.dataset
        return f"{self.source} ({data['name']}: {data['utterances']} utterances)"


def scored_in_both(left: Mapping[str, UtteranceScore], right: Mapping[str, UtteranceScore]) -> list[str]:
    """The utterances that have a value on both sides."""
    return [u for u, score in left.items() if score.status == "ok" and u in right and right[u].status == "ok"]


def rounded(number: float) -> float:
    """Nine significant digits: far below what any metric resolves.

    Baselines are written and runs are read with this precision, so that a run equals its own baseline.
    """
    return float(f"{number:.9g}")
