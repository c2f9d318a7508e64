"""Post-screening of listeners after ITU-R BS.1534-3, section 4.1.2."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from codec_bench.errors import UsageError
from codec_bench.listening_tests.config import MID_ANCHOR, anchor_label
from codec_bench.listening_tests.results import Rating

THRESHOLD = 90.0
SHARE = 0.15
EASY = 0.25
"""Where more listeners than this rate an anchor above 90, it hardly differs from the recording."""


@dataclass(frozen=True)
class Rules:
    """Who is excluded.

    Attributes:
        reference: Whoever rates the hidden reference below 90 on more than 15 % of their items.
        anchor: Whoever rates an anchor above 90 on more than 15 % of their items: the mid anchor (7 kHz), of which the
            Recommendation speaks, where the test has it; the highest one that the test has; or none.
    """

    reference: bool = True
    anchor: Literal["mid", "highest", "none"] = "mid"

    def anchor_of(self, anchors: Sequence[str]) -> str | None:
        """The anchor that the rule is about, of the labels of a test from the lowest on; None if it is not applied.

        Raises:
            UsageError: The highest is wanted, and there is none.
        """
        mid = anchor_label(MID_ANCHOR)
        if self.anchor == "highest" and not anchors:
            raise UsageError("the test has no anchor, so that no listener can be excluded for one")
        if self.anchor == "highest":
            return anchors[-1]
        return mid if self.anchor == "mid" and mid in anchors else None


@dataclass(frozen=True)
class Listener:
    """A listener, as the results name them, and whether their ratings count.

    Attributes:
        reference_below: Items on which the hidden reference got less than 90, of `reference_rated` ones.
        anchor_above: Items on which the anchor got more than 90, of `anchor_rated` ones; those that are set aside are
            in neither.
        reasons: Why they are excluded; empty if they are not.
    """

    name: str
    items: int
    reference_below: int
    reference_rated: int
    anchor_above: int
    anchor_rated: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class SetAside:
    """An item for which nobody is excluded, since so many rated its anchor above 90."""

    utterance: str
    above: int
    rated: int


@dataclass(frozen=True)
class Screening:
    """What came of it: every listener, sorted by name, and the items that were set aside for the anchor."""

    listeners: tuple[Listener, ...]
    set_aside: tuple[SetAside, ...]


def screen(ratings: Sequence[Rating], *, reference: bool = True, anchor: str | None = None) -> Screening:
    """Applies the rules to each listener.

    If more than a quarter of all listeners who rated an item rate its anchor above 90, the item may not have suffered
    from what made the anchor: no one is excluded for their rating of it.

    Args:
        ratings: All of a test.
        reference: Whether the rule about the hidden reference is applied.
        anchor: Label of the anchor that the other rule is about; None leaves it out.
    """
    anchors: dict[str, list[float]] = defaultdict(list)
    for rating in ratings:
        if rating.stimulus.system == anchor:
            anchors[rating.trial.utterance].append(rating.score)
    easy = [SetAside(item, _above(scores), len(scores)) for item, scores in sorted(anchors.items())]
    easy = [item for item in easy if item.above > EASY * item.rated]
    left = anchors.keys() - {item.utterance for item in easy}
    found = []
    for name in sorted({rating.listener for rating in ratings}):
        own = [rating for rating in ratings if rating.listener == name]
        references = [rating.score for rating in own if rating.stimulus.role == "reference"]
        of_anchor = [r.score for r in own if r.stimulus.system == anchor and r.trial.utterance in left]
        below, above = sum(score < THRESHOLD for score in references), _above(of_anchor)
        reasons = []
        if reference and below > SHARE * len(references):
            reasons.append(f"rated the hidden reference below 90 on {below} of {len(references)} items")
        if above > SHARE * len(of_anchor):
            reasons.append(f"rated {anchor} above 90 on {above} of {len(of_anchor)} items")
        items = len({rating.trial.id for rating in own})
        found.append(Listener(name, items, below, len(references), above, len(of_anchor), tuple(reasons)))
    return Screening(tuple(found), tuple(easy))


def _above(scores: Sequence[float]) -> int:
    return sum(score > THRESHOLD for score in scores)
