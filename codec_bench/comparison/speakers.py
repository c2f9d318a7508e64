"""Each speaker alone: a mean can hide that a few get much worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codec_bench.comparison.measurements import ComparedMetric, UtteranceScore
from codec_bench.comparison.paired import Side, compare_paired


@dataclass(frozen=True)
class SpeakerChange:
    """A speaker who got worse.

    Attributes:
        speaker: As the data set calls them.
        baseline: Value over their utterances, in the unit of the metric.
        candidate: The same of the other system.
        p_worse: One-sided p-value, over their utterances alone, that they got worse; 1 with a single utterance.
        n: Utterances.
    """

    speaker: str
    baseline: float
    candidate: float
    p_worse: float
    n: int

    @property
    def difference(self) -> float:
        """Candidate minus baseline."""
        return self.candidate - self.baseline


def side_of(scores: Mapping[str, UtteranceScore], utterances: Sequence[str]) -> Side:
    """What `compare_paired` takes."""
    return [scores[u].numerator for u in utterances], [scores[u].denominator for u in utterances]


def speakers_worse(
    left: Mapping[str, UtteranceScore],
    right: Mapping[str, UtteranceScore],
    utterances: Sequence[str],
    speakers: Mapping[str, str | None],
    column: ComparedMetric,
) -> list[SpeakerChange]:
    """The speakers who got worse, the one who did most first; none where neither direction is better."""
    of_speaker: dict[str, list[str]] = {}
    for utterance in utterances:
        if speaker := speakers.get(utterance):
            of_speaker.setdefault(speaker, []).append(utterance)
    if not column.better:
        return []
    sign = 1 if column.better == "lower" else -1
    found = []
    for speaker, own in sorted(of_speaker.items()):
        paired = compare_paired(side_of(left, own), side_of(right, own), own, scale=column.scale)
        if sign * paired.difference > 1e-9 * max(abs(paired.baseline), abs(paired.candidate)):
            p = paired.p_higher if sign > 0 else paired.p_lower
            found.append(SpeakerChange(speaker, paired.baseline, paired.candidate, p, len(own)))
    return sorted(found, key=lambda change: -sign * change.difference)


def p_beyond(changes: Sequence[SpeakerChange], limit: float, speakers: int) -> float | None:
    """The p-value, corrected for all speakers, of those who got worse by more than a limit; None if nobody did."""
    beyond = [change.p_worse for change in changes if abs(change.difference) > limit]
    return min(1.0, speakers * min(beyond)) if beyond else None
