"""Audio in and out: one way to read it, one resampler, one rule for lengths."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from codec_bench.errors import UsageError
from codec_bench.files import write_atomically
from codec_bench.records import NotScorable, Status

FloatArray = NDArray[np.float32]

RESAMPLER = "soxr HQ"
"""The one resampler of the project; its name goes into every run's provenance."""

AUDIO_SUFFIXES = (
    ".wav",
    ".flac",
    ".ogg",
    ".opus",
    ".mp3",
    ".m4a",
    ".aac",
    ".aiff",
    ".aif",
    ".au",
    ".w64",
    ".caf",
)
"""What a folder is searched for."""

SILENCE_PEAK = 2.0**-16
"""Half a step of 16-bit audio: below it, a signal is silent."""


@dataclass(frozen=True)
class Audio:
    """Mono audio.

    Attributes:
        samples: float32 `[n]`, nominally in [-1, 1].
        rate: Sampling rate in Hz.
    """

    samples: FloatArray
    rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise ValueError(f"audio is float32 [n], not {self.samples.dtype} {self.samples.shape}")
        if self.rate <= 0:
            raise ValueError(f"a sampling rate is positive, not {self.rate}")

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.samples) / self.rate

    @cached_property
    def peak(self) -> float:
        """Largest magnitude; 0 for empty audio, NaN where a sample is NaN."""
        return float(np.abs(self.samples).max()) if len(self.samples) else 0.0

    @cached_property
    def level_db(self) -> float | None:
        """RMS level in dB relative to full scale, or None for digital silence."""
        power = float(np.mean(np.square(self.samples, dtype=np.float64))) if len(self.samples) else 0.0
        return 10 * float(np.log10(power)) if power > 0 else None

    def check(self, what: str = "audio") -> None:
        """Raises where nothing can be measured.

        Args:
            what: How the message names the signal.

        Raises:
            NotScorable: The audio is empty or holds NaN or infinite samples.
        """
        if not len(self.samples):
            raise NotScorable(f"{what} has no samples", Status.EMPTY)
        if not np.isfinite(self.samples).all():
            bad = int((~np.isfinite(self.samples)).sum())
            raise NotScorable(f"{what} has {bad} samples that are NaN or infinite", Status.NOT_FINITE)

    @property
    def is_silent(self) -> bool:
        """Whether nothing rises above half a step of 16-bit audio."""
        return self.peak < SILENCE_PEAK


def length_at(samples: int, rate: int, new_rate: int) -> int:
    """Number of samples that `samples` at `rate` last at `new_rate`, rounded half up, in exact integers.

    >>> length_at(24_000, 24_000, 16_000), length_at(1, 24_000, 16_000)
    (16000, 1)
    """
    return (2 * samples * new_rate + rate) // (2 * rate)


def fit(samples: FloatArray, length: int) -> FloatArray:
    """Cuts or zero-pads `samples` at the end to `length`."""
    if len(samples) >= length:
        return samples[:length]
    return np.concatenate([samples, np.zeros(length - len(samples), np.float32)])


def resample(audio: Audio, rate: int) -> Audio:
    """Resamples with soxr HQ; the length follows `length_at`. The same object comes back where the rate fits."""
    if audio.rate == rate:
        return audio
    length = length_at(len(audio), audio.rate, rate)
    if not len(audio):
        return Audio(np.zeros(0, np.float32), rate)
    import soxr

    samples = np.asarray(soxr.resample(audio.samples, audio.rate, rate, quality="HQ"), np.float32)
    return Audio(fit(samples, length), rate)


def read_audio(source: str | os.PathLike[str] | bytes, name: str = "the audio") -> Audio:
    """Reads an audio file at its own rate; several channels are averaged.

    Args:
        source: A path, or the bytes of a file. WAV, FLAC, Ogg and everything else libsndfile knows is read with it,
            MP3, M4A and the rest with PyAV.
        name: How messages name bytes.

    Raises:
        NotScorable: The file is missing, is not audio, or holds no samples.
    """
    if isinstance(source, bytes):
        data = source
    else:
        path = Path(source)
        name = str(path)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise NotScorable(f"{name} does not exist", Status.MISSING) from None
        except OSError as error:
            raise NotScorable(f"{name} cannot be read: {error.strerror}", Status.UNREADABLE) from error
    if not data:
        raise NotScorable(f"{name} is a file of 0 bytes", Status.UNREADABLE)
    samples, rate = _decode(data, name)
    if not len(samples):
        raise NotScorable(f"{name} has no samples", Status.EMPTY)
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float64)
    return Audio(np.ascontiguousarray(mono, dtype=np.float32), rate)


def _decode(data: bytes, name: str) -> tuple[NDArray[np.float32], int]:
    """Samples `[n, channels]` and rate."""
    import soundfile

    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        return _decode_av(data, name, error.error_string)  # str(error) holds the address of the buffer
    return cast("NDArray[np.float32]", samples), int(rate)


def _decode_av(data: bytes, name: str, first_error: str) -> tuple[NDArray[np.float32], int]:
    """The formats that libsndfile does not know."""
    import av

    try:
        with av.open(io.BytesIO(data), mode="r") as container:
            if not container.streams.audio:
                raise NotScorable(f"{name} holds no audio", Status.UNREADABLE)
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format="fltp")
            frames = [f for frame in container.decode(stream) for f in resampler.resample(frame)]
            frames += resampler.resample(None) if frames else []
    except (av.FFmpegError, ValueError) as error:
        raise NotScorable(f"{name} cannot be read as audio: {first_error}", Status.UNREADABLE) from error
    if not frames:
        raise NotScorable(f"{name} has no samples", Status.EMPTY)
    return np.concatenate([f.to_ndarray() for f in frames], axis=1).T.astype(np.float32), int(frames[0].sample_rate)


def write_wav(path: Path, audio: Audio) -> None:
    """Writes a float32 WAV file, in one step: a reader sees the old file, none, or the whole new one."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, audio.samples, audio.rate, format="WAV", subtype="FLOAT")
    write_atomically(path, buffer.getvalue())


def audio_files(folder: Path) -> dict[str, Path]:
    """Every audio file below a folder by its stem, sorted by stem; hidden files and folders are skipped.

    Raises:
        UsageError: There is no such folder, no audio in it, or two files have the same stem.
    """
    found: dict[str, Path] = {}
    for path in sorted(_walk(folder)):
        twin = found.setdefault(path.stem, path)
        if twin != path:
            raise UsageError(f"two audio files have the id {path.stem!r}: {twin} and {path}")
    if not found:
        raise UsageError(f"no audio file is below {folder}; these are looked for: {', '.join(AUDIO_SUFFIXES)}")
    return dict(sorted(found.items()))


def _walk(folder: Path) -> Iterator[Path]:
    """Every audio file below a folder; links to folders are followed, each real folder is visited once."""
    if not folder.is_dir():
        raise UsageError(f"{folder} {'is not a folder' if folder.exists() else 'does not exist'}")

    def stop(error: OSError) -> None:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error

    visited: set[Path] = set()
    for here, folders, names in os.walk(folder, onerror=stop, followlinks=True):
        real = Path(here).resolve()
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in AUDIO_SUFFIXES:
                yield Path(here) / name
