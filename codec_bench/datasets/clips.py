"""Recordings that are not files yet: parts of longer ones, and bytes in tables. Each is written once, without loss."""

from __future__ import annotations

import io
import logging
import re
from functools import lru_cache
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio import AUDIO_SUFFIXES, read_audio, read_channels
from codec_bench.datasets.manifest import is_file
from codec_bench.errors import UsageError
from codec_bench.files import digest, write_atomically
from codec_bench.hub import home, local_digest
from codec_bench.records import NotScorable, Status
from codec_bench.stopping import whole

logger = logging.getLogger(__name__)

OVERSHOOT_SECONDS = 0.5
"""A part may end by less than this after its recording, and then ends with it, as in Kaldi's extract-segments."""

FLAC_CHANNELS, FLAC_RATE = 8, 655_350

_FORMATS = {"WAV", "WAVEX", "FLAC", "AIFF", "AU", "CAF", "NIST", "RF64", "W64"}
_SUBTYPES = {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"}
"""What can be read from any sample on; of other files all is decoded, because seeking in them need not be exact."""

_TOO_LONG = 1 << 31
"""Samples, half a day at 48 kHz: a header that says more does not know, or lies."""

_MAGIC = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3\x03": ".mp3", b"ID3\x04": ".mp3"}


class Clips:
    """The clips of one data set, in a folder of their own below `home()`, and those that could not be made.

    Args:
        name: Name of the data set.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = clips_folder() / (re.sub(r"[^\w-]+", "-", name).strip("-") or "set")
        self._problems: dict[str, str] = {}

    def cut(self, source: Path, start: float, end: float | None, stem: str, channel: int | None = None) -> Path:
        """Like the function `clip`; a whole recording is not cut.

        Where nothing can be cut, reading the path fails, which becomes a status of the utterance; `notes` says why.
        """
        if start == 0 and end is None and channel is None:
            return source
        try:
            return clip(source, start, end, self.folder, stem, channel)
        except NotScorable as problem:
            return source if problem.status is Status.MISSING else self.absent(stem, problem.reason)

    def keep(self, data: bytes, suffix: str, stem: str) -> Path:
        """The bytes of an audio file as a file; see the function `write_clip`."""
        return write_clip(data, self.folder, stem, suffix)

    def absent(self, stem: str, reason: str) -> Path:
        """A path at which nothing is, for an utterance that has no audio."""
        self._problems[stem] = reason
        logger.info("%s: %s has no audio: %s", self.name, stem, reason)
        return self.folder / f"{stem}.absent"

    def notes(self) -> list[str]:
        """One line where something could not be made."""
        if not self._problems:
            return []
        first, reason = next(iter(self._problems.items()))
        return [f"{self.name}: {len(self._problems)} utterances have no audio; the first is {first}: {reason}"]


def clips_folder() -> Path:
    """Where the clips of all data sets are kept."""
    return home() / "datasets" / "clips"


def clip(source: Path, start: float, end: float | None, folder: Path, stem: str, channel: int | None = None) -> Path:
    """A part of a recording as a file of its own, made where it is not there yet.

    Recordings of 16-bit integers give FLAC of 16 bits, all others WAV of 32-bit floats: nothing is lost. Times become
    samples by rounding half up, as in Lhotse.

    Args:
        source: The recording.
        start: Seconds, at least 0.
        end: Seconds, after `start`; None for the end of the recording.
        folder: Where the file is put.
        stem: Its name begins so; what went in is in the rest of the name, so that a change gives another file.
        channel: Which one to keep, from 0; None for all.

    Raises:
        NotScorable: The recording is missing, is not audio, or has no such part.
        UsageError: The folder cannot be written.
        DiskFullError: No room left.
    """
    try:
        content = local_digest(source)
    except FileNotFoundError:
        raise NotScorable(f"{source} does not exist", Status.MISSING) from None
    except OSError as error:
        raise NotScorable(f"{source} cannot be read: {error.strerror}", Status.UNREADABLE) from error
    key = digest(f"{content} {float(start)!r} {end if end is None else float(end)!r} {channel}".encode())[:12]
    for suffix in (".flac", ".wav"):
        made = folder / f"{stem}.{key}{suffix}"
        if made.is_file():
            return made
    samples, rate = _part(source, start, end, channel)
    if local_digest(source) != content:
        raise NotScorable(f"{source} changed while it was read", Status.CHANGED)
    return write_samples(folder / f"{stem}.{key}", samples, rate)


def write_clip(data: bytes, folder: Path, stem: str, suffix: str = "") -> Path:
    """Audio that lies in a table, as a file of its own with the same bytes, made where it is not there yet.

    Args:
        data: The bytes of an audio file.
        folder: Where the file is put.
        stem: Its name begins so; the digest of the bytes is in the rest of the name.
        suffix: Suffix of the file; ignored unless it is that of an audio format.

    Raises:
        UsageError: The folder cannot be written.
        DiskFullError: No room left.
    """
    known = suffix.lower() if suffix.lower() in AUDIO_SUFFIXES else _MAGIC.get(data[:4], ".audio")
    path = folder / f"{stem}.{digest(data)[:12]}{known}"
    if not path.is_file():
        write_atomically(path, data)
    return path


def source_path(path: str, *roots: Path) -> Path:
    """A path of a list below the first of the folders that has it; where none has, below the first, for the message.

    Raises:
        UsageError: It is not a path.
    """
    if not path or "\0" in path:
        raise UsageError(f"{path!r} is not a path")
    places = [root / Path(path).expanduser() for root in roots]
    return next((place for place in places if is_file(place)), places[0])


def _part(source: Path, start: float, end: float | None, channel: int | None) -> tuple[NDArray[Any], int]:
    """int16 or float32 samples `[n, channels]` of a part, and their rate."""
    import soundfile

    is_mixed = False
    try:
        with soundfile.SoundFile(source) as file:
            rate, channels = int(file.samplerate), int(file.channels)
            is_int16 = file.subtype == "PCM_16" and channels <= FLAC_CHANNELS and rate <= FLAC_RATE
            is_exact = file.format in _FORMATS and file.subtype in _SUBTYPES and file.frames < _TOO_LONG
            if is_exact:
                first, last = _range(source, start, end, file.frames, rate)
                file.seek(first)
                samples = file.read(last - first, dtype="int16" if is_int16 else "float32", always_2d=True)
                if len(samples) < last - first:
                    raise NotScorable(f"{source} breaks off before {last / rate:g} s", Status.UNREADABLE)
    except soundfile.LibsndfileError as error:
        if channel is not None:  # what libsndfile does not know is read as the mean of its channels
            raise NotScorable(f"{source}: its channels cannot be told apart; convert it", Status.UNREADABLE) from error
        is_exact, is_mixed = False, True
    except OSError as error:
        raise NotScorable(f"{source} cannot be read: {error.strerror}", Status.UNREADABLE) from error
    if not is_exact:
        status = source.stat()
        whole, rate = _decoded(source, is_mixed, status.st_size, status.st_mtime_ns)
        first, last = _range(source, start, end, len(whole), rate)
        samples = whole[first:last]
    if channel is not None:
        if not 0 <= channel < samples.shape[1]:
            raise NotScorable(f"{source} has no channel {channel}: it has {samples.shape[1]}", Status.UNREADABLE)
        samples = samples[:, [channel]]
    return samples, rate


@lru_cache(maxsize=1)
def _decoded(source: Path, is_mixed: bool, size: int, modified: int) -> tuple[NDArray[np.float32], int]:
    """float32 samples `[n, channels]` of a whole file; kept, as many parts of one file follow each other."""
    if is_mixed:
        audio = read_audio(source)
        return audio.samples[:, None], audio.rate
    return read_channels(source)


def _range(source: Path, start: float, end: float | None, frames: int, rate: int) -> tuple[int, int]:
    """First sample and the one after the last."""
    first = floor(start * rate + 0.5)
    last = frames if end is None else floor(end * rate + 0.5)
    if last >= frames + OVERSHOOT_SECONDS * rate:
        raise NotScorable(f"{source} lasts {frames / rate:g} s, but a part up to {end:g} s is requested")
    last = min(last, frames)
    if not 0 <= first < last:
        raise NotScorable(
            f"{source} lasts {frames / rate:g} s and has no part from {start:g} s"
            + ("" if end is None else f" to {end:g} s")
        )
    return first, last


def write_samples(stem: Path, samples: NDArray[Any], rate: int) -> Path:
    """A file of samples, and its path: int16 become FLAC of 16 bits, float32 WAV; nothing is lost.

    Args:
        stem: Where it is put, without the suffix.
        samples: `[n, channels]`.
        rate: Sampling rate in Hz.
    """
    import soundfile

    buffer = io.BytesIO()
    is_int16 = samples.dtype == np.int16
    path = stem.with_name(stem.name + (".flac" if is_int16 else ".wav"))
    form = {"format": "FLAC", "subtype": "PCM_16"} if is_int16 else {"format": "WAV", "subtype": "FLOAT"}
    with whole():
        soundfile.write(buffer, samples, rate, **form)
    write_atomically(path, buffer.getvalue())
    return path
