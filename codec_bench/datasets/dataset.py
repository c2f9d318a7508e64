"""What a data set is: a name, where it comes from, and its utterances in a fixed order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from codec_bench.records import Utterance


class Dataset(ABC):
    """A set of utterances.

    Attributes:
        name: For tables and folders.
        title: One line for people.
        licence: Of the recordings.
        source: Where they are published.
        synthetic: Whether the speech is synthetic; every table says so.
    """

    name: str
    title: str = ""
    licence: str = ""
    source: str = ""
    synthetic: bool = False

    @abstractmethod
    def utterances(self) -> Iterator[Utterance]:
        """Yields the utterances lazily, always in the same order, ids unique.

        Raises:
            UsageError: The set is not there, or what is there is not the set; the message says what to do.
        """

    def fetch(self) -> None:
        """Downloads what is needed and is not there, after naming it with its size.

        Raises:
            UnavailableError: It cannot be had.
        """
