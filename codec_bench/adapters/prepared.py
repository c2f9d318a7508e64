"""Systems whose audio exists already: the recordings themselves, and reconstructions that were made elsewhere."""

from __future__ import annotations

import math
import os
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from typing_extensions import override

from codec_bench.adapters.spec import CodecSpec, Group
from codec_bench.audio import audio_files, path_id, qualified
from codec_bench.discretion import discreet_text
from codec_bench.errors import UsageError
from codec_bench.faults import explained, trace_of
from codec_bench.fingerprint import address
from codec_bench.records import NotScorable, Status, Utterance
from codec_bench.registry import unknown

ANY_RATE = 0
"""In the spec of a prepared system: the rate is that of the file."""


class Prepared(ABC):
    """A system whose audio already exists: ground truth, or files decoded elsewhere.

    Attributes:
        name: Label of the system.
        spec: As for a codec; the rates are those of the files, whatever they are.
        stated_bitrate: Bit/s as the user states it, or None.
    """

    name: str
    spec: CodecSpec
    stated_bitrate: float | None = None

    @abstractmethod
    def path(self, utterance: Utterance) -> Path:
        """The audio file for an utterance.

        Raises:
            NotScorable: There is none.
        """

    @property
    def fingerprint(self) -> str:
        """Content address of the kind of system; the audio itself is addressed by its own bytes."""
        return address(prepared=self.name)


class GroundTruth(Prepared):
    """The recordings, compared with themselves: the best value that each metric can give on a data set."""

    name = "ground-truth"

    def __init__(self) -> None:
        self.spec = CodecSpec("Ground truth", Group.REFERENCE, ANY_RATE, ANY_RATE)

    @override
    def path(self, utterance: Utterance) -> Path:
        return utterance.path


class DecodedFiles(Prepared):
    """Reconstructions that were made elsewhere, joined with the utterances by file name.

    Args:
        folder: Holds `ID.wav` (or another audio suffix) for every utterance, in any folder below it. It is searched
            here, once.
        name: Label of the system; `files:DIR` by default.
        bitrate_kbps: kbit/s as their makers state it.
        group: Part of the table that the system belongs to.

    Raises:
        UsageError: There is no such folder, no audio in it, two files of one folder have the same stem, or an option is
            wrong.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        name: str | None = None,
        bitrate_kbps: float | None = None,
        group: Group | str = Group.ACOUSTIC,
    ) -> None:
        self.folder = Path(folder)
        self.name = name or discreet_text(f"files:{folder}")
        if bitrate_kbps is not None and not 0 < bitrate_kbps < math.inf:
            raise UsageError(f"a bitrate is a positive number of kbit/s, not {bitrate_kbps}")
        self.stated_bitrate = None if bitrate_kbps is None else 1000 * bitrate_kbps
        self.spec = CodecSpec(self.name, _group(group), ANY_RATE, ANY_RATE)
        self._index = with_path_ids(audio_files(self.folder), self.folder)

    @property
    def ids(self) -> frozenset[str]:
        """The ids for which there is a file."""
        return frozenset(self._index)

    @override
    def path(self, utterance: Utterance) -> Path:
        name = unicodedata.normalize("NFC", utterance.id)
        if (found := self._index.get(name)) is not None:
            return found
        reason = ambiguity(name, self._index, self.folder)
        raise NotScorable(reason or f"no audio file below {self.folder} is named {utterance.id}", Status.MISSING)

    @property
    def fingerprint(self) -> str:
        """The same for all folders and names: neither says anything about the audio."""
        return address(prepared="files")


def with_path_ids(files: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """Files by their ids, and by those that they have where stems repeat in the folder that they are compared with."""
    found = {}
    for name, path in files.items():
        own = path_id(path, folder)
        if name != qualified(own):
            found[own] = path
        if path.parent == folder:
            found[qualified(own)] = path
    return found | dict(files)


def ambiguity(name: str, index: Mapping[str, Path], folder: Path) -> str:
    """Which files a name could mean, and how each is meant; empty where there are no two.

    Args:
        name: An id that is none of the index.
        index: See `with_path_ids`.
        folder: That it is of.
    """
    meant = {path: key for key, path in index.items() if key.endswith(f"__{name}") and path.stem == name}
    if len(meant) < 2:
        return ""
    some = [str(path.relative_to(folder)) for path in meant]
    places = " or ".join(some if len(some) < 4 else [*some[:3], f"{len(some) - 3} more"])
    called = " or ".join([*meant.values()][:2])
    return f"{name} could be {places} of {folder}: name one of the folders in it, or call the file {called}"


def _group(group: Group | str) -> Group:
    try:
        return Group(group)
    except ValueError:
        raise UsageError(unknown("group", str(group), [g.value for g in Group])) from None


class Broken(Prepared):
    """A plug-in that raises before it can code anything: its row says why, and the others are measured.

    Args:
        label: What was asked for.
        error: What its constructor, its spec or another of its methods raised.
        about: The class of the codec, where it could be imported.
    """

    def __init__(self, label: str, error: BaseException, about: type | None = None) -> None:
        self.name = label
        self.spec = CodecSpec(label, Group.ACOUSTIC, ANY_RATE, ANY_RATE)
        self.reason = f"{label} cannot be made: {explained(error, about)}"
        self._trace = trace_of(error)

    @property
    def outcome(self) -> NotScorable:
        """What each of its utterances comes to."""
        return NotScorable(self.reason, Status.ENCODE_FAILED, self._trace)

    @override
    def path(self, utterance: Utterance) -> Path:
        raise self.outcome
