"""What is predicted: labels, speakers, characters or phones, and how two texts are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from codec_bench.coding.items import Item
from codec_bench.errors import UsageError
from codec_bench.languages import is_unspaced
from codec_bench.metrics.text import basic, chinese, phones
from codec_bench.probes.problem import SEPARATOR
from codec_bench.probes.recipes import Recipe
from codec_bench.records import Utterance

MIN_PER_CLASS = 3
"""A class with fewer utterances cannot be in all three parts where parts share classes."""


@dataclass(frozen=True)
class Targets:
    """What is predicted for a data set.

    Attributes:
        of: By utterance; see `Problem.targets`.
        multi: Whether an utterance may have several labels.
        unspaced: Whether spaces do not separate words in the texts, so that only CER is counted.
        warnings: What the user should know.
    """

    of: dict[str, str]
    multi: bool = False
    unspaced: bool = False
    warnings: tuple[str, ...] = ()


def targets_of(items: Sequence[Item], recipe: Recipe) -> Targets:
    """The targets of a data set for a task.

    Raises:
        UsageError: Too few utterances have one.
    """
    unspaced = _unspaced(items, recipe) if recipe.is_sequence else False
    found = {item.utterance.id: target(item.utterance, recipe, unspaced=unspaced) for item in items}
    of = {name: value for name, value in found.items() if value}
    what = {"label": "label", "speaker": "speaker", "text": "transcript", "phones": "transcript"}[recipe.target]
    warnings = []
    if len(of) < len(items):
        warnings.append(
            f"{recipe.task}: {len(items) - len(of)} of {len(items)} utterances have no {what} and are left out"
        )
    if not recipe.is_sequence:
        counts = Counter(of.values())
        multi = any(SEPARATOR in label for label in counts)
        if recipe.target == "speaker":
            rare = {label for label, count in counts.items() if count < MIN_PER_CLASS}
            of = {name: label for name, label in of.items() if label not in rare}
            if rare:
                warnings.append(
                    f"{recipe.task}: {len(rare)} speakers with less than {MIN_PER_CLASS} utterances are left out"
                )
        if len(set(of.values())) < 2:
            raise UsageError(
                f"the data set names {len(set(of.values()))} different {what}s for its "
                f"{len(items)} utterances, and a probe needs at least two (column {what})"
            )
        return Targets(of, multi, warnings=tuple(warnings))
    if not of:
        raise UsageError(f"none of the {len(items)} utterances has a transcript")
    return Targets(of, unspaced=unspaced, warnings=tuple(warnings))


def _unspaced(items: Sequence[Item], recipe: Recipe) -> bool:
    """Whether the texts are written without spaces between words, judged by all texts of a language together."""
    texts: dict[str | None, list[str]] = {}
    for item in items:
        if item.utterance.text:
            texts.setdefault(item.utterance.language, []).append(item.utterance.text)
    found = {is_unspaced(" ".join(of_language), language) for language, of_language in texts.items()}
    if len(found) > 1:
        raise UsageError("the texts are of languages with and without spaces; probe one at a time")
    unspaced = True in found
    if unspaced and recipe.target == "phones":
        raise UsageError("the texts are not English, and the dictionary of phones is")
    return unspaced


def target(utterance: Utterance, recipe: Recipe, *, unspaced: bool) -> str:
    """The target of an utterance; empty if it has none."""
    if recipe.target == "speaker":
        return utterance.speaker or ""
    if recipe.target == "label":
        label = utterance.labels.get("label") or ""
        return SEPARATOR.join(part.strip() for part in label.split(SEPARATOR) if part.strip())
    if utterance.text is None:
        return ""
    if recipe.target == "phones":
        return "\n".join(phones(basic(utterance.text)))
    return "\n".join(characters(utterance.text, unspaced=unspaced))


def characters(text: str, *, unspaced: bool) -> str:
    """A text as it is compared: the normaliser `basic`, or `chinese` where spaces do not separate words.

    >>> characters("Don't – stop!", unspaced=False)
    "don't stop"
    """
    return "".join(chinese(text).split()) if unspaced else basic(text)


@dataclass(frozen=True)
class ErrorCount:
    """Errors of a text against another, out of the units of the second."""

    errors: int
    units: int


def error_counts(wanted: str, found: str, measure: str) -> ErrorCount:
    r"""Errors of an answer.

    Args:
        wanted: Symbols with newlines between.
        found: The same.
        measure: `wer`, `cer` or `per`. CER counts spaces as characters, as jiwer does.

    >>> error_counts("a\nb\n \nc", "a\nb\nc", "cer"), error_counts("a\nb\n \nc", "a\nb\nc", "wer")
    (ErrorCount(errors=1, units=4), ErrorCount(errors=2, units=2))
    """
    import jiwer

    texts = [("" if measure != "per" else " ").join(text.split("\n")) for text in (wanted, found)]
    reference, hypothesis = (" ".join(text.split()) for text in texts)
    if measure == "cer":
        letters = jiwer.process_characters(reference, hypothesis)
        errors = letters.substitutions + letters.deletions + letters.insertions
        return ErrorCount(errors, letters.hits + letters.substitutions + letters.deletions)
    words = jiwer.process_words(reference, hypothesis)
    errors = words.substitutions + words.deletions + words.insertions
    return ErrorCount(errors, words.hits + words.substitutions + words.deletions)
