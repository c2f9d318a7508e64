"""What the layers hand to each other: utterances, scores and the reasons why there is no score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from codec_bench.terminal import shown


class Status(str, Enum):
    """Why a score has a value (`OK`) or has none (all others)."""

    OK = "ok"
    MISSING = "missing"
    """No file for this utterance."""
    UNREADABLE = "unreadable"
    """The file exists but is not audio, is damaged, or is shorter than its header or the manifest states."""
    CHANGED = "changed"
    """The file is another one than when the run was planned."""
    EMPTY = "empty"
    """The audio has no samples."""
    NOT_FINITE = "not_finite"
    """The audio holds NaN or infinite samples."""
    SILENT = "silent"
    """Nothing above half a step of 16-bit audio."""
    TOO_SHORT = "too_short"
    """Shorter than the definition of the metric needs."""
    LENGTH = "length"
    """The decoded audio lasts so much longer or shorter than the recording that it cannot be a reconstruction of it."""
    UNVOICED = "unvoiced"
    """No frame that is voiced in both signals."""
    NO_SPEECH = "no_speech"
    """A voice activity detector that the metric relies on found no speech."""
    NO_TEXT = "no_text"
    """The utterance has no transcript."""
    UNDEFINED = "undefined"
    """The definition gives no number here, e.g. the correlation of a constant."""
    ENCODE_FAILED = "encode_failed"
    DECODE_FAILED = "decode_failed"
    CRASHED = "crashed"
    """The worker process died or hung on this pair."""
    ERROR = "error"
    """The metric raised something that its definition does not foresee."""

    @property
    def is_transient(self) -> bool:
        """Whether trying again may give another outcome; such scores are never kept in the cache."""
        return self in _TRANSIENT

    @property
    def is_failure(self) -> bool:
        """Whether it counts against a system by itself, and may not lie in the recording (silence, no transcript, ...).

        Where a system has no value at all, `reconstruction.coverage` looks whether the recordings have some.
        """
        return self in _TRANSIENT or self in (Status.EMPTY, Status.NOT_FINITE, Status.LENGTH)


_TRANSIENT = {
    Status.MISSING,
    Status.UNREADABLE,
    Status.CHANGED,
    Status.ENCODE_FAILED,
    Status.DECODE_FAILED,
    Status.CRASHED,
    Status.ERROR,
}


class NotScorable(Exception):  # noqa: N818 - it is an outcome, not an error
    """Raised where a definition gives no number for this input: one line for people, and a status for machines.

    Args:
        reason: One line for people.
        status: The kind of reason, for machines.
        trace: Traceback of what a plug-in raised.
    """

    def __init__(self, reason: str, status: Status = Status.UNDEFINED, trace: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.trace = trace


@dataclass(frozen=True)
class Ratio:
    """A count out of a count, pooled over the corpus: errors out of words, gross errors out of voiced frames.

    Out of 0 is not scorable.
    """

    numerator: float
    denominator: float


LARGEST = 1e150
"""Where scores end: the square of a larger number is none, and neither are means and intervals over such."""


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one system on one utterance: a value, or a status with a reason, never both.

    Every score is kept as a fraction, so that a corpus value is always `scale * sum(numerator) / sum(denominator)`:
    a metric that is averaged has denominator 1.

    Attributes:
        status: `Status.OK` exactly when there is a value.
        reason: One line, empty when the status is OK.
        numerator: The counted or measured quantity, without the metric's scale.
        denominator: 1 for averaged metrics, the count for pooled ones, 0 without a value.
        scale: 100 for metrics in percent, otherwise 1.
        seconds: CPU wall time of this score; a shared feature counts for the metric that asked for it first.
        trace: Traceback of what a metric raised; not kept with the score.
    """

    status: Status
    reason: str = ""
    numerator: float = 0.0
    denominator: float = 0.0
    scale: float = 1.0
    seconds: float = 0.0
    trace: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.status is Status.OK and not (
            math.isfinite(self.numerator) and math.isfinite(self.denominator) and self.denominator > 0
        ):
            raise ValueError(
                f"a score needs finite parts and a denominator above 0, not {self.numerator}/{self.denominator}"
            )

    @classmethod
    def of(cls, result: float | Ratio, scale: float = 1.0) -> Score:
        """Wraps what a metric function returned; a number that is not finite becomes a status."""
        try:
            if isinstance(result, str | bytes):  # which `float` would read
                raise TypeError
            parts = result if isinstance(result, Ratio) else Ratio(float(result), 1.0)
        except (TypeError, ValueError):
            raise TypeError(f"it returned {result!r:.100}, not a number or a Ratio") from None
        if parts.denominator == 0:
            return cls(Status.UNDEFINED, "nothing to count")
        value = scale * float(parts.numerator) / float(parts.denominator)
        if not all(abs(number) < LARGEST for number in (parts.numerator, parts.denominator, value)):
            return cls(Status.UNDEFINED, "the definition gives no finite number, or one above 1e150")
        return cls(Status.OK, "", float(parts.numerator), float(parts.denominator), scale)

    @classmethod
    def failed(cls, status: Status, reason: str, trace: str = "") -> Score:
        """A score without a value."""
        return cls(status, " ".join(shown(reason).split())[:500], trace=trace)

    @property
    def value(self) -> float | None:
        """The value in the metric's unit, or None if there is none."""
        return self.scale * self.numerator / self.denominator if self.status is Status.OK else None

    def __float__(self) -> float:
        value = self.value
        if value is None:
            raise NotScorable(self.reason, self.status)
        return value


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording of a data set.

    Attributes:
        id: Unique in its data set; safe as a file name.
        path: The audio file.
        text: Transcript, or None.
        speaker: Speaker label, or None if unknown.
        language: ISO 639 code, tag or English name (`languages.find`), or None.
        duration: Seconds as the manifest states them, or None.
        labels: Everything else the manifest says.
    """

    id: str
    path: Path
    text: str | None = None
    speaker: str | None = None
    language: str | None = None
    duration: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
