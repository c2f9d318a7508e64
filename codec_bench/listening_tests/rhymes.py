"""Pairs of words that a listener chooses between: the material of a rhyme test."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codec_bench.errors import UsageError
from codec_bench.files import read_file
from codec_bench.listening_tests.key import Key, Trial


@dataclass(frozen=True)
class Choice:
    """What a page asks.

    Attributes:
        shown: Both words, in the order in which the page has them.
        said: The one that was said.
        feature: In what they differ, e.g. `voicing`; empty if the list does not say.
    """

    shown: tuple[str, str]
    said: str
    feature: str = ""


@dataclass(frozen=True)
class RhymePairs:
    """A list of pairs.

    Attributes:
        pairs: The words of each pair, and in what they differ.
    """

    pairs: tuple[tuple[str, str, str], ...]

    @classmethod
    def read(cls, path: Path) -> RhymePairs:
        """Reads a file with a pair a line: two words with a tab between them, and perhaps a third column, the feature.

        Raises:
            UsageError: It cannot be read, or a line is no pair.
        """
        try:
            lines = read_file(path).decode("utf-8-sig").splitlines()
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not a text in UTF-8") from error
        pairs = []
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            first, second, feature, *more = [*(part.strip() for part in line.split("\t")), "", "", ""]
            if not word_of(first) or not word_of(second) or word_of(first) == word_of(second) or any(more):
                raise UsageError(f"{path}, line {number}: a pair is two words with a tab between them, not {line!r}")
            pairs.append((first, second, feature))
        if not pairs:
            raise UsageError(f"{path} has no pair of words")
        return cls(tuple(pairs))

    def choices(self, text: str) -> list[tuple[str, str, str]]:
        """The pairs that have a word, e.g. the transcript of a recording."""
        word = word_of(text)
        return [pair for pair in self.pairs if word and word in map(word_of, pair[:2])]


def word_of(text: str) -> str:
    """A text without case, punctuation and spaces around it, so that "Veal." is "veal"."""
    return re.sub(r"^\W+|\W+$", "", text).casefold()


def kept(choices: Mapping[str, Choice]) -> dict[str, Any]:
    """Choices by page, as the key has them."""
    return {
        page: {"shown": list(choice.shown), "said": choice.said, "feature": choice.feature}
        for page, choice in choices.items()
    }


def choice_of(key: Key, trial: Trial) -> Choice:
    """What a page of a test asked.

    Raises:
        UsageError: The key does not say.
    """
    try:
        found = key.settings["words"][trial.id]
        first, second = (str(word) for word in found["shown"])
        choice = Choice((first, second), str(found["said"]), str(found["feature"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"the key does not say which words page {trial.id} has") from error
    if choice.said not in choice.shown:
        raise UsageError(f"the key says that {choice.said!r} was said on page {trial.id}, which does not show it")
    return choice


def features_of(choices: Iterable[Choice]) -> list[str]:
    """The features that a test has, in order of appearance."""
    return list(dict.fromkeys(choice.feature for choice in choices if choice.feature))
