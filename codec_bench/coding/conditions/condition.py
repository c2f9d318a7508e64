"""What a condition is: what is coded in the place of a recording, and how it becomes the utterance again."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import AUDIO_SUFFIXES, RESAMPLER, Audio
from codec_bench.errors import UsageError
from codec_bench.files import digest, read_file
from codec_bench.fingerprint import address, package_versions
from codec_bench.hub import local_digest
from codec_bench.identity import function_parts, kept_for, source_of
from codec_bench.lending import read_only, unchanged
from codec_bench.records import NotScorable, Status
from codec_bench.stats import Floats

if TYPE_CHECKING:
    from codec_bench.coding.items import Item


Read = Callable[["Item"], Audio]


@dataclass(frozen=True)
class Piece:
    """Something that is coded at once.

    Attributes:
        address: Its content address, in the place of a recording's digest.
        audio: Makes it; called only where no cache has its code.
        steps: What its code goes through before it is decoded; see `channel`.
    """

    address: str
    audio: Callable[[], Audio]
    steps: tuple[Mapping[str, Any], ...] = ()

    @property
    def place(self) -> str:
        """What stands in the place of a recording's digest in the address of the decoded audio."""
        return self.place_of(self.address, self.steps)

    @staticmethod
    def place_of(recording: str, steps: Sequence[Mapping[str, Any]]) -> str:
        """The same, of something that has no piece yet."""
        return address(piece=recording, steps=list(steps)) if steps else recording


@dataclass(frozen=True)
class Condition(ABC):
    """One condition at one value.

    Class attributes:
        name: What is written before the `@`.
        takes: What the value is, for messages.
        low: Smallest value.
        high: Largest value.
        default: Value where none is written; None if one must be.
        version: Raised whenever what the condition does changes.
        packages: Distributions whose installed version decides the result.
        files: Files that a plug-in reads, as it names them or beside its module.
    """

    name: ClassVar[str]
    takes: ClassVar[str]
    low: ClassVar[float]
    high: ClassVar[float]
    default: ClassVar[float | None] = None
    version: ClassVar[int] = 1
    packages: ClassVar[tuple[str, ...]] = ()
    files: ClassVar[tuple[str, ...]] = ()

    value: float

    @property
    def label(self) -> str:
        """`noise@10`: what is written behind the `+` of a row."""
        return f"{self.name}@{self.value:g}"

    @property
    @abstractmethod
    def note(self) -> str:
        """One line for tables: what was done."""

    @property
    def alteration(self) -> Alteration | None:
        """What changes the recording before it is coded; None where the codec hears it as it is."""
        return None

    def unfit(self, codebooks: int, semantic: Sequence[int], streams: bool = True) -> str:
        """Why a codec that sends so many codebooks (none: packets), some of them semantic, and that can decode streams
        or not, has no row under it; empty where it has one.
        """
        return ""

    @cached_property
    def fingerprint(self) -> str:
        """Content address of everything that decides what the condition does, given a recording."""
        return address(
            condition=self.name,
            value=self.value,
            version=self.version,
            packages=package_versions(self.packages),
            **self._parts(),
            **function_parts(type(self), files=self.files),
        )

    @property
    def kept_for(self) -> dict[str, str]:
        """See `identity.kept_for`."""
        return kept_for(type(self), files=self.files)

    def _parts(self) -> dict[str, Any]:
        """More that decides it: seed, files."""
        return {}

    def describe(self) -> dict[str, Any]:
        """The condition as `run.json` keeps it."""
        return {
            "label": self.label,
            "name": self.name,
            "value": self.value,
            "note": self.note,
            "version": self.version,
            "packages": package_versions(self.packages),
            "fingerprint": self.fingerprint,
            **({"identity": parts["source"]} if (parts := function_parts(type(self), files=self.files)) else {}),
        } | self._parts()

    def bound(self, items: Sequence[Item]) -> Condition:
        """The condition for the utterances of a run."""
        return self

    def address(self, item: Item) -> str:
        """Content address of an utterance under the condition, known before anything is read but the plan.

        Raises:
            NotScorable: The utterance cannot be used.
        """
        return address(condition=self.fingerprint, recording=item.digest, **self.kept_for)

    def pieces(self, item: Item, read: Read) -> list[Piece]:
        """What is coded for an utterance; `read` returns what the codec hears of one."""
        place = self.address(item)
        if type(self).assembled is not Condition.assembled:  # else the decoded piece would stand for the utterance
            place = address(piece_of=place)
        return [Piece(place, lambda: read(item))]

    def assembled(self, item: Item, decoded: Sequence[Audio]) -> Audio:
        """The decoded audio of an utterance, from that of its pieces."""
        return decoded[0]

    def share(self, item: Item) -> float:
        """Which part of the bits and seconds of the pieces is the utterance's."""
        return 1


@dataclass(frozen=True)
class Clean(Condition):
    """The recording as it is."""

    name = "clean"
    takes = "no value"
    low = high = 0.0
    value: float = 0.0

    @property
    def note(self) -> str:
        """Nothing to say."""
        return ""

    @property
    def label(self) -> str:
        """Nothing is written behind a clean row."""
        return ""

    def address(self, item: Item) -> str:
        """The digest of the recording."""
        return item.digest


@dataclass(frozen=True)
class Altered:
    """An altered recording, of the rate and length of the recording.

    Attributes:
        audio: Within full scale, or within the recording's own peak where that lies above.
        turned_down_db: By how much the whole was attenuated so that it does not clip; 0 where it was not.
        clipped: Samples that were clipped.
        unchanged: Whether the condition has no effect on this recording.
    """

    audio: Audio
    turned_down_db: float = 0.0
    clipped: int = 0
    unchanged: bool = False


class Alteration(Condition):
    """A condition that changes the recording before it is coded.

    All codecs get the very same samples, within full scale: what lies above would be clipped by the codecs that take
    16 bits and by no other. An alteration that exceeds full scale is attenuated as a whole, speech and noise alike, and
    the run says by how much.
    """

    @property
    def alteration(self) -> Alteration:
        """Itself."""
        return self

    def altered(self, recording: Audio, identity: str) -> Altered:
        """A recording of any rate, altered; its digest, `identity`, decides what is drawn by chance.

        Raises:
            NotScorable: The recording is empty, not finite or silent, or a sound file cannot be used.
        """
        recording.check("the recording")
        if recording.is_silent:
            raise NotScorable(f"the recording is silent: there is nothing for {self.label} to alter", Status.SILENT)
        changed = self._changed_safely(recording, identity)
        if changed is None:
            return Altered(recording, unchanged=True)
        made: NDArray[Any] = np.asarray(changed)
        if made.dtype.kind != "f":
            hint = f": divide by {np.iinfo(made.dtype).max + 1}" if made.dtype.kind == "i" else ""
            raise TypeError(f"it makes {made.dtype}, not floats in [-1, 1]{hint}")
        if made.shape != recording.samples.shape or not np.isfinite(made).all():
            raise ValueError(f"it makes {made.shape} of {recording.samples.shape}, or samples that are not finite")
        if not made.any():
            raise NotScorable(f"{self.label} leaves nothing of the recording but silence", Status.SILENT)
        return self._limited(made, recording.rate, max(1.0, recording.peak))

    def _changed_safely(self, recording: Audio, identity: str) -> Floats | None:
        """What `_changed` makes; a plug-in must leave the recording, which others get too, as it is."""
        given = Audio(read_only(recording.samples), recording.rate)
        if source_of(type(self)) is None:
            return self._changed(given, identity)
        with unchanged([recording.samples], "`_changed`", ValueError):
            return self._changed(given, identity)

    def _limited(self, changed: Floats, rate: int, full_scale: float) -> Altered:
        """Changed samples within full scale."""
        gain = min(1.0, full_scale / float(np.abs(changed).max()))
        samples = np.clip(gain * changed, -full_scale, full_scale).astype(np.float32)
        return Altered(Audio(samples, rate), turned_down_db=-20 * math.log10(gain) if gain < 1 else 0.0)

    @abstractmethod
    def _changed(self, recording: Audio, identity: str) -> Floats | None:
        """Changed samples `[n]`, whatever their peak; None if nothing changes."""


@dataclass(frozen=True)
class Sounds:
    """The audio files of a folder by content, so that names and folders do not matter.

    Attributes:
        files: Path by SHA-256, in the order of the digests.
    """

    files: Mapping[str, Path]

    @classmethod
    def of(cls, folder: Path) -> Sounds:
        """Finds and hashes every audio file below a folder.

        Raises:
            UsageError: There is no such folder, no audio in it, or a file cannot be read.
        """
        if not folder.is_dir():
            raise UsageError(f"{folder} {'is not a folder' if folder.exists() else 'does not exist'}")
        try:
            paths = [p for p in folder.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES and not p.name.startswith(".")]
            found = {local_digest(path): path for path in sorted(paths) if path.is_file()}
        except OSError as error:
            raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error
        if not found:
            raise UsageError(f"no audio file is below {folder}; these are looked for: {', '.join(AUDIO_SUFFIXES)}")
        return cls(dict(sorted(found.items())))

    def drawn(self, random: np.random.Generator) -> tuple[Path, bytes]:
        """A file by chance, and its content.

        Raises:
            NotScorable: It is gone, or another file than it was.
        """
        wanted = list(self.files)[int(random.integers(len(self.files)))]
        path = self.files[wanted]
        try:
            data = read_file(path)
        except OSError as error:
            raise NotScorable(f"{path} cannot be read: {error.strerror}", Status.UNREADABLE) from error
        if digest(data) != wanted:
            raise NotScorable(f"{path} changed during the run", Status.CHANGED)
        return path, data


@dataclass(frozen=True)
class Drawn(Alteration):
    """An alteration that draws something for each recording.

    Attributes:
        seed: Seed of the run.
        sounds: Files to draw from; None for what ships.
    """

    seed: int = 0
    sounds: Sounds | None = None

    def _parts(self) -> dict[str, Any]:
        files = [] if self.sounds is None else list(self.sounds.files)
        digest_of_files = address(files=files) if files else None
        return {"seed": self.seed, "files": len(files), "files_sha256": digest_of_files, "resampler": RESAMPLER}

    def _random(self, identity: str) -> np.random.Generator:
        """PCG64, seeded with SHA-256 over the kind of condition, the seed and the recording."""
        number = int(address(draw=self.name, seed=self.seed, recording=identity), 16)
        return np.random.Generator(np.random.PCG64(number))
