"""Numbers that one English text writes in words and another in digits: the same to a listener, errors to WER."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from codec_bench.metrics.text import basic

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth "
    "ninetieth hundredth thousandth millionth"
)
_POWERS = "hundred thousand million billion trillion hundreds thousands millions billions"
_DECADES = "tens twenties thirties forties fifties sixties seventies eighties nineties"

NUMBER_WORDS = frozenset(f"{_UNITS} seventeen eighteen nineteen {_TENS} {_ORDINALS} {_POWERS} {_DECADES}".split())
"""English words for numbers, after the normaliser `basic`."""

_SIGNS = {"%": r"per ?cent", "$": "dollars?", "£": "pounds?", "€": "euros?"}
"""Signs of which nothing is left after `basic`, and the words for them."""


def differently_written(wanted: str, heard: str) -> tuple[str, str] | None:
    """The first number that two English texts write in different ways, one of them in digits or with a sign.

    Args:
        wanted: Transcript, as it is.
        heard: Hypothesis, as it is.

    Returns:
        How each writes it; None where there is no such number.

    >>> differently_written("All fifty-one of them, at 9.", "all 51 of them at 9")
    ('fifty one', '51')
    >>> differently_written("Only 5 % came first.", "only 5 percent came 1st"), differently_written("fifty", "fifteen")
    (('%', 'percent'), None)
    """
    for sign, word in _SIGNS.items():
        for one, other, order in ((wanted, heard, 1), (heard, wanted, -1)):
            found = re.search(rf"\b{word}\b", other, re.IGNORECASE)
            if sign in one and sign not in other and found:
                first, second = (sign, found[0].lower())[::order]
                return first, second
    for stretches in _disagreements(basic(wanted).split(), basic(heard).split()):
        for digits, words in (stretches, stretches[::-1]):
            if _in_digits(digits) and not _in_digits(words) and _in_words(words) and not _in_words(digits):
                return " ".join(stretches[0]), " ".join(stretches[1])
    return None


def _in_digits(words: Iterable[str]) -> bool:
    return any(character.isdigit() for word in words for character in word)


def _in_words(words: Iterable[str]) -> bool:
    return not NUMBER_WORDS.isdisjoint(words)


def _disagreements(wanted: list[str], heard: list[str]) -> list[tuple[list[str], list[str]]]:
    """The stretches in which two texts differ; none where no digits are among what differs, without aligning them."""
    if not _in_digits(set(wanted) ^ set(heard)):
        return []
    import jiwer

    chunks = jiwer.process_words(" ".join(wanted), " ".join(heard)).alignments[0] if wanted else []
    found = []
    for is_equal, run in groupby(chunks, lambda chunk: chunk.type == "equal"):
        parts = list(run)
        if not is_equal:
            first, last = parts[0], parts[-1]
            found.append(
                (wanted[first.ref_start_idx : last.ref_end_idx], heard[first.hyp_start_idx : last.hyp_end_idx])
            )
    return found
