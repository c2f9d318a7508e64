"""Audio in and out: one way to read it, one resampler, one rule for lengths."""

from __future__ import annotations

import io
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec_bench.audio_headers import SOUND, completed, foreign_demuxer, promised, without_peak
from codec_bench.errors import UsageError
from codec_bench.files import read_file, write_atomically
from codec_bench.records import NotScorable, Status
from codec_bench.stopping import whole

FloatArray = NDArray[np.float32]

RESAMPLER = "soxr HQ"
"""The one resampler of the project; its name goes into every run's provenance."""

AUDIO_SUFFIXES = (
    ".wav",
    ".flac",
    ".ogg",
    ".oga",
    ".opus",
    ".mp3",
    ".m4a",
    ".aac",
    ".aiff",
    ".aif",
    ".au",
    ".w64",
    ".caf",
    ".sph",
    ".nist",
)
"""What a folder is searched for."""

SILENCE_PEAK = 2.0**-16
"""Half a step of 16-bit audio: below it, a signal is silent."""


MAX_SAMPLE = 2.0**32
"""Integers of 32 bits end at 2^31; a larger sample is in no scale that sound is kept in."""

SLACK_SECONDS = 0.1
"""A recording that is shorter than its header or a manifest says by more than this is incomplete."""

RATES = (1_000, 1_000_000)
"""Lowest and highest sampling rate in Hz of what is read."""

MAX_CHANNELS = 64
"""Most channels of what is read; large arrays of microphones have as many."""

_UNKNOWN_FORMAT = 1
"""libsndfile's code for a file in none of its formats, SF_ERR_UNRECOGNISED_FORMAT."""

_WITH_CHECKSUMS = ("flac", "wavpack", "tta", "tak", "ape")
"""Decoders of FFmpeg that detect any damage when asked to verify checksums."""


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
            NotScorable: The audio is empty, or holds samples that are NaN, infinite or above `MAX_SAMPLE`.
        """
        if not len(self.samples):
            raise NotScorable(f"{what} has no samples", Status.EMPTY)
        if not np.isfinite(self.samples).all():
            bad = int((~np.isfinite(self.samples)).sum())
            raise NotScorable(f"{what} has {bad} samples that are NaN or infinite", Status.NOT_FINITE)
        if self.peak > MAX_SAMPLE:
            raise NotScorable(f"{what} has samples up to {self.peak:.4g}: this is no sound", Status.UNREADABLE)

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


def read_audio(
    source: str | os.PathLike[str] | bytes, name: str = "the audio", *, seconds: float | None = None
) -> Audio:
    """Reads an audio file at its own rate; several channels are averaged.

    Args:
        source: A path, or the bytes of a file. WAV, FLAC, Ogg, MP3 and everything else libsndfile knows is read with
            it, M4A and the rest with PyAV; no other file and nothing in a network is opened, whatever the bytes say.
        name: How messages name bytes.
        seconds: Duration according to a manifest.

    Raises:
        NotScorable: The file is missing, is not audio, is damaged, holds no samples, or is shorter than its header or
            `seconds` says, by more than `SLACK_SECONDS`.
    """
    samples, rate = read_channels(source, name, seconds=seconds)
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float64)
    return Audio(np.ascontiguousarray(mono, dtype=np.float32), rate)


def read_channels(
    source: str | os.PathLike[str] | bytes, name: str = "the audio", *, seconds: float | None = None
) -> tuple[FloatArray, int]:
    """Like `read_audio`, but keeps the channels apart.

    Returns:
        Samples `[n, channels]`, and the rate in Hz.
    """
    if isinstance(source, bytes):
        data = source
    else:
        name = str(source)
        try:
            data = read_file(Path(source))
        except FileNotFoundError:
            raise NotScorable(f"{name} does not exist", Status.MISSING) from None
        except (OSError, MemoryError) as error:
            reason = getattr(error, "strerror", None) or "it does not fit into memory"
            raise NotScorable(f"{name} cannot be read: {reason}", Status.UNREADABLE) from error
    if not data:
        raise NotScorable(f"{name} is a file of 0 bytes", Status.UNREADABLE)
    samples, rate, said = _decode(data, name)
    held = len(samples) / rate
    if not held and said <= SLACK_SECONDS * rate:
        raise NotScorable(f"{name} has no samples", Status.EMPTY)
    for stated, by in ((said / rate, "its header"), (seconds or 0.0, "the manifest")):
        if stated - held > SLACK_SECONDS + 1e-6:
            raise NotScorable(
                f"{name} is incomplete: it holds {held:.2f} s of the {stated:.2f} s that {by} states", Status.UNREADABLE
            )
    return samples, rate


@whole()
def _decode(data: bytes, name: str) -> tuple[FloatArray, int, float]:
    """Samples `[n, channels]`, rate, and the number of samples that the header states."""
    import soundfile

    demuxer = foreign_demuxer(data)
    if demuxer:
        return _decode_av(data, name, demuxer)
    try:
        file = soundfile.SoundFile(_Bytes(completed(data)))
    except soundfile.LibsndfileError as error:  # str(error) holds the address of the buffer
        if error.code == _UNKNOWN_FORMAT:
            return _decode_av(data, name, SOUND)
        raise NotScorable(f"{name} cannot be read as audio: {error.error_string}", Status.UNREADABLE) from error
    with file:
        rate, channels, frames = int(file.samplerate), int(file.channels), int(file.frames)
        _check_form(name, rate, channels)
        # Usually one block, because seeking between blocks is not exact in every format. Memory that a header asks for
        # is only touched as samples fill it.
        block = min(max(256 * len(data), 1 << 16), 1 << 28) // channels
        blocks: list[FloatArray] = []
        have = 0
        try:
            file.seek(0)  # as `soundfile.read` does, after which MP3 differs in the last bit
            while have < frames:
                wanted = min(block, frames - have)
                blocks.append(file.read(wanted, dtype="float32", always_2d=True))
                have += len(blocks[-1])
                if len(blocks[-1]) < wanted:
                    break
        except soundfile.LibsndfileError as error:
            raise NotScorable(f"{name} is damaged or incomplete: {error.error_string}", Status.UNREADABLE) from error
    samples = blocks[0] if len(blocks) == 1 else np.concatenate([np.zeros((0, channels), np.float32), *blocks])
    return samples, rate, max(frames, promised(data, have))


class _Bytes(io.BytesIO):
    """Bytes in which a lying header cannot seek out of bounds: libsndfile's callbacks cannot raise, only print."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


def _decode_av(data: bytes, name: str, demuxers: str) -> tuple[FloatArray, int, float]:
    """The formats that libsndfile does not know."""
    import av

    # Demuxers that open other files or connections are refused before they read a byte.
    options = {"format_whitelist": demuxers, "protocol_whitelist": "none"}
    try:
        with av.open(io.BytesIO(data), mode="r", options=options) as container:
            if not container.streams.audio:
                raise NotScorable(f"{name} holds no audio", Status.UNREADABLE)
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise NotScorable(f"{name} holds sound that no decoder here knows", Status.UNREADABLE)
            rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
            _check_form(name, rate, channels)
            if stream.codec_context.name in _WITH_CHECKSUMS:
                stream.codec_context.options = {"err_detect": "crccheck+explode"}
            resampler = av.AudioResampler(format="fltp")
            frames = []
            for frame in container.decode(stream):
                if frame.is_corrupt:
                    raise NotScorable(f"{name} is damaged at {frame.time} s", Status.UNREADABLE)
                frames += resampler.resample(frame)
            frames += resampler.resample(None) if frames else []
            said = _said_by(container, stream)
    except (av.FFmpegError, ValueError) as error:
        reason = "its format is not recognised, or it is damaged"
        raise NotScorable(f"{name} cannot be read as audio: {reason}", Status.UNREADABLE) from error
    if not frames:
        return np.zeros((0, channels), np.float32), rate, said * rate
    rate = int(frames[0].sample_rate)
    if len({(f.sample_rate, f.layout.nb_channels) for f in frames}) > 1:
        raise NotScorable(f"{name} is damaged: its rate or its channels change", Status.UNREADABLE)
    samples = np.concatenate([f.to_ndarray() for f in frames], axis=1).T.astype(np.float32)
    return samples, rate, max(said * rate, promised(data, len(samples)))


def _said_by(container: Any, stream: Any) -> float:
    """Seconds that the header of a file states; 0 where FFmpeg only estimates them from the size."""
    if container.format.name == "matroska,webm":  # the length of the film, which may be longer than its sound
        return (container.duration or 0) / 1e6 if len(container.streams) == 1 else 0.0
    if container.format.name.split(",")[0] not in ("mov", "ogg", "wv", "tta", "tak", "ape"):
        return 0.0
    return float((stream.duration or 0) * stream.time_base)


def _check_form(name: str, rate: int, channels: int) -> None:
    """Raises for a sampling rate or number of channels that no recording of speech has."""
    if not RATES[0] <= rate <= RATES[1]:
        raise NotScorable(f"{name} states {rate} samples per second: not a recording of speech", Status.UNREADABLE)
    if not 1 <= channels <= MAX_CHANNELS:
        raise NotScorable(f"{name} states {channels} channels: not a recording of speech", Status.UNREADABLE)


def write_wav(path: Path, audio: Audio) -> None:
    """Writes a float32 WAV file, in one step: a reader sees the old file, none, or the whole new one."""
    import soundfile

    buffer = io.BytesIO()
    with whole():
        soundfile.write(buffer, audio.samples, audio.rate, format="WAV", subtype="FLOAT")
    write_atomically(path, without_peak(buffer.getvalue()))


def audio_files(folder: Path) -> dict[str, Path]:
    """Every audio file below a folder by its id, sorted; hidden files and folders are skipped.

    The id is the stem, in the Unicode form NFC. Where several files have one stem, every id is the path from the
    folder, with `__` between its parts; one of them that lies in the folder itself begins with `__`, so that no id is a
    stem that could be meant for another file.

    Args:
        folder: The folder; a file is the only one of its own.

    Raises:
        UsageError: There is no such folder, no audio in it, or two files of one folder have the same stem.
    """
    is_audio = folder.suffix.lower() in AUDIO_SUFFIXES and folder.is_file()
    paths = [folder] if is_audio else sorted(_walk(folder))
    if not paths:
        raise UsageError(f"no audio file is below {folder}; these are looked for: {', '.join(AUDIO_SUFFIXES)}")
    made = [unicodedata.normalize("NFC", path.stem) for path in paths]
    stems = Counter(made)
    if len(stems) < len(made):
        made = [path_id(path, folder) for path in paths]
    found: dict[str, Path] = {}
    for name, path in zip(made, paths, strict=True):
        twin = found.setdefault(name, path)
        if twin != path:
            raise UsageError(f"two audio files have the id {name!r}: {twin} and {path}")
    # A path that is a stem has no folder.
    return dict(sorted((qualified(name) if stems[name] > 1 else name, path) for name, path in found.items()))


def path_id(path: Path, folder: Path) -> str:
    """The id of a file where stems repeat: `clean__a` for `clean/a.wav`."""
    return unicodedata.normalize("NFC", "__".join(path.relative_to(folder).with_suffix("").parts))


def qualified(stem: str) -> str:
    """The id of a file that lies in the folder itself, where other files below it have its stem: `__a`."""
    return f"__{stem}"


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
