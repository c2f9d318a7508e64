"""Real speech of a wanted length: utterances joined one after the other, and cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from codec_bench.audio import AUDIO_SUFFIXES, Audio, FloatArray, fit, resample, write_wav
from codec_bench.coding.items import Item, describe_dataset, manifest_of, resolved
from codec_bench.coding.signals import load_recording
from codec_bench.datasets.loading import load_dataset
from codec_bench.errors import UsageError
from codec_bench.fingerprint import address
from codec_bench.records import NotScorable, Utterance


@dataclass(frozen=True)
class Speech:
    """What recordings of any length are cut from.

    Attributes:
        items: The utterances, in the order in which they are joined.
        audio: The same, each at its own rate.
        dataset: As `plan.dataset` keeps it.
    """

    items: tuple[Item, ...]
    audio: tuple[Audio, ...]
    dataset: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        """What there is without repetition."""
        return sum(audio.seconds for audio in self.audio)

    def excerpt(self, seconds: float, rate: int) -> Audio:
        """An excerpt at a rate in Hz, from the start of the joined utterances, which repeat if they are shorter."""
        wanted = round(seconds * rate)
        parts: list[FloatArray] = []
        have = 0
        for audio in cycle(self.audio):
            # What is cut off anyway need not be resampled: a recording may last hours.
            needed = -(-(wanted - have) * audio.rate // rate) + audio.rate
            parts.append(resample(Audio(audio.samples[:needed], audio.rate), rate).samples)
            have += len(parts[-1])
            if have >= wanted:
                break
        return Audio(np.ascontiguousarray(fit(np.concatenate(parts), wanted)), rate)


class Excerpts:
    """Excerpts as files of a folder, written once for each length and rate."""

    def __init__(self, speech: Speech, folder: Path) -> None:
        self._speech = speech
        self.folder = folder

    def path(self, seconds: float, rate: int) -> Path:
        """A float32 WAV file of this length in seconds at a rate in Hz."""
        path = self.folder / f"{seconds:g}s-{rate}.wav"
        if not path.exists():
            write_wav(path, self._speech.excerpt(seconds, rate))
        return path


def load_speech(
    source: str, seconds: float, data_root: Path | None = None, audio_root: Path | None = None
) -> tuple[Speech, list[str]]:
    """As many seconds of an audio file or a data set as are needed, and what the user should know of them.

    Raises:
        UsageError: There is no such file or data set, or nothing in it can be read.
    """
    path = Path(source)
    if path.suffix.lower() in AUDIO_SUFFIXES and not path.is_dir():
        try:
            speech = _of_file(path)
        except NotScorable as error:
            raise UsageError(f"--audio: {error.reason}") from None
    else:
        speech = _of_dataset(source, seconds, data_root, audio_root)
    warnings = []
    if speech.seconds < seconds:
        warnings.append(
            f"{source} has {speech.seconds:.1f} s of audio: recordings of {seconds:g} s repeat it from the beginning"
        )
    return speech, warnings


def _of_file(path: Path) -> Speech:
    item = resolved(Utterance(path.stem, path))
    audio = load_recording(item)
    dataset = {
        "name": path.stem,
        "title": path.name,
        "licence": "",
        "source": str(path),
        "synthetic": False,
        "notes": [],
        "utterances": 1,
        "speakers": 0,
        "manifest_sha256": address(manifest=manifest_of([item]).decode()),
    }
    return Speech((item,), (audio,), dataset)


def _of_dataset(source: str, seconds: float, data_root: Path | None, audio_root: Path | None) -> Speech:
    dataset = load_dataset(source, data_root=data_root, audio_root=audio_root)
    dataset.fetch()
    items: list[Item] = []
    audio: list[Audio] = []
    problem = "it has no utterances"
    have = 0.0
    for utterance in dataset.utterances():
        try:
            item = resolved(utterance)
            made = load_recording(item)
            made.check("the recording")
        except NotScorable as error:
            problem = str(error)
            continue
        items.append(item)
        audio.append(made)
        have += made.seconds
        if have >= seconds:
            break
    if not items:
        raise UsageError(f"none of the recordings of {source} can be read: {problem}")
    return Speech(tuple(items), tuple(audio), describe_dataset(dataset, items))


def lengths_text(seconds: Sequence[float]) -> list[str]:
    """Lengths as columns have them in brackets.

    >>> lengths_text([5, 0.5])
    ['5s', '0.5s']
    """
    return [f"{length:g}s" for length in seconds]
