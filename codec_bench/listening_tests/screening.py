"""Post-screening of listeners after ITU-R BS.1534-3, section 4.1.2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codec_bench.listening_tests.results import Rating

THRESHOLD = 90.0
SHARE = 0.15


@dataclass(frozen=True)
class Rules:
    """Who is excluded.

    Attributes:
        reference: Whoever rates the hidden reference below 90 on more than 15 % of their items.
        anchor: Whoever rates the highest anchor of the test above 90 on more than 15 % of their items. The
            Recommendation says so of the mid anchor (7 kHz), which a test of narrow-band codecs may not have.
    """

    reference: bool = True
    anchor: bool = False


@dataclass(frozen=True)
class Listener:
    """A listener, as the results name them, and whether their ratings count.

    Attributes:
        reference_below: Items on which the hidden reference got less than 90, of `reference_rated` ones.
        reasons: Why they are excluded; empty if they are not.
    """

    name: str
    items: int
    reference_below: int
    reference_rated: int
    reasons: tuple[str, ...]


def screen(ratings: Sequence[Rating], anchor: str | None, rules: Rules) -> list[Listener]:
    """Applies the rules to each listener, sorted by name; `anchor` is the label of the highest anchor, if any."""
    found = []
    for name in sorted({rating.listener for rating in ratings}):
        own = [rating for rating in ratings if rating.listener == name]
        references = [rating.score for rating in own if rating.stimulus.role == "reference"]
        below = sum(score < THRESHOLD for score in references)
        reasons = []
        if rules.reference and below > SHARE * len(references):
            reasons.append(f"rated the hidden reference below 90 on {below} of {len(references)} items")
        anchors = [rating.score for rating in own if rating.stimulus.system == anchor]
        above = sum(score > THRESHOLD for score in anchors)
        if rules.anchor and above > SHARE * len(anchors):
            reasons.append(f"rated {anchor} above 90 on {above} of {len(anchors)} items")
        items = len({rating.trial.id for rating in own})
        found.append(Listener(name, items, below, len(references), tuple(reasons)))
    return found
