"""What a data set is: a name, where it comes from, and its utterances in a fixed order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial

from typing_extensions import override

from codec_bench.hub import describe_size
from codec_bench.records import Utterance


class Access(str, Enum):
    """How a data set gets onto this machine."""

    HERE = "here"
    """It is there; nothing has to be done."""
    FETCH = "fetch"
    """`codec-bench fetch` downloads it, and so does the first run."""
    FORM = "form"
    """Its authors require a signature or a form; `--data-root` names the folder of what they send."""
    NOWHERE = "nowhere"
    """It is not lawfully published as a whole; `--data-root` names the folder of a copy."""


@dataclass(frozen=True)
class State:
    """Whether a data set can be used now.

    Attributes:
        access: How it gets here.
        detail: One line: the folder, the size of the download, or where the form is.
    """

    access: Access
    detail: str = ""


class Dataset(ABC):
    """A set of utterances.

    Attributes:
        name: For tables and folders.
        title: One line for people.
        licence: Licence of the recordings.
        source: Where they are published.
        synthetic: Whether the speech is synthetic; every table says so.
        leak: What the published split shares between training and test, empty if it shares nothing.
        rough_size: Approximate size in bytes, where no exact one is published.
    """

    name: str
    title: str = ""
    licence: str = ""
    source: str = ""
    synthetic: bool = False
    leak: str = ""
    rough_size: int | None = None

    @abstractmethod
    def utterances(self) -> Iterator[Utterance]:
        """Yields the utterances lazily, always in the same order, ids unique.

        Raises:
            UsageError: The set is not there, or what is there is not the set; the message says what to do.
        """

    def fetch(self) -> None:
        """Downloads what is needed and is not there, after naming it with its size.

        Raises:
            UnavailableError: It cannot be obtained.
        """

    @property
    def download_size(self) -> int | None:
        """Bytes to download for it; 0 for none, None if unknown."""
        return 0

    @property
    def size_text(self) -> str:
        """How much has to be downloaded, for people."""
        exact = self.download_size
        if exact is None:
            return f"about {describe_size(self.rough_size)}" if self.rough_size else "size not known"
        return describe_size(exact) if exact else "none"

    def state(self) -> State:
        """Whether it can be used now; quick, so that it can be listed: what is there is not checked in full."""
        return State(Access.HERE)

    def notes(self) -> list[str]:
        """What a reader of a table over this set must know, one line each; known once `utterances` was called."""
        return []


@dataclass(frozen=True, slots=True)
class Listed:
    """An utterance of a list, before anything is done for it.

    Attributes:
        id: Its id.
        speaker: Speaker label, or None if unknown.
        labels: What else the list says of it.
        made: Makes the utterance: reads its transcript, cuts its recording from a longer one.
    """

    id: str
    speaker: str | None
    labels: Mapping[str, str]
    made: Callable[[], Utterance]

    @classmethod
    def of(cls, utterance: Utterance, made: Callable[[Utterance], Utterance] = lambda utterance: utterance) -> Listed:
        """An utterance that a list describes, and what makes the final one of it; by default it is that."""
        return cls(utterance.id, utterance.speaker, utterance.labels, partial(made, utterance))


class ListedDataset(Dataset):
    """A set that knows all its utterances from lists and names, so that a part of it can be chosen first."""

    @abstractmethod
    def listed(self) -> Sequence[Listed]:
        """All utterances, in the order of `utterances`, from lists and names alone.

        Raises:
            UsageError: As for `utterances`.
        """

    @override
    def utterances(self) -> Iterator[Utterance]:
        listed = self.listed()  # with the call, so that what is wrong is said at once
        return (entry.made() for entry in listed)
